//! Whether a request may go on: the API key that its method demands. (Guide, `api-gateway-api-key-source`.)
//!
//! Nothing here waits or allocates, and a method that demands no key costs one branch. A key that comes to such a method
//! is not looked up, as at AWS: it is not metered either. Backends see `x-api-key` as any field of the client's.

use crate::http::head::RequestHead;
use crate::plan::clients::{Caller, KeyRefusal};
use crate::plan::{MethodIndex, StageIndex};
use crate::stats::Counter;

use super::context::ApiKeyFacts;
use super::live::Live;
use super::respond::GatewayError;
use super::shard::Shard;

/// Who called, and the key that it was known by.
pub struct Admitted<'b> {
    pub caller: Caller,
    pub api_key: &'b [u8],
}

/// `None`: the method does not ask who calls.
///
/// # Errors
/// [`GatewayError::InvalidApiKey`], whatever is wrong with the key: a client does not learn what it was near to.
pub fn admit<'b>(
    live: &Live,
    stage: StageIndex,
    method: MethodIndex,
    head: &RequestHead<'_, 'b>,
    shard: &Shard,
) -> Result<Option<Admitted<'b>>, GatewayError> {
    // A method is tried without a key, as in AWS's test console.
    if !live.plan.stage(stage).method(method).api_key_required || shard.trace.is_some() {
        return Ok(None);
    }
    let admitted = match only_api_key(head) {
        None => Err(Counter::ApiKeyMissing),
        Some(api_key) => match live.clients.caller(live.stage_clients(stage), api_key) {
            Ok(caller) => Ok(Admitted { caller, api_key }),
            Err(KeyRefusal::Unknown) => Err(Counter::ApiKeyUnknown),
            Err(KeyRefusal::Disabled) => Err(Counter::ApiKeyDisabled),
            Err(KeyRefusal::NoPlan) => Err(Counter::ApiKeyNoPlan),
        },
    };
    shard.recorder.count(admitted.as_ref().err().copied().unwrap_or(Counter::ApiKeyOk));
    admitted.map(Some).map_err(|_| GatewayError::InvalidApiKey)
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
