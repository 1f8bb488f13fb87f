//! Connections to origins: one pool a shard and origin, bounded, most recently used first.
//!
//! A connection that is used again may have been closed by the origin, or hold bytes that nobody asked for. It is looked
//! at before it is used, unless it has come back in this very tick from an answer whose end was beyond doubt: the look
//! is a system call (0.5 of some 13 µs a request), and an origin that closes or babbles within 20 ms of a whole answer
//! would as well do it after the look. What slips through is met by sending idempotent requests again.
//!
//! [`protected`] is what stands before pools whose upstream asks for protection: [`balance`] picks the target,
//! [`outlier`] ejects one, [`breaker`] gives all of them a pause, [`budget`] bounds retries; [`window`] counts for both.

pub mod balance;
pub mod breaker;
pub mod budget;
pub mod outlier;
pub mod protected;
pub mod window;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use crate::net::deadline::Expiry;
use crate::net::deadline::Timer;
use crate::net::stream::Stream;
use crate::plan::integration::Origin;
use crate::stats::Counter;

use super::shard::Shard;

/// An origin as one shard knows it; it outlives the plan that named it first.
pub struct Upstream {
    pub origin: Arc<Origin>,
    /// `Host: …` with its line end.
    pub host_line: Vec<u8>,
    addresses: RefCell<Rc<[IpAddr]>>,
    next_address: Cell<usize>,
    idle: RefCell<VecDeque<Idle>>,
    open: Cell<usize>,
}

struct Idle {
    connection: Box<Connection>,
    since_ms: u64,
    /// Bytes that nobody asked for may follow the last answer, or the origin may be about to close.
    doubtful: bool,
}

/// A connection to an origin, with the timer that ends it.
pub struct Connection {
    pub stream: Stream,
    pub timer: Rc<Timer>,
    upstream: Rc<Upstream>,
    /// Whether it has served a request before.
    pub reused: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.timer.detach();
        self.upstream.open.set(self.upstream.open.get().saturating_sub(1));
    }
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The limit of connections is reached.
    Busy,
    /// No address answered; the last reason is counted.
    Unreachable,
    TimedOut,
}

impl Upstream {
    pub fn new(origin: Arc<Origin>, addresses: Rc<[IpAddr]>) -> Rc<Upstream> {
        let host_line = format!("Host: {}\r\n", origin.authority).into_bytes();
        Rc::new(Upstream {
            origin,
            host_line,
            addresses: RefCell::new(addresses),
            next_address: Cell::new(0),
            idle: RefCell::default(),
            open: Cell::new(0),
        })
    }

    /// New addresses; pooled connections to others end.
    pub fn set_addresses(&self, addresses: Rc<[IpAddr]>) {
        if **self.addresses.borrow() != *addresses {
            self.idle.borrow_mut().clear();
            self.addresses.replace(addresses);
        }
    }

    /// A pooled connection that is still there.
    pub fn checkout(&self, shard: &Shard) -> Option<Box<Connection>> {
        loop {
            let mut idle = self.idle.borrow_mut().pop_back()?;
            let fresh = !idle.doubtful && idle.since_ms == shard.now_ms();
            if fresh || idle.connection.stream.is_quiet() {
                shard.recorder.count(Counter::UpstreamReused);
                idle.connection.reused = true;
                return Some(idle.connection);
            }
            shard.recorder.count(Counter::UpstreamClosedStale);
        }
    }

    /// A new connection, by the first address that answers. `timeout_ms` bounds all of it.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn connect(self: &Rc<Self>, shard: &Shard, timeout_ms: u64) -> Result<Box<Connection>, ConnectError> {
        if self.open.get() >= shard.settings.upstream.connections_max {
            return Err(ConnectError::Busy);
        }
        let addresses = Rc::clone(&self.addresses.borrow());
        let first = self.next_address.get();
        self.next_address.set(first.wrapping_add(1));
        let deadline = shard.now_ms() + timeout_ms;
        let mut outcome = Err(ConnectError::Unreachable);
        for offset in 0..addresses.len() {
            let left = deadline.saturating_sub(shard.now_ms());
            if left == 0 {
                return Err(ConnectError::TimedOut);
            }
            let address = SocketAddr::new(addresses[first.wrapping_add(offset) % addresses.len()], self.origin.port);
            outcome = self.connect_to(address, shard, left.min(shard.settings.upstream.connect_timeout_ms)).await;
            match outcome {
                Ok(_) => break,
                Err(ConnectError::TimedOut) => shard.recorder.count(Counter::UpstreamConnectTimeout),
                Err(_) => shard.recorder.count(Counter::UpstreamFailed),
            }
        }
        outcome
    }

    async fn connect_to(
        self: &Rc<Self>,
        address: SocketAddr,
        shard: &Shard,
        timeout_ms: u64,
    ) -> Result<Box<Connection>, ConnectError> {
        self.open.set(self.open.get() + 1);
        let connected = Stream::connect(address, timeout_ms).await;
        let stream = connected.map_err(|error| {
            self.open.set(self.open.get() - 1);
            if error.kind() == io::ErrorKind::TimedOut { ConnectError::TimedOut } else { ConnectError::Unreachable }
        })?;
        let timer = shard.wheel.timer(stream.socket());
        let mut connection = Box::new(Connection { stream, timer, upstream: Rc::clone(self), reused: false });
        shard.recorder.count(Counter::UpstreamOpened);
        if self.origin.tls {
            shard.wheel.arm(&connection.timer, timeout_ms, Expiry::End);
            let session = shard.client_tls.connect(&self.origin.host, self.origin.insecure_skip_verification);
            let handshake = match session {
                Ok(session) => connection.stream.handshake(session).await,
                Err(error) => Err(error),
            };
            if handshake.is_err() {
                let timed_out = connection.timer.fired();
                return Err(if timed_out { ConnectError::TimedOut } else { ConnectError::Unreachable });
            }
        }
        Ok(connection)
    }

    /// Takes back a connection that is between two exchanges. It is `doubtful` where the answer had no body although it
    /// could have been sent one (`HEAD`, 204, 304): careless origins send it.
    pub fn check_in(&self, connection: Box<Connection>, doubtful: bool, shard: &Shard) {
        shard.wheel.disarm(&connection.timer);
        let mut idle = self.idle.borrow_mut();
        if !shard.is_draining() && idle.len() < shard.settings.upstream.idle_connections_max {
            idle.push_back(Idle { connection, since_ms: shard.now_ms(), doubtful });
        }
    }

    /// Closes what has been idle for too long, or was closed by the origin.
    pub fn sweep(&self, shard: &Shard) {
        let oldest = shard.now_ms().saturating_sub(shard.settings.upstream.idle_timeout_ms);
        self.idle.borrow_mut().retain(|idle| idle.since_ms > oldest && idle.connection.stream.is_quiet());
    }

    pub fn close_idle(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Whether anything is open.
    pub fn is_unused(&self) -> bool {
        self.open.get() == 0
    }
}
