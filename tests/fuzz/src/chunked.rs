//! Chunked bodies: how they are cut on their way does not matter, and what is accepted survives being written anew.

use tollgate::http::chunked::{ChunkError, Decoder, Piece, write_chunk};

pub fn check(input: &[u8]) {
    let whole = decode(input, input.len().max(1));
    for step in [1, 2, 3, 7, 64] {
        assert_eq!(decode(input, step), whole, "in pieces of {step}");
    }
    let Ok(End::Done { trailers, .. }) = &whole.end else { return };
    let mut written = Vec::new();
    for data in whole.data.chunks(300) {
        write_chunk(data, &mut written);
    }
    written.extend_from_slice(b"0\r\n");
    written.extend_from_slice(trailers);
    written.extend_from_slice(b"\r\n");
    let end = Ok(End::Done { consumed: written.len(), trailers: trailers.clone() });
    assert_eq!(decode(&written, written.len()), Decoded { data: whole.data, end }, "written anew");
}

#[derive(Debug, PartialEq)]
struct Decoded {
    /// Also that which came before a mistake: it may be on its way already.
    data: Vec<u8>,
    end: Result<End, ChunkError>,
}

#[derive(Debug, PartialEq)]
enum End {
    Unfinished,
    Done { consumed: usize, trailers: Vec<u8> },
}

fn decode(input: &[u8], step: usize) -> Decoded {
    let (mut decoder, mut data) = (Decoder::new(), Vec::new());
    let end = drive(&mut decoder, input, step, &mut data);
    assert_eq!(decoder.is_done(), matches!(end, Ok(Some(_))));
    let end = end.and_then(|consumed| match consumed {
        None => Ok(End::Unfinished),
        Some(consumed) => {
            let mut trailers = Vec::new();
            decoder.write_trailers(&mut trailers).map(|()| End::Done { consumed, trailers })
        }
    });
    Decoded { data, end }
}

/// How many bytes the body took, once it is complete.
fn drive(decoder: &mut Decoder, input: &[u8], step: usize, data: &mut Vec<u8>) -> Result<Option<usize>, ChunkError> {
    let mut at = 0;
    while at < input.len() {
        let piece = &input[at..(at + step).min(input.len())];
        match decoder.decode(piece)? {
            Piece::Data { start, end, consumed } => {
                assert!(start < end && end <= consumed && consumed <= piece.len(), "{start}..{end} of {consumed}");
                data.extend_from_slice(&piece[start..end]);
                at += consumed;
            }
            Piece::NeedMore => at += piece.len(),
            Piece::Done { consumed } => return Ok(Some(at + consumed)),
        }
    }
    Ok(None)
}
