//! A map in the order of its keys that takes little more than their bytes, for tables with a million rows.
//!
//! Keys and values are bytes. They stand in blocks of at most [`BLOCK_BYTES_MAX`], in which a key has only what differs
//! from the one before it. A block is one allocation and never changes: what changes a row makes its block anew, so
//! that a copy of the map shares all of them, and costs a pointer a block.
//!
//! - [`block`]: the rows of one block; [`text`]: numbers and texts in a row.

mod block;
pub mod text;

use std::ops::Bound;
use std::sync::Arc;

use block::Place;

/// A row more, and a block becomes two. A larger one takes longer to search and to make anew, a smaller one more memory
/// for what every block has: its pointers, and one key in full.
const BLOCK_BYTES_MAX: usize = 4096;

#[derive(Clone, Default)]
pub struct Packed {
    /// INVARIANT: none is empty.
    blocks: Vec<Arc<[u8]>>,
    rows: usize,
}

impl std::fmt::Debug for Packed {
    /// Without the rows, as they may be secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Packed").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Packed {
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What it takes in memory: each block with its counts, its pointer and what an allocator adds.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.len().next_multiple_of(16) + 16 + 16 + 8).sum()
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, block, place) = self.find(key)?;
        place.is_there.then(|| block::value(block, place.at))
    }

    /// Puts the value; the one that was there.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Option<Box<[u8]>> {
        let Some((position, block, place)) = self.find(key) else {
            self.rows = 1;
            self.blocks.push(block::of_one(key, value).into());
            return None;
        };
        let before = place.is_there.then(|| Box::from(block::value(block, place.at)));
        let is_last = place.at == block.len() && position + 1 == self.blocks.len();
        let changed = block::with(block, place, key, value);
        if changed.len() <= BLOCK_BYTES_MAX {
            self.blocks[position] = changed.into();
        } else if is_last {
            // Who adds in order fills block after block, rather than leave each half full.
            self.blocks.push(block::of_one(key, value).into());
        } else {
            let (first, second) = block::split(&changed);
            self.blocks[position] = first.into();
            if !second.is_empty() {
                self.blocks.insert(position + 1, second.into());
            }
        }
        self.rows += usize::from(before.is_none());
        before
    }

    /// The value, if there was one.
    pub fn remove(&mut self, key: &[u8]) -> Option<Box<[u8]>> {
        let (position, block, place) = self.find(key).filter(|(_, _, place)| place.is_there)?;
        let before = Box::from(block::value(block, place.at));
        let changed = block::without(block, place.at);
        if changed.is_empty() {
            self.blocks.remove(position);
        } else {
            self.blocks[position] = changed.into();
        }
        self.rows -= 1;
        Some(before)
    }

    /// The block that has the key, or would, with its position and the key's place in it.
    fn find(&self, key: &[u8]) -> Option<(usize, &[u8], Place)> {
        let behind = self.blocks.partition_point(|block| block::first_key(block) <= key);
        let position = behind.saturating_sub(1);
        let block = &**self.blocks.get(position)?;
        Some((position, block, block::find(block, key)))
    }

    /// The rows from a key on, in order.
    pub fn range(&self, from: Bound<&[u8]>) -> Rows<'_> {
        let (key, is_in) = match from {
            Bound::Unbounded => (&[][..], true),
            Bound::Included(key) => (key, true),
            Bound::Excluded(key) => (key, false),
        };
        let Some((position, block, place)) = self.find(key) else { return Rows::default() };
        // Of the key before that place, the next one shares no more than it shares with this one.
        let key = key[..place.shared].to_vec();
        let mut rows = Rows { blocks: &self.blocks[position + 1..], block, at: place.at, key };
        if place.is_there && !is_in {
            rows.step();
        }
        rows
    }

    /// The rows whose key begins with these bytes, in order.
    pub fn below<'p>(&'p self, start: &[u8]) -> impl Iterator<Item = (Box<[u8]>, &'p [u8])> + use<'p> {
        let start = start.to_vec();
        self.range(Bound::Included(&start)).take_while(move |(key, _)| key.starts_with(&start))
    }
}

/// Rows in their order, each with its key.
#[derive(Default)]
pub struct Rows<'p> {
    blocks: &'p [Arc<[u8]>],
    block: &'p [u8],
    /// Where the next row stands in the block.
    at: usize,
    /// The key before it.
    key: Vec<u8>,
}

impl<'p> Rows<'p> {
    /// The next row's value, with its key in `self.key`.
    fn step(&mut self) -> Option<&'p [u8]> {
        if self.at == self.block.len() {
            let (block, blocks) = self.blocks.split_first()?;
            (self.block, self.blocks, self.at) = (block, blocks, 0);
        }
        let row = block::row(self.block, self.at);
        row.step(&mut self.key);
        self.at = row.end;
        Some(row.value)
    }
}

impl<'p> Iterator for Rows<'p> {
    type Item = (Box<[u8]>, &'p [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.step()?;
        Some((Box::from(&*self.key), value))
    }
}

/// Makes a map of many rows at once. What comes in order costs least, and takes no more room than the map that it makes;
/// what does not is put in its place.
#[derive(Debug, Default)]
pub struct Builder {
    done: Packed,
    /// The block in the making, its rows, and the last of their keys.
    block: Vec<u8>,
    rows: usize,
    last: Vec<u8>,
}

impl Builder {
    pub fn is_empty(&self) -> bool {
        self.rows == 0 && self.done.is_empty()
    }

    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        if self.rows > 0 && key <= &*self.last {
            self.seal();
        }
        let is_in_order = self.rows > 0 || self.done.range(Bound::Included(key)).step().is_none();
        if !is_in_order {
            self.done.insert(key, value);
            return;
        }
        let before = self.block.len();
        block::append(&mut self.block, &self.last, key, value);
        if self.block.len() > BLOCK_BYTES_MAX && before > 0 {
            self.block.truncate(before);
            self.seal();
            block::append(&mut self.block, &[], key, value);
        }
        self.rows += 1;
        self.last.clear();
        self.last.extend_from_slice(key);
    }

    fn seal(&mut self) {
        if self.rows > 0 {
            self.done.blocks.push(Arc::from(&*self.block));
        }
        self.done.rows += std::mem::take(&mut self.rows);
        self.block.clear();
        self.last.clear();
    }

    pub fn finish(mut self) -> Packed {
        self.seal();
        self.done.blocks.shrink_to_fit();
        self.done
    }
}

/// Keys without values, in any order, to be a map: an index of many rows.
#[derive(Debug, Default)]
pub struct Sorter {
    /// Each with its length before it.
    keys: Vec<u8>,
    starts: Vec<usize>,
}

impl Sorter {
    pub fn push(&mut self, key: &[u8]) {
        self.starts.push(self.keys.len());
        text::put_bytes(&mut self.keys, key);
    }

    pub fn finish(mut self) -> Packed {
        let key = |start: usize| text::take_bytes(&mut &self.keys[start..]);
        self.starts.sort_unstable_by(|one, other| key(*one).cmp(key(*other)));
        let mut builder = Builder::default();
        self.starts.iter().for_each(|start| builder.push(key(*start), &[]));
        builder.finish()
    }
}

#[cfg(test)]
mod tests;
