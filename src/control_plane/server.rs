//! The admin listener: health, readiness, metrics, what [`operators`] do, and the [`management`] API.
//!
//! Who may do what there is `access`'s to say; the routes that only tell how the gateway is are open.

pub mod management;
mod operators;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{DefaultBodyLimit, RawQuery, Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use super::access::Access;
use super::audit::AuditLog;
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
    /// The largest body of a restore.
    pub backup_bytes_max: usize,
    /// Where clients connect, for the status: `http://127.0.0.1:8080`.
    pub listening: Vec<String>,
    /// Whether `POST /reset` is there.
    pub may_reset: bool,
    /// [`TESTS_MAX`] of them.
    pub test_places: Semaphore,
    /// One: a backup that is restored is in memory.
    pub restore_place: Semaphore,
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

/// A route of our own; AWS's are found by their operations.
struct Route {
    path: &'static str,
    /// `GET` or `POST`: what the handler takes.
    method: &'static str,
    for_operators: bool,
    summary: &'static str,
    handler: MethodRouter<Admin>,
}

/// As `openapi.json` describes them.
fn routes() -> Vec<Route> {
    let open = |path, summary, handler| Route { path, method: "GET", for_operators: false, summary, handler };
    let looks = |path, summary, handler| Route { path, method: "GET", for_operators: true, summary, handler };
    let changes = |path, summary, handler| Route { path, method: "POST", for_operators: true, summary, handler };
    vec![
        open("/", "this list", get(index)),
        open("/healthz", "200 while the control thread is alive", get(healthz)),
        open("/readyz", "200 when requests can be served; ?verbose lists each condition", get(readyz)),
        open("/metrics", "statistics for Prometheus", get(metrics)),
        open("/openapi.json", "what these routes take and answer", get(openapi)),
        looks("/status", "what is served and what is not deployed yet; ?api=NAME or id", get(operators::status)),
        looks("/backup", "everything that the management API made", get(operators::backup)),
        changes("/restore", "make it what a backup says", post(operators::restore)),
        changes("/reload", "build and publish the configuration again", post(operators::reload)),
        changes("/reset", "forget everything that the management API made: for tests", post(operators::reset)),
    ]
}

fn router(admin: Admin) -> Router {
    let (operators, open): (Vec<Route>, Vec<Route>) = routes().into_iter().partition(|route| route.for_operators);
    let with = |routes: Vec<Route>| {
        routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
    };
    let only = middleware::from_fn_with_state(admin.clone(), operators::only);
    // Whom it lets pass has a body that is bounded already.
    let operators = with(operators).layer(DefaultBodyLimit::disable()).layer(only);
    let all = with(open).merge(operators);
    all.method_not_allowed_fallback(method_not_allowed).fallback(other).with_state(admin)
}

async fn index(Shared(admin): Shared<Admin>) -> Json<Value> {
    let told = |route: Route| (format!("{} {}", route.method, route.path), Value::from(route.summary));
    let mut endpoints: serde_json::Map<String, Value> = routes().into_iter().map(told).collect();
    let aws = "the management API of API Gateway: aws apigateway --endpoint-url, boto3, Terraform";
    endpoints.insert("/restapis, /apikeys, …".to_owned(), aws.into());
    Json(json!({ "name": "tollgate", "version": admin.state.version, "endpoints": endpoints }))
}

const OPENAPI: &str = include_str!("server/openapi.json");

async fn openapi(Shared(admin): Shared<Admin>) -> Json<Value> {
    let mut document: Value = serde_json::from_str(OPENAPI).expect("a test reads it");
    document["info"]["version"] = admin.state.version.into();
    Json(document)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).expect("it is JSON");
        let paths = document["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| {
            let methods = item.as_object().expect("a path item").keys();
            methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        };
        let described: BTreeSet<String> = paths.iter().flat_map(of_path).collect();
        let routed: BTreeSet<String> =
            routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, routed);
        for route in routes() {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            // An operation that is open says so by an empty list.
            assert_eq!(operation["security"].is_null(), route.for_operators, "{}", route.path);
            assert!(operation["summary"].is_string() && operation["responses"]["200"].is_object(), "{}", route.path);
        }
    }
}
