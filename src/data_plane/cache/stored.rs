//! An answer as it is kept, and as it is given again.

use crate::http::encode;
use crate::http::field::list_members;

use super::super::compress::{compress_whole, lines, value_of};
use super::super::exchange::Exchange;
use super::super::respond::{write_date, write_own_fields};
use super::super::shard::Shard;
use super::Note;

pub struct Stored {
    status: u16,
    /// Status line and fields, but for those that belong to one message.
    head: Box<[u8]>,
    /// As no coding has touched it: each client gets what it accepts.
    body: Box<[u8]>,
    /// Whether the backend says that it is for everybody.
    pub public: bool,
    stored_ms: u64,
    /// How old it was when it came.
    age_s: u64,
}

/// Fields that tell of one message, not of what it brings; the gateway writes its own.
const OF_ONE_MESSAGE: [&str; 5] = ["age", "connection", "content-length", "date", "transfer-encoding"];

impl Stored {
    /// From a head's status line and fields. With `etag`, an answer that has none gets one.
    pub fn new(status: u16, head: &[u8], body: Vec<u8>, public: bool, etag: bool, now_ms: u64) -> Stored {
        let (mut kept, mut age_s, mut tagged) = (Vec::with_capacity(head.len()), 0, false);
        for line in lines(head) {
            if let Some(age) = value_of(line, "age") {
                age_s = std::str::from_utf8(age).ok().and_then(|age| age.parse().ok()).unwrap_or(0);
            }
            tagged |= value_of(line, "etag").is_some();
            if !OF_ONE_MESSAGE.iter().any(|name| value_of(line, name).is_some()) {
                kept.extend_from_slice(line);
                kept.extend_from_slice(b"\r\n");
            }
        }
        if etag && !tagged {
            encode::field("ETag", made_tag(&body).as_bytes(), &mut kept);
        }
        Stored { status, head: kept.into(), body: body.into(), public, stored_ms: now_ms, age_s }
    }

    pub fn bytes(&self) -> u64 {
        (self.head.len() + self.body.len() + size_of::<Stored>()) as u64
    }

    /// Whether it is not older than its time to live, and `more_ms`.
    pub fn is_within(&self, now_ms: u64, ttl_ms: u64, more_ms: u64) -> bool {
        now_ms.saturating_sub(self.stored_ms) < ttl_ms.saturating_add(more_ms)
    }

    /// Appends the whole answer; its status and the length of its body. A client that says which one it has
    /// (`If-None-Match`) is told where that is still the one.
    pub fn write(
        &self,
        if_none_match: Option<&[u8]>,
        note: Note,
        exchange: &Exchange,
        shard: &Shard,
        out: &mut Vec<u8>,
    ) -> (u16, u64) {
        if if_none_match.is_some_and(|tags| self.has_one_of(tags)) {
            self.write_not_modified(note, exchange, shard, out);
            return (304, 0);
        }
        let start = out.len();
        let bodiless = self.status == 204 || exchange.to_head_request;
        out.reserve(self.head.len() + if bodiless { 0 } else { self.body.len() } + OWN_FIELDS_BYTES);
        out.extend_from_slice(&self.head);
        if self.status != 204 {
            encode::content_length(self.body.len() as u64, out);
        }
        self.write_end(note, exchange, shard, out);
        if bodiless {
            return (self.status, 0);
        }
        out.extend_from_slice(&self.body);
        let coded = compress_whole(exchange.compress, &shard.encoders, start, out);
        (self.status, coded.unwrap_or(self.body.len() as u64))
    }

    fn write_end(&self, note: Note, exchange: &Exchange, shard: &Shard, out: &mut Vec<u8>) {
        write_date(&shard.date(), out);
        // RFC 9111, 5.1: what a cache gives without asking has one.
        let age_s = self.age_s.saturating_add(shard.now_ms().saturating_sub(self.stored_ms) / 1000);
        out.extend_from_slice(b"Age: ");
        encode::decimal(age_s, out);
        out.extend_from_slice(b"\r\n");
        note.write(shard, out);
        write_own_fields(&exchange.ids, exchange.persistence(), out);
        out.extend_from_slice(b"\r\n");
    }

    /// With all fields that are not about the body. (RFC 9110, 15.4.5.)
    fn write_not_modified(&self, note: Note, exchange: &Exchange, shard: &Shard, out: &mut Vec<u8>) {
        encode::status_line(304, out);
        for line in lines(&self.head).skip(1) {
            let of_body = line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
            if !of_body || value_of(line, "content-location").is_some() {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.write_end(note, exchange, shard, out);
    }

    /// By the weak comparison, which is that of `If-None-Match`. (RFC 9110, 8.8.3.2, 13.1.2.)
    fn has_one_of(&self, tags: &[u8]) -> bool {
        fn opaque(tag: &[u8]) -> &[u8] {
            tag.strip_prefix(b"W/").unwrap_or(tag)
        }
        let own = lines(&self.head).find_map(|line| value_of(line, "etag")).map(opaque);
        own.is_some_and(|own| list_members(tags).any(|tag| tag == b"*" || opaque(tag) == own))
    }
}

/// What comes to a kept head.
const OWN_FIELDS_BYTES: usize = 256;

/// A tag for a body whose backend gives none: two bodies with the same would have to be sought for.
fn made_tag(body: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
