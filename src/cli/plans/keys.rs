//! `tollgate plans add-key` and `remove-key`.

use clap::Args;

use super::PLAN;
use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help, encoded};
use crate::cli::lookup::{attach, key, key_title, plan, plan_path, plan_title};
use crate::config::Environment;
use crate::model::{ApiKey, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate plans add-key basic web
  tollgate plans remove-key basic web

A key that is taken out of a plan and put in again has used nothing of it.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct KeyArgs {
    /// The id or the name of the plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// The id or the name of the key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn add(args: &KeyArgs, environment: &Environment) -> Result<String, String> {
    let (admin, plan, key) = args.find(environment)?;
    attach(&admin, &plan, &key)?;
    Ok(format!("{}: {} is in it\n", plan_title(&plan), key_title(&key)))
}

pub fn remove(args: &KeyArgs, environment: &Environment) -> Result<String, String> {
    let (admin, plan, key) = args.find(environment)?;
    admin.json(Ask::delete(format!("{}/keys/{}", plan_path(plan.id.as_str()), encoded(key.id.as_str()))))?;
    Ok(format!("{}: {} is no longer in it\n", plan_title(&plan), key_title(&key)))
}

impl KeyArgs {
    fn find(&self, environment: &Environment) -> Result<(Admin, UsagePlan, ApiKey), String> {
        let admin = Admin::new(&self.admin, environment)?;
        let plan = plan(&admin, PLAN, &self.plan)?;
        let key = key(&admin, "KEY", &self.key)?;
        Ok((admin, plan, key))
    }
}
