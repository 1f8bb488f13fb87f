//! Arguments and environment to the command; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate::cli::run(std::env::args_os(), &std::env::vars_os().collect())
}
