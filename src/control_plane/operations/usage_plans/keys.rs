//! The keys of a usage plan. (API reference, `API_UsagePlanKey`; guide, `api-gateway-api-usage-plans`.)

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::api_keys;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::{answer, page_of_places};
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::model::{ApiKey, ApiKeyId, ApiStage, UsagePlan, UsagePlanId, UsagePlanKey};

/// The one type there is.
const API_KEY: &str = "API_KEY";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    key_id: Option<String>,
    key_type: Option<String>,
}

pub fn create_usage_plan_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    if input.key_type.as_deref() != Some(API_KEY) {
        return Err(Exception::bad_request(format!("Invalid key type specified. Must be one of: [{API_KEY}]")));
    }
    let key_id = input.key_id.filter(|id| !id.is_empty());
    let key_id = key_id.ok_or_else(|| Exception::bad_request("Invalid request input: keyId is required"))?;
    let key = api_keys::find(store, call, &key_id)?;
    attach(store, call, call.parameter("usageplanId"), &key.id)?;
    Ok(Reply::Json(shape(&key)))
}

fn shape(key: &ApiKey) -> Value {
    let mut shown = json!({ "id": key.id, "type": API_KEY, "value": key.value });
    if let Some(name) = &key.name {
        shown["name"] = name.as_str().into();
    }
    shown
}

/// Puts a key, which is there, in a plan.
///
/// # Errors
/// `NotFoundException`: there is no such plan. `ConflictException`: the key is in it, or in another that has one of its
/// stages.
pub fn attach(store: &mut Store, call: &Call<'_>, plan: &str, key: &ApiKeyId) -> Result<(), Exception> {
    let found = store.usage_plans.row(&[call.region, plan]);
    let found = found.ok_or_else(|| Exception::not_found("Invalid Usage Plan ID specified"))?;
    if store.usage_plan_keys.has(&[call.region, plan, key.as_str()]) {
        return Err(Exception::conflict(format!("API Key {key} is already associated with Usage Plan {plan}")));
    }
    for other in store.usage_plan_keys.plans_of(call.region, key.as_str(), None) {
        let other = store.usage_plans.row(&[call.region, &other]);
        let shared = other.and_then(|other| Some((other, shared_stage(found, other)?)));
        if let Some((other, stage)) = shared {
            return Err(taken(key, &other.id, stage));
        }
    }
    let row = UsagePlanKey { id: key.clone(), key_type: API_KEY.to_owned(), ..UsagePlanKey::default() };
    store.usage_plan_keys.put(&[call.region, plan, key.as_str()], row);
    Ok(())
}

fn taken(key: &ApiKeyId, plan: &UsagePlanId, stage: &ApiStage) -> Exception {
    let (api, stage) = (&stage.api_id, &stage.stage);
    let message = format!("API Key {key} is already associated with API Stage {api}:{stage} by Usage Plan {plan}");
    Exception::conflict(message)
}

fn shared_stage<'p>(one: &'p UsagePlan, other: &UsagePlan) -> Option<&'p ApiStage> {
    one.api_stages.iter().find(|stage| has_stage(other, stage))
}

fn has_stage(plan: &UsagePlan, stage: &ApiStage) -> bool {
    plan.api_stages.iter().any(|known| known.api_id == stage.api_id && known.stage == stage.stage)
}

/// Whether the plan may have the stage: a key has one plan for a stage.
///
/// # Errors
/// `ConflictException`: one of its keys is in another plan that has the stage.
pub fn check_shared(store: &Store, region: &str, plan: &UsagePlan, stage: &ApiStage) -> Result<(), Exception> {
    let others = store.usage_plans.rows_below(&[region]);
    for other in others.filter(|other| other.id != plan.id && has_stage(other, stage)) {
        if let Some(key) = shared_key(store, region, &plan.id, &other.id) {
            return Err(taken(&ApiKeyId(key), &other.id, stage));
        }
    }
    Ok(())
}

/// A key that is in both plans. Each plan's keys are in order, so that what one does not have is skipped in the other:
/// it takes twice as many steps as the smaller plan has keys, at most.
fn shared_key(store: &Store, region: &str, one: &UsagePlanId, other: &UsagePlanId) -> Option<String> {
    let next = |plan: &UsagePlanId, after: Option<&str>| {
        let mut keys = store.usage_plan_keys.range(&[region, plan.as_str()], after);
        keys.next().map(|(key, _)| own_name(&key).to_owned())
    };
    let (mut has, mut lacks) = (one, other);
    let mut key = next(has, None)?;
    while !store.usage_plan_keys.has(&[region, lacks.as_str(), &key]) {
        key = next(lacks, Some(&key))?;
        std::mem::swap(&mut has, &mut lacks);
    }
    Some(key)
}

/// The key's row in the plan. Where either is not there, AWS says of a key that is not known that it is the key.
///
/// # Errors
/// `NotFoundException`.
pub fn of(store: &Store, call: &Call<'_>) -> Result<(ApiKey, UsagePlanKey), Exception> {
    let key = api_keys::find(store, call, call.parameter("keyId"))?;
    let row = store.usage_plan_keys.row(&[call.region, call.parameter("usageplanId"), key.id.as_str()]);
    let row = row.ok_or_else(|| Exception::not_found("Invalid Usage Plan ID specified"))?;
    Ok((key, row))
}

pub fn get_usage_plan_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (key, _) = of(store, call)?;
    Ok(Reply::Json(shape(&key)))
}

/// All, or those whose name begins with `name`.
pub fn get_usage_plan_keys(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (region, plan, keys) = (call.region, super::of(store, call)?.id.as_str(), &store.api_keys);
    let (items, position) = match call.query("name").filter(|name| !name.is_empty()) {
        None => {
            let of_plan = |after: Option<&str>| {
                store.usage_plan_keys.range(&[region, plan], after).map(|(_, row)| (row.id.0.clone(), row))
            };
            page_of_places(call, of_plan, |id, _| keys.row(&[region, id]).map(|key| shape(&key)))
        }
        Some(name) => page_of_places(
            call,
            |after| keys.named(region, name, after),
            |_, key| store.usage_plan_keys.has(&[region, plan, key.id.as_str()]).then(|| shape(&key)),
        ),
    }?;
    Ok(answer(items, position))
}

pub fn delete_usage_plan_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (key, _) = of(store, call)?;
    detach(store, call.region, call.parameter("usageplanId"), key.id.as_str());
    Ok(Reply::Empty)
}

/// Takes a key out of a plan, with what is known of its usage.
fn detach(store: &mut Store, region: &str, plan: &str, key: &str) {
    store.usage_plan_keys.remove(&[region, plan, key]);
    store.usage.remove_below(&[region, plan, key]);
}

/// Takes a key out of all plans.
pub fn detach_key(store: &mut Store, region: &str, key: &ApiKeyId) {
    for plan in store.usage_plan_keys.plans_of(region, key.as_str(), None).collect::<Vec<_>>() {
        detach(store, region, &plan, key.as_str());
    }
}

/// Takes all keys out of a plan.
pub fn detach_plan(store: &mut Store, region: &str, plan: &UsagePlanId) {
    let keys = store.usage_plan_keys.below(&[region, plan.as_str()]).map(|(key, _)| own_name(&key).to_owned());
    for key in keys.collect::<Vec<_>>() {
        detach(store, region, plan.as_str(), &key);
    }
}
