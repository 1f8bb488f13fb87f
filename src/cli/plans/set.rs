//! `tollgate plans set`: what a plan says, by UpdateUsagePlan's patches.

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::limits::{self, Quota};
use super::stages::Target;
use super::{PLAN, operation, patch, value_of};
use crate::cli::admin::{Admin, AdminArgs, credentials_help};
use crate::cli::lookup::{plan, plan_title};
use crate::config::Environment;
use crate::model::{ApiStage, ThrottleSettings, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args([
    "name", "description", "rate", "burst", "no_throttle", "quota", "quota_offset", "no_quota"
]))]
#[command(override_usage = "tollgate plans set [OPTIONS] <PLAN>", after_help = concat!("\
Examples:
  tollgate plans set basic --rate 20 --burst 40
  tollgate plans set basic --quota 20000/month
  tollgate plans set basic --no-quota
  tollgate plans set basic --api pets --stage prod --method 'POST /orders' --rate 1 --burst 2
  tollgate plans set basic --api pets --stage prod --method 'POST /orders' --no-throttle

What is not named stays. It holds for the next request of each key.
", credentials_help!(), "
Exit codes: 0 it is changed, 1 it is not, 2 the command line is wrong."))]
pub struct SetArgs {
    /// The id or the name of the plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// What the plan is called from now on
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What the plan is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How many requests a key may make per second, in the long run
    #[arg(long, value_name = "RATE", value_parser = limits::rate)]
    rate: Option<f64>,
    /// How many requests a key may make at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    burst: Option<i32>,
    /// Let keys make as many requests per second as they can
    #[arg(long, conflicts_with_all = ["rate", "burst"])]
    no_throttle: bool,
    /// How many requests a key may make in a day, a week or a month
    #[arg(long, value_name = "N/PERIOD")]
    quota: Option<Quota>,
    /// On which day a quota's week (0 is Sunday) or month (0 is the 1st) begins
    #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(i32).range(0..))]
    quota_offset: Option<i32>,
    /// Let keys make as many requests in a period as they can
    #[arg(long, conflicts_with_all = ["quota", "quota_offset"])]
    no_quota: bool,
    /// The method whose limits --rate, --burst and --no-throttle are to be, of a stage that the plan has
    #[arg(long, value_name = "'METHOD /PATH'", requires = "api", value_parser = limits::method)]
    method: Option<String>,
    /// The name or the id of the method's API
    #[arg(long, value_name = "NAME|ID", requires = "method")]
    api: Option<String>,
    /// The method's stage [default: the plan's only one of the API]
    #[arg(long, value_name = "NAME", requires = "method")]
    stage: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &SetArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, PLAN, &args.plan)?;
    let mut operations = args.texts();
    match (&args.method, &args.api) {
        (Some(method), Some(api)) => {
            let target = Target { api, stage: args.stage.as_deref() };
            let stage = target.of(&plan, &args.admin, environment)?;
            operations.extend(args.throttle(&method_path(stage, method), stage.throttle.get(method))?);
        }
        _ => operations.extend(args.throttle("/throttle", plan.throttle.as_ref())?),
    }
    operations.extend(args.quota(&plan)?);
    if operations.is_empty() {
        return Ok(format!("{}: is so already\n", plan_title(&plan)));
    }
    patch(&admin, &plan, operations)?;
    Ok(format!("{}: changed\n", plan_title(&plan)))
}

/// Where the limits of a method are. The slashes of its path would be those of the patch's.
fn method_path(stage: &ApiStage, method: &str) -> String {
    let escaped = |text: &str| text.replace('~', "~0").replace('/', "~1");
    let (path, verb) = method.rsplit_once('/').unwrap_or(("", method));
    format!("/apiStages/{}/throttle/{}/{}", escaped(&value_of(stage)), escaped(path), escaped(verb))
}

impl SetArgs {
    fn texts(&self) -> Vec<Value> {
        let texts = [("/name", &self.name), ("/description", &self.description)];
        let given = texts.iter().filter_map(|(path, text)| Some((*path, text.as_deref()?)));
        given.map(|(path, text)| operation("replace", path, text)).collect()
    }

    /// Of the limits that stand at `path`: one alone makes no throttle.
    fn throttle(&self, path: &str, now: Option<&ThrottleSettings>) -> Result<Vec<Value>, String> {
        if self.no_throttle {
            return Ok(now.map(|_| operation("remove", path, "")).into_iter().collect());
        }
        let half = match (self.rate, self.burst, now) {
            (Some(_), None, None) => Some(("--rate", "--burst")),
            (None, Some(_), None) => Some(("--burst", "--rate")),
            _ => None,
        };
        if let Some((given, missing)) = half {
            return Err(format!("{given}: there is no throttle yet that it could change a half of: add {missing}"));
        }
        let limits =
            [("rateLimit", self.rate.map(|rate| rate.to_string())), ("burstLimit", self.burst.map(|n| n.to_string()))];
        let given = limits.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(given.map(|(name, value)| operation("replace", &format!("{path}/{name}"), &value)).collect())
    }

    /// An offset stays for as long as the period does.
    fn quota(&self, plan: &UsagePlan) -> Result<Vec<Value>, String> {
        let number = |path: &str, number: i32| operation("replace", path, &number.to_string());
        match (self.quota, self.quota_offset, plan.quota) {
            (None, None, None) => Ok(Vec::new()),
            (None, None, Some(_)) => Ok(self.no_quota.then(|| operation("remove", "/quota", "")).into_iter().collect()),
            (None, Some(_), None) => Err("--quota-offset: there is no quota yet: add --quota".to_owned()),
            (None, Some(offset), Some(_)) => Ok(vec![number("/quota/offset", offset)]),
            (Some(quota), offset, now) => {
                let kept = now.filter(|now| now.period == Some(quota.period)).map(|now| now.offset);
                let offset = offset.or(kept).unwrap_or_default();
                let period = operation("replace", "/quota/period", &quota.aws_period());
                Ok(vec![number("/quota/limit", quota.limit), period, number("/quota/offset", offset)])
            }
        }
    }
}
