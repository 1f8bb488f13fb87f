//! HTTP integrations: send the request, wait for the answer, pass it on.
//!
//! A request is sent again only when the connection was a used one that turned out to be closed, and either nothing of
//! the request had gone out or its method is idempotent and its body is still at hand. (RFC 9110, 9.2.2.)

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Instant;

use crate::http::head::{FieldSpace, Framing, HeadError, RequestHead, response};
use crate::net::buffer::{Buffer, PAGE_BYTES};
use crate::net::deadline::{Expiry, Timer};
use crate::net::runtime::{First, either};
use crate::net::stream::{Reader, Writer};
use crate::plan::integration::{HttpIntegration, Integration};
use crate::stats::Counter;

use super::super::body::{Incoming, Outgoing, Pace};
use super::super::cache;
use super::super::connection::{Connection, Ending};
use super::super::exchange::{Ended, Exchange, answer_error, body_refusal};
use super::super::respond::GatewayError;
use super::super::shard::Shard;
use super::super::upstream::{self, ConnectError, Upstream};
use super::mapped::{self, MappedRequest};
use super::mirror::Copied;
use super::passing::{self, Passing};
use super::protected;

/// An exchange that waits for an origin.
pub struct Forward {
    pub exchange: Exchange,
    /// The request's head, and as much of its body as was there with it.
    pub request: Vec<u8>,
    pub body: Incoming,
    pub(super) idempotent: bool,
    expects_continue: bool,
    pub(super) timeout_ms: u64,
    /// For `http`, whose templates it chooses from: the first type in `Accept`.
    accept: Option<Box<[u8]>>,
    /// Where the answer has to be mapped with the request at hand.
    pub(super) mapped: Option<Box<MappedRequest>>,
    /// What of the request is kept for a mirror, while it is sent.
    pub(super) copied: Option<Box<Copied>>,
}

impl Forward {
    /// A request that was collected: head and body are in `request`.
    pub(super) fn whole(
        exchange: Exchange,
        request: Vec<u8>,
        idempotent: bool,
        timeout_ms: u64,
        accept: Option<Box<[u8]>>,
        mapped: Option<Box<MappedRequest>>,
    ) -> Forward {
        let body = Incoming::new(Framing::None, Outgoing::Discard, 0);
        let (expects_continue, copied) = (false, None);
        Forward { exchange, request, body, idempotent, expects_continue, timeout_ms, accept, mapped, copied }
    }

    /// `accept` for the integrations that need it; `body_bytes_max` bounds chunked bodies as they come.
    pub fn new(
        exchange: Exchange,
        head: &RequestHead<'_, '_>,
        request: Vec<u8>,
        timeout_ms: u64,
        body_bytes_max: u64,
        accept: Option<&[u8]>,
    ) -> Forward {
        let outgoing = if head.framing == Framing::Chunked { Outgoing::Chunked } else { Outgoing::Plain };
        let body = Incoming::new(head.framing, outgoing, body_bytes_max);
        // What is mapped comes before: who puts both together would take the client's word for it.
        let is_mapped = integration(&exchange).is_some_and(|http| !http.headers.is_empty());
        let body = if is_mapped { body.without_trailers() } else { body };
        let method = integration(&exchange).and_then(|http| http.http_method.as_deref()).unwrap_or(head.method);
        let idempotent = matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
        Forward {
            exchange,
            request,
            body,
            idempotent,
            expects_continue: head.expects_continue,
            timeout_ms,
            accept: accept.map(Box::from),
            mapped: None,
            copied: None,
        }
    }
}

/// Why an attempt did not bring an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The origin closed or reset before a byte of its answer.
    Gone,
    TimedOut,
    Malformed(&'static str),
    Connect(ConnectError),
    /// The upstream's circuit breaker is open.
    BreakerOpen,
    /// No integration response fits the status, and there is no default.
    NoResponse,
    /// The answer is longer than answers may be.
    TooLarge,
    /// The client's body broke off or could not be read on.
    Client(GatewayError),
    /// The client is gone: nobody waits for an answer.
    ClientGone,
}

impl Failure {
    /// Whether another answer of the same origin would be a better one.
    fn is_of_origin(self) -> bool {
        match self {
            Failure::Gone | Failure::TimedOut | Failure::Malformed(_) | Failure::Connect(_) | Failure::BreakerOpen => {
                true
            }
            Failure::NoResponse | Failure::TooLarge | Failure::Client(_) | Failure::ClientGone => false,
        }
    }
}

/// An answer's head, translated, and what came with it.
pub(super) struct Answer {
    pub(super) passing: Passing,
    /// Bytes behind the head.
    pub(super) buffer: Buffer,
}

/// Runs a forwarded exchange to its end.
pub async fn run(connection: &mut Connection, mut forward: Box<Forward>) -> Ending {
    let live = Rc::clone(&forward.exchange.live);
    let found = forward.exchange.found;
    let integration = found.map(|(stage, method)| (stage, &live.plan.stage(stage).method(method).integration));
    let Some((stage, Integration::Http(http))) = integration else {
        debug_assert!(false, "only HTTP integrations are forwarded");
        return Ending::Abort;
    };
    let upstream = live.upstream(stage, http.origin);
    // Answers to earlier requests of the connection do not wait for this one's origin. From here on, `out` is its own.
    if connection.flush().await.is_err() {
        return Box::pin(answer_failure(connection, forward, Failure::ClientGone, None)).await;
    }
    if let Some(index) = http.protection {
        return Box::pin(protected::run(connection, forward, live.protected(stage, index))).await;
    }
    if let Some(trace) = &connection.shard.trace {
        trace.sending(&upstream.origin, &forward.request, forward.body.is_done());
    }
    let asked = Instant::now();
    let outcome = ask(connection, &mut forward, upstream).await;
    let integration_us = Some(asked.elapsed().as_micros() as u64);
    match outcome {
        Ok((upstream_connection, answer)) => {
            pass_on(connection, forward, upstream, upstream_connection, answer, integration_us).await
        }
        Err(failure) => Box::pin(answer_failure(connection, forward, failure, integration_us)).await,
    }
}

/// Sends the request, if need be a second time, and waits for the head of the answer.
pub(super) async fn ask(
    connection: &mut Connection,
    forward: &mut Forward,
    upstream: &Rc<Upstream>,
) -> Result<(Box<upstream::Connection>, Answer), Failure> {
    let shard = Rc::clone(&connection.shard);
    // What was a deadline of the client's request is none of the origin's answer.
    shard.wheel.disarm(&connection.timer);
    let replayable = forward.body.is_done();
    let mut retries_left = shard.settings.upstream.retries_max;
    let mut pooled = upstream.checkout(&shard);
    loop {
        let mut to_origin = match pooled.take() {
            Some(to_origin) => to_origin,
            None => Box::pin(upstream.connect(&shard, forward.timeout_ms)).await.map_err(Failure::Connect)?,
        };
        let sent = Cell::new(false);
        let outcome = attempt(connection, forward, &mut to_origin, &sent).await;
        if outcome.is_err() {
            connection.timer.forget_other();
        }
        match outcome {
            Ok(answer) => return Ok((to_origin, answer)),
            // It was the gateway that ended the origin's connection: nobody waits for the answer any more.
            Err(Failure::Gone) if connection.timer.peer_is_gone() => return Err(Failure::ClientGone),
            Err(Failure::Gone)
                if to_origin.reused && replayable && retries_left > 0 && (forward.idempotent || !sent.get()) =>
            {
                shard.recorder.count(Counter::UpstreamRetries);
                retries_left -= 1;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// One attempt on one connection. `sent` tells whether anything went out.
async fn attempt(
    connection: &mut Connection,
    forward: &mut Forward,
    to_origin: &mut upstream::Connection,
    sent: &Cell<bool>,
) -> Result<Answer, Failure> {
    let shard = Rc::clone(&connection.shard);
    shard.wheel.arm(&to_origin.timer, forward.timeout_ms, Expiry::End);
    shard.wheel.watch_for(&connection.timer, to_origin.stream.socket());
    let request = std::mem::take(&mut forward.request);
    let (written, request) = to_origin.stream.writer.write_all(request, || sent.set(true)).await;
    forward.request = request;
    if written.is_err() && !sent.get() {
        return Err(if to_origin.timer.fired() { Failure::TimedOut } else { Failure::Gone });
    }
    sent.set(true);
    if forward.body.is_done() {
        let upstream::Connection { stream, timer, .. } = to_origin;
        let Forward { exchange, accept, .. } = forward;
        let translate = |buffer: &[u8]| passing::translate(buffer, exchange, accept.as_deref(), &shard);
        return read_answer(&mut stream.reader, timer, &shard, translate).await;
    }
    Box::pin(send_body(connection, forward, to_origin)).await
}

/// Sends the rest of the body, and watches for an answer meanwhile.
async fn send_body(
    connection: &mut Connection,
    forward: &mut Forward,
    to_origin: &mut upstream::Connection,
) -> Result<Answer, Failure> {
    let shard = Rc::clone(&connection.shard);
    ask_for_body(connection, forward).await?;
    let Connection { reader, timer, buffer, out, .. } = connection;
    let origin_socket = to_origin.stream.socket();
    let upstream::Connection { stream, timer: origin_timer, .. } = to_origin;
    let Forward { exchange, body, accept, timeout_ms, copied, .. } = forward;
    let translate = |buffer: &[u8]| passing::translate(buffer, exchange, accept.as_deref(), &shard);
    let mut answering = pin!(read_answer(&mut stream.reader, origin_timer, &shard, translate));
    let writer = &mut stream.writer;
    let pump = Pump { shard: &shard, reader, timer, buffer, body, writer, origin_timer, copied };
    let pumping = pin!(pump.run(out, *timeout_ms));
    match either(pumping, answering.as_mut()).await {
        First::Left(Ok(())) => {
            shard.wheel.watch_for(timer, origin_socket);
            answering.await
        }
        First::Left(Err(failure)) => Err(failure),
        // The origin has its say before it has the whole body. What is still to come of it is not for anybody, and
        // where the next request would start is not known: the answer is this connection's last.
        First::Right(answer) => answer.map(|mut answer| {
            answer.passing.close_both();
            answer
        }),
    }
}

/// Tells a client that waits for it to send its body.
async fn ask_for_body(connection: &mut Connection, forward: &mut Forward) -> Result<(), Failure> {
    let Connection { shard, writer, timer, buffer, .. } = connection;
    if std::mem::take(&mut forward.expects_continue) && forward.body.received() == 0 && buffer.is_empty() {
        let continues = b"HTTP/1.1 100 Continue\r\n\r\n".as_slice();
        shard.wheel.arm(timer, shard.settings.write_timeout_ms, Expiry::End);
        writer.write_all(continues, || {}).await.0.map_err(|_| Failure::ClientGone)?;
    }
    Ok(())
}

/// Reads the body into the request, until it is all there or `bytes_max` are: so that it can be sent again.
pub(super) async fn gather(
    connection: &mut Connection,
    forward: &mut Forward,
    bytes_max: usize,
) -> Result<(), Failure> {
    ask_for_body(connection, forward).await?;
    let shard = Rc::clone(&connection.shard);
    let (pace, head_bytes) = (Pace::start(), forward.request.len());
    while !forward.body.is_done() && forward.request.len() - head_bytes < bytes_max {
        shard.wheel.arm(&connection.timer, shard.settings.body_idle_timeout_ms, Expiry::EndReading);
        if connection.read_some().await.is_err() {
            let timed_out = connection.timer.fired();
            return Err(if timed_out { body_timeout(&shard) } else { Failure::ClientGone });
        }
        let took = forward.body.take(&mut connection.buffer, &mut forward.request);
        took.map_err(|error| Failure::Client(body_refusal(error, &shard)))?;
        if pace.is_too_slow(&forward.body, &shard.settings) {
            return Err(body_timeout(&shard));
        }
    }
    Ok(())
}

/// A request's body on its way from the client to the origin.
struct Pump<'p> {
    shard: &'p Shard,
    reader: &'p mut Reader,
    timer: &'p Rc<Timer>,
    buffer: &'p mut Buffer,
    body: &'p mut Incoming,
    writer: &'p mut Writer,
    origin_timer: &'p Rc<Timer>,
    copied: &'p mut Option<Box<Copied>>,
}

/// What bodies are read into that do not come with their head.
const BODY_BUFFER_BYTES: usize = 64 * 1024;

impl Pump<'_> {
    async fn run(self, out: &mut Vec<u8>, timeout_ms: u64) -> Result<(), Failure> {
        let Pump { shard, reader, timer, buffer, body, writer, origin_timer, copied } = self;
        let settings = &shard.settings;
        let pace = Pace::start();
        buffer.make_room(BODY_BUFFER_BYTES);
        while !body.is_done() {
            shard.wheel.arm(timer, settings.body_idle_timeout_ms, Expiry::EndReading);
            // The origin waits as long as the client sends; its own time starts when it has everything.
            shard.wheel.arm(origin_timer, settings.body_idle_timeout_ms + timeout_ms, Expiry::End);
            if buffer.is_empty() {
                let taken = std::mem::replace(buffer, Buffer::heap(0));
                let (read, returned) = reader.read(taken, None).await;
                *buffer = returned;
                match read {
                    Ok(read) if read > 0 => shard.recorder.count_by(Counter::BytesReceived, read as u64),
                    Ok(_) if timer.fired() => return Err(body_timeout(shard)),
                    _ => return Err(Failure::ClientGone),
                }
            }
            let sent = match body.plain_bytes(buffer) {
                Some(bytes) => {
                    Copied::keep(copied, &buffer.as_slice()[..bytes], shard);
                    let taken = std::mem::replace(buffer, Buffer::heap(0));
                    let (sent, returned) = writer.write_all(taken, || {}).await;
                    *buffer = returned;
                    buffer.consume(bytes);
                    body.passed(bytes);
                    sent
                }
                None => {
                    let mut piece = std::mem::take(out);
                    let took = body.take(buffer, &mut piece);
                    took.map_err(|error| Failure::Client(body_refusal(error, shard)))?;
                    Copied::keep(copied, &piece, shard);
                    let (sent, mut piece) = writer.write_all(piece, || {}).await;
                    piece.clear();
                    *out = piece;
                    sent
                }
            };
            if sent.is_err() {
                // The origin may have answered before it stopped reading: its answer decides.
                return std::future::pending().await;
            }
            if pace.is_too_slow(body, settings) {
                return Err(body_timeout(shard));
            }
        }
        shard.wheel.arm(origin_timer, timeout_ms, Expiry::End);
        Ok(())
    }
}

fn body_timeout(shard: &Shard) -> Failure {
    shard.recorder.count(Counter::BodyTimeout);
    Failure::Client(GatewayError::RequestTimeout)
}

/// Reads until the head of the final answer is there and translated.
async fn read_answer(
    reader: &mut Reader,
    timer: &Rc<Timer>,
    shard: &Shard,
    mut translate: impl FnMut(&[u8]) -> Result<Option<Translated>, Failure>,
) -> Result<Answer, Failure> {
    let mut buffer = Buffer::page();
    let mut received = 0;
    loop {
        let (read, returned) = reader.read(buffer, None).await;
        buffer = returned;
        match read {
            Ok(read) if read > 0 => received += read,
            _ if timer.fired() => return Err(Failure::TimedOut),
            _ if received == 0 => return Err(Failure::Gone),
            _ => return Err(Failure::Malformed("the answer broke off in its head")),
        }
        loop {
            match translate(buffer.as_slice())? {
                Some(Translated::Final { passing, bytes }) => {
                    buffer.consume(bytes);
                    return Ok(Answer { passing, buffer });
                }
                Some(Translated::Informational { bytes }) => buffer.consume(bytes),
                None => break,
            }
        }
        let bytes_max = shard.settings.upstream.response_head_bytes_max;
        if buffer.len() >= bytes_max || received > bytes_max * INFORMATIONAL_HEADS_MAX {
            return Err(Failure::Malformed("the answer's head is too large"));
        }
        if buffer.spare() == 0 {
            buffer.make_room((buffer.capacity() * 2).clamp(PAGE_BYTES, bytes_max.max(PAGE_BYTES) + PAGE_BYTES));
        }
    }
}

/// An origin that sends nothing but `103 Early Hints` is cut off at this many times the limit of one head.
const INFORMATIONAL_HEADS_MAX: usize = 4;

/// What a head turned out to be.
pub(super) enum Translated {
    /// 1xx: nothing of it is passed on.
    Informational {
        bytes: usize,
    },
    Final {
        passing: Passing,
        bytes: usize,
    },
}

impl From<HeadError> for Failure {
    fn from(error: HeadError) -> Failure {
        match error {
            HeadError::Malformed(what) => Failure::Malformed(what),
            HeadError::TooManyFields => Failure::Malformed("too many fields"),
            HeadError::Version | HeadError::TargetTooLong | HeadError::HeaderTooLarge => {
                Failure::Malformed("no HTTP/1")
            }
        }
    }
}

/// Sends the answer to the client, body and all, and gives the origin's connection back.
pub(super) async fn pass_on(
    connection: &mut Connection,
    mut forward: Box<Forward>,
    upstream: &Rc<Upstream>,
    mut to_origin: Box<upstream::Connection>,
    answer: Answer,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    let Answer { passing, mut buffer } = answer;
    if forward.exchange.cache.is_some() && passing.origin_status >= 500 {
        forward.exchange.keep_alive &= passing.client_keep_alive && !shard.is_draining();
        match Box::pin(answer_stale(connection, forward, integration_us)).await {
            Ok(ending) => return ending,
            Err(back) => forward = back,
        }
    }
    if passing.mapped {
        let finished = mapped::finish(connection, forward, upstream, to_origin, passing, buffer, integration_us);
        return Box::pin(finished).await;
    }
    let (status, origin_keep_alive, doubtful) = (passing.status, passing.origin_keep_alive, passing.is_bodiless());
    // A drain that began meanwhile makes this the connection's last answer, and says so.
    forward.exchange.keep_alive &= passing.client_keep_alive && !shard.is_draining();
    let mut relay = passing.relay(&forward.exchange, &shard, &mut connection.out);
    if let Err(RelayError::Origin(what)) = relay.start(&mut buffer, &mut connection.out, &shard) {
        let failure = if relay.is_too_large() { Failure::TooLarge } else { Failure::Malformed(what) };
        return Box::pin(answer_failure(connection, forward, failure, integration_us)).await;
    }
    let exchange = forward.exchange;
    let relayed = relay.run(connection, &mut to_origin, buffer).await;
    let (ending, error) = match relayed {
        Ok(in_step) => {
            if in_step && origin_keep_alive {
                upstream.check_in(to_origin, doubtful, &shard);
            }
            (exchange.ending(), None)
        }
        Err(RelayError::Client) => {
            shard.recorder.count(Counter::ClientAborts);
            (Ending::Abort, Some("the client went away"))
        }
        Err(RelayError::Origin(what)) => (Ending::Abort, Some(what)),
    };
    let response_bytes = relay.body_bytes();
    exchange.conclude(&shard, Ended { status, response_bytes, integration_us, error });
    ending
}

/// Why an answer did not get through whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RelayError {
    Client,
    Origin(&'static str),
}

/// The stage's older answer in place of the origin's error, where it has one that may be given.
///
/// # Errors
/// It has none.
async fn answer_stale(
    connection: &mut Connection,
    forward: Box<Forward>,
    integration_us: Option<u64>,
) -> Result<Ending, Box<Forward>> {
    let shard = Rc::clone(&connection.shard);
    let Some(ended) = cache::give_for_error(&forward.exchange, &shard, &mut connection.out) else {
        return Err(forward);
    };
    let Forward { exchange, .. } = *forward;
    let ending = exchange.ending();
    exchange.conclude(&shard, Ended { integration_us, ..ended });
    Ok(if connection.flush().await.is_ok() { ending } else { Ending::Abort })
}

pub(super) async fn answer_failure(
    connection: &mut Connection,
    mut forward: Box<Forward>,
    failure: Failure,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    if forward.exchange.cache.is_some() && failure.is_of_origin() {
        connection.out.clear();
        forward.exchange.keep_alive &= forward.body.is_done() && !shard.is_draining();
        match answer_stale(connection, forward, integration_us).await {
            Ok(ending) => return ending,
            Err(back) => forward = back,
        }
    }
    let Forward { mut exchange, body, .. } = *forward;
    let (error, why) = match failure {
        Failure::ClientGone => {
            shard.recorder.count(Counter::ClientAborts);
            let error = Some("the client went away");
            exchange.conclude(&shard, Ended { status: CLIENT_CLOSED, response_bytes: 0, integration_us, error });
            return Ending::Abort;
        }
        Failure::Client(error) => (error, error.message()),
        Failure::Gone => (GatewayError::IntegrationFailure, "the origin closed before it answered"),
        Failure::Malformed(what) => (GatewayError::IntegrationMalformed, what),
        Failure::TooLarge => (GatewayError::Configuration, "the answer is too large"),
        Failure::NoResponse => (GatewayError::Configuration, "no integration response fits the status"),
        Failure::BreakerOpen => (GatewayError::IntegrationBusy, "the upstream's circuit breaker is open"),
        Failure::Connect(ConnectError::Busy) => (GatewayError::IntegrationBusy, "too many connections to the origin"),
        Failure::Connect(ConnectError::Unreachable) => {
            (GatewayError::IntegrationFailure, "the origin cannot be reached")
        }
        Failure::Connect(ConnectError::TimedOut) => (GatewayError::IntegrationTimeout, "connecting timed out"),
        Failure::TimedOut => {
            shard.recorder.count(Counter::UpstreamHeadTimeout);
            (GatewayError::IntegrationTimeout, "the origin did not answer in time")
        }
    };
    // A body of which the rest is still on its way has to be read somewhere: not here.
    exchange.keep_alive &= body.is_done() && !shard.is_draining();
    connection.out.clear();
    let (status, response_bytes) = answer_error(connection, &exchange, error);
    let ending = exchange.ending();
    let sent = connection.flush().await;
    exchange.conclude(&shard, Ended { status, response_bytes, integration_us, error: Some(why) });
    if sent.is_ok() { ending } else { Ending::Abort }
}

/// What nginx made the usual name of this in logs: nobody was there to be answered.
const CLIENT_CLOSED: u16 = 499;

/// Parses an origin's head for [`passing::translate`].
pub fn parse<R>(
    buffer: &[u8],
    to_head_request: bool,
    read: impl FnOnce(&crate::http::head::ResponseHead<'_, '_>) -> R,
) -> Result<Option<R>, HeadError> {
    let mut space = FieldSpace::new();
    Ok(response(buffer, to_head_request, &mut space)?.as_ref().map(read))
}

/// The integration of an exchange that was forwarded.
pub(super) fn integration(exchange: &Exchange) -> Option<&HttpIntegration> {
    match exchange.method().map(|method| &method.integration) {
        Some(Integration::Http(http)) => Some(http),
        Some(Integration::Lambda(_) | Integration::Mock(_) | Integration::Denied(_)) | None => None,
    }
}
