//! Device ids, and the seven that may never be touched.

use std::fmt;
use std::str::FromStr;

use crate::{DEVICE_COUNT, Group, ParseIdError};

/// The id of a device, as the driver counts them. Tools in the field also call it *token*.
///
/// Any 16-bit number can be written as an id; [`DeviceId::is_served`] tells whether the driver has
/// such a device, and whether it may be touched is for `dsmil-quarantine` to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct DeviceId(u16);

impl DeviceId {
    /// The lowest id that the driver serves.
    pub const FIRST: Self = Self(0x8000);
    /// The highest id that the driver serves.
    pub const LAST: Self = Self(0x806B);

    /// Wraps a number. Every `u16` is accepted: an id that nobody serves is still an id.
    #[inline]
    pub const fn new(raw: u16) -> Self {
        Self(raw)
    }

    /// The number itself.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the driver serves this id (0x8000 to 0x806B).
    #[inline]
    pub const fn is_served(self) -> bool {
        self.0 >= Self::FIRST.0 && self.0 <= Self::LAST.0
    }

    /// The position among the 108 served ids, from 0; `None` for an id that is not served.
    #[inline]
    pub const fn ordinal(self) -> Option<usize> {
        if self.is_served() { Some((self.0 - Self::FIRST.0) as usize) } else { None }
    }

    /// The group (bits 4 to 7) of a served id.
    pub const fn group(self) -> Option<Group> {
        if self.is_served() { Group::from_number(((self.0 >> 4) & 0xF) as u8) } else { None }
    }

    /// The index within the group (bits 0 to 3).
    pub const fn index(self) -> u8 {
        (self.0 & 0xF) as u8
    }

    /// Whether a functional device stands behind a served id (index 0 to 11). The gaps, index 12 to
    /// 15 of groups 0 to 5, answer requests but have no function.
    pub const fn is_functional(self) -> bool {
        self.is_served() && self.index() < 12
    }

    /// Why this id may never be touched, if it is one of the seven.
    #[inline]
    pub const fn permanent(self) -> Option<Permanent> {
        // A match on literals and no table: there is nothing in memory that a bug could overwrite.
        let what = match self.0 {
            0x8009 => "data destruction",
            0x800A => "cascade wipe",
            0x800B => "hardware sanitize",
            0x8019 => "network kill",
            0x8029 => "communications blackout",
            0x8100 => "secure wipe execute",
            0x8101 => "hardware destruct",
            _ => return None,
        };
        Some(Permanent { id: self, what })
    }

    /// Whether this id is one of the seven that may never be touched.
    #[inline]
    pub const fn is_permanent(self) -> bool {
        matches!(self.0, 0x8009..=0x800B | 0x8019 | 0x8029 | 0x8100..=0x8101)
    }

    /// All 108 served ids in ascending order.
    pub fn served() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        (0..DEVICE_COUNT as u16).map(|ordinal| Self(Self::FIRST.0 + ordinal))
    }
}

/// One of the seven ids that destroy data or kill the network when touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permanent {
    /// The id.
    pub id: DeviceId,
    /// What touching it does.
    pub what: &'static str,
}

/// The seven ids that may never be touched, in ascending order. The last two lie outside what the
/// driver serves; the driver itself knows only the first five.
pub const PERMANENT: [Permanent; 7] = {
    const IDS: [u16; 7] = [0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101];
    let mut all = [Permanent { id: DeviceId(0), what: "" }; 7];
    let mut i = 0;
    while i < IDS.len() {
        all[i] = match DeviceId(IDS[i]).permanent() {
            Some(entry) => entry,
            None => panic!("the list and the match disagree"),
        };
        i += 1;
    }
    all
};

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({self})")
    }
}

impl From<u16> for DeviceId {
    fn from(raw: u16) -> Self {
        Self(raw)
    }
}

impl From<DeviceId> for u16 {
    fn from(id: DeviceId) -> Self {
        id.0
    }
}

/// Reads `0x8003`, `0X8003` or the decimal `32771`.
impl FromStr for DeviceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let (digits, radix) = hex.map_or((text, 10), |digits| (digits, 16));
        // from_str_radix takes a sign; an id has none.
        if digits.starts_with(['+', '-']) {
            return Err(ParseIdError { text: text.to_owned() });
        }
        u16::from_str_radix(digits, radix).map(Self).map_err(|_| ParseIdError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_the_match_and_the_test_agree_on_every_id() {
        for raw in 0..=u16::MAX {
            let id = DeviceId::new(raw);
            let listed = PERMANENT.iter().find(|entry| entry.id == id).copied();
            assert_eq!(id.permanent(), listed, "{id}");
            assert_eq!(id.is_permanent(), listed.is_some(), "{id}");
        }
    }

    #[test]
    fn served_ids_have_a_group_and_84_of_them_a_function() {
        assert_eq!(DeviceId::served().len(), 108);
        assert!(DeviceId::served().all(|id| id.group().is_some()));
        assert_eq!(DeviceId::served().filter(|id| id.is_functional()).count(), 84);
        assert_eq!(DeviceId::new(0x806C).group(), None);
        assert_eq!(DeviceId::LAST.ordinal(), Some(107));
    }

    #[test]
    fn ids_are_read_in_hexadecimal_and_decimal_and_nothing_else() {
        assert_eq!("0x8003".parse(), Ok(DeviceId::new(0x8003)));
        assert_eq!("32771".parse(), Ok(DeviceId::new(0x8003)));
        for wrong in ["", "0x", "8003h", "0x18003", "-1", "+1", "0x+803", " 0x8003"] {
            assert!(wrong.parse::<DeviceId>().is_err(), "{wrong:?}");
        }
    }
}
