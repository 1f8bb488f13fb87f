//! `tollgate functions show`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use super::HostArgs;
use crate::cli::Format;
use crate::cli::admin::{Ask, credentials_help, encoded};
use crate::cli::table::printable;
use crate::config::Environment;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate functions show pets
  tollgate functions show pets --format json

As JSON, the function is as AWS's GetFunction has it, with the values of its variables.
", credentials_help!(), "
Exit codes: 0 it is told, 1 it is not, 2 the command line is wrong."))]
pub struct ShowArgs {
    /// The name of the function
    #[arg(value_name = "NAME")]
    name: String,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    host: HostArgs,
}

pub fn run(args: &ShowArgs, environment: &Environment) -> Result<String, String> {
    let path = format!("/2015-03-31/functions/{}", encoded(&args.name));
    let shown = args.host.host(environment)?.json(Ask::get(path))?;
    match args.format {
        Format::Text => Ok(text(&shown)),
        Format::Json => Ok(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n"),
    }
}

/// What there is of it. Values of variables may be secrets: only their names are told.
fn text(shown: &Value) -> String {
    let configuration = &shown["Configuration"];
    let told = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let variables = configuration["Environment"]["Variables"].as_object();
    let variables: Vec<&str> = variables.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let rows = [
        ("name", told(&configuration["FunctionName"])),
        ("arn", told(&configuration["FunctionArn"])),
        ("runtime", told(&configuration["Runtime"])),
        ("handler", told(&configuration["Handler"])),
        ("code", told(&shown["Code"]["Location"])),
        ("memory", told(&configuration["MemorySize"]) + " MB"),
        ("timeout", told(&configuration["Timeout"]) + " s"),
        ("reserved", told(&shown["Concurrency"]["ReservedConcurrentExecutions"])),
        ("variables", variables.join(", ")),
        ("description", told(&configuration["Description"])),
        ("changed", told(&configuration["LastModified"])),
    ];
    let mut text = String::new();
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<11}  {}", printable(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_and_no_values() {
        let shown = serde_json::json!({ "Configuration": {
            "FunctionName": "pets", "MemorySize": 128, "Timeout": 3, "Environment": { "Variables": { "KEY": "hidden" } },
        } });
        assert_eq!(text(&shown), "name         pets\nmemory       128 MB\ntimeout      3 s\nvariables    KEY\n");
    }
}
