//! `java.lang.String`. Its indices count UTF-16 units: those of bytes where the text is ASCII.

use std::borrow::Cow;

use crate::jsonpath::pattern::Pattern;

use super::super::evaluate::Evaluator;
use super::super::syntax::Method;
use super::super::value::{Fault, Text, Value};
use super::{int, str_of};

impl<'r> Evaluator<'r> {
    pub(super) fn text_method(
        &mut self,
        text: &Text<'r>,
        method: Method,
        arguments: &[Value<'r>],
        pattern: Option<&Pattern>,
    ) -> Result<Value<'r>, Fault> {
        self.step(text.len() / 32)?;
        if let (Method::Matches | Method::ReplaceAll | Method::ReplaceFirst | Method::Split, Some(source)) =
            (method, str_of(arguments, 0))
        {
            let pattern = match pattern {
                Some(pattern) => Cow::Borrowed(pattern),
                None => Cow::Owned(self.pattern(method, source)?),
            };
            return self.pattern_method(text, method, arguments, &pattern);
        }
        let argument = str_of(arguments, 0);
        Ok(match (method, argument, arguments) {
            (Method::Length, _, []) => Value::Int(units(text) as i64),
            (Method::IsEmpty, _, []) => Value::Bool(text.is_empty()),
            (Method::IsBlank, _, []) => Value::Bool(text.trim().is_empty()),
            (Method::Trim | Method::Strip, _, []) => self.part(text, trimmed(text)),
            (Method::ToLowerCase, _, []) => self.heap.text(&text.to_lowercase())?,
            (Method::ToUpperCase, _, []) => self.heap.text(&text.to_uppercase())?,
            (Method::Substring, _, [Value::Int(from)]) => self.substring(text, *from, units(text) as i64)?,
            (Method::Substring, _, [Value::Int(from), Value::Int(to)]) => self.substring(text, *from, *to)?,
            (Method::CharAt, _, [Value::Int(at)]) => self.substring(text, *at, at.saturating_add(1))?,
            (Method::IndexOf, Some(part), _) => Value::Int(index_of(text, part, int(arguments, 1).unwrap_or(0))),
            (Method::LastIndexOf, Some(part), _) => {
                Value::Int(text.rfind(part).map_or(-1, |at| units(&text[..at]) as i64))
            }
            (Method::Contains, Some(part), _) => Value::Bool(text.contains(part)),
            (Method::StartsWith, Some(part), [_]) => Value::Bool(text.starts_with(part)),
            (Method::StartsWith, Some(part), [_, Value::Int(from)]) => {
                let from = usize::try_from(*from).ok().and_then(|from| byte_at(text, from));
                Value::Bool(from.is_some_and(|from| text[from..].starts_with(part)))
            }
            (Method::EndsWith, Some(part), _) => Value::Bool(text.ends_with(part)),
            (Method::Concat, Some(part), _) => self.heap.text(&format!("{}{part}", &**text))?,
            (Method::EqualsIgnoreCase, Some(other), _) => Value::Bool(folded(text) == folded(other)),
            (Method::CompareTo, Some(other), _) => Value::Int(compared(text, other)),
            (Method::CompareToIgnoreCase, Some(other), _) => Value::Int(compared(&folded(text), &folded(other))),
            (Method::Replace, Some(from), [_, Value::Text(to)]) => {
                self.charge_replacement(text, from, to)?;
                self.heap.text(&text.replace(from, to))?
            }
            (Method::ValueOf, _, [value]) => {
                let text = self.text_of(value)?.into_owned();
                self.heap.text(&text)?
            }
            _ => Value::Null,
        })
    }

    /// What is made of a text may be much longer than it; that is counted before it is made.
    fn charge_replacement(&mut self, text: &str, from: &str, to: &str) -> Result<(), Fault> {
        let found = if from.is_empty() { text.len() + 1 } else { text.len() / from.len() };
        self.heap.charge(found.saturating_mul(to.len().saturating_sub(from.len())))
    }

    fn pattern(&mut self, method: Method, source: &str) -> Result<Pattern, Fault> {
        // Compiling costs that much.
        self.step(500 + source.len() * 20)?;
        let compiled = if method == Method::Matches { Pattern::whole(source) } else { Pattern::within(source) };
        compiled.map_err(Fault::template)
    }

    fn pattern_method(
        &mut self,
        text: &Text<'r>,
        method: Method,
        arguments: &[Value<'r>],
        pattern: &Pattern,
    ) -> Result<Value<'r>, Fault> {
        match (method, arguments) {
            (Method::Matches, [_]) => Ok(Value::Bool(pattern.is_match(text))),
            (Method::ReplaceAll, [_, Value::Text(replacement)]) => {
                self.replaced(text, pattern, replacement, usize::MAX)
            }
            (Method::ReplaceFirst, [_, Value::Text(replacement)]) => self.replaced(text, pattern, replacement, 1),
            (Method::Split, [_]) => self.split(text, pattern, 0),
            (Method::Split, [_, Value::Int(limit)]) => self.split(text, pattern, *limit),
            _ => Ok(Value::Null),
        }
    }

    fn replaced(
        &mut self,
        text: &str,
        pattern: &Pattern,
        replacement: &str,
        count_max: usize,
    ) -> Result<Value<'r>, Fault> {
        let (mut output, mut copied) = (String::new(), 0);
        for found in pattern.regex().captures_iter(text).take(count_max) {
            let Some(whole) = found.get(0) else { break };
            self.step(1)?;
            self.heap.charge(replacement.len())?;
            output.push_str(&text[copied..whole.start()]);
            append_replacement(&found, replacement, &mut output)?;
            if output.len() > self.output_bytes_max {
                return Err(Fault::budget("a replacement makes too much text"));
            }
            copied = whole.end();
        }
        output.push_str(&text[copied..]);
        self.heap.text(&output)
    }

    /// Java's `split`: without a limit the empty parts at the end go; an empty match at the beginning splits nothing.
    fn split(&mut self, text: &Text<'r>, pattern: &Pattern, limit: i64) -> Result<Value<'r>, Fault> {
        let parts_max = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let (mut parts, mut begins) = (Vec::new(), 0);
        for found in pattern.regex().find_iter(text) {
            if parts.len() + 1 == parts_max {
                break;
            }
            if found.end() == 0 || (found.is_empty() && found.end() == text.len()) {
                continue;
            }
            self.step(1)?;
            self.heap.charge_items(1)?;
            parts.push(begins..found.start());
            begins = found.end();
        }
        parts.push(begins..text.len());
        if limit == 0 && parts.len() > 1 {
            while parts.last().is_some_and(|part| part.is_empty()) {
                parts.pop();
            }
        }
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            if let Text::Made(_) = text {
                self.heap.charge(part.len())?;
            }
            items.push(self.part(text, part));
        }
        self.heap.list(items, false)
    }

    /// A part of borrowed text is borrowed, too.
    fn part(&mut self, text: &Text<'r>, range: std::ops::Range<usize>) -> Value<'r> {
        match text {
            Text::Borrowed(text) => Value::borrowed(&text[range]),
            Text::Made(text) => Value::Text(Text::Made(text[range].into())),
        }
    }

    fn substring(&mut self, text: &Text<'r>, from: i64, to: i64) -> Result<Value<'r>, Fault> {
        let length = units(text);
        let at = |index: i64| usize::try_from(index).ok().filter(|index| *index <= length);
        let (Some(first), Some(last)) = (at(from), at(to)) else { return Err(outside(from, to, length)) };
        if first > last {
            return Err(outside(from, to, length));
        }
        if let (Some(first), Some(last)) = (byte_at(text, first), byte_at(text, last)) {
            if let Text::Made(_) = text {
                self.heap.charge(last - first)?;
            }
            return Ok(self.part(text, first..last));
        }
        // A half of a pair, which no UTF-8 can have.
        let half: Vec<u16> = text.encode_utf16().skip(first).take(last - first).collect();
        self.heap.text(&String::from_utf16_lossy(&half))
    }
}

fn outside(from: i64, to: i64, length: usize) -> Fault {
    Fault::template(format!("{from} to {to} is outside of a text of {length}"))
}

fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Where the text's unit with this index is; none within a pair.
fn byte_at(text: &str, unit: usize) -> Option<usize> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units == unit {
            return Some(at);
        }
        units += character.len_utf16();
    }
    (units == unit).then_some(text.len())
}

fn index_of(text: &str, part: &str, from: i64) -> i64 {
    let from = usize::try_from(from).unwrap_or(0).min(units(text));
    // From within a pair, the search begins after it.
    let Some(begins) = byte_at(text, from).or_else(|| byte_at(text, from + 1)) else { return -1 };
    text[begins..].find(part).map_or(-1, |at| units(&text[..begins + at]) as i64)
}

/// Java's `trim` takes everything up to the blank.
fn trimmed(text: &str) -> std::ops::Range<usize> {
    let after = text.trim_start_matches(|character| character <= ' ');
    let begins = text.len() - after.len();
    begins..begins + after.trim_end_matches(|character| character <= ' ').len()
}

fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

/// The difference of the first units that differ, else that of the lengths.
fn compared(left: &str, right: &str) -> i64 {
    let pairs = left.encode_utf16().zip(right.encode_utf16());
    let difference = pairs.map(|(left, right)| i64::from(left) - i64::from(right)).find(|difference| *difference != 0);
    difference.unwrap_or_else(|| units(left) as i64 - units(right) as i64)
}

/// Java's replacement: `$1` and `${name}` for groups, a backslash before what is meant as it stands.
fn append_replacement(found: &regex::Captures, replacement: &str, output: &mut String) -> Result<(), Fault> {
    let mut rest = replacement.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => output.push(rest.next().ok_or_else(|| Fault::template("a backslash ends the replacement"))?),
            '$' => {
                let (group, length) = group(found, rest.as_str())?;
                output.push_str(group);
                rest = rest.as_str()[length..].chars();
            }
            _ => output.push(next),
        }
    }
    Ok(())
}

/// The group that the text after `$` names, and the length of its name.
fn group<'t>(found: &regex::Captures<'t>, text: &str) -> Result<(&'t str, usize), Fault> {
    let missing = || Fault::template("the replacement names a group that the pattern does not have");
    if let Some(after) = text.strip_prefix('{') {
        let name = &after[..after.find('}').ok_or_else(missing)?];
        return Ok((found.name(name).ok_or_else(missing)?.as_str(), name.len() + 2));
    }
    // As many digits as make the number of a group.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = |length: usize| text[..length].parse::<usize>().ok().filter(|number| *number < found.len());
    let length = (1..=digits.min(3)).rev().find(|length| number(*length).is_some()).ok_or_else(missing)?;
    let group = number(length).and_then(|number| found.get(number));
    Ok((group.map_or("", |group| group.as_str()), length))
}
