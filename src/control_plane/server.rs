//! The admin listener: health, readiness, metrics, reload, and the [`management`] API.
//!
//! Who may do what there is `access`'s to say; the routes that only tell how the gateway is are open.

pub mod management;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, Request, State as Shared};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::access::{self, Access, CallKind, Refusal};
use super::audit::{AuditLog, Caller, Record};
use super::exposition;
use super::keeper::KeeperHandle;
use super::operation::Random;
use super::publish::Reload;
use super::state::State;
use crate::plan::compile;
use crate::plan::test_invocation::TestInvoker;
use crate::sign::Timestamp;

const CONNECTIONS_MAX: usize = 128;
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// For a request's head, and for the pause between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// For a whole connection: whoever writes or reads slower than any tool does is cut off.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3600);

/// TestInvokeMethod at a time; each has a shard of its own while it runs.
pub const TESTS_MAX: usize = 8;

/// What handlers have.
#[derive(Clone)]
pub struct Admin {
    pub state: Arc<State>,
    pub reloads: mpsc::Sender<Reload>,
    pub management: Arc<Management>,
}

/// What the management API needs.
pub struct Management {
    pub keeper: KeeperHandle,
    pub access: Access,
    pub audit: AuditLog,
    pub random: Box<dyn Random + Send + Sync>,
    pub test_invoker: Arc<dyn TestInvoker>,
    /// As of files; TestInvokeMethod compiles with them.
    pub compile_options: compile::Options,
    /// The largest body, which is an API's definition.
    pub definition_bytes_max: usize,
    /// Whether `POST /reset` is there.
    pub may_reset: bool,
    /// [`TESTS_MAX`] of them.
    pub test_places: Semaphore,
}

/// The address of a request's sender.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Management {
    /// A UUID, version 4.
    fn request_id(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, admin: Admin) -> Infallible {
    let router = router(admin);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, Peer(peer.ip())),
            Err(error) => {
                // Out of descriptors, most likely. Accepting again at once would spin.
                tracing::warn!(%error, "admin listener: cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone().layer(axum::Extension(peer)));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // What goes wrong on a connection is its client's to notice.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(place);
        });
    }
}

fn router(admin: Admin) -> Router {
    let operators = Router::new()
        .route("/reload", post(reload))
        .route("/reset", post(reset))
        .layer(middleware::from_fn_with_state(admin.clone(), operators_only));
    Router::new()
        .merge(operators)
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(other)
        .with_state(admin)
}

async fn index(Shared(admin): Shared<Admin>) -> Json<Value> {
    Json(json!({
        "name": "tollgate",
        "version": admin.state.version,
        "endpoints": {
            "GET /healthz": "200 while the control thread is alive",
            "GET /readyz": "200 when requests can be served; ?verbose lists each condition",
            "GET /metrics": "statistics for Prometheus",
            "POST /reload": "build and publish the configuration again",
            "/restapis, /apikeys, …": "the management API of API Gateway: aws apigateway --endpoint-url, boto3, Terraform",
        },
    }))
}

/// Who answers is alive; but without its publisher the gateway serves ever older addresses, and wants a restart.
async fn healthz(Shared(admin): Shared<Admin>) -> (StatusCode, &'static str) {
    if admin.reloads.is_closed() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the publisher has ended\n");
    }
    (StatusCode::OK, "ok\n")
}

async fn readyz(Shared(admin): Shared<Admin>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let conditions = admin.state.readiness();
    let ready = conditions.iter().all(|(_, trouble)| trouble.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    let mut text = String::new();
    for (name, trouble) in conditions.iter().filter(|(_, trouble)| verbose || trouble.is_some()) {
        text += &match trouble {
            None => format!("[+] {name}: ok\n"),
            Some(trouble) => format!("[-] {name}: {trouble}\n"),
        };
    }
    if verbose && let Some(reason) = admin.state.history().last_error {
        text += &format!("[!] the last configuration was refused: {reason}\n");
    }
    text += if ready { "ready\n" } else { "not ready\n" };
    (status, text)
}

async fn metrics(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    let content_type = HeaderValue::from_static(exposition::CONTENT_TYPE);
    ([(header::CONTENT_TYPE, content_type)], admin.state.metrics().await)
}

async fn reload(Shared(admin): Shared<Admin>) -> Response {
    let (reply, outcome) = oneshot::channel();
    if admin.reloads.send(Reload { asked_by: "admin", reply: Some(reply) }).await.is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the publisher has ended");
    }
    match outcome.await {
        Ok(Ok(published)) => Json(published).into_response(),
        Ok(Err(reason)) => problem(StatusCode::UNPROCESSABLE_ENTITY, &reason),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the publisher has ended"),
    }
}

/// Empties the store: for tests that share a gateway.
async fn reset(Shared(admin): Shared<Admin>) -> Response {
    if !admin.management.may_reset {
        let message = "resetting is off; management.reset = true makes it possible, for tests only";
        return problem(StatusCode::FORBIDDEN, message);
    }
    let answered = admin.management.keeper.reset().await;
    match answered.map(|answered| (answered.outcome, answered.served)) {
        Ok((Ok(_), served)) => {
            if let Some(served) = served {
                // It ends too where the publisher has.
                let _ = served.await;
            }
            Json(json!({ "reset": true })).into_response()
        }
        Ok((Err(exception), _)) => management::refused(&exception),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the keeper of the store has ended"),
    }
}

/// Lets those pass to an operator's route that may use it.
async fn operators_only(Shared(admin): Shared<Admin>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let call = access::Call {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query,
        headers: &parts.headers,
        peer: management::peer(&parts),
        kind: CallKind::Operator,
        is_write: parts.method != Method::GET,
    };
    let request_id = admin.management.request_id();
    let note = |caller: Caller<'_>, status: StatusCode, error_type: Option<&str>| {
        admin.management.audit.record(&Record {
            time: SystemTime::now(),
            caller,
            source_ip: call.peer,
            operation: call.path,
            path: call.path,
            query,
            status: status.as_u16(),
            error_type,
            request_id: &request_id,
        });
    };
    let refuse = |refusal: Refusal| {
        note(Caller::Refused(&refusal), refusal.status, Some(refusal.error_type));
        management::response(refusal.status, refusal.error_type, &refusal.message)
    };
    if let Err(refusal) = admin.management.access.admit_head(&call, now()) {
        return refuse(refusal);
    }
    let Ok(body) = axum::body::to_bytes(body, admin.management.definition_bytes_max).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large, or ended early");
    };
    let principal = match admin.management.access.admit(&call, &body, now()) {
        Ok(principal) => principal,
        Err(refusal) => return refuse(refusal),
    };
    let response = next.run(Request::from_parts(parts.clone(), body.into())).await;
    if call.is_write {
        note(Caller::Known(&principal), response.status(), None);
    }
    response
}

/// AWS's paths, or none at all.
async fn other(Shared(admin): Shared<Admin>, request: Request) -> Response {
    if management::is_managed(request.uri().path()) {
        return management::serve(admin, request).await;
    }
    problem(StatusCode::NOT_FOUND, "no such endpoint; GET / lists them")
}

async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "the endpoint does not have this method; GET / lists them")
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
