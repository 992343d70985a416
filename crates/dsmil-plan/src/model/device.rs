//! The devices that a plan names.

use std::collections::BTreeMap;
use std::fmt;

use dsmil_protocol::DeviceId;
use serde::{Serialize, Serializer};

use crate::{Name, Place};

/// The devices of a plan: those that are monitored already, and named sets.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// What is monitored when the run begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<DeviceItem>,
    /// Devices under a name, for the stages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<String, Vec<DeviceItem>>,
}

impl Devices {
    pub(crate) fn is_empty(&self) -> bool {
        self.baseline.is_empty() && self.sets.is_empty()
    }
}

/// One entry of a list of devices, and where it stands.
#[derive(Clone, Debug)]
pub enum DeviceItem {
    /// A device: `0x8003`.
    Id(DeviceId, Place),
    /// From the first to the last, both included: `"0x8000..0x8008"`.
    Range(DeviceId, DeviceId, Place),
    /// A set of the plan, by its name.
    Set(Name),
}

impl DeviceItem {
    /// Where it stands.
    pub fn place(&self) -> &Place {
        match self {
            Self::Id(_, place) | Self::Range(_, _, place) => place,
            Self::Set(name) => name.place(),
        }
    }

    /// The ids that it names by itself; none for a set.
    pub fn ids(&self) -> impl Iterator<Item = DeviceId> + use<> {
        let range = match self {
            Self::Id(id, _) => Some((*id, *id)),
            Self::Range(first, last, _) => Some((*first, *last)),
            Self::Set(_) => None,
        };
        range.into_iter().flat_map(|(first, last)| (first.get()..=last.get()).map(DeviceId::new))
    }
}

impl fmt::Display for DeviceItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id, _) => id.fmt(f),
            Self::Range(first, last, _) => write!(f, "{first}..{last}"),
            Self::Set(name) => name.fmt(f),
        }
    }
}

impl Serialize for DeviceItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for DeviceItem {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeviceItem".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A device (0x8003), a range with both ends included (\"0x8000..0x8008\") or the name of a set.",
            "anyOf": [{ "type": "integer", "minimum": 0x8000, "maximum": 0x806B }, { "type": "string", "minLength": 1 }],
        })
    }
}
