//! A document as a tree of values, each of which knows where it stands.

use std::borrow::Cow;

/// Which of the files that were read. 16 bits: [`super::source::FILES_MAX`] is far below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIndex(pub u16);

/// Line and column from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub file: FileIndex,
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub position: Position,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Boolean(bool),
    /// As written: `1.0` is a version as well as a number.
    Number(Box<str>),
    String(Box<str>),
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Box<str>,
    pub key_position: Position,
    pub value: Node,
}

/// Entries in the order of the document.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
    /// Positions in `entries`, sorted by key.
    sorted: Vec<u32>,
}

/// Two entries of a mapping have the same key.
#[derive(Debug)]
pub struct DuplicateKey {
    pub key: Box<str>,
    pub first: Position,
    pub second: Position,
}

impl Mapping {
    pub fn new(entries: Vec<Entry>) -> Result<Mapping, DuplicateKey> {
        let mut sorted: Vec<u32> = (0..entries.len() as u32).collect();
        sorted.sort_by(|left, right| entries[*left as usize].key.cmp(&entries[*right as usize].key));
        let duplicate = sorted.windows(2).find(|pair| entries[pair[0] as usize].key == entries[pair[1] as usize].key);
        if let Some(pair) = duplicate {
            let (first, second) = (&entries[pair[0] as usize], &entries[pair[1] as usize]);
            let (key, first, second) = (first.key.clone(), first.key_position, second.key_position);
            return Err(DuplicateKey { key, first, second });
        }
        Ok(Mapping { entries, sorted })
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let at = self.sorted.binary_search_by(|at| (*self.entries[*at as usize].key).cmp(key)).ok()?;
        Some(&self.entries[self.sorted[at] as usize])
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

impl Node {
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What the node is, for a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The target of a reference object.
    pub fn reference(&self) -> Option<(&str, Position)> {
        let target = self.as_mapping()?.get("$ref")?;
        Some((target.as_str()?, target.position))
    }

    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(text) => json_number(text),
            Value::String(text) => text.as_ref().into(),
            Value::Sequence(nodes) => nodes.iter().map(Node::to_json).collect(),
            Value::Mapping(mapping) => {
                mapping.entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect()
            }
        }
    }
}

/// A number of JSON, or a text where JSON has no such number (`0x1F`, `.inf`).
fn json_number(text: &str) -> serde_json::Value {
    let plain: Cow<'_, str> = text.strip_prefix('+').unwrap_or(text).into();
    serde_json::from_str(&plain)
        .ok()
        .filter(serde_json::Value::is_number)
        .or_else(|| plain.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(serde_json::Value::Number))
        .unwrap_or_else(|| text.into())
}
