//! The command line: what is printed, and with which exit code.

mod commands;
mod demo;
mod managed;
mod start_errors;
mod test_invoke;
