//! What a million API keys take in the store: memory a key, and time to load, import, find and change them.
//!
//! `cargo bench --bench keys`, or with another number of keys: `cargo bench --bench keys -- 100000`. The number that it protects: 1,000,000 keys and 100,000 live buckets in less than 250 MB, of
//! which the keys' rows, each with a name and in one usage plan, may have 110.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate::control_plane::operation::{Call, Random, Reply, SystemRandom, Truststores};
use tollgate::control_plane::operations::OPERATIONS;
use tollgate::control_plane::store::disk::Disk;
use tollgate::control_plane::store::{Mark, Store};
use tollgate::meter::Meters;
use tollgate::model::{ApiKey, UsagePlan};

const KEYS: usize = 1_000_000;
/// Files that they are imported from.
const FILES: usize = 10;
const REGION: &str = "us-east-1";
const PLAN: &str = "gold01";

/// Counts the bytes that are in use, and the most that were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        MOST.fetch_max(before + layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or_default();
    pages * 4096.0 / 1e6
}

/// Tells what it took: time, what is in use afterwards by the key, and the most that was meanwhile.
fn timed<R>(name: &str, keys: usize, run: impl FnOnce() -> R) -> R {
    let (before, start) = (in_use(), Instant::now());
    MOST.store(before, Ordering::Relaxed);
    let result = run();
    let took = start.elapsed();
    let grew = in_use() as f64 - before as f64;
    let most = MOST.load(Ordering::Relaxed) as f64 - before as f64;
    println!(
        "{name:<50} {:>10.1} ms {:>8.1} bytes a key, at most {:>7.1} MB more; {:>6.1} MB resident",
        took.as_secs_f64() * 1e3,
        grew / keys as f64,
        most / 1e6,
        resident()
    );
    result
}

/// The time of each of many.
fn each(name: &str, times: usize, mut run: impl FnMut(usize)) {
    let start = Instant::now();
    (0..times).for_each(&mut run);
    let took: Duration = start.elapsed() / times as u32;
    println!("{name:<50} {:>10.2} µs", took.as_secs_f64() * 1e6);
}

fn file(numbers: Range<usize>) -> String {
    let mut file = String::from("name,key,usageplanIds\n");
    for number in numbers {
        let _ = writeln!(file, "customer-{number:07},{},{PLAN}", value(number));
    }
    file
}

/// 40 letters and digits, other ones for each number.
fn value(number: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = number as u64 ^ 0x5851_f42d_4c95_7f2d;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        char::from(ALPHABET[(mixed >> 40) as usize % 62])
    };
    (0..40).map(letter).collect()
}

struct NoTruststores;

impl Truststores for NoTruststores {
    fn check(&self, _truststore_uri: &str) -> Result<Vec<String>, String> {
        Err("there are none".to_owned())
    }
}

fn import(store: &mut Store, file: &str) -> usize {
    let operation = OPERATIONS.iter().find(|operation| operation.name == "ImportApiKeys").expect("it is there");
    let random: &dyn Random = &SystemRandom;
    let meters = Meters::in_memory(1).expect("a page is to be had");
    let call = Call {
        region: REGION,
        account_id: "123456789012",
        path: Vec::new(),
        query: vec![("mode".to_owned(), "import".to_owned()), ("format".to_owned(), "csv".to_owned())],
        accept: None,
        body: file.as_bytes(),
        now_s: 1_764_108_780,
        random,
        meters: &meters,
        truststores: &NoTruststores,
    };
    match (operation.run)(store, &call) {
        Ok(Reply::Json(answer)) => answer["ids"].as_array().map_or(0, Vec::len),
        other => panic!("{other:?}"),
    }
}

fn commit(store: &mut Store, disk: &Disk) {
    disk.commit(|take| store.visit_changes(take)).expect("it is written");
    store.settle();
}

fn imported(folder: &Path, keys: usize) {
    let disk = Disk::open(folder).expect("a new store");
    let mut store = Store::default();
    store.usage_plans.put(&[REGION, PLAN], UsagePlan::default());
    timed("imported from ten files, and written", keys, || {
        for number in 0..FILES {
            let file = file(number * keys / FILES..(number + 1) * keys / FILES);
            let start = Instant::now();
            let ids = import(&mut store, &file);
            let ran = start.elapsed();
            commit(&mut store, &disk);
            if number % 3 == 0 {
                println!("  file {number}: {ids} keys in {ran:.2?}, written after {:.2?}", start.elapsed());
            }
        }
    });
    assert_eq!(store.api_keys.len(), keys);
    let size = std::fs::metadata(folder.join("tollgate.redb")).map_or(0, |file| file.len());
    println!("{:.1} MB on disk", size as f64 / 1e6);
}

fn looked_up(store: &Store, keys: usize) {
    let table = &store.api_keys;
    let ids: Vec<String> = store.api_keys.below(&[]).step_by(97).map(|(_, key)| key.id.0).collect();
    let id = |number: usize| ids[number * 7919 % ids.len()].as_str();
    each("a key by id", 100_000, |number| drop(black_box(table.row(&[REGION, id(number)]))));
    each("by value", 100_000, |number| assert!(table.with_value(REGION, &value(number * 7919 % keys)).is_some()));
    each("by a value that no key has", 100_000, |number| {
        assert!(table.with_value(REGION, &value(keys + number)).is_none())
    });
    each("by name, of which all are looked at", 20, |number| {
        assert!(table.named(REGION, &format!("customer-{:07}", number * 7919 % keys), None).next().is_some());
    });
    each("the plans of a key", 100_000, |number| {
        assert_eq!(store.usage_plan_keys.plans_of(REGION, id(number), None).count(), 1);
    });
    each("500 rows from the middle", 100, |number| {
        assert!(table.range(&[REGION], Some(id(number))).take(500).count() > 0)
    });
    each("a copy of the store", 10, |_| drop(black_box(store.clone())));
    let start = Instant::now();
    let mut secrets = 0;
    table.each_secret(|_, _, value, _| secrets += value.len());
    let mut memberships = 0;
    memberships += store.usage_plan_keys.memberships().count();
    println!("{:<50} {:>10.1} ms", "every secret and membership", start.elapsed().as_secs_f64() * 1e3);
    assert_eq!((secrets, memberships), (40 * keys, keys));
}

fn changed(store: &mut Store, disk: &Disk, keys: usize) {
    let ids: Vec<String> = store.api_keys.below(&[]).step_by(97).map(|(_, key)| key.id.0).collect();
    each("a key more", ids.len().min(10_000), |number| {
        let key = ApiKey { value: value(keys + number), name: Some(format!("new-{number}")), ..ApiKey::default() };
        store.api_keys.put(&[REGION, &format!("{}x", ids[number])], key);
    });
    each("a key less", ids.len().min(10_000), |number| {
        drop(store.api_keys.remove(&[REGION, &format!("{}x", ids[number])]))
    });
    store.settle();
    each("a key enabled, and on the disk", 100, |number| {
        let mut key = store.api_keys.row(&[REGION, &ids[number]]).expect("it is there");
        key.enabled = !key.enabled;
        store.api_keys.put(&[REGION, &ids[number]], key);
        assert!(store.changed_since(Mark::default()));
        commit(store, disk);
    });
}

fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let keys: usize = given.unwrap_or(KEYS);
    let folder = tempfile::tempdir().expect("a folder");
    imported(folder.path(), keys);
    let disk = timed("opened, and checked", keys, || Disk::open(folder.path()).expect("a store"));
    let mut store = timed("loaded", keys, || disk.load().expect("it is readable"));
    looked_up(&store, keys);
    changed(&mut store, &disk, keys);
    let before = in_use();
    drop(store);
    println!("the rows take {:.1} bytes a key", (before - in_use()) as f64 / keys as f64);
}
