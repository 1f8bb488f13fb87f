//! `java.util.Map`.

use super::super::evaluate::Evaluator;
use super::super::syntax::Method;
use super::super::value::{Fault, Id, Map, Object, Value};

impl<'r> Evaluator<'r> {
    pub(super) fn map_method(&mut self, id: Id, method: Method, arguments: Vec<Value<'r>>) -> Result<Value<'r>, Fault> {
        let this = Value::Object(id);
        Ok(match (method, &*arguments) {
            (Method::Size, []) => Value::Int(self.heap.size(id) as i64),
            (Method::IsEmpty, []) => Value::Bool(self.heap.size(id) == 0),
            (Method::Get, [key]) => self.index(&this, key)?,
            (Method::GetOrDefault, [key, default]) => match self.contains_key(id, key)? {
                true => self.index(&this, key)?,
                false => default.clone(),
            },
            (Method::ContainsKey, [key]) => Value::Bool(self.contains_key(id, key)?),
            (Method::ContainsValue, [value]) => {
                let mut found = false;
                for at in 0..self.heap.size(id) {
                    self.step(1)?;
                    let item = self.heap.value_at(id, at)?.unwrap_or(Value::Null);
                    found = found || super::kind(&item) == super::kind(value) && self.equal(&item, value)?;
                }
                Value::Bool(found)
            }
            (Method::Put, [key, value]) => {
                let before = self.index(&this, key)?;
                self.put(id, key, value.clone())?;
                before
            }
            (Method::PutIfAbsent, [key, value]) => {
                let before = self.index(&this, key)?;
                if before.is_null() {
                    self.put(id, key, value.clone())?;
                }
                before
            }
            (Method::PutAll, [Value::Object(other)]) => {
                let Object::Map(entries) = self.heap.get(*other) else { return Ok(Value::Null) };
                let entries = entries.clone();
                self.heap.charge_items(entries.len())?;
                self.entries(id).extend(entries);
                Value::Null
            }
            (Method::Remove, [key]) => {
                self.step(self.heap.size(id) / 16)?;
                let before = self.index(&this, key)?;
                let key = self.key(key)?;
                self.entries(id).shift_remove(&key);
                before
            }
            (Method::Clear, []) => {
                self.entries(id).clear();
                Value::Null
            }
            (Method::KeySet, []) => {
                let keys = self.entries(id).keys().cloned().map(Value::from).collect();
                self.heap.list(keys, false)?
            }
            (Method::Values, []) => {
                let values = self.values(id)?;
                self.heap.list(values, false)?
            }
            (Method::EntrySet, []) => {
                let values = self.values(id)?;
                let keys: Vec<_> = self.entries(id).keys().cloned().collect();
                let mut entries = Vec::with_capacity(keys.len());
                for (key, value) in keys.into_iter().zip(values) {
                    entries.push(self.heap.entry(key.into(), value)?);
                }
                self.heap.list(entries, false)?
            }
            _ => Value::Null,
        })
    }

    /// Of what is known to be a map.
    fn entries(&mut self, id: Id) -> &mut Map<'r> {
        match self.heap.get_mut(id) {
            Object::Map(map) => map,
            _ => unreachable!("only maps get here"),
        }
    }

    fn contains_key(&mut self, id: Id, key: &Value<'r>) -> Result<bool, Fault> {
        let key = self.key(key)?;
        Ok(self.entries(id).contains_key(&key))
    }

    fn values(&mut self, id: Id) -> Result<Vec<Value<'r>>, Fault> {
        let mut values = Vec::with_capacity(self.heap.size(id));
        for at in 0..self.heap.size(id) {
            values.push(self.heap.value_at(id, at)?.unwrap_or(Value::Null));
        }
        Ok(values)
    }
}
