//! Tokens that are accepted and tokens that are not.
//!
//! - `vectors`: Wycheproof's tokens and key sets, and the RFCs' examples.
//! - `signatures`: Wycheproof's signatures, of each algorithm.
//! - `attacks`: tokens that somebody made to be let in.
//! - `claims`: what a token must say.
//! - `sets`: documents with keys.
//! - `issuer`: somebody with keys who signs tokens.

mod attacks;
mod claims;
mod issuer;
mod sets;
mod signatures;
mod vectors;
