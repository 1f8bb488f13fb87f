//! `tollgate export`: what a stage serves, as an OpenAPI document (AWS's GetExport).

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::admin::{AdminArgs, Ask, credentials_help, encoded};
use super::managed::Managed;
use crate::config::Environment;

/// What `tollgate serve` and `tollgate deploy` need to make the same of it.
const EVERYTHING: &str = "apigateway,tollgate";

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate export --api pets --stage prod --yaml -o pets.yaml
  tollgate export --api pets --format swagger --extensions integrations,authorizers
  tollgate export --api pets --extensions documentation    nothing of how it works

", credentials_help!(), "
Exit codes: 0 it is exported, 1 it is not, 2 the command line is wrong."))]
pub struct ExportArgs {
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    pub api: String,
    /// The stage [default: the API's only one]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// OpenAPI 3.0.1, or 2.0
    #[arg(long, value_enum, default_value_t = ExportFormat::Oas30)]
    pub format: ExportFormat,
    /// YAML instead of JSON
    #[arg(long)]
    pub yaml: bool,
    /// What the document says beside plain OpenAPI: apigateway (integrations, authorizers and documentation), each of these,
    /// or tollgate (id and stage variables)
    #[arg(long, value_name = "NAMES", default_value = EVERYTHING)]
    pub extensions: String,
    /// The file to write [default: the standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub admin: AdminArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Oas30,
    Swagger,
}

/// # Errors
/// The gateway does not answer or has nothing to export, or the file cannot be written.
pub fn run(args: &ExportArgs, environment: &Environment) -> Result<String, String> {
    let managed = Managed::find(&args.admin, environment, &args.api)?;
    let stage = managed.stage(args.stage.as_deref())?;
    let export_type = match args.format {
        ExportFormat::Oas30 => "oas30",
        ExportFormat::Swagger => "swagger",
    };
    let accept = if args.yaml { "application/yaml" } else { "application/json" };
    let document = exported(&managed, &stage.name, export_type, &args.extensions, accept)?;
    match &args.output {
        None => Ok(document),
        Some(file) => {
            let written = std::fs::write(file, &document);
            written.map_err(|error| format!("--output: cannot write `{}`: {error}", file.display()))?;
            Ok(String::new())
        }
    }
}

/// # Errors
/// The gateway does not answer, or the stage has nothing to export.
pub fn exported(
    managed: &Managed,
    stage: &str,
    export_type: &str,
    extensions: &str,
    accept: &str,
) -> Result<String, String> {
    let rest = format!("/stages/{}/exports/{export_type}?extensions={}", encoded(stage), encoded(extensions));
    let ask = Ask { method: "GET", target: managed.path(&rest), accept: Some(accept), ..Ask::default() };
    let document = managed.admin.bytes(ask)?;
    String::from_utf8(document.into()).map_err(|_| "the gateway exports what is no text".to_owned())
}
