//! Texts with `{{variables}}`, taken apart.

use std::sync::Arc;

use super::files::Files;
use super::{Piece, Text, Texts};

/// The most characters of a `{{random_string}}`.
const RANDOM_STRING_MAX: usize = 1 << 20;

/// Every variable, in the form that suggestions show.
const VARIABLES: &[(&str, &str)] = &[
    ("seq", "{{seq}} or {{seq:1000}}"),
    ("uuid", "{{uuid}}"),
    ("random", "{{random:1-100}}"),
    ("random_string", "{{random_string:16}}"),
    ("pick", "{{pick:a|b|c}}"),
    ("csv", "{{csv:users.csv:id}}"),
    ("line", "{{line:tokens.txt}}"),
    ("timestamp", "{{timestamp}}"),
    ("timestamp_ms", "{{timestamp_ms}}"),
    ("env", "{{env:NAME}}"),
];

/// What the place of a text asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A path and query: what the user wrote stays a URL; values are percent-encoded, delimiters too.
    Url,
    /// A part of a path or query: all of it is percent-encoded.
    UrlPart,
    /// A header's value: no control characters.
    Header,
    /// As it is.
    Body,
    /// A JSON document: values are escaped as the inside of a string.
    Json,
}

impl Text {
    /// Takes `source` apart; `{{{{` stands for `{{`. Errors name the column, in characters from 1.
    pub fn parse(source: &str, encoding: Encoding, files: &mut Files) -> Result<Text, String> {
        let mut text = Text::default();
        let mut rest = source;
        loop {
            let column = source[..source.len() - rest.len()].chars().count() + 1;
            let (fixed, after) = match rest.split_once("{{") {
                None => (rest, None),
                Some((fixed, after)) => (fixed, Some(after)),
            };
            text.push(encoding.fixed(fixed).map_err(|reason| format!("column {column}: {reason}"))?);
            let column = column + fixed.chars().count();
            let Some(after) = after else { return Ok(text) };
            if let Some(after) = after.strip_prefix("{{") {
                text.push(encoding.fixed("{{")?);
                rest = after;
                continue;
            }
            let Some((variable, after)) = after.split_once("}}") else {
                return Err(format!("column {column}: `{{{{` without `}}}}`; write `{{{{{{{{` for `{{{{` itself"));
            };
            let piece = piece(&encoding.unescaped(variable), encoding, files);
            match piece.map_err(|reason| format!("column {column}: {{{{{variable}}}}}: {reason}"))? {
                Piece::Fixed(bytes) => text.push(bytes),
                piece => text.pieces.push(piece),
            }
            rest = after;
        }
    }

    /// Values from `lines` in turn, as of a file of its own.
    pub fn cycled(lines: &[String], encoding: Encoding, files: &mut Files) -> Result<Text, String> {
        let texts = encoded(lines.iter().map(String::as_str), encoding)?;
        Ok(Text { pieces: vec![Piece::Row { texts, deck: files.new_deck() }] })
    }
}

/// `source` with its `{{` written so that it stays as it is.
pub fn escape(source: &str) -> String {
    source.replace("{{", "{{{{")
}

fn piece(variable: &str, encoding: Encoding, files: &mut Files) -> Result<Piece, String> {
    let variable = variable.trim();
    let (name, argument) = match variable.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (variable, None),
    };
    let usage = || {
        let form = VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, form)| *form);
        format!("write {}", form.unwrap_or("a variable"))
    };
    match (name, argument) {
        ("seq", None) => Ok(Piece::Sequence { start: 0 }),
        ("seq", Some(start)) => Ok(Piece::Sequence { start: start.parse().map_err(|_| usage())? }),
        ("uuid", None) => Ok(Piece::Uuid),
        ("random", Some(range)) => {
            let (low, high) = range_of(range).ok_or_else(usage)?;
            if low > high {
                return Err(format!("the range is empty; write {{{{random:{high}-{low}}}}}"));
            }
            Ok(Piece::Random { low, high })
        }
        ("random_string", Some(length)) => match length.parse() {
            Ok(length @ 1..=RANDOM_STRING_MAX) => Ok(Piece::RandomString { length }),
            _ => Err(format!("{}, a length from 1 to {RANDOM_STRING_MAX}", usage())),
        },
        ("pick", Some(choices)) => encoded(choices.split('|'), encoding).map(Piece::Pick),
        ("csv", Some(argument)) => {
            // The last colon: a path may contain others.
            let (path, column) = argument.rsplit_once(':').ok_or_else(usage)?;
            files.once(variable, encoding, |files| {
                let (column, deck) = files.csv_column(path, column)?;
                Ok((encoded(column, encoding)?, deck))
            })
        }
        ("line", Some(path)) => files.once(variable, encoding, |files| {
            let (lines, deck) = files.lines(path)?;
            Ok((encoded(lines, encoding)?, deck))
        }),
        ("timestamp", None) => Ok(Piece::TimestampSeconds),
        ("timestamp_ms", None) => Ok(Piece::TimestampMs),
        ("env", Some(name)) => match std::env::var(name) {
            Ok(value) => encoding.value(&value).map(Piece::Fixed),
            Err(_) => Err(format!("the environment has no {name}, or it is not UTF-8")),
        },
        _ if VARIABLES.iter().any(|(known, _)| *known == name) => Err(usage()),
        _ => Err(format!("there is no such variable{}", suggestion(name))),
    }
}

fn suggestion(name: &str) -> String {
    let nearest = VARIABLES.iter().min_by_key(|(known, _)| strsim::damerau_levenshtein(name, known));
    match nearest.filter(|(known, _)| strsim::damerau_levenshtein(name, known) <= (name.len() / 3).max(1)) {
        Some((_, form)) => format!("; did you mean {form}? For `{{{{` itself write `{{{{{{{{`"),
        None => {
            let names: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
            format!("; there are {}. For `{{{{` itself write `{{{{{{{{`", names.join(", "))
        }
    }
}

/// `1-100`, `-5--3`.
fn range_of(text: &str) -> Option<(i64, i64)> {
    let middle = text.char_indices().skip(1).find(|(_, character)| *character == '-')?.0;
    Some((text[..middle].trim().parse().ok()?, text[middle + 1..].trim().parse().ok()?))
}

fn encoded<'a>(values: impl IntoIterator<Item = &'a str>, encoding: Encoding) -> Result<Arc<Texts>, String> {
    let values: Result<Vec<Vec<u8>>, String> = values.into_iter().map(|value| encoding.value(value)).collect();
    Ok(Arc::new(Texts::from_iter(values?)))
}

impl Encoding {
    /// What the user wrote beside variables.
    fn fixed(self, text: &str) -> Result<Vec<u8>, String> {
        match self {
            // What RFC 3986 has no place for in a path or query, and nothing else: `%41`, `&` and `/` mean what they say.
            Encoding::Url => {
                Ok(percent_encoded(text, |byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)))
            }
            Encoding::Json => Ok(text.as_bytes().to_vec()),
            Encoding::UrlPart | Encoding::Header | Encoding::Body => self.value(text),
        }
    }

    /// A variable as it was meant: in a JSON document it is written like the inside of a string.
    fn unescaped(self, variable: &str) -> String {
        let as_json = match self {
            Encoding::Json => serde_json::from_str(&format!("\"{variable}\"")).ok(),
            Encoding::Url | Encoding::UrlPart | Encoding::Header | Encoding::Body => None,
        };
        as_json.unwrap_or_else(|| variable.to_owned())
    }

    /// A variable's value.
    fn value(self, text: &str) -> Result<Vec<u8>, String> {
        match self {
            Encoding::Url | Encoding::UrlPart => {
                Ok(percent_encoded(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)))
            }
            // The value itself is not repeated: it may be a credential.
            Encoding::Header => match text.bytes().find(|byte| byte.is_ascii_control() && *byte != b'\t') {
                Some(byte) => {
                    Err(format!("a header's value cannot contain the control character {}", byte.escape_ascii()))
                }
                None => Ok(text.as_bytes().to_vec()),
            },
            Encoding::Body => Ok(text.as_bytes().to_vec()),
            Encoding::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                Ok(quoted.as_bytes()[1..quoted.len() - 1].to_vec())
            }
        }
    }
}

fn percent_encoded(text: &str, stays: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(byte);
        } else {
            encoded.extend(format!("%{byte:02X}").bytes());
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, encoding: Encoding, expected: Result<&str, &str>) {
        match (Text::parse(source, encoding, &mut Files::default()), expected) {
            (Ok(text), Ok(expected)) => {
                let fixed = text.fixed().expect("no variables");
                assert_eq!(String::from_utf8_lossy(fixed), expected, "{source}");
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{source}: {error}"),
            (result, expected) => panic!("{source}: {result:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn texts_without_variables_are_fixed() {
        check("", Encoding::Body, Ok(""));
        check("a}}b{c", Encoding::Body, Ok("a}}b{c"));
        check("{{{{a}} {{{{{{{{", Encoding::Body, Ok("{{a}} {{{{"));
        check("{{env:CARGO_PKG_NAME}}!", Encoding::Body, Ok("loadtest!"));
        check("{{ env:CARGO_PKG_NAME }}", Encoding::Body, Ok("loadtest"));
    }

    #[test]
    fn encodings() {
        check("/a b/ü?x=%41&y=[1]&z={", Encoding::Url, Ok("/a%20b/%C3%BC?x=%41&y=[1]&z=%7B"));
        check("a b/ü%41", Encoding::UrlPart, Ok("a%20b%2F%C3%BC%2541"));
        check("a\tü", Encoding::Header, Ok("a\tü"));
        check("a\r\nX: y", Encoding::Header, Err(r"control character \r"));
        check("{\"a\":\n1}", Encoding::Json, Ok("{\"a\":\n1}"));
        assert_eq!(Encoding::Json.value("a\"\n").unwrap(), br#"a\"\n"#);
        assert_eq!(Encoding::Url.value("a/b?c&d").unwrap(), b"a%2Fb%3Fc%26d");
    }

    #[test]
    fn mistakes() {
        check("é {{seqq}}", Encoding::Body, Err("column 3: {{seqq}}: there is no such variable; did you mean {{seq}}"));
        check("{{uid}}", Encoding::Body, Err("did you mean {{uuid}}?"));
        check("{{customer}}", Encoding::Body, Err("there are seq, uuid, random,"));
        check("a{{seq", Encoding::Body, Err("column 2: `{{` without `}}`"));
        check("{{seq:x}}", Encoding::Body, Err("write {{seq}} or {{seq:1000}}"));
        check("{{uuid:4}}", Encoding::Body, Err("write {{uuid}}"));
        check("{{random}}", Encoding::Body, Err("write {{random:1-100}}"));
        check("{{random:9-1}}", Encoding::Body, Err("write {{random:1-9}}"));
        check("{{random:1}}", Encoding::Body, Err("write {{random:1-100}}"));
        check("{{random_string:0}}", Encoding::Body, Err("from 1 to"));
        check("{{csv:users.csv}}", Encoding::Body, Err("write {{csv:users.csv:id}}"));
        check("{{csv:/no/such.csv:id}}", Encoding::Body, Err("/no/such.csv"));
        check("{{env:NO_SUCH_NAME_HERE}}", Encoding::Body, Err("the environment has no NO_SUCH_NAME_HERE"));
        check("{{pick:a|b\rc}}", Encoding::Header, Err("control character"));
    }
}
