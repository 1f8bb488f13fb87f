//! Several shards in many orders of their steps: the real code, with another thread let in before each
//! access to a word that is shared. [`shuttle`] chooses who goes on.

use std::cell::Cell as StdCell;
use std::sync::{Arc, Mutex};

use super::{Budget, Cell, KeyedCells, Leases, Rate};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// So many take about a second.
const ORDERS: usize = 2_000;

thread_local! {
    static IN_MODEL: StdCell<bool> = const { StdCell::new(false) };
}

/// Lets another thread go on here, in a model.
pub(super) fn step() {
    if IN_MODEL.get() {
        shuttle::thread::yield_now();
    }
}

/// Random orders of the steps, another thread's after any. All of a model's threads are this one, as coroutines.
fn many_orders(body: impl Fn() + Send + Sync + 'static) {
    IN_MODEL.set(true);
    shuttle::check_random(body, ORDERS);
    IN_MODEL.set(false);
}

fn rate(rate_limit: f64, burst_limit: i32) -> Rate {
    Rate::new(rate_limit, burst_limit).expect("a rate")
}

/// The moments at which something passed.
#[derive(Default)]
struct Passed(Mutex<Vec<u64>>);

impl Passed {
    fn note(&self, now_ns: u64) {
        self.0.lock().expect("nobody panicked").push(now_ns);
    }

    /// No window from one of them to another has more than its due.
    fn check(&self, rate_limit: f64, burst: u32) {
        let mut passed = self.0.lock().expect("nobody panicked").clone();
        passed.sort_unstable();
        for (first, start) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let due = f64::from(burst) + rate_limit * (end - start) as f64 / 1e9;
                assert!((last - first + 1) as f64 <= due + 1e-6, "{passed:?} from {start} to {end}");
            }
        }
    }
}

/// A shard's takes at these moments, with a tick after each that says so.
fn shard(
    budget: &Arc<Budget>,
    passed: &Arc<Passed>,
    moments: &'static [(u64, bool)],
) -> shuttle::thread::JoinHandle<()> {
    let (budget, passed) = (Arc::clone(budget), Arc::clone(passed));
    shuttle::thread::spawn(move || {
        let leases = Leases::new();
        let lease = leases.lease(budget);
        for (at_ms, ticks) in moments {
            if lease.take(at_ms * MS).is_ok() {
                passed.note(at_ms * MS);
            }
            if *ticks {
                leases.tick();
            }
        }
    })
}

fn join(threads: impl IntoIterator<Item = shuttle::thread::JoinHandle<()>>) {
    // Begun all, before the first is waited for.
    let threads: Vec<_> = threads.into_iter().collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no shard panics"));
}

/// The smallest case that has it all: two take the last token together, one has to give its own back.
#[test]
fn two_shards_pass_no_more_than_is_due() {
    many_orders(|| {
        let (budget, passed) = (Arc::new(Budget::new(rate(10.0, 1), 1)), Arc::default());
        join([shard(&budget, &passed, &[(1_000, false)]), shard(&budget, &passed, &[(1_000, false)])]);
        passed.check(10.0, 1);
        assert_eq!(passed.0.lock().expect("nobody panicked").len(), 1, "one of them got it");
        assert_eq!(budget.standing(1_100 * MS).remaining, 1);
    });
}

#[test]
fn three_busy_shards_pass_no_more_than_is_due() {
    const BUSY: &[(u64, bool)] = &[
        (1_000, false),
        (1_000, false),
        (1_000, false),
        (1_000, true),
        (1_030, false),
        (1_080, false),
        (1_100, true),
        (1_150, false),
        (1_210, false),
        (1_210, false),
        (1_210, true),
        (3_000, false),
        (3_000, false),
    ];
    many_orders(|| {
        let (budget, passed) = (Arc::new(Budget::new(rate(10.0, 12), 1)), Arc::default());
        join((0..3).map(|_| shard(&budget, &passed, BUSY)));
        passed.check(10.0, 12);
        assert_eq!(budget.standing(60 * SECOND).remaining, 12, "all came back");
    });
}

/// The rate changes twice while shards lease: no token is made by it.
#[test]
fn a_change_of_the_rate_gives_nothing_away() {
    many_orders(|| {
        let (budget, passed) = (Arc::new(Budget::new(rate(10.0, 6), 1)), Arc::default());
        const TAKES: &[(u64, bool)] = &[(1_000, false), (1_000, false), (1_000, true), (1_000, false), (1_000, false)];
        let changed = Arc::clone(&budget);
        let changes = shuttle::thread::spawn(move || {
            changed.set_rate(rate(100_000.0, 5), SECOND);
            changed.set_rate(rate(0.1, 6), SECOND);
        });
        join([shard(&budget, &passed, TAKES), shard(&budget, &passed, TAKES), changes]);
        passed.check(0.0, 6);
    });
}

#[test]
fn a_cell_is_exact_whatever_is_undone() {
    many_orders(|| {
        let (cell, passed) = (Arc::new(Cell::new()), Arc::new(Passed::default()));
        let threads = [(1_000, true), (1_150, false), (1_150, false)].map(|(at_ms, undoes)| {
            let (cell, passed) = (Arc::clone(&cell), Arc::clone(&passed));
            shuttle::thread::spawn(move || match cell.take(&rate(10.0, 1), 1, at_ms * MS) {
                Ok(taken) if undoes => cell.undo(taken),
                Ok(_) => passed.note(at_ms * MS),
                Err(_) => {}
            })
        });
        join(threads);
        passed.check(10.0, 1);
    });
}

/// Two shards meet a key for the first time together, and others push it out: it never has two entries.
#[test]
fn a_key_never_has_two_buckets() {
    many_orders(|| {
        let (cells, passed) = (Arc::new(KeyedCells::new(7)), Arc::new(Passed::default()));
        for other in 2..9 {
            assert!(cells.take(other, &rate(10.0, 3), 1, SECOND).is_ok());
        }
        let threads = (0..3).map(|thread| {
            let (cells, passed) = (Arc::clone(&cells), Arc::clone(&passed));
            shuttle::thread::spawn(move || {
                for at_ms in [1_099, 1_101, 1_101] {
                    if thread == 2 {
                        let _ = cells.take(at_ms, &rate(10.0, 3), 1, at_ms * MS);
                    } else if cells.take(1, &rate(10.0, 3), 3, at_ms * MS).is_ok() {
                        (0..3).for_each(|_| passed.note(at_ms * MS));
                    }
                }
            })
        });
        join(threads);
        passed.check(10.0, 3);
    });
}
