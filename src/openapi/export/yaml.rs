//! JSON values as YAML 1.2 in AWS's manner: texts in double quotes, lists level with their key. Texts of several lines are
//! written as such (`|`) where YAML gives back exactly the same.

use std::fmt::Write as _;

use serde_json::{Map, Value};

pub fn text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => write_members(&mut text, members, 0),
        Value::Array(items) if !items.is_empty() => write_items(&mut text, items, 0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let _ = writeln!(text, "{value}");
        }
    }
    text
}

/// Each on lines of its own; the first line is where the caller has already indented.
fn write_members(text: &mut String, members: &Map<String, Value>, indent: usize) {
    for (position, (key, value)) in members.iter().enumerate() {
        if position > 0 {
            let _ = write!(text, "{:indent$}", "");
        }
        if is_plain(key) {
            text.push_str(key);
        } else {
            let _ = write!(text, "{}", quoted(key));
        }
        text.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                let _ = write!(text, "\n{:1$}", "", indent + 2);
                write_members(text, inner, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                let _ = write!(text, "\n{:indent$}", "");
                write_items(text, items, indent);
            }
            scalar => write_scalar(text, scalar, indent + 2),
        }
    }
}

fn write_items(text: &mut String, items: &[Value], indent: usize) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            let _ = write!(text, "{:indent$}", "");
        }
        text.push('-');
        match item {
            Value::Object(members) if !members.is_empty() => {
                text.push(' ');
                write_members(text, members, indent + 2);
            }
            Value::Array(inner) if !inner.is_empty() => {
                text.push(' ');
                write_items(text, inner, indent + 2);
            }
            scalar => write_scalar(text, scalar, indent + 2),
        }
    }
}

/// After a key or a dash, to the line's end.
fn write_scalar(text: &mut String, value: &Value, indent: usize) {
    let _ = match value {
        Value::String(lines) if is_literal(lines) => write_literal(text, lines, indent),
        Value::String(line) => writeln!(text, " {}", quoted(line)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            writeln!(text, " {value}")
        }
    };
}

fn write_literal(text: &mut String, lines: &str, indent: usize) -> std::fmt::Result {
    let ends = lines.len() - lines.trim_end_matches('\n').len();
    let chomping = match ends {
        0 => "-",
        1 => "",
        _ => "+",
    };
    writeln!(text, " |{chomping}")?;
    for line in lines.strip_suffix('\n').unwrap_or(lines).split('\n') {
        if line.is_empty() {
            text.push('\n');
        } else {
            writeln!(text, "{:indent$}{line}", "")?;
        }
    }
    Ok(())
}

/// Several lines, of which the first shows the indentation, and nothing that YAML would take for a line's end or refuse.
fn is_literal(text: &str) -> bool {
    let printable =
        |next: char| next == '\n' || !(next.is_control() || matches!(next, '\u{2028}' | '\u{2029}' | '\u{feff}'));
    let first = text.split('\n').next().unwrap_or_default();
    text.contains('\n') && !first.is_empty() && !first.starts_with(' ') && text.chars().all(printable)
}

/// A JSON string is a YAML one, but for characters that JSON allows as they are and YAML 1.1 or 1.2 does not.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for next in Value::from(text).to_string().chars() {
        if matches!(next, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}') {
            let _ = write!(quoted, "\\u{:04x}", next as u32);
        } else {
            quoted.push(next);
        }
    }
    quoted
}

/// Whether a key reads as a text without quotes in every version of YAML.
fn is_plain(key: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let first = key.bytes().next();
    let begins = first.is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'$' | b'_'));
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./$+{}".contains(&byte);
    begins && key.bytes().all(known) && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::tree::FileIndex;
    use super::super::super::yaml;
    use super::*;

    #[track_caller]
    fn check(value: Value, expected: &str) {
        let text = text(&value);
        assert_eq!(text, expected);
        let read = yaml::parse(&text, FileIndex(0)).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
        assert_eq!(read.map(|node| node.to_json()), Some(value), "{text}");
    }

    #[test]
    fn collections_are_written_in_blocks() {
        check(
            json!({"a": {"b": [1, {"c": true, "d": [[2], []]}], "e": {}}, "f": null}),
            "a:\n  b:\n  - 1\n  - c: true\n    d:\n    - - 2\n    - []\n  e: {}\nf: null\n",
        );
        check(json!([{"a": {"b": 1}}, "x"]), "- a:\n    b: 1\n- \"x\"\n");
        check(json!({}), "{}\n");
    }

    #[test]
    fn keys_are_quoted_where_they_would_be_read_otherwise() {
        check(
            json!({"/pets/{id}": 1, "200": 2, "no": 3, "a: b": 4, "": 5, "$ref": 6, "a b": 7}),
            "/pets/{id}: 1\n\"200\": 2\n\"no\": 3\n\"a: b\": 4\n\"\": 5\n$ref: 6\n\"a b\": 7\n",
        );
    }

    #[test]
    fn texts_come_back_as_they_were() {
        check(json!({"a": "1", "b": "x\"y\\z"}), "a: \"1\"\nb: \"x\\\"y\\\\z\"\n");
        check(json!({"a": "x\n  y\n\n#z", "b": "x\n"}), "a: |-\n  x\n    y\n\n  #z\nb: |\n  x\n");
        check(json!({"a": ["x\ny\n\n", "z"]}), "a:\n- |+\n  x\n  y\n\n- \"z\"\n");
        check(json!({"a": " x\ny", "b": "\nx"}), "a: \" x\\ny\"\nb: \"\\nx\"\n");
        check(json!({"a": "x\r\ny", "b": "x\ty"}), "a: \"x\\r\\ny\"\nb: \"x\\ty\"\n");
        check(json!({"a": "\u{85}\u{2028}\u{7f}ä"}), "a: \"\\u0085\\u2028\\u007fä\"\n");
    }
}
