//! `tollgate cache flush`: makes a stage forget the answers that it has kept (AWS's FlushStageCache), or what its authorizers
//! have decided (FlushStageAuthorizersCache).

use clap::{Args, Subcommand};

use super::admin::{AdminArgs, Ask, credentials_help, encoded};
use super::managed::Managed;
use crate::config::Environment;

#[derive(Args, Clone, Debug)]
pub struct CacheArgs {
    #[command(subcommand)]
    pub action: CacheAction,
}

#[derive(Subcommand, Clone, Debug)]
pub enum CacheAction {
    /// Forget every answer that a stage has kept, and wait until all shards have
    Flush(FlushArgs),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate cache flush --api pets --stage prod
  tollgate cache flush --api pets                the only stage
  tollgate cache flush --api pets --authorizers  what its authorizers have decided

A canary's answers go too. Until they are kept again, every request is the
backend's to answer.
", credentials_help!(), "
Exit codes: 0 all are forgotten, 1 they are not, 2 the command line is wrong."))]
pub struct FlushArgs {
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    pub api: String,
    /// The stage [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Forget what the stage's authorizers have decided, in place of the answers
    #[arg(long)]
    pub authorizers: bool,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// The gateway does not answer, or there is no such stage.
pub fn run(args: &CacheArgs, environment: &Environment) -> Result<String, String> {
    match &args.action {
        CacheAction::Flush(args) => flush(args, environment),
    }
}

fn flush(args: &FlushArgs, environment: &Environment) -> Result<String, String> {
    let managed = Managed::find(&args.admin, environment, &args.api)?;
    let stage = managed.stage(args.stage.as_deref())?;
    let (what, told) = match args.authorizers {
        true => ("authorizers", "what authorizers have decided is forgotten"),
        false => ("data", "the cache is empty"),
    };
    let target = managed.path(&format!("/stages/{}/cache/{what}", encoded(&stage.name)));
    managed.admin.bytes(Ask { method: "DELETE", target, ..Ask::default() })?;
    Ok(format!("{}, {}: {told}\n", managed.title(), stage.name))
}
