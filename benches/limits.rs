//! What a limit costs a request: `cargo bench --bench limits`.
//!
//! The figures to keep: 3 ns for a token of a lease, 25 ns for one of a cell, 200 ns for one of 50,000 keyed cells.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::limit::{Budget, Cell, Concurrency, KeyedCells, Leases, Rate};

const SECOND: u64 = 1_000_000_000;

/// So much that it never runs out.
fn plenty() -> Rate {
    Rate::new(1e9, i32::MAX).expect("a rate")
}

fn scarce() -> Rate {
    Rate::new(1.0, 1).expect("a rate")
}

/// A clock that goes on by 10 ns a request.
fn clock() -> impl FnMut() -> u64 {
    let mut now = SECOND;
    move || {
        now += 10;
        black_box(now)
    }
}

fn cells(criterion: &mut Criterion) {
    let (cell, plenty, scarce) = (Cell::new(), plenty(), scarce());
    let mut now = clock();
    criterion.bench_function("cell/take", |bench| bench.iter(|| cell.take(&plenty, 1, now())));
    let cell = Cell::new();
    criterion.bench_function("cell/refuse", |bench| bench.iter(|| cell.take(&scarce, 1, black_box(SECOND))));
}

fn leases(criterion: &mut Criterion) {
    let leases = Leases::new();
    let lease = leases.lease(Arc::new(Budget::new(plenty(), 2)));
    let mut now = clock();
    criterion.bench_function("lease/take, renewed every 64", |bench| bench.iter(|| lease.take(now())));
    criterion.bench_function("lease/take and give back", |bench| {
        bench.iter(|| {
            let taken = lease.take(now());
            lease.give_back();
            taken
        })
    });
    let empty = leases.lease(Arc::new(Budget::new(scarce(), 2)));
    criterion.bench_function("lease/refuse", |bench| bench.iter(|| empty.take(black_box(SECOND))));
}

/// A lease that is renewed for each token, since a tick before has reset what it wants: the way to the budget and back.
fn renewals(criterion: &mut Criterion) {
    let budget = Arc::new(Budget::new(plenty(), 2));
    let renew = |criterion: &mut Criterion, name: &str| {
        let leases = Leases::new();
        let lease = leases.lease(Arc::clone(&budget));
        let mut now = clock();
        criterion.bench_function(name, |bench| {
            bench.iter(|| {
                let taken = lease.take(now());
                leases.tick();
                taken
            })
        });
    };
    renew(criterion, "budget/renew and settle, alone");
    contended(
        || {
            let leases = Leases::new();
            let lease = leases.lease(Arc::clone(&budget));
            let mut now = clock();
            move || {
                let _ = lease.take(now());
                leases.tick();
            }
        },
        || renew(criterion, "budget/renew and settle, against another thread"),
    );
    contended(
        || {
            let leases = Leases::new();
            let lease = leases.lease(Arc::clone(&budget));
            let mut now = clock();
            move || {
                let _ = black_box(lease.take(now()));
            }
        },
        || {
            let leases = Leases::new();
            let lease = leases.lease(Arc::clone(&budget));
            let mut now = clock();
            criterion.bench_function("lease/take, against another thread", |bench| bench.iter(|| lease.take(now())));
        },
    );
}

/// Runs something while another thread does its own all the time.
fn contended<W: FnMut()>(other: impl Fn() -> W + Sync, measured: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut work = other();
            while !done.load(Ordering::Relaxed) {
                work();
            }
        });
        measured();
        done.store(true, Ordering::Relaxed);
    });
}

fn keyed(criterion: &mut Criterion) {
    let (cells, plenty, rate) = (KeyedCells::new(100_000), plenty(), Rate::new(10.0, 20).expect("a rate"));
    let mut now = clock();
    let mut hash = 1u64;
    let mut next = move || {
        hash = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash
    };
    criterion.bench_function("keyed/take, one key", |bench| bench.iter(|| cells.take(7, &plenty, 1, now())));
    let known: Vec<_> = (0..50_000).map(|_| next()).collect();
    let mut at = 0;
    criterion.bench_function("keyed/take, 50,000 known keys", |bench| {
        bench.iter(|| {
            at = (at + 1) % known.len();
            cells.take(known[at], &plenty, 1, now())
        })
    });
    criterion
        .bench_function("keyed/take, a new key each time", |bench| bench.iter(|| cells.take(next(), &rate, 1, now())));
}

fn concurrency(criterion: &mut Criterion) {
    let concurrency = Arc::new(Concurrency::new());
    criterion.bench_function("concurrency/enter and leave", |bench| {
        bench.iter(|| concurrency.try_enter(black_box(10)).is_some())
    });
}

criterion_group!(benches, cells, leases, renewals, keyed, concurrency);
criterion_main!(benches);
