//! A JSON object that is written key by key: absent and empty values stay out.

use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Default)]
pub struct Object(Map<String, Value>);

impl Object {
    pub fn new() -> Object {
        Object::default()
    }

    /// The fields of a part of the model, as its serialization names them.
    pub fn of(part: &impl Serialize) -> Object {
        match serde_json::to_value(part) {
            Ok(Value::Object(map)) => Object(map),
            Ok(_) | Err(_) => unreachable!("parts of the model are maps with text keys"),
        }
    }

    pub fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    pub fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Lists and objects with something in them.
    pub fn put_filled(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
        if !empty {
            self.put(key, value);
        }
    }

    /// Where it is not there yet.
    pub fn put_new(&mut self, key: &str, value: &Value) {
        if !self.0.contains_key(key) {
            self.put(key, value.clone());
        }
    }

    /// What of a documentation part's properties OpenAPI has a place for here: `keys`, and extensions of the author's own.
    pub fn put_described(&mut self, properties: &Map<String, Value>, keys: &[&str]) {
        let reserved = |key: &str| key.starts_with("x-amazon-apigateway-") || key.starts_with("x-tollgate-");
        for (key, value) in properties {
            if keys.contains(&key.as_str()) || key.starts_with("x-") && !reserved(key) {
                self.put_new(key, value);
            }
        }
    }

    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// A word in lower case, as documents write what AWS's API writes in upper case.
    pub fn lower(&mut self, key: &str) {
        if let Some(Value::String(word)) = self.0.get_mut(key) {
            word.make_ascii_lowercase();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}
