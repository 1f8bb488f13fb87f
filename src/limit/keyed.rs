//! Token buckets for keys that nobody listed in advance: client addresses, header values, claims. In bounded memory.
//!
//! A table of sets with seven entries each; a key's hash says which set is its own. An entry is one word of 128 bits,
//! the hash and the bucket's `full_at` (see [`bucket`](super::bucket)), and is only ever changed as a whole. A key
//! without an entry has a full bucket. So an entry whose bucket is full again can be given to another key, and nothing
//! is lost. If there is none in the set, the entry that will be full first gives way, and its key gets back what it had
//! used. That is why a crowd of keys that come once does not push out one that uses its limit: they have taken one
//! token each.
//!
//! Who has an entry takes with one compare-and-exchange and waits for nobody. Who has none enters by the set's latch,
//! so that a key never has two entries, and two buckets: a few dozen instructions, without a system call, in which only
//! others that want to enter the same set wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use portable_atomic::AtomicU128;

use super::bucket::{Bucket, Standing, Wait};
use super::rate::{Rate, moment};
use super::step;

/// Entries of a set: with the latch, two cache lines.
const WAYS: usize = 7;

/// How long after a bucket is full its entry may be had for nothing, in units: a millisecond, so that cores whose
/// clocks differ by less agree that it is.
const CLOCKS_DIFFER: u64 = 16_000_000;

/// A bounded number of buckets: 128 bytes for seven.
///
/// The limits that share a table compete for entries by the time until their buckets are full. Keys are hashed by the
/// caller, with a secret of the process (else a client could choose keys of one set), over the limit and the key. Two
/// keys of the same 64 bits would share a bucket: with a million keys, one chance in 37 million.
#[derive(Debug)]
pub struct KeyedCells {
    sets: Box<[Set]>,
    forgotten: AtomicU64,
}

#[derive(Debug)]
#[repr(align(128))]
struct Set {
    latch: AtomicBool,
    entries: [AtomicU128; WAYS],
}

/// What [`KeyedCells::take`] did, so that it can be undone.
#[derive(Clone, Copy, Debug)]
pub struct KeyedTaken {
    hash: u64,
    before: Bucket,
    after: Bucket,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Zero if it belongs to nobody.
    hash: u64,
    bucket: Bucket,
}

impl KeyedCells {
    /// For so many keys at a time, or up to six more.
    pub fn new(keys: usize) -> KeyedCells {
        let set = || Set { latch: AtomicBool::new(false), entries: [const { AtomicU128::new(0) }; WAYS] };
        let sets = std::iter::repeat_with(set).take(keys.div_ceil(WAYS).max(1)).collect();
        KeyedCells { sets, forgotten: AtomicU64::new(0) }
    }

    /// Takes so many tokens from a key's bucket, or none.
    pub fn take(&self, hash: u64, rate: &Rate, tokens: u32, now_ns: u64) -> Result<KeyedTaken, Wait> {
        let (hash, now) = (hash.max(1), moment(now_ns));
        let set = self.set(hash);
        if let Some(taken) = set.take(hash, rate, tokens, now) {
            return taken;
        }
        self.enter(set, hash, rate, tokens, now)
    }

    /// Puts tokens back that were taken and not used, because a later limit refused the request; only while nobody has
    /// taken after that. See [`CellOf::undo`](super::CellOf::undo).
    pub fn undo(&self, taken: KeyedTaken) {
        let KeyedTaken { hash, before, after } = taken;
        let (from, to) = (Entry { hash, bucket: after }, Entry { hash, bucket: before });
        if let Some(entry) = self.set(hash).in_order(hash).find(|entry| load(entry) == from) {
            step();
            let _ = exchange(entry, from, to);
        }
    }

    pub fn standing(&self, hash: u64, rate: &Rate, now_ns: u64) -> Standing {
        let (hash, now) = (hash.max(1), moment(now_ns));
        let mut entries = self.set(hash).entries.iter().map(load);
        let bucket = entries.find(|entry| entry.hash == hash).map_or(Bucket(0), |entry| entry.bucket);
        bucket.on_this_clock(rate, now).standing(rate, 0, now)
    }

    /// How many keys lost their entry before their bucket was full: with a rising number the table is too small.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Memory of a table for so many keys.
    pub fn bytes(&self) -> usize {
        self.sets.len() * size_of::<Set>()
    }

    /// The hash scaled to the number of sets.
    fn set(&self, hash: u64) -> &Set {
        &self.sets[((u128::from(hash) * self.sets.len() as u128) >> 64) as usize]
    }

    #[cold]
    #[inline(never)]
    fn enter(&self, set: &Set, hash: u64, rate: &Rate, tokens: u32, now: u64) -> Result<KeyedTaken, Wait> {
        let bucket = Bucket(0).take(rate, tokens, 0, now)?;
        let _latched = set.latch();
        loop {
            if let Some(taken) = set.take(hash, rate, tokens, now) {
                return taken;
            }
            let (entry, current) = set.first_full(hash);
            if exchange(entry, current, Entry { hash, bucket }).is_ok() {
                if current.hash != 0 && current.bucket.0 + CLOCKS_DIFFER > now {
                    self.forgotten.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(KeyedTaken { hash, before: Bucket(0), after: bucket });
            }
        }
    }
}

impl Set {
    /// Takes from the key's entry; nothing if it has none.
    fn take(&self, hash: u64, rate: &Rate, tokens: u32, now: u64) -> Option<Result<KeyedTaken, Wait>> {
        self.in_order(hash).find_map(|entry| {
            step();
            let mut current = load(entry);
            while current.hash == hash {
                let bucket = current.bucket.on_this_clock(rate, now);
                let (after, taken) = match bucket.take(rate, tokens, 0, now) {
                    Ok(after) => (after, Ok(KeyedTaken { hash, before: bucket, after })),
                    Err(wait) if bucket == current.bucket => return Some(Err(wait)),
                    Err(wait) => (bucket, Err(wait)),
                };
                step();
                match exchange(entry, current, Entry { hash, bucket: after }) {
                    Ok(()) => return Some(taken),
                    Err(changed) => current = changed,
                }
            }
            None
        })
    }

    /// The entry that is full first, with what is in it; of several that are full already, any.
    fn first_full(&self, hash: u64) -> (&AtomicU128, Entry) {
        let entries = self.in_order(hash).map(|entry| (entry, load(entry)));
        entries.min_by_key(|(_, entry)| entry.bucket.0).expect("a set has entries")
    }

    /// Each key begins at another way, so that it mostly finds its entry at once.
    fn in_order(&self, hash: u64) -> impl Iterator<Item = &AtomicU128> {
        let (before, from) = self.entries.split_at((hash as u32 % WAYS as u32) as usize);
        from.iter().chain(before)
    }

    /// Holds the latch until dropped.
    fn latch(&self) -> impl Drop {
        let mut spins = 0;
        while self.latch.swap(true, Ordering::Acquire) {
            spins += 1;
            step();
            // Its holder may have been taken off its core.
            if spins % 64 == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        Latched(&self.latch)
    }
}

struct Latched<'a>(&'a AtomicBool);

impl Drop for Latched<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn load(entry: &AtomicU128) -> Entry {
    Entry::unpack(entry.load(Ordering::Relaxed))
}

/// Relaxed: an entry stands for itself. Gives what is there instead.
fn exchange(entry: &AtomicU128, from: Entry, to: Entry) -> Result<(), Entry> {
    let result = entry.compare_exchange(from.pack(), to.pack(), Ordering::Relaxed, Ordering::Relaxed);
    result.map(|_| ()).map_err(Entry::unpack)
}

impl Entry {
    fn pack(self) -> u128 {
        u128::from(self.hash) << 64 | u128::from(self.bucket.0)
    }

    fn unpack(word: u128) -> Entry {
        Entry { hash: (word >> 64) as u64, bucket: Bucket(word as u64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MS;

    fn rate() -> Rate {
        Rate::new(10.0, 20).expect("a rate")
    }

    /// As good as a hash here: multiplication by an odd number spreads consecutive ones.
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let cells = KeyedCells::new(1_000);
        for key in 0..50 {
            assert_eq!((0..30).filter(|_| cells.take(hash(key), &rate(), 1, SECOND).is_ok()).count(), 20);
        }
        assert_eq!(cells.take(hash(7), &rate(), 1, SECOND).expect_err("empty").ns(), 100 * MS);
        assert!(cells.take(hash(7), &rate(), 1, SECOND + 100 * MS).is_ok());
        assert_eq!(cells.standing(hash(8), &rate(), 2 * SECOND).remaining, 10);
        assert_eq!(cells.standing(hash(99), &rate(), 2 * SECOND).remaining, 20);
        assert_eq!(cells.take(hash(99), &rate(), 21, SECOND).err(), Some(Wait::NEVER));
        assert_eq!(cells.forgotten(), 0);
    }

    #[test]
    fn what_was_not_used_is_put_back_while_nobody_took_more() {
        let cells = KeyedCells::new(7);
        let remaining = || cells.standing(hash(1), &rate(), SECOND).remaining;
        let first = cells.take(hash(1), &rate(), 5, SECOND).expect("full");
        cells.undo(first);
        assert_eq!(remaining(), 20);
        cells.undo(first);
        assert_eq!(remaining(), 20);
        let second = cells.take(hash(1), &rate(), 5, SECOND).expect("full");
        let third = cells.take(hash(1), &rate(), 5, SECOND).expect("there are 15");
        cells.undo(second);
        assert_eq!(remaining(), 10, "somebody took after it");
        cells.undo(third);
        assert_eq!(remaining(), 15);
    }

    #[test]
    fn hashes_at_the_ends_have_sets_too() {
        let cells = KeyedCells::new(1);
        assert_eq!(cells.bytes(), 128);
        for hash in [0, 1, u64::MAX] {
            assert!(cells.take(hash, &rate(), 1, SECOND).is_ok());
        }
        assert_eq!(KeyedCells::new(0).bytes(), 128);
        assert_eq!(KeyedCells::new(70_000).bytes(), 1_280_000);
    }

    /// One key has used half of its burst when a million others, a thousand times the table, come once each.
    #[test]
    fn keys_that_come_once_do_not_push_out_one_that_is_limited() {
        let cells = KeyedCells::new(1_000);
        let (limited, bytes) = (hash(u64::MAX), cells.bytes());
        for _ in 0..10 {
            assert!(cells.take(limited, &rate(), 1, SECOND).is_ok());
        }
        for key in 0..1_000_000 {
            // In 50 ms, in which none of them is full again.
            assert!(cells.take(hash(key), &rate(), 1, SECOND + key * 50).is_ok());
        }
        assert_eq!(cells.standing(limited, &rate(), SECOND + 50 * MS).remaining, 10);
        assert!(cells.forgotten() > 990_000);
        assert_eq!(cells.bytes(), bytes);
    }

    #[test]
    fn an_entry_that_is_full_again_is_reused_and_nothing_is_lost() {
        let cells = KeyedCells::new(1_000);
        for key in 0..100_000 {
            // Each full again before the table is.
            assert!(cells.take(hash(key), &rate(), 1, key * MS).is_ok());
        }
        assert_eq!(cells.forgotten(), 0);
    }
}
