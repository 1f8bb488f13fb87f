//! What every reader of a part of the document uses: typed access with problems noted by place, and key checking.

use std::collections::HashMap;

use super::Strictness;
use super::keys::Keys;
use super::source::Files;
use super::tree::{Entry, Mapping, Node, Position, Value};
use crate::diagnostic::Diagnostic;
use crate::model::{OrderedMap, Pointer};

/// The document's files, what was found wrong, and where each value of the model came from.
pub struct Reader<'d> {
    pub files: &'d Files,
    pub strictness: Strictness,
    pub problems: Vec<Diagnostic>,
    pub positions: HashMap<Pointer, Position>,
}

impl<'d> Reader<'d> {
    pub fn new(files: &'d Files, strictness: Strictness) -> Reader<'d> {
        Reader { files, strictness, problems: Vec::new(), positions: HashMap::new() }
    }

    pub fn error(&mut self, position: Position, message: impl Into<String>) {
        self.problems.push(Diagnostic::error(message).at(self.files.place(position)));
    }

    pub fn error_with_help(&mut self, position: Position, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::error(message).at(self.files.place(position)).help(help));
    }

    pub fn warning(&mut self, position: Position, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::warning(message).at(self.files.place(position)).help(help));
    }

    /// What AWS's import passes over: an error in a document that is to be served as it is.
    pub fn passed_over(&mut self, position: Position, message: impl Into<String>, help: impl Into<String>) {
        match self.strictness {
            Strictness::Serve => self.error_with_help(position, message, help),
            Strictness::Import => self.warning(position, message, help),
        }
    }

    /// Notes that a value of the model stands here.
    pub fn stands_at(&mut self, pointer: Pointer, position: Position) {
        self.positions.insert(pointer, position);
    }

    /// The mapping that `node` is or refers to.
    pub fn mapping(&mut self, node: &'d Node, what: &str) -> Option<&'d Mapping> {
        let node = self.files.resolve(node)?;
        if let Value::Mapping(mapping) = &node.value {
            return Some(mapping);
        }
        self.error(node.position, format!("{what} must be a mapping, not {}", node.kind()));
        None
    }

    /// The mapping, with every key known.
    pub fn object(&mut self, node: &'d Node, keys: &Keys) -> Option<&'d Mapping> {
        let mapping = self.mapping(node, keys.what)?;
        self.check_keys(mapping, keys);
        Some(mapping)
    }

    /// The same of an object that is not AWS's: what is unknown in it is an error, also where AWS's import would pass on.
    pub fn own_object(&mut self, node: &'d Node, keys: &Keys) -> Option<&'d Mapping> {
        let mapping = self.mapping(node, keys.what)?;
        for entry in mapping.entries() {
            if let Some(unknown) = keys.unknown(&entry.key) {
                self.error_with_help(entry.key_position, unknown.message, unknown.help);
            }
        }
        Some(mapping)
    }

    /// The same of an object that locks a door: a word of AWS's that nobody knows in it is a lock that nobody turns.
    pub fn locking_object(&mut self, node: &'d Node, keys: &Keys) -> Option<&'d Mapping> {
        let mapping = self.mapping(node, keys.what)?;
        for entry in mapping.entries() {
            let Some(unknown) = keys.unknown(&entry.key) else { continue };
            if entry.key.starts_with("x-amazon-apigateway-") {
                self.error_with_help(entry.key_position, unknown.message, unknown.help);
            } else {
                self.passed_over(entry.key_position, unknown.message, unknown.help);
            }
        }
        Some(mapping)
    }

    pub fn check_keys(&mut self, mapping: &'d Mapping, keys: &Keys) {
        for entry in mapping.entries() {
            if let Some(unknown) = keys.unknown(&entry.key) {
                self.passed_over(entry.key_position, unknown.message, unknown.help);
            }
        }
    }

    /// The entries of the mapping at `key`; none where it is absent.
    pub fn entries(&mut self, parent: &'d Mapping, key: &str) -> &'d [Entry] {
        let Some(node) = parent.get(key) else { return &[] };
        self.mapping(node, &format!("`{key}`")).map_or(&[], Mapping::entries)
    }

    pub fn sequence(&mut self, parent: &'d Mapping, key: &str) -> &'d [Node] {
        let Some(node) = parent.get(key).and_then(|node| self.files.resolve(node)) else { return &[] };
        if let Value::Sequence(nodes) = &node.value {
            return nodes;
        }
        self.error(node.position, format!("`{key}` must be a list, not {}", node.kind()));
        &[]
    }

    pub fn string(&mut self, parent: &'d Mapping, key: &str) -> Option<&'d str> {
        let node = parent.get(key)?;
        self.text(node, key)
    }

    /// A string; numbers and booleans are taken as they are written, as AWS takes them (`statusCode: 200`).
    pub fn text(&mut self, node: &'d Node, key: &str) -> Option<&'d str> {
        match &node.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Boolean(true) => Some("true"),
            Value::Boolean(false) => Some("false"),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
                self.error(node.position, format!("`{key}` must be a string, not {}", node.kind()));
                None
            }
        }
    }

    pub fn boolean(&mut self, parent: &'d Mapping, key: &str) -> Option<bool> {
        let node = parent.get(key)?;
        match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::String(text) if matches!(&**text, "true" | "false") => Some(&**text == "true"),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
                self.error(node.position, format!("`{key}` must be true or false, not {}", node.kind()));
                None
            }
        }
    }

    /// A whole number, also in quotes as AWS exports some.
    pub fn integer(&mut self, parent: &'d Mapping, key: &str) -> Option<i32> {
        let node = parent.get(key)?;
        let number = match &node.value {
            Value::Number(text) | Value::String(text) => text.parse().ok(),
            Value::Null | Value::Boolean(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        };
        if number.is_none() {
            self.error(node.position, format!("`{key}` must be a whole number, not {}", node.kind()));
        }
        number
    }

    /// A number, with or without a fraction.
    pub fn number(&mut self, parent: &'d Mapping, key: &str) -> Option<f64> {
        let node = parent.get(key)?;
        let number = match &node.value {
            Value::Number(text) | Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Value::Null | Value::Boolean(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        };
        if number.is_none() {
            self.error(node.position, format!("`{key}` must be a number, not {}", node.kind()));
        }
        number
    }

    pub fn strings(&mut self, parent: &'d Mapping, key: &str) -> Vec<String> {
        let nodes = self.sequence(parent, key);
        nodes.iter().filter_map(|node| self.text(node, key).map(str::to_owned)).collect()
    }

    /// A map of texts, each with its place noted below `pointer`.
    pub fn string_map(&mut self, parent: &'d Mapping, key: &str, pointer: &Pointer) -> OrderedMap<String> {
        let pointer = pointer.child(key);
        let mut map = OrderedMap::new();
        for entry in self.entries(parent, key) {
            if let Some(text) = self.text(&entry.value, &entry.key) {
                self.stands_at(pointer.child(&entry.key), entry.key_position);
                map.insert(entry.key.to_string(), text.to_owned());
            }
        }
        map
    }

    /// One of a few words, in any case as AWS takes them.
    pub fn choice<T: Copy>(&mut self, parent: &'d Mapping, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string(parent, key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let position = parent.get(key).map(|node| node.position)?;
        let help = super::keys::suggestion(text, &names)
            .unwrap_or_else(|| format!("it is one of {}", super::keys::listed(&names)));
        self.error_with_help(position, format!("`{text}` is not a value of `{key}`"), help);
        None
    }
}
