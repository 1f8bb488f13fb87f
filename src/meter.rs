//! Usage: how often each API key has called under each usage plan, and whether it may call once more.
//!
//! One API key in one usage plan is a *membership*; its counters are a [`Meter`], a record of 64 bytes in a file that is
//! mapped into memory. Shards count there with a compare-and-swap or two and no system call. What follows is the
//! promise that quotas make:
//!
//! - **Never more than the quota allows**, on however many shards: the count is one word, which all of them share.
//! - **Killed** with SIGKILL, the process loses nothing that it answered, and has counted nothing that nobody sent: the
//!   kernel has the memory's pages, and the next process finds them in the file.
//! - **Without power**, the machine loses at most what was counted since [`Meters::sync`] was last called.
//!
//! Days are those of UTC, and the clock is the caller's: shards keep a [`Today`]. A clock that is set back finds the
//! period that has begun, and counts on in it; no period is counted in twice, none is emptied.
//!
//! - [`record`]: a membership's counters, and all that is done to them.
//! - [`cell`]: what the counters' words say; values without atomics.
//! - [`period`]: a quota's period; [`day`]: the calendar.
//! - [`arena`]: the memory, and the file.

mod arena;
mod cell;
mod day;
mod period;
mod record;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use arena::Arena;
use record::Owner;

pub use cell::QuotaExceeded;
pub use day::Day;
pub use period::{Period, Quota, Today};
pub use record::{Counted, Meter};

/// A membership's record. 32 bits: four thousand million memberships would be 256 GiB of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MembershipIndex(pub u32);

/// Every membership's counters. The control plane allocates and frees; shards hold indices, and count.
pub struct Meters {
    arena: Arena,
    owners: Mutex<Owners>,
    damaged: usize,
}

/// Which records are whose.
#[derive(Default)]
struct Owners {
    /// By the identity that stands in the record.
    taken: HashTable<u32>,
    /// Those that were freed, the first freed first: a record rests as long as it can.
    free: VecDeque<u32>,
    /// The records from here on have never been anybody's.
    fresh: u32,
}

#[derive(Debug)]
pub enum OpenError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// Not a file of records.
    Foreign {
        path: PathBuf,
    },
    Version {
        path: PathBuf,
        version: u32,
    },
    Truncated {
        path: PathBuf,
        bytes: u64,
        expected: u64,
    },
    InUse {
        path: PathBuf,
    },
}

#[derive(Debug)]
pub enum AllocateError {
    Full { capacity: u32 },
    Io(io::Error),
}

impl Meters {
    /// From a file, which is made if it is not there. `capacity` bounds the memberships; of a file that has room for
    /// more already, all can be used.
    ///
    /// # Errors
    /// The file is another one, damaged, or in use by another process.
    pub fn open(path: &Path, capacity: u32) -> Result<Meters, OpenError> {
        let arena = Arena::open(path, capacity)?;
        let mut owners = Owners::default();
        let damaged = owners.scan(arena.records());
        Ok(Meters { arena, owners: Mutex::new(owners), damaged })
    }

    /// Gone with the process.
    ///
    /// # Errors
    /// The system has not that much memory.
    pub fn in_memory(capacity: u32) -> io::Result<Meters> {
        Ok(Meters { arena: Arena::in_memory(capacity)?, owners: Mutex::default(), damaged: 0 })
    }

    /// How many records were found that no process can have left, as after a disk's error. They have been emptied.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// How many memberships there can be.
    pub fn capacity(&self) -> u32 {
        self.arena.capacity()
    }

    /// A membership's record. A look at an array.
    ///
    /// # Panics
    /// The index is of other meters.
    pub fn record(&self, index: MembershipIndex) -> &Meter {
        &self.arena.records()[index.0 as usize]
    }

    pub fn find(&self, identity: u128) -> Option<MembershipIndex> {
        self.owners().find(self.arena.records(), identity)
    }

    /// The record of a membership, which is an empty one if it had none.
    ///
    /// # Errors
    /// There are as many memberships as there may be, or the disk is full.
    pub fn allocate(&self, identity: u128) -> Result<MembershipIndex, AllocateError> {
        let mut owners = self.owners();
        if let Some(index) = owners.find(self.arena.records(), identity) {
            return Ok(index);
        }
        if owners.free.is_empty() && owners.fresh as usize == self.arena.records().len() {
            self.arena.grow()?;
        }
        Ok(owners.take(self.arena.records(), identity))
    }

    /// Forgets a membership and its counts. Shards that have not heard of it may go on counting in its record, which is
    /// nobody's until it is [`freed`](Self::free). Whether it was anybody's.
    pub fn retire(&self, index: MembershipIndex) -> bool {
        self.owners().retire(self.arena.records(), index)
    }

    /// A record that was retired may become another membership's: only when no shard counts in it any more, as all of
    /// them have taken clients without it.
    pub fn free(&self, index: MembershipIndex) {
        self.owners().free.push_back(index.0);
    }

    /// Every membership with its identity.
    pub fn memberships(&self) -> Vec<(MembershipIndex, u128)> {
        let records = self.arena.records();
        let owners = self.owners();
        owners.taken.iter().map(|index| (MembershipIndex(*index), records[*index as usize].identity())).collect()
    }

    /// What has been counted until now outlives the loss of power. Waits for the disk: not for a shard.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        self.arena.sync()
    }

    /// Gives back the memory of records that nobody looks at for now, 64 bytes each, where they are in a file. For whoever
    /// has looked at all of them.
    ///
    /// # Errors
    /// The system's; nothing has changed then.
    pub fn unload(&self) -> io::Result<()> {
        self.arena.unload()
    }

    fn owners(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owners {
    /// Takes stock of the records that a former process left. How many were damaged, and were emptied.
    fn scan(&mut self, records: &[Meter]) -> usize {
        let mut damaged = 0;
        for (index, record) in (0..).zip(records) {
            record.forget_throttle();
            match record.owner() {
                Owner::Nobody => continue,
                Owner::Membership(identity) if self.find(records, identity).is_none() => {
                    self.insert(records, identity, index);
                    self.free.extend(self.fresh..index);
                    self.fresh = index + 1;
                }
                Owner::Membership(_) | Owner::Damaged => {
                    record.release();
                    damaged += 1;
                }
            }
        }
        damaged
    }

    fn find(&self, records: &[Meter], identity: u128) -> Option<MembershipIndex> {
        let is_it = |index: &u32| records[*index as usize].identity() == identity;
        self.taken.find(record::mixed(identity), is_it).map(|index| MembershipIndex(*index))
    }

    fn insert(&mut self, records: &[Meter], identity: u128, index: u32) {
        let hash = |index: &u32| record::mixed(records[*index as usize].identity());
        self.taken.insert_unique(record::mixed(identity), index, hash);
    }

    /// There is a record left.
    fn take(&mut self, records: &[Meter], identity: u128) -> MembershipIndex {
        let index = self.free.pop_front().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        records[index as usize].claim(identity);
        self.insert(records, identity, index);
        MembershipIndex(index)
    }

    fn retire(&mut self, records: &[Meter], index: MembershipIndex) -> bool {
        let record = &records[index.0 as usize];
        let found = self.taken.find_entry(record::mixed(record.identity()), |taken| *taken == index.0);
        let Ok(entry) = found else { return false };
        entry.remove();
        record.release();
        true
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io { path, source } => write!(formatter, "{}: {source}", path.display()),
            OpenError::Foreign { path } => write!(formatter, "{}: not a file of usage counters", path.display()),
            OpenError::Version { path, version } => {
                write!(
                    formatter,
                    "{}: usage counters of version {version}, which this release cannot read",
                    path.display()
                )
            }
            OpenError::Truncated { path, bytes, expected } => {
                write!(formatter, "{}: truncated: it has {bytes} of {expected} bytes", path.display())
            }
            OpenError::InUse { path } => write!(formatter, "{}: in use by another process", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Io { source, .. } => Some(source),
            OpenError::Foreign { .. }
            | OpenError::Version { .. }
            | OpenError::Truncated { .. }
            | OpenError::InUse { .. } => None,
        }
    }
}

impl fmt::Display for AllocateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllocateError::Full { capacity } => {
                write!(formatter, "there are {capacity} API keys in usage plans already")
            }
            AllocateError::Io(source) => write!(formatter, "the file of usage counters cannot grow: {source}"),
        }
    }
}

impl std::error::Error for AllocateError {}

impl From<io::Error> for AllocateError {
    fn from(source: io::Error) -> AllocateError {
        AllocateError::Io(source)
    }
}
