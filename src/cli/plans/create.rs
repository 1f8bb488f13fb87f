//! `tollgate plans create`.

use clap::Args;
use serde_json::json;

use super::limits::{self, Quota};
use super::stages::Target;
use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::cli::lookup::understood;
use crate::config::Environment;
use crate::model::UsagePlan;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans create --name basic --api pets --stage prod --rate 10 --burst 20 --quota 10000/month
  tollgate plans create --name internal --api pets          no limits, only keys

Each key of the plan has the rate, the burst and the quota for itself.
", credentials_help!(), "
Exit codes: 0 the plan is made, 1 it is not, 2 the command line is wrong."))]
pub struct CreateArgs {
    /// What the plan is called; others may be called the same
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What the plan is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The name or the id of an API that its keys are to open; tollgate plans add-stage adds others
    #[arg(long, value_name = "NAME|ID")]
    api: Option<String>,
    /// The stage of the API [default: the API's only one]
    #[arg(long, value_name = "NAME", requires = "api")]
    stage: Option<String>,
    /// How many requests a key may make per second, in the long run
    #[arg(long, value_name = "RATE", requires = "burst", value_parser = limits::rate)]
    rate: Option<f64>,
    /// How many requests a key may make at once
    #[arg(long, value_name = "N", requires = "rate", value_parser = clap::value_parser!(i32).range(0..))]
    burst: Option<i32>,
    /// How many requests a key may make in a day, a week or a month
    #[arg(long, value_name = "N/PERIOD")]
    quota: Option<Quota>,
    /// On which day a quota's week (0 is Sunday) or month (0 is the 1st) begins [default: 0]
    #[arg(long, value_name = "DAY", requires = "quota", value_parser = clap::value_parser!(i32).range(0..))]
    quota_offset: Option<i32>,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &CreateArgs, environment: &Environment) -> Result<String, String> {
    let stage = match &args.api {
        Some(api) => Some(Target { api, stage: args.stage.as_deref() }.find(&args.admin, environment)?),
        None => None,
    };
    let admin = Admin::new(&args.admin, environment)?;
    let mut body = json!({ "name": args.name });
    if let Some(description) = &args.description {
        body["description"] = description.as_str().into();
    }
    if let Some(stage) = &stage {
        body["apiStages"] = json!([stage]);
    }
    if let (Some(rate), Some(burst)) = (args.rate, args.burst) {
        body["throttle"] = json!({ "rateLimit": rate, "burstLimit": burst });
    }
    if let Some(quota) = args.quota {
        let offset = args.quota_offset.unwrap_or_default();
        body["quota"] = json!({ "limit": quota.limit, "period": quota.period, "offset": offset });
    }
    let plan: UsagePlan = understood(admin.json(Ask::with("POST", "/usageplans".to_owned(), &body))?)?;
    Ok(format!("{}\n", plan.id))
}
