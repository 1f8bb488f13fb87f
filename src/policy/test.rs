//! What a condition compares a request's values with.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::context::{Context, Value};
use super::date;
use super::operator::{Comparison, Order, TextComparison};
use super::resource::ArnPattern;
use super::template::{Part, Pattern, Syntax, text_of};
use super::truth::Truth;

/// A policy's values for a key, of which one has to fit.
#[derive(Debug)]
pub enum Test {
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Box<[Part]>]>),
    Number(Order, Box<[f64]>),
    /// Milliseconds since 1970.
    Date(Order, Box<[i64]>),
    Bool(Box<[bool]>),
    Binary(Box<[Box<[u8]>]>),
    Address(Box<[IpNet]>),
    Arn(Box<[ArnPattern]>),
    /// Whether the key has to be absent.
    Null(Box<[bool]>),
}

impl Test {
    /// # Errors
    /// What is wrong with which of the values.
    pub fn parse(comparison: Comparison, values: &[&str], variables: bool) -> Result<Test, Vec<(usize, String)>> {
        let parts = |text: &str, wildcards| Part::parse(text, Syntax { wildcards, variables });
        Ok(match comparison {
            Comparison::Text(TextComparison::Equals) => {
                Test::Text(each(values, |text| parts(text, false).map(Pattern::new))?)
            }
            Comparison::Text(TextComparison::Like) => {
                Test::Text(each(values, |text| parts(text, true).map(Pattern::new))?)
            }
            Comparison::Text(TextComparison::EqualsIgnoringCase) => {
                Test::TextIgnoringCase(each(values, |text| parts(text, false).map(Vec::into_boxed_slice))?)
            }
            Comparison::Number(order) => {
                Test::Number(order, each(values, |text| known(number(text), text, "a number"))?)
            }
            Comparison::Date(order) => {
                let what = "a date as in `2030-01-31T12:00:00Z`, or of seconds since 1970";
                Test::Date(order, each(values, |text| known(date::parse(text), text, what))?)
            }
            Comparison::Bool => Test::Bool(each(values, |text| known(boolean(text), text, "`true` or `false`"))?),
            Comparison::Null => Test::Null(each(values, |text| known(boolean(text), text, "`true` or `false`"))?),
            Comparison::Binary => {
                let decoded = |text: &str| STANDARD.decode(text).ok().map(Vec::into_boxed_slice);
                Test::Binary(each(values, |text| known(decoded(text), text, "base64"))?)
            }
            Comparison::Address => {
                let what = "an address or a network as in `203.0.113.0/24`";
                Test::Address(each(values, |text| known(network(text), text, what))?)
            }
            Comparison::Arn => Test::Arn(each(values, |text| {
                let pattern = ArnPattern::new(parts(text, true)?);
                known(pattern, text, "an ARN of six parts")
            })?),
        })
    }

    /// Whether a value of a request fits one of them.
    pub fn fits(&self, value: Value<'_>, context: &dyn Context) -> Truth {
        match self {
            Test::Text(patterns) => {
                let text = value.into_text();
                Truth::any(patterns.iter().map(|pattern| pattern.matches(&text, context)))
            }
            Test::TextIgnoringCase(texts) => {
                let text = value.into_text();
                Truth::any(texts.iter().map(|parts| match text_of(parts, context) {
                    Some(expected) => equal_ignoring_case(&expected, &text).into(),
                    None => Truth::Unknown,
                }))
            }
            Test::Number(order, numbers) => any_of(number_of(value), numbers, |value, than| order.holds(value, *than)),
            Test::Date(order, dates) => any_of(date_of(value), dates, |value, than| order.holds(value, *than)),
            Test::Bool(expected) => any_of(bool_of(value), expected, |value, expected| value == *expected),
            Test::Binary(expected) => {
                any_of(Some(value.into_text()), expected, |text, bytes| text.as_bytes() == &**bytes)
            }
            Test::Address(networks) => {
                any_of(address_of(value), networks, |address, network| network.contains(&address))
            }
            Test::Arn(patterns) => {
                let text = value.into_text();
                Truth::any(patterns.iter().map(|pattern| pattern.matches(&text, context)))
            }
            // Asked of the key as a whole.
            Test::Null(_) => Truth::Unknown,
        }
    }
}

fn each<V>(values: &[&str], parse: impl Fn(&str) -> Result<V, String>) -> Result<Box<[V]>, Vec<(usize, String)>> {
    let (mut parsed, mut wrong) = (Vec::with_capacity(values.len()), Vec::new());
    for (at, text) in values.iter().enumerate() {
        match parse(text) {
            Ok(value) => parsed.push(value),
            Err(message) => wrong.push((at, message)),
        }
    }
    if wrong.is_empty() { Ok(parsed.into()) } else { Err(wrong) }
}

fn known<V>(value: Option<V>, text: &str, what: &str) -> Result<V, String> {
    value.ok_or_else(|| format!("`{text}` is not {what}"))
}

/// A value that is not of the kind fits none.
fn any_of<V: Clone, T>(value: Option<V>, tests: &[T], fits: impl Fn(V, &T) -> bool) -> Truth {
    value.is_some_and(|value| tests.iter().any(|test| fits(value.clone(), test))).into()
}

/// An integer or a decimal. Beyond 2^53 neighbours are equal.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn number_of(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Time(seconds) => Some(seconds as f64),
        Value::Text(text) => number(text),
        Value::Address(_) | Value::Bool(_) => None,
    }
}

fn date_of(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Time(seconds) => i64::try_from(seconds).ok()?.checked_mul(1000),
        Value::Text(text) => date::parse(text),
        Value::Address(_) | Value::Bool(_) => None,
    }
}

fn bool_of(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        Value::Text(text) => boolean(text),
        Value::Address(_) | Value::Time(_) => None,
    }
}

/// A client that comes by an IPv4 address through an IPv6 socket is the client of the IPv4 address.
fn address_of(value: Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Address(address) => Some(address.to_canonical()),
        Value::Text(text) => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
        Value::Time(_) | Value::Bool(_) => None,
    }
}

fn equal_ignoring_case(one: &str, other: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() || !other.is_ascii()) && lower(one) == lower(other)
}
