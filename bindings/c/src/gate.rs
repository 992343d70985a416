//! Gates: may the next step be taken?

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use dsmil::gate::{Engine, GateFile, Labels, Lint, MetricsText, Pushed, Samples, State, TestFile};

use crate::call::call;
use crate::causes::unreadable;
use crate::failure::{Failure, c_text};
use crate::forked::Turns;
use crate::label::{dsmil_label, labels as labels_of, metric as metric_of, time};
use crate::library::give;
use crate::pointer::{Out, free, handle, optional_text, path, shared, text};
use crate::status::dsmil_status;
use crate::verdict::dsmil_verdict;

/// After so many samples what no rule looks at any more is dropped.
const TIDY_EVERY: usize = 100_000;

/// The gates of a file, with what was recorded for them. Threads may share it: one uses it at a time, the others
/// wait. A child made by fork() goes on with a copy of its own; only if another thread was using it at that moment
/// the child's copy answers DSMIL_ERROR_FORKED.
///
/// What no rule looks at any more is dropped by dsmil_gate_evaluate() after every 100,000 samples.
pub struct dsmil_gate {
    file: GateFile,
    fingerprint: CString,
    lints: Vec<LintTexts>,
    live: Turns<Live>,
}

/// What a gate remembers from one evaluation to the next.
struct Live {
    engine: Engine,
    samples: Samples,
    since_tidied: usize,
}

struct LintTexts {
    line: u32,
    subject: CString,
    what: CString,
    remedy: CString,
}

/// A doubt about a gate file that can be used. Its texts belong to the gate.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_lint {
    /// What it is about, such as "rule cpu".
    pub subject: *const c_char,
    /// What is doubtful.
    pub what: *const c_char,
    /// What to do about it.
    pub remedy: *const c_char,
    /// Its line, from 1.
    pub line: u32,
}

impl From<&Lint> for LintTexts {
    fn from(lint: &Lint) -> Self {
        Self {
            line: u32::try_from(lint.line).unwrap_or(0),
            subject: c_text(&lint.subject),
            what: c_text(&lint.what),
            remedy: c_text(lint.remedy),
        }
    }
}

impl dsmil_gate {
    fn new(file: GateFile) -> Self {
        let live = Live { engine: Engine::new(file.clone()), samples: Samples::new(), since_tidied: 0 };
        Self {
            fingerprint: c_text(file.fingerprint()),
            lints: file.lint().iter().map(LintTexts::from).collect(),
            live: Turns::new(live),
            file,
        }
    }

    pub(crate) fn file(&self) -> &GateFile {
        &self.file
    }

    fn record(&self, metric: &str, labels: &Labels, act: impl FnOnce(&mut Samples) -> Pushed) -> Result<(), Failure> {
        let mut live = self.live.take("gate")?;
        live.since_tidied += 1;
        match act(&mut live.samples) {
            Pushed::Conflict => {
                let what = format!("{metric}{labels}: another value was recorded for that time already; the first stays");
                Err(Failure::new(dsmil_status::DSMIL_ERROR_CONFLICT, &what))
            }
            _ => Ok(()),
        }
    }
}

impl Live {
    fn evaluate(&mut self, now: i64) -> dsmil_verdict {
        if self.since_tidied >= TIDY_EVERY {
            self.samples.prune(now.saturating_sub(self.engine.file().longest_look_back()));
            self.since_tidied = 0;
        }
        dsmil_verdict::new(Arc::new(self.engine.evaluate(&self.samples, now)))
    }
}

/// The text of a file that people write, as far as one is read.
fn read(path: &Path) -> Result<String, Failure> {
    let longest = GateFile::MAX_BYTES as u64 + 1;
    let open = || {
        let mut text = String::new();
        File::open(path)?.take(longest).read_to_string(&mut text)?;
        Ok(text)
    };
    open().map_err(|error: io::Error| unreadable(path, &error))
}

/// The gates of a file.
pub(crate) fn load(path: &Path) -> Result<GateFile, Failure> {
    Ok(GateFile::parse(&read(path)?, &path.display().to_string())?)
}

/// Reads a gate file.
///
/// *gate is to be freed with dsmil_gate_free(). Blocks for the file. Any thread.
/// Errors: DSMIL_ERROR_NULL, _FILE (it can't be read), _GATES (the detail has line and key of what is wrong first,
/// the message all).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_load(path: *const c_char, gate: *mut *mut dsmil_gate) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(gate, "gate") }?;
        // SAFETY: the header asks for a string.
        out.set(handle(dsmil_gate::new(load(unsafe { self::path(path, "path") }?)?)));
        Ok(())
    })
}

/// Reads the text of a gate file. `name` stands for the file in messages; NULL is "gates".
///
/// *gate is to be freed with dsmil_gate_free(). Never blocks; any thread. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _GATES.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_parse(
    content: *const c_char,
    name: *const c_char,
    gate: *mut *mut dsmil_gate,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(gate, "gate") }?;
        // SAFETY: the header asks for a string, and for NULL or one.
        let (content, name) = unsafe { (text(content, "content")?, optional_text(name, "name")?) };
        out.set(handle(dsmil_gate::new(GateFile::parse(content, name.unwrap_or("gates"))?)));
        Ok(())
    })
}

/// Frees a gate. NULL is fine; verdicts go on. Never blocks. No other thread may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_free(gate: *mut dsmil_gate) {
    // SAFETY: the header asks for NULL or a live gate.
    if unsafe { gate.as_ref() }.is_some_and(|gate| gate.live.is_whole()) {
        // SAFETY: the header asks for a gate that is not used again. One that is half changed can't be dropped, and is left.
        unsafe { free(gate) }
    }
}

/// What the file says, as 64 hexadecimal digits: comments, spaces and the order of keys don't change it. NULL for
/// NULL.
///
/// The text belongs to the gate. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_fingerprint(gate: *const dsmil_gate) -> *const c_char {
    // SAFETY: the header asks for NULL or a live gate.
    unsafe { gate.as_ref() }.map_or(std::ptr::null(), |gate| gate.fingerprint.as_ptr())
}

/// What the gates decide on these metrics alone, at a time in milliseconds since the Unix epoch or DSMIL_NOW: nothing
/// that was recorded counts, and nothing is remembered. A rule that must fail for a time before it fires is pending,
/// and holds.
///
/// `metrics` is a JSON object with a key for each metric: {"cpu_percent": 40.0, "disk_free_bytes": [{"labels":
/// {"path": "/"}, "value": 1e9, "at": "2026-11-21T12:00:00Z"}]}. What has no "at" was observed at that very time;
/// null could not be read.
///
/// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _METRICS (the message names the metric). Then there is no verdict, and that
/// is no go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_check_json(
    gate: *const dsmil_gate,
    metrics: *const c_char,
    at_ms: i64,
    verdict: *mut *mut dsmil_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(verdict, "verdict") }?;
        // SAFETY: the header asks for NULL or a live gate, and for a string.
        let (gate, metrics) = unsafe { (shared(gate, "gate")?, text(metrics, "metrics")?) };
        let now = time(at_ms);
        let mut samples = Samples::new();
        MetricsText::parse(metrics, now)?.pour(&mut samples);
        let evaluation = Engine::new(gate.file.clone()).evaluate(&samples, now);
        out.set(handle(dsmil_verdict::new(Arc::new(evaluation))));
        Ok(())
    })
}

/// Records an observation for dsmil_gate_evaluate(): of a metric with these labels (NULL and 0 for none), at a time in
/// milliseconds since the Unix epoch or DSMIL_NOW. One that comes late takes its place in time.
///
/// Blocks for other threads' calls on the gate. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (a name that is none), _CONFLICT (another value for that time; the first
/// stays), _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_record(
    gate: *const dsmil_gate,
    metric: *const c_char,
    labels: *const dsmil_label,
    label_count: usize,
    at_ms: i64,
    value: f64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live gate, a string, and so many labels.
        let (gate, metric, labels) = unsafe { (shared(gate, "gate")?, metric_of(metric)?, labels_of(labels, label_count)?) };
        gate.record(metric, &labels, |samples| samples.record(metric, &labels, time(at_ms), value))
    })
}

/// Records that a series ends at a time: from then on it has no value and is not missed, until it is recorded again.
/// One that just falls silent is missed.
///
/// Blocks for other threads' calls on the gate. Threads may share. Errors: as dsmil_gate_record().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_record_end(
    gate: *const dsmil_gate,
    metric: *const c_char,
    labels: *const dsmil_label,
    label_count: usize,
    at_ms: i64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live gate, a string, and so many labels.
        let (gate, metric, labels) = unsafe { (shared(gate, "gate")?, metric_of(metric)?, labels_of(labels, label_count)?) };
        gate.record(metric, &labels, |samples| {
            let series = samples.series(metric, &labels);
            samples.push_stale(series, time(at_ms))
        })
    })
}

/// Says that a metric can't be read, and why; with NULL for `why` that it can be read again. Until then every rule
/// that looks at it is a failing rule.
///
/// Blocks for other threads' calls on the gate. Threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_record_unreadable(
    gate: *const dsmil_gate,
    metric: *const c_char,
    why: *const c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live gate, a string, and for NULL or one.
        let (gate, metric, why) = unsafe { (shared(gate, "gate")?, metric_of(metric)?, optional_text(why, "why")?) };
        gate.live.take("gate")?.samples.set_error(metric, why);
        Ok(())
    })
}

/// Drops the recorded samples from before a time, but for the newest of each series.
///
/// Blocks for other threads' calls on the gate. Threads may share. Errors: DSMIL_ERROR_NULL, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_forget(gate: *const dsmil_gate, before_ms: i64) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live gate.
        unsafe { shared(gate, "gate") }?.live.take("gate")?.samples.prune(time(before_ms));
        Ok(())
    })
}

/// Carries all states on to a time, in milliseconds since the Unix epoch or DSMIL_NOW, and tells what the gates
/// decide on what was recorded. What was observed after that time is not seen.
///
/// *verdict is to be freed with dsmil_verdict_free(). Blocks for other threads' calls on the gate. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _FORKED. Then there is no verdict, and that is no go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_evaluate(
    gate: *const dsmil_gate,
    at_ms: i64,
    verdict: *mut *mut dsmil_verdict,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(verdict, "verdict") }?;
        // SAFETY: the header asks for NULL or a live gate.
        let gate = unsafe { shared(gate, "gate") }?;
        out.set(handle(gate.live.take("gate")?.evaluate(time(at_ms))));
        Ok(())
    })
}

/// The states of all rules, as one line of JSON: what must survive a restart. The samples are not in it.
///
/// *state is to be freed with dsmil_string_free(). Blocks for other threads' calls on the gate. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _FORKED, _ENCODE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_save(gate: *const dsmil_gate, state: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(state, "state") }?;
        // SAFETY: the header asks for NULL or a live gate.
        let saved = unsafe { shared(gate, "gate") }?.live.take("gate")?.engine.save();
        out.set(give(&serde_json::to_string(&saved)?));
        Ok(())
    })
}

/// Goes on from a saved state as if the program had never stopped, also with what is only kept firing. Record the
/// samples that the rules look back at again.
///
/// Blocks for other threads' calls on the gate. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _GATE_STATE (it is of other gates, or was changed: the gate stays as it is),
/// _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_restore(gate: *const dsmil_gate, state: *const c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live gate, and for a string.
        let (gate, state) = unsafe { (shared(gate, "gate")?, text(state, "state")?) };
        let saved: State = serde_json::from_str(state).map_err(|error| {
            let what = format!("restore the gate state: this is none: {error}; start without it");
            Failure::new(dsmil_status::DSMIL_ERROR_GATE_STATE, &what)
        })?;
        Ok(gate.live.take("gate")?.engine.restore(&saved)?)
    })
}

/// How many doubts there are about the file; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_lint_count(gate: *const dsmil_gate) -> usize {
    // SAFETY: the header asks for NULL or a live gate.
    unsafe { gate.as_ref() }.map_or(0, |gate| gate.lints.len())
}

/// One doubt about the file, by its position from 0, in the order of the lines: a rule that can never fire or always
/// does, a missing unit, a gate that can never open.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_lint(gate: *const dsmil_gate, index: usize, lint: *mut dsmil_lint) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(lint, "lint") }?;
        // SAFETY: the header asks for NULL or a live gate.
        let gate = unsafe { shared(gate, "gate") }?;
        let missing = || Failure::argument("index", &format!("{index} where there are {} doubts", gate.lints.len()));
        let found = gate.lints.get(index).ok_or_else(missing)?;
        out.set(dsmil_lint {
            subject: found.subject.as_ptr(),
            what: found.what.as_ptr(),
            remedy: found.remedy.as_ptr(),
            line: found.line,
        });
        Ok(())
    })
}

/// The rules as alerting rules for Prometheus (YAML), with the same meaning, in a group of this name. *not_expressed,
/// which may be NULL, tells how much Prometheus can't express: each stands as a comment at the head of the text.
///
/// *yaml is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL,
/// _ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_export_prometheus(
    gate: *const dsmil_gate,
    group: *const c_char,
    yaml: *mut *mut c_char,
    not_expressed: *mut usize,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(yaml, "yaml") }?;
        // SAFETY: the header asks for NULL or a live gate, and for a string.
        let (gate, group) = unsafe { (shared(gate, "gate")?, text(group, "group")?) };
        let exported = gate.file.to_prometheus(group);
        if let Some(count) = NonNull::new(not_expressed) {
            // SAFETY: not NULL, and the header asks for room for a number.
            unsafe { count.write(exported.not_expressed.len()) };
        }
        out.set(give(&exported.yaml));
        Ok(())
    })
}

/// Runs the tests of a test file against the gate file that it names, in virtual time. *held and *failed tell how
/// many of its expectations did and did not hold, *report says in words which did not: that is no error. `report` may
/// be NULL.
///
/// *report is to be freed with dsmil_string_free(). Blocks for the files and for as long as the tests take. Any
/// thread.
/// Errors: DSMIL_ERROR_NULL, _FILE, _GATES.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_gate_test_file(
    path: *const c_char,
    held: *mut usize,
    failed: *mut usize,
    report: *mut *mut c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for numbers.
        let (held, failed) = unsafe { (Out::new(held, "held")?, Out::new(failed, "failed")?) };
        // SAFETY: the header asks for a string.
        let path = unsafe { self::path(path, "path") }?;
        let tests = TestFile::parse(&read(path)?, &path.display().to_string())?;
        let found = tests.run(&load(&path.parent().unwrap_or(Path::new("")).join(tests.gates()))?);
        if let Some(report) = NonNull::new(report) {
            // SAFETY: not NULL, and the header asks for room for a pointer.
            unsafe { report.write(give(&found.to_string())) };
        }
        held.set(found.held);
        failed.set(found.failures.len());
        Ok(())
    })
}
