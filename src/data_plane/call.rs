//! A request of the gateway's own, and its answer: how functions, authorizers and AWS services are asked.
//!
//! [`open`] sends it and waits for the head of the answer, for whoever passes the body on as it comes; [`call`] waits for
//! all of it. A request is sent again only where a used connection turned out to be closed, and either nothing had gone
//! out or the call is one that may be made twice. (RFC 9110, 9.2.2.)

use std::cell::Cell;
use std::rc::Rc;

use crate::http::head::{Framing, HeadError, ResponseHead};
use crate::net::buffer::{Buffer, PAGE_BYTES};
use crate::net::deadline::{Expiry, Timer};
use crate::stats::Counter;

use super::body::{BodyError, Incoming, Outgoing};
use super::integrate::http::parse;
use super::shard::Shard;
use super::upstream::{self, ConnectError, Upstream};

/// A request, ready to be sent.
pub struct CallRequest {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Whether it may be made twice.
    pub idempotent: bool,
    /// From now to the head of the answer.
    pub timeout_ms: u64,
}

/// An answer, all of it.
#[derive(Debug)]
pub struct CallAnswer {
    pub status: u16,
    /// As it came; for [`fields`](CallAnswer::with_head).
    raw_head: Vec<u8>,
    pub body: Vec<u8>,
}

impl CallAnswer {
    /// As it came.
    pub fn raw_head(&self) -> &[u8] {
        &self.raw_head
    }

    /// Reads the head once more.
    pub fn with_head<R>(&self, read: impl FnOnce(&ResponseHead<'_, '_>) -> R) -> Option<R> {
        parse(&self.raw_head, false, read).ok().flatten()
    }

    /// The first value of a field; `name` in any case.
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        self.with_head(|head| first_value(head, name).map(<[u8]>::to_vec)).flatten()
    }
}

/// The first value of a field.
pub fn first_value<'h>(head: &ResponseHead<'h, '_>, name: &str) -> Option<&'h [u8]> {
    head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    Connect(ConnectError),
    TimedOut,
    /// Closed or reset before the answer, or in its midst.
    Gone,
    /// No HTTP.
    Malformed(&'static str),
    /// Longer than asked for.
    TooLarge,
}

impl CallError {
    /// For the log.
    pub fn message(self) -> &'static str {
        match self {
            CallError::Connect(ConnectError::Busy) => "too many connections",
            CallError::Connect(ConnectError::Unreachable) => "it cannot be reached",
            CallError::Connect(ConnectError::TimedOut) => "connecting timed out",
            CallError::TimedOut => "it did not answer in time",
            CallError::Gone => "it closed before the whole answer",
            CallError::Malformed(what) => what,
            CallError::TooLarge => "its answer is too large",
        }
    }
}

/// An answer of which the head is there.
pub struct Opened {
    pub status: u16,
    raw_head: Vec<u8>,
    connection: Box<upstream::Connection>,
    incoming: Incoming,
    keep_alive: bool,
    buffer: Buffer,
}

/// Sends a request and waits for the whole answer.
///
/// # Errors
/// [`CallError`]; [`CallError::TooLarge`] for a body above `body_bytes_max`.
pub async fn call(
    upstream: &Rc<Upstream>,
    request: CallRequest,
    body_bytes_max: u64,
    shard: &Shard,
) -> Result<CallAnswer, CallError> {
    let mut opened = open(upstream, request, body_bytes_max, shard).await?;
    let mut body = Vec::new();
    while opened.more(&mut body, shard).await? {}
    Ok(opened.finish(upstream, body, shard))
}

/// Sends a request and waits for the head of its answer.
///
/// # Errors
/// [`CallError`]
pub async fn open(
    upstream: &Rc<Upstream>,
    request: CallRequest,
    body_bytes_max: u64,
    shard: &Shard,
) -> Result<Opened, CallError> {
    let CallRequest { mut bytes, idempotent, timeout_ms } = request;
    let mut pooled = upstream.checkout(shard);
    let mut retries_left = shard.settings.upstream.retries_max;
    loop {
        let mut connection = match pooled.take() {
            Some(connection) => connection,
            None => Box::pin(upstream.connect(shard, timeout_ms)).await.map_err(CallError::Connect)?,
        };
        shard.wheel.arm(&connection.timer, timeout_ms, Expiry::End);
        let sent = Cell::new(false);
        let (written, returned) = connection.stream.writer.write_all(bytes, || sent.set(true)).await;
        bytes = returned;
        let answer = match written {
            Err(_) if !sent.get() => Err(if connection.timer.fired() { CallError::TimedOut } else { CallError::Gone }),
            // Who stopped reading may have said why.
            _ => read_head(&mut connection, shard).await,
        };
        match answer {
            Ok(head) => {
                let incoming = Incoming::new(head.framing, Outgoing::Plain, body_bytes_max);
                if matches!(head.framing, Framing::Length(length) if length > body_bytes_max) {
                    return Err(CallError::TooLarge);
                }
                let Head { status, raw, keep_alive, buffer, .. } = head;
                return Ok(Opened { status, raw_head: raw, connection, incoming, keep_alive, buffer });
            }
            Err(CallError::Gone) if connection.reused && retries_left > 0 && (idempotent || !sent.get()) => {
                shard.recorder.count(Counter::UpstreamRetries);
                retries_left -= 1;
            }
            Err(error) => return Err(error),
        }
    }
}

struct Head {
    status: u16,
    raw: Vec<u8>,
    framing: Framing,
    keep_alive: bool,
    /// What came behind it.
    buffer: Buffer,
}

/// An answerer that sends nothing but `103 Early Hints` is cut off.
const INFORMATIONAL_HEADS_MAX: usize = 4;

async fn read_head(connection: &mut upstream::Connection, shard: &Shard) -> Result<Head, CallError> {
    let bytes_max = shard.settings.upstream.response_head_bytes_max;
    let mut buffer = Buffer::page();
    let (mut received, mut informational) = (0, 0);
    loop {
        let (read, returned) = connection.stream.reader.read(buffer, None).await;
        buffer = returned;
        match read {
            Ok(read) if read > 0 => received += read,
            _ if connection.timer.fired() => return Err(CallError::TimedOut),
            _ if received == 0 => return Err(CallError::Gone),
            _ => return Err(CallError::Malformed("its answer broke off in the head")),
        }
        loop {
            let bytes = buffer.as_slice();
            let known = |head: &ResponseHead<'_, '_>| (head.status, head.bytes, head.framing, head.keep_alive);
            match parse(bytes, false, known).map_err(malformed_head)? {
                None => break,
                Some((101, ..)) => return Err(CallError::Malformed("it switched to a protocol that nobody asked for")),
                Some((100..=199, bytes, ..)) => {
                    informational += 1;
                    if informational > INFORMATIONAL_HEADS_MAX {
                        return Err(CallError::Malformed("it sent informational answers only"));
                    }
                    buffer.consume(bytes);
                }
                Some((status, head_bytes, framing, keep_alive)) => {
                    let raw = bytes[..head_bytes].to_vec();
                    buffer.consume(head_bytes);
                    return Ok(Head { status, raw, framing, keep_alive, buffer });
                }
            }
        }
        if buffer.len() >= bytes_max {
            return Err(CallError::Malformed("its answer's head is too large"));
        }
        if buffer.spare() == 0 {
            buffer.make_room((buffer.capacity() * 2).clamp(PAGE_BYTES, bytes_max.max(PAGE_BYTES) + PAGE_BYTES));
        }
    }
}

fn malformed_head(error: HeadError) -> CallError {
    CallError::Malformed(match error {
        HeadError::Malformed(what) => what,
        HeadError::TooManyFields => "its answer has too many fields",
        HeadError::Version | HeadError::TargetTooLong | HeadError::HeaderTooLarge => "its answer is no HTTP/1",
    })
}

/// What a body is read into.
const READ_BYTES: usize = 64 * 1024;

impl Opened {
    pub fn with_head<R>(&self, read: impl FnOnce(&ResponseHead<'_, '_>) -> R) -> Option<R> {
        parse(&self.raw_head, false, read).ok().flatten()
    }

    /// The first value of a field; `name` in any case.
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        self.with_head(|head| first_value(head, name).map(<[u8]>::to_vec)).flatten()
    }

    /// The head as it came.
    pub fn raw_head(&self) -> &[u8] {
        &self.raw_head
    }

    /// Until the client's timer is armed anew: a client that is gone ends this connection, too.
    pub fn watched_by(&self, client: &Rc<Timer>, shard: &Shard) {
        shard.wheel.watch_for(client, self.connection.stream.socket());
    }

    /// Appends what comes next of the body; `false` when all of it has come.
    ///
    /// # Errors
    /// [`CallError`]: the rest will not come.
    pub async fn more(&mut self, body: &mut Vec<u8>, shard: &Shard) -> Result<bool, CallError> {
        self.more_within(body, shard.settings.upstream.response_idle_timeout_ms, shard).await
    }

    /// The same for who has another idea of how long it may take.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn more_within(&mut self, body: &mut Vec<u8>, timeout_ms: u64, shard: &Shard) -> Result<bool, CallError> {
        let Opened { connection, incoming, buffer, keep_alive, .. } = self;
        let before = body.len();
        loop {
            incoming.take(buffer, body).map_err(|error| match error {
                BodyError::Malformed => CallError::Malformed("its answer's body is malformed"),
                BodyError::TooLarge => CallError::TooLarge,
            })?;
            if incoming.is_done() {
                *keep_alive &= buffer.is_empty();
                return Ok(false);
            }
            if body.len() > before {
                return Ok(true);
            }
            shard.wheel.arm(&connection.timer, timeout_ms, Expiry::End);
            if buffer.spare() == 0 {
                buffer.make_room(READ_BYTES);
            }
            let taken = std::mem::replace(buffer, Buffer::heap(0));
            let (read, returned) = connection.stream.reader.read(taken, None).await;
            *buffer = returned;
            if !read.is_ok_and(|read| read > 0) {
                if connection.timer.fired() {
                    shard.recorder.count(Counter::UpstreamBodyTimeout);
                    return Err(CallError::TimedOut);
                }
                *keep_alive = false;
                return if incoming.close(body) { Ok(false) } else { Err(CallError::Gone) };
            }
        }
    }

    /// Gives the connection back, if it is in step, after [`more`](Opened::more) has said that all of it came.
    pub fn close(self, upstream: &Upstream, shard: &Shard) -> Vec<u8> {
        if self.keep_alive && self.incoming.is_done() {
            upstream.check_in(self.connection, false, shard);
        }
        self.raw_head
    }

    fn finish(self, upstream: &Upstream, body: Vec<u8>, shard: &Shard) -> CallAnswer {
        let status = self.status;
        CallAnswer { status, raw_head: self.close(upstream, shard), body }
    }
}
