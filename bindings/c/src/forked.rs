//! What becomes of a handle in a child made by fork(): its threads are not there, and a lock may be held for ever.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use crate::failure::Failure;
use crate::status::dsmil_status;

/// A child that finds a lock taken looks so often whether it is let go, ten milliseconds apart.
const LOOKS: u32 = 50;

/// The process that made a handle whose threads live in that process alone.
#[derive(Debug)]
pub(crate) struct Home {
    pid: u32,
}

impl Home {
    pub(crate) fn here() -> Self {
        Self { pid: process::id() }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.pid == process::id()
    }

    pub(crate) fn check(&self, what: &str) -> Result<(), Failure> {
        if self.is_here() { Ok(()) } else { Err(forked(&format!("the {what} runs in process {}, not in this one", self.pid))) }
    }
}

fn forked(what: &str) -> Failure {
    Failure::new(dsmil_status::DSMIL_ERROR_FORKED, &format!("{what}: free the handle here and make a new one"))
}

/// A value that threads take turns with. It has none of a process in it, so that a child made by fork() goes on with
/// its copy. Only if another thread was at it at that very moment it may be half changed, and can't be used there.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    pid: AtomicU32,
    value: Mutex<T>,
}

impl<T> Turns<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { pid: AtomicU32::new(process::id()), value: Mutex::new(value) }
    }

    /// The value, when it is this thread's turn.
    pub(crate) fn take(&self, what: &str) -> Result<MutexGuard<'_, T>, Failure> {
        let own = process::id();
        for _ in 0..LOOKS {
            if self.pid.load(Ordering::Acquire) == own {
                return self.value.lock().map_err(|_| broken(what));
            }
            match self.value.try_lock() {
                Ok(value) => {
                    self.pid.store(own, Ordering::Release);
                    return Ok(value);
                }
                Err(TryLockError::Poisoned(_)) => return Err(broken(what)),
                // Another thread of this child takes it over just now, or a thread that is not here holds it for ever.
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)),
            }
        }
        Err(forked(&format!("another thread used the {what} when this process was forked")))
    }

    /// Whether it can be dropped: it is not half changed.
    pub(crate) fn is_whole(&self) -> bool {
        self.pid.load(Ordering::Acquire) == process::id() || !matches!(self.value.try_lock(), Err(TryLockError::WouldBlock))
    }
}

fn broken(what: &str) -> Failure {
    Failure::panic(&format!("a call before found a fault, and left the {what} as it was: free it and make a new one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a child: the process is another one than that of the lock.
    fn strange(value: i32) -> Turns<i32> {
        Turns { pid: AtomicU32::new(process::id() + 1), value: Mutex::new(value) }
    }

    #[test]
    fn a_child_goes_on_with_what_nobody_held() {
        let turns = strange(7);
        assert!(turns.is_whole());
        assert_eq!(*turns.take("gate").unwrap(), 7);
        assert_eq!(turns.pid.load(Ordering::Relaxed), process::id());
    }

    #[test]
    fn what_somebody_held_is_refused_and_not_waited_for() {
        let turns = strange(7);
        let _held = turns.value.lock().unwrap();
        assert!(!turns.is_whole());
        assert_eq!(turns.take("gate").unwrap_err().kind_name(), "forked");
    }

    #[test]
    fn what_a_panic_left_is_refused() {
        let turns = Turns::new(7);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = turns.take("gate").unwrap();
            panic!("the sky falls");
        }));
        assert!(panicked.is_err());
        assert_eq!(turns.take("gate").unwrap_err().kind_name(), "panic");
    }
}
