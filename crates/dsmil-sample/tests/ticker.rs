//! The ticker in virtual time, and the alarm in real time.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::thread;
use std::time::{Duration, Instant};

use dsmil_sample::{Alarm, Clock, SystemClock, Tick, Ticker};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ticks_stand_at_multiples_however_late_they_are_seen() {
    let mut ticker = Ticker::new(SECOND * 7, SECOND * 30);
    let late = Duration::from_millis(400);
    for number in 0..1000u32 {
        let due = SECOND * 7 + SECOND * 30 * number;
        assert_eq!(ticker.due(), due);
        assert_eq!(ticker.tick(due.saturating_sub(Duration::from_nanos(1))), None, "not before it is due");
        let tick = Tick { number: number.into(), due, late_by: late, missed: 0 };
        assert_eq!(ticker.tick(due + late), Some(tick));
        assert_eq!(ticker.tick(due + late), None, "once");
    }
}

#[test]
fn a_suspend_of_ten_hours_is_so_many_missed_ticks() {
    let mut ticker = Ticker::new(Duration::ZERO, SECOND * 30);
    assert_eq!(ticker.tick(Duration::ZERO).unwrap().missed, 0);
    // The ticks from 30 s to 36,000 s, and the last of them is seen.
    let tick = ticker.tick(SECOND * 36_010).unwrap();
    assert_eq!((tick.number, tick.missed, tick.late_by), (1200, 1199, SECOND * 10));
    assert_eq!(ticker.due(), SECOND * 36_030);
}

#[test]
fn what_is_worth_a_word() {
    let tolerance = |seconds| Ticker::new(Duration::ZERO, SECOND * seconds).tolerance();
    assert_eq!((tolerance(1), tolerance(5), tolerance(30)), (SECOND / 10, SECOND / 2, SECOND));
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let mut ticker = Ticker::new(Duration::MAX, Duration::MAX);
    assert!(ticker.tick(Duration::MAX).is_some());
    _ = (ticker.tick(Duration::MAX), ticker.due());
    let mut nothing = Ticker::new(Duration::ZERO, Duration::ZERO);
    assert_eq!(nothing.interval(), Duration::from_millis(1), "no interval is none without end");
    assert!(nothing.tick(Duration::from_hours(24)).unwrap().missed > 0);
}

proptest! {
    /// Whenever it is looked at: every tick up to now was either seen or missed, none twice, and the one that is seen
    /// is the newest that is due.
    #[test]
    fn every_tick_is_seen_or_missed_and_none_twice(
        start in 0u64..10_000_000,
        interval_ms in 1u64..100_000,
        steps in prop::collection::vec(0u64..500_000_000_000, 1..60),
    ) {
        let interval = Duration::from_millis(interval_ms);
        let start = Duration::from_micros(start);
        let mut ticker = Ticker::new(start, interval);
        let mut now = Duration::ZERO;
        let mut accounted = 0u64;
        for step in steps {
            now += Duration::from_nanos(step);
            let before = ticker.due();
            let due_until_now = match now.checked_sub(start) {
                Some(since) => u64::try_from(since.as_nanos() / interval.as_nanos()).unwrap() + 1,
                None => 0,
            };
            if let Some(tick) = ticker.tick(now) {
                prop_assert_eq!(tick.number, accounted + tick.missed);
                prop_assert_eq!(tick.due, start + interval * u32::try_from(tick.number).unwrap());
                prop_assert_eq!(tick.due + tick.late_by, now);
                prop_assert!(tick.late_by < interval, "a newer one would have been due");
                accounted += 1 + tick.missed;
            } else {
                prop_assert_eq!(before, ticker.due());
            }
            prop_assert_eq!(accounted, due_until_now);
            prop_assert!(ticker.due() > now);
        }
    }
}

#[test]
fn the_steady_clock_counts_what_the_system_says_was_since_boot() {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let difference = SystemClock.steady().as_secs_f64() - seconds;
    assert!((-0.02..5.0).contains(&difference), "{difference}");
}

#[test]
fn an_alarm_rings_at_its_time_and_can_be_ended() {
    let alarm = Alarm::new().unwrap();
    let begun = Instant::now();
    assert!(!alarm.wait(Some(SystemClock.steady() + Duration::from_millis(60))).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(59), "{:?}", begun.elapsed());
    assert!(!alarm.wait(Some(Duration::ZERO)).unwrap(), "a time long past");
    let waker = alarm.waker();
    waker.wake();
    waker.wake();
    assert!(alarm.wait(None).unwrap(), "a wake before the wait is not lost");
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        waker.wake();
    });
    assert!(alarm.wait(None).unwrap());
    thread.join().unwrap();
}
