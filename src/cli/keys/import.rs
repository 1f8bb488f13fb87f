//! `tollgate keys import`: the keys that a file lists (AWS's ImportApiKeys).

use std::io::Read;

use clap::Args;

use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::config::Environment;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys import keys.csv
  tollgate keys import - --fail-on-warnings < keys.csv

The first row names the columns, in any order: Name and Key, and maybe
Description, Enabled (true or false) and UsagePlanIds (ids, in quotes where there
are several). A key whose value is there already is changed. What cannot be
taken is told by its row. Prints the ids, a line each.
", credentials_help!(), "
Exit codes: 0 they are made, 1 they are not, 2 the command line is wrong."))]
pub struct ImportArgs {
    /// The file of comma-separated values, or - for the standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Make none if there is a warning of any
    #[arg(long)]
    fail_on_warnings: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &ImportArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let body = read(&args.file).map_err(|error| format!("FILE: cannot read `{}`: {error}", args.file))?;
    let target = format!("/apikeys?mode=import&format=csv&failonwarnings={}", args.fail_on_warnings);
    let answer = admin.json(Ask { method: "POST", target, body, ..Ask::default() })?;
    let texts = |member: &str| answer[member].as_array().into_iter().flatten().filter_map(|text| text.as_str());
    for warning in texts("warnings") {
        eprintln!("warning: {warning}");
    }
    let ids: String = texts("ids").map(|id| format!("{id}\n")).collect();
    match ids.is_empty() {
        true => Err(format!("FILE: `{}` has no row of which a key could be made", args.file)),
        false => Ok(ids),
    }
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}
