//! `aws_proxy`: a Lambda function is invoked with the request as an event, and what it answers becomes HTTP's answer.
//!
//! - [`event`]: the event, payload format 1.0.
//! - [`answer`]: what the function answers.
//! - [`stream`]: an answer that is passed on while it comes.
//!
//! What goes wrong is told as AWS tells it: what the Lambda API refuses is a 500 for the client, what the function does wrong
//! a 502. (Lambda's developer guide, `services-apigateway-errors`.) Nothing is invoked twice.

pub mod answer;
pub mod event;
mod stream;

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Instant;

use crate::http::encode;
use crate::plan::content::{Conversion, NotBase64};
use crate::plan::lambda::{FunctionCall, LambdaIntegration, SignatureScope};
use crate::stats::Counter;

use super::super::cache::filling::{Filling, Seen};
use super::super::call::{self, CallAnswer, CallError, CallRequest};
use super::super::compress::compress_whole;
use super::super::connection::{Connection, Ending};
use super::super::exchange::Exchange;
use super::super::forwarding::Inbound;
use super::super::respond::{GatewayError, write_date, write_own_fields};
use super::super::shard::Shard;
use super::super::upstream::{ConnectError, Upstream};
use super::mapped::{Failed, WholeRequest, client_is_gone, conclude, with_inbound};
use super::mock::{accepted_type, media_type};
use super::signed;
use answer::{Malformed, ProxyAnswer};
use event::{Event, TRACE_ID};

/// Runs an exchange whose request is all there.
pub async fn run(
    connection: &mut Connection,
    mut exchange: Exchange,
    request: WholeRequest,
    lambda: &LambdaIntegration,
) -> Ending {
    let Some((stage, _)) = exchange.found else {
        debug_assert!(false, "a method was found before its body was collected");
        return Ending::Abort;
    };
    let (live, shard) = (Rc::clone(&exchange.live), Rc::clone(&connection.shard));
    let upstream = live.upstream(stage, lambda.call.origin);
    let prepared =
        with_inbound(connection, &exchange, &request, |inbound| prepare(inbound, &request, lambda, upstream, &shard));
    drop(request);
    let invocation = match prepared.map_err(Failed::from).and_then(|prepared| prepared) {
        Ok(invocation) => invocation,
        Err(failed) => {
            let error = failed.noted(&mut exchange);
            return conclude(connection, exchange, Err(error), None).await;
        }
    };
    // Answers to earlier requests of the connection do not wait for this one's function.
    if connection.flush().await.is_err() {
        return client_is_gone(connection, exchange, None);
    }
    // A function may take longer than the client's head or body was allowed to.
    shard.wheel.disarm(&connection.timer);
    if let Some(trace) = &shard.trace {
        trace.sending(&upstream.origin, &invocation.request, true);
    }
    if lambda.streams {
        return Box::pin(stream::run(connection, exchange, lambda, upstream, invocation)).await;
    }
    let Invocation { request, wants_binary } = invocation;
    let asked = Instant::now();
    let (bytes_max, request) = (shard.settings.function.answer_bytes_max, request_of(request, lambda));
    let answer = call::call(upstream, request, bytes_max, &shard).await;
    let integration_us = Some(asked.elapsed().as_micros() as u64);
    let answered = match answer {
        Ok(answer) => give(connection, &mut exchange, &answer, wants_binary),
        Err(error) => Err(call_failed(error, &mut exchange, &shard)),
    };
    conclude(connection, exchange, answered, integration_us).await
}

/// A request to the Invoke API.
struct Invocation {
    /// Head and body.
    request: Vec<u8>,
    /// The client takes binary data: what the function gives as base64 is decoded.
    wants_binary: bool,
}

fn request_of(bytes: Vec<u8>, lambda: &LambdaIntegration) -> CallRequest {
    CallRequest { bytes, idempotent: false, timeout_ms: u64::from(lambda.timeout_ms) }
}

/// Beside the event.
const HEAD_BYTES: usize = 1024;

fn prepare(
    inbound: &Inbound<'_>,
    request: &WholeRequest,
    lambda: &LambdaIntegration,
    upstream: &Upstream,
    shard: &Shard,
) -> Result<Invocation, Failed> {
    // Functions are often written for CGI's naming, which cannot tell such twins apart.
    if inbound.has_refused_twin(&[]) {
        return Err(GatewayError::BadRequest.into());
    }
    let types = inbound.facts.stage.map(|stage| &stage.binary_media_types);
    let is_binary = |media_type: &[u8]| types.is_some_and(|types| types.contains(media_type));
    let trace_id = trace_id(inbound);
    let event = Event {
        inbound,
        body: &request.body,
        is_binary: is_binary(media_type(inbound.head.content_type.unwrap_or(b"application/json"))),
        trace_id: &trace_id,
        operation_name: lambda.operation_name.as_deref(),
    }
    .to_json();
    if event.len() as u64 > shard.settings.function.event_bytes_max {
        return Err(GatewayError::RequestTooLarge.into());
    }
    let head = invocation(inbound, &lambda.call, lambda.streams, &event, upstream, shard)?;
    // Who does not say what he accepts, accepts everything.
    let wants_binary = is_binary(accepted_type(inbound.head).unwrap_or(b"*/*"));
    Ok(Invocation { request: head, wants_binary })
}

/// The request that invokes a function with an event and waits for what it answers, signed where its place wants that.
/// (Lambda's API reference, `API_Invoke`.)
///
/// # Errors
/// There are no credentials to sign it with.
pub fn invocation(
    inbound: &Inbound<'_>,
    call: &FunctionCall,
    streams: bool,
    event: &[u8],
    upstream: &Upstream,
    shard: &Shard,
) -> Result<Vec<u8>, Failed> {
    let path = if streams { &call.streaming_path } else { &call.path };
    let mut head = Vec::with_capacity(HEAD_BYTES + event.len());
    head.extend_from_slice(b"POST ");
    head.extend_from_slice(path.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\n");
    head.extend_from_slice(&upstream.host_line);
    head.extend_from_slice(b"Content-Type: application/json\r\nAccept: application/json\r\n");
    let api_id = inbound.facts.stage.map_or("", |stage| &*stage.api_id);
    head.extend_from_slice(b"User-Agent: AmazonAPIGateway_");
    head.extend_from_slice(api_id.as_bytes());
    // Never the client's own: how a function is invoked is not his to say.
    head.extend_from_slice(b"\r\nX-Amz-Invocation-Type: RequestResponse\r\n");
    encode::field(TRACE_ID, &trace_id(inbound), &mut head);
    encode::field("x-amzn-apigateway-api-id", api_id.as_bytes(), &mut head);
    encode::content_length(event.len() as u64, &mut head);
    head.extend_from_slice(b"\r\n");
    if let Some(region) = &call.signed_for {
        let scope = SignatureScope { region: region.clone(), service: "lambda".into() };
        signed::sign(&mut head, event, &scope, shard)?;
    }
    head.extend_from_slice(event);
    Ok(head)
}

/// The event of a Lambda authorizer that sees the whole request, but for its body. (Guide,
/// `api-gateway-lambda-authorizer-input`.)
pub fn authorizer_event(inbound: &Inbound<'_>, method_arn: &str) -> Vec<u8> {
    let trace_id = trace_id(inbound);
    let event = Event { inbound, body: b"", is_binary: false, trace_id: &trace_id, operation_name: None };
    event.to_authorizer(method_arn)
}

/// The client's, or one that begins here, in AWS's form: the time, and 96 bits that are the request's own.
fn trace_id<'i>(inbound: &'i Inbound<'_>) -> Cow<'i, [u8]> {
    let mut fields = inbound.head.fields.iter();
    if let Some(field) = fields.find(|field| field.name.eq_ignore_ascii_case(TRACE_ID)) {
        return Cow::Borrowed(field.value);
    }
    let mut id = format!("Root=1-{:08x}-", inbound.facts.time_ms / 1000).into_bytes();
    id.extend(inbound.facts.ids.request().iter().filter(|byte| **byte != b'-').take(24));
    Cow::Owned(id)
}

/// What a function says when it has failed. Any of it may be missing.
#[derive(serde::Deserialize)]
struct FunctionError {
    #[serde(default, rename = "errorMessage")]
    message: Option<String>,
}

/// As much of a function's message is kept as a log line has of any value.
const MESSAGE_BYTES_MAX: usize = 1024;

/// `errorMessage` of a function that has failed.
pub(super) fn error_message(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<FunctionError>(body).ok()?.message
}

/// Writes the client's answer; its status and length.
fn give(
    connection: &mut Connection,
    exchange: &mut Exchange,
    answer: &CallAnswer,
    wants_binary: bool,
) -> Result<(u16, u64), GatewayError> {
    let shard = Rc::clone(&connection.shard);
    if let Some(trace) = &shard.trace {
        trace.received(answer.raw_head());
        trace.received_body(&answer.body);
    }
    exchange.integration_status.set(Some(answer.status));
    if let Some(refused) = refusal(answer.status, || answer.field("x-amzn-requestid")) {
        return Err(refused.noted(exchange));
    }
    if answer.field("x-amz-function-error").is_some() {
        let message = error_message(&answer.body).unwrap_or_else(|| "the function failed without a message".to_owned());
        return Err(function_failed(&message, answer.field("x-amzn-requestid")).noted(exchange));
    }
    let parsed = ProxyAnswer::parse(&answer.body).map_err(malformed).and_then(|parsed| {
        exchange.function_status.set(Some(parsed.status));
        write(&parsed, wants_binary, exchange, &shard, &mut connection.out)
    });
    parsed.map_err(|failed| failed.noted(exchange))
}

/// What the Lambda API says by its status, if it has not invoked the function.
pub(super) fn refusal(status: u16, request_id: impl FnOnce() -> Option<Vec<u8>>) -> Option<Failed> {
    let error = match status {
        200..=299 => return None,
        413 => GatewayError::RequestTooLarge,
        _ => GatewayError::InvocationFailed,
    };
    let note = format!("Lambda invocation failed with status: {status}.{}", of_request(request_id()));
    Some(Failed::with_note(error, note))
}

fn of_request(request_id: Option<Vec<u8>>) -> String {
    request_id.map(|id| format!(" Lambda request id: {}", String::from_utf8_lossy(&id))).unwrap_or_default()
}

/// In AWS's words.
fn function_failed(message: &str, request_id: Option<Vec<u8>>) -> Failed {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    let note = format!(
        "Lambda execution failed with status 200 due to customer function error: {message}.{}",
        of_request(request_id)
    );
    Failed::with_note(GatewayError::IntegrationMalformed, note)
}

fn malformed(Malformed(what): Malformed) -> Failed {
    Failed::with_note(GatewayError::IntegrationMalformed, format!("Malformed Lambda proxy response: {what}"))
}

fn call_failed(error: CallError, exchange: &mut Exchange, shard: &Shard) -> GatewayError {
    let kind = match error {
        CallError::Connect(ConnectError::Busy) => GatewayError::IntegrationBusy,
        CallError::Connect(ConnectError::TimedOut) => GatewayError::IntegrationTimeout,
        CallError::TimedOut => {
            shard.recorder.count(Counter::UpstreamHeadTimeout);
            GatewayError::IntegrationTimeout
        }
        CallError::Connect(ConnectError::Unreachable) | CallError::Gone => GatewayError::IntegrationFailure,
        CallError::Malformed(_) | CallError::TooLarge => GatewayError::IntegrationMalformed,
    };
    Failed::with_note(kind, format!("the function: {}", error.message())).noted(exchange)
}

/// Writes an answer; its status and length.
fn write(
    answer: &ProxyAnswer<'_>,
    wants_binary: bool,
    exchange: &Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Result<(u16, u64), Failed> {
    let conversion = if answer.is_base64_encoded && wants_binary { Conversion::FromBase64 } else { Conversion::None };
    let body = conversion.apply(answer.body.as_bytes().into()).map_err(|NotBase64| {
        Failed::with_note(GatewayError::Configuration, "Unable to base64 decode the body.".to_owned())
    })?;
    let start = out.len();
    encode::status_line(answer.status, out);
    write_date(&shard.date(), out);
    answer.write_headers(out);
    if out.len() - start > shard.settings.upstream.response_head_bytes_max {
        out.truncate(start);
        return Err(malformed(Malformed("its headers are too large".to_owned())));
    }
    let bodiless = matches!(answer.status, 204 | 304);
    if !bodiless {
        encode::content_length(body.len() as u64, out);
    }
    if let Some(caching) = &exchange.cache {
        if let Some(filling) = caching.take_filling() {
            keep(filling, answer, &out[start..], if bodiless { b"" } else { &body }, exchange, shard);
        }
        caching.note.write(shard, out);
    }
    write_own_fields(&exchange.ids, exchange.persistence(), out);
    out.extend_from_slice(b"\r\n");
    if bodiless || exchange.to_head_request {
        return Ok((answer.status, 0));
    }
    out.extend_from_slice(&body);
    let coded = compress_whole(exchange.compress, &shard.encoders, start, out);
    Ok((answer.status, coded.unwrap_or(body.len() as u64)))
}

/// Keeps an answer for others, if it may be kept.
fn keep(filling: Box<Filling>, answer: &ProxyAnswer<'_>, head: &[u8], body: &[u8], exchange: &Exchange, shard: &Shard) {
    let method = exchange.found.and_then(|(stage, method)| exchange.live.cached_method(stage, method));
    let seen = Seen { status: answer.status, head, length: Some(body.len() as u64) };
    let fields = answer.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let capture = method.and_then(|method| filling.open(method, &seen, fields, shard.now_ms()));
    if let Some(capture) = capture {
        capture.keep_whole(body, shard.now_ms());
    }
}
