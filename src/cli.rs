//! The command line: what can be written there, and which command it calls.
//!
//! One file a command. On documents and settings, with their arguments in [`arguments`]: `serve`, `check`, `routes`,
//! `test-invoke`, [`config`], [`completions`]. On a running gateway, through [`admin`]: with [`managed`], `status`, `diff`,
//! `deploy`, `rollback`, `cache`, `export`, `backup`, `restore`; with [`lookup`], `keys`, `plans`, `usage`. On its function
//! host: [`functions`]. Exit codes: 0 all
//! is well, 1 something is wrong with what was given (documents, settings) or with what was asked of a gateway, 2 the command
//! line itself is wrong.

pub mod admin;
pub mod arguments;
pub mod backup;
pub mod cache;
mod candidate;
pub mod check;
pub mod completions;
pub mod config;
mod demo;
pub mod deploy;
pub mod diff;
pub mod export;
pub mod functions;
pub mod keys;
mod lookup;
pub mod managed;
pub mod plans;
pub mod restore;
pub mod rollback;
pub mod routes;
pub mod serve;
pub mod status;
mod table;
pub mod test_invoke;
pub mod usage;

use crate::config::{BasePath, Config, Environment, Problems, Settings};
use crate::openapi::{self, ImportOptions};
use crate::server::compile_options;
use arguments::{CheckArgs, CompletionsArgs, ConfigArgs, Format, ReadArgs, RoutesArgs, ServeArgs, TestInvokeArgs};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::LazyLock;

/// Runs the command that the arguments (the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = functions::warden(&arguments) {
        return code;
    }
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(command_line) => command_line.command,
        Err(error) => {
            // Help and version come this way too, with exit code 0. There is nobody left to tell if printing fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match command {
        Command::Serve(args) => with_settings(args.settings(environment), |settings| serve::run(&args, settings)),
        Command::Check(args) => with_documents(args.api.settings(environment), |Settings { config, .. }| {
            let (import, options) = (import_options(&config), compile_options(&config));
            ExitCode::from(check::run(&config.files, &import, &options, report_format(args.format)))
        }),
        Command::Routes(args) => with_documents(args.api.settings(environment), |Settings { config, .. }| {
            let (import, options) = (import_options(&config), compile_options(&config));
            ExitCode::from(routes::run(&config.files, &import, &options, report_format(args.format)))
        }),
        Command::TestInvoke(args) => {
            with_settings(args.settings(environment), |settings| test_invoke::run(&args, &settings.config))
        }
        Command::Config(args) if args.reference => config::reference(args.format),
        Command::Config(args) => {
            with_settings(args.serve.settings(environment), |settings| config::run(&args, &settings))
        }
        Command::Completions(args) => completions::run(args.shell),
        Command::Status(args) => done(status::run(&args, environment)),
        Command::Diff(args) => diff::run(&args, environment),
        Command::Deploy(args) => done(deploy::run(&args, environment)),
        Command::Rollback(args) => done(rollback::run(&args, environment)),
        Command::Cache(args) => done(cache::run(&args, environment)),
        Command::Export(args) => done(export::run(&args, environment)),
        Command::Backup(args) => done(backup::run(&args, environment)),
        Command::Restore(args) => done(restore::run(&args, environment)),
        Command::Keys(args) => done(keys::run(&args, environment)),
        Command::Plans(args) => done(plans::run(&args, environment)),
        Command::Usage(args) => done(usage::run(&args, environment)),
        Command::Functions(args) => functions::run(&args, environment),
    }
}

/// What a command prints, or why it could not do what it was to.
fn done(outcome: Result<String, String>) -> ExitCode {
    match outcome {
        Ok(output) => print(&output),
        Err(problem) => {
            eprintln!("{}", problem.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn with_settings(settings: Result<Settings, Problems>, command: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    match settings {
        Ok(settings) => command(settings),
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(problems.exit_code())
        }
    }
}

/// For a command that has nothing to do without a document.
fn with_documents(settings: Result<Settings, Problems>, command: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    with_settings(settings, |settings| {
        if settings.config.files.is_empty() {
            eprintln!("there is no document; name one or more, or set `files` in the settings file");
            return ExitCode::from(2);
        }
        command(settings)
    })
}

fn colour_on_stderr() -> bool {
    io::stderr().is_terminal()
}

fn report_format(format: Format) -> check::Format {
    match format {
        Format::Text => check::Format::Text { colour: io::stdout().is_terminal() },
        Format::Json => check::Format::Json,
    }
}

/// What the settings say of reading documents.
fn import_options(config: &Config) -> ImportOptions {
    ImportOptions {
        base_path: match config.basepath {
            BasePath::Ignore => openapi::BasePath::Ignore,
            BasePath::Prepend => openapi::BasePath::Prepend,
            BasePath::Split => openapi::BasePath::Split,
        },
        mock_missing: config.mock_missing,
        stage_name: config.stage.clone(),
        stage_variables: config.stage_variables.clone().into_iter().collect(),
        ..ImportOptions::default()
    }
}

/// Writes a command's output. A reader that has left (`tollgate config | head`) is no error.
pub fn print(output: &str) -> ExitCode {
    match io::stdout().lock().write_all(output.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[derive(Debug, Parser)]
#[command(name = "tollgate", version, long_version = LONG_VERSION.as_str(), after_help = EXAMPLES)]
#[command(max_term_width = 120)]
/// The API gateway that you own: AWS API Gateway's semantics, from an OpenAPI document, on your own servers.
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// `0.1.0 (x86_64-linux-gnu, release)`: what a bug report needs.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let library = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (version, arch, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    format!("{version} ({arch}-{os}-{library}, {profile})")
});

const EXAMPLES: &str = "\
Examples:
  tollgate serve                          the built-in example, with its own backend
  tollgate serve petstore.yaml            one API at http://127.0.0.1:8080/default/
  tollgate check petstore.yaml            what would stand against serving it
  tollgate test-invoke a.yaml GET /pets   one request, step by step, without serving it
  tollgate config --config tollgate.toml  every setting, and where its value comes from
  tollgate deploy petstore.yaml --api pets --stage prod --create
                                          a document to a gateway that runs, and tollgate rollback back
  tollgate keys create --name web --plan basic
                                          an API key for the stages of a usage plan

Settings may also come from a file (--config) and from TOLLGATE_ variables; a flag is the strongest.
Exit codes: 0 all is well, 1 a document or a setting is wrong, 2 the command line is wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the APIs that OpenAPI documents describe
    Serve(ServeArgs),
    /// Say what stands against serving documents, with file, line, column and what to write instead
    Check(CheckArgs),
    /// List the routes of documents
    Routes(RoutesArgs),
    /// Try a method of a document, without serving it, and tell each step
    TestInvoke(TestInvokeArgs),
    /// Print every setting with its value and where that came from, as a settings file
    Config(ConfigArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Tell what a running gateway serves, since when, and what is not deployed yet
    Status(status::StatusArgs),
    /// Tell what deploying a document would change
    Diff(diff::DiffArgs),
    /// Deploy a document to a stage of an API, and wait until it is served
    Deploy(deploy::DeployArgs),
    /// Move a stage back to a deployment that it had before
    Rollback(rollback::RollbackArgs),
    /// Empty what a stage has cached
    Cache(cache::CacheArgs),
    /// Print what a stage serves as an OpenAPI document
    Export(export::ExportArgs),
    /// Save everything that the management API made
    Backup(backup::BackupArgs),
    /// Make everything what a backup says, on a running gateway or in a folder
    Restore(restore::RestoreArgs),
    /// List, make, rotate and revoke API keys
    Keys(keys::KeysArgs),
    /// List, make and change usage plans, and say which stages and keys are in them
    Plans(plans::PlansArgs),
    /// Tell what keys have used of their quotas, or set what they have left
    Usage(usage::UsageArgs),
    /// List, invoke and look at the functions that a running gateway hosts
    Functions(functions::FunctionsArgs),
}

#[cfg(test)]
mod tests;
