//! The rows of one block, in the order of their keys, without gaps:
//!
//! ```text
//! how much of the key is the start of the one before it
//! four times the length of the rest; and 1, if there is a value; and 2, if the key ends as the first one does
//! length of that end, if so · length of the value, if there is one · rest · value
//! ```
//! The numbers are as [`super::text`] has them. The first row has its key in full. Keys end alike where they are found by
//! one thing and lead to another: those of a million memberships of one plan have its id at their end.

use std::cmp::Ordering;

use super::text::{put_number, take_number};

/// A row where it stands.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    /// How many bytes of the key are those of the one before it.
    pub shared: usize,
    /// What follows these.
    rest: &'b [u8],
    /// The end, of the first row's key.
    tail: &'b [u8],
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

impl Row<'_> {
    /// Makes the key of the one before it.
    pub fn step(&self, key: &mut Vec<u8>) {
        key.truncate(self.shared);
        key.extend_from_slice(self.rest);
        key.extend_from_slice(self.tail);
    }

    /// The key, without what it shares with the one before it.
    fn own(&self) -> Vec<u8> {
        [self.rest, self.tail].concat()
    }

    /// How many bytes the own ones have in common with these, and the one behind.
    fn common(&self, other: &[u8]) -> (usize, Option<u8>) {
        let in_rest = common(self.rest, other);
        if let Some(next) = self.rest.get(in_rest) {
            return (in_rest, Some(*next));
        }
        let in_tail = common(self.tail, &other[in_rest..]);
        (in_rest + in_tail, self.tail.get(in_tail).copied())
    }
}

const HAS_VALUE: usize = 1;
const HAS_TAIL: usize = 2;

/// A shorter one takes as much room as it saves.
const TAIL_BYTES_MIN: usize = 2;

/// The row that stands there: the start of one.
#[inline]
pub fn row(block: &[u8], at: usize) -> Row<'_> {
    let mut bytes = &block[at..];
    let shared = number(&mut bytes);
    let flags = number(&mut bytes);
    let tail_length = if flags & HAS_TAIL == 0 { 0 } else { number(&mut bytes) };
    let value_length = if flags & HAS_VALUE == 0 { 0 } else { number(&mut bytes) };
    let start = block.len() - bytes.len();
    let (rest, value) = bytes[..(flags >> 2) + value_length].split_at(flags >> 2);
    let tail = match tail_length {
        0 => &[][..],
        length => {
            let first = first_key(block);
            &first[first.len() - length..]
        }
    };
    Row { shared, rest, tail, value, end: start + rest.len() + value.len() }
}

#[inline]
fn number(bytes: &mut &[u8]) -> usize {
    match **bytes {
        // Most rows are short. To find one takes reading half a block of them.
        [small, ref behind @ ..] if small < 0x80 => {
            *bytes = behind;
            usize::from(small)
        }
        _ => take_number(bytes) as usize,
    }
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
                let (more, next) = row.common(&key[shared..]);
                let both = shared + more;
                match next.as_ref().cmp(&key.get(both)) {
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
    append(&mut block, &[], key, value);
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
    if place.at == 0 && !place.is_there {
        append(&mut changed, &[], key, value);
        append_from(&mut changed, key, block, 0);
        return changed;
    }
    changed.extend_from_slice(&block[..place.at]);
    write(&mut changed, place.shared, &key[place.shared..], value);
    if place.at == block.len() {
        return changed;
    }
    let next = row(block, place.at);
    if !place.is_there {
        write(&mut changed, place.shared_with_next, &next.own()[place.shared_with_next - next.shared..], next.value);
    }
    changed.extend_from_slice(&block[next.end..]);
    changed
}

/// The block without the row that stands there.
pub fn without(block: &[u8], at: usize) -> Vec<u8> {
    let gone = row(block, at);
    let mut changed = Vec::with_capacity(block.len());
    if at == 0 {
        append_from(&mut changed, gone.rest, block, gone.end);
        return changed;
    }
    changed.extend_from_slice(&block[..at]);
    if gone.end < block.len() {
        let next = row(block, gone.end);
        let shared = next.shared.min(gone.shared);
        let own = [&gone.own()[..next.shared - shared], &next.own()].concat();
        write(&mut changed, shared, &own, next.value);
        changed.extend_from_slice(&block[next.end..]);
    }
    changed
}

/// Two blocks of about the same size; of a single row, the other is empty.
pub fn split(block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut at, mut key) = (0, Vec::new());
    while at < block.len() {
        let row = row(block, at);
        // At a row that crosses the middle, or begins behind it: never at the first, so that neither half is empty.
        if at > 0 && row.end > block.len() / 2 {
            let mut second = Vec::with_capacity(block.len() - at + row.shared);
            append_from(&mut second, &key, block, at);
            return (block[..at].to_vec(), second);
        }
        row.step(&mut key);
        at = row.end;
    }
    (block.to_vec(), Vec::new())
}

/// Adds the rows of another block from a place on; `key` is the one before it there. Where the first row is another one,
/// the ends of keys are too.
fn append_from(to: &mut Vec<u8>, key: &[u8], block: &[u8], from: usize) {
    let (mut at, mut key) = (from, key.to_vec());
    let mut last = if to.is_empty() { Vec::new() } else { key.clone() };
    while at < block.len() {
        let row = row(block, at);
        row.step(&mut key);
        append(to, &last, &key, row.value);
        last.clone_from(&key);
        at = row.end;
    }
}

/// Adds a row behind all others; `own` is its key, without what that shares with the one before it.
fn write(block: &mut Vec<u8>, shared: usize, own: &[u8], value: &[u8]) {
    let first = if block.is_empty() { &[] } else { first_key(block) };
    let tail = Some(common_end(own, first)).filter(|length| *length >= TAIL_BYTES_MIN);
    let rest = &own[..own.len() - tail.unwrap_or(0)];
    let has = |is_there: bool, flag: usize| if is_there { flag } else { 0 };
    let flags = rest.len() << 2 | has(tail.is_some(), HAS_TAIL) | has(!value.is_empty(), HAS_VALUE);
    let value_length = Some(value.len()).filter(|length| *length > 0);
    for number in [Some(shared), Some(flags), tail, value_length].into_iter().flatten() {
        put_number(block, number as u64);
    }
    block.extend_from_slice(rest);
    block.extend_from_slice(value);
}

fn common_end(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}
