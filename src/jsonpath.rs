//! JSONPath as AWS reads it: Jayway's dialect (json-path/JsonPath 2.x, default configuration) over `serde_json` values.
//!
//! A [`Path`] is compiled once and evaluated often. [`syntax`] is what a path is made of, [`parse`] and [`filter`] read
//! it, [`evaluate`] walks a document, [`compare`] decides a filter's terms, [`function`] has `length()` and its like.
//! [`pattern`] brings Java's regular expressions to the `regex` crate, for filters here and for templates.
//!
//! What differs from RFC 9535 and is kept, because exported templates rely on it: a path without `$` is below the root;
//! a *definite* path (names and single indices only) has one value or none, any other has a list; several names at the
//! end merge into one object; a negative index counts from the end; comparing a number with text that reads as a
//! number compares numbers.

mod compare;
mod evaluate;
mod filter;
mod function;
mod parse;
pub mod pattern;
mod syntax;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

use syntax::Step;

/// A compiled path.
#[derive(Clone, Debug)]
pub struct Path {
    steps: Box<[Step]>,
    definite: bool,
}

/// Why a path is refused, and at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub message: String,
    pub offset: usize,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'v> {
    /// Jayway's PathNotFoundException: a definite path without a value, or an indefinite one whose definite beginning
    /// has none.
    Missing,
    /// Of a definite path.
    One(Cow<'v, Value>),
    /// Of an indefinite path.
    Many(Vec<Cow<'v, Value>>),
}

impl Found<'_> {
    /// As one value: the list of an indefinite path is an array.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Found::Missing => None,
            Found::One(value) => Some(value.into_owned()),
            Found::Many(values) => Some(values.into_iter().map(Cow::into_owned).collect()),
        }
    }
}

/// How many values an evaluation may look at; each costs some tens of nanoseconds. What is left of it is left in it,
/// so that a caller with several paths has one bound for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance(pub u32);

impl Default for Allowance {
    /// A deep scan of 10 MB of JSON, AWS's largest payload, looks at some two million values at most.
    fn default() -> Self {
        Allowance(2_000_000)
    }
}

/// An evaluation used up its [`Allowance`], or the document is nested deeper than any that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded;

impl Path {
    /// Longer ones are refused.
    pub const BYTES_MAX: usize = 8_192;

    /// # Errors
    /// What is wrong with the path, and where.
    pub fn parse(text: &str) -> Result<Path, ParseError> {
        let steps = parse::path(text)?;
        let definite = syntax::are_definite(&steps);
        Ok(Path { steps: steps.into(), definite })
    }

    /// Whether this path has one value at most.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// # Errors
    /// [`Exceeded`], whatever was found until then.
    pub fn find<'v>(&self, root: &'v Value, allowance: &mut Allowance) -> Result<Found<'v>, Exceeded> {
        evaluate::find(&self.steps, self.definite, root, allowance)
    }
}
