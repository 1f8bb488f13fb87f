//! Somebody is asked to decide, while the request's head waits in its connection's buffer.

use std::rc::Rc;
use std::time::Instant;

use crate::plan::StageIndex;
use crate::plan::authorizer::{AuthorizerIndex, AuthorizerKind, HttpService};
use crate::plan::lambda::FunctionCall;
use crate::policy::Limits;
use crate::stats::Counter;

use super::super::call::{CallAnswer, CallError, CallRequest, call};
use super::super::connection::Connection;
use super::super::context::{RequestIds, write_json_bytes, write_json_string};
use super::super::integrate::lambda;
use super::super::live::Live;
use super::super::respond::GatewayError;
use super::super::shard::Shard;
use super::answer::{self, Fault};
use super::decisions::{Decision, Turn};
use super::{Asking, Refused, service};

/// What is to be asked for a request.
pub struct Question {
    live: Rc<Live>,
    stage: StageIndex,
    authorizer: AuthorizerIndex,
    /// What the decision is kept under; `None` where it is not kept.
    key: Option<Rc<[u8]>>,
    /// What is sent.
    request: Vec<u8>,
    started: Instant,
}

/// The answer to it, for the request that waits.
pub struct Answered {
    pub live: Rc<Live>,
    pub stage: StageIndex,
    pub ids: RequestIds,
    pub started: Instant,
    pub outcome: Result<Rc<Decision>, Refused>,
    pub integration_latency_ms: u64,
    /// What the function's place answered.
    pub status: Option<u16>,
}

/// # Errors
/// The request holds what the authorizer cannot be told.
pub fn question(
    asking: &Asking<'_>,
    authorizer: AuthorizerIndex,
    key: Option<Rc<[u8]>>,
    arn: &str,
) -> Result<Question, Refused> {
    let Asking { live, stage, inbound, started, shard, .. } = *asking;
    let described = live.plan.stage(stage).authorizer(authorizer);
    let (function, event) = match &described.kind {
        AuthorizerKind::Token { function, .. } => {
            let mut event = Vec::with_capacity(1024);
            event.extend_from_slice(b"{\"type\":\"TOKEN\",\"methodArn\":");
            write_json_string(arn, &mut event);
            event.extend_from_slice(b",\"authorizationToken\":\"");
            write_json_bytes(asking.token(described).unwrap_or_default(), usize::MAX, &mut event);
            event.extend_from_slice(b"\"}");
            (function, event)
        }
        AuthorizerKind::Request { function } => (function, lambda::authorizer_event(inbound, arn)),
        AuthorizerKind::Http(service) => {
            let host_line = &live.upstream(stage, service.origin).host_line;
            let mut request = Vec::with_capacity(1024);
            service::request(service, host_line, inbound, &mut request);
            return Ok(Question { live: Rc::clone(live), stage, authorizer, key, request, started });
        }
        AuthorizerKind::Jwt(_) | AuthorizerKind::Basic { .. } => {
            return Err(GatewayError::AuthorizerConfiguration.into());
        }
    };
    let upstream = live.upstream(stage, function.origin);
    let request = lambda::invocation(inbound, function, false, &event, upstream, shard).map_err(|_| Refused {
        error: GatewayError::AuthorizerFailure,
        detail: None,
        note: Some("there are no credentials to invoke the authorizer's function with".to_owned()),
    })?;
    Ok(Question { live: Rc::clone(live), stage, authorizer, key, request, started })
}

/// Asks, and leaves the answer with the connection, which takes its request again.
pub async fn ask(connection: &mut Connection, question: Question, ids: RequestIds) -> Result<(), ()> {
    // Answers to earlier requests do not wait for this one's authorizer.
    connection.flush().await?;
    let shard = Rc::clone(&connection.shard);
    shard.wheel.disarm(&connection.timer);
    let answered = question.answered(ids, &shard).await;
    connection.answered = Some(Box::new(answered));
    Ok(())
}

impl Question {
    async fn answered(self, ids: RequestIds, shard: &Shard) -> Answered {
        let asked = Instant::now();
        let (outcome, status) = match &self.key {
            Some(key) => self.decided_once(key, shard).await,
            None => self.decided(shard).await,
        };
        let Question { live, stage, started, .. } = self;
        let integration_latency_ms = asked.elapsed().as_millis() as u64;
        Answered { live, stage, ids, started, outcome, integration_latency_ms, status }
    }

    /// One asks for all who wait for the same; who gets no answer from another's question asks for itself.
    async fn decided_once(&self, key: &Rc<[u8]>, shard: &Shard) -> (Result<Rc<Decision>, Refused>, Option<u16>) {
        let flight = match shard.decisions.turn(key) {
            Turn::Lead(leading) => {
                let flushes = shard.decisions.flushes();
                let (outcome, status) = self.decided(shard).await;
                if let Ok(decision) = &outcome
                    && shard.decisions.flushes() == flushes
                {
                    let ttl_ms = self.live.plan.stage(self.stage).authorizer(self.authorizer).ttl_ms;
                    shard.decisions.keep(Rc::clone(key), Rc::clone(decision), shard.now_ms() + ttl_ms);
                }
                drop(leading);
                return (outcome, status);
            }
            Turn::Wait(flight) => flight,
        };
        flight.landed().await;
        match shard.decisions.find(key, shard.now_ms()) {
            Some(decision) => (Ok(decision), None),
            // The one who asked has failed, or the answer could not be kept.
            None => self.decided(shard).await,
        }
    }

    async fn decided(&self, shard: &Shard) -> (Result<Rc<Decision>, Refused>, Option<u16>) {
        let authorizer = self.live.plan.stage(self.stage).authorizer(self.authorizer);
        match &authorizer.kind {
            AuthorizerKind::Token { function, .. } | AuthorizerKind::Request { function } => {
                let answer = self.invoke(function, shard).await;
                let status = answer.as_ref().ok().map(|answer| answer.status);
                let decision = answer
                    .map_err(|error| Fault::Failed(format!("the authorizer's function: {}", error.message())))
                    .and_then(|answer| read(&answer, shard));
                (decision.map(Rc::new).map_err(|fault| refused(fault, shard)), status)
            }
            AuthorizerKind::Http(service) => {
                let answer = self.ask_service(service, shard).await;
                let status = answer.as_ref().ok().map(|answer| answer.status);
                let decision = answer
                    .map_err(|error| Fault::Failed(format!("the authorizer's service: {}", error.message())))
                    .and_then(|answer| service::decision(service, &answer));
                (decision.map(Rc::new).map_err(|fault| refused(fault, shard)), status)
            }
            // Nobody is asked about a token or a password.
            AuthorizerKind::Jwt(_) | AuthorizerKind::Basic { .. } => {
                (Err(GatewayError::AuthorizerConfiguration.into()), None)
            }
        }
    }

    async fn ask_service(&self, service: &HttpService, shard: &Shard) -> Result<CallAnswer, CallError> {
        let settings = &shard.settings.authorizers;
        let timeout_ms = service.timeout_ms.unwrap_or(settings.timeout_ms);
        let request = CallRequest { bytes: self.request.clone(), idempotent: true, timeout_ms };
        call(self.live.upstream(self.stage, service.origin), request, settings.answer_bytes_max, shard).await
    }

    async fn invoke(&self, function: &FunctionCall, shard: &Shard) -> Result<CallAnswer, CallError> {
        let upstream = self.live.upstream(self.stage, function.origin);
        let settings = &shard.settings.authorizers;
        let request = CallRequest { bytes: self.request.clone(), idempotent: true, timeout_ms: settings.timeout_ms };
        call(upstream, request, settings.answer_bytes_max, shard).await
    }
}

fn read(answer: &CallAnswer, shard: &Shard) -> Result<Decision, Fault> {
    if let Some(trace) = &shard.trace {
        trace.authorizer_answered(&answer.body);
    }
    if answer.field("x-amz-function-error").is_some() {
        return Err(answer::failure(&answer.body));
    }
    if answer.status != 200 {
        return Err(Fault::Failed(format!("invoking the authorizer's function was answered {}", answer.status)));
    }
    let limits =
        Limits { document_bytes_max: shard.settings.authorizers.answer_bytes_max as usize, ..Limits::default() };
    answer::decision(&answer.body, &limits)
}

fn refused(fault: Fault, shard: &Shard) -> Refused {
    let (counter, error, note) = match fault {
        Fault::Unauthorized => (Counter::AuthorizerUnauthorized, GatewayError::Unauthorized, None),
        Fault::Denied => (Counter::AuthorizerDenied, GatewayError::AccessDenied, None),
        Fault::Failed(note) => (Counter::AuthorizerFailed, GatewayError::AuthorizerFailure, Some(note)),
        Fault::Malformed(note) => (Counter::AuthorizerFailed, GatewayError::AuthorizerConfiguration, Some(note)),
    };
    shard.recorder.count(counter);
    Refused { error, detail: None, note }
}
