//! Callbacks of the program that are running, so that nobody waits for himself, and nothing is taken from under them.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

thread_local! {
    /// The callbacks of which this thread carries one out.
    static INSIDE: Cell<*const Running> = const { Cell::new(ptr::null()) };
}

/// What a callback is called with. It is the program's, which the header tells to make it fit for any thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context(pub(crate) *mut c_void);

// SAFETY: it is only handed back; the header tells the caller that callbacks run on threads of the library.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// The callbacks of one monitor.
#[derive(Debug, Default)]
pub(crate) struct Running {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    is_closed: bool,
}

/// One that runs, or is about to, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Running>);

/// One that this very thread carries out, until it is dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    before: *const Running,
    _counted: Counted,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One begins; `None` once no more may.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Counted> {
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        state.running += 1;
        Some(Counted(Arc::clone(self)))
    }

    /// From now on none begins.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Whether this very thread carries one out.
    pub(crate) fn is_inside(&self) -> bool {
        ptr::eq(INSIDE.get(), self)
    }

    /// Waits until none is running, for `patience` or for ever: whether none is.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> bool {
        let (state, runs) = (self.lock(), |state: &mut State| state.running > 0);
        let state = match patience {
            None => self.ended.wait_while(state, runs).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => self.ended.wait_timeout_while(state, patience, runs).unwrap_or_else(PoisonError::into_inner).0,
        };
        state.running == 0
    }
}

impl Counted {
    /// This thread carries it out.
    pub(crate) fn inside(self) -> Inside {
        Inside { before: INSIDE.replace(Arc::as_ptr(&self.0)), _counted: self }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.ended.notify_all();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_who_is_inside_and_waits_for_the_others() {
        let running = Arc::new(Running::default());
        assert!(running.wait(Some(Duration::ZERO)) && !running.is_inside());
        let inside = running.begin().unwrap().inside();
        assert!(running.is_inside() && !running.wait(Some(Duration::ZERO)));
        let other = Arc::clone(&running);
        std::thread::spawn(move || assert!(!other.is_inside())).join().unwrap();
        drop(inside);
        assert!(running.wait(None) && !running.is_inside());
        running.close();
        assert!(running.begin().is_none());
    }
}
