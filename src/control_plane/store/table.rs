//! One kind of row by key, with a journal of what changed, so that a call that fails can be undone and one that
//! succeeds be written to disk.
//!
//! Where rows are many and seldom looked at, all but the latest are [packed](Row): of a thousand APIs, the resources
//! took half of the memory otherwise.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Between the parts of a key. No AWS name or id has one: see [`key`].
pub(super) const SEPARATOR: char = '\0';

/// Rows that are not packed, of a table that packs: those of some large APIs, which take megabytes.
const OPEN_MAX: usize = 1024;

/// Rows by key. A key has parts, the region first, then the ids from the outermost to the row's own: rows that belong
/// together stand together.
#[derive(Clone, Debug)]
pub struct Table<V> {
    rows: BTreeMap<Box<str>, Row<V>>,
    /// What each change replaced, the oldest first.
    journal: Vec<(Box<str>, Option<Row<V>>)>,
    /// How rows are packed, where they are.
    packing: Option<Packing<V>>,
    /// Where they are: the keys of rows that were opened or put, which are packed again in [`Table::settle`].
    opened: RefCell<Vec<Box<str>>>,
}

/// A value, as JSON, or both. A row without an open value is packed.
#[derive(Clone, Debug)]
struct Row<V> {
    open: OnceCell<Arc<V>>,
    packed: Option<Arc<[u8]>>,
}

#[derive(Clone, Debug)]
struct Packing<V> {
    pack: fn(&V) -> Option<Vec<u8>>,
    unpack: fn(&[u8]) -> Option<V>,
}

/// A row as the table has it just now.
pub enum Kept<'t, V> {
    Open(&'t V),
    /// As JSON.
    Packed(&'t [u8]),
}

/// What tables of both kinds are to those who treat all alike; see also [`super::packed_table`].
pub trait Keyed {
    type Row;

    fn copy_of(&self, parts: &[&str]) -> Option<Self::Row>;

    fn put(&mut self, parts: &[&str], row: Self::Row);

    /// Gives every row with its key.
    ///
    /// # Errors
    /// `take`'s own, at which it ends.
    fn each(&self, take: &mut RowVisitor<'_, Self::Row>) -> Result<(), String>;

    /// Gives every row that changed since it was last settled, once, as it is now.
    ///
    /// # Errors
    /// As [`Self::each`].
    fn each_change(&self, take: &mut RowChangeVisitor<'_, Self::Row>) -> Result<(), String>;
}

/// Takes a row with its key.
pub type RowVisitor<'v, V> = dyn FnMut(&str, &V) -> Result<(), String> + 'v;

/// Takes the key of a row that changed, and the row if it is still there.
pub type RowChangeVisitor<'v, V> = dyn FnMut(&str, Option<&V>) -> Result<(), String> + 'v;

impl<V> Default for Table<V> {
    fn default() -> Table<V> {
        Table { rows: BTreeMap::new(), journal: Vec::new(), packing: None, opened: RefCell::default() }
    }
}

impl<V: Serialize + DeserializeOwned> Table<V> {
    /// A table that packs its rows.
    pub fn packed() -> Table<V> {
        let packing =
            Packing { pack: |row| serde_json::to_vec(row).ok(), unpack: |packed| serde_json::from_slice(packed).ok() };
        Table { packing: Some(packing), ..Table::default() }
    }
}

impl<V> Row<V> {
    fn open(row: V) -> Row<V> {
        Row { open: OnceCell::from(Arc::new(row)), packed: None }
    }
}

/// The parts as one key. A part from a request may hold anything; one with the separator is never found, and never
/// stored, as it is not a name.
pub fn key(parts: &[&str]) -> Box<str> {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            key.push(SEPARATOR);
        }
        key.extend(part.chars().filter(|character| *character != SEPARATOR));
    }
    key.into()
}

/// How every key begins that has these parts and more.
pub(super) fn prefix(parts: &[&str]) -> String {
    let mut prefix = String::from(key(parts));
    if !parts.is_empty() {
        prefix.push(SEPARATOR);
    }
    prefix
}

/// The last part of a key: the row's own id or name.
pub fn own_name(key: &str) -> &str {
    key.rsplit(SEPARATOR).next().unwrap_or(key)
}

/// What stands in a key behind its first parts; see [`Table::range`].
pub fn behind<'k>(key: &'k str, parts: &[&str]) -> &'k str {
    key.splitn(parts.len() + 1, SEPARATOR).nth(parts.len()).unwrap_or_default()
}

/// A key without its last part.
pub fn parent(key: &str) -> &str {
    key.rsplit_once(SEPARATOR).map_or("", |(parent, _)| parent)
}

/// The part of a key at a position.
pub fn part(key: &str, position: usize) -> &str {
    key.split(SEPARATOR).nth(position).unwrap_or_default()
}

impl<V: Clone> Table<V> {
    pub fn row(&self, parts: &[&str]) -> Option<&V> {
        self.value(&key(parts)).map(|row| &**row)
    }

    /// The row itself, to outlive the next change.
    pub fn share(&self, parts: &[&str]) -> Option<Arc<V>> {
        self.value(&key(parts)).cloned()
    }

    pub fn has(&self, parts: &[&str]) -> bool {
        self.rows.contains_key(&key(parts))
    }

    /// The rows whose key begins with these parts and has more, in the order of their keys.
    pub fn below<'t>(&'t self, parts: &[&str]) -> impl Iterator<Item = (&'t str, &'t Arc<V>)> + use<'t, V> {
        self.range(parts, "", None)
    }

    /// Of the rows of [`Self::below`], those where what follows the parts begins with `start`, from behind `after` on.
    /// It costs what is taken from it, wherever it begins.
    pub fn range<'t>(
        &'t self,
        parts: &[&str],
        start: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'t str, &'t Arc<V>)> + use<'t, V> {
        let mut prefix = prefix(parts);
        let after = after.map(|after| format!("{prefix}{after}"));
        prefix.extend(start.chars().filter(|character| *character != SEPARATOR));
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(Box::from(after)),
            Some(_) | None => Bound::Included(Box::from(prefix.as_str())),
        };
        let rows = self.rows.range::<Box<str>, _>((from, Bound::Unbounded));
        rows.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(key, row)| (&**key, self.open(key, row)))
    }

    /// The last of [`Self::below`]: what follows the parts in its key.
    pub fn last_name_below<'t>(&'t self, parts: &[&str]) -> Option<&'t str> {
        let beneath = key(parts);
        let (first, end) = (format!("{beneath}{SEPARATOR}"), format!("{beneath}\u{1}"));
        let (last, _) = self.rows.range::<str, _>((Bound::Included(&*first), Bound::Excluded(&*end))).next_back()?;
        Some(&last[first.len()..])
    }

    /// [`Self::below`], without the keys.
    pub fn rows_below<'t>(&'t self, parts: &[&str]) -> impl Iterator<Item = &'t V> + use<'t, V> {
        self.below(parts).map(|(_, row)| &**row)
    }

    pub fn put(&mut self, parts: &[&str], row: V) {
        self.replace(key(parts), Some(Row::open(row)));
    }

    /// The row, if there was one.
    pub fn remove(&mut self, parts: &[&str]) -> Option<Arc<V>> {
        let key = key(parts);
        let before = self.replace(key.clone(), None);
        before.map(|row| Arc::clone(self.open(&key, &row)))
    }

    /// Removes all that [`Self::below`] has.
    pub fn remove_below(&mut self, parts: &[&str]) {
        let keys: Vec<Box<str>> = self.below(parts).map(|(key, _)| key.into()).collect();
        for key in keys {
            self.replace(key, None);
        }
    }

    /// Removes every row that the other table does not have, and takes all that it has.
    pub fn replace_by(&mut self, other: &Table<V>) {
        let gone: Vec<Box<str>> = self.rows.keys().filter(|key| !other.rows.contains_key(*key)).cloned().collect();
        for key in gone {
            self.replace(key, None);
        }
        for (key, row) in &other.rows {
            self.replace(key.clone(), Some(row.clone()));
        }
    }

    fn replace(&mut self, key: Box<str>, row: Option<Row<V>>) -> Option<Row<V>> {
        if self.packing.is_some() && row.is_some() {
            self.opened.get_mut().push(key.clone());
        }
        let before = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        self.journal.push((key, before.clone()));
        before
    }

    fn value(&self, key: &str) -> Option<&Arc<V>> {
        self.rows.get(key).map(|row| self.open(key, row))
    }

    fn open<'t>(&self, key: &str, row: &'t Row<V>) -> &'t Arc<V> {
        row.open.get_or_init(|| {
            self.opened.borrow_mut().push(key.into());
            let unpacked = self.packing.as_ref().zip(row.packed.as_ref());
            let unpacked = unpacked.and_then(|(packing, packed)| (packing.unpack)(packed));
            Arc::new(unpacked.expect("a row that is not open was packed here, or read when it was loaded"))
        })
    }

    /// Every row as it is kept, to be written elsewhere: none is opened for that.
    pub fn kept(&self) -> impl Iterator<Item = (&str, Kept<'_, V>)> {
        self.rows.iter().map(|(key, row)| match &row.packed {
            Some(packed) => (&**key, Kept::Packed(packed)),
            None => (&**key, Kept::Open(&**self.open(key, row))),
        })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
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
            let Some((key, before)) = self.journal.pop() else { return };
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Each key that changed since `mark`, once, with the row that is there now.
    pub fn changed_since(&self, mark: usize) -> impl Iterator<Item = (&str, Option<&Arc<V>>)> {
        let keys: std::collections::BTreeSet<&str> = self.journal[mark..].iter().map(|(key, _)| &**key).collect();
        keys.into_iter().map(|key| (key, self.value(key)))
    }

    /// The row as it was at `mark`, if it was changed since and was there.
    pub fn before(&self, mark: usize, key: &str) -> Option<&Arc<V>> {
        let first = self.journal.get(mark..)?.iter().find(|(changed, _)| &**changed == key);
        first.and_then(|(_, before)| before.as_ref()).map(|row| self.open(key, row))
    }

    /// Forgets how to undo: what changed has been written. When many rows are open, they are packed.
    pub fn settle(&mut self) {
        self.journal.clear();
        let Some(packing) = self.packing.as_ref().filter(|_| self.opened.borrow().len() > OPEN_MAX) else { return };
        for key in self.opened.take() {
            let Some(row) = self.rows.get_mut(&key) else { continue };
            if row.packed.is_none() {
                row.packed = row.open.get().and_then(|value| (packing.pack)(value)).map(Arc::from);
            }
            if row.packed.is_some() {
                row.open.take();
            }
        }
    }

    /// Takes the other's rows, which is no change.
    pub fn absorb(&mut self, mut other: Table<V>) {
        self.rows.append(&mut other.rows);
    }

    /// A row from disk, which is no change, and the JSON that it was read from.
    pub fn load(&mut self, key: &str, row: V, json: &[u8]) {
        let row = match self.packing {
            Some(_) => Row { open: OnceCell::new(), packed: Some(json.into()) },
            None => Row::open(row),
        };
        self.rows.insert(key.into(), row);
    }
}

impl<V: Clone> Keyed for Table<V> {
    type Row = V;

    fn copy_of(&self, parts: &[&str]) -> Option<V> {
        self.row(parts).cloned()
    }

    fn put(&mut self, parts: &[&str], row: V) {
        self.put(parts, row);
    }

    fn each(&self, take: &mut RowVisitor<'_, V>) -> Result<(), String> {
        self.below(&[]).try_for_each(|(key, row)| take(key, row))
    }

    fn each_change(&self, take: &mut RowChangeVisitor<'_, V>) -> Result<(), String> {
        self.changed_since(0).try_for_each(|(key, row)| take(key, row.map(|row| &**row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table<u32>, parts: &[&str]) -> Vec<(String, u32)> {
        table.below(parts).map(|(key, row)| (key.replace(SEPARATOR, "/"), **row)).collect()
    }

    #[test]
    fn rows_below_a_key_are_its_own_only() {
        let mut table = Table::default();
        for (parts, row) in [(["r", "a", "1"], 1), (["r", "ab", "1"], 2), (["r", "a", "2"], 3), (["q", "a", "1"], 4)] {
            table.put(&parts, row);
        }
        assert_eq!(shown(&table, &["r", "a"]), [("r/a/1".into(), 1), ("r/a/2".into(), 3)]);
        assert_eq!(shown(&table, &["r"]).len(), 3);
        assert_eq!(shown(&table, &[]).len(), 4);
        assert_eq!(shown(&table, &["r", "a", "1"]), []);
        table.remove_below(&["r", "a"]);
        assert_eq!(shown(&table, &["r"]), [("r/ab/1".into(), 2)]);
    }

    #[test]
    fn a_range_begins_where_it_is_told() {
        let mut table = Table::default();
        for (position, name) in ["ab", "abc", "ad", "b"].into_iter().enumerate() {
            table.put(&["r", name, "1"], position);
        }
        table.put(&["s", "ab", "1"], 9);
        let names = |start: &str, after: Option<&str>| -> Vec<String> {
            let rows = table.range(&["r"], start, after);
            rows.map(|(key, _)| behind(key, &["r"]).replace(SEPARATOR, "/")).collect()
        };
        assert_eq!(names("ab", None), ["ab/1", "abc/1"]);
        assert_eq!(names("a", Some("ab\u{0}1")), ["abc/1", "ad/1"]);
        assert_eq!(names("ad", Some("ab")), ["ad/1"]);
        assert_eq!(names("", Some("b\u{0}1")), Vec::<String>::new());
        assert_eq!(names("a\u{0}b", None), ["ab/1", "abc/1"]);
    }

    #[test]
    fn undoing_restores_what_was_there_at_the_mark() {
        let mut table = Table::default();
        table.put(&["a"], 1);
        let mark = table.mark();
        table.put(&["a"], 2);
        table.put(&["b"], 3);
        table.remove(&["a"]);
        let changed: Vec<_> =
            table.changed_since(mark).map(|(key, row)| (key.to_owned(), row.map(|row| **row))).collect();
        assert_eq!(changed, [("a".to_owned(), None), ("b".to_owned(), Some(3))]);
        assert_eq!((table.before(mark, "a").map(|row| **row), table.before(mark, "b")), (Some(1), None));
        table.undo_to(mark);
        assert_eq!(shown(&table, &[]), [("a".into(), 1)]);
        table.undo_to(0);
        assert!(table.is_empty());
    }

    #[test]
    fn no_part_reaches_into_another() {
        assert_eq!(key(&["a\0b", "c"]), key(&["ab", "c"]));
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
    }

    #[test]
    fn packed_rows_are_as_they_were() {
        let mut table = Table::packed();
        table.load("loaded", "a".to_owned(), br#""a""#);
        let kept = |table: &Table<String>| -> Vec<bool> {
            table.kept().map(|(_, row)| matches!(row, Kept::Packed(_))).collect()
        };
        assert_eq!((kept(&table), table.row(&["loaded"])), (vec![true], Some(&"a".to_owned())));
        for number in 0..OPEN_MAX {
            table.put(&[&number.to_string()], number.to_string());
        }
        assert!(!kept(&table).into_iter().all(|packed| packed), "what was put can be undone");
        table.settle();
        assert!(kept(&table).into_iter().all(|packed| packed));
        assert!(table.opened.borrow().is_empty());
        let mark = table.mark();
        assert_eq!(table.remove(&["7"]).as_deref(), Some(&"7".to_owned()));
        table.put(&["8"], "eight".to_owned());
        assert_eq!((table.row(&["7"]), table.before(mark, "8").map(|row| &***row)), (None, Some("8")));
        table.undo_to(mark);
        assert_eq!(table.rows_below(&[]).filter(|row| ["7", "8", "a"].contains(&&***row)).count(), 3);
    }
}
