//! What becomes of a stage once it has started: worked out at its start, since nothing outside changes it.

use dsmil_gate::Verdict;

use super::draw::{Chance, For, whose};
use super::gates::Gates;
use crate::estimate::Estimate;
use crate::model::{File, OnDeviceFail};
use crate::rollout;

/// How a stage's work ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Well,
    Failed,
    Paused,
    RollBack,
}

/// A stage's work.
pub(super) struct Body {
    pub(super) duration: i64,
    pub(super) ending: Ending,
    /// The gate that ended it, or held it up.
    pub(super) gate: Option<usize>,
    /// How long it was held up by that.
    pub(super) held: i64,
    /// How many devices failed.
    pub(super) failed: u32,
}

pub(super) fn body(file: &File, gates: &Gates, index: usize, chance: Chance) -> Body {
    let stage = &file.stage[index];
    let own = whose(&stage.name);
    let step = Estimate::of(Some(stage.step_duration), stage.step_spread).unwrap_or_default();
    let observe = stage.step_observe.as_millis();
    let mut body = Body { duration: 0, ending: Ending::Well, gate: None, held: 0, failed: 0 };
    let sizes = rollout::batches(file, index);
    let has_devices = !stage.devices.is_empty();
    let goal: usize = sizes.iter().sum();
    let mut left = rollout::devices(file, &stage.devices).len().max(goal);
    let (mut added, mut tried, mut batch) = (0, 0u64, 0);
    while added < goal && left > 0 && body.ending == Ending::Well {
        // What failed is made up for by the devices that are left, in batches of the last size.
        let size = sizes[batch.min(sizes.len() - 1)].min(left).min(goal - added);
        body.duration += chance.time(step, own, For::Duration, batch as u64) + observe;
        batch += 1;
        for _ in 0..size {
            left -= 1;
            tried += 1;
            if has_devices && chance.happens(file.simulation.device_failure, own, For::Device, tried) {
                body.failed += 1;
            } else {
                added += 1;
            }
        }
        if body.failed > 0 {
            body.ending = match stage.on_device_fail {
                OnDeviceFail::FailStage => Ending::Failed,
                OnDeviceFail::Pause => Ending::Paused,
                OnDeviceFail::Skip => {
                    let share = u64::from(body.failed) * 1_000_000;
                    let allowed = goal as u64 * u64::from(stage.max_failures.millionths());
                    if share > allowed { Ending::Failed } else { Ending::Well }
                }
            };
        }
    }
    if body.ending == Ending::Well {
        body.duration = (body.duration + stage.observe.as_millis()).max(stage.minimum.as_millis());
    }
    watched(&mut body, file, gates, index, chance);
    body
}

/// The gates that are watched all the while: drawn once each, with the moment at which they speak.
fn watched(body: &mut Body, file: &File, gates: &Gates, index: usize, chance: Chance) {
    let stage = &file.stage[index];
    let own = whose(&stage.name);
    let mut earliest = body.duration;
    for (at, name) in stage.background.iter().enumerate() {
        let Some(gate) = gates.find(name) else { continue };
        let count = at as u64;
        let moment = |fraction: u32| i64::try_from(i128::from(earliest) * i128::from(fraction) / 1_000_000).unwrap_or(earliest);
        let verdict = gates.drawn(gate, own, u64::MAX - count, chance);
        let time = chance.millionths(own, For::GateTime, count).map_or(earliest, moment);
        match verdict {
            Verdict::Hold => {
                body.held = gates.recheck(gate, stage.recheck);
                body.gate = Some(gate);
            }
            Verdict::NoGo | Verdict::RollBack if time < earliest || body.ending == Ending::Well => {
                earliest = time;
                body.gate = Some(gate);
                body.held = 0;
                body.duration = time;
                body.ending = if verdict == Verdict::NoGo { Ending::Failed } else { Ending::RollBack };
            }
            Verdict::Go | Verdict::NoGo | Verdict::RollBack => {}
        }
    }
    body.duration += body.held;
}
