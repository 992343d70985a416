//! How often an address may present a wrong key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// At most so many addresses are remembered; one more drives out the one that failed least.
const MAX_PEERS: usize = 1024;

/// A bucket of failures for each address: full at first, empty after so many, refilled one at a time.
#[derive(Debug)]
pub(crate) struct Limiter {
    burst: f64,
    refill: Duration,
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Limiter {
    /// `burst` failures at once, and one more each `refill`, which is not zero.
    pub(crate) fn new(burst: u32, refill: Duration) -> Self {
        Self { burst: f64::from(burst), refill, buckets: HashMap::new() }
    }

    fn left(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at);
        (bucket.left + since.as_secs_f64() / self.refill.as_secs_f64()).min(self.burst)
    }

    /// How long the address has to wait before its keys are looked at again; `None` if it needn't.
    pub(crate) fn wait(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let left = self.left(*self.buckets.get(&network(peer))?, now);
        (left < 1.0).then(|| self.refill.mul_f64(1.0 - left))
    }

    /// The address has presented a wrong key.
    pub(crate) fn failed(&mut self, peer: IpAddr, now: Instant) {
        let peer = network(peer);
        let left = self.buckets.get(&peer).map_or(self.burst, |bucket| self.left(*bucket, now));
        if self.buckets.len() >= MAX_PEERS && !self.buckets.contains_key(&peer) {
            self.make_room(now);
        }
        self.buckets.insert(peer, Bucket { left: (left - 1.0).max(0.0), at: now });
    }

    fn make_room(&mut self, now: Instant) {
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.retain(|_, bucket| self.left(*bucket, now) < self.burst);
        self.buckets = buckets;
        if self.buckets.len() >= MAX_PEERS {
            let fullest = self.buckets.iter().max_by(|(_, a), (_, b)| self.left(**a, now).total_cmp(&self.left(**b, now)));
            if let Some(peer) = fullest.map(|(peer, _)| *peer) {
                self.buckets.remove(&peer);
            }
        }
    }
}

/// Whoever has one IPv6 address has the whole /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, MAX_PEERS};
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (mut limiter, start) = (Limiter::new(3, SECOND), Instant::now());
        let peer = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..3 {
            assert_eq!(limiter.wait(peer, start), None);
            limiter.failed(peer, start);
        }
        assert_eq!(limiter.wait(peer, start), Some(SECOND));
        assert_eq!(limiter.wait(IpAddr::from([192, 0, 2, 2]), start), None);
        assert_eq!(limiter.wait(peer, start + SECOND), None);
        limiter.failed(peer, start + SECOND);
        assert_eq!(limiter.wait(peer, start + SECOND), Some(SECOND));
        // However long it was quiet, it never has more than the burst.
        let later = start + 1000 * SECOND;
        for _ in 0..3 {
            limiter.failed(peer, later);
        }
        assert!(limiter.wait(peer, later).is_some());
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        let (mut limiter, now) = (Limiter::new(1, SECOND), Instant::now());
        limiter.failed("2001:db8::1".parse().unwrap(), now);
        assert!(limiter.wait("2001:db8::ffff".parse().unwrap(), now).is_some());
        assert!(limiter.wait("2001:db8:0:1::1".parse().unwrap(), now).is_none());
        limiter.failed("::ffff:192.0.2.1".parse().unwrap(), now);
        assert!(limiter.wait("192.0.2.1".parse().unwrap(), now).is_some());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_worst() {
        let (mut limiter, now) = (Limiter::new(5, SECOND), Instant::now());
        let worst = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..5 {
            limiter.failed(worst, now);
        }
        for number in 0..5000u32 {
            limiter.failed(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)), now);
        }
        assert_eq!(limiter.buckets.len(), MAX_PEERS);
        assert!(limiter.wait(worst, now).is_some());
    }
}
