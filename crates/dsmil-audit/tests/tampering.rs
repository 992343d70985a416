//! Every way to tamper with a chain is found, told apart and placed.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{clean, fill, found, lines, put, quick, reseal};
use dsmil_audit::{Expect, Kind, Log, verify};
use proptest::prelude::*;
use tempfile::TempDir;

const COUNT: u64 = 12;

fn log_of(count: u64) -> TempDir {
    let dir = TempDir::new().unwrap();
    fill(&Log::open(dir.path(), quick()).unwrap(), count);
    clean(dir.path());
    dir
}

/// Tampers with the lines of a fresh log and gives what is found.
fn tampered(change: impl FnOnce(&mut Vec<String>)) -> Vec<(Kind, u64, Option<u64>)> {
    let dir = log_of(COUNT);
    let path = dir.path().join("audit.jsonl");
    let mut all = lines(&path);
    change(&mut all);
    put(&path, &all);
    found(&verify(dir.path(), None).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_changed_byte_is_found_in_its_record(at in 0..COUNT, byte in any::<prop::sample::Index>(), to in 0x20u8..0x7f) {
        let mut same = false;
        let found = tampered(|all| {
            let line = &mut all[at as usize];
            let i = byte.index(line.len());
            same = line.as_bytes()[i] == to;
            line.replace_range(i..=i, &char::from(to).to_string());
        });
        prop_assert_eq!(found, if same { vec![] } else { vec![(Kind::Changed, at + 1, Some(at + 1))] });
    }

    #[test]
    fn a_changed_record_that_is_sealed_anew_is_found(at in 0..COUNT) {
        let found = tampered(|all| all[at as usize] = reseal(&all[at as usize].replace("read", "stop")));
        prop_assert_eq!(found, vec![(Kind::Changed, at + 1, Some(at + 1))]);
    }

    #[test]
    fn a_changed_link_that_is_sealed_anew_is_found(at in 0..COUNT) {
        let found = tampered(|all| {
            let line = &all[at as usize];
            let i = line.find("\"prev\":\"").unwrap() + 8;
            all[at as usize] = reseal(&format!("{}{}{}", &line[..i], "ab".repeat(32), &line[i + 64..]));
        });
        prop_assert_eq!(found, vec![(Kind::Changed, at + 1, Some(at + 1))]);
    }

    #[test]
    fn a_changed_number_that_is_sealed_anew_is_found(at in 0..COUNT, to in 1..2 * COUNT) {
        prop_assume!(to != at + 1);
        let found = tampered(|all| {
            let from = format!("\"seq\":{},", at + 1);
            all[at as usize] = reseal(&all[at as usize].replacen(&from, &format!("\"seq\":{to},"), 1));
        });
        prop_assert_eq!(found, vec![(Kind::Changed, at + 1, Some(at + 1))]);
    }

    #[test]
    fn removed_records_are_found(at in 0..COUNT, many in 1..4u64) {
        let to = (at + many).min(COUNT);
        let found = tampered(|all| drop(all.drain(at as usize..to as usize)));
        let kind = if to == COUNT { Kind::Truncated } else { Kind::Removed };
        prop_assert_eq!(found, vec![(kind, at + 1, Some(at + 1))]);
    }

    #[test]
    fn two_that_changed_places_are_found(a in 0..COUNT, b in 0..COUNT) {
        prop_assume!(a < b);
        let found = tampered(|all| all.swap(a as usize, b as usize));
        if b == a + 1 {
            // Neighbours: which of the two moved can't be told; the first is named.
            prop_assert_eq!(found, vec![(Kind::Reordered, a + 1, Some(b + 1))]);
        } else {
            prop_assert_eq!(found, vec![(Kind::Reordered, a + 1, Some(b + 1)), (Kind::Reordered, b + 1, Some(a + 1))]);
        }
    }

    #[test]
    fn one_that_was_moved_is_found(from in 0..COUNT, to in 0..COUNT) {
        prop_assume!(from.abs_diff(to) > 1);
        let found = tampered(|all| {
            let line = all.remove(from as usize);
            all.insert(to as usize, line);
        });
        prop_assert_eq!(found, vec![(Kind::Reordered, to + 1, Some(from + 1))]);
    }

    #[test]
    fn a_copy_is_found(of in 0..COUNT, at in 0..=COUNT) {
        let found = tampered(|all| all.insert(at as usize, all[of as usize].clone()));
        // Beside its twin it can't be told which is the copy: the second is named.
        let line = if at == of { at + 2 } else { at + 1 };
        prop_assert_eq!(found, vec![(Kind::Added, line, Some(of + 1))]);
    }

    #[test]
    fn a_forged_record_is_found(at in 0..COUNT) {
        // It has the right number, hangs on the right hash, and is sealed: a rival of the real one.
        let found = tampered(|all| all.insert(at as usize, reseal(&all[at as usize].replace("read", "stop"))));
        prop_assert_eq!(found, vec![(Kind::Added, at + 1, Some(at + 1))]);
    }

    #[test]
    fn foreign_lines_are_found(at in 0..COUNT, text in "[ -~]{0,40}", many in 1..3u64) {
        let found = tampered(|all| (0..many).for_each(|_| all.insert(at as usize, text.clone())));
        let expected: Vec<_> = (0..many).map(|n| (Kind::Added, at + 1 + n, None)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_it_panic_or_pass(bytes in prop::collection::vec(any::<u8>(), 0..2000), head in prop::collection::vec(any::<u8>(), 0..400)) {
        let dir = log_of(2);
        fs::write(dir.path().join("audit.jsonl"), &bytes).unwrap();
        prop_assert!(!verify(dir.path(), None).unwrap().is_clean());
        fs::write(dir.path().join("audit.head"), &head).unwrap();
        prop_assert!(!verify(dir.path(), None).unwrap().is_clean());
        // And the log goes on, and says what it found.
        fill(&Log::open(dir.path(), quick()).unwrap(), 1);
        let report = verify(dir.path(), None).unwrap();
        prop_assert!(!report.repairs.is_empty());
    }
}

#[test]
fn a_forged_end_is_not_covered_by_the_head() {
    let dir = log_of(3);
    let path = dir.path().join("audit.jsonl");
    let mut all = lines(&path);
    let last: serde_json::Value = serde_json::from_str(&all[2]).unwrap();
    let forged = all[2].replace("\"seq\":3", "\"seq\":4").replace(last["prev"].as_str().unwrap(), last["hash"].as_str().unwrap());
    all.push(reseal(&forged));
    put(&path, &all);
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Unsealed, 5, Some(4))]);
    fill(&Log::open(dir.path(), quick()).unwrap(), 1);
    assert_eq!(clean(dir.path()).repairs.len(), 1, "taken up, but never in silence");
}

#[test]
fn what_was_cut_off_stays_missing_when_the_log_goes_on() {
    let dir = log_of(6);
    let path = dir.path().join("audit.jsonl");
    put(&path, &lines(&path)[..4]);
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Truncated, 5, Some(5))]);
    fill(&Log::open(dir.path(), quick()).unwrap(), 2);
    let report = verify(dir.path(), None).unwrap();
    assert_eq!(found(&report), [(Kind::Removed, 5, Some(5))]);
    assert_eq!(report.findings[0].last, Some(6));
    assert!(report.repairs[0].reason.contains("ended at record 4 where the head says 6"), "{:?}", report.repairs);
}

#[test]
fn a_missing_head_is_found_and_its_making_anew_is_told() {
    let dir = log_of(3);
    fs::remove_file(dir.path().join("audit.head")).unwrap();
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Truncated, 0, None)]);
    fill(&Log::open(dir.path(), quick()).unwrap(), 1);
    let report = clean(dir.path());
    assert!(report.repairs[0].reason.contains("the head was missing"), "{:?}", report.repairs);
}

#[test]
fn an_anchor_finds_a_log_that_was_wholly_rewritten() {
    let dir = log_of(5);
    let report = clean(dir.path());
    let anchor = Expect { seq: report.last_seq, hash: report.head_hash };
    assert!(verify(dir.path(), Some(anchor.clone())).unwrap().is_clean());
    fill(&Log::open(dir.path(), quick()).unwrap(), 2);
    assert!(verify(dir.path(), Some(anchor.clone())).unwrap().is_clean(), "an older anchor still holds");

    let forged = log_of(5);
    assert_eq!(found(&verify(forged.path(), Some(anchor.clone())).unwrap()), [(Kind::Changed, 5, Some(5))]);
    let short = log_of(3);
    assert_eq!(found(&verify(short.path(), Some(anchor)).unwrap()), [(Kind::Truncated, 4, Some(4))]);
}
