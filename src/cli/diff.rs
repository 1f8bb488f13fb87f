//! `tollgate diff FILE`: what `tollgate deploy FILE` would change of what a stage serves.
//!
//! As JSON (`--format json`):
//! ```json
//! {"apiId": "a1b2c3d4e5", "stage": "prod", "deploymentId": "x1y2z3",
//!  "changes": [{"pointer": "/resources/~1pets/resourceMethods/GET", "change": "added", "name": "GET /pets",
//!               "before": null, "after": null}]}
//! ```
//! `change` is `added`, `removed` or `changed`; a thing, such as a method, has a name, and any other value a `before` or an
//! `after`, or both. Documentation is not served, and does not count.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::admin::{AdminArgs, credentials_help};
use super::candidate;
use super::export::exported;
use super::managed::{Managed, counted};
use super::{Format, ReadArgs, colour_on_stderr, print};
use crate::config::{Config, Environment, Settings};
use crate::control_plane::status::StageStatus;
use crate::model::{ApiDefinition, Change, Difference, differences};
use crate::openapi::{self, ImportOptions, Imported, PutMode, Strictness};

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate diff petstore.yaml --api pets
  tollgate diff petstore.yaml --api pets --stage prod && echo 'nothing to deploy'
  tollgate diff petstore.yaml --api pets --format json | jq '.changes[].pointer'

", credentials_help!(), "
Exit codes: 0 nothing would change, 1 something would, 2 it cannot be told."))]
pub struct DiffArgs {
    /// The OpenAPI document
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    pub api: String,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub admin: AdminArgs,
}

pub fn run(args: &DiffArgs, environment: &Environment) -> ExitCode {
    let outcome = match args.read.settings(environment) {
        Ok(Settings { config, .. }) => compare(args, environment, &config),
        Err(problems) => Err(problems.to_string()),
    };
    match outcome {
        Ok((text, differ)) => {
            let printed = print(&text);
            if differ { ExitCode::FAILURE } else { printed }
        }
        Err(problem) => {
            eprintln!("{}", problem.trim_end());
            ExitCode::from(2)
        }
    }
}

/// What is printed, and whether anything would change.
fn compare(args: &DiffArgs, environment: &Environment, config: &Config) -> Result<(String, bool), String> {
    let managed = Managed::find(&args.admin, environment, &args.api)?;
    let stage = managed.stage(config.stage.as_deref())?;
    let imported = candidate::read(&args.file, config, &stage.name, Strictness::Import);
    let imported = imported.map_err(|found| found.to_text(colour_on_stderr()))?;
    let before = candidate::variables(&managed, stage)?;
    let after = candidate::new_variables(&before, Some(&imported), config);
    let mut found = changes(&deployed(&managed, &stage.name)?, &imported);
    found.extend(candidate::changed_variables(&before, &after));
    let text = match args.format {
        Format::Text => text(&managed, stage, &found),
        Format::Json => format!("{:#}\n", as_json(&managed, stage, &found)),
    };
    Ok((text, !found.is_empty()))
}

/// The definition that the stage serves: as exported and read again.
fn deployed(managed: &Managed, stage: &str) -> Result<ApiDefinition, String> {
    let document = exported(managed, stage, "oas30", "apigateway", "application/json")?;
    let options = ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() };
    let read = openapi::load_text("what is deployed", &document, &options);
    let read = read.map_err(|found| format!("what is deployed cannot be compared:\n{}", found.to_text(false)))?;
    Ok(read.definition)
}

/// An API keeps its name, whatever the document's title.
fn changes(deployed: &ApiDefinition, imported: &Imported) -> Vec<Difference> {
    let mut drawn = 0;
    let mut draw = || {
        drawn += 1;
        format!("new{drawn}")
    };
    let mut after = openapi::merge(deployed, imported, PutMode::Overwrite, &mut draw);
    after.rest_api.name.clone_from(&deployed.rest_api.name);
    after.documentation_parts.clear();
    let before = ApiDefinition { documentation_parts: Vec::new(), ..deployed.clone() };
    differences(&before, &after)
}

fn text(managed: &Managed, stage: &StageStatus, found: &[Difference]) -> String {
    let deployment = stage.deployment_id.as_deref().unwrap_or("-");
    let subject = format!("{}, {} (deployment {deployment})", managed.title(), stage.name);
    if found.is_empty() {
        return format!("{subject}: nothing would change\n");
    }
    let mut text = format!("{subject}: {}\n", counted(found.len()));
    for difference in found {
        let _ = writeln!(text, "  {difference}");
    }
    text
}

fn as_json(managed: &Managed, stage: &StageStatus, found: &[Difference]) -> Value {
    let changes: Vec<Value> = found.iter().map(change).collect();
    json!({ "apiId": managed.api.id, "stage": stage.name, "deploymentId": stage.deployment_id, "changes": changes })
}

fn change(difference: &Difference) -> Value {
    let (change, name, before, after) = match &difference.change {
        Change::ThingAdded(name) => ("added", Some(name), None, None),
        Change::ThingRemoved(name) => ("removed", Some(name), None, None),
        Change::ValueAdded(after) => ("added", None, None, Some(after)),
        Change::ValueRemoved(before) => ("removed", None, Some(before), None),
        Change::ValueChanged(before, after) => ("changed", None, Some(before), Some(after)),
    };
    let pointer = difference.pointer.to_string();
    json!({ "pointer": pointer, "change": change, "name": name, "before": before, "after": after })
}
