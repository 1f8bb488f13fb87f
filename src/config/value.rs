//! What somebody wrote, before anyone asks what it means: a value with the place where it stands.
//!
//! A settings file gives typed values (`true`, `10`, `"text"`); environment variables and flags give text only, which
//! [`Value::Written`] keeps apart, because there `10` may be meant as a number.

use std::fmt;

/// Where in a file something stands; both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// A value and, when it comes from a file, its place there.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// A date or time, which only TOML has and no setting takes; kept as written for the message.
    Date(String),
    List(Vec<Node>),
    /// In the order of the file, repeated keys included: whoever reads it reports them.
    Table(Vec<Entry>),
    /// Text from an environment variable or a flag; its type is the setting's.
    Written(String),
}

/// One line of a [`Value::Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub place: Option<Place>,
    pub node: Node,
}

impl Node {
    /// The text of an environment variable or of a flag.
    pub fn written(text: impl Into<String>) -> Node {
        Node { value: Value::Written(text.into()), place: None }
    }

    /// A flag that may be repeated: one item for each time that it was given.
    pub fn list(items: impl IntoIterator<Item = Node>) -> Node {
        Node { value: Value::List(items.into_iter().collect()), place: None }
    }

    /// A table that no file holds, such as a pair of flags.
    pub fn table<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Node {
        let entry = |(key, text): (&str, &str)| Entry { key: key.into(), place: None, node: Node::written(text) };
        Node { value: Value::Table(entries.into_iter().map(entry).collect()), place: None }
    }
}

/// As a message names it: `the text "ten"`, `the number 3`, `a list`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => write!(f, "nothing"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "the number {value}"),
            Value::Float(value) => write!(f, "the number {value}"),
            Value::Text(value) => write!(f, "the text {value:?}"),
            Value::Date(value) => write!(f, "the date {value}"),
            Value::List(_) => write!(f, "a list"),
            Value::Table(_) => write!(f, "a table"),
            Value::Written(value) => write!(f, "{value:?}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
