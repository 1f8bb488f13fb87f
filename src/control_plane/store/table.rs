//! One kind of row by key, with a journal of what changed, so that a call that fails can be undone and one that
//! succeeds be written to disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Between the parts of a key. No AWS name or id has one: see [`key`].
pub(super) const SEPARATOR: char = '\0';

/// Rows by key. A key has parts, the region first, then the ids from the outermost to the row's own: rows that belong
/// together stand together.
#[derive(Clone, Debug)]
pub struct Table<V> {
    rows: BTreeMap<Box<str>, Arc<V>>,
    /// What each change replaced, the oldest first.
    journal: Vec<(Box<str>, Option<Arc<V>>)>,
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
        Table { rows: BTreeMap::new(), journal: Vec::new() }
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

/// The part of a key at a position.
pub fn part(key: &str, position: usize) -> &str {
    key.split(SEPARATOR).nth(position).unwrap_or_default()
}

impl<V: Clone> Table<V> {
    pub fn row(&self, parts: &[&str]) -> Option<&V> {
        self.rows.get(&key(parts)).map(|row| &**row)
    }

    /// The row itself, to outlive the next change.
    pub fn share(&self, parts: &[&str]) -> Option<Arc<V>> {
        self.rows.get(&key(parts)).cloned()
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
        rows.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(key, row)| (&**key, row))
    }

    /// [`Self::below`], without the keys.
    pub fn rows_below<'t>(&'t self, parts: &[&str]) -> impl Iterator<Item = &'t V> + use<'t, V> {
        self.below(parts).map(|(_, row)| &**row)
    }

    pub fn put(&mut self, parts: &[&str], row: V) {
        self.replace(key(parts), Some(Arc::new(row)));
    }

    /// The row, if there was one.
    pub fn remove(&mut self, parts: &[&str]) -> Option<Arc<V>> {
        self.replace(key(parts), None)
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
            self.replace(key.clone(), Some(Arc::clone(row)));
        }
    }

    fn replace(&mut self, key: Box<str>, row: Option<Arc<V>>) -> Option<Arc<V>> {
        let before = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        self.journal.push((key, before.clone()));
        before
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
        keys.into_iter().map(|key| (key, self.rows.get(key)))
    }

    /// The row as it was at `mark`, if it was changed since and was there.
    pub fn before(&self, mark: usize, key: &str) -> Option<&Arc<V>> {
        let first = self.journal.get(mark..)?.iter().find(|(changed, _)| &**changed == key);
        first.and_then(|(_, before)| before.as_ref())
    }

    /// Forgets how to undo: what changed has been written.
    pub fn settle(&mut self) {
        self.journal.clear();
    }

    /// Takes the other's rows, which is no change.
    pub fn absorb(&mut self, mut other: Table<V>) {
        self.rows.append(&mut other.rows);
    }

    /// A row from disk, which is no change.
    pub fn load(&mut self, key: &str, row: V) {
        self.rows.insert(key.into(), Arc::new(row));
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
}
