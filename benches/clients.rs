//! A million API keys: to find one, to change one, and what they take.
//!
//! `cargo bench --bench clients`. The numbers that it protects: a key is found in 80 ns, of which its digest takes
//! 65, and in 600 ns where none of it is in the cache; a change of one costs what one of 1,024 tables takes to copy, some
//! 60 µs; keys take less than 40 bytes.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::plan::clients::digest::Secret;
use tollgate::plan::clients::usage_plans::{PlannedStage, UsagePlanEntry, UsagePlans};
use tollgate::plan::clients::{Clients, KeyEntry, Membership, MembershipIndex, PlanIndex};

const KEYS: usize = 1_000_000;

/// 40 characters, as AWS's are.
fn value(number: usize) -> String {
    format!("Vk9{:037}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn id(number: usize) -> String {
    format!("k{number:09}")
}

fn million() -> Clients {
    let stages = [PlannedStage { api_id: "a".into(), stage: "prod".into(), throttles: Box::default() }];
    let plan =
        UsagePlanEntry { region: "r".into(), id: "p".into(), throttle: None, quota: None, stages: stages.into() };
    let nobody = Clients::new(Secret::new([5; 16])).with_plans(UsagePlans::new(vec![Some(plan)]));
    let secret = nobody.region_secret("r");
    nobody.loaded(|put| {
        for number in 0..KEYS {
            let memberships = [Membership { plan: PlanIndex(0), index: MembershipIndex(number as u32) }];
            let entry = KeyEntry { id: &id(number), enabled: true, memberships: &memberships };
            put(secret.digest(value(number).as_bytes()), entry);
        }
    })
}

fn clients(criterion: &mut Criterion) {
    let started = Instant::now();
    let clients = million();
    let (load_ms, bytes) = (started.elapsed().as_millis(), clients.key_bytes());
    println!("{KEYS} keys: made in {load_ms} ms, {:.1} bytes each", bytes as f64 / KEYS as f64);

    let stage = clients.of_stage("r", "a", "prod");
    let secret = clients.region_secret("r");
    // In an order that no prefetcher follows; more than the caches hold of the table.
    let known: Vec<String> = (0..1 << 16).map(|step| value(step * 7_919 % KEYS)).collect();
    let unknown: Vec<String> = (0..1 << 16).map(|step| value(KEYS + step)).collect();
    let mut look_up = |name: &str, values: &[String]| {
        let mut next = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                next = (next + 1) % values.len();
                black_box(clients.caller(&stage, values[next].as_bytes()))
            });
        });
    };
    look_up("one key of a million, each time the same", &known[..1]);
    look_up("one key of a million", &known);
    look_up("a key that is not there", &unknown);
    let mut next = 0;
    criterion.bench_function("a digest alone", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % known.len();
            black_box(secret.digest(known[next].as_bytes()))
        });
    });
    let memberships = [Membership { plan: PlanIndex(0), index: MembershipIndex(7) }];
    criterion.bench_function("a key of a million changed", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % known.len();
            let entry = KeyEntry { id: "changed", enabled: false, memberships: &memberships };
            black_box(clients.with_keys(&[(secret.digest(known[next].as_bytes()), Some(entry))]))
        });
    });
}

criterion_group!(benches, clients);
criterion_main!(benches);
