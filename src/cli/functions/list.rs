//! `tollgate functions list`.

use clap::Args;
use serde_json::Value;

use super::HostArgs;
use crate::cli::Format;
use crate::cli::admin::{Ask, credentials_help};
use crate::cli::table::table;
use crate::config::Environment;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate functions list
  tollgate functions list --format json | jq -r '.[] | select(.errors > 0) | .name'

", credentials_help!(), "
Exit codes: 0 they are listed, 1 they are not, 2 the command line is wrong."))]
pub struct ListArgs {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    host: HostArgs,
}

pub fn run(args: &ListArgs, environment: &Environment) -> Result<String, String> {
    let answer = args.host.host(environment)?.json(Ask::get("/tollgate/functions".to_owned()))?;
    match args.format {
        Format::Text => Ok(text(&answer["functions"])),
        Format::Json => Ok(serde_json::to_string_pretty(&answer["functions"]).unwrap_or_default() + "\n"),
    }
}

fn text(functions: &Value) -> String {
    let heads = ["NAME", "RUNTIME", "PROCESSES", "RUNNING", "WAITING", "INVOCATIONS", "ERRORS", "THROTTLES"];
    let keys = ["name", "runtime", "processes", "running", "waiting", "invocations", "errors", "throttles"];
    let row = |function: &Value| {
        keys.map(|key| match &function[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(functions.as_array().into_iter().flatten().map(row));
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_a_function() {
        let functions = serde_json::json!([{
            "name": "pets", "runtime": "python3.12", "processes": 1, "running": 0, "waiting": 0, "invocations": 7, "errors": 0,
            "throttles": 0,
        }]);
        assert_eq!(
            text(&functions),
            "NAME  RUNTIME     PROCESSES  RUNNING  WAITING  INVOCATIONS  ERRORS  THROTTLES\n\
             pets  python3.12  1          0        0        7            0       0\n"
        );
    }
}
