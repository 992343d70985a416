//! Tells apart what can have been done to a chain: changed, removed, added, reordered. No I/O; memory doesn't grow with the log.
//!
//! Each record is judged with the one before it and the one after it. Its own hash says whether it is as somebody sealed it;
//! whether its place is its own, the neighbours say.

use crate::head::Point;
use crate::record::Link;
use crate::report::{Finding, Kind, MOST};

/// How many lines may wait for their explanation. Beyond it they are still reported, but less finely.
const WAITING: usize = 256;

/// A line of a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u64,
}

/// A record whose own hash is right.
#[derive(Clone, Debug)]
struct Sound {
    seq: u64,
    prev: String,
    hash: String,
    place: Place,
}

/// The last record that was accepted.
#[derive(Clone, Debug)]
struct Tip {
    seq: u64,
    prev: Option<String>,
    /// `None` when the record of this number has not been seen as it was.
    hash: Option<String>,
    place: Option<Place>,
    /// A finding has been made about it.
    blamed: bool,
}

struct Gap {
    from: u64,
    to: u64,
    place: Place,
}

/// The examiner. Feed it every line in order, then [`finish`](Self::finish).
pub(crate) struct Chain {
    tip: Tip,
    /// Where the log should end, if a head says so.
    head: Option<Point>,
    held: Option<Sound>,
    broken: Vec<Place>,
    gaps: Vec<Gap>,
    strays: Vec<Sound>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) left_off: u64,
}

impl Chain {
    /// A chain that begins after the record `after`.
    pub(crate) fn new(after: Point, head: Option<Point>) -> Self {
        let tip = Tip { seq: after.seq, prev: None, hash: Some(after.hash), place: None, blamed: false };
        Self { tip, head, held: None, broken: vec![], gaps: vec![], strays: vec![], findings: vec![], left_off: 0 }
    }

    /// A line that is a record with the right hash.
    pub(crate) fn sound(&mut self, link: &Link, place: Place) {
        let next = Sound { seq: link.seq, prev: link.prev.clone(), hash: link.hash.clone(), place };
        if let Some(held) = self.held.take() {
            self.judge(held, Some(&next));
        }
        self.held = Some(next);
    }

    /// A line that is not.
    pub(crate) fn broken(&mut self, place: Place) {
        if let Some(held) = self.held.take() {
            self.judge(held, None);
        }
        if self.broken.len() == WAITING {
            self.place_broken(self.tip.seq + 1 + WAITING as u64);
        }
        self.broken.push(place);
    }

    /// The number of the last record in place.
    pub(crate) fn last(&self) -> u64 {
        self.tip.seq
    }

    /// Whether a record with this number has been reported as changed or standing elsewhere.
    fn is_told(&self, seq: u64) -> bool {
        self.findings.iter().any(|f| f.seq == Some(seq) && matches!(f.kind, Kind::Changed | Kind::Reordered))
    }

    pub(crate) fn tell(&mut self, kind: Kind, place: &Place, seq: Option<u64>, last: Option<u64>, detail: String) {
        if self.findings.len() < MOST {
            self.findings.push(Finding { kind, file: place.file.clone(), line: place.line, seq, last, detail });
        } else {
            self.left_off += 1;
        }
    }

    /// No more lines: `end` is the place after the last.
    pub(crate) fn finish(&mut self, end: &Place) {
        if let Some(held) = self.held.take() {
            self.judge(held, None);
        }
        let reach = self.head.as_ref().map_or(0, |head| head.seq);
        let missing = reach.saturating_sub(self.tip.seq).min(self.broken.len() as u64);
        for place in self.broken.split_off(missing as usize) {
            self.tell(Kind::Malformed, &place, None, None, "no record, and nothing is missing here: added, or damaged".into());
        }
        self.place_broken(self.tip.seq + missing + 1);
        self.take_strays(None);
        for stray in std::mem::take(&mut self.strays) {
            self.added(&stray.place, stray.seq);
        }
        for Gap { from, to, place } in std::mem::take(&mut self.gaps) {
            let detail =
                if from == to { format!("record {from} is missing") } else { format!("records {from} to {to} are missing") };
            self.tell(Kind::Removed, &place, Some(from), Some(to), detail);
        }
        self.compare_with_head(end);
    }

    fn compare_with_head(&mut self, end: &Place) {
        let Some(head) = self.head.take() else { return };
        let last = self.tip.seq;
        if last < head.seq {
            let (from, to) = (last + 1, head.seq);
            let detail = format!("records {from} to {to} are missing at the end");
            self.tell(Kind::Truncated, end, Some(from), Some(to), detail);
        } else if last > head.seq {
            let detail = format!("records {} to {last} are not covered by the head", head.seq + 1);
            self.tell(Kind::Unsealed, end, Some(head.seq + 1), Some(last), detail);
        } else if self.tip.hash.as_ref().is_some_and(|hash| *hash != head.hash) && !self.is_told(last) {
            let place = self.tip.place.clone().unwrap_or_else(|| end.clone());
            self.changed(&place, last, "its hash is not the head's");
        }
    }

    fn judge(&mut self, cur: Sound, next: Option<&Sound>) {
        self.place_broken(cur.seq);
        self.take_strays(Some(&cur));
        let expected = self.tip.seq + 1;
        let hangs_on_tip = self.tip.hash.as_ref().is_none_or(|hash| *hash == cur.prev);
        if cur.seq == expected && hangs_on_tip {
            return self.accept(cur, false);
        }
        let next_fits = next.is_some_and(|next| next.seq == expected && self.tip.hash.as_ref() == Some(&next.prev));
        if next_fits && cur.seq > expected && self.strays.len() < WAITING {
            return self.strays.push(cur);
        }
        if next_fits {
            return self.out_of_place(&cur);
        }
        if self.tip.hash.as_ref() == Some(&cur.prev) {
            // In the place of the expected record, and hanging on the one before: its number was changed.
            self.changed(&cur.place, expected, &format!("it calls itself {}", cur.seq));
            return self.accept(Sound { seq: expected, ..cur }, true);
        }
        match cur.seq.cmp(&expected) {
            std::cmp::Ordering::Equal => self.broken_link(cur, next),
            std::cmp::Ordering::Greater => self.ahead(cur, next),
            std::cmp::Ordering::Less => self.behind(cur, next),
        }
    }

    /// The right number, but it doesn't hang on the record before: one of the two was changed and sealed anew.
    fn broken_link(&mut self, cur: Sound, next: Option<&Sound>) {
        let confirmed = self.confirmed(&cur, next);
        if self.tip.blamed && confirmed != Some(false) {
            return self.accept(cur, false);
        }
        if let Some(place) = self.tip.place.clone().filter(|_| confirmed != Some(false)) {
            self.changed(&place, self.tip.seq, "the next record hangs on another hash");
            self.accept(cur, false);
        } else {
            self.changed(&cur.place, cur.seq, "it hangs on another record than the one before");
            self.accept(cur, true);
        }
    }

    /// A higher number than expected: records are missing here, for now.
    fn ahead(&mut self, cur: Sound, next: Option<&Sound>) {
        let expected = self.tip.seq + 1;
        if next.is_some_and(|next| next.seq == expected + 1) && self.strays.len() < WAITING {
            // One is missing, and this one stands where it stood: perhaps they changed places.
            self.gap(expected, expected, &cur.place);
            self.tip = Tip { seq: expected, prev: None, hash: None, place: None, blamed: true };
            return self.strays.push(cur);
        }
        self.gap(expected, cur.seq - 1, &cur.place);
        self.accept(cur, false);
    }

    /// A number that was passed already.
    fn behind(&mut self, cur: Sound, next: Option<&Sound>) {
        let rival = cur.seq == self.tip.seq && self.tip.prev.as_ref() == Some(&cur.prev);
        if rival
            && self.tip.hash.as_ref() != Some(&cur.hash)
            && self.confirmed(&cur, next) == Some(true)
            && let Some(place) = self.tip.place.clone()
        {
            // Two for one place, and the log goes on from this one: the other was put in.
            self.added(&place, cur.seq);
            return self.accept(cur, false);
        }
        self.out_of_place(&cur);
    }

    fn out_of_place(&mut self, cur: &Sound) {
        if self.close_gap(cur.seq) { self.reordered(cur) } else { self.added(&cur.place, cur.seq) }
    }

    /// Whether what comes after hangs on this record; `None` when nothing after it can tell.
    fn confirmed(&self, cur: &Sound, next: Option<&Sound>) -> Option<bool> {
        match (next, &self.head) {
            (Some(next), _) if next.seq == cur.seq + 1 => Some(next.prev == cur.hash),
            (None, Some(head)) if head.seq == cur.seq => Some(head.hash == cur.hash),
            _ => None,
        }
    }

    fn accept(&mut self, cur: Sound, blamed: bool) {
        self.tip = Tip { seq: cur.seq, prev: Some(cur.prev), hash: Some(cur.hash), place: Some(cur.place), blamed };
    }

    /// Moves on over places whose records were met too early.
    fn take_strays(&mut self, cur: Option<&Sound>) {
        loop {
            let expected = self.tip.seq + 1;
            if cur.is_some_and(|cur| cur.seq <= expected) {
                return;
            }
            let fits = |stray: &Sound| {
                let after = cur.filter(|cur| cur.seq == expected + 1).is_some_and(|cur| cur.prev == stray.hash);
                stray.seq == expected && (after || self.tip.hash.as_ref().is_none_or(|hash| *hash == stray.prev))
            };
            let Some(at) = self.strays.iter().position(fits) else { return };
            let stray = self.strays.swap_remove(at);
            self.reordered(&stray);
            self.accept(stray, true);
        }
    }

    /// Explains lines that are no sound records, now that the number after them is known.
    fn place_broken(&mut self, next_seq: u64) {
        let expected = self.tip.seq + 1;
        if self.broken.is_empty() || next_seq < expected {
            return;
        }
        let missing = next_seq - expected;
        let lines = std::mem::take(&mut self.broken);
        let mut seq = self.tip.seq;
        for place in &lines {
            if seq + 1 < next_seq {
                seq += 1;
                self.changed(place, seq, "it no longer has the hash it was sealed with");
            } else {
                let detail = "a line that is no sound record, where none is missing".into();
                self.tell(Kind::Added, place, None, None, detail);
            }
        }
        if missing > 0 {
            if seq + 1 < next_seq
                && let Some(place) = lines.last()
            {
                self.gap(seq + 1, next_seq - 1, &Place { file: place.file.clone(), line: place.line + 1 });
            }
            self.tip = Tip { seq: next_seq - 1, prev: None, hash: None, place: None, blamed: true };
        }
    }

    fn gap(&mut self, from: u64, to: u64, place: &Place) {
        if self.gaps.len() < MOST {
            self.gaps.push(Gap { from, to, place: place.clone() });
        } else {
            self.left_off += 1;
        }
    }

    fn close_gap(&mut self, seq: u64) -> bool {
        let Some(at) = self.gaps.iter().position(|gap| (gap.from..=gap.to).contains(&seq)) else { return false };
        let Gap { from, to, place } = self.gaps.swap_remove(at);
        for (from, to) in [(from, seq - 1), (seq + 1, to)] {
            if from <= to {
                self.gaps.push(Gap { from, to, place: place.clone() });
            }
        }
        true
    }

    fn changed(&mut self, place: &Place, seq: u64, why: &str) {
        self.tell(Kind::Changed, place, Some(seq), None, format!("record {seq} was changed: {why}"));
    }

    fn added(&mut self, place: &Place, seq: u64) {
        self.tell(Kind::Added, place, Some(seq), None, format!("a record that calls itself {seq} was added, or copied here"));
    }

    fn reordered(&mut self, cur: &Sound) {
        let detail = format!("record {} does not belong here", cur.seq);
        self.tell(Kind::Reordered, &cur.place, Some(cur.seq), None, detail);
    }
}
