//! Statements.

use super::evaluate::Evaluator;
use super::syntax::{Expression, Node, Reference, Slot};
use super::value::{Fault, Heap, Id, Object, Value};
use super::{Budget, Inputs, Overrides, Place, RenderError, Template};

/// Blocks and expressions within one another at run time, which a `#define` may nest beyond the parser's limit.
const DEPTH_MAX: usize = 160;

/// How deep a `#define` may be within itself before it prints nothing: Velocity's `directive.define.maxdepth`.
const DEFINITION_DEPTH_MAX: u8 = 2;

pub(super) fn render(
    template: &Template,
    inputs: &Inputs,
    budget: &Budget,
    output: &mut String,
) -> Result<Overrides, RenderError> {
    let mut evaluator = Evaluator {
        template,
        inputs: *inputs,
        slots: vec![Value::Null; template.slots],
        heap: Heap::new(budget.memory_bytes, template.changes),
        loops: Vec::new(),
        definition_depths: vec![0; template.definitions.len()],
        steps_left: budget.steps,
        iterations_max: budget.iterations,
        output_bytes_max: output.len().saturating_add(budget.output_bytes),
        depth: 0,
        offset: 0,
        overrides: None,
        body: None,
    };
    evaluator.slots[usize::from(Slot::INPUT.0)] = Value::Input;
    evaluator.slots[usize::from(Slot::UTIL.0)] = Value::Util;
    evaluator.slots[usize::from(Slot::CONTEXT.0)] = Value::Context(super::value::Text::Borrowed(""));
    let rendered = evaluator.given().and_then(|()| evaluator.block(&template.root, output));
    rendered.and_then(|_| evaluator.collected_overrides()).map_err(|fault| RenderError {
        cause: fault.cause,
        message: fault.message,
        place: Place::of(&template.source, evaluator.offset as usize),
    })
}

/// What follows a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    /// `#break`
    Break,
    /// `#stop`
    Stop,
}

/// What a `#foreach` goes through.
#[derive(Clone, Copy)]
enum Iterable<'r> {
    Json(&'r serde_json::Value),
    Map(Id),
    List { list: Id, begins: usize },
}

/// A running `#foreach`.
pub(super) struct Loop {
    pub index: usize,
    pub size: usize,
}

impl<'r> Evaluator<'r> {
    /// One level down: on blocks and expressions alike.
    pub fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEPTH_MAX {
            return Err(Fault::budget("the template is nested too deeply"));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    pub fn step(&mut self, steps: usize) -> Result<(), Fault> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Fault::budget("the template takes too many steps")),
        }
    }

    fn print(&mut self, text: &str, output: &mut String) -> Result<(), Fault> {
        if output.len() + text.len() > self.output_bytes_max {
            return Err(Fault::budget("the template prints too much"));
        }
        output.push_str(text);
        Ok(())
    }

    pub fn block(&mut self, block: &'r [Node], output: &mut String) -> Result<Flow, Fault> {
        for node in block {
            self.step(1)?;
            let flow = match node {
                Node::Text(text) => self.print(text, output).map(|()| Flow::Next),
                Node::Reference(reference) => self.print_reference(reference, output).map(|()| Flow::Next),
                Node::Set { target, value } => self.set(target, value).map(|()| Flow::Next),
                Node::If { branches, otherwise } => self.deeper(|this| this.conditional(branches, otherwise, output)),
                Node::Foreach { item, list, body, offset } => {
                    self.offset = *offset;
                    self.deeper(|this| this.foreach(*item, list, body, output))
                }
                Node::Define { slot, definition } => {
                    self.slots[usize::from(slot.0)] = Value::Definition(*definition);
                    Ok(Flow::Next)
                }
                Node::Stop => Ok(Flow::Stop),
                Node::Break => Ok(Flow::Break),
            }?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn print_reference(&mut self, reference: &'r Reference, output: &mut String) -> Result<(), Fault> {
        let value = self.reference(reference)?;
        self.print_value(&value, output)
    }

    /// Null prints nothing: rule 1 of API Gateway's deviations.
    pub fn print_value(&mut self, value: &Value<'r>, output: &mut String) -> Result<(), Fault> {
        match value {
            Value::Null => Ok(()),
            Value::Text(text) => self.print(text, output),
            Value::Definition(definition) => self.definition(*definition, output),
            _ => {
                let begins = output.len();
                super::format::java(&self.heap, value, output, self.output_bytes_max)?;
                self.step((output.len() - begins) / 16)
            }
        }
    }

    fn definition(&mut self, definition: usize, output: &mut String) -> Result<(), Fault> {
        if self.definition_depths[definition] == DEFINITION_DEPTH_MAX {
            return Ok(());
        }
        self.definition_depths[definition] += 1;
        let template = self.template;
        let printed = self.deeper(|this| this.block(&template.definitions[definition], output));
        self.definition_depths[definition] -= 1;
        printed.map(|_| ())
    }

    fn conditional(
        &mut self,
        branches: &'r [(Expression, super::syntax::Block)],
        otherwise: &'r [Node],
        output: &mut String,
    ) -> Result<Flow, Fault> {
        for (condition, block) in branches {
            if self.expression(condition)?.is_true() {
                return self.block(block, output);
            }
        }
        self.block(otherwise, output)
    }

    fn set(&mut self, target: &'r Reference, value: &'r Expression) -> Result<(), Fault> {
        self.offset = target.offset;
        let value = self.expression(value)?;
        self.assign(target, value)
    }

    fn foreach(
        &mut self,
        item: Slot,
        list: &'r Expression,
        body: &'r [Node],
        output: &mut String,
    ) -> Result<Flow, Fault> {
        let over = self.expression(list)?;
        let Some(over) = self.iterable(over)? else { return Ok(Flow::Next) };
        let slots = self.template.loops;
        let kept = [Some(item), slots.foreach, slots.count, slots.has_next]
            .map(|slot| slot.map(|slot| (slot, self.slots[usize::from(slot.0)].clone())));
        self.loops.push(Loop { index: 0, size: 0 });
        let ended = self.iterations(item, over, body, output);
        self.loops.pop();
        for (slot, value) in kept.into_iter().flatten() {
            self.slots[usize::from(slot.0)] = value;
        }
        ended
    }

    /// Lists, the values of maps, and what is left of an iterator.
    fn iterable(&mut self, value: Value<'r>) -> Result<Option<Iterable<'r>>, Fault> {
        Ok(match self.heap.reached(value)? {
            Value::Json(json) => Some(Iterable::Json(json)),
            Value::Object(id) => match self.heap.get(id) {
                Object::List(_) => Some(Iterable::List { list: id, begins: 0 }),
                Object::Map(_) => Some(Iterable::Map(id)),
                Object::Iterator { list, next } => Some(Iterable::List { list: *list, begins: *next }),
                Object::Entry { .. } => None,
            },
            _ => None,
        })
    }

    /// The element with this index, and how many there are: a list may grow and shrink on the way.
    fn element(&mut self, over: Iterable<'r>, index: usize) -> Result<Option<(Value<'r>, usize)>, Fault> {
        let (value, size) = match over {
            Iterable::Json(json) => match json {
                serde_json::Value::Array(items) => (items.get(index).map(Value::of_json), items.len()),
                serde_json::Value::Object(members) => (members.values().nth(index).map(Value::of_json), members.len()),
                _ => (None, 0),
            },
            Iterable::Map(map) => (self.heap.value_at(map, index)?, self.heap.size(map)),
            Iterable::List { list, begins } => {
                (self.heap.item(list, begins + index)?, self.heap.size(list).saturating_sub(begins))
            }
        };
        Ok(value.map(|value| (value, size)))
    }

    fn iterations(
        &mut self,
        item: Slot,
        over: Iterable<'r>,
        body: &'r [Node],
        output: &mut String,
    ) -> Result<Flow, Fault> {
        for index in 0..self.iterations_max as usize {
            let Some((value, size)) = self.element(over, index)? else { break };
            self.step(1)?;
            self.slots[usize::from(item.0)] = value;
            self.loop_variables(index, size);
            match self.block(body, output)? {
                Flow::Next => {}
                Flow::Break => break,
                Flow::Stop => return Ok(Flow::Stop),
            }
        }
        Ok(Flow::Next)
    }

    fn loop_variables(&mut self, index: usize, size: usize) {
        let slots = self.template.loops;
        let depth = self.loops.len() - 1;
        self.loops[depth] = Loop { index, size };
        if let Some(slot) = slots.foreach {
            self.slots[usize::from(slot.0)] = Value::Loop(depth);
        }
        if let Some(slot) = slots.count {
            self.slots[usize::from(slot.0)] = Value::Int(index as i64 + 1);
        }
        if let Some(slot) = slots.has_next {
            self.slots[usize::from(slot.0)] = Value::Bool(index + 1 < size);
        }
    }
}
