//! Chance, the same on every machine: each draw is a hash of what it is for, so that no order of events changes it, and the
//! same worker has the same luck in every way of running the plan. Whole numbers only.

use crate::Percent;
use crate::estimate::Estimate;

/// What a draw is for.
#[derive(Clone, Copy)]
pub(super) enum For {
    Duration,
    Failure,
    Gate,
    GateTime,
    Device,
    Approval,
}

/// Where the draws come from.
#[derive(Clone, Copy)]
pub(super) enum Chance {
    /// Nothing is left to chance: likely times, and nothing goes wrong.
    None,
    /// The draws of one run.
    Run(u64),
}

impl Chance {
    pub(super) fn of_run(seed: u64, run: u64) -> Self {
        Self::Run(mixed(mixed(seed) ^ run))
    }

    /// 64 random bits for the `count`-th draw for something of somebody.
    fn bits(self, whose: u64, what: For, count: u64) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Run(run) => Some(mixed(mixed(mixed(run ^ whose) ^ what as u64) ^ count)),
        }
    }

    /// A time from the triangular distribution over the estimate, by the method of Stein and Keblis: of two uniform draws
    /// U and V, `(1 - c) min(U, V) + c max(U, V)` is triangular with mode `c`.
    pub(super) fn time(self, estimate: Estimate, whose: u64, what: For, count: u64) -> i64 {
        let Some(bits) = self.bits(whose, what, count) else { return estimate.likely };
        let (u, v) = (i128::from(bits >> 32), i128::from(bits & 0xFFFF_FFFF));
        let below = i128::from(estimate.likely - estimate.shortest);
        let above = i128::from(estimate.longest - estimate.likely);
        let reach = (below * u.max(v) + above * u.min(v)) >> 32;
        estimate.shortest + i64::try_from(reach).unwrap_or(0)
    }

    /// A number of millionths from 0 to 999,999; `None` if nothing is left to chance.
    pub(super) fn millionths(self, whose: u64, what: For, count: u64) -> Option<u32> {
        let bits = self.bits(whose, what, count)?;
        Some(((u128::from(bits) * 1_000_000) >> 64) as u32)
    }

    /// Whether something of this probability happens.
    pub(super) fn happens(self, probability: Percent, whose: u64, what: For, count: u64) -> bool {
        self.millionths(whose, what, count).is_some_and(|drawn| drawn < probability.millionths())
    }
}

/// What stands for a name among the draws: FNV-1a, so that a further worker changes nobody else's luck.
pub(super) fn whose(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// One step of splitmix64.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_is_the_published_one() {
        // The first outputs for the seed 1234567, from the reference implementation.
        let first = mixed(1_234_567);
        let second = mixed(1_234_567u64.wrapping_add(0x9E37_79B9_7F4A_7C15));
        assert_eq!((first, second), (6_457_827_717_110_365_317, 3_203_168_211_198_807_973));
    }

    #[test]
    fn times_are_triangular() {
        let estimate = Estimate { shortest: 1000, likely: 2000, longest: 6000 };
        let mut times: Vec<i64> =
            (0..100_000).map(|count| Chance::of_run(7, 0).time(estimate, whose("a"), For::Duration, count)).collect();
        times.sort_unstable();
        assert!(times[0] >= 1000 && times[99_999] <= 6000);
        let mean = times.iter().sum::<i64>() / 100_000;
        assert!((2980..=3020).contains(&mean), "{mean} is not about (1000 + 2000 + 6000) / 3");
        // The distribution function at the mode: (2000 - 1000) / (6000 - 1000).
        let below = times.partition_point(|time| *time < 2000);
        assert!((19_500..=20_500).contains(&below), "{below}");
        // The median: 6000 - sqrt(0.5 * 5000 * 4000).
        assert!((2800..=2876).contains(&times[50_000]), "{}", times[50_000]);
    }

    #[test]
    fn draws_differ_by_run_and_purpose_and_not_by_the_order_in_which_they_are_made() {
        let draw = |run, what, count| Chance::of_run(1, run).millionths(whose("a"), what, count).unwrap();
        assert_eq!(draw(3, For::Gate, 0), draw(3, For::Gate, 0));
        assert_ne!(draw(3, For::Gate, 0), draw(4, For::Gate, 0));
        assert_ne!(draw(3, For::Gate, 0), draw(3, For::Gate, 1));
        assert_ne!(draw(3, For::Gate, 0), draw(3, For::Failure, 0));
        let hits = (0..100_000).filter(|run| Chance::of_run(1, *run).happens(Percent::whole(5), 9, For::Failure, 0)).count();
        assert!((4800..=5200).contains(&hits), "{hits}");
    }
}
