//! Whether a filter accepts a value. (Jayway's `EvaluatorFactory` and `ValueNodes`.)

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::evaluate::find_from;
use super::pattern::Pattern;
use super::syntax::{Filter, Operand, Operator};
use super::{Allowance, Exceeded, Found, Path};

pub(super) fn accepts(
    filter: &Filter,
    here: &Value,
    root: &Value,
    allowance: &mut Allowance,
) -> Result<bool, Exceeded> {
    match filter {
        Filter::All(filters) => every(filters, true, here, root, allowance),
        Filter::Any(filters) => every(filters, false, here, root, allowance).map(|none| !none),
        Filter::Not(filter) => accepts(filter, here, root, allowance).map(|accepted| !accepted),
        Filter::Exists(operand) => Ok(!matches!(evaluated(operand, here, root, allowance)?, Operated::Undefined)),
        Filter::Compare { left, operator, right } => {
            let left = evaluated(left, here, root, allowance)?;
            let right = evaluated(right, here, root, allowance)?;
            charge(&left, *operator, &right, allowance)?;
            Ok(compare(&left, *operator, &right))
        }
    }
}

/// Whether all are as expected, looking no further than to the first that is not.
fn every(
    filters: &[Filter],
    expected: bool,
    here: &Value,
    root: &Value,
    allowance: &mut Allowance,
) -> Result<bool, Exceeded> {
    for filter in filters {
        if accepts(filter, here, root, allowance)? != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An operand as it stands for one value of the document.
enum Operated<'v> {
    Value(Cow<'v, Value>),
    Pattern(&'v Pattern),
    /// A path that leads nowhere: equal to nothing, itself included.
    Undefined,
}

fn evaluated<'v>(
    operand: &'v Operand,
    here: &'v Value,
    root: &'v Value,
    allowance: &mut Allowance,
) -> Result<Operated<'v>, Exceeded> {
    let found = |path: &Path, from: &'v Value, allowance: &mut Allowance| {
        allowance.0 = allowance.0.checked_sub(1).ok_or(Exceeded)?;
        Ok(match find_from(&path.steps, path.definite, from, root, allowance)? {
            Found::Missing => Operated::Undefined,
            Found::One(value) => Operated::Value(value),
            Found::Many(values) => {
                // They are copied.
                for value in &values {
                    spend(weight(value, allowance)?, allowance)?;
                }
                Operated::Value(Cow::Owned(values.into_iter().map(Cow::into_owned).collect()))
            }
        })
    };
    match operand {
        Operand::Here(path) => found(path, here, allowance),
        Operand::Root(path) => found(path, root, allowance),
        Operand::Value(value) => Ok(Operated::Value(Cow::Borrowed(value))),
        Operand::Pattern(pattern) => Ok(Operated::Pattern(pattern)),
    }
}

/// Charges what a comparison may cost beyond that of two numbers: lists are gone through, and what is in them too.
fn charge(left: &Operated, operator: Operator, right: &Operated, allowance: &mut Allowance) -> Result<(), Exceeded> {
    let cost = match (left, right) {
        (Operated::Value(left), Operated::Value(right)) => match operator {
            Operator::In | Operator::NotIn => items(right).saturating_mul(weight(left, allowance)?),
            Operator::All | Operator::AnyOf | Operator::NoneOf | Operator::SubsetOf | Operator::Contains => {
                let (left_items, right_items) = (items(left), items(right));
                let each = weight(left, allowance)?.saturating_mul(right_items);
                each.max(weight(right, allowance)?.saturating_mul(left_items))
            }
            _ => weight(left, allowance)?.min(weight(right, allowance)?),
        },
        (Operated::Value(value), _) | (_, Operated::Value(value)) => weight(value, allowance)?,
        _ => 1,
    };
    spend(cost.saturating_sub(1), allowance)
}

fn spend(cost: u64, allowance: &mut Allowance) -> Result<(), Exceeded> {
    let cost = u32::try_from(cost).map_err(|_| Exceeded)?;
    allowance.0 = allowance.0.checked_sub(cost).ok_or(Exceeded)?;
    Ok(())
}

fn items(value: &Value) -> u64 {
    value.as_array().map_or(1, |items| items.len().max(1) as u64)
}

/// How much there is of a value: its parts, and of text more for each 64 bytes. It is known as far as it is allowed.
fn weight(value: &Value, allowance: &Allowance) -> Result<u64, Exceeded> {
    fn add(value: &Value, total: &mut u64, most: u64) -> Result<(), Exceeded> {
        *total += 1;
        if *total > most {
            return Err(Exceeded);
        }
        match value {
            Value::String(text) => *total += text.len() as u64 / 64,
            Value::Array(items) => items.iter().try_for_each(|item| add(item, total, most))?,
            Value::Object(members) => members.values().try_for_each(|member| add(member, total, most))?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }
    let mut total = 0;
    add(value, &mut total, u64::from(allowance.0) + 1)?;
    Ok(total)
}

fn compare(left: &Operated, operator: Operator, right: &Operated) -> bool {
    use Operated::{Pattern, Undefined, Value};
    match (left, right) {
        (Value(value), Pattern(pattern)) | (Pattern(pattern), Value(value)) => {
            operator == Operator::Matches && matches(pattern, value)
        }
        (Value(left), Value(right)) => compare_values(left, operator, right),
        // What is not there is unlike everything and in no list.
        (Undefined, _) | (_, Undefined) => {
            matches!(operator, Operator::NotEqual | Operator::SameKindNotEqual | Operator::NotIn)
        }
        (Pattern(_), Pattern(_)) => false,
    }
}

fn compare_values(left: &Value, operator: Operator, right: &Value) -> bool {
    let ordered = |wanted: fn(Ordering) -> bool| ordering(left, right).is_some_and(wanted);
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::SameKindEqual => same_kind(left, right) && equal(left, right),
        Operator::SameKindNotEqual => !(same_kind(left, right) && equal(left, right)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::Matches => false,
        Operator::In => contains(right, left),
        Operator::NotIn => !contains(right, left),
        Operator::All => subset(right, left),
        Operator::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => contains(left, right),
        },
        Operator::Size => size(left).is_some_and(|size| right.as_u64() == Some(size as u64)),
        Operator::Empty => size(left).map(|size| size == 0) == right.as_bool(),
        Operator::SubsetOf => subset(left, right),
        Operator::AnyOf => overlap(left, right) == Some(true),
        Operator::NoneOf => overlap(left, right) == Some(false),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Number(number), Value::String(text)) => {
            text.parse::<f64>().is_ok_and(|text| number.as_f64() == Some(text))
        }
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        _ => left == right,
    }
}

fn same_kind(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Of numbers, of text, and of either as text.
fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::Number(right)) => Some(left.cmp(&right.to_string())),
        (Value::Number(left), Value::String(right)) => Some(left.to_string().cmp(right)),
        _ => None,
    }
}

fn contains(list: &Value, value: &Value) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| equal(value, item)))
}

fn subset(part: &Value, whole: &Value) -> bool {
    whole.is_array() && part.as_array().is_some_and(|items| items.iter().all(|item| contains(whole, item)))
}

fn overlap(left: &Value, right: &Value) -> Option<bool> {
    let (left, _) = (left.as_array()?, right.as_array()?);
    Some(left.iter().any(|item| contains(right, item)))
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// The whole of a text, or that of any element.
fn matches(pattern: &Pattern, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| !item.is_array() && matches(pattern, item)),
        Value::String(text) => pattern.is_match(text),
        Value::Number(_) | Value::Bool(_) => pattern.is_match(&value.to_string()),
        Value::Null | Value::Object(_) => pattern.is_match(""),
    }
}
