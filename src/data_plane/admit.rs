//! Whether a request may go on: the API key that its method demands, the throttles, the quota, in this order.
//! (Guide, `api-gateway-api-key-source`, `api-gateway-request-throttling`.)
//!
//! Nothing here waits or allocates, and a method that demands no key costs one branch. A key that comes to such a method
//! is not looked up, as at AWS: it is not metered either. Backends see `x-api-key` as any field of the client's.

use std::net::IpAddr;
use std::time::Instant;

use crate::http::head::RequestHead;
use crate::limit::Entered;
use crate::meter::Quota;
use crate::plan::clients::{Caller, KeyRefusal, Membership};
use crate::plan::{ApiKeySource, MethodIndex, StageIndex, StagePlan};
use crate::stats::Counter;

use super::context::ApiKeyFacts;
use super::identity::Authorized;
use super::live::Live;
use super::respond::{ErrorDetail, GatewayError, LimitDetail, LimitPolicy};
use super::settings::ThrottleHeaders;
use super::shard::Shard;
use super::throttle::{Asking, Called, Throttled, ThrottledBy, ThrottledLimit};

/// What is known of a request, and whether it may go on.
pub struct Admission<'b> {
    /// `None`: the method does not ask who calls, or there is no such key. Who is throttled is known.
    pub by_key: Option<Admitted<'b>>,
    /// Where it is counted as under way, to be kept for as long as it is; or why it may not go on.
    pub verdict: Result<Vec<Entered>, Refusal>,
}

impl Admission<'_> {
    /// Of a request that nothing is asked of.
    pub fn free() -> Self {
        Admission { by_key: None, verdict: Ok(Vec::new()) }
    }
}

impl<'b> Admission<'b> {
    /// Of one of which nothing is asked any more.
    pub fn of_known(caller: Option<Caller>, api_key: Option<&'b [u8]>) -> Self {
        let by_key = caller.zip(api_key).map(|(caller, api_key)| Admitted { caller, api_key });
        Admission { by_key, ..Admission::free() }
    }
}

/// Who called, and the key that it was known by.
pub struct Admitted<'b> {
    pub caller: Caller,
    pub api_key: &'b [u8],
}

pub struct Refusal {
    pub error: GatewayError,
    pub detail: Option<ErrorDetail>,
}

/// A method is tried without a key and without limits, as in AWS's test console. It is refused with
/// [`GatewayError::InvalidApiKey`], whatever is wrong with the key: a client does not learn what it was near to; with
/// [`GatewayError::Throttled`] or [`GatewayError::QuotaExceeded`].
pub fn admit<'b>(
    live: &Live,
    (stage, method): (StageIndex, MethodIndex),
    head: &RequestHead<'_, 'b>,
    authorized: Option<&'b Authorized>,
    source_ip: IpAddr,
    shard: &Shard,
    now: Instant,
) -> Admission<'b> {
    if shard.trace.is_some() {
        return Admission::free();
    }
    let (stage_plan, method_plan) = (live.plan.stage(stage), live.plan.stage(stage).method(method));
    let required = method_plan.api_key_required;
    let by_key = required.then(|| known(live, stage, api_key(stage_plan, head, authorized), shard)).transpose();
    let by_key = match by_key {
        Ok(by_key) => by_key,
        Err(refusal) => return Admission { by_key: None, verdict: Err(refusal) },
    };
    let caller = by_key.as_ref().map(|admitted| &admitted.caller);
    let (called, asking) = (
        Called { stage, method, caller },
        Asking { head, source_ip, identity: authorized.map(|authorized| &*authorized.identity) },
    );
    // Whose quota is used up takes nothing of what others share.
    if let Some(refused) = caller.and_then(|caller| used_up(live, caller, shard, now)) {
        return Admission { by_key, verdict: Err(refused) };
    }
    let taken = shard.limits.take(live, &called, asking, now).map_err(|throttled| refusal(&throttled, shard));
    let verdict = taken.and_then(|under_way| {
        caller.map_or(Ok(()), |caller| count(live, caller, shard, now))?;
        Ok(under_way)
    });
    Admission { by_key, verdict }
}

/// The key that a request comes with, by where the API takes keys from.
pub fn api_key<'b>(
    stage: &StagePlan,
    head: &RequestHead<'_, 'b>,
    authorized: Option<&'b Authorized>,
) -> Option<&'b [u8]> {
    match stage.api_key_source {
        ApiKeySource::Header => only_api_key(head),
        ApiKeySource::Authorizer => authorized?.identity.usage_identifier_key.as_deref().map(str::as_bytes),
    }
}

#[cold]
fn refusal(throttled: &Throttled, shard: &Shard) -> Refusal {
    let (counter, name) = match throttled.by {
        ThrottledBy::Account => (Counter::ThrottledByAccount, "account"),
        ThrottledBy::Method => (Counter::ThrottledByMethod, "method"),
        ThrottledBy::UsagePlan => (Counter::ThrottledByUsagePlan, "usage_plan"),
        ThrottledBy::UsagePlanMethod => (Counter::ThrottledByUsagePlanMethod, "usage_plan_method"),
        ThrottledBy::ClientIp => (Counter::ThrottledByClientIp, "client_ip"),
        ThrottledBy::Header => (Counter::ThrottledByHeader, "header"),
        ThrottledBy::Authorized => (Counter::ThrottledByAuthorized, "authorized"),
        ThrottledBy::Api => (Counter::ThrottledByApi, "api"),
        ThrottledBy::Operation => (Counter::ThrottledByOperation, "operation"),
        ThrottledBy::Concurrency => (Counter::ThrottledByConcurrency, "concurrency"),
    };
    shard.recorder.count(counter);
    let limit = || match throttled.limit {
        ThrottledLimit::Rate { rate, wait } => {
            let window_seconds = Some(rate.fills_in_ns().div_ceil(1_000_000_000).max(1));
            (wait.seconds(), LimitPolicy { name, quota: rate.burst().into(), window_seconds })
        }
        ThrottledLimit::Concurrency(max) => (None, LimitPolicy { name, quota: max.into(), window_seconds: None }),
    };
    Refusal { error: GatewayError::Throttled, detail: told(shard, limit) }
}

/// What the client learns of the limit, by the setting: how long to wait, and what is allowed.
fn told(shard: &Shard, limit: impl FnOnce() -> (Option<u64>, LimitPolicy)) -> Option<ErrorDetail> {
    let tells_all = match shard.settings.throttle.headers {
        ThrottleHeaders::Off => return None,
        ThrottleHeaders::RetryAfter => false,
        ThrottleHeaders::All => true,
    };
    let (wait_seconds, policy) = limit();
    Some(ErrorDetail::limit(LimitDetail { wait_seconds, policy: tells_all.then_some(policy) }))
}

/// Who has the request's key.
fn known<'b>(
    live: &Live,
    stage: StageIndex,
    api_key: Option<&'b [u8]>,
    shard: &Shard,
) -> Result<Admitted<'b>, Refusal> {
    let known = match api_key {
        None => Err(Counter::ApiKeyMissing),
        Some(api_key) => match live.clients.caller(live.stage_clients(stage), api_key) {
            Ok(caller) => Ok(Admitted { caller, api_key }),
            Err(KeyRefusal::Unknown) => Err(Counter::ApiKeyUnknown),
            Err(KeyRefusal::Disabled) => Err(Counter::ApiKeyDisabled),
            Err(KeyRefusal::NoPlan) => Err(Counter::ApiKeyNoPlan),
        },
    };
    shard.recorder.count(known.as_ref().err().copied().unwrap_or(Counter::ApiKeyOk));
    known.map_err(|_| Refusal { error: GatewayError::InvalidApiKey, detail: None })
}

/// Counts the request for its key, where the plan's quota allows it.
fn count(live: &Live, caller: &Caller, shard: &Shard, now: Instant) -> Result<(), Refusal> {
    let Membership { plan, index } = caller.membership;
    let quota = live.clients.plans().entry(plan).and_then(|entry| entry.quota);
    match (shard.limits.shared.meters.record(index).count(quota, &shard.today()), quota) {
        (Ok(_), _) => Ok(()),
        (Err(_), quota) => Err(exceeded(quota, shard, now)),
    }
}

/// Why the request's key has nothing left, without counting it.
fn used_up(live: &Live, caller: &Caller, shard: &Shard, now: Instant) -> Option<Refusal> {
    let Membership { plan, index } = caller.membership;
    let quota = live.clients.plans().entry(plan).and_then(|entry| entry.quota)?;
    let is_used_up = shard.limits.shared.meters.record(index).is_used_up(quota, &shard.today());
    is_used_up.then(|| exceeded(Some(quota), shard, now))
}

#[cold]
fn exceeded(quota: Option<Quota>, shard: &Shard, now: Instant) -> Refusal {
    const DAY_SECONDS: i64 = 86_400;
    shard.recorder.count(Counter::ThrottledByQuota);
    let detail = quota.and_then(|Quota { limit, period }| {
        let today = shard.today().day;
        let (start, end) = (period.start(today), period.next_start(today));
        let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0).max(1);
        let wait = seconds(end.0 * DAY_SECONDS - (shard.unix_ms(now) / 1000) as i64);
        let window_seconds = Some(seconds((end.0 - start.0) * DAY_SECONDS));
        told(shard, || (Some(wait), LimitPolicy { name: "quota", quota: limit.into(), window_seconds }))
    });
    Refusal { error: GatewayError::QuotaExceeded, detail }
}

/// The value of `x-api-key`; none where it comes twice, since others on the way may have read either.
fn only_api_key<'b>(head: &RequestHead<'_, 'b>) -> Option<&'b [u8]> {
    let mut keys = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("x-api-key"));
    let only = keys.next().filter(|field| !field.value.is_empty())?;
    keys.next().is_none().then_some(only.value)
}

/// What `$context.identity` says of the key. A test has the one that AWS's has.
pub fn api_key_facts<'e>(shard: &Shard, caller: Option<&'e Caller>, value: &'e [u8]) -> Option<ApiKeyFacts<'e>> {
    match caller {
        Some(caller) => Some(ApiKeyFacts { value, id: caller.key_id.as_str() }),
        None if shard.trace.is_some() => {
            Some(ApiKeyFacts { value: b"test-invoke-api-key", id: "test-invoke-api-key-id" })
        }
        None => None,
    }
}
