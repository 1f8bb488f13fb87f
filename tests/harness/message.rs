//! HTTP/1.1 messages as bytes: a parser that takes nothing but what the RFC allows.

use std::io::{self, Read};

/// A parsed message: a request as a backend got it, or an answer as a client did.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    pub fields: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// The head as it came, with the empty line.
    pub head: String,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.start[9..12].parse().expect("a status was checked")
    }

    /// The only field of that name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice in\n{}", self.head);
        first
    }

    pub fn values<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m str> {
        let wanted = name.to_ascii_lowercase();
        let fields = self.fields.iter();
        fields.filter(move |(name, _)| name.to_ascii_lowercase() == wanted).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().expect("a request line")
    }

    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).expect("a request line")
    }

    fn framing(&self) -> Framing {
        let length = self.field("content-length").map(|length| {
            assert!(length.bytes().all(|digit| digit.is_ascii_digit()), "{length}");
            length.parse().expect("a length")
        });
        match (length, self.field("transfer-encoding")) {
            (None, None) => Framing::None,
            (Some(length), None) => Framing::Length(length),
            (None, Some("chunked")) => Framing::Chunked,
            framing => panic!("{framing:?} in\n{}", self.head),
        }
    }

    pub fn request_framing(&self) -> Framing {
        self.framing()
    }

    /// Of an answer to a request with `method`.
    pub fn response_framing(&self, method: &str) -> Framing {
        let status = self.status();
        let framing = self.framing();
        if matches!(status, 100..=199 | 204) {
            assert_eq!(framing, Framing::None, "{}", self.head);
        }
        match framing {
            _ if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) => Framing::None,
            Framing::None => Framing::UntilClose,
            framing => framing,
        }
    }
}

/// What has been read from a connection and not yet been taken.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads more; `false` at the end.
    pub fn fill(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut piece = [0; 64 * 1024];
        let read = stream.read(&mut piece)?;
        self.bytes.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }

    fn fill_or_fail(&mut self, stream: &mut impl Read) -> io::Result<()> {
        if self.fill(stream)? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.bytes.drain(..count).collect()
    }

    fn line(&mut self, stream: &mut impl Read) -> io::Result<String> {
        loop {
            if let Some(at) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8(self.take(at + 1)).expect("lines of text");
                let line = line.strip_suffix("\r\n").unwrap_or_else(|| panic!("no CRLF at the end of {line:?}"));
                assert!(!line.contains('\r'), "{line:?}");
                return Ok(line.to_owned());
            }
            self.fill_or_fail(stream)?;
        }
    }

    fn fields(&mut self, stream: &mut impl Read, head: &mut String) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line(stream)?;
            head.push_str(&line);
            head.push_str("\r\n");
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(": ").or(line.split_once(':')).expect("a field has a colon");
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(token), "{line:?}");
            assert!(value.chars().all(|character| character == '\t' || !character.is_control()), "{line:?}");
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Reads a head. `Ok(None)` when the connection ended before one began.
    pub fn head(&mut self, stream: &mut impl Read) -> io::Result<Option<Message>> {
        while self.bytes.is_empty() {
            if !self.fill(stream)? {
                return Ok(None);
            }
        }
        let start = self.line(stream)?;
        let mut head = format!("{start}\r\n");
        let fields = self.fields(stream, &mut head)?;
        Ok(Some(Message { start, fields, head, ..Message::default() }))
    }

    /// Reads the body that belongs to `message`. What came of it is there even when it broke off.
    pub fn body(&mut self, stream: &mut impl Read, framing: Framing, message: &mut Message) -> io::Result<()> {
        match framing {
            Framing::None => Ok(()),
            Framing::Length(length) => self.data(stream, length, message),
            Framing::Chunked => self.chunks(stream, message),
            Framing::UntilClose => loop {
                message.body.append(&mut self.bytes);
                if !self.fill(stream)? {
                    return Ok(());
                }
            },
        }
    }

    fn data(&mut self, stream: &mut impl Read, length: usize, message: &mut Message) -> io::Result<()> {
        let mut left = length;
        loop {
            let taken = left.min(self.bytes.len());
            message.body.extend(self.take(taken));
            left -= taken;
            if left == 0 {
                return Ok(());
            }
            self.fill_or_fail(stream)?;
        }
    }

    fn chunks(&mut self, stream: &mut impl Read, message: &mut Message) -> io::Result<()> {
        loop {
            let size = self.line(stream)?;
            let bytes = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("a chunk's size: {size:?}"));
            if bytes == 0 {
                message.trailers = self.fields(stream, &mut String::new())?;
                return Ok(());
            }
            self.data(stream, bytes, message)?;
            assert_eq!(self.line(stream)?, "", "after a chunk");
        }
    }
}
