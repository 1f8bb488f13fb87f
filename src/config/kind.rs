//! The types that a setting can have: how each reads what was written, and how it shows its value.
//!
//! Numbers, switches, texts, paths and lists are here, words from a fixed set in [`super::choice`], addresses and
//! networks in [`super::address`], and what only one setting takes in [`super::special`].

use super::value::{Node, Place, Value};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};

/// The type of a setting's value.
pub trait Kind: Sized {
    /// Whether no message may repeat what was written.
    const IS_SECRET: bool = false;

    /// Reads what was written.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place when that is narrower than the setting's.
    fn read(node: &Node, context: Context<'_>) -> Result<Self, Vec<Fault>>;

    /// The value as `tollgate config` prints it; JSON's null for "not set".
    fn show(&self) -> serde_json::Value;

    /// What may be written, to follow "write": `a whole number of bytes from 256 to 1048576`.
    fn allowed(facts: &Facts) -> String;
}

/// What [`Kind::read`] may know beside the value.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub facts: &'a Facts,
    /// The folder of the settings file, to which paths written in it are relative; none for other sources.
    pub base: Option<&'a Path>,
}

/// Something wrong inside one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// None when the whole value is meant.
    pub place: Option<Place>,
    pub message: String,
}

/// What the table says of a setting beside its name, type and default.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub unit: Unit,
    /// The smallest and the largest number allowed, both included; numbers only.
    pub range: (u64, u64),
    /// The flag, `--listen`; `FILE` for the files that a command names.
    pub flag: Option<&'static str>,
    /// What AWS's service does, where it documents a value.
    pub aws: Option<&'static str>,
    /// The value that `parity = "aws"` gives it; numbers only.
    pub parity: Option<u64>,
    /// A further rule for a text.
    pub rule: Option<TextRule>,
}

/// A rule for a text: what must hold, and how a message says it.
#[derive(Clone, Copy, Debug)]
pub struct TextRule {
    pub holds: fn(&str) -> bool,
    pub allowed: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Bytes,
    Milliseconds,
    BytesPerSecond,
}

impl Facts {
    pub const fn plain() -> Facts {
        Facts { unit: Unit::None, range: (0, u64::MAX), flag: None, aws: None, parity: None, rule: None }
    }

    pub const fn count(min: u64, max: u64) -> Facts {
        Facts { range: (min, max), ..Facts::plain() }
    }

    pub const fn bytes(min: u64, max: u64) -> Facts {
        Facts { unit: Unit::Bytes, range: (min, max), ..Facts::plain() }
    }

    pub const fn bytes_per_second(min: u64, max: u64) -> Facts {
        Facts { unit: Unit::BytesPerSecond, range: (min, max), ..Facts::plain() }
    }

    pub const fn milliseconds(min: u64, max: u64) -> Facts {
        Facts { unit: Unit::Milliseconds, range: (min, max), ..Facts::plain() }
    }

    pub const fn text(rule: TextRule) -> Facts {
        Facts { rule: Some(rule), ..Facts::plain() }
    }

    pub const fn flag(self, flag: &'static str) -> Facts {
        Facts { flag: Some(flag), ..self }
    }

    pub const fn aws(self, aws: &'static str) -> Facts {
        Facts { aws: Some(aws), ..self }
    }

    pub const fn parity(self, value: u64) -> Facts {
        Facts { parity: Some(value), ..self }
    }
}

impl Fault {
    pub fn at(node: &Node, message: impl Into<String>) -> Fault {
        Fault { place: node.place, message: message.into() }
    }

    /// The usual message for a value that cannot be taken.
    pub fn unfit<K: Kind>(node: &Node, context: Context<'_>) -> Vec<Fault> {
        let written = if K::IS_SECRET { "this".to_owned() } else { node.value.to_string() };
        vec![Fault::at(node, format!("{written} is not allowed; write {}", K::allowed(context.facts)))]
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::None => "",
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "milliseconds",
            Unit::BytesPerSecond => "bytes per second",
        })
    }
}

impl Kind for bool {
    fn read(node: &Node, context: Context<'_>) -> Result<bool, Vec<Fault>> {
        match &node.value {
            Value::Bool(value) => Ok(*value),
            Value::Written(text) if text == "true" => Ok(true),
            Value::Written(text) if text == "false" => Ok(false),
            _ => Err(Fault::unfit::<bool>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }

    fn allowed(_: &Facts) -> String {
        "true or false".to_owned()
    }
}

impl Kind for u64 {
    fn read(node: &Node, context: Context<'_>) -> Result<u64, Vec<Fault>> {
        let number = match &node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Written(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        let (min, max) = context.facts.range;
        number.filter(|number| (min..=max).contains(number)).ok_or_else(|| Fault::unfit::<u64>(node, context))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }

    fn allowed(facts: &Facts) -> String {
        let (min, max) = facts.range;
        match facts.unit {
            Unit::None => format!("a whole number from {min} to {max}"),
            unit => format!("a whole number of {unit} from {min} to {max}"),
        }
    }
}

impl Kind for u32 {
    fn read(node: &Node, context: Context<'_>) -> Result<u32, Vec<Fault>> {
        let number = u64::read(node, context)?;
        u32::try_from(number).map_err(|_| Fault::unfit::<u32>(node, context))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }

    fn allowed(facts: &Facts) -> String {
        u64::allowed(facts)
    }
}

impl Kind for String {
    fn read(node: &Node, context: Context<'_>) -> Result<String, Vec<Fault>> {
        match &node.value {
            Value::Text(text) | Value::Written(text) if context.facts.rule.is_none_or(|rule| (rule.holds)(text)) => {
                Ok(text.clone())
            }
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Date(_) => {
                let (value, allowed) = (&node.value, String::allowed(context.facts));
                Err(vec![Fault::at(node, format!("{value} is not a text; put it in quotes and write {allowed}"))])
            }
            _ => Err(Fault::unfit::<String>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }

    fn allowed(facts: &Facts) -> String {
        facts.rule.map_or("a text", |rule| rule.allowed).to_owned()
    }
}

impl Kind for Option<String> {
    fn read(node: &Node, context: Context<'_>) -> Result<Option<String>, Vec<Fault>> {
        String::read(node, context).map(Some)
    }

    fn show(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, Kind::show)
    }

    fn allowed(facts: &Facts) -> String {
        String::allowed(facts)
    }
}

impl Kind for PathBuf {
    fn read(node: &Node, context: Context<'_>) -> Result<PathBuf, Vec<Fault>> {
        match &node.value {
            Value::Text(text) | Value::Written(text) if !text.is_empty() && !text.contains('\0') => {
                Ok(context.base.map_or_else(|| PathBuf::from(text), |base| base.join(text)))
            }
            _ => Err(Fault::unfit::<PathBuf>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.to_string_lossy())
    }

    fn allowed(_: &Facts) -> String {
        "a path".to_owned()
    }
}

impl Kind for Option<PathBuf> {
    fn read(node: &Node, context: Context<'_>) -> Result<Option<PathBuf>, Vec<Fault>> {
        PathBuf::read(node, context).map(Some)
    }

    fn show(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, Kind::show)
    }

    fn allowed(facts: &Facts) -> String {
        PathBuf::allowed(facts)
    }
}

/// In a variable the items are separated by commas; a repeated flag gives one item each time.
impl<K: Kind> Kind for Vec<K> {
    const IS_SECRET: bool = K::IS_SECRET;

    fn read(node: &Node, context: Context<'_>) -> Result<Vec<K>, Vec<Fault>> {
        match &node.value {
            Value::List(items) => collect(items.iter().map(|item| K::read(item, context))),
            Value::Written(text) => collect(comma_separated(text).map(|item| K::read(&Node::written(item), context))),
            _ => Err(Fault::unfit::<Vec<K>>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        self.iter().map(Kind::show).collect()
    }

    fn allowed(facts: &Facts) -> String {
        format!("a list, each item {}", K::allowed(facts))
    }
}

/// The items of a list in an environment variable.
pub fn comma_separated(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// All values, or the faults of all that have any.
fn collect<K>(results: impl Iterator<Item = Result<K, Vec<Fault>>>) -> Result<Vec<K>, Vec<Fault>> {
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<K: Kind>(value: Value, facts: Facts, expected: Result<serde_json::Value, &str>) {
        let node = Node { value, place: None };
        let base = Some(Path::new("/etc/tollgate"));
        let found = K::read(&node, Context { facts: &facts, base }).map(|value| value.show());
        let found =
            found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>().join("\n"));
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn switches() {
        let bad = |value: &str| format!("{value} is not allowed; write true or false");
        check::<bool>(Value::Bool(true), Facts::plain(), Ok(json!(true)));
        check::<bool>(Value::Written("false".into()), Facts::plain(), Ok(json!(false)));
        check::<bool>(Value::Written("yes".into()), Facts::plain(), Err(&bad("\"yes\"")));
        check::<bool>(Value::Text("true".into()), Facts::plain(), Err(&bad("the text \"true\"")));
        check::<bool>(Value::Integer(1), Facts::plain(), Err(&bad("the number 1")));
    }

    #[test]
    fn numbers() {
        let facts = Facts::bytes(256, 1024);
        let bad = |value: &str| format!("{value} is not allowed; write a whole number of bytes from 256 to 1024");
        check::<u64>(Value::Integer(256), facts, Ok(json!(256)));
        check::<u64>(Value::Written("1024".into()), facts, Ok(json!(1024)));
        check::<u64>(Value::Integer(255), facts, Err(&bad("the number 255")));
        check::<u64>(Value::Integer(-256), facts, Err(&bad("the number -256")));
        check::<u64>(Value::Float(300.5), facts, Err(&bad("the number 300.5")));
        check::<u64>(Value::Written("+300".into()), facts, Err(&bad("\"+300\"")));
        check::<u64>(Value::Written(String::new()), facts, Err(&bad("\"\"")));
        check::<u64>(Value::Text("300".into()), facts, Err(&bad("the text \"300\"")));
        check::<u64>(Value::Null, facts, Err(&bad("nothing")));
        check::<u32>(Value::Integer(i128::MAX), facts, Err(&bad(&format!("the number {}", i128::MAX))));
    }

    #[test]
    fn texts() {
        let facts = Facts::text(TextRule { holds: |text| text == "a", allowed: "the letter a" });
        check::<String>(Value::Text("a".into()), facts, Ok(json!("a")));
        check::<String>(Value::Text("b".into()), facts, Err("the text \"b\" is not allowed; write the letter a"));
        let quotes = "the number 1 is not a text; put it in quotes and write the letter a";
        check::<String>(Value::Integer(1), facts, Err(quotes));
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        check::<PathBuf>(Value::Text("api.yaml".into()), Facts::plain(), Ok(json!("/etc/tollgate/api.yaml")));
        check::<PathBuf>(Value::Text("/srv/api.yaml".into()), Facts::plain(), Ok(json!("/srv/api.yaml")));
        check::<PathBuf>(Value::Text(String::new()), Facts::plain(), Err("the text \"\" is not allowed; write a path"));
    }

    #[test]
    fn lists_report_every_item() {
        let items = |texts: &[&str]| Value::List(texts.iter().map(|text| Node::written(*text)).collect());
        let facts = Facts::count(1, 9);
        check::<Vec<u64>>(items(&["1", "2"]), facts, Ok(json!([1, 2])));
        check::<Vec<u64>>(Value::Written(" 1, 2,".into()), facts, Ok(json!([1, 2])));
        let bad = "\"0\" is not allowed; write a whole number from 1 to 9\n\"x\" is not allowed; write a whole number \
                   from 1 to 9";
        check::<Vec<u64>>(items(&["0", "1", "x"]), facts, Err(bad));
        let single = "the number 1 is not allowed; write a list, each item a whole number from 1 to 9";
        check::<Vec<u64>>(Value::Integer(1), facts, Err(single));
    }
}
