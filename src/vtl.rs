//! Velocity as API Gateway runs it: the language of mapping templates, without I/O and without a clock.
//!
//! A [`Template`] is parsed once, at deployment, and rendered often. [`syntax`] is what a template is made of, [`parse`]
//! and [`expression`] read it. [`render`] runs statements, [`evaluate`] expressions and references; [`value`] is what
//! they work on. [`host`] is what AWS puts into a template's scope (`$input`, `$util`, `$context`, `$stageVariables`),
//! with [`encode`] for `$util`; [`methods`] are those of Java's strings, lists and maps, [`format`] how Java prints them.
//!
//! The language is that of Apache Velocity 1.7 with API Gateway's deviations, which the recordings in
//! `tests/vectors` show and one mechanism explains: a reference that leads to nothing is the **empty text**, not null.
//! It prints nothing, also within quoted text; it is true in a condition, as all text is; it equals `""`. Beyond that,
//! maps keep the order in which they were filled. `#macro`, `#include`, `#parse` and `#evaluate` are refused.
//!
//! Nothing that a template or a request holds can stall the thread or exhaust its stack: see [`Budget`], and
//! [`Template::NESTING_MAX`] for what the parser accepts.

mod encode;
mod evaluate;
mod expression;
mod format;
mod host;
mod methods;
mod parse;
mod render;
mod syntax;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;

pub use host::{Body, Context, Inputs, Overrides, Pairs, Parameters, Variable};

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    source: Box<str>,
    root: syntax::Block,
    definitions: Vec<syntax::Block>,
    slots: usize,
    changes: bool,
    loops: syntax::LoopSlots,
}

/// A place in a template: line and column count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn of(source: &str, offset: usize) -> Place {
        let before = source.get(..offset).unwrap_or(source);
        let begins = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Place { line, column: before[begins..].chars().count() + 1 }
    }
}

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub message: String,
    pub place: Place,
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.place.line, self.place.column, self.message)
    }
}

/// Why rendering ended early, and at which statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    pub cause: Cause,
    pub message: String,
    pub place: Place,
}

impl fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.place.line, self.place.column, self.message)
    }
}

/// Whose fault a [`RenderError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The body is not JSON and the template asks for parts of it: the caller's fault. (AWS: BAD_REQUEST_BODY,
    /// "Could not parse request body into json".)
    Body,
    /// The template did what Java would have thrown at.
    Template,
    /// A [`Budget`] is used up.
    Budget,
}

/// What one rendering may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Of each `#foreach`, which ends there without an error. AWS's quota is 1,000, and Velocity's
    /// `directive.foreach.maxloops`, with which one sets it, works like that.
    pub iterations: u32,
    /// Statements, expressions and, by their length, what methods do with text and lists: some 50 ns each.
    pub steps: u32,
    pub output_bytes: usize,
    /// Text and lists that the template makes on its way.
    pub memory_bytes: usize,
}

impl Default for Budget {
    /// AWS's 1,000 iterations and 10 MB of payload; a million steps take some 50 ms at the very most.
    fn default() -> Self {
        Budget { iterations: 1_000, steps: 1_000_000, output_bytes: 10 << 20, memory_bytes: 32 << 20 }
    }
}

impl Template {
    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// AWS's quota: 300 KB.
    pub const BYTES_MAX: usize = 300 << 10;
    /// Blocks, parentheses and quoted text within one another.
    pub const NESTING_MAX: usize = 48;

    /// # Errors
    /// What is wrong with the template, and where.
    pub fn parse(source: &str) -> Result<Template, ParseError> {
        parse::template(source)
    }

    /// Appends what the template makes of the inputs to `output`, and returns the overrides that it has set: those of
    /// the inputs and its own.
    ///
    /// # Errors
    /// Where rendering ended. What is in `output` then is of no use.
    pub fn render(&self, inputs: &Inputs, budget: &Budget, output: &mut String) -> Result<Overrides, RenderError> {
        render::render(self, inputs, budget, output)
    }
}
