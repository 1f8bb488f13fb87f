//! Usage plans: which keys may call which stages, and how much. (API reference, `API_UsagePlan`.)
//!
//! - [`checks`]: what a plan may say; [`changes`]: how PATCH changes one.
//! - [`keys`]: the keys of a plan.
//! - [`usage`]: what keys have used, and have left; [`consumption`]: where that is known from.

mod changes;
mod checks;
mod consumption;
mod keys;
pub mod quota;
mod usage;

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::{answer, page_below, page_of_places};
use crate::control_plane::patch::patched;
use crate::control_plane::store::Store;
use crate::model::{ApiStage, OrderedMap, QuotaSettings, ThrottleSettings, UsagePlan, UsagePlanId};
pub use keys::{
    attach, create_usage_plan_key, delete_usage_plan_key, detach_key, get_usage_plan_key, get_usage_plan_keys,
};
pub use usage::{get_usage, update_usage};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    api_stages: Vec<ApiStage>,
    throttle: Option<ThrottleSettings>,
    quota: Option<QuotaSettings>,
    #[serde(default)]
    tags: OrderedMap<String>,
}

pub fn create_usage_plan(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let id = call.next_id(6, &store.usage_plans, &[call.region]);
    let plan = UsagePlan {
        id: UsagePlanId(id.clone()),
        name: input.name.unwrap_or_default(),
        description: input.description.filter(|description| !description.is_empty()),
        api_stages: input.api_stages,
        throttle: input.throttle,
        quota: input.quota,
        product_code: None,
        tags: tags::checked(input.tags)?,
    };
    checks::check(&plan)?;
    plan.api_stages.iter().try_for_each(|stage| check_stage(store, call, &plan, stage))?;
    let shown = json!(plan);
    store.usage_plans.put(&[call.region, &id], plan);
    Ok(Reply::Json(shown))
}

/// Whether the stage is there.
fn check_stage(store: &Store, call: &Call<'_>, plan: &UsagePlan, stage: &ApiStage) -> Result<(), Exception> {
    let (api, name) = (stage.api_id.as_str(), &stage.stage);
    if api.is_empty() || name.is_empty() {
        return Err(Exception::bad_request(format!(
            "Invalid API Stage {{api: {api}, stage: {name}}} specified for usageplan {}",
            plan.name
        )));
    }
    match store.stages.has(&[call.region, api, name]) {
        true => Ok(()),
        false => Err(Exception::not_found(format!("API Stage not found: {api}:{name}"))),
    }
}

/// The usage plan that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s UsagePlan, Exception> {
    let plan = store.usage_plans.row(&[call.region, call.parameter("usageplanId")]);
    plan.ok_or_else(|| Exception::not_found("Invalid Usage Plan ID specified"))
}

pub fn get_usage_plan(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(with_tags(of(store, call)?)))
}

/// One plan is shown with its tags even where it has none, as AWS does.
fn with_tags(plan: &UsagePlan) -> Value {
    let mut shown = json!(plan);
    shown["tags"] = json!(plan.tags);
    shown
}

/// All, or those that have the key `keyId`.
pub fn get_usage_plans(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let Some(key) = call.query("keyId").filter(|key| !key.is_empty()) else {
        return page_below(call, &store.usage_plans, &[call.region], |plan| json!(plan));
    };
    let plan = |id: &str| store.usage_plans.row(&[call.region, id]).map(|plan| json!(plan));
    let of_key = |after: Option<&str>| store.usage_plan_keys.plans_of(call.region, key, after).map(|id| (id, ()));
    let (items, position) = page_of_places(call, of_key, |id, ()| plan(id))?;
    Ok(answer(items, position))
}

pub fn update_usage_plan(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let before = of(store, call)?;
    let changed = patched(call, changes::RULES, before)?;
    checks::check(&changed)?;
    let is_same = |one: &ApiStage, other: &ApiStage| one.api_id == other.api_id && one.stage == other.stage;
    let is_new = |stage: &&ApiStage| !before.api_stages.iter().any(|known| is_same(stage, known));
    for stage in changed.api_stages.iter().filter(is_new) {
        check_stage(store, call, &changed, stage)?;
        keys::check_shared(store, call.region, &changed, stage)?;
    }
    let shown = with_tags(&changed);
    store.usage_plans.put(&[call.region, call.parameter("usageplanId")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_usage_plan(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let plan = of(store, call)?;
    let id = plan.id.clone();
    if let Some(stage) = plan.api_stages.first() {
        return Err(Exception::bad_request(format!(
            "Cannot delete Usage Plan {id} because there are API Stages associated with it, including {}:{}",
            stage.api_id, stage.stage
        )));
    }
    keys::detach_plan(store, call.region, &id);
    store.usage_plans.remove(&[call.region, id.as_str()]);
    Ok(Reply::Empty)
}

#[cfg(test)]
mod tests;
