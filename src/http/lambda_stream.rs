//! The answer that a Lambda function streams: events of `InvokeWithResponseStream`, and in their payloads, put together, an
//! HTTP answer as API Gateway wants it.
//!
//! ```text
//! {"statusCode": 200, "headers": {…}, "multiValueHeaders": {…}, "cookies": […]}  8 NUL bytes  the body as it comes
//! ```
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html>

use super::event_stream::Message;
use serde::Deserialize;
use std::borrow::Cow;

/// Between the metadata and the body.
const DELIMITER: [u8; 8] = [0; 8];

/// Where the delimiter ends at the latest: "within the first 16 KB of stream data".
pub const PRELUDE_BYTES_MAX: usize = 16 * 1024;

/// What a message of the stream says.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A part of what the function answers.
    PayloadChunk(&'a [u8]),
    /// The last: the function has ended.
    InvokeComplete(InvokeComplete<'a>),
    /// Lambda could not go on: the type of its exception.
    Exception(&'a str),
    /// One that later versions may send.
    Unknown,
}

/// How the function ended.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvokeComplete<'a> {
    /// Where it failed; parts of an answer may have come before.
    #[serde(default, borrow)]
    pub error_code: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub error_details: Option<Cow<'a, str>>,
    /// The end of its log in base64, where that was asked for.
    #[serde(default, borrow)]
    pub log_result: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// # Errors
    /// The last event does not say how the function ended.
    pub fn of(message: &Message<'a>) -> Result<Event<'a>, serde_json::Error> {
        if let Some("exception" | "error") = message.header(":message-type") {
            let name = message.header(":exception-type").or_else(|| message.header(":error-code"));
            return Ok(Event::Exception(name.unwrap_or_default()));
        }
        match message.header(":event-type") {
            Some("PayloadChunk") => Ok(Event::PayloadChunk(message.payload)),
            Some("InvokeComplete") if message.payload.is_empty() => {
                Ok(Event::InvokeComplete(InvokeComplete::default()))
            }
            Some("InvokeComplete") => serde_json::from_slice(message.payload).map(Event::InvokeComplete),
            Some(_) | None => Ok(Event::Unknown),
        }
    }
}

/// Finds where the metadata ends.
#[derive(Debug, Default)]
pub struct PreludeDecoder {
    metadata: Vec<u8>,
    /// How many NUL bytes it ends with so far.
    nuls: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreludeError {
    /// No delimiter in the first [`PRELUDE_BYTES_MAX`] bytes.
    TooLong,
    /// A NUL byte that does not belong to a delimiter: JSON has none.
    Nul,
}

impl PreludeDecoder {
    /// Takes a piece of the stream: once the delimiter is there, where in the piece the body begins. `None` wants more.
    ///
    /// # Errors
    /// [`PreludeError`]: there is no metadata.
    pub fn decode(&mut self, piece: &[u8]) -> Result<Option<usize>, PreludeError> {
        for (at, byte) in piece.iter().enumerate() {
            match (*byte, self.nuls) {
                (0, nuls) if nuls + 1 == DELIMITER.len() => {
                    self.nuls += 1;
                    return Ok(Some(at + 1));
                }
                (0, _) => self.nuls += 1,
                (_, 0) => self.metadata.push(*byte),
                (_, _) => return Err(PreludeError::Nul),
            }
            if self.metadata.len() + DELIMITER.len() > PRELUDE_BYTES_MAX {
                return Err(PreludeError::TooLong);
            }
        }
        Ok(None)
    }

    /// Whether the delimiter has come.
    pub fn is_done(&self) -> bool {
        self.nuls == DELIMITER.len()
    }

    /// The JSON, as far as it has come.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::super::event_stream::{Decoder, Step, write_message};
    use super::*;

    #[track_caller]
    fn check_event(headers: &[(&str, &str)], payload: &[u8], expected: Option<Event<'_>>) {
        let mut stream = Vec::new();
        write_message(headers, payload, &mut stream);
        let mut decoder = Decoder::new(1 << 20);
        let Ok(Step::Message { message, .. }) = decoder.decode(&stream) else { panic!("it is whole") };
        assert_eq!(Event::of(&message).ok(), expected);
    }

    #[test]
    fn events() {
        let event = |name| [(":message-type", "event"), (":event-type", name)];
        check_event(&event("PayloadChunk"), b"\0x", Some(Event::PayloadChunk(b"\0x")));
        check_event(&event("Other"), b"x", Some(Event::Unknown));
        check_event(&[], b"x", Some(Event::Unknown));
        let complete = |payload: &[u8], expected: Option<InvokeComplete<'_>>| {
            check_event(&event("InvokeComplete"), payload, expected.map(Event::InvokeComplete));
        };
        complete(b"", Some(InvokeComplete::default()));
        complete(b"{}", Some(InvokeComplete::default()));
        let failed = InvokeComplete {
            error_code: Some("Unhandled".into()),
            error_details: Some("a \"b\"".into()),
            log_result: None,
        };
        complete(br#"{"ErrorCode":"Unhandled","ErrorDetails":"a \"b\"","More":1,"LogResult":null}"#, Some(failed));
        complete(b"nonsense", None);
        let exception = [(":message-type", "exception"), (":exception-type", "ServiceException")];
        check_event(&exception, b"{}", Some(Event::Exception("ServiceException")));
        check_event(&[(":message-type", "error"), (":error-code", "E")], b"", Some(Event::Exception("E")));
    }

    /// The metadata and the beginning of the body.
    type Parts<'a> = (&'a [u8], &'a [u8]);

    #[track_caller]
    fn check(stream: &[u8], expected: Result<Option<Parts<'_>>, PreludeError>) {
        for step in [1, 2, 3, 5, 8, 1 << 20] {
            assert_eq!(decoded(stream, step), expected.map(|found| found.map(owned)), "in pieces of {step}");
        }
    }

    fn owned((metadata, body): Parts<'_>) -> (Vec<u8>, Vec<u8>) {
        (metadata.to_vec(), body.to_vec())
    }

    type Decoded = Result<Option<(Vec<u8>, Vec<u8>)>, PreludeError>;

    fn decoded(stream: &[u8], step: usize) -> Decoded {
        let mut decoder = PreludeDecoder::default();
        for (number, piece) in stream.chunks(step).enumerate() {
            if let Some(at) = decoder.decode(piece)? {
                assert!(decoder.is_done());
                return Ok(Some((decoder.metadata().to_vec(), stream[number * step + at..].to_vec())));
            }
        }
        assert!(!decoder.is_done());
        Ok(None)
    }

    #[test]
    fn metadata_and_body() {
        check(b"{\"statusCode\":201}\0\0\0\0\0\0\0\0body\0", Ok(Some((b"{\"statusCode\":201}", b"body\0"))));
        check(b"{}\0\0\0\0\0\0\0\0", Ok(Some((b"{}", b""))));
        check(b"\0\0\0\0\0\0\0\0\0", Ok(Some((b"", b"\0"))));
        check(b"{}\0\0\0\0\0\0\0", Ok(None));
        check(b"{}", Ok(None));
        check(b"", Ok(None));
        check(b"{}\0\0\0\0\0\0\0x", Err(PreludeError::Nul));
        check(b"{\0}", Err(PreludeError::Nul));
    }

    #[test]
    fn metadata_has_a_bound() {
        let mut longest = vec![b' '; PRELUDE_BYTES_MAX - DELIMITER.len()];
        longest.extend_from_slice(&DELIMITER);
        let found = decoded(&longest, 1000).map(|found| found.map(|(metadata, _)| metadata.len()));
        assert_eq!(found, Ok(Some(PRELUDE_BYTES_MAX - DELIMITER.len())));
        longest.insert(0, b' ');
        check(&longest, Err(PreludeError::TooLong));
    }
}
