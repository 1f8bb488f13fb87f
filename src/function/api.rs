//! The HTTP listener of the host: AWS's Invoke API and control API, and what `tollgate functions` asks for.
//!
//! - [`invoke`]: `Invoke`, `InvokeAsync`, `InvokeWithResponseStream`.
//! - [`control`]: `CreateFunction` and its like.
//! - [`logs`]: the log of a function, which AWS has in CloudWatch.
//! - [`error`]: errors as AWS's Lambda has them.

mod control;
mod error;
mod invoke;
mod logs;
mod shape;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::body::{Body, NotCollected, collect};
use super::host::{Shared, uuid};
use super::peer::Peer;
use super::pool::Throttled;
use error::Exception;

/// Connections that there may be at a time; the data plane has some for each shard.
const CONNECTIONS_MAX: usize = 4_096;

/// How far a body is read that is too large, so that the answer is seen.
const EXCESS_BYTES_MAX: usize = 64 << 20;

const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Says whether a call may be made.
pub type Gate = Box<dyn Fn(&Call<'_>) -> Result<(), Denied> + Send>;

/// A call as whoever judges it needs it.
pub struct Call<'a> {
    pub kind: CallKind,
    pub method: &'a str,
    /// As it came, percent-encoded.
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub peer: SocketAddr,
    /// The user that runs the process at the other end, if that is on this machine.
    pub peer_user: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Invoke,
    /// Looks at functions.
    Read,
    /// Changes functions.
    Write,
}

/// Why a call may not be made.
pub struct Denied {
    pub status: StatusCode,
    pub error_type: &'static str,
    pub message: String,
}

/// Where a request came from.
#[derive(Clone, Copy)]
struct Ends {
    local: SocketAddr,
    remote: SocketAddr,
}

/// Serves until it is dropped.
pub async fn serve(host: Rc<Shared>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, remote)) => {
                let host = Rc::clone(&host);
                tokio::task::spawn_local(async move {
                    converse(host, stream, remote).await;
                    drop(place);
                });
            }
            // No descriptor is free, for one; it would fail again at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn converse(host: Rc<Shared>, stream: TcpStream, remote: SocketAddr) {
    // Without it answers are only slower.
    let _ = stream.set_nodelay(true);
    let ends = Ends { local: stream.local_addr().unwrap_or(remote), remote };
    let service = service_fn(|request| {
        let host = Rc::clone(&host);
        async move { Ok::<_, Infallible>(answer(&host, request, ends).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).auto_date_header(false);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    // A client that breaks off has nobody to be told.
    let _ = connection.await;
}

/// What is asked for.
enum Operation<'a> {
    Invoke { function: &'a str, how: invoke::How },
    Control(control::Operation<'a>),
    Logs { function: &'a str },
    Load,
}

impl Operation<'_> {
    fn kind(&self) -> CallKind {
        match self {
            Operation::Invoke { .. } => CallKind::Invoke,
            Operation::Control(operation) if operation.writes() => CallKind::Write,
            Operation::Control(_) | Operation::Logs { .. } | Operation::Load => CallKind::Read,
        }
    }

    fn find<'a>(method: &str, parts: &[&'a str]) -> Option<Operation<'a>> {
        match (method, parts) {
            ("POST", ["2015-03-31", "functions", function, "invocations"]) => {
                Some(Operation::Invoke { function, how: invoke::How::Buffered })
            }
            ("POST", ["2021-11-15", "functions", function, "response-streaming-invocations"]) => {
                Some(Operation::Invoke { function, how: invoke::How::Streaming })
            }
            ("POST", ["2014-11-13", "functions", function, "invoke-async"]) => {
                Some(Operation::Invoke { function, how: invoke::How::Async })
            }
            ("GET", ["tollgate", "functions"]) => Some(Operation::Load),
            ("GET", ["tollgate", "functions", function, "logs"]) => Some(Operation::Logs { function }),
            _ => control::Operation::find(method, parts).map(Operation::Control),
        }
    }
}

async fn answer(host: &Rc<Shared>, request: Request<Incoming>, ends: Ends) -> Response<Body> {
    let id: Rc<str> = uuid().into();
    let answered = answer_or_refuse(host, request, ends, &id).await;
    let mut response = answered.unwrap_or_else(|exception| exception.response());
    // Ids are hexadecimal digits and hyphens.
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

async fn answer_or_refuse(
    host: &Rc<Shared>,
    request: Request<Incoming>,
    ends: Ends,
    id: &Rc<str>,
) -> Result<Response<Body>, Exception> {
    let (head, body) = request.into_parts();
    let decoded = decoded(head.uri.path()).ok_or_else(|| Exception::unknown_operation(head.uri.path()))?;
    // Some calls of AWS end in a slash.
    let parts: Vec<&str> = decoded.trim_end_matches('\0').split('\0').skip(1).collect();
    let operation =
        Operation::find(head.method.as_str(), &parts).ok_or_else(|| Exception::unknown_operation(head.uri.path()))?;
    let kind = operation.kind();
    let most = match &operation {
        Operation::Invoke { how, .. } => how.bytes_max(&head.headers, &host.settings.bounds),
        // Base64, with everything around it.
        Operation::Control(_) => {
            usize::try_from(host.settings.bounds.code.zip_bytes_max).unwrap_or(usize::MAX).saturating_mul(2)
        }
        Operation::Logs { .. } | Operation::Load => 0,
    };
    let mut held = host.hold();
    let collected = collect(body, most, most.saturating_add(EXCESS_BYTES_MAX), |bytes| held.grow(bytes));
    let collected = tokio::time::timeout(BODY_TIMEOUT, collected).await;
    let collected = collected.map_err(|_| Exception::invalid_request("The request takes too long."))?;
    let collected = collected.map_err(|error| match error {
        NotCollected::BrokenOff => Exception::invalid_request("The request breaks off."),
        NotCollected::NoRoom => Exception::throttled(Throttled::Payloads),
    })?;
    let body = collected.bytes.ok_or_else(|| Exception::too_large(most))?;
    let query = head.uri.query().unwrap_or_default();
    let peer_user = match kind {
        CallKind::Invoke => None,
        CallKind::Read | CallKind::Write => Peer::of(ends.local, ends.remote).ok().map(|peer| peer.user),
    };
    let (method, path) = (head.method.as_str(), head.uri.path());
    let headers = &head.headers;
    let call = Call { kind, method, path, query, headers, body: &body, peer: ends.remote, peer_user };
    (host.settings.gate)(&call).map_err(Exception::from)?;
    match operation {
        Operation::Invoke { function, how } => {
            let event = invoke::Event { payload: body, held };
            invoke::run(host, how, function, headers, query, event, id).await
        }
        Operation::Control(operation) => control::run(host, operation, query, &body).await.map(Answer::response),
        Operation::Logs { function } => logs::read(host, function, query).map(Answer::response),
        Operation::Load => Ok(logs::load(host).response()),
    }
}

/// A JSON answer.
struct Answer {
    status: StatusCode,
    body: serde_json::Value,
}

impl Answer {
    fn ok(body: serde_json::Value) -> Answer {
        Answer { status: StatusCode::OK, body }
    }

    fn created(body: serde_json::Value) -> Answer {
        Answer { status: StatusCode::CREATED, body }
    }

    fn nothing() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, body: serde_json::Value::Null }
    }

    fn response(self) -> Response<Body> {
        let body = if self.body.is_null() { Bytes::new() } else { self.body.to_string().into() };
        let mut response = Response::new(Body::Whole(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// A path percent-decoded, with NUL for each slash that was none of a segment's; `None` for what is no UTF-8, or has a NUL.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'/' => bytes.push(0),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = digit(rest.next())? * 16 + digit(rest.next())?;
                bytes.push(u8::try_from(value).ok().filter(|value| *value != 0)?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// A value of a query, percent-decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name).then_some(value)
    })?;
    decoded(&pair.replace('+', " ")).map(|value| value.replace('\0', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(decoded("/a/b%2Fc%3a").as_deref(), Some("\0a\0b/c:"));
        assert_eq!(decoded("/%"), None);
        assert_eq!(decoded("/%00"), None);
        assert_eq!(decoded("/%ff"), None);
        assert_eq!(parameter("a=1&Qualifier=%24LATEST", "Qualifier").as_deref(), Some("$LATEST"));
        assert_eq!(parameter("a=1", "Qualifier"), None);
    }

    #[track_caller]
    fn check(method: &str, path: &str, expected: Option<CallKind>) {
        let path = decoded(path).expect("a path");
        let parts: Vec<&str> = path.trim_end_matches('\0').split('\0').skip(1).collect();
        assert_eq!(Operation::find(method, &parts).map(|operation| operation.kind()), expected, "{method} {path}");
    }

    #[test]
    fn operations() {
        check("POST", "/2015-03-31/functions/pets/invocations", Some(CallKind::Invoke));
        check("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations", Some(CallKind::Invoke));
        check("POST", "/2014-11-13/functions/pets/invoke-async/", Some(CallKind::Invoke));
        check("POST", "/2021-11-15/functions/pets/response-streaming-invocations", Some(CallKind::Invoke));
        check("GET", "/2015-03-31/functions/pets/invocations", None);
        check("POST", "/2015-03-31/functions", Some(CallKind::Write));
        check("GET", "/2015-03-31/functions/", Some(CallKind::Read));
        check("GET", "/2015-03-31/functions/pets", Some(CallKind::Read));
        check("DELETE", "/2015-03-31/functions/pets", Some(CallKind::Write));
        check("PUT", "/2015-03-31/functions/pets/code", Some(CallKind::Write));
        check("GET", "/tollgate/functions/pets/logs", Some(CallKind::Read));
        check("GET", "/", None);
    }
}
