//! `tollgate config`: the settings in effect, or what every setting means.

use super::{ConfigArgs, Format, print};
use crate::config::{Settings, report};
use std::process::ExitCode;

/// Prints every setting with its value and its source.
pub fn run(args: &ConfigArgs, settings: &Settings) -> ExitCode {
    match args.format {
        Format::Text => print(&report::effective_text(settings)),
        Format::Json => print(&report::effective_json(settings)),
    }
}

/// Prints what every setting means. It needs no settings, so that it answers while they are wrong.
pub fn reference(format: Format) -> ExitCode {
    match format {
        Format::Text => print(&report::reference_markdown()),
        Format::Json => print(&report::reference_json()),
    }
}
