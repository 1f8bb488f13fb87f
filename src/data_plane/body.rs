//! Bodies on their way through: what of a buffer belongs to one, and how it is framed on the other side.

use std::time::Instant;

use crate::http::chunked::{Decoder, Piece, write_chunk};
use crate::http::head::Framing;
use crate::net::buffer::Buffer;

use super::settings::Settings;

/// Why a body cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    Malformed,
}

enum State {
    Done,
    Length(u64),
    Chunked(Box<Decoder>),
    UntilClose,
}

/// How a body's bytes leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// As they are: their end is known by length or by the connection's end.
    Plain,
    Chunked,
    /// Nobody wants them.
    Discard,
}

/// How long a body has been on its way.
pub struct Pace(Instant);

impl Pace {
    pub fn start() -> Pace {
        Pace(Instant::now())
    }

    /// Whether a body that is not all there comes too slowly to be waited for.
    pub fn is_too_slow(&self, body: &Incoming, settings: &Settings) -> bool {
        let elapsed_ms = self.0.elapsed().as_millis() as u64;
        let due = settings.body_bytes_per_second_min.saturating_mul(elapsed_ms) / 1000;
        elapsed_ms > settings.body_grace_ms && body.received() < due && !body.is_done()
    }
}

/// A body that arrives.
pub struct Incoming {
    state: State,
    outgoing: Outgoing,
    /// Whether trailers go on with the body.
    trailers: bool,
    received: u64,
    bytes_max: u64,
}

impl Incoming {
    pub fn new(framing: Framing, outgoing: Outgoing, bytes_max: u64) -> Incoming {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Box::default()),
            Framing::UntilClose => State::UntilClose,
        };
        Incoming { state, outgoing, trailers: true, received: 0, bytes_max }
    }

    /// The same, but for the fields behind it: they are not the sender's to say.
    pub fn without_trailers(self) -> Incoming {
        Incoming { trailers: false, ..self }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Data bytes so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes are still to come, as far as is known.
    pub fn bytes_left(&self) -> u64 {
        match self.state {
            State::Length(left) => left,
            State::Done | State::Chunked(_) | State::UntilClose => 0,
        }
    }

    /// How many bytes at the front of `buffer` can leave as they are, without a copy.
    pub fn plain_bytes(&self, buffer: &Buffer) -> Option<usize> {
        match self.state {
            State::Length(left) if self.outgoing == Outgoing::Plain && buffer.len() as u64 <= left => {
                Some(buffer.len())
            }
            State::UntilClose if self.outgoing == Outgoing::Plain => Some(buffer.len()),
            _ => None,
        }
    }

    /// Says that `bytes` of [`Incoming::plain_bytes`] left.
    pub fn passed(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if let State::Length(left) = &mut self.state {
            *left -= bytes as u64;
            if *left == 0 {
                self.state = State::Done;
            }
        }
    }

    /// Moves what belongs to the body from the front of `buffer` to `out`, framed anew.
    ///
    /// # Errors
    /// [`BodyError`]: there is no way to find the end of the body then.
    pub fn take(&mut self, buffer: &mut Buffer, out: &mut Vec<u8>) -> Result<(), BodyError> {
        match &mut self.state {
            State::Done => Ok(()),
            State::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                self.pass(&buffer.as_slice()[..taken], out);
                buffer.consume(taken);
                self.passed(taken);
                Ok(())
            }
            State::UntilClose => {
                self.pass(buffer.as_slice(), out);
                self.received += buffer.len() as u64;
                buffer.clear();
                Ok(())
            }
            State::Chunked(_) => self.take_chunks(buffer, out),
        }
    }

    fn take_chunks(&mut self, buffer: &mut Buffer, out: &mut Vec<u8>) -> Result<(), BodyError> {
        while !buffer.is_empty() {
            let State::Chunked(decoder) = &mut self.state else { return Ok(()) };
            match decoder.decode(buffer.as_slice()).map_err(|_| BodyError::Malformed)? {
                Piece::NeedMore => buffer.clear(),
                Piece::Data { start, end, consumed } => {
                    self.received += (end - start) as u64;
                    if self.received > self.bytes_max {
                        return Err(BodyError::TooLarge);
                    }
                    self.pass(&buffer.as_slice()[start..end], out);
                    buffer.consume(consumed);
                }
                Piece::Done { consumed } => {
                    if self.outgoing == Outgoing::Chunked {
                        out.extend_from_slice(b"0\r\n");
                        let end = out.len();
                        decoder.write_trailers(out).map_err(|_| BodyError::Malformed)?;
                        if !self.trailers {
                            out.truncate(end);
                        }
                        out.extend_from_slice(b"\r\n");
                    }
                    buffer.consume(consumed);
                    self.state = State::Done;
                }
            }
        }
        Ok(())
    }

    fn pass(&self, data: &[u8], out: &mut Vec<u8>) {
        match self.outgoing {
            Outgoing::Plain => out.extend_from_slice(data),
            Outgoing::Chunked => write_chunk(data, out),
            Outgoing::Discard => {}
        }
    }

    /// The sender closed its side. Whether the body is whole; the end of the outgoing framing goes to `out`.
    pub fn close(&mut self, out: &mut Vec<u8>) -> bool {
        if matches!(self.state, State::UntilClose) {
            self.state = State::Done;
            if self.outgoing == Outgoing::Chunked {
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        self.is_done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `step` bytes; what came out, what was left over, whether it ended.
    fn pass(
        framing: Framing,
        outgoing: Outgoing,
        input: &str,
        step: usize,
    ) -> Result<(String, String, bool), BodyError> {
        let mut incoming = Incoming::new(framing, outgoing, 100);
        let (mut out, mut left) = (Vec::new(), String::new());
        for piece in input.as_bytes().chunks(step) {
            let mut buffer = Buffer::page();
            buffer.fill(piece);
            incoming.take(&mut buffer, &mut out)?;
            left.push_str(&String::from_utf8_lossy(buffer.as_slice()));
        }
        Ok((String::from_utf8_lossy(&out).into_owned(), left, incoming.is_done()))
    }

    #[track_caller]
    fn check(framing: Framing, outgoing: Outgoing, input: &str, expected: (&str, &str, bool)) {
        let (out, left, done) = pass(framing, outgoing, input, 1000).expect("a body that passes");
        assert_eq!((out.as_str(), left.as_str(), done), expected, "{input:?}");
    }

    #[test]
    fn bodies_are_framed_anew() {
        check(Framing::None, Outgoing::Plain, "GET /", ("", "GET /", true));
        check(Framing::Length(5), Outgoing::Plain, "helloGET /", ("hello", "GET /", true));
        check(Framing::Length(5), Outgoing::Plain, "hel", ("hel", "", false));
        check(Framing::Length(5), Outgoing::Discard, "helloGET", ("", "GET", true));
        check(
            Framing::Chunked,
            Outgoing::Chunked,
            "5;x\r\nhello\r\n0\r\n\r\nGET",
            ("5\r\nhello\r\n0\r\n\r\n", "GET", true),
        );
        check(Framing::Chunked, Outgoing::Plain, "5\r\nhello\r\n0\r\nX: y\r\n\r\nGET", ("hello", "GET", true));
        check(Framing::Chunked, Outgoing::Chunked, "0\r\nX: y\r\nHost: z\r\n\r\n", ("0\r\nX: y\r\n\r\n", "", true));
        check(Framing::UntilClose, Outgoing::Chunked, "hello", ("5\r\nhello\r\n", "", false));
    }

    #[test]
    fn pieces_make_no_difference() {
        let input = "5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n";
        for step in 1..input.len() {
            let (out, left, done) = pass(Framing::Chunked, Outgoing::Plain, input, step).expect("a body that passes");
            assert_eq!((out.as_str(), left.as_str(), done), ("hello world", "", true), "{step}");
        }
    }

    #[test]
    fn limits_and_nonsense() {
        let long = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(101));
        assert_eq!(pass(Framing::Chunked, Outgoing::Plain, &long, 7), Err(BodyError::TooLarge));
        assert_eq!(pass(Framing::Chunked, Outgoing::Plain, "zz\r\n", 7), Err(BodyError::Malformed));
    }

    #[test]
    fn the_end_of_a_connection_ends_only_bodies_that_have_no_other_end() {
        let mut out = Vec::new();
        assert!(Incoming::new(Framing::UntilClose, Outgoing::Chunked, 100).close(&mut out));
        assert_eq!(out, b"0\r\n\r\n");
        assert!(!Incoming::new(Framing::Length(5), Outgoing::Plain, 100).close(&mut out));
        assert!(!Incoming::new(Framing::Chunked, Outgoing::Chunked, 100).close(&mut out));
    }
}
