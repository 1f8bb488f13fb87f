//! A million keys by digest, changed one by one.
//!
//! ```text
//! digest ──▶ its table       ──▶ a bucket of about two slots ──▶ the slot: id, enabled, plan
//!            shared by Arc       `starts[b] .. starts[b + 1]`     32 bytes, half a cache line
//! ```
//! A table is an array without gaps, in the order of its buckets, 34 bytes a key. A key that changes has its table copied,
//! and the others shared. There are as many as leave each some thousand keys, 1,024 of a million: with more of them a
//! change costs less, with fewer of them a few keys are on few cache lines.

use std::sync::Arc;

use super::digest::KeyDigest;
use super::{KeyId, Membership, MembershipIndex, PlanIndex};

/// A power of two, as every number of tables: the digest's first bits choose among them.
const TABLES_MAX: usize = 1024;
/// With twice as many, the tables become more.
const KEYS_PER_TABLE: usize = 1024;

const SLOTS_PER_BUCKET: usize = 2;

#[derive(Clone)]
pub(super) struct KeyTable {
    tables: Box<[Arc<SubTable>]>,
    len: usize,
}

/// What is known of a key, when it is put into a table.
#[derive(Clone, Copy, Debug)]
pub struct KeyEntry<'e> {
    pub id: &'e str,
    pub enabled: bool,
    pub memberships: &'e [Membership],
}

/// A key that was found.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    table: &'t SubTable,
    slot: &'t Slot,
}

struct SubTable {
    /// Where each bucket starts, and behind the last where it ends.
    starts: Box<[u32]>,
    slots: Box<[Slot]>,
    /// The plans of keys that are not in exactly one.
    memberships: Box<[Box<[Membership]>]>,
    /// Ids that a slot has no room for. AWS's are ten letters and digits.
    long_ids: Box<[Arc<str>]>,
}

/// Aligned to its size, so that none is on two cache lines.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Slot {
    digest: KeyDigest,
    /// [`ENABLED`], and the id: packed, or with [`LONG_ID`] its position in [`SubTable::long_ids`].
    id: u64,
    /// With [`NOT_ONE`] as its plan, the index is a position in [`SubTable::memberships`].
    membership: Membership,
}

const ENABLED: u64 = 1 << 63;
const LONG_ID: u64 = 1 << 62;
/// No position of a plan.
const NOT_ONE: PlanIndex = PlanIndex(u32::MAX);

impl KeyTable {
    pub(super) fn empty() -> KeyTable {
        KeyTable { tables: [Arc::new(Draft::default().finish())].into(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn find(&self, digest: &KeyDigest) -> Option<Found<'_>> {
        let table = &*self.tables[table_of(digest, self.tables.len())];
        let slot = table.bucket(digest).iter().find(|slot| slot.digest.is_same(digest))?;
        Some(Found { table, slot })
    }

    /// The table with these changes; of two of the same digest, the later one counts. A key without an entry goes.
    pub(super) fn with(&self, changes: &[(KeyDigest, Option<KeyEntry<'_>>)]) -> KeyTable {
        let mut by_table: Vec<_> = changes.iter().collect();
        // Stable: what is later stays behind.
        by_table.sort_by_key(|(digest, _)| *digest);
        let mut changed = self.clone();
        let table_of = |(digest, _): &(KeyDigest, _)| table_of(digest, self.tables.len());
        for of_table in by_table.chunk_by(|one, other| table_of(one) == table_of(other)) {
            let index = table_of(of_table[0]);
            let before = &self.tables[index];
            let after = before.with(of_table);
            changed.len = changed.len + after.slots.len() - before.slots.len();
            changed.tables[index] = Arc::new(after);
        }
        match changed.len > changed.tables.len() * KEYS_PER_TABLE * 2 {
            true => changed.spread(),
            false => changed,
        }
    }

    /// In as many tables as its keys want.
    fn spread(self) -> KeyTable {
        let tables = tables_for(self.len);
        if tables == self.tables.len() {
            return self;
        }
        let mut drafts: Vec<Draft> = (0..tables).map(|_| Draft::default()).collect();
        for table in &self.tables {
            table.slots.iter().for_each(|slot| drafts[table_of(&slot.digest, tables)].copy(table, slot));
        }
        KeyTable { tables: finished(drafts), len: self.len }
    }

    pub(super) fn each(&self, take: &mut dyn FnMut(&KeyDigest, Found<'_>)) {
        for table in &self.tables {
            table.slots.iter().for_each(|slot| take(&slot.digest, Found { table, slot }));
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.tables.len() * size_of::<Arc<SubTable>>()
            + self.tables.iter().map(|table| table.heap_bytes()).sum::<usize>()
    }
}

fn finished(drafts: Vec<Draft>) -> Box<[Arc<SubTable>]> {
    drafts.into_iter().map(|draft| Arc::new(draft.finish())).collect()
}

fn tables_for(keys: usize) -> usize {
    keys.div_ceil(KEYS_PER_TABLE).next_power_of_two().min(TABLES_MAX)
}

/// Makes a table of many keys without one copy for each. No two may have the same digest.
pub(super) struct KeyTableBuilder(Vec<Draft>);

impl KeyTableBuilder {
    pub(super) fn new() -> KeyTableBuilder {
        KeyTableBuilder((0..TABLES_MAX).map(|_| Draft::default()).collect())
    }

    pub(super) fn put(&mut self, digest: KeyDigest, entry: KeyEntry<'_>) {
        self.0[table_of(&digest, TABLES_MAX)].put(digest, entry);
    }

    pub(super) fn finish(self) -> KeyTable {
        let len = self.0.iter().map(|draft| draft.slots.len()).sum();
        KeyTable { tables: finished(self.0), len }.spread()
    }
}

impl<'t> Found<'t> {
    pub(super) fn enabled(&self) -> bool {
        self.slot.id & ENABLED != 0
    }

    pub(super) fn id(&self) -> KeyId {
        let packed = self.slot.id & !(ENABLED | LONG_ID);
        match self.slot.id & LONG_ID {
            0 => unpacked(packed),
            _ => KeyId::Long(Arc::clone(&self.table.long_ids[packed as usize])),
        }
    }

    pub(super) fn memberships(&self) -> &'t [Membership] {
        match self.slot.membership {
            Membership { plan: NOT_ONE, index } => &self.table.memberships[index.0 as usize],
            Membership { .. } => std::slice::from_ref(&self.slot.membership),
        }
    }
}

/// Rises with the digest.
fn table_of(digest: &KeyDigest, tables: usize) -> usize {
    (((digest.high >> 32) * tables as u64) >> 32) as usize
}

/// Rises with [`order`].
fn bucket_of(digest: &KeyDigest, buckets: usize) -> usize {
    ((u64::from(order(digest)) * buckets as u64) >> 32) as usize
}

fn order(digest: &KeyDigest) -> u32 {
    digest.low as u32
}

impl SubTable {
    fn bucket(&self, digest: &KeyDigest) -> &[Slot] {
        let bucket = bucket_of(digest, self.starts.len() - 1);
        &self.slots[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }

    /// `changes` are in the order of their digests.
    fn with(&self, changes: &[&(KeyDigest, Option<KeyEntry<'_>>)]) -> SubTable {
        let mut draft = Draft::default();
        draft.slots.reserve_exact(self.slots.len() + changes.len());
        let stay = |slot: &&Slot| changes.binary_search_by_key(&slot.digest, |(digest, _)| *digest).is_err();
        for slot in self.slots.iter().filter(stay) {
            draft.copy(self, slot);
        }
        for of_key in changes.chunk_by(|one, other| one.0 == other.0) {
            if let Some((digest, Some(entry))) = of_key.last() {
                draft.put(*digest, *entry);
            }
        }
        draft.finish()
    }

    fn heap_bytes(&self) -> usize {
        let several: usize = self.memberships.iter().map(|list| size_of_val(&**list)).sum();
        let long: usize = self.long_ids.iter().map(|id| id.len()).sum();
        size_of_val(self)
            + size_of_val(&*self.starts)
            + size_of_val(&*self.slots)
            + size_of_val(&*self.memberships)
            + size_of_val(&*self.long_ids)
            + several
            + long
    }
}

#[derive(Default)]
struct Draft {
    slots: Vec<Slot>,
    memberships: Vec<Box<[Membership]>>,
    long_ids: Vec<Arc<str>>,
}

impl Draft {
    fn put(&mut self, digest: KeyDigest, entry: KeyEntry<'_>) {
        let id = packed(entry.id).unwrap_or_else(|| self.long_id(entry.id.into()));
        let membership = match entry.memberships {
            [one] => *one,
            several => self.not_one(several.into()),
        };
        let enabled = if entry.enabled { ENABLED } else { 0 };
        self.slots.push(Slot { digest, id: id | enabled, membership });
    }

    /// A slot of another table, with what it refers to there.
    fn copy(&mut self, from: &SubTable, slot: &Slot) {
        let mut slot = *slot;
        if slot.id & LONG_ID != 0 {
            let long_id = &from.long_ids[(slot.id & !(ENABLED | LONG_ID)) as usize];
            slot.id = slot.id & ENABLED | self.long_id(Arc::clone(long_id));
        }
        if slot.membership.plan == NOT_ONE {
            slot.membership = self.not_one(from.memberships[slot.membership.index.0 as usize].clone());
        }
        self.slots.push(slot);
    }

    fn long_id(&mut self, id: Arc<str>) -> u64 {
        self.long_ids.push(id);
        LONG_ID | (self.long_ids.len() - 1) as u64
    }

    fn not_one(&mut self, memberships: Box<[Membership]>) -> Membership {
        self.memberships.push(memberships);
        Membership { plan: NOT_ONE, index: MembershipIndex((self.memberships.len() - 1) as u32) }
    }

    fn finish(mut self) -> SubTable {
        self.slots.sort_unstable_by_key(|slot| order(&slot.digest));
        let buckets = self.slots.len().div_ceil(SLOTS_PER_BUCKET).max(1);
        let mut starts = vec![0; buckets + 1];
        for slot in &self.slots {
            starts[bucket_of(&slot.digest, buckets) + 1] += 1;
        }
        for bucket in 0..buckets {
            starts[bucket + 1] += starts[bucket];
        }
        SubTable {
            starts: starts.into(),
            slots: self.slots.into(),
            memberships: self.memberships.into(),
            long_ids: self.long_ids.into(),
        }
    }
}

const CHARACTER_BITS: u32 = 6;
const CHARACTERS: &[u8; 64] = b"\0abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-";

/// Ten characters at most, the first in the lowest bits; `None` for an id that is longer or has others.
fn packed(id: &str) -> Option<u64> {
    if id.len() > KeyId::SHORT_BYTES_MAX {
        return None;
    }
    id.bytes().rev().try_fold(0, |packed, byte| {
        let code = CHARACTERS[1..].iter().position(|character| *character == byte)?;
        Some(packed << CHARACTER_BITS | (code as u64 + 1))
    })
}

fn unpacked(mut packed: u64) -> KeyId {
    let mut bytes = [0; KeyId::SHORT_BYTES_MAX];
    let mut length = 0;
    while packed != 0 {
        bytes[length as usize] = CHARACTERS[(packed & 63) as usize];
        length += 1;
        packed >>= CHARACTER_BITS;
    }
    KeyId::Short { bytes, length }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Secret;
    use super::*;

    fn digest(number: usize) -> KeyDigest {
        Secret::new([7; 16]).of_region("r").digest(format!("value-{number}").as_bytes())
    }

    fn membership(plan: u32, index: u32) -> Membership {
        Membership { plan: PlanIndex(plan), index: MembershipIndex(index) }
    }

    /// Id, enabled, plans.
    fn shown(table: &KeyTable, number: usize) -> Option<(String, bool, Vec<u32>)> {
        let found = table.find(&digest(number))?;
        let plans = found.memberships().iter().map(|membership| membership.plan.0).collect();
        Some((found.id().as_str().to_owned(), found.enabled(), plans))
    }

    #[test]
    fn a_slot_is_half_a_cache_line() {
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (32, 32));
    }

    #[test]
    fn ids_come_back_as_they_were() {
        #[track_caller]
        fn check(id: &str, is_short: bool) {
            let found = packed(id);
            assert_eq!(found.is_some(), is_short, "{id}");
            if let Some(packed) = found {
                assert_eq!((unpacked(packed).as_str(), packed & (ENABLED | LONG_ID)), (id, 0));
            }
        }
        check("", true);
        check("a", true);
        check("zz9zz9zz9z", true);
        check("AbC-019--Z", true);
        check("----------", true);
        check("abcdefghijk", false);
        check("with space", false);
        check("ümlaut", false);
    }

    #[test]
    fn every_key_is_found_as_it_was_put() {
        const KEYS: usize = 5000;
        let several = [membership(1, 1), membership(2, 2)];
        let memberships = |number: usize| &several[..number % 3];
        let id = |number: usize| {
            if number.is_multiple_of(7) { format!("a key's id {number}") } else { format!("key{number}") }
        };
        let mut builder = KeyTableBuilder::new();
        for number in 0..KEYS {
            let enabled = number % 2 == 0;
            builder.put(digest(number), KeyEntry { id: &id(number), enabled, memberships: memberships(number) });
        }
        let table = builder.finish();
        assert_eq!(table.len(), KEYS);
        for number in 0..KEYS {
            let plans = memberships(number).iter().map(|membership| membership.plan.0).collect();
            assert_eq!(shown(&table, number), Some((id(number), number % 2 == 0, plans)));
        }
        assert_eq!(shown(&table, KEYS), None);
        assert!(KeyTable::empty().find(&digest(0)).is_none());
    }

    #[test]
    fn a_key_takes_little_more_than_its_slot() {
        const KEYS: usize = 200_000;
        let one = [membership(0, 0)];
        let mut builder = KeyTableBuilder::new();
        for number in 0..KEYS {
            builder.put(digest(number), KeyEntry { id: "a1b2c3d4e5", enabled: true, memberships: &one });
        }
        let bytes = builder.finish().heap_bytes() / KEYS;
        assert!((32..36).contains(&bytes), "{bytes} bytes a key");
    }

    #[test]
    fn a_change_is_of_its_keys_alone() {
        let entry = |id| KeyEntry { id, enabled: true, memberships: &[] };
        let mut table = KeyTable::empty();
        for number in 0..3000 {
            table = table.with(&[(digest(number), Some(entry("first")))]);
        }
        let one = [membership(9, 9)];
        let changed = table.with(&[
            (digest(0), Some(entry("dropped"))),
            (digest(1), None),
            (digest(2), Some(KeyEntry { id: "second", enabled: false, memberships: &one })),
            (digest(0), Some(entry("an id that is long"))),
            (digest(5000), None),
            (digest(4000), Some(entry("new"))),
        ]);
        assert_eq!((table.len(), changed.len()), (3000, 3000));
        assert_eq!(shown(&changed, 0), Some(("an id that is long".into(), true, vec![])));
        assert_eq!(shown(&changed, 1), None);
        assert_eq!(shown(&changed, 2), Some(("second".into(), false, vec![9])));
        assert_eq!(shown(&changed, 4000), Some(("new".into(), true, vec![])));
        for number in 3..3000 {
            assert_eq!(shown(&changed, number), Some(("first".into(), true, vec![])));
        }
        assert_eq!(shown(&table, 1), Some(("first".into(), true, vec![])));
        let one_changed = table.with(&[(digest(7), None)]);
        let shared = table.tables.iter().zip(&one_changed.tables).filter(|(one, other)| Arc::ptr_eq(one, other));
        assert_eq!((table.tables.len(), shared.count()), (4, 3));
        // What a slot refers to goes along when its table is copied again.
        let again = changed.with(&[(digest(0), Some(entry("short")))]).with(&[(digest(2), None)]);
        assert_eq!((shown(&again, 0), shown(&again, 2)), (Some(("short".into(), true, vec![])), None));
    }

    #[test]
    fn there_are_more_tables_as_there_are_more_keys() {
        let mut table = KeyTable::empty();
        let (several, one) = ([membership(1, 7), membership(2, 8)], [membership(3, 9)]);
        for (step, tables) in [(1, 1), (2_000, 1), (100, 4), (5_000, 4), (3_000, 16), (30_000, 64)] {
            let entry = |number: usize| KeyEntry {
                id: if number.is_multiple_of(3) { "an id that is long" } else { "short" },
                enabled: number.is_multiple_of(2),
                memberships: if number.is_multiple_of(5) { &several } else { &one },
            };
            let known = table.len();
            let changes: Vec<_> = (known..known + step).map(|number| (digest(number), Some(entry(number)))).collect();
            table = table.with(&changes);
            assert_eq!((table.len(), table.tables.len()), (known + step, tables));
            for number in 0..table.len() {
                let KeyEntry { id, enabled, memberships } = entry(number);
                let plans = memberships.iter().map(|membership| membership.plan.0).collect();
                assert_eq!(shown(&table, number), Some((id.to_owned(), enabled, plans)), "{number} of {}", table.len());
            }
        }
        let gone: Vec<_> = (0..table.len()).map(|number| (digest(number), None)).collect();
        assert_eq!(table.with(&gone).len(), 0);
    }
}
