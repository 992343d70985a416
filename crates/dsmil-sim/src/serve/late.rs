//! Answers that a *delay* fault holds back. A thread of its own sends them, so that others aren't held up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use fuser::ReplyIoctl;

/// The longest delay that is kept to: whatever a fault file says, adding it to the clock doesn't overflow.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// An answer with the time at which it is due.
struct Late {
    due: Instant,
    /// Keeps answers that are due together in their order.
    number: u64,
    result: i32,
    data: Vec<u8>,
    reply: ReplyIoctl,
}

/// The way to the thread, which starts with the first late answer and ends with the last way to it.
#[derive(Debug, Default)]
pub(super) struct LateAnswers {
    thread: std::sync::OnceLock<Sender<Late>>,
}

impl LateAnswers {
    /// Sends the answer after `delay`; at once where no thread can be had.
    pub(super) fn send(&self, delay: Duration, result: i32, data: &[u8], reply: ReplyIoctl) {
        let thread = self.thread.get_or_init(|| {
            let (sender, receiver) = mpsc::channel();
            let started = thread::Builder::new().name("dsmil-sim-late".to_owned()).spawn(move || run(&receiver));
            // Where it did not start, the receiver is gone, and sending below fails.
            drop(started);
            sender
        });
        let late = Late { due: Instant::now() + delay.min(LONGEST), number: 0, result, data: data.to_vec(), reply };
        if let Err(mpsc::SendError(late)) = thread.send(late) {
            late.answer();
        }
    }
}

impl Late {
    fn answer(self) {
        self.reply.ioctl(self.result, &self.data);
    }
}

fn run(receiver: &Receiver<Late>) {
    let mut waiting: BinaryHeap<Reverse<Late>> = BinaryHeap::new();
    let mut number = 0;
    loop {
        let now = Instant::now();
        while waiting.peek().is_some_and(|late| late.0.due <= now) {
            if let Some(Reverse(late)) = waiting.pop() {
                late.answer();
            }
        }
        let patience = waiting.peek().map_or(Duration::from_hours(1), |late| late.0.due.saturating_duration_since(now));
        match receiver.recv_timeout(patience) {
            Ok(late) => {
                number += 1;
                waiting.push(Reverse(Late { number, ..late }));
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The file system has gone, and with it whoever waited.
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Late {}
