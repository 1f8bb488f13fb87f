//! Text → steps. The rules are those of Jayway's `PathCompiler`.

use super::syntax::{Argument, Function, Step, are_definite};
use super::{ParseError, Path, filter};

/// How deep paths, filters and lists in them may be nested: each level takes a few frames of the stack.
const DEPTH_MAX: usize = 32;

pub(super) fn path(text: &str) -> Result<Vec<Step>, ParseError> {
    if text.len() > Path::BYTES_MAX {
        let message = format!("the path is longer than {} bytes", Path::BYTES_MAX);
        return Err(ParseError { message, offset: Path::BYTES_MAX });
    }
    let end = text.trim_end().len();
    let mut reader = Reader { text: &text[..end], at: 0, depth: 0 };
    reader.skip_blanks();
    if reader.rest().is_empty() {
        return reader.fail("the path is empty");
    }
    let steps = match reader.peek() {
        Some('$' | '@') => reader.path()?,
        _ => reader.relative_path()?,
    };
    if reader.rest().is_empty() { Ok(steps) } else { reader.fail("expected `.` or `[`") }
}

/// A text and a place in it; paths and filters share it.
pub(super) struct Reader<'t> {
    pub text: &'t str,
    pub at: usize,
    pub depth: usize,
}

impl<'t> Reader<'t> {
    pub fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes the token if it is next, blanks before it aside.
    pub fn take(&mut self, token: &str) -> bool {
        let blanks = self.rest().len() - self.rest().trim_start().len();
        let found = self.rest()[blanks..].starts_with(token);
        if found {
            self.at += blanks + token.len();
        }
        found
    }

    pub fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        if self.take(token) { Ok(()) } else { self.fail(&format!("expected `{token}`")) }
    }

    pub fn fail<T>(&self, message: &str) -> Result<T, ParseError> {
        Err(ParseError { message: message.to_owned(), offset: self.at })
    }

    /// Runs a nested part of the grammar.
    pub fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            return self.fail("the path is nested too deeply");
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    /// From its `$` or `@` to the first character that no step begins with.
    pub fn path(&mut self) -> Result<Vec<Step>, ParseError> {
        self.at += 1;
        let mut steps = Vec::new();
        while self.step(&mut steps)? {}
        Ok(steps)
    }

    /// Without the `$.` that Jayway puts before it.
    fn relative_path(&mut self) -> Result<Vec<Step>, ParseError> {
        let mut steps = Vec::new();
        if !matches!(self.peek(), Some('[' | '.')) {
            self.named_step(&mut steps)?;
        }
        while self.step(&mut steps)? {}
        Ok(steps)
    }

    fn step(&mut self, steps: &mut Vec<Step>) -> Result<bool, ParseError> {
        match self.peek() {
            Some('[') => self.bracket_step(steps)?,
            Some('.') => {
                self.at += 1;
                if self.peek() == Some('.') {
                    self.at += 1;
                    steps.push(Step::Scan);
                }
                match self.peek() {
                    Some('[') => self.bracket_step(steps)?,
                    _ => self.named_step(steps)?,
                }
            }
            // `[*]a`: Jayway needs no dot behind a bracket.
            Some(next) if self.depth == 0 && !next.is_whitespace() && self.text[..self.at].ends_with(']') => {
                self.named_step(steps)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `a`, `a-b`, `*`, `length()`
    fn named_step(&mut self, steps: &mut Vec<Step>) -> Result<(), ParseError> {
        if self.peek() == Some('*') {
            self.at += 1;
            steps.push(Step::Wildcard);
            return Ok(());
        }
        // In a filter a name also ends where an operator or the filter itself does.
        let filtered = self.depth > 0;
        let ends = |next: char| match next {
            '.' | '[' | '(' => true,
            ')' | '<' | '>' | '=' | '!' | '~' | '&' | '|' | ',' => filtered,
            _ => next.is_whitespace(),
        };
        let rest = self.rest();
        let name = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if name.is_empty() {
            return self.fail("expected a name");
        }
        let begins = self.at;
        self.at += name.len();
        match self.peek() {
            Some('(') => self.function(name, begins, steps),
            Some(next) if next.is_whitespace() && !filtered => {
                self.fail("a name with blanks stands in brackets: ['a b']")
            }
            _ => {
                steps.push(Step::Name(name.into()));
                Ok(())
            }
        }
    }

    fn function(&mut self, name: &str, begins: usize, steps: &mut Vec<Step>) -> Result<(), ParseError> {
        let Some(function) = Function::named(name) else {
            return Err(ParseError { message: format!("there is no function `{name}`"), offset: begins });
        };
        self.at += 1;
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            self.skip_blanks();
            arguments.push(self.nested(|reader| match reader.peek() {
                Some('$' | '@') => reader.whole_path().map(Argument::Path),
                _ => filter::value(reader).map(Argument::Value),
            })?);
        }
        steps.push(Step::Function { function, arguments });
        Ok(())
    }

    pub fn whole_path(&mut self) -> Result<Path, ParseError> {
        let steps = self.path()?;
        let definite = are_definite(&steps);
        Ok(Path { steps: steps.into(), definite })
    }

    fn bracket_step(&mut self, steps: &mut Vec<Step>) -> Result<(), ParseError> {
        self.at += 1;
        self.skip_blanks();
        let step = match self.peek() {
            Some('\'' | '"') => self.quoted_names()?,
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('?') => {
                self.at += 1;
                self.expect("(")?;
                let filter = self.nested(filter::condition)?;
                self.expect(")")?;
                Step::Filter(filter)
            }
            Some('(') => self.index_from_end()?,
            Some('-' | ':' | '0'..='9') => self.indices()?,
            _ => return self.fail("expected a quoted name, an index, `*` or `?(`"),
        };
        self.expect("]")?;
        steps.push(step);
        Ok(())
    }

    fn quoted_names(&mut self) -> Result<Step, ParseError> {
        let mut names = vec![filter::quoted(self)?.into_boxed_str()];
        while self.take(",") {
            self.skip_blanks();
            if !matches!(self.peek(), Some('\'' | '"')) {
                return self.fail("expected a quoted name");
            }
            names.push(filter::quoted(self)?.into_boxed_str());
        }
        Ok(if names.len() == 1 { Step::Name(names.remove(0)) } else { Step::Names(names) })
    }

    /// `[(@.length-1)]`, which Goessner's JSONPath has.
    fn index_from_end(&mut self) -> Result<Step, ParseError> {
        for token in ["(", "@", ".", "length"] {
            self.expect(token)?;
        }
        // `length()` is Jayway's way to write it.
        if self.take("(") {
            self.expect(")")?;
        }
        self.expect("-")?;
        self.skip_blanks();
        let back = match self.number()? {
            Some(back) if back > 0 => back,
            _ => return self.fail("expected a number above 0"),
        };
        self.expect(")")?;
        Ok(Step::Index(-back))
    }

    fn indices(&mut self) -> Result<Step, ParseError> {
        let first = self.number()?;
        if self.take(":") {
            let to = self.number()?;
            // Jayway reads a third part and does not use it.
            if self.take(":") {
                self.number()?;
            }
            if first.is_none() && to.is_none() {
                return self.fail("a slice has a beginning or an end");
            }
            return Ok(Step::Slice { from: first, to });
        }
        let Some(first) = first else { return self.fail("expected an index") };
        let mut indices = vec![first];
        while self.take(",") {
            match self.number()? {
                Some(index) => indices.push(index),
                None => return self.fail("expected an index"),
            }
        }
        Ok(if indices.len() == 1 { Step::Index(first) } else { Step::Indices(indices) })
    }

    fn number(&mut self) -> Result<Option<i64>, ParseError> {
        self.skip_blanks();
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let sign = rest.len() - digits.len();
        let end = sign + digits.find(|next: char| !next.is_ascii_digit()).unwrap_or(digits.len());
        if end == 0 {
            return Ok(None);
        }
        // An index is an int in Java.
        match rest[..end].parse::<i32>() {
            Ok(number) => {
                self.at += end;
                Ok(Some(number.into()))
            }
            Err(_) => self.fail("expected a 32-bit number"),
        }
    }
}
