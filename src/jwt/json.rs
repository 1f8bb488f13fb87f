//! JSON objects as tokens may have them.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::JsonFault;

/// Levels of arrays and objects. Keycloak's roles, the deepest claims in common use, take four.
const DEPTH_MAX: usize = 16;

/// # Errors
/// Not one whole JSON object, deeper than [`DEPTH_MAX`], or with a member twice in an object at any depth.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let fault = Cell::new(JsonFault::Malformed);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { levels_left: DEPTH_MAX, fault: &fault }.deserialize(&mut deserializer);
    match (value, deserializer.end()) {
        (Ok(Value::Object(members)), Ok(())) => Ok(members),
        (Ok(_), _) => Err(JsonFault::Malformed),
        (Err(_), _) => Err(fault.get()),
    }
}

/// Reads a value. serde's errors are texts: which fault it was is told beside them.
#[derive(Clone, Copy)]
struct Strict<'f> {
    levels_left: usize,
    fault: &'f Cell<JsonFault>,
}

impl<'f> Strict<'f> {
    fn deeper<E: Error>(self) -> Result<Strict<'f>, E> {
        let levels_left = self.levels_left.checked_sub(1).ok_or_else(|| self.fail(JsonFault::TooDeep))?;
        Ok(Strict { levels_left, ..self })
    }

    fn fail<E: Error>(self, fault: JsonFault) -> E {
        self.fault.set(fault);
        E::custom(fault)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.fail(JsonFault::Malformed))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(self.fail(JsonFault::DuplicateMember));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, JsonFault>) {
        let read = object(text.as_bytes()).map(|members| Value::Object(members).to_string());
        assert_eq!(read.as_deref().map_err(|fault| *fault), expected, "{text}");
    }

    #[test]
    fn objects_are_read_whole_or_refused() {
        use JsonFault::{DuplicateMember, Malformed, TooDeep};
        check(" { } ", Ok("{}"));
        check(r#"{"b":[1,-2,3.5,"x",null,true],"a":{}}"#, Ok(r#"{"b":[1,-2,3.5,"x",null,true],"a":{}}"#));
        check(r#"{"n":18446744073709551615}"#, Ok(r#"{"n":18446744073709551615}"#));
        for malformed in ["", "[]", "1", "null", "{", "{}x", "{} {}", r#"{"a":1e400}"#, r#"{"a":NaN}"#, r#"{"a":01}"#] {
            check(malformed, Err(Malformed));
        }
        check(r#"{"a":"\ud800"}"#, Err(Malformed));
        check("\u{feff}{}", Err(Malformed));
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(Malformed));
        check(r#"{"a":1,"a":1}"#, Err(DuplicateMember));
        check(r#"{"a":1,"\u0061":2}"#, Err(DuplicateMember));
        check(r#"{"b":[{"a":1,"c":2,"a":1}]}"#, Err(DuplicateMember));
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        check(&nested(DEPTH_MAX - 1), Ok(&nested(DEPTH_MAX - 1)));
        check(&nested(DEPTH_MAX), Err(TooDeep));
        check(&nested(4000), Err(TooDeep));
    }
}
