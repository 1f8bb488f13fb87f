//! Content codings: how a compressed body is cut makes no difference, no body gets past its limits, and what was
//! compressed comes back; a list of codings is read in any form.

use tollgate::http::coding::{Coding, DecodeError, DecodeLimits, Decoder, Encoder, Flush, negotiate, of_message};

const LIMITS: DecodeLimits = DecodeLimits { bytes_max: 1 << 16, ratio_max: 50 };

/// The first byte chooses the coding. The rest is read three times: as a list of names, as a compressed body, as a plain
/// one.
pub fn check(input: &[u8]) {
    let Some((first, input)) = input.split_first() else { return };
    let coding = if first % 2 == 0 { Coding::Gzip } else { Coding::Deflate };
    check_lists(input);
    let whole = decode(coding, input, input.len().max(1));
    for step in [1, 3, 64] {
        match (&decode(coding, input, step), &whole) {
            (Ok(pieces), Ok(whole)) => assert_eq!(pieces, whole, "in pieces of {step}"),
            (Err(_), Err(_)) => {}
            (pieces, whole) => panic!("{pieces:?} in pieces of {step}, but {whole:?}"),
        }
    }
    let mut coded = Vec::new();
    let mut encoder = Encoder::new(coding, 1);
    for piece in input.chunks(50) {
        let flush = if first % 4 < 2 { Flush::None } else { Flush::All };
        assert!(encoder.write(piece, flush, &mut coded));
    }
    assert!(encoder.write(b"", Flush::End, &mut coded));
    if input.len() as u64 <= LIMITS.bytes_max {
        assert_eq!(decode(coding, &coded, 100).as_deref(), Ok(input));
    }
}

fn decode(coding: Coding, input: &[u8], step: usize) -> Result<Vec<u8>, DecodeError> {
    let (mut decoder, mut out) = (Decoder::new(coding, LIMITS), Vec::new());
    for piece in input.chunks(step) {
        let written = decoder.write(piece, &mut out);
        assert!(out.len() as u64 <= LIMITS.bytes_max + 1 && out.capacity() as u64 <= LIMITS.bytes_max * 2);
        written?;
    }
    decoder.end().map(|()| out)
}

/// Where a name stands among others does not matter to what is known of it.
fn check_lists(input: &[u8]) {
    let split = || input.split(|byte| *byte == b',');
    assert_eq!(negotiate(split()), negotiate(std::iter::once(input)));
    assert_eq!(of_message(split()), of_message(std::iter::once(input)));
    let refused: Vec<u8> = [b"gzip;q=0, deflate;q=0, ", input].concat();
    assert_eq!(negotiate(std::iter::once(&refused[..])), negotiate(split()), "what weighs nothing changes nothing");
    let preferred: Vec<u8> = [b"deflate, ", input].concat();
    assert_eq!(negotiate(std::iter::once(&preferred[..])), Some(Coding::Deflate), "the first of the heaviest");
}
