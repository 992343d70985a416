//! The quarantine's one question, asked of every id under every kind of configuration, and compared
//! with a slow reference that keeps no mask.

#![allow(clippy::unwrap_used)]

use dsmil_protocol::{DeviceId, PERMANENT};
use dsmil_quarantine::{Cleared, Denied, Grounds, Isolation, Operation, Policy, Quarantine};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;
/// Written out once more, so that a slip in the protocol's list is found here.
const SEVEN: [u16; 7] = [0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101];

fn every_id() -> impl Iterator<Item = DeviceId> {
    (0..=u16::MAX).map(DeviceId::new)
}

fn ask(quarantine: &Quarantine, raw: u16, now_ms: u64) -> Result<Cleared, Box<Denied>> {
    quarantine.clear(DeviceId::new(raw), Operation::Read, now_ms)
}

fn isolation(raw: u16, until_ms: Option<u64>) -> Isolation {
    let (reason, author) = ("answers late".to_owned(), "operator".to_owned());
    Isolation { id: DeviceId::new(raw), reason, author, since_ms: NOW - 1_000, until_ms }
}

fn isolated(isolations: Vec<Isolation>, now_ms: u64) -> Quarantine {
    let mut quarantine = Quarantine::new();
    quarantine.set_isolations(isolations, now_ms);
    quarantine
}

fn policy(ranges: &[(u16, u16)]) -> Policy {
    let rules = ranges.iter().map(|(first, last)| format!("[[deny]]\nfirst = {first}\nlast = {last}\nreason = \"a test\"\n"));
    Policy::parse(&format!("version = 1\n{}", rules.collect::<String>()), "policy.toml").unwrap()
}

/// Asks every id for every operation; yields the allowed ids, the same for all operations.
fn allowed(quarantine: &Quarantine, now_ms: u64) -> Vec<u16> {
    let mut allowed = Vec::new();
    for id in every_id() {
        let answers = Operation::ALL.map(|operation| {
            let answer = quarantine.clear(id, operation, now_ms);
            match &answer {
                Ok(cleared) => assert_eq!((cleared.id(), cleared.operation()), (id, operation)),
                Err(denied) => assert_eq!((denied.id, denied.operation), (id, operation)),
            }
            answer.is_ok()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{id}: {answers:?}");
        if answers[0] {
            allowed.push(id.get());
        }
    }
    allowed
}

/// What the specification says, without a mask, a range type or a shortcut.
fn reference(raw: u16, ranges: &[(u16, u16)], unusable: bool, isolations: &[Isolation], now_ms: u64) -> bool {
    let served = (0x8000..=0x806B).contains(&raw);
    let denied = ranges.iter().any(|(first, last)| raw >= *first && raw <= *last);
    let isolated = isolations.iter().any(|isolation| {
        isolation.id.get() == raw
            && match isolation.until_ms {
                None => true,
                Some(until) => until > now_ms,
            }
    });
    served && !SEVEN.contains(&raw) && !denied && !isolated && !unusable
}

#[test]
fn without_a_configuration_the_103_served_ids_that_are_not_permanent_are_allowed() {
    let expected: Vec<u16> = (0x8000..=0x806B).filter(|raw| !SEVEN.contains(raw)).collect();
    assert_eq!(expected.len(), 103);
    assert_eq!(allowed(&Quarantine::new(), NOW), expected);
    assert_eq!(allowed(&Quarantine::default(), NOW), expected);
    assert_eq!(PERMANENT.map(|permanent| permanent.id.get()), SEVEN);
}

#[test]
fn the_seven_are_denied_as_permanent_under_every_configuration() {
    let unusable = || Policy::parse("allow = [0x8009]", "policy.toml").unwrap_err();
    let ended: Vec<_> = SEVEN.iter().map(|raw| isolation(*raw, Some(NOW))).collect();
    let lasting: Vec<_> = SEVEN.iter().map(|raw| isolation(*raw, None)).collect();
    let configurations = [
        ("none", Quarantine::new()),
        ("an empty policy", Quarantine::new().with_policy(policy(&[]))),
        ("a policy that denies everything", Quarantine::new().with_policy(policy(&[(0, 0xFFFF)]))),
        ("a policy that names one", Quarantine::new().with_policy(policy(&[(0x8009, 0x8009)]))),
        ("an unusable policy", Quarantine::new().with_unusable_policy(unusable())),
        ("an unusable policy, then a good one", Quarantine::new().with_unusable_policy(unusable()).with_policy(policy(&[]))),
        ("isolations that have ended", isolated(ended.clone(), NOW)),
        ("isolations that end later", isolated(ended, NOW - 1)),
        ("isolations without an end", isolated(lasting, NOW)),
    ];
    for (name, quarantine) in configurations {
        for (raw, operation) in SEVEN.iter().flat_map(|raw| Operation::ALL.map(|operation| (*raw, operation))) {
            for now_ms in [0, NOW - 1, NOW, u64::MAX] {
                let denied = quarantine.clear(DeviceId::new(raw), operation, now_ms).expect_err(name);
                assert!(matches!(denied.grounds, Grounds::Permanent { .. }), "{name}: {denied}");
                assert_eq!(denied.key(), format!("permanent/0x{raw:04X}"), "{name}");
                assert!(denied.is_explicit(), "{name}");
            }
        }
    }
}

#[test]
fn an_unusable_policy_denies_everything_and_keeps_the_first_error() {
    let error = Policy::parse("", "first.toml").unwrap_err();
    let quarantine = Quarantine::new().with_unusable_policy(error.clone());
    let quarantine = quarantine.with_unusable_policy(Policy::parse("", "second.toml").unwrap_err());
    let mut quarantine = quarantine.with_policy(policy(&[]));
    quarantine.set_isolations(Vec::new(), NOW);
    assert_eq!(allowed(&quarantine, NOW), Vec::<u16>::new());
    assert_eq!(quarantine.unusable(), Some(&error));

    let denied = ask(&quarantine, 0x8003, NOW).unwrap_err();
    assert_eq!(denied.key(), "policy-unusable");
    assert!(!denied.is_explicit());
    assert_eq!(
        denied.to_string(),
        "read of 0x8003 is denied (policy-unusable): everything is denied until the policy can be used: \
         policy first.toml, version: the file is empty, version is missing; \
         write version = 1 at its head; that alone is a policy that adds nothing"
    );
}

#[test]
fn an_id_that_is_not_served_is_denied_and_not_explicitly() {
    for raw in [0, 0x7FFF, 0x806C, 0x80FF, 0x8102, 0x8200, 0x8400, 0xFFFF] {
        let denied = ask(&Quarantine::new(), raw, NOW).unwrap_err();
        assert_eq!((denied.key().as_str(), denied.is_explicit()), ("not-served", false), "{denied}");
        let expected = format!("read of 0x{raw:04X} is denied (not-served): the driver serves 0x8000 to 0x806B only");
        assert_eq!(denied.to_string(), expected);
    }
}

#[test]
fn a_denial_names_its_rule_and_its_reason() {
    let text = "version = 1\n\n[[deny]]\nid = 0x8001\nreason = \" a \"\n\n[[deny]]\nfirst = 0x8030\nlast = 0x8033\nreason = \"under repair\"\n";
    let mut quarantine = Quarantine::new().with_policy(Policy::parse(text, "/etc/dsmil/policy.toml").unwrap());
    quarantine.set_isolations(vec![isolation(0x8004, Some(NOW + 5)), isolation(0x8005, None), isolation(0x8031, None)], NOW);
    let cases = [
        (
            0x8033,
            "policy//etc/dsmil/policy.toml/deny[1]",
            "read of 0x8033 is denied (policy//etc/dsmil/policy.toml/deny[1]): \
             under repair; /etc/dsmil/policy.toml line 7 forbids it",
        ),
        (
            0x8001,
            "policy//etc/dsmil/policy.toml/deny[0]",
            "read of 0x8001 is denied (policy//etc/dsmil/policy.toml/deny[0]): a; /etc/dsmil/policy.toml line 3 forbids it",
        ),
        (
            0x8004,
            "isolation/0x8004",
            "read of 0x8004 is denied (isolation/0x8004): \
             answers late; isolated by operator until 2027-01-15T08:00:00Z",
        ),
        (
            0x8005,
            "isolation/0x8005",
            "read of 0x8005 is denied (isolation/0x8005): answers late; isolated by operator until it is released",
        ),
        (
            0x8009,
            "permanent/0x8009",
            "read of 0x8009 is denied (permanent/0x8009): \
             data destruction; quarantined for ever, no configuration can change that",
        ),
    ];
    for (raw, key, message) in cases {
        let denied = ask(&quarantine, raw, NOW).unwrap_err();
        assert_eq!((denied.key().as_str(), denied.to_string().as_str()), (key, message));
        assert!(denied.is_explicit(), "{denied}");
    }
    let info = quarantine.clear(DeviceId::new(0x8009), Operation::Info, NOW).unwrap_err();
    assert!(info.to_string().starts_with("info of 0x8009 is denied"), "{info}");
    // The file's rule is named before the isolation: the isolation may end, the rule stays.
    assert!(matches!(ask(&quarantine, 0x8031, NOW).unwrap_err().grounds, Grounds::Policy(rule) if rule.index == 1));
}

#[test]
fn an_isolation_ends_at_its_millisecond_without_being_taken_out() {
    let quarantine = isolated(vec![isolation(0x8004, Some(NOW + 5))], NOW);
    for (now_ms, allowed) in [(0, false), (NOW, false), (NOW + 4, false), (NOW + 5, true), (NOW + 6, true), (u64::MAX, true)] {
        assert_eq!(ask(&quarantine, 0x8004, now_ms).is_ok(), allowed, "at {now_ms}");
        assert!(ask(&quarantine, 0x8005, now_ms).is_ok(), "only the isolated one is denied, at {now_ms}");
    }
    assert_eq!(quarantine.isolations().len(), 1);
    assert!(ask(&isolated(vec![isolation(0x8004, None)], NOW), 0x8004, u64::MAX).is_err(), "no end is no end");
    assert!(ask(&isolated(vec![isolation(0x8004, Some(0))], 0), 0x8004, 0).is_ok(), "ended before it began");
}

#[test]
fn a_clock_that_is_set_back_does_not_free_a_device() {
    // It had ended when the isolations were given; then the clock goes back to before its end.
    let quarantine = isolated(vec![isolation(0x8004, Some(NOW))], NOW + 1);
    assert!(ask(&quarantine, 0x8004, NOW + 1).is_ok());
    assert_eq!(ask(&quarantine, 0x8004, NOW - 1).unwrap_err().key(), "isolation/0x8004");
    assert!(ask(&quarantine, 0x8005, NOW - 1).is_ok(), "others are not concerned");
    // And to before its beginning.
    assert!(ask(&isolated(vec![isolation(0x8004, None)], NOW), 0x8004, NOW - 1_000_000).is_err());
}

#[test]
fn new_isolations_replace_the_old_ones_and_of_two_the_longer_counts() {
    let mut quarantine = isolated(vec![isolation(0x8004, None)], NOW);
    quarantine.set_isolations(vec![isolation(0x8005, Some(NOW)), isolation(0x8005, Some(NOW + 10))], NOW);
    assert!(ask(&quarantine, 0x8004, NOW).is_ok());
    assert!(ask(&quarantine, 0x8005, NOW + 9).is_err());
    assert!(ask(&quarantine, 0x8005, NOW + 10).is_ok());
    quarantine.set_isolations(Vec::new(), NOW);
    assert_eq!(allowed(&quarantine, NOW).len(), 103);
}

#[test]
fn policies_add_up_and_keep_their_order() {
    let second = Policy::parse("version = 1\n[[deny]]\nid = 0x8001\nreason = \"b\"\n", "second.toml").unwrap();
    let quarantine = Quarantine::new().with_policy(policy(&[(0x8000, 0x8002)])).with_policy(second);
    assert_eq!(quarantine.rules().iter().map(|rule| rule.file.as_str()).collect::<Vec<_>>(), ["policy.toml", "second.toml"]);
    assert_eq!(ask(&quarantine, 0x8001, NOW).unwrap_err().key(), "policy/policy.toml/deny[0]");
    assert!(ask(&quarantine, 0x8002, NOW).is_err(), "a later policy takes nothing away");
}

fn any_ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let near = (0x7FF0u16..0x8110, 0u16..40).prop_map(|(first, more)| (first, first + more));
    let far = (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop::collection::vec(prop_oneof![9 => near, 1 => far], 0..6)
}

fn any_isolations() -> impl Strategy<Value = Vec<Isolation>> {
    let until = prop_oneof![Just(None), (NOW - 4..NOW + 4).prop_map(Some), any::<u64>().prop_map(Some)];
    let one = (0x7FFEu16..0x8104, until).prop_map(|(raw, until_ms)| isolation(raw, until_ms));
    prop::collection::vec(one, 0..12)
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![8 => NOW - 5..NOW + 5, 1 => any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// All 65,536 ids, each under a random configuration, made and asked at random times.
    #[test]
    fn clear_says_what_the_reference_says(
        ranges in any_ranges(), isolations in any_isolations(), made_at in any_time(), now_ms in any_time(),
        policy_last: bool, unusable in prop::bool::weighted(0.1),
    ) {
        let mut quarantine = Quarantine::new();
        if !policy_last {
            quarantine = quarantine.with_policy(policy(&ranges));
        }
        quarantine.set_isolations(isolations.clone(), made_at);
        if policy_last {
            quarantine = quarantine.with_policy(policy(&ranges));
        }
        if unusable {
            quarantine = quarantine.with_unusable_policy(Policy::parse("", "policy.toml").unwrap_err());
        }
        for raw in 0..=u16::MAX {
            let expected = reference(raw, &ranges, unusable, &isolations, now_ms);
            prop_assert_eq!(ask(&quarantine, raw, now_ms).is_ok(), expected, "0x{:04X}", raw);
            prop_assert!(!(expected && SEVEN.contains(&raw)));
        }
    }

    /// Whatever is added, nothing becomes allowed that was not allowed before.
    #[test]
    fn a_configuration_only_shrinks_the_allowed_set(
        steps in prop::collection::vec((any_ranges(), prop::bool::weighted(0.05)), 1..4), isolations in any_isolations(), now_ms in any_time(),
    ) {
        let mut quarantine = Quarantine::new();
        quarantine.set_isolations(isolations, now_ms);
        let mut before = Quarantine::new();
        for (ranges, unusable) in steps {
            for raw in 0..=u16::MAX {
                prop_assert!(ask(&before, raw, now_ms).is_ok() || ask(&quarantine, raw, now_ms).is_err(), "0x{:04X}", raw);
            }
            before = quarantine.clone();
            quarantine = quarantine.with_policy(policy(&ranges));
            if unusable {
                quarantine = quarantine.with_unusable_policy(Policy::parse("[", "policy.toml").unwrap_err());
            }
        }
        for raw in 0..=u16::MAX {
            prop_assert!(ask(&before, raw, now_ms).is_ok() || ask(&quarantine, raw, now_ms).is_err(), "0x{:04X}", raw);
        }
    }
}
