//! `tollgate functions`: the functions that a running gateway hosts, through its Invoke API and control API.
//!
//! - [`list`], [`show`]: what there is; [`logs`]: what they wrote.
//! - [`invoke`]: calls one.

mod invoke;
mod list;
mod logs;
mod show;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::admin::{Admin, Listener, credentials_help};
use super::done;
use crate::config::{Environment, FUNCTIONS_URL};
use crate::function::warden;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate functions list
  tollgate functions invoke pets --payload '{\"name\": \"Rex\"}' --tail
  tollgate functions logs pets --follow

The gateway hosts functions where its settings list any, or functions.enabled is set.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct FunctionsArgs {
    #[command(subcommand)]
    command: FunctionsCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum FunctionsCommand {
    /// List the functions, and how busy they are
    List(list::ListArgs),
    /// Tell how a function is configured
    Show(show::ShowArgs),
    /// Print what a function wrote
    Logs(logs::LogsArgs),
    /// Call a function, and print what it returns
    Invoke(invoke::InvokeArgs),
}

/// Which host a command is about.
#[derive(Args, Clone, Debug, Default)]
struct HostArgs {
    /// The gateway's function host; TOLLGATE_FUNCTIONS_URL names it too [default: http://127.0.0.1:9002]
    #[arg(long, value_name = "URL")]
    functions_url: Option<String>,
    /// The region of a signature; AWS_REGION and AWS_DEFAULT_REGION name it too [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

const HOST: Listener = Listener {
    name: "function host",
    default_url: "http://127.0.0.1:9002",
    flag: "--functions-url",
    variable: FUNCTIONS_URL,
    service: "lambda",
};

impl HostArgs {
    fn host(&self, environment: &Environment) -> Result<Admin, String> {
        Admin::of(&HOST, self.functions_url.as_deref(), self.region.as_deref(), environment)
    }
}

pub fn run(args: &FunctionsArgs, environment: &Environment) -> ExitCode {
    match &args.command {
        FunctionsCommand::List(args) => done(list::run(args, environment)),
        FunctionsCommand::Show(args) => done(show::run(args, environment)),
        FunctionsCommand::Logs(args) => done(logs::run(args, environment)),
        FunctionsCommand::Invoke(args) => invoke::run(args, environment),
    }
}

/// Whether this process is not there for a command but to watch over a function, with what it ends.
pub fn warden(arguments: &[OsString]) -> Option<ExitCode> {
    if arguments.get(1).is_none_or(|argument| argument != warden::ARGUMENT) {
        return None;
    }
    Some(ExitCode::from(u8::try_from(warden::run(&arguments[2..])).unwrap_or(1)))
}
