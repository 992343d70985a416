//! The named fields of the driver's answers: where they lie and how wide they are.

use dsmil_protocol::RequestCode;

/// Where a field lies in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

const fn at(offset: usize, bytes: usize) -> Option<Place> {
    Some(Place { offset, bytes })
}

/// Where a field of the answer's head lies; `None` where this answer has none of that name.
pub(crate) fn head(request: RequestCode, name: &str) -> Option<Place> {
    match (request, name) {
        (RequestCode::ScanChunk, "chunk_index") | (RequestCode::GetVersion, "version") | (RequestCode::GetThermal, "celsius") => {
            at(0, 4)
        }
        (RequestCode::ScanChunk | RequestCode::ReadChunk, "total_chunks") => at(4, 4),
        (RequestCode::ScanChunk, "devices_in_chunk") | (RequestCode::ReadChunk, "data_offset") => at(8, 4),
        (RequestCode::ScanChunk | RequestCode::ReadChunk, "chunk_size") => at(12, 4),
        (RequestCode::ScanChunk | RequestCode::ReadChunk, "session_id") => at(16, 8),
        (RequestCode::ReadChunk, "token") => at(0, 2),
        (RequestCode::ReadChunk, "chunk_index") => at(2, 2),
        (RequestCode::ScanDevices, "total_devices_found") => at(0, 4),
        (RequestCode::ScanDevices, "safe_devices_found") => at(4, 4),
        (RequestCode::ScanDevices, "quarantined_devices_found") => at(8, 4),
        (RequestCode::ScanDevices | RequestCode::GetStatus, "last_scan_timestamp") => at(16, 8),
        (RequestCode::GetStatus, "kernel_module_loaded") => at(0, 1),
        (RequestCode::GetStatus, "thermal_safe") => at(1, 1),
        (RequestCode::GetStatus, "current_temp_celsius") => at(4, 4),
        (RequestCode::GetStatus, "safe_device_count") => at(8, 4),
        (RequestCode::GetStatus, "quarantined_count") => at(12, 4),
        _ => None,
    }
}

/// Where a field lies in a device record.
pub(crate) fn record(name: &str) -> Option<Place> {
    match name {
        "id" | "device_id" => at(0, 2),
        "state" => at(4, 4),
        "access" => at(8, 4),
        "is_quarantined" => at(12, 1),
        "last_response" => at(16, 4),
        "timestamp" => at(24, 8),
        "thermal_celsius" => at(32, 4),
        _ => None,
    }
}

/// Where the records of an answer begin, and how many there is room for.
pub(crate) const fn records(request: RequestCode) -> Option<(usize, usize)> {
    match request {
        RequestCode::ReadDevice => Some((0, 1)),
        RequestCode::ScanChunk => Some((32, 5)),
        RequestCode::ScanDevices => Some((24, 108)),
        _ => None,
    }
}

impl Place {
    /// Whether a number can be written here, as a signed or an unsigned one.
    pub(crate) const fn holds(self, value: i128) -> bool {
        let bits = 8 * self.bytes as u32;
        value >= -(1i128 << (bits - 1)) && value < (1i128 << bits)
    }

    /// Writes the number's low bytes in the machine's order, where the place lies in `answer`.
    pub(crate) fn write(self, answer: &mut [u8], value: i128) {
        let mut bytes = [0; 8];
        bytes[..self.bytes].copy_from_slice(&value.to_le_bytes()[..self.bytes]);
        let bytes = &mut bytes[..self.bytes];
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        if let Some(slot) = answer.get_mut(self.offset..self.offset + self.bytes) {
            slot.copy_from_slice(bytes);
        }
    }
}
