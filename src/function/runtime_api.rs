//! The Runtime API of one process, on a port of its own: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::body::{Body, collect, next_frame};
use super::invocation::{Failure, Part};
use super::peer::Peer;
use super::process::{Delivery, Next, Process};

/// How many connections a runtime may have; a client needs one or two.
const CONNECTIONS_MAX: usize = 8;

/// How far an answer is read that is too large, for the sake of the runtime, which would die of a connection that closes.
const EXCESS_BYTES_MAX: usize = 256 << 20;

const ERROR_BYTES_MAX: usize = 256 << 10;

const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Serves the process until it is dropped.
pub async fn serve(process: Rc<Process>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            // No descriptor is free, for one; it would fail again at once.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX || !is_own(&process, &stream, remote) {
            continue;
        }
        connections.spawn_local(converse(Rc::clone(&process), stream));
    }
}

/// Whether the function's own process has the other end. Where that cannot be known, it has not.
fn is_own(process: &Process, stream: &TcpStream, remote: SocketAddr) -> bool {
    let peer = stream.local_addr().and_then(|local| Peer::of(local, remote));
    let is_own = match peer {
        Ok(peer) => match process.user {
            Some(user) => peer.user == user,
            None => peer.is_of(process.warden),
        },
        Err(_) => false,
    };
    if !is_own {
        let function = &process.function.live().definition.name;
        let peer = peer.map_or_else(|error| error.to_string(), |peer| format!("user {}", peer.user));
        tracing::warn!(function, "a connection to its Runtime API that is not its own is closed: {peer}");
    }
    is_own
}

async fn converse(process: Rc<Process>, stream: TcpStream) {
    // Without it answers are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let process = Rc::clone(&process);
        async move { Ok::<_, Infallible>(answer(&process, request).await) }
    });
    let connection = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    // How a runtime's connection ends is seen at its process.
    let _ = connection.await;
}

async fn answer(process: &Rc<Process>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    match (request.method(), &parts[..]) {
        (&Method::GET, ["invocation", "next"]) => next(process).await,
        (&Method::POST, ["invocation", id, "response"]) => respond(process, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => fail(process, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(process, request).await,
        _ => refusal(StatusCode::NOT_FOUND, "InvalidRequest", "there is no such call"),
    }
}

async fn next(process: &Rc<Process>) -> Response<Body> {
    let delivery = match process.next() {
        Next::Now(delivery) => Some(delivery),
        Next::Later(receiver) => receiver.await.ok(),
        Next::Refused => None,
    };
    match delivery {
        Some(delivery) => invocation(delivery),
        None => {
            refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", "this is not the time for the next invocation")
        }
    }
}

fn invocation(delivery: Delivery) -> Response<Body> {
    let Delivery { id, payload, deadline_ms, arn, trace_id, client_context } = delivery;
    let mut response = Response::new(Body::Whole(payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Ids are hexadecimal digits and hyphens.
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("lambda-runtime-aws-request-id"), id);
    }
    headers.insert(HeaderName::from_static("lambda-runtime-deadline-ms"), deadline_ms.into());
    headers.insert(HeaderName::from_static("lambda-runtime-invoked-function-arn"), arn);
    headers.insert(HeaderName::from_static("lambda-runtime-trace-id"), trace_id);
    if let Some(client_context) = client_context {
        headers.insert(HeaderName::from_static("lambda-runtime-client-context"), client_context);
    }
    response
}

async fn respond(process: &Rc<Process>, id: &str, request: Request<Incoming>) -> Response<Body> {
    let Some(streams) = process.answers(id) else { return not_its_own() };
    let is_stream = request.headers().get(RESPONSE_MODE).is_some_and(|mode| mode.as_bytes() == b"streaming");
    if streams && is_stream {
        return stream(process, id, request).await;
    }
    let most = process.function.host.settings.bounds.response_bytes_max;
    let Ok(collected) = collect(request.into_body(), most, EXCESS_BYTES_MAX, |_| true).await else {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the answer breaks off");
    };
    if let Some(failure) = collected.trailers.as_ref().and_then(failure_in) {
        return accepted(process.complete(id, failure.payload(), true));
    }
    match collected.bytes {
        Some(bytes) => accepted(process.complete(id, bytes, false)),
        None => {
            process.complete(id, Failure::response_too_large(most).payload(), true);
            let message = format!("Exceeded maximum allowed payload size ({most} bytes).");
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
    }
}

async fn stream(process: &Rc<Process>, id: &str, request: Request<Incoming>) -> Response<Body> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let content_type = content_type.unwrap_or_else(|| HeaderValue::from_static("application/octet-stream"));
    let Some(sender) = process.begin_stream(id, content_type) else { return not_its_own() };
    let mut body = request.into_body();
    let most = process.function.host.settings.bounds.stream_bytes_max;
    let (mut total, mut failure) = (0, None);
    loop {
        match next_frame(&mut body).await {
            Ok(Some(frame)) if frame.is_data() => {
                let data = frame.into_data().unwrap_or_default();
                total += data.len() as u64;
                if total > most {
                    failure = Some(Failure::response_too_large(usize::try_from(most).unwrap_or(usize::MAX)));
                    break;
                }
                pass(&sender, data).await;
            }
            Ok(Some(frame)) => failure = frame.trailers_ref().and_then(failure_in),
            Ok(None) => break,
            // The process is about to end, most likely, and its end ends the stream; or its deadline does.
            Err(_) => return refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the answer breaks off"),
        }
    }
    drop(sender);
    process.end_stream(id, failure).await;
    accepted(true)
}

/// Waits while the caller is behind. One that has left leaves the function to run on, as in AWS.
async fn pass(sender: &mpsc::Sender<Part>, data: Bytes) {
    if !data.is_empty() {
        let _ = sender.send(Part::Bytes(data)).await;
    }
}

/// The error that a streamed answer ends with, in its trailers.
fn failure_in(trailers: &HeaderMap) -> Option<Failure> {
    let text = |name| trailers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let error_type = text(ERROR_TYPE)?;
    let body = text(ERROR_BODY).and_then(|body| STANDARD.decode(body).ok()).unwrap_or_default();
    Some(Failure::of_stream(error_type, &String::from_utf8_lossy(&body)))
}

async fn fail(process: &Rc<Process>, id: &str, request: Request<Incoming>) -> Response<Body> {
    if process.answers(id).is_none() {
        return not_its_own();
    }
    let Some(error) = error(request).await else {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the error breaks off");
    };
    accepted(process.complete(id, error, true))
}

async fn init_error(process: &Rc<Process>, request: Request<Incoming>) -> Response<Body> {
    let Some(error) = error(request).await else {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the error breaks off");
    };
    if process.init_failed(error) {
        return accepted(true);
    }
    refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", "the start is over")
}

/// The error that a runtime reports: what it says, or only of which type it is.
async fn error(request: Request<Incoming>) -> Option<Bytes> {
    let error_type =
        request.headers().get(ERROR_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let collected = collect(request.into_body(), ERROR_BYTES_MAX, EXCESS_BYTES_MAX, |_| true).await.ok()?;
    let is_json = |bytes: &Bytes| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    Some(collected.bytes.filter(is_json).unwrap_or_else(|| {
        let error_type = if error_type.is_empty() { "Runtime.Unknown" } else { &error_type };
        serde_json::json!({ "errorType": error_type, "errorMessage": "" }).to_string().into()
    }))
}

fn not_its_own() -> Response<Body> {
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn accepted(is_taken: bool) -> Response<Body> {
    if !is_taken {
        return not_its_own();
    }
    let mut response = Response::new(Body::from("{\"status\":\"OK\"}\n".to_owned()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response<Body> {
    let shape = serde_json::json!({ "errorMessage": message, "errorType": error_type });
    let mut response = Response::new(Body::from(shape.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
