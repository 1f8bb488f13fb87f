//! Whole runs over real sockets, through the same door as the command's.

mod command;
mod counts;
mod failures;
mod omission;
mod schedules;
mod server;
mod tls;
mod workloads;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use loadtest::args::{self, Command};
use loadtest::report::Report;
use loadtest::run::{self, RunError};

/// Runs with the arguments of a command line, without warm-up unless they have one.
fn try_run(arguments: &[&str]) -> Result<Report, RunError> {
    run_with(arguments, Arc::new(AtomicBool::new(false)))
}

/// The same until `stop` is set.
#[track_caller]
fn run_until(arguments: &[&str], stop: Arc<AtomicBool>) -> Report {
    run_with(arguments, stop).unwrap_or_else(|error| panic!("{error:?}"))
}

fn run_with(arguments: &[&str], stop: Arc<AtomicBool>) -> Result<Report, RunError> {
    let mut all = vec!["loadtest", "--quiet"];
    all.extend(arguments);
    if !arguments.contains(&"--warm-up") {
        all.extend(["--warm-up", "0"]);
    }
    match args::settings(all.iter().map(OsString::from)) {
        Ok(Command::Run(settings)) => run::run(*settings, stop),
        Ok(Command::Compare { .. }) => panic!("these are arguments of a run"),
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
fn run(arguments: &[&str]) -> Report {
    try_run(arguments).unwrap_or_else(|error| panic!("{error:?}"))
}

/// For both event loops.
fn on_both_drivers(test: impl Fn(&str)) {
    for driver in ["io_uring", "epoll"] {
        test(driver);
    }
}
