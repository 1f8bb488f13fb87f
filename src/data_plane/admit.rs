//! Whether a request may go on: the API key that its method demands, the throttles, the quota, in this order.
//! (Guide, `api-gateway-api-key-source`, `api-gateway-request-throttling`.)
//!
//! Nothing here waits or allocates, and a method that demands no key costs one branch. A key that comes to such a method
//! is not looked up, as at AWS: it is not metered either. Backends see `x-api-key` as any field of the client's.

use std::time::Instant;

use crate::http::head::RequestHead;
use crate::plan::clients::{Caller, KeyRefusal, Membership};
use crate::plan::{MethodIndex, StageIndex};
use crate::stats::Counter;

use super::context::ApiKeyFacts;
use super::live::Live;
use super::respond::GatewayError;
use super::shard::Shard;
use super::throttle::ThrottledBy;

/// Who called, and the key that it was known by.
pub struct Admitted<'b> {
    pub caller: Caller,
    pub api_key: &'b [u8],
}

/// `None`: the method does not ask who calls. A method is tried without a key and without limits, as in AWS's test console.
///
/// # Errors
/// - [`GatewayError::InvalidApiKey`], whatever is wrong with the key: a client does not learn what it was near to.
/// - [`GatewayError::Throttled`], [`GatewayError::QuotaExceeded`].
pub fn admit<'b>(
    live: &Live,
    stage: StageIndex,
    method: MethodIndex,
    head: &RequestHead<'_, 'b>,
    shard: &Shard,
    now: Instant,
) -> Result<Option<Admitted<'b>>, GatewayError> {
    if shard.trace.is_some() {
        return Ok(None);
    }
    let required = live.plan.stage(stage).method(method).api_key_required;
    let admitted = if required { Some(known(live, stage, head, shard)?) } else { None };
    let caller = admitted.as_ref().map(|admitted| &admitted.caller);
    shard.limits.take(live, stage, method, caller, now).map_err(|throttled| {
        shard.recorder.count(match throttled.by {
            ThrottledBy::Account => Counter::ThrottledByAccount,
            ThrottledBy::Method => Counter::ThrottledByMethod,
            ThrottledBy::UsagePlan => Counter::ThrottledByUsagePlan,
            ThrottledBy::UsagePlanMethod => Counter::ThrottledByUsagePlanMethod,
        });
        GatewayError::Throttled
    })?;
    if let Some(caller) = caller {
        count(live, caller, shard)?;
    }
    Ok(admitted)
}

/// Who has the request's key.
fn known<'b>(
    live: &Live,
    stage: StageIndex,
    head: &RequestHead<'_, 'b>,
    shard: &Shard,
) -> Result<Admitted<'b>, GatewayError> {
    let known = match only_api_key(head) {
        None => Err(Counter::ApiKeyMissing),
        Some(api_key) => match live.clients.caller(live.stage_clients(stage), api_key) {
            Ok(caller) => Ok(Admitted { caller, api_key }),
            Err(KeyRefusal::Unknown) => Err(Counter::ApiKeyUnknown),
            Err(KeyRefusal::Disabled) => Err(Counter::ApiKeyDisabled),
            Err(KeyRefusal::NoPlan) => Err(Counter::ApiKeyNoPlan),
        },
    };
    shard.recorder.count(known.as_ref().err().copied().unwrap_or(Counter::ApiKeyOk));
    known.map_err(|_| GatewayError::InvalidApiKey)
}

/// Counts the request for its key, where the plan's quota allows it.
fn count(live: &Live, caller: &Caller, shard: &Shard) -> Result<(), GatewayError> {
    let Membership { plan, index } = caller.membership;
    let quota = live.clients.plans().entry(plan).and_then(|entry| entry.quota);
    let counted = shard.limits.shared.meters.record(index).count(quota, &shard.today());
    counted.map(drop).map_err(|_| {
        shard.recorder.count(Counter::ThrottledByQuota);
        GatewayError::QuotaExceeded
    })
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
