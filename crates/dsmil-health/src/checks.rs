//! Runs the checks and makes the scores.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use dsmil_gate::{Labels, Measurement};
use serde::Serialize;

use crate::security::AuditAnchor;
use crate::security::audit_chain::AuditChain;
use crate::{
    Check, CheckFn, CheckResult, Context, Found, HealthError, Kind, Score, ScoresConfig, Source, attest, health, security,
};

/// Both scores of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// How well the machine and its devices are.
    pub health: Score,
    /// How well they are guarded.
    pub security: Score,
}

impl Scores {
    /// `health_score`, `security_score` (0 to 100), and `check_passed{check}` (1 or 0) for each check, at a time; attestations
    /// have the label `source="external"` too.
    pub fn measurements(&self, at: i64) -> Vec<Measurement> {
        let mut all = vec![
            Measurement::new("health_score", at, self.health.value),
            Measurement::new("security_score", at, self.security.value),
        ];
        for check in self.health.checks.iter().chain(&self.security.checks) {
            let mut labels = vec![("check", check.name.as_str())];
            if check.source == Source::External {
                labels.push(("source", "external"));
            }
            let passed = f64::from(u8::from(check.has_passed()));
            all.push(Measurement::new("check_passed", at, passed).with_labels(labels.into_iter().collect::<Labels>()));
        }
        all
    }

    /// As JSON. The order of everything is fixed.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "health": self.health.to_json(), "security": self.security.to_json() })
    }
}

struct Slot {
    check: Check,
    run: Box<dyn CheckFn>,
}

/// Gathers checks. Made by [`Checks::builder`].
pub struct Builder {
    config: ScoresConfig,
    slots: Vec<Slot>,
    audit: AuditChain,
}

impl Builder {
    /// Adds a check. Its name, kind and weight are asked for once, here.
    #[must_use]
    pub fn register(mut self, run: Box<dyn CheckFn>) -> Self {
        self.slots.push(Slot { check: run.check(), run });
        self
    }

    /// The checks, with the weights of the configuration.
    ///
    /// # Errors
    /// [`HealthError`], by what is wrong with the configuration or with what was registered.
    pub fn build(self) -> Result<Checks, HealthError> {
        let Self { config, mut slots, audit } = self;
        config.check()?;
        let mut names = BTreeSet::new();
        for Slot { check, .. } in &slots {
            check_name(check)?;
            if !names.insert(check.name.clone()) {
                return Err(HealthError::DuplicateCheck { name: check.name.clone() });
            }
        }
        let known = || names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let of_weights = config.weights.keys().map(|name| (format!("scores.weights.{name}"), name));
        for (key, name) in of_weights.chain(config.disabled.iter().map(|name| ("scores.disabled".to_owned(), name))) {
            if !names.contains(name) {
                return Err(HealthError::UnknownCheck { key, name: name.clone(), known: known() });
            }
        }
        for Slot { check, .. } in &mut slots {
            if let Some(weight) = config.weights.get(&check.name) {
                check.weight = *weight;
            }
        }
        let (off, on): (Vec<_>, Vec<_>) = slots.into_iter().partition(|slot| config.disabled.contains(&slot.check.name));
        let disabled = off.into_iter().map(|slot| (slot.check.kind, slot.check.name)).collect();
        Ok(Checks { slots: on, disabled, audit })
    }
}

fn check_name(check: &Check) -> Result<(), HealthError> {
    let Check { name, weight, .. } = check;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        let what = "the name of a check is 1 to 64 lower-case letters, digits and hyphens";
        return Err(HealthError::config(format!("check {name:?}"), what, "rename it"));
    }
    crate::config::check_weight(&format!("check {name}"), *weight)
}

/// The checks, ready to run again and again.
pub struct Checks {
    slots: Vec<Slot>,
    disabled: Vec<(Kind, String)>,
    audit: AuditChain,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.slots.iter().map(|slot| &slot.check.name).collect();
        f.debug_struct("Checks").field("checks", &names).field("disabled", &self.disabled).finish_non_exhaustive()
    }
}

impl Checks {
    /// The built-in checks.
    ///
    /// # Errors
    /// [`HealthError`], by what is wrong with the configuration.
    pub fn new(config: ScoresConfig) -> Result<Self, HealthError> {
        Self::builder(config).build()
    }

    /// The built-in checks, and those that are registered next.
    pub fn builder(config: ScoresConfig) -> Builder {
        let audit = AuditChain::new(&config);
        let attested = config.attestations.iter().map(|one| attest::check(one, config.look_back.as_millis()));
        let built_in = health::checks(&config).into_iter().chain(security::checks(&config, audit.clone())).chain(attested);
        let slots = built_in.map(|run| Slot { check: run.check(), run }).collect();
        Builder { config, slots, audit }
    }

    /// What is checked, in order, with the weights that count.
    pub fn list(&self) -> impl Iterator<Item = &Check> {
        self.slots.iter().map(|slot| &slot.check)
    }

    /// Runs every check and makes both scores. `now` is in milliseconds since the Unix epoch.
    ///
    /// Blocks for the disk, for the device (at most its deadlines), and now and then for a verification of the whole audit log.
    /// Give it a thread that may wait.
    pub fn run(&mut self, context: &Context<'_>, now: i64) -> Scores {
        let mut results = [Vec::new(), Vec::new()];
        for Slot { check, run } in &mut self.slots {
            let begun = Instant::now();
            let found = catch_unwind(AssertUnwindSafe(|| run.run(context, now))).unwrap_or_else(|panic| {
                let what = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Found::could_not_run(format!("the check panicked, which is a fault of the program: {what}"))
            });
            let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
            results[usize::from(check.kind == Kind::Security)].push(CheckResult::new(check, found, now, took_ms));
        }
        let [health, security] = results;
        let disabled = |kind| self.disabled.iter().filter(|(of, _)| *of == kind).map(|(_, name)| name.clone()).collect();
        Scores {
            health: Score::new(Kind::Health, health, disabled(Kind::Health)),
            security: Score::new(Kind::Security, security, disabled(Kind::Security)),
        }
    }

    /// How far the audit log was found sound. Keep it out of reach of whoever can write to the log, and give it back after a
    /// restart: what is cut off or written anew in between is then seen.
    pub fn audit_anchor(&self) -> Option<AuditAnchor> {
        self.audit.anchor()
    }

    /// Goes on from an anchor. The next run verifies the whole log against it.
    pub fn set_audit_anchor(&mut self, anchor: AuditAnchor) {
        self.audit.set_anchor(anchor);
    }
}
