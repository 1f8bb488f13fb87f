//! An origin's answer on its way to the client: a new head, and the body as it comes.

use std::rc::Rc;

use crate::http::chunked::write_chunk;
use crate::http::encode;
use crate::http::field::FieldKind;
use crate::http::head::{Framing, ResponseHead};
use crate::net::buffer::{Buffer, LARGE_BYTES, PAGE_BYTES};
use crate::net::deadline::Expiry;
use crate::plan::integration::{HttpIntegration, IntegrationResponse};
use crate::plan::template::BodyTemplate;
use crate::stats::Counter;

use super::super::body::{BodyError, Incoming, Outgoing};
use super::super::cache::filling::{Capture, Filling, Seen};
use super::super::compress::{Passage, compress_whole};
use super::super::connection::Connection;
use super::super::context::Facts;
use super::super::exchange::Exchange;
use super::super::respond::{write_date, write_own_fields};
use super::super::shard::Shard;
use super::super::upstream;
use super::http::{Failure, RelayError, Translated, integration, parse};
use super::mock::{Origin, has_header, select, template_for, write_mapped_headers};

/// What is known of an answer once its head is there.
pub struct Passing {
    /// The client's.
    pub status: u16,
    pub origin_status: u16,
    pub origin_keep_alive: bool,
    pub client_keep_alive: bool,
    /// The client's head, but for the gateway's own fields and the empty line.
    head: Vec<u8>,
    framing: Framing,
    outgoing: Outgoing,
    /// A template's body, instead of the origin's.
    replaced: Option<Vec<u8>>,
    /// Where the body is compressed.
    compressed: Option<Box<Passage>>,
    /// Where the answer is kept while it passes.
    capture: Option<Box<Capture>>,
    /// A longer body is an error: `responseTransferMode: BUFFERED`.
    bytes_max: u64,
    /// The body has to be collected and mapped; `head` is the origin's, as it came.
    pub(super) mapped: bool,
}

const HEAD_BYTES: usize = 1024;

/// Translates the head at the start of `buffer`, if it is all there.
pub(super) fn translate(
    buffer: &[u8],
    exchange: &Exchange,
    accept: Option<&[u8]>,
    shard: &Shard,
) -> Result<Option<Translated>, Failure> {
    let translated = parse(buffer, exchange.asks_for_head(), |head| {
        if let Some(trace) = &shard.trace {
            trace.received(&buffer[..head.bytes]);
        }
        match head.status {
            101 => Err(Failure::Malformed("a switch of protocols that nobody asked for")),
            100..=199 => Ok(Translated::Informational { bytes: head.bytes }),
            _ => {
                exchange.integration_status.set(Some(head.status));
                let mapped = integration(exchange).is_some_and(|http| http.mapped && !http.proxy);
                let passing = if mapped {
                    Passing::kept(head, &buffer[..head.bytes])
                } else {
                    pass(head, exchange, accept, shard)?
                };
                Ok(Translated::Final { passing, bytes: head.bytes })
            }
        }
    });
    translated?.transpose()
}

fn pass(
    head: &ResponseHead<'_, '_>,
    exchange: &Exchange,
    accept: Option<&[u8]>,
    shard: &Shard,
) -> Result<Passing, Failure> {
    let streams = integration(exchange).is_some_and(|http| http.streams);
    let bytes_max = if streams { u64::MAX } else { shard.settings.response_body_bytes_max };
    if matches!(head.framing, Framing::Length(length) if length > bytes_max) {
        return Err(Failure::TooLarge);
    }
    let mut passing = Passing {
        status: head.status,
        origin_status: head.status,
        origin_keep_alive: head.keep_alive,
        client_keep_alive: true,
        head: Vec::with_capacity(HEAD_BYTES),
        framing: head.framing,
        outgoing: Outgoing::Plain,
        replaced: None,
        compressed: None,
        capture: None,
        bytes_max,
        mapped: false,
    };
    match integration(exchange) {
        Some(http) if !http.proxy => passing.write_mapped(http, head, exchange, accept, shard)?,
        _ => passing.write_passed(head, shard),
    }
    // What is asked for once more is not yet the answer that is kept.
    let is_retried = exchange.retries_left.get() && retried(exchange, head.status);
    if let Some(filling) = exchange.cache.as_ref().filter(|_| !is_retried).and_then(|caching| caching.take_filling()) {
        passing.capture = passing.captured(filling, head, exchange, shard);
    }
    passing.write_framing(head, exchange, shard);
    Ok(passing)
}

/// Whether the integration's upstream is asked again after an answer with this status.
fn retried(exchange: &Exchange, status: u16) -> bool {
    let protection = integration(exchange).and_then(|http| http.protection);
    let retries = protection
        .zip(exchange.stage())
        .and_then(|(index, stage)| stage.protections[index.0 as usize].retries.as_ref());
    retries.is_some_and(|retries| retries.on.statuses.contains(&status))
}

impl Passing {
    fn kept(head: &ResponseHead<'_, '_>, raw: &[u8]) -> Passing {
        Passing {
            status: head.status,
            origin_status: head.status,
            origin_keep_alive: head.keep_alive,
            client_keep_alive: true,
            head: raw.to_vec(),
            framing: head.framing,
            outgoing: Outgoing::Plain,
            replaced: None,
            compressed: None,
            capture: None,
            bytes_max: u64::MAX,
            mapped: true,
        }
    }

    pub(super) fn raw_head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// `http_proxy`: the origin's status and fields. Those that the gateway answers itself with keep the origin's value
    /// under another name. (Guide, `api-gateway-known-issues`; which of its list, recordings of the service tell.)
    fn write_passed(&mut self, head: &ResponseHead<'_, '_>, shard: &Shard) {
        let out = &mut self.head;
        encode::status_line(head.status, out);
        for (field, kind) in head.fields.iter().zip(head.kinds) {
            match kind {
                FieldKind::GatewayOwned
                | FieldKind::HopByHop
                | FieldKind::Te
                | FieldKind::Trailer
                | FieldKind::TransferEncoding => {}
                FieldKind::Connection => encode::field("x-amzn-Remapped-Connection", field.value, out),
                FieldKind::ContentLength => encode::field("x-amzn-Remapped-Content-Length", field.value, out),
                FieldKind::Date => encode::field("x-amzn-Remapped-Date", field.value, out),
                _ if head.is_nominated(field.name) => {}
                _ if field.name.eq_ignore_ascii_case("server") => {
                    encode::field("x-amzn-Remapped-Server", field.value, out);
                }
                _ => encode::field(field.name, field.value, out),
            }
        }
        write_date(&shard.date(), out);
    }

    /// `http`: the method response that the status selects, with what is mapped to it.
    fn write_mapped(
        &mut self,
        http: &HttpIntegration,
        head: &ResponseHead<'_, '_>,
        exchange: &Exchange,
        accept: Option<&[u8]>,
        shard: &Shard,
    ) -> Result<(), Failure> {
        let response = select(&http.responses, head.status).ok_or(Failure::NoResponse)?;
        self.status = response.status;
        encode::status_line(response.status, &mut self.head);
        write_date(&shard.date(), &mut self.head);
        let facts = exchange.facts(shard);
        let content_type = self.replace_body(response, accept, &facts).or(head.content_type);
        if let Some(content_type) = content_type
            && !has_header(&response.headers, "content-type")
        {
            encode::field("Content-Type", content_type, &mut self.head);
        }
        let origin = Origin { fields: head.fields, body: None };
        write_mapped_headers(&response.headers, &origin, &facts, |_| false, &mut self.head);
        Ok(())
    }

    /// The type of the template that replaces the body, if there is one.
    fn replace_body<'r>(
        &mut self,
        response: &'r IntegrationResponse,
        accept: Option<&[u8]>,
        facts: &Facts<'_>,
    ) -> Option<&'r [u8]> {
        let (content_type, template) = template_for(&response.templates, accept)?;
        let mut body = Vec::new();
        match template {
            BodyTemplate::Text(text) => facts.write_text(text, &mut body),
            BodyTemplate::Vtl(_) => debug_assert!(false, "answers with templates that need bodies are collected"),
        }
        // What the origin sends is not read: its connection can only go on if that is nothing.
        self.origin_keep_alive &= self.framing == Framing::None;
        if matches!(self.status, 204 | 304) {
            body.clear();
        }
        self.replaced = Some(body);
        Some(content_type.as_bytes())
    }

    /// What keeps the answer, if it may be kept. Of one that ends with its connection nobody knows whether it is whole.
    fn captured(
        &self,
        filling: Box<Filling>,
        head: &ResponseHead<'_, '_>,
        exchange: &Exchange,
        shard: &Shard,
    ) -> Option<Box<Capture>> {
        let (stage, method) = exchange.found?;
        let length = match (&self.replaced, self.framing) {
            (Some(body), _) => Some(body.len() as u64),
            (None, Framing::None) => Some(0),
            (None, Framing::Length(length)) => Some(length),
            (None, Framing::Chunked) => None,
            (None, Framing::UntilClose) => {
                filling.give_up(self.status, shard.now_ms());
                return None;
            }
        };
        let seen = Seen { status: self.status, head: &self.head, length };
        let fields = head.fields.iter().map(|field| (field.name.as_bytes(), field.value));
        filling.open(exchange.live.cached_method(stage, method)?, &seen, fields, shard.now_ms())
    }

    fn write_framing(&mut self, head: &ResponseHead<'_, '_>, exchange: &Exchange, shard: &Shard) {
        let bodiless = exchange.to_head_request || matches!(self.status, 100..=199 | 204 | 304);
        if let Some(body) = &self.replaced {
            if !matches!(self.status, 100..=199 | 204 | 304) {
                encode::content_length(body.len() as u64, &mut self.head);
            }
            return;
        }
        if bodiless && self.framing != Framing::None {
            // A status was mapped to one that has no body, or the client wants none of what was asked for.
            if !matches!(self.status, 204 | 304) {
                self.write_length_of_nothing(head);
            }
            self.origin_keep_alive = false;
            self.replaced = Some(Vec::new());
            return;
        }
        let (asked, chunked) = (exchange.compress, exchange.minor > 0);
        if asked.is_some() && !integration(exchange).is_some_and(|http| http.streams) {
            self.compressed = Passage::open(asked, &shard.encoders, self.framing, chunked, &mut self.head);
        }
        // Of what is compressed nobody knows the length yet.
        let framing = if self.compressed.is_some() { Framing::UntilClose } else { self.framing };
        match framing {
            Framing::Length(length) => encode::content_length(length, &mut self.head),
            Framing::Chunked | Framing::UntilClose if exchange.minor == 0 => self.client_keep_alive = false,
            Framing::Chunked | Framing::UntilClose => {
                // A passage makes chunks of its own.
                self.outgoing = if self.compressed.is_some() { Outgoing::Plain } else { Outgoing::Chunked };
                self.head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            Framing::None if bodiless => self.write_length_of_nothing(head),
            Framing::None => encode::content_length(0, &mut self.head),
        }
    }

    /// To `HEAD` and with 304, `Content-Length` says how long the body would be; 204 must not have one.
    fn write_length_of_nothing(&mut self, head: &ResponseHead<'_, '_>) {
        let mut lengths = head.fields.iter().zip(head.kinds).filter(|(_, kind)| **kind == FieldKind::ContentLength);
        if let Some((field, _)) = lengths.next()
            && self.status != 204
        {
            encode::field("Content-Length", field.value, &mut self.head);
        }
    }

    /// Whether the answer ends with its head, whatever the origin thinks.
    pub(super) fn is_bodiless(&self) -> bool {
        self.framing == Framing::None
    }

    /// After this answer neither connection is in step.
    pub(super) fn close_both(&mut self) {
        self.client_keep_alive = false;
        self.origin_keep_alive = false;
    }

    /// Completes the head into `out`, and gives what relays the body.
    pub(super) fn relay(self, exchange: &Exchange, shard: &Shard, out: &mut Vec<u8>) -> Relay {
        let Passing { mut head, framing, outgoing, replaced, compressed, mut capture, bytes_max, .. } = self;
        if let Some(caching) = &exchange.cache {
            caching.note.write(shard, &mut head);
        }
        write_own_fields(&exchange.ids, exchange.persistence(), &mut head);
        head.extend_from_slice(b"\r\n");
        let mut replaced_bytes = 0;
        let incoming = match replaced {
            Some(body) => {
                if let Some(capture) = capture.take() {
                    capture.keep_whole(&body, shard.now_ms());
                }
                if !exchange.to_head_request {
                    head.extend_from_slice(&body);
                    let coded = compress_whole(exchange.compress, &shard.encoders, 0, &mut head);
                    replaced_bytes = coded.unwrap_or(body.len() as u64);
                }
                Incoming::new(Framing::None, Outgoing::Discard, 0)
            }
            // A body that is kept comes unframed; it is framed when it goes on.
            None if capture.is_some() => Incoming::new(framing, Outgoing::Plain, bytes_max),
            None => Incoming::new(framing, outgoing, bytes_max),
        };
        if out.is_empty() {
            *out = head;
        } else {
            out.extend_from_slice(&head);
        }
        Relay {
            incoming,
            compressed,
            captured: capture.map(|capture| Captured { capture, outgoing }),
            replaced_bytes,
            bytes_max,
        }
    }
}

/// Relays a body to the client.
pub(super) struct Relay {
    incoming: Incoming,
    compressed: Option<Box<Passage>>,
    captured: Option<Captured>,
    replaced_bytes: u64,
    bytes_max: u64,
}

/// What keeps a body while it passes, and how the body goes on.
struct Captured {
    capture: Box<Capture>,
    outgoing: Outgoing,
}

/// What a body is read into at first, and when it turns out to be long.
const SMALL_BYTES: usize = 16 * 1024;
const LONG_BODY_BYTES: u64 = 256 * 1024;

impl Relay {
    pub(super) fn body_bytes(&self) -> u64 {
        let passed = self.compressed.as_ref().map_or(self.incoming.received(), |passage| passage.bytes());
        self.replaced_bytes + passed
    }

    /// Takes what came with the head. Nothing has been sent yet: an error can still be answered.
    pub(super) fn start(&mut self, buffer: &mut Buffer, out: &mut Vec<u8>, shard: &Shard) -> Result<(), RelayError> {
        self.take(buffer, out, shard)
    }

    fn take(&mut self, buffer: &mut Buffer, out: &mut Vec<u8>, shard: &Shard) -> Result<(), RelayError> {
        if self.captured.is_some() {
            return self.take_captured(buffer, out, shard);
        }
        let Some(passage) = &mut self.compressed else {
            self.incoming.take(buffer, out).map_err(malformed)?;
            return self.refuse_large();
        };
        self.incoming.take(buffer, passage.piece()).map_err(malformed)?;
        compress(passage, self.incoming.is_done(), out)?;
        self.refuse_large()
    }

    /// Keeps what comes, and passes it on. Others may wait for the answer: it is theirs as soon as it is all there, however
    /// slowly this client takes it.
    fn take_captured(&mut self, buffer: &mut Buffer, out: &mut Vec<u8>, shard: &Shard) -> Result<(), RelayError> {
        let Some(Captured { capture, outgoing }) = &mut self.captured else { return Ok(()) };
        let (room, start) = capture.room();
        self.incoming.take(buffer, room).map_err(malformed)?;
        let (piece, done) = (capture.piece(start), self.incoming.is_done());
        match (&mut self.compressed, outgoing) {
            (Some(passage), _) => {
                passage.piece().extend_from_slice(piece);
                compress(passage, done, out)?;
            }
            (None, Outgoing::Chunked) => {
                if !piece.is_empty() {
                    write_chunk(piece, out);
                }
                if done {
                    out.extend_from_slice(b"0\r\n\r\n");
                }
            }
            (None, Outgoing::Plain | Outgoing::Discard) => out.extend_from_slice(piece),
        }
        capture.grew(shard.now_ms());
        if done {
            capture.keep(shard.now_ms());
        }
        self.refuse_large()
    }

    /// A body without a length turns out to be too long on the way: what is left is to break it off.
    fn refuse_large(&self) -> Result<(), RelayError> {
        if self.is_too_large() { Err(TOO_LARGE) } else { Ok(()) }
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.incoming.received() > self.bytes_max
    }

    /// Sends all of it. Whether the origin's connection is in step afterwards.
    pub(super) async fn run(
        &mut self,
        connection: &mut Connection,
        to_origin: &mut upstream::Connection,
        buffer: Buffer,
    ) -> Result<bool, RelayError> {
        connection.flush().await.map_err(|()| RelayError::Client)?;
        if self.incoming.is_done() {
            return Ok(buffer.is_empty());
        }
        Box::pin(self.run_on(connection, to_origin, buffer)).await
    }

    /// The rest of a body that did not come with its head.
    async fn run_on(
        &mut self,
        connection: &mut Connection,
        to_origin: &mut upstream::Connection,
        mut buffer: Buffer,
    ) -> Result<bool, RelayError> {
        let shard = Rc::clone(&connection.shard);
        while !self.incoming.is_done() {
            buffer = self.sized(buffer);
            shard.wheel.arm(&to_origin.timer, shard.settings.upstream.response_idle_timeout_ms, Expiry::End);
            // The client has taken what there was: how long the origin pauses is not its fault.
            shard.wheel.watch_for(&connection.timer, to_origin.stream.socket());
            let (read, returned) = to_origin.stream.reader.read(buffer, None).await;
            buffer = returned;
            if !read.is_ok_and(|read| read > 0) {
                return self.origin_ended(connection, to_origin, &shard).await;
            }
            let as_it_is = self.compressed.is_none() && self.captured.is_none();
            let plain = if as_it_is { self.incoming.plain_bytes(&buffer) } else { None };
            match plain {
                Some(bytes) => {
                    self.refuse_large()?;
                    let (sent, returned) = connection.send(buffer).await;
                    sent.map_err(|()| RelayError::Client)?;
                    self.incoming.passed(bytes);
                    buffer = returned;
                    buffer.consume(bytes);
                }
                None => {
                    self.take(&mut buffer, &mut connection.out, &shard)?;
                    connection.flush().await.map_err(|()| RelayError::Client)?;
                }
            }
        }
        Ok(buffer.is_empty())
    }

    /// Room for the next read: more for a body that has proved, or said, to be long. Compressing takes a while for each
    /// byte, and others wait for the shard meanwhile.
    fn sized(&self, buffer: Buffer) -> Buffer {
        let long = self.incoming.received() >= LONG_BODY_BYTES || self.incoming.bytes_left() >= LONG_BODY_BYTES * 2;
        let long = long && self.compressed.is_none();
        let capacity = if long { LARGE_BYTES } else { SMALL_BYTES };
        if buffer.is_empty() && buffer.capacity() < capacity {
            return if long { Buffer::large() } else { Buffer::heap(capacity) };
        }
        debug_assert!(buffer.spare() >= PAGE_BYTES.min(buffer.capacity()), "what was read was passed on");
        buffer
    }

    async fn origin_ended(
        &mut self,
        connection: &mut Connection,
        to_origin: &upstream::Connection,
        shard: &Shard,
    ) -> Result<bool, RelayError> {
        if connection.timer.peer_is_gone() {
            return Err(RelayError::Client);
        }
        if to_origin.timer.fired() {
            shard.recorder.count(Counter::UpstreamBodyTimeout);
            return Err(RelayError::Origin("the answer stalled"));
        }
        if !self.incoming.close(&mut connection.out) {
            return Err(RelayError::Origin("the answer broke off"));
        }
        if let Some(passage) = &mut self.compressed {
            compress(passage, true, &mut connection.out)?;
        }
        connection.flush().await.map_err(|()| RelayError::Client)?;
        Ok(false)
    }
}

fn compress(passage: &mut Passage, last: bool, out: &mut Vec<u8>) -> Result<(), RelayError> {
    if passage.pass(last, out) { Ok(()) } else { Err(RelayError::Origin("the answer cannot be compressed")) }
}
const TOO_LARGE: RelayError = RelayError::Origin("the answer is too large");

fn malformed(error: BodyError) -> RelayError {
    match error {
        BodyError::Malformed => RelayError::Origin("the answer's body is malformed"),
        BodyError::TooLarge => TOO_LARGE,
    }
}
