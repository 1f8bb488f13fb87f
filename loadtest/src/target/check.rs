//! What an answer has to be.

use crate::measure::Failure;

/// An expectation of one request's answers.
#[derive(Debug, Default)]
pub struct Check {}

impl Check {
    /// Whether the body has to be kept for [`Check::judge`].
    pub fn wants_body(&self) -> bool {
        false
    }

    /// `body` is empty unless wanted. By default a status below 400 is right.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), Failure> {
        let _ = body;
        if status < 400 { Ok(()) } else { Err(Failure::Status) }
    }
}
