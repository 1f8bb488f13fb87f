//! `tollgate plans list`.

use clap::Args;
use serde_json::Value;

use super::limits::{quota_text, throttle_text};
use super::names::ApiNames;
use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, credentials_help};
use crate::cli::lookup::{all, understood};
use crate::cli::table::table;
use crate::config::Environment;
use crate::model::UsagePlan;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans list
  tollgate plans list --format json | jq -r '.[].name'

As JSON, the plans are as AWS's GetUsagePlans has them.
", credentials_help!(), "
Exit codes: 0 they are listed, 1 they are not, 2 the command line is wrong."))]
pub struct ListArgs {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &ListArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plans: Vec<Value> = all(&admin, "/usageplans")?;
    match args.format {
        Format::Json => Ok(serde_json::to_string_pretty(&plans).unwrap_or_default() + "\n"),
        Format::Text => {
            let plans: Vec<UsagePlan> = understood(Value::Array(plans))?;
            Ok(text(&plans, &ApiNames::of(&admin, &plans)?))
        }
    }
}

fn text(plans: &[UsagePlan], names: &ApiNames) -> String {
    if plans.is_empty() {
        return "there is no usage plan yet: tollgate plans create makes one\n".to_owned();
    }
    let mut rows = vec![["ID", "NAME", "THROTTLE", "QUOTA", "STAGES"].map(str::to_owned)];
    rows.extend(plans.iter().map(|plan| row(plan, names)));
    table(&rows)
}

fn row(plan: &UsagePlan, names: &ApiNames) -> [String; 5] {
    let stages = plan.api_stages.iter().map(|stage| names.stage(stage)).collect::<Vec<_>>().join(" ");
    let dash = || "-".to_owned();
    [
        plan.id.to_string(),
        plan.name.clone(),
        plan.throttle.map_or_else(dash, throttle_text),
        plan.quota.map_or_else(dash, quota_text),
        if stages.is_empty() { dash() } else { stages },
    ]
}
