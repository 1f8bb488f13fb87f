//! What operators do on the admin listener beside calling AWS's operations: status, backup and restore, reload, reset.

use std::io::{BufWriter, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State as Shared};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Admin, management, now, problem};
use crate::control_plane::access::{self, CallKind, Refusal};
use crate::control_plane::audit::{Caller, Record};
use crate::control_plane::publish::{Published, Reload};
use crate::control_plane::status::{self, Status};
use crate::control_plane::store::{Store, backup as lines};

/// The one route whose body is a backup.
const RESTORE: &str = "/restore";
const BACKUP: &str = "/backup";

/// Parts of a backup that wait for a slow reader, of [`PART_BYTES`] each.
const PARTS_MAX: usize = 4;
const PART_BYTES: usize = 256 << 10;

const ENDED: &str = "the keeper of the store has ended";

/// Lets those pass to an operator's route that may use it.
pub async fn only(Shared(admin): Shared<Admin>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let call = access::Call {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        peer: management::peer(&parts),
        kind: CallKind::Operator,
        is_write: parts.method != Method::GET && parts.method != Method::HEAD,
    };
    let request_id = admin.management.request_id();
    let note = |caller: Caller<'_>, status: StatusCode, error_type: Option<&str>| {
        admin.management.audit.record(&Record {
            time: SystemTime::now(),
            caller,
            source_ip: call.peer,
            operation: call.path,
            path: call.path,
            query: call.query,
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
    let restores = call.path == RESTORE;
    // Whoever has not proved yet who it is may fill the memory of one restore, not of many.
    let place = restores.then(|| admin.management.restore_place.try_acquire()).transpose();
    let Ok(_place) = place else {
        return problem(StatusCode::TOO_MANY_REQUESTS, "another restore is under way");
    };
    let bytes_max = if restores { admin.management.backup_bytes_max } else { admin.management.definition_bytes_max };
    let Ok(body) = axum::body::to_bytes(body, bytes_max).await else {
        let message = format!("the request is larger than {bytes_max} bytes, or ended early");
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &message);
    };
    let principal = match admin.management.access.admit(&call, &body, now()) {
        Ok(principal) => principal,
        Err(refusal) => return refuse(refusal),
    };
    let response = next.run(Request::from_parts(parts.clone(), body.into())).await;
    // Who has a backup has every secret in it.
    if call.is_write || call.path == BACKUP {
        note(Caller::Known(&principal), response.status(), None);
    }
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
    /// A name or an id.
    api: Option<String>,
}

pub async fn status(Shared(admin): Shared<Admin>, query: Result<Query<StatusQuery>, QueryRejection>) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let Ok((store, census)) = admin.management.keeper.copy().await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, ENDED);
    };
    let told = tokio::task::spawn_blocking(move || status::status(&store, &census, query.api.as_deref())).await;
    match told {
        Ok(apis) => Json(Status { listening: admin.management.listening.clone(), apis }).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("it ended unexpectedly: {error}")),
    }
}

/// Everything as it is now, as `store::backup` writes it. One that ends early lacks its last line, and its last chunk.
pub async fn backup(Shared(admin): Shared<Admin>) -> Response {
    let Ok((store, _)) = admin.management.keeper.copy().await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, ENDED);
    };
    let (sender, parts) = mpsc::channel(PARTS_MAX);
    tokio::task::spawn_blocking(move || write_backup(&store, sender));
    let content_type = HeaderValue::from_static("application/jsonl");
    ([(header::CONTENT_TYPE, content_type)], Body::new(Parts(parts))).into_response()
}

type Part = Result<Bytes, std::io::Error>;

fn write_backup(store: &Store, sender: mpsc::Sender<Part>) {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let mut to = BufWriter::with_capacity(PART_BYTES, Outlet(sender.clone()));
    if let Err(reason) = lines::write(store, now_s, &mut to) {
        // A reader that has gone knows.
        let _ = sender.blocking_send(Err(std::io::Error::other(reason)));
    }
}

/// Where a backup is written to, to be sent.
struct Outlet(mpsc::Sender<Part>);

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Parts(mpsc::Receiver<Part>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

/// Replaces everything, in one transaction. What files describe is described by them again.
pub async fn restore(Shared(admin): Shared<Admin>, body: Bytes) -> Response {
    let read = tokio::task::spawn_blocking(move || lines::read(&*body)).await;
    let (store, rows) = match read {
        Ok(Ok(read)) => read,
        Ok(Err(reason)) => return problem(StatusCode::UNPROCESSABLE_ENTITY, &reason),
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("it cannot be read: {error}")),
    };
    let restored = match admin.management.keeper.restore(store).await {
        Ok(Ok(restored)) => restored,
        Ok(Err(reason)) => return problem(StatusCode::SERVICE_UNAVAILABLE, &reason),
        Err(_) => return problem(StatusCode::SERVICE_UNAVAILABLE, ENDED),
    };
    // It ends too where the publisher has.
    let _ = restored.served.await;
    let unserved = restored.unserved.iter();
    let unserved = unserved.map(|(stage, why)| json!({ "stage": stage.replace('\0', "/"), "reason": why.to_text() }));
    let unserved: Vec<Value> = unserved.collect();
    let files = published(&admin).await.err().map(|(_, reason)| reason);
    Json(json!({ "rows": rows, "unserved": unserved, "filesError": files })).into_response()
}

pub async fn reload(Shared(admin): Shared<Admin>) -> Response {
    match published(&admin).await {
        Ok(published) => Json(published).into_response(),
        Err((status, reason)) => problem(status, &reason),
    }
}

async fn published(admin: &Admin) -> Result<Published, (StatusCode, String)> {
    let ended = || (StatusCode::SERVICE_UNAVAILABLE, "the publisher has ended".to_owned());
    let (reply, outcome) = oneshot::channel();
    let sent = admin.reloads.send(Reload { asked_by: "admin", reply: Some(reply) }).await;
    sent.map_err(|_| ended())?;
    let outcome = outcome.await.map_err(|_| ended())?;
    outcome.map_err(|reason| (StatusCode::UNPROCESSABLE_ENTITY, reason))
}

/// Empties the store: for tests that share a gateway.
pub async fn reset(Shared(admin): Shared<Admin>) -> Response {
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
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, ENDED),
    }
}
