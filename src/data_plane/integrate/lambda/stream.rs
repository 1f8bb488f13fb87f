//! A function's answer that is passed on while it comes: `responseTransferMode: STREAM`.
//! (Guide, `response-transfer-mode-lambda`.)
//!
//! ```text
//! invoke ─▶ metadata ─▶ 8 NUL bytes ─▶ body … ─▶ InvokeComplete
//!   │          │                        │
//!   └ 500/504 ─┴ 502: nothing was sent  └ broken off: the client's connection is, too
//! ```

use std::rc::Rc;
use std::time::Instant;

use crate::http::chunked::write_chunk;
use crate::http::encode;
use crate::http::event_stream::{Decoder, Step};
use crate::http::lambda_stream::{Event, InvokeComplete, PreludeDecoder, PreludeError};
use crate::plan::lambda::LambdaIntegration;

use super::super::super::call::{self, CallError, Opened};
use super::super::super::connection::{Connection, Ending};
use super::super::super::exchange::{Ended, Exchange};
use super::super::super::respond::{write_date, write_own_fields};
use super::super::super::shard::Shard;
use super::super::super::upstream::Upstream;
use super::super::mapped::{Failed, client_is_gone, conclude};
use super::answer::{Malformed, ProxyAnswer};
use super::{Invocation, call_failed, function_failed, malformed, refusal, request_of};

/// The largest message of a stream; Lambda's own have some KB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// What has come of a stream.
struct AnswerStream {
    decoder: Decoder,
    prelude: PreludeDecoder,
    /// The function has ended, and as it should.
    complete: bool,
}

impl Default for AnswerStream {
    fn default() -> Self {
        AnswerStream { decoder: Decoder::new(MESSAGE_BYTES_MAX), prelude: PreludeDecoder::default(), complete: false }
    }
}

/// Why there is no more of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// It is no event stream, or not in the form that Lambda's have.
    Malformed(&'static str),
    /// The function, or Lambda, says so.
    Failed(String),
}

impl AnswerStream {
    /// Takes what has come, and appends what of it belongs to the body.
    fn take(&mut self, mut input: &[u8], body: &mut Vec<u8>) -> Result<(), Fault> {
        let AnswerStream { decoder, prelude, complete } = self;
        loop {
            let (message, consumed) = match decoder.decode(input) {
                Ok(Step::Message { message, consumed }) => (message, consumed),
                Ok(Step::NeedMore) => return Ok(()),
                Err(_) => return Err(Fault::Malformed("the answer is not an event stream")),
            };
            input = &input[consumed..];
            match Event::of(&message) {
                Ok(Event::PayloadChunk(_)) if *complete => {
                    return Err(Fault::Malformed("the stream goes on behind its end"));
                }
                Ok(Event::PayloadChunk(payload)) if prelude.is_done() => body.extend_from_slice(payload),
                Ok(Event::PayloadChunk(payload)) => match prelude.decode(payload) {
                    Ok(Some(at)) => body.extend_from_slice(&payload[at..]),
                    Ok(None) => {}
                    Err(PreludeError::TooLong) => {
                        return Err(Fault::Malformed("there is no delimiter in the first 16 KB of the stream"));
                    }
                    Err(PreludeError::Nul) => return Err(Fault::Malformed("the delimiter has less than 8 NUL bytes")),
                },
                Ok(Event::InvokeComplete(InvokeComplete { error_code: Some(code), error_details, .. })) => {
                    return Err(Fault::Failed(
                        error_details.map_or_else(|| code.to_string(), |details| details.into()),
                    ));
                }
                Ok(Event::InvokeComplete(_)) if !prelude.is_done() => {
                    return Err(Fault::Malformed("the stream ends before its delimiter"));
                }
                Ok(Event::InvokeComplete(_)) => *complete = true,
                Ok(Event::Exception(name)) => return Err(Fault::Failed(name.to_owned())),
                Ok(Event::Unknown) => {}
                Err(_) => return Err(Fault::Malformed("the stream's last event is malformed")),
            }
        }
    }
}

impl Fault {
    fn failed(self, opened: &Opened) -> Failed {
        match self {
            Fault::Malformed(what) => malformed(Malformed(what.to_owned())),
            Fault::Failed(message) => function_failed(&message, opened.field("x-amzn-requestid")),
        }
    }
}

pub async fn run(
    connection: &mut Connection,
    mut exchange: Exchange,
    lambda: &LambdaIntegration,
    upstream: &Rc<Upstream>,
    invocation: Invocation,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    let asked = Instant::now();
    let took = || Some(asked.elapsed().as_micros() as u64);
    let mut opened = match call::open(upstream, request_of(invocation.request, lambda), u64::MAX, &shard).await {
        Ok(opened) => opened,
        Err(error) => {
            let error = call_failed(error, &mut exchange, &shard);
            return conclude(connection, exchange, Err(error), took()).await;
        }
    };
    if let Some(trace) = &shard.trace {
        trace.received(opened.raw_head());
    }
    exchange.integration_status.set(Some(opened.status));
    if let Some(refused) = refusal(opened.status, || opened.field("x-amzn-requestid")) {
        let error = refused.noted(&mut exchange);
        return conclude(connection, exchange, Err(error), took()).await;
    }
    opened.watched_by(&connection.timer, &shard);
    let (mut stream, mut body) = (AnswerStream::default(), Vec::new());
    let begun = read_metadata(&mut stream, &mut opened, &mut body, asked, lambda, &shard).await;
    let integration_us = took();
    if begun.is_err() && connection.timer.peer_is_gone() {
        return client_is_gone(connection, exchange, integration_us);
    }
    let started = match begun {
        Ok(()) => start(&stream, &mut exchange, &shard, &mut connection.out),
        Err(Broken::Call(error)) => Err(Failed::from(call_failed(error, &mut exchange, &shard))),
        Err(Broken::Stream(fault)) => Err(fault.failed(&opened)),
    };
    let framing = match started {
        Ok(framing) => framing,
        Err(failed) => {
            let error = failed.noted(&mut exchange);
            return conclude(connection, exchange, Err(error), integration_us).await;
        }
    };
    relay(connection, exchange, Relay { framing, stream, opened, body, integration_us }, upstream).await
}

/// Why there is no more.
enum Broken {
    Call(CallError),
    Stream(Fault),
}

/// Reads up to the delimiter, or what is over of the time.
async fn read_metadata(
    stream: &mut AnswerStream,
    opened: &mut Opened,
    body: &mut Vec<u8>,
    asked: Instant,
    lambda: &LambdaIntegration,
    shard: &Shard,
) -> Result<(), Broken> {
    let mut piece = Vec::new();
    while !stream.prelude.is_done() {
        let left_ms = u64::from(lambda.timeout_ms).saturating_sub(asked.elapsed().as_millis() as u64);
        if left_ms == 0 {
            return Err(Broken::Call(CallError::TimedOut));
        }
        piece.clear();
        let more = opened.more_within(&mut piece, left_ms, shard).await.map_err(Broken::Call)?;
        stream.take(&piece, body).map_err(Broken::Stream)?;
        if !more && !stream.prelude.is_done() {
            return Err(Broken::Stream(Fault::Malformed("the stream ends before its delimiter")));
        }
    }
    Ok(())
}

/// How the body goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyFraming {
    Chunked,
    /// To a client of HTTP/1.0: the end of the connection is the body's.
    UntilClose,
    /// By its status, or to a `HEAD` request.
    None,
}

/// Writes the head.
fn start(
    stream: &AnswerStream,
    exchange: &mut Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Result<BodyFraming, Failed> {
    let answer = ProxyAnswer::parse_metadata(stream.prelude.metadata()).map_err(malformed)?;
    exchange.function_status.set(Some(answer.status));
    let framing = match answer.status {
        204 | 304 => BodyFraming::None,
        _ if exchange.to_head_request => BodyFraming::None,
        _ if exchange.minor == 0 => BodyFraming::UntilClose,
        _ => BodyFraming::Chunked,
    };
    exchange.keep_alive &= framing != BodyFraming::UntilClose && !shard.is_draining();
    encode::status_line(answer.status, out);
    write_date(&shard.date(), out);
    answer.write_headers(out);
    if framing == BodyFraming::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    write_own_fields(&exchange.ids, exchange.persistence(), out);
    out.extend_from_slice(b"\r\n");
    Ok(framing)
}

/// An answer of which the head is written.
struct Relay {
    framing: BodyFraming,
    stream: AnswerStream,
    opened: Opened,
    /// What came of the body with the metadata.
    body: Vec<u8>,
    integration_us: Option<u64>,
}

async fn relay(connection: &mut Connection, mut exchange: Exchange, relay: Relay, upstream: &Rc<Upstream>) -> Ending {
    let shard = Rc::clone(&connection.shard);
    let Relay { framing, mut stream, mut opened, body, integration_us } = relay;
    let status = exchange.function_status.get().unwrap_or(200);
    let mut passed = Passed { body, bytes: 0, framing };
    let ended = pass(connection, &mut stream, &mut opened, &mut passed, &shard).await;
    let error = match ended {
        Ok(()) => None,
        Err(Stopped::ClientGone) => return client_is_gone(connection, exchange, integration_us),
        Err(Stopped::Broken(Broken::Call(error))) => Some(format!("the function: {}", error.message())),
        Err(Stopped::Broken(Broken::Stream(fault))) => {
            let _ = fault.failed(&opened).noted(&mut exchange);
            exchange.note.take()
        }
    };
    let ending = if error.is_some() { Ending::Abort } else { exchange.ending() };
    exchange.note = error;
    exchange.conclude(&shard, Ended { status, response_bytes: passed.bytes, integration_us, error: None });
    if ending != Ending::Abort && stream.complete {
        finish(opened, upstream, &shard).await;
    }
    ending
}

/// What goes to the client.
struct Passed {
    /// What has come and not gone yet.
    body: Vec<u8>,
    bytes: u64,
    framing: BodyFraming,
}

enum Stopped {
    ClientGone,
    Broken(Broken),
}

/// Sends the head and the body, to its end.
async fn pass(
    connection: &mut Connection,
    stream: &mut AnswerStream,
    opened: &mut Opened,
    passed: &mut Passed,
    shard: &Shard,
) -> Result<(), Stopped> {
    let mut piece = Vec::new();
    loop {
        passed.bytes += passed.body.len() as u64;
        match passed.framing {
            BodyFraming::Chunked => write_chunk(&passed.body, &mut connection.out),
            BodyFraming::UntilClose => connection.out.extend_from_slice(&passed.body),
            // Nobody takes what is still to come: the function's connection ends with it.
            BodyFraming::None => {
                passed.bytes = 0;
                return connection.flush().await.map_err(|()| Stopped::ClientGone);
            }
        }
        if stream.complete && passed.framing == BodyFraming::Chunked {
            connection.out.extend_from_slice(b"0\r\n\r\n");
        }
        connection.flush().await.map_err(|()| Stopped::ClientGone)?;
        if stream.complete {
            return Ok(());
        }
        opened.watched_by(&connection.timer, shard);
        passed.body.clear();
        piece.clear();
        let more = opened.more(&mut piece, shard).await.map_err(|error| match error {
            _ if connection.timer.peer_is_gone() => Stopped::ClientGone,
            error => Stopped::Broken(Broken::Call(error)),
        })?;
        stream.take(&piece, &mut passed.body).map_err(|fault| Stopped::Broken(Broken::Stream(fault)))?;
        if !more && !stream.complete {
            return Err(Stopped::Broken(Broken::Stream(Fault::Malformed("the stream broke off"))));
        }
    }
}

/// Reads the end of the message, which comes right behind its last event, and gives the function's connection back.
async fn finish(mut opened: Opened, upstream: &Upstream, shard: &Shard) {
    let mut rest = Vec::new();
    if let Ok(false) = opened.more_within(&mut rest, END_MS, shard).await {
        opened.close(upstream, shard);
    }
}

/// Between the last event and the end of the message. Who takes longer loses his connection.
const END_MS: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::event_stream::write_message;

    fn chunk(payload: &[u8], out: &mut Vec<u8>) {
        write_message(&[(":message-type", "event"), (":event-type", "PayloadChunk")], payload, out);
    }

    fn complete(payload: &[u8], out: &mut Vec<u8>) {
        write_message(&[(":message-type", "event"), (":event-type", "InvokeComplete")], payload, out);
    }

    /// Fed byte by byte and all at once: what the metadata and the body are, whether it is complete, or what is wrong.
    #[track_caller]
    fn check(input: &[u8], expected: Result<(&str, &str, bool), Fault>) {
        for piece_bytes in [1, 7, input.len().max(1)] {
            let (mut stream, mut body) = (AnswerStream::default(), Vec::new());
            let mut found = Ok(());
            for piece in input.chunks(piece_bytes) {
                found = stream.take(piece, &mut body);
                if found.is_err() {
                    break;
                }
            }
            let metadata = String::from_utf8_lossy(stream.prelude.metadata());
            let body = String::from_utf8_lossy(&body);
            let shown = found.map(|()| (&*metadata, &*body, stream.complete));
            assert_eq!(shown, expected, "in pieces of {piece_bytes}");
        }
    }

    #[test]
    fn streams_are_taken_apart() {
        let mut good = Vec::new();
        chunk(b"{\"statusCode\":", &mut good);
        chunk(b"200}\0\0\0", &mut good);
        chunk(b"\0\0\0\0\0he", &mut good);
        check(&good, Ok(("{\"statusCode\":200}", "he", false)));
        chunk(b"", &mut good);
        write_message(&[(":message-type", "event"), (":event-type", "SomethingNew")], b"x", &mut good);
        chunk(b"llo", &mut good);
        complete(b"{}", &mut good);
        check(&good, Ok(("{\"statusCode\":200}", "hello", true)));
        chunk(b"more", &mut good);
        check(&good, Err(Fault::Malformed("the stream goes on behind its end")));
    }

    #[test]
    fn faults_are_told_apart() {
        let with = |write: fn(&mut Vec<u8>)| {
            let mut stream = Vec::new();
            write(&mut stream);
            stream
        };
        check(b"HTTP is no event stream", Err(Fault::Malformed("the answer is not an event stream")));
        let failed = with(|out| {
            chunk(b"{}\0\0\0\0\0\0\0\0part", out);
            complete(br#"{"ErrorCode":"Unhandled","ErrorDetails":"it threw"}"#, out);
        });
        check(&failed, Err(Fault::Failed("it threw".to_owned())));
        let early = with(|out| complete(br#"{"ErrorCode":"Runtime.ExitError"}"#, out));
        check(&early, Err(Fault::Failed("Runtime.ExitError".to_owned())));
        let undelimited = with(|out| {
            chunk(b"hello", out);
            complete(b"", out);
        });
        check(&undelimited, Err(Fault::Malformed("the stream ends before its delimiter")));
        let short = with(|out| chunk(b"{}\0\0\0x", out));
        check(&short, Err(Fault::Malformed("the delimiter has less than 8 NUL bytes")));
        let long = with(|out| chunk(&[b' '; 20_000], out));
        check(&long, Err(Fault::Malformed("there is no delimiter in the first 16 KB of the stream")));
        let thrown = with(|out| {
            let headers = [(":message-type", "exception"), (":exception-type", "TooManyRequestsException")];
            write_message(&headers, b"{}", out);
        });
        check(&thrown, Err(Fault::Failed("TooManyRequestsException".to_owned())));
        let odd = with(|out| {
            chunk(b"{}\0\0\0\0\0\0\0\0", out);
            complete(b"nonsense", out);
        });
        check(&odd, Err(Fault::Malformed("the stream's last event is malformed")));
    }
}
