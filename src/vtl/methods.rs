//! Methods, by what they are called on: [`text`], [`list`], [`map`], [`number`], and what the service itself has
//! ([`service`]).
//!
//! A method that its receiver does not have, or not for such arguments, gives null, and so prints nothing. What Java
//! would throw at, such as an index beyond the end, ends the template.

mod list;
mod map;
mod number;
mod service;
mod text;

use crate::jsonpath::pattern::Pattern;

use super::evaluate::Evaluator;
use super::syntax::Method;
use super::value::{Fault, Object, Value};

impl<'r> Evaluator<'r> {
    /// `pattern` is the first argument if that is a constant and a pattern.
    pub fn method(
        &mut self,
        receiver: &Value<'r>,
        method: Method,
        mut arguments: Vec<Value<'r>>,
        pattern: Option<&Pattern>,
    ) -> Result<Value<'r>, Fault> {
        if let Some(value) = self.of_any(receiver, method, &arguments)? {
            return Ok(value);
        }
        // The methods below know lists and maps only.
        let copy;
        let receiver = match receiver {
            Value::Json(_) => {
                copy = self.heap.copied(receiver.clone())?;
                &copy
            }
            _ => receiver,
        };
        for argument in arguments.iter_mut().filter(|argument| matches!(argument, Value::Json(_))) {
            *argument = self.heap.copied(argument.clone())?;
        }
        match receiver {
            Value::Text(text) => self.text_method(text, method, &arguments, pattern),
            Value::Object(id) => match self.heap.get(*id) {
                Object::List(_) => self.list_method(*id, method, arguments),
                Object::Map(_) => self.map_method(*id, method, arguments),
                Object::Entry { key, value } => Ok(match method {
                    Method::GetKey => key.clone(),
                    Method::GetValue => value.clone(),
                    _ => Value::Null,
                }),
                Object::Iterator { .. } => self.iterator_method(*id, method),
            },
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => self.number_method(receiver, method, &arguments),
            Value::Input => self.input_method(method, &arguments),
            Value::Util => self.util_method(method, &arguments),
            Value::Context(_) if method == Method::Get && arguments.len() == 1 => self.index(receiver, &arguments[0]),
            Value::Loop(depth) if method == Method::HasNext => Ok(self.loop_property(*depth, "hasNext")),
            Value::Null | Value::Json(_) | Value::Loop(_) | Value::Definition(_) | Value::Context(_) => Ok(Value::Null),
        }
    }

    /// What every Java object has.
    fn of_any(
        &mut self,
        receiver: &Value<'r>,
        method: Method,
        arguments: &[Value<'r>],
    ) -> Result<Option<Value<'r>>, Fault> {
        Ok(Some(match (method, arguments) {
            (Method::ToString, []) => match receiver {
                Value::Text(_) => receiver.clone(),
                _ => {
                    let text = self.text_of(receiver)?.into_owned();
                    self.heap.text(&text)?
                }
            },
            // Unlike `==`, of one kind only.
            (Method::Equals, [other]) => Value::Bool(kind(receiver) == kind(other) && self.equal(receiver, other)?),
            (Method::HashCode, []) => {
                let text = self.text_of(receiver)?;
                let hash =
                    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
                match receiver {
                    Value::Text(_) => Value::Int(hash.into()),
                    Value::Int(number) if i32::try_from(*number).is_ok() => Value::Int(*number),
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        }))
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Text(_) => 4,
        _ => 5,
    }
}

/// An argument that is an int in Java.
fn int(arguments: &[Value], at: usize) -> Option<i64> {
    match arguments.get(at) {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    }
}

fn str_of<'v>(arguments: &'v [Value], at: usize) -> Option<&'v str> {
    match arguments.get(at) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}
