//! The policy file: what is read, and what each way of getting it wrong is answered with.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::time::{Duration, Instant};

use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Policy, PolicyError, Quarantine};
use proptest::prelude::*;

const HEAD: &str = "write version = 1 at its head; that alone is a policy that adds nothing";
const ID: &str = "write a number from 0 to 0xFFFF without quotation marks, such as 0x8031";
const UNKNOWN: &str = "remove it: a policy can only add to the quarantine, by [[deny]] with id, or first and last, and a reason";
const TOML: &str =
    "correct the TOML: version = 1 and then, for each rule, [[deny]] with id = 0x8031 or first and last, and a reason";
const RULE: &str = "write each rule as a table of its own: [[deny]]";
const RULES: &str = "write each rule as a table of its own, in two pairs of brackets: [[deny]]";
const NAMES: &str = "write either id = 0x8031 or both first and last";
const REASON: &str = "say why the id is denied: reason = \"...\"";
const TEXT: &str = "write the reason in quotation marks: reason = \"...\"";
const ONE: &str = "write version = 1";
const ONLY: &str = "write version = 1, the only one there is";
const TWICE: &str = "the key stands here twice";

/// The text; line and column (0, 0: the file as a whole); the key; what is wrong; what to do.
type Case = (&'static str, (usize, usize), Option<&'static str>, &'static str, &'static str);

/// No usable head.
const VERSIONS: &[Case] = &[
    ("", (0, 0), Some("version"), "the file is empty, version is missing", HEAD),
    ("  \n# a comment\n", (0, 0), Some("version"), "the file is empty, version is missing", HEAD),
    ("\u{feff}", (0, 0), Some("version"), "the file is empty, version is missing", HEAD),
    ("[[deny]]\nid = 0x8031\nreason = \"x\"\n", (0, 0), Some("version"), "version is missing", HEAD),
    ("version = 2\nlater = 1\n", (1, 11), Some("version"), "version 2 is not known", ONLY),
    ("version = -1\n", (1, 11), Some("version"), "version -1 is not known", ONLY),
    ("version = 99999999999999999999", (1, 11), Some("version"), "version 99999999999999999999 is not known", ONLY),
    ("version = \"1\"\n", (1, 11), Some("version"), "string where a number belongs", ONE),
    ("version = 1.0\n", (1, 11), Some("version"), "float where a number belongs", ONE),
    ("[version]\n", (1, 1), Some("version"), "table where a number belongs", ONE),
    ("version = 1\nversion = 1\n", (2, 1), Some("version"), TWICE, "keep one of the two"),
];

/// Attempts to take away, and keys that nobody knows.
const ATTEMPTS: &[Case] = &[
    ("version = 1\nallow = [0x8009]\n", (2, 1), Some("allow"), "a policy has no key allow", UNKNOWN),
    ("version = 1\n[[allow]]\nid = 0x8009\n", (2, 3), Some("allow"), "a policy has no key allow", UNKNOWN),
    ("version = 1\n[release]\nid = 0x8009\n", (2, 2), Some("release"), "a policy has no key release", UNKNOWN),
    ("version = 1\nDeny = []\n", (2, 1), Some("Deny"), "a policy has no key Deny", UNKNOWN),
    (
        "version = 1\n[[deny]]\nid = 1\nreason = \"x\"\nallow = true\n",
        (5, 1),
        Some("deny[0].allow"),
        "a policy has no key allow",
        UNKNOWN,
    ),
    (
        "version = 1\n[[deny]]\nfirst = 0x8000\nlast = 0x806B\nreason = \"x\"\nexcept = [0x8009]\n",
        (6, 1),
        Some("deny[0].except"),
        "a policy has no key except",
        UNKNOWN,
    ),
    ("version = 1\n\"ü\" = 5\n", (2, 1), Some("ü"), "a policy has no key ü", UNKNOWN),
];

/// Rules that are none.
const RULES_AT_FAULT: &[Case] = &[
    ("version = 1\ndeny = 5\n", (2, 8), Some("deny"), "integer where an array of tables belongs", RULES),
    ("version = 1\n[deny]\nid = 1\nreason = \"x\"\n", (2, 1), Some("deny"), "table where an array of tables belongs", RULES),
    ("version = 1\ndeny = [0x8031]\n", (2, 9), Some("deny[0]"), "integer where a table belongs", RULE),
    ("version = 1\n[[deny]]\nreason = \"x\"\n", (2, 1), Some("deny[0]"), "the rule names no device", NAMES),
    ("version = 1\n[[deny]]\nfirst = 2\nreason = \"x\"\n", (2, 1), Some("deny[0]"), "the range has a first and no last", NAMES),
    ("version = 1\n[[deny]]\nlast = 2\nreason = \"x\"\n", (2, 1), Some("deny[0]"), "the range has a last and no first", NAMES),
    (
        "version = 1\n[[deny]]\nid = 1\nfirst = 1\nlast = 2\nreason = \"x\"\n",
        (2, 1),
        Some("deny[0]"),
        "the rule names an id and a range",
        NAMES,
    ),
    (
        "version = 1\n[[deny]]\nid = 1\nlast = 2\nreason = \"x\"\n",
        (2, 1),
        Some("deny[0]"),
        "the rule names an id and a range",
        NAMES,
    ),
    (
        "version = 1\n\n[[deny]]\nfirst = 0x8002\nlast = 0x8001\nreason = \"x\"\n",
        (3, 1),
        Some("deny[0]"),
        "the range 0x8002 to 0x8001 is empty",
        "put the lower id first",
    ),
    ("version = 1\n[[deny]]\nid = 1\n", (2, 1), Some("deny[0].reason"), "the reason is missing", REASON),
    (
        "version = 1\ndeny = [{ id = 1, reason = \"x\" }, { id = 2 }]\n",
        (2, 35),
        Some("deny[1].reason"),
        "the reason is missing",
        REASON,
    ),
    ("version = 1\n[[deny]]\nid = 1\nreason = \" \\t\"\n", (4, 10), Some("deny[0].reason"), "the reason is empty", REASON),
    ("version = 1\n[[deny]]\nid = 1\nreason = 5\n", (4, 10), Some("deny[0].reason"), "integer where text belongs", TEXT),
    ("version = 1\n[[deny]]\nid = 1\nid = 2\nreason = \"x\"\n", (4, 1), Some("id"), TWICE, "keep one of the two"),
];

/// Ids that are none.
const IDS: &[Case] = &[
    ("version = 1\n[[deny]]\nid = \"0x8031\"\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "string where a number belongs", ID),
    ("version = 1\n[[deny]]\nid = 1.5\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "float where a number belongs", ID),
    ("version = 1\n[[deny]]\nid = true\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "boolean where a number belongs", ID),
    ("version = 1\n[[deny]]\nid = [1, 2]\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "array where a number belongs", ID),
    (
        "version = 1\n[[deny]]\nid = 2026-01-01\nreason = \"x\"\n",
        (3, 6),
        Some("deny[0].id"),
        "datetime where a number belongs",
        ID,
    ),
    ("version = 1\n[[deny]]\nid = -1\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "-1 is not a device id", ID),
    ("version = 1\r\n[[deny]]\r\nid = 0x10000\r\nreason = \"x\"\r\n", (3, 6), Some("deny[0].id"), "65536 is not a device id", ID),
    (
        "version = 1\n[[deny]]\nid = 1\nreason = \"x\"\n[[deny]]\nfirst = 1\nlast = 65536\nreason = \"y\"\n",
        (7, 8),
        Some("deny[1].last"),
        "65536 is not a device id",
        ID,
    ),
    (
        "version = 1\n[[deny]]\nid = 99999999999999999999\nreason = \"x\"\n",
        (3, 6),
        Some("deny[0].id"),
        "this number is not a device id",
        ID,
    ),
    ("version = 1\n[[deny]]\nid = 0x\nreason = \"x\"\n", (3, 6), Some("deny[0].id"), "this number is not a device id", ID),
    // Columns count characters: the ü is one.
    ("version = 1\ndeny = [{ reason = \"ü\", id = -5 }]\n", (2, 30), Some("deny[0].id"), "-5 is not a device id", ID),
];

/// No TOML.
const SYNTAX: &[Case] = &[
    ("version = 1\n[[deny]]\nid = 1\nreason = \"x\n", (4, 12), None, "invalid basic string, expected `\"`", TOML),
    ("version = 1\n[[deny]\nid = 1\n", (2, 8), None, "unclosed array table, expected `]`", TOML),
    ("version = 1\ndeny\n", (2, 5), None, "key with no value, expected `=`", TOML),
    ("deny everything, please", (1, 6), None, "key with no value, expected `=`", TOML),
    ("{\"version\": 1}", (1, 1), None, "invalid key-value pair, expected key", TOML),
    ("version = 1\n\0\n", (2, 2), None, "key with no value, expected `=`", TOML),
    ("version = 1\nü = 2\n", (2, 1), Some("ü"), "invalid unquoted key, expected letters, numbers, `-`, `_`", TOML),
];

fn policy(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text, "/etc/dsmil/policy.toml")
}

#[test]
fn a_malformed_policy_is_answered_with_the_place_the_fault_and_the_remedy() {
    let cases = [VERSIONS, ATTEMPTS, RULES_AT_FAULT, IDS, SYNTAX].concat();
    assert!(cases.len() >= 25, "{}", cases.len());
    for (text, position, key, what, remedy) in cases {
        let error = policy(text).expect_err(text);
        let expected = PolicyError {
            file: "/etc/dsmil/policy.toml".to_owned(),
            position: (position != (0, 0)).then_some(position),
            key: key.map(str::to_owned),
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        };
        assert_eq!(error, expected, "{text}");

        let place = if position == (0, 0) { String::new() } else { format!(", line {}, column {}", position.0, position.1) };
        let key = key.map_or_else(String::new, |key| format!(", {key}"));
        assert_eq!(error.to_string(), format!("policy /etc/dsmil/policy.toml{place}{key}: {what}; {remedy}"));

        let quarantine = Quarantine::new().with_unusable_policy(error);
        for id in DeviceId::served() {
            assert!(quarantine.clear(id, Operation::Info, 0).is_err(), "{text}: {id}");
        }
    }
}

#[test]
fn the_remedy_for_an_empty_file_is_a_policy() {
    assert_eq!(policy("version = 1").unwrap(), Policy::default());
    assert_eq!(policy("version = 1\ndeny = []\n").unwrap(), Policy::default());
}

#[test]
fn ids_and_ranges_are_read_in_every_notation_of_toml() {
    let text = "# why\nversion = 0x1\n\n[[deny]]\nid = 0x8031\nreason = \" under repair \"\n\n[[deny]]\nfirst = 32_768\nlast = 0o100001\n\
        reason = '''\nin two\nlines\n'''\n\n[[deny]]\nfirst = 0b0\nlast = 0xFFFF\nreason = \"all\"\n\n[[deny]]\nid = 0x8009\nreason = \"once more\"\n";
    let policy = policy(text).unwrap();
    let read: Vec<_> = policy.rules().iter().map(|rule| (rule.line, rule.index, rule.first.get(), rule.last.get())).collect();
    assert_eq!(read, [(4, 0, 0x8031, 0x8031), (8, 1, 0x8000, 0x8001), (16, 2, 0, 0xFFFF), (21, 3, 0x8009, 0x8009)]);
    let reasons: Vec<_> = policy.rules().iter().map(|rule| rule.reason.as_str()).collect();
    assert_eq!(reasons, ["under repair", "in two\nlines", "all", "once more"]);
    assert!(policy.rules().iter().all(|rule| rule.file == "/etc/dsmil/policy.toml"));
}

#[test]
fn a_range_covers_its_ends_and_nothing_beyond() {
    let policy = policy("version = 1\n[[deny]]\nfirst = 0x8010\nlast = 0x8012\nreason = \"x\"\n").unwrap();
    let covered: Vec<_> = (0..=u16::MAX).filter(|raw| policy.rules()[0].covers(DeviceId::new(*raw))).collect();
    assert_eq!(covered, [0x8010, 0x8011, 0x8012]);
}

#[test]
fn a_byte_order_mark_moves_no_line() {
    let error = policy("\u{feff}version = 1\nallow = 1\n").unwrap_err();
    assert_eq!((error.position, error.key.as_deref()), (Some((2, 1)), Some("allow")));
}

/// Reads and gives the answer back, if it came within a time that a person at a terminal would bear.
fn in_time(text: &str) -> Result<Policy, PolicyError> {
    let begun = Instant::now();
    let answer = policy(text);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?} for {} bytes", begun.elapsed(), text.len());
    answer
}

#[test]
fn a_very_long_file_is_read_or_refused_and_never_hangs() {
    let rule = "[[deny]]\nid = 0x8031\nreason = \"x\"\n";
    let count = (Policy::MAX_BYTES - 12) / rule.len();
    let longest = format!("version = 1\n{}", rule.repeat(count));
    let rules = in_time(&longest).unwrap();
    assert_eq!(rules.rules().len(), count);
    assert_eq!(rules.rules()[count - 1].line, 2 + 3 * (count - 1));

    let error = in_time(&format!("{longest}{rule}")).unwrap_err();
    let length = longest.len() + rule.len();
    assert_eq!(
        error.to_string(),
        format!(
            "policy /etc/dsmil/policy.toml: the file is {length} bytes long, a policy has at most 1048576; \
             deny ranges in place of single ids: [[deny]] with first, last and a reason"
        )
    );
    // The last of many rules is at fault.
    let error = in_time(&format!("version = 1\n{}[[deny]]\nid = -1\nreason = \"x\"\n", rule.repeat(count - 2))).unwrap_err();
    assert_eq!(error.position, Some((3 + 3 * (count - 2), 6)));
    assert_eq!(error.key, Some(format!("deny[{}].id", count - 2)));
}

#[test]
fn nesting_without_end_is_an_error_and_no_overflow_of_the_stack() {
    let error = in_time(&format!("version = 1\ndeny = {}\n", "[".repeat(500_000))).unwrap_err();
    assert_eq!((error.position, error.key), (Some((2, 88)), None));
    assert_eq!(error.what, "cannot recurse further; max recursion depth met");
    assert!(in_time(&format!("version = 1\ndeny = [{}1]\n", "{},".repeat(300_000))).is_err());
    assert!(in_time(&format!("version = 1\n[a{}]\n", ".a".repeat(500_000))).is_err());
    assert!(in_time(&format!("version = 1\n{}x{}\n", "{ a = ".repeat(100_000), "}".repeat(100_000))).is_err());
}

/// Texts that look like policies, so that the reader gets beyond the first line.
fn nearly_a_policy() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "version = 1\n",
        "version",
        "[[deny]]\n",
        "[deny]",
        "deny",
        "id",
        "first",
        "last",
        "reason",
        " = ",
        "=",
        "\n",
        "\r\n",
        "0x8031",
        "0x",
        "-1",
        "65536",
        "1e5",
        "\"x\"",
        "\"",
        "'''",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "ü",
        "\u{feff}",
        "\0",
        "# ",
        "allow",
        "id = 0x8031\n",
        "reason = \"x\"\n",
        "first = 1\nlast = 3\n",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever the text: a policy, or an error whose place lies in the text and that says what to do.
    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![nearly_a_policy(), nearly_a_policy().prop_map(|text| format!("version = 1\n{text}")), any::<String>(), ".*"]) {
        match policy(&text) {
            Ok(policy) => prop_assert!(policy.rules().iter().all(|rule| rule.first <= rule.last && !rule.reason.is_empty())),
            Err(error) => {
                prop_assert!(!error.what.is_empty() && !error.remedy.is_empty());
                if let Some((line, column)) = error.position {
                    let lines: Vec<_> = text.split('\n').collect();
                    prop_assert!((1..=lines.len()).contains(&line), "{}", error);
                    prop_assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "{}", error);
                }
            }
        }
    }

    /// What is written as a policy is read as it was written.
    #[test]
    fn every_well_formed_policy_is_read(rules in prop::collection::vec((any::<u16>(), any::<u16>(), "[a-zA-Zäöü]{1,20}"), 0..20)) {
        let mut text = "version = 1\n".to_owned();
        for (a, b, reason) in &rules {
            let ids = if a == b { format!("id = {a}") } else { format!("first = {}\nlast = {:#x}", a.min(b), a.max(b)) };
            write!(text, "\n[[deny]]\n{ids}\nreason = \"{reason}\"\n").unwrap();
        }
        let read = policy(&text).unwrap();
        let read: Vec<_> = read.rules().iter().map(|rule| (rule.first.get(), rule.last.get(), rule.reason.clone())).collect();
        let written: Vec<_> = rules.into_iter().map(|(a, b, reason)| (a.min(b), a.max(b), reason)).collect();
        prop_assert_eq!(read, written);
    }
}
