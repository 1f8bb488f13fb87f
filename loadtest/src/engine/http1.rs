//! HTTP/1.1 answers out of a stream of bytes, without I/O (RFC 9112).
//!
//! Bodies are counted and thrown away unless a check wants them, so that an answer may have any size.
//!
//! ```text
//!            ┌────────── 1xx ───────────┐
//!            ▼                          │
//!  bytes → Head ──┬── no body ─────────────────────────► answer → Head
//!                 ├── Content-Length → Sized ───────────► answer → Head
//!                 ├── chunked → Chunked (see `Chunk`) ──► answer → Head
//!                 └── neither → UntilClose ── close ────► answer
//! ```

use std::mem::MaybeUninit;

use crate::measure::Failure;

const HEADERS_MAX: usize = 128;

/// A chunk's extensions, and all trailers together, are read up to this length.
const LINE_BYTES_MAX: u16 = 16 * 1024;

/// A complete answer; its body is [`Answers::body`] if it was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The server will not take another request on this connection.
    pub close: bool,
}

/// What the next answer is to: it decides where the answer ends and what is kept of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The request was HEAD: there is no body, whatever the head says.
    pub head: bool,
    pub wants_body: bool,
}

/// The answers on one connection, in order.
#[derive(Debug)]
pub struct Answers {
    state: State,
    answer: Answer,
    /// The start of a head that came in pieces.
    head: Vec<u8>,
    body: Vec<u8>,
    head_bytes_max: usize,
    body_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Head,
    Sized { remaining: u64 },
    Chunked(Chunk),
    UntilClose,
}

/// Within a chunked body (RFC 9112, section 7.1), named after what is due next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chunk {
    /// Hexadecimal digits, then an extension or the line's end.
    Size {
        value: u64,
        digits: u8,
    },
    Extension {
        value: u64,
        length: u16,
    },
    /// LF of the size line.
    SizeEnd {
        value: u64,
    },
    Data {
        remaining: u64,
    },
    /// CR after the data.
    DataCr,
    /// LF after the data.
    DataLf,
    /// A line after the last chunk; an empty one ends the body. `total` is of all these lines.
    Trailer {
        length: u16,
        total: u16,
    },
    /// LF of such a line.
    TrailerEnd {
        length: u16,
        total: u16,
    },
}

const CHUNK_START: Chunk = Chunk::Size { value: 0, digits: 0 };

impl Answers {
    pub fn new(head_bytes_max: usize, body_bytes_max: usize) -> Answers {
        Answers {
            state: State::Head,
            answer: Answer { status: 0, close: false },
            head: Vec::new(),
            body: Vec::new(),
            head_bytes_max,
            body_bytes_max,
        }
    }

    /// For a new connection: forgets what was begun.
    pub fn clear(&mut self) {
        self.state = State::Head;
        self.head.clear();
        self.body.clear();
    }

    /// The body of the answer that was just complete, if it was wanted; cut at the bound.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes bytes up to the end of one answer: how many were taken, and the answer if it is complete. Without an answer
    /// all bytes were taken.
    ///
    /// # Errors
    /// [`Failure::Malformed`] and [`Failure::HeadTooLarge`]; the connection is of no use after that.
    #[inline]
    pub fn receive(&mut self, bytes: &[u8], asked: Asked) -> Result<(usize, Option<Answer>), Failure> {
        let mut taken = 0;
        loop {
            let rest = &bytes[taken..];
            let complete = match self.state {
                State::Head => {
                    // Also with no byte left: a body of length 0 was handled below, and a new answer needs a byte.
                    if rest.is_empty() {
                        return Ok((taken, None));
                    }
                    let Some((length, complete)) = self.receive_head(rest, asked)? else {
                        return Ok((bytes.len(), None));
                    };
                    taken += length;
                    complete
                }
                State::Sized { remaining } => {
                    let length = remaining.min(rest.len() as u64);
                    self.keep(&rest[..length as usize], asked);
                    taken += length as usize;
                    self.state = State::Sized { remaining: remaining - length };
                    remaining == length
                }
                State::Chunked(chunk) => {
                    let (length, complete) = self.receive_chunked(chunk, rest, asked)?;
                    taken += length;
                    complete
                }
                State::UntilClose => {
                    self.keep(rest, asked);
                    return Ok((bytes.len(), None));
                }
            };
            if complete {
                self.state = State::Head;
                return Ok((taken, Some(self.answer)));
            }
            if taken == bytes.len() {
                return Ok((taken, None));
            }
        }
    }

    /// The server closed the connection: the answer that this completes, if it is one.
    ///
    /// # Errors
    /// [`Failure::ClosedEarly`] if an answer was due or half there.
    pub fn end(&mut self) -> Result<Answer, Failure> {
        if self.state != State::UntilClose {
            return Err(Failure::ClosedEarly);
        }
        self.state = State::Head;
        Ok(Answer { close: true, ..self.answer })
    }

    /// How many of `bytes` belong to the head, and whether the answer is complete with it; `None` if there has to be more.
    #[inline]
    fn receive_head(&mut self, bytes: &[u8], asked: Asked) -> Result<Option<(usize, bool)>, Failure> {
        if self.head.is_empty() {
            let Some(head) = parse_head(bytes, self.head_bytes_max)? else {
                return self.keep_head(bytes).map(|()| None);
            };
            return Ok(Some((head.length, self.begin(head, asked))));
        }
        self.receive_rest_of_head(bytes, asked)
    }

    #[cold]
    fn receive_rest_of_head(&mut self, bytes: &[u8], asked: Asked) -> Result<Option<(usize, bool)>, Failure> {
        let before = self.head.len();
        // One byte more than the bound, so that a head of exactly the bound is not refused.
        let room = (self.head_bytes_max + 1).saturating_sub(before);
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some(head) = parse_head(&self.head, self.head_bytes_max)? else {
            return if self.head.len() > self.head_bytes_max { Err(Failure::HeadTooLarge) } else { Ok(None) };
        };
        self.head.clear();
        // What was kept before was no complete head, so its end is in the new bytes.
        Ok(Some((head.length - before, self.begin(head, asked))))
    }

    #[cold]
    fn keep_head(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > self.head_bytes_max {
            return Err(Failure::HeadTooLarge);
        }
        self.head.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether the answer is complete with its head.
    #[inline]
    fn begin(&mut self, head: Head, asked: Asked) -> bool {
        self.body.clear();
        if head.status < 200 {
            return false;
        }
        self.answer = Answer { status: head.status, close: head.close };
        if asked.head || head.status == 204 || head.status == 304 {
            return true;
        }
        match head.framing {
            Framing::Sized(0) => return true,
            Framing::Sized(length) => self.state = State::Sized { remaining: length },
            Framing::Chunked => self.state = State::Chunked(CHUNK_START),
            Framing::UntilClose => self.state = State::UntilClose,
        }
        false
    }

    #[inline]
    fn keep(&mut self, bytes: &[u8], asked: Asked) {
        if asked.wants_body {
            let room = self.body_bytes_max.saturating_sub(self.body.len());
            self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Takes bytes of a chunked body: how many, and whether it is complete.
    fn receive_chunked(&mut self, mut chunk: Chunk, bytes: &[u8], asked: Asked) -> Result<(usize, bool), Failure> {
        let mut taken = 0;
        while taken < bytes.len() {
            if let Chunk::Data { remaining } = chunk {
                let length = remaining.min((bytes.len() - taken) as u64);
                self.keep(&bytes[taken..taken + length as usize], asked);
                taken += length as usize;
                chunk = match remaining - length {
                    0 => Chunk::DataCr,
                    remaining => Chunk::Data { remaining },
                };
                continue;
            }
            let byte = bytes[taken];
            taken += 1;
            match chunk.after(byte)? {
                Some(next) => chunk = next,
                None => return Ok((taken, true)),
            }
        }
        self.state = State::Chunked(chunk);
        Ok((taken, false))
    }
}

impl Chunk {
    /// The state after `byte`, which is not data; `None` at the body's end.
    fn after(self, byte: u8) -> Result<Option<Chunk>, Failure> {
        Ok(Some(match (self, byte) {
            // 15 digits fit 64 bits with room to spare, and are more than any answer has.
            (Chunk::Size { value, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).expect("a hexadecimal digit");
                Chunk::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Chunk::Size { value, digits: 1.. } | Chunk::Extension { value, .. }, b'\r') => Chunk::SizeEnd { value },
            (Chunk::Size { value, digits: 1.. }, b';' | b' ' | b'\t') => Chunk::Extension { value, length: 0 },
            (Chunk::Extension { value, length }, _) if byte != b'\n' && length < LINE_BYTES_MAX => {
                Chunk::Extension { value, length: length + 1 }
            }
            (Chunk::SizeEnd { value: 0 }, b'\n') => Chunk::Trailer { length: 0, total: 0 },
            (Chunk::SizeEnd { value }, b'\n') => Chunk::Data { remaining: value },
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => CHUNK_START,
            (Chunk::Trailer { length, total }, b'\r') => Chunk::TrailerEnd { length, total },
            (Chunk::Trailer { length, total }, _) if byte != b'\n' && total < LINE_BYTES_MAX => {
                Chunk::Trailer { length: length + 1, total: total + 1 }
            }
            (Chunk::TrailerEnd { length: 0, .. }, b'\n') => return Ok(None),
            (Chunk::TrailerEnd { total, .. }, b'\n') => Chunk::Trailer { length: 0, total },
            _ => return Err(Failure::Malformed),
        }))
    }
}

struct Head {
    length: usize,
    status: u16,
    close: bool,
    framing: Framing,
}

#[derive(Debug, PartialEq)]
enum Framing {
    Sized(u64),
    Chunked,
    UntilClose,
}

/// `None` if there has to be more.
#[inline]
fn parse_head(bytes: &[u8], head_bytes_max: usize) -> Result<Option<Head>, Failure> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= head_bytes_max => length,
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => return Err(Failure::HeadTooLarge),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Failure::Malformed),
    };
    let status = response.code.expect("a complete head has a status");
    // 101 changes the protocol, for which nobody asked.
    if !(100..600).contains(&status) || status == 101 {
        return Err(Failure::Malformed);
    }
    let mut head = Head { length, status, close: response.version == Some(0), framing: Framing::UntilClose };
    for header in response.headers.iter() {
        // By length first: most headers are none of the three.
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => head.content_length(header.value)?,
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => head.transfer_encoding(header.value),
            10 if header.name.eq_ignore_ascii_case("connection") => head.connection(header.value),
            _ => {}
        }
    }
    Ok(Some(head))
}

impl Head {
    /// RFC 9112, section 6.3: Transfer-Encoding goes before Content-Length, and two different lengths are an error.
    fn content_length(&mut self, value: &[u8]) -> Result<(), Failure> {
        let length = decimal(value).ok_or(Failure::Malformed)?;
        match self.framing {
            Framing::UntilClose => self.framing = Framing::Sized(length),
            Framing::Sized(other) if other != length => return Err(Failure::Malformed),
            Framing::Sized(_) | Framing::Chunked => {}
        }
        Ok(())
    }

    /// Only where chunked is the last coding does the body tell its end.
    fn transfer_encoding(&mut self, value: &[u8]) {
        let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
        if last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            self.framing = Framing::Chunked;
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.close = false;
            }
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
