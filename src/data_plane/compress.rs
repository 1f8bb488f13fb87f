//! Content codings on the data path: answers that leave compressed, requests that come so.
//!
//! An answer is compressed under AWS's four conditions (guide, `api-gateway-receive-response-with-compressed-payload`):
//! the client asks for `gzip` or `deflate`, the API has a `minimumCompressionSize`, the answer has no `Content-Encoding`,
//! and it is long enough. All types are, errors of the gateway too. HTTP adds its own: no body, part of one, or
//! `no-transform`, and it stays as it is.
//!
//! What passes through is compressed piece by piece. An answer of which the length is not known beforehand is compressed
//! whatever it will turn out to be, since nothing waits for its end; AWS, which collects it, would know.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::http::chunked::write_chunk;
use crate::http::coding::{self, Coding, DecodeError, DecodeLimits, Decoder, Encoder, Flush};
use crate::http::encode;
use crate::http::field::list_members;
use crate::http::head::{Framing, RequestHead};
use crate::plan::StagePlan;

use super::respond::GatewayError;
use super::settings::CompressionSettings;

/// What the client takes, of an API that compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    coding: Coding,
    bytes_min: u64,
}

/// Whether an answer to this request may be compressed.
pub fn asked(stage: Option<&StagePlan>, head: &RequestHead<'_, '_>) -> Option<Asked> {
    let bytes_min = stage?.minimum_compression_size?.into();
    let coding = coding::negotiate(values(head, "accept-encoding"))?;
    (head.method != "HEAD").then_some(Asked { coding, bytes_min })
}

fn values<'h>(head: &'h RequestHead<'_, '_>, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    head.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The encoders of a shard. Those that rest are kept, as making one costs more than a small answer.
pub struct Encoders {
    settings: CompressionSettings,
    resting: RefCell<Vec<Encoder>>,
    busy: Cell<u32>,
}

/// Resting encoders of a shard, 380 KB each.
const RESTING_MAX: usize = 16;

impl Encoders {
    pub fn new(settings: CompressionSettings) -> Rc<Encoders> {
        Rc::new(Encoders { settings, resting: RefCell::default(), busy: Cell::new(0) })
    }

    /// `None` when as many are busy as may be: the answer goes out as it is.
    fn lend(self: &Rc<Self>, coding: Coding) -> Option<Lent> {
        if self.busy.get() >= self.settings.concurrent_max {
            return None;
        }
        self.busy.set(self.busy.get() + 1);
        let mut resting = self.resting.borrow_mut();
        let rested = resting.iter().position(|encoder| encoder.coding() == coding).map(|at| resting.swap_remove(at));
        let encoder = rested.unwrap_or_else(|| Encoder::new(coding, self.settings.level));
        Some(Lent { encoder: Some(encoder), home: Rc::clone(self) })
    }
}

/// An encoder, until it is dropped.
struct Lent {
    encoder: Option<Encoder>,
    home: Rc<Encoders>,
}

impl Lent {
    fn write(&mut self, data: &[u8], flush: Flush, out: &mut Vec<u8>) -> bool {
        self.encoder.as_mut().is_some_and(|encoder| encoder.write(data, flush, out))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.busy.set(self.home.busy.get().saturating_sub(1));
        let mut resting = self.home.resting.borrow_mut();
        if let Some(mut encoder) = self.encoder.take()
            && resting.len() < RESTING_MAX
        {
            encoder.reset();
            resting.push(encoder);
        }
    }
}

/// Compresses the answer that stands whole behind `start`, if it may be; the length of its body then.
pub fn compress_whole(asked: Option<Asked>, encoders: &Rc<Encoders>, start: usize, out: &mut Vec<u8>) -> Option<u64> {
    let Asked { coding, bytes_min } = asked?;
    let head_bytes = memchr::memmem::find(&out[start..], b"\r\n\r\n")? + 2;
    let (head, body) = out[start..].split_at(head_bytes);
    let body = &body[2..];
    if body.is_empty() || (body.len() as u64) < bytes_min || !may_be_coded(head) {
        return None;
    }
    let mut coded = Vec::with_capacity(body.len() / 2 + 64);
    if !encoders.lend(coding)?.write(body, Flush::End, &mut coded) {
        return None;
    }
    let mut answer = coded_head(head, coding);
    encode::content_length(coded.len() as u64, &mut answer);
    answer.extend_from_slice(b"\r\n");
    out.truncate(start);
    out.extend_from_slice(&answer);
    out.extend_from_slice(&coded);
    Some(coded.len() as u64)
}

/// Lines of a head without their ends, the first the status line.
pub fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// The value of a line if it is a field of that name.
pub fn value_of<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    if !found.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    value.strip_prefix(b":").map(<[u8]>::trim_ascii)
}

fn may_be_coded(head: &[u8]) -> bool {
    let stays = |line: &[u8]| {
        let no_transform = |value| list_members(value).any(|member| member.eq_ignore_ascii_case(b"no-transform"));
        value_of(line, "content-encoding").is_some()
            || value_of(line, "content-range").is_some()
            || value_of(line, "cache-control").is_some_and(no_transform)
    };
    let partial = head.get(9..12) == Some(b"206");
    !partial && !lines(head).any(stays)
}

/// The head of the compressed answer, up to its framing. Of another body it cannot be the same strong tag: the weak one
/// says that the content is. (RFC 9110, 8.8.3.3.)
fn coded_head(head: &[u8], coding: Coding) -> Vec<u8> {
    let mut coded = Vec::with_capacity(head.len() + 64);
    for line in lines(head) {
        match value_of(line, "etag") {
            _ if value_of(line, "content-length").is_some() => continue,
            Some(tag) if tag.starts_with(b"\"") => {
                coded.extend_from_slice(b"ETag: W/");
                coded.extend_from_slice(tag);
            }
            _ => coded.extend_from_slice(line),
        }
        coded.extend_from_slice(b"\r\n");
    }
    encode::field("Content-Encoding", coding.name().as_bytes(), &mut coded);
    encode::field("Vary", b"Accept-Encoding", &mut coded);
    coded
}

/// An answer's body that is compressed on its way through.
pub struct Passage {
    lent: Lent,
    chunked: bool,
    flush: Flush,
    /// What came, before it is compressed, and after; kept for their room.
    piece: Vec<u8>,
    coded: Vec<u8>,
    bytes: u64,
}

impl Passage {
    /// For an answer with this head so far, without framing, which becomes that of the compressed one.
    pub fn open(
        asked: Option<Asked>,
        encoders: &Rc<Encoders>,
        framing: Framing,
        chunked: bool,
        head: &mut Vec<u8>,
    ) -> Option<Box<Passage>> {
        let Asked { coding, bytes_min } = asked?;
        // Who does not say how long it will be may be waiting in between.
        let (long_enough, flush) = match framing {
            Framing::None => (false, Flush::None),
            Framing::Length(length) => (length > 0 && length >= bytes_min, Flush::None),
            Framing::Chunked | Framing::UntilClose => (true, Flush::All),
        };
        if !long_enough || !may_be_coded(head) {
            return None;
        }
        let lent = encoders.lend(coding)?;
        *head = coded_head(head, coding);
        Some(Box::new(Passage { lent, chunked, flush, piece: Vec::new(), coded: Vec::new(), bytes: 0 }))
    }

    /// Where the next piece of the body belongs, before [`Passage::pass`].
    pub fn piece(&mut self) -> &mut Vec<u8> {
        &mut self.piece
    }

    /// Bytes of the compressed body so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends to `out` what becomes of the piece; `false` if nothing can.
    #[must_use]
    pub fn pass(&mut self, last: bool, out: &mut Vec<u8>) -> bool {
        let flush = if last { Flush::End } else { self.flush };
        if self.piece.is_empty() && !last {
            return true;
        }
        self.coded.clear();
        if !self.lent.write(&self.piece, flush, &mut self.coded) {
            return false;
        }
        self.piece.clear();
        self.bytes += self.coded.len() as u64;
        if self.chunked {
            write_chunk(&self.coded, out);
            if last {
                out.extend_from_slice(b"0\r\n\r\n");
            }
        } else {
            out.extend_from_slice(&self.coded);
        }
        true
    }
}

/// The coding that a request's body has to be freed from.
///
/// Whoever looks into bodies sees them decompressed, as AWS does it by default. What passes through is decompressed for
/// APIs with a `minimumCompressionSize`; without one it passes as it is, since there is nobody who would have to read it.
///
/// # Errors
/// [`GatewayError::UnsupportedMediaType`], as in the guide, `api-gateway-make-request-with-compressed-payload`.
pub fn request_coding(
    head: &RequestHead<'_, '_>,
    stage: &StagePlan,
    needs_body: bool,
) -> Result<Option<Coding>, GatewayError> {
    if head.framing == Framing::None || !needs_body && stage.minimum_compression_size.is_none() {
        return Ok(None);
    }
    coding::of_message(values(head, "content-encoding")).map_err(|_| GatewayError::UnsupportedMediaType)
}

pub fn decoder(coding: Coding, settings: &CompressionSettings, bytes_max: u64) -> Box<Decoder> {
    Box::new(Decoder::new(coding, DecodeLimits { bytes_max, ratio_max: settings.request_ratio_max }))
}

impl From<DecodeError> for GatewayError {
    /// "If … the supplied payload isn't compressed with specified coding, API Gateway returns the 415".
    fn from(error: DecodeError) -> GatewayError {
        match error {
            DecodeError::Malformed => GatewayError::UnsupportedMediaType,
            DecodeError::TooLarge => GatewayError::RequestTooLarge,
        }
    }
}

/// A request's head without `Content-Encoding`.
pub fn without_coding(head: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(head.len());
    for line in lines(head).filter(|line| value_of(line, "content-encoding").is_none()) {
        kept.extend_from_slice(line);
        kept.extend_from_slice(b"\r\n");
    }
    kept.extend_from_slice(b"\r\n");
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoders(concurrent_max: u32) -> Rc<Encoders> {
        Encoders::new(CompressionSettings { level: 6, concurrent_max, request_ratio_max: 200 })
    }

    fn gzip(bytes_min: u64) -> Option<Asked> {
        Some(Asked { coding: Coding::Gzip, bytes_min })
    }

    #[test]
    fn whole_answers() {
        let body = "x".repeat(100);
        #[track_caller]
        fn check(asked: Option<Asked>, head: &str, body: &str, expected: Option<&str>) {
            let before = format!("earlier{head}\r\n\r\n{body}").into_bytes();
            let mut out = before.clone();
            let length = compress_whole(asked, &encoders(1), 7, &mut out);
            let Some(expected) = expected else {
                assert_eq!((length, out), (None, before), "{head}");
                return;
            };
            let length = length.expect("it is compressed");
            let expected = format!(
                "earlier{expected}\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: {length}\r\n\r\n"
            );
            assert_eq!(String::from_utf8_lossy(&out[..expected.len()]), expected);
            let mut text = Vec::new();
            let mut decoder = Decoder::new(Coding::Gzip, DecodeLimits { bytes_max: 1000, ratio_max: 100 });
            assert_eq!(decoder.write(&out[expected.len()..], &mut text).and(decoder.end()), Ok(()));
            assert_eq!(text, body.as_bytes());
        }
        check(gzip(0), "HTTP/1.1 200 OK\r\nContent-Length: 100", &body, Some("HTTP/1.1 200 OK"));
        check(
            gzip(100),
            "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nA: b",
            &body,
            Some("HTTP/1.1 200 OK\r\nETag: W/\"a\"\r\nA: b"),
        );
        check(gzip(0), "HTTP/1.1 404 No\r\netag: W/\"a\"", &body, Some("HTTP/1.1 404 No\r\netag: W/\"a\""));
        check(
            gzip(0),
            "HTTP/1.1 200 OK\r\nContent-Encodings: x",
            &body,
            Some("HTTP/1.1 200 OK\r\nContent-Encodings: x"),
        );
        check(None, "HTTP/1.1 200 OK", &body, None);
        check(gzip(101), "HTTP/1.1 200 OK", &body, None);
        check(gzip(0), "HTTP/1.1 204 OK", "", None);
        check(gzip(0), "HTTP/1.1 206 Part", &body, None);
        check(gzip(0), "HTTP/1.1 200 OK\r\ncontent-encoding: br", &body, None);
        check(gzip(0), "HTTP/1.1 200 OK\r\nContent-Range: bytes */5", &body, None);
        check(gzip(0), "HTTP/1.1 200 OK\r\nCache-Control: private, No-Transform", &body, None);
    }

    #[test]
    fn encoders_are_bounded_and_used_again() {
        let encoders = encoders(2);
        let lent = [Coding::Gzip, Coding::Deflate].map(|coding| encoders.lend(coding).expect("one of two"));
        assert!(encoders.lend(Coding::Gzip).is_none());
        drop(lent);
        assert_eq!((encoders.busy.get(), encoders.resting.borrow().len()), (0, 2));
        let again = encoders.lend(Coding::Deflate);
        assert_eq!(again.as_ref().and_then(|lent| lent.encoder.as_ref()).map(Encoder::coding), Some(Coding::Deflate));
        assert_eq!(encoders.resting.borrow().len(), 1);
    }

    #[test]
    fn a_head_without_its_coding() {
        let head = b"POST / HTTP/1.1\r\nA: b\r\ncontent-Encoding: gzip\r\nC: d\r\n\r\n";
        assert_eq!(without_coding(head), b"POST / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n");
    }
}
