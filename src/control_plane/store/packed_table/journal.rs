//! What each change of a table replaced, the oldest first: bytes one behind the other, as an import changes a million rows.

use crate::control_plane::store::packed::text::{put_text, take_bytes};

#[derive(Clone, Default)]
pub struct Journal {
    /// Of each change the key, and, where a row was there, a byte and the row.
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

/// A change's key, and the row that it replaced.
pub type Replaced<'j> = (&'j str, Option<&'j [u8]>);

impl std::fmt::Debug for Journal {
    /// Without the rows, as they may be secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("changes", &self.len()).finish_non_exhaustive()
    }
}

impl Journal {
    pub fn push(&mut self, key: &str, before: Option<&[u8]>) {
        self.starts.push(self.bytes.len());
        put_text(&mut self.bytes, key);
        if let Some(before) = before {
            self.bytes.push(1);
            self.bytes.extend_from_slice(before);
        }
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn last(&self) -> Option<Replaced<'_>> {
        self.starts.last().map(|start| replaced(&self.bytes[*start..]))
    }

    /// Forgets the last change.
    pub fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.bytes.truncate(start);
        }
    }

    /// Of each key that changed from a place on, what its first change there replaced; in the order of keys.
    pub fn first_since(&self, mark: usize) -> Vec<Replaced<'_>> {
        let starts = self.starts.get(mark..).unwrap_or_default();
        let ends = starts.iter().skip(1).copied().chain([self.bytes.len()]);
        let mut changes: Vec<_> =
            starts.iter().zip(ends).map(|(start, end)| replaced(&self.bytes[*start..end])).collect();
        // Stable: of those with one key, the first stays the first.
        changes.sort_by_key(|(key, _)| *key);
        changes.dedup_by_key(|(key, _)| *key);
        changes
    }
}

fn replaced(entry: &[u8]) -> Replaced<'_> {
    let mut rest = entry;
    let key = take_bytes(&mut rest);
    let key = std::str::from_utf8(key).expect("a key that was put as text is text");
    (key, rest.split_first().map(|(_, row)| row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_known_from_the_last_on_and_by_key() {
        let mut journal = Journal::default();
        for (key, before) in [("b", None), ("a", Some(&b"1"[..])), ("b", Some(b"")), ("c", None), ("a", None)] {
            journal.push(key, before);
        }
        assert_eq!(journal.first_since(0), [("a", Some(&b"1"[..])), ("b", None), ("c", None)]);
        assert_eq!(journal.first_since(2), [("a", None), ("b", Some(&b""[..])), ("c", None)]);
        assert_eq!(journal.first_since(9), []);
        assert_eq!((journal.len(), journal.last()), (5, Some(("a", None))));
        (0..3).for_each(|_| journal.pop());
        assert_eq!(journal.last(), Some(("a", Some(&b"1"[..]))));
        (0..3).for_each(|_| journal.pop());
        assert_eq!((journal.len(), journal.last()), (0, None));
    }
}
