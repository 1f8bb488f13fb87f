//! The chunked coding, strict, one piece of input at a time. (RFC 9112, section 7.1.)
//!
//! ```text
//!   Size ──CRLF──▶ Data ──size bytes──▶ DataEnd ──CRLF──▶ Size
//!    │ size 0
//!    └────▶ Trailer ──empty line──▶ Done
//! ```
//!
//! Sizes are hexadecimal digits and nothing else; an extension may follow, without line ends of its own, and is not
//! passed on; a line ends with CRLF. Readers that are more lenient than each other here have been played against each
//! other, so nothing is forgiven.

use super::field::{allowed_in_trailer, is_token_byte};

/// Bytes of extensions and trailers in one body: more is an attack, not a message.
const OVERHEAD_BYTES_MAX: u32 = 8192;

/// Sizes with more digits than this are refused before they could overflow.
const SIZE_DIGITS_MAX: u8 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    Size,
    Extension,
    LineEnd,
    Trailer,
    TooMuchOverhead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeLineFeed {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataLineFeed,
    /// In a trailer section: whether the line so far is empty, and whether a return was read.
    Trailer {
        empty: bool,
        returned: bool,
    },
    Done,
}

/// Reads a chunked body.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    overhead_bytes: u32,
    trailers: Vec<u8>,
}

/// What [`Decoder::decode`] found in a piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Input bytes `start..end` are data; `consumed` bytes are done with.
    Data { start: usize, end: usize, consumed: usize },
    /// All input is done with; more is needed.
    NeedMore,
    /// The body ended after `consumed` bytes; what follows belongs to the next message.
    Done { consumed: usize },
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder { state: State::Size { size: 0, digits: 0 }, overhead_bytes: 0, trailers: Vec::new() }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The next piece of `input`. Call again with what follows the consumed bytes, until `NeedMore` or `Done`.
    ///
    /// # Errors
    /// [`ChunkError`]: the rest of the stream has no meaning.
    pub fn decode(&mut self, input: &[u8]) -> Result<Piece, ChunkError> {
        let mut at = 0;
        while at < input.len() {
            if let State::Data { left } = self.state {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                let left = left - take as u64;
                self.state = if left == 0 { State::DataReturn } else { State::Data { left } };
                return Ok(Piece::Data { start: at, end: at + take, consumed: at + take });
            }
            self.state = self.step(input[at])?;
            at += 1;
            if self.state == State::Done {
                return Ok(Piece::Done { consumed: at });
            }
        }
        Ok(Piece::NeedMore)
    }

    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size { size, digits } => size_byte(size, digits, byte),
            State::Extension { size } => {
                self.count_overhead()?;
                match byte {
                    b'\r' => Ok(State::SizeLineFeed { size }),
                    b'\t' | 0x20..=0x7E | 0x80.. => Ok(State::Extension { size }),
                    _ => Err(ChunkError::Extension),
                }
            }
            State::SizeLineFeed { size } => match (byte, size) {
                (b'\n', 0) => Ok(State::Trailer { empty: true, returned: false }),
                (b'\n', left) => Ok(State::Data { left }),
                _ => Err(ChunkError::LineEnd),
            },
            State::DataReturn if byte == b'\r' => Ok(State::DataLineFeed),
            State::DataLineFeed if byte == b'\n' => Ok(State::Size { size: 0, digits: 0 }),
            State::DataReturn | State::DataLineFeed => Err(ChunkError::LineEnd),
            State::Trailer { empty, returned } => self.trailer_byte(empty, returned, byte),
            State::Data { .. } | State::Done => unreachable!("decode handles data and stops when done"),
        }
    }

    fn trailer_byte(&mut self, empty: bool, returned: bool, byte: u8) -> Result<State, ChunkError> {
        self.count_overhead()?;
        if !(empty && matches!(byte, b'\r' | b'\n')) {
            self.trailers.push(byte);
        }
        match (byte, returned) {
            (b'\n', true) if empty => Ok(State::Done),
            (b'\n', true) => Ok(State::Trailer { empty: true, returned: false }),
            (_, true) => Err(ChunkError::LineEnd),
            (b'\r', false) => Ok(State::Trailer { empty, returned: true }),
            (b'\n', false) => Err(ChunkError::LineEnd),
            (b'\t' | 0x20..=0x7E | 0x80.., false) => {
                // The line must start with a name: a folded line would continue the one before.
                if empty && !is_token_byte(byte) {
                    return Err(ChunkError::Trailer);
                }
                Ok(State::Trailer { empty: false, returned: false })
            }
            _ => Err(ChunkError::Trailer),
        }
    }

    fn count_overhead(&mut self) -> Result<(), ChunkError> {
        self.overhead_bytes += 1;
        if self.overhead_bytes > OVERHEAD_BYTES_MAX { Err(ChunkError::TooMuchOverhead) } else { Ok(()) }
    }

    /// Appends the trailer fields that may be passed on, each with its line end.
    ///
    /// # Errors
    /// A trailer line that is no field.
    pub fn write_trailers(&self, out: &mut Vec<u8>) -> Result<(), ChunkError> {
        for line in self.trailers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr::memchr(b':', line).ok_or(ChunkError::Trailer)?;
            let (name, value) = line.split_at(colon);
            let name = std::str::from_utf8(name).ok().filter(|name| super::field::is_token(name.as_bytes()));
            let name = name.ok_or(ChunkError::Trailer)?;
            if allowed_in_trailer(name) {
                super::encode::field(name, value[1..].trim_ascii(), out);
            }
        }
        Ok(())
    }
}

fn size_byte(size: u64, digits: u8, byte: u8) -> Result<State, ChunkError> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        b'\r' if digits > 0 => return Ok(State::SizeLineFeed { size }),
        b';' if digits > 0 => return Ok(State::Extension { size }),
        _ => return Err(ChunkError::Size),
    };
    if digits == SIZE_DIGITS_MAX {
        return Err(ChunkError::Size);
    }
    Ok(State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 })
}

/// Appends a chunk. Without data it appends nothing: an empty chunk would end the body.
pub fn write_chunk(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let significant = (usize::BITS - data.len().leading_zeros()).div_ceil(4);
    out.reserve(data.len() + 20);
    for position in (0..significant).rev() {
        out.push(DIGITS[data.len() >> (position * 4) & 15]);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `input` in pieces of `step` bytes: the data, the trailers, and what was left over.
    fn decode(input: &[u8], step: usize) -> Result<String, ChunkError> {
        let mut decoder = Decoder::new();
        let (mut data, mut at) = (Vec::new(), 0);
        while at < input.len() {
            let end = (at + step).min(input.len());
            match decoder.decode(&input[at..end])? {
                Piece::Data { start, end, consumed } => {
                    data.extend_from_slice(&input[at + start..at + end]);
                    at += consumed;
                }
                Piece::NeedMore => at = end,
                Piece::Done { consumed } => {
                    let mut trailers = Vec::new();
                    decoder.write_trailers(&mut trailers)?;
                    let left = String::from_utf8_lossy(&input[at + consumed..]).into_owned();
                    return Ok(format!(
                        "{}|{}|{left}",
                        String::from_utf8_lossy(&data),
                        String::from_utf8_lossy(&trailers)
                    ));
                }
            }
        }
        Ok(format!("{}|unfinished", String::from_utf8_lossy(&data)))
    }

    #[track_caller]
    fn check(input: &str, expected: Result<&str, ChunkError>) {
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(
                decode(input.as_bytes(), step).as_deref().map_err(|error| *error),
                expected,
                "{input:?} by {step}"
            );
        }
    }

    #[test]
    fn bodies() {
        check("5\r\nhello\r\n0\r\n\r\n", Ok("hello||"));
        check("5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nGET /", Ok("hello0123456789||GET /"));
        check("005\r\nhello\r\n00\r\n\r\n", Ok("hello||"));
        check("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", Ok("hello||"));
        check("5\r\nhel", Ok("hel|unfinished"));
        check("0\r\n\r", Ok("|unfinished"));
    }

    #[test]
    fn trailers_pass_when_they_are_harmless() {
        check("0\r\nX-T: 1\r\nAuthorization: evil\r\nContent-Length: 3\r\n\r\n", Ok("|X-T: 1\r\n|"));
        check("0\r\nX-T:1\r\nY:  \r\n\r\nnext", Ok("|X-T: 1\r\nY: \r\n|next"));
        check("0\r\nnocolon\r\n\r\n", Err(ChunkError::Trailer));
        check("0\r\nX T: 1\r\n\r\n", Err(ChunkError::Trailer));
        check("0\r\nX: 1\r\n folded\r\n\r\n", Err(ChunkError::Trailer));
        check("0\r\nX: 1\n\r\n", Err(ChunkError::LineEnd));
        check("0\r\nX: \u{1}\r\n\r\n", Err(ChunkError::Trailer));
        check(&format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000)), Err(ChunkError::TooMuchOverhead));
    }

    #[test]
    fn tricks_are_refused() {
        for size in ["", "g", "0x5", " 5", "+5", "-5", "5 ", "5\t", "\r\n5", "_5"] {
            check(&format!("{size}\r\nhello\r\n0\r\n\r\n"), Err(ChunkError::Size));
        }
        check("1234567890abcdef\r\n", Err(ChunkError::Size));
        check("5\nhello\r\n0\r\n\r\n", Err(ChunkError::Size));
        check("5\rhello\r\n0\r\n\r\n", Err(ChunkError::LineEnd));
        check("5;a\nhello\r\n0\r\n\r\n", Err(ChunkError::Extension));
        check("5;a\0\r\nhello\r\n0\r\n\r\n", Err(ChunkError::Extension));
        check("5\r\nhelloX\r\n", Err(ChunkError::LineEnd));
        check("5\r\nhello\n0\r\n\r\n", Err(ChunkError::LineEnd));
        check("5\r\nhello\r\r\n", Err(ChunkError::LineEnd));
        check("0\r\n\n", Err(ChunkError::LineEnd));
        check(&format!("5;{}\r\n", "x".repeat(9000)), Err(ChunkError::TooMuchOverhead));
    }

    #[test]
    fn chunks_are_written() {
        let mut out = Vec::new();
        write_chunk(b"", &mut out);
        write_chunk(b"hello", &mut out);
        write_chunk(&[b'x'; 256], &mut out);
        assert!(out.starts_with(b"5\r\nhello\r\n100\r\nxxx"));
        assert!(out.ends_with(b"x\r\n"));
    }
}
