//! The driver's two sessions: which chunk is due, and which was last given out.

use dsmil_protocol::DeviceId;

/// The order in which a session gives out its chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    total: u32,
    next: u32,
    /// The chunk that a *reorder* fault held back; it is due before `next`.
    held: Option<u32>,
    last: Option<u32>,
}

impl Cursor {
    pub(crate) const fn new(total: u32) -> Self {
        Self { total, next: 0, held: None, last: None }
    }

    pub(crate) const fn total(&self) -> u32 {
        self.total
    }

    /// The chunk that is due; `None` past the last.
    pub(crate) const fn due(&self) -> Option<u32> {
        match self.held {
            Some(held) => Some(held),
            None if self.next < self.total => Some(self.next),
            None => None,
        }
    }

    pub(crate) const fn can_repeat(&self) -> bool {
        self.last.is_some()
    }

    pub(crate) const fn can_reorder(&self) -> bool {
        self.held.is_none() && self.next + 1 < self.total
    }

    /// Gives out the chunk that is due.
    pub(crate) const fn take(&mut self) -> Option<u32> {
        let due = self.due();
        if let Some(index) = due {
            if self.held.take().is_none() {
                self.next += 1;
            }
            self.last = Some(index);
        }
        due
    }

    /// Gives out the last one again.
    pub(crate) const fn repeat(&self) -> Option<u32> {
        self.last
    }

    /// Gives out the one after the one that is due, which comes next.
    pub(crate) const fn take_swapped(&mut self) -> Option<u32> {
        if !self.can_reorder() {
            return self.take();
        }
        self.held = Some(self.next);
        self.last = Some(self.next + 1);
        self.next += 2;
        self.last
    }
}

/// An open scan. The driver looks at the devices at START and gives out what it saw then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanSession {
    pub(crate) id: u64,
    pub(crate) started_ms: u64,
    pub(crate) cursor: Cursor,
}

/// An open read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadSession {
    pub(crate) id: u64,
    pub(crate) token: DeviceId,
    pub(crate) length: usize,
    pub(crate) cursor: Cursor,
    /// A START failed while this session was open (quirk 5): its data are gone, and it answers zeros.
    pub(crate) emptied: bool,
}
