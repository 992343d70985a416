//! Records, and the driver's status: plain values.

use std::ffi::c_char;

use dsmil::{DeviceRecord, SystemStatus};

/// The most bytes that dsmil_device_read() gives.
pub const DSMIL_MAX_READ_BYTES: usize = 4928;
/// How many devices the driver serves: ids 0x8000 to 0x806B.
pub const DSMIL_DEVICE_COUNT: usize = 108;
/// The lowest id that the driver serves.
pub const DSMIL_FIRST_ID: u16 = 0x8000;
/// How many ids are quarantined for ever.
pub const DSMIL_PERMANENT_COUNT: usize = 7;
/// How many requests the driver has.
pub const DSMIL_REQUEST_COUNT: usize = 11;

const _: () = assert!(DSMIL_MAX_READ_BYTES == dsmil::MAX_READ_BYTES);
const _: () = assert!(DSMIL_DEVICE_COUNT == dsmil::DEVICE_COUNT);
const _: () = assert!(DSMIL_FIRST_ID == dsmil::DeviceId::FIRST.get());
const _: () = assert!(DSMIL_PERMANENT_COUNT == dsmil::PERMANENT.len());
const _: () = assert!(DSMIL_REQUEST_COUNT == dsmil::RequestCode::ALL.len());

/// The requests of the driver, by their numbers.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_request {
    /// The driver's version.
    DSMIL_REQUEST_GET_VERSION = 1,
    /// The driver's state.
    DSMIL_REQUEST_GET_STATUS = 2,
    /// All records in one call.
    DSMIL_REQUEST_SCAN_DEVICES = 3,
    /// One record.
    DSMIL_REQUEST_READ_DEVICE = 4,
    /// The temperature.
    DSMIL_REQUEST_GET_THERMAL = 5,
    /// Opens the scan session.
    DSMIL_REQUEST_SCAN_START = 6,
    /// One chunk of a scan.
    DSMIL_REQUEST_SCAN_CHUNK = 7,
    /// Closes the scan session.
    DSMIL_REQUEST_SCAN_COMPLETE = 8,
    /// Opens the read session.
    DSMIL_REQUEST_READ_START = 9,
    /// One chunk of a read.
    DSMIL_REQUEST_READ_CHUNK = 10,
    /// Closes the read session.
    DSMIL_REQUEST_READ_COMPLETE = 11,
}

/// The states that have a name. A record may hold another number: it is what the driver said.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_state {
    /// The driver does not know.
    DSMIL_STATE_UNKNOWN = 0,
    /// Offline.
    DSMIL_STATE_OFFLINE = 1,
    /// Safe.
    DSMIL_STATE_SAFE = 2,
    /// Quarantined, as far as the driver knows.
    DSMIL_STATE_QUARANTINED = 3,
    /// Error.
    DSMIL_STATE_ERROR = 4,
    /// At the thermal limit.
    DSMIL_STATE_THERMAL_LIMIT = 5,
}

/// The kinds of access that have a name. A record may hold another number.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_access {
    /// None.
    DSMIL_ACCESS_NONE = 0,
    /// Read.
    DSMIL_ACCESS_READ = 1,
    /// Reserved.
    DSMIL_ACCESS_RESERVED = 2,
}

/// What the driver knows of one device.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct dsmil_record {
    /// When the driver made this record, in milliseconds since boot.
    pub timestamp_ms: u64,
    /// The device's state: one of dsmil_state, or a number without a name.
    pub state: u32,
    /// The access that the driver grants: one of dsmil_access, or a number without a name.
    pub access: u32,
    /// The device's last answer, if has_response.
    pub last_response: u32,
    /// The device's temperature in degrees Celsius, if has_thermal.
    pub thermal_celsius: i32,
    /// The device.
    pub id: u16,
    /// Whether the driver itself counts it as quarantined.
    pub is_quarantined: bool,
    /// Whether last_response means something. In a scan it never does.
    pub has_response: bool,
    /// Whether thermal_celsius means something: false where no sensor answered.
    pub has_thermal: bool,
}

impl From<&DeviceRecord> for dsmil_record {
    fn from(record: &DeviceRecord) -> Self {
        Self {
            timestamp_ms: record.timestamp,
            state: record.state.number(),
            access: record.access.number(),
            last_response: record.last_response.unwrap_or_default(),
            thermal_celsius: record.thermal_celsius.unwrap_or_default(),
            id: record.id.get(),
            is_quarantined: record.is_quarantined,
            has_response: record.last_response.is_some(),
            has_thermal: record.thermal_celsius.is_some(),
        }
    }
}

/// What the driver says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct dsmil_system_status {
    /// When the last scan was made, in milliseconds since boot; 0 before the first.
    pub last_scan_timestamp_ms: u64,
    /// The driver's temperature in degrees Celsius.
    pub current_temp_celsius: i32,
    /// How many devices the driver counts as safe.
    pub safe_device_count: u32,
    /// How many devices the driver counts as quarantined: it knows five of the seven.
    pub quarantined_count: u32,
    /// The kernel module says that it is loaded.
    pub kernel_module_loaded: bool,
    /// The driver judges the temperature safe.
    pub thermal_safe: bool,
}

impl From<SystemStatus> for dsmil_system_status {
    fn from(status: SystemStatus) -> Self {
        Self {
            last_scan_timestamp_ms: status.last_scan_timestamp,
            current_temp_celsius: status.current_temp_celsius,
            safe_device_count: status.safe_device_count,
            quarantined_count: status.quarantined_count,
            kernel_module_loaded: status.kernel_module_loaded,
            thermal_safe: status.thermal_safe,
        }
    }
}

/// The name of a state, "safe"; "unnamed" for a number that has none.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_state_name(state: u32) -> *const c_char {
    let name = match state {
        0 => c"unknown",
        1 => c"offline",
        2 => c"safe",
        3 => c"quarantined",
        4 => c"error",
        5 => c"thermal limit",
        _ => c"unnamed",
    };
    name.as_ptr()
}

/// The name of a request as the driver spells it, "SCAN_START"; "unnamed" for a number that is none.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_request_name(request: i32) -> *const c_char {
    let name = match request {
        1 => c"GET_VERSION",
        2 => c"GET_STATUS",
        3 => c"SCAN_DEVICES",
        4 => c"READ_DEVICE",
        5 => c"GET_THERMAL",
        6 => c"SCAN_START",
        7 => c"SCAN_CHUNK",
        8 => c"SCAN_COMPLETE",
        9 => c"READ_START",
        10 => c"READ_CHUNK",
        11 => c"READ_COMPLETE",
        _ => c"unnamed",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn names_are_those_of_the_facade() {
        for request in dsmil::RequestCode::ALL {
            // SAFETY: the text is static.
            let name = unsafe { CStr::from_ptr(dsmil_request_name(i32::from(request.number()))) };
            assert_eq!(name.to_str(), Ok(request.name()));
        }
        for number in 0..6 {
            // SAFETY: the text is static.
            let name = unsafe { CStr::from_ptr(dsmil_state_name(number)) };
            assert_eq!(name.to_str(), Ok(dsmil::State::from_number(number).to_string().as_str()));
        }
    }
}
