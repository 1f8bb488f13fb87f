//! Requests with variables, made anew for each sending.
//!
//! - [`parse`] takes texts apart into pieces;
//! - [`files`] reads what pieces take from files.
//!
//! A [`Text`] is a header's value, a path, a body; a [`Template`] is a whole request, rendered with a worker's [`Values`].

pub mod files;
pub mod parse;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A text taken apart: fixed bytes and variables.
#[derive(Clone, Default)]
pub struct Text {
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Fixed(Vec<u8>),
    Sequence {
        start: u64,
    },
    Uuid,
    /// Both included.
    Random {
        low: i64,
        high: i64,
    },
    RandomString {
        length: usize,
    },
    Pick(Arc<Texts>),
    /// From the file's current row.
    Row {
        texts: Arc<Texts>,
        deck: usize,
    },
    TimestampSeconds,
    TimestampMs,
}

impl Text {
    pub fn push(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Fixed(fixed)) => fixed.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Fixed(bytes.to_vec())),
        }
    }

    pub fn append(&mut self, other: Text) {
        for piece in other.pieces {
            match piece {
                Piece::Fixed(bytes) => self.push(bytes),
                variable => self.pieces.push(variable),
            }
        }
    }

    /// The bytes of a text without variables.
    pub fn fixed(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Fixed(bytes)] => Some(bytes),
            _ => None,
        }
    }
}

/// The number only: a header's value may be a credential.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pieces", self.pieces.len())
    }
}

/// Many short texts in one allocation.
struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl<T: AsRef<[u8]>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Texts {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for text in texts {
            bytes.extend_from_slice(text.as_ref());
            ends.push(bytes.len());
        }
        Texts { bytes, ends }
    }
}

impl Texts {
    /// `index` starts over after the last one.
    fn get(&self, index: u64) -> &[u8] {
        let index = (index % self.ends.len() as u64) as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

/// A request of pieces, some fixed, some made anew for each request.
#[derive(Debug)]
pub struct Template {
    /// Up to the empty line, or up to the end where the body is fixed.
    head: Text,
    /// A body with variables: its length is known when it is there.
    body: Option<Text>,
    /// The files that rows are taken from, each once.
    decks: Vec<usize>,
    sequence: bool,
    clock: bool,
}

impl Template {
    /// `head` is complete, but for `Content-Length` and the empty line where there is a `body`.
    pub fn new(head: Text, body: Option<Text>) -> Template {
        let mut template = Template { decks: Vec::new(), sequence: false, clock: false, head, body };
        for piece in template.head.pieces.iter().chain(template.body.iter().flat_map(|body| &body.pieces)) {
            match piece {
                Piece::Sequence { .. } => template.sequence = true,
                Piece::Row { deck, .. } if !template.decks.contains(deck) => template.decks.push(*deck),
                Piece::TimestampSeconds | Piece::TimestampMs => template.clock = true,
                Piece::Fixed(_)
                | Piece::Uuid
                | Piece::Random { .. }
                | Piece::RandomString { .. }
                | Piece::Pick(_)
                | Piece::Row { .. } => {}
            }
        }
        template
    }

    /// Appends the request's bytes, `Content-Length` made to fit. Allocates nothing once `into` has grown.
    pub fn render(&self, values: &mut Values, into: &mut Vec<u8>) {
        values.advance(self);
        let Some(body) = &self.body else {
            return self.head.render(values, into);
        };
        let mut rendered = std::mem::take(&mut values.body);
        rendered.clear();
        body.render(values, &mut rendered);
        self.head.render(values, into);
        into.extend_from_slice(b"Content-Length: ");
        push_decimal(rendered.len(), into);
        into.extend_from_slice(b"\r\n\r\n");
        into.extend_from_slice(&rendered);
        values.body = rendered;
    }
}

impl Text {
    fn render(&self, values: &mut Values, into: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(bytes) => into.extend_from_slice(bytes),
                Piece::Sequence { start } => push_decimal(start.wrapping_add(values.sequence), into),
                Piece::Uuid => push_uuid(&mut values.random, into),
                Piece::Random { low, high } => push_decimal(values.random.i64(*low..=*high), into),
                Piece::RandomString { length } => {
                    into.extend(std::iter::repeat_with(|| values.random.alphanumeric() as u8).take(*length));
                }
                Piece::Pick(texts) => {
                    let index = values.random.u64(..texts.ends.len() as u64);
                    into.extend_from_slice(texts.get(index));
                }
                Piece::Row { texts, deck } => into.extend_from_slice(texts.get(values.rows[*deck])),
                Piece::TimestampSeconds => push_decimal(values.now.as_secs(), into),
                Piece::TimestampMs => push_decimal(values.now.as_millis() as u64, into),
            }
        }
    }
}

/// What variables take their values from: one a worker.
#[derive(Debug)]
pub struct Values {
    worker: u64,
    workers: u64,
    random: fastrand::Rng,
    /// The current request's number.
    sequence: u64,
    /// The current row by file; grows with the first use of each.
    rows: Vec<u64>,
    /// Since the Unix epoch.
    now: Duration,
    /// A body before its length is known.
    body: Vec<u8>,
}

impl Values {
    /// For worker `worker` of `workers`: `{{seq}}` counts `worker`, `worker + workers`, …, so that no value comes twice;
    /// rows of files are dealt out likewise. `seed` makes random values repeatable.
    pub fn new(worker: usize, workers: usize, seed: u64) -> Values {
        let (worker, workers) = (worker as u64, workers as u64);
        // The generator mixes its seed: neighbouring ones give unrelated values.
        let random = fastrand::Rng::with_seed(seed.wrapping_add(worker));
        let before_first = worker.wrapping_sub(workers);
        let (rows, body) = (Vec::new(), Vec::new());
        Values { worker, workers, random, sequence: before_first, rows, now: Duration::ZERO, body }
    }

    /// To the next request: within it a file's columns are of one row and numbers and times are the same.
    fn advance(&mut self, template: &Template) {
        if template.sequence {
            self.sequence = self.sequence.wrapping_add(self.workers);
        }
        for &deck in &template.decks {
            if self.rows.len() <= deck {
                self.rows.resize(deck + 1, self.worker.wrapping_sub(self.workers));
            }
            self.rows[deck] = self.rows[deck].wrapping_add(self.workers);
        }
        if template.clock {
            self.now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        }
    }
}

fn push_decimal(number: impl itoa::Integer, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// RFC 9562, version 4.
fn push_uuid(random: &mut fastrand::Rng, into: &mut Vec<u8>) {
    let mut bytes = random.u128(..).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            into.push(b'-');
        }
        into.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
}

#[cfg(test)]
mod tests {
    use super::files::Files;
    use super::parse::Encoding;
    use super::*;

    fn template(source: &str) -> Template {
        Template::new(Text::parse(source, Encoding::Body, &mut Files::default()).unwrap(), None)
    }

    fn rendered(template: &Template, values: &mut Values) -> String {
        let mut bytes = Vec::new();
        template.render(values, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    fn check(source: &str, pattern: &str) {
        let text = rendered(&template(source), &mut Values::new(0, 1, 7));
        assert!(regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(&text), "{source}: {text}");
    }

    #[test]
    fn variables() {
        check("a", "a");
        check("{{seq}}-{{seq}}-{{seq:1000}}", "0-0-1000");
        check("{{uuid}}", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
        check("{{random:3-3}}", "3");
        check("{{random:1-100}}", "[1-9][0-9]?|100");
        check("{{random:-5--3}}", "-[345]");
        check("{{random_string:16}}", "[a-zA-Z0-9]{16}");
        check("{{pick:a|b|c}}", "[abc]");
        check("{{timestamp}}", "1[0-9]{9}|2[0-9]{9}");
        check("{{timestamp_ms}}", "[12][0-9]{12}");
        check("{{{{seq}}", r"\{\{seq}}");
    }

    #[test]
    fn random_values_repeat_with_their_seed_and_differ_by_worker() {
        let template = template("{{uuid}} {{random:1-1000000}} {{pick:a|b|c}}");
        let of = |worker, seed| rendered(&template, &mut Values::new(worker, 2, seed));
        assert_eq!(of(0, 1), of(0, 1));
        assert_ne!(of(0, 1), of(0, 2));
        assert_ne!(of(0, 1), of(1, 1));
    }

    #[test]
    fn every_random_value_is_met() {
        let template = template("{{random:1-3}}{{pick:a|b}}");
        let mut values = Values::new(0, 1, 1);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| rendered(&template, &mut values)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["1a", "1b", "2a", "2b", "3a", "3b"]);
    }

    #[test]
    fn workers_count_without_a_number_twice() {
        let template = template("{{seq:10}}");
        let mut numbers: Vec<String> = (0..3)
            .flat_map(|worker| {
                let mut values = Values::new(worker, 3, 1);
                [(); 4].map(|()| rendered(&template, &mut values))
            })
            .collect();
        numbers.sort();
        assert_eq!(numbers, ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21"]);
    }

    #[test]
    fn a_body_is_measured_after_it_is_made() {
        let mut files = Files::default();
        let mut head = Text::default();
        head.push("POST / HTTP/1.1\r\n");
        let body = Text::parse("{{pick:123456789012}}", Encoding::Body, &mut files).unwrap();
        let template = Template::new(head, Some(body));
        let mut values = Values::new(0, 1, 1);
        let expected = "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n123456789012";
        assert_eq!(rendered(&template, &mut values), expected);
        assert_eq!(rendered(&template, &mut values), expected);
    }
}
