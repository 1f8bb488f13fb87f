//! The command `loadtest`: runs or compares, writes what was asked for, and says by its exit code how it went.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args::{self, Command};
use crate::report::{Report, compare, csv, hgrm, html, json, text};
use crate::run::{self, RunError};
use crate::settings::{Outputs, Settings};

/// A threshold was not met.
const NOT_MET: u8 = 1;
/// Wrong usage or input, or a file that cannot be written.
const USAGE: u8 = 2;
/// The server could not be reached, or answered nothing.
const UNREACHABLE: u8 = 3;
/// Ended by a second Ctrl-C, as a shell has it.
const INTERRUPTED: i32 = 130;

pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let code = match args::settings(arguments) {
        Ok(Command::Run(settings)) => load_test(*settings),
        Ok(Command::Compare { reports, html }) => compare_reports(&reports, html.as_deref()),
        Err(error) => {
            error.print();
            Ok(error.exit_code())
        }
    };
    ExitCode::from(code.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        USAGE
    }))
}

fn load_test(settings: Settings) -> Result<u8, String> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let outputs = settings.outputs.clone();
    let expectations = settings.expectations.clone();
    let report = match run::run(settings, stop) {
        Ok(report) => report,
        Err(RunError::Setup(message)) => return Err(message),
        Err(RunError::Unreachable(message)) => {
            eprintln!("error: {message}");
            return Ok(UNREACHABLE);
        }
    };
    write_outputs(&outputs, &report)?;
    // What goes to the standard output as a file does not mix with the summary.
    let mut out: Box<dyn Write> = match outputs.takes_stdout() {
        true => Box::new(std::io::stderr()),
        false => Box::new(std::io::stdout()),
    };
    if !outputs.quiet {
        let colour =
            !outputs.takes_stdout() && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print(&mut out, &text::summary(&report, colour));
    }
    let mut code = if report.total.answered == 0 { UNREACHABLE } else { 0 };
    for verdict in expectations.judge(&report) {
        if !verdict.met {
            code = code.max(NOT_MET);
        }
        if !verdict.met || !outputs.quiet {
            print(&mut out, &format!("{verdict}\n"));
        }
    }
    Ok(code)
}

/// The first signal ends the run, the second the process.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), String> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag is not set yet when the first signal asks for it.
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .map_err(|error| format!("signals cannot be handled: {error}"))?;
    }
    Ok(())
}

impl Outputs {
    fn takes_stdout(&self) -> bool {
        [&self.json, &self.html, &self.csv, &self.hgrm, &self.hlog].into_iter().flatten().any(|path| is_stdout(path))
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn write_outputs(outputs: &Outputs, report: &Report) -> Result<(), String> {
    if let Some(path) = &outputs.json {
        write(path, &json::write(report))?;
    }
    if let Some(path) = &outputs.html {
        write(path, &html::page(std::slice::from_ref(report)))?;
    }
    if let Some(path) = &outputs.csv {
        write(path, &csv::write(report))?;
    }
    if let Some(path) = &outputs.hgrm {
        write(path, &hgrm::percentiles(&report.total.latency)?)?;
    }
    if let Some(path) = &outputs.hlog {
        write(path, &hgrm::interval_log(report)?)?;
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    if is_stdout(path) {
        print(&mut std::io::stdout(), content);
        return Ok(());
    }
    std::fs::write(path, content).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// A reader that has gone, such as `head`, is no error of ours.
fn print(out: &mut dyn Write, content: &str) {
    let _ = out.write_all(content.as_bytes()).and_then(|()| out.flush());
}

fn compare_reports(paths: &[PathBuf], page: Option<&Path>) -> Result<u8, String> {
    let mut reports = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
        reports.push(json::read(&bytes, &name)?);
    }
    if let Some(page) = page {
        write(page, &html::page(&reports))?;
    }
    if !page.is_some_and(is_stdout) {
        print(&mut std::io::stdout(), &compare::text(&reports));
    }
    Ok(0)
}
