//! What a worker asks of its event loop. [`super::ring`] and [`super::epoll`] are the two that exist.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection's place; the worker numbers its connections from 0.
pub type Slot = u32;

/// Bytes that were received, to be looked at with [`Driver::bytes`] and given back with [`Driver::give_back`].
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    pub(super) buffer: u16,
    pub(super) length: u32,
}

#[derive(Debug)]
pub enum Event {
    Connected(Slot),
    ConnectFailed(Slot, io::Error),
    Received(Slot, Chunk),
    /// The server closed its side.
    Ended(Slot),
    /// Sending or receiving failed.
    Broken(Slot, io::Error),
}

/// An event loop with one connection a slot. Nothing is told of a connection after [`Driver::close`].
pub trait Driver {
    /// The name in reports.
    const NAME: &'static str;
    /// Whether requests leave with [`Driver::submit`] or [`Driver::wait`] rather than at once.
    const SENDS_AT_SUBMIT: bool;

    /// Begins to connect; the slot is empty. What cannot even begin is told as an error at once.
    fn connect(&mut self, slot: Slot, address: SocketAddr) -> io::Result<()>;

    /// Sends the rendered request `request` of the target, which is a fixed one.
    fn send_request(&mut self, slot: Slot, request: u32);

    /// Sends bytes of any other kind, after all that was sent on this slot before.
    fn send(&mut self, slot: Slot, bytes: &[u8]);

    fn close(&mut self, slot: Slot);

    /// Lets go what was collected, without waiting.
    fn submit(&mut self) -> io::Result<()>;

    /// Waits until something happened, `timeout` at most; zero looks only.
    fn wait(&mut self, timeout: Duration) -> io::Result<()>;

    /// What happened, one by one.
    fn next(&mut self) -> Option<Event>;

    fn bytes(&self, chunk: Chunk) -> &[u8];

    fn give_back(&mut self, chunk: Chunk);
}
