//! The answer as the test's client reads it.

use std::fmt;
use std::time::Duration;

use crate::http::chunked::{Decoder, Piece};
use crate::http::field::FieldKind;
use crate::http::head::{FieldSpace, Framing, response};

pub struct Answer {
    pub status: u16,
    /// Of the method response: without the connection's and those that every answer of a gateway has.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Why there is no more of the body, where there should be.
    pub broken_off: Option<String>,
}

/// What made an end of an answer that had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Time(Duration),
    Bytes(usize),
}

impl fmt::Display for Cut {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Time(patience) => write!(to, "it had not ended after {} s", patience.as_secs()),
            Cut::Bytes(bytes_max) => write!(to, "it is longer than {bytes_max} bytes"),
        }
    }
}

impl Answer {
    /// Reads all that came; `None` where there is no whole head.
    pub fn parse(mut bytes: &[u8], to_head_request: bool, cut: Option<Cut>) -> Option<Answer> {
        loop {
            let mut space = FieldSpace::new();
            let head = response(bytes, to_head_request, &mut space).ok().flatten()?;
            if head.status < 200 {
                bytes = &bytes[head.bytes..];
                continue;
            }
            let headers = head.fields.iter().zip(head.kinds).filter(|(field, kind)| is_of_method(field.name, **kind));
            let headers =
                headers.map(|(field, _)| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()));
            let (body, whole) = body(&bytes[head.bytes..], head.framing);
            let broken_off = match cut {
                _ if whole => None,
                Some(cut) => Some(cut.to_string()),
                None => Some("it broke off".to_owned()),
            };
            return Some(Answer { status: head.status, headers: headers.collect(), body, broken_off });
        }
    }
}

fn is_of_method(name: &str, kind: FieldKind) -> bool {
    const OF_EVERY_ANSWER: [&str; 3] = ["date", "x-amzn-requestid", "x-amz-apigw-id"];
    let of_connection = matches!(
        kind,
        FieldKind::Connection | FieldKind::ContentLength | FieldKind::TransferEncoding | FieldKind::HopByHop
    );
    !of_connection && !OF_EVERY_ANSWER.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// The body without its framing, and whether it is all there.
fn body(bytes: &[u8], framing: Framing) -> (Vec<u8>, bool) {
    match framing {
        Framing::None => (Vec::new(), true),
        Framing::UntilClose => (bytes.to_vec(), true),
        Framing::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            (bytes[..bytes.len().min(length)].to_vec(), bytes.len() >= length)
        }
        Framing::Chunked => chunks(bytes),
    }
}

fn chunks(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut decoder, mut body) = (Decoder::new(), Vec::new());
    loop {
        match decoder.decode(bytes) {
            Ok(Piece::Data { start, end, consumed }) => {
                body.extend_from_slice(&bytes[start..end]);
                bytes = &bytes[consumed..];
            }
            Ok(Piece::Done { .. }) => return (body, true),
            Ok(Piece::NeedMore) | Err(_) => return (body, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, to_head_request: bool, expected: Option<(u16, &str, &str, Option<&str>)>) {
        let answer = Answer::parse(bytes.as_bytes(), to_head_request, None);
        let shown = answer.as_ref().map(|answer| {
            let headers: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let body = std::str::from_utf8(&answer.body).expect("text");
            (answer.status, headers.join(" "), body, answer.broken_off.as_deref())
        });
        let shown = shown.as_ref().map(|(status, headers, body, cut)| (*status, headers.as_str(), *body, *cut));
        assert_eq!(shown, expected, "{bytes:?}");
    }

    #[test]
    fn answers_are_read_to_their_end() {
        let own = "Date: x\r\nConnection: close\r\nx-amzn-RequestId: 1\r\nx-amz-apigw-id: 2\r\n";
        let of = |rest: &str| format!("HTTP/1.1 200 OK\r\n{own}{rest}");
        check(&of("X-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi"), false, Some((200, "X-A=1 X-A=2", "hi", None)));
        check(&of("Content-Length: 2\r\n\r\n"), true, Some((200, "", "", None)));
        check(&of("Content-Length: 3\r\n\r\nhi"), false, Some((200, "", "hi", Some("it broke off"))));
        let chunked = |rest: &str| of(&format!("Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n{rest}"));
        check(&chunked("0\r\n\r\n"), false, Some((200, "", "hi", None)));
        check(&chunked(""), false, Some((200, "", "hi", Some("it broke off"))));
        check(&of("\r\nhi"), false, Some((200, "", "hi", None)));
        let continued = format!("HTTP/1.1 100 Continue\r\n\r\n{}", of("Content-Length: 0\r\n\r\n"));
        check(&continued, false, Some((200, "", "", None)));
        check("HTTP/1.1 200 O", false, None);
        check("", false, None);
    }
}
