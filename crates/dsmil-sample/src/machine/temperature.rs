//! Temperatures: the sensors of `/sys/class/hwmon`, and the thermal zones that none of them stands for.
//!
//! Labels are those of the sysinfo crate (`coretemp Core 0`, `nvme Composite MODEL`, `acpitz temp1`); but a second sensor
//! of the same label gets its place added, where sysinfo would put one over the other and might hide the hot one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sampler::label;
use crate::{Batch, SampleError, Sampler};

/// `temperature_celsius{sensor}`.
///
/// A sensor that doesn't answer is silent, which is missing evidence and not an error: many sleep with their device.
#[derive(Debug)]
pub struct TemperatureSampler {
    root: PathBuf,
}

impl TemperatureSampler {
    /// Reads `class/hwmon` and `class/thermal` in this folder: `/sys`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// All sensors, in the order of their chips' numbers, chips before zones.
    fn sensors(&self) -> Vec<Sensor> {
        let mut sensors = Vec::new();
        let mut chips = BTreeSet::new();
        for chip in numbered(&self.root.join("class/hwmon"), "hwmon") {
            let name = line(&chip.join("name")).unwrap_or_default();
            let found = chip_sensors(&chip, &name);
            if !found.is_empty() {
                chips.insert(name);
            }
            sensors.extend(found);
        }
        for zone in numbered(&self.root.join("class/thermal"), "thermal_zone") {
            let Some(kind) = line(&zone.join("type")) else { continue };
            // The kernel gives most zones a chip too, named so.
            if !chips.contains(&kind.replace('-', "_")) && !chips.contains(&kind) {
                let place = file_name(&zone);
                sensors.push(Sensor { label: kind, place, input: zone.join("temp") });
            }
        }
        sensors
    }
}

impl Sampler for TemperatureSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        // A machine without sensors gives none, and that is no failure.
        Vec::new()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let mut names = BTreeSet::new();
        for Sensor { label: mut name, place, input } in self.sensors() {
            if names.contains(&name) {
                name = format!("{name} ({place})");
            }
            names.insert(name.clone());
            let at = batch.now();
            let Ok(text) = fs::read_to_string(&input) else {
                tracing::debug!(sensor = name, "does not answer");
                continue;
            };
            if let Ok(millidegrees) = text.trim_ascii().parse::<i32>() {
                batch.add_with("temperature_celsius", &label("sensor", name), at, f64::from(millidegrees) / 1000.0);
            } else {
                let what = format!("{:?} is not a number of thousandths of a degree", shortened(text.trim_ascii()));
                batch.problem(SampleError::parse(input.display().to_string(), what));
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Sensor {
    label: String,
    /// What tells it from another of the same label: `hwmon3 temp2`, `thermal_zone1`.
    place: String,
    input: PathBuf,
}

fn chip_sensors(chip: &Path, name: &str) -> Vec<Sensor> {
    let model = line(&chip.join("device/model"));
    let number = |path: &PathBuf| file_name(path).strip_prefix("temp")?.strip_suffix("_input")?.parse::<u32>().ok();
    let mut inputs: Vec<_> = entries(chip).filter_map(|path| Some((number(&path)?, path))).collect();
    inputs.sort_unstable();
    let sensor = |(number, input): (u32, PathBuf)| {
        let own = line(&chip.join(format!("temp{number}_label"))).filter(|label| !label.is_empty());
        let label = match (own, &model) {
            (Some(own), Some(model)) => format!("{name} {own} {model}"),
            (Some(own), None) => format!("{name} {own}"),
            (None, Some(model)) => format!("{name} {model}"),
            (None, None) => format!("{name} temp{number}"),
        };
        Sensor { label, place: format!("{} temp{number}", file_name(chip)), input }
    };
    inputs.into_iter().map(sensor).collect()
}

/// The folders of a class in the order of their numbers.
fn numbered(class: &Path, prefix: &str) -> Vec<PathBuf> {
    let number = |path: &PathBuf| file_name(path).strip_prefix(prefix)?.parse::<u32>().ok();
    let mut folders: Vec<_> = entries(class).filter_map(|path| Some((number(&path)?, path))).collect();
    folders.sort_unstable();
    folders.into_iter().map(|(_, path)| path).collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn line(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim_ascii().to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
