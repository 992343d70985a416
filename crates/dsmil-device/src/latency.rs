//! How long things took: each request, and each device for a whole answer.

use std::time::Duration;

use dsmil_protocol::{DEVICE_COUNT, DeviceId, RequestCode};
use hdrhistogram::Histogram;

use crate::clock::nanos;

/// A device is expected to answer within this time.
pub const EXPECTED_ANSWER: Duration = Duration::from_millis(100);

/// What was measured of one request or one device. Percentiles are within 1 % of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencySummary {
    /// How many calls.
    pub count: u64,
    /// The shortest.
    pub min: Duration,
    /// Half took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// What a device handle has measured since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyReport {
    /// Each request that was made, in the order of their numbers: one ioctl, failed ones included. Within
    /// a transfer a request is measured from the end of the one before, so that the check of a chunk
    /// (about 0.1 µs) counts with the next.
    pub requests: Vec<(RequestCode, LatencySummary)>,
    /// Each device that was asked, in the order of ids: a whole `info` or `read`, turns and
    /// repetitions included, failed ones too.
    pub devices: Vec<(DeviceId, LatencySummary)>,
}

impl LatencyReport {
    /// The devices whose 95th percentile is over a limit, slowest first.
    pub fn slow(&self, limit: Duration) -> Vec<(DeviceId, LatencySummary)> {
        let mut slow: Vec<_> = self.devices.iter().copied().filter(|(_, summary)| summary.p95 > limit).collect();
        slow.sort_by_key(|(_, summary)| std::cmp::Reverse(summary.p95));
        slow
    }
}

/// Two significant digits, in nanoseconds: a few kilobytes a histogram, made when first needed.
type Measured = Option<Box<Histogram<u32>>>;

#[derive(Debug)]
pub(crate) struct Latency {
    requests: [Measured; RequestCode::ALL.len()],
    devices: Vec<Measured>,
    /// Measured, in nanoseconds, and not yet in the histograms: right after a call that has switched
    /// processes every line of code costs many times what it costs in a loop.
    pending: Vec<(RequestCode, u64)>,
}

/// So many requests are put into the histograms at a time.
const MOST_PENDING: usize = 512;

impl Latency {
    pub(crate) fn new() -> Self {
        Self {
            requests: [const { None }; RequestCode::ALL.len()],
            devices: vec![None; DEVICE_COUNT],
            pending: Vec::with_capacity(MOST_PENDING),
        }
    }

    #[inline]
    pub(crate) fn request(&mut self, request: RequestCode, took_ns: u64) {
        if self.pending.len() == MOST_PENDING {
            self.settle();
        }
        self.pending.push((request, took_ns));
    }

    pub(crate) fn device(&mut self, id: DeviceId, took: Duration) {
        if let Some(ordinal) = id.ordinal() {
            record(&mut self.devices[ordinal], nanos(took));
        }
    }

    /// Puts what is pending into the histograms.
    #[cold]
    fn settle(&mut self) {
        for (request, took_ns) in self.pending.drain(..) {
            record(&mut self.requests[usize::from(request.number()) - 1], took_ns);
        }
    }

    pub(crate) fn report(&mut self) -> LatencyReport {
        self.settle();
        let requests = RequestCode::ALL.into_iter().zip(&self.requests);
        let devices = DeviceId::served().zip(&self.devices);
        LatencyReport {
            requests: requests.filter_map(|(request, measured)| Some((request, summary(measured.as_ref()?)))).collect(),
            devices: devices.filter_map(|(id, measured)| Some((id, summary(measured.as_ref()?)))).collect(),
        }
    }
}

#[inline]
fn record(measured: &mut Measured, took_ns: u64) {
    measured.get_or_insert_with(|| Box::new(new_histogram())).saturating_record(took_ns);
}

#[cold]
fn new_histogram() -> Histogram<u32> {
    match Histogram::new_with_bounds(1, 60_000_000_000, 2) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("the bounds are constants that fit"),
    }
}

fn summary(histogram: &Histogram<u32>) -> LatencySummary {
    let at = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
    LatencySummary {
        count: histogram.len(),
        min: Duration::from_nanos(histogram.min()),
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        max: Duration::from_nanos(histogram.max()),
    }
}
