//! The Invoke API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde::de::IgnoredAny;
use tokio::sync::{mpsc, oneshot};

use super::error::Exception;
use super::parameter;
use crate::function::Bounds;
use crate::function::body::Body;
use crate::function::eventstream;
use crate::function::host::{Held, Shared, uuid};
use crate::function::invocation::{Answer, Complete, Failure, Invocation, Part, Streamed};
use crate::function::name::{LATEST, Reference, arn};
use crate::function::pool::Function;

/// Which of the calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Buffered,
    Streaming,
    /// The old asynchronous call.
    Async,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

/// `X-Amz-Client-Context` once it is decoded: "Up to 3,583 bytes of base64-encoded data".
const CLIENT_CONTEXT_BYTES_MAX: usize = 3_583;

/// What waits for a caller that is slow to take a stream.
const FRAMES_MAX: usize = 4;

impl How {
    /// How large a payload may be.
    pub fn bytes_max(self, headers: &HeaderMap, bounds: &Bounds) -> usize {
        match self {
            How::Async => bounds.event_bytes_max,
            _ if headers.get("x-amz-invocation-type").is_some_and(|value| value == "Event") => bounds.event_bytes_max,
            How::Buffered | How::Streaming => bounds.request_bytes_max,
        }
    }
}

/// What a function is to be given, and what is counted of it.
pub struct Event {
    pub payload: Bytes,
    pub held: Held,
}

pub async fn run(
    host: &Rc<Shared>,
    how: How,
    name: &str,
    headers: &HeaderMap,
    query: &str,
    event: Event,
    id: &Rc<str>,
) -> Result<Response<Body>, Exception> {
    let (function, arn) = find(host, name, query)?;
    let invocation_type = invocation_type(how, headers)?;
    let Event { payload, held } = event;
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&payload) {
        return Err(Exception::invalid_request(format!("Could not parse request body into json: {error}")));
    }
    if invocation_type == InvocationType::DryRun {
        return Ok(executed(StatusCode::NO_CONTENT, Body::Whole(Bytes::new())));
    }
    let (reply, answer) = oneshot::channel();
    let invocation = Invocation {
        id: Rc::clone(id),
        payload,
        client_context: client_context(headers)?,
        trace_id: trace_id(headers),
        arn,
        streams: how == How::Streaming,
        wants_tail: wants_tail(headers)?,
        held: Some(held),
        reply,
    };
    if invocation_type == InvocationType::Event {
        let name = &function.live().definition.name;
        return match host.events.take(host, name, invocation) {
            true => Ok(executed(StatusCode::ACCEPTED, accepted_body(how))),
            false => Err(Exception::throttled(crate::function::pool::Throttled::Queue)),
        };
    }
    function.invoke(invocation).map_err(Exception::throttled)?;
    match (answer.await, how) {
        (Ok(Answer::Complete(complete)), How::Buffered | How::Async) => Ok(buffered(complete)),
        (Ok(Answer::Complete(complete)), How::Streaming) => Ok(at_once(complete)),
        (Ok(Answer::Stream(streamed)), _) => Ok(streaming(streamed)),
        (Err(_), _) => Err(Exception::service("the invocation was lost")),
    }
}

/// The function, and the ARN by which it is invoked.
fn find(host: &Shared, name: &str, query: &str) -> Result<(Rc<Function>, HeaderValue), Exception> {
    let wrong = || Exception::invalid_parameter(format!("{name:?} is no name of a function"));
    let reference = Reference::parse(name).ok_or_else(wrong)?;
    let parameter = parameter(query, "Qualifier");
    let qualifier = match (reference.qualifier, parameter.as_deref()) {
        (Some(one), Some(other)) if one != other => {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(Exception::invalid_parameter(message));
        }
        (one, other) => one.or(other),
    };
    let qualified = |mut arn: String| {
        arn.extend(qualifier.into_iter().flat_map(|qualifier| [":", qualifier]));
        arn
    };
    let function = host.function(reference.name).filter(|function| function.live().definition.has(qualifier));
    let Some(function) = function else {
        let arn = arn(&host.settings.region, &host.settings.account_id, reference.name);
        return Err(Exception::not_found(&qualified(arn)));
    };
    let arn = qualified(function.live().arn.clone());
    Ok((function, HeaderValue::try_from(arn).map_err(|_| wrong())?))
}

fn invocation_type(how: How, headers: &HeaderMap) -> Result<InvocationType, Exception> {
    let written = headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes);
    match (how, written) {
        (How::Async, _) => Ok(InvocationType::Event),
        (_, None | Some(b"RequestResponse")) => Ok(InvocationType::RequestResponse),
        (_, Some(b"DryRun")) => Ok(InvocationType::DryRun),
        (How::Buffered, Some(b"Event")) => Ok(InvocationType::Event),
        (_, Some(other)) => {
            let other = String::from_utf8_lossy(other);
            Err(Exception::invalid_parameter(format!("{other:?} is no invocation type here")))
        }
    }
}

fn wants_tail(headers: &HeaderMap) -> Result<bool, Exception> {
    match headers.get("x-amz-log-type").map(HeaderValue::as_bytes) {
        None | Some(b"None") => Ok(false),
        Some(b"Tail") => Ok(true),
        Some(_) => Err(Exception::invalid_parameter("X-Amz-Log-Type is None or Tail")),
    }
}

/// The client's context as JSON in one line, as runtimes take it.
fn client_context(headers: &HeaderMap) -> Result<Option<HeaderValue>, Exception> {
    let Some(encoded) = headers.get("x-amz-client-context") else { return Ok(None) };
    let wrong = || Exception::invalid_request("Client context must be a valid Base64-encoded JSON object.");
    if encoded.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(wrong());
    }
    let bytes = STANDARD.decode(encoded.as_bytes()).map_err(|_| wrong())?;
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    HeaderValue::from_str(&serde_json::Value::Object(json).to_string()).map(Some).map_err(|_| wrong())
}

/// The caller's trace, or a new one that nobody samples.
fn trace_id(headers: &HeaderMap) -> HeaderValue {
    headers.get("x-amzn-trace-id").cloned().unwrap_or_else(|| {
        let id = uuid().replace('-', "");
        let trace = format!("Root=1-{}-{};Sampled=0", &id[..8], &id[8..]);
        HeaderValue::from_str(&trace).unwrap_or_else(|_| HeaderValue::from_static("Sampled=0"))
    })
}

fn executed(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("x-amz-executed-version"), HeaderValue::from_static(LATEST));
    response
}

fn accepted_body(how: How) -> Body {
    // The old call answers its status in a body too.
    Body::Whole(if how == How::Async { Bytes::from_static(b"{\"Status\":202}") } else { Bytes::new() })
}

fn buffered(Complete { payload, failed, tail }: Complete) -> Response<Body> {
    let mut response = executed(StatusCode::OK, Body::Whole(payload));
    let headers = response.headers_mut();
    if failed {
        headers.insert(HeaderName::from_static("x-amz-function-error"), HeaderValue::from_static("Unhandled"));
    }
    if let Some(tail) = tail
        && let Ok(tail) = HeaderValue::from_str(&STANDARD.encode(tail))
    {
        headers.insert(HeaderName::from_static("x-amz-log-result"), tail);
    }
    response
}

/// An answer that did not stream, for a caller that takes streams.
fn at_once(Complete { payload, failed, tail }: Complete) -> Response<Body> {
    let tail = tail.map(|tail| STANDARD.encode(tail));
    let frames = if failed {
        // The error is what ends the stream.
        let details = String::from_utf8_lossy(&payload);
        let shape: Option<serde_json::Value> = serde_json::from_slice(&payload).ok();
        let error_type = shape.as_ref().and_then(|shape| shape.get("errorType")?.as_str()).unwrap_or("Unhandled");
        eventstream::invoke_complete(Some((error_type, &details)), tail.as_deref())
    } else {
        let mut frames = eventstream::payload_chunk(&payload);
        frames.extend(eventstream::invoke_complete(None, tail.as_deref()));
        frames
    };
    framed(Body::Whole(frames.into()), HeaderValue::from_static("application/octet-stream"))
}

fn streaming(Streamed { content_type, mut parts }: Streamed) -> Response<Body> {
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    tokio::task::spawn_local(async move {
        loop {
            let (frame, is_last) = match parts.recv().await {
                Some(Part::Bytes(bytes)) => (eventstream::payload_chunk(&bytes), false),
                Some(Part::End { failure, tail }) => (last(failure.as_ref(), tail), true),
                None => (last(Some(&Failure::stream_broke_off()), None), true),
            };
            if sender.send(frame.into()).await.is_err() || is_last {
                return;
            }
        }
    });
    framed(Body::Parts(frames), content_type)
}

fn last(failure: Option<&Failure>, tail: Option<String>) -> Vec<u8> {
    let tail = tail.map(|tail| STANDARD.encode(tail));
    let error = failure.map(|failure| {
        let error_type = if failure.error_type.is_empty() { "Unhandled" } else { &failure.error_type };
        (error_type, failure.message.as_str())
    });
    eventstream::invoke_complete(error, tail.as_deref())
}

/// What the function says of its answer's type stands beside that of the frames.
fn framed(body: Body, content_type: HeaderValue) -> Response<Body> {
    let mut response = executed(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(eventstream::CONTENT_TYPE));
    headers.insert(HeaderName::from_static("x-amzn-remapped-content-type"), content_type);
    response
}
