//! `application/vnd.amazon.eventstream`: messages with headers, each with two checksums. AWS streams answers in it, such as
//! Lambda's of `InvokeWithResponseStream`. (<https://smithy.io/2.0/aws/amazon-eventstream.html>.)
//!
//! ```text
//! ┌──────────────┬────────────────┬─────────────┬─────────┬─────────┬─────────────┐
//! │ total length │ headers length │ prelude CRC │ headers │ payload │ message CRC │
//! │ 4 bytes      │ 4              │ 4           │         │         │ 4           │
//! └──────────────┴────────────────┴─────────────┴─────────┴─────────┴─────────────┘
//! header: length of name (1), name, type (1), and a value whose length the type says, or its first 2 bytes
//! ```
//!
//! Numbers are big-endian, checksums CRC-32 (that of gzip) over all that comes before them. A message is judged when it is
//! whole: nothing of one with a wrong checksum is passed on.

use flate2::Crc;

/// Total length, headers' length and their checksum.
const PRELUDE_BYTES: usize = 12;

/// The prelude and the message's checksum.
const FRAME_BYTES: usize = PRELUDE_BYTES + 4;

/// The format's own bound: "the maximum compliant header size is 131,072 bytes".
const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// Values with a length of their own.
const BYTES: u8 = 6;
const STRING: u8 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStreamError {
    /// Lengths that contradict each other, or the prelude's checksum is wrong.
    Prelude,
    /// The message is longer than whoever reads it allows.
    TooLong,
    /// The message's checksum is wrong.
    Checksum,
    /// Headers that are none.
    Headers,
}

/// A whole message whose checksums are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Checked: every header is whole.
    headers: &'a [u8],
    pub payload: &'a [u8],
}

/// Takes a stream apart, one piece of input at a time.
#[derive(Debug)]
pub struct Decoder {
    /// The beginning of a message that is not whole yet.
    begun: Vec<u8>,
    /// Whether `begun` was handed out as a message.
    handed_out: bool,
    message_bytes_max: usize,
}

/// What [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// `consumed` bytes of input are done with.
    Message { message: Message<'a>, consumed: usize },
    /// All input is done with; more is needed.
    NeedMore,
}

impl Decoder {
    /// A message that is longer than `message_bytes_max`, all parts together, is an error.
    pub fn new(message_bytes_max: usize) -> Decoder {
        Decoder { begun: Vec::new(), handed_out: false, message_bytes_max }
    }

    /// Whether the stream may end here: no message has begun.
    pub fn is_between_messages(&self) -> bool {
        self.begun.is_empty() || self.handed_out
    }

    /// The next message. Call again with what follows the consumed bytes, until `NeedMore`. A message that comes whole in
    /// one piece is not copied.
    ///
    /// # Errors
    /// [`EventStreamError`]: the rest of the stream has no meaning.
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a>, EventStreamError> {
        if std::mem::take(&mut self.handed_out) {
            self.begun.clear();
        }
        if self.begun.is_empty()
            && let Some(total) = self.total(input)?
            && let Some(whole) = input.get(..total)
        {
            return Ok(Step::Message { message: message(whole)?, consumed: total });
        }
        let mut consumed = self.take(input, PRELUDE_BYTES);
        let Some(total) = self.total(&self.begun)? else { return Ok(Step::NeedMore) };
        consumed += self.take(&input[consumed..], total);
        if self.begun.len() < total {
            return Ok(Step::NeedMore);
        }
        self.handed_out = true;
        Ok(Step::Message { message: message(&self.begun)?, consumed })
    }

    /// Adds to what has begun until it has `length` bytes; how many those were.
    fn take(&mut self, input: &[u8], length: usize) -> usize {
        let taken = length.saturating_sub(self.begun.len()).min(input.len());
        self.begun.extend_from_slice(&input[..taken]);
        taken
    }

    /// The length of the message at the start of `bytes`, if its prelude is there. Its checksum comes first: of a stream
    /// that is something else nobody waits for gigabytes.
    fn total(&self, bytes: &[u8]) -> Result<Option<usize>, EventStreamError> {
        let Some(prelude) = bytes.get(..PRELUDE_BYTES) else { return Ok(None) };
        let (total, headers) = (number(&prelude[..4]), number(&prelude[4..8]));
        if crc(&prelude[..8]) != number(&prelude[8..]) || headers > HEADERS_BYTES_MAX || total < FRAME_BYTES + headers {
            return Err(EventStreamError::Prelude);
        }
        if total > self.message_bytes_max { Err(EventStreamError::TooLong) } else { Ok(Some(total)) }
    }
}

/// A whole message whose prelude has been checked.
fn message(bytes: &[u8]) -> Result<Message<'_>, EventStreamError> {
    let (covered, checksum) = bytes.split_at(bytes.len() - 4);
    if crc(covered) != number(checksum) {
        return Err(EventStreamError::Checksum);
    }
    let (headers, payload) = covered[PRELUDE_BYTES..].split_at(number(&bytes[4..8]));
    let mut rest = headers;
    while !rest.is_empty() {
        rest = header(rest).ok_or(EventStreamError::Headers)?.2;
    }
    Ok(Message { headers, payload })
}

impl<'a> Message<'a> {
    /// The value of a header that is a text; the first where there are several.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((found, value, after)) = header(rest) {
            if found == name.as_bytes() {
                return value.and_then(|value| std::str::from_utf8(value).ok());
            }
            rest = after;
        }
        None
    }
}

/// The name, the value where that is a text, and what follows.
type Header<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length)).filter(|(name, _)| !name.is_empty())?;
    let (kind, rest) = rest.split_first()?;
    let value_length = match *kind {
        // True and false have no more; then come the numbers of 1, 2, 4 and 8 bytes, a time and a UUID.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        BYTES | STRING => {
            let (length, rest) = rest.split_at_checked(2)?;
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
            return Some((name, (*kind == STRING).then_some(value), rest));
        }
        _ => return None,
    };
    let (_, rest) = rest.split_at_checked(value_length)?;
    Some((name, None, rest))
}

/// Appends a message whose headers are texts.
///
/// # Panics
/// Names have 1 to 255 bytes, values at most 65,535, and a message less than 4 GiB: all of them our own.
pub fn write_message(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let headers_length: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let total = FRAME_BYTES + headers_length + payload.len();
    out.reserve(total);
    push_number(total, out);
    push_number(headers_length, out);
    push_number(crc(&out[start..]), out);
    for (name, value) in headers {
        out.push(u8::try_from(name.len()).expect("a header's name has 255 bytes at most"));
        out.extend_from_slice(name.as_bytes());
        out.push(STRING);
        let length = u16::try_from(value.len()).expect("a header's value has 65,535 bytes at most");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(payload);
    push_number(crc(&out[start..]), out);
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    let number = u32::try_from(number).expect("a message is shorter than 4 GiB");
    out.extend_from_slice(&number.to_be_bytes());
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn crc(bytes: &[u8]) -> usize {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    /// The messages of a stream that comes in pieces of `step` bytes: event type and payload of each.
    fn decode(input: &[u8], step: usize, max: usize) -> Result<Vec<String>, EventStreamError> {
        let (mut decoder, mut found) = (Decoder::new(max), Vec::new());
        for piece in input.chunks(step) {
            let mut rest = piece;
            while let Step::Message { message, consumed } = decoder.decode(rest)? {
                let payload = String::from_utf8_lossy(message.payload);
                found.push(format!("{}: {payload}", message.header(":event-type").unwrap_or("-")));
                rest = &rest[consumed..];
            }
        }
        if !decoder.is_between_messages() {
            found.push("unfinished".to_owned());
        }
        Ok(found)
    }

    #[track_caller]
    fn check(input: &[u8], expected: Result<&[&str], EventStreamError>) {
        for step in [1, 2, 3, 7, 13, 1 << 20] {
            let expected = expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
            assert_eq!(decode(input, step, MAX), expected, "in pieces of {step}");
        }
    }

    type Written<'a> = (&'a [(&'a str, &'a str)], &'a [u8]);

    fn written(messages: &[Written<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        messages.iter().for_each(|(headers, payload)| write_message(headers, payload, &mut out));
        out
    }

    /// A message with these bytes for headers, and right checksums.
    fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_number(FRAME_BYTES + headers.len() + payload.len(), &mut out);
        push_number(headers.len(), &mut out);
        push_number(crc(&out), &mut out);
        out.extend_from_slice(&[headers, payload].concat());
        push_number(crc(&out), &mut out);
        out
    }

    const CHUNK: &[(&str, &str)] = &[(":message-type", "event"), (":event-type", "PayloadChunk")];

    #[test]
    fn what_is_written_is_read() {
        let complete = [(":event-type", "InvokeComplete")];
        let stream = written(&[(CHUNK, b"hello"), (CHUNK, b""), (&[], b"x"), (&complete, b"{}")]);
        check(&stream, Ok(&["PayloadChunk: hello", "PayloadChunk: ", "-: x", "InvokeComplete: {}"]));
        check(&stream[..stream.len() - 1], Ok(&["PayloadChunk: hello", "PayloadChunk: ", "-: x", "unfinished"]));
        check(&stream[..5], Ok(&["unfinished"]));
        check(b"", Ok(&[]));
    }

    /// The two smallest vectors of the format's own test suite (`empty_message`, `int32_header`), awslabs/aws-c-event-stream.
    #[test]
    fn vectors() {
        check(&[0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff], Ok(&["-: "]));
        let mut int32 = vec![0, 0, 0, 0x2d, 0, 0, 0, 0x10, 0x41, 0xc4, 0x24, 0xb8, 10];
        int32.extend_from_slice(b"event-type\x04\x00\x00\xa0\x0c{'foo':'bar'}\x36\xf4\x80\xa0");
        check(&int32, Ok(&["-: {'foo':'bar'}"]));
    }

    #[test]
    fn every_type_of_value_is_passed_over() {
        let mut headers = Vec::new();
        for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend_from_slice(&[1, b'x', kind]);
            headers.extend_from_slice(&[0; 16][..length]);
        }
        headers.extend_from_slice(b"\x01x\x06\x00\x02ab");
        headers.extend_from_slice(b"\x0b:event-type\x07\x00\x01E");
        check(&framed(&headers, b"p"), Ok(&["E: p"]));
        check(&framed(b"\x0b:event-type\x07\x00\x01\xff", b"p"), Ok(&["-: p"]));
        check(&framed(b"\x0b:event-type\x06\x00\x01E", b"p"), Ok(&["-: p"]));
    }

    #[test]
    fn broken_headers() {
        let cases: &[&[u8]] = &[
            b"\x00\x00",
            b"\x01",
            b"\x01x",
            b"\x01x\x0a",
            b"\x01x\x04\x00\x00\x00",
            b"\x01x\x07\x00",
            b"\x01x\x07\x00\x02a",
            b"\x09x\x00",
        ];
        for headers in cases {
            check(&framed(headers, b"payload"), Err(EventStreamError::Headers));
        }
    }

    #[test]
    fn wrong_checksums_and_lengths() {
        let good = written(&[(CHUNK, b"hello")]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let expected = if at < PRELUDE_BYTES { EventStreamError::Prelude } else { EventStreamError::Checksum };
            check(&bad, Err(expected));
        }
        check(b"HTTP/1.1 200 OK\r\n\r\n", Err(EventStreamError::Prelude));
        // Headers that are longer than their message; a message without room for its own frame.
        for (total, headers) in [(17, 2), (15, 0), (0, 0), (1 << 20, HEADERS_BYTES_MAX + 1)] {
            let mut prelude = Vec::new();
            push_number(total, &mut prelude);
            push_number(headers, &mut prelude);
            push_number(crc(&prelude), &mut prelude);
            check(&prelude, Err(EventStreamError::Prelude));
        }
    }

    #[test]
    fn long_messages_are_refused_by_their_prelude() {
        let stream = written(&[(CHUNK, &[b'x'; 1000])]);
        assert_eq!(decode(&stream[..PRELUDE_BYTES], 1, stream.len() - 1), Err(EventStreamError::TooLong));
        assert_eq!(decode(&stream, 100, stream.len()).map(|found| found.len()), Ok(1));
    }
}
