//! Text with variables that needs no template engine, and the sources of mapped parameters.
//!
//! AWS's gateway-response templates know plain variable substitution only (guide, `api-gateway-gatewayResponse-definition`),
//! and parameter mappings take a value from one place; both are resolved to indices and enum variants here, so that
//! serving a request looks nothing up by name but what the client itself named.

use std::sync::Arc;

pub use super::context::ContextVariable;
use crate::{jsonpath, vtl};

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPart {
    Literal(Box<str>),
    Context(ContextVariable),
    /// A part of the request, by its position in the list of those that are kept for gateway responses.
    Request(RequestPartIndex),
}

/// The position in [`GatewayResponses::request_parts`](super::gateway_response::GatewayResponses::request_parts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPartIndex(pub u16);

/// Text with variables in it. Without variables it is one literal (or none, when empty).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub parts: Vec<TextPart>,
}

impl Text {
    pub fn literal(text: impl Into<Box<str>>) -> Text {
        let text = text.into();
        Text { parts: if text.is_empty() { Vec::new() } else { vec![TextPart::Literal(text)] } }
    }

    /// Parses text with `$context.name` and `${context.name}` references. Stage variables are constants of a stage
    /// and must have been put in before.
    ///
    /// # Errors
    /// The reference that this engine cannot fill in, as it stands in the text.
    pub fn parse(source: &str) -> Result<Text, String> {
        Text::parse_with(source, |name| {
            name.strip_prefix("context.").and_then(ContextVariable::named).map(TextPart::Context)
        })
    }

    /// The same with a say in what variables there are: `variable` is asked for the name behind the `$`.
    ///
    /// # Errors
    /// The first reference that it does not know, as it stands in the text.
    pub fn parse_with(source: &str, mut variable: impl FnMut(&str) -> Option<TextPart>) -> Result<Text, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['$', '#']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('#') {
                if is_directive(rest) {
                    return Err(first_word(rest));
                }
                literal.push('#');
                rest = &rest[1..];
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                literal.push('$');
                rest = &rest[1..];
                continue;
            };
            let part = variable(name).ok_or_else(|| rest[..rest.len() - after.len()].to_owned())?;
            if !literal.is_empty() {
                parts.push(TextPart::Literal(std::mem::take(&mut literal).into()));
            }
            parts.push(part);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(TextPart::Literal(literal.into()));
        }
        parts.shrink_to_fit();
        Ok(Text { parts })
    }

    /// Whether a template engine would go on behind a reference: `$context.authorizer.claims['custom:name']`, `$a.get(1)`.
    pub fn reaches_further(source: &str) -> bool {
        source.match_indices('$').any(|(at, _)| {
            let rest = &source[at..];
            let is_closed = rest.starts_with("${") || rest.starts_with("$!{");
            !is_closed && reference(rest).is_some_and(|(_, after)| after.starts_with(['[', '(']))
        })
    }

    /// The text, where it has no variables.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TextPart::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// `$name.name` or `${name.name}` or `$!…` at the start of `text`: the name, and what follows.
pub(super) fn reference(text: &str) -> Option<(&str, &str)> {
    let body = &text[1..];
    let body = body.strip_prefix('!').unwrap_or(body);
    if let Some(inner) = body.strip_prefix('{') {
        let end = inner.find('}')?;
        return inner
            .starts_with(|first: char| first.is_ascii_alphabetic())
            .then(|| (&inner[..end], &inner[end + 1..]));
    }
    if !body.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = body
        .find(|next: char| !(next.is_ascii_alphanumeric() || next == '_' || next == '.' || next == '-'))
        .unwrap_or(body.len());
    let name = body[..end].trim_end_matches('.');
    Some((name, &body[name.len()..]))
}

fn is_directive(text: &str) -> bool {
    const DIRECTIVES: [&str; 9] = ["#set", "#if", "#else", "#end", "#foreach", "#define", "#stop", "##", "#*"];
    DIRECTIVES.iter().any(|directive| text.starts_with(directive))
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|next| !next.is_whitespace() && *next != '(').collect()
}

/// Where a mapped parameter takes its value from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// `'text'`, or a stage variable, which is a constant of its stage.
    Static(Box<str>),
    /// `method.request.path.name`: the position of the parameter in the resource's path template.
    PathParameter(u8),
    /// `method.request.querystring.name`: the first of that name, percent-decoded.
    QueryString(Box<str>),
    /// `method.request.header.name`: the last of that name; the name in lower case.
    Header(Box<str>),
    /// `context.name`
    Context(ContextVariable),
    /// `method.request.multivaluequerystring.name`: all of that name.
    MultiValueQueryString(Box<str>),
    /// `method.request.multivalueheader.name`: all of that name; the name in lower case.
    MultiValueHeader(Box<str>),
    /// `method.request.body`
    Body,
    /// `method.request.body.path`
    BodyPath(BodyPath),
}

impl ValueSource {
    /// Whether the request's body has to be there for it.
    pub fn is_of_body(&self) -> bool {
        matches!(self, ValueSource::Body | ValueSource::BodyPath(_))
    }
}

/// A JSONPath into a body, compiled.
#[derive(Clone, Debug)]
pub struct BodyPath {
    /// As written, from `$` on.
    pub text: Box<str>,
    pub path: jsonpath::Path,
}

impl PartialEq for BodyPath {
    fn eq(&self, other: &BodyPath) -> bool {
        self.text == other.text
    }
}

impl Eq for BodyPath {}

/// A template that makes a body.
#[derive(Debug)]
pub enum BodyTemplate {
    /// At most variables of `$context`: needs no template engine.
    Text(Text),
    /// Shared by all that have the same.
    Vtl(Arc<vtl::Template>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: Result<&str, &str>) {
        let shown = Text::parse(source).map(|text| {
            text.parts
                .iter()
                .map(|part| match part {
                    TextPart::Literal(text) => text.to_string(),
                    TextPart::Context(variable) => format!("<{variable:?}>"),
                    TextPart::Request(index) => format!("<{index:?}>"),
                })
                .collect::<String>()
        });
        assert_eq!(shown.as_deref().map_err(String::as_str), expected, "{source}");
    }

    #[test]
    fn what_an_engine_would_read_on() {
        for source in ["$context.authorizer.claims['a:b']", "x $!context.a[0]", "$context.get('a')", "$5 $a.b(1)"] {
            assert!(Text::reaches_further(source), "{source}");
        }
        for source in
            ["", "$", "$5[0]", "$context.a ['b']", "${context.a}['b']", "[$context.a]", "($context.a)", "$a.[0]"]
        {
            assert!(!Text::reaches_further(source), "{source}");
        }
    }

    #[test]
    fn variables_are_found_in_text() {
        check("", Ok(""));
        check("plain # 5$ text", Ok("plain # 5$ text"));
        check(r#"{"message":$context.error.messageString}"#, Ok(r#"{"message":<ErrorMessageString>}"#));
        check("${context.requestId}.", Ok("<RequestId>."));
        check("$context.stage.", Ok("<Stage>."));
        check("$context.authorizer.claims.sub!", Ok("<AuthorizerClaim(\"sub\")>!"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        check("a $input.body b", Err("$input.body"));
        check("$context.authoriser.claims.sub!", Err("$context.authoriser.claims.sub"));
        check("#if(true)x#end", Err("#if"));
    }
}
