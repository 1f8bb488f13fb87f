//! `tollgate plans`: usage plans, by AWS's operations.
//!
//! - [`list`], [`show`]: what there is; [`names`]: what their APIs are called.
//! - [`create`], [`set`]: what a plan says; [`limits`]: how its limits are written.
//! - [`stages`], [`keys`]: what is in a plan.
//! - Here: `delete`.

mod create;
mod keys;
mod limits;
mod list;
mod names;
mod set;
mod show;
mod stages;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin::{Admin, AdminArgs, Ask, credentials_help};
use super::lookup::{plan, plan_path, plan_title};
use crate::config::Environment;
use crate::model::{ApiStage, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans create --name basic --api pets --stage prod --rate 10 --burst 20 --quota 10000/month
  tollgate plans set basic --quota 20000/month
  tollgate plans add-key basic web
  tollgate plans show basic

A plan is named by its id or its name; where several have the name, by its id.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct PlansArgs {
    #[command(subcommand)]
    command: PlansCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum PlansCommand {
    /// List the plans
    List(list::ListArgs),
    /// Tell what a plan says
    Show(show::ShowArgs),
    /// Make a plan, and print its id
    Create(create::CreateArgs),
    /// Change what a plan says
    Set(set::SetArgs),
    /// Let a plan's keys open a stage
    AddStage(stages::StageArgs),
    /// Let a plan's keys no longer open a stage
    RemoveStage(stages::StageArgs),
    /// Put a key in a plan
    AddKey(keys::KeyArgs),
    /// Take a key out of a plan, with what it has used
    RemoveKey(keys::KeyArgs),
    /// Remove a plan
    Delete(DeleteArgs),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
The plan's keys stay, but are no longer in it; what they have used of it is gone.
", credentials_help!(), "
Exit codes: 0 it is removed, 1 it is not, 2 the command line is wrong."))]
struct DeleteArgs {
    /// The id or the name of the plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Take its stages out of it first; a plan with stages is not removed without this
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Where a plan is an argument of its own, in what is told of it.
const PLAN: &str = "PLAN";

/// # Errors
/// Nobody answers, it is not clear what is meant, or it is refused.
pub fn run(args: &PlansArgs, environment: &Environment) -> Result<String, String> {
    match &args.command {
        PlansCommand::List(args) => list::run(args, environment),
        PlansCommand::Show(args) => show::run(args, environment),
        PlansCommand::Create(args) => create::run(args, environment),
        PlansCommand::Set(args) => set::run(args, environment),
        PlansCommand::AddStage(args) => stages::add(args, environment),
        PlansCommand::RemoveStage(args) => stages::remove(args, environment),
        PlansCommand::AddKey(args) => keys::add(args, environment),
        PlansCommand::RemoveKey(args) => keys::remove(args, environment),
        PlansCommand::Delete(args) => delete(args, environment),
    }
}

fn delete(args: &DeleteArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, PLAN, &args.plan)?;
    let title = plan_title(&plan);
    match (plan.api_stages.len(), args.force) {
        (0, _) => {}
        (count, false) => {
            let stages = if count == 1 { "a stage".to_owned() } else { format!("{count} stages") };
            return Err(format!("{title} has {stages}, which its keys open: tollgate plans remove-stage, or --force"));
        }
        (_, true) => {
            let removals = plan.api_stages.iter().map(|stage| operation("remove", "/apiStages", &value_of(stage)));
            patch(&admin, &plan, removals.collect())?;
        }
    }
    admin.json(Ask::delete(plan_path(plan.id.as_str())))?;
    Ok(format!("{title}: removed\n"))
}

/// A stage as the operations on plans have it.
fn value_of(stage: &ApiStage) -> String {
    format!("{}:{}", stage.api_id, stage.stage)
}

/// One of [`patch`]'s operations.
fn operation(op: &str, path: &str, value: &str) -> Value {
    json!({ "op": op, "path": path, "value": value })
}

/// Changes the plan.
fn patch(admin: &Admin, plan: &UsagePlan, operations: Vec<Value>) -> Result<(), String> {
    let body = json!({ "patchOperations": operations });
    admin.json(Ask::with("PATCH", plan_path(plan.id.as_str()), &body)).map(|_| ())
}
