//! What a decision says of a request.

use std::cell::Cell;
use std::sync::Arc;

use crate::jwt::{KeySet, Verified};
use crate::policy::Policy;

#[derive(Debug)]
pub enum Says {
    /// What a Lambda authorizer answered: it is asked for each method and path.
    Policy(Policy),
    /// A token that was verified with these keys, by the authorizer's issuer of that number. Its time is looked at each time,
    /// and what the method wants of it.
    Token {
        verified: Verified,
        keys: Arc<KeySet>,
        issuer: usize,
        /// Of the key sets in which its keys were seen last: others are looked at once.
        revision: Cell<u64>,
    },
    /// The caller may call every method that has this authorizer.
    Allows,
}
