//! Integrations that need whole bodies: those with mapping templates, or with parameters that come from a body.
//!
//! The request's body is collected, the request is read a second time from its kept head, and templates make the
//! integration's request of it. The answer is collected likewise before templates make the client's of it. Methods
//! without any of this never come here. [`request`] and [`answer`] are the two ways of mapping.

mod answer;
mod request;

use std::borrow::Cow;
use std::rc::Rc;

use crate::http::coding::{Coding, DecodeError, Decoder};
use crate::http::head::{self, FieldSpace, Framing, RequestHead};
use crate::http::target;
use crate::net::buffer::Buffer;
use crate::net::deadline::Expiry;
use crate::plan::content::{self, BinaryMediaTypes, Conversion, NotBase64, Payload};
use crate::plan::integration::Integration;
use crate::plan::route::PathParameters;
use crate::sign::BodyHasher;
use crate::stats::Counter;
use crate::vtl::{Body, Cause, Overrides, RenderError};

use super::super::authorize::Refused;
use super::super::body::{Incoming, Outgoing, Pace};
use super::super::cache::{self, Entered, Turn};
use super::super::compress::{decoder, without_coding};
use super::super::connection::{Connection, Ending};
use super::super::exchange::{Ended, Exchange, answer_error, body_refusal, waits_for_body};
use super::super::forwarding::Inbound;
use super::super::respond::{ErrorDetail, GatewayError};
use super::super::settings::Settings;
use super::super::shard::Shard;
use super::http::Failure;
use super::mock::media_type;
use answer::answer_mock;
pub(super) use answer::finish;
use request::forward;

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
    /// Of a signed body, as it comes.
    hasher: Option<BodyHasher>,
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
        let hasher = exchange.proof.as_ref().map(|_| BodyHasher::new());
        Collect { exchange, request, body, decoder, conversion, hasher, expects_continue: head.expects_continue }
    }

    /// Takes what belongs to the body from the buffer.
    pub fn take(&mut self, buffer: &mut Buffer, shard: &Shard) -> Result<(), GatewayError> {
        let Collect { request, body, decoder, hasher, .. } = self;
        let mut hash = |piece: &[u8]| {
            if let Some(hasher) = hasher {
                hasher.update(piece);
            }
        };
        let Some(decoder) = decoder else {
            let before = request.body.len();
            body.take(buffer, &mut request.body).map_err(|error| body_refusal(error, shard))?;
            hash(&request.body[before..]);
            return Ok(());
        };
        let mut piece = Vec::new();
        body.take(buffer, &mut piece).map_err(|error| body_refusal(error, shard))?;
        hash(&piece);
        let decoded = decoder.write(&piece, &mut request.body);
        decoded.and_then(|()| if body.is_done() { decoder.end() } else { Ok(()) }).map_err(|error| {
            if error == DecodeError::TooLarge {
                shard.recorder.count(Counter::BodyTooLarge);
            }
            error.into()
        })
    }

    /// Whether the body is the one that was signed.
    fn check_signature(&mut self, shard: &Shard) -> Result<(), Refused> {
        let (proof, hasher) = (self.exchange.proof.take(), self.hasher.take());
        match (proof, hasher) {
            (Some(proof), Some(hasher)) => {
                self.exchange.identify(proof.complete(&hasher.finish())?, shard);
                Ok(())
            }
            (None, _) => Ok(()),
            (Some(_), None) => Err(GatewayError::InvalidSignature.into()),
        }
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
    let is_counted_late = waits_for_body(&collect.exchange);
    if let Err(refused) = collect.check_signature(&connection.shard) {
        let mut exchange = collect.exchange;
        exchange.detail = refused.detail;
        return conclude(connection, exchange, Err(refused.error), None).await;
    }
    if let Err(failed) = collect.finish() {
        let mut exchange = collect.exchange;
        let error = failed.noted(&mut exchange);
        return conclude(connection, exchange, Err(error), None).await;
    }
    let Collect { mut exchange, request, .. } = *collect;
    if is_counted_late && let Err(error) = admit(connection, &mut exchange, &request) {
        return conclude(connection, exchange, Err(error), None).await;
    }
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
    match ask_cache(connection, &mut exchange, &request).await {
        Ok(None) => {}
        Ok(Some(ended)) => return conclude(connection, exchange, Ok((ended.status, ended.response_bytes)), None).await,
        Err(error) => return conclude(connection, exchange, Err(error), None).await,
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
        Some(Integration::Lambda(lambda)) => Box::pin(super::lambda::run(connection, exchange, request, lambda)).await,
        // One whose body is compressed comes here.
        Some(Integration::Denied(denied)) => {
            exchange.note = Some(denied.reason.to_string());
            conclude(connection, exchange, Err(GatewayError::Configuration), None).await
        }
        None => {
            debug_assert!(false, "a method was found before its body was collected");
            Ending::Abort
        }
    }
}

fn admit(connection: &Connection, exchange: &mut Exchange, request: &WholeRequest) -> Result<(), GatewayError> {
    let shard = &connection.shard;
    let mut space = FieldSpace::new();
    // It was read before, under the same limits.
    let head = head::request(&request.head, &shard.settings.head, &mut space).ok().flatten();
    exchange.admit(&head.ok_or(GatewayError::BadRequest)?, &connection.client, shard)
}

/// The answer that is kept, if it is or will be in a while. Who was there before its body came, has asked already.
async fn ask_cache(
    connection: &mut Connection,
    exchange: &mut Exchange,
    request: &WholeRequest,
) -> Result<Option<Ended>, GatewayError> {
    let Some((stage, method)) = exchange.found.filter(|_| exchange.cache.is_none()) else { return Ok(None) };
    let (live, shard) = (Rc::clone(&exchange.live), Rc::clone(&connection.shard));
    if live.cached_method(stage, method).is_none() {
        return Ok(None);
    }
    let digest = (!request.body.is_empty()).then(|| sha256(&request.body));
    let mut turn = Turn::First;
    loop {
        let mut out = std::mem::take(&mut connection.out);
        let entered = with_inbound(connection, exchange, request, |inbound| {
            let cached = live.cached(stage, method, inbound.head.method);
            cached.map(|cached| cache::enter(cached, inbound, digest.as_ref(), turn, exchange, &shard, &mut out))
        });
        connection.out = out;
        match entered?.transpose()? {
            None => return Ok(None),
            Some(Entered::Answered(ended)) => return Ok(Some(ended)),
            Some(Entered::Ask(caching)) => {
                exchange.cache = Some(caching);
                return Ok(None);
            }
            Some(Entered::Wait(flight)) => {
                // Answers to earlier requests do not wait for this one's. Whoever is gone is found out when answered.
                let _ = connection.flush().await;
                cache::wait(flight, &shard).await;
                turn = Turn::AfterWaiting;
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
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
    let pace = Pace::start();
    while !collect.body.is_done() {
        shard.wheel.arm(&connection.timer, settings.body_idle_timeout_ms, Expiry::EndReading);
        if connection.read_some().await.is_err() {
            let timed_out = connection.timer.fired();
            return Err(if timed_out { body_timeout(&shard) } else { Failure::ClientGone });
        }
        collect.take(&mut connection.buffer, &shard).map_err(Failure::Client)?;
        if pace.is_too_slow(&collect.body, settings) {
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
    let Failure::Client(error) = failure else { return client_is_gone(connection, exchange, None) };
    conclude(connection, exchange, Err(error), None).await
}

/// Nobody waits for an answer any more.
pub(super) fn client_is_gone(connection: &Connection, exchange: Exchange, integration_us: Option<u64>) -> Ending {
    connection.shard.recorder.count(Counter::ClientAborts);
    let error = Some("the client went away");
    exchange.conclude(&connection.shard, Ended { status: 499, response_bytes: 0, integration_us, error });
    Ending::Abort
}

/// Sends what was answered, or the error.
pub(super) async fn conclude(
    connection: &mut Connection,
    mut exchange: Exchange,
    answered: Result<(u16, u64), GatewayError>,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    exchange.keep_alive &= !shard.is_draining();
    let ((status, response_bytes), error) = match answered {
        Ok(answered) => (answered, None),
        Err(error) if exchange.cache.is_some() && error.is_of_integration() => {
            match cache::give_for_error(&exchange, &shard, &mut connection.out) {
                Some(ended) => ((ended.status, ended.response_bytes), None),
                None => (answer_error(connection, &exchange, error), Some(error.message())),
            }
        }
        Err(error) => (answer_error(connection, &exchange, error), Some(error.message())),
    };
    let ending = exchange.ending();
    exchange.conclude(&shard, Ended { status, response_bytes, integration_us, error });
    if connection.flush().await.is_ok() { ending } else { Ending::Abort }
}

/// Reads the kept request again and gives it to `act`.
pub(super) fn with_inbound<R>(
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
        fills_cache: exchange.cache.as_ref().is_some_and(|caching| caching.fills()),
    }))
}

/// Why a mapping did not work out, as the client and as the log hear it.
pub struct Failed {
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

    pub(super) fn with_note(error: GatewayError, note: String) -> Failed {
        Failed { error, note: Some(note), detail: None }
    }

    fn with_detail(error: GatewayError, detail: ErrorDetail) -> Failed {
        Failed { error, note: None, detail: Some(detail) }
    }

    /// What only the API's owner can mend.
    pub(super) fn configuration(note: String) -> Failed {
        Failed::with_note(GatewayError::Configuration, note)
    }

    /// A body is not what `contentHandling` makes of it, or what a template can read.
    fn of_conversion(what: &str) -> Failed {
        Failed::configuration(what.to_owned())
    }

    pub(super) fn noted(self, exchange: &mut Exchange) -> GatewayError {
        exchange.detail = self.detail.map(Box::new);
        exchange.note = self.note.or(exchange.note.take());
        self.error
    }
}

/// Fields that a template must not set: they frame the message.
fn belongs_to_connection(name: &str) -> bool {
    const FRAMING: [&str; 6] = ["connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"];
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

/// AWS: "Unable to transform request".
const BINARY_REQUEST: &str =
    "the request's body is binary data, which no template can read; see `contentHandling: CONVERT_TO_TEXT`";
