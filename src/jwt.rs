//! JSON Web Tokens as a gateway verifies them: compact, signed, with keys that were prepared before. Without I/O and clock:
//! keys and the time are passed in. (RFC 7515, 7517, 7518, 7519, 8037, 8725.)
//!
//! - [`algorithm`]: the signature algorithms, and sets of them.
//! - [`key_set`]: a JWK Set as it was published or configured → keys that verify without any parsing; `key` is one of them.
//! - [`jws`]: a token's three parts and its header; whether a key of the set signed it.
//! - [`claims`]: what a signed token says, and whether that holds for this issuer, audience and time.
//! - [`verifier`]: all of it in the right order, with what an authorizer demands.
//! - `json`: objects with a bounded depth, in which no member is twice; `error`: why a token was refused.
//!
//! What decides is never the token alone: the algorithm has to be one of the verifier's *and* one of the key's; the keys
//! are those of the set, whatever `jwk`, `jku`, `x5c` or `x5u` a header has; `kid` is compared with the set's and nothing
//! else. A secret verifies `HS*` only and a public key never does, since no key is prepared for both. The order makes bad
//! tokens cheap: length, parts, header, key, signature, and only then the claims.
//!
//! The crate `jsonwebtoken` would do the same signatures with the same library. It is not used because it takes a key apart
//! for each token, chooses among several keys of a set by nothing, takes the last of two equal members where whoever reads
//! the claims after it may take the first, and has no bounds on what it reads; what would be left of it is this thin layer.

pub mod algorithm;
pub mod claims;
mod error;
mod json;
pub mod jws;
mod key;
pub mod key_set;
#[cfg(test)]
mod tests;
pub mod verifier;

pub use algorithm::{Algorithm, Algorithms};
pub use claims::{TokenUse, Verified};
pub use error::{JsonFault, JwtError, Part};
pub use key_set::{KeyOrigin, KeySet, KeySetBounds, KeySetError};
pub use verifier::{Audience, Verifier};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Base64url without padding, and without the bits that the last letter has too many. (RFC 7515, 2.)
fn base64url(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
