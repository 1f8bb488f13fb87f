//! Jayway's path functions.

use serde_json::Value;

use super::evaluate::Stop;
use super::syntax::{Argument, Function};
use super::{Allowance, Found};

/// What a function makes of a value. Where Jayway throws, there is nothing to find.
pub(super) fn call(
    function: Function,
    arguments: &[Argument],
    value: &Value,
    root: &Value,
    allowance: &mut Allowance,
) -> Result<Value, Stop> {
    let mut given = Vec::with_capacity(arguments.len());
    for argument in arguments {
        given.push(argument_value(argument, root, allowance)?);
    }
    match function {
        Function::Length => Ok(length(given.first().unwrap_or(value))),
        Function::Keys => match value {
            Value::Object(members) => Ok(members.keys().cloned().map(Value::String).collect()),
            _ => Ok(Value::Null),
        },
        Function::First => element(value, 0),
        Function::Last => element(value, -1),
        Function::Index => element(value, given.first().and_then(Value::as_i64).ok_or(Stop::Missing)?),
        Function::Append => Ok(appended(value, given)),
        Function::Concat => Ok(Value::String(concatenated(value, &given))),
        Function::Sum | Function::Min | Function::Max | Function::Avg | Function::StdDev => {
            aggregate(function, &numbers(value, &given))
        }
    }
}

fn argument_value(argument: &Argument, root: &Value, allowance: &mut Allowance) -> Result<Value, Stop> {
    match argument {
        Argument::Value(value) => Ok(value.clone()),
        Argument::Path(path) => match path.find(root, allowance)? {
            Found::Missing => Err(Stop::Missing),
            found => found.into_value().ok_or(Stop::Missing),
        },
    }
}

fn length(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.len().into(),
        Value::Object(members) => members.len().into(),
        _ => Value::Null,
    }
}

fn element(value: &Value, index: i64) -> Result<Value, Stop> {
    let Value::Array(items) = value else { return Err(Stop::Missing) };
    let index = if index < 0 { index + items.len() as i64 } else { index };
    let item = usize::try_from(index).ok().and_then(|index| items.get(index));
    item.cloned().ok_or(Stop::Missing)
}

fn appended(value: &Value, given: Vec<Value>) -> Value {
    let mut value = value.clone();
    if let Value::Array(items) = &mut value {
        items.extend(given);
    }
    value
}

/// The text among an array's elements, then that of the arguments, of which numbers count too.
fn concatenated(value: &Value, given: &[Value]) -> String {
    let mut text: String = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for given in flat(given) {
        match given {
            Value::String(given) => text.push_str(given),
            Value::Null => {}
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

fn numbers(value: &Value, given: &[Value]) -> Vec<f64> {
    value.as_array().into_iter().flatten().chain(flat(given)).filter_map(Value::as_f64).collect()
}

fn flat(given: &[Value]) -> impl Iterator<Item = &Value> {
    given.iter().flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    })
}

fn aggregate(function: Function, numbers: &[f64]) -> Result<Value, Stop> {
    if numbers.is_empty() {
        return Err(Stop::Missing);
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let result = match function {
        Function::Min => numbers.iter().copied().fold(f64::MAX, f64::min),
        Function::Max => numbers.iter().copied().fold(f64::MIN, f64::max),
        Function::Avg => sum / count,
        Function::StdDev => {
            let squares: f64 = numbers.iter().map(|number| number * number).sum();
            (squares / count - sum * sum / count / count).sqrt()
        }
        _ => sum,
    };
    Ok(result.into())
}
