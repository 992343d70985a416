//! The named fields of the driver's answers: where they lie and how wide they are.

use dsmil_protocol::RequestCode;

/// Where a field lies in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

type Fields = &'static [(&'static str, usize, usize)];

/// The fields of an answer's head, as name, offset and bytes.
const fn heads(request: RequestCode) -> Fields {
    match request {
        RequestCode::GetVersion => &[("version", 0, 4)],
        RequestCode::GetThermal => &[("celsius", 0, 4)],
        RequestCode::GetStatus => &[
            ("kernel_module_loaded", 0, 1),
            ("thermal_safe", 1, 1),
            ("current_temp_celsius", 4, 4),
            ("safe_device_count", 8, 4),
            ("quarantined_count", 12, 4),
            ("last_scan_timestamp", 16, 8),
        ],
        RequestCode::ScanDevices => &[
            ("total_devices_found", 0, 4),
            ("safe_devices_found", 4, 4),
            ("quarantined_devices_found", 8, 4),
            ("last_scan_timestamp", 16, 8),
        ],
        RequestCode::ScanChunk => &[
            ("chunk_index", 0, 4),
            ("total_chunks", 4, 4),
            ("devices_in_chunk", 8, 4),
            ("chunk_size", 12, 4),
            ("session_id", 16, 8),
        ],
        RequestCode::ReadChunk => &[
            ("token", 0, 2),
            ("chunk_index", 2, 2),
            ("total_chunks", 4, 4),
            ("data_offset", 8, 4),
            ("chunk_size", 12, 4),
            ("session_id", 16, 8),
        ],
        _ => &[],
    }
}

/// The fields of a device record, in the same way.
const RECORD: Fields = &[
    ("id", 0, 2),
    ("device_id", 0, 2),
    ("state", 4, 4),
    ("access", 8, 4),
    ("is_quarantined", 12, 1),
    ("last_response", 16, 4),
    ("timestamp", 24, 8),
    ("thermal_celsius", 32, 4),
];

fn find(fields: Fields, name: &str) -> Option<Place> {
    fields.iter().find(|field| field.0 == name).map(|&(_, offset, bytes)| Place { offset, bytes })
}

/// Where a field of the answer's head lies; `None` where this answer has none of that name.
pub(crate) fn head(request: RequestCode, name: &str) -> Option<Place> {
    find(heads(request), name)
}

/// Where a field lies in a device record.
pub(crate) fn record(name: &str) -> Option<Place> {
    find(RECORD, name)
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
