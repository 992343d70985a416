//! Whether the samplers keep their time, and succeed.

use std::collections::BTreeSet;

use dsmil_gate::Labels;

use super::view::{Fresh, View, name_of, some_of};
use crate::{Check, CheckFn, Context, Found, Kind};

/// `sampler-ticks`: the share of the samplers that were neither late nor missed a tick within the look-back.
pub(crate) struct Ticks {
    pub(crate) look_back: i64,
}

impl CheckFn for Ticks {
    fn check(&self) -> Check {
        Check::new("sampler-ticks", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let mut tally = Tally::default();
        for metric in ["sampler_missed_total", "sampler_late_total"] {
            if let Err(why) = tally.count(&view, metric) {
                return Found::could_not_run(why);
            }
        }
        tally.found("kept their time", "late, missed or silent")
    }
}

/// `sampler-failures`: the share of the samplers that work, and did so for the whole look-back.
pub(crate) struct Failures {
    pub(crate) look_back: i64,
}

impl CheckFn for Failures {
    fn check(&self) -> Check {
        Check::new("sampler-failures", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let view = View { samples: context.samples, now, look_back: self.look_back };
        let mut tally = Tally::default();
        if let Err(why) = tally.count(&view, "sampler_failures_total").and_then(|()| tally.up(&view)) {
            return Found::could_not_run(why);
        }
        tally.found("worked throughout", "failing or silent")
    }
}

/// Samplers, and those of them with which something is wrong.
#[derive(Default)]
struct Tally {
    all: BTreeSet<String>,
    bad: BTreeSet<String>,
}

impl Tally {
    /// Those whose counter grew, or fell silent.
    fn count(&mut self, view: &View<'_>, metric: &str) -> Result<(), String> {
        self.look_at(view, metric, |series| {
            let grown = view.increase(series);
            grown.is_nan() || grown > 0.0
        })
    }

    /// Those that are not up.
    fn up(&mut self, view: &View<'_>) -> Result<(), String> {
        self.look_at(view, "sampler_up", |series| !series.newest(view.now).is_some_and(|sample| sample.value > 0.0))
    }

    fn look_at(&mut self, view: &View<'_>, metric: &str, is_bad: impl Fn(&dsmil_gate::Series) -> bool) -> Result<(), String> {
        view.readable(metric)?;
        let any = Labels::default();
        let mut seen = false;
        for series in view.series(metric, &any) {
            let bad = match view.fresh(series) {
                Fresh::Ended => continue,
                Fresh::Silent(_) => true,
                Fresh::Value(_) => is_bad(series),
            };
            let name = name_of(series.labels(), "sampler");
            self.all.insert(name.to_owned());
            if bad {
                self.bad.insert(name.to_owned());
            }
            seen = true;
        }
        if seen { Ok(()) } else { Err(view.nothing(metric, &any)) }
    }

    fn found(self, good: &str, wrong: &str) -> Found {
        let (all, bad) = (self.all.len(), self.bad.into_iter().collect::<Vec<_>>());
        let fine = all - bad.len();
        let mut text = format!("{fine} of {all} samplers {good}");
        if !bad.is_empty() {
            text = format!("{text}; {wrong}: {}", some_of(&bad));
        }
        Found::partly(fine as f64 / all as f64, text).with("samplers", all).with("fine", fine).with("bad", bad)
    }
}
