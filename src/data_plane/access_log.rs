//! A line for each exchange, written to a buffer of the shard and handed to the writer in batches. It is a stage's
//! format, or this JSON:
//!
//! | member | what |
//! |---|---|
//! | `time` | when the request's head was complete, RFC 3339 with milliseconds, UTC |
//! | `requestId`, `extendedRequestId` | as in the response's `x-amzn-RequestId`, `x-amz-apigw-id` |
//! | `sourceIp`, `userAgent`, `domainName` | the client and what it called the gateway |
//! | `httpMethod`, `path`, `protocol` | the request; the path as it was matched, without its query, which may hold secrets |
//! | `apiId`, `stage`, `resourcePath` | what was found for it; empty where nothing was |
//! | `isCanaryRequest` | `"true"` or `"false"`; only of stages with a canary |
//! | `apiKeyId` | the id of the API key; only of methods that demand one, and of requests that had it |
//! | `status`, `responseLength` | the answer: bytes of its body |
//! | `responseLatency`, `integrationLatency` | milliseconds; the second is `null` without an integration |
//! | `error` | why the gateway answered itself, or `null` |
//!
//! Values that clients choose are cut at 1 KiB. Credentials are in none of them.

use std::cell::RefCell;

use crate::http::encode::{civil, decimal};

use crate::plan::access_log::{Escape, LogFormat, LogPart, LogTemplate, NO_VALUE};
use crate::plan::context::ContextVariable;

use super::context::{Fact, Facts, padded, write_json_bytes};
use super::respond::{ErrorDetail, GatewayError};

/// Lines are handed over when this many bytes have come together, or at a harvest. With four times as many, waking the
/// writer less often saved less than the colder memory cost.
const BATCH_BYTES: usize = 64 * 1024;

const VALUE_BYTES_MAX: usize = 1024;

/// Starts the line of an exchange with what is known when it begins. In a template's line, what is known early stands in
/// runs, each behind its length: between two of them there are variables that are not known yet.
pub fn begin_line(format: &LogFormat, facts: &Facts<'_>, line: &mut Vec<u8>) {
    match format {
        LogFormat::Json => begin_json(facts, line),
        LogFormat::Template(template) => begin_template(template, facts, line),
    }
}

fn begin_template(template: &LogTemplate, facts: &Facts<'_>, line: &mut Vec<u8>) {
    let mut parts = template.parts.iter().peekable();
    while parts.peek().is_some() {
        let length_at = line.len();
        line.extend_from_slice(&[0; LENGTH_BYTES]);
        while let Some(part) = parts.next_if(|part| !matches!(part, LogPart::Late(_))) {
            match part {
                LogPart::Literal(text) => line.extend_from_slice(text.as_bytes()),
                LogPart::Early(variable) => write_fact(facts.fact(variable), template.escape, line),
                LogPart::Late(_) => debug_assert!(false, "a run ends before what is not known yet"),
            }
        }
        let length = (line.len() - length_at - LENGTH_BYTES) as u32;
        line[length_at..length_at + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        while parts.next_if(|part| matches!(part, LogPart::Late(_))).is_some() {}
    }
}

/// A run has at most a format's 16 KiB and 1 KiB for each of its variables.
const LENGTH_BYTES: usize = size_of::<u32>();

/// Appends the whole line to `lines`: the runs that `begun` has, and the variables between them.
fn end_template(template: &LogTemplate, begun: &[u8], outcome: &Outcome<'_>, lines: &mut Vec<u8>) {
    let mut runs = begun;
    let mut parts = template.parts.iter().peekable();
    while parts.peek().is_some() {
        runs = copy_run(runs, lines);
        while parts.next_if(|part| !matches!(part, LogPart::Late(_))).is_some() {}
        while let Some(LogPart::Late(variable)) = parts.next_if(|part| matches!(part, LogPart::Late(_))) {
            write_fact(outcome.fact(variable), template.escape, lines);
        }
    }
    lines.push(b'\n');
}

/// Takes one run off the front.
fn copy_run<'l>(runs: &'l [u8], lines: &mut Vec<u8>) -> &'l [u8] {
    let Some((length, rest)) = runs.split_first_chunk::<LENGTH_BYTES>() else { return runs };
    let (run, rest) = rest.split_at((u32::from_le_bytes(*length) as usize).min(rest.len()));
    lines.extend_from_slice(run);
    rest
}

/// Appends a value that cannot be read as more than a value; what is missing is `-`.
fn write_fact(fact: Fact<'_>, escape: Escape, line: &mut Vec<u8>) {
    match fact {
        Fact::None => line.extend_from_slice(NO_VALUE.as_bytes()),
        Fact::Text(text) => write_escaped(text, escape, line),
        Fact::Quoted(text) => {
            let quote: &[u8] = if escape == Escape::Xml { b"&quot;" } else { b"\"" };
            line.extend_from_slice(quote);
            write_escaped(text.as_bytes(), escape, line);
            line.extend_from_slice(quote);
        }
        Fact::Number(_) | Fact::ClfTime(_) => fact.write(line),
    }
}

fn write_escaped(text: &[u8], escape: Escape, line: &mut Vec<u8>) {
    match escape {
        Escape::Json => write_json_bytes(text, VALUE_BYTES_MAX, line),
        Escape::Csv => {
            for (position, piece) in text[..text.len().min(VALUE_BYTES_MAX)].split(|byte| *byte == b',').enumerate() {
                line.extend_from_slice(if position == 0 { b"" } else { b"\\u002c" });
                write_json_bytes(piece, VALUE_BYTES_MAX, line);
            }
        }
        Escape::Xml => write_xml_bytes(text, line),
    }
}

/// What XML cannot say at all, most control characters, becomes the replacement character. (XML 1.0, 2.2.)
fn write_xml_bytes(text: &[u8], line: &mut Vec<u8>) {
    for byte in &text[..text.len().min(VALUE_BYTES_MAX)] {
        match byte {
            b'&' => line.extend_from_slice(b"&amp;"),
            b'<' => line.extend_from_slice(b"&lt;"),
            b'>' => line.extend_from_slice(b"&gt;"),
            b'"' => line.extend_from_slice(b"&quot;"),
            b'\'' => line.extend_from_slice(b"&apos;"),
            0x20..=0x7E => line.push(*byte),
            b'\t' | b'\n' | b'\r' | 0x7F..=0xFF => {
                line.extend_from_slice(b"&#");
                decimal(u64::from(*byte), line);
                line.push(b';');
            }
            _ => line.extend_from_slice(b"&#xFFFD;"),
        }
    }
}

fn begin_json(facts: &Facts<'_>, line: &mut Vec<u8>) {
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
    if let Some(api_key) = &facts.api_key {
        member(b"apiKeyId", api_key.id.as_bytes(), line);
    }
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
    /// Why the gateway answered itself.
    pub gateway_error: Option<GatewayError>,
    /// What there was to say of that beyond its kind.
    pub detail: Option<&'e ErrorDetail>,
    /// What the integration answered.
    pub integration_status: Option<u16>,
    /// The status that a function said.
    pub function_status: Option<u16>,
}

impl<'e> Outcome<'e> {
    fn gateway_message(&self) -> Option<&'e str> {
        let detailed = self.detail.and_then(|detail| detail.message.as_deref());
        detailed.or(self.gateway_error.map(GatewayError::message))
    }

    /// What `$context` says after the end. Milliseconds are whole ones there.
    fn fact(&self, variable: &ContextVariable) -> Fact<'e> {
        use ContextVariable as V;
        let text = |text: Option<&'e str>| text.map_or(Fact::None, |text| Fact::Text(text.as_bytes()));
        let number = |number: Option<u64>| number.map_or(Fact::None, Fact::Number);
        match variable {
            V::Status => Fact::Number(u64::from(self.status)),
            V::ResponseLength => Fact::Number(self.response_bytes),
            V::ResponseLatency => Fact::Number(self.total_us / 1000),
            V::IntegrationLatency | V::IntegrationLatencyFlat => {
                number(self.integration_us.map(|time_us| time_us / 1000))
            }
            // The function's own, where there is one. (Guide, `api-gateway-variables-for-access-logging`.)
            V::IntegrationStatus => number(self.function_status.or(self.integration_status).map(u64::from)),
            V::IntegrationStatusFlat | V::IntegrationIntegrationStatus => {
                number(self.integration_status.map(u64::from))
            }
            V::IntegrationError | V::IntegrationErrorMessage => {
                text(self.error.filter(|_| self.gateway_error.is_some_and(GatewayError::is_of_integration)))
            }
            V::ErrorMessage => text(self.gateway_message()),
            V::ErrorMessageString => self.gateway_message().map_or(Fact::None, Fact::Quoted),
            V::ErrorValidationErrorString => text(self.detail.and_then(|detail| detail.validation_error.as_deref())),
            V::ErrorResponseType => text(self.gateway_error.map(|error| error.response_type().name())),
            _ => Fact::None,
        }
    }
}

/// Appends the rest of a line.
fn end_json(outcome: &Outcome<'_>, line: &mut Vec<u8>) {
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
    pub fn record(&self, format: &LogFormat, mut line: Vec<u8>, outcome: &Outcome<'_>) -> Handed {
        let mut state = self.state.borrow_mut();
        let before = state.lines.len();
        match format {
            LogFormat::Json => {
                end_json(outcome, &mut line);
                state.lines.extend_from_slice(&line);
            }
            LogFormat::Template(template) => end_template(template, &line, outcome, &mut state.lines),
        }
        if state.lines.len() > self.buffer_bytes_max {
            state.lines.truncate(before);
            return Handed { written: 0, dropped: 1 };
        }
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
            base_path_bytes: 0,
            minor: 1,
            source_ip: "192.0.2.1",
            user_agent,
            host: "gw",
            time_ms: 1_795_305_599_042,
            error: None,
            request_parts: None,
            api_key: None,
            authorized: None,
            client_certificate: None,
        }
    }

    const OUTCOME: Outcome = Outcome {
        status: 502,
        response_bytes: 36,
        total_us: 1_007,
        integration_us: Some(90),
        error: Some("reset"),
        gateway_error: Some(GatewayError::IntegrationMalformed),
        detail: None,
        integration_status: None,
        function_status: None,
    };

    #[test]
    fn a_line_is_json_whatever_the_client_sends() {
        let ids = IdSource::new(1).ids();
        let mut line = Vec::new();
        begin_line(&LogFormat::Json, &facts(&ids, b"a\"\r\n\x1b[31m\xff\\"), &mut line);
        end_json(&OUTCOME, &mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let parsed: serde_json::Value = serde_json::from_slice(&line).expect("a line of JSON");
        assert_eq!(parsed["time"], "2026-11-21T23:59:59.042Z");
        assert_eq!(parsed["userAgent"], "a\"\r\n\u{1b}[31m\u{ff}\\");
        assert_eq!(parsed["responseLatency"], 1.007);
        assert_eq!(parsed["integrationLatency"], 0.09);
        assert_eq!(parsed["error"], "reset");
    }

    #[track_caller]
    fn check(format: &str, user_agent: &[u8], expected: &str) {
        let ids = IdSource::new(1).ids();
        let id = String::from_utf8_lossy(ids.request()).into_owned();
        let format = LogFormat::parse(format).expect("the test's format is one");
        let LogFormat::Template(template) = &format else { panic!("the test's format is a template") };
        let (mut line, mut lines) = (Vec::new(), b"before\n".to_vec());
        begin_line(&format, &facts(&ids, user_agent), &mut line);
        end_template(template, &line, &OUTCOME, &mut lines);
        let written = String::from_utf8(lines).expect("lines are ASCII").replace(&id, "ID");
        assert_eq!(written, format!("before\n{expected}\n"));
    }

    #[test]
    fn a_format_is_filled_in() {
        check("$context.requestId", b"", "ID");
        check("$context.status $context.requestId $context.status", b"", "502 ID 502");
        check("$context.status$context.responseLength$context.requestId$context.stage", b"", "50236ID-");
        check(
            r#"$context.identity.sourceIp - [$context.requestTime] "$context.httpMethod $context.path" $context.status $context.requestId"#,
            b"",
            r#"192.0.2.1 - [21/Nov/2026:23:59:59 +0000] "GET /a" 502 ID"#,
        );
        check(
            "$context.requestId $context.responseLatency $context.integrationLatency $context.integration.latency \
             $context.integration.status $context.integration.error $context.requestTimeEpoch",
            b"",
            "ID 1 0 0 - reset 1795305599042",
        );
        check(
            "$context.requestId $context.error.message $context.error.messageString $context.error.responseType \
             $context.error.validationErrorString",
            b"",
            r#"ID Internal server error "Internal server error" DEFAULT_5XX -"#,
        );
    }

    #[test]
    fn values_stay_values_in_every_shape() {
        const EVIL: &[u8] = b"a\",\"x\":1,\r\n<b>&'\\\x01\xe9";
        check(
            r#"{"id":"$context.requestId","ua":"$context.identity.userAgent"}"#,
            EVIL,
            r#"{"id":"ID","ua":"a\",\"x\":1,\u000d\n<b>&'\\\u0001\u00e9"}"#,
        );
        check(
            "<r id=\"$context.requestId\">$context.identity.userAgent</r>",
            EVIL,
            "<r id=\"ID\">a&quot;,&quot;x&quot;:1,&#13;&#10;&lt;b&gt;&amp;&apos;\\&#xFFFD;&#233;</r>",
        );
        check(
            "$context.requestId,$context.identity.userAgent",
            EVIL,
            r#"ID,a\"\u002c\"x\":1\u002c\u000d\n<b>&'\\\u0001\u00e9"#,
        );
    }

    #[test]
    fn long_values_are_cut() {
        let ids = IdSource::new(1).ids();
        let mut line = Vec::new();
        begin_line(&LogFormat::Json, &facts(&ids, &[b'x'; 100_000]), &mut line);
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
            log.record(&LogFormat::Json, line, &OUTCOME)
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
