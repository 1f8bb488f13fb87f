//! `tollgate rollback`: moves a stage back to a deployment that it had before (AWS's UpdateStage).

use clap::Args;
use serde_json::json;

use super::admin::{AdminArgs, Ask, credentials_help, encoded};
use super::managed::{Managed, time};
use crate::config::Environment;
use crate::control_plane::status::StageStatus;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate rollback --api pets --stage prod               to the one before
  tollgate rollback --api pets --stage prod --to a1b2c3   to any that is there

A second time goes forth again. The definition stays as it is: tollgate status
tells what of it is not deployed then. The stage's variables stay too.
", credentials_help!(), "
Exit codes: 0 the other is served, 1 it is not, 2 the command line is wrong."))]
pub struct RollbackArgs {
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    pub api: String,
    /// The stage
    #[arg(long, value_name = "NAME")]
    pub stage: String,
    /// The id of the deployment [default: the one that the stage had before]
    #[arg(long, value_name = "ID")]
    pub to: Option<String>,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// The gateway does not answer, there is nothing to go back to, or it cannot be served.
pub fn run(args: &RollbackArgs, environment: &Environment) -> Result<String, String> {
    let managed = Managed::find(&args.admin, environment, &args.api)?;
    let stage = managed.stage(Some(&args.stage))?;
    let to = args.to.clone().map_or_else(|| earlier(stage), Ok)?;
    let from = stage.deployment_id.as_deref().unwrap_or("nothing");
    if from == to {
        return Err(format!("--to: the stage `{}` is at the deployment {to} already", stage.name));
    }
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/deploymentId", "value": to }] });
    let target = managed.path(&format!("/stages/{}", encoded(&stage.name)));
    managed.admin.json(Ask { method: "PATCH", target, body: patch.to_string().into(), ..Ask::default() })?;
    let now = Managed::find(&args.admin, environment, &managed.api.id)?;
    let now = now.stage(Some(&args.stage))?;
    let undeployed = now.undeployed.as_ref().filter(|undeployed| undeployed.count > 0);
    let note = undeployed.map(|_| "the definition has stayed: tollgate status tells what is not deployed\n");
    Ok(format!("{}, {}: {from} → {to}\n{}", managed.title(), stage.name, note.unwrap_or_default()))
}

fn earlier(stage: &StageStatus) -> Result<String, String> {
    let first = stage.earlier_deployments.first().map(|left| left.deployment_id.to_string());
    first.ok_or_else(|| {
        let since = stage.deployed_at.map(|seconds| format!(" since {} UTC", time(seconds))).unwrap_or_default();
        let id = stage.deployment_id.as_deref().unwrap_or("none");
        format!(
            "the stage `{}` has had no other deployment that is still there: it is at {id}{since}; --to names any \
             deployment of the API (aws apigateway get-deployments lists them)",
            stage.name
        )
    })
}
