//! The walk through a document. What Jayway throws as PathNotFoundException is [`Stop::Missing`] here.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::syntax::{Filter, Step, collects};
use super::{Allowance, Exceeded, Found, compare, function};

/// `serde_json` reads 128 levels; documents that were built otherwise are no deeper.
const DEPTH_MAX: usize = 200;

pub(super) enum Stop {
    Missing,
    Exceeded,
}

impl From<Exceeded> for Stop {
    fn from(_: Exceeded) -> Self {
        Stop::Exceeded
    }
}

pub(super) fn find<'v>(
    steps: &[Step],
    definite: bool,
    root: &'v Value,
    allowance: &mut Allowance,
) -> Result<Found<'v>, Exceeded> {
    find_from(steps, definite, root, root, allowance)
}

/// `here` is where the steps begin, `root` what `$` means in filters and arguments.
pub(super) fn find_from<'v>(
    steps: &[Step],
    definite: bool,
    here: &'v Value,
    root: &'v Value,
    allowance: &mut Allowance,
) -> Result<Found<'v>, Exceeded> {
    if let Some(plain) = plain(steps, here) {
        return Ok(plain.map_or(Found::Missing, |value| Found::One(Cow::Borrowed(value))));
    }
    let mut walk = Walk { root, results: Vec::new(), allowance };
    let ended = match collects(steps) {
        Some((scanned, function)) => walk.collected(scanned, function, here),
        None => walk.steps(steps, true, here, 0),
    };
    let mut results = walk.results;
    match ended {
        Err(Stop::Exceeded) => Err(Exceeded),
        Err(Stop::Missing) => Ok(Found::Missing),
        // A function amid a path leaves its own value before that of the steps after it; the last one counts.
        Ok(()) if definite => Ok(results.pop().map_or(Found::Missing, Found::One)),
        Ok(()) => Ok(Found::Many(results)),
    }
}

/// The way of nearly all paths: names and indices only, no list of results. None if this path is another.
fn plain<'v>(steps: &[Step], here: &'v Value) -> Option<Option<&'v Value>> {
    let mut value = Some(here);
    for step in steps {
        let next = |value: &'v Value| match step {
            Step::Name(name) => value.as_object()?.get(&**name),
            Step::Index(index) => element(value.as_array()?, *index),
            _ => None,
        };
        if !matches!(step, Step::Name(_) | Step::Index(_)) {
            return None;
        }
        value = value.and_then(next);
    }
    Some(value)
}

fn element(items: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 { index + items.len() as i64 } else { index };
    items.get(usize::try_from(index).ok()?)
}

struct Walk<'v, 'a> {
    root: &'v Value,
    results: Vec<Cow<'v, Value>>,
    allowance: &'a mut Allowance,
}

impl<'v> Walk<'v, '_> {
    /// The rest of a path from one value. `definite`: every step so far led to one value at most, so that a missing
    /// one is the path's end and not just one branch's.
    fn steps(&mut self, steps: &[Step], definite: bool, value: &'v Value, depth: usize) -> Result<(), Stop> {
        self.look(depth)?;
        let [step, rest @ ..] = steps else {
            self.results.push(Cow::Borrowed(value));
            return Ok(());
        };
        match step {
            Step::Name(name) => self.member(name, rest, definite, value, depth),
            Step::Names(names) => self.members(names, rest, definite, value, depth),
            Step::Wildcard => self.children(rest, value, depth),
            Step::Index(index) => self.elements(&[*index], rest, definite, value, depth),
            Step::Indices(indices) => self.elements(indices, rest, definite, value, depth),
            Step::Slice { from, to } => self.slice(*from, *to, rest, definite, value, depth),
            Step::Scan => self.scan(rest, value, depth),
            Step::Filter(filter) => self.filtered(filter, rest, definite, value, depth),
            Step::Function { function, arguments } => {
                let result = function::call(*function, arguments, value, self.root, self.allowance)?;
                self.of_computed(rest, result)
            }
        }
    }

    fn look(&mut self, depth: usize) -> Result<(), Stop> {
        if self.allowance.0 == 0 || depth > DEPTH_MAX {
            return Err(Stop::Exceeded);
        }
        self.allowance.0 -= 1;
        Ok(())
    }

    /// The rest of a path from a value that is not in the document.
    fn of_computed(&mut self, rest: &[Step], value: Value) -> Result<(), Stop> {
        if !rest.is_empty() {
            let mut inner = Walk { root: &value, results: Vec::new(), allowance: &mut *self.allowance };
            inner.steps(rest, true, &value, 0)?;
            let found: Vec<_> = inner.results.into_iter().map(|found| Cow::Owned(found.into_owned())).collect();
            self.results.extend(found);
            return Ok(());
        }
        self.results.push(Cow::Owned(value));
        Ok(())
    }

    /// `$..price.sum()`
    fn collected(&mut self, scanned: &[Step], function: &Step, here: &'v Value) -> Result<(), Stop> {
        self.steps(scanned, true, here, 0)?;
        let Step::Function { function, arguments } = function else { return Err(Stop::Missing) };
        let found: Value = self.results.drain(..).map(Cow::into_owned).collect();
        let result = function::call(*function, arguments, &found, self.root, self.allowance)?;
        self.results.push(Cow::Owned(result));
        Ok(())
    }

    fn member(
        &mut self,
        name: &str,
        rest: &[Step],
        definite: bool,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), Stop> {
        match value.as_object().and_then(|members| members.get(name)) {
            Some(member) => self.steps(rest, definite, member, depth + 1),
            None if definite => Err(Stop::Missing),
            None => Ok(()),
        }
    }

    fn members(
        &mut self,
        names: &[Box<str>],
        rest: &[Step],
        definite: bool,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), Stop> {
        let Value::Object(members) = value else { return if definite { Err(Stop::Missing) } else { Ok(()) } };
        if rest.is_empty() {
            let present = names.iter().filter_map(|name| members.get_key_value(&**name));
            let merged: Map<_, _> = present.map(|(name, value)| (name.clone(), value.clone())).collect();
            self.results.push(Cow::Owned(Value::Object(merged)));
            return Ok(());
        }
        for name in names {
            self.member(name, rest, false, value, depth)?;
        }
        Ok(())
    }

    fn children(&mut self, rest: &[Step], value: &'v Value, depth: usize) -> Result<(), Stop> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.steps(rest, false, item, depth + 1)),
            Value::Object(members) => members.values().try_for_each(|item| self.steps(rest, false, item, depth + 1)),
            _ => Ok(()),
        }
    }

    fn elements(
        &mut self,
        indices: &[i64],
        rest: &[Step],
        definite: bool,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), Stop> {
        let Value::Array(items) = value else { return if definite { Err(Stop::Missing) } else { Ok(()) } };
        let definite = definite && indices.len() == 1;
        for index in indices {
            if let Some(item) = element(items, *index) {
                self.steps(rest, definite, item, depth + 1)?;
            }
        }
        Ok(())
    }

    /// A slice with two ends takes every index between them as it stands, each of which may count from the end:
    /// `[-1:1]` is the last element and the first.
    fn slice(
        &mut self,
        from: Option<i64>,
        to: Option<i64>,
        rest: &[Step],
        definite: bool,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), Stop> {
        let Value::Array(items) = value else { return if definite { Err(Stop::Missing) } else { Ok(()) } };
        let length = items.len() as i64;
        let from_end = |index: i64| if index < 0 { index + length } else { index };
        let (begin, end) = match (from, to) {
            (Some(from), None) => (from_end(from).max(0), length),
            (None, Some(to)) => (0, from_end(to).min(length)),
            (from, to) => (from.unwrap_or(0).max(-length), to.unwrap_or(length).min(length)),
        };
        for index in begin..end {
            if let Some(item) = element(items, index) {
                self.steps(rest, false, item, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Every object and array, itself first, that the step after `..` applies to.
    fn scan(&mut self, rest: &[Step], value: &'v Value, depth: usize) -> Result<(), Stop> {
        self.look(depth)?;
        let [step, after @ ..] = rest else { return Ok(()) };
        match value {
            Value::Object(members) => {
                let applies = match step {
                    Step::Name(name) => members.contains_key(&**name),
                    Step::Names(names) => !after.is_empty() || names.iter().all(|name| members.contains_key(&**name)),
                    Step::Wildcard | Step::Filter(_) => true,
                    _ => false,
                };
                if applies {
                    self.steps(rest, false, value, depth + 1)?;
                }
                members.values().try_for_each(|item| self.scan(rest, item, depth + 1))
            }
            Value::Array(items) => {
                let applies = match step {
                    Step::Index(_) | Step::Indices(_) | Step::Slice { .. } | Step::Wildcard => true,
                    Step::Filter(filter) => self.accepts(filter, value)?,
                    _ => false,
                };
                if applies && after.is_empty() {
                    self.steps(rest, false, value, depth + 1)?;
                } else if applies {
                    // As Jayway does it: with steps after the index, every element is taken.
                    items.iter().try_for_each(|item| self.steps(after, false, item, depth + 1))?;
                }
                items.iter().try_for_each(|item| self.scan(rest, item, depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn filtered(
        &mut self,
        filter: &Filter,
        rest: &[Step],
        definite: bool,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), Stop> {
        match value {
            Value::Array(items) => {
                for item in items {
                    if self.accepts(filter, item)? {
                        self.steps(rest, false, item, depth + 1)?;
                    }
                }
                Ok(())
            }
            Value::Object(_) if self.accepts(filter, value)? => self.steps(rest, false, value, depth + 1),
            Value::Object(_) => Ok(()),
            _ if definite => Err(Stop::Missing),
            _ => Ok(()),
        }
    }

    fn accepts(&mut self, filter: &Filter, value: &Value) -> Result<bool, Stop> {
        self.look(0)?;
        Ok(compare::accepts(filter, value, self.root, self.allowance)?)
    }
}
