//! The condition of a filter, and the values that stand in one. (Jayway's `FilterCompiler`.)

use serde_json::{Map, Number, Value};

use super::ParseError;
use super::parse::Reader;
use super::pattern::Pattern;
use super::syntax::{Filter, Operand, Operator};

/// `a || b && c`, as far as it goes.
pub(super) fn condition(reader: &mut Reader) -> Result<Filter, ParseError> {
    let mut any = vec![all(reader)?];
    while reader.take("||") {
        any.push(all(reader)?);
    }
    Ok(if any.len() == 1 { any.remove(0) } else { Filter::Any(any) })
}

fn all(reader: &mut Reader) -> Result<Filter, ParseError> {
    let mut all = vec![term(reader)?];
    while reader.take("&&") {
        all.push(term(reader)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Filter::All(all) })
}

fn term(reader: &mut Reader) -> Result<Filter, ParseError> {
    if reader.take("!") {
        let negated = reader.nested(term)?;
        return Ok(Filter::Not(Box::new(negated)));
    }
    if reader.take("(") {
        let inner = reader.nested(condition)?;
        reader.expect(")")?;
        return Ok(inner);
    }
    let left = operand(reader)?;
    match operator(reader)? {
        Some(operator) => Ok(Filter::Compare { left, operator, right: operand(reader)? }),
        None if matches!(left, Operand::Here(_) | Operand::Root(_)) => Ok(Filter::Exists(left)),
        None => reader.fail("expected an operator"),
    }
}

/// None where the term ends.
fn operator(reader: &mut Reader) -> Result<Option<Operator>, ParseError> {
    reader.skip_blanks();
    if matches!(reader.peek(), None | Some(')' | '&' | '|')) {
        return Ok(None);
    }
    for (symbol, operator) in Operator::SYMBOLS {
        if reader.take(symbol) {
            return Ok(Some(operator));
        }
    }
    let rest = reader.rest();
    let word = &rest[..rest.find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let known = Operator::WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    let Some((_, operator)) = known else { return reader.fail("expected an operator") };
    reader.at += word.len();
    Ok(Some(*operator))
}

fn operand(reader: &mut Reader) -> Result<Operand, ParseError> {
    reader.skip_blanks();
    match reader.peek() {
        Some('@') => reader.nested(Reader::whole_path).map(Operand::Here),
        Some('$') => reader.nested(Reader::whole_path).map(Operand::Root),
        Some('/') => pattern(reader),
        _ => value(reader).map(Operand::Value),
    }
}

/// `/re/`, with `i` behind it for either case; the whole text has to match.
fn pattern(reader: &mut Reader) -> Result<Operand, ParseError> {
    let begins = reader.at;
    let body = &reader.rest()[1..];
    let Some(end) = unescaped(body, '/') else { return reader.fail("the pattern has no end") };
    reader.at += 1 + end + 1;
    let flags = reader.rest();
    let flags = &flags[..flags.find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(flags.len())];
    if !flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'x')) {
        return reader.fail("a pattern's flags are of `imsx`");
    }
    reader.at += flags.len();
    let source = body[..end].replace("\\/", "/");
    let source = if flags.is_empty() { source } else { format!("(?{flags}){source}") };
    match Pattern::whole(&source) {
        Ok(pattern) => Ok(Operand::Pattern(Box::new(pattern))),
        Err(message) => Err(ParseError { message, offset: begins }),
    }
}

/// JSON as json-smart reads it: with single quotes, and with words for text.
pub(super) fn value(reader: &mut Reader) -> Result<Value, ParseError> {
    reader.skip_blanks();
    match reader.peek() {
        Some('\'' | '"') => quoted(reader).map(Value::String),
        Some('[') => reader.nested(array),
        Some('{') => reader.nested(object),
        _ => scalar(reader),
    }
}

fn array(reader: &mut Reader) -> Result<Value, ParseError> {
    reader.at += 1;
    let mut items = Vec::new();
    while !reader.take("]") {
        if !items.is_empty() {
            reader.expect(",")?;
        }
        items.push(value(reader)?);
    }
    Ok(Value::Array(items))
}

fn object(reader: &mut Reader) -> Result<Value, ParseError> {
    reader.at += 1;
    let mut members = Map::new();
    while !reader.take("}") {
        if !members.is_empty() {
            reader.expect(",")?;
        }
        let Value::String(name) = value(reader)? else { return reader.fail("expected a name") };
        reader.expect(":")?;
        members.insert(name, value(reader)?);
    }
    Ok(Value::Object(members))
}

fn scalar(reader: &mut Reader) -> Result<Value, ParseError> {
    let rest = reader.rest();
    let ends = |next: char| next.is_whitespace() || ",:]}()<>=!~&|'\"".contains(next);
    let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let number = || word.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let value = match word {
        "" => return reader.fail("expected a value"),
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        _ if number() => match word.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => return reader.fail("expected a number"),
        },
        _ => Value::String(word.to_owned()),
    };
    reader.at += word.len();
    Ok(value)
}

/// Text in the quotes that it begins with.
pub(super) fn quoted(reader: &mut Reader) -> Result<String, ParseError> {
    let rest = reader.rest();
    let quote = if rest.starts_with('"') { '"' } else { '\'' };
    let Some(end) = unescaped(&rest[1..], quote) else { return reader.fail("the text has no closing quote") };
    reader.at += 1 + end + 1;
    Ok(unescape(&rest[1..1 + end]))
}

fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, next)| {
        let found = !escaped && next == wanted;
        escaped = !escaped && next == '\\';
        found.then_some(at)
    })
}

/// Java's escapes; a backslash before anything else goes.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            plain.push(next);
            continue;
        }
        match rest.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('b') => plain.push('\u{8}'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits = rest.as_str().get(..4).unwrap_or("");
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                plain.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.as_str()[digits.len()..].chars();
            }
            Some(other) => plain.push(other),
            None => plain.push('\\'),
        }
    }
    plain
}
