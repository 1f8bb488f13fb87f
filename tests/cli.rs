//! The command line: what is printed, and with which exit code.

mod commands;
mod demo;
mod keys;
mod managed;
mod plans;
mod start_errors;
mod test_invoke;
mod usage;

use crate::harness::gateway::{Ended, Start};

#[track_caller]
fn run(start: Start, arguments: &[&str]) -> Ended {
    arguments.iter().fold(start, |start, argument| start.arg(*argument)).run()
}

/// The standard output of a command that succeeds.
#[track_caller]
fn succeeds(start: Start, arguments: &[&str]) -> String {
    let ended = run(start, arguments);
    assert_eq!(ended.code(), 0, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// One that fails with this exit code, and with this part of a text on its standard error.
#[track_caller]
fn fails(start: Start, arguments: &[&str], code: i32, part: &str) {
    let ended = run(start, arguments);
    assert_eq!(ended.code(), code, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
}
