//! Getting a thread out of a call that is stuck in the kernel.
//!
//! One watcher thread looks, every few milliseconds while calls are being made, whether any call is
//! past its deadline, and sends the thread that makes it SIGURG, whose handler does nothing: a call
//! that can be interrupted ends with EINTR. The ordinary call pays one plain store. SIGURG is taken
//! since its default is to be ignored: should somebody remove the handler, nothing dies of it.
//!
//! Everything here is atomics and no lock, so that a `fork` at any moment leaves nothing locked.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::clock::Moment;

/// How many threads can have a watched call at once. Others make theirs unwatched.
const SLOTS: usize = 1024;
/// How often the watcher looks, and so how late an interruption may come.
const TICK: Duration = Duration::from_millis(5);
/// After so many ticks without a call the watcher goes to sleep.
const IDLE_TICKS: u32 = 200;
/// In a slot: nobody makes calls.
const IDLE: u64 = 0;
/// In a slot: the call is past its deadline and has been sent the signal.
const FIRED: u64 = u64::MAX;
/// In a slot: an operation is on, and between two calls.
const NO_DEADLINE: u64 = FIRED - 1;

#[derive(Debug)]
struct Slot {
    /// The thread; 0 where the slot is free.
    thread: AtomicI32,
    /// [`IDLE`], [`NO_DEADLINE`], [`FIRED`], or the deadline in nanoseconds on the monotonic clock.
    call: AtomicU64,
    /// The watcher is between deciding to signal and having done so.
    signalling: AtomicBool,
    /// Signals sent since this thread last looked.
    signals: AtomicU32,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot { thread: AtomicI32::new(0), call: AtomicU64::new(IDLE), signalling: AtomicBool::new(false), signals: AtomicU32::new(0) }
}; SLOTS];

/// The watcher's thread handle and the process that it runs in.
static WATCHER: OnceLock<Watcher> = OnceLock::new();

struct Watcher {
    /// The process mark of the process in which the watcher runs; 0 while it is being started.
    process: AtomicU32,
    awake: AtomicU32,
}

thread_local! {
    static MINE: Claim = const { Claim { index: Cell::new(None), process: Cell::new(0) } };
}

/// A thread's hold on its slot, given back when the thread ends.
struct Claim {
    index: Cell<Option<usize>>,
    process: Cell<u32>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(index) = self.index.get()
            && super::process_mark() == Ok(self.process.get())
        {
            disarm(&TABLE[index], IDLE);
            TABLE[index].thread.store(0, Ordering::SeqCst);
        }
    }
}

/// A thread whose calls are being watched, until the value is dropped: for one operation.
#[derive(Debug)]
pub(crate) struct Watch {
    slot: Option<&'static Slot>,
}

impl Watch {
    /// Watches no call.
    pub(crate) const fn nothing() -> Self {
        Self { slot: None }
    }

    /// Watches the calls that this thread makes. The value must stay on it.
    pub(crate) fn this_thread() -> Self {
        let slot = claimed_slot();
        if let Some(slot) = slot {
            // Not idle, so that the watcher stays awake for as long as this lives.
            slot.call.store(NO_DEADLINE, Ordering::SeqCst);
            wake_watcher();
        }
        Self { slot }
    }

    /// A call begins: from the deadline on, the watcher interrupts this thread again and again, until
    /// another call begins or `rest` is called. A plain store: an exchange would wait until the kernel's
    /// own stores of the call before have left the processor.
    ///
    /// A signal that is under way as the next call begins interrupts that one, which is asked again.
    #[inline]
    pub(crate) fn begin(&self, deadline: Moment) {
        if let Some(slot) = self.slot {
            slot.call.store(deadline.as_nanos().clamp(1, NO_DEADLINE), Ordering::Release);
        }
    }

    /// No call is being made: once this returns, no signal comes before the next `begin`.
    pub(crate) fn rest(&self) {
        if let Some(slot) = self.slot {
            disarm(slot, NO_DEADLINE);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            disarm(slot, IDLE);
        }
    }
}

fn disarm(slot: &Slot, to: u64) {
    slot.call.swap(to, Ordering::SeqCst);
    // From here on the watcher decides on nothing more; what it has decided on it must have sent.
    while slot.signalling.load(Ordering::SeqCst) {
        spin_loop();
    }
    if slot.signals.swap(0, Ordering::SeqCst) != 0 {
        // None may hit a call of the caller's own: it is pending on this thread by now, and the return
        // from any system call delivers it.
        thread::yield_now();
    }
}

fn claimed_slot() -> Option<&'static Slot> {
    let process = super::process_mark().ok()?;
    MINE.try_with(|mine| {
        if mine.process.get() != process {
            start_watcher(process);
            let thread = nix::unistd::gettid().as_raw();
            let free = |slot: &&Slot| slot.thread.compare_exchange(0, thread, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            mine.index.set(TABLE.iter().enumerate().find(|(_, slot)| free(slot)).map(|(index, _)| index));
            mine.process.set(process);
            let mut urgent = SigSet::empty();
            urgent.add(Signal::SIGURG);
            let _ = urgent.thread_unblock();
        }
        mine.index.get()
    })
    .ok()
    .flatten()
    .map(|index| &TABLE[index])
}

/// Starts the watcher, once in a process: a child of `fork` has none and inherits the table of its
/// parent, whose threads it has not.
fn start_watcher(process: u32) {
    let watcher = WATCHER.get_or_init(|| Watcher { process: AtomicU32::new(0), awake: AtomicU32::new(0) });
    let before = watcher.process.load(Ordering::SeqCst);
    if before == process || watcher.process.compare_exchange(before, process, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return;
    }
    for slot in &TABLE {
        slot.call.store(IDLE, Ordering::SeqCst);
        slot.signalling.store(false, Ordering::SeqCst);
        slot.signals.store(0, Ordering::SeqCst);
        slot.thread.store(0, Ordering::SeqCst);
    }
    watcher.awake.store(0, Ordering::SeqCst);
    if install_handler() {
        // Without a thread the calls are unwatched, which is slower to notice but never wrong.
        let _ = thread::Builder::new().name("dsmil-deadline".into()).spawn(move || watch(watcher, process));
    }
}

/// A handler that does nothing, installed without SA_RESTART so that the call ends. A handler that the
/// program has of its own is left alone: then calls are not interrupted.
fn install_handler() -> bool {
    extern "C" fn nothing(_: libc::c_int) {}
    let ours = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing at all, which is safe at any point of any thread.
    let Ok(old) = (unsafe { sigaction(Signal::SIGURG, &ours) }) else {
        return false;
    };
    let is_free = match old.handler() {
        SigHandler::SigDfl | SigHandler::SigIgn => true,
        // Installed by this very function, in the process that this one is a child of.
        SigHandler::Handler(handler) => std::ptr::fn_addr_eq(handler, nothing as extern "C" fn(libc::c_int)),
        SigHandler::SigAction(_) => false,
    };
    if is_free {
        return true;
    }
    // SAFETY: puts back what the program had installed itself.
    let _ = unsafe { sigaction(Signal::SIGURG, &old) };
    false
}

fn wake_watcher() {
    if let Some(watcher) = WATCHER.get()
        && watcher.awake.load(Ordering::SeqCst) == 0
    {
        watcher.awake.store(1, Ordering::SeqCst);
        futex(&watcher.awake, libc::FUTEX_WAKE, 1);
    }
}

fn watch(watcher: &Watcher, process: u32) {
    // This thread must not be the one that takes the program's signals.
    let _ = SigSet::all().thread_block();
    let mut idle_ticks = 0;
    while watcher.process.load(Ordering::SeqCst) == process {
        if look() {
            idle_ticks = 0;
        } else {
            idle_ticks += 1;
        }
        if idle_ticks < IDLE_TICKS {
            thread::sleep(TICK);
            continue;
        }
        watcher.awake.store(0, Ordering::SeqCst);
        // A call that began before the store above did not wake us: look once more.
        if !look() {
            futex(&watcher.awake, libc::FUTEX_WAIT, 0);
        }
        watcher.awake.store(1, Ordering::SeqCst);
        idle_ticks = 0;
    }
}

/// Signals every thread whose call is late; tells whether any call is being made.
fn look() -> bool {
    let now = Moment::now().as_nanos();
    let mut busy = false;
    for slot in &TABLE {
        let call = slot.call.load(Ordering::SeqCst);
        if call == IDLE {
            continue;
        }
        busy = true;
        if call != FIRED && call > now {
            continue;
        }
        slot.signalling.store(true, Ordering::SeqCst);
        // Only if it is still the same call; `disarm` waits while `signalling` is set.
        if slot.call.compare_exchange(call, FIRED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            slot.signals.fetch_add(1, Ordering::SeqCst);
            signal(slot.thread.load(Ordering::SeqCst));
        }
        slot.signalling.store(false, Ordering::SeqCst);
    }
    busy
}

fn signal(thread: i32) {
    if thread > 0 {
        // SAFETY: takes three numbers; a thread that is gone yields ESRCH.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGURG) };
    }
}

fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    // SAFETY: the word lives for the whole program; WAIT returns when it differs from `value` or on a
    // wake, WAKE only looks at its address. The null is "no time-out".
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        )
    };
}
