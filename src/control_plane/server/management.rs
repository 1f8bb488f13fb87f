//! The management API over HTTP: a request becomes a call, its reply or exception a response in AWS's form.
//!
//! v1 errors have their type in `x-amzn-ErrorType` and `{"message": …}` as body, which is what SDKs read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Admin, Peer};
use crate::control_plane::access::{self, CallKind, Principal, Refusal};
use crate::control_plane::audit::{Caller, Record};
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::keeper::{Answered, Asked};
use crate::control_plane::operation::{self, File, Operation, Reply, StageName, TestInvocation};
use crate::control_plane::operations::OPERATIONS;
use crate::plan::compile::{self, StageSource};
use crate::plan::delivery::{CacheFlush, Delivery};
use crate::plan::test_invocation::{TestAuthorization, TestInvocationError, TestInvocationRequest};

/// The first segments of AWS's paths: what is below is the management API's, whatever the rest.
const ROOTS: [&str; 13] = [
    "account",
    "apikeys",
    "clientcertificates",
    "domainnameaccessassociations",
    "domainnames",
    "rejectdomainnameaccessassociations",
    "restapis",
    "sdktypes",
    "tags",
    "usageplans",
    "v2",
    "vpclinks",
    "2015-07-09",
];

/// Whether a path belongs to AWS's API.
pub fn is_managed(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ROOTS.contains(&first)
}

/// Answers a request to the management API.
pub async fn serve(admin: Admin, request: axum::extract::Request) -> Response {
    let request_id = admin.management.request_id();
    let (parts, body) = request.into_parts();
    let mut response = match answer(&admin, &parts, body, &request_id).await {
        Ok(response) => response,
        Err(response) => *response,
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

async fn answer(
    admin: &Admin,
    parts: &request::Parts,
    body: Body,
    request_id: &str,
) -> Result<Response, Box<Response>> {
    let refused = |exception: &Exception| Box::new(refused(exception));
    let (path, raw_query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let query = operation::query_pairs(raw_query).map_err(|exception| refused(&exception))?;
    let (operation, path_parameters) =
        operation::find(OPERATIONS, parts.method.as_str(), path, &query).map_err(|exception| refused(&exception))?;
    let judged = Judged { admin, parts, operation, request_id };
    judged.admit_head().map_err(|refusal| judged.refuse(&refusal))?;
    let body = axum::body::to_bytes(body, admin.management.definition_bytes_max).await.map_err(|_| {
        let message =
            format!("the request is larger than {} bytes, or ended early", admin.management.definition_bytes_max);
        Box::new(response(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", &message))
    })?;
    let principal = judged.admit(&body).map_err(|refusal| judged.refuse(&refusal))?;
    let asked = Asked {
        operation,
        region: principal.region.clone(),
        path: path_parameters,
        query,
        accept: text(parts, header::ACCEPT.as_str()).map(str::to_owned),
        body: body.into(),
    };
    let ended = |_| refused(&Exception::new(ExceptionKind::ServiceUnavailable, "the keeper of the store has ended"));
    let Answered { outcome, served } = admin.management.keeper.call(asked).await.map_err(ended)?;
    judged.record(&principal, outcome.as_ref().err());
    let reply = outcome.map_err(|exception| refused(&exception))?;
    if let Some(served) = served {
        // It ends too where the publisher has.
        let _ = served.await;
    }
    let status = StatusCode::from_u16(operation.status).unwrap_or(StatusCode::OK);
    Ok(match reply {
        Reply::Empty => status.into_response(),
        Reply::Json(value) => json_response(status, &value),
        Reply::File(file) => file_response(status, file),
        Reply::CacheFlush(stage) => match flush(admin, &stage, Delivery::FlushCache).await {
            Ok(()) => status.into_response(),
            Err(exception) => return Err(refused(&exception)),
        },
        Reply::AuthorizersFlush(stage) => match flush(admin, &stage, Delivery::FlushAuthorizers).await {
            Ok(()) => status.into_response(),
            Err(exception) => return Err(refused(&exception)),
        },
        Reply::TestInvocation(invocation) => match try_method(admin, *invocation).await {
            Ok(value) => json_response(status, &value),
            Err(exception) => return Err(refused(&exception)),
        },
    })
}

/// A request with the operation that it asks for.
struct Judged<'j> {
    admin: &'j Admin,
    parts: &'j request::Parts,
    operation: &'static Operation,
    request_id: &'j str,
}

impl Judged<'_> {
    fn call(&self) -> access::Call<'_> {
        access::Call {
            method: self.parts.method.as_str(),
            path: self.parts.uri.path(),
            query: self.parts.uri.query().unwrap_or_default(),
            headers: &self.parts.headers,
            peer: peer(self.parts),
            kind: CallKind::Management,
            is_write: self.operation.writes(),
        }
    }

    /// Before the body is read: nobody has to be believed that sends gigabytes.
    fn admit_head(&self) -> Result<(), Refusal> {
        self.admin.management.access.admit_head(&self.call(), super::now())
    }

    fn admit(&self, body: &[u8]) -> Result<Principal, Refusal> {
        self.admin.management.access.admit(&self.call(), body, super::now())
    }

    fn refuse(&self, refusal: &Refusal) -> Box<Response> {
        let error = Some(refusal.error_type);
        self.note(Caller::Refused(refusal), refusal.status.as_u16(), error);
        Box::new(response(refusal.status, refusal.error_type, &refusal.message))
    }

    fn record(&self, principal: &Principal, exception: Option<&Exception>) {
        if self.operation.writes() {
            let status = exception.map_or(self.operation.status, |exception| exception.kind.status());
            self.note(Caller::Known(principal), status, exception.map(|exception| exception.kind.name()));
        }
    }

    fn note(&self, caller: Caller<'_>, status: u16, error_type: Option<&'static str>) {
        self.admin.management.audit.record(&Record {
            time: SystemTime::now(),
            caller,
            source_ip: peer(self.parts),
            operation: self.operation.name,
            path: self.parts.uri.path(),
            query: self.parts.uri.query().unwrap_or_default(),
            status,
            error_type,
            request_id: self.request_id,
        });
    }
}

/// The address of the request's sender.
pub fn peer(parts: &request::Parts) -> std::net::IpAddr {
    parts.extensions.get::<Peer>().map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0)
}

fn text<'p>(parts: &'p request::Parts, name: &str) -> Option<&'p str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

/// How long shards may take to forget what a stage has cached. They do between two requests.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// FlushStageCache, FlushStageAuthorizersCache: ends when every shard has done it.
async fn flush(admin: &Admin, stage: &StageName, delivery: fn(Arc<CacheFlush>) -> Delivery) -> Result<(), Exception> {
    let flush = Arc::new(CacheFlush::new(&stage.api_id, &stage.stage));
    let fleet = &admin.state.fleet;
    fleet.deliver_to_all(&delivery(Arc::clone(&flush)));
    let done = async {
        while flush.shards_done() < fleet.shards() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(FLUSH_PATIENCE, done).await.map_err(|_| {
        let message = format!("a shard has not emptied the cache in {} s", FLUSH_PATIENCE.as_secs());
        Exception::new(ExceptionKind::ServiceUnavailable, message)
    })
}

/// TestInvokeMethod, TestInvokeAuthorizer: compiles the one method, and runs it beside the control thread.
async fn try_method(admin: &Admin, invocation: TestInvocation) -> Result<Value, Exception> {
    let TestInvocation {
        definition, stage, vpc_link_names, http_method, path_with_query_string, headers, body, ..
    } = invocation;
    let asks_authorizer = invocation.asks_authorizer;
    let source = StageSource { definition: &definition, stage: &stage, canary: None };
    let options = compile::Options { vpc_link_names, ..admin.management.compile_options.clone() };
    let compiled = compile::compile(&[source], &options, 1).map_err(|problems| {
        crate::control_plane::serving::Unservable { stage_name: stage.stage_name.clone(), problems }.to_text()
    });
    let plan = match compiled {
        Ok(plan) => plan,
        // As a client would be answered.
        Err(why) if asks_authorizer => {
            let log = format!("Execution failed due to configuration error: {why}");
            return Ok(TestAuthorization { client_status: 500, log, ..TestAuthorization::default() }.to_json());
        }
        Err(why) => return Err(Exception::bad_request(why)),
    };
    let request = TestInvocationRequest { http_method, path_with_query_string, headers, body };
    let invoker = Arc::clone(&admin.management.test_invoker);
    // A test takes as long as its integration; others wait for a place among those that run.
    let place = admin.management.test_places.acquire().await;
    let tried = tokio::task::spawn_blocking(move || match asks_authorizer {
        true => invoker.invoke_authorizer(plan, &request).map(|done| done.to_json()),
        false => invoker.invoke(plan, &request).map(|done| done.to_json()),
    });
    let tried = tried.await;
    drop(place);
    match tried {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(TestInvocationError::Failed(reason))) => Err(Exception::new(ExceptionKind::ServiceUnavailable, reason)),
        Ok(Err(error)) => Err(Exception::bad_request(error.to_string())),
        Err(error) => {
            Err(Exception::new(ExceptionKind::ServiceUnavailable, format!("the test ended unexpectedly: {error}")))
        }
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, content_type, value.to_string()).into_response()
}

fn file_response(status: StatusCode, file: File) -> Response {
    let mut response = (status, file.bytes).into_response();
    let headers = response.headers_mut();
    for (name, value) in
        [(header::CONTENT_TYPE, Some(file.content_type)), (header::CONTENT_DISPOSITION, file.disposition)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// An exception as AWS writes it.
pub fn refused(exception: &Exception) -> Response {
    let status = StatusCode::from_u16(exception.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, exception.kind.name(), &exception.message);
    if let Some(seconds) = exception.kind.retry_after_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub fn response(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let mut response = json_response(status, &json!({ "message": message }));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
