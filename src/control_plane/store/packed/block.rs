//! The rows of one block, in the order of their keys, without gaps:
//!
//! ```text
//! how much of the key is the one before it · length of the rest · length of the value · rest · value
//! ```
//! The three numbers are as [`super::text`] has them. The first row has its key in full.

use std::cmp::Ordering;

use super::text::{put_number, take_number};

/// A row where it stands.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    /// How many bytes of the key are those of the one before it.
    pub shared: usize,
    /// The others.
    pub rest: &'b [u8],
    pub value: &'b [u8],
    /// Where the next row stands.
    pub end: usize,
}

/// Where a key stands in a block, or would.
#[derive(Clone, Copy)]
pub struct Place {
    /// Where the first row stands whose key is not smaller.
    pub at: usize,
    /// How many bytes the key has in common with the one before that place.
    pub shared: usize,
    /// And with the one at it.
    pub shared_with_next: usize,
    pub is_there: bool,
}

/// The row that stands there: the start of one.
#[inline]
pub fn row(block: &[u8], at: usize) -> Row<'_> {
    let mut bytes = &block[at..];
    let [shared, rest, value] = match *bytes {
        // Most rows are short. To find one takes reading half a block of them.
        [shared, rest, value, ref behind @ ..] if (shared | rest | value) < 0x80 => {
            bytes = behind;
            [shared, rest, value].map(usize::from)
        }
        _ => [(); 3].map(|()| take_number(&mut bytes) as usize),
    };
    let start = block.len() - bytes.len();
    let (rest, value) = bytes[..rest + value].split_at(rest);
    Row { shared, rest, value, end: start + rest.len() + value.len() }
}

pub fn value(block: &[u8], at: usize) -> &[u8] {
    row(block, at).value
}

/// Of a block that is not empty.
pub fn first_key(block: &[u8]) -> &[u8] {
    row(block, 0).rest
}

/// Finds the key without making any other: of the key before, it knows how much of the wanted one it has.
pub fn find(block: &[u8], key: &[u8]) -> Place {
    let (mut at, mut shared) = (0, 0);
    while at < block.len() {
        let row = row(block, at);
        match row.shared.cmp(&shared) {
            // It has what makes the one before it smaller.
            Ordering::Greater => {}
            // It is greater than the one before it in a byte that the wanted key has too.
            Ordering::Less => return Place { at, shared, shared_with_next: row.shared, is_there: false },
            Ordering::Equal => {
                let both = shared + common(row.rest, &key[shared..]);
                match row.rest.get(both - shared).cmp(&key.get(both)) {
                    Ordering::Less => shared = both,
                    found => {
                        let is_there = found == Ordering::Equal;
                        return Place { at, shared, shared_with_next: both, is_there };
                    }
                }
            }
        }
        at = row.end;
    }
    Place { at, shared, shared_with_next: 0, is_there: false }
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

pub fn of_one(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(key.len() + value.len() + 8);
    write(&mut block, 0, key, value);
    block
}

/// Adds a row behind all others; `last` is the key before it, in full.
pub fn append(block: &mut Vec<u8>, last: &[u8], key: &[u8], value: &[u8]) {
    let shared = common(last, key);
    write(block, shared, &key[shared..], value);
}

/// The block with the row, at the place that [`find`] has for its key.
pub fn with(block: &[u8], place: Place, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(block.len() + key.len() + value.len() + 8);
    changed.extend_from_slice(&block[..place.at]);
    write(&mut changed, place.shared, &key[place.shared..], value);
    if place.at == block.len() {
        return changed;
    }
    let next = row(block, place.at);
    if !place.is_there {
        write(&mut changed, place.shared_with_next, &next.rest[place.shared_with_next - next.shared..], next.value);
    }
    changed.extend_from_slice(&block[next.end..]);
    changed
}

/// The block without the row that stands there.
pub fn without(block: &[u8], at: usize) -> Vec<u8> {
    let gone = row(block, at);
    let mut changed = Vec::with_capacity(block.len());
    changed.extend_from_slice(&block[..at]);
    if gone.end < block.len() {
        let next = row(block, gone.end);
        let shared = next.shared.min(gone.shared);
        let rest = [&gone.rest[..next.shared - shared], next.rest].concat();
        write(&mut changed, shared, &rest, next.value);
        changed.extend_from_slice(&block[next.end..]);
    }
    changed
}

/// Two blocks of about the same size; of a single row, the other is empty.
pub fn split(block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut at, mut key) = (0, Vec::new());
    while at < block.len() {
        let row = row(block, at);
        key.truncate(row.shared);
        key.extend_from_slice(row.rest);
        // At a row that crosses the middle, or begins behind it: never at the first, so that neither half is empty.
        if at > 0 && row.end > block.len() / 2 {
            let mut second = Vec::with_capacity(block.len() - at + row.shared);
            write(&mut second, 0, &key, row.value);
            second.extend_from_slice(&block[row.end..]);
            return (block[..at].to_vec(), second);
        }
        at = row.end;
    }
    (block.to_vec(), Vec::new())
}

fn write(block: &mut Vec<u8>, shared: usize, rest: &[u8], value: &[u8]) {
    for number in [shared, rest.len(), value.len()] {
        put_number(block, number as u64);
    }
    block.extend_from_slice(rest);
    block.extend_from_slice(value);
}
