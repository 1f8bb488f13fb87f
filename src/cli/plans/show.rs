//! `tollgate plans show`.

use std::fmt::Write as _;

use clap::Args;

use super::PLAN;
use super::limits::{quota_text, throttle_text};
use super::names::ApiNames;
use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::cli::lookup::{plan, plan_path};
use crate::cli::table::printable;
use crate::config::Environment;
use crate::model::UsagePlan;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans show basic
  tollgate keys list --plan basic      its keys
  tollgate usage --plan basic          what they have used

", credentials_help!(), "
Exit codes: 0 it is told, 1 it is not, 2 the command line is wrong."))]
pub struct ShowArgs {
    /// The id or the name of the plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &ShowArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, PLAN, &args.plan)?;
    match args.format {
        Format::Text => {
            let names = ApiNames::of(&admin, std::slice::from_ref(&plan))?;
            Ok(text(&plan, &names))
        }
        Format::Json => {
            let shown = admin.json(Ask::get(plan_path(plan.id.as_str())))?;
            Ok(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n")
        }
    }
}

/// What the plan says, each of its stages with the methods that have limits of their own.
fn text(plan: &UsagePlan, names: &ApiNames) -> String {
    let none = || "none".to_owned();
    let mut told = vec![
        ("id", plan.id.to_string()),
        ("name", plan.name.clone()),
        ("throttle", plan.throttle.map_or_else(none, throttle_text)),
        ("quota", plan.quota.map_or_else(none, quota_text)),
    ];
    for (name, text) in [("description", &plan.description), ("product", &plan.product_code)] {
        told.extend(text.clone().map(|text| (name, text)));
    }
    let tags: Vec<String> = plan.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    told.extend((!tags.is_empty()).then(|| ("tags", tags.join(", "))));
    for stage in &plan.api_stages {
        told.push(("stage", names.title(stage)));
        for (method, throttle) in &stage.throttle {
            let (path, method) = method.rsplit_once('/').unwrap_or(("", method));
            told.push(("", format!("  {method} {path}  {}", throttle_text(*throttle))));
        }
    }
    if plan.api_stages.is_empty() {
        told.push(("stages", "none: its keys open nothing by it".to_owned()));
    }
    let mut text = String::new();
    for (name, value) in &told {
        let _ = writeln!(text, "{name:<11}  {}", printable(value));
    }
    text
}
