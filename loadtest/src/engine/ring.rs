//! The event loop on io_uring.
//!
//! One receive is armed for a connection's whole life (multishot) and takes its buffers from a pool that the kernel draws
//! on (a provided-buffer ring). Sends collect in the submission queue and leave together, with the same system call that
//! waits for answers; a send that went well makes no completion. Sockets are registered, so that the kernel looks none up.
//! Completions are made when this thread asks for them (DEFER_TASKRUN), not by interrupting it.
//!
//! All of this is in Linux since 6.1; on an older kernel, or where io_uring is forbidden, [`Ring::new`] fails and
//! [`super::epoll`] serves.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::{SockAddr, Socket};

use super::driver::{Chunk, Driver, Event, Slot};
use super::socket;
use crate::target::{Rendering, Target};

const BUFFER_BYTES: usize = 16 * 1024;
const BUFFERS_MIN: usize = 64;
const BUFFERS_MAX: usize = 1024;
const BUFFER_GROUP: u16 = 0;

/// A fixed request up to this size is sent from where it is, without a completion: a socket whose earlier request was
/// answered takes it whole. Larger ones may have to wait for room, and then order has to be kept.
const FIXED_BYTES_MAX: usize = 8 * 1024;

pub struct Ring {
    ring: IoUring,
    buffers: Buffers,
    connections: Vec<Option<Connection>>,
    /// Completions that [`Driver::next`] still has to look at.
    completions: VecDeque<(Tag, i32, u32)>,
    /// What could not be begun, told like completions.
    events: VecDeque<Event>,
    /// INVARIANT: bytes that the kernel may still read for a connection that is closed, until their completion.
    orphans: Vec<(Tag, Vec<u8>)>,
    generation: u32,
    bind: Option<SocketAddr>,
    /// With more than one request in flight on a connection, each send waits for the one before.
    pipelined: bool,
    /// INVARIANT: dropped after `ring` has let go of every operation, which read requests from here (see `Drop`).
    target: Arc<Target>,
}

struct Connection {
    socket: Socket,
    generation: u32,
    /// INVARIANT: where the kernel reads the address from until the connection is there.
    address: Box<SockAddr>,
    /// INVARIANT: not touched while `sending`: the kernel reads it.
    outgoing: Vec<u8>,
    /// How much of `outgoing` has gone.
    sent: usize,
    sending: bool,
    /// What has to follow `outgoing`.
    queued: Vec<u8>,
}

/// What an operation was for: its user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    operation: Operation,
    slot: Slot,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Connect,
    Receive,
    /// From the target: tells only of failure.
    SendRequest,
    /// From the connection's own bytes.
    Send,
}

impl Tag {
    /// 2 bits of operation, 30 of slot, 32 of generation.
    fn pack(self) -> u64 {
        (self.operation as u64) << 62 | u64::from(self.slot) << 32 | u64::from(self.generation)
    }

    fn unpack(data: u64) -> Tag {
        let operation = match data >> 62 {
            0 => Operation::Connect,
            1 => Operation::Receive,
            2 => Operation::SendRequest,
            _ => Operation::Send,
        };
        Tag { operation, slot: (data >> 32) as u32 & 0x3fff_ffff, generation: data as u32 }
    }
}

impl Ring {
    /// # Errors
    /// The kernel is older than 6.1, or does not allow io_uring to this process.
    pub fn new(target: Arc<Target>, slots: usize, bind: Option<SocketAddr>, pipelined: bool) -> io::Result<Ring> {
        let entries = slots.next_power_of_two().clamp(64, 4096) as u32;
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(entries * 4)
            .dontfork()
            .build(entries)?;
        ring.submitter().register_files_sparse(slots as u32)?;
        let buffers = Buffers::new(slots.next_power_of_two().clamp(BUFFERS_MIN, BUFFERS_MAX))?;
        buffers.register(&ring)?;
        Ok(Ring {
            ring,
            buffers,
            connections: (0..slots).map(|_| None).collect(),
            completions: VecDeque::new(),
            events: VecDeque::new(),
            orphans: Vec::new(),
            generation: 0,
            bind,
            pipelined,
            target,
        })
    }

    /// Queues an operation; makes room by submitting when the queue is full.
    fn push(&mut self, entry: squeue::Entry, tag: Tag) {
        let entry = entry.user_data(tag.pack());
        // SAFETY: what an entry points to lives until its completion: see the INVARIANTs of `Ring` and `Connection`.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            match self.ring.submit() {
                Ok(_) => {}
                // The kernel may want completions to be taken first.
                Err(error) if is_passing(&error) => self.collect(),
                Err(error) => return self.events.push_back(Event::Broken(tag.slot, error)),
            }
        }
    }

    fn arm_receive(&mut self, slot: Slot, generation: u32) {
        let entry = opcode::RecvMulti::new(Fixed(slot), BUFFER_GROUP).build();
        self.push(entry, Tag { operation: Operation::Receive, slot, generation });
    }

    /// Sends what the connection has to send, unless it does already.
    fn send_outgoing(&mut self, slot: Slot) {
        let Some(connection) = &mut self.connections[slot as usize] else { return };
        if connection.sending {
            return;
        }
        if connection.sent == connection.outgoing.len() {
            connection.outgoing.clear();
            connection.sent = 0;
            std::mem::swap(&mut connection.outgoing, &mut connection.queued);
        }
        let rest = &connection.outgoing[connection.sent..];
        if rest.is_empty() {
            return;
        }
        let entry = opcode::Send::new(Fixed(slot), rest.as_ptr(), rest.len().min(1 << 30) as u32)
            .flags(libc::MSG_NOSIGNAL)
            .build();
        connection.sending = true;
        let generation = connection.generation;
        self.push(entry, Tag { operation: Operation::Send, slot, generation });
    }

    fn collect(&mut self) {
        let completions = self.ring.completion();
        self.completions.extend(completions.map(|c| (Tag::unpack(c.user_data()), c.result(), c.flags())));
    }

    /// What a completion tells of a connection that is still there.
    fn interpret(&mut self, tag: Tag, result: i32, flags: u32) -> Option<Event> {
        let slot = tag.slot;
        match tag.operation {
            Operation::Connect if result < 0 => Some(Event::ConnectFailed(slot, io::Error::from_raw_os_error(-result))),
            Operation::Connect => {
                self.arm_receive(slot, tag.generation);
                Some(Event::Connected(slot))
            }
            Operation::Receive => self.interpret_receive(tag, result, flags),
            Operation::SendRequest => Some(Event::Broken(slot, send_error(result))),
            Operation::Send => {
                let connection = self.connections[slot as usize].as_mut()?;
                connection.sending = false;
                if result <= 0 {
                    return Some(Event::Broken(slot, send_error(result)));
                }
                connection.sent += result as usize;
                self.send_outgoing(slot);
                None
            }
        }
    }

    fn interpret_receive(&mut self, tag: Tag, result: i32, flags: u32) -> Option<Event> {
        let more = cqueue::more(flags);
        if result > 0 {
            let buffer = cqueue::buffer_select(flags).expect("received bytes are in a buffer of the group");
            if !more {
                self.arm_receive(tag.slot, tag.generation);
            }
            return Some(Event::Received(tag.slot, Chunk { buffer, length: result as u32 }));
        }
        match -result {
            0 => Some(Event::Ended(tag.slot)),
            // All buffers were taken at that moment; by now some are back.
            libc::ENOBUFS => {
                self.arm_receive(tag.slot, tag.generation);
                None
            }
            error => Some(Event::Broken(tag.slot, io::Error::from_raw_os_error(error))),
        }
    }

    /// A completion of a connection that was closed: only what it holds matters.
    fn bury(&mut self, tag: Tag, flags: u32) {
        if tag.operation == Operation::Receive
            && let Some(buffer) = cqueue::buffer_select(flags)
        {
            self.buffers.give_back(buffer);
        }
        if tag.operation == Operation::Send {
            self.orphans.retain(|(orphan, _)| *orphan != tag);
        }
    }
}

/// A short send of a request is told as the number of bytes that went.
fn send_error(result: i32) -> io::Error {
    if result < 0 { io::Error::from_raw_os_error(-result) } else { io::ErrorKind::WriteZero.into() }
}

/// Whether a wait that failed so may be tried again: it was over, interrupted, or completions have to be taken first.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN))
}

impl Driver for Ring {
    const NAME: &'static str = "io_uring";
    const SENDS_AT_SUBMIT: bool = true;

    fn connect(&mut self, slot: Slot, address: SocketAddr) -> io::Result<()> {
        let socket = socket::tcp(address, self.bind)?;
        self.ring.submitter().register_files_update(slot, &[socket.as_raw_fd()])?;
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let address = Box::new(SockAddr::from(address));
        let entry = opcode::Connect::new(Fixed(slot), address.as_ptr().cast(), address.len()).build();
        self.connections[slot as usize] = Some(Connection {
            socket,
            generation,
            address,
            outgoing: Vec::new(),
            sent: 0,
            sending: false,
            queued: Vec::new(),
        });
        self.push(entry, Tag { operation: Operation::Connect, slot, generation });
        Ok(())
    }

    #[inline]
    fn send_request(&mut self, slot: Slot, request: u32) {
        let Rendering::Fixed(bytes) = &self.target.requests[request as usize].rendering else {
            unreachable!("the worker renders templates itself")
        };
        let Some(connection) = &self.connections[slot as usize] else { return };
        if self.pipelined || connection.sending || bytes.len() > FIXED_BYTES_MAX {
            let target = Arc::clone(&self.target);
            let Rendering::Fixed(bytes) = &target.requests[request as usize].rendering else { return };
            return self.send(slot, bytes);
        }
        let entry = opcode::Send::new(Fixed(slot), bytes.as_ptr(), bytes.len() as u32)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        let tag = Tag { operation: Operation::SendRequest, slot, generation: connection.generation };
        self.push(entry, tag);
    }

    fn send(&mut self, slot: Slot, bytes: &[u8]) {
        if let Some(connection) = &mut self.connections[slot as usize] {
            connection.queued.extend_from_slice(bytes);
            self.send_outgoing(slot);
        }
    }

    fn close(&mut self, slot: Slot) {
        // An entry that is still queued names the slot, which is about to be another connection's.
        if let Err(error) = self.submit() {
            debug_assert!(is_passing(&error), "{error}");
        }
        let Some(connection) = self.connections[slot as usize].take() else { return };
        // Ends the receive and a connect that go on; closing alone would not, as they hold the socket.
        drop(connection.socket.shutdown(std::net::Shutdown::Both));
        let cleared = self.ring.submitter().register_files_update(slot, &[-1]);
        debug_assert!(cleared.is_ok(), "the slot was registered");
        let tag = |operation| Tag { operation, slot, generation: connection.generation };
        if connection.sending {
            self.orphans.push((tag(Operation::Send), connection.outgoing));
        }
        // A connect has read its address when it was submitted, which is before this.
        drop(connection.address);
        self.events.retain(|event| !matches!(event, Event::Broken(broken, _) if *broken == slot));
    }

    fn submit(&mut self) -> io::Result<()> {
        self.buffers.publish();
        match self.ring.submit() {
            Err(error) if !is_passing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    #[inline]
    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        self.buffers.publish();
        if !self.completions.is_empty() || !self.events.is_empty() {
            return Ok(());
        }
        let result = if timeout.is_zero() {
            let submission = self.ring.submission();
            let idle = submission.is_empty() && !submission.taskrun() && !submission.cq_overflow();
            drop(submission);
            if idle { Ok(0) } else { self.ring.submit() }
        } else {
            let timeout = Timespec::from(timeout);
            self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&timeout))
        };
        match result {
            Err(error) if !is_passing(&error) => return Err(error),
            _ => self.collect(),
        }
        Ok(())
    }

    #[inline]
    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some((tag, result, flags)) = self.completions.pop_front() {
            let alive = self.connections[tag.slot as usize].as_ref().is_some_and(|c| c.generation == tag.generation);
            if !alive {
                self.bury(tag, flags);
            } else if let Some(event) = self.interpret(tag, result, flags) {
                return Some(event);
            }
        }
        None
    }

    #[inline]
    fn bytes(&self, chunk: Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    #[inline]
    fn give_back(&mut self, chunk: Chunk) {
        self.buffers.give_back(chunk.buffer);
    }
}

impl Drop for Ring {
    /// No operation outlives what it reads from or writes to.
    fn drop(&mut self) {
        drop(self.ring.submit());
        for connection in self.connections.iter().flatten() {
            drop(connection.socket.shutdown(std::net::Shutdown::Both));
        }
        // NotFound: nothing was left to cancel.
        drop(self.ring.submitter().register_sync_cancel(None, CancelBuilder::any()));
    }
}

/// Receive buffers and the ring in which the kernel finds the free ones.
struct Buffers {
    /// INVARIANT: page-aligned and mapped until `drop`, like `memory`.
    ring: Mapping,
    memory: Mapping,
    /// A power of two.
    count: usize,
    tail: u16,
}

impl Buffers {
    fn new(count: usize) -> io::Result<Buffers> {
        let ring = Mapping::new(count * std::mem::size_of::<BufRingEntry>())?;
        let memory = Mapping::new(count * BUFFER_BYTES)?;
        let mut buffers = Buffers { ring, memory, count, tail: 0 };
        for buffer in 0..count {
            buffers.give_back(buffer as u16);
        }
        buffers.publish();
        Ok(buffers)
    }

    fn register(&self, ring: &IoUring) -> io::Result<()> {
        let address = self.ring.start as u64;
        // SAFETY: the mapping holds `count` entries and stays until after the ring is gone (field order in `Ring`).
        unsafe { ring.submitter().register_buf_ring_with_flags(address, self.count as u16, BUFFER_GROUP, 0) }
    }

    #[inline]
    fn give_back(&mut self, buffer: u16) {
        let index = usize::from(self.tail) & (self.count - 1);
        // SAFETY: `index` is below `count`, the number of entries in the mapping; the kernel does not look at entries from
        // the tail on. `buffer` came from the kernel or `new`, so it is below `count` as well.
        unsafe {
            let entry = &mut *self.ring.start.cast::<BufRingEntry>().add(index);
            entry.set_addr(self.memory.start.add(usize::from(buffer) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(buffer);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    #[inline]
    fn publish(&self) {
        // SAFETY: the tail is a u16 inside the first entry, aligned; kernel and this thread use it atomically.
        unsafe {
            let tail = BufRingEntry::tail(self.ring.start.cast()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    #[inline]
    fn bytes(&self, chunk: Chunk) -> &[u8] {
        let start = usize::from(chunk.buffer) * BUFFER_BYTES;
        debug_assert!(start + chunk.length as usize <= self.memory.length, "the kernel fills one buffer");
        // SAFETY: the range lies in the mapping, and the kernel does not write to it before it is given back, which takes
        // the chunk's `&mut self`.
        unsafe { std::slice::from_raw_parts(self.memory.start.add(start), chunk.length as usize) }
    }
}

/// Memory of whole pages, zeroed.
struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    fn new(length: usize) -> io::Result<Mapping> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_ANONYMOUS | libc::MAP_PRIVATE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping { start: start.cast(), length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's alone, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}
