//! Event streams: how they are cut on their way does not matter, memory is bounded, and what is accepted survives being
//! written anew. What Lambda streams in them is looked at too.

use tollgate::http::event_stream::{Decoder, EventStreamError, Step, write_message};
use tollgate::http::lambda_stream::{Event, PRELUDE_BYTES_MAX, PreludeDecoder, PreludeError};

const MESSAGE_BYTES_MAX: usize = 4096;

pub fn check(input: &[u8]) {
    let whole = decode(input, input.len().max(1));
    for step in [1, 2, 3, 7, 64] {
        assert_eq!(decode(input, step), whole, "in pieces of {step}");
    }
    if let Ok(found) = &whole {
        let mut written = Vec::new();
        for (event_type, payload) in &found.messages {
            let header = event_type.as_ref().map(|text| (":event-type", text.as_str()));
            write_message(header.as_slice(), payload, &mut written);
        }
        // Rewritten, a message has fewer headers and is no longer; a stream that ended between messages still does.
        let again = decode(&written, written.len().max(1)).expect("our own messages are good");
        assert_eq!((again.messages, again.between), (found.messages.clone(), true));
    }
    check_prelude(input);
}

#[derive(Debug, PartialEq)]
struct Found {
    messages: Vec<(Option<String>, Vec<u8>)>,
    between: bool,
}

fn decode(input: &[u8], step: usize) -> Result<Found, EventStreamError> {
    let (mut decoder, mut messages) = (Decoder::new(MESSAGE_BYTES_MAX), Vec::new());
    for piece in input.chunks(step) {
        let mut rest = piece;
        while let Step::Message { message, consumed } = decoder.decode(rest)? {
            assert!(consumed > 0 && consumed <= rest.len() && message.payload.len() < MESSAGE_BYTES_MAX);
            if let Ok(Event::PayloadChunk(payload)) = Event::of(&message) {
                assert_eq!(payload, message.payload);
            }
            messages.push((message.header(":event-type").map(str::to_owned), message.payload.to_vec()));
            rest = &rest[consumed..];
        }
    }
    Ok(Found { messages, between: decoder.is_between_messages() })
}

fn check_prelude(input: &[u8]) {
    let whole = prelude(input, input.len().max(1));
    for step in [1, 3, 8, 100] {
        assert_eq!(prelude(input, step), whole, "in pieces of {step}");
    }
    if let Ok(Some((metadata, body))) = whole {
        assert!(metadata.len() < PRELUDE_BYTES_MAX && !metadata.contains(&0));
        assert_eq!([metadata.as_slice(), &[0; 8], &body].concat(), input);
    }
}

type Prelude = Result<Option<(Vec<u8>, Vec<u8>)>, PreludeError>;

fn prelude(input: &[u8], step: usize) -> Prelude {
    let mut decoder = PreludeDecoder::default();
    for (number, piece) in input.chunks(step).enumerate() {
        if let Some(at) = decoder.decode(piece)? {
            return Ok(Some((decoder.metadata().to_vec(), input[number * step + at..].to_vec())));
        }
    }
    Ok(None)
}
