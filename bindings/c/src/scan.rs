//! A scan: all records at one time.

use std::ptr;

use crate::call::call;
use crate::device::{device, dsmil_device};
use crate::failure::Failure;
use crate::pointer::{Out, free, handle, shared};
use crate::record::dsmil_record;
use crate::status::dsmil_status;

/// A whole scan. It never changes, so that threads may share it; it outlives the device that it is of.
pub struct dsmil_scan {
    records: Vec<dsmil_record>,
}

/// Every device that the driver has, quarantined ones included: the driver tells what it knows of them and touches
/// none. A part of a scan is never given out.
///
/// *scan is to be freed with dsmil_scan_free(). Blocks for at most the transfer's deadline, and twice the turn's
/// time-out for other threads and processes. Threads may share the device.
/// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 5xx, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_scan(device: *const dsmil_device, scan: *mut *mut dsmil_scan) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(scan, "scan") }?;
        // SAFETY: the header asks for NULL or a live device.
        let found = unsafe { self::device(device) }?.scan()?;
        out.set(handle(dsmil_scan { records: found.records.iter().map(dsmil_record::from).collect() }));
        Ok(())
    })
}

/// How many records a scan has; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_scan_count(scan: *const dsmil_scan) -> usize {
    // SAFETY: the header asks for NULL or a live scan.
    unsafe { scan.as_ref() }.map_or(0, |scan| scan.records.len())
}

/// The records of a scan, one after another, dsmil_scan_count() of them; NULL for NULL.
///
/// They belong to the scan. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_scan_records(scan: *const dsmil_scan) -> *const dsmil_record {
    // SAFETY: the header asks for NULL or a live scan.
    unsafe { scan.as_ref() }.map_or(ptr::null(), |scan| scan.records.as_ptr())
}

/// One record of a scan, by its position from 0.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_scan_get(scan: *const dsmil_scan, index: usize, record: *mut dsmil_record) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(record, "record") }?;
        // SAFETY: the header asks for NULL or a live scan.
        let scan = unsafe { shared(scan, "scan") }?;
        let missing = || Failure::argument("index", &format!("{index} where the scan has {} records", scan.records.len()));
        out.set(*scan.records.get(index).ok_or_else(missing)?);
        Ok(())
    })
}

/// The record of one device in a scan.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the scan has no such device).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_scan_find(scan: *const dsmil_scan, id: u16, record: *mut dsmil_record) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(record, "record") }?;
        // SAFETY: the header asks for NULL or a live scan.
        let scan = unsafe { shared(scan, "scan") }?;
        let missing = || Failure::argument("id", &format!("the scan has no record of 0x{id:04X}"));
        out.set(*scan.records.iter().find(|record| record.id == id).ok_or_else(missing)?);
        Ok(())
    })
}

/// Frees a scan. NULL is fine. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_scan_free(scan: *mut dsmil_scan) {
    // SAFETY: the header asks for NULL or a scan that is not used again.
    unsafe { free(scan) }
}
