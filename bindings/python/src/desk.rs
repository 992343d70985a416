//! Samplers that are functions of Python. The sampler's thread asks, and a thread of Python's own answers: a callback that hangs
//! holds up nothing but itself, and no thread of ours is inside the interpreter when that ends.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dsmil::gate::MetricsText;
use dsmil::sample::{Batch, SampleError, Sampler, Scheduled};
use pyo3::prelude::*;

use crate::bell::Bell;
use crate::{blocking, metrics};

/// How often a sampler that waits for its answer looks whether anybody still waits for it.
const LOOK: Duration = Duration::from_millis(20);

/// Where question and answer meet.
struct Shared {
    state: Mutex<State>,
    answered: Condvar,
    bell: Bell,
}

enum State {
    Idle,
    /// A question, and the time of the observation.
    Asked(i64),
    /// The callback has it, since then.
    Busy(i64, Instant),
    Answered(Result<MetricsText, String>),
    /// Nobody asks any more.
    Ended,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The callback's side. Every lock is held for a moment only, by whoever holds it.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Desk {
    shared: Arc<Shared>,
    name: String,
    metrics: Vec<String>,
}

#[pymethods]
impl Desk {
    #[new]
    fn new(name: String, metrics: Vec<String>) -> PyResult<Self> {
        let bell = Bell::new()?;
        Ok(Self { shared: Arc::new(Shared { state: Mutex::new(State::Idle), answered: Condvar::new(), bell }), name, metrics })
    }

    /// Readable when there is something to take.
    fn fileno(&self) -> i32 {
        self.shared.bell.fileno()
    }

    /// Takes a question: True if there is one, False if not, None if none will come any more.
    fn take(&self) -> Option<bool> {
        self.shared.bell.hush();
        let mut state = self.shared.state();
        match *state {
            State::Ended => None,
            State::Asked(at) => {
                *state = State::Busy(at, Instant::now());
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// Answers with a dict of metrics. What is none is an answer too: that it failed.
    fn answer(&self, py: Python<'_>, found: &Bound<'_, PyAny>) -> PyResult<()> {
        let State::Busy(at, _) = *self.shared.state() else { return Ok(()) };
        // Reading runs code of Python's: the lock is not held meanwhile.
        let read = blocking::attached(py, || metrics::read(found, at))?;
        self.put(read.map_err(|failure| failure.value(py).to_string()));
        Ok(())
    }

    /// Answers why there is no answer.
    fn fail(&self, why: String) {
        self.put(Err(why));
    }

    /// Says that the callback will not be asked: the monitor could not be started.
    fn end(&self) {
        self.shared.end();
    }
}

impl Desk {
    fn put(&self, answer: Result<MetricsText, String>) {
        let mut state = self.shared.state();
        if matches!(*state, State::Busy(..)) {
            *state = State::Answered(answer);
            self.shared.answered.notify_all();
        }
    }

    /// The sampler that asks here.
    pub(crate) fn sampler(&self, interval: Duration, timeout: Duration) -> Scheduled {
        let sampler = Box::new(Asker { shared: Arc::clone(&self.shared), metrics: self.metrics.clone() });
        Scheduled { name: self.name.clone(), interval, timeout, identity: "python".to_owned(), sampler }
    }
}

impl Shared {
    fn end(&self) {
        *self.state() = State::Ended;
        self.bell.ring();
    }
}

/// The sampler's side.
struct Asker {
    shared: Arc<Shared>,
    metrics: Vec<String>,
}

impl Sampler for Asker {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.metrics.iter().cloned().map(Cow::Owned).collect()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let mut state = self.shared.state();
        match &*state {
            State::Busy(_, since) => return Err(SampleError::Hangs { since: since.elapsed() }),
            State::Ended => return Err(ended()),
            // An answer that nobody waits for any more is dropped.
            State::Idle | State::Asked(_) | State::Answered(_) => *state = State::Asked(batch.now()),
        }
        self.shared.bell.ring();
        loop {
            match &*state {
                State::Answered(_) => break,
                State::Ended => return Err(ended()),
                State::Idle | State::Asked(_) | State::Busy(..) => {}
            }
            let remaining = batch.remaining();
            if remaining.is_zero() {
                // One that is being answered stays: until its answer has come, there is no other.
                if matches!(*state, State::Asked(_)) {
                    *state = State::Idle;
                }
                return Err(SampleError::Timeout { what: "the callback".to_owned(), limit: batch.timeout() });
            }
            let waited = self.shared.answered.wait_timeout(state, remaining.min(LOOK));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let answer = std::mem::replace(&mut *state, State::Idle);
        drop(state);
        let State::Answered(answer) = answer else { return Err(ended()) };
        let found = answer.map_err(SampleError::Callback)?;
        found.measurements.into_iter().for_each(|measurement| batch.push(measurement));
        for metric in found.unreadable {
            batch.problem(SampleError::NoValue { origin: "the callback".to_owned(), metric });
        }
        Ok(())
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.shared.end();
    }
}

fn ended() -> SampleError {
    SampleError::Callback("the program asks no more".to_owned())
}
