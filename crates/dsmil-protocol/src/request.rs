//! The eleven requests and their codes.

use std::fmt;

use crate::{CHUNK_BYTES, DISCOVERY_BYTES, RECORD_BYTES, STATUS_BYTES};

/// Which way a request's argument travels, seen from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// No argument.
    None,
    /// The driver fills it (`_IOR`).
    Read,
    /// The caller fills it (`_IOW`).
    Write,
    /// Both (`_IOWR`).
    ReadWrite,
}

/// One of the eleven requests that the driver knows. The discriminant is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RequestCode {
    /// GET_VERSION: u32 out.
    GetVersion = 1,
    /// GET_STATUS: 24 bytes out.
    GetStatus = 2,
    /// SCAN_DEVICES: 4344 bytes out; refused by firmware that has a 272-byte limit.
    ScanDevices = 3,
    /// READ_DEVICE: 40 bytes, `device_id` in, all out.
    ReadDevice = 4,
    /// GET_THERMAL: i32 out.
    GetThermal = 5,
    /// SCAN_START: opens the scan session.
    ScanStart = 6,
    /// SCAN_CHUNK: 256 bytes out.
    ScanChunk = 7,
    /// SCAN_COMPLETE: closes the scan session.
    ScanComplete = 8,
    /// READ_START: u32 device id in; opens the read session.
    ReadStart = 9,
    /// READ_CHUNK: 256 bytes out.
    ReadChunk = 10,
    /// READ_COMPLETE: closes the read session.
    ReadComplete = 11,
}

impl RequestCode {
    /// The magic of every request code: `'M'`.
    pub const MAGIC: u8 = b'M';

    /// All eleven, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::GetVersion,
        Self::GetStatus,
        Self::ScanDevices,
        Self::ReadDevice,
        Self::GetThermal,
        Self::ScanStart,
        Self::ScanChunk,
        Self::ScanComplete,
        Self::ReadStart,
        Self::ReadChunk,
        Self::ReadComplete,
    ];

    /// The request's number (1 to 11).
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The request's name as the driver's header spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetVersion => "GET_VERSION",
            Self::GetStatus => "GET_STATUS",
            Self::ScanDevices => "SCAN_DEVICES",
            Self::ReadDevice => "READ_DEVICE",
            Self::GetThermal => "GET_THERMAL",
            Self::ScanStart => "SCAN_START",
            Self::ScanChunk => "SCAN_CHUNK",
            Self::ScanComplete => "SCAN_COMPLETE",
            Self::ReadStart => "READ_START",
            Self::ReadChunk => "READ_CHUNK",
            Self::ReadComplete => "READ_COMPLETE",
        }
    }

    /// Which way the argument travels.
    pub const fn direction(self) -> Direction {
        match self {
            Self::GetVersion | Self::GetStatus | Self::ScanDevices | Self::GetThermal | Self::ScanChunk | Self::ReadChunk => {
                Direction::Read
            }
            Self::ReadDevice => Direction::ReadWrite,
            Self::ReadStart => Direction::Write,
            Self::ScanStart | Self::ScanComplete | Self::ReadComplete => Direction::None,
        }
    }

    /// Bytes of the argument; 0 where there is none.
    #[inline]
    pub const fn size(self) -> usize {
        SIZES[self as usize - 1] as usize
    }

    /// The 32-bit code that `ioctl(2)` takes, composed as the kernel's `_IOC` does on x86-64.
    #[inline]
    pub const fn code(self) -> u32 {
        CODES[self as usize - 1]
    }

    const fn size_of_argument(self) -> usize {
        match self {
            Self::GetVersion | Self::GetThermal | Self::ReadStart => 4,
            Self::GetStatus => STATUS_BYTES,
            Self::ScanDevices => DISCOVERY_BYTES,
            Self::ReadDevice => RECORD_BYTES,
            Self::ScanChunk | Self::ReadChunk => CHUNK_BYTES,
            Self::ScanStart | Self::ScanComplete | Self::ReadComplete => 0,
        }
    }

    const fn compose(self) -> u32 {
        let direction = match self.direction() {
            Direction::None => 0,
            Direction::Write => 1,
            Direction::Read => 2,
            Direction::ReadWrite => 3,
        };
        (direction << 30) | ((self.size_of_argument() as u32) << 16) | ((Self::MAGIC as u32) << 8) | self.number() as u32
    }

    /// The request with this code; `None` for another magic, number, direction or size, which the
    /// driver answers with ENOTTY.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.code() == code)
    }
}

/// Sizes and codes by number, since both are needed for every call.
const SIZES: [u16; RequestCode::ALL.len()] = {
    let mut sizes = [0; RequestCode::ALL.len()];
    let mut i = 0;
    while i < sizes.len() {
        sizes[i] = RequestCode::ALL[i].size_of_argument() as u16;
        i += 1;
    }
    sizes
};
const CODES: [u32; RequestCode::ALL.len()] = {
    let mut codes = [0; RequestCode::ALL.len()];
    let mut i = 0;
    while i < codes.len() {
        codes[i] = RequestCode::ALL[i].compose();
        i += 1;
    }
    codes
};

impl fmt::Display for RequestCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
