//! Memory to read into and to write from.
//!
//! A connection that waits for a request holds one page. Pages come from a slab of the shard, and those that are free
//! beyond a small reserve go back to the kernel at once, so that resident memory follows what is in use, whatever the
//! allocator does: malloc'd buffers of 10,000 connections that fell idle stayed resident, 5 KB each. What does not fit a
//! page lives on the heap.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ptr::NonNull;

pub use monoio::buf::IoBuf as SendBytes;
use monoio::buf::{IoBuf, IoBufMut};

/// Bytes of a page buffer.
pub const PAGE_BYTES: usize = 4096;

const CHUNK_PAGES: usize = 512;

/// Free pages that stay resident for the next connection.
const RESERVE_PAGES: usize = 256;

#[derive(Default)]
struct Slab {
    resident: Vec<NonNull<u8>>,
    returned: Vec<NonNull<u8>>,
}

thread_local! {
    static SLAB: RefCell<Slab> = RefCell::default();
    static LARGE: RefCell<Vec<Vec<u8>>> = RefCell::default();
}

/// Bytes of a buffer for long bodies: relaying costs half as much CPU with 256 KiB as with 16.
pub const LARGE_BYTES: usize = 256 * 1024;

/// Free large buffers that a shard keeps for the next body.
const RESERVE_LARGE: usize = 8;

impl Slab {
    fn take(&mut self) -> Option<NonNull<u8>> {
        self.resident.pop().or_else(|| self.returned.pop()).or_else(|| self.map_chunk())
    }

    /// Maps another chunk; `None` when the kernel has no memory left.
    fn map_chunk(&mut self) -> Option<NonNull<u8>> {
        let bytes = CHUNK_PAGES * PAGE_BYTES;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        let first = NonNull::new(start.cast::<u8>())?;
        // SAFETY: every page lies within the mapping.
        self.returned.extend((1..CHUNK_PAGES).map(|page| unsafe { first.add(page * PAGE_BYTES) }));
        Some(first)
    }

    fn put(&mut self, page: NonNull<u8>) {
        if self.resident.len() < RESERVE_PAGES {
            self.resident.push(page);
            return;
        }
        // SAFETY: the page came from our mapping and nobody holds it any more; what it held is of no interest.
        unsafe { libc::madvise(page.as_ptr().cast(), PAGE_BYTES, libc::MADV_DONTNEED) };
        self.returned.push(page);
    }
}

/// A page of the slab; not `Send`, since it goes back to the slab of its thread.
struct Page(NonNull<u8>);

impl Page {
    fn take() -> Option<Page> {
        SLAB.with(|slab| slab.borrow_mut().take()).map(Page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // While the thread ends there is no slab to go back to; the mapping ends with the process.
        let _ = SLAB.try_with(|slab| slab.borrow_mut().put(self.0));
    }
}

enum Memory {
    Page(Page),
    Heap(Vec<u8>),
}

/// Bytes that were read and room for more. Reads append; what is done with is consumed from the front.
pub struct Buffer {
    memory: Memory,
    start: usize,
    /// INVARIANT: `start <= end <= capacity`, and the bytes before `end` are initialised.
    end: usize,
}

impl Buffer {
    pub fn page() -> Buffer {
        match Page::take() {
            Some(page) => Buffer { memory: Memory::Page(page), start: 0, end: 0 },
            None => Buffer::heap(PAGE_BYTES),
        }
    }

    pub fn heap(capacity: usize) -> Buffer {
        Buffer { memory: Memory::Heap(Vec::with_capacity(capacity)), start: 0, end: 0 }
    }

    /// A buffer of [`LARGE_BYTES`], used again where there is one: fresh memory would be 64 page faults.
    pub fn large() -> Buffer {
        let kept = LARGE.with(|kept| kept.borrow_mut().pop());
        kept.map_or_else(
            || Buffer::heap(LARGE_BYTES),
            |memory| Buffer { memory: Memory::Heap(memory), start: 0, end: 0 },
        )
    }

    pub fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Page(_) => PAGE_BYTES,
            Memory::Heap(memory) => memory.capacity(),
        }
    }

    fn base(&self) -> *const u8 {
        match &self.memory {
            Memory::Page(page) => page.0.as_ptr(),
            Memory::Heap(memory) => memory.as_ptr(),
        }
    }

    fn base_mut(&mut self) -> *mut u8 {
        match &mut self.memory {
            Memory::Page(page) => page.0.as_ptr(),
            Memory::Heap(memory) => memory.as_mut_ptr(),
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: by the invariant of `end`, these bytes are ours and initialised.
        unsafe { std::slice::from_raw_parts(self.base().add(self.start), self.len()) }
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Room behind the last byte.
    pub fn spare(&self) -> usize {
        self.capacity() - self.end
    }

    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Forgets the first `bytes`.
    pub fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len(), "only what was read can be consumed");
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Appends as much of `bytes` as there is room for, and says how much.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.spare());
        // SAFETY: `taken` bytes fit behind `end`, and a slice of ours cannot overlap a `&[u8]` borrowed elsewhere.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base_mut().add(self.end), taken) };
        self.end += taken;
        taken
    }

    /// Makes room for a read: moves what is left to the front, or to a larger buffer of at least `capacity`.
    pub fn make_room(&mut self, capacity: usize) {
        if self.start > 0 {
            let length = self.len();
            // SAFETY: source and destination lie within the buffer; `copy` allows them to overlap.
            unsafe { std::ptr::copy(self.base().add(self.start), self.base_mut(), length) };
            self.start = 0;
            self.end = length;
        }
        if self.spare() == 0 || self.capacity() < capacity {
            let mut larger = Buffer::heap(capacity.max(self.capacity() * 2));
            larger.fill(self.as_slice());
            *self = larger;
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Memory::Heap(memory) = &mut self.memory
            && memory.capacity() == LARGE_BYTES
        {
            let memory = std::mem::take(memory);
            let _ = LARGE.try_with(|kept| {
                let mut kept = kept.borrow_mut();
                if kept.len() < RESERVE_LARGE {
                    kept.push(memory);
                }
            });
        }
    }
}

// SAFETY: the memory does not move while the buffer is owned by an operation: a page is outside of the value, and so is
// a vector's memory.
unsafe impl IoBuf for Buffer {
    fn read_ptr(&self) -> *const u8 {
        // SAFETY: `start` lies within the buffer.
        unsafe { self.base().add(self.start) }
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above; the kernel writes behind `end` only, at most as many bytes as there is room for.
unsafe impl IoBufMut for Buffer {
    fn write_ptr(&mut self) -> *mut u8 {
        let end = self.end;
        // SAFETY: `end` lies within the buffer or just behind it.
        unsafe { self.base_mut().add(end) }
    }

    fn bytes_total(&mut self) -> usize {
        self.spare()
    }

    unsafe fn set_init(&mut self, read: usize) {
        self.end += read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_at_the_end_and_out_at_the_front() {
        let mut buffer = Buffer::page();
        assert_eq!(buffer.fill(b"hello world"), 11);
        buffer.consume(6);
        assert_eq!(buffer.as_slice(), b"world");
        buffer.make_room(PAGE_BYTES);
        assert_eq!((buffer.as_slice(), buffer.spare()), (&b"world"[..], PAGE_BYTES - 5));
        buffer.consume(5);
        assert_eq!((buffer.len(), buffer.spare()), (0, PAGE_BYTES));
    }

    #[test]
    fn a_full_page_moves_to_the_heap() {
        let mut buffer = Buffer::page();
        assert_eq!(buffer.fill(&[7; PAGE_BYTES + 10]), PAGE_BYTES);
        buffer.make_room(PAGE_BYTES);
        assert!(buffer.spare() >= PAGE_BYTES);
        assert_eq!(buffer.as_slice(), [7; PAGE_BYTES]);
    }

    #[test]
    fn pages_are_used_again() {
        let first = Buffer::page().read_ptr();
        assert_eq!(Buffer::page().read_ptr(), first);
        let held: Vec<Buffer> = (0..2000).map(|_| Buffer::page()).collect();
        let distinct: std::collections::HashSet<_> = held.iter().map(IoBuf::read_ptr).collect();
        assert_eq!(distinct.len(), 2000);
    }
}
