//! The limits' law, by histories: several shards and a simulated clock, and real threads with the real one. Over every
//! window at most burst + rate × window passes; and what is due is not withheld.

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tollgate::limit::{Budget, Cell, KeyedCells, Lease, Leases, Rate};

use crate::harness::history::{Passed, check_history};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

struct Shard {
    leases: Leases,
    lease: Rc<Lease>,
    /// How far its clock is from the others'.
    skew_ns: u64,
}

fn rate(rate_limit: f64, burst: u32) -> Rate {
    Rate::new(rate_limit, burst as i32).expect("a rate")
}

fn shards(budget: &Arc<Budget>, skews_ns: &[u64]) -> Vec<Shard> {
    let shard = |skew_ns: &u64| {
        let leases = Leases::new();
        let lease = leases.lease(Arc::clone(budget));
        Shard { leases, lease, skew_ns: *skew_ns }
    };
    skews_ns.iter().map(shard).collect()
}

/// Random traffic on all shards: quiet spells, single requests, bursts, tokens given back, ticks at any time.
fn traffic(budget: &Arc<Budget>, skews_ns: &[u64], random: &mut Random, pace_ns: u64) -> Vec<Passed> {
    let shards = shards(budget, skews_ns);
    let (mut now, mut passed) = (SECOND, Vec::new());
    for _ in 0..3_000 {
        let shard = &shards[random.below(shards.len() as u64) as usize];
        match random.below(12) {
            0 => now += random.below(20 * pace_ns),
            1 => shards.iter().for_each(|shard| shard.leases.tick()),
            2 | 3 => shard.leases.tick(),
            4 if shard.lease.take(now + shard.skew_ns).is_ok() => shard.lease.give_back(),
            _ => now += random.below(pace_ns),
        }
        for _ in 0..random.below(6) * random.below(6) {
            if shard.lease.take(now + shard.skew_ns).is_ok() {
                passed.push(Passed::at(now + shard.skew_ns));
            }
        }
    }
    passed
}

#[test]
fn no_window_gets_more_than_its_due() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (rate_limit, burst) in [(10.0, 1), (10.0, 5), (3.0, 40), (1_000.0, 100), (77.7, 700), (1e6, 3_000), (1e9, 64)] {
        for skews_ns in [&[0][..], &[0, 0], &[0, 0, 0, 0, 0], &[0, 3_000, 70 * MS, SECOND]] {
            let budget = Arc::new(Budget::new(rate(rate_limit, burst), skews_ns.len() as u32));
            // About twice what is due.
            let pace_ns = (1e9 / rate_limit) as u64 * 8 + 1;
            let passed = traffic(&budget, skews_ns, &mut random, pace_ns);
            assert!(passed.len() > 500 || rate_limit < 20.0, "{} passed", passed.len());
            if let Err(excess) = check_history(&passed, rate_limit, burst) {
                panic!("{rate_limit} {burst} {skews_ns:?}: {excess:?}");
            }
        }
    }
}

/// The rate changes again and again: what passes is within the largest burst and the largest rate.
#[test]
fn no_change_of_the_rate_gives_more_than_the_larger() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let (small, large) = (rate(10.0, 20), rate(50.0, 30));
    let budget = Arc::new(Budget::new(small, 3));
    let shards = shards(&budget, &[0, 0, 0]);
    let (mut now, mut passed) = (SECOND, Vec::new());
    for _ in 0..100_000 {
        match random.below(40) {
            0 => budget.set_rate(small, now),
            1 => budget.set_rate(large, now),
            2 => budget.set_rate(rate(50.0, 2), now),
            3 => budget.set_rate(rate(0.01, 30), now),
            _ => now += random.below(40 * MS),
        }
        let shard = &shards[random.below(3) as usize];
        if random.below(3) == 0 {
            shard.leases.tick();
        }
        for _ in 0..random.below(4) {
            if shard.lease.take(now).is_ok() {
                passed.push(Passed::at(now));
            }
        }
    }
    assert!(passed.len() > 10_000, "{} passed", passed.len());
    assert_eq!(check_history(&passed, 50.0, 30), Ok(()));
}

/// One connection on one of many cores, with requests all the time and ticks as a shard has them.
#[test]
fn one_shard_of_many_gets_the_whole_rate() {
    for (rate_limit, burst) in [(10.0, 5), (1_000.0, 100), (10_000.0, 5_000), (33_333.0, 64)] {
        let budget = Arc::new(Budget::new(rate(rate_limit, burst), 64));
        let shards = shards(&budget, &[0; 64]);
        let mut passed = Vec::new();
        for now in (SECOND..=3 * SECOND).step_by(10_000) {
            if shards[5].lease.take(now).is_ok() {
                passed.push(Passed::at(now));
            }
            if now % (10 * MS) == 0 {
                shards.iter().for_each(|shard| shard.leases.tick());
            }
        }
        let due = f64::from(burst) + rate_limit * 2.0;
        assert!(passed.len() as f64 >= due - 1.0, "{} of {due}", passed.len());
        assert_eq!(check_history(&passed, rate_limit, burst), Ok(()));
    }
}

/// All cores at once: no more than a tick later everything that is due has passed.
#[test]
fn what_shards_hold_is_not_withheld_for_longer_than_a_tick() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    for burst in [1, 5, 100, 10_000] {
        let budget = Arc::new(Budget::new(rate(0.001, burst), 8));
        let shards = shards(&budget, &[0; 8]);
        let mut passed = 0;
        for _ in 0..burst {
            passed += u32::from(shards[random.below(8) as usize].lease.take(SECOND).is_ok());
        }
        for _ in 0..2 {
            shards.iter().for_each(|shard| shard.leases.tick());
        }
        passed += (0..burst).map(|_| u32::from(shards[0].lease.take(SECOND).is_ok())).sum::<u32>();
        assert_eq!(passed, burst);
    }
}

/// Real threads and the real clock, which is read between the start and the end of each request.
#[test]
fn threads_together_stay_within_their_limits() {
    const RATE_LIMIT: f64 = 20_000.0;
    const BURST: u32 = 500;
    let rate = rate(RATE_LIMIT, BURST);
    let (budget, cell, keyed) = (Arc::new(Budget::new(rate, 4)), Cell::new(), KeyedCells::new(7));
    let histories: [Mutex<Vec<Passed>>; 3] = Default::default();
    let epoch = Instant::now();
    let now = || epoch.elapsed().as_nanos() as u64;
    // So that the others have used less than this key from the beginning.
    for _ in 0..BURST {
        let start_ns = now();
        assert!(keyed.take(77, &rate, 1, now()).is_ok());
        histories[2].lock().expect("no panic").push(Passed { start_ns, end_ns: now() });
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (budget, cell, keyed, histories) = (&budget, &cell, &keyed, &histories);
            scope.spawn(move || {
                let shard = &shards(budget, &[0])[0];
                let mut passed: [Vec<Passed>; 3] = Default::default();
                for number in 0..60_000u64 {
                    let start_ns = now();
                    let verdicts = [
                        shard.lease.take(now()).is_ok(),
                        cell.take(&rate, 1, now()).is_ok(),
                        keyed.take(77, &rate, 1, now()).is_ok(),
                    ];
                    let end_ns = now();
                    let all = passed.iter_mut().zip(verdicts).filter(|(_, verdict)| *verdict);
                    all.for_each(|(passed, _)| passed.push(Passed { start_ns, end_ns }));
                    // Others come and go, and none has used as much.
                    let _ = keyed.take(1_000 + number * 4 + thread, &rate, 1, now());
                    if number % 500 == 499 {
                        shard.leases.tick();
                    }
                }
                histories.iter().zip(passed).for_each(|(all, own)| all.lock().expect("no panic").extend(own));
            });
        }
    });
    for (name, history) in ["lease", "cell", "keyed"].iter().zip(&histories) {
        let history = history.lock().expect("no panic");
        assert!(history.len() >= BURST as usize, "{name}: {}", history.len());
        assert_eq!(check_history(&history, RATE_LIMIT, BURST), Ok(()), "{name}");
    }
}

/// Xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
