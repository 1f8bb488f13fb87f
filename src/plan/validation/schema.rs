//! A model's JSON Schema, draft 4, compiled: whether a body fits it. The only place that names the `jsonschema` crate.
//!
//! What a client sends is bounded here: how deeply a body nests, how many values it has, and with them the stack and the
//! memory that reading it takes. What a schema costs is bounded when it is compiled: patterns are run by an engine of
//! linear time, and references may not lead further than [`IN_PLACE_MAX`] without a step into the body.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jsonschema::{Draft, PatternOptions};
use serde_json::{Map, Value};

use super::report::report;

/// `serde_json` refuses deeper ones too; the service's own parser takes more.
const BODY_DEPTH_MAX: usize = 127;
/// Values in a body. Each takes some 70 bytes once read, so that 10 MB of `[0,0,…]` would be 350 MB.
const BODY_VALUES_MAX: usize = 1_000_000;
/// Schemas that apply to one and the same value, one within the other.
const IN_PLACE_MAX: usize = 16;
/// Schemas within schemas over all levels of a body: the more of them apply to each value, the less deep a body may be.
/// One takes some 1.3 KB of the stack in a debug build, and a shard has 2 MB.
const NESTED_MAX: usize = 600;
/// Schemas within a schema, its references included. A model has at most 400 KB in the service.
const SCHEMAS_MAX: usize = 50_000;
/// What a pattern may take compiled. `\w{1,500}` is some 900 KB.
const PATTERN_BYTES_MAX: usize = 2 << 20;

/// What the service says of a body that is no JSON, and of an empty one.
const UNREADABLE: &str = "[Unknown error parsing request body]";

/// A schema with everything that it refers to in one document, ready to run.
#[derive(Debug)]
pub struct Schema {
    document: Document,
    validator: jsonschema::Validator,
    body_depth_max: usize,
    /// Checks of single keywords, for the report: by keyword and argument.
    leaves: Leaves,
}

type Leaves = HashMap<(&'static str, Box<str>), jsonschema::Validator>;

/// What a schema was made of, which is read for reports only. A model's values take ten times its text, and a gateway
/// has thousands of models of a few hundred bytes: these are kept as text, which takes some µs to read again.
#[derive(Debug)]
enum Document {
    Text(Box<str>),
    Whole(Value),
}

/// Longer ones are kept whole: nobody is to make a shard read 400 KB by sending `{}`.
const DOCUMENT_TEXT_BYTES_MAX: usize = 8 << 10;

impl Document {
    fn new(document: Value) -> Document {
        let text = document.to_string();
        // A text that would not be read as what it was is none to keep.
        let same = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|read| read == document);
        if text.len() <= DOCUMENT_TEXT_BYTES_MAX && same(&text) {
            Document::Text(text.into())
        } else {
            Document::Whole(document)
        }
    }

    fn value(&self) -> Cow<'_, Value> {
        match self {
            Document::Text(text) => Cow::Owned(serde_json::from_str(text).unwrap_or_default()),
            Document::Whole(document) => Cow::Borrowed(document),
        }
    }
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Where in the schema, as a JSON pointer.
    pub pointer: String,
    pub message: String,
}

/// Keywords whose check is left to the crate in reports, too.
const LEAVES: [&str; 5] = ["enum", "format", "multipleOf", "pattern", "uniqueItems"];

impl Schema {
    /// Compiles a schema whose references all lead to places in itself (`#/…`).
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn new(document: Value) -> Result<Schema, SchemaError> {
        let mut survey = Survey {
            depths: HashMap::new(),
            document: &document,
            leaves: HashMap::new(),
            seen: HashSet::new(),
            in_place: 1,
        };
        survey.run()?;
        let (leaves, body_depth_max) = (survey.leaves, BODY_DEPTH_MAX.min(NESTED_MAX / survey.in_place));
        let validator = options().build(&document).map_err(|error| SchemaError {
            pointer: error.instance_path().to_string(),
            message: format!("the schema cannot be used: {}", shortened(&error.to_string())),
        })?;
        Ok(Schema { document: Document::new(document), validator, body_depth_max, leaves })
    }

    /// # Errors
    /// What is wrong with the body, as `$context.error.validationErrorString` has it.
    pub fn check(&self, body: &[u8]) -> Result<(), String> {
        if !is_within_bounds(body, self.body_depth_max) {
            return Err(UNREADABLE.to_owned());
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Err(UNREADABLE.to_owned()) };
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        Err(report(self, &self.document.value(), &value).unwrap_or_else(|| UNREADABLE.to_owned()))
    }

    /// Whether `instance` passes one keyword of `schema`.
    pub(super) fn passes(&self, keyword: &'static str, argument: &Value, instance: &Value) -> bool {
        let leaf = self.leaves.get(&(keyword, argument.to_string().into()));
        leaf.is_none_or(|leaf| leaf.is_valid(instance))
    }

    /// Whether it was made of this document.
    pub fn is_made_of(&self, document: &Value) -> bool {
        *self.document.value() == *document
    }
}

/// What a `$ref` names.
pub(super) fn referred<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    document.pointer(&percent_decoded(reference.strip_prefix('#')?)?)
}

/// A URI's fragment as it is meant. (RFC 6901, section 6.)
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    decoded.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        decoded.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        decoded.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn options<'o>() -> jsonschema::ValidationOptions<'o> {
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
}

/// Messages of the crate may quote what they are about at length.
fn shortened(message: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let mut short: String = message.chars().take(CHARACTERS_MAX).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

/// Whether reading the body takes a bounded stack and memory. Says nothing of whether it is JSON.
fn is_within_bounds(body: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut values) = (0usize, 1usize);
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => at = string_end(body, at),
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > depth_max || values > BODY_VALUES_MAX {
            return false;
        }
        at += 1;
    }
    true
}

/// The position of the quote that ends the string that begins at `start`.
fn string_end(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if body[at] == b'"' {
            return at;
        }
        at += 2;
    }
    body.len()
}

/// The walk over a schema and what it refers to, before it is compiled.
struct Survey<'d> {
    document: &'d Value,
    leaves: Leaves,
    /// By address: the document does not move.
    seen: HashSet<usize>,
    /// The most schemas that apply to one value.
    in_place: usize,
    /// By address, what [`Survey::in_place_depth`] has found.
    depths: HashMap<usize, usize>,
}

impl<'d> Survey<'d> {
    fn run(&mut self) -> Result<(), SchemaError> {
        let mut pending = vec![(self.document, String::new())];
        while let Some((schema, pointer)) = pending.pop() {
            if !self.seen.insert(std::ptr::from_ref(schema) as usize) {
                continue;
            }
            if self.seen.len() > SCHEMAS_MAX {
                let message = format!("the schema and what it refers to has more than {SCHEMAS_MAX} schemas in it");
                return Err(SchemaError { pointer, message });
            }
            check_keywords(schema, &pointer)?;
            self.in_place = self.in_place.max(self.in_place_depth(schema, &pointer, 0)?);
            self.compile_leaves(schema, &pointer)?;
            pending.extend(self.next(schema, &pointer)?);
        }
        Ok(())
    }

    /// The schemas that a schema applies, to the same value or to parts of it.
    fn next(&self, schema: &'d Value, pointer: &str) -> Result<Vec<(&'d Value, String)>, SchemaError> {
        let mut next = self.in_place(schema, pointer)?;
        let Some(schema) = schema.as_object().filter(|schema| !has_reference(schema)) else { return Ok(next) };
        for keyword in ["properties", "patternProperties"] {
            for (name, value) in schema.get(keyword).and_then(Value::as_object).into_iter().flatten() {
                next.push((value, format!("{pointer}/{keyword}/{}", escaped(name))));
            }
        }
        for keyword in ["additionalProperties", "additionalItems", "items"] {
            match schema.get(keyword) {
                Some(value @ Value::Object(_)) => next.push((value, format!("{pointer}/{keyword}"))),
                Some(Value::Array(values)) => {
                    let at = |(at, value)| (value, format!("{pointer}/{keyword}/{at}"));
                    next.extend(values.iter().enumerate().map(at));
                }
                Some(_) | None => {}
            }
        }
        Ok(next)
    }

    /// The schemas that a schema applies to the same value.
    fn in_place(&self, schema: &'d Value, pointer: &str) -> Result<Vec<(&'d Value, String)>, SchemaError> {
        let Some(schema) = schema.as_object() else { return Ok(Vec::new()) };
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let pointer = format!("{pointer}/$ref");
            let Some(value) = referred(self.document, reference) else {
                return Err(SchemaError { pointer, message: format!("the reference `{reference}` names nothing") });
            };
            // Not an escape of a name, or the walk would continue where the document is not.
            return Ok(vec![(value, reference.trim_start_matches('#').to_owned())]);
        }
        let mut next = Vec::new();
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for (at, value) in schema.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate() {
                next.push((value, format!("{pointer}/{keyword}/{at}")));
            }
        }
        if let Some(value) = schema.get("not") {
            next.push((value, format!("{pointer}/not")));
        }
        for (name, value) in schema.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
            if value.is_object() {
                next.push((value, format!("{pointer}/dependencies/{}", escaped(name))));
            }
        }
        Ok(next)
    }

    /// How many schemas apply to a value one within the other, this one included. Refuses too many: without end, where one
    /// refers to itself.
    fn in_place_depth(&mut self, schema: &'d Value, pointer: &str, above: usize) -> Result<usize, SchemaError> {
        let address = std::ptr::from_ref(schema) as usize;
        let mut depth = self.depths.get(&address).copied().unwrap_or(1);
        if above + depth > IN_PLACE_MAX {
            let message = format!(
                "more than {IN_PLACE_MAX} schemas apply to one value here, one within the other, by `$ref`, `allOf`, \
                 `anyOf`, `oneOf` and `not`"
            );
            return Err(SchemaError { pointer: pointer.to_owned(), message });
        }
        if !self.depths.contains_key(&address) {
            for (next, _) in self.in_place(schema, pointer)? {
                depth = depth.max(1 + self.in_place_depth(next, pointer, above + 1)?);
            }
            self.depths.insert(address, depth);
        }
        Ok(depth)
    }

    /// Finds patterns that cannot be used, and keeps what the report needs.
    fn compile_leaves(&mut self, schema: &'d Value, pointer: &str) -> Result<(), SchemaError> {
        let Some(schema) = schema.as_object().filter(|schema| !has_reference(schema)) else { return Ok(()) };
        for keyword in LEAVES {
            if let Some(argument) = schema.get(keyword) {
                self.leaf(keyword, argument, &format!("{pointer}/{keyword}"))?;
            }
        }
        for pattern in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            let pointer = format!("{pointer}/patternProperties/{}", escaped(pattern.0));
            self.leaf("pattern", &Value::String(pattern.0.clone()), &pointer)?;
        }
        Ok(())
    }

    fn leaf(&mut self, keyword: &'static str, argument: &Value, pointer: &str) -> Result<(), SchemaError> {
        let key = (keyword, argument.to_string().into_boxed_str());
        if self.leaves.contains_key(&key) {
            return Ok(());
        }
        let schema = Value::Object(Map::from_iter([(keyword.to_owned(), argument.clone())]));
        let leaf = options().build(&schema).map_err(|error| {
            let message = match (keyword, argument) {
                ("pattern", Value::String(pattern)) => pattern_refusal(pattern),
                _ => format!("the value of `{keyword}` cannot be used: {}", shortened(&error.to_string())),
            };
            SchemaError { pointer: pointer.to_owned(), message }
        })?;
        self.leaves.insert(key, leaf);
        Ok(())
    }
}

/// Holds one schema, without those in it, against the schema of schemas, which would name no place inside of `anyOf`.
fn check_keywords(schema: &Value, pointer: &str) -> Result<(), SchemaError> {
    let Value::Object(schema) = schema else {
        let message = "this is not JSON Schema draft 4: a schema is a mapping".to_owned();
        return Err(SchemaError { pointer: pointer.to_owned(), message });
    };
    let own = schema.iter().map(|(keyword, argument)| {
        let own = match (keyword.as_str(), argument) {
            ("properties" | "patternProperties" | "definitions" | "items" | "not", Value::Object(_)) => {
                Value::Object(Map::new())
            }
            ("additionalItems" | "additionalProperties", Value::Object(_)) => true.into(),
            ("items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) if !schemas.is_empty() => {
                vec![Value::Object(Map::new())].into()
            }
            ("dependencies", Value::Object(needed)) => {
                needed.iter().filter(|(_, needed)| !needed.is_object()).map(|(k, v)| (k.clone(), v.clone())).collect()
            }
            ("pattern", Value::String(_)) => "".into(),
            // Values of the author's own, of any size.
            ("default", _) => Value::Null,
            _ => argument.clone(),
        };
        (keyword.clone(), own)
    });
    jsonschema::draft4::meta::validate(&own.collect()).map_err(|error| SchemaError {
        pointer: format!("{pointer}{}", error.instance_path()),
        message: format!("this is not JSON Schema draft 4: {}", shortened(&error.to_string())),
    })
}

/// Look-around and back references need backtracking, whose time a client would choose.
fn pattern_refusal(pattern: &str) -> String {
    const BACKTRACKING: [&str; 4] = ["(?=", "(?!", "(?<=", "(?<!"];
    let shown = shortened(pattern);
    if BACKTRACKING.iter().any(|group| pattern.contains(group)) {
        return format!("the pattern `{shown}` looks around, which takes time without bound");
    }
    format!("the pattern `{shown}` cannot be used: it is malformed, too large, or refers back")
}

/// Draft 4: what stands beside a `$ref` does not count.
fn has_reference(schema: &Map<String, Value>) -> bool {
    schema.get("$ref").is_some_and(Value::is_string)
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check_refused(schema: Value, pointer: &str, message: &str) {
        let error = Schema::new(schema.clone()).map(|_| ()).expect_err("it should be refused");
        assert_eq!(error.pointer, pointer, "{schema}: {}", error.message);
        assert!(error.message.contains(message), "{schema}: {}", error.message);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place() {
        check_refused(json!({"properties": {"a": {"type": "text"}}}), "/properties/a/type", "not JSON Schema draft 4");
        check_refused(json!({"properties": {"a/b": {"required": true}}}), "/properties/a~1b/required", "draft 4");
        check_refused(json!({"items": {"pattern": "["}}), "/items/pattern", "the pattern `[` cannot be used");
        check_refused(json!({"items": {"pattern": "^(?=a)"}}), "/items/pattern", "looks around");
        check_refused(json!({"pattern": "(a)\\1"}), "/pattern", "cannot be used");
        check_refused(json!({"pattern": "((a{1000}){1000}){1000}"}), "/pattern", "too large");
        check_refused(json!({"patternProperties": {"a/(": {}}}), "/patternProperties/a~1(", "cannot be used");
        check_refused(json!({"items": {"$ref": "#/definitions/a"}}), "/items/$ref", "names nothing");
        check_refused(json!({"items": {"$ref": "http://a.test/b"}}), "/items/$ref", "names nothing");
        check_refused(json!({"$ref": "#"}), "", "more than 16 schemas apply");
        let circle = json!({"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"not": {"$ref": "#"}}}});
        check_refused(circle, "", "more than 16 schemas apply");
        check_refused(json!(true), "", "draft 4");
        check_refused(json!([]), "", "draft 4");
        let mut deep = json!({});
        for _ in 0..30 {
            deep = json!({"not": deep});
        }
        check_refused(json!({"properties": {"a": deep}}), "/properties/a", "more than 16 schemas apply");
    }

    /// What a client sends may nest as it likes, and a schema as deeply as it may: neither reaches the stack's end.
    #[test]
    fn the_stack_is_bounded() {
        let mut wrapped = json!({"$ref": "#/definitions/inner"});
        for _ in 0..IN_PLACE_MAX - 4 {
            wrapped = json!({"anyOf": [wrapped]});
        }
        let schema = json!({
            "anyOf": [wrapped],
            "definitions": {"inner": {
                "properties": {"a": {"$ref": "#"}},
                "items": {"$ref": "#"},
                "required": ["b"],
                "type": ["array", "object"],
            }},
        });
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        let run = move || {
            let schema = Schema::new(schema).expect("within the bounds");
            for depth in [100, 127, 128, 1_000_000] {
                for body in
                    ["[".repeat(depth) + &"]".repeat(depth), "{\"b\":1,\"a\":".repeat(depth) + "1" + &"}".repeat(depth)]
                {
                    let _ = schema.check(body.as_bytes());
                }
            }
            assert_eq!(schema.check("[".repeat(1000).as_bytes()), Err(UNREADABLE.to_owned()));
        };
        thread.spawn(run).expect("a thread").join().expect("no overflow");
    }

    /// A schema that tries itself several times a level takes a bounded time all the same.
    #[test]
    fn repeated_branches_end() {
        let branch = json!({"properties": {"a": {"$ref": "#"}}});
        let schema = Schema::new(json!({"anyOf": [branch, branch, branch], "required": ["b"]})).expect("a schema");
        let body = "{\"b\":1,\"a\":".repeat(120) + "{}" + &"}".repeat(120);
        let started = std::time::Instant::now();
        let shown = schema.check(body.as_bytes()).expect_err("the innermost has no `b`");
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        assert!(shown.starts_with('['), "{shown}");
    }

    /// The more schemas apply to each value, the less deep a body may be.
    #[test]
    fn depth_is_a_matter_of_the_schema() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let plain = Schema::new(json!({"items": {"$ref": "#"}})).expect("a schema");
        assert_eq!(plain.check(nested(127).as_bytes()), Ok(()));
        assert_eq!(plain.check(nested(128).as_bytes()), Err(UNREADABLE.to_owned()));
        let ten = (0..9).fold(json!({}), |inner, _| json!({"allOf": [inner]}));
        let ten = Schema::new(ten).expect("a schema");
        assert_eq!(ten.check(nested(60).as_bytes()), Ok(()));
        assert_eq!(ten.check(nested(61).as_bytes()), Err(UNREADABLE.to_owned()));
    }

    #[test]
    fn bodies_are_bounded() {
        let any = Schema::new(json!({})).expect("a schema");
        let values = |count: usize| format!("[{}0]", "0,".repeat(count));
        assert_eq!(any.check(values(300_000).as_bytes()), Ok(()));
        assert_eq!(any.check(values(1_000_000).as_bytes()), Err(UNREADABLE.to_owned()));
        assert_eq!(any.check(format!("\"{}\"", ",[{\\\"".repeat(1_000_000)).as_bytes()), Ok(()), "that is one string");
        for wrong in ["", " ", "{", "{}}", "nul", "\"a", "\"\\", "{\"a\":1,}", "[1] x", "\u{feff}{}"] {
            assert_eq!(any.check(wrong.as_bytes()), Err(UNREADABLE.to_owned()), "{wrong}");
        }
        assert_eq!(any.check(b"\"\xff\""), Err(UNREADABLE.to_owned()));
    }
}
