//! Values as text: as Java prints them, and as JSON.
//!
//! A map prints as `{a=1, b=2}` and a template's own list as `[1, 2]`. A list that comes from JSON is json-smart's
//! `JSONArray`, which prints itself and all that is in it as JSON: `{a=1, b=[{"c":5}]}`.

use serde_json::Value as Json;

use super::value::{Fault, Heap, Key, Object, Value};

/// Lists and maps may hold themselves.
const DEPTH_MAX: usize = 130;

/// Appends what `toString` gives. Of values that only a template's run can print there is nothing to say here.
pub(super) fn java(heap: &Heap, value: &Value, output: &mut String, limit: usize) -> Result<(), Fault> {
    Printer { heap, output, limit }.java(value, 0)
}

pub(super) fn json(heap: &Heap, value: &Value, output: &mut String, limit: usize) -> Result<(), Fault> {
    Printer { heap, output, limit }.json(value, 0)
}

struct Printer<'p, 'r> {
    heap: &'p Heap<'r>,
    output: &'p mut String,
    /// Of the output's length.
    limit: usize,
}

impl Printer<'_, '_> {
    fn check(&self, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::template("a list or map is nested too deeply to be printed"));
        }
        if self.output.len() > self.limit {
            return Err(Fault::budget("the template prints too much"));
        }
        Ok(())
    }

    fn java(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        self.check(depth)?;
        match value {
            Value::Null => self.output.push_str("null"),
            Value::Bool(value) => self.output.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => self.output.push_str(itoa::Buffer::new().format(*value)),
            Value::Float(value) => float(*value, self.output),
            Value::Text(text) => self.output.push_str(text),
            Value::Json(json @ Json::Array(_)) => self.json_json(json, depth)?,
            Value::Json(Json::Object(members)) => {
                let entries = members.iter();
                self.entries(entries.map(|(name, value)| (name.as_str(), Value::of_json(value))), depth)?;
            }
            Value::Json(json) => self.java(&Value::of_json(json), depth)?,
            Value::Object(id) => match self.heap.get(*id) {
                Object::List(list) if list.is_json => self.json(value, depth)?,
                Object::List(list) => {
                    self.output.push('[');
                    for (at, item) in list.items.iter().enumerate() {
                        self.output.push_str(if at == 0 { "" } else { ", " });
                        self.java(item, depth + 1)?;
                    }
                    self.output.push(']');
                }
                Object::Map(map) => {
                    self.output.push('{');
                    for (at, (key, value)) in map.iter().enumerate() {
                        self.output.push_str(if at == 0 { "" } else { ", " });
                        self.java(&Value::from(key.clone()), depth + 1)?;
                        self.output.push('=');
                        self.java(value, depth + 1)?;
                    }
                    self.output.push('}');
                }
                Object::Entry { key, value } => {
                    self.java(key, depth + 1)?;
                    self.output.push('=');
                    self.java(value, depth + 1)?;
                }
                Object::Iterator { .. } => {}
            },
            Value::Loop(_) | Value::Definition(_) | Value::Input | Value::Util | Value::Context(_) => {}
        }
        Ok(())
    }

    fn entries<'v>(&mut self, entries: impl Iterator<Item = (&'v str, Value<'v>)>, depth: usize) -> Result<(), Fault> {
        self.output.push('{');
        for (at, (name, value)) in entries.enumerate() {
            self.output.push_str(if at == 0 { "" } else { ", " });
            self.output.push_str(name);
            self.output.push('=');
            self.java(&value, depth + 1)?;
        }
        self.output.push('}');
        Ok(())
    }

    fn json(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        self.check(depth)?;
        match value {
            Value::Text(text) => quoted(text, self.output),
            Value::Json(json) => self.json_json(json, depth)?,
            Value::Object(id) => match self.heap.get(*id) {
                Object::List(list) => {
                    self.output.push('[');
                    for (at, item) in list.items.iter().enumerate() {
                        self.output.push_str(if at == 0 { "" } else { "," });
                        self.json(item, depth + 1)?;
                    }
                    self.output.push(']');
                }
                Object::Map(map) => {
                    self.output.push('{');
                    for (at, (key, value)) in map.iter().enumerate() {
                        self.output.push_str(if at == 0 { "" } else { "," });
                        self.key(key);
                        self.output.push(':');
                        self.json(value, depth + 1)?;
                    }
                    self.output.push('}');
                }
                Object::Entry { .. } | Object::Iterator { .. } => self.output.push_str("null"),
            },
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => self.java(value, depth)?,
            Value::Loop(_) | Value::Definition(_) | Value::Input | Value::Util | Value::Context(_) => {
                self.output.push_str("null");
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &Key) {
        match key {
            Key::Text(text) => quoted(text, self.output),
            Key::Int(number) => quoted(&number.to_string(), self.output),
            Key::Bool(value) => quoted(if *value { "true" } else { "false" }, self.output),
            Key::Null => quoted("null", self.output),
        }
    }

    fn json_json(&mut self, json: &Json, depth: usize) -> Result<(), Fault> {
        self.check(depth)?;
        match json {
            Json::Array(items) => {
                self.output.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.output.push_str(if at == 0 { "" } else { "," });
                    self.json_json(item, depth + 1)?;
                }
                self.output.push(']');
            }
            Json::Object(members) => {
                self.output.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    self.output.push_str(if at == 0 { "" } else { "," });
                    quoted(name, self.output);
                    self.output.push(':');
                    self.json_json(value, depth + 1)?;
                }
                self.output.push('}');
            }
            Json::String(text) => quoted(text, self.output),
            scalar => self.java(&Value::of_json(scalar), depth)?,
        }
        Ok(())
    }
}

/// JSON text. Nothing is escaped that JSON does not ask for.
pub(super) fn quoted(text: &str, output: &mut String) {
    output.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        output.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => output.push_str("\\\""),
            b'\\' => output.push_str("\\\\"),
            b'\n' => output.push_str("\\n"),
            b'\r' => output.push_str("\\r"),
            b'\t' => output.push_str("\\t"),
            0x8 => output.push_str("\\b"),
            0xC => output.push_str("\\f"),
            control => output.push_str(&format!("\\u{control:04X}")),
        }
        rest = &rest[at + 1..];
    }
    output.push_str(rest);
    output.push('"');
}

/// `Double.toString`: decimal between a thousandth and ten million, else with an exponent; always with a fraction.
pub(super) fn float(value: f64, output: &mut String) {
    let magnitude = value.abs();
    if value.is_nan() {
        output.push_str("NaN");
    } else if value.is_infinite() {
        output.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        output.push_str(&format!("{value:?}"));
    } else {
        let text = format!("{value:E}");
        let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        output.push_str(mantissa);
        output.push_str(if mantissa.contains('.') { "E" } else { ".0E" });
        output.push_str(exponent);
    }
}
