//! The admin listener: health, readiness, metrics, reload. Loopback unless configured otherwise; it has no login.
//!
//! A browser on the same machine can be made to send requests here, by a page that it shows. Reading gives such a page
//! nothing (no CORS fields are sent), and `POST` is refused unless it is addressed to an IP address or `localhost`,
//! which a rebound DNS name is not, and comes from no other origin.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::exposition;
use super::publish::Reload;
use super::state::State;

const CONNECTIONS_MAX: usize = 128;
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// For a request's head, and for the pause between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// For a whole connection: whoever writes or reads slower than any tool does is cut off.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3600);

/// What handlers have.
#[derive(Clone)]
pub struct Admin {
    pub state: Arc<State>,
    pub reloads: mpsc::Sender<Reload>,
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, admin: Admin) -> Infallible {
    let router = router(admin);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely. Accepting again at once would spin.
                tracing::warn!(%error, "admin listener: cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
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
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/reload", post(reload))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
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

async fn reload(Shared(admin): Shared<Admin>, headers: HeaderMap) -> Response {
    if let Err(reason) = from_here(&headers) {
        return problem(StatusCode::FORBIDDEN, &reason);
    }
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

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "no such endpoint; GET / lists them")
}

async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "the endpoint does not have this method; GET / lists them")
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

/// Whether a request that changes something may be what it says: not one that a page in a browser sends.
fn from_here(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    if !addresses_directly(host) {
        return Err(format!("Host `{host}` is neither an IP address nor localhost; use one of these"));
    }
    let own_origin =
        |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if text(header::ORIGIN).is_some_and(|origin| !own_origin(origin)) {
        return Err("requests from pages of other origins are refused".to_owned());
    }
    Ok(())
}

/// Whether a `Host` field names an IP address, or `localhost`, which no DNS answer can rebind.
fn addresses_directly(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: Option<&'static str>, allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a field's value"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        assert_eq!(from_here(&headers).is_ok(), allowed, "{host} {origin:?}");
    }

    #[test]
    fn only_direct_requests_may_change_anything() {
        check("127.0.0.1:8081", None, true);
        check("127.0.0.1", None, true);
        check("[::1]:8081", None, true);
        check("LOCALHOST:8081", None, true);
        check("10.1.2.3:8081", None, true);
        check("rebound.example:8081", None, false);
        check("127.0.0.1.example", None, false);
        check("[::1", None, false);
        check("", None, false);
        check("127.0.0.1:8081", Some("http://127.0.0.1:8081"), true);
        check("127.0.0.1:8081", Some("http://127.0.0.1:3000"), false);
        check("127.0.0.1:8081", Some("https://page.example"), false);
        check("127.0.0.1:8081", Some("null"), false);
    }
}
