//! Lists in pages: `limit` rows from `position` on. (API reference, any `Get…s`.)
//!
//! A position is the name of the row before: rows that come or go between two pages move none of the others.

use serde_json::{Value, json};

use super::exception::Exception;
use super::operation::{Call, Reply};

/// Where the call does not say.
const LIMIT: usize = 25;
const LIMIT_MAX: usize = 500;

/// A page of a list of rows by name, which are in the order of their names or in any other that stays.
///
/// # Errors
/// `BadRequestException`: `limit` is not from 1 to 500, or `position` names no row.
pub fn page(call: &Call<'_>, rows: impl Iterator<Item = (String, Value)>) -> Result<Reply, Exception> {
    let (items, position) = page_of(call, rows)?;
    let mut answer = json!({ "item": items });
    if let Some(position) = position {
        answer["position"] = position.into();
    }
    Ok(Reply::Json(answer))
}

/// The rows of the page, and the position of the next.
///
/// # Errors
/// As [`page`].
pub fn page_of<V>(
    call: &Call<'_>,
    rows: impl Iterator<Item = (String, V)>,
) -> Result<(Vec<V>, Option<String>), Exception> {
    let limit = limit(call)?;
    let mut rows = rows.peekable();
    if let Some(position) = call.query("position") {
        let before = rows.by_ref().find(|(name, _)| encoded(name) == position);
        before.ok_or_else(|| Exception::bad_request("Invalid position specified"))?;
    }
    let mut items = Vec::new();
    let mut last = String::new();
    for (name, item) in rows.by_ref().take(limit) {
        items.push(item);
        last = name;
    }
    let more = rows.peek().is_some();
    Ok((items, more.then(|| encoded(&last))))
}

fn limit(call: &Call<'_>) -> Result<usize, Exception> {
    let Some(text) = call.query("limit") else { return Ok(LIMIT) };
    let limit = text.parse::<i64>().ok().and_then(|limit| usize::try_from(limit).ok());
    match limit {
        // What is no page is AWS's default; what is above its most is its most.
        Some(0) => Ok(LIMIT),
        Some(limit) => Ok(limit.min(LIMIT_MAX)),
        None => Err(Exception::bad_request(format!("Invalid value for limit: {text}"))),
    }
}

/// Positions are opaque to callers, so that nobody builds one.
fn encoded(name: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name)
}
