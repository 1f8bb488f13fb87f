//! The command line → `Settings`.
//!
//! - `options`: what may be written; `number`: numbers with units;
//! - `load`: schedule and connections; `workload`: origin and requests;
//! - `secrets`: what reports show of it.

mod load;
mod number;
mod options;
mod secrets;
mod workload;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

use self::options::{CommandLine, Options, SubCommand};
use crate::settings::{Outputs, Settings};

/// What to do.
#[derive(Debug)]
pub enum Command {
    Run(Box<Settings>),
    Compare {
        /// At least two.
        reports: Vec<PathBuf>,
        html: Option<PathBuf>,
    },
}

/// Why there is nothing to do.
#[derive(Debug)]
pub enum ArgsError {
    /// Help and version are "errors" of this kind too.
    Clap(clap::Error),
    /// What was written cannot be done: a sentence that says what to write instead.
    Refused(String),
}

impl ArgsError {
    /// Prints help and version to the standard output, everything else to the standard error.
    pub fn print(&self) {
        match self {
            // There is nobody left to tell if printing fails.
            ArgsError::Clap(error) => drop(error.print()),
            ArgsError::Refused(message) => drop(writeln!(std::io::stderr(), "error: {message}")),
        }
    }

    /// 0 for help and version, otherwise 2.
    pub fn exit_code(&self) -> u8 {
        match self {
            ArgsError::Clap(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            ArgsError::Refused(_) => 2,
        }
    }
}

/// `args` begins with the program's name. Reads the files that are named and resolves the host.
pub fn settings(args: impl IntoIterator<Item = OsString>) -> Result<Command, ArgsError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let CommandLine { command, options } = CommandLine::try_parse_from(&args).map_err(ArgsError::Clap)?;
    match command {
        Some(SubCommand::Compare(compare)) => Ok(Command::Compare { reports: compare.reports, html: compare.html }),
        None => {
            let arguments = args.get(1..).unwrap_or_default();
            run(options, arguments).map(|settings| Command::Run(Box::new(settings))).map_err(ArgsError::Refused)
        }
    }
}

fn run(options: Options, arguments: &[OsString]) -> Result<Settings, String> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let search = load::search(&options)?;
    let load = load::load(&options, search.as_ref(), cpus)?;
    let outputs = outputs(&options)?;
    let target = workload::target(&options)?;
    Ok(Settings {
        label: options.label.unwrap_or_else(|| target.url.clone()),
        command: secrets::without_secrets(arguments, &options.headers),
        target,
        load,
        repeats: options.repeat as usize,
        search,
        target_pid: options.target_pid,
        outputs,
        expectations: options.expect.unwrap_or_default(),
    })
}

fn outputs(options: &Options) -> Result<Outputs, String> {
    let files = [&options.json, &options.html, &options.csv, &options.hgrm, &options.hlog];
    let mut named: Vec<&PathBuf> = files.into_iter().flatten().collect();
    named.sort();
    if let Some(twice) = named.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(match twice[0].as_os_str() == "-" {
            true => "only one report can go to the standard output; name a file for the others".to_owned(),
            false => format!("two reports cannot go to one file: {}", twice[0].display()),
        });
    }
    Ok(Outputs {
        json: options.json.clone(),
        html: options.html.clone(),
        csv: options.csv.clone(),
        hgrm: options.hgrm.clone(),
        hlog: options.hlog.clone(),
        quiet: options.quiet,
    })
}

#[cfg(test)]
mod guide;
#[cfg(test)]
mod tests;
