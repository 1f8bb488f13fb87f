//! The command `loadtest`: runs or compares, writes what was asked for, and says by its exit code how it went.
//!
//! - `outputs`: files to write; `signals`: Ctrl-C.

mod outputs;
mod signals;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::outputs::{is_stdout, print};
use crate::args::{self, Command};
use crate::report::{Report, compare, html, json, text};
use crate::run::{self, RunError};
use crate::settings::{Outputs, Settings};

/// A threshold was not met.
const NOT_MET: u8 = 1;
/// Wrong usage or input, or a file that cannot be written.
const USAGE: u8 = 2;
/// The server could not be reached, or answered nothing.
const UNREACHABLE: u8 = 3;

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
        complain(&message);
        USAGE
    }))
}

/// Where the standard error cannot be written either, the exit code has to say it.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

fn load_test(settings: Settings) -> Result<u8, String> {
    let stop = Arc::new(AtomicBool::new(false));
    signals::stop_on_signals(&stop)?;
    let wanted = settings.outputs.clone();
    let expectations = settings.expectations.clone();
    let opened = outputs::open(&wanted)?;
    let report = match run::run(settings, stop) {
        Ok(report) => report,
        Err(error) => {
            outputs::discard(opened);
            return match error {
                RunError::Setup(message) => Err(message),
                RunError::Unreachable(message) => {
                    complain(&message);
                    Ok(UNREACHABLE)
                }
            };
        }
    };
    let mut failed = outputs::write(opened, &report);
    let mut code = if report.total.answered == 0 { UNREACHABLE } else { 0 };
    let mut said = String::new();
    if !wanted.quiet {
        said.push_str(&text::summary(&report, in_colour(&wanted)));
    }
    for verdict in expectations.judge(&report) {
        if !verdict.met {
            code = code.max(NOT_MET);
        }
        if !verdict.met || !wanted.quiet {
            said.push_str(&format!("{verdict}\n"));
        }
    }
    failed.extend(say(&wanted, &said).err());
    for message in &failed {
        complain(message);
    }
    Ok(if failed.is_empty() { code } else { USAGE })
}

/// What goes to the standard output as a file does not mix with the summary.
fn say(wanted: &Outputs, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let said = match wanted.takes_stdout() {
        true => print(&mut std::io::stderr(), text),
        false => print(&mut std::io::stdout(), text),
    };
    said.map_err(|error| format!("the summary cannot be written: {error}"))
}

fn in_colour(wanted: &Outputs) -> bool {
    !wanted.takes_stdout() && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

impl Outputs {
    fn takes_stdout(&self) -> bool {
        [&self.json, &self.html, &self.csv, &self.hgrm, &self.hlog].into_iter().flatten().any(|path| is_stdout(path))
    }
}

fn compare_reports(paths: &[PathBuf], page: Option<&Path>) -> Result<u8, String> {
    let mut reports: Vec<Report> = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
        reports.push(json::read(&bytes, &name)?);
    }
    if let Some(page) = page {
        outputs::write_text(page, &html::page(&reports))?;
    }
    if !page.is_some_and(is_stdout) {
        print(&mut std::io::stdout(), &compare::text(&reports))
            .map_err(|error| format!("the comparison cannot be written: {error}"))?;
    }
    Ok(0)
}
