//! Counting a request for its key's quota: `cargo bench --bench meter`.
//!
//! The figures to keep: 20 ns a request without a quota, 40 ns with one, 100 ns where each is of another key; all when no
//! other shard counts for the same key at that moment.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::meter::{Day, Meters, Period, Quota, Today};

fn count(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let meters = Meters::open(&folder.path().join("usage"), 100_000).expect("a file");
    let today = Today::of(Day(19_675));
    let mut group = criterion.benchmark_group("count");
    let periods = [None, Some(Period::DAY), Some(Period::week(1)), Some(Period::month(13))];
    for (identity, period) in (0..).zip(periods) {
        let quota = period.map(|period| Quota { limit: u32::MAX, period });
        let index = meters.allocate(identity).expect("room");
        let name = period.map_or("no quota".to_owned(), |period| format!("{period:?}"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| meters.record(black_box(index)).count(black_box(quota), black_box(&today)));
        });
    }
    // As many keys as do not fit into a core's cache.
    let indices: Vec<_> = (100..100_100).filter_map(|identity| meters.allocate(identity).ok()).collect();
    let mut order = indices.iter().cycle().step_by(7_919);
    let quota = Some(Quota { limit: u32::MAX, period: Period::DAY });
    group.bench_function("another key each time", |bencher| {
        bencher.iter(|| meters.record(*order.next().expect("a circle")).count(black_box(quota), black_box(&today)));
    });
    let index = indices[0];
    let refused = Some(Quota { limit: 0, period: Period::DAY });
    group.bench_function("refused", |bencher| {
        bencher.iter(|| meters.record(black_box(index)).count(black_box(refused), black_box(&today)));
    });
}

criterion_group!(benches, count);
criterion_main!(benches);
