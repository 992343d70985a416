//! The seven groups of devices, and the ranges of ids that nobody serves.

use std::fmt;

use crate::DeviceId;

/// A group of devices: bits 4 to 7 of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Group {
    /// 0: core security.
    CoreSecurity = 0,
    /// 1: extended security.
    ExtendedSecurity = 1,
    /// 2: network operations.
    NetworkOperations = 2,
    /// 3: data processing.
    DataProcessing = 3,
    /// 4: storage control.
    StorageControl = 4,
    /// 5: peripheral control.
    PeripheralControl = 5,
    /// 6: training (JRTC).
    Training = 6,
}

impl Group {
    /// All seven, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::CoreSecurity,
        Self::ExtendedSecurity,
        Self::NetworkOperations,
        Self::DataProcessing,
        Self::StorageControl,
        Self::PeripheralControl,
        Self::Training,
    ];

    /// The group with this number (0 to 6).
    pub const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }

    /// The group's number (0 to 6).
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The group's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoreSecurity => "core security",
            Self::ExtendedSecurity => "extended security",
            Self::NetworkOperations => "network operations",
            Self::DataProcessing => "data processing",
            Self::StorageControl => "storage control",
            Self::PeripheralControl => "peripheral control",
            Self::Training => "training",
        }
    }

    /// The groups that this one depends on.
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::CoreSecurity => &[],
            Self::ExtendedSecurity | Self::DataProcessing | Self::Training => &[Self::CoreSecurity],
            Self::NetworkOperations => &[Self::CoreSecurity, Self::ExtendedSecurity],
            Self::StorageControl => &[Self::CoreSecurity, Self::ExtendedSecurity, Self::NetworkOperations],
            Self::PeripheralControl => {
                &[Self::CoreSecurity, Self::ExtendedSecurity, Self::NetworkOperations, Self::DataProcessing, Self::StorageControl]
            }
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A known range of ids that lies outside what the driver serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutsideRange {
    /// 0x8100 to 0x81FF: operational commands.
    OperationalCommands,
    /// 0x8200 to 0x82FF: hidden memory.
    HiddenMemory,
    /// 0x8400 to 0x84FF: training.
    Training,
}

impl OutsideRange {
    /// The range that an id lies in, if it is a known one.
    pub const fn of(id: DeviceId) -> Option<Self> {
        match id.get() >> 8 {
            0x81 => Some(Self::OperationalCommands),
            0x82 => Some(Self::HiddenMemory),
            0x84 => Some(Self::Training),
            _ => None,
        }
    }

    /// The range's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OperationalCommands => "operational commands",
            Self::HiddenMemory => "hidden memory",
            Self::Training => "training",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_needs_only_groups_that_come_before_it() {
        for group in Group::ALL {
            assert_eq!(Group::from_number(group.number()), Some(group));
            assert!(group.needs().iter().all(|needed| *needed < group));
        }
        assert_eq!(Group::PeripheralControl.needs().len(), 5);
        assert_eq!(Group::from_number(7), None);
    }
}
