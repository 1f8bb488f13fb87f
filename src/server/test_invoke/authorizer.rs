//! Tries an authorizer: the method that has it is asked for, and what was decided is noted.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::data_plane::trace::Noted;
use crate::plan::authorizer::{Authorization, Authorizer, AuthorizerKind};
use crate::plan::select::Selector;
use crate::plan::test_invocation::{TestAuthorization, TestInvocationError, TestInvocationRequest};
use crate::plan::{Plan, StageIndex, StagePlan};

use super::answer::Answer;
use super::log::{Log, body, date, headers};
use super::{PATIENCE, TestInvoke, Tried, address, route, wire};

pub fn invoke(
    invoker: &TestInvoke,
    mut plan: Plan,
    request: &TestInvocationRequest,
) -> Result<TestAuthorization, TestInvocationError> {
    let failed = |reason: &str| TestInvocationError::Failed(reason.to_owned());
    let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let stage = plan.stages.first().ok_or_else(|| failed("the plan has no stage"))?;
    let route = route(stage, request)?;
    let wire = wire(stage, request, &route.target)?;
    plan.selector = Selector::new(&[address(stage)], true);
    plan.generation = plan.generation.max(1);
    let plan = Arc::new(plan);
    let stage = plan.stage(StageIndex(0));
    let method = stage.method(route.method);
    let Authorization::By { authorizer, .. } = method.authorization else {
        // What cannot be asked answers nobody, here as on the method that has it.
        let why = method.integration.denied().unwrap_or("the method has no authorizer");
        let mut log = Log { text: String::new(), time: date(started_ms) };
        log.line(format!("Execution failed due to configuration error: {why}"));
        return Ok(TestAuthorization { client_status: 500, log: log.text, ..TestAuthorization::default() });
    };
    let authorizer = stage.authorizer(authorizer);
    let (addresses, unresolved) =
        invoker.resolve(asked_host(stage, authorizer)).map_err(TestInvocationError::Failed)?;
    let started = Instant::now();
    let patience = PATIENCE + Duration::from_millis(invoker.settings.authorizers.timeout_ms);
    let tried = Tried { wire, patience, is_head: false, asks_authorizer: true };
    let exchanged = invoker.exchange(Arc::clone(&plan), addresses, tried).map_err(TestInvocationError::Failed)?;
    let latency_ms = started.elapsed().as_millis() as u64;
    let (answer, mut noted) = exchanged;
    if noted.authorized.is_none() {
        noted.why = unresolved.or(noted.why);
    }
    let log = log(authorizer, request, (&answer, &noted), (started_ms, latency_ms));
    Ok(result(&answer, noted, log, latency_ms))
}

fn asked_host<'p>(stage: &'p StagePlan, authorizer: &Authorizer) -> Option<&'p str> {
    let origin = match &authorizer.kind {
        AuthorizerKind::Token { function, .. } | AuthorizerKind::Request { function } => function.origin,
        AuthorizerKind::Http(service) => service.origin,
        AuthorizerKind::Jwt(_) | AuthorizerKind::Basic { .. } => return None,
    };
    Some(&stage.origin(origin).host)
}

fn result(answer: &Answer, noted: Noted, log: String, latency_ms: u64) -> TestAuthorization {
    let Some(identity) = noted.authorized else {
        return TestAuthorization { client_status: answer.status, log, latency_ms, ..TestAuthorization::default() };
    };
    let pairs = |named: &[(Box<str>, Box<str>)]| {
        named.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    TestAuthorization {
        client_status: 0,
        log,
        latency_ms,
        principal_id: identity.principal_id.as_deref().map(str::to_owned),
        policy: noted.authorizer_answer.as_deref().and_then(policy),
        context: pairs(&identity.context),
        claims: pairs(&identity.claims),
    }
}

/// The document as the function wrote it.
fn policy(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Output<'a> {
        #[serde(borrow)]
        policy_document: Option<&'a RawValue>,
    }
    let output = serde_json::from_slice::<Output<'_>>(answer).ok()?;
    output.policy_document.map(|document| document.get().to_owned())
}

/// In the words of the service's own logs, as far as they have been published.
fn log(
    authorizer: &Authorizer,
    request: &TestInvocationRequest,
    (answer, noted): (&Answer, &Noted),
    (started_ms, latency_ms): (u64, u64),
) -> String {
    let id = &noted.request_id;
    let mut log = Log { text: format!("Execution log for request {id}\n"), time: date(started_ms) };
    log.line(format!("Starting authorizer: {} for request: {id}", authorizer.id));
    log.line(format!("Incoming identity: {}", headers(&request.headers)));
    log.time = date(started_ms + latency_ms);
    if let Some(answer) = &noted.authorizer_answer {
        log.line(format!("Authorizer result body before parsing: {}", body(answer)));
    }
    match &noted.authorized {
        Some(identity) => {
            if let Some(principal_id) = &identity.principal_id {
                log.line(format!("Using valid authorizer policy for principal: {}", masked(principal_id)));
            }
            log.line("Successfully completed authorizer execution");
        }
        None => {
            let why = noted.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let message = noted.failed.map_or("Internal server error", |(error, _)| error.message());
            log.line(format!("{message}{why}"));
            log.line(format!("Authorizer completed with status: {}", answer.status));
        }
    }
    log.text
}

/// All but the last two letters, as the service does.
fn masked(principal: &str) -> String {
    let hidden = principal.chars().count().saturating_sub(2);
    principal.chars().enumerate().map(|(at, letter)| if at < hidden { '*' } else { letter }).collect()
}
