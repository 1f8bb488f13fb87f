//! Rows of a kind of which there may be a million: what [`super::table::Table`] is, in little memory.
//!
//! A row is kept as bytes and made anew for who asks. What finds rows by something else than their key are indices: they
//! are made of the rows, change with them, and are not stored.
//!
//! - [`journal`]: what changed, to be undone or written.

mod journal;

use std::marker::PhantomData;
use std::ops::Bound;

use self::journal::Journal;
use super::packed::{Builder, Packed, Sorter};
use super::table::{Keyed, RowChangeVisitor, RowVisitor, key, prefix};

/// A row that can be kept as bytes.
pub trait PackedRow: Clone + PartialEq {
    const INDICES: usize;

    /// Appends the row, without what its key has.
    fn pack(&self, bytes: &mut Vec<u8>);

    fn unpack(key: &str, bytes: &[u8]) -> Self;

    /// Tells each entry that an index has for the row. No two rows have the same one.
    fn index(&self, key: &str, enter: &mut dyn FnMut(usize, &[u8]));
}

/// See [`super::table::Table`] for keys, and for what is undone and written.
#[derive(Clone, Debug)]
pub struct PackedTable<V> {
    rows: Packed,
    /// As many as [`PackedRow::INDICES`].
    indices: Vec<Packed>,
    journal: Journal,
    row: PhantomData<V>,
}

/// What became of a row since some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<V> {
    pub key: Box<str>,
    pub before: Option<V>,
    pub now: Option<V>,
}

impl<V: PackedRow> Default for PackedTable<V> {
    fn default() -> PackedTable<V> {
        PackedTable::of(Packed::default(), vec![Packed::default(); V::INDICES])
    }
}

impl<V: PackedRow> PackedTable<V> {
    fn of(rows: Packed, indices: Vec<Packed>) -> PackedTable<V> {
        PackedTable { rows, indices, journal: Journal::default(), row: PhantomData }
    }

    pub fn row(&self, parts: &[&str]) -> Option<V> {
        self.row_of(&key(parts))
    }

    fn row_of(&self, key: &str) -> Option<V> {
        self.rows.get(key.as_bytes()).map(|bytes| V::unpack(key, bytes))
    }

    pub fn has(&self, parts: &[&str]) -> bool {
        self.rows.get(key(parts).as_bytes()).is_some()
    }

    /// The rows whose key begins with these parts and has more, in the order of their keys.
    pub fn below<'t>(&'t self, parts: &[&str]) -> impl Iterator<Item = (Box<str>, V)> + use<'t, V> {
        self.range(parts, None)
    }

    /// Of the rows of [`Self::below`], those behind what follows the parts in the key `after`. It costs what is taken
    /// from it, wherever it begins.
    pub fn range<'t>(
        &'t self,
        parts: &[&str],
        after: Option<&str>,
    ) -> impl Iterator<Item = (Box<str>, V)> + use<'t, V> {
        self.packed_range(parts, after).map(|(key, bytes)| {
            let row = V::unpack(&key, bytes);
            (key, row)
        })
    }

    /// The entries of an index that begin with these parts and have more: as [`super::table::Table::range`].
    pub(super) fn entries<'t>(
        &'t self,
        index: usize,
        parts: &[&str],
        after: Option<&str>,
    ) -> impl Iterator<Item = Box<str>> + use<'t, V> {
        keys_of(&self.indices[index], parts, after).map(|(entry, _)| entry)
    }

    /// The entries of an index that begin with these bytes.
    pub(super) fn entries_below<'t>(
        &'t self,
        index: usize,
        start: &[u8],
    ) -> impl Iterator<Item = Box<[u8]>> + use<'t, V> {
        self.indices[index].below(start).map(|(entry, _)| entry)
    }

    /// [`Self::range`], of rows as they are packed.
    pub(super) fn packed_range<'t>(
        &'t self,
        parts: &[&str],
        after: Option<&str>,
    ) -> impl Iterator<Item = (Box<str>, &'t [u8])> + use<'t, V> {
        keys_of(&self.rows, parts, after)
    }

    pub fn put(&mut self, parts: &[&str], row: V) {
        self.replace(key(parts), Some(&packed(&row)));
    }

    /// The row, if there was one.
    pub fn remove(&mut self, parts: &[&str]) -> Option<V> {
        let key = key(parts);
        let before = self.row_of(&key);
        if before.is_some() {
            self.replace(key, None);
        }
        before
    }

    /// Removes all that [`Self::below`] has.
    pub fn remove_below(&mut self, parts: &[&str]) {
        let keys: Vec<Box<str>> = keys_of(&self.rows, parts, None).map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.replace(key, None));
    }

    /// Makes the table what the other is: changes what differs.
    pub fn replace_by(&mut self, other: &PackedTable<V>) {
        let gone = keys_of(&self.rows, &[], None).filter(|(key, _)| other.rows.get(key.as_bytes()).is_none());
        let gone: Vec<Box<str>> = gone.map(|(key, _)| key).collect();
        gone.into_iter().for_each(|key| self.replace(key, None));
        for (key, bytes) in keys_of(&other.rows, &[], None) {
            if self.rows.get(key.as_bytes()) != Some(bytes) {
                self.replace(key, Some(bytes));
            }
        }
    }

    fn replace(&mut self, key: Box<str>, row: Option<&[u8]>) {
        let before = self.set(&key, row);
        self.journal.push(&key, before.as_deref());
    }

    /// Changes the row, and what indices have of it.
    fn set(&mut self, key: &str, row: Option<&[u8]>) -> Option<Box<[u8]>> {
        let before = match row {
            Some(bytes) => self.rows.insert(key.as_bytes(), bytes),
            None => self.rows.remove(key.as_bytes()),
        };
        let (old, new) = (entries_of::<V>(key, before.as_deref()), entries_of::<V>(key, row));
        for (index, entry) in old.iter().filter(|entry| !new.contains(entry)) {
            self.indices[*index].remove(entry);
        }
        for (index, entry) in new.iter().filter(|entry| !old.contains(entry)) {
            self.indices[*index].insert(entry, &[]);
        }
        before
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// What its rows and indices take in memory.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.indices.iter().map(Packed::bytes).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How long the journal is: a place to [`Self::undo_to`].
    pub fn mark(&self) -> usize {
        self.journal.len()
    }

    pub fn undo_to(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some((key, before)) = self.journal.last() else { return };
            let (key, before) = (key.to_owned(), before.map(<[u8]>::to_vec));
            self.journal.pop();
            self.set(&key, before.as_deref());
        }
    }

    /// Each row that changed since `mark`, once, as it was then and as it is now.
    pub fn changed_since(&self, mark: usize) -> impl Iterator<Item = Changed<V>> {
        self.journal.first_since(mark).into_iter().map(|(key, before)| Changed {
            key: key.into(),
            before: before.map(|bytes| V::unpack(key, bytes)),
            now: self.row_of(key),
        })
    }

    /// Forgets how to undo: what changed has been written.
    pub fn settle(&mut self) {
        // Not even the room of a large import is kept.
        self.journal = Journal::default();
    }
}

/// The entries of a row that is there.
fn entries_of<V: PackedRow>(key: &str, row: Option<&[u8]>) -> Vec<(usize, Box<[u8]>)> {
    let mut entries = Vec::new();
    if let Some(bytes) = row {
        V::unpack(key, bytes).index(key, &mut |index, entry| entries.push((index, entry.into())));
    }
    entries
}

fn packed<V: PackedRow>(row: &V) -> Vec<u8> {
    let mut bytes = Vec::new();
    row.pack(&mut bytes);
    bytes
}

/// As [`super::table::Table::range`].
fn keys_of<'p>(
    packed: &'p Packed,
    parts: &[&str],
    after: Option<&str>,
) -> impl Iterator<Item = (Box<str>, &'p [u8])> + use<'p> {
    let start = prefix(parts);
    let rows = match after {
        Some(after) => packed.range(Bound::Excluded(format!("{start}{after}").as_bytes())),
        None => packed.range(Bound::Included(start.as_bytes())),
    };
    let rows = rows.take_while(move |(key, _)| key.starts_with(start.as_bytes()));
    rows.map(|(key, bytes)| (text(key), bytes))
}

fn text(key: Box<[u8]>) -> Box<str> {
    String::from_utf8(key.into_vec()).expect("a key that was made of text is text").into()
}

impl<V: PackedRow> Keyed for PackedTable<V> {
    type Row = V;

    fn copy_of(&self, parts: &[&str]) -> Option<V> {
        self.row(parts)
    }

    fn put(&mut self, parts: &[&str], row: V) {
        self.put(parts, row);
    }

    fn each(&self, take: &mut RowVisitor<'_, V>) -> Result<(), String> {
        self.below(&[]).try_for_each(|(key, row)| take(&key, &row))
    }

    fn each_change(&self, take: &mut RowChangeVisitor<'_, V>) -> Result<(), String> {
        self.changed_since(0).try_for_each(|changed| take(&changed.key, changed.now.as_ref()))
    }
}

/// A table in the making: rows from disk, in the order of their keys if they are to cost least. Indices are made when all
/// are there.
#[derive(Debug)]
pub struct Loading<V> {
    rows: Builder,
    row: PhantomData<V>,
}

impl<V> Default for Loading<V> {
    fn default() -> Loading<V> {
        Loading { rows: Builder::default(), row: PhantomData }
    }
}

impl<V: PackedRow> Loading<V> {
    pub fn load(&mut self, key: &str, row: &V) {
        self.rows.push(key.as_bytes(), &packed(row));
    }

    /// Takes the rows of another that was loaded beside this one: most cheaply where all are in one of them.
    pub fn absorb(&mut self, other: Loading<V>) {
        if self.rows.is_empty() {
            self.rows = other.rows;
        } else {
            let rows = other.rows.finish();
            rows.range(Bound::Unbounded).for_each(|(key, bytes)| self.rows.push(&key, bytes));
        }
    }

    pub fn finish(self) -> PackedTable<V> {
        let rows = self.rows.finish();
        // One after the other: what is sorted takes more memory than the index that is made of it.
        let indices = (0..V::INDICES).map(|index| index_of::<V>(&rows, index)).collect();
        PackedTable::of(rows, indices)
    }
}

fn index_of<V: PackedRow>(rows: &Packed, index: usize) -> Packed {
    let mut sorter = Sorter::default();
    for (key, bytes) in keys_of(rows, &[], None) {
        V::unpack(&key, bytes).index(&key, &mut |of, entry| {
            if of == index {
                sorter.push(entry);
            }
        });
    }
    sorter.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::store::table::{SEPARATOR, own_name};

    /// A text, found by its first letter.
    #[derive(Clone, Debug, PartialEq)]
    struct Word(String);

    impl PackedRow for Word {
        const INDICES: usize = 1;

        fn pack(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(self.0.as_bytes());
        }

        fn unpack(_: &str, bytes: &[u8]) -> Word {
            Word(String::from_utf8_lossy(bytes).into_owned())
        }

        fn index(&self, row: &str, enter: &mut dyn FnMut(usize, &[u8])) {
            if let Some(first) = self.0.get(..1) {
                enter(0, key(&[first, own_name(row)]).as_bytes());
            }
        }
    }

    fn word(text: &str) -> Word {
        Word(text.to_owned())
    }

    /// `r/1=one`
    fn shown(table: &PackedTable<Word>, parts: &[&str]) -> String {
        let rows = table.below(parts).map(|(key, row)| format!("{}={}", key.replace(SEPARATOR, "/"), row.0));
        rows.collect::<Vec<_>>().join(" ")
    }

    /// `o/1 t/2`
    fn indexed(table: &PackedTable<Word>) -> String {
        let entries = table.entries(0, &[], None).map(|entry| entry.replace(SEPARATOR, "/"));
        entries.collect::<Vec<_>>().join(" ")
    }

    fn table() -> PackedTable<Word> {
        let mut table = PackedTable::default();
        for (name, text) in [("1", "one"), ("2", "two"), ("3", "three")] {
            table.put(&["r", name], word(text));
        }
        table.put(&["s", "4"], word(""));
        table.settle();
        table
    }

    #[test]
    fn rows_are_found_by_key_and_by_index() {
        let mut table = table();
        assert_eq!(shown(&table, &["r"]), "r/1=one r/2=two r/3=three");
        assert_eq!((table.row(&["s", "4"]), table.has(&["r", "4"]), table.len()), (Some(word("")), false, 4));
        assert_eq!(table.range(&["r"], Some("2")).map(|(key, _)| key).collect::<Vec<_>>(), ["r\u{0}3".into()]);
        assert_eq!(indexed(&table), "o/1 t/2 t/3");
        table.put(&["r", "2"], word("of"));
        assert_eq!(table.remove(&["r", "1"]), Some(word("one")));
        assert_eq!(indexed(&table), "o/2 t/3");
        assert_eq!(table.entries(0, &["t"], Some("2")).collect::<Vec<_>>(), ["t\u{0}3".into()]);
        table.remove_below(&["r"]);
        assert_eq!((indexed(&table), shown(&table, &[])), (String::new(), "s/4=".to_owned()));
    }

    #[test]
    fn undoing_restores_rows_and_indices() {
        let mut table = table();
        table.put(&["r", "1"], word("eins"));
        let mark = table.mark();
        table.put(&["r", "1"], word("un"));
        table.put(&["r", "1"], word("uno"));
        table.put(&["r", "5"], word("five"));
        table.remove(&["r", "5"]);
        table.remove(&["r", "2"]);
        assert_eq!(table.remove(&["r", "2"]), None);
        let changed = |table: &PackedTable<Word>, mark| -> Vec<_> {
            let text = |row: Option<Word>| row.map_or("-".to_owned(), |row| row.0);
            let told = |one: Changed<Word>| format!("{} {} {}", own_name(&one.key), text(one.before), text(one.now));
            table.changed_since(mark).map(told).collect()
        };
        assert_eq!(changed(&table, mark), ["1 eins uno", "2 two -", "5 - -"]);
        assert_eq!(changed(&table, 0), ["1 one uno", "2 two -", "5 - -"]);
        table.undo_to(mark);
        assert_eq!(indexed(&table), "e/1 t/2 t/3");
        table.undo_to(0);
        assert_eq!(
            (indexed(&table), shown(&table, &["r"])),
            ("o/1 t/2 t/3".into(), "r/1=one r/2=two r/3=three".into())
        );
    }

    #[test]
    fn a_table_becomes_what_another_is_by_what_differs() {
        let mut table = table();
        let mut other = table.clone();
        other.put(&["r", "1"], word("x"));
        other.remove(&["r", "2"]);
        other.put(&["r", "9"], word("y"));
        table.replace_by(&other);
        assert_eq!((shown(&table, &[]), indexed(&table)), (shown(&other, &[]), indexed(&other)));
        assert_eq!(table.mark(), 3);
    }

    #[test]
    fn a_loaded_table_is_what_it_was() {
        let table = table();
        let mut loading = Loading::default();
        table.below(&[]).for_each(|(key, row)| loading.load(&key, &row));
        let loaded = loading.finish();
        assert_eq!((shown(&loaded, &[]), indexed(&loaded)), (shown(&table, &[]), indexed(&table)));
        assert_eq!(loaded.mark(), 0);
    }
}
