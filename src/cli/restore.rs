//! `tollgate restore FILE`: everything as a backup says, on a running gateway or in the folder of one that does not run.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::config::Environment;
use crate::control_plane::store::backup;
use crate::control_plane::store::disk::Disk;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate restore tollgate.backup              to the gateway that runs
  tollgate restore tollgate.backup --data DIR   for tollgate serve --data DIR

Everything that the management API made is replaced, all of it or nothing. A
backup that was cut short or altered is refused, and one of a newer version.
", credentials_help!(), "
Exit codes: 0 it is restored, 1 nothing has changed, 2 the command line is wrong."))]
pub struct RestoreArgs {
    /// What tollgate backup wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A folder for tollgate serve --data, with no gateway running on it, instead of a running gateway
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Replace what is in the folder
    #[arg(long, requires = "data")]
    pub replace: bool,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// The backup is not whole, or is not taken.
pub fn run(args: &RestoreArgs, environment: &Environment) -> Result<String, String> {
    let rows = match &args.data {
        Some(folder) => into_folder(&args.file, folder, args.replace)?,
        None => return into_gateway(args, environment),
    };
    Ok(format!("{rows} rows restored to {}\n", args.data.as_deref().unwrap_or(Path::new("")).display()))
}

fn into_folder(file: &Path, folder: &Path, replaced: bool) -> Result<u64, String> {
    let (store, rows) = read(file)?;
    Disk::restore(folder, &store, replaced).map_err(|reason| match reason.ends_with("already") {
        true => format!("{reason}; --replace replaces it"),
        false => reason,
    })?;
    Ok(rows)
}

/// The backup is read here first, so that a file that is none is not sent.
fn into_gateway(args: &RestoreArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    read(&args.file)?;
    let body = std::fs::read(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    let answer = admin.json(Ask { method: "POST", target: "/restore".to_owned(), body, ..Ask::default() })?;
    for unserved in answer["unserved"].as_array().into_iter().flatten() {
        let text = |key: &str| unserved[key].as_str().unwrap_or_default().to_owned();
        eprintln!("warning: the stage {} is not served: {}", text("stage"), text("reason"));
    }
    if let Some(reason) = answer["filesError"].as_str() {
        eprintln!("warning: the files that the gateway serves could not be read again: {reason}");
    }
    Ok(format!("{} rows restored\n", answer["rows"].as_u64().map_or(Value::Null, Value::from)))
}

fn read(file: &Path) -> Result<(crate::control_plane::store::Store, u64), String> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    backup::read(BufReader::new(opened)).map_err(|reason| format!("{}: {reason}", file.display()))
}

fn unreadable(file: &Path, error: &std::io::Error) -> String {
    format!("cannot read `{}`: {error}", file.display())
}
