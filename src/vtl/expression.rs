//! References and the expressions in a directive's parentheses.

use crate::jsonpath::Path;
use crate::jsonpath::pattern::Pattern;

use super::parse::{Parsed, Parser};
use super::syntax::{Access, Call, Compiled, Expression, Method, Node, Operator, Reference, Slot};

/// From the loosest to the tightest; words count like signs. Longer signs before those that they begin with.
const OPERATORS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[("==", Operator::Equal), ("eq", Operator::Equal), ("!=", Operator::NotEqual), ("ne", Operator::NotEqual)],
    &[
        ("<=", Operator::LessOrEqual),
        ("le", Operator::LessOrEqual),
        ("<", Operator::Less),
        ("lt", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        ("ge", Operator::GreaterOrEqual),
        (">", Operator::Greater),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

impl Parser<'_, '_> {
    /// What begins with `$`: None, and nothing taken, if it is no reference.
    pub fn reference(&mut self) -> Parsed<Option<Reference>> {
        let begins = self.at;
        let after = self.rest().strip_prefix('$').map(|after| after.strip_prefix('!').unwrap_or(after));
        let Some(after) = after else { return Ok(None) };
        let formal = after.strip_prefix('{');
        let name = identifier(formal.unwrap_or(after));
        if name.is_empty() {
            return Ok(None);
        }
        self.at = self.source.len() - formal.unwrap_or(after).len() + name.len();
        let slot = self.slot(name)?;
        let mut accesses = Vec::new();
        while let Some(access) = self.access(slot, accesses.is_empty())? {
            accesses.push(access);
        }
        if formal.is_some() && !self.take("}") {
            return self.fail("expected `}`");
        }
        let context_name = if slot == Slot::CONTEXT { context_name(&accesses) } else { None };
        Ok(Some(Reference { slot, accesses: accesses.into(), context_name, offset: self.offset(begins) }))
    }

    fn access(&mut self, slot: Slot, is_first: bool) -> Parsed<Option<Access>> {
        if self.take("[") {
            let index = self.nested(Self::expression)?;
            self.expect("]")?;
            return Ok(Some(Access::Index(index)));
        }
        let Some(after) = self.rest().strip_prefix('.') else { return Ok(None) };
        let name = identifier(after);
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Ok(None);
        }
        self.at += 1 + name.len();
        if !self.take("(") {
            return Ok(Some(Access::Property(name.into())));
        }
        let begins = self.at;
        let arguments = self.nested(|parser| parser.list(")"))?;
        let method = Method::named(name);
        self.names.changes |= method.is_some_and(Method::changes);
        let compiled = match compiled(method, &arguments, slot == Slot::INPUT && is_first) {
            Ok(compiled) => compiled,
            Err(message) => return self.fail_at(begins, message),
        };
        Ok(Some(Access::Call(Call { method, arguments, compiled })))
    }

    pub fn expression(&mut self) -> Parsed<Expression> {
        self.binary(0)
    }

    fn binary(&mut self, level: usize) -> Parsed<Expression> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let first = self.binary(level + 1)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator(operators) {
            rest.push((operator, self.binary(level + 1)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain { first: Box::new(first), rest } })
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        self.skip_blanks();
        let word = self.word();
        let is_next = |symbol: &str| if word.is_empty() { self.starts_with(symbol) } else { word == symbol };
        let (symbol, operator) = operators.iter().find(|(symbol, _)| is_next(symbol))?;
        self.at += symbol.len();
        Some(*operator)
    }

    /// The letters, digits and underscores that are next.
    pub fn word(&self) -> &str {
        let rest = self.rest();
        &rest[..rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()]
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.skip_blanks();
        let negated = if self.word() == "not" {
            self.at += "not".len();
            true
        } else {
            self.take("!")
        };
        if negated {
            return Ok(Expression::Not(Box::new(self.nested(Self::unary)?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let rest = self.rest();
        match rest.as_bytes().first() {
            Some(b'$') => match self.reference()? {
                Some(reference) => Ok(Expression::Reference(reference)),
                None => self.fail("expected a reference"),
            },
            Some(b'"' | b'\'') => self.quoted(),
            Some(b'(') => {
                self.at += 1;
                let inner = self.nested(Self::expression)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(b'[') => {
                self.at += 1;
                self.nested(Self::list_or_range)
            }
            Some(b'{') => {
                self.at += 1;
                self.nested(Self::map)
            }
            Some(b'0'..=b'9' | b'.' | b'-') => self.number(),
            _ => self.word_value(),
        }
    }

    fn word_value(&mut self) -> Parsed<Expression> {
        let word = self.word();
        let value = match word {
            "true" => Expression::Bool(true),
            "false" => Expression::Bool(false),
            // Not of Velocity 1.7; the service knows it: a recording has `$map.put('k', null)`.
            "null" => Expression::Null,
            "" => return self.fail("expected a value"),
            _ => return self.fail(&format!("expected a value, not the word `{word}`")),
        };
        self.at += word.len();
        Ok(value)
    }

    /// The expressions up to a closing sign.
    fn list(&mut self, closing: &str) -> Parsed<Vec<Expression>> {
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(closing) {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            self.skip_blanks();
            if self.take(closing) {
                // A call has an argument or two, and a gateway has thousands of templates.
                items.shrink_to_fit();
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    fn list_or_range(&mut self) -> Parsed<Expression> {
        self.skip_blanks();
        if self.take("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.expression()?;
        self.skip_blanks();
        if self.take("..") {
            let last = self.expression()?;
            self.expect("]")?;
            return Ok(Expression::Range(Box::new((first, last))));
        }
        if self.take("]") {
            return Ok(Expression::List(vec![first]));
        }
        self.expect(",")?;
        let mut items = self.list("]")?;
        items.insert(0, first);
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Parsed<Expression> {
        let mut entries = Vec::new();
        self.skip_blanks();
        if self.take("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            self.skip_blanks();
            if self.take("}") {
                return Ok(Expression::Map(entries));
            }
            self.expect(",")?;
        }
    }

    /// `1`, `-1`, `1.5`, `.5`, `1e3`. Two dots are those of a range.
    fn number(&mut self) -> Parsed<Expression> {
        let rest = self.rest();
        let digits = |from: usize| rest.as_bytes()[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = usize::from(rest.starts_with('-'));
        let whole = digits(end);
        end += whole;
        let mut is_whole = true;
        if rest[end..].starts_with('.') && !rest[end..].starts_with("..") {
            is_whole = false;
            end += 1;
            let fraction = digits(end);
            end += fraction;
            if whole + fraction == 0 {
                return self.fail("expected a number");
            }
        } else if whole == 0 {
            return self.fail("expected a number");
        }
        if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let power = digits(end + 1 + sign);
            if power > 0 {
                is_whole = false;
                end += 1 + sign + power;
            }
        }
        let text = &rest[..end];
        let value =
            if is_whole { text.parse().ok().map(Expression::Int) } else { text.parse().ok().map(Expression::Float) };
        let Some(value) = value else { return self.fail("the number is too large") };
        self.at += end;
        Ok(value)
    }

    /// Text in quotes, which stand doubled within it. In double quotes it is a template if it has `$` or `#`.
    fn quoted(&mut self) -> Parsed<Expression> {
        let begins = self.at;
        let quote = &self.rest()[..1];
        let inner = &self.rest()[1..];
        let Some(end) = closing_quote(inner, quote) else { return self.fail("the text has no closing quote") };
        self.at += end + 2;
        let text = inner[..end].replace(&quote.repeat(2), quote);
        if quote == "'" {
            return Ok(Expression::Text(text.into()));
        }
        let text = unescaped(&text);
        if !text.contains(['$', '#']) {
            return Ok(Expression::Text(text.into()));
        }
        let mut parser = Parser {
            source: &text,
            at: 0,
            depth: self.depth,
            within: Some(self.place(begins)),
            names: &mut *self.names,
        };
        let mut block = parser.nested(Parser::whole_block)?;
        Ok(match &mut *block {
            [] => Expression::Text("".into()),
            [Node::Text(text)] => Expression::Text(std::mem::take(text)),
            _ => Expression::Interpolated(block),
        })
    }
}

/// The last quote that can close the text: Velocity takes a doubled one into it as long as another follows.
fn closing_quote(text: &str, quote: &str) -> Option<usize> {
    let (mut at, mut fallback) = (0, None);
    loop {
        let Some(found) = text[at..].find(quote) else { return fallback };
        at += found;
        if !text[at + 1..].starts_with(quote) {
            return Some(at);
        }
        fallback = Some(at);
        at += 2;
    }
}

/// `\u0041` in double quotes; every other backslash stays. A half of a pair becomes the replacement character.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        let digits = rest.get(at + 2..at + 6).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(digits) = digits else {
            plain.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        plain.push_str(&rest[..at]);
        let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        plain.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[at + 6..];
    }
    plain.push_str(rest);
    plain
}

fn identifier(text: &str) -> &str {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let length = text.bytes().take_while(|byte| continues(*byte)).count();
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins { &text[..length] } else { "" }
}

/// The properties that the accesses begin with, as one name, and their number.
fn context_name<'a>(accesses: &'a [Access]) -> Option<Box<(Box<str>, usize)>> {
    let property = |access: &'a Access| match access {
        Access::Property(name) => Some(&**name),
        Access::Index(_) | Access::Call(_) => None,
    };
    let names: Vec<&str> = accesses.iter().map_while(property).collect();
    (!names.is_empty()).then(|| Box::new((names.join(".").into(), names.len())))
}

/// A path or a pattern that does not change is compiled with the template, and refused with it.
fn compiled(method: Option<Method>, arguments: &[Expression], of_input: bool) -> Result<Compiled, String> {
    let Some(Expression::Text(text)) = arguments.first() else { return Ok(Compiled::No) };
    match method {
        Some(Method::Path | Method::Json) if of_input => match Path::parse(text) {
            Ok(path) => Ok(Compiled::Path(Box::new(path))),
            Err(error) => {
                Err(format!("the JSONPath {text:?} at its character {}: {}", error.offset + 1, error.message))
            }
        },
        Some(Method::Matches) => Pattern::whole(text).map(|pattern| Compiled::Pattern(Box::new(pattern))),
        Some(Method::ReplaceAll | Method::ReplaceFirst | Method::Split) => {
            Pattern::within(text).map(|pattern| Compiled::Pattern(Box::new(pattern)))
        }
        _ => Ok(Compiled::No),
    }
}
