//! Why a body does not fit its model, in the service's words: `[object has missing required properties (["name"])]`.
//!
//! The service validates with the Java library `json-schema-validator`; texts and order are that library's (its
//! `validation.properties`, `InstanceValidator` and `ValidatorBuilder`): at one value the keywords by name and `format`
//! last, then the parts of the value, members by name; and no parts of a value once anything is wrong. Whether a body
//! fits was decided before: this only looks for the reasons, as far as [`STEPS_MAX`] goes.

use serde_json::{Map, Value};

use super::schema::{Schema, referred};

/// Schemas tried for one report: bodies of megabytes and schemas that try themselves end here.
const STEPS_MAX: usize = 100_000;
/// Reasons given. The library gives all; 10 MB of wrong items would be an answer of gigabytes.
const REASONS_MAX: usize = 50;
/// Characters of a value that a reason shows.
const SHOWN_MAX: usize = 1000;

/// The reasons in brackets; `None` where none was found in time.
pub fn report(schema: &Schema, document: &Value, instance: &Value) -> Option<String> {
    let mut reporter = Reporter { schema, document, steps: 0 };
    let mut reasons = Vec::new();
    reporter.walk(document, instance, &mut reasons);
    (!reasons.is_empty()).then(|| format!("[{}]", reasons.join(", ")))
}

struct Reporter<'s> {
    schema: &'s Schema,
    document: &'s Value,
    steps: usize,
}

impl Reporter<'_> {
    fn walk(&mut self, schema: &Value, instance: &Value, reasons: &mut Vec<String>) {
        self.steps += 1;
        let Some(schema) = schema.as_object() else { return };
        if self.is_over(reasons) {
            return;
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            if let Some(target) = referred(self.document, reference) {
                self.walk(target, instance, reasons);
            }
            return;
        }
        self.keywords(schema, instance, reasons);
        if !reasons.is_empty() {
            return;
        }
        match instance {
            Value::Array(items) => self.items(schema, items, reasons),
            Value::Object(members) => self.members(schema, members, reasons),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn is_over(&self, reasons: &[String]) -> bool {
        self.steps > STEPS_MAX || reasons.len() >= REASONS_MAX
    }

    /// Whether a value fits a schema, by the same walk.
    fn fits(&mut self, schema: &Value, instance: &Value) -> bool {
        let mut reasons = Vec::new();
        self.walk(schema, instance, &mut reasons);
        reasons.is_empty()
    }

    fn items(&mut self, schema: &Map<String, Value>, items: &[Value], reasons: &mut Vec<String>) {
        for (at, item) in items.iter().enumerate() {
            if self.is_over(reasons) {
                return;
            }
            let chosen = match schema.get("items") {
                Some(Value::Array(schemas)) => schemas.get(at).or(schema.get("additionalItems")),
                other => other,
            };
            if let Some(chosen) = chosen {
                self.walk(chosen, item, reasons);
            }
        }
    }

    fn members(&mut self, schema: &Map<String, Value>, members: &Map<String, Value>, reasons: &mut Vec<String>) {
        let mut sorted: Vec<_> = members.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| name.as_str());
        for (name, member) in sorted {
            if self.is_over(reasons) {
                return;
            }
            let mut named = false;
            if let Some(chosen) = schema.get("properties").and_then(|properties| properties.get(name)) {
                named = true;
                self.walk(chosen, member, reasons);
            }
            for (pattern, chosen) in object(schema, "patternProperties") {
                if self.matches(pattern, name) {
                    named = true;
                    self.walk(chosen, member, reasons);
                }
            }
            if let Some(chosen) = schema.get("additionalProperties").filter(|_| !named) {
                self.walk(chosen, member, reasons);
            }
        }
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.schema.passes("pattern", &Value::String(pattern.to_owned()), &Value::String(text.to_owned()))
    }

    /// Every keyword that applies to a value of this type, in the order of the names.
    fn keywords(&mut self, schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
        if let Value::Array(items) = instance {
            additional_items(schema, items, reasons);
        }
        if let Value::Object(members) = instance {
            self.additional_properties(schema, members, reasons);
        }
        self.all_of(schema, instance, reasons);
        self.any_of(schema, instance, reasons);
        if let Value::Object(members) = instance {
            self.dependencies(schema, instance, members, reasons);
        }
        self.leaf(schema, "enum", instance, reasons);
        sizes(schema, instance, reasons);
        self.leaf(schema, "multipleOf", instance, reasons);
        if let Some(schema) = schema.get("not")
            && self.fits(schema, instance)
        {
            reasons.push("instance matched a schema which it should not have".to_owned());
        }
        self.one_of(schema, instance, reasons);
        self.leaf(schema, "pattern", instance, reasons);
        if let Value::Object(members) = instance {
            required(schema, members, reasons);
        }
        type_of(schema, instance, reasons);
        self.leaf(schema, "uniqueItems", instance, reasons);
        self.leaf(schema, "format", instance, reasons);
    }

    fn additional_properties(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        reasons: &mut Vec<String>,
    ) {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return;
        }
        let declared = schema.get("properties").and_then(Value::as_object);
        let is_unwanted = |name: &&String| {
            !declared.is_some_and(|declared| declared.contains_key(*name))
                && !object(schema, "patternProperties").any(|(pattern, _)| self.matches(pattern, name))
        };
        let mut unwanted: Vec<_> = members.keys().filter(is_unwanted).collect();
        if unwanted.is_empty() {
            return;
        }
        unwanted.sort_unstable();
        let text = "object instance has properties which are not allowed by the schema";
        reasons.push(format!("{text}: {}", list(unwanted)));
    }

    fn all_of(&mut self, schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
        let (matched, count) = self.matched(schema, "allOf", instance);
        if matched < count {
            let text = "instance failed to match all required schemas";
            reasons.push(format!("{text} (matched only {matched} out of {count})"));
        }
    }

    fn any_of(&mut self, schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
        let (matched, count) = self.matched(schema, "anyOf", instance);
        if matched == 0 && count > 0 {
            reasons.push(format!("instance failed to match at least one required schema among {count}"));
        }
    }

    fn one_of(&mut self, schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
        let (matched, count) = self.matched(schema, "oneOf", instance);
        if matched != 1 && count > 0 {
            reasons.push(format!("instance failed to match exactly one schema (matched {matched} out of {count})"));
        }
    }

    /// How many of a list of schemas a value fits, and how many there are.
    fn matched(&mut self, schema: &Map<String, Value>, keyword: &str, instance: &Value) -> (usize, usize) {
        let schemas = schema.get(keyword).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        (schemas.iter().filter(|schema| self.fits(schema, instance)).count(), schemas.len())
    }

    fn dependencies(
        &mut self,
        schema: &Map<String, Value>,
        instance: &Value,
        members: &Map<String, Value>,
        reasons: &mut Vec<String>,
    ) {
        for (name, needed) in object(schema, "dependencies").filter(|(name, _)| members.contains_key(*name)) {
            let Value::Array(needed) = needed else {
                self.walk(needed, instance, reasons);
                continue;
            };
            let mut needed: Vec<_> = needed.iter().filter_map(Value::as_str).collect();
            needed.sort_unstable();
            let missing: Vec<_> = needed.iter().copied().filter(|needed| !members.contains_key(*needed)).collect();
            if !missing.is_empty() {
                let (needed, missing) = (list(needed), list(missing));
                reasons.push(format!(
                    "property \"{name}\" of object has missing property dependencies (schema requires {needed}; \
                     missing: {missing})"
                ));
            }
        }
    }

    fn leaf(&self, schema: &Map<String, Value>, keyword: &'static str, instance: &Value, reasons: &mut Vec<String>) {
        let Some(argument) = schema.get(keyword) else { return };
        if self.schema.passes(keyword, argument, instance) {
            return;
        }
        reasons.push(match keyword {
            "enum" => format!("instance value ({}) not found in enum (possible values: {argument})", json(instance)),
            "multipleOf" => format!("remainder of division is not zero ({instance} / {argument})"),
            "pattern" => {
                let pattern = argument.as_str().unwrap_or_default();
                format!("ECMA 262 regex \"{pattern}\" does not match input string \"{}\"", text(instance))
            }
            "uniqueItems" => "array must not contain duplicate elements".to_owned(),
            _ => format(argument.as_str().unwrap_or_default(), text(instance)),
        });
    }
}

fn object<'s>(schema: &'s Map<String, Value>, keyword: &str) -> impl Iterator<Item = (&'s String, &'s Value)> {
    schema.get(keyword).and_then(Value::as_object).into_iter().flatten()
}

fn additional_items(schema: &Map<String, Value>, items: &[Value], reasons: &mut Vec<String>) {
    if let (Some(Value::Array(schemas)), Some(Value::Bool(false))) =
        (schema.get("items"), schema.get("additionalItems"))
        && items.len() > schemas.len()
    {
        let (allowed, found) = (schemas.len(), items.len());
        reasons.push(format!("schema only allows {allowed} elements in array but instance has {found} elements"));
    }
}

/// `maxItems` to `minimum`.
fn sizes(schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64).map(|limit| limit as usize);
    match instance {
        Value::Array(items) => {
            let found = items.len();
            if let Some(max) = limit("maxItems").filter(|max| found > *max) {
                let text = "array is too long: must have at most";
                reasons.push(format!("{text} {max} elements but instance has {found} elements"));
            }
            if let Some(min) = limit("minItems").filter(|min| found < *min) {
                let text = "array is too short: must have at least";
                reasons.push(format!("{text} {min} elements but instance has {found} elements"));
            }
        }
        Value::String(string) => {
            let length = string.chars().count();
            let shown = text(instance);
            if let Some(max) = limit("maxLength").filter(|max| length > *max) {
                reasons.push(format!("string \"{shown}\" is too long (length: {length}, maximum allowed: {max})"));
            }
            if let Some(min) = limit("minLength").filter(|min| length < *min) {
                reasons.push(format!("string \"{shown}\" is too short (length: {length}, required minimum: {min})"));
            }
        }
        Value::Object(members) => {
            let (found, text) = (members.len(), "properties (found");
            if let Some(max) = limit("maxProperties").filter(|max| found > *max) {
                reasons.push(format!("object has too many {text} {found} but schema requires at most {max})"));
            }
            if let Some(min) = limit("minProperties").filter(|min| found < *min) {
                reasons.push(format!("object has too few {text} {found} but schema requires at least {min})"));
            }
        }
        Value::Number(_) => range(schema, instance, reasons),
        Value::Null | Value::Bool(_) => {}
    }
}

fn range(schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let compared = |keyword: &str| schema.get(keyword).and_then(|limit| Some((limit, compare(instance, limit)?)));
    let is_exclusive = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
    match compared("maximum") {
        Some((limit, Greater)) => {
            let text = "numeric instance is greater than the required maximum";
            reasons.push(format!("{text} (maximum: {limit}, found: {instance})"));
        }
        Some((limit, Equal)) if is_exclusive("exclusiveMaximum") => {
            reasons.push(format!("numeric instance is not strictly lower than the required maximum {limit}"));
        }
        _ => {}
    }
    match compared("minimum") {
        Some((limit, Less)) => {
            let text = "numeric instance is lower than the required minimum";
            reasons.push(format!("{text} (minimum: {limit}, found: {instance})"));
        }
        Some((limit, Equal)) if is_exclusive("exclusiveMinimum") => {
            reasons.push(format!("numeric instance is not strictly greater than the required minimum {limit}"));
        }
        _ => {}
    }
}

fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    let integer = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn required(schema: &Map<String, Value>, members: &Map<String, Value>, reasons: &mut Vec<String>) {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let mut missing: Vec<_> = required.filter_map(Value::as_str).filter(|name| !members.contains_key(*name)).collect();
    if !missing.is_empty() {
        missing.sort_unstable();
        reasons.push(format!("object has missing required properties ({})", list(missing)));
    }
}

fn type_of(schema: &Map<String, Value>, instance: &Value, reasons: &mut Vec<String>) {
    let mut allowed: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    // An integer is a number, and the library says so.
    if allowed.contains(&"number") && !allowed.contains(&"integer") {
        allowed.push("integer");
    }
    let found = match instance {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !allowed.contains(&found) {
        allowed.sort_unstable();
        let (text, allowed) = ("does not match any allowed primitive type", list(allowed));
        reasons.push(format!("instance type ({found}) {text} (allowed: {allowed})"));
    }
}

fn format(name: &str, found: &str) -> String {
    let what = match name {
        "date-time" => {
            return format!(
                "string \"{found}\" is invalid against requested date format(s) [yyyy-MM-dd'T'HH:mm:ssZ, \
                 yyyy-MM-dd'T'HH:mm:ss.SSSZ]"
            );
        }
        "date" => return format!("string \"{found}\" is invalid against requested date format(s) yyyy-MM-dd"),
        "email" => "email address",
        "hostname" => "hostname",
        "ipv4" => "IPv4 address",
        "ipv6" => "IPv6 address",
        "regex" => "ECMA 262 regular expression",
        "uri" => "URI",
        other => other,
    };
    format!("string \"{found}\" is not a valid {what}")
}

/// A list of names as JSON, as the library shows one.
fn list<S: AsRef<str>>(names: Vec<S>) -> String {
    let names = names.into_iter().take(SHOWN_MAX / 10);
    names.map(|name| Value::from(shown(name.as_ref()))).collect::<Value>().to_string()
}

fn json(instance: &Value) -> String {
    shown(&instance.to_string()).to_owned()
}

fn text(instance: &Value) -> &str {
    shown(instance.as_str().unwrap_or_default())
}

/// As much of a text as a reason shows.
fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(schema: Value, body: &str, expected: &str) {
        let shown =
            Schema::new(schema.clone()).unwrap_or_else(|error| panic!("{schema}: {error:?}")).check(body.as_bytes());
        assert_eq!(shown.err().unwrap_or_default(), expected, "{schema} {body}");
    }

    /// Recorded of the service, or of the library that it uses.
    #[test]
    fn recorded_texts() {
        let required = json!({"required": ["repeatPassword", "email", "firstName", "password"]});
        check(
            required,
            r#"{"firstName": "Art"}"#,
            r#"[object has missing required properties (["email","password","repeatPassword"])]"#,
        );
        check(json!({"required": ["name"]}), "", "[Unknown error parsing request body]");
        let pet = json!({"properties": {"price": {"type": "number", "minimum": 25}, "type": {"enum": ["dog", "cat"]}}});
        check(
            pet.clone(),
            r#"{"price": "a"}"#,
            r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#,
        );
        check(
            pet.clone(),
            r#"{"price": -1}"#,
            "[numeric instance is lower than the required minimum (minimum: 25, found: -1)]",
        );
        check(
            pet,
            r#"{"type": "cow", "price": 1}"#,
            "[numeric instance is lower than the required minimum (minimum: 25, found: 1), \
             instance value (\"cow\") not found in enum (possible values: [\"dog\",\"cat\"])]",
        );
        check(
            json!({"type": "array"}),
            "{}",
            r#"[instance type (object) does not match any allowed primitive type (allowed: ["array"])]"#,
        );
        check(
            json!({"type": ["object", "null"]}),
            "1.0",
            r#"[instance type (number) does not match any allowed primitive type (allowed: ["null","object"])]"#,
        );
        check(
            json!({"pattern": "^[a-z]$"}),
            r#""ABC""#,
            r#"[ECMA 262 regex "^[a-z]$" does not match input string "ABC"]"#,
        );
    }

    #[test]
    fn every_keyword_has_its_text() {
        check(
            json!({"maximum": 20}),
            "97",
            "[numeric instance is greater than the required maximum (maximum: 20, found: 97)]",
        );
        check(
            json!({"maximum": 20, "exclusiveMaximum": true}),
            "20",
            "[numeric instance is not strictly lower than the required maximum 20]",
        );
        check(
            json!({"minimum": 0.5, "exclusiveMinimum": true}),
            "0.5",
            "[numeric instance is not strictly greater than the required minimum 0.5]",
        );
        check(json!({"multipleOf": 5}), "7", "[remainder of division is not zero (7 / 5)]");
        check(json!({"minLength": 2}), r#""\u00e4""#, "[string \"ä\" is too short (length: 1, required minimum: 2)]");
        check(json!({"maxLength": 2}), r#""abc""#, r#"[string "abc" is too long (length: 3, maximum allowed: 2)]"#);
        check(
            json!({"minItems": 1}),
            "[]",
            "[array is too short: must have at least 1 elements but instance has 0 elements]",
        );
        check(
            json!({"maxItems": 1}),
            "[1,2]",
            "[array is too long: must have at most 1 elements but instance has 2 elements]",
        );
        check(json!({"uniqueItems": true}), "[1,2,1]", "[array must not contain duplicate elements]");
        check(
            json!({"items": [{}], "additionalItems": false}),
            "[1,2]",
            "[schema only allows 1 elements in array but instance has 2 elements]",
        );
        check(
            json!({"minProperties": 2}),
            r#"{"a":1}"#,
            "[object has too few properties (found 1 but schema requires at least 2)]",
        );
        check(
            json!({"maxProperties": 1}),
            r#"{"a":1,"b":2}"#,
            "[object has too many properties (found 2 but schema requires at most 1)]",
        );
        let closed = json!({"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": false});
        check(
            closed,
            r#"{"z":1,"x-a":1,"b":2,"a":1}"#,
            r#"[object instance has properties which are not allowed by the schema: ["b","z"]]"#,
        );
        check(
            json!({"allOf": [{}, {"type": "null"}]}),
            "1",
            "[instance failed to match all required schemas (matched only 1 out of 2)]",
        );
        check(
            json!({"anyOf": [{"type": "null"}, {"minimum": 3}]}),
            "1",
            "[instance failed to match at least one required schema among 2]",
        );
        check(
            json!({"oneOf": [{}, {"minimum": 0}]}),
            "1",
            "[instance failed to match exactly one schema (matched 2 out of 2)]",
        );
        check(json!({"not": {"type": "integer"}}), "1", "[instance matched a schema which it should not have]");
        let card = json!({"dependencies": {"card": ["zip", "city"], "name": {"required": ["first"]}}});
        check(
            card.clone(),
            r#"{"card": 1, "city": "x"}"#,
            r#"[property "card" of object has missing property dependencies (schema requires ["city","zip"]; missing: ["zip"])]"#,
        );
        check(card, r#"{"name": 1}"#, r#"[object has missing required properties (["first"])]"#);
        for (name, text) in [
            ("email", "is not a valid email address"),
            ("hostname", "is not a valid hostname"),
            ("ipv4", "is not a valid IPv4 address"),
            ("ipv6", "is not a valid IPv6 address"),
            ("uri", "is not a valid URI"),
            (
                "date-time",
                "is invalid against requested date format(s) [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.SSSZ]",
            ),
        ] {
            check(json!({"format": name}), r#""a b""#, &format!("[string \"a b\" {text}]"));
        }
        check(json!({"format": "int32"}), r#""a b""#, "");
    }

    #[test]
    fn parts_are_looked_at_by_name_and_only_where_the_whole_is_well() {
        let schema = json!({
            "required": ["a"],
            "properties": {"z": {"type": "null"}, "b": {"type": "null", "maximum": 0}, "m": {"properties": {"n": {"type": "null"}}}},
            "additionalProperties": {"type": "string"},
        });
        let text = |found: &str, allowed: &str| {
            format!("instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])")
        };
        check(schema.clone(), r#"{"z": 1, "b": 1}"#, r#"[object has missing required properties (["a"])]"#);
        let expected = format!(
            "[numeric instance is greater than the required maximum (maximum: 0, found: 1), {}, {}]",
            text("integer", "null"),
            text("boolean", "null"),
        );
        check(schema.clone(), r#"{"z": true, "b": 1, "a": ""}"#, &expected);
        check(schema.clone(), r#"{"m": {"n": 1}, "a": ""}"#, &format!("[{}]", text("integer", "null")));
        check(schema.clone(), r#"{"a": 1}"#, &format!("[{}]", text("integer", "string")));
        // The parts of `m` are not looked at any more once `b` is wrong.
        check(schema, r#"{"m": {"n": 1}, "b": {}, "a": ""}"#, &format!("[{}]", text("object", "null")));
    }

    #[test]
    fn reports_are_short_however_much_is_wrong() {
        let schema = Schema::new(json!({"items": {"type": "null"}})).expect("a schema");
        let many = schema.check(format!("[{}0]", "0,".repeat(100_000)).as_bytes()).expect_err("none is null");
        assert_eq!(many.matches("instance type").count(), REASONS_MAX);
        let schema = Schema::new(json!({"maxLength": 1, "pattern": "^a$", "enum": ["x"]})).expect("a schema");
        let long = schema.check(format!("\"{}\"", "ä".repeat(100_000)).as_bytes()).expect_err("too long");
        assert!(long.contains("(length: 100000, maximum allowed: 1)") && long.len() < 10_000, "{}", long.len());
    }
}
