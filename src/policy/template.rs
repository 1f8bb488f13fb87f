//! Text of a policy in parts: wildcards, and variables such as `${aws:username}` that a request has the values of.
//! (IAM's guide, `reference_policies_variables`.)

use std::borrow::Cow;

use super::context::{ConditionKey, Context};
use super::truth::Truth;
use super::wildcard::Glob;

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
    Variable(Variable),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// `None` for one that this gateway does not know.
    pub key: Option<ConditionKey>,
    pub name: String,
    /// `${aws:userid, 'anonymous'}`
    pub default: Option<String>,
}

/// What of a text is more than text.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    pub wildcards: bool,
    /// From `Version` 2012-10-17 on.
    pub variables: bool,
}

impl Part {
    /// A text in which nothing but wildcards is special.
    pub fn with_wildcards(text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        push_plain(text, true, &mut parts);
        parts
    }

    /// # Errors
    /// What is wrong with a variable.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${").filter(|_| syntax.variables) {
            push_plain(&rest[..start], syntax.wildcards, &mut parts);
            let inner = &rest[start + 2..];
            let end = closing_brace(inner).ok_or_else(|| format!("the variable `{}` has no end", &rest[start..]))?;
            push_variable(&inner[..end], &mut parts)?;
            rest = &inner[end + 1..];
        }
        push_plain(rest, syntax.wildcards, &mut parts);
        Ok(parts)
    }
}

/// A default may have braces in its quotes.
fn closing_brace(inner: &str) -> Option<usize> {
    let mut quoted = false;
    inner.bytes().position(|byte| {
        quoted ^= byte == b'\'';
        byte == b'}' && !quoted
    })
}

fn push_plain(text: &str, wildcards: bool, parts: &mut Vec<Part>) {
    if !wildcards {
        return push_text(text, parts);
    }
    let mut rest = text;
    while let Some(at) = rest.find(['*', '?']) {
        push_text(&rest[..at], parts);
        parts.push(if rest.as_bytes()[at] == b'*' { Part::Any } else { Part::One });
        rest = &rest[at + 1..];
    }
    push_text(rest, parts);
}

fn push_text(text: &str, parts: &mut Vec<Part>) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn push_variable(inner: &str, parts: &mut Vec<Part>) -> Result<(), String> {
    if let "*" | "?" | "$" = inner {
        push_text(inner, parts);
        return Ok(());
    }
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let default = default.trim_start().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            let default =
                default.ok_or_else(|| format!("the default of `${{{inner}}}` does not stand in single quotes"))?;
            (name, Some(default.to_owned()))
        }
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'{') {
        return Err(format!("`${{{inner}}}` is no variable"));
    }
    parts.push(Part::Variable(Variable { key: ConditionKey::parse(name), name: name.to_owned(), default }));
    Ok(())
}

/// A text of a policy, to compare with a request's.
#[derive(Debug)]
pub enum Pattern {
    /// Without variables.
    Fixed(Glob),
    Template(Box<[Part]>),
}

impl Pattern {
    pub fn new(parts: Vec<Part>) -> Pattern {
        if parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            Pattern::Template(parts.into())
        } else {
            Pattern::Fixed(Glob::new(&parts))
        }
    }

    /// Unknown where the request has no value for a variable. What a variable stands for has no wildcards.
    pub fn matches(&self, text: &str, context: &dyn Context) -> Truth {
        match self {
            Pattern::Fixed(glob) => glob.matches(text).into(),
            Pattern::Template(parts) => match filled_in(parts, context) {
                Some(parts) => Glob::new(&parts).matches(text).into(),
                None => Truth::Unknown,
            },
        }
    }
}

fn filled_in(parts: &[Part], context: &dyn Context) -> Option<Vec<Part>> {
    let mut filled = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Variable(variable) => push_text(&variable.value(context)?, &mut filled),
            Part::Text(text) => push_text(text, &mut filled),
            wildcard @ (Part::Any | Part::One) => filled.push(wildcard.clone()),
        }
    }
    Some(filled)
}

/// The text that parts without wildcards make.
pub fn text_of<'p>(parts: &'p [Part], context: &dyn Context) -> Option<Cow<'p, str>> {
    match parts {
        [] => Some(Cow::Borrowed("")),
        [Part::Text(text)] => Some(Cow::Borrowed(text)),
        parts => {
            let mut whole = String::new();
            for part in parts {
                match part {
                    Part::Text(text) => whole.push_str(text),
                    Part::Variable(variable) => whole.push_str(&variable.value(context)?),
                    Part::Any | Part::One => return None,
                }
            }
            Some(Cow::Owned(whole))
        }
    }
}

impl Variable {
    /// `None` where the request has none, or several.
    fn value<'v>(&'v self, context: &'v dyn Context) -> Option<Cow<'v, str>> {
        let value = self.key.as_ref().and_then(|key| context.values(key).only());
        value.map(super::context::Value::into_text).or_else(|| self.default.as_deref().map(Cow::Borrowed))
    }
}
