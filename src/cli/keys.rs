//! `tollgate keys`: API keys, by AWS's operations.
//!
//! - [`list`], [`show`]: what there is.
//! - [`create`], [`rotate`], [`import`]: new keys.
//! - Here: `enable`, `disable` and `revoke`, which end one, or not.
//!
//! A key's value is printed when the key is made and by `show --show-value`, on the standard output and nowhere else.

mod create;
mod import;
mod list;
mod rotate;
mod show;

use clap::{Args, Subcommand};
use serde_json::json;

use super::admin::{Admin, AdminArgs, Ask, credentials_help};
use super::lookup::{key, key_path, key_title};
use crate::config::Environment;
use crate::model::ApiKey;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys create --name web --plan basic
  tollgate keys list --plan basic
  tollgate keys rotate web --revoke-old
  tollgate keys disable web

A key is named by its id or its name; where several have the name, by its id.
It opens the stages of the usage plans that it is in: tollgate plans.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum KeysCommand {
    /// List the keys, without their values
    List(list::ListArgs),
    /// Make a key, and print its id and its value
    Create(create::CreateArgs),
    /// Tell what is known of a key
    Show(show::ShowArgs),
    /// Make a key that replaces another, and print its id and its value
    Rotate(rotate::RotateArgs),
    /// Let a key open what it is for
    Enable(KeyArgs),
    /// Let a key open nothing until it is enabled again
    Disable(KeyArgs),
    /// Remove a key, with what it has used
    Revoke(KeyArgs),
    /// Make the keys that a file lists, and print their ids
    Import(import::ImportArgs),
}

/// A key, and nothing else.
#[derive(Args, Clone, Debug)]
struct KeyArgs {
    /// The id or the name of the key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Where a key is an argument of its own, in what is told of it.
const KEY: &str = "KEY";

/// # Errors
/// Nobody answers, it is not clear what is meant, or it is refused.
pub fn run(args: &KeysArgs, environment: &Environment) -> Result<String, String> {
    match &args.command {
        KeysCommand::List(args) => list::run(args, environment),
        KeysCommand::Create(args) => create::run(args, environment),
        KeysCommand::Show(args) => show::run(args, environment),
        KeysCommand::Rotate(args) => rotate::run(args, environment),
        KeysCommand::Enable(args) => args.end(environment, End::Enable),
        KeysCommand::Disable(args) => args.end(environment, End::Disable),
        KeysCommand::Revoke(args) => args.end(environment, End::Revoke),
        KeysCommand::Import(args) => import::run(args, environment),
    }
}

impl KeyArgs {
    fn end(&self, environment: &Environment, how: End) -> Result<String, String> {
        let admin = Admin::new(&self.admin, environment)?;
        let key = key(&admin, KEY, &self.key)?;
        end(&admin, &key, how).map(|told| told + "\n")
    }
}

/// How a key ends, or begins again.
#[derive(Clone, Copy)]
enum End {
    Enable,
    Disable,
    Revoke,
}

/// What was done, as a line.
fn end(admin: &Admin, key: &ApiKey, how: End) -> Result<String, String> {
    let path = key_path(key.id.as_str());
    let enabled = |value: &str| {
        let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/enabled", "value": value }] });
        Ask::with("PATCH", path.clone(), &patch)
    };
    let (ask, done) = match how {
        End::Enable => (enabled("true"), "enabled"),
        End::Disable => (enabled("false"), "disabled"),
        End::Revoke => (Ask::delete(path.clone()), "revoked"),
    };
    admin.json(ask)?;
    Ok(format!("{}: {done}", key_title(key)))
}
