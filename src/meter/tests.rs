//! Meters whole: counting under threads, through a year, across a killed process, and from files that are not right.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;

const CAPACITY: u32 = 20_000;

/// With this variable the test binary is run again, as the process that is killed.
const COUNTING_PROCESS: &str = "TOLLGATE_COUNTING_PROCESS";

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn today(text: &str) -> Today {
    Today::of(day(text))
}

fn in_memory() -> Meters {
    Meters::in_memory(CAPACITY).expect("memory")
}

fn quota(limit: u32, period: Period) -> Option<Quota> {
    Some(Quota { limit, period })
}

/// How many of a day's requests are counted.
fn count(meter: &Meter, quota: Option<Quota>, on: &str, requests: u64) -> u64 {
    let today = today(on);
    (0..requests).map(|_| u64::from(meter.count(quota, &today).is_ok())).sum()
}

/// As the control plane does soon after midnight. How many requests the store is given.
fn move_finished(meter: &Meter, on: Day) -> u64 {
    let finished: Vec<_> = meter.finished(on).collect();
    assert!(finished.iter().all(|(day, requests)| meter.moved(*day, *requests)));
    finished.iter().map(|(_, requests)| requests).sum()
}

#[test]
fn a_quota_is_for_its_period() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let monthly = quota(100, Period::month(13));
    assert_eq!(count(meter, monthly, "2023-11-13", 101), 100, "the month from 14 October");
    assert_eq!(count(meter, monthly, "2023-11-14", 60), 60);
    assert_eq!(move_finished(meter, day("2023-11-15")), 160);
    assert_eq!(count(meter, monthly, "2023-11-15", 60), 40);
    assert_eq!(meter.requests(day("2023-11-15")), Some(40));
    assert_eq!(move_finished(meter, day("2023-12-13")), 40);
    assert_eq!(count(meter, monthly, "2023-12-13", 60), 0);
    assert_eq!(count(meter, monthly, "2023-12-14", 1), 1);
    assert_eq!(meter.requests(day("2023-11-14")), None, "its word is another day's");
    assert_eq!(meter.requests(day("2023-12-14")), Some(1));
}

/// A month in a millisecond, and then eleven more.
#[test]
fn a_year_is_counted_day_by_day() {
    for (period, expected) in [(Period::DAY, 365 * 7), (Period::week(3), 53 * 7), (Period::month(27), 13 * 7)] {
        let meters = in_memory();
        let meter = meters.record(meters.allocate(1).expect("room"));
        let mut stored = 0;
        for day in (day("2023-01-01").0..day("2024-01-01").0).map(Day) {
            stored += move_finished(meter, day);
            let counted = count(meter, quota(7, period), &day.to_string(), 9);
            assert_eq!(counted, meter.requests(day).unwrap_or(0));
        }
        stored += move_finished(meter, day("2024-01-01"));
        assert_eq!(stored, expected, "{period:?}");
    }
}

#[test]
fn no_thread_counts_beyond_the_quota() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    meter.grant(day("2023-11-01"), -500);
    // All of them arrive in the next month at once.
    let month_ends = Barrier::new(4);
    let counts = || {
        let november = count(meter, quota(20_000, Period::month(0)), "2023-11-30", 15_000);
        month_ends.wait();
        november + count(meter, quota(20_000, Period::month(0)), "2023-12-01", 15_000)
    };
    let counted: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(counts)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(counted, 19_500 + 20_000);
    let by_day = ["2023-11-30", "2023-12-01"].map(|on| meter.requests(day(on)).unwrap_or(0));
    assert_eq!(by_day.iter().sum::<u64>(), counted);
}

#[test]
fn what_is_left_is_told() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let today = today("2023-11-14");
    meter.grant(today.day, 1);
    let counted = || meter.count(quota(1, Period::DAY), &today);
    assert_eq!(counted(), Ok(Counted { remaining: Some(1) }));
    assert_eq!(counted(), Ok(Counted { remaining: Some(0) }));
    assert_eq!(counted(), Err(QuotaExceeded));
    assert_eq!(meter.count(None, &today), Ok(Counted { remaining: None }));
    meter.grant(today.day, -5);
    assert_eq!(counted(), Err(QuotaExceeded));
    assert_eq!(meter.requests(today.day), Some(3));
}

#[test]
fn a_clock_that_is_set_back_doubles_nothing() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let daily = quota(10, Period::DAY);
    assert_eq!(count(meter, daily, "2023-11-14", 8), 8);
    assert_eq!(count(meter, daily, "2023-11-15", 4), 4);
    assert_eq!(count(meter, daily, "2023-11-14", 10), 6, "of the later day's quota");
    assert_eq!(count(meter, daily, "2023-11-15", 10), 0);
    assert_eq!((meter.requests(day("2023-11-14")), meter.requests(day("2023-11-15"))), (Some(14), Some(4)));
}

#[test]
fn a_clock_that_was_years_ahead_is_made_good() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let monthly = Quota { limit: 10, period: Period::month(0) };
    assert_eq!(count(meter, Some(monthly), "2023-11-14", 3), 3);
    assert_eq!(count(meter, Some(monthly), "2053-11-15", 10), 10);
    let now = today("2023-11-15");
    assert_eq!(meter.count(Some(monthly), &now), Err(QuotaExceeded));
    let mut finished: Vec<_> = meter.finished(now.day).collect();
    finished.sort_unstable();
    assert_eq!(finished, [(day("2023-11-14"), 3), (day("2053-11-15"), 10)]);
    assert!(meter.needs_rebase(monthly.period, &now));
    meter.rebase(monthly.period, &now, |_| 0);
    assert!(!meter.needs_rebase(monthly.period, &now));
    assert_eq!(count(meter, Some(monthly), "2023-11-15", 10), 7);
}

#[test]
fn another_period_has_the_requests_of_its_days() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let stored = |stored: Day| if stored == day("2023-11-01") { 100 } else { 0 };
    assert_eq!(count(meter, None, "2023-11-13", 20), 20);
    assert_eq!(count(meter, None, "2023-11-14", 3), 3);
    let used = |period: Period| {
        meter.rebase(period, &today("2023-11-14"), stored);
        let counted = meter.count(quota(1_000, period), &today("2023-11-14")).expect("room");
        1_000 - counted.remaining.expect("a quota")
    };
    // There was none before: its days are counted. Each look counts one more.
    assert_eq!(used(Period::DAY), 4);
    assert_eq!(used(Period::month(0)), 100 + 20 + 5);
    assert_eq!(used(Period::week(1)), 20 + 6);
    assert_eq!(used(Period::week(2)), 7);
    assert_eq!(count(meter, None, "2023-11-14", 2), 2);
    assert_eq!(used(Period::month(1)), 20 + 10);
}

#[test]
fn a_day_is_moved_once_it_is_over() {
    let meters = in_memory();
    let meter = meters.record(meters.allocate(1).expect("room"));
    let finished = |on: &str| meter.finished(day(on)).collect::<Vec<_>>();
    assert_eq!(count(meter, None, "2023-11-14", 3), 3);
    assert_eq!(finished("2023-11-14"), []);
    assert_eq!(finished("2023-11-15"), [(day("2023-11-14"), 3)]);
    // Another shard is a tick behind, between the store's write and the mark.
    assert_eq!(count(meter, None, "2023-11-14", 1), 1);
    assert!(!meter.moved(day("2023-11-14"), 3));
    assert_eq!(finished("2023-11-15"), [(day("2023-11-14"), 4)]);
    assert!(meter.moved(day("2023-11-14"), 4));
    assert_eq!((finished("2023-11-15"), meter.requests(day("2023-11-14"))), (vec![], Some(4)));
    // And after it.
    assert_eq!(count(meter, None, "2023-11-14", 1), 1);
    assert_eq!(finished("2023-11-15"), [(day("2023-11-14"), 5)]);
}

#[test]
fn records_are_found_freed_and_taken_again() {
    let meters = Meters::in_memory(3).expect("memory");
    let indices = [10, 11, 12].map(|identity| meters.allocate(identity).expect("room"));
    assert_eq!(meters.allocate(11).expect("there already"), indices[1]);
    assert_eq!((meters.find(12), meters.find(13)), (Some(indices[2]), None));
    let full = meters.allocate(13).expect_err("full").to_string();
    assert_eq!(full, "there are 3 API keys in usage plans already");
    count(meters.record(indices[1]), quota(5, Period::DAY), "2023-11-14", 5);
    assert_eq!([(); 2].map(|()| meters.retire(indices[1])), [true, false]);
    assert_eq!(meters.find(11), None);
    assert!(meters.allocate(13).is_err(), "a shard may still count in it");
    count(meters.record(indices[1]), None, "2023-11-14", 2);
    meters.free(indices[1]);
    assert_eq!(meters.allocate(13).expect("room"), indices[1]);
    assert_eq!(count(meters.record(indices[1]), quota(5, Period::DAY), "2023-11-14", 9), 5, "empty again");
    let mut memberships = meters.memberships();
    memberships.sort_unstable();
    assert_eq!(memberships, [(indices[0], 10), (indices[1], 13), (indices[2], 12)]);
}

#[test]
fn memory_without_a_file_stays() {
    let meters = Meters::in_memory(4).expect("a page");
    let index = meters.allocate(1).expect("room");
    count(meters.record(index), None, "2023-11-14", 3);
    meters.unload().expect("nothing is done");
    assert_eq!(meters.record(index).requests(day("2023-11-14")), Some(3));
}

#[test]
fn a_file_grows_and_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage");
    let meters = Meters::open(&path, CAPACITY).expect("a new file");
    for identity in 0..u128::from(CAPACITY) {
        let index = meters.allocate(identity).expect("room");
        count(meters.record(index), None, "2023-11-14", u64::try_from(identity % 3).expect("small"));
    }
    assert!(matches!(meters.allocate(u128::MAX), Err(AllocateError::Full { capacity: CAPACITY })));
    let used = meters.find(17_001).expect("allocated");
    meters.record(used).throttle().store(5, Ordering::Relaxed);
    let freed = meters.find(19_000).expect("allocated");
    meters.retire(freed);
    // A shard that has not heard of it: the next process empties the record all the same.
    count(meters.record(freed), None, "2023-11-14", 1);
    meters.unload().expect("the pages can go");
    assert_eq!(meters.record(used).throttle().load(Ordering::Relaxed), 5, "what was stored is there");
    meters.sync().expect("the disk is fine");
    assert!(matches!(Meters::open(&path, 1), Err(OpenError::InUse { .. })));
    drop(meters);

    // A smaller bound takes nothing away.
    let meters = Meters::open(&path, 1).expect("the file");
    assert_eq!((meters.damaged(), meters.capacity(), meters.memberships().len()), (0, CAPACITY, 19_999));
    for identity in (0..u128::from(CAPACITY)).filter(|identity| *identity != 19_000) {
        let requests = u64::try_from(identity % 3).expect("small");
        let meter = meters.record(meters.find(identity).expect("it was there"));
        assert_eq!(meter.requests(day("2023-11-14")), (requests > 0).then_some(requests));
    }
    assert_eq!(meters.record(used).throttle().load(Ordering::Relaxed), 0);
    assert_eq!(meters.allocate(77_777).expect("the retired one"), freed);
    assert_eq!(meters.record(freed).requests(day("2023-11-14")), None);
    drop(meters);
    assert_eq!(Meters::open(&path, CAPACITY + 5).expect("the file").capacity(), CAPACITY + 5);
}

/// A record's bytes: identity at 0, check at 16, granted at 24, days at 32 and 40, period at 48.
#[test]
fn damaged_records_are_emptied_and_counted() {
    type Damage = fn(&mut [u8]);
    let damages: [(Damage, usize); 7] = [
        (|_| {}, 0),
        (|record| record[3] ^= 1, 1),
        (|record| record[20] ^= 0x10, 1),
        // No period has this number.
        (|record| record[55] = 0xff, 1),
        // An odd day's count in the even day's word.
        (|record| record.copy_within(40..48, 32), 1),
        (|record| record[..64].fill(0xff), 1),
        (|record| record.copy_within(..64, 64), 1),
    ];
    for (number, (damage, expected)) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("usage");
        let meters = Meters::open(&path, CAPACITY).expect("a new file");
        let [first, _] = [1, 2].map(|identity| meters.allocate(identity).expect("room"));
        count(meters.record(first), quota(9, Period::DAY), "2023-11-14", 5);
        drop(meters);
        let mut bytes = fs::read(&path).expect("the file");
        damage(&mut bytes[4096..]);
        fs::write(&path, bytes).expect("the file");
        let meters = Meters::open(&path, CAPACITY).expect("the file");
        assert_eq!((meters.damaged(), meters.memberships().len()), (expected, 2 - expected), "damage {number}");
        let again = [1, 2].map(|identity| meters.allocate(identity).expect("room"));
        assert_ne!(again[0], again[1]);
    }
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage");
    fs::write(&path, bytes).expect("a file");
    let message = Meters::open(&path, CAPACITY).err().expect("refused").to_string();
    assert_eq!(message, format!("{}: {expected}", path.display()));
    assert_eq!(fs::read(&path).expect("still there"), bytes);
}

#[test]
fn a_file_that_is_not_right_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage");
    Meters::open(&path, CAPACITY).expect("a new file").allocate(1).expect("room");
    let right = fs::read(&path).expect("the file");
    check_refused(b"", "not a file of usage counters");
    check_refused(&right[..20], "not a file of usage counters");
    check_refused(&[b"{}", &right[2..]].concat(), "not a file of usage counters");
    let version = [&right[..16], &[7, 0, 0, 0], &right[20..]].concat();
    check_refused(&version, "usage counters of version 7, which this release cannot read");
    check_refused(&right[..right.len() - 1], "truncated: it has 1052671 of 1052672 bytes");
    // Its process died while it was growing.
    fs::write(&path, [right.as_slice(), &[0; 999]].concat()).expect("a file");
    assert!(Meters::open(&path, CAPACITY).expect("it is whole").find(1).is_some());
    let missing = Meters::open(&folder.path().join("no/usage"), 1).err().expect("refused").to_string();
    assert!(missing.contains("no/usage: No such file"), "{missing}");
}

/// The process counts a byte that it is sent and answers it with one, on four connections at once, until it is killed
/// somewhere in the middle. What it answered is in the file, and nothing that it was not sent.
#[test]
fn a_killed_process_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage");
    let (mut sent_before, mut answered_before) = (0, 0);
    for round in 1..=5 {
        let (sent, answered) = count_until_killed(folder.path(), 700 * round);
        sent_before += sent;
        answered_before += answered;
        let meters = Meters::open(&path, CAPACITY).expect("the file");
        assert_eq!(meters.damaged(), 0);
        let meter = meters.record(meters.find(7).expect("the membership"));
        let counted = meter.requests(day("2023-11-14")).unwrap_or(0);
        assert!((answered_before..=sent_before).contains(&counted), "{answered_before}..={sent_before}: {counted}");
        // The quota knows of them as well. This look at it counts.
        let remaining = meter.count(quota(1_000_000, Period::DAY), &today("2023-11-14")).expect("room").remaining;
        let used = 1_000_000 - remaining.expect("a quota") - 1;
        assert!((answered_before..=sent_before).contains(&used), "{answered_before}..={sent_before}: {used}");
        (sent_before, answered_before) = (sent_before + 1, answered_before + 1);
    }
}

/// How many requests were sent, and answered.
fn count_until_killed(folder: &Path, answers: u64) -> (u64, u64) {
    let socket = folder.join("socket");
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).expect("a socket");
    let mut process: Child = Command::new(std::env::current_exe().expect("the test binary"))
        .args(["--exact", "meter::tests::counting_process", "--nocapture"])
        .env(COUNTING_PROCESS, folder)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the test binary runs");
    let (sent, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let (sent, answered) = (&sent, &answered);
        for _ in 0..4 {
            let (mut stream, _) = listener.accept().expect("a connection");
            scope.spawn(move || {
                let mut answer = [0];
                sent.fetch_add(1, Ordering::SeqCst);
                while stream.write_all(&[1]).is_ok() && stream.read_exact(&mut answer).is_ok() {
                    answered.fetch_add(1, Ordering::SeqCst);
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while answered.load(Ordering::SeqCst) < answers {
            thread::yield_now();
        }
        // SIGKILL.
        process.kill().expect("it runs");
    });
    process.wait().expect("it has ended");
    (sent.into_inner(), answered.into_inner())
}

#[test]
fn counting_process() {
    let Some(folder) = std::env::var_os(COUNTING_PROCESS) else { return };
    let folder = Path::new(&folder);
    let meters = Meters::open(&folder.join("usage"), CAPACITY).expect("the file");
    let index = meters.allocate(7).expect("room");
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut stream = UnixStream::connect(folder.join("socket")).expect("a connection");
            let meter = meters.record(index);
            scope.spawn(move || {
                let today = today("2023-11-14");
                let mut request = [0];
                while stream.read_exact(&mut request).is_ok() {
                    meter.count(quota(1_000_000, Period::DAY), &today).expect("room");
                    stream.write_all(&request).expect("the other end is there");
                }
            });
        }
    });
}
