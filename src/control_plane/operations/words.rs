//! Members that the service model has a list of words or a pattern for. AWS's framework checks them before the service
//! sees the call, and answers a `ValidationException` that names the member.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::operation::Call;

/// One of the model's words, as serde reads it. `member` is its place: `createRestApiInput.apiKeySource`.
///
/// # Errors
/// `ValidationException`, with AWS's text: it is none of `words`.
pub fn one_of<W: DeserializeOwned>(word: &str, member: &str, words: &[&str]) -> Result<W, Exception> {
    serde_json::from_value(Value::from(word)).map_err(|_| not_one_of(word, member, words))
}

/// Why a word is refused.
pub fn not_one_of(word: &str, member: &str, words: &[&str]) -> Exception {
    let words = words.join(", ");
    failed(word, member, &format!("Member must satisfy enum value set: [{words}]"))
}

/// A member that has to be there.
///
/// # Errors
/// `ValidationException`, with AWS's text.
pub fn required<V>(value: Option<V>, member: &str) -> Result<V, Exception> {
    value.ok_or_else(|| {
        let message = format!("Value null at '{member}' failed to satisfy constraint: Member must not be null");
        Exception::new(ExceptionKind::Validation, format!("1 validation error detected: {message}"))
    })
}

/// The path's `status_code`: three digits, the first from 1 to 5.
///
/// # Errors
/// `ValidationException`, with AWS's text.
pub fn status_code<'c>(call: &'c Call<'_>) -> Result<&'c str, Exception> {
    let status = call.parameter("status_code");
    match status.as_bytes() {
        [b'1'..=b'5', rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit) => Ok(status),
        _ => Err(failed(status, "statusCode", "Member must satisfy regular expression pattern: [1-5]\\d\\d")),
    }
}

fn failed(value: &str, member: &str, constraint: &str) -> Exception {
    let message = format!("Value '{value}' at '{member}' failed to satisfy constraint: {constraint}");
    Exception::new(ExceptionKind::Validation, format!("1 validation error detected: {message}"))
}
