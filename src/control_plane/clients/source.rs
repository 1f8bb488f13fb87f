//! What the store has of API keys and the plans that they are in: nothing else here knows its tables.

use std::collections::BTreeMap;

use crate::control_plane::store::packed_table::Changed;
use crate::control_plane::store::table::{key as key_of, own_name, part};
use crate::control_plane::store::{Mark, Store};
use crate::model::ApiKey;

/// A key as it is.
pub struct KeyRow<'s> {
    pub region: &'s str,
    pub id: &'s str,
    pub value: &'s str,
    pub enabled: bool,
}

/// A key that changed, or whose plans did.
pub struct ChangedKey {
    pub region: Box<str>,
    pub id: Box<str>,
    /// `None`: there was none.
    pub value_before: Option<String>,
    /// `None`: it is gone.
    pub now: Option<ApiKey>,
    /// Those that it is in now.
    pub plans: Vec<Box<str>>,
}

/// Every key with its plans. Both tables are walked through once.
pub fn each_key(store: &Store, mut take: impl FnMut(KeyRow<'_>, &[Box<str>])) {
    let mut memberships = store.usage_plan_keys.memberships().peekable();
    let mut plans = Vec::new();
    store.api_keys.each_secret(|region, id, value, enabled| {
        plans.clear();
        let of_key = |membership: &str| (part(membership, 0), part(membership, 1)).cmp(&(region, id));
        while memberships.next_if(|membership| of_key(membership).is_lt()).is_some() {}
        while let Some(membership) = memberships.next_if(|membership| of_key(membership).is_eq()) {
            plans.push(own_name(&membership).into());
        }
        take(KeyRow { region, id, value, enabled }, &plans);
    });
}

pub fn value(store: &Store, region: &str, id: &str) -> Option<String> {
    store.api_keys.row(&[region, id]).map(|row| row.value)
}

pub fn changed_keys(store: &Store, mark: Mark) -> Vec<ChangedKey> {
    let changed = store.api_keys_changed_since(mark).map(|key| (key.key.clone(), key));
    let mut changed: BTreeMap<Box<str>, Changed<ApiKey>> = changed.collect();
    for membership in store.usage_plan_keys_changed_since(mark) {
        let (region, id) = (part(&membership.key, 0), own_name(&membership.key));
        let key = key_of(&[region, id]);
        changed.entry(key.clone()).or_insert_with(|| {
            let row = store.api_keys.row(&[region, id]);
            Changed { key, before: row.clone(), now: row }
        });
    }
    let rows = changed.into_values().map(|Changed { key, before, now }| {
        let (region, id) = (part(&key, 0), own_name(&key));
        let plans = store.usage_plan_keys.plans_of(region, id, None).collect();
        let value_before = before.map(|row| row.value);
        ChangedKey { region: region.into(), id: id.into(), value_before, now, plans }
    });
    rows.collect()
}
