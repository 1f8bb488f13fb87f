//! The event loop where io_uring is not allowed: readiness, and a system call a request and an answer.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;

use super::driver::{Chunk, Driver, Event, Slot};
use super::socket;
use crate::target::{Rendering, Target};

/// Bytes taken from a socket at once.
const READ_BYTES: usize = 64 * 1024;
const READY_MAX: usize = 256;

pub struct Epoll {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    target: Arc<Target>,
    bind: Option<SocketAddr>,
    ready: Vec<libc::epoll_event>,
    /// What `next` still has to look at, as `(slot, generation)`.
    unread: VecDeque<(Slot, u32)>,
    /// Told before anything is read: errors of sends.
    events: VecDeque<Event>,
    generation: u32,
    buffer: Box<[u8]>,
}

struct Connection {
    socket: Socket,
    generation: u32,
    connecting: bool,
    /// What the socket did not take yet.
    unsent: VecDeque<u8>,
}

impl Epoll {
    /// # Errors
    /// The kernel gives no epoll descriptor.
    pub fn new(target: Arc<Target>, slots: usize, bind: Option<SocketAddr>) -> io::Result<Epoll> {
        // SAFETY: the call takes no pointers; a descriptor that is not negative is new and ours.
        let epoll = unsafe {
            match libc::epoll_create1(libc::EPOLL_CLOEXEC) {
                -1 => return Err(io::Error::last_os_error()),
                descriptor => OwnedFd::from_raw_fd(descriptor),
            }
        };
        Ok(Epoll {
            epoll,
            connections: (0..slots).map(|_| None).collect(),
            target,
            bind,
            ready: Vec::with_capacity(READY_MAX),
            unread: VecDeque::new(),
            events: VecDeque::new(),
            generation: 0,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
        })
    }

    fn watch(
        &self,
        operation: libc::c_int,
        connection: &Connection,
        slot: Slot,
        interest: libc::c_int,
    ) -> io::Result<()> {
        let data = u64::from(connection.generation) << 32 | u64::from(slot);
        let mut event = libc::epoll_event { events: interest as u32, u64: data };
        // SAFETY: both descriptors are open while borrowed, and `event` outlives the call.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, connection.socket.as_raw_fd(), &mut event) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Writes as much as the socket takes and keeps the rest.
    fn write(&mut self, slot: Slot, bytes: &[u8]) {
        let Some(connection) = &mut self.connections[slot as usize] else { return };
        let mut sent = 0;
        if connection.unsent.is_empty() {
            match write_some(&connection.socket, bytes) {
                Ok(length) => sent = length,
                Err(error) => return self.events.push_back(Event::Broken(slot, error)),
            }
        }
        if sent < bytes.len() {
            connection.unsent.extend(&bytes[sent..]);
            self.rearm(slot, libc::EPOLLIN | libc::EPOLLOUT);
        }
    }

    fn write_unsent(&mut self, slot: Slot) {
        let Some(connection) = &mut self.connections[slot as usize] else { return };
        while !connection.unsent.is_empty() {
            match write_some(&connection.socket, connection.unsent.as_slices().0) {
                Ok(0) => return,
                Ok(length) => drop(connection.unsent.drain(..length)),
                Err(error) => return self.events.push_back(Event::Broken(slot, error)),
            }
        }
        self.rearm(slot, libc::EPOLLIN);
    }

    fn rearm(&mut self, slot: Slot, interest: libc::c_int) {
        let Some(connection) = &self.connections[slot as usize] else { return };
        if let Err(error) = self.watch(libc::EPOLL_CTL_MOD, connection, slot, interest) {
            self.events.push_back(Event::Broken(slot, error));
        }
    }

    /// What a readiness of a slot means; its bytes are read when `next` comes to it.
    fn take_ready(&mut self, ready: libc::epoll_event) {
        let (slot, generation) = (ready.u64 as Slot, (ready.u64 >> 32) as u32);
        let Some(connection) = self.connections[slot as usize].as_mut().filter(|c| c.generation == generation) else {
            return;
        };
        let events = ready.events as libc::c_int;
        if connection.connecting {
            connection.connecting = false;
            match connection.socket.take_error() {
                Ok(None) => {
                    self.rearm(slot, libc::EPOLLIN);
                    self.events.push_back(Event::Connected(slot));
                }
                Ok(Some(error)) | Err(error) => self.events.push_back(Event::ConnectFailed(slot, error)),
            }
            return;
        }
        if events & libc::EPOLLOUT != 0 {
            self.write_unsent(slot);
        }
        if events & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) != 0 {
            self.unread.push_back((slot, generation));
        }
    }
}

/// 0 where the socket takes nothing now.
fn write_some(mut socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    match socket.write(bytes) {
        Ok(length) => Ok(length),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error),
    }
}

impl Driver for Epoll {
    const NAME: &'static str = "epoll";
    const SENDS_AT_SUBMIT: bool = false;

    fn connect(&mut self, slot: Slot, address: SocketAddr) -> io::Result<()> {
        let socket = socket::tcp(address, self.bind)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        self.generation = self.generation.wrapping_add(1);
        let connection = Connection { socket, generation: self.generation, connecting: true, unsent: VecDeque::new() };
        self.watch(libc::EPOLL_CTL_ADD, &connection, slot, libc::EPOLLOUT)?;
        self.connections[slot as usize] = Some(connection);
        Ok(())
    }

    fn send_request(&mut self, slot: Slot, request: u32) {
        let target = Arc::clone(&self.target);
        match &target.requests[request as usize].rendering {
            Rendering::Fixed(bytes) => self.write(slot, bytes),
            Rendering::Template(_) => unreachable!("the worker renders templates itself"),
        }
    }

    fn send(&mut self, slot: Slot, bytes: &[u8]) {
        self.write(slot, bytes);
    }

    fn close(&mut self, slot: Slot) {
        // Closing the only descriptor of a socket takes it out of epoll.
        self.connections[slot as usize] = None;
        self.events.retain(|event| event.slot() != slot);
    }

    fn submit(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if !self.events.is_empty() || !self.unread.is_empty() {
            return Ok(());
        }
        let timeout = libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        // SAFETY: `ready` has room for READY_MAX events, of which the kernel fills as many as it returns; `timeout`
        // outlives the call.
        unsafe {
            let count = libc::epoll_pwait2(
                self.epoll.as_raw_fd(),
                self.ready.as_mut_ptr(),
                READY_MAX as libc::c_int,
                &timeout,
                std::ptr::null(),
            );
            match count {
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => self.ready.clear(),
                -1 => return Err(io::Error::last_os_error()),
                count => self.ready.set_len(count as usize),
            }
        }
        for index in 0..self.ready.len() {
            self.take_ready(self.ready[index]);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some((slot, generation)) = self.unread.pop_front() {
            let Some(connection) = self.connections[slot as usize].as_mut().filter(|c| c.generation == generation)
            else {
                continue;
            };
            match (&connection.socket).read(&mut self.buffer) {
                Ok(0) => return Some(Event::Ended(slot)),
                // Level-triggered: what is left is told again by the next wait.
                Ok(length) => return Some(Event::Received(slot, Chunk { buffer: 0, length: length as u32 })),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Some(Event::Broken(slot, error)),
            }
        }
        None
    }

    fn bytes(&self, chunk: Chunk) -> &[u8] {
        &self.buffer[..chunk.length as usize]
    }

    fn give_back(&mut self, _: Chunk) {}
}

impl Event {
    fn slot(&self) -> Slot {
        match self {
            Event::Connected(slot)
            | Event::ConnectFailed(slot, _)
            | Event::Received(slot, _)
            | Event::Ended(slot)
            | Event::Broken(slot, _) => *slot,
        }
    }
}
