//! The command: arguments in, a run or a comparison, files and a summary out.

use std::process::ExitCode;

fn main() -> ExitCode {
    loadtest::command::main(std::env::args_os())
}
