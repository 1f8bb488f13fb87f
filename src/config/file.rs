//! A settings file, TOML, YAML or JSON, as a tree of values with their places.

use super::kind::Fault;
use super::value::{Entry, Node, Place, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The largest settings file. A real one has some hundred lines; this keeps a wrong path (a log, a device) from filling
/// the memory.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The most values in one, with what aliases multiply.
const VALUES_MAX: usize = 20_000;

/// Reads a settings file's text.
///
/// # Errors
/// What the system says, what is not UTF-8, and a file above [`FILE_BYTES_MAX`].
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format!("a settings file may have {FILE_BYTES_MAX} bytes at most");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// The top level of a settings file, with everything that keeps its text from being TOML, YAML or JSON.
///
/// When the text cannot be made sense of, the tree is empty: what a guess would say about it confuses.
pub fn parse(path: &Path, text: &str) -> (Vec<Entry>, Vec<Fault>) {
    parse_long(path, text, VALUES_MAX)
}

/// The same for a file with as many values as that, if it is YAML or JSON; in TOML, nothing multiplies.
pub fn parse_long(path: &Path, text: &str, values_max: usize) -> (Vec<Entry>, Vec<Fault>) {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => parse_toml(text),
        Some(extension @ ("yaml" | "yml" | "json")) => {
            match parse_yaml(if extension == "json" { "JSON" } else { "YAML" }, text, values_max) {
                Ok(entries) => (entries, Vec::new()),
                Err(fault) => (Vec::new(), vec![fault]),
            }
        }
        _ => {
            let message = "the name of a settings file ends in .toml, .yaml, .yml or .json".to_owned();
            (Vec::new(), vec![Fault { place: None, message }])
        }
    }
}

fn parse_toml(text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    // A repeated key is the one error that leaves the rest of the tree as it was meant.
    let sound = errors.iter().all(|error| error.message() == "duplicate key");
    let fault = |error: &toml::de::Error| Fault {
        place: error.span().map(|span| lines.place(span)),
        message: match error.message() {
            "duplicate key" => "this key is given twice".to_owned(),
            message => format!("not TOML: {message}"),
        },
    };
    let mut faults: Vec<Fault> = errors.iter().map(fault).collect();
    // An unclosed bracket is reported by each that is open.
    faults.dedup();
    (if sound { toml_entries(table.get_ref(), &lines) } else { Vec::new() }, faults)
}

fn toml_entries(table: &DeTable<'_>, lines: &Lines<'_>) -> Vec<Entry> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
        Entry { key: key_text.to_string(), place: Some(lines.place(key.span())), node: toml_node(value, lines) }
    };
    table.iter().map(entry).collect()
}

fn toml_node(node: &toml::Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Node {
    let value = match node.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        // TOML's integers have 64 bits; the parser leaves longer ones to us.
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Float(f64::INFINITY),
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| toml_node(item, lines)).collect()),
        DeValue::Table(table) => Value::Table(toml_entries(table, lines)),
    };
    Node { value, place: Some(lines.place(node.span())) }
}

/// From offsets to lines.
struct Lines<'a> {
    text: &'a str,
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Lines<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        Lines { text, starts }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self.starts.partition_point(|start| *start <= span.start);
        let start = self.starts[line - 1];
        let column = self.text.get(start..span.start).map_or(0, |before| before.chars().count()) + 1;
        Place { line: line as u32, column: column as u32 }
    }
}

/// JSON is read as the YAML that it is; `language` is for the messages.
fn parse_yaml(language: &str, text: &str, values_max: usize) -> Result<Vec<Entry>, Fault> {
    let options = serde_saphyr::options! {
        // Repeated keys reach the check, which reports every one of them.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `off` is a word here, not YAML 1.1's "false".
        strict_booleans: true,
        with_snippet: false,
        // Aliases may multiply, up to this many values in all: a bomb of a few lines is refused in milliseconds.
        budget: serde_saphyr::budget! { max_nodes: values_max, max_depth: 64, max_aliases: 1_000 },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Content>>(text, options) {
        Ok(root) => match root.value.0 {
            Value::Table(entries) => Ok(entries),
            Value::Null => Ok(Vec::new()),
            value => {
                let message = format!("a settings file is a table, not {value}");
                Err(Fault { place: place(root.referenced), message })
            }
        },
        Err(error) => Err(yaml_fault(language, &error)),
    }
}

fn yaml_fault(language: &str, error: &serde_saphyr::Error) -> Fault {
    // The text goes on with the place in its own way, which we show in ours.
    let text = error.without_snippet().to_string();
    let text = text.split(" at line ").next().unwrap_or(&text).trim_end_matches(':');
    let message = match error.without_snippet() {
        serde_saphyr::Error::MultipleDocuments { .. } => "a settings file is one YAML document, not several".to_owned(),
        _ if text.starts_with("budget breached") => "too many values for a settings file".to_owned(),
        _ => format!("not {language}: {text}"),
    };
    Fault { place: error.location().and_then(place), message }
}

fn place(location: Location) -> Option<Place> {
    let known = location != Location::UNKNOWN;
    known.then(|| Place { line: location.line() as u32, column: location.column() as u32 })
}

fn node(spanned: Spanned<Content>) -> Node {
    Node { value: spanned.value.0, place: place(spanned.referenced) }
}

/// A YAML value of any type, repeated keys included.
struct Content(Value);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content(Value::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content(Value::Integer(value.into())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Content, E> {
        Ok(Content(Value::Integer(value)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Content, E> {
        Ok(Content(i128::try_from(value).map_or(Value::Float(value as f64), Value::Integer)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content(Value::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Content>>()? {
            list.push(node(item));
        }
        Ok(Content(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Content>>()? {
            entries.push(Entry { key: key.value, place: place(key.referenced), node: node(value) });
        }
        Ok(Content(Value::Table(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `key@line:column=value@line:column`, one a line.
    fn render(entries: &[Entry], indent: &str, out: &mut String) {
        for Entry { key, place, node } in entries {
            *out += &format!("{indent}{key}@{}", place.expect("a file gives places"));
            *out += &format!(" = {}@{}\n", node.value, node.place.expect("a file gives places"));
            match &node.value {
                Value::Table(entries) => render(entries, &format!("{indent}  "), out),
                Value::List(items) => {
                    for item in items {
                        *out += &format!("{indent}  {}@{}\n", item.value, item.place.expect("a file gives places"));
                    }
                }
                _ => {}
            }
        }
    }

    #[track_caller]
    fn check(name: &str, text: &str, expected: &str) {
        let (entries, faults) = parse(Path::new(name), text);
        let mut found = String::new();
        render(&entries, "", &mut found);
        for Fault { place, message } in faults {
            let place = place.map_or("?".to_owned(), |place| place.to_string());
            found += &format!("{place} {message}\n");
        }
        assert_eq!(found, expected, "{name}: {text}");
    }

    #[test]
    fn toml() {
        check(
            "t.toml",
            "listen = [\n \"é\", 1]\n[limits]\nbody_bytes_max = 0x10\n",
            "listen@1:1 = a list@1:10\n  the text \"é\"@2:2\n  the number 1@2:7\n\
             limits@3:2 = a table@3:1\n  body_bytes_max@4:1 = the number 16@4:18\n",
        );
        check("t.toml", "a = true\na = 1\n", "a@1:1 = true@1:5\n2:1 this key is given twice\n");
        check("t.toml", "a = 1979-05-27\n", "a@1:1 = the date 1979-05-27@1:5\n");
        check("t.toml", "a = 99999999999999999999\n", "a@1:1 = the number 99999999999999999999@1:5\n");
        check("t.toml", "", "");
    }

    #[test]
    fn yaml() {
        check(
            "t.yaml",
            "listen:\n  - é\n  - 1\nadmin: off\nlimits:\n  body_bytes_max: 0x10\n",
            "listen@1:1 = a list@2:3\n  the text \"é\"@2:5\n  the number 1@3:5\n\
             admin@4:1 = the text \"off\"@4:8\n\
             limits@5:1 = a table@6:3\n  body_bytes_max@6:3 = the number 16@6:19\n",
        );
        check("t.yml", "a: true\na: 1\n", "a@1:1 = true@1:4\na@2:1 = the number 1@2:4\n");
        check("t.yml", "# nothing\n", "");
        check("t.yml", "a: 1\n---\nb: 1\n", "3:1 a settings file is one YAML document, not several\n");
        check("t.yml", "a: *b\n", "1:4 not YAML: alias references unknown anchor\n");
        check("t.yml", "- 1\n", "1:1 a settings file is a table, not a list\n");
    }

    #[test]
    fn json() {
        check(
            "t.json",
            "{\n\t\"admin\": \"off\",\n\t\"shards\": 2\n}\n",
            "admin@2:2 = the text \"off\"@2:11\nshards@3:2 = the number 2@3:12\n",
        );
        check("t.json", "{\"a\": }}", "1:8 not JSON: misplaced bracket\n");
    }

    #[test]
    fn names_decide_the_language() {
        let refused = "? the name of a settings file ends in .toml, .yaml, .yml or .json\n";
        check("tollgate.conf", "", refused);
        check("tollgate", "", refused);
    }
}
