//! `tollgate plans add-stage` and `remove-stage`.

use clap::Args;

use super::{PLAN, operation, patch, value_of};
use crate::cli::admin::{Admin, AdminArgs, credentials_help};
use crate::cli::lookup::{plan, plan_title};
use crate::cli::managed::{Managed, listed};
use crate::config::Environment;
use crate::model::{ApiStage, RestApiId, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans add-stage basic --api pets --stage prod
  tollgate plans remove-stage basic --api pets --stage prod

A key opens a stage by one plan only: AWS's rule. A stage's limits by method go
with it.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct StageArgs {
    /// The id or the name of the plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    api: String,
    /// The stage of the API [default: the API's only one; to remove, the plan's only one of the API]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn add(args: &StageArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, PLAN, &args.plan)?;
    let stage = args.target().find(&args.admin, environment)?;
    patch(&admin, &plan, vec![operation("add", "/apiStages", &value_of(&stage))])?;
    Ok(format!("{}: its keys open {}\n", plan_title(&plan), value_of(&stage)))
}

pub fn remove(args: &StageArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, PLAN, &args.plan)?;
    let stage = value_of(args.target().of(&plan, &args.admin, environment)?);
    patch(&admin, &plan, vec![operation("remove", "/apiStages", &stage)])?;
    Ok(format!("{}: its keys no longer open {stage}\n", plan_title(&plan)))
}

impl StageArgs {
    fn target(&self) -> Target<'_> {
        Target { api: &self.api, stage: self.stage.as_deref() }
    }
}

/// A stage as the command line has it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub api: &'a str,
    pub stage: Option<&'a str>,
}

impl Target<'_> {
    /// The stage, which is there.
    ///
    /// # Errors
    /// Nobody answers, there is no such stage, or there are several.
    pub fn find(self, admin: &AdminArgs, environment: &Environment) -> Result<ApiStage, String> {
        let managed = Managed::find(admin, environment, self.api)?;
        let stage = managed.stage(self.stage)?.name.clone();
        Ok(ApiStage { api_id: RestApiId(managed.api.id), stage, ..ApiStage::default() })
    }

    /// The stage that the plan has. What is named by its id may be gone.
    ///
    /// # Errors
    /// Nobody answers, or the plan has no such stage, or several.
    pub fn of<'p>(
        self,
        plan: &'p UsagePlan,
        admin: &AdminArgs,
        environment: &Environment,
    ) -> Result<&'p ApiStage, String> {
        let is_id = plan.api_stages.iter().any(|stage| stage.api_id.as_str() == self.api);
        let id = if is_id { self.api.to_owned() } else { Managed::find(admin, environment, self.api)?.api.id };
        let is_meant =
            |stage: &&ApiStage| stage.api_id.as_str() == id && self.stage.is_none_or(|wanted| stage.stage == wanted);
        let meant: Vec<&ApiStage> = plan.api_stages.iter().filter(is_meant).collect();
        let (flag, wanted) = match self.stage {
            Some(stage) => ("--stage", format!("the stage `{stage}`")),
            None => ("--api", "a stage".to_owned()),
        };
        let (title, api) = (plan_title(plan), self.api);
        match meant.as_slice() {
            [only] => Ok(only),
            [] => Err(format!("{flag}: the plan {title} does not have {wanted} of `{api}`; it has {}", has(plan))),
            several => {
                let names = listed(several.iter().map(|stage| stage.stage.as_str()));
                Err(format!("--stage says which stage of `{api}` is meant; the plan {title} has {names}"))
            }
        }
    }
}

fn has(plan: &UsagePlan) -> String {
    let stages: Vec<String> = plan.api_stages.iter().map(value_of).collect();
    if stages.is_empty() { "none".to_owned() } else { listed(stages.iter().map(String::as_str)) }
}
