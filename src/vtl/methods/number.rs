//! `Integer`, `Double` and `Boolean`; templates also use a number they have at hand to read one from text:
//! `#set($Integer = 0) $Integer.parseInt("12")`.

use super::super::evaluate::Evaluator;
use super::super::syntax::Method;
use super::super::value::{Fault, Value};
use super::str_of;

impl<'r> Evaluator<'r> {
    pub(super) fn number_method(
        &mut self,
        receiver: &Value<'r>,
        method: Method,
        arguments: &[Value<'r>],
    ) -> Result<Value<'r>, Fault> {
        let text = str_of(arguments, 0);
        Ok(match (receiver, method, text) {
            (Value::Int(_), Method::ParseInt | Method::ParseLong | Method::ValueOf, Some(text)) => {
                Value::Int(text.parse().map_err(|_| no_number(text))?)
            }
            (Value::Float(_), Method::ParseDouble | Method::ValueOf, Some(text)) => {
                Value::Float(text.trim().parse().map_err(|_| no_number(text))?)
            }
            (Value::Bool(_), Method::ParseBoolean | Method::ValueOf, Some(text)) => {
                Value::Bool(text.eq_ignore_ascii_case("true"))
            }
            (Value::Bool(_), Method::BooleanValue, None) => receiver.clone(),
            (Value::Int(_), Method::IntValue | Method::LongValue, None) => receiver.clone(),
            // As a Java cast does: towards zero, and to the nearest end.
            (Value::Float(value), Method::IntValue, None) => Value::Int((*value as i32).into()),
            (Value::Float(value), Method::LongValue, None) => Value::Int(*value as i64),
            (Value::Int(value), Method::DoubleValue, None) => Value::Float(*value as f64),
            (Value::Float(_), Method::DoubleValue, None) => receiver.clone(),
            (_, Method::CompareTo, None) => match (receiver, arguments) {
                (Value::Int(left), [Value::Int(right)]) => Value::Int(left.cmp(right) as i64),
                (Value::Float(left), [Value::Float(right)]) => Value::Int(left.total_cmp(right) as i64),
                _ => Value::Null,
            },
            _ => Value::Null,
        })
    }
}

fn no_number(text: &str) -> Fault {
    let shown: String = text.chars().take(40).collect();
    Fault::template(format!("not a number: {shown:?}"))
}
