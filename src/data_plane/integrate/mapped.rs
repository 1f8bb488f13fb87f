//! Integrations that need whole bodies: those with mapping templates, or with parameters that come from a body.
//!
//! The request's body is collected, the request is read a second time from its kept head, and templates make the
//! integration's request of it. The answer is collected likewise before templates make the client's of it. Methods
//! without any of this never come here.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Instant;

use crate::http::coding::{Coding, DecodeError, Decoder};
use crate::http::encode;
use crate::http::field::is_token;
use crate::http::head::{self, FieldSpace, Framing, RequestHead};
use crate::http::target;
use crate::net::buffer::Buffer;
use crate::net::deadline::Expiry;
use crate::plan::content::{self, BinaryMediaTypes, ContentHandling, Conversion, NotBase64, Payload};
use crate::plan::integration::{
    HttpIntegration, Integration, IntegrationResponse, MappedParameter, MockIntegration, MockTemplate, PathPart,
};
use crate::plan::mock_status::mock_status;
use crate::plan::route::PathParameters;
use crate::plan::template::{BodyTemplate, ValueSource};
use crate::stats::Counter;
use crate::vtl::{Body, Cause, Overrides, RenderError};

use super::super::body::{BodyError, Incoming, Outgoing};
use super::super::compress::{compress_whole, decoder, without_coding};
use super::super::connection::{Connection, Ending};
use super::super::exchange::{Ended, Exchange, answer_error, body_refusal};
use super::super::forwarding::Inbound;
use super::super::respond::{ErrorDetail, GatewayError, write_date, write_own_fields};
use super::super::settings::Settings;
use super::super::shard::Shard;
use super::super::upstream::{self, Upstream};
use super::http::{Failure, Forward, parse};
use super::inputs::Inputs;
use super::mock::{Origin, accepted_type, has_header, media_type, select, template_for, write_mapped_headers};
use super::passing::Passing;

/// A request, all of it.
pub struct WholeRequest {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    payload: Payload,
    parameters: PathParameters,
    /// What of the path is the stage's.
    prefix_bytes: usize,
}

impl WholeRequest {
    pub fn new(parameters: PathParameters, prefix_bytes: usize) -> WholeRequest {
        WholeRequest { head: Vec::new(), body: Vec::new(), payload: Payload::Text, parameters, prefix_bytes }
    }
}

/// A request whose body is still coming.
pub struct Collect {
    pub exchange: Exchange,
    pub request: WholeRequest,
    pub body: Incoming,
    decoder: Option<Box<Decoder>>,
    conversion: Conversion,
    expects_continue: bool,
}

impl Collect {
    /// `coding` is what the body has to be freed from.
    pub fn new(
        exchange: Exchange,
        head: &RequestHead<'_, '_>,
        mut request: WholeRequest,
        coding: Option<Coding>,
        settings: &Settings,
    ) -> Collect {
        let body = Incoming::new(head.framing, Outgoing::Plain, settings.body_bytes_max);
        let decoder = coding.map(|coding| decoder(coding, &settings.compression, settings.body_bytes_max));
        let conversion;
        (conversion, request.payload) = request_conversion(&exchange, head.content_type);
        Collect { exchange, request, body, decoder, conversion, expects_continue: head.expects_continue }
    }

    /// Takes what belongs to the body from the buffer.
    pub fn take(&mut self, buffer: &mut Buffer, shard: &Shard) -> Result<(), GatewayError> {
        let Collect { request, body, decoder, .. } = self;
        let Some(decoder) = decoder else {
            return body.take(buffer, &mut request.body).map_err(|error| body_refusal(error, shard));
        };
        let mut piece = Vec::new();
        body.take(buffer, &mut piece).map_err(|error| body_refusal(error, shard))?;
        let decoded = decoder.write(&piece, &mut request.body);
        decoded.and_then(|()| if body.is_done() { decoder.end() } else { Ok(()) }).map_err(|error| {
            if error == DecodeError::TooLarge {
                shard.recorder.count(Counter::BodyTooLarge);
            }
            error.into()
        })
    }

    /// What the integration gets of the request, once it is all there.
    fn finish(&mut self) -> Result<(), Failed> {
        let WholeRequest { head, body, .. } = &mut self.request;
        if self.decoder.is_some() {
            *head = without_coding(head);
        }
        let converted = self.conversion.apply(Cow::Owned(std::mem::take(body)));
        *body = converted.map_err(|NotBase64| Failed::of_conversion("the request's body is not base64"))?.into_owned();
        Ok(())
    }
}

/// What `contentHandling` asks for. What passes through an `http_proxy` without it does so as it is.
fn request_conversion(exchange: &Exchange, content_type: Option<&[u8]>) -> (Conversion, Payload) {
    let (Some(stage), Some(method)) = (exchange.stage(), exchange.method()) else {
        return (Conversion::None, Payload::Text);
    };
    let (types, handling) = (&stage.binary_media_types, method.integration.content_handling());
    if handling.is_none() && (types.is_empty() || method.integration.is_proxy()) {
        return (Conversion::None, Payload::Text);
    }
    content::of_request(payload(types, content_type), handling)
}

/// Without a type a body is JSON.
fn payload(types: &BinaryMediaTypes, content_type: Option<&[u8]>) -> Payload {
    Payload::of(types.contains(media_type(content_type.unwrap_or(b"application/json"))))
}

/// What the mapping of an answer needs of its request.
pub struct MappedRequest {
    request: WholeRequest,
    overrides: Overrides,
}

/// Runs an exchange whose integration takes the body whole.
pub async fn run(connection: &mut Connection, mut collect: Box<Collect>) -> Ending {
    if let Err(failure) = read_body(connection, &mut collect).await {
        return end_early(connection, collect.exchange, failure).await;
    }
    if let Err(failed) = collect.finish() {
        let mut exchange = collect.exchange;
        let error = failed.noted(&mut exchange);
        return conclude(connection, exchange, Err(error), None).await;
    }
    let Collect { mut exchange, request, .. } = *collect;
    let live = Rc::clone(&exchange.live);
    let method = exchange.found.map(|(stage, method)| live.plan.stage(stage).method(method));
    if let Some(validator) = method.and_then(|method| method.validator.as_deref()) {
        let verdict = with_inbound(connection, &exchange, &request, |inbound| {
            validator.body(inbound.head.content_type, &request.body)
        });
        match verdict {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                exchange.detail = Some(Box::new(ErrorDetail::validation_error(fault.validation_error)));
                return conclude(connection, exchange, Err(GatewayError::InvalidBody), None).await;
            }
            Err(error) => return conclude(connection, exchange, Err(error), None).await,
        }
    }
    match method.map(|method| &method.integration) {
        Some(Integration::Mock(mock)) => {
            let answered = answer_mock(connection, &mut exchange, &request, mock);
            conclude(connection, exchange, answered, None).await
        }
        Some(Integration::Http(http)) => match forward(connection, &mut exchange, request, http) {
            Ok(prepared) => super::http::run(connection, Box::new(prepared.of(exchange))).await,
            Err(error) => conclude(connection, exchange, Err(error), None).await,
        },
        None => {
            debug_assert!(false, "a method was found before its body was collected");
            Ending::Abort
        }
    }
}

/// Reads the rest of the body.
async fn read_body(connection: &mut Connection, collect: &mut Collect) -> Result<(), Failure> {
    let body = &collect.body;
    if collect.expects_continue && body.received() == 0 && connection.buffer.is_empty() && !body.is_done() {
        connection.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    if !body.is_done() {
        // Answers to earlier requests do not wait for this one's body.
        connection.flush().await.map_err(|()| Failure::ClientGone)?;
    }
    let shard = Rc::clone(&connection.shard);
    let settings = &shard.settings;
    let started = Instant::now();
    while !collect.body.is_done() {
        shard.wheel.arm(&connection.timer, settings.body_idle_timeout_ms, Expiry::EndReading);
        if connection.read_some().await.is_err() {
            let timed_out = connection.timer.fired();
            return Err(if timed_out { body_timeout(&shard) } else { Failure::ClientGone });
        }
        collect.take(&mut connection.buffer, &shard).map_err(Failure::Client)?;
        let body = &collect.body;
        let elapsed_ms = started.elapsed().as_millis() as u64;
        let due = settings.body_bytes_per_second_min.saturating_mul(elapsed_ms) / 1000;
        if elapsed_ms > settings.body_grace_ms && body.received() < due && !body.is_done() {
            return Err(body_timeout(&shard));
        }
    }
    Ok(())
}

fn body_timeout(shard: &Shard) -> Failure {
    shard.recorder.count(Counter::BodyTimeout);
    Failure::Client(GatewayError::RequestTimeout)
}

/// The request's body is not there, so nothing after it can be read.
async fn end_early(connection: &mut Connection, mut exchange: Exchange, failure: Failure) -> Ending {
    exchange.keep_alive = false;
    let Failure::Client(error) = failure else {
        connection.shard.recorder.count(Counter::ClientAborts);
        let error = Some("the client went away");
        let shard = Rc::clone(&connection.shard);
        exchange.conclude(&shard, Ended { status: 499, response_bytes: 0, integration_us: None, error });
        return Ending::Abort;
    };
    conclude(connection, exchange, Err(error), None).await
}

/// Sends what was answered, or the error.
async fn conclude(
    connection: &mut Connection,
    mut exchange: Exchange,
    answered: Result<(u16, u64), GatewayError>,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    exchange.keep_alive &= !shard.is_draining();
    let ((status, response_bytes), error) = match answered {
        Ok(answered) => (answered, None),
        Err(error) => (answer_error(connection, &exchange, error), Some(error.message())),
    };
    let ending = exchange.ending();
    exchange.conclude(&shard, Ended { status, response_bytes, integration_us, error });
    if connection.flush().await.is_ok() { ending } else { Ending::Abort }
}

/// Reads the kept request again and gives it to `act`.
fn with_inbound<R>(
    connection: &Connection,
    exchange: &Exchange,
    request: &WholeRequest,
    act: impl FnOnce(&Inbound<'_>) -> R,
) -> Result<R, GatewayError> {
    let shard = &connection.shard;
    let mut space = FieldSpace::new();
    // It was read before, under the same limits.
    let head = head::request(&request.head, &shard.settings.head, &mut space).ok().flatten();
    let head = head.ok_or(GatewayError::BadRequest)?;
    let mut scratch = String::new();
    let target = target::parse(head.target, &mut scratch).map_err(|_| GatewayError::BadRequest)?;
    let path = target.path.get(request.prefix_bytes..).unwrap_or("");
    let body = Body::new(String::from_utf8_lossy(&request.body));
    let facts = exchange.facts(shard);
    let has_body = !request.body.is_empty() || head.framing != Framing::None;
    Ok(act(&Inbound {
        head: &head,
        target: &target,
        path,
        parameters: &request.parameters,
        facts: &facts,
        client: &connection.client,
        settings: &shard.settings.forwarding,
        content_type: head.content_type,
        framing: if has_body { Framing::Length(request.body.len() as u64) } else { Framing::None },
        body: Some(&body),
    }))
}

/// Why a template did not work out, as the client and as the log hear it.
struct Failed {
    error: GatewayError,
    note: Option<String>,
    detail: Option<ErrorDetail>,
}

impl From<GatewayError> for Failed {
    fn from(error: GatewayError) -> Failed {
        Failed { error, note: None, detail: None }
    }
}

impl Failed {
    /// Of a request's template. A body that is no JSON is the client's fault there, and the backend's in an answer.
    fn of_request(error: RenderError) -> Failed {
        let note = Some(format!("request template {error}"));
        match error.cause {
            Cause::Body => {
                let message = format!("{}: {}", GatewayError::BadRequestBody.message(), error.message);
                Failed { error: GatewayError::BadRequestBody, note, detail: Some(ErrorDetail::message(message)) }
            }
            Cause::Template | Cause::Budget => Failed { error: GatewayError::Configuration, note, detail: None },
        }
    }

    fn of_response(error: RenderError) -> Failed {
        Failed::configuration(format!("response template {error}"))
    }

    /// What only the API's owner can mend.
    fn configuration(note: String) -> Failed {
        Failed { error: GatewayError::Configuration, note: Some(note), detail: None }
    }

    /// A body is not what `contentHandling` makes of it, or what a template can read.
    fn of_conversion(what: &str) -> Failed {
        Failed::configuration(what.to_owned())
    }

    fn noted(self, exchange: &mut Exchange) -> GatewayError {
        exchange.detail = self.detail.map(Box::new);
        exchange.note = self.note.or(exchange.note.take());
        self.error
    }
}

fn answer_mock(
    connection: &mut Connection,
    exchange: &mut Exchange,
    request: &WholeRequest,
    mock: &MockIntegration,
) -> Result<(u16, u64), GatewayError> {
    let mut out = std::mem::take(&mut connection.out);
    let before = out.len();
    let answered = with_inbound(connection, exchange, request, |inbound| {
        let mut overrides = Overrides::default();
        let status = mocked_status(mock, inbound, request.payload, &mut overrides)?;
        let response = select(&mock.responses, status).ok_or(GatewayError::Configuration)?;
        let nothing = Body::new("");
        let (conversion, payload) = response_conversion(inbound, response, Payload::Text);
        let origin = Origin::default();
        let answer = Answer { raw: b"", body: &nothing, content_type: None, conversion, payload, origin };
        write_answer(inbound, response, &answer, &overrides, exchange, &connection.shard, &mut out)
    });
    if !matches!(answered, Ok(Ok(_))) {
        out.truncate(before);
    }
    connection.out = out;
    answered?.map_err(|failed| failed.noted(exchange))
}

/// AWS: "Unable to transform request".
const BINARY_REQUEST: &str =
    "the request's body is binary data, which no template can read; see `contentHandling: CONVERT_TO_TEXT`";

/// The status that the request's template, or without one the request itself, names.
fn mocked_status(
    mock: &MockIntegration,
    inbound: &Inbound<'_>,
    payload: Payload,
    overrides: &mut Overrides,
) -> Result<u16, Failed> {
    let wanted = media_type(inbound.content_type.unwrap_or(b"application/json"));
    let found = mock.statuses.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(wanted));
    let status = match found {
        Some(_) if payload == Payload::Binary => return Err(Failed::of_conversion(BINARY_REQUEST)),
        Some((_, MockTemplate::Status(status))) => Some(*status),
        Some((_, MockTemplate::Vtl(template))) => {
            let mut text = String::new();
            *overrides = Inputs::new(inbound)
                .render(template, inbound.body, overrides, &mut text)
                .map_err(Failed::of_request)?;
            mock_status(&text)
        }
        None if mock.passthrough.passes(!mock.statuses.is_empty()) => {
            inbound.body.and_then(|body| mock_status(body.text()))
        }
        None => return Err(GatewayError::UnsupportedMediaType.into()),
    };
    status.ok_or_else(|| Failed::configuration("the mock's request names no status".to_owned()))
}

/// A request that is ready to be sent.
struct Prepared {
    bytes: Vec<u8>,
    method_is_idempotent: bool,
    timeout_ms: u64,
    accept: Option<Box<[u8]>>,
    mapped: Option<Box<MappedRequest>>,
}

impl Prepared {
    fn of(self, exchange: Exchange) -> Forward {
        Forward::whole(exchange, self.bytes, self.method_is_idempotent, self.timeout_ms, self.accept, self.mapped)
    }
}

fn forward(
    connection: &Connection,
    exchange: &mut Exchange,
    request: WholeRequest,
    http: &HttpIntegration,
) -> Result<Prepared, GatewayError> {
    let prepared = with_inbound(connection, exchange, &request, |inbound| prepare(inbound, &request, exchange, http));
    let (mut prepared, overrides) = prepared?.map_err(|failed| failed.noted(exchange))?;
    prepared.mapped = http.mapped.then(|| Box::new(MappedRequest { request, overrides }));
    Ok(prepared)
}

fn prepare(
    inbound: &Inbound<'_>,
    request: &WholeRequest,
    exchange: &Exchange,
    http: &HttpIntegration,
) -> Result<(Prepared, Overrides), Failed> {
    if inbound.has_refused_twin(&http.headers) {
        return Err(GatewayError::BadRequest.into());
    }
    refuse_broken_json(http, inbound)?;
    let mut overrides = Overrides::default();
    let made = make_body(http, inbound, request.payload, &mut overrides)?;
    let (content_type, body) = match &made {
        Some((content_type, body)) => (Some(content_type.as_bytes()), body.as_bytes()),
        None => (inbound.content_type, &request.body[..]),
    };
    let method = http.http_method.as_deref().unwrap_or(inbound.head.method);
    // The service sends no body with these methods, whatever a template makes.
    let bodiless = !http.proxy && matches!(method, "GET" | "HEAD" | "OPTIONS");
    let body = if bodiless { b"" } else { body };
    let framing = match made {
        _ if bodiless => Framing::None,
        Some(_) => Framing::Length(body.len() as u64),
        None => inbound.framing,
    };
    let effective = with_overrides(http, &overrides)?;
    let outbound = Inbound { content_type, framing, ..*inbound };
    let mut bytes = Vec::with_capacity(1024 + body.len());
    let stage = exchange.found.map(|(stage, _)| stage).ok_or(GatewayError::Configuration)?;
    let host_line = &exchange.live.upstream(http.origin).host_line;
    outbound.write_head(effective.as_ref().unwrap_or(http), host_line, exchange.live.api_line(stage), &mut bytes)?;
    bytes.extend_from_slice(body);
    let prepared = Prepared {
        bytes,
        method_is_idempotent: matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"),
        timeout_ms: u64::from(http.timeout_ms),
        accept: accepted_type(inbound.head).map(Box::from),
        mapped: None,
    };
    Ok((prepared, overrides))
}

/// Parameters that come from the body want JSON. What does not even begin like it has nothing for them, and passes.
fn refuse_broken_json(http: &HttpIntegration, inbound: &Inbound<'_>) -> Result<(), GatewayError> {
    let mut path = http.path.iter().filter_map(|part| match part {
        PathPart::Value(_, source) => Some(source),
        PathPart::Literal(_) => None,
    });
    let mut named = http.query_parameters.iter().chain(&http.headers).map(|mapped| &mapped.source);
    let is_path = |source: &ValueSource| matches!(source, ValueSource::BodyPath(_));
    if !path.any(is_path) && !named.any(is_path) {
        return Ok(());
    }
    let Some(body) = inbound.body else { return Ok(()) };
    let looks_like_json = body.text().trim_start().starts_with(['{', '[', '"', '\'']);
    if looks_like_json && body.json().is_err() { Err(GatewayError::InvalidJson) } else { Ok(()) }
}

/// The body that a template makes, with its type; `None` where the client's passes through.
fn make_body<'h>(
    http: &'h HttpIntegration,
    inbound: &Inbound<'_>,
    payload: Payload,
    overrides: &mut Overrides,
) -> Result<Option<(&'h str, String)>, Failed> {
    let templates = &http.request.templates;
    let wanted = media_type(inbound.content_type.unwrap_or(b"application/json"));
    let Some((known, template)) = templates.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(wanted))
    else {
        let passes = http.proxy || http.request.passthrough.passes(!templates.is_empty());
        return if passes { Ok(None) } else { Err(GatewayError::UnsupportedMediaType.into()) };
    };
    if payload == Payload::Binary {
        return Err(Failed::of_conversion(BINARY_REQUEST));
    }
    let mut text = String::new();
    *overrides =
        Inputs::new(inbound).render(template, inbound.body, overrides, &mut text).map_err(Failed::of_request)?;
    Ok(Some((known, text)))
}

/// The integration as `$context.requestOverride` has changed it; `None` where it has not.
fn with_overrides(http: &HttpIntegration, overrides: &Overrides) -> Result<Option<HttpIntegration>, GatewayError> {
    let Overrides { request_path, request_querystring, request_header, .. } = overrides;
    if request_path.is_empty() && request_querystring.is_empty() && request_header.is_empty() {
        return Ok(None);
    }
    let fixed = |value: &str| ValueSource::Static(value.into());
    let replace = |parameters: &[MappedParameter], overrides: &[(String, String)]| {
        let overridden = |name: &str| overrides.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let kept = parameters.iter().filter(|parameter| !overridden(&parameter.name)).cloned();
        let added =
            overrides.iter().map(|(name, value)| MappedParameter { name: name.as_str().into(), source: fixed(value) });
        kept.chain(added).collect::<Vec<_>>()
    };
    if !request_header.iter().all(|(name, _)| is_token(name.as_bytes()) && !belongs_to_connection(name)) {
        return Err(GatewayError::Configuration);
    }
    let path = http.path.iter().map(|part| match part {
        PathPart::Value(name, _) => match request_path.iter().find(|(other, _)| **other == **name) {
            Some((_, value)) => PathPart::Value(name.clone(), fixed(value)),
            None => part.clone(),
        },
        PathPart::Literal(_) => part.clone(),
    });
    Ok(Some(HttpIntegration {
        origin: http.origin,
        proxy: http.proxy,
        http_method: http.http_method.clone(),
        path: path.collect(),
        query: http.query.clone(),
        query_parameters: replace(&http.query_parameters, request_querystring),
        headers: replace(&http.headers, request_header),
        request: Default::default(),
        content_handling: http.content_handling,
        mapped: http.mapped,
        streams: http.streams,
        timeout_ms: http.timeout_ms,
        responses: Vec::new(),
    }))
}

/// Fields that a template must not set: they frame the message.
fn belongs_to_connection(name: &str) -> bool {
    const FRAMING: [&str; 6] = ["connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"];
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

/// An integration's answer, all of it.
struct Answer<'a> {
    raw: &'a [u8],
    /// As templates and parameters read it.
    body: &'a Body<'a>,
    content_type: Option<&'a [u8]>,
    /// What happens to `raw`, and what comes of it.
    conversion: Conversion,
    payload: Payload,
    origin: Origin<'a>,
}

/// Collects the origin's answer and maps it.
pub(super) async fn finish(
    connection: &mut Connection,
    forward: Box<Forward>,
    upstream: &Rc<Upstream>,
    mut to_origin: Box<upstream::Connection>,
    passing: Passing,
    buffer: crate::net::buffer::Buffer,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    let Forward { mut exchange, mapped, .. } = *forward;
    let Some(mapped) = mapped else {
        debug_assert!(false, "an answer is mapped only where its request was");
        return Ending::Abort;
    };
    let body = read_answer(passing.framing(), &mut to_origin, buffer, &shard).await;
    let answered = match body {
        Ok((body, in_step)) => {
            if let Some(trace) = &shard.trace {
                trace.received_body(&body);
            }
            if in_step && passing.origin_keep_alive {
                upstream.check_in(to_origin, passing.is_bodiless(), &shard);
            }
            answer(connection, &mut exchange, &mapped, passing.raw_head(), &body)
        }
        Err(error) => Err(error),
    };
    conclude(connection, exchange, answered, integration_us).await
}

/// The body of the origin's answer, and whether its connection is in step afterwards.
async fn read_answer(
    framing: Framing,
    to_origin: &mut upstream::Connection,
    mut buffer: crate::net::buffer::Buffer,
    shard: &Shard,
) -> Result<(Vec<u8>, bool), GatewayError> {
    let bytes_max = shard.settings.body_bytes_max;
    let mut incoming = Incoming::new(framing, Outgoing::Plain, bytes_max);
    let mut body = Vec::new();
    loop {
        incoming.take(&mut buffer, &mut body).map_err(|error| match error {
            BodyError::Malformed | BodyError::TooLarge => GatewayError::IntegrationMalformed,
        })?;
        if incoming.received() + incoming.bytes_left() > bytes_max {
            return Err(GatewayError::IntegrationMalformed);
        }
        if incoming.is_done() {
            return Ok((body, buffer.is_empty()));
        }
        shard.wheel.arm(&to_origin.timer, shard.settings.upstream.response_idle_timeout_ms, Expiry::End);
        if buffer.spare() == 0 {
            buffer.make_room(READ_BYTES);
        }
        let (read, returned) = to_origin.stream.reader.read(buffer, None).await;
        buffer = returned;
        if !read.is_ok_and(|read| read > 0) {
            if to_origin.timer.fired() {
                shard.recorder.count(Counter::UpstreamBodyTimeout);
                return Err(GatewayError::IntegrationTimeout);
            }
            let whole = incoming.close(&mut body);
            return if whole { Ok((body, false)) } else { Err(GatewayError::IntegrationFailure) };
        }
    }
}

/// What an answer is read into.
const READ_BYTES: usize = 64 * 1024;

fn answer(
    connection: &mut Connection,
    exchange: &mut Exchange,
    mapped: &MappedRequest,
    raw_head: &[u8],
    raw: &[u8],
) -> Result<(u16, u64), GatewayError> {
    let mut out = std::mem::take(&mut connection.out);
    let before = out.len();
    let live = Rc::clone(&exchange.live);
    let http = exchange.found.and_then(|(stage, method)| match &live.plan.stage(stage).method(method).integration {
        Integration::Http(http) => Some(http),
        Integration::Mock(_) => None,
    });
    let answered = with_inbound(connection, exchange, &mapped.request, |inbound| {
        let written = parse(raw_head, exchange.to_head_request, |head| {
            exchange.integration_status.set(Some(head.status));
            let response =
                http.and_then(|http| select(&http.responses, head.status)).ok_or(GatewayError::Configuration)?;
            let types = exchange.stage().map(|stage| &stage.binary_media_types);
            let theirs = types.map_or(Payload::Text, |types| payload(types, head.content_type));
            let (conversion, payload) = response_conversion(inbound, response, theirs);
            let read = if conversion == Conversion::ToBase64 { conversion.apply(raw.into()) } else { Ok(raw.into()) };
            let read = read.map_err(|NotBase64| Failed::of_conversion(NOT_BASE64))?;
            let body = Body::new(String::from_utf8_lossy(&read));
            let origin = Origin { fields: head.fields, body: Some(&body) };
            let content_type = head.content_type;
            let answer = Answer { raw, body: &body, content_type, conversion, payload, origin };
            write_answer(inbound, response, &answer, &mapped.overrides, exchange, &connection.shard, &mut out)
        });
        written.ok().flatten().unwrap_or(Err(GatewayError::IntegrationMalformed.into()))
    });
    if !matches!(answered, Ok(Ok(_))) {
        out.truncate(before);
    }
    connection.out = out;
    answered?.map_err(|failed| failed.noted(exchange))
}

const NOT_BASE64: &str = "the answer's body is not base64";

/// What `contentHandling`, or without it the client's `Accept`, makes of an answer.
fn response_conversion(
    inbound: &Inbound<'_>,
    response: &IntegrationResponse,
    theirs: Payload,
) -> (Conversion, Payload) {
    let Some(types) = inbound.facts.stage.map(|stage| &stage.binary_media_types) else {
        return (Conversion::None, theirs);
    };
    if types.is_empty() && response.content_handling.is_none() {
        return (Conversion::None, theirs);
    }
    // Who does not say what he accepts, accepts everything.
    let accept = Payload::of(types.contains(accepted_type(inbound.head).unwrap_or(b"*/*")));
    content::of_response(theirs, accept, response.content_handling)
}

/// Writes the method response that an integration response makes of an answer; its status and length.
fn write_answer(
    inbound: &Inbound<'_>,
    response: &IntegrationResponse,
    answer: &Answer<'_>,
    overrides: &Overrides,
    exchange: &Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Result<(u16, u64), Failed> {
    let template = template_for(&response.templates, accepted_type(inbound.head));
    let mut overrides = overrides.clone();
    let not_base64 = |NotBase64| Failed::of_conversion(NOT_BASE64);
    let body: Cow<'_, [u8]> = match template {
        None => answer.conversion.apply(answer.raw.into()).map_err(not_base64)?,
        Some(_) if (answer.conversion, answer.payload) == (Conversion::None, Payload::Binary) => {
            let what = "the answer's body is binary data, which no template can read";
            return Err(Failed::of_conversion(what));
        }
        Some((_, BodyTemplate::Text(text))) => {
            let mut made = Vec::new();
            inbound.facts.write_text(text, &mut made);
            made.into()
        }
        Some((_, BodyTemplate::Vtl(template))) => {
            let mut text = String::new();
            let inputs = Inputs::new(inbound);
            overrides =
                inputs.render(template, Some(answer.body), &overrides, &mut text).map_err(Failed::of_response)?;
            text.into_bytes().into()
        }
    };
    // A template may also make the base64 of binary data.
    let asked = response.content_handling == Some(ContentHandling::ConvertToBinary);
    let body = match template {
        Some(_) if asked && answer.conversion == Conversion::FromBase64 => {
            answer.conversion.apply(body).map_err(not_base64)?
        }
        _ => body,
    };
    let status = overridden_status(&overrides)?.unwrap_or(response.status);
    let start = out.len();
    encode::status_line(status, out);
    write_date(&shard.date(), out);
    let overridden = |name: &str| overrides.response_header.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let content_type = template.map(|(content_type, _)| content_type.as_bytes()).or(answer.content_type);
    let content_type = content_type.unwrap_or(b"application/json");
    if !has_header(&response.headers, "content-type") && !overridden("content-type") {
        encode::field("Content-Type", content_type, out);
    }
    write_mapped_headers(&response.headers, &answer.origin, inbound.facts, overridden, out);
    for (name, value) in &overrides.response_header {
        if is_token(name.as_bytes()) && encode::is_field_value(value.as_bytes()) && !belongs_to_connection(name) {
            encode::field(name, value.as_bytes(), out);
        }
    }
    let bodiless = matches!(status, 100..=199 | 204 | 304);
    if !bodiless {
        encode::content_length(body.len() as u64, out);
    }
    write_own_fields(&exchange.ids, exchange.persistence(), out);
    out.extend_from_slice(b"\r\n");
    if bodiless || exchange.to_head_request {
        return Ok((status, 0));
    }
    out.extend_from_slice(&body);
    let coded = compress_whole(exchange.compress, &shard.encoders, start, out);
    Ok((status, coded.unwrap_or(body.len() as u64)))
}

/// `$context.responseOverride.status`.
fn overridden_status(overrides: &Overrides) -> Result<Option<u16>, Failed> {
    let Some(text) = &overrides.response_status else { return Ok(None) };
    let status = text.trim().parse::<u16>().ok().filter(|status| (200..=599).contains(status));
    let refused = || Failed::configuration(format!("{text:?} was set as the status of the answer"));
    status.map(Some).ok_or_else(refused)
}
