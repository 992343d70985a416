//! Headroom of the machine: temperature, processors, memory, disks.

use dsmil_gate::Labels;

use super::view::{View, name_of, number};
use crate::{Band, Check, CheckFn, Context, DiskRule, Found, Kind};

/// The average of a metric over the look-back; of several series the worst one counts.
pub(super) fn average(view: &View<'_>, metric: &str) -> Result<f64, String> {
    worst(view, metric, |values| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    })
}

/// The highest of what a function makes of each series.
fn worst(view: &View<'_>, metric: &str, of: impl Fn(&mut dyn Iterator<Item = f64>) -> f64) -> Result<f64, String> {
    let any = Labels::default();
    // That each is fresh: an average over what was before the silence is no evidence.
    view.newest(metric, &any)?;
    let ongoing = view.series(metric, &any).into_iter().filter(|series| view.ends_with_value(series));
    let worst = ongoing
        .map(|series| of(&mut view.values(series)))
        .fold(f64::NEG_INFINITY, |worst, value| if value.is_nan() { f64::INFINITY } else { worst.max(value) });
    if worst == f64::INFINITY { Err(format!("a value of {metric} is no number, or without bounds")) } else { Ok(worst) }
}

/// `thermal-headroom`: the hottest sensor, of the machine or of a device.
pub(crate) struct Thermal {
    pub(crate) look_back: i64,
    pub(crate) band: Band,
}

impl CheckFn for Thermal {
    fn check(&self) -> Check {
        Check::new("thermal-headroom", Kind::Health, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let any = Labels::default();
        let mut sensors = match view.newest("temperature_celsius", &any) {
            Ok(sensors) => sensors,
            Err(why) => return Found::could_not_run(why),
        };
        // The devices' own, if they have any: that one falls silent, `devices-answer` sees.
        sensors.extend(view.speaking("device_temperature_celsius", &any));
        let Some(hottest) = sensors.iter().max_by(|a, b| a.value.total_cmp(&b.value)) else {
            return Found::could_not_run(view.nothing("temperature_celsius", &any));
        };
        let name = ["sensor", "device"].into_iter().map(|label| hottest.labels.get(label)).find(|name| !name.is_empty());
        let name = name.unwrap_or("(unnamed)");
        let Band { full, none } = self.band;
        let (shown, full, none) = (number(hottest.value), number(full), number(none));
        let text = format!(
            "the hottest of {} sensors, {name}, has {shown} °C; full marks up to {full}, none from {none}",
            sensors.len()
        );
        Found::partly(self.band.share(hottest.value), text)
            .with("hottest_celsius", hottest.value)
            .with("sensor", name)
            .with("sensors", sensors.len())
    }
}

/// `cpu-headroom`: how much of the processors was free, on average.
pub(crate) struct Cpu {
    pub(crate) look_back: i64,
    pub(crate) headroom: f64,
}

impl CheckFn for Cpu {
    fn check(&self) -> Check {
        Check::new("cpu-headroom", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        headroom("processors", average(&view, "cpu_percent"), self.headroom)
    }
}

/// `memory-headroom`: how much memory was free at the worst moment.
pub(crate) struct Memory {
    pub(crate) look_back: i64,
    pub(crate) headroom: f64,
}

impl CheckFn for Memory {
    fn check(&self) -> Check {
        Check::new("memory-headroom", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let most = worst(&view, "memory_percent", |values| {
            values.fold(f64::NEG_INFINITY, |most, value| if value.is_nan() { f64::NAN } else { most.max(value) })
        });
        headroom("memory", most, self.headroom)
    }
}

/// The share of the wanted headroom that is there.
fn headroom(of: &str, used: Result<f64, String>, wanted: f64) -> Found {
    match used {
        Ok(used) => {
            let free = 100.0 - used;
            let text = format!("{} % of the {of} are free; {} % should be", number(free), number(wanted));
            Found::partly(free / wanted, text).with("free_percent", free).with("wanted_percent", wanted)
        }
        Err(why) => Found::could_not_run(why),
    }
}

/// `disk-headroom`: the disk that has least of the room that it should have.
pub(crate) struct Disk {
    look_back: i64,
    /// `None`: the built-in bounds.
    rules: Option<Vec<(Labels, f64)>>,
}

const BACKUP_BYTES: f64 = 2e9;
const LOG_BYTES: f64 = 1e9;
const MONITORING_BYTES: f64 = 500e6;

impl Disk {
    pub(crate) fn new(look_back: i64, rules: &[DiskRule]) -> Self {
        let given = || rules.iter().map(|rule| (rule.labels(), rule.min_free_bytes)).collect();
        Self { look_back, rules: (!rules.is_empty()).then(given) }
    }

    /// Each disk with its bound.
    fn disks<'a>(&'a self, view: &View<'a>, any: &'a Labels) -> Result<Vec<(&'a Labels, f64, f64)>, String> {
        const METRIC: &str = "disk_free_bytes";
        let Some(rules) = &self.rules else {
            let bound = |labels: &Labels| match labels.get("use") {
                "backup" => BACKUP_BYTES,
                "log" => LOG_BYTES,
                _ => MONITORING_BYTES,
            };
            return Ok(view.newest(METRIC, any)?.into_iter().map(|disk| (disk.labels, disk.value, bound(disk.labels))).collect());
        };
        let mut disks = Vec::new();
        for (labels, bound) in rules {
            // A rule that finds no disk finds no evidence.
            disks.extend(view.newest(METRIC, labels)?.into_iter().map(|disk| (disk.labels, disk.value, *bound)));
        }
        Ok(disks)
    }
}

impl CheckFn for Disk {
    fn check(&self) -> Check {
        Check::new("disk-headroom", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let any = Labels::default();
        let disks = match self.disks(&view, &any) {
            Ok(disks) => disks,
            Err(why) => return Found::could_not_run(why),
        };
        let Some((labels, free, bound)) = disks.iter().min_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2))) else {
            return Found::could_not_run(view.nothing("disk_free_bytes", &any));
        };
        let path = name_of(labels, "path");
        let (shown, wanted) = (number(free / 1e6), number(bound / 1e6));
        let text = format!("of {} disks, {path} has least room: {shown} MB are free, {wanted} MB should be", disks.len());
        Found::partly(free / bound, text)
            .with("free_bytes", *free)
            .with("wanted_bytes", *bound)
            .with("path", path)
            .with("disks", disks.len())
    }
}
