//! The facts of an exchange: its ids, and what `$context` says of it.

use std::cell::Cell;

use crate::http::encode::decimal;
use crate::plan::template::{ContextVariable, Text, TextPart};
use crate::plan::{MethodPlan, StagePlan};

/// `$context.requestId` (a UUID) and `$context.extendedRequestId`, as text.
#[derive(Clone, Copy)]
pub struct RequestIds {
    request: [u8; 36],
    extended: [u8; 16],
}

impl RequestIds {
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    pub fn extended(&self) -> &[u8] {
        &self.extended
    }
}

/// Makes ids: unique for as long as anybody keeps logs, not secret.
pub struct IdSource {
    state: Cell<u64>,
}

impl IdSource {
    pub fn new(seed: u64) -> IdSource {
        IdSource { state: Cell::new(seed) }
    }

    /// Wyrand: 64 well-mixed bits a step.
    fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0xA076_1D64_78BD_642F);
        self.state.set(state);
        let product = u128::from(state) * u128::from(state ^ 0xE703_7ED1_A0B4_28DB);
        (product >> 64) as u64 ^ product as u64
    }

    pub fn ids(&self) -> RequestIds {
        RequestIds { request: uuid(self.next(), self.next()), extended: extended_id(self.next(), self.next()) }
    }
}

/// A version 4 UUID. (RFC 9562.)
fn uuid(high: u64, low: u64) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let high = high & !0xF000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (position, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
        at += usize::from(matches!(position, 4 | 6 | 8 | 10));
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// Fifteen base64 characters and a `=`, as the service's own look.
fn extended_id(high: u64, low: u64) -> [u8; 16] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = u128::from(high) << 64 | u128::from(low);
    let mut text = [b'='; 16];
    for (position, digit) in text[..15].iter_mut().enumerate() {
        // The last digit of eleven bytes carries two bits of padding.
        let mask = if position == 14 { 0b11_1100 } else { 0b11_1111 };
        *digit = DIGITS[(bits & mask) as usize];
        bits >>= 6;
    }
    text
}

/// What an error adds to the facts.
#[derive(Clone, Copy)]
pub struct ErrorFacts<'e> {
    pub message: &'e str,
    /// Empty but for bodies that do not fit their model.
    pub validation_error: &'e str,
    pub response_type: &'static str,
}

/// Everything that `$context` can say, borrowed from where it is.
#[derive(Clone, Copy)]
pub struct Facts<'e> {
    pub ids: &'e RequestIds,
    pub stage: Option<&'e StagePlan>,
    pub method: Option<&'e MethodPlan>,
    pub http_method: &'e str,
    /// As the client sent it, with the stage.
    pub path: &'e str,
    pub minor: u8,
    pub source_ip: &'e str,
    pub user_agent: &'e [u8],
    pub host: &'e str,
    pub time_ms: u64,
    pub error: Option<ErrorFacts<'e>>,
}

impl Facts<'_> {
    /// Appends a variable's value; one that has none here is empty, as in AWS.
    pub fn write(&self, variable: ContextVariable, out: &mut Vec<u8>) {
        let text: &[u8] = match variable {
            ContextVariable::ApiId => self.stage.map_or(b"", |stage| stage.api_id.as_bytes()),
            ContextVariable::ErrorMessage => self.error.map_or(b"", |error| error.message.as_bytes()),
            ContextVariable::ErrorMessageString => {
                return write_json_string(self.error.map_or("", |error| error.message), out);
            }
            ContextVariable::ErrorResponseType => self.error.map_or(b"", |error| error.response_type.as_bytes()),
            ContextVariable::ErrorValidationErrorString => {
                self.error.map_or(b"", |error| error.validation_error.as_bytes())
            }
            ContextVariable::HttpMethod => self.http_method.as_bytes(),
            ContextVariable::IdentitySourceIp => self.source_ip.as_bytes(),
            ContextVariable::IdentityUserAgent => self.user_agent,
            ContextVariable::Path => self.path.as_bytes(),
            ContextVariable::Protocol => {
                if self.minor == 0 {
                    b"HTTP/1.0"
                } else {
                    b"HTTP/1.1"
                }
            }
            ContextVariable::RequestId => self.ids.request(),
            ContextVariable::ExtendedRequestId => self.ids.extended(),
            ContextVariable::RequestTimeEpoch => return decimal(self.time_ms, out),
            ContextVariable::ResourcePath => self.method.map_or(b"", |method| method.resource_path.as_bytes()),
            ContextVariable::Stage => self.stage.map_or(b"", |stage| stage.stage.as_bytes()),
            ContextVariable::DomainName => self.host.as_bytes(),
        };
        out.extend_from_slice(text);
    }

    pub fn write_text(&self, text: &Text, out: &mut Vec<u8>) {
        for part in &text.parts {
            match part {
                TextPart::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                TextPart::Context(variable) => self.write(*variable, out),
            }
        }
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_json_bytes(text.as_bytes(), usize::MAX, out);
    out.push(b'"');
}

/// Appends at most `bytes_max` of `bytes` as the inside of a JSON string. Bytes beyond ASCII become escapes of the
/// Latin-1 character: fields are not bound to be UTF-8, a log line is.
pub fn write_json_bytes(bytes: &[u8], bytes_max: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in &bytes[..bytes.len().min(bytes_max)] {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7E => out.push(*byte),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_as_they_should() {
        let source = IdSource::new(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let ids = source.ids();
            let text = std::str::from_utf8(ids.request()).expect("ASCII").to_owned();
            assert_eq!((text.as_bytes()[14], text.matches('-').count()), (b'4', 4), "{text}");
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert_eq!(ids.extended()[15], b'=');
            assert!(seen.insert(text), "an id came twice");
        }
    }

    #[test]
    fn json_strings_are_escaped() {
        let mut out = Vec::new();
        write_json_bytes(b"a\"b\\c\r\n\x1b\xe9\x7f", usize::MAX, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), r#"a\"b\\c\u000d\n\u001b\u00e9\u007f"#);
        out.clear();
        write_json_bytes(b"abcdef", 3, &mut out);
        assert_eq!(out, b"abc");
    }
}
