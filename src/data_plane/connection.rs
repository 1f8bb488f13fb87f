//! A client's connection: heads in, exchanges, bytes out, and when it ends.
//!
//! ```text
//!            ┌──────────── more in the buffer ───────────┐
//!            ▼                                           │
//!   ┌──▶ wait for a head ──▶ exchange ──▶ answer ──▶ go on?
//!   │     │ silent for 1 s                               │ no
//!   │     ▼                                              ▼
//!   └── parked: no buffer                        half-close, linger
//! ```

use std::net::IpAddr;
use std::os::fd::RawFd;
use std::rc::Rc;

use crate::net::buffer::SendBytes;
use crate::net::buffer::{Buffer, PAGE_BYTES};
use crate::net::deadline::{Expiry, Timer};
use crate::net::runtime::spawn;
use crate::net::stream::{Reader, Stream, Writer};
use crate::net::tls::Refusal;
use crate::net::tls::server::ListenerTls;
use crate::stats::Counter;

use super::authorize::ask::{Answered, ask};
use super::body::{Incoming, Pace};
use super::cache::{Again, Refresh};
use super::exchange::{self, Begun};
use super::forwarding::Client;
use super::respond::GatewayError;
use super::shard::{DRAIN_GRACE_MS, ListenerInfo, Shard};

pub struct Connection {
    pub shard: Rc<Shard>,
    pub reader: Reader,
    pub writer: Writer,
    pub socket: RawFd,
    pub timer: Rc<Timer>,
    pub client: Client,
    /// What was read and not yet understood.
    pub buffer: Buffer,
    /// What is to be sent: complete answers, or the start of one.
    pub out: Vec<u8>,
    pub served: u64,
    /// On a connection without a client: what its one request is for.
    pub refresh: Option<Refresh>,
    /// What an authorizer has decided of the request at the start of the buffer.
    pub answered: Option<Box<Answered>>,
    /// Nobody is there.
    unseen: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.timer.detach();
        self.shard.client_is_busy(&self.timer);
    }
}

/// What an exchange leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The connection is in step and goes on.
    Continue,
    /// The answer was the last; the client may still be sending.
    Close,
    /// The answer could not be finished: the client must see that.
    Abort,
}

/// After this long without a request a connection gives its buffer back.
const PARK_AFTER_MS: u64 = 1000;

/// Answers that are waiting to be sent before more heads are read, when a client pipelines.
const OUT_BYTES_MAX: usize = 32 * 1024;

/// How long, and for how many bytes, a connection that is being closed still reads, so that its last answer is not lost to a reset.
const LINGER_MS: u64 = 2000;
const LINGER_BYTES_MAX: usize = 4 << 20;

/// Serves a client until it or the gateway has had enough.
///
/// What is rarely waited for is boxed, here and in the integration: an idle connection pays for the longest wait that is
/// not (4.6 KB a connection before).
pub async fn serve(shard: &Rc<Shard>, mut stream: Stream, peer: IpAddr, info: &ListenerInfo) {
    let timer = shard.wheel.timer(stream.socket());
    let mut verified = None;
    if let Some(tls) = &info.tls {
        shard.wheel.arm(&timer, shard.settings.tls_handshake_timeout_ms, Expiry::End);
        match Box::pin(stream.accept(tls)).await {
            Ok(client) => verified = client.map(Rc::new),
            Err(error) => {
                timer.detach();
                return note_failed_handshake(shard, tls, peer, &error);
            }
        }
        shard.recorder.count(Counter::TlsHandshakesOk);
    }
    let mut client = Client::new(peer, info.address.port(), info.tls.is_some(), &shard.settings.forwarding);
    client.verified = verified;
    let socket = stream.socket();
    let mut connection = Connection {
        shard: Rc::clone(shard),
        reader: stream.reader,
        writer: stream.writer,
        socket,
        timer,
        client,
        buffer: Buffer::page(),
        out: Vec::new(),
        served: 0,
        refresh: None,
        answered: None,
        unseen: false,
    };
    if connection.run().await == Ending::Close {
        Box::pin(connection.close()).await;
    }
}

#[cold]
fn note_failed_handshake(shard: &Shard, tls: &ListenerTls, peer: IpAddr, error: &std::io::Error) {
    shard.recorder.count(Counter::TlsHandshakesFailed);
    let Some(refusal) = Refusal::of(error) else { return };
    shard.recorder.count(match refusal {
        Refusal::Missing => Counter::ClientCertificateMissing,
        Refusal::UnknownIssuer => Counter::ClientCertificateUnknownIssuer,
        Refusal::Expired => Counter::ClientCertificateExpired,
        Refusal::NotValidYet => Counter::ClientCertificateNotValidYet,
        Refusal::Revoked => Counter::ClientCertificateRevoked,
        Refusal::RevocationUnknown => Counter::ClientCertificateRevocationUnknown,
        Refusal::WrongPurpose => Counter::ClientCertificateWrongPurpose,
        Refusal::NoTruststore => Counter::ClientCertificateNoTruststore,
        Refusal::Unfit => Counter::ClientCertificateUnfit,
    });
    tls.server.note_refusal(refusal, peer);
}

/// Makes one request that nobody waits for but the cache.
pub async fn ask_again(shard: &Rc<Shard>, again: Again) {
    let Ok((stream, nobody)) = Stream::pair() else { return };
    let panics = shard.recorder.clone();
    spawn(forget(nobody), move || panics.count(Counter::Panics));
    let Again { refresh, client, request } = again;
    let mut buffer = Buffer::heap(request.len());
    buffer.fill(&request);
    let mut connection = Connection {
        shard: Rc::clone(shard),
        timer: shard.wheel.timer(stream.socket()),
        socket: stream.socket(),
        reader: stream.reader,
        writer: stream.writer,
        client,
        buffer,
        out: Vec::new(),
        served: 0,
        refresh: Some(refresh),
        answered: None,
        unseen: true,
    };
    match exchange::begin(&mut connection) {
        Begun::Incomplete | Begun::Answered { .. } | Begun::Ask(_) => {}
        Begun::Forward(forward) => drop(super::integrate::http::run(&mut connection, forward).await),
        Begun::Collect(collect) => drop(super::integrate::mapped::run(&mut connection, collect).await),
    }
}

/// Takes what comes until it ends.
async fn forget(mut stream: Stream) {
    let mut buffer = Buffer::page();
    loop {
        buffer.clear();
        let (read, returned) = stream.reader.read(buffer, None).await;
        buffer = returned;
        if !read.is_ok_and(|read| read > 0) {
            return;
        }
    }
}

impl Connection {
    async fn run(&mut self) -> Ending {
        loop {
            let ending = match exchange::begin(self) {
                Begun::Incomplete => {
                    if self.flush().await.is_err() || !self.read_head().await {
                        return Ending::Abort;
                    }
                    continue;
                }
                Begun::Ask(asked) => {
                    let (question, ids) = *asked;
                    if Box::pin(ask(self, question, ids)).await.is_err() {
                        return Ending::Abort;
                    }
                    continue;
                }
                Begun::Answered { ending, body } => self.finish_answered(ending, body).await,
                Begun::Forward(forward) => super::integrate::http::run(self, forward).await,
                Begun::Collect(collect) => Box::pin(super::integrate::mapped::run(self, collect)).await,
            };
            if ending != Ending::Continue {
                return ending;
            }
        }
    }

    /// Answers stay in `out` while the client has more requests in the buffer.
    async fn finish_answered(&mut self, ending: Ending, mut body: Incoming) -> Ending {
        if body.is_done() && ending == Ending::Continue && !self.buffer.is_empty() && self.out.len() < OUT_BYTES_MAX {
            return Ending::Continue;
        }
        if self.flush().await.is_err() {
            return Ending::Abort;
        }
        let pace = Pace::start();
        while ending == Ending::Continue && !body.is_done() {
            if self.read_body(&mut body).await.is_err() || pace.is_too_slow(&body, &self.shard.settings) {
                return Ending::Abort;
            }
        }
        ending
    }

    /// Reads and forgets some of a body that nobody waits for.
    async fn read_body(&mut self, body: &mut Incoming) -> Result<(), ()> {
        self.shard.wheel.arm(&self.timer, self.shard.settings.body_idle_timeout_ms, Expiry::EndReading);
        self.read_some().await?;
        body.take(&mut self.buffer, &mut self.out).map_err(|_| ())
    }

    /// Sends `out`.
    pub async fn flush(&mut self) -> Result<(), ()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        let (sent, mut out) = self.send(out).await;
        out.clear();
        self.out = out;
        sent
    }

    /// Sends, for as long as the client takes some in time.
    pub async fn send<B: SendBytes>(&mut self, bytes: B) -> (Result<(), ()>, B) {
        let Connection { shard, writer, timer, .. } = self;
        let rearm = || shard.wheel.arm(timer, shard.settings.write_timeout_ms, Expiry::End);
        rearm();
        let length = bytes.bytes_init() as u64;
        let (sent, bytes) = writer.write_all(bytes, rearm).await;
        match sent {
            Ok(()) => {
                if !self.unseen {
                    shard.recorder.count_by(Counter::BytesSent, length);
                }
                (Ok(()), bytes)
            }
            Err(_) => (Err(()), bytes),
        }
    }

    /// Reads what comes next of a head; `false` when the connection is over.
    async fn read_head(&mut self) -> bool {
        if self.buffer.is_empty() {
            if self.buffer.capacity() > PAGE_BYTES {
                self.buffer = Buffer::page();
            }
            if self.out.capacity() > PAGE_BYTES {
                self.out = Vec::new();
            }
            return self.wait_for_request().await;
        }
        // From the first byte of a head on there is one deadline, however slowly the rest comes: it is armed when
        // the first byte is there, and not touched by what follows.
        if self.read_some().await.is_ok() {
            return true;
        }
        if self.timer.fired() {
            self.shard.recorder.count(Counter::UnroutedHeadTimeout);
            exchange::refuse(self, GatewayError::RequestTimeout);
            if self.flush().await.is_ok() {
                Box::pin(self.close()).await;
            }
        }
        false
    }

    async fn wait_for_request(&mut self) -> bool {
        let idle_ms = self.shard.settings.idle_timeout_ms;
        self.shard.wheel.arm(&self.timer, PARK_AFTER_MS.min(idle_ms), Expiry::CancelRead);
        let buffer = std::mem::replace(&mut self.buffer, Buffer::heap(0));
        let (read, buffer) = self.reader.read(buffer, Some(&self.timer)).await;
        let outcome = match read {
            Err(_) if self.timer.fired() && buffer.is_empty() => {
                drop(buffer);
                Box::pin(self.park(idle_ms)).await
            }
            read => {
                self.buffer = buffer;
                read.is_ok_and(|read| read > 0)
            }
        };
        if outcome {
            self.shard.wheel.arm(&self.timer, self.shard.settings.head_timeout_ms, Expiry::EndReading);
            self.shard.recorder.count_by(Counter::BytesReceived, self.buffer.len() as u64);
        }
        outcome
    }

    /// Waits without a buffer, then reads.
    async fn park(&mut self, idle_ms: u64) -> bool {
        let left_ms = if self.shard.is_draining() { DRAIN_GRACE_MS } else { idle_ms.saturating_sub(PARK_AFTER_MS) };
        self.shard.wheel.arm(&self.timer, left_ms, Expiry::EndReading);
        self.shard.client_idles(&self.timer);
        self.out = Vec::new();
        let readable = self.reader.readable().await;
        self.shard.client_is_busy(&self.timer);
        if readable.is_err() {
            return false;
        }
        // A readiness that turns out to be nothing (a TLS record without data) must not hold the page for ever.
        self.shard.wheel.arm(&self.timer, self.shard.settings.head_timeout_ms, Expiry::EndReading);
        let (read, buffer) = self.reader.read(Buffer::page(), None).await;
        self.buffer = buffer;
        read.is_ok_and(|read| read > 0)
    }

    /// Reads into the buffer, without touching the timer.
    pub async fn read_some(&mut self) -> Result<(), ()> {
        if self.buffer.spare() == 0 {
            let bytes_max = self.shard.settings.head.bytes_max();
            let capacity = (self.buffer.capacity() * 2).clamp(PAGE_BYTES, bytes_max.max(PAGE_BYTES) + PAGE_BYTES);
            self.buffer.make_room(capacity);
        }
        let buffer = std::mem::replace(&mut self.buffer, Buffer::heap(0));
        let (read, buffer) = self.reader.read(buffer, None).await;
        self.buffer = buffer;
        match read {
            Ok(read) if read > 0 => {
                self.shard.recorder.count_by(Counter::BytesReceived, read as u64);
                Ok(())
            }
            _ => Err(()),
        }
    }

    /// Half-closes, and reads on for a moment: closing with unread bytes would reset the connection, and the client
    /// could lose the answer. (RFC 9112, 9.6.)
    async fn close(&mut self) {
        self.shard.wheel.arm(&self.timer, LINGER_MS, Expiry::End);
        self.writer.shutdown().await;
        let mut left = LINGER_BYTES_MAX;
        let mut buffer = Buffer::page();
        while left > 0 {
            buffer.clear();
            let (read, returned) = self.reader.read(buffer, None).await;
            buffer = returned;
            match read {
                Ok(read) if read > 0 => left = left.saturating_sub(read),
                _ => return,
            }
        }
    }
}
