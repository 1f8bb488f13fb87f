//! What templates work on.
//!
//! Lists and maps are shared and changeable, as Java's are: a [`Value`] only says which one it is, and a [`Heap`] has
//! them all for as long as a template runs. So there is nothing to count, and a list that holds itself is no leak.
//!
//! JSON stays where it was parsed. Only for a template that changes lists or maps it is copied, and then no further
//! than the template reaches.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use indexmap::{Equivalent, IndexMap};
use serde_json::Value as Json;

use super::Cause;

/// Why rendering ends; [`super::render`] adds the place.
#[derive(Debug)]
pub(super) struct Fault {
    pub cause: Cause,
    pub message: String,
}

impl Fault {
    pub fn template(message: impl Into<String>) -> Fault {
        Fault { cause: Cause::Template, message: message.into() }
    }

    pub fn budget(message: impl Into<String>) -> Fault {
        Fault { cause: Cause::Budget, message: message.into() }
    }
}

/// Text of the template, of the inputs, or made on the way.
#[derive(Clone, Debug)]
pub(super) enum Text<'r> {
    Borrowed(&'r str),
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Made(text) => text,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Value<'r> {
    Null,
    Bool(bool),
    /// Java's Integer and Long.
    Int(i64),
    Float(f64),
    Text(Text<'r>),
    Object(Id),
    /// An array or an object of JSON that nothing has reached for.
    Json(&'r Json),
    /// `$foreach` of the loop at this depth.
    Loop(usize),
    /// The block of a `#define`, which runs where the value is printed.
    Definition(usize),
    Input,
    Util,
    /// `$context`, or the group of its variables with this name.
    Context(Text<'r>),
}

impl<'r> Value<'r> {
    pub fn borrowed(text: &'r str) -> Self {
        Value::Text(Text::Borrowed(text))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// As a condition: everything but false, null and nothing.
    pub fn is_true(&self) -> bool {
        !matches!(self, Value::Bool(false) | Value::Null)
    }

    pub fn of_json(json: &'r Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => of_number(number),
            Json::String(text) => Value::borrowed(text),
            Json::Array(_) | Json::Object(_) => Value::Json(json),
        }
    }
}

fn of_number<'r>(number: &serde_json::Number) -> Value<'r> {
    number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or_default()), Value::Int)
}

/// Which of a heap's lists and maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

#[derive(Debug)]
pub(super) enum Object<'r> {
    List(List<'r>),
    Map(Map<'r>),
    Entry { key: Value<'r>, value: Value<'r> },
    Iterator { list: Id, next: usize },
}

#[derive(Debug, Default)]
pub(super) struct List<'r> {
    pub items: Vec<Value<'r>>,
    /// Of JSON, and printed as such.
    pub is_json: bool,
}

/// In the order in which it was filled.
pub(super) type Map<'r> = IndexMap<Key<'r>, Value<'r>, ahash::RandomState>;

#[derive(Clone, Debug)]
pub(super) enum Key<'r> {
    Null,
    Bool(bool),
    Int(i64),
    Text(Text<'r>),
}

impl Key<'_> {
    fn parts(&self) -> (u8, i64, &str) {
        match self {
            Key::Null => (0, 0, ""),
            Key::Bool(value) => (1, i64::from(*value), ""),
            Key::Int(value) => (2, *value, ""),
            Key::Text(text) => (3, 0, text),
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// A name to look a key up by.
pub(super) struct Name<'n>(pub &'n str);

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (3_u8, 0_i64, self.0).hash(state);
    }
}

impl Equivalent<Key<'_>> for Name<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Text(text) if **text == *self.0)
    }
}

impl<'r> From<Key<'r>> for Value<'r> {
    fn from(key: Key<'r>) -> Self {
        match key {
            Key::Null => Value::Null,
            Key::Bool(value) => Value::Bool(value),
            Key::Int(value) => Value::Int(value),
            Key::Text(text) => Value::Text(text),
        }
    }
}

/// What a template has made, and how much more it may make.
#[derive(Debug)]
pub(super) struct Heap<'r> {
    objects: Vec<Object<'r>>,
    bytes_left: usize,
    /// Whether the template can change anything: if not, JSON is as good as a copy of it.
    changes: bool,
}

/// What an element of a list or an entry of a map is counted as.
const ITEM_BYTES: usize = 48;

impl<'r> Heap<'r> {
    pub fn new(bytes: usize, changes: bool) -> Self {
        Heap { objects: Vec::new(), bytes_left: bytes, changes }
    }

    pub fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(Fault::budget("the template makes too much text or too long lists")),
        }
    }

    pub fn charge_items(&mut self, items: usize) -> Result<(), Fault> {
        self.charge(items.saturating_mul(ITEM_BYTES))
    }

    pub fn text(&mut self, text: &str) -> Result<Value<'r>, Fault> {
        self.charge(text.len())?;
        Ok(Value::Text(Text::Made(text.into())))
    }

    fn object(&mut self, object: Object<'r>) -> Result<Id, Fault> {
        let id = u32::try_from(self.objects.len()).map_err(|_| Fault::budget("the template makes too many lists"))?;
        self.objects.push(object);
        Ok(Id(id))
    }

    pub fn list(&mut self, items: Vec<Value<'r>>, is_json: bool) -> Result<Value<'r>, Fault> {
        self.charge_items(items.len() + 2)?;
        self.object(Object::List(List { items, is_json })).map(Value::Object)
    }

    pub fn map(&mut self, entries: Map<'r>) -> Result<Id, Fault> {
        self.charge_items(entries.len() + 2)?;
        self.object(Object::Map(entries))
    }

    pub fn entry(&mut self, key: Value<'r>, value: Value<'r>) -> Result<Value<'r>, Fault> {
        self.charge_items(2)?;
        self.object(Object::Entry { key, value }).map(Value::Object)
    }

    pub fn iterator(&mut self, list: Id) -> Result<Value<'r>, Fault> {
        self.charge_items(1)?;
        self.object(Object::Iterator { list, next: 0 }).map(Value::Object)
    }

    pub fn get(&self, id: Id) -> &Object<'r> {
        &self.objects[id.0 as usize]
    }

    pub fn get_mut(&mut self, id: Id) -> &mut Object<'r> {
        &mut self.objects[id.0 as usize]
    }

    /// What a template reaches for: of JSON that it might change, the copy.
    pub fn reached(&mut self, value: Value<'r>) -> Result<Value<'r>, Fault> {
        if self.changes { self.copied(value) } else { Ok(value) }
    }

    /// JSON as a list or a map; its members stay JSON until something reaches for them.
    pub fn copied(&mut self, value: Value<'r>) -> Result<Value<'r>, Fault> {
        match value {
            Value::Json(Json::Array(items)) => self.list(items.iter().map(Value::of_json).collect(), true),
            Value::Json(Json::Object(members)) => {
                let entry = |(name, value): (&'r String, _)| (Key::Text(Text::Borrowed(name)), Value::of_json(value));
                self.map(members.iter().map(entry).collect()).map(Value::Object)
            }
            other => Ok(other),
        }
    }

    /// JSON that was parsed on the way belongs to the heap. Its depth is that which `serde_json` reads: 128.
    pub fn adopt(&mut self, json: Json) -> Result<Value<'r>, Fault> {
        match json {
            Json::Null => Ok(Value::Null),
            Json::Bool(value) => Ok(Value::Bool(value)),
            Json::Number(number) => Ok(of_number(&number)),
            Json::String(text) => self.text(&text),
            Json::Array(items) => {
                let items = items.into_iter().map(|item| self.adopt(item)).collect::<Result<_, _>>()?;
                self.list(items, true)
            }
            Json::Object(members) => {
                let mut entries = Map::default();
                for (name, value) in members {
                    self.charge(name.len())?;
                    entries.insert(Key::Text(Text::Made(name.into())), self.adopt(value)?);
                }
                self.map(entries).map(Value::Object)
            }
        }
    }

    /// The element, reached for: what it has become is what the list has from then on.
    pub fn item(&mut self, list: Id, index: usize) -> Result<Option<Value<'r>>, Fault> {
        let Object::List(found) = self.get(list) else { return Ok(None) };
        let Some(item) = found.items.get(index).cloned() else { return Ok(None) };
        if !self.changes || !matches!(item, Value::Json(_)) {
            return Ok(Some(item));
        }
        let item = self.reached(item)?;
        if let Object::List(found) = self.get_mut(list) {
            found.items[index] = item.clone();
        }
        Ok(Some(item))
    }

    /// The same of a map's value, by its place in the map.
    pub fn value_at(&mut self, map: Id, index: usize) -> Result<Option<Value<'r>>, Fault> {
        let Object::Map(found) = self.get(map) else { return Ok(None) };
        let Some((_, value)) = found.get_index(index) else { return Ok(None) };
        let value = value.clone();
        if !self.changes || !matches!(value, Value::Json(_)) {
            return Ok(Some(value));
        }
        let value = self.reached(value)?;
        if let Object::Map(found) = self.get_mut(map) {
            found[index] = value.clone();
        }
        Ok(Some(value))
    }

    pub fn named(&mut self, map: Id, name: &str) -> Result<Option<Value<'r>>, Fault> {
        let Object::Map(found) = self.get(map) else { return Ok(None) };
        match found.get_index_of(&Name(name)) {
            Some(index) => self.value_at(map, index),
            None => Ok(None),
        }
    }

    pub fn size(&self, id: Id) -> usize {
        match self.get(id) {
            Object::List(list) => list.items.len(),
            Object::Map(map) => map.len(),
            Object::Entry { .. } | Object::Iterator { .. } => 0,
        }
    }
}
