//! A signed token in its compact form (RFC 7515, 7.1), and whether a key of a set signed it.

use super::algorithm::{Algorithm, Algorithms};
use super::error::{JwtError, Part};
use super::key::Key;
use super::key_set::KeySet;
use super::{base64url, json};

/// The longest signature: that of RSA with a key of 8192 bits.
const SIGNATURE_BYTES_MAX: usize = 1024;

/// Keys that are tried for a token without `kid`: so many signatures can a stranger make us check with one request.
pub const KEYS_TRIED_MAX: usize = 4;

/// A token taken apart; nothing of it is to be believed yet.
#[derive(Clone, Debug)]
pub struct Token<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    signed: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Token<'t> {
    /// # Errors
    /// More than `bytes_max` bytes, not three parts, or a header that demands what is not understood.
    pub fn parse(token: &'t [u8], bytes_max: usize) -> Result<Token<'t>, JwtError> {
        if token.len() > bytes_max {
            return Err(JwtError::TooLong);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::NotThreeParts);
        };
        let signed = &token[..header.len() + 1 + payload.len()];
        let header = base64url(header).ok_or(JwtError::Base64(Part::Header))?;
        let header = json::object(&header).map_err(|fault| JwtError::Json(Part::Header, fault))?;
        // RFC 7515, 4.1.11: what is critical must be understood; RFC 7797, 3: the payload as it is.
        if header.contains_key("crit") || header.get("b64").is_some_and(|encoded| *encoded != true) {
            return Err(JwtError::UnknownExtension);
        }
        let algorithm = header.get("alg").and_then(|name| name.as_str()).and_then(Algorithm::named);
        let kid = match header.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().ok_or(JwtError::KeyIdNotText)?.to_owned()),
        };
        Ok(Token { algorithm: algorithm.ok_or(JwtError::UnknownAlgorithm)?, kid, signed, payload, signature })
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What was signed, if a key of the set did and the algorithm is one of these.
    ///
    /// # Errors
    /// No key of the set did.
    pub fn payload(&self, keys: &KeySet, algorithms: Algorithms) -> Result<Vec<u8>, JwtError> {
        if !algorithms.has(self.algorithm) {
            return Err(JwtError::AlgorithmNotAllowed);
        }
        if keys.is_empty() {
            return Err(JwtError::NoKeys);
        }
        let mut room = [0; SIGNATURE_BYTES_MAX];
        let signature = decode_signature(self.signature, &mut room)?;
        let verifies = |key: &Key| key.verifies(self.algorithm, self.signed, signature);
        let signed = match &self.kid {
            Some(kid) => {
                let mut named = keys.with_kid(kid).peekable();
                named.peek().ok_or(JwtError::UnknownKey)?;
                named.find_map(verifies).ok_or(JwtError::KeyDoesNotFit)?
            }
            None => {
                let mut tried = keys.all().iter().filter_map(verifies).take(KEYS_TRIED_MAX).peekable();
                tried.peek().ok_or(JwtError::UnknownKey)?;
                tried.any(|signed| signed)
            }
        };
        if !signed {
            return Err(JwtError::Signature);
        }
        base64url(self.payload).ok_or(JwtError::Base64(Part::Claims))
    }
}

fn decode_signature<'r>(text: &[u8], room: &'r mut [u8; SIGNATURE_BYTES_MAX]) -> Result<&'r [u8], JwtError> {
    use base64::Engine;
    // More letters than the longest has: the decoder would only find that it has no room.
    if text.len() > SIGNATURE_BYTES_MAX.div_ceil(3) * 4 {
        return Err(JwtError::Signature);
    }
    let decoded = super::URL_SAFE_NO_PAD.decode_slice(text, room).map_err(|error| match error {
        base64::DecodeSliceError::DecodeError(_) => JwtError::Base64(Part::Signature),
        base64::DecodeSliceError::OutputSliceTooSmall => JwtError::Signature,
    })?;
    Ok(&room[..decoded])
}
