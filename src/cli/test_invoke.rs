//! `tollgate test-invoke FILE METHOD PATH`: tries a method of a document and tells each step, as AWS's test console does.
//!
//! As JSON (`--json`), TestInvokeMethod's answer:
//! ```json
//! {"status": 200, "body": "…", "headers": {"Content-Type": "text/html"},
//!  "multiValueHeaders": {"Content-Type": ["text/html"]}, "log": "Execution log for request …", "latency": 12}
//! ```
//! Exit code 0 where the method was executed, whatever its status.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{TestInvokeArgs, compile_options, import_options, print};
use crate::config::Config;
use crate::control_plane::deployment;
use crate::plan::test_invocation::{TestInvocation, TestInvocationRequest, TestInvoker};
use crate::server::test_invoke::TestInvoke;

/// Tries it, and prints what came of it.
pub fn run(args: &TestInvokeArgs, config: &Config) -> ExitCode {
    let request = match request(args) {
        Ok(request) => request,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    match invoke(args, config, &request) {
        Ok(invocation) if args.json => print(&format!("{:#}\n", invocation.to_json())),
        Ok(invocation) => print(&to_text(&request, &invocation)),
        Err(problem) => {
            eprintln!("{}", problem.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn request(args: &TestInvokeArgs) -> Result<TestInvocationRequest, String> {
    let header = |written: &String| {
        let (name, value) = written
            .split_once(':')
            .ok_or_else(|| format!("--header: {written:?} has no \":\"; write 'Name: value'"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    Ok(TestInvocationRequest {
        http_method: args.method.to_ascii_uppercase(),
        path_with_query_string: args.path.clone(),
        headers: args.header.iter().map(header).collect::<Result<_, String>>()?,
        body: args.body.as_deref().map_or(Ok(Vec::new()), body)?,
    })
}

/// Text, `@FILE`, or `@-` for the standard input.
fn body(written: &str) -> Result<Vec<u8>, String> {
    let Some(file) = written.strip_prefix('@') else { return Ok(written.as_bytes().to_vec()) };
    if file == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| format!("--body: standard input: {error}"));
    }
    std::fs::read(file).map_err(|error| format!("--body: cannot read `{file}`: {error}"))
}

fn invoke(args: &TestInvokeArgs, config: &Config, request: &TestInvocationRequest) -> Result<TestInvocation, String> {
    let files = [PathBuf::from(&args.file)];
    let built = deployment::build(&files, &import_options(config), &compile_options(config), 1)
        .map_err(|found| if args.json { found.to_json() } else { found.to_text(super::colour_on_stderr()) })?;
    TestInvoke::new(config)?.invoke(built.plan, request).map_err(|error| error.to_string())
}

/// As the console lays it out.
fn to_text(request: &TestInvocationRequest, invocation: &TestInvocation) -> String {
    let TestInvocation { status, body, log, latency_ms, .. } = invocation;
    let body = match body.as_slice() {
        [] => "no data".into(),
        body => String::from_utf8_lossy(body),
    };
    let headers = serde_json::Value::Object(invocation.multi_value_headers());
    let path = &request.path_with_query_string;
    format!(
        "Request: {path}\nStatus: {status}\nLatency: {latency_ms} ms\n\nResponse Body\n{body}\n\n\
         Response Headers\n{headers}\n\nLogs\n{log}"
    )
}
