//! `java.util.List`, and its iterator.

use super::super::evaluate::{Evaluator, list_index};
use super::super::syntax::Method;
use super::super::value::{Fault, Id, List, Object, Value};

impl<'r> Evaluator<'r> {
    pub(super) fn list_method(
        &mut self,
        id: Id,
        method: Method,
        mut arguments: Vec<Value<'r>>,
    ) -> Result<Value<'r>, Fault> {
        let size = self.heap.size(id);
        Ok(match (method, &*arguments) {
            (Method::Size, []) => Value::Int(size as i64),
            (Method::IsEmpty, []) => Value::Bool(size == 0),
            (Method::Get, [index]) => self.index(&Value::Object(id), index)?,
            (Method::Iterator, []) => self.heap.iterator(id)?,
            (Method::Contains, [value]) => Value::Bool(self.position(id, value)?.is_some()),
            (Method::IndexOf, [value]) => Value::Int(self.position(id, value)?.map_or(-1, |at| at as i64)),
            (Method::LastIndexOf, [value]) => {
                let mut last = -1;
                for at in 0..size {
                    if self.item_equals(id, at, value)? {
                        last = at as i64;
                    }
                }
                Value::Int(last)
            }
            (Method::ContainsAll, [Value::Object(other)]) => {
                let mut all = true;
                for at in 0..self.heap.size(*other) {
                    if let Some(value) = self.heap.item(*other, at)? {
                        all = all && self.position(id, &value)?.is_some();
                    }
                }
                Value::Bool(all)
            }
            (Method::SubList, [Value::Int(from), Value::Int(to)]) => self.sub_list(id, *from, *to)?,
            (Method::Add, [_]) => {
                let value = arguments.remove(0);
                self.heap.charge_items(1)?;
                self.list(id).items.push(value);
                Value::Bool(true)
            }
            (Method::Add, [Value::Int(index), _]) => {
                let at = usize::try_from(*index).ok().filter(|at| *at <= size);
                let at = at.ok_or_else(|| Fault::template(format!("index {index} is outside of a list of {size}")))?;
                self.heap.charge_items(1)?;
                self.step(size / 16)?;
                self.list(id).items.insert(at, arguments.remove(1));
                Value::Null
            }
            (Method::AddAll, [Value::Object(other)]) => {
                let Object::List(List { items, .. }) = self.heap.get(*other) else { return Ok(Value::Null) };
                let items = items.clone();
                self.heap.charge_items(items.len())?;
                let changed = !items.is_empty();
                self.list(id).items.extend(items);
                Value::Bool(changed)
            }
            (Method::Set, [index @ Value::Int(_), value]) => {
                let before = self.index(&Value::Object(id), index)?;
                self.put(id, index, value.clone())?;
                before
            }
            (Method::Remove, [Value::Int(index)]) => {
                let at = list_index(size, *index)?;
                self.step(size / 16)?;
                let removed = self.list(id).items.remove(at);
                self.heap.reached(removed)?
            }
            (Method::Remove, [value]) => match self.position(id, value)? {
                Some(at) => {
                    self.list(id).items.remove(at);
                    Value::Bool(true)
                }
                None => Value::Bool(false),
            },
            (Method::Clear, []) => {
                self.list(id).items.clear();
                Value::Null
            }
            _ => Value::Null,
        })
    }

    /// Of what is known to be a list.
    fn list(&mut self, id: Id) -> &mut List<'r> {
        match self.heap.get_mut(id) {
            Object::List(list) => list,
            _ => unreachable!("only lists get here"),
        }
    }

    fn item_equals(&mut self, id: Id, at: usize, value: &Value<'r>) -> Result<bool, Fault> {
        self.step(1)?;
        let item = self.list(id).items.get(at).cloned().unwrap_or(Value::Null);
        Ok(super::kind(&item) == super::kind(value) && self.equal(&item, value)?)
    }

    fn position(&mut self, id: Id, value: &Value<'r>) -> Result<Option<usize>, Fault> {
        for at in 0..self.heap.size(id) {
            if self.item_equals(id, at, value)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn sub_list(&mut self, id: Id, from: i64, to: i64) -> Result<Value<'r>, Fault> {
        let List { items, is_json } = self.list(id);
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        let part = range.and_then(|(from, to)| items.get(from..to)).map(<[Value]>::to_vec);
        let (size, is_json) = (items.len(), *is_json);
        match part {
            Some(part) => self.heap.list(part, is_json),
            None => Err(Fault::template(format!("{from} to {to} is outside of a list of {size}"))),
        }
    }

    pub(super) fn iterator_method(&mut self, id: Id, method: Method) -> Result<Value<'r>, Fault> {
        let Object::Iterator { list, next } = self.heap.get_mut(id) else { return Ok(Value::Null) };
        let (list, at) = (*list, *next);
        match method {
            Method::HasNext => Ok(Value::Bool(at < self.heap.size(list))),
            Method::Next => {
                *next += 1;
                self.heap.item(list, at)?.ok_or_else(|| Fault::template("an iterator has no next element"))
            }
            _ => Ok(Value::Null),
        }
    }
}
