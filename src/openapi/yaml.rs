//! YAML 1.2 text → tree, by `saphyr-parser`'s events, within bounds.
//!
//! Aliases are copied where they are used, so what a document can make of itself is bounded by
//! [`ALIASED_NODES_MAX`], not by what its author meant ("billion laughs" is a few hundred bytes long).

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::tree::{DuplicateKey, Entry, FileIndex, Mapping, Node, Position, Value};

/// Nested deeper than any OpenAPI document; the readers of the tree recurse, so this also bounds their stack.
pub const DEPTH_MAX: usize = 100;
/// Values in one document, aliases not counted: some 50 times a document of 100,000 lines.
pub const NODES_MAX: usize = 5_000_000;
/// Values that anchors and aliases copy in one document.
pub const ALIASED_NODES_MAX: usize = 500_000;

/// What is wrong with a text, before it is known what it should be.
#[derive(Debug)]
pub struct SyntaxError {
    pub position: Position,
    pub message: String,
    pub help: Option<String>,
    /// Where the first of two stands.
    pub related: Option<(String, Position)>,
}

impl SyntaxError {
    pub fn new(position: Position, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position, message: message.into(), help: None, related: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> SyntaxError {
        self.help = Some(help.into());
        self
    }
}

impl From<DuplicateKey> for SyntaxError {
    fn from(duplicate: DuplicateKey) -> SyntaxError {
        let mut error = SyntaxError::new(duplicate.second, format!("the key `{}` is here twice", duplicate.key));
        error.related = Some(("the first one".to_owned(), duplicate.first));
        error.help("a reader would take one of the two and forget the other: keep one")
    }
}

/// The only document in `text`; `None` where it has none.
pub fn parse(text: &str, file: FileIndex) -> Result<Option<Node>, SyntaxError> {
    let mut parser = Parser::new(StrInput::new(text));
    let mut builder = Builder { file, ..Builder::default() };
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| scan_error(&error, file, text))?;
        builder.event(event, span)?;
    }
    Ok(builder.document)
}

fn scan_error(error: &saphyr_parser::ScanError, file: FileIndex, text: &str) -> SyntaxError {
    let marker = error.marker();
    let message = format!("this is not YAML: {}", error.info());
    // The scanner notices an indenting tab one token late, so it may stand on the next line.
    let first = marker.line().saturating_sub(1);
    let mut lines = text.lines().enumerate().skip(first).take(2);
    let indenting_tab = lines.find_map(|(at, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        indent.find('\t').map(|column| (at, column))
    });
    if let Some((line, column)) = indenting_tab {
        let position = Position { file, line: line as u32 + 1, column: column as u32 + 1 };
        return SyntaxError::new(position, message).help("YAML is indented with spaces, not with tabs");
    }
    let position = Position { file, line: marker.line() as u32, column: marker.col() as u32 + 1 };
    SyntaxError::new(position, message)
}

/// A collection whose end has not come yet.
struct Open {
    position: Position,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, merges: Vec<Node>, key: Option<(Box<str>, Position)> },
}

struct Builder {
    file: FileIndex,
    open: Vec<Open>,
    /// Complete nodes with an anchor, and how many nodes each is.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    aliased: usize,
    documents: usize,
    document: Option<Node>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            file: FileIndex(0),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
            documents: 0,
            document: None,
        }
    }
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let position = self.position(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                let more = SyntaxError::new(position, "a second YAML document starts here");
                let more = more.help("put each API into a file of its own");
                if self.documents > 1 { Err(more) } else { Ok(()) }
            }
            Event::Alias(anchor) => self.alias(anchor, position),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(position)?;
                let value = scalar(&text, style, tag.as_deref(), position)?;
                self.complete(Node { position, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(position, anchor, tag.as_deref(), OpenContent::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let content = OpenContent::Mapping { entries: Vec::new(), merges: Vec::new(), key: None };
                self.start(position, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn position(&self, span: Span) -> Position {
        Position { file: self.file, line: span.start.line() as u32, column: span.start.col() as u32 + 1 }
    }

    fn count(&mut self, position: Position) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(SyntaxError::new(position, format!("the document has more than {NODES_MAX} values")));
        }
        Ok(())
    }

    fn start(
        &mut self,
        position: Position,
        anchor: usize,
        tag: Option<&Tag>,
        content: OpenContent,
    ) -> Result<(), SyntaxError> {
        self.count(position)?;
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(unknown_tag(tag, position));
        }
        if self.open.len() >= DEPTH_MAX {
            let message = format!("values are nested more than {DEPTH_MAX} deep here");
            return Err(SyntaxError::new(position, message));
        }
        self.open.push(Open { position, anchor, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            OpenContent::Sequence(nodes) => Value::Sequence(nodes),
            OpenContent::Mapping { entries, merges, .. } => Value::Mapping(Mapping::new(merged(entries, merges)?)?),
        };
        self.complete(Node { position: open.position, value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), SyntaxError> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::new(position, "this alias stands inside the value that it names"));
        };
        count_copies(&mut self.aliased, *size, position)?;
        let depth = self.open.len() + depth(node);
        if depth > DEPTH_MAX {
            return Err(SyntaxError::new(position, format!("this alias nests values more than {DEPTH_MAX} deep")));
        }
        // The copy keeps the positions of the original: that is where a mistake in it is to be corrected.
        let node = node.clone();
        self.complete(node, 0)
    }

    /// Puts a complete node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor > 0 {
            let size = size(&node);
            count_copies(&mut self.aliased, size, node.position)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        match &mut open.content {
            OpenContent::Sequence(nodes) => nodes.push(node),
            OpenContent::Mapping { entries, merges, key } => match key.take() {
                None => *key = Some(key_of(node)?),
                Some((name, _)) if &*name == "<<" => merges.push(node),
                Some((key, key_position)) => {
                    let mut value = node;
                    // An absent value is reported by some positions beyond its line.
                    if matches!(value.value, Value::Null) {
                        value.position = key_position;
                    }
                    entries.push(Entry { key, key_position, value });
                }
            },
        }
        Ok(())
    }
}

fn count_copies(aliased: &mut usize, size: usize, position: Position) -> Result<(), SyntaxError> {
    *aliased += size;
    if *aliased <= ALIASED_NODES_MAX {
        return Ok(());
    }
    let message = format!("aliases make this document larger by more than {ALIASED_NODES_MAX} values");
    let error = SyntaxError::new(position, message);
    Err(error.help("use `$ref` to name a value in several places"))
}

fn key_of(node: Node) -> Result<(Box<str>, Position), SyntaxError> {
    let key = match node.value {
        Value::String(text) | Value::Number(text) => text,
        Value::Boolean(value) => value.to_string().into(),
        Value::Null => "null".into(),
        Value::Sequence(_) | Value::Mapping(_) => {
            return Err(SyntaxError::new(node.position, "a key must be a plain text here, not a list or a mapping"));
        }
    };
    Ok((key, node.position))
}

/// Merge keys (`<<: *defaults`), which YAML 1.1 has and OpenAPI authors use: what is written out wins.
fn merged(mut entries: Vec<Entry>, merges: Vec<Node>) -> Result<Vec<Entry>, SyntaxError> {
    if merges.is_empty() {
        return Ok(entries);
    }
    let mut keys: HashSet<Box<str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    for node in merges {
        let position = node.position;
        let sources = match node.value {
            Value::Sequence(nodes) => nodes,
            value => vec![Node { position, value }],
        };
        for source in sources {
            let Value::Mapping(mapping) = source.value else {
                return Err(SyntaxError::new(source.position, "`<<` takes a mapping, or a list of mappings"));
            };
            for entry in mapping.into_entries() {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry);
                }
            }
        }
    }
    Ok(entries)
}

fn unknown_tag(tag: &Tag, position: Position) -> SyntaxError {
    let error = SyntaxError::new(position, format!("the tag `{tag}` has no meaning in an OpenAPI document"));
    error.help("CloudFormation and SAM templates are not read; write the value out")
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, position: Position) -> Result<Value, SyntaxError> {
    if let Some(tag) = tag {
        if !tag.is_yaml_core_schema() {
            return Err(unknown_tag(tag, position));
        }
        if tag.suffix == "str" {
            return Ok(Value::String(text.into()));
        }
    }
    Ok(if style == ScalarStyle::Plain { plain(text) } else { Value::String(text.into()) })
}

/// The core schema of YAML 1.2 (section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if is_number(text) => Value::Number(text.into()),
        _ => Value::String(text.into()),
    }
}

fn is_number(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.contains(|digit: char| digit.is_ascii_digit())
        && unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && unsigned.parse::<f64>().is_ok()
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Sequence(nodes) => nodes.iter().map(size).sum(),
        Value::Mapping(mapping) => mapping.entries().iter().map(|entry| size(&entry.value)).sum(),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(nodes) => 1 + nodes.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(mapping) => 1 + mapping.entries().iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match parse(text, FileIndex(0)) {
            Ok(node) => node.map_or("none".to_owned(), |node| node.to_json().to_string()),
            Err(error) => format!("{}:{}: {}", error.position.line, error.position.column, error.message),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn values_have_the_types_of_yaml_1_2() {
        check("", "none");
        check("# nothing", "none");
        check(
            "{a: 1, b: 1.5, c: yes, d: true, e: ~, f: '1'}",
            r#"{"a":1,"b":1.5,"c":"yes","d":true,"e":null,"f":"1"}"#,
        );
        check(
            "a: !!str 1\nb: 0x1F\nc: 1.0.0\nd: -7\ne: 2024-01-01",
            r#"{"a":"1","b":"0x1F","c":"1.0.0","d":-7,"e":"2024-01-01"}"#,
        );
        check("200: {}\ntrue: 1", r#"{"200":{},"true":1}"#);
    }

    #[test]
    fn aliases_and_merges_are_copies() {
        check("a: &x {k: 1}\nb: *x", r#"{"a":{"k":1},"b":{"k":1}}"#);
        check("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3", r#"{"a":{"k":1,"l":2},"b":{"k":3,"l":2}}"#);
        check("a: &x [*x]", "1:8: this alias stands inside the value that it names");
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        check("a: 1\nb: 2\na: 3", "3:1: the key `a` is here twice");
        check("a: !Sub x", "1:4: the tag `!Sub` has no meaning in an OpenAPI document");
        check("a: 1\n---\nb: 1", "2:1: a second YAML document starts here");
        check("? [a]\n: b", "1:3: a key must be a plain text here, not a list or a mapping");
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let previous = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{previous}"); 10].join(", ")));
        }
        let error = parse(&bomb, FileIndex(0)).expect_err("a bomb");
        assert!(error.message.starts_with("aliases make this document larger"), "{}", error.message);
        let deep = "- ".repeat(100_000);
        let error = parse(&deep, FileIndex(0)).expect_err("too deep");
        assert!(error.message.contains("nested more than 100 deep"), "{}", error.message);
    }
}
