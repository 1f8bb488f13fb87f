//! Message heads: parsed by `httparse`, then held to the rules that keep every reader of a connection in step.
//!
//! What two implementations could read in two ways is refused, not repaired: `Content-Length` beside
//! `Transfer-Encoding`, repeated or odd lengths, codings other than `chunked`, line ends without a carriage return,
//! folded lines, a space before the colon. (RFC 9112, sections 2.2, 3.2, 5, 6.1, 6.3, 11.)

use std::mem::MaybeUninit;

use super::field::{FieldKind, list_members};
use super::target::is_host;

pub type Field<'b> = httparse::Header<'b>;

/// Room for more fields than any setting allows.
pub const FIELDS_MAX: usize = 256;

/// Where a parser puts the fields of one head: on the stack of a function that does not wait.
pub struct FieldSpace<'b> {
    fields: [MaybeUninit<Field<'b>>; FIELDS_MAX],
    kinds: [FieldKind; FIELDS_MAX],
}

impl FieldSpace<'_> {
    pub fn new() -> Self {
        FieldSpace { fields: [const { MaybeUninit::uninit() }; FIELDS_MAX], kinds: [FieldKind::Other; FIELDS_MAX] }
    }
}

impl Default for FieldSpace<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a head may take.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    pub target_bytes_max: usize,
    /// All field lines with their line ends.
    pub header_bytes_max: usize,
    /// At most [`FIELDS_MAX`].
    pub header_fields_max: usize,
}

impl HeadLimits {
    /// More bytes than this are never read while a head is incomplete.
    pub fn bytes_max(&self) -> usize {
        EMPTY_LINES_MAX + self.target_bytes_max + REQUEST_LINE_REST_MAX + self.header_bytes_max + EMPTY_LINE_BYTES
    }
}

/// Method, version and spaces of a request line.
const REQUEST_LINE_REST_MAX: usize = 64;

/// Bytes of empty lines before a request: a line end too many after the body before it, some clients' habit, is two.
const EMPTY_LINES_MAX: usize = 64;

/// The line that ends a head; it counts towards no limit.
const EMPTY_LINE_BYTES: usize = 2;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
    /// A response's body that ends with its connection.
    UntilClose,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// 400, with what was wrong for the log.
    Malformed(&'static str),
    /// 414
    TargetTooLong,
    /// 431
    HeaderTooLarge,
    /// 431
    TooManyFields,
    /// 505
    Version,
}

#[derive(Debug)]
pub struct RequestHead<'h, 'b> {
    pub method: &'b str,
    /// As sent; see [`super::target`].
    pub target: &'b str,
    /// HTTP/1.x
    pub minor: u8,
    pub fields: &'h [Field<'b>],
    /// The kind of the field at the same position.
    pub kinds: &'h [FieldKind],
    /// Length of the head, with empty lines before it and the one behind.
    pub bytes: usize,
    pub host: Option<&'b str>,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expects_continue: bool,
    pub content_type: Option<&'b [u8]>,
    pub user_agent: Option<&'b [u8]>,
    /// `Connection` names fields beyond `close` and `keep-alive`: see [`RequestHead::is_nominated`].
    pub nominates: bool,
}

impl RequestHead<'_, '_> {
    /// Whether a `Connection` field names this one as meant for the next hop only.
    pub fn is_nominated(&self, name: &str) -> bool {
        self.nominates && nominated(self.fields, self.kinds, name)
    }
}

fn nominated(fields: &[Field<'_>], kinds: &[FieldKind], name: &str) -> bool {
    let connections = fields.iter().zip(kinds).filter(|(_, kind)| **kind == FieldKind::Connection);
    connections
        .flat_map(|(field, _)| list_members(field.value))
        .any(|member| member.eq_ignore_ascii_case(name.as_bytes()))
}

/// Parses a request head at the start of `buffer`; `None` while it is incomplete.
///
/// # Errors
/// [`HeadError`]: what follows in the stream has no meaning then.
pub fn request<'h, 'b>(
    buffer: &'b [u8],
    limits: &HeadLimits,
    space: &'h mut FieldSpace<'b>,
) -> Result<Option<RequestHead<'h, 'b>>, HeadError> {
    let FieldSpace { fields, kinds } = space;
    let mut parsed = httparse::Request::new(&mut []);
    let status = parsed.parse_with_uninit_headers(buffer, &mut fields[..limits.header_fields_max.min(FIELDS_MAX)]);
    let bytes = match status {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return incomplete(buffer, limits),
        Err(httparse::Error::Version) if !is_request_line(buffer) => return Err(HeadError::Malformed("request line")),
        Err(error) => return Err(refused(error)),
    };
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let minor = parsed.version.unwrap_or_default();
    let fields: &'h [Field<'b>] = parsed.headers;
    check_size(&buffer[..bytes], method, target, limits)?;
    check_line_ends(&buffer[..bytes])?;
    let mut head = RequestHead {
        method,
        target,
        minor,
        fields,
        kinds: &[],
        bytes,
        host: None,
        framing: Framing::None,
        keep_alive: minor == 1,
        expects_continue: false,
        content_type: None,
        user_agent: None,
        nominates: false,
    };
    read_request_fields(&mut head, kinds)?;
    head.kinds = &kinds[..fields.len()];
    Ok(Some(head))
}

/// Refuses what no further byte could make acceptable, and nothing that [`check_size`] would accept in the end: how a head
/// is cut on its way does not matter.
fn incomplete<T>(buffer: &[u8], limits: &HeadLimits) -> Result<Option<T>, HeadError> {
    let start = empty_lines(buffer);
    let header_bytes_max = limits.header_bytes_max + EMPTY_LINE_BYTES;
    match memchr::memchr(b'\n', &buffer[start..]) {
        _ if start > EMPTY_LINES_MAX => Err(HeadError::Malformed("empty lines instead of a request")),
        None if buffer.len() - start > limits.target_bytes_max + REQUEST_LINE_REST_MAX => Err(HeadError::TargetTooLong),
        Some(line) if buffer.len() - start - line - 1 > header_bytes_max => Err(HeadError::HeaderTooLarge),
        _ => Ok(None),
    }
}

/// Three words, the last of which may be a version: with more, `httparse` takes the third for a version that it does not
/// know, which is another error than a space too much.
fn is_request_line(buffer: &[u8]) -> bool {
    let mut lines = buffer.split(|byte| matches!(byte, b'\r' | b'\n'));
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    words.clone().count() == 3 && words.next_back().is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// The bytes of line ends before a request line, which a server should forgive. (RFC 9112, section 2.2.)
fn empty_lines(buffer: &[u8]) -> usize {
    buffer.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(buffer.len())
}

fn refused(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        httparse::Error::Version => HeadError::Version,
        httparse::Error::HeaderName => HeadError::Malformed("field name"),
        httparse::Error::HeaderValue => HeadError::Malformed("field value"),
        httparse::Error::NewLine => HeadError::Malformed("line end"),
        httparse::Error::Status => HeadError::Malformed("status"),
        httparse::Error::Token => HeadError::Malformed("request line"),
    }
}

fn check_size(head: &[u8], method: &str, target: &str, limits: &HeadLimits) -> Result<(), HeadError> {
    let start = empty_lines(head);
    if start > EMPTY_LINES_MAX {
        return Err(HeadError::Malformed("empty lines before a request"));
    }
    if target.len() > limits.target_bytes_max {
        return Err(HeadError::TargetTooLong);
    }
    if method.len() > REQUEST_LINE_REST_MAX / 2 {
        return Err(HeadError::Malformed("method"));
    }
    let line_bytes = method.len() + target.len() + "  HTTP/1.1\r\n".len();
    if head.len() > start + line_bytes + limits.header_bytes_max + EMPTY_LINE_BYTES {
        return Err(HeadError::HeaderTooLarge);
    }
    Ok(())
}

/// `httparse` also takes a line feed alone for a line end; other readers of the stream may not.
fn check_line_ends(head: &[u8]) -> Result<(), HeadError> {
    for at in memchr::memchr_iter(b'\n', head) {
        if at == 0 || head[at - 1] != b'\r' {
            return Err(HeadError::Malformed("line feed without carriage return"));
        }
    }
    Ok(())
}

fn read_request_fields<'b>(
    head: &mut RequestHead<'_, 'b>,
    kinds: &mut [FieldKind; FIELDS_MAX],
) -> Result<(), HeadError> {
    let mut length = None;
    let mut chunked = false;
    let mut named = 0;
    for (at, field) in head.fields.iter().enumerate() {
        let kind = FieldKind::of(field.name);
        kinds[at] = kind;
        check_value(field.value)?;
        match kind {
            FieldKind::Host if head.host.is_some() => return Err(HeadError::Malformed("two Host fields")),
            FieldKind::Host => head.host = Some(host(field.value)?),
            FieldKind::ContentLength if length.is_some() => {
                return Err(HeadError::Malformed("two Content-Length fields"));
            }
            FieldKind::ContentLength => length = Some(content_length(field.value)?),
            FieldKind::TransferEncoding if chunked => return Err(HeadError::Malformed("two Transfer-Encoding fields")),
            FieldKind::TransferEncoding => chunked = only_chunked(field.value)?,
            FieldKind::Connection => named += read_connection(field.value, head),
            FieldKind::Expect => {
                head.expects_continue = head.minor == 1 && field.value.eq_ignore_ascii_case(b"100-continue")
            }
            FieldKind::ContentType if head.content_type.is_none() => head.content_type = Some(field.value),
            FieldKind::UserAgent => head.user_agent = Some(field.value),
            _ => {}
        }
    }
    if named > NOMINATED_MAX {
        return Err(HeadError::Malformed("too many members of Connection"));
    }
    if head.host.is_none() && head.minor == 1 {
        return Err(HeadError::Malformed("no Host field"));
    }
    head.framing = match (length, chunked) {
        (Some(_), true) => return Err(HeadError::Malformed("Content-Length beside Transfer-Encoding")),
        (None, true) if head.minor == 0 => return Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0")),
        (None, true) => Framing::Chunked,
        (Some(0) | None, false) => Framing::None,
        (Some(length), false) => Framing::Length(length),
    };
    Ok(())
}

/// Control characters that `httparse` lets pass: none that split, but none that belong in a value either.
fn check_value(value: &[u8]) -> Result<(), HeadError> {
    if memchr::memchr(0x7F, value).is_some() {
        return Err(HeadError::Malformed("field value"));
    }
    Ok(())
}

fn host(value: &[u8]) -> Result<&str, HeadError> {
    let text = std::str::from_utf8(value).ok().filter(|_| is_host(value));
    text.ok_or(HeadError::Malformed("Host"))
}

/// Digits only, and no more than fit: no sign, no list, no hexadecimal. (RFC 9110, 8.6.)
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::Malformed("Content-Length"));
    }
    Ok(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn only_chunked(value: &[u8]) -> Result<bool, HeadError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(true);
    }
    Err(HeadError::Malformed("Transfer-Encoding other than chunked"))
}

/// How many fields it names.
fn read_connection(value: &[u8], head: &mut RequestHead<'_, '_>) -> usize {
    let mut named = 0;
    for member in list_members(value) {
        if member.eq_ignore_ascii_case(b"close") {
            head.keep_alive = false;
        } else if member.eq_ignore_ascii_case(b"keep-alive") {
            head.keep_alive |= head.minor == 0;
        } else {
            head.nominates = true;
            named += 1;
        }
    }
    named
}

/// The most fields that `Connection` may name: each field of the request is looked for among them.
const NOMINATED_MAX: usize = 64;

#[derive(Debug)]
pub struct ResponseHead<'h, 'b> {
    pub status: u16,
    pub fields: &'h [Field<'b>],
    /// The kind of the field at the same position.
    pub kinds: &'h [FieldKind],
    pub bytes: usize,
    pub framing: Framing,
    /// Whether the connection can serve another request afterwards.
    pub keep_alive: bool,
    pub content_type: Option<&'b [u8]>,
    /// `Connection` names fields beyond `close` and `keep-alive`.
    pub nominates: bool,
}

impl ResponseHead<'_, '_> {
    /// Whether a `Connection` field names this one as meant for the next hop only.
    pub fn is_nominated(&self, name: &str) -> bool {
        self.nominates && nominated(self.fields, self.kinds, name)
    }
}

/// Parses a response head at the start of `buffer`; `None` while it is incomplete. Informational responses are returned
/// like any other, without a body.
///
/// # Errors
/// [`HeadError::Malformed`], whatever the limit on size: that is the reader's to watch.
pub fn response<'h, 'b>(
    buffer: &'b [u8],
    to_head_request: bool,
    space: &'h mut FieldSpace<'b>,
) -> Result<Option<ResponseHead<'h, 'b>>, HeadError> {
    let FieldSpace { fields, kinds } = space;
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let bytes = match config.parse_response_with_uninit_headers(&mut parsed, buffer, fields) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    check_line_ends(&buffer[..bytes])?;
    let fields: &'h [Field<'b>] = parsed.headers;
    let minor = parsed.version.unwrap_or_default();
    let mut head = ResponseHead {
        status: parsed.code.unwrap_or_default(),
        fields,
        kinds: &[],
        bytes,
        framing: Framing::UntilClose,
        keep_alive: minor == 1,
        content_type: None,
        nominates: false,
    };
    if !(100..=999).contains(&head.status) {
        return Err(HeadError::Malformed("status"));
    }
    read_response_fields(&mut head, kinds, minor, to_head_request)?;
    head.kinds = &kinds[..fields.len()];
    Ok(Some(head))
}

fn read_response_fields<'b>(
    head: &mut ResponseHead<'_, 'b>,
    kinds: &mut [FieldKind; FIELDS_MAX],
    minor: u8,
    to_head_request: bool,
) -> Result<(), HeadError> {
    let mut length = None;
    let mut chunked = false;
    for (at, field) in head.fields.iter().enumerate() {
        let kind = FieldKind::of(field.name);
        kinds[at] = kind;
        check_value(field.value)?;
        match kind {
            FieldKind::ContentLength => {
                let value = content_length(field.value)?;
                if length.replace(value).is_some_and(|earlier| earlier != value) {
                    return Err(HeadError::Malformed("differing Content-Length fields"));
                }
            }
            FieldKind::TransferEncoding if chunked => return Err(HeadError::Malformed("two Transfer-Encoding fields")),
            FieldKind::TransferEncoding => chunked = only_chunked(field.value)?,
            FieldKind::Connection => {
                for member in list_members(field.value) {
                    let close = member.eq_ignore_ascii_case(b"close");
                    let keep_alive = member.eq_ignore_ascii_case(b"keep-alive");
                    head.keep_alive = !close && (head.keep_alive || keep_alive && minor == 0);
                    head.nominates |= !close && !keep_alive;
                }
            }
            FieldKind::ContentType => head.content_type = Some(field.value),
            _ => {}
        }
    }
    let bodiless = to_head_request || head.status < 200 || matches!(head.status, 204 | 304);
    head.framing = match (length, chunked) {
        (Some(_), true) => return Err(HeadError::Malformed("Content-Length beside Transfer-Encoding")),
        (None, true) if minor == 0 => return Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0")),
        _ if bodiless => Framing::None,
        (None, true) => Framing::Chunked,
        (Some(0), false) => Framing::None,
        (Some(length), false) => Framing::Length(length),
        (None, false) => Framing::UntilClose,
    };
    head.keep_alive &= head.framing != Framing::UntilClose;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { target_bytes_max: 100, header_bytes_max: 400, header_fields_max: 10 };

    fn shown(raw: &str) -> String {
        match request(raw.as_bytes(), &LIMITS, &mut FieldSpace::new()) {
            Ok(None) => "incomplete".to_owned(),
            Err(error) => format!("{error:?}"),
            Ok(Some(head)) => {
                let mut shown = format!("{} {} {:?}", head.method, head.target, head.framing);
                for (set, name) in [
                    (!head.keep_alive, " close"),
                    (head.expects_continue, " continue"),
                    (head.nominates, " nominates"),
                    (head.bytes < raw.len(), " more"),
                ] {
                    shown.push_str(if set { name } else { "" });
                }
                shown
            }
        }
    }

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        assert_eq!(shown(raw), expected, "{raw:?}");
    }

    #[track_caller]
    fn check_fields(fields: &str, expected: &str) {
        check(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), expected);
    }

    #[test]
    fn requests_that_are_served() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / None");
        check("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / None");
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "GET / None more");
        check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / None");
        check("GET / HTTP/1.0\r\n\r\n", "GET / None close");
        check("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / None");
        check_fields("Content-Length: 5\r\n", "POST / Length(5)");
        check_fields("Content-Length: 0\r\n", "POST / None");
        check_fields("Transfer-Encoding: Chunked\r\n", "POST / Chunked");
        check_fields("Connection: close, X-A\r\n", "POST / None close nominates");
        check_fields("Expect: 100-Continue\r\nContent-Length: 5\r\n", "POST / Length(5) continue");
        check_fields("X: caf\u{e9}\ta\r\n", "POST / None");
    }

    #[test]
    fn requests_that_are_not_complete() {
        check("", "incomplete");
        check("GET / HTTP/1.1\r\nHost: a\r\n", "incomplete");
        check("GET / HTTP/1.1\r\nHost: a\r\n\r", "incomplete");
    }

    #[test]
    fn lengths_that_two_readers_could_read_in_two_ways() {
        check_fields(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            r#"Malformed("Content-Length beside Transfer-Encoding")"#,
        );
        check_fields(
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            r#"Malformed("Content-Length beside Transfer-Encoding")"#,
        );
        check_fields("Content-Length: 5\r\nContent-Length: 5\r\n", r#"Malformed("two Content-Length fields")"#);
        for value in ["+5", "-5", "5, 5", "0x5", "5 5", "", "5\u{a0}", "1234567890123456789"] {
            check_fields(&format!("Content-Length: {value}\r\n"), r#"Malformed("Content-Length")"#);
        }
        for value in
            ["gzip", "chunked, gzip", "gzip, chunked", "chunked, chunked", "identity", "", "xchunked", "chunked;q=1"]
        {
            check_fields(
                &format!("Transfer-Encoding: {value}\r\n"),
                r#"Malformed("Transfer-Encoding other than chunked")"#,
            );
        }
        check_fields(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            r#"Malformed("two Transfer-Encoding fields")"#,
        );
        check("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", r#"Malformed("Transfer-Encoding in HTTP/1.0")"#);
    }

    #[test]
    fn heads_that_break_the_grammar() {
        check("GET / HTTP/1.1\nHost: a\n\n", r#"Malformed("line feed without carriage return")"#);
        check_fields("X: a\n", r#"Malformed("line feed without carriage return")"#);
        check_fields("X: a\rY: b\r\n", r#"Malformed("field value")"#);
        check_fields("X: a\0b\r\n", r#"Malformed("field value")"#);
        check_fields("X: a\u{7f}b\r\n", r#"Malformed("field value")"#);
        check_fields("X : a\r\n", r#"Malformed("field name")"#);
        check_fields("X\t: a\r\n", r#"Malformed("field name")"#);
        check_fields(": a\r\n", r#"Malformed("field name")"#);
        check_fields("X: a\r\n b\r\n", r#"Malformed("field name")"#);
        check_fields("X\r\n", r#"Malformed("field name")"#);
        check("GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", r#"Malformed("field name")"#);
        check("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", r#"Malformed("request line")"#);
        check("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", r#"Malformed("request line")"#);
        check("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", r#"Malformed("request line")"#);
        check("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", r#"Malformed("request line")"#);
        check("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "Version");
        check("GET /\r\n\r\n", r#"Malformed("request line")"#);
    }

    #[test]
    fn one_host() {
        check("GET / HTTP/1.1\r\n\r\n", r#"Malformed("no Host field")"#);
        check("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", r#"Malformed("two Host fields")"#);
        check("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", r#"Malformed("Host")"#);
        check("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", r#"Malformed("Host")"#);
    }

    #[test]
    fn sizes() {
        check(
            &format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(99)),
            &format!("GET /{} None", "x".repeat(99)),
        );
        check(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100)), "TargetTooLong");
        check(&format!("GET /{}", "x".repeat(200)), "TargetTooLong");
        check_fields(&format!("X: {}\r\n", "x".repeat(500)), "HeaderTooLarge");
        check(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(500)), "HeaderTooLarge");
        check_fields(&"X: a\r\n".repeat(10), "TooManyFields");
        check(&"\r\n".repeat(40), r#"Malformed("empty lines instead of a request")"#);
    }

    /// Seen: a header of some bytes more than the limit was accepted in one piece, and refused in two.
    #[test]
    fn sizes_are_exact_however_a_head_arrives() {
        let with = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(bytes - 14));
        let largest = with(LIMITS.header_bytes_max);
        check(&largest, "GET / None");
        check(&format!("\r\n\r\n{largest}"), "GET / None");
        for cut in 0..largest.len() {
            check(&largest[..cut], "incomplete");
        }
        check(&with(LIMITS.header_bytes_max + 1), "HeaderTooLarge");
        check(&format!("{}{largest}", "\r\n".repeat(40)), r#"Malformed("empty lines before a request")"#);
    }

    #[test]
    fn nominated_fields() {
        let raw = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Foo\r\nX-Foo: 1\r\nX-Bar: 1\r\n\r\n";
        let mut space = FieldSpace::new();
        let head = request(raw, &LIMITS, &mut space).expect("a valid head").expect("a complete head");
        assert!(head.is_nominated("x-foo"));
        assert!(!head.is_nominated("x-bar"));
        let named = |count: usize| format!("Connection: close{}\r\nConnection: x\r\n", ", y".repeat(count));
        check_fields(&named(NOMINATED_MAX - 1), "POST / None close nominates");
        check_fields(&named(NOMINATED_MAX), r#"Malformed("too many members of Connection")"#);
    }

    #[track_caller]
    fn check_response(raw: &str, expected: &str) {
        let shown = match response(raw.as_bytes(), raw.contains("X-Head"), &mut FieldSpace::new()) {
            Ok(None) => "incomplete".to_owned(),
            Err(error) => format!("{error:?}"),
            Ok(Some(head)) => {
                format!("{} {:?}{}", head.status, head.framing, if head.keep_alive { "" } else { " close" })
            }
        };
        assert_eq!(shown, expected, "{raw:?}");
    }

    #[test]
    fn responses() {
        check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 Length(5)");
        check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "200 Length(5)");
        check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", "200 Length(5) close");
        check_response("HTTP/1.1 200 OK\r\n\r\n", "200 UntilClose close");
        check_response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "200 Length(5) close");
        check_response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", "200 Length(5)");
        check_response("HTTP/1.1 204 \r\n\r\n", "204 None");
        check_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 None");
        check_response("HTTP/1.1 200 OK\r\nX-Head: 1\r\nContent-Length: 9\r\n\r\n", "200 None");
        check_response("HTTP/1.1 100 Continue\r\n\r\n", "100 None");
        check_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 Chunked");
        check_response("HTTP/1.1 200 OK\r\n", "incomplete");
    }

    #[test]
    fn responses_that_are_refused() {
        check_response(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            r#"Malformed("differing Content-Length fields")"#,
        );
        check_response(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            r#"Malformed("Content-Length beside Transfer-Encoding")"#,
        );
        check_response(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            r#"Malformed("Transfer-Encoding other than chunked")"#,
        );
        check_response("HTTP/1.1 200 OK\r\nX-A: a\rX-Evil: 1\r\n\r\n", r#"Malformed("field value")"#);
        check_response("HTTP/1.1 200 OK\nX-A: a\n\n", r#"Malformed("line feed without carriage return")"#);
        check_response("HTTP/1.1 99 OK\r\n\r\n", r#"Malformed("status")"#);
        check_response("\u{16}\u{3}\u{1}garbage\r\n\r\n", "Version");
    }
}
