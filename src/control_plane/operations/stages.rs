//! Stages, and their caches. (API reference, `API_CreateStage`, `API_Stage`.)
//!
//! - [`patches`]: what PATCH may change; [`method_settings`]: the settings of single methods.

mod method_settings;
mod patches;

use serde::Deserialize;
use serde_json::{Value, json};

use super::rest_apis;
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::operation::{Call, Reply, StageName};
use crate::control_plane::patch::patched;
use crate::control_plane::store::{Store, snapshot, table};
use crate::model::{ApiDefinition, CanarySettings, DeploymentId, OrderedMap, Stage, StageVariables};

/// In GB. (API reference, `API_Stage`, cacheClusterSize.)
const CACHE_CLUSTER_SIZES: &[&str] = &["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    stage_name: Option<String>,
    deployment_id: Option<DeploymentId>,
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Option<StageVariables>,
    documentation_version: Option<String>,
    canary_settings: Option<Canary>,
    tracing_enabled: Option<bool>,
    tags: Option<OrderedMap<String>>,
}

/// A canary as it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Canary {
    percent_traffic: Option<f64>,
    pub deployment_id: Option<DeploymentId>,
    stage_variable_overrides: Option<StageVariables>,
    use_stage_cache: Option<bool>,
}

impl Canary {
    /// A canary always has a deployment of its own, so that it stays where it is when the stage moves.
    pub fn settings(self, deployment_id: &DeploymentId) -> CanarySettings {
        CanarySettings {
            percent_traffic: self.percent_traffic.unwrap_or_default(),
            deployment_id: Some(self.deployment_id.unwrap_or_else(|| deployment_id.clone())),
            stage_variable_overrides: self.stage_variable_overrides.unwrap_or_default(),
            use_stage_cache: self.use_stage_cache.unwrap_or_default(),
        }
    }
}

pub fn create_stage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let input: Create = call.input()?;
    let required = |name: &str| Exception::bad_request(format!("{name} is required"));
    let stage_name = input.stage_name.ok_or_else(|| required("Stage name"))?;
    let deployment_id = input.deployment_id.ok_or_else(|| required("Deployment id"))?;
    if store.stages.has(&[call.region, call.parameter("restapi_id"), &stage_name]) {
        return Err(Exception::conflict("Stage already exists"));
    }
    let stage = Stage {
        stage_name,
        canary_settings: input.canary_settings.map(|canary| canary.settings(&deployment_id)),
        deployment_id: Some(deployment_id),
        description: input.description.filter(|description| !description.is_empty()),
        cache_cluster_enabled: input.cache_cluster_enabled.unwrap_or_default(),
        cache_cluster_size: input.cache_cluster_size,
        variables: input.variables.unwrap_or_default(),
        documentation_version: input.documentation_version.filter(|version| !version.is_empty()),
        tracing_enabled: input.tracing_enabled.unwrap_or_default(),
        tags: input.tags.unwrap_or_default(),
        created_date: Some(call.now()),
        ..Stage::default()
    };
    put(store, call, stage).map(Reply::Json)
}

/// The stage that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Stage, Exception> {
    named(store, call, call.parameter("stage_name"))
}

/// The stage with the name, of the API that a path names.
///
/// # Errors
/// As [`of`].
pub fn named<'s>(store: &'s Store, call: &Call<'_>, name: &str) -> Result<&'s Stage, Exception> {
    let stage = store.stages.row(&[call.region, call.parameter("restapi_id"), name]);
    stage.ok_or_else(|| Exception::not_found("Invalid stage identifier specified"))
}

/// What the stage serves.
///
/// # Errors
/// `ServiceUnavailableException`: the snapshot cannot be read.
pub fn definition(store: &Store, call: &Call<'_>, stage: &Stage) -> Result<ApiDefinition, Exception> {
    let id = stage.deployment_id.as_ref().map_or("", DeploymentId::as_str);
    let deployment = store.deployments.row(&[call.region, call.parameter("restapi_id"), id]);
    let deployment = deployment.ok_or_else(|| Exception::bad_request("Deployment id does not exist"))?;
    let unreadable = |error| Exception::new(ExceptionKind::ServiceUnavailable, error);
    snapshot::unpack(&deployment.snapshot).map_err(unreadable)
}

pub fn get_stage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

/// All at once: AWS knows no pages of stages.
pub fn get_stages(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let api = [call.region, call.parameter("restapi_id")];
    let stages = store.stages.rows_below(&api);
    let deployment_id = call.query("deploymentId");
    let asked = |stage: &&Stage| {
        let own = stage.deployment_id.as_ref().map(DeploymentId::as_str);
        deployment_id.is_none_or(|id| own == Some(id))
    };
    Ok(Reply::Json(json!({ "item": stages.filter(asked).map(shape).collect::<Vec<_>>() })))
}

pub fn update_stage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, patches::RULES, of(store, call)?)?;
    put(store, call, changed).map(Reply::Json)
}

pub fn delete_stage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let name = of(store, call)?.stage_name.clone();
    let api_id = call.parameter("restapi_id");
    let domains = mapped_domains(store, call.region, api_id, &name);
    if !domains.is_empty() {
        return Err(Exception::bad_request(format!(
            "Deleting stage {name} failed. Please remove all base path mappings related to the stage in your \
             domains: {}",
            domains.join(", ")
        )));
    }
    snapshot::leave_usage_plans(store, call.region, api_id, Some(&name));
    store.stages.remove(&[call.region, api_id, &name]);
    Ok(Reply::Empty)
}

/// The domain names under which the stage is reached.
fn mapped_domains<'s>(store: &'s Store, region: &str, api_id: &str, stage: &str) -> Vec<&'s str> {
    let of_region = [region];
    let mappings = store.base_path_mappings.below(&of_region);
    let to_stage = mappings
        .filter(|(_, mapping)| mapping.rest_api_id.as_str() == api_id && mapping.stage.as_deref() == Some(stage));
    let mut domains: Vec<&str> = to_stage.map(|(key, _)| table::part(key, 1)).collect();
    domains.dedup();
    domains
}

/// The caller has to see to it: what is cached is not in the store.
pub fn flush_stage_cache(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let stage = of(store, call)?;
    let (api_id, stage) = (call.parameter("restapi_id").to_owned(), stage.stage_name.clone());
    Ok(Reply::CacheFlush(StageName { api_id, stage }))
}

/// As with [`flush_stage_cache`].
pub fn flush_stage_authorizers_cache(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let stage = of(store, call)?;
    let (api_id, stage) = (call.parameter("restapi_id").to_owned(), stage.stage_name.clone());
    Ok(Reply::AuthorizersFlush(StageName { api_id, stage }))
}

/// Stores a new or changed stage, and shows it.
///
/// # Errors
/// `BadRequestException`: it names what is not there, or has values that AWS does not take.
pub fn put(store: &mut Store, call: &Call<'_>, mut stage: Stage) -> Result<Value, Exception> {
    check(&stage)?;
    check_what_it_names(store, call, &stage)?;
    stage.last_updated_date = Some(call.now());
    let shown = shape(&stage);
    let key = [call.region, call.parameter("restapi_id"), &stage.stage_name.clone()];
    store.stages.put(&key, stage);
    Ok(shown)
}

fn check(stage: &Stage) -> Result<(), Exception> {
    let name = &stage.stage_name;
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if name.is_empty() || name.len() > 128 || !letters {
        return Err(Exception::bad_request("Stage name only allows a-zA-Z0-9_- and at most 128 of them"));
    }
    if let Some(size) = stage.cache_cluster_size.as_deref().filter(|size| !CACHE_CLUSTER_SIZES.contains(size)) {
        let sizes = CACHE_CLUSTER_SIZES.join(", ");
        return Err(Exception::bad_request(format!("Invalid cacheClusterSize '{size}'. Must be one of: [{sizes}]")));
    }
    check_variables("variables", &stage.variables)?;
    let Some(canary) = &stage.canary_settings else { return Ok(()) };
    check_variables("canarySettings.stageVariableOverrides", &canary.stage_variable_overrides)?;
    if !(0.0..=100.0).contains(&canary.percent_traffic) {
        let message = "Invalid value for canarySettings.percentTraffic: it must be from 0.0 to 100.0";
        return Err(Exception::bad_request(message));
    }
    Ok(())
}

fn check_variables(member: &str, variables: &StageVariables) -> Result<(), Exception> {
    for (name, value) in variables {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let message =
                format!("Invalid name '{name}' in {member}: it must have alphanumeric characters and underscores only");
            return Err(Exception::bad_request(message));
        }
        if !is_variable_value(value) {
            let message = format!("Invalid value for {member}.{name}: it must match [A-Za-z0-9-._~:/?#&=,]+");
            return Err(Exception::bad_request(message));
        }
    }
    Ok(())
}

/// (API reference, `API_Stage`, variables.)
fn is_variable_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte))
}

fn check_what_it_names(store: &Store, call: &Call<'_>, stage: &Stage) -> Result<(), Exception> {
    let api_id = call.parameter("restapi_id");
    let canary = stage.canary_settings.as_ref().and_then(|canary| canary.deployment_id.as_ref());
    for id in stage.deployment_id.iter().chain(canary) {
        if !store.deployments.has(&[call.region, api_id, id.as_str()]) {
            return Err(Exception::bad_request("Deployment id does not exist"));
        }
    }
    if let Some(version) = &stage.documentation_version
        && !store.documentation_versions.has(&[call.region, api_id, version])
    {
        return Err(Exception::bad_request("Invalid Documentation version specified"));
    }
    if let Some(id) = &stage.client_certificate_id
        && !store.client_certificates.has(&[call.region, id.as_str()])
    {
        return Err(Exception::bad_request("Invalid Client Certificate identifier specified"));
    }
    Ok(())
}

/// As AWS answers it: what a cluster or a setting of a method does not say is filled in.
fn shape(stage: &Stage) -> Value {
    let mut shown = json!(stage);
    shown["methodSettings"] =
        stage.method_settings.iter().map(|(key, setting)| (key.clone(), method_settings::shape(setting))).collect();
    shown["cacheClusterStatus"] = if stage.cache_cluster_enabled { "AVAILABLE" } else { "NOT_AVAILABLE" }.into();
    if stage.cache_cluster_enabled && stage.cache_cluster_size.is_none() {
        shown["cacheClusterSize"] = CACHE_CLUSTER_SIZES[0].into();
    }
    shown
}

#[cfg(test)]
mod tests;
