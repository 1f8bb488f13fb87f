//! Expressions and references.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::jsonpath::{Allowance, Found, Path};

use super::host::{Inputs, Overrides, Pairs, Variable};
use super::render::Loop;
use super::syntax::{Access, Call, Compiled, Expression, Method, Operator, Reference, Slot};
use super::value::{Fault, Heap, Id, Key, Map, Name, Object, Text, Value};
use super::{Cause, Template, format};

/// A template that is being rendered.
pub(super) struct Evaluator<'r> {
    pub template: &'r Template,
    pub inputs: Inputs<'r>,
    pub slots: Vec<Value<'r>>,
    pub heap: Heap<'r>,
    pub loops: Vec<Loop>,
    /// How often each `#define` is being printed now.
    pub definition_depths: Vec<u8>,
    pub steps_left: u32,
    pub iterations_max: u32,
    pub output_bytes_max: usize,
    pub depth: usize,
    /// Of the statement or reference that was begun last, for errors.
    pub offset: u32,
    /// `$context.requestOverride` and `$context.responseOverride`, once the template has asked for either.
    pub overrides: Option<[Id; 2]>,
    /// `$input.path('$')`, once the template has asked for it: every time the same one.
    pub body: Option<Value<'r>>,
}

impl<'r> Evaluator<'r> {
    pub fn expression(&mut self, expression: &'r Expression) -> Result<Value<'r>, Fault> {
        self.step(1)?;
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Int(value) => Value::Int(*value),
            Expression::Float(value) => Value::Float(*value),
            Expression::Text(text) => Value::borrowed(text),
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::Interpolated(block) => {
                let mut text = String::new();
                self.deeper(|this| this.block(block, &mut text))?;
                self.heap.text(&text)?
            }
            Expression::List(items) => {
                let items = self.deeper(|this| this.expressions(items))?;
                self.heap.list(items, false)?
            }
            Expression::Range(ends) => self.deeper(|this| this.range(&ends.0, &ends.1))?,
            Expression::Map(entries) => self.deeper(|this| this.map(entries))?,
            Expression::Not(negated) => Value::Bool(!self.deeper(|this| this.expression(negated))?.is_true()),
            Expression::Chain { first, rest } => self.deeper(|this| this.chain(first, rest))?,
        })
    }

    pub fn expressions(&mut self, expressions: &'r [Expression]) -> Result<Vec<Value<'r>>, Fault> {
        expressions.iter().map(|expression| self.expression(expression)).collect()
    }

    fn range(&mut self, first: &'r Expression, last: &'r Expression) -> Result<Value<'r>, Fault> {
        let (first, last) = (self.expression(first)?, self.expression(last)?);
        let (Value::Int(first), Value::Int(last)) = (first, last) else { return Ok(Value::Null) };
        let length = usize::try_from(first.abs_diff(last)).unwrap_or(usize::MAX);
        self.heap.charge_items(length.saturating_add(1))?;
        let items = if first <= last {
            (first..=last).map(Value::Int).collect()
        } else {
            (last..=first).rev().map(Value::Int).collect()
        };
        self.heap.list(items, false)
    }

    fn map(&mut self, entries: &'r [(Expression, Expression)]) -> Result<Value<'r>, Fault> {
        let mut map = Map::default();
        for (key, value) in entries {
            let key = self.expression(key)?;
            let key = self.key(&key)?;
            map.insert(key, self.expression(value)?);
        }
        self.heap.map(map).map(Value::Object)
    }

    fn chain(&mut self, first: &'r Expression, rest: &'r [(Operator, Expression)]) -> Result<Value<'r>, Fault> {
        let mut left = self.expression(first)?;
        for (operator, right) in rest {
            left = match operator {
                Operator::And => Value::Bool(left.is_true() && self.expression(right)?.is_true()),
                Operator::Or => Value::Bool(left.is_true() || self.expression(right)?.is_true()),
                _ => {
                    let right = self.expression(right)?;
                    self.binary(&left, *operator, &right)?
                }
            };
        }
        Ok(left)
    }

    fn binary(&mut self, left: &Value<'r>, operator: Operator, right: &Value<'r>) -> Result<Value<'r>, Fault> {
        let ordered = |wanted: fn(f64, f64) -> bool, wanted_int: fn(i64, i64) -> bool| {
            Value::Bool(match (left, right) {
                (Value::Int(left), Value::Int(right)) => wanted_int(*left, *right),
                _ => numbers(left, right).is_some_and(|(left, right)| wanted(left, right)),
            })
        };
        Ok(match operator {
            Operator::Equal => Value::Bool(self.equal(left, right)?),
            Operator::NotEqual => Value::Bool(!self.equal(left, right)?),
            Operator::Less => ordered(|left, right| left < right, |left, right| left < right),
            Operator::LessOrEqual => ordered(|left, right| left <= right, |left, right| left <= right),
            Operator::Greater => ordered(|left, right| left > right, |left, right| left > right),
            Operator::GreaterOrEqual => ordered(|left, right| left >= right, |left, right| left >= right),
            Operator::Add if is_text(left) || is_text(right) => {
                let text = format!("{}{}", self.text_of(left)?, self.text_of(right)?);
                self.heap.text(&text)?
            }
            Operator::And | Operator::Or => Value::Null,
            _ => arithmetic(left, operator, right)?,
        })
    }

    /// Numbers by their value, what is of two kinds by its text (ASTEQNode of Velocity 1.7).
    pub fn equal(&mut self, left: &Value<'r>, right: &Value<'r>) -> Result<bool, Fault> {
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Int(left), Value::Int(right)) => left == right,
            (Value::Text(left), Value::Text(right)) => **left == **right,
            (Value::Object(left), Value::Object(right)) if left == right => true,
            _ => match numbers(left, right) {
                Some((left, right)) => left == right,
                None => self.text_of(left)? == self.text_of(right)?,
            },
        })
    }

    /// As `toString` gives it.
    pub fn text_of<'v>(&mut self, value: &'v Value<'r>) -> Result<Cow<'v, str>, Fault> {
        match value {
            Value::Text(text) => Ok(Cow::Borrowed(&**text)),
            Value::Null => Ok(Cow::Borrowed("null")),
            _ => {
                let mut text = String::new();
                self.print_value(value, &mut text)?;
                self.heap.charge(text.len())?;
                Ok(Cow::Owned(text))
            }
        }
    }

    pub fn key(&mut self, value: &Value<'r>) -> Result<Key<'r>, Fault> {
        Ok(match value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Text(text) => Key::Text(text.clone()),
            other => Key::Text(Text::Made(self.text_of(other)?.into())),
        })
    }

    /// What leads to nothing is the empty text: API Gateway's deviation.
    pub fn reference(&mut self, reference: &'r Reference) -> Result<Value<'r>, Fault> {
        let value = self.resolve(reference, reference.accesses.len())?;
        Ok(if value.is_null() { Value::borrowed("") } else { value })
    }

    /// The value after so many of the reference's accesses; null if one of them leads to nothing.
    fn resolve(&mut self, reference: &'r Reference, count: usize) -> Result<Value<'r>, Fault> {
        self.offset = reference.offset;
        let mut value = self.slots[usize::from(reference.slot.0)].clone();
        let mut accesses = &reference.accesses[..count];
        if let (Value::Context(group), Some((name, length))) = (&value, reference.context_name.as_deref())
            && group.is_empty()
            && *length <= count
            && !name.starts_with("requestOverride")
            && !name.starts_with("responseOverride")
        {
            // All at once; where there is none of that name, one of the first properties may still be JSON.
            let found = variable(self.inputs.context.variable(name), name);
            if !found.is_null() {
                value = self.heap.reached(found)?;
                accesses = &accesses[*length..];
            }
        }
        for access in accesses {
            if value.is_null() {
                break;
            }
            self.step(1)?;
            value = match access {
                Access::Property(name) => self.property(&value, name)?,
                Access::Index(index) => {
                    let index = self.deeper(|this| this.expression(index))?;
                    self.index(&value, &index)?
                }
                Access::Call(call) => self.call(&value, call, reference.offset)?,
            };
        }
        Ok(value)
    }

    fn property(&mut self, value: &Value<'r>, name: &'r str) -> Result<Value<'r>, Fault> {
        Ok(match value {
            Value::Object(id) => match (self.heap.get(*id), name) {
                (Object::Map(_), _) => self.heap.named(*id, name)?.unwrap_or(Value::Null),
                (Object::Entry { key, .. }, "key") => key.clone(),
                (Object::Entry { value, .. }, "value") => value.clone(),
                (Object::List(list), "empty") => Value::Bool(list.items.is_empty()),
                _ => Value::Null,
            },
            Value::Json(Json::Object(members)) => members.get(name).map_or(Value::Null, Value::of_json),
            Value::Json(Json::Array(items)) if name == "empty" => Value::Bool(items.is_empty()),
            Value::Text(text) if name == "empty" => Value::Bool(text.is_empty()),
            Value::Input if name == "body" => Value::borrowed(self.inputs.body.text()),
            Value::Context(group) => self.context_variable(group, name)?,
            Value::Loop(depth) => self.loop_property(*depth, name),
            _ => Value::Null,
        })
    }

    pub fn loop_property(&self, depth: usize, name: &str) -> Value<'r> {
        let Some(running) = self.loops.get(depth) else { return Value::Null };
        match name {
            "index" => Value::Int(running.index as i64),
            "count" => Value::Int(running.index as i64 + 1),
            "hasNext" => Value::Bool(running.index + 1 < running.size),
            "first" => Value::Bool(running.index == 0),
            "last" => Value::Bool(running.index + 1 >= running.size),
            "parent" => depth.checked_sub(1).map_or(Value::Null, Value::Loop),
            "topmost" => Value::Loop(0),
            _ => Value::Null,
        }
    }

    fn context_variable(&mut self, group: &str, name: &str) -> Result<Value<'r>, Fault> {
        match (group, name) {
            ("", "requestOverride") => self.overrides().map(|[request, _]| Value::Object(request)),
            ("", "responseOverride") => self.overrides().map(|[_, response]| Value::Object(response)),
            ("", _) => self.heap.reached(variable(self.inputs.context.variable(name), name)),
            _ => {
                let name = format!("{group}.{name}");
                self.heap.reached(variable(self.inputs.context.variable(&name), &name))
            }
        }
    }

    pub fn index(&mut self, value: &Value<'r>, index: &Value<'r>) -> Result<Value<'r>, Fault> {
        match value {
            Value::Object(id) => match (self.heap.get(*id), index) {
                (Object::List(list), Value::Int(index)) => {
                    let at = list_index(list.items.len(), *index)?;
                    Ok(self.heap.item(*id, at)?.unwrap_or(Value::Null))
                }
                (Object::Map(map), _) => {
                    let at = match index {
                        Value::Text(name) => map.get_index_of(&Name(name)),
                        _ => {
                            let key = self.key(index)?;
                            if let Object::Map(map) = self.heap.get(*id) { map.get_index_of(&key) } else { None }
                        }
                    };
                    Ok(match at {
                        Some(at) => self.heap.value_at(*id, at)?.unwrap_or(Value::Null),
                        None => Value::Null,
                    })
                }
                _ => Ok(Value::Null),
            },
            Value::Json(json) => match (json, index) {
                (Json::Array(items), Value::Int(index)) => {
                    let at = list_index(items.len(), *index)?;
                    Ok(Value::of_json(&items[at]))
                }
                (Json::Object(members), Value::Text(name)) => {
                    Ok(members.get(&**name).map_or(Value::Null, Value::of_json))
                }
                _ => Ok(Value::Null),
            },
            Value::Context(group) => {
                let name = self.text_of(index)?;
                self.context_variable(group, &name)
            }
            _ => Ok(Value::Null),
        }
    }

    fn call(&mut self, value: &Value<'r>, call: &'r Call, offset: u32) -> Result<Value<'r>, Fault> {
        let Some(method) = call.method else { return Ok(Value::Null) };
        if let (Value::Input, Compiled::Path(path)) = (value, &call.compiled) {
            return self.input_path(path, method);
        }
        let arguments = self.deeper(|this| this.expressions(&call.arguments))?;
        self.offset = offset;
        let pattern = if let Compiled::Pattern(pattern) = &call.compiled { Some(&**pattern) } else { None };
        self.method(value, method, arguments, pattern)
    }

    /// `$input.path(…)` and `$input.json(…)`.
    pub fn input_path(&mut self, path: &Path, method: Method) -> Result<Value<'r>, Fault> {
        let body = self.inputs.body;
        let json = body.json().map_err(|message| Fault {
            cause: Cause::Body,
            message: format!("Could not parse request body into json: {message}"),
        })?;
        let mut allowance = Allowance(self.steps_left);
        let found = path.find(json, &mut allowance);
        self.steps_left = allowance.0;
        let found = found.map_err(|_| Fault::budget("a JSONPath looks at too much of the body"))?;
        let value = match found {
            Found::Missing => Value::Null,
            Found::One(Cow::Borrowed(value)) if std::ptr::eq(value, json) && method == Method::Path => {
                if self.body.is_none() {
                    self.body = Some(self.heap.reached(Value::of_json(value))?);
                }
                return Ok(self.body.clone().unwrap_or(Value::Null));
            }
            Found::One(Cow::Borrowed(value)) => Value::of_json(value),
            Found::One(Cow::Owned(value)) => self.heap.adopt(value)?,
            Found::Many(values) => {
                let mut items = Vec::with_capacity(values.len());
                for value in values {
                    items.push(match value {
                        Cow::Borrowed(value) => Value::of_json(value),
                        Cow::Owned(value) => self.heap.adopt(value)?,
                    });
                }
                self.heap.list(items, true)?
            }
        };
        if method == Method::Path { self.heap.reached(value) } else { self.json_text(&value) }
    }

    /// `$input.json(…)`. Of nothing the service makes an empty text, in quotes.
    fn json_text(&mut self, value: &Value<'r>) -> Result<Value<'r>, Fault> {
        if value.is_null() {
            return Ok(Value::borrowed("\"\""));
        }
        let mut text = String::new();
        format::json(&self.heap, value, &mut text, self.output_bytes_max)?;
        self.step(text.len() / 16)?;
        self.heap.text(&text)
    }

    pub fn assign(&mut self, target: &'r Reference, value: Value<'r>) -> Result<(), Fault> {
        let Some((last, _)) = target.accesses.split_last() else {
            self.slots[usize::from(target.slot.0)] = value;
            return Ok(());
        };
        let owner = self.resolve(target, target.accesses.len() - 1)?;
        let Value::Object(id) = owner else { return Ok(()) };
        let key = match last {
            Access::Property(name) => Value::borrowed(name),
            Access::Index(index) => self.deeper(|this| this.expression(index))?,
            Access::Call(_) => return Err(Fault::template("a method's result cannot be set")),
        };
        self.put(id, &key, value)
    }

    /// `map[key] = value`, `list[index] = value`
    pub fn put(&mut self, id: Id, key: &Value<'r>, value: Value<'r>) -> Result<(), Fault> {
        self.heap.charge_items(1)?;
        if let (Object::List(list), Value::Int(index)) = (self.heap.get(id), key) {
            let at = list_index(list.items.len(), *index)?;
            if let Object::List(list) = self.heap.get_mut(id) {
                list.items[at] = value;
            }
            return Ok(());
        }
        let key = self.key(key)?;
        if let Object::Map(map) = self.heap.get_mut(id) {
            map.insert(key, value);
        }
        Ok(())
    }

    /// `$stageVariables` is a map from the beginning if the template can ask for it.
    pub fn given(&mut self) -> Result<(), Fault> {
        if !self.inputs.stage_variables.is_empty() {
            let variables = self.pairs(self.inputs.stage_variables)?;
            self.slots[usize::from(Slot::STAGE_VARIABLES.0)] = Value::Object(variables);
        }
        Ok(())
    }

    pub fn pairs(&mut self, pairs: Pairs<'r>) -> Result<Id, Fault> {
        let entry =
            |(name, value): &'r (Cow<'r, str>, Cow<'r, str>)| (Key::Text(Text::Borrowed(name)), Value::borrowed(value));
        self.heap.map(pairs.iter().map(entry).collect())
    }

    fn overrides(&mut self) -> Result<[Id; 2], Fault> {
        if let Some(overrides) = self.overrides {
            return Ok(overrides);
        }
        let set = self.inputs.overrides;
        let mut request = Map::default();
        let groups =
            [("path", &set.request_path), ("querystring", &set.request_querystring), ("header", &set.request_header)];
        for (name, pairs) in groups {
            request.insert(Key::Text(Text::Borrowed(name)), self.set_before(pairs)?);
        }
        let mut response = Map::default();
        response.insert(Key::Text(Text::Borrowed("header")), self.set_before(&set.response_header)?);
        if let Some(status) = &set.response_status {
            response.insert(Key::Text(Text::Borrowed("status")), Value::borrowed(status));
        }
        let overrides = [self.heap.map(request)?, self.heap.map(response)?];
        self.overrides = Some(overrides);
        Ok(overrides)
    }

    fn set_before(&mut self, pairs: &'r [(String, String)]) -> Result<Value<'r>, Fault> {
        let entry = |(name, value): &'r (String, String)| (Key::Text(Text::Borrowed(name)), Value::borrowed(value));
        self.heap.map(pairs.iter().map(entry).collect()).map(Value::Object)
    }

    pub fn collected_overrides(&mut self) -> Result<Overrides, Fault> {
        let Some([request, response]) = self.overrides else { return Ok(self.inputs.overrides.clone()) };
        let response_status = match self.heap.named(response, "status")? {
            None | Some(Value::Null) => None,
            Some(status) => Some(self.text_of(&status)?.into_owned()),
        };
        Ok(Overrides {
            request_path: self.collected(request, "path")?,
            request_querystring: self.collected(request, "querystring")?,
            request_header: self.collected(request, "header")?,
            response_status,
            response_header: self.collected(response, "header")?,
        })
    }

    fn collected(&mut self, owner: Id, name: &str) -> Result<Vec<(String, String)>, Fault> {
        let Some(Value::Object(id)) = self.heap.named(owner, name)? else { return Ok(Vec::new()) };
        let Object::Map(map) = self.heap.get(id) else { return Ok(Vec::new()) };
        let entries: Vec<_> = map.iter().map(|(key, value)| (Value::from(key.clone()), value.clone())).collect();
        let mut pairs = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            pairs.push((self.text_of(&key)?.into_owned(), self.text_of(&value)?.into_owned()));
        }
        Ok(pairs)
    }
}

/// What Java throws at is the end of the template.
pub(super) fn list_index(size: usize, index: i64) -> Result<usize, Fault> {
    let at = usize::try_from(index).ok().filter(|at| *at < size);
    at.ok_or_else(|| Fault::template(format!("index {index} is outside of a list of {size}")))
}

fn variable<'r>(variable: Variable<'r>, name: &str) -> Value<'r> {
    match variable {
        Variable::Missing => Value::Null,
        Variable::Group => Value::Context(Text::Made(name.into())),
        Variable::Text(Cow::Borrowed(text)) => Value::borrowed(text),
        Variable::Text(Cow::Owned(text)) => Value::Text(Text::Made(text.into())),
        Variable::Int(number) => Value::Int(number),
        Variable::Json(json) => Value::of_json(json),
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

fn numbers(left: &Value, right: &Value) -> Option<(f64, f64)> {
    let number = |value: &Value| match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    };
    Some((number(left)?, number(right)?))
}

/// Null if either is no number, and of a division by zero, as Velocity 1.7 has it.
fn arithmetic<'r>(left: &Value, operator: Operator, right: &Value) -> Result<Value<'r>, Fault> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let result = match operator {
            Operator::Divide | Operator::Remainder if *right == 0 => return Ok(Value::Null),
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            Operator::Multiply => left.checked_mul(*right),
            Operator::Divide => left.checked_div(*right),
            Operator::Remainder => left.checked_rem(*right),
            _ => return Ok(Value::Null),
        };
        return result.map(Value::Int).ok_or_else(|| Fault::template("a number is beyond 64 bits"));
    }
    let Some((left, right)) = numbers(left, right) else { return Ok(Value::Null) };
    Ok(match operator {
        Operator::Divide | Operator::Remainder if right == 0.0 => Value::Null,
        Operator::Add => Value::Float(left + right),
        Operator::Subtract => Value::Float(left - right),
        Operator::Multiply => Value::Float(left * right),
        Operator::Divide => Value::Float(left / right),
        Operator::Remainder => Value::Float(left % right),
        _ => Value::Null,
    })
}
