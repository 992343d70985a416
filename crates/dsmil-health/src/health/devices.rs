//! Whether the devices answer, in time and without errors.

use dsmil_gate::Labels;

use super::view::{Fresh, View, name_of, number, some_of};
use crate::{Band, Check, CheckFn, Context, Found, Kind};

/// `devices-answer`: the share of the devices that answer in time.
pub(crate) struct Answer {
    pub(crate) look_back: i64,
    pub(crate) latency_ms: f64,
}

impl CheckFn for Answer {
    fn check(&self) -> Check {
        Check::new("devices-answer", Kind::Health, 3.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        if let Err(why) = view.readable("device_up").and_then(|()| view.readable("device_latency_ms")) {
            return Found::could_not_run(why);
        }
        let any = Labels::default();
        let (mut known, mut slow, mut down) = (0, Vec::new(), Vec::new());
        for series in view.series("device_up", &any) {
            let name = name_of(series.labels(), "device").to_owned();
            match view.fresh(series) {
                Fresh::Ended => continue,
                Fresh::Value(sample) if sample.value > 0.0 => match latency(&view, series.labels()) {
                    Some(latency) if latency < self.latency_ms => {}
                    Some(latency) => slow.push(format!("{name} ({} ms)", number(latency))),
                    None => slow.push(format!("{name} (no latency known)")),
                },
                Fresh::Value(_) | Fresh::Silent(_) => down.push(name),
            }
            known += 1;
        }
        if known == 0 {
            return Found::could_not_run(view.nothing("device_up", &any));
        }
        let in_time = known - slow.len() - down.len();
        let mut text = format!("{in_time} of {known} devices answer within {} ms", number(self.latency_ms));
        for (what, names) in [("not answering", &down), ("too late", &slow)] {
            if !names.is_empty() {
                text = format!("{text}; {what}: {}", some_of(names));
            }
        }
        Found::partly(in_time as f64 / known as f64, text)
            .with("devices", known)
            .with("in_time", in_time)
            .with("down", down)
            .with("slow", slow)
    }
}

/// The newest latency of the same device.
fn latency(view: &View<'_>, device: &Labels) -> Option<f64> {
    let latencies = view.samples.matching("device_latency_ms", device);
    let mut same = latencies.filter(|(labels, _)| *labels == device).filter_map(|(_, id)| view.samples.get(id));
    same.find_map(|series| match view.fresh(series) {
        Fresh::Value(sample) => Some(sample.value),
        Fresh::Silent(_) | Fresh::Ended => None,
    })
}

/// `device-errors`: the errors of all devices together.
pub(crate) struct Errors {
    pub(crate) look_back: i64,
    pub(crate) band: Band,
}

impl CheckFn for Errors {
    fn check(&self) -> Check {
        Check::new("device-errors", Kind::Health, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        match super::machine::average(&view, "device_error_percent") {
            Ok(percent) => {
                let text = format!("{} % of the requests fail; at most {} % may", number(percent), number(self.band.full));
                Found::partly(self.band.share(percent), text).with("error_percent", percent)
            }
            Err(why) => Found::could_not_run(why),
        }
    }
}
