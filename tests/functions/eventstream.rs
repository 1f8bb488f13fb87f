//! Reads `application/vnd.amazon.eventstream`, as much of it as Lambda sends.

use serde_json::Value;

/// An event: its type and its payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub payload: Vec<u8>,
}

/// All events of a body. Checksums are looked at where they are made.
#[track_caller]
pub fn events(mut body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while !body.is_empty() {
        let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().expect("four bytes")) as usize;
        let (total, headers_length) = (number(0), number(4));
        let headers = String::from_utf8_lossy(&body[12..12 + headers_length]).into_owned();
        let kind = ["PayloadChunk", "InvokeComplete"].into_iter().find(|kind| headers.contains(kind));
        let payload = body[12 + headers_length..total - 4].to_vec();
        events.push(Event { kind: kind.expect("a known event").to_owned(), payload });
        body = &body[total..];
    }
    events
}

/// The payload, and how the stream ended.
#[track_caller]
pub fn read(body: &[u8]) -> (Vec<u8>, Value) {
    let mut events = events(body);
    let last = events.pop().expect("an end");
    assert_eq!(last.kind, "InvokeComplete");
    assert!(events.iter().all(|event| event.kind == "PayloadChunk"));
    let payload = events.into_iter().flat_map(|event| event.payload).collect();
    (payload, serde_json::from_slice(&last.payload).expect("JSON"))
}
