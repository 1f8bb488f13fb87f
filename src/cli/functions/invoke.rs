//! `tollgate functions invoke`.

use std::io::Read;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use super::HostArgs;
use crate::cli::admin::{Ask, credentials_help, encoded};
use crate::cli::{done, print};
use crate::config::Environment;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate functions invoke pets --payload '{\"name\": \"Rex\"}'
  tollgate functions invoke pets --payload @event.json --tail
  tollgate functions invoke pets --event --payload @- < event.json

", credentials_help!(), "
Exit codes: 0 it returned, 1 it did not, or failed, 2 the command line is wrong."))]
pub struct InvokeArgs {
    /// The name of the function
    #[arg(value_name = "NAME")]
    name: String,
    /// The event: JSON, @FILE, or @- for the standard input [default: {}]
    #[arg(long, value_name = "JSON|@FILE")]
    payload: Option<String>,
    /// Do not wait for the answer
    #[arg(long)]
    event: bool,
    /// Print the end of the log too, on standard error
    #[arg(long, conflicts_with = "event")]
    tail: bool,
    #[command(flatten)]
    host: HostArgs,
}

pub fn run(args: &InvokeArgs, environment: &Environment) -> ExitCode {
    match invoke(args, environment) {
        Err(problem) => done(Err(problem)),
        Ok((answer, true)) => print(&answer),
        Ok((answer, false)) => {
            print(&answer);
            ExitCode::FAILURE
        }
    }
}

/// What it answered, and whether that is what the function returned.
fn invoke(args: &InvokeArgs, environment: &Environment) -> Result<(String, bool), String> {
    let mut ask = Ask {
        method: "POST",
        target: format!("/2015-03-31/functions/{}/invocations", encoded(&args.name)),
        body: payload(args.payload.as_deref())?,
        ..Ask::default()
    };
    if args.event {
        ask.fields.push(("x-amz-invocation-type", "Event".to_owned()));
    }
    if args.tail {
        ask.fields.push(("x-amz-log-type", "Tail".to_owned()));
    }
    let (headers, body) = args.host.host(environment)?.answer(ask)?;
    if let Some(tail) = headers.get("x-amz-log-result").and_then(|tail| STANDARD.decode(tail).ok()) {
        eprint!("{}", String::from_utf8_lossy(&tail));
    }
    let mut answer = String::from_utf8_lossy(&body).into_owned();
    if !answer.is_empty() {
        answer.push('\n');
    }
    Ok((answer, !headers.contains_key("x-amz-function-error")))
}

fn payload(written: Option<&str>) -> Result<Vec<u8>, String> {
    match written.map(|written| written.strip_prefix('@').ok_or(written)) {
        None => Ok(b"{}".to_vec()),
        Some(Err(json)) => Ok(json.as_bytes().to_vec()),
        Some(Ok("-")) => {
            let mut read = Vec::new();
            let outcome = std::io::stdin().lock().read_to_end(&mut read);
            outcome.map(|_| read).map_err(|error| format!("the standard input cannot be read: {error}"))
        }
        Some(Ok(file)) => std::fs::read(file).map_err(|error| format!("{file} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        assert_eq!(payload(None), Ok(b"{}".to_vec()));
        assert_eq!(payload(Some("[1]")), Ok(b"[1]".to_vec()));
        assert!(payload(Some("@/nowhere")).is_err_and(|problem| problem.contains("/nowhere cannot be read")));
    }
}
