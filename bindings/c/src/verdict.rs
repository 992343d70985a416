//! A verdict: what gates decide, and on what evidence.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

use dsmil::gate::{Evaluation, Phase, Verdict};

use crate::call::call;
use crate::failure::{Failure, c_text};
use crate::library::give;
use crate::pointer::{Out, free, shared, text};
use crate::status::dsmil_status;

/// What is decided, from best to worst: of several the greatest counts.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_decision {
    /// The step may be taken.
    DSMIL_DECISION_GO = 0,
    /// Not now: wait and look again.
    DSMIL_DECISION_HOLD = 1,
    /// The step must not be taken.
    DSMIL_DECISION_NO_GO = 2,
    /// What was done must be taken back.
    DSMIL_DECISION_ROLL_BACK = 3,
}

/// The state of a rule: the worst of its alerts.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_phase {
    /// Nothing fails.
    DSMIL_PHASE_INACTIVE = 0,
    /// It fails, but not yet for long enough.
    DSMIL_PHASE_PENDING = 1,
    /// It failed for long enough.
    DSMIL_PHASE_FIRING = 2,
}

impl From<Verdict> for dsmil_decision {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Go => Self::DSMIL_DECISION_GO,
            Verdict::Hold => Self::DSMIL_DECISION_HOLD,
            Verdict::NoGo => Self::DSMIL_DECISION_NO_GO,
            Verdict::RollBack => Self::DSMIL_DECISION_ROLL_BACK,
        }
    }
}

impl From<Phase> for dsmil_phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Inactive => Self::DSMIL_PHASE_INACTIVE,
            Phase::Pending => Self::DSMIL_PHASE_PENDING,
            Phase::Firing => Self::DSMIL_PHASE_FIRING,
        }
    }
}

/// What one gate of a file decides. Its texts belong to the verdict.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_gate_verdict {
    /// Its name.
    pub name: *const c_char,
    /// Why the gate is as it is, as its file says, or NULL.
    pub justification: *const c_char,
    /// The share of the weights that go, 0 to 1, if has_score.
    pub score: f64,
    /// What the score must reach, if has_score.
    pub threshold: f64,
    /// When to look again, in milliseconds since the Unix epoch, if has_look_again.
    pub look_again_at_ms: i64,
    /// How many members don't go: dsmil_verdict_gate_reason() says why. A gate that goes may have some, if others
    /// outvoted them.
    pub reasons: usize,
    /// May the step be taken?
    pub decision: dsmil_decision,
    /// Whether a person is to be called.
    pub must_escalate: bool,
    /// Whether score and threshold mean something.
    pub has_score: bool,
    /// Whether look_again_at_ms means something.
    pub has_look_again: bool,
}

/// Where one rule stands. Its texts belong to the verdict.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_rule_verdict {
    /// Its name.
    pub name: *const c_char,
    /// Why it could not be evaluated, or NULL.
    pub error: *const c_char,
    /// What it asks for.
    pub decision: dsmil_decision,
    /// The worst of its alerts.
    pub phase: dsmil_phase,
    /// Whether evidence that it needs is not there.
    pub is_missing: bool,
}

/// Where one zone is. Its texts belong to the verdict.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_zone_verdict {
    /// Its name.
    pub name: *const c_char,
    /// The band that it is in.
    pub band: *const c_char,
    /// What the band means.
    pub decision: dsmil_decision,
}

/// What gates decide at a time, and on what evidence. It never changes, so that threads may share it; it outlives the
/// gate or the monitor that it is of, and is as good in a child made by fork().
pub struct dsmil_verdict {
    evaluation: Arc<Evaluation>,
    reasons: Vec<CString>,
    gates: Vec<GateTexts>,
    rules: Vec<(CString, Option<CString>)>,
    zones: Vec<(CString, CString)>,
}

struct GateTexts {
    name: CString,
    justification: Option<CString>,
    reasons: Vec<CString>,
}

fn texts(list: &[String]) -> Vec<CString> {
    list.iter().map(|text| c_text(text)).collect()
}

fn or_null(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

impl dsmil_verdict {
    pub(crate) fn new(evaluation: Arc<Evaluation>) -> Self {
        let gates = evaluation.gates.iter().map(|gate| GateTexts {
            name: c_text(&gate.name),
            justification: gate.justification.as_deref().map(c_text),
            reasons: texts(&gate.reasons),
        });
        let rules = evaluation.rules.iter().map(|rule| (c_text(&rule.name), rule.error.as_deref().map(c_text)));
        let zones = evaluation.zones.iter().map(|zone| (c_text(&zone.name), c_text(&zone.band)));
        Self {
            reasons: texts(&evaluation.reasons()),
            gates: gates.collect(),
            rules: rules.collect(),
            zones: zones.collect(),
            evaluation,
        }
    }

    fn gate(&self, index: usize) -> Option<dsmil_gate_verdict> {
        let (gate, texts) = (self.evaluation.gates.get(index)?, self.gates.get(index)?);
        Some(dsmil_gate_verdict {
            name: texts.name.as_ptr(),
            justification: or_null(texts.justification.as_ref()),
            score: gate.score.unwrap_or_default(),
            threshold: gate.threshold.unwrap_or_default(),
            look_again_at_ms: gate.look_again_at.unwrap_or_default(),
            reasons: texts.reasons.len(),
            decision: gate.verdict.into(),
            must_escalate: gate.escalate,
            has_score: gate.score.is_some() && gate.threshold.is_some(),
            has_look_again: gate.look_again_at.is_some(),
        })
    }

    fn rule(&self, index: usize) -> Option<dsmil_rule_verdict> {
        let (rule, (name, error)) = (self.evaluation.rules.get(index)?, self.rules.get(index)?);
        Some(dsmil_rule_verdict {
            name: name.as_ptr(),
            error: or_null(error.as_ref()),
            decision: rule.verdict.into(),
            phase: rule.state.into(),
            is_missing: rule.missing,
        })
    }

    fn zone(&self, index: usize) -> Option<dsmil_zone_verdict> {
        let (zone, (name, band)) = (self.evaluation.zones.get(index)?, self.zones.get(index)?);
        Some(dsmil_zone_verdict { name: name.as_ptr(), band: band.as_ptr(), decision: zone.verdict.into() })
    }
}

/// What was asked for by its name, if it is there.
fn named<T>(noun: &str, name: &str, found: Option<T>) -> Result<T, Failure> {
    found.ok_or_else(|| Failure::argument("name", &format!("the gate file has no {noun} {name}")))
}

/// What is decided: the worst of all gates of the file; of all rules, if it has no gate. DSMIL_DECISION_NO_GO for
/// NULL: what isn't there lets no step be taken.
///
/// Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_of(verdict: *const dsmil_verdict) -> dsmil_decision {
    // SAFETY: the header asks for NULL or a live verdict.
    let verdict = unsafe { verdict.as_ref() };
    verdict.map_or(dsmil_decision::DSMIL_DECISION_NO_GO, |verdict| verdict.evaluation.verdict.into())
}

/// Whether the step may be taken; false for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_go(verdict: *const dsmil_verdict) -> bool {
    // SAFETY: the header asks for NULL or a live verdict.
    unsafe { dsmil_verdict_of(verdict) == dsmil_decision::DSMIL_DECISION_GO }
}

/// The time that it is of, in milliseconds since the Unix epoch; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_at(verdict: *const dsmil_verdict) -> i64 {
    // SAFETY: the header asks for NULL or a live verdict.
    unsafe { verdict.as_ref() }.map_or(0, |verdict| verdict.evaluation.at)
}

/// How many reasons there are why it isn't go: 0 if it is, and for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_reason_count(verdict: *const dsmil_verdict) -> usize {
    // SAFETY: the header asks for NULL or a live verdict.
    unsafe { verdict.as_ref() }.map_or(0, |verdict| verdict.reasons.len())
}

/// One reason why it isn't go, by its position from 0; NULL where there is none. They are those of the gates that
/// don't go, in the order of the file and each once; those of the rules, if the file has no gate.
///
/// The text belongs to the verdict. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_reason(verdict: *const dsmil_verdict, index: usize) -> *const c_char {
    // SAFETY: the header asks for NULL or a live verdict.
    or_null(unsafe { verdict.as_ref() }.and_then(|verdict| verdict.reasons.get(index)))
}

/// How many gates the file has; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_gate_count(verdict: *const dsmil_verdict) -> usize {
    // SAFETY: the header asks for NULL or a live verdict.
    unsafe { verdict.as_ref() }.map_or(0, |verdict| verdict.gates.len())
}

/// What one gate decides, by its position from 0 in the file.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_gate_get(
    verdict: *const dsmil_verdict,
    index: usize,
    gate: *mut dsmil_gate_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(gate, "gate") }?;
        // SAFETY: the header asks for NULL or a live verdict.
        let verdict = unsafe { shared(verdict, "verdict") }?;
        let missing = || Failure::argument("index", &format!("{index} where there are {} gates", verdict.gates.len()));
        out.set(verdict.gate(index).ok_or_else(missing)?);
        Ok(())
    })
}

/// What one gate decides, by its name.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such gate).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_gate(
    verdict: *const dsmil_verdict,
    name: *const c_char,
    gate: *mut dsmil_gate_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(gate, "gate") }?;
        // SAFETY: the header asks for NULL or a live verdict, and for a string.
        let (verdict, name) = unsafe { (shared(verdict, "verdict")?, text(name, "name")?) };
        let index = verdict.evaluation.gates.iter().position(|gate| gate.name == name);
        out.set(named("gate", name, index.and_then(|index| verdict.gate(index)))?);
        Ok(())
    })
}

/// Why one member of a gate doesn't go, both by their positions from 0; NULL where there is none.
///
/// The text belongs to the verdict. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_gate_reason(verdict: *const dsmil_verdict, gate: usize, index: usize) -> *const c_char {
    // SAFETY: the header asks for NULL or a live verdict.
    let gate = unsafe { verdict.as_ref() }.and_then(|verdict| verdict.gates.get(gate));
    or_null(gate.and_then(|gate| gate.reasons.get(index)))
}

/// Where one rule stands, by its name.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such rule).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_rule(
    verdict: *const dsmil_verdict,
    name: *const c_char,
    rule: *mut dsmil_rule_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(rule, "rule") }?;
        // SAFETY: the header asks for NULL or a live verdict, and for a string.
        let (verdict, name) = unsafe { (shared(verdict, "verdict")?, text(name, "name")?) };
        let index = verdict.evaluation.rules.iter().position(|rule| rule.name == name);
        out.set(named("rule", name, index.and_then(|index| verdict.rule(index)))?);
        Ok(())
    })
}

/// Where one zone is, by its name.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such zone).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_zone(
    verdict: *const dsmil_verdict,
    name: *const c_char,
    zone: *mut dsmil_zone_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(zone, "zone") }?;
        // SAFETY: the header asks for NULL or a live verdict, and for a string.
        let (verdict, name) = unsafe { (shared(verdict, "verdict")?, text(name, "name")?) };
        let index = verdict.evaluation.zones.iter().position(|zone| zone.name == name);
        out.set(named("zone", name, index.and_then(|index| verdict.zone(index)))?);
        Ok(())
    })
}

/// Everything: the gates, zones and rules with their evidence, as one line of JSON. The same samples give the same
/// bytes.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_json(verdict: *const dsmil_verdict, json: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(json, "json") }?;
        // SAFETY: the header asks for NULL or a live verdict.
        out.set(give(&unsafe { shared(verdict, "verdict") }?.evaluation.to_json()));
        Ok(())
    })
}

/// Everything in words, over several lines.
///
/// *words is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_text(verdict: *const dsmil_verdict, words: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(words, "words") }?;
        // SAFETY: the header asks for NULL or a live verdict.
        out.set(give(&unsafe { shared(verdict, "verdict") }?.evaluation.to_string()));
        Ok(())
    })
}

/// Frees a verdict. NULL is fine. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_verdict_free(verdict: *mut dsmil_verdict) {
    // SAFETY: the header asks for NULL or a verdict that is not used again.
    unsafe { free(verdict) }
}

/// The stable name of a decision: "go", "hold", "no-go", "roll-back"; "unknown" for a number that is none.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_decision_name(decision: i32) -> *const c_char {
    let names = [c"go", c"hold", c"no-go", c"roll-back"];
    usize::try_from(decision).ok().and_then(|index| names.get(index)).map_or(c"unknown", |name| *name).as_ptr()
}
