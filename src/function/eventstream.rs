//! `application/vnd.amazon.eventstream`, in which answers stream from the Invoke API.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use flate2::Crc;

pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The type of a header's value that is a text.
const TEXT: u8 = 7;

/// A part of the answer.
pub fn payload_chunk(payload: &[u8]) -> Vec<u8> {
    let headers =
        [(":event-type", "PayloadChunk"), (":content-type", "application/octet-stream"), (":message-type", "event")];
    message(&headers, payload)
}

/// The end of the answer. `error` is the kind of a failure and its details: what came before is then not all of it.
pub fn invoke_complete(error: Option<(&str, &str)>, log_result: Option<&str>) -> Vec<u8> {
    let mut body = serde_json::Map::new();
    if let Some((code, details)) = error {
        body.insert("ErrorCode".to_owned(), code.into());
        body.insert("ErrorDetails".to_owned(), details.into());
    }
    if let Some(log_result) = log_result {
        body.insert("LogResult".to_owned(), log_result.into());
    }
    let headers =
        [(":event-type", "InvokeComplete"), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, serde_json::Value::Object(body).to_string().as_bytes())
}

/// Total length, headers' length, CRC of these two; headers; payload; CRC of everything before it.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let headers_length: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let total = 12 + headers_length + payload.len() + 4;
    let mut bytes = Vec::with_capacity(total);
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(&number(total));
    bytes.extend_from_slice(&number(headers_length));
    let prelude = checksum(&bytes);
    bytes.extend_from_slice(&prelude);
    for (name, value) in headers {
        // Names and values are those above: short.
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(TEXT);
        bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(payload);
    let all = checksum(&bytes);
    bytes.extend_from_slice(&all);
    bytes
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload and the headers of one message; every length and checksum is looked at.
    fn decode(bytes: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        assert_eq!(number(0), bytes.len());
        assert_eq!(bytes[8..12], checksum(&bytes[..8]));
        assert_eq!(bytes[bytes.len() - 4..], checksum(&bytes[..bytes.len() - 4]));
        let (mut headers, mut at, end) = (Vec::new(), 12, 12 + number(4));
        let text = |from: usize, length: usize| String::from_utf8(bytes[from..from + length].to_vec()).expect("text");
        while at < end {
            let name = text(at + 1, bytes[at].into());
            at += 1 + name.len();
            assert_eq!(bytes[at], TEXT);
            let value = text(at + 3, u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]).into());
            at += 3 + value.len();
            headers.push((name, value));
        }
        (headers, bytes[end..bytes.len() - 4].to_vec())
    }

    #[test]
    fn the_vector_of_the_specification() {
        // "empty_message" of the event stream test suite: no headers, no payload.
        let expected = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(message(&[], b""), expected);
    }

    #[test]
    fn events() {
        let (headers, payload) = decode(&payload_chunk(b"abc"));
        assert_eq!(headers[0], (":event-type".to_owned(), "PayloadChunk".to_owned()));
        assert_eq!(payload, b"abc");
        let (headers, payload) = decode(&invoke_complete(Some(("Error", "x")), Some("bG9n")));
        assert_eq!(headers[0], (":event-type".to_owned(), "InvokeComplete".to_owned()));
        assert_eq!(payload, br#"{"ErrorCode":"Error","ErrorDetails":"x","LogResult":"bG9n"}"#);
        assert_eq!(decode(&invoke_complete(None, None)).1, b"{}");
    }
}
