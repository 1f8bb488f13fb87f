//! A line of JSON for each exchange, written to a buffer of the shard and handed to the writer in batches.
//!
//! | member | what |
//! |---|---|
//! | `time` | when the request's head was complete, RFC 3339 with milliseconds, UTC |
//! | `requestId`, `extendedRequestId` | as in the response's `x-amzn-RequestId`, `x-amz-apigw-id` |
//! | `sourceIp`, `userAgent`, `domainName` | the client and what it called the gateway |
//! | `httpMethod`, `path`, `protocol` | the request; the path as it was matched, without its query, which may hold secrets |
//! | `apiId`, `stage`, `resourcePath` | what was found for it; empty where nothing was |
//! | `isCanaryRequest` | `"true"` or `"false"`; only of stages with a canary |
//! | `status`, `responseLength` | the answer: bytes of its body |
//! | `responseLatency`, `integrationLatency` | milliseconds; the second is `null` without an integration |
//! | `error` | why the gateway answered itself, or `null` |
//!
//! Values that clients choose are cut at 1 KiB. Credentials are in none of them.

use std::cell::RefCell;

use crate::http::encode::{civil, decimal};

use super::context::{Facts, padded, write_json_bytes};

/// Lines are handed over when this many bytes have come together, or at a harvest. With four times as many, waking the
/// writer less often saved less than the colder memory cost.
const BATCH_BYTES: usize = 64 * 1024;

const VALUE_BYTES_MAX: usize = 1024;

/// Appends the part of a line that is known when an exchange begins: it starts the line.
pub fn begin_line(facts: &Facts<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"time\":\"");
    write_time(facts.time_ms, line);
    line.extend_from_slice(b"\",\"requestId\":\"");
    line.extend_from_slice(facts.ids.request());
    line.extend_from_slice(b"\",\"extendedRequestId\":\"");
    line.extend_from_slice(facts.ids.extended());
    line.extend_from_slice(b"\",\"sourceIp\":\"");
    line.extend_from_slice(facts.source_ip.as_bytes());
    member(b"userAgent", facts.user_agent, line);
    member(b"domainName", facts.host.as_bytes(), line);
    member(b"httpMethod", facts.http_method.as_bytes(), line);
    member(b"path", facts.path.as_bytes(), line);
    line.extend_from_slice(if facts.minor == 0 {
        b"\",\"protocol\":\"HTTP/1.0\",\"apiId\":\""
    } else {
        b"\",\"protocol\":\"HTTP/1.1\",\"apiId\":\""
    });
    line.extend_from_slice(facts.stage.map_or(b"", |stage| stage.api_id.as_bytes()));
    line.extend_from_slice(b"\",\"stage\":\"");
    line.extend_from_slice(facts.stage.map_or(b"", |stage| stage.stage.as_bytes()));
    if let Some(is_canary_request) = facts.stage.and_then(|stage| stage.release.is_canary_request()) {
        member(b"isCanaryRequest", is_canary_request.as_bytes(), line);
    }
    member(b"resourcePath", facts.method.map_or(b"", |method| method.resource_path.as_bytes()), line);
}

fn member(name: &[u8], value: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(b"\",\"");
    line.extend_from_slice(name);
    line.extend_from_slice(b"\":\"");
    write_json_bytes(value, VALUE_BYTES_MAX, line);
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'e> {
    pub status: u16,
    pub response_bytes: u64,
    pub total_us: u64,
    pub integration_us: Option<u64>,
    /// A word or two, or a template's place and what was wrong there.
    pub error: Option<&'e str>,
}

/// Appends the rest of a line.
pub fn end_line(outcome: &Outcome<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b"\",\"status\":");
    decimal(u64::from(outcome.status), line);
    line.extend_from_slice(b",\"responseLength\":");
    decimal(outcome.response_bytes, line);
    line.extend_from_slice(b",\"responseLatency\":");
    milliseconds(outcome.total_us, line);
    line.extend_from_slice(b",\"integrationLatency\":");
    match outcome.integration_us {
        Some(time_us) => milliseconds(time_us, line),
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(b",\"error\":");
    match outcome.error {
        Some(error) => super::context::write_json_string(error, line),
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(b"}\n");
}

fn milliseconds(time_us: u64, line: &mut Vec<u8>) {
    decimal(time_us / 1000, line);
    line.push(b'.');
    padded(time_us % 1000, 3, line);
}

fn write_time(time_ms: u64, line: &mut Vec<u8>) {
    let (year, month, day) = civil((time_ms / 86_400_000) as i64);
    let second = time_ms / 1000 % 86_400;
    padded(year as u64, 4, line);
    for (separator, number) in
        [(b'-', month as u64), (b'-', day as u64), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        line.push(separator);
        padded(number, 2, line);
    }
    line.push(b'.');
    padded(time_ms % 1000, 3, line);
    line.push(b'Z');
}

/// The writer, as a shard sees it.
pub trait LogSink {
    /// # Errors
    /// The lines come back when the writer is busy or gone.
    fn try_send(&self, lines: Vec<u8>) -> Result<(), Vec<u8>>;

    /// An empty buffer that the writer is done with, or a new one.
    fn spare(&self) -> Vec<u8>;
}

/// A shard's end of the log.
pub struct AccessLog {
    state: RefCell<State>,
    sink: Option<Box<dyn LogSink>>,
    buffer_bytes_max: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    records: u64,
    spare: Vec<Vec<u8>>,
}

/// What became of records: for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    pub written: u64,
    pub dropped: u64,
}

impl AccessLog {
    /// Without a sink there is no log.
    pub fn new(sink: Option<Box<dyn LogSink>>, buffer_bytes_max: usize) -> AccessLog {
        AccessLog { state: RefCell::default(), sink, buffer_bytes_max }
    }

    /// An empty buffer for the line of one exchange; `None` when there is no log.
    pub fn line(&self) -> Option<Vec<u8>> {
        self.sink.as_ref()?;
        let spare = self.state.borrow_mut().spare.pop();
        Some(spare.unwrap_or_else(|| Vec::with_capacity(512)))
    }

    /// Takes the line of an exchange that ended.
    pub fn record(&self, mut line: Vec<u8>, outcome: &Outcome) -> Handed {
        end_line(outcome, &mut line);
        let mut state = self.state.borrow_mut();
        if state.lines.len() + line.len() > self.buffer_bytes_max {
            return Handed { written: 0, dropped: 1 };
        }
        state.lines.extend_from_slice(&line);
        state.records += 1;
        line.clear();
        if state.spare.len() < SPARE_LINES_MAX {
            state.spare.push(line);
        }
        let full = state.lines.len() >= BATCH_BYTES;
        drop(state);
        if full { self.flush() } else { Handed::default() }
    }

    /// Hands over what there is. While the writer is busy, lines wait here until the buffer is full.
    pub fn flush(&self) -> Handed {
        let mut state = self.state.borrow_mut();
        let Some(sink) = self.sink.as_ref().filter(|_| !state.lines.is_empty()) else { return Handed::default() };
        let lines = std::mem::replace(&mut state.lines, sink.spare());
        match sink.try_send(lines) {
            Ok(()) => Handed { written: std::mem::take(&mut state.records), dropped: 0 },
            Err(lines) => {
                state.lines = lines;
                Handed::default()
            }
        }
    }
}

/// One line for each of as many exchanges at once; more are allocated as they come.
const SPARE_LINES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_plane::context::IdSource;

    fn facts<'e>(ids: &'e super::super::context::RequestIds, user_agent: &'e [u8]) -> Facts<'e> {
        Facts {
            account_id: "123456789012",
            ids,
            stage: None,
            method: None,
            http_method: "GET",
            path: "/a",
            minor: 1,
            source_ip: "192.0.2.1",
            user_agent,
            host: "gw",
            time_ms: 1_795_305_599_042,
            error: None,
        }
    }

    const OUTCOME: Outcome =
        Outcome { status: 502, response_bytes: 36, total_us: 1_007, integration_us: Some(90), error: Some("reset") };

    #[test]
    fn a_line_is_json_whatever_the_client_sends() {
        let ids = IdSource::new(1).ids();
        let mut line = Vec::new();
        begin_line(&facts(&ids, b"a\"\r\n\x1b[31m\xff\\"), &mut line);
        end_line(&OUTCOME, &mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let parsed: serde_json::Value = serde_json::from_slice(&line).expect("a line of JSON");
        assert_eq!(parsed["time"], "2026-11-21T23:59:59.042Z");
        assert_eq!(parsed["userAgent"], "a\"\r\n\u{1b}[31m\u{ff}\\");
        assert_eq!(parsed["responseLatency"], 1.007);
        assert_eq!(parsed["integrationLatency"], 0.09);
        assert_eq!(parsed["error"], "reset");
    }

    #[test]
    fn long_values_are_cut() {
        let ids = IdSource::new(1).ids();
        let mut line = Vec::new();
        begin_line(&facts(&ids, &[b'x'; 100_000]), &mut line);
        assert!(line.len() < 2000);
    }

    struct OneBatch(std::rc::Rc<RefCell<Option<Vec<u8>>>>);

    impl LogSink for OneBatch {
        fn try_send(&self, lines: Vec<u8>) -> Result<(), Vec<u8>> {
            let mut place = self.0.borrow_mut();
            if place.is_some() {
                return Err(lines);
            }
            *place = Some(lines);
            Ok(())
        }

        fn spare(&self) -> Vec<u8> {
            Vec::new()
        }
    }

    #[test]
    fn what_the_writer_cannot_take_waits_and_is_then_dropped_and_counted() {
        let batch = std::rc::Rc::default();
        let log = AccessLog::new(Some(Box::new(OneBatch(std::rc::Rc::clone(&batch)))), 400);
        let record = || {
            let mut line = log.line().expect("there is a log");
            line.extend_from_slice(b"{\"x\":\"");
            log.record(line, &OUTCOME)
        };
        assert_eq!(record(), Handed::default());
        assert_eq!(log.flush(), Handed { written: 1, dropped: 0 });
        assert_eq!(record(), Handed::default());
        assert_eq!(log.flush(), Handed::default(), "the writer is busy");
        let dropped: u64 = (0..5).map(|_| record().dropped).sum();
        assert!(dropped > 0 && dropped < 5, "{dropped} dropped");
        assert!(batch.take().is_some(), "the writer takes the first batch");
        assert_eq!(log.flush(), Handed { written: 6 - dropped, dropped: 0 });
        assert_eq!(AccessLog::new(None, 400).line(), None);
    }
}
