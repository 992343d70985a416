//! What a stage does: its devices in their order, in batches, and how long that takes.

use dsmil_protocol::DeviceId;

use crate::Percent;
use crate::estimate::Estimate;
use crate::model::{DeviceItem, File};

/// The devices that a list names, in order, its sets resolved. What doesn't exist is left out.
pub(crate) fn devices(file: &File, items: &[DeviceItem]) -> Vec<DeviceId> {
    let mut all = Vec::new();
    for item in items {
        match item {
            DeviceItem::Set(name) => {
                all.extend(file.devices.sets.get(&**name).into_iter().flatten().flat_map(DeviceItem::ids));
            }
            own => all.extend(own.ids()),
        }
    }
    all
}

/// How many devices are monitored when a stage begins: the target of the stages before it.
pub(crate) fn before(file: &File, stage: usize) -> usize {
    let baseline = devices(file, &file.devices.baseline).len();
    (0..stage).fold(baseline, |count, earlier| count + planned(file, earlier, count))
}

/// How many devices a stage adds when none fails.
fn planned(file: &File, stage: usize, monitored: usize) -> usize {
    let stage = &file.stage[stage];
    let there = devices(file, &stage.devices).len();
    stage.target.map_or(there, |target| (target as usize).saturating_sub(monitored).min(there))
}

/// The sizes of a stage's batches: of the devices that it adds, or 1 for each share of something else.
pub(crate) fn batches(file: &File, stage: usize) -> Vec<usize> {
    let count = planned(file, stage, before(file, stage));
    let stage = &file.stage[stage];
    if stage.percent.is_empty() {
        let batch = stage.batch.max(1) as usize;
        return (0..count).step_by(batch).map(|first| batch.min(count - first)).collect();
    }
    if stage.devices.is_empty() {
        return vec![1; stage.percent.len()];
    }
    let mut done = 0;
    let sizes = stage.percent.iter().map(|share| {
        let upto = reached(count, *share);
        upto - std::mem::replace(&mut done, upto)
    });
    sizes.filter(|size| *size > 0).collect()
}

/// How many of `count` a share is: rounded up, so that a share of something is never nothing.
fn reached(count: usize, share: Percent) -> usize {
    let exact = count as u128 * u128::from(share.millionths());
    usize::try_from(exact.div_ceil(1_000_000)).unwrap_or(count)
}

/// How long a stage takes when nothing fails and every gate goes.
pub(crate) fn estimate(file: &File, index: usize) -> Estimate {
    let stage = &file.stage[index];
    let batches = i64::try_from(batches(file, index).len()).unwrap_or(0);
    let step = Estimate::of(Some(stage.step_duration), stage.step_spread).unwrap_or_default();
    let whole = |step: i64| {
        let watched = batches.saturating_mul(step + stage.step_observe.as_millis()).saturating_add(stage.observe.as_millis());
        watched.max(stage.minimum.as_millis())
    };
    Estimate { shortest: whole(step.shortest), likely: whole(step.likely), longest: whole(step.longest) }
}

#[cfg(test)]
mod tests {
    use super::reached;
    use crate::Percent;

    #[test]
    fn a_share_of_something_is_never_nothing() {
        assert_eq!(reached(26, Percent::whole(10)), 3);
        assert_eq!(reached(26, Percent::whole(50)), 13);
        assert_eq!(reached(26, Percent::WHOLE), 26);
        assert_eq!(reached(1, Percent::from_millionths(1)), 1);
        assert_eq!(reached(0, Percent::WHOLE), 0);
    }
}
