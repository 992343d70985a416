//! The quarantine as a whole, and the question that it answers.

use std::fmt;

use dsmil_protocol::{DEVICE_COUNT, DeviceId, PERMANENT};

use crate::{Denied, Grounds, Isolation, Policy, PolicyError, Rule};

/// What is to be done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Ask for its record (READ_DEVICE).
    Info,
    /// Read its data (READ_START, READ_CHUNK, READ_COMPLETE).
    Read,
}

impl Operation {
    /// Every operation that names a device.
    pub const ALL: [Self; 2] = [Self::Info, Self::Read];

    /// The operation's name: `info` or `read`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Read => "read",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device that may be touched for one operation. Only [`Quarantine::clear`] makes one; it can be
/// neither copied nor kept beyond the call that it was made for.
///
/// ```compile_fail
/// let cleared = dsmil_quarantine::Cleared { id: dsmil_protocol::DeviceId::new(0x8009) };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Cleared {
    id: DeviceId,
    operation: Operation,
}

impl Cleared {
    /// The device.
    #[inline]
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// What it was cleared for.
    #[inline]
    pub const fn operation(&self) -> Operation {
        self.operation
    }
}

/// Whether a served device, by its ordinal, is none of the seven. Made by the compiler and kept in
/// memory that can't be written.
static NOT_PERMANENT: [bool; DEVICE_COUNT] = {
    let mut all = [true; DEVICE_COUNT];
    let mut i = 0;
    while i < PERMANENT.len() {
        if let Some(ordinal) = PERMANENT[i].id.ordinal() {
            all[ordinal] = false;
        }
        i += 1;
    }
    all
};

/// Who may be touched and who may not: the permanent seven, the rules of the policy, the isolations.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// Whether each served device may be touched: the mask. One of `false` denies everything. Made when
    /// the rules change, so that the usual question costs one look-up. As isolations end it denies more
    /// than the rules do, never less; then the rules are asked.
    allowed: [bool; DEVICE_COUNT],
    /// The time that the mask was made for. At any earlier one an isolation may be in force that had
    /// ended by then: a clock that was set back makes the mask void.
    mask_from_ms: u64,
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
    unusable: Option<PolicyError>,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self::new()
    }
}

impl Quarantine {
    /// The permanent seven, and what the driver does not serve; nothing else.
    pub fn new() -> Self {
        let mut new =
            Self { allowed: [false; DEVICE_COUNT], mask_from_ms: 0, rules: Vec::new(), isolations: Vec::new(), unusable: None };
        new.make_mask(0);
        new
    }

    /// Adds the rules of a policy. There is no way to take one away.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.rules.extend(policy.into_rules());
        self.make_mask(0);
        self
    }

    /// A policy that could not be used: everything is denied from here on.
    #[must_use]
    pub fn with_unusable_policy(mut self, error: PolicyError) -> Self {
        self.unusable.get_or_insert(error);
        self.make_mask(0);
        self
    }

    /// Replaces the isolations by those in force now.
    pub fn set_isolations(&mut self, isolations: Vec<Isolation>, now_ms: u64) {
        self.isolations = isolations;
        self.make_mask(now_ms);
    }

    /// Clears a device for an operation, or says why not.
    ///
    /// # Errors
    /// [`Denied`], with the rule that denies.
    #[inline]
    pub fn clear(&self, id: DeviceId, operation: Operation, now_ms: u64) -> Result<Cleared, Box<Denied>> {
        if now_ms >= self.mask_from_ms && self.allows_at_once(id) {
            return Ok(Cleared { id, operation });
        }
        self.clear_by_rules(id, operation, now_ms)
    }

    /// Whether a device was free for every operation when the isolations were set: an answer without the
    /// time, for whoever keeps a quarantine that doesn't change. `true` holds from then on, since isolations
    /// only end; `false` says no more than that `clear` must be asked.
    ///
    /// The permanent ones are struck out anew at each question: whatever becomes of the mask, which is
    /// ordinary memory, it can't free them.
    #[inline]
    pub fn allows_at_once(&self, id: DeviceId) -> bool {
        let ordinal = usize::from(id.get().wrapping_sub(DeviceId::FIRST.get()));
        ordinal < DEVICE_COUNT && self.allowed[ordinal] & NOT_PERMANENT[ordinal]
    }

    /// The added rules, in the order of their files and lines.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The isolations that were given, ended ones included.
    pub fn isolations(&self) -> &[Isolation] {
        &self.isolations
    }

    /// Why everything is denied, if it is.
    pub const fn unusable(&self) -> Option<&PolicyError> {
        self.unusable.as_ref()
    }

    /// The same question, put to the rules: says which one denies, and clears a device whose isolation
    /// has ended since the mask was made.
    #[cold]
    #[inline(never)]
    fn clear_by_rules(&self, id: DeviceId, operation: Operation, now_ms: u64) -> Result<Cleared, Box<Denied>> {
        match self.grounds(id, now_ms) {
            Some(grounds) => Err(Box::new(Denied { id, operation, grounds })),
            None => Ok(Cleared { id, operation }),
        }
    }

    fn grounds(&self, id: DeviceId, now_ms: u64) -> Option<Grounds> {
        if let Some(permanent) = id.permanent() {
            return Some(Grounds::Permanent { what: permanent.what });
        }
        if !id.is_served() {
            return Some(Grounds::NotServed);
        }
        if let Some(error) = &self.unusable {
            return Some(Grounds::PolicyUnusable(error.clone()));
        }
        if let Some(rule) = self.rules.iter().find(|rule| rule.covers(id)) {
            return Some(Grounds::Policy(rule.clone()));
        }
        let isolation = self.isolations.iter().find(|isolation| isolation.id == id && isolation.is_active(now_ms))?;
        Some(Grounds::Isolated(isolation.clone()))
    }

    fn make_mask(&mut self, now_ms: u64) {
        let mut allowed = [false; DEVICE_COUNT];
        for (allowed, id) in allowed.iter_mut().zip(DeviceId::served()) {
            *allowed = self.grounds(id, now_ms).is_none();
        }
        self.allowed = allowed;
        self.mask_from_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_that_was_overwritten_frees_none_of_the_seven() {
        let mut quarantine = Quarantine::new();
        quarantine.allowed = [true; DEVICE_COUNT];
        for permanent in PERMANENT {
            let denied = quarantine.clear(permanent.id, Operation::Read, 0).map_err(|denied| denied.key());
            assert_eq!(denied, Err(format!("permanent/{}", permanent.id)));
        }
    }
}
