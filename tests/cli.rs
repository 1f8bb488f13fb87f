//! The command line: what is printed, and with which exit code.

mod commands;
mod demo;
mod start_errors;
mod test_invoke;
