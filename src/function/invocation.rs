//! One invocation: what a function is given, and what comes of it.

use std::rc::Rc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::host::Held;
use super::time;

/// An invocation that waits for a process, or is taken on by one.
pub struct Invocation {
    /// A version 4 UUID.
    pub id: Rc<str>,
    /// JSON.
    pub payload: Bytes,
    /// JSON, as the runtime is given it.
    pub client_context: Option<HeaderValue>,
    pub trace_id: HeaderValue,
    /// The ARN by which it was invoked.
    pub arn: HeaderValue,
    /// Whether the caller takes an answer as it comes.
    pub streams: bool,
    /// Whether the caller asks for the end of the log.
    pub wants_tail: bool,
    /// The payload's bytes among all; `None` where somebody else has them.
    pub held: Option<Held>,
    pub reply: oneshot::Sender<Answer>,
}

/// What comes of an invocation that was taken on.
#[derive(Debug)]
pub enum Answer {
    Complete(Complete),
    /// Of a function that streams, for a caller that takes it.
    Stream(Streamed),
}

#[derive(Debug)]
pub struct Complete {
    pub payload: Bytes,
    /// `X-Amz-Function-Error`.
    pub failed: bool,
    /// The end of the log, where it was asked for.
    pub tail: Option<String>,
}

#[derive(Debug)]
pub struct Streamed {
    pub content_type: HeaderValue,
    /// Ends with [`Part::End`], or without one when the process is gone.
    pub parts: mpsc::Receiver<Part>,
}

#[derive(Debug)]
pub enum Part {
    Bytes(Bytes),
    End { failure: Option<Failure>, tail: Option<String> },
}

/// An error of a function, or of its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `errorType`; empty where AWS gives none.
    pub error_type: String,
    pub message: String,
}

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(formatter, "exit status {code}"),
            Exit::Signal(libc::SIGKILL) => formatter.write_str("signal: killed"),
            Exit::Signal(number) => write!(formatter, "signal: {number}"),
        }
    }
}

impl Failure {
    fn new(error_type: &str, message: String) -> Failure {
        Failure { error_type: error_type.to_owned(), message }
    }

    pub fn timed_out(id: &str, timeout_s: u32) -> Failure {
        let at = time::iso(time::unix_ms());
        Failure::new("", format!("{at} {id} Task timed out after {timeout_s}.00 seconds"))
    }

    pub fn exited(id: &str, exit: Exit) -> Failure {
        let how = match exit {
            Exit::Code(0) => "Runtime exited without providing a reason".to_owned(),
            Exit::Code(_) | Exit::Signal(_) => format!("Runtime exited with error: {exit}"),
        };
        Failure::new("Runtime.ExitError", format!("RequestId: {id} Error: {how}"))
    }

    pub fn init_timed_out(id: &str, timeout: Duration) -> Failure {
        let seconds = timeout.as_secs_f64();
        Failure::new("Sandbox.Timedout", format!("RequestId: {id} Error: Task timed out after {seconds:.2} seconds"))
    }

    pub fn out_of_memory(id: &str) -> Failure {
        Failure::new("Runtime.OutOfMemory", format!("RequestId: {id} Error: Runtime exited with error: signal: killed"))
    }

    /// The process could not even be started: a defect of the host or of the function's settings.
    pub fn not_started(reason: &str) -> Failure {
        Failure::new("Runtime.InvalidEntrypoint", format!("the function cannot be started: {reason}"))
    }

    pub fn response_too_large(most: usize) -> Failure {
        let message = format!("Response payload size exceeded maximum allowed payload size ({most} bytes).");
        Failure::new("Function.ResponseSizeTooLarge", message)
    }

    pub fn stream_broke_off() -> Failure {
        Failure::new("Runtime.TruncatedResponse", "the response stream broke off".to_owned())
    }

    pub fn of_stream(error_type: &str, body: &str) -> Failure {
        Failure::new(error_type, body.to_owned())
    }

    /// As the caller gets it.
    pub fn payload(&self) -> Bytes {
        let Failure { error_type, message } = self;
        let shape = match error_type.as_str() {
            "" => json!({ "errorMessage": message }),
            _ => json!({ "errorType": error_type, "errorMessage": message }),
        };
        shape.to_string().into()
    }
}

/// Why a process did not become ready. Each invocation that waited for it is told by its own id.
#[derive(Clone, Debug)]
pub enum StartFailure {
    /// The runtime has said so itself: JSON.
    Reported(Bytes),
    TimedOut(Duration),
    OutOfMemory,
    Exited(Exit),
    NotStarted(String),
    /// The function is no more.
    Gone,
}

impl StartFailure {
    /// As the caller gets it.
    pub fn payload(&self, id: &str) -> Bytes {
        match self {
            StartFailure::Reported(error) => error.clone(),
            StartFailure::TimedOut(timeout) => Failure::init_timed_out(id, *timeout).payload(),
            StartFailure::OutOfMemory => Failure::out_of_memory(id).payload(),
            StartFailure::Exited(exit) => Failure::exited(id, *exit).payload(),
            StartFailure::NotStarted(reason) => Failure::not_started(reason).payload(),
            StartFailure::Gone => Failure::not_started("it was deleted").payload(),
        }
    }
}

/// For the gateway's own log. What a function has said itself stands in its log only.
impl std::fmt::Display for StartFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartFailure::Reported(_) => formatter.write_str("it reports an error"),
            StartFailure::TimedOut(after) => write!(formatter, "it is not ready after {:.2} s", after.as_secs_f64()),
            StartFailure::OutOfMemory => formatter.write_str("it takes more memory than it may"),
            StartFailure::Exited(exit) => write!(formatter, "its process ends ({exit})"),
            StartFailure::NotStarted(reason) => formatter.write_str(reason),
            StartFailure::Gone => formatter.write_str("it was deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_lambdas() {
        let payload = |failure: Failure| String::from_utf8(failure.payload().to_vec()).expect("JSON");
        assert_eq!(
            payload(Failure::exited("7", Exit::Code(1))),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 7 Error: Runtime exited with error: exit status 1"}"#
        );
        assert!(payload(Failure::exited("7", Exit::Code(0))).contains("exited without providing a reason"));
        assert!(payload(Failure::exited("7", Exit::Signal(9))).contains("signal: killed"));
        let timed_out = payload(Failure::timed_out("7", 3));
        assert!(timed_out.starts_with("{\"errorMessage\":\"2"), "{timed_out}");
        assert!(timed_out.ends_with("Z 7 Task timed out after 3.00 seconds\"}"), "{timed_out}");
    }
}
