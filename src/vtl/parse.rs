//! Text → statements, token for token as Velocity 1.7's grammar (`Parser.jjt`) has them.
//!
//! Two of its habits decide what a template prints. A directive's closing parenthesis, `#else` and `#end` take the
//! blanks and the line end after them along. And `#set` takes the blanks before it along, but only where they follow
//! another token directly; at the beginning of a line of text they belong to the text.

use std::collections::HashMap;

use super::syntax::{Block, Expression, LoopSlots, Node, Reference, Slot};
use super::{ParseError, Place, Template};

pub(super) fn template(source: &str) -> Result<Template, ParseError> {
    if source.len() > Template::BYTES_MAX {
        let message = format!("the template is longer than {} KB", Template::BYTES_MAX >> 10);
        return Err(ParseError { message, place: Place { line: 1, column: 1 } });
    }
    let mut names = Names::default();
    let mut parser = Parser { source, at: 0, depth: 0, within: None, names: &mut names };
    let parsed = parser.whole_block();
    let root =
        parsed.map_err(|refusal| ParseError { message: refusal.message, place: Place::of(source, refusal.at) })?;
    let loops = LoopSlots {
        foreach: names.known("foreach"),
        count: names.known("velocityCount"),
        has_next: names.known("velocityHasNext"),
    };
    let Names { slots, definitions, changes } = names;
    Ok(Template { source: source.into(), root, definitions, slots: slots.len(), changes, loops })
}

/// What is wrong, and at which byte.
pub(super) struct Refusal {
    pub message: String,
    pub at: usize,
}

pub(super) type Parsed<T> = Result<T, Refusal>;

/// What the parts of one template share.
pub(super) struct Names {
    slots: HashMap<Box<str>, Slot>,
    definitions: Vec<Block>,
    /// Whether anything in the template changes a list or a map.
    pub changes: bool,
}

impl Default for Names {
    fn default() -> Self {
        let given = Slot::GIVEN.iter().zip(0..);
        Names {
            slots: given.map(|(name, at)| ((*name).into(), Slot(at))).collect(),
            definitions: Vec::new(),
            changes: false,
        }
    }
}

impl Names {
    fn known(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    fn slot(&mut self, name: &str) -> Option<Slot> {
        if let Some(slot) = self.known(name) {
            return Some(slot);
        }
        let slot = Slot(u16::try_from(self.slots.len()).ok()?);
        self.slots.insert(name.into(), slot);
        Some(slot)
    }
}

pub(super) struct Parser<'s, 'n> {
    pub source: &'s str,
    pub at: usize,
    pub depth: usize,
    /// Of text in double quotes, which is a template of its own: where it stands. Its own offsets are not those of the
    /// template, as doubled quotes have become single ones.
    pub within: Option<usize>,
    pub names: &'n mut Names,
}

/// What ended a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Source,
    End,
    Else,
    ElseIf,
}

impl<'s> Parser<'s, '_> {
    pub fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    pub fn starts_with(&self, token: &str) -> bool {
        self.rest().starts_with(token)
    }

    /// Takes the token if it is next.
    pub fn take(&mut self, token: &str) -> bool {
        let found = self.starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    pub fn expect(&mut self, token: &str) -> Parsed<()> {
        self.skip_blanks();
        if self.take(token) { Ok(()) } else { self.fail(&format!("expected `{token}`")) }
    }

    pub fn fail<T>(&self, message: &str) -> Parsed<T> {
        self.fail_at(self.at, message.to_owned())
    }

    pub fn fail_at<T>(&self, at: usize, message: String) -> Parsed<T> {
        Err(Refusal { message, at: self.place(at) })
    }

    pub fn place(&self, at: usize) -> usize {
        self.within.unwrap_or(at)
    }

    /// The place of a run-time error; a template's bytes fit.
    pub fn offset(&self, at: usize) -> u32 {
        self.place(at) as u32
    }

    pub fn slot(&mut self, name: &str) -> Parsed<Slot> {
        match self.names.slot(name) {
            Some(slot) => Ok(slot),
            None => self.fail("the template names more than 65,536 variables"),
        }
    }

    /// Runs a nested part of the grammar.
    pub fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == Template::NESTING_MAX {
            return self.fail("nested too deeply");
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    pub fn whole_block(&mut self) -> Parsed<Block> {
        match self.block()? {
            (block, Ending::Source) => Ok(block),
            (_, Ending::End) => self.fail("`#end` ends nothing"),
            (_, Ending::Else | Ending::ElseIf) => self.fail("`#else` belongs to no `#if`"),
        }
    }

    /// Statements up to and including what ends them.
    fn block(&mut self) -> Parsed<(Block, Ending)> {
        let mut nodes = Nodes::default();
        loop {
            if let Some(begins) = self.set_ahead() {
                self.at = begins;
                let node = self.set()?;
                nodes.push(node);
                continue;
            }
            match self.rest().as_bytes().first() {
                None => return Ok((nodes.finished(), Ending::Source)),
                Some(b'$') => self.dollar(&mut nodes)?,
                Some(b'\\') => self.backslashes(&mut nodes)?,
                Some(b'#') => {
                    if let Some(end) = self.hash(&mut nodes)? {
                        return Ok((nodes.finished(), end));
                    }
                }
                Some(_) => {
                    let rest = self.rest();
                    let run = &rest[..rest.find(['$', '#', '\\']).unwrap_or(rest.len())];
                    nodes.text(run);
                    self.at += run.len();
                }
            }
        }
    }

    /// Where the `#set` behind blanks stands, if that is next.
    fn set_ahead(&self) -> Option<usize> {
        let rest = self.rest();
        let directive = rest.trim_start_matches([' ', '\t']);
        let after = directive.strip_prefix("#set").or_else(|| directive.strip_prefix("#{set}"))?;
        after.trim_start_matches(' ').starts_with('(').then(|| self.source.len() - directive.len())
    }

    fn dollar(&mut self, nodes: &mut Nodes) -> Parsed<()> {
        match self.reference()? {
            Some(reference) => nodes.push(Node::Reference(reference)),
            None => {
                nodes.text("$");
                self.at += 1;
            }
        }
        Ok(())
    }

    /// Backslashes escape what they touch, if that is a reference or a directive, and each other in front of it.
    fn backslashes(&mut self, nodes: &mut Nodes) -> Parsed<()> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        let slashes = &rest[..count];
        self.at += count;
        let begins = self.at;
        if self.starts_with("$") {
            let Some(reference) = self.reference()? else {
                nodes.text(slashes);
                return Ok(());
            };
            nodes.text(&slashes[..count / 2]);
            if count.is_multiple_of(2) {
                nodes.push(Node::Reference(reference));
            } else {
                nodes.text(&self.source[begins..self.at]);
            }
            return Ok(());
        }
        let Some((word, length)) = directive(self.rest()) else {
            nodes.text(slashes);
            return Ok(());
        };
        let known = is_directive(word);
        if !count.is_multiple_of(2) {
            nodes.text(if known { &slashes[..(count - 1) / 2] } else { slashes });
            nodes.text(&self.rest()[..length]);
            self.at += length;
        } else {
            // `#set` is another token, and keeps them all.
            nodes.text(if known && word != "set" { &slashes[..count / 2] } else { slashes });
        }
        Ok(())
    }

    /// What begins with `#`; the end of a block is returned.
    fn hash(&mut self, nodes: &mut Nodes) -> Parsed<Option<Ending>> {
        if self.starts_with("##") {
            let rest = self.rest();
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.line_end();
            return Ok(None);
        }
        if self.starts_with("#*") {
            self.enclosed("#*", "*#")?;
            return Ok(None);
        }
        if self.starts_with("#[[") {
            let text = self.enclosed("#[[", "]]#")?;
            nodes.text(text);
            return Ok(None);
        }
        let begins = self.at;
        let Some((word, length)) = directive(self.rest()) else {
            nodes.text("#");
            self.at += 1;
            return Ok(None);
        };
        self.at += length;
        match word {
            "if" => nodes.push(self.nested(Self::conditional)?),
            "end" => {
                self.blanks_and_line_end();
                return Ok(Some(Ending::End));
            }
            "else" => {
                self.blanks_and_line_end();
                return Ok(Some(Ending::Else));
            }
            "elseif" => return Ok(Some(Ending::ElseIf)),
            "foreach" if self.parenthesis_ahead() => nodes.push(self.nested(|parser| parser.foreach(begins))?),
            "define" if self.parenthesis_ahead() => nodes.push(self.nested(|parser| parser.define(begins))?),
            "stop" => nodes.push(Node::Stop),
            "break" => nodes.push(Node::Break),
            "macro" | "include" | "parse" | "evaluate" if self.parenthesis_ahead() => {
                return self.fail_at(begins, format!("`#{word}` is not available in API Gateway's templates"));
            }
            _ => {
                self.skip_unknown_arguments();
                nodes.text(&self.source[begins..self.at]);
            }
        }
        Ok(None)
    }

    /// The text between two marks.
    fn enclosed(&mut self, opening: &str, closing: &str) -> Parsed<&'s str> {
        let inner = &self.rest()[opening.len()..];
        let Some(end) = inner.find(closing) else { return self.fail(&format!("`{opening}` has no `{closing}`")) };
        self.at += opening.len() + end + closing.len();
        Ok(&inner[..end])
    }

    fn parenthesis_ahead(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    /// What looks like the call of a macro, which nobody can have defined, is printed as it stands: the service does
    /// so with `#hello($name)`.
    fn skip_unknown_arguments(&mut self) {
        /// Longer ones are read as text; bounds what is read twice.
        const BYTES_MAX: usize = 1_000;
        if !self.parenthesis_ahead() {
            return;
        }
        let mut quote = None;
        for (at, next) in self.rest().char_indices().take_while(|(at, _)| *at < BYTES_MAX) {
            match (quote, next) {
                (None, ')') => {
                    self.at += at + 1;
                    return;
                }
                (None, '#') => return,
                (None, '"' | '\'') => quote = Some(next),
                (Some(open), _) if open == next => quote = None,
                _ => {}
            }
        }
    }

    fn line_end(&mut self) {
        if !self.take("\r\n") && !self.take("\n") {
            self.take("\r");
        }
    }

    fn blanks_and_line_end(&mut self) {
        let rest = self.rest();
        let after = rest.trim_start_matches([' ', '\t']);
        if after.starts_with(['\n', '\r']) {
            self.at += rest.len() - after.len();
            self.line_end();
        }
    }

    /// The closing parenthesis of a directive.
    fn close(&mut self) -> Parsed<()> {
        self.expect(")")?;
        self.blanks_and_line_end();
        Ok(())
    }

    fn set(&mut self) -> Parsed<Node> {
        if !self.take("#set") {
            self.take("#{set}");
        }
        self.expect("(")?;
        self.skip_blanks();
        let Some(target) = self.reference()? else { return self.fail("expected a reference to set") };
        self.expect("=")?;
        let value = self.nested(Self::expression)?;
        self.close()?;
        // An override is no part of what came in.
        self.names.changes |= !target.accesses.is_empty() && target.slot != Slot::CONTEXT;
        Ok(Node::Set { target, value })
    }

    fn condition(&mut self) -> Parsed<Expression> {
        self.expect("(")?;
        let condition = self.nested(Self::expression)?;
        self.close()?;
        Ok(condition)
    }

    /// After `#if`.
    fn conditional(&mut self) -> Parsed<Node> {
        let begins = self.at;
        let mut branches = Vec::new();
        loop {
            let condition = self.condition()?;
            let (block, end) = self.block()?;
            branches.push((condition, block));
            match end {
                Ending::ElseIf => {}
                Ending::End => return Ok(Node::If { branches: branches.into(), otherwise: Block::default() }),
                Ending::Else => break,
                Ending::Source => return self.fail_at(begins, "`#if` has no `#end`".to_owned()),
            }
        }
        match self.block()? {
            (otherwise, Ending::End) => Ok(Node::If { branches: branches.into(), otherwise }),
            (_, Ending::Source) => self.fail_at(begins, "`#if` has no `#end`".to_owned()),
            (_, Ending::Else | Ending::ElseIf) => self.fail("an `#else` follows an `#else`"),
        }
    }

    /// After `#foreach`.
    fn foreach(&mut self, begins: usize) -> Parsed<Node> {
        let item = self.declared()?;
        self.skip_blanks();
        if self.word() != "in" {
            return self.fail("expected `in`");
        }
        self.at += "in".len();
        let list = self.nested(Self::expression)?;
        self.close()?;
        let body = self.body("foreach", begins)?;
        Ok(Node::Foreach { item, list, body, offset: self.offset(begins) })
    }

    /// After `#define`.
    fn define(&mut self, begins: usize) -> Parsed<Node> {
        let slot = self.declared()?;
        self.close()?;
        let body = self.body("define", begins)?;
        self.names.definitions.push(body);
        Ok(Node::Define { slot, definition: self.names.definitions.len() - 1 })
    }

    /// `($name`
    fn declared(&mut self) -> Parsed<Slot> {
        self.expect("(")?;
        self.skip_blanks();
        match self.reference()? {
            Some(Reference { slot, accesses, .. }) if accesses.is_empty() => Ok(slot),
            _ => self.fail("expected a variable"),
        }
    }

    fn body(&mut self, name: &str, begins: usize) -> Parsed<Block> {
        match self.block()? {
            (body, Ending::End) => Ok(body),
            (_, Ending::Source) => self.fail_at(begins, format!("`#{name}` has no `#end`")),
            (_, Ending::Else | Ending::ElseIf) => self.fail("`#else` belongs to no `#if`"),
        }
    }
}

/// Statements, with neighbouring text put together.
#[derive(Default)]
struct Nodes {
    done: Vec<Node>,
    text: String,
}

impl Nodes {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push(&mut self, node: Node) {
        self.flush();
        self.done.push(node);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Node::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn finished(mut self) -> Block {
        self.flush();
        self.done.into()
    }
}

/// The word of `#word` or `#{word}`, and the length of it all.
fn directive(text: &str) -> Option<(&str, usize)> {
    let after = text.strip_prefix('#')?;
    let bracketed = after.strip_prefix('{');
    let word = bracketed.unwrap_or(after);
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@';
    let length = word.bytes().take_while(|byte| continues(*byte)).count();
    let word = &word[..length];
    if !word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return None;
    }
    match bracketed {
        None => Some((word, 1 + length)),
        Some(rest) => rest[length..].starts_with('}').then_some((word, 3 + length)),
    }
}

fn is_directive(word: &str) -> bool {
    const ALL: [&str; 14] = [
        "break", "define", "else", "elseif", "end", "evaluate", "foreach", "if", "include", "literal", "macro",
        "parse", "set", "stop",
    ];
    ALL.contains(&word)
}
