//! The device record: 40 bytes that say what the driver knows of one device.

use std::fmt;

use zerocopy::byteorder::{I32, NativeEndian, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{DeviceId, RECORD_BYTES, RESPONSE_FILLER};

/// A number with names for some of its values. The rest stay numbers: what is not known never turns
/// into something that sounds harmless.
macro_rules! named_number {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A number that the specification does not name, kept as it came.
            Other(u32),
        }

        impl $name {
            /// The name or number that the wire carries.
            #[inline]
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The number on the wire.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)+
                    Self::Other(number) => number,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)+
                    Self::Other(number) => write!(f, "unnamed ({number})"),
                }
            }
        }
    };
}

named_number! {
    /// What the driver says of a device's state.
    State {
        /// 0: the driver does not know.
        Unknown = 0, "unknown";
        /// 1: offline.
        Offline = 1, "offline";
        /// 2: safe.
        Safe = 2, "safe";
        /// 3: quarantined, as far as the driver knows.
        Quarantined = 3, "quarantined";
        /// 4: error.
        Error = 4, "error";
        /// 5: at the thermal limit (100 °C).
        ThermalLimit = 5, "thermal limit";
    }
}

named_number! {
    /// What access the driver grants.
    Access {
        /// 0: none.
        None = 0, "none";
        /// 1: read.
        Read = 1, "read";
        /// 2: reserved.
        Reserved = 2, "reserved";
    }
}

/// What the driver knows of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceRecord {
    /// The device.
    pub id: DeviceId,
    /// Its state.
    pub state: State,
    /// The access that the driver grants.
    pub access: Access,
    /// Whether the driver itself counts it as quarantined.
    pub is_quarantined: bool,
    /// The device's last answer; `None` where the driver put its filler 0xDEADBEEF, as it does in
    /// every scan.
    pub last_response: Option<u32>,
    /// When the driver made this record, in milliseconds since boot.
    pub timestamp: u64,
    /// The device's temperature in degrees Celsius; `None` where no sensor answered (-1 on the wire).
    pub thermal_celsius: Option<i32>,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Wire {
    device_id: U16<NativeEndian>,
    padding1: [u8; 2],
    state: U32<NativeEndian>,
    access: U32<NativeEndian>,
    is_quarantined: u8,
    padding2: [u8; 3],
    last_response: U32<NativeEndian>,
    padding3: [u8; 4],
    timestamp: U64<NativeEndian>,
    thermal_celsius: I32<NativeEndian>,
    padding4: [u8; 4],
}

/// No sensor answered.
const NOT_READABLE: i32 = -1;

impl DeviceRecord {
    /// Reads the 40 bytes of a record. Padding is ignored; nothing is judged here.
    #[inline]
    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Self {
        let wire: &Wire = zerocopy::transmute_ref!(bytes);
        let last_response = wire.last_response.get();
        let thermal_celsius = wire.thermal_celsius.get();
        Self {
            id: DeviceId::new(wire.device_id.get()),
            state: State::from_number(wire.state.get()),
            access: Access::from_number(wire.access.get()),
            is_quarantined: wire.is_quarantined != 0,
            last_response: (last_response != RESPONSE_FILLER).then_some(last_response),
            timestamp: wire.timestamp.get(),
            thermal_celsius: (thermal_celsius != NOT_READABLE).then_some(thermal_celsius),
        }
    }

    /// The id of a record, without the rest.
    #[inline]
    pub(crate) fn id_of(bytes: &[u8; RECORD_BYTES]) -> DeviceId {
        let wire: &Wire = zerocopy::transmute_ref!(bytes);
        DeviceId::new(wire.device_id.get())
    }

    /// Whether the driver marks the device as quarantined in both places that say so.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        self.is_quarantined && self.state == State::Quarantined
    }

    /// Writes the 40 bytes of a record, with zero padding.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        zerocopy::transmute!(Wire {
            device_id: self.id.get().into(),
            padding1: [0; 2],
            state: self.state.number().into(),
            access: self.access.number().into(),
            is_quarantined: self.is_quarantined.into(),
            padding2: [0; 3],
            last_response: self.last_response.unwrap_or(RESPONSE_FILLER).into(),
            padding3: [0; 4],
            timestamp: self.timestamp.into(),
            thermal_celsius: self.thermal_celsius.unwrap_or(NOT_READABLE).into(),
            padding4: [0; 4],
        })
    }

    /// The record that goes *into* READ_DEVICE: the id, and zeros.
    pub fn request(id: DeviceId) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..2].copy_from_slice(&id.get().to_ne_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_state_or_access_stays_a_number_and_never_becomes_safe() {
        for number in (6..200).chain([u32::MAX]) {
            assert_eq!(State::from_number(number), State::Other(number));
            assert_eq!(State::from_number(number).number(), number);
            assert!(State::from_number(number).to_string().contains(&number.to_string()));
            assert_eq!(Access::from_number(number), Access::Other(number));
        }
    }

    #[test]
    fn fillers_are_not_readings() {
        let mut bytes = DeviceRecord::request(DeviceId::FIRST);
        bytes[16..20].copy_from_slice(&RESPONSE_FILLER.to_ne_bytes());
        bytes[32..36].copy_from_slice(&(-1i32).to_ne_bytes());
        let record = DeviceRecord::decode(&bytes);
        assert_eq!((record.last_response, record.thermal_celsius), (None, None));
    }
}
