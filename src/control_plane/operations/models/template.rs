//! A mapping template that makes what a model describes, with values to be replaced: strings are `"foo"`, numbers 42.
//! (Guide, `models-mappings-models`; API reference, `API_GetModelTemplate`.)

use serde_json::Value;

/// A schema whose parts refer to each other can describe more than anybody wants to read: beyond this, objects are
/// empty.
const BYTES_MAX: usize = 256 * 1024;
const DEPTH_MAX: usize = 24;

/// `schema` is complete: what it refers to is in it.
pub fn of(schema: &Value) -> String {
    let mut writer = Writer { root: schema, text: String::from("#set($inputRoot = $input.path('$'))\n") };
    writer.value(schema, "$inputRoot", 0);
    writer.text
}

struct Writer<'s> {
    root: &'s Value,
    text: String,
}

/// What stands for a schema.
enum Kind<'s> {
    Object(Vec<(&'s String, &'s Value)>),
    Array(&'s Value),
    Literal(&'static str),
}

impl<'s> Writer<'s> {
    /// `source` is the expression for what the input has here.
    fn value(&mut self, schema: &'s Value, source: &str, depth: usize) {
        let kind = kind(self.resolved(schema));
        let is_full = depth > DEPTH_MAX || self.text.len() > BYTES_MAX;
        match kind {
            Kind::Literal(literal) => self.text.push_str(literal),
            Kind::Object(members) if members.is_empty() || is_full => self.text.push_str("{ }"),
            Kind::Array(_) if is_full => self.text.push_str("[ ]"),
            Kind::Object(members) => self.object(&members, source, depth),
            Kind::Array(items) => self.array(items, source, depth),
        }
    }

    fn object(&mut self, members: &[(&'s String, &'s Value)], source: &str, depth: usize) {
        self.text.push_str("{\n");
        for (position, (name, schema)) in members.iter().enumerate() {
            if position > 0 {
                self.text.push_str(",\n");
            }
            self.indent(depth + 1);
            self.text.push_str(&format!("{} : ", Value::from(name.as_str())));
            self.value(schema, &member(source, name), depth + 1);
        }
        self.text.push('\n');
        self.indent(depth);
        self.text.push('}');
    }

    fn array(&mut self, items: &'s Value, source: &str, depth: usize) {
        // A loop within a loop needs a name of its own: the outer one is used again behind it.
        let element = format!("$elem{}", if source.starts_with("$elem") { depth.to_string() } else { String::new() });
        self.text.push_str("[\n##TODO: Update this foreach loop to reference array from input json\n");
        self.text.push_str(&format!("#foreach({element} in {source})\n"));
        self.indent(depth + 1);
        self.value(items, &element, depth + 1);
        self.text.push_str(" \n#if($foreach.hasNext),#end\n#end\n");
        self.indent(depth);
        self.text.push(']');
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }

    /// The schema that a reference leads to, over at most as many as a value may be deep.
    fn resolved(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..DEPTH_MAX {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let Some(pointer) = reference.and_then(|reference| reference.strip_prefix('#')) else { break };
            schema = self.root.pointer(pointer).unwrap_or(&Value::Null);
        }
        schema
    }
}

fn kind(schema: &Value) -> Kind<'_> {
    let named = match schema.get("type") {
        Some(Value::Array(names)) => names.first(),
        named => named,
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    match named.and_then(Value::as_str) {
        Some("string") => Kind::Literal("\"foo\""),
        Some("number" | "integer") => Kind::Literal("42"),
        Some("boolean") => Kind::Literal("true"),
        Some("null") => Kind::Literal("null"),
        Some("array") => Kind::Array(schema.get("items").unwrap_or(&Value::Null)),
        _ => Kind::Object(properties.into_iter().flatten().collect()),
    }
}

/// The expression for a member of what `source` gives.
fn member(source: &str, name: &str) -> String {
    let is_identifier = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_identifier { format!("{source}.{name}") } else { format!("{source}['{}']", name.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: &str) {
        assert_eq!(of(schema), format!("#set($inputRoot = $input.path('$'))\n{expected}"));
    }

    #[test]
    fn every_type_has_a_value_of_its_own() {
        check(&json!({ "type": "object" }), "{ }");
        check(&json!({ "type": ["string", "null"] }), "\"foo\"");
        check(&json!({}), "{ }");
        let properties = json!({
            "a": { "type": "integer" }, "b-c": { "type": "boolean" }, "d": { "properties": { "e": { "type": "null" } } },
        });
        check(
            &json!({ "type": "object", "properties": properties }),
            "{\n  \"a\" : 42,\n  \"b-c\" : true,\n  \"d\" : {\n    \"e\" : null\n  }\n}",
        );
    }

    #[test]
    fn arrays_are_loops() {
        let element = json!({ "type": "object", "properties": { "age": { "type": "integer" } } });
        check(
            &json!({ "type": "array", "items": element }),
            "[\n##TODO: Update this foreach loop to reference array from input json\n#foreach($elem in $inputRoot)\n  \
             {\n    \"age\" : 42\n  } \n#if($foreach.hasNext),#end\n#end\n]",
        );
        let nested = json!({ "type": "array", "items": { "type": "array", "items": { "type": "string" } } });
        let text = of(&json!({ "properties": { "rows": nested } }));
        assert!(text.contains("#foreach($elem in $inputRoot.rows)"), "{text}");
        assert!(text.contains("#foreach($elem2 in $elem)"), "{text}");
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let branches = json!({ "a": { "$ref": "#" }, "b": { "$ref": "#" }, "c": { "$ref": "#" } });
        assert!(of(&json!({ "properties": branches })).len() < 2 * BYTES_MAX);
        check(&json!({ "$ref": "#" }), "{ }");
    }
}
