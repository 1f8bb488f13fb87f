//! The records' memory: a mapped file, or anonymous memory.
//!
//! The file is a header of one page and the records behind it. All that there may ever be are mapped at once, so that a
//! record never moves; the file grows under them a chunk at a time, by writing zeros, because a store to a page that
//! the disk has no room for would kill the process. A process that dies leaves its stores with the kernel, which knows
//! nothing of the process's end; a machine that dies keeps what was last synced.

#![allow(unsafe_code)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw, UncheckedAdvice};

use super::record::Meter;
use super::{AllocateError, OpenError};

const HEADER_BYTES: u64 = 4096;
const RECORD_BYTES: u64 = size_of::<Meter>() as u64;

/// A mebibyte of records.
const CHUNK_RECORDS: u32 = 16_384;

const MAGIC: [u8; 16] = *b"tollgate-usage\r\n";
const VERSION: u32 = 1;

pub struct Arena {
    map: MmapRaw,
    /// `None`: anonymous memory.
    file: Option<File>,
    /// INVARIANT: the mapping has memory behind this many records, and has room for `capacity` of them.
    prepared: AtomicU32,
    capacity: u32,
}

impl Arena {
    /// # Errors
    /// The system has not that much memory.
    pub fn in_memory(capacity: u32) -> io::Result<Arena> {
        let map = MmapOptions::new().len(mapped_bytes(capacity)?).map_anon()?;
        Ok(Arena { map: map.into(), file: None, prepared: AtomicU32::new(capacity), capacity })
    }

    /// Of a file that has more records already, all of them can be used.
    ///
    /// # Errors
    /// The file is not one of records, or cannot be read and written.
    pub fn open(path: &Path, capacity: u32) -> Result<Arena, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path).map_err(failed)?,
            opened => opened.map_err(failed)?,
        };
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let prepared = read_header(path, &file)?;
        let capacity = capacity.max(prepared);
        let map = MmapOptions::new().len(mapped_bytes(capacity).map_err(failed)?).map_raw(&file).map_err(failed)?;
        Ok(Arena { map, file: Some(file), prepared: AtomicU32::new(prepared), capacity })
    }

    pub fn records(&self) -> &[Meter] {
        let prepared = self.prepared.load(Ordering::Acquire) as usize;
        // SAFETY: the mapping lives as long as `self`, and begins on a page, so that a record behind its first page is
        // aligned. By `prepared`'s invariant there is memory behind every record of the slice. A record is made of
        // atomics alone: any bits are a value of it, and whoever else writes them, here or in the kernel, is no race.
        unsafe {
            let first = self.map.as_ptr().add(HEADER_BYTES as usize).cast::<Meter>();
            std::slice::from_raw_parts(first, prepared)
        }
    }

    /// Makes the file a chunk longer. For one caller at a time.
    ///
    /// # Errors
    /// There are as many records as there may be, or the disk is full.
    pub fn grow(&self) -> Result<(), AllocateError> {
        let prepared = self.prepared.load(Ordering::Relaxed);
        let grown = prepared.saturating_add(CHUNK_RECORDS).min(self.capacity);
        let Some(file) = self.file.as_ref().filter(|_| grown > prepared) else {
            return Err(AllocateError::Full { capacity: self.capacity });
        };
        let zeros = vec![0; ((grown - prepared) as usize) * RECORD_BYTES as usize];
        file.write_all_at(&zeros, HEADER_BYTES + u64::from(prepared) * RECORD_BYTES)?;
        file.sync_data()?;
        // Only now, so that a header never promises what the disk does not have.
        file.write_all_at(&header(grown), 0)?;
        self.prepared.store(grown, Ordering::Release);
        Ok(())
    }

    /// What has been written until now is on the disk afterwards.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let records = u64::from(self.prepared.load(Ordering::Acquire));
        self.map.flush_range(0, (HEADER_BYTES + records * RECORD_BYTES) as usize)
    }

    /// Lets go of the pages that are not in use, for the kernel to keep or to write: the next look at one maps it again.
    ///
    /// # Errors
    /// The system's; all stays as it is then.
    pub fn unload(&self) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        // SAFETY: the mapping is shared and of a file, so that what was stored is the kernel's already, and every later
        // access finds it there.
        unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) }
    }

    pub fn capacity(&self) -> u32 {
        self.capacity
    }
}

fn mapped_bytes(capacity: u32) -> io::Result<usize> {
    usize::try_from(HEADER_BYTES + u64::from(capacity) * RECORD_BYTES).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// A file without records, whole or not there at all.
fn create(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all_at(&header(0), 0)?;
    file.set_len(HEADER_BYTES)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// In the machine's byte order, as the records are: a file from one of another order has another version.
fn header(prepared: u32) -> [u8; 28] {
    let mut bytes = [0; 28];
    bytes[..16].copy_from_slice(&MAGIC);
    bytes[16..20].copy_from_slice(&VERSION.to_ne_bytes());
    bytes[20..24].copy_from_slice(&(RECORD_BYTES as u32).to_ne_bytes());
    bytes[24..].copy_from_slice(&prepared.to_ne_bytes());
    bytes
}

/// How many records the file has. One that is longer is fine: it was growing when its process died.
fn read_header(path: &Path, file: &File) -> Result<u32, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::with_capacity(28);
    file.take(28).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() < 28 || bytes[..16] != MAGIC {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (version, record_bytes, prepared) = (word(16), word(20), word(24));
    if version != VERSION || u64::from(record_bytes) != RECORD_BYTES {
        return Err(OpenError::Version { path: path.to_owned(), version });
    }
    let expected = HEADER_BYTES + u64::from(prepared) * RECORD_BYTES;
    match file.metadata().map_err(failed)?.len() {
        bytes if bytes < expected => Err(OpenError::Truncated { path: path.to_owned(), bytes, expected }),
        _ => Ok(prepared),
    }
}
