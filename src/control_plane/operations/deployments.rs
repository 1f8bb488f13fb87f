//! Deployments: immutable snapshots. (API reference, `API_CreateDeployment`, `API_Deployment`.)

use serde::Deserialize;
use serde_json::{Value, json};

use super::{rest_apis, stages};
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::{Store, snapshot};
use crate::model::{ApiDefinition, Deployment, DeploymentId, Stage, StageVariables};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    stage_name: Option<String>,
    stage_description: Option<String>,
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Option<StageVariables>,
    canary_settings: Option<stages::Canary>,
    tracing_enabled: Option<bool>,
}

pub fn create_deployment(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let mut input: Create = call.input()?;
    let api_id = call.parameter("restapi_id");
    let definition = snapshot::gather(store, call.region, api_id).expect("the API is there");
    refuse_undeployable(&definition)?;
    let id = call.unused_id(6, |id| store.deployments.has(&[call.region, api_id, id]));
    let deployment = Deployment {
        id: DeploymentId(id.clone()),
        description: input.description.take().filter(|description| !description.is_empty()),
        created_date: call.now(),
        api_summary: snapshot::summary(&definition),
        snapshot: snapshot::pack(&definition)
            .map_err(|error| Exception::new(ExceptionKind::ServiceUnavailable, error))?,
    };
    let shown = shape(&deployment, false);
    store.deployments.put(&[call.region, api_id, &id], deployment);
    match input.canary_settings.take() {
        Some(canary) => release_as_canary(store, call, &input, canary, DeploymentId(id))?,
        None => release(store, call, input, DeploymentId(id))?,
    }
    Ok(Reply::Json(shown))
}

/// # Errors
/// `BadRequestException`: the definition has no methods, or one that does nothing.
fn refuse_undeployable(definition: &ApiDefinition) -> Result<(), Exception> {
    let mut methods = definition.resources.iter().flat_map(|resource| resource.resource_methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(Exception::bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(Exception::bad_request("No integration defined for method"));
    }
    Ok(())
}

/// The stage that is named, if one is, is made or moved. What the call does not say of it stays as it was.
fn release(store: &mut Store, call: &Call<'_>, input: Create, id: DeploymentId) -> Result<(), Exception> {
    let Some(name) = input.stage_name.filter(|name| !name.is_empty()) else { return Ok(()) };
    let known = store.stages.row(&[call.region, call.parameter("restapi_id"), &name]).cloned();
    let mut stage =
        known.unwrap_or_else(|| Stage { stage_name: name, created_date: Some(call.now()), ..Stage::default() });
    stage.deployment_id = Some(id);
    if let Some(description) = input.stage_description.filter(|description| !description.is_empty()) {
        stage.description = Some(description);
    }
    if let Some(variables) = input.variables.filter(|variables| !variables.is_empty()) {
        stage.variables = variables;
    }
    stage.cache_cluster_enabled = input.cache_cluster_enabled.unwrap_or(stage.cache_cluster_enabled);
    stage.cache_cluster_size = input.cache_cluster_size.or(stage.cache_cluster_size);
    stage.tracing_enabled = input.tracing_enabled.unwrap_or(stage.tracing_enabled);
    stages::put(store, call, stage).map(|_| ())
}

/// The stage keeps its deployment; its canary gets the new one. (Guide, `create-canary-deployment`.)
fn release_as_canary(
    store: &mut Store,
    call: &Call<'_>,
    input: &Create,
    canary: stages::Canary,
    id: DeploymentId,
) -> Result<(), Exception> {
    let name = input.stage_name.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| {
        let provided = input.stage_name.as_deref().unwrap_or("null");
        Exception::bad_request(format!(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary \
             deployment. Provided value is {provided}"
        ))
    })?;
    let stage = store.stages.row(&[call.region, call.parameter("restapi_id"), name]).ok_or_else(|| {
        Exception::bad_request(format!(
            "Invalid deployment content specified.Stage {name} must already be created before making a canary \
             release deployment"
        ))
    })?;
    if canary.deployment_id.is_some() {
        return Err(Exception::bad_request("Invalid request input: canarySettings.deploymentId cannot be given here"));
    }
    let mut stage = stage.clone();
    stage.canary_settings = Some(canary.settings(&id));
    stages::put(store, call, stage).map(|_| ())
}

/// The deployment that a path names.
fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Deployment, Exception> {
    let key = [call.region, call.parameter("restapi_id"), call.parameter("deployment_id")];
    store.deployments.row(&key).ok_or_else(|| Exception::not_found("Invalid Deployment identifier specified"))
}

pub fn get_deployment(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?, call.asks_for("embed", "apisummary"))))
}

/// The newest first.
pub fn get_deployments(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let mut rows: Vec<_> = store.deployments.rows_below(&[call.region, call.parameter("restapi_id")]).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.created_date));
    page(call, rows.into_iter().map(|row| (row.id.0.clone(), shape(row, false))))
}

pub fn update_deployment(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed, false);
    let key = [call.region, call.parameter("restapi_id"), call.parameter("deployment_id")];
    store.deployments.put(&key, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_deployment(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let id = &of(store, call)?.id;
    let api = [call.region, call.parameter("restapi_id")];
    for stage in store.stages.rows_below(&api) {
        if stage.deployment_id.as_ref() == Some(id) {
            let message = "Active stages pointing to this deployment must be moved or deleted";
            return Err(Exception::bad_request(message));
        }
        let canary = stage.canary_settings.as_ref().and_then(|canary| canary.deployment_id.as_ref());
        if canary == Some(id) {
            let message = "Active stages with canary settings pointing to this deployment must be moved or deleted";
            return Err(Exception::bad_request(message));
        }
    }
    store.deployments.remove(&[api[0], api[1], call.parameter("deployment_id")]);
    Ok(Reply::Empty)
}

fn shape(deployment: &Deployment, with_summary: bool) -> Value {
    let mut shown = json!({ "id": deployment.id, "createdDate": deployment.created_date });
    if let Some(description) = &deployment.description {
        shown["description"] = description.as_str().into();
    }
    if with_summary {
        shown["apiSummary"] = json!(deployment.api_summary);
    }
    shown
}

/// (Guide, `patch-operations`, Deployment.)
const RULES: &[Rule<Deployment>] = &[Rule {
    pattern: "/description",
    ops: &[Op::Replace],
    apply: |deployment, patch| {
        deployment.description = patch.optional_text();
        Ok(())
    },
}];

#[cfg(test)]
pub mod tests;
