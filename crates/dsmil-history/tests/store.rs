//! What the store accepts, keeps, refuses and says.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};

use common::{DAY, HOUR, MINUTE, START, ask, open, options, put, quick_dir, sample, settle};
use dsmil_gate::{Labels, Measurement, Period, is_stale};
use dsmil_history::{Batch, NewEvent, Query, Reader, Resolution, Retention, StateDir, Store, StoreOptions};

fn values(store: &Store, metric: &str) -> Vec<u64> {
    let found = ask(store, metric, i64::MIN, i64::MAX, Resolution::Raw);
    found.iter().flat_map(|series| series.points.iter().map(|point| point.value.to_bits())).collect()
}

#[test]
fn every_number_survives_to_the_bit_in_the_head_and_in_a_block() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    let signalling = f64::from_bits(0xfff4_0000_0000_1234);
    let odd = [f64::NAN, -f64::NAN, signalling, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 5e-324, f64::MAX, 1.0, -3.5, 1e15];
    let mut samples: Vec<Measurement> = odd.iter().zip(0..).map(|(value, n)| sample("a", "", START + n, *value)).collect();
    samples.push(Measurement::stale("a", Labels::default(), START + 100));
    let expected: Vec<u64> = samples.iter().map(|sample| sample.value.to_bits()).collect();
    put(&mut held.store, &samples);
    assert_eq!(values(&held.store, "a"), expected);
    settle(&mut held.store, START + 2 * HOUR);
    assert_eq!(values(&held.store, "a"), expected);
    let hour = ask(&held.store, "a", START, START, Resolution::Hour)[0].points[0].rollup.unwrap();
    // Infinity and its opposite come to NaN; that has to survive, too.
    assert!(hour.sum.is_nan() && hour.count == 9 && hour.last == 1e15 && hour.max == f64::INFINITY, "{hour:?}");
    let refill = held.store.recent(START).unwrap();
    let (_, id) = refill.matching("a", &Labels::default()).next().unwrap();
    assert!(is_stale(refill.get(id).unwrap().samples().last().unwrap().value));
}

#[test]
fn of_two_for_one_time_the_first_stays_also_when_it_is_packed() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    put(&mut held.store, &[sample("a", "1", START, 1.0), sample("a", "1", START, 2.0)]);
    put(&mut held.store, &[sample("a", "1", START, 3.0)]);
    settle(&mut held.store, START + 2 * HOUR);
    put(&mut held.store, &[sample("a", "1", START, 4.0), sample("a", "1", START + 1, 5.0)]);
    let sums = |store: &Store| ask(store, "a", START, START, Resolution::Minute)[0].points[0].rollup.unwrap().sum;
    assert_eq!((values(&held.store, "a"), sums(&held.store)), (vec![1f64.to_bits(), 5f64.to_bits()], 6.0));
    settle(&mut held.store, START + 2 * HOUR);
    assert_eq!((values(&held.store, "a"), sums(&held.store)), (vec![1f64.to_bits(), 5f64.to_bits()], 6.0));
}

#[test]
fn labels_choose_and_an_empty_label_is_none() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    let empty: Labels = [("device", "")].into_iter().collect();
    put(&mut held.store, &[sample("a", "1", START, 1.0), sample("a", "2", START, 2.0)]);
    put(&mut held.store, &[Measurement::new("a", START, 3.0).with_labels(empty.clone()), sample("a", "", START + 1, 4.0)]);
    let choose = |labels: Labels| {
        held.store.query(&Query { labels, resolution: Resolution::Raw, ..Query::new("a", 0, i64::MAX) }).unwrap()
    };
    assert_eq!(choose([("device", "2")].into_iter().collect())[0].points[0].value, 2.0);
    assert_eq!(choose(empty)[0].points.len(), 2, "one series, not two");
    assert_eq!(choose(Labels::default()).len(), 3);
    assert_eq!(choose([("device", "3")].into_iter().collect()), []);
    assert_eq!(held.store.series(Some("a")).unwrap().len(), 3);
    assert_eq!(held.store.series(Some("b")).unwrap(), []);
}

#[test]
fn what_comes_later_than_raw_samples_are_kept_is_refused_and_the_rest_is_not() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    put(&mut held.store, &[sample("a", "", START, 1.0)]);
    settle(&mut held.store, START + 10 * DAY);
    let late = [
        sample("a", "", START, 2.0),
        sample("a", "", START + 9 * DAY, 3.0),
        sample("a", "", i64::MAX, 4.0),
        sample("a", "", i64::MIN, 5.0),
    ];
    let committed = held.store.commit(&Batch { samples: &late, ..Batch::default() }).unwrap();
    assert_eq!(committed.refused, 3);
    assert_eq!(values(&held.store, "a"), [3f64.to_bits()]);
    // What the raw sample came to is still there.
    assert_eq!(ask(&held.store, "a", START, START, Resolution::Minute)[0].points[0].value, 1.0);
    // A restart doesn't open the hour again.
    drop(held);
    let mut held = open(&parent.path().join("s"), &options());
    assert_eq!(held.store.commit(&Batch { samples: &late[..1], ..Batch::default() }).unwrap().refused, 1);
}

#[test]
fn each_resolution_ends_at_its_time_and_a_silent_series_is_forgotten() {
    let parent = quick_dir();
    let day = |days| Period::from_millis(days * DAY);
    let retention = Retention { raw: day(1), minute: day(3), hour: day(6) };
    let mut held = open(&parent.path().join("s"), &StoreOptions { retention, ..options() });
    put(&mut held.store, &[sample("old", "", START, 1.0), sample("new", "", START + 6 * DAY, 1.0)]);
    let there =
        |store: &Store| [Resolution::Raw, Resolution::Minute, Resolution::Hour].map(|r| ask(store, "old", 0, i64::MAX, r).len());
    for (days, expected) in [(0, [1, 1, 1]), (1, [1, 1, 1]), (2, [0, 1, 1]), (4, [0, 0, 1]), (7, [0, 0, 0])] {
        settle(&mut held.store, START + days * DAY + 10 * MINUTE);
        assert_eq!(there(&held.store), expected, "after {days} days");
    }
    let metrics: Vec<String> = held.store.series(None).unwrap().into_iter().map(|info| info.metric).collect();
    assert_eq!(metrics, ["new"]);
    // It may come back, and is a series like any other.
    put(&mut held.store, &[sample("old", "", START + 7 * DAY, 2.0)]);
    assert_eq!(values(&held.store, "old"), [2f64.to_bits()]);
}

#[test]
fn a_resolution_that_fits_is_chosen() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    for day in 0..30 {
        put(&mut held.store, &[sample("a", "", START + day * DAY, 1.0)]);
    }
    let now = START + 30 * DAY;
    settle(&mut held.store, now);
    let chosen = |from, to| held.store.query(&Query::new("a", from, to)).unwrap()[0].resolution;
    assert_eq!(chosen(now - DAY, now - DAY + 6 * HOUR), Resolution::Raw);
    assert_eq!(chosen(now - 3 * DAY, now), Resolution::Minute);
    assert_eq!(chosen(now - 4 * DAY, now), Resolution::Hour);
    assert_eq!(chosen(now - 20 * DAY, now - 20 * DAY + HOUR), Resolution::Minute, "raw samples of that time are gone");
}

#[test]
fn a_query_that_asks_for_too_much_is_an_error() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    let samples: Vec<Measurement> =
        (0..100).map(|n| sample("a", if n % 2 == 0 { "1" } else { "2" }, START + n * MINUTE, 1.0)).collect();
    put(&mut held.store, &samples);
    for at in [START, START + 3 * HOUR] {
        settle(&mut held.store, at);
        for (resolution, count) in [(Resolution::Raw, 100), (Resolution::Minute, 100), (Resolution::Hour, 4)] {
            let query = |max_points| Query { resolution, max_points, ..Query::new("a", 0, i64::MAX) };
            assert_eq!(held.store.query(&query(count)).unwrap().iter().map(|series| series.points.len()).sum::<usize>(), count);
            let error = held.store.query(&query(count - 1)).unwrap_err();
            assert_eq!(error.kind(), "too-many-points");
            assert!(error.to_string().contains(&format!("more than {} points", count - 1)), "{error}");
        }
    }
    assert_eq!(held.store.query(&Query::new("a", START + 1, START)).unwrap(), [], "an empty time");
}

#[test]
fn events_are_numbered_once_and_for_all() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let mut held = open(&path, &options());
    let event = |kind, at| NewEvent { at, kind, body: "{\"ä\":\"\\u0000\"}" };
    let events = [event("a", 1), event("b", 2), event("a", 3)];
    assert_eq!(held.store.commit(&Batch { events: &events, ..Batch::default() }).unwrap().events, [1, 2, 3]);
    let seqs = |store: &Reader, kind, after, limit| -> Vec<i64> {
        store.events(kind, after, limit).unwrap().into_iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs(&held.store, None, 0, 2), [1, 2]);
    assert_eq!(seqs(&held.store, Some("a"), 1, 9), [3]);
    assert_eq!(seqs(&held.store, Some("c"), 0, 9), [0; 0]);
    assert_eq!(held.store.events(Some("b"), 0, 1).unwrap()[0].body, "{\"ä\":\"\\u0000\"}");
    assert_eq!(held.store.prune_events("a", 4).unwrap(), 2);
    assert_eq!(held.store.prune_events("b", 4).unwrap(), 1);
    drop(held);
    let mut held = open(&path, &options());
    assert_eq!(held.store.commit(&Batch { events: &events[..1], ..Batch::default() }).unwrap().events, [4]);
}

#[test]
fn states_are_replaced_and_removed() {
    let parent = quick_dir();
    let mut held = open(&parent.path().join("s"), &options());
    let mut save = |states: &[(&str, &str)]| held.store.commit(&Batch { states, ..Batch::default() }).map(drop).unwrap();
    save(&[("a", "1"), ("b", "2"), ("a", "3")]);
    save(&[("b", "")]);
    assert_eq!((held.store.state("a").unwrap().as_deref(), held.store.state("b").unwrap()), (Some("3"), None));
}

#[test]
fn a_batch_is_kept_as_a_whole_or_not_at_all() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let mut held = open(&path, &StoreOptions { busy_timeout: Period::from_millis(50), ..options() });
    let other = rusqlite::Connection::open(path.join("history.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let samples = [sample("a", "", START, 1.0)];
    let error = held.store.commit(&Batch { samples: &samples, ..Batch::default() }).unwrap_err();
    assert_eq!(error.kind(), "sql");
    assert!(error.to_string().contains("locked"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    // A table that refuses within the transaction: what had been written before goes, too, and the series' number is forgotten.
    other.execute_batch("CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    let events = [NewEvent { at: 1, kind: "a", body: "1" }];
    assert_eq!(held.store.commit(&Batch { samples: &samples, events: &events, states: &[] }).unwrap_err().kind(), "sql");
    other.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(held.store.series(None).unwrap(), []);
    put(&mut held.store, &samples);
    assert_eq!(values(&held.store, "a"), [1f64.to_bits()]);
}

#[test]
fn a_store_that_is_too_large_gives_up_the_oldest_and_says_so() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let small = StoreOptions { max_bytes: 400_000, ..options() };
    let mut held = open(&path, &small);
    let mut noise = 1u64;
    let mut dropped = Vec::new();
    for hour in 0..48 {
        let mut samples = Vec::new();
        for n in 0..1200 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            samples.push(sample("a", "", START + hour * HOUR + n * 3000, noise as f64));
        }
        put(&mut held.store, &samples);
        loop {
            let done = held.store.maintain(START + (hour + 1) * HOUR + 2 * MINUTE).unwrap();
            dropped.extend(done.dropped.clone());
            if !done.more {
                assert!(done.used_bytes <= small.max_bytes && done.file_bytes <= small.max_bytes + (1 << 20), "{done:?}");
                break;
            }
        }
    }
    let told = held.store.events(Some("history-shrunk"), 0, usize::MAX).unwrap();
    assert!(!dropped.is_empty() && told.len() == dropped.len());
    assert_eq!(told.last().unwrap().body, serde_json::to_string(dropped.last().unwrap()).unwrap());
    let before = dropped.iter().filter_map(|dropped| dropped.raw_before).max().unwrap();
    let raw = ask(&held.store, "a", 0, i64::MAX, Resolution::Raw);
    assert!(raw[0].points[0].at >= before && raw[0].points.last().unwrap().at == START + 48 * HOUR - 3000);
    assert_eq!(ask(&held.store, "a", 0, i64::MAX, Resolution::Hour)[0].points.len(), 48, "hours go last");
    // Events and states are not the store's to remove.
    let big = "x".repeat(500_000);
    held.store.commit(&Batch { states: &[("big", &big)], ..Batch::default() }).map(drop).unwrap();
    let mut last = held.store.maintain(START + 50 * HOUR).unwrap();
    while last.more {
        last = held.store.maintain(START + 50 * HOUR).unwrap();
    }
    assert!(last.over_limit && held.store.state("big").unwrap().unwrap() == big);
    // And a sample of now is still accepted.
    put(&mut held.store, &[sample("a", "", START + 50 * HOUR, 1.0)]);
}

#[test]
fn a_newer_file_and_a_foreign_one_are_refused_by_name() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    drop(open(&path, &options()));
    let file = path.join("history.sqlite");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.pragma_update(None, "user_version", 7).unwrap();
    let dir = StateDir::hold(&path).unwrap();
    let error = Store::open(&dir, &options()).unwrap_err();
    assert_eq!(error.kind(), "newer");
    assert!(error.to_string().contains("schema version 7") && error.to_string().contains("history.sqlite"), "{error}");
    assert_eq!(Reader::open(&path).unwrap_err().kind(), "newer");
    other.pragma_update(None, "user_version", 1).unwrap();
    other.pragma_update(None, "application_id", 5).unwrap();
    assert!(Store::open(&dir, &options()).unwrap_err().to_string().contains("another program made it"));
    assert_eq!(Reader::open(parent.path()).unwrap_err().kind(), "missing");
}

#[test]
fn damage_is_named_and_nothing_is_removed() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let file = path.join("history.sqlite");
    let mut held = open(&path, &options());
    let samples: Vec<Measurement> = (0..3000).map(|n| sample("a", "", START + n * 1000, n as f64 * 1.1)).collect();
    put(&mut held.store, &samples);
    settle(&mut held.store, START + 3 * HOUR);
    held.store.check().unwrap();
    drop(held);
    // A block whose bytes have changed is found by its checksum.
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute("UPDATE raw SET samples = zeroblob(200)", []).unwrap();
    drop(other);
    let held = open(&path, &options());
    for error in [
        held.store.check().unwrap_err(),
        held.store.recent(START).unwrap_err(),
        held.store.query(&Query::new("a", START, START)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), "damaged");
        assert!(
            error.to_string().contains("history.sqlite") && error.to_string().contains("Remedy: stop the monitor"),
            "{error}"
        );
    }
    drop(held);
    // Rubbish in a page, then rubbish all over.
    let length = fs::metadata(&file).unwrap().len();
    let raw = File::options().write(true).open(&file).unwrap();
    raw.write_all_at(&[0xa5; 4096], length - 4096).unwrap();
    raw.write_all_at(&[0xa5; 4096], 8192).unwrap();
    let dir = StateDir::hold(&path).unwrap();
    let found = Store::open(&dir, &options()).and_then(|store| store.check());
    assert_eq!(found.unwrap_err().kind(), "damaged");
    fs::write(&file, vec![0x5a; 10_000]).unwrap();
    assert_eq!(Store::open(&dir, &options()).unwrap_err().kind(), "damaged");
    assert_eq!(fs::read(&file).unwrap(), vec![0x5a; 10_000]);
}

#[test]
fn files_that_others_may_write_are_refused() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    drop(open(&path, &options()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let file = path.join("history.sqlite");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    let dir = StateDir::hold(&path).unwrap();
    let error = Store::open(&dir, &options()).unwrap_err();
    assert_eq!(error.kind(), "unsafe");
    assert!(error.to_string().contains("chmod go-w"), "{error}");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/null", &file).unwrap();
    assert_eq!(Store::open(&dir, &options()).unwrap_err().kind(), "unsafe");
}

#[test]
fn options_are_read_as_people_write_them() {
    let options: StoreOptions = serde_json::from_str(r#"{"retention":{"raw":"2d"},"max_bytes":5}"#).unwrap();
    assert_eq!(
        (options.retention.raw.as_millis(), options.retention.hour.as_millis(), options.max_bytes),
        (2 * DAY, 90 * DAY, 5)
    );
    assert!(serde_json::from_str::<StoreOptions>(r#"{"max_byte":5}"#).unwrap_err().to_string().contains("max_byte"));
}
