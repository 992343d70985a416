//! What the driver says of itself: its version and its state.

use std::fmt;

use zerocopy::byteorder::{I32, NativeEndian, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::STATUS_BYTES;

/// The driver's version, `0x00MMmmpp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// The major number.
    pub const fn major(self) -> u8 {
        self.0.to_be_bytes()[1]
    }
    /// The minor number.
    pub const fn minor(self) -> u8 {
        self.0.to_be_bytes()[2]
    }
    /// The patch number.
    pub const fn patch(self) -> u8 {
        self.0.to_be_bytes()[3]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major(), self.minor(), self.patch())
    }
}

/// What GET_STATUS answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemStatus {
    /// The kernel module says that it is loaded.
    pub kernel_module_loaded: bool,
    /// The driver judges the temperature safe.
    pub thermal_safe: bool,
    /// The driver's temperature in degrees Celsius.
    pub current_temp_celsius: i32,
    /// How many devices the driver counts as safe.
    pub safe_device_count: u32,
    /// How many devices the driver counts as quarantined: it knows five of the seven.
    pub quarantined_count: u32,
    /// When the last scan was made, in milliseconds since boot; 0 before the first.
    pub last_scan_timestamp: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Wire {
    kernel_module_loaded: u8,
    thermal_safe: u8,
    padding: [u8; 2],
    current_temp_celsius: I32<NativeEndian>,
    safe_device_count: U32<NativeEndian>,
    quarantined_count: U32<NativeEndian>,
    last_scan_timestamp: U64<NativeEndian>,
}

impl SystemStatus {
    /// Reads the 24 bytes of a status. Padding is ignored; any byte but 0 in a flag is *true*.
    pub fn decode(bytes: &[u8; STATUS_BYTES]) -> Self {
        let wire: Wire = zerocopy::transmute!(*bytes);
        Self {
            kernel_module_loaded: wire.kernel_module_loaded != 0,
            thermal_safe: wire.thermal_safe != 0,
            current_temp_celsius: wire.current_temp_celsius.get(),
            safe_device_count: wire.safe_device_count.get(),
            quarantined_count: wire.quarantined_count.get(),
            last_scan_timestamp: wire.last_scan_timestamp.get(),
        }
    }

    /// Writes the 24 bytes of a status, with zero padding.
    pub fn encode(&self) -> [u8; STATUS_BYTES] {
        zerocopy::transmute!(Wire {
            kernel_module_loaded: self.kernel_module_loaded.into(),
            thermal_safe: self.thermal_safe.into(),
            padding: [0; 2],
            current_temp_celsius: self.current_temp_celsius.into(),
            safe_device_count: self.safe_device_count.into(),
            quarantined_count: self.quarantined_count.into(),
            last_scan_timestamp: self.last_scan_timestamp.into(),
        })
    }
}
