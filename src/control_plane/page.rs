//! Lists in pages: `limit` rows from `position` on. (API reference, any `Get…s`.)
//!
//! A position is the name of the row before: rows that come or go between two pages move none of the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::exception::Exception;
use super::operation::{Call, Reply};
use super::store::table::{Table, behind};

/// How many rows a call looks at, where few of them are wanted: what is left is for the next page.
const EXAMINED_MAX: usize = 10_000;

/// Where the call does not say.
const LIMIT: usize = 25;
const LIMIT_MAX: usize = 500;

/// A page of a list of rows by name, which are in the order of their names or in any other that stays.
///
/// # Errors
/// `BadRequestException`: `limit` is not from 1 to 500, or `position` names no row.
pub fn page(call: &Call<'_>, rows: impl Iterator<Item = (String, Value)>) -> Result<Reply, Exception> {
    let (items, position) = page_of(call, rows)?;
    Ok(answer(items, position))
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

/// A page of the rows below a key. It costs what it shows, however long the list is and wherever the page begins.
///
/// # Errors
/// As [`page`].
pub fn page_below<V: Clone>(
    call: &Call<'_>,
    table: &Table<V>,
    parts: &[&str],
    shape: impl Fn(&V) -> Value,
) -> Result<Reply, Exception> {
    let (items, position) = page_of_range(call, table, parts, "", |_, row| Some(shape(row)))?;
    Ok(answer(items, position))
}

/// Of a [`Table::range`], the rows of the page that `keep` makes something of, from what follows the parts in their
/// key; and the position of the next. A page may be short, or empty, where `keep` refuses much: there is a position
/// for as long as there are rows that were not looked at.
///
/// # Errors
/// As [`page`].
pub fn page_of_range<V: Clone, T>(
    call: &Call<'_>,
    table: &Table<V>,
    parts: &[&str],
    start: &str,
    keep: impl FnMut(&str, &V) -> Option<T>,
) -> Result<(Vec<T>, Option<String>), Exception> {
    let rows = |after: Option<&str>| table.range(parts, start, after).map(|(key, row)| (behind(key, parts), &**row));
    page_of_places(call, rows, keep)
}

/// As [`page_of_range`], of rows with the places that they have in a list: `rows` has those behind a place, in order.
///
/// # Errors
/// As [`page`].
pub fn page_of_places<P: AsRef<str>, V, T, I: Iterator<Item = (P, V)>>(
    call: &Call<'_>,
    rows: impl FnOnce(Option<&str>) -> I,
    mut keep: impl FnMut(&str, V) -> Option<T>,
) -> Result<(Vec<T>, Option<String>), Exception> {
    let limit = limit(call)?;
    let after = call.query("position").map(decoded).transpose()?;
    let mut rows = rows(after.as_deref()).peekable();
    let mut items = Vec::new();
    let mut last = None;
    let mut examined = 0;
    while items.len() < limit && examined < EXAMINED_MAX {
        let Some((place, row)) = rows.next() else { break };
        examined += 1;
        items.extend(keep(place.as_ref(), row));
        last = Some(place);
    }
    let more = rows.peek().is_some();
    Ok((items, last.filter(|_| more).map(|last| encoded(last.as_ref()))))
}

/// A page as lists are answered.
pub fn answer(items: Vec<Value>, position: Option<String>) -> Reply {
    let mut answer = json!({ "item": items });
    if let Some(position) = position {
        answer["position"] = position.into();
    }
    Reply::Json(answer)
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
    URL_SAFE_NO_PAD.encode(name)
}

fn decoded(position: &str) -> Result<String, Exception> {
    let bytes = URL_SAFE_NO_PAD.decode(position).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Exception::bad_request("Invalid position specified"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::operations::fixture::Desk;

    #[test]
    fn pages_follow_each_other_whatever_comes_and_goes_between() {
        let mut desk = Desk::default();
        let mut rows = Table::default();
        for name in ["a", "b", "c", "d", "e"] {
            rows.put(&["r", name], name);
        }
        let page = |desk: &mut Desk, rows: &Table<&'static str>, query: &str| {
            desk.with_call(query, |_, call| {
                page_of_range(call, rows, &["r"], "", |_, row| (*row != "c").then_some(*row))
            })
        };
        let (items, position) = page(&mut desk, &rows, "limit=2").expect("a page");
        assert_eq!(items, ["a", "b"]);
        let position = position.expect("there is more");
        rows.remove(&["r", "b"]);
        rows.put(&["r", "aa"], "aa");
        let (items, next) = page(&mut desk, &rows, &format!("limit=2&position={position}")).expect("a page");
        assert_eq!((items, next), (vec!["d", "e"], None));
        let refused = page(&mut desk, &rows, "position=%21").map_err(|exception| exception.message);
        assert_eq!(refused, Err("Invalid position specified".to_owned()));
    }

    #[test]
    fn a_call_looks_at_so_many_rows_only() {
        let mut desk = Desk::default();
        let mut rows = Table::default();
        for number in 0..=EXAMINED_MAX {
            rows.put(&["r", &format!("{number:06}")], number);
        }
        let last = |_: &str, row: &usize| (*row == EXAMINED_MAX).then_some(*row);
        let (items, position) =
            desk.with_call("", |_, call| page_of_range(call, &rows, &["r"], "", last)).expect("a page");
        assert!(items.is_empty());
        let query = format!("position={}", position.expect("one row was not looked at"));
        let (items, position) =
            desk.with_call(&query, |_, call| page_of_range(call, &rows, &["r"], "", last)).expect("a page");
        assert_eq!((items, position), (vec![EXAMINED_MAX], None));
    }
}
