//! `tollgate serve [FILE…]`: serves what the documents describe, or the built-in example.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use super::{ServeArgs, compile_options, demo, import_options};
use crate::config::{AuditDestination, Config, LogLevel, Settings};
use crate::control_plane::ExitReason;
use crate::control_plane::deployment::{self, BuiltApi};
use crate::control_plane::documents::Documents;
use crate::control_plane::keeper::KeeperHandle;
use crate::control_plane::publish::{Builder, Built};
use crate::plan::Plan;
use crate::server::{self, Started};

/// Serves until a signal says to stop. Exit code 1 where it could not start.
pub fn run(_args: &ServeArgs, settings: Settings) -> ExitCode {
    let config = settings.config;
    start_logging(config.log.level, &config.management.audit_log);
    let outcome = match (config.files.is_empty(), config.data.is_some() || config.empty) {
        (false, _) => serve_files(config),
        (true, true) => serve_store(&config),
        (true, false) => serve_demo(&config),
    };
    match outcome {
        // Live event loops are not torn down: operations of the kernel may still use their buffers.
        Ok(ExitReason::Drained | ExitReason::TimedOut { .. }) => std::process::exit(0),
        Ok(ExitReason::Interrupted { .. }) => std::process::exit(130),
        Err(problem) => {
            eprintln!("{problem}");
            std::process::exit(1)
        }
    }
}

fn serve_files(config: Config) -> Result<ExitReason, String> {
    let (import, options) = (import_options(&config), compile_options(&config));
    let (files, root) = (config.files.clone(), config.root);
    // The first build is for the list of what is served, and for problems in colour.
    let colour = std::io::stderr().is_terminal();
    let first = deployment::build(&files, &import, &options, 0).map_err(|problems| problems.to_text(colour))?;
    let builder = move |keeper: KeeperHandle, started: &Config| -> Builder {
        let options = compile_options(started);
        Arc::new(move |generation| {
            let built =
                deployment::build(&files, &import, &options, generation).map_err(|problems| problems.to_text(false))?;
            for warning in &built.warnings.0 {
                tracing::warn!("{}", warning.one_line());
            }
            Ok(kept(built, root, keeper.clone()))
        })
    };
    server::serve(&config, builder, |started| {
        announce(started);
        let only = first.apis.iter().all(|api| api.api_id == first.apis[0].api_id);
        for api in &first.apis {
            let canary = api.canary_percent.map(|percent| format!(", canary {percent} %")).unwrap_or_default();
            let url = url(started, api, root, only);
            eprintln!("  {url:<28} {} ({} routes{canary})", api.document, api.route_count);
        }
    })
}

/// Serves what the management API has made, and will make.
fn serve_store(config: &Config) -> Result<ExitReason, String> {
    let builder = |keeper: KeeperHandle, _: &Config| -> Builder {
        Arc::new(move |_| {
            let keeper = keeper.clone();
            let keep = Box::new(move |_| keeper.deploy(Documents::default()));
            Ok(Built { plan: Plan::empty(), watched_files: Vec::new(), keep })
        })
    };
    server::serve(config, builder, announce)
}

/// What was built of documents, to be kept in the store once nothing stands against it.
fn kept(built: deployment::Built, root: bool, keeper: KeeperHandle) -> Built {
    let documents = Documents { imported: built.imported, root };
    let keep = Box::new(move |_| keeper.deploy(documents));
    Built { plan: built.plan, watched_files: built.watched_files, keep }
}

fn serve_demo(config: &Config) -> Result<ExitReason, String> {
    let backend = demo::start_backend()?;
    let (import, options, root) = (import_options(config), compile_options(config), config.root);
    let build = move |generation| {
        demo::build(backend, &import, &options, generation).map_err(|problems| problems.to_text(false))
    };
    let first = build(0)?;
    let builder = move |keeper: KeeperHandle, _: &Config| -> Builder {
        Arc::new(move |generation| {
            let built = deployment::Built { watched_files: Vec::new(), ..build(generation)? };
            Ok(kept(built, root, keeper.clone()))
        })
    };
    server::serve(config, builder, |started| {
        announce(started);
        let Some(api) = first.apis.first() else { return };
        let url = url(started, api, root, true);
        eprintln!("no document was given: this is the built-in PetStore. Try:\n");
        eprintln!("  curl {url}pets");
        eprintln!("  curl {url}pets/1");
        eprintln!("  curl -d '{{\"type\":\"cat\",\"price\":5}}' -H 'Content-Type: application/json' {url}pets\n");
        eprintln!("then your own: tollgate serve FILE (tollgate check FILE tells what stands against it)");
    })
}

fn announce(started: &Started) {
    for (address, tls) in &started.listening {
        eprintln!("listening on {}://{address}", if *tls { "https" } else { "http" });
    }
    if let Some(admin) = started.admin {
        eprintln!("admin on http://{admin} (management API, /healthz /readyz /metrics /reload)");
    }
    if let Some(functions) = started.functions {
        eprintln!("functions on http://{functions} (Lambda's Invoke API)");
    }
    eprintln!("{} shards on {}", started.shards, started.mode.name());
}

/// Where an API is to be called at the first address: by its stage, or by its id too where it is not the only one.
fn url(started: &Started, api: &BuiltApi, root: bool, only: bool) -> String {
    let Some((address, tls)) = started.listening.first() else { return String::new() };
    let scheme = if *tls { "https" } else { "http" };
    match (root, only) {
        (true, _) => format!("{scheme}://{address}/"),
        (false, true) => format!("{scheme}://{address}/{}/", api.stage),
        (false, false) => format!("{scheme}://{address}/_aws/execute-api/{}/{}/", api.api_id, api.stage),
    }
}

/// The audit log's lines are written at every level but `off`: what is not to be seen of them is a setting of its own.
fn start_logging(level: LogLevel, audit_log: &AuditDestination) {
    let audit = match (level, audit_log) {
        (LogLevel::Off, _) | (_, AuditDestination::Off | AuditDestination::File(_)) => "",
        (_, AuditDestination::Log) => ",tollgate::audit=info",
    };
    let filter = tracing_subscriber::EnvFilter::new(format!("off,tollgate={}{audit}", level.as_str()));
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    let started = subscriber.with_ansi(std::io::stderr().is_terminal()).with_env_filter(filter).try_init();
    debug_assert!(started.is_ok(), "logging is started once");
}
