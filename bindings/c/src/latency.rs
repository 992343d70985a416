//! How long things took.

use std::slice;
use std::time::Duration;

use dsmil::{DeviceId, LatencyReport, LatencySummary};

use crate::call::call;
use crate::device::{device, dsmil_device};
use crate::failure::Failure;
use crate::pointer::{Out, shared};
use crate::record::{DSMIL_DEVICE_COUNT, DSMIL_REQUEST_COUNT};
use crate::status::dsmil_status;

/// What was measured of one request or one device, in nanoseconds. Percentiles are within 1 % of the truth. All 0
/// where nothing was measured.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct dsmil_latency_summary {
    /// How many calls.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// Half took no longer.
    pub p50_ns: u64,
    /// 95 of 100 took no longer.
    pub p95_ns: u64,
    /// 99 of 100 took no longer.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// What a device handle has measured since it was opened.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_latency {
    /// Each request: number N is at N - 1. One ioctl, failed ones included.
    pub requests: [dsmil_latency_summary; DSMIL_REQUEST_COUNT],
    /// Each device: id is at id - DSMIL_FIRST_ID. A whole info or read, turns and repetitions included.
    pub devices: [dsmil_latency_summary; DSMIL_DEVICE_COUNT],
}

impl From<LatencySummary> for dsmil_latency_summary {
    fn from(summary: LatencySummary) -> Self {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            count: summary.count,
            min_ns: ns(summary.min),
            p50_ns: ns(summary.p50),
            p95_ns: ns(summary.p95),
            p99_ns: ns(summary.p99),
            max_ns: ns(summary.max),
        }
    }
}

impl From<LatencyReport> for dsmil_latency {
    fn from(report: LatencyReport) -> Self {
        let mut plain = Self { requests: [dsmil_latency_summary::default(); _], devices: [dsmil_latency_summary::default(); _] };
        for (request, summary) in report.requests {
            plain.requests[usize::from(request.number()) - 1] = summary.into();
        }
        for (id, summary) in report.devices {
            if let Some(ordinal) = id.ordinal() {
                plain.devices[ordinal] = summary.into();
            }
        }
        plain
    }
}

/// What was measured since the device was opened.
///
/// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_latency(device: *const dsmil_device, latency: *mut dsmil_latency) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(latency, "latency") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(unsafe { self::device(device) }?.latency()?.into());
        Ok(())
    })
}

/// The devices whose 95th percentile is over a limit, slowest first: their ids go to `ids`, which has room for
/// `capacity` of them (DSMIL_DEVICE_COUNT is always enough), and their number to *count.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _BUFFER (there are more than fit: *count and `ids` are left
/// alone).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_latency_slow(
    latency: *const dsmil_latency,
    limit_ns: u64,
    ids: *mut u16,
    capacity: usize,
    count: *mut usize,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(count, "count") }?;
        // SAFETY: the header asks for NULL or a filled structure.
        let latency = unsafe { shared(latency, "latency") }?;
        if ids.is_null() {
            return Err(Failure::null("ids"));
        }
        let mut slow: Vec<_> = DeviceId::served().zip(&latency.devices).filter(|(_, device)| device.p95_ns > limit_ns).collect();
        slow.sort_by_key(|(_, device)| std::cmp::Reverse(device.p95_ns));
        if slow.len() > capacity {
            let what = format!("there are {} slow devices, and room for {capacity}", slow.len());
            return Err(Failure::new(dsmil_status::DSMIL_ERROR_BUFFER, &what));
        }
        // SAFETY: not NULL, and the header asks for room for `capacity` ids, which is no less than there are.
        let room = unsafe { slice::from_raw_parts_mut(ids.cast::<std::mem::MaybeUninit<u16>>(), slow.len()) };
        for (slot, (id, _)) in room.iter_mut().zip(&slow) {
            slot.write(id.get());
        }
        out.set(slow.len());
        Ok(())
    })
}
