//! A value for a schema: from its examples, or made up.

use serde_json::{Map, Value, json};

use super::document::{Document, Place};
use super::pattern;
use crate::target::template::parse::escape;

/// Schemas made of schemas: more than this goes in a circle.
const DEPTH_MAX: usize = 32;

/// The most items or characters of a made-up value.
const LENGTH_MAX: u64 = 1_000;

/// What is said to be a good value: of a schema, a parameter or a media type. Variables are only in what comes from
/// `x-loadtest-example`.
pub fn example(document: &Document, place: &Place<'_>) -> Result<Option<Value>, String> {
    if let Some(example) = place.get("x-loadtest-example") {
        return Ok(Some(example.value.clone()));
    }
    for member in ["example", "x-example"] {
        if let Some(example) = place.get(member) {
            return Ok(Some(literal(example.value)));
        }
    }
    let Some(examples) = place.get("examples") else { return Ok(None) };
    // A list of values in schemas, named examples elsewhere.
    if let Some(example) = examples.items().next() {
        return Ok(Some(literal(example.value)));
    }
    let Some((_, first)) = examples.members().next() else { return Ok(None) };
    let first = document.follow(first)?;
    Ok(first.get("value").or_else(|| first.get("dataValue")).map(|value| literal(value.value)))
}

/// Whether [`example`] finds something, in the schema of `place` too.
pub fn has_example(document: &Document, place: &Place<'_>) -> Result<bool, String> {
    if example(document, place)?.is_some() {
        return Ok(true);
    }
    match place.get("schema") {
        Some(schema) => Ok(example(document, &document.follow(schema)?)?.is_some()),
        None => Ok(false),
    }
}

pub fn sample(document: &Document, schema: &Place<'_>) -> Result<Value, String> {
    inside(document, schema, &mut Vec::new()).map_err(|fault| match fault {
        Fault::Endless(reason) | Fault::Wrong(reason) => reason,
    })
}

/// Why there is no value.
enum Fault {
    /// A schema requires itself.
    Endless(String),
    Wrong(String),
}

impl From<String> for Fault {
    fn from(reason: String) -> Fault {
        Fault::Wrong(reason)
    }
}

/// `around` has the pointers of the schemas that this one is a part of.
fn inside(document: &Document, schema: &Place<'_>, around: &mut Vec<String>) -> Result<Value, Fault> {
    let schema = document.follow(schema.clone())?;
    if around.contains(&schema.pointer) {
        return Err(Fault::Endless(schema.wrong("the schema requires itself without end; add an example")));
    }
    around.push(schema.pointer.clone());
    let value = made_up(document, &schema, around);
    around.pop();
    value
}

fn made_up(document: &Document, schema: &Place<'_>, around: &mut Vec<String>) -> Result<Value, Fault> {
    if let Some(example) = example(document, schema)? {
        return Ok(example);
    }
    let merged = merged(document, schema, 0)?;
    let schema = Place { value: &merged, pointer: schema.pointer.clone() };
    if let Some(example) = example(document, &schema)? {
        return Ok(example);
    }
    for member in ["const", "default"] {
        if let Some(value) = schema.get(member) {
            return Ok(literal(value.value));
        }
    }
    if let Some(value) = schema.get("enum").and_then(|values| values.items().next()) {
        return Ok(literal(value.value));
    }
    match kind(&schema) {
        "object" => object(document, &schema, around),
        "array" => array(document, &schema, around),
        "integer" | "number" => Ok(number(&schema)?),
        "boolean" => Ok(Value::Bool(true)),
        "null" => Ok(Value::Null),
        "string" => Ok(string(&schema)?),
        // Of Swagger 2.0's form parameters.
        "file" => Err(schema.wrong("files are not made up").into()),
        other => Err(schema.wrong(&format!("there is no type `{other}`")).into()),
    }
}

/// The type, or what it has to be where it is not named. Of several the first that is not null.
fn kind<'a>(schema: &Place<'a>) -> &'a str {
    if let Some(kind) = schema.text("type") {
        return kind;
    }
    if let Some(kinds) = schema.get("type") {
        let kinds: Vec<&str> = kinds.items().filter_map(|kind| kind.value.as_str()).collect();
        return kinds.iter().find(|kind| **kind != "null").or(kinds.first()).copied().unwrap_or("string");
    }
    let has = |members: &[&str]| members.iter().any(|member| schema.value.get(member).is_some());
    match () {
        () if has(&["properties", "required", "additionalProperties"]) => "object",
        () if has(&["items", "minItems", "prefixItems"]) => "array",
        () if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) => "number",
        () => "string",
    }
}

/// The schema with those of `allOf` and the first of `oneOf` and `anyOf` made part of it.
fn merged(document: &Document, schema: &Place<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(schema.wrong("the schema is made of itself; add an example"));
    }
    let Some(own) = schema.value.as_object() else { return Ok(schema.value.clone()) };
    let mut whole = own.clone();
    let all = schema.get("allOf").into_iter().flat_map(|parts| parts.items().collect::<Vec<_>>());
    let one = ["oneOf", "anyOf"].into_iter().filter_map(|member| schema.get(member)?.items().find(is_not_null));
    for part in all.chain(one) {
        let part = document.follow(part)?;
        if let Value::Object(part) = merged(document, &part, depth + 1)? {
            add(&mut whole, part);
        }
    }
    Ok(Value::Object(whole))
}

fn is_not_null(schema: &Place<'_>) -> bool {
    schema.text("type") != Some("null")
}

/// Properties and required ones are joined; of all else what came first stays.
fn add(whole: &mut Map<String, Value>, part: Map<String, Value>) {
    for (member, value) in part {
        match (whole.get_mut(&member), value) {
            (Some(Value::Object(own)), Value::Object(more)) if member == "properties" => {
                for (name, property) in more {
                    own.entry(name).or_insert(property);
                }
            }
            (Some(Value::Array(own)), Value::Array(more)) if member == "required" => own.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                whole.insert(member, value);
            }
        }
    }
}

/// Required properties, and those that have examples.
fn object(document: &Document, schema: &Place<'_>, around: &mut Vec<String>) -> Result<Value, Fault> {
    let required: Vec<&str> =
        schema.get("required").iter().flat_map(Place::items).filter_map(|name| name.value.as_str()).collect();
    let mut object = Map::new();
    for (name, property) in schema.get("properties").iter().flat_map(Place::members) {
        let property = document.follow(property)?;
        let read_only = property.value.get("readOnly") == Some(&Value::Bool(true));
        if !read_only && (required.contains(&name) || example(document, &property)?.is_some()) {
            object.insert(escape(name), inside(document, &property, around)?);
        }
    }
    let described = |name: &str| schema.get("properties").is_some_and(|properties| properties.get(name).is_some());
    for name in required.into_iter().filter(|name| !described(name)) {
        let value = match schema.get("additionalProperties").filter(|schema| schema.value.is_object()) {
            Some(schema) => inside(document, &schema, around)?,
            None => json!("string"),
        };
        object.insert(escape(name), value);
    }
    Ok(Value::Object(object))
}

fn array(document: &Document, schema: &Place<'_>, around: &mut Vec<String>) -> Result<Value, Fault> {
    let fewest = whole_number(schema, "minItems").unwrap_or(0);
    let count = fewest.max(1).min(whole_number(schema, "maxItems").unwrap_or(u64::MAX));
    if count > LENGTH_MAX {
        return Err(schema.wrong("so many items are not made up; add an example").into());
    }
    let item = match schema.get("items") {
        Some(items) if count > 0 => inside(document, &items, around),
        _ => Ok(json!("string")),
    };
    match item {
        // A tree ends somewhere.
        Err(Fault::Endless(_)) if fewest == 0 => Ok(json!([])),
        item => Ok(Value::Array(vec![item?; count as usize])),
    }
}

/// 1, or what is nearest to it within the bounds.
fn number(schema: &Place<'_>) -> Result<Value, String> {
    let of = |member: &str| schema.value.get(member).and_then(Value::as_f64);
    // In 3.0 `exclusiveMinimum` is a flag, in 3.1 a bound.
    let excluded = |member: &str| schema.value.get(member) == Some(&Value::Bool(true));
    let whole = kind(schema) == "integer";
    let step = of("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.0 });
    let gap = if step > 0.0 { step } else { 0.5 };
    let low = [of("minimum").map(|low| if excluded("exclusiveMinimum") { low + gap } else { low })]
        .into_iter()
        .chain([of("exclusiveMinimum").map(|low| low + gap)])
        .flatten()
        .fold(f64::NEG_INFINITY, f64::max);
    let high = [of("maximum").map(|high| if excluded("exclusiveMaximum") { high - gap } else { high })]
        .into_iter()
        .chain([of("exclusiveMaximum").map(|high| high - gap)])
        .flatten()
        .fold(f64::INFINITY, f64::min);
    let number = if low > 1.0 { low } else { high.min(1.0) };
    let number = match step {
        0.0 => number,
        step if (number / step).ceil() * step <= high => (number / step).ceil() * step,
        step => (number / step).floor() * step,
    };
    if number < low || number > high {
        return Err(schema.wrong("no number is within the bounds that was thought of; add an example"));
    }
    Ok(if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) })
}

fn string(schema: &Place<'_>) -> Result<Value, String> {
    let shortest = whole_number(schema, "minLength").unwrap_or(0);
    let longest = whole_number(schema, "maxLength").unwrap_or(u64::MAX);
    if shortest > LENGTH_MAX {
        return Err(schema.wrong("so long a text is not made up; add an example"));
    }
    if let Some(pattern) = schema.text("pattern") {
        let text = pattern::text(pattern, shortest as usize, longest as usize);
        let missing = || schema.wrong(&format!("no text was found for the pattern `{pattern}`; add an example"));
        return Ok(Value::String(escape(&text.ok_or_else(missing)?)));
    }
    if let Some(text) = schema.text("format").and_then(formatted) {
        return Ok(json!(text));
    }
    let text = "string".repeat(shortest as usize / 6 + 1);
    let length = shortest.max(6).min(longest) as usize;
    Ok(json!(&text[..length]))
}

/// RFC 2606 and RFC 5737 set aside names and addresses for examples.
fn formatted(format: &str) -> Option<&'static str> {
    match format {
        "date" => Some("2026-01-31"),
        "date-time" => Some("2026-01-31T12:00:00Z"),
        "time" => Some("12:00:00Z"),
        "duration" => Some("PT1S"),
        "uuid" => Some("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        "email" | "idn-email" => Some("user@example.com"),
        "hostname" | "idn-hostname" => Some("example.com"),
        "ipv4" => Some("192.0.2.1"),
        "ipv6" => Some("2001:db8::1"),
        "uri" | "url" | "uri-reference" | "iri" | "iri-reference" => Some("https://example.com/"),
        "byte" | "base64url" => Some("c3RyaW5n"),
        // Formats are open: what is not known says nothing.
        _ => None,
    }
}

fn whole_number(schema: &Place<'_>, member: &str) -> Option<u64> {
    schema.value.get(member)?.as_u64()
}

/// A value of the document, with every `{{` kept from being a variable.
fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escape(text)),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (escape(name), literal(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: Value) -> Result<Value, String> {
        let document = json!({"openapi": "3.1.0", "S": schema, "Loop": {"required": ["a"], "properties": {"a": {"$ref": "#/Loop"}}},
            "Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {"example": 7}}}});
        let document = Document::parse(&document.to_string()).unwrap();
        sample(&document, &document.root().get("S").unwrap())
    }

    #[track_caller]
    fn check(schema: Value, expected: Value) {
        assert_eq!(of(schema).unwrap(), expected);
    }

    #[test]
    fn examples_come_first() {
        check(json!({"type": "integer", "example": 3, "default": 4}), json!(3));
        check(json!({"x-loadtest-example": "{{seq}}", "example": 4}), json!("{{seq}}"));
        check(json!({"example": {"a": ["{{x}}"]}}), json!({"a": ["{{{{x}}"]}));
        check(json!({"examples": [3, 4], "default": 5}), json!(3));
        check(json!({"examples": {"one": {"value": 3}}}), json!(3));
        check(json!({"default": 4, "enum": [5]}), json!(4));
        check(json!({"const": 4}), json!(4));
        check(json!({"enum": ["a", "b"]}), json!("a"));
    }

    #[test]
    fn numbers() {
        check(json!({"type": "integer"}), json!(1));
        check(json!({"type": "integer", "minimum": 10, "maximum": 20}), json!(10));
        check(json!({"type": "integer", "maximum": -5}), json!(-5));
        check(json!({"type": "integer", "minimum": 10, "exclusiveMinimum": true}), json!(11));
        check(json!({"type": "integer", "exclusiveMinimum": 10}), json!(11));
        check(json!({"type": "integer", "multipleOf": 7}), json!(7));
        check(json!({"type": "integer", "minimum": 8, "multipleOf": 7}), json!(14));
        check(json!({"type": "number", "maximum": 0.5}), json!(0.5));
        check(json!({"minimum": 2.5}), json!(2.5));
        assert!(of(json!({"type": "integer", "minimum": 3, "maximum": 2})).unwrap_err().starts_with("/S: no number"));
    }

    #[test]
    fn strings() {
        check(json!({"type": "string"}), json!("string"));
        check(json!({}), json!("string"));
        check(json!({"type": "string", "minLength": 8}), json!("stringst"));
        check(json!({"type": "string", "maxLength": 2}), json!("st"));
        check(json!({"type": "string", "format": "email"}), json!("user@example.com"));
        check(json!({"type": "string", "pattern": "^[A-Z]{2}\\d$"}), json!("AA0"));
        check(json!({"type": ["null", "boolean"]}), json!(true));
        assert!(of(json!({"type": "string", "pattern": "(?!a)b"})).unwrap_err().contains("/S: no text was found"));
    }

    #[test]
    fn objects_and_arrays() {
        check(json!({"$ref": "#/Pet"}), json!({"name": "string", "id": 7}));
        check(json!({"type": "array", "items": {"type": "integer"}}), json!([1]));
        check(json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}), json!([1, 1]));
        check(json!({"type": "array", "maxItems": 0}), json!([]));
        check(json!({"required": ["x"], "additionalProperties": {"type": "integer"}}), json!({"x": 1}));
        check(
            json!({"allOf": [{"$ref": "#/Pet"}, {"properties": {"age": {"type": "integer"}}, "required": ["age"]}]}),
            json!({"name": "string", "id": 7, "age": 1}),
        );
        check(json!({"oneOf": [{"type": "null"}, {"type": "integer"}, {"type": "string"}]}), json!(1));
        check(
            json!({"type": "object", "properties": {"a": {"type": "object", "readOnly": true, "example": 1}}}),
            json!({}),
        );
    }

    #[test]
    fn trees_end() {
        let node = json!({"required": ["a"], "properties": {"a": {"type": "array", "items": {"$ref": "#/S"}}}});
        check(node, json!({"a": []}));
    }

    #[test]
    fn what_cannot_be_made_up() {
        assert!(of(json!({"$ref": "#/Loop"})).unwrap_err().contains("requires itself"));
        assert!(of(json!({"$ref": "#/S"})).unwrap_err().contains("circle"));
        assert!(of(json!({"allOf": [{"$ref": "#/S"}]})).unwrap_err().contains("made of itself"));
        assert!(of(json!({"$ref": "other.yaml#/S"})).unwrap_err().contains("another file"));
        assert!(of(json!({"$ref": "#/None"})).unwrap_err().contains("/S: `#/None` is missing"));
        assert!(of(json!({"type": "strng"})).unwrap_err().contains("/S: there is no type `strng`"));
        assert!(of(json!({"type": "array", "minItems": 1000000})).unwrap_err().contains("so many"));
    }
}
