//! Devices: served, not quarantined, each once; and whether a stage can reach its target.

use std::collections::BTreeMap;

use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Grounds, Operation, Quarantine};

use super::Check;
use crate::model::DeviceItem;
use crate::{Place, rollout};

impl Check<'_> {
    pub(super) fn devices(&mut self) {
        let file = &self.draft.file;
        let lists =
            file.devices.sets.values().chain([&file.devices.baseline]).chain(file.stage.iter().map(|stage| &stage.devices));
        for item in lists.flatten() {
            self.may_be_touched(item);
        }
        let mut seen: BTreeMap<DeviceId, Place> = BTreeMap::new();
        for item in file.devices.baseline.iter().chain(file.stage.iter().flat_map(|stage| &stage.devices)) {
            self.set(item);
            self.twice(item, &mut seen);
        }
        self.targets();
    }

    fn may_be_touched(&mut self, item: &DeviceItem) {
        let quarantine = Quarantine::new();
        let denied: Vec<_> = item.ids().filter_map(|id| quarantine.clear(id, Operation::Read, 0).err()).collect();
        let Some(first) = denied.first() else { return };
        let what = match &first.grounds {
            Grounds::Permanent { what } => format!("{} is quarantined for ever ({what})", first.id),
            _ => format!("{} is not served by the driver", first.id),
        };
        let more = match denied.len() - 1 {
            0 => String::new(),
            count => format!("; {count} more of {item} can't be touched either"),
        };
        self.fault(item.place(), format!("{what}{more}"), "leave it out: no plan can touch it; 0x8000 to 0x806B are served");
    }

    fn set(&mut self, item: &DeviceItem) {
        if let DeviceItem::Set(name) = item {
            let sets = &self.draft.file.devices.sets;
            self.refer(name, "set of devices", sets.keys().map(String::as_str), "add it to [devices.sets]");
        }
    }

    /// A device is added once.
    fn twice(&mut self, item: &DeviceItem, seen: &mut BTreeMap<DeviceId, Place>) {
        let mut again = None;
        for id in rollout::devices(&self.draft.file, std::slice::from_ref(item)) {
            if let Some(first) = seen.insert(id, item.place().clone()) {
                again.get_or_insert((id, first));
            }
        }
        if let Some((id, first)) = again {
            self.fault(item.place(), format!("{id} is named before, in {first}"), "name each device once");
        }
    }

    fn targets(&mut self) {
        let file = &self.draft.file;
        let mut monitored = rollout::devices(file, &file.devices.baseline).len();
        for stage in &file.stage {
            let there = rollout::devices(file, &stage.devices).len();
            let Some(target) = stage.target.map(|target| target as usize) else {
                monitored += there;
                continue;
            };
            let place = Place {
                key: format!("{}.target", stage.name.place().key.trim_end_matches(".name")),
                ..stage.name.place().clone()
            };
            if monitored + there < target {
                let what = format!(
                    "stage {} can't reach its target of {target}: {monitored} and {there} devices are {}",
                    stage.name,
                    monitored + there
                );
                self.fault(&place, what, format!("name {} devices more, or lower the target", target - monitored - there));
            } else if target <= monitored {
                let what =
                    format!("stage {} has a target of {target}, and {monitored} devices are monitored before it", stage.name);
                self.fault(&place, what, "write a higher target: a stage only adds devices");
            }
            monitored = target.max(monitored);
        }
    }
}
