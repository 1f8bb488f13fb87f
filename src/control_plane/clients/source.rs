//! What the store has of API keys and the plans that they are in: nothing else here knows its tables.

use crate::control_plane::store::table::{own_name, parent, part};
use crate::control_plane::store::{Mark, Store};

/// A key as it is.
pub struct KeyRow<'s> {
    pub region: &'s str,
    pub id: &'s str,
    pub value: &'s str,
    pub enabled: bool,
}

/// A key that changed, or whose plans did.
pub struct ChangedKey<'s> {
    pub region: &'s str,
    pub id: &'s str,
    /// `None`: there was none.
    pub value_before: Option<&'s str>,
    /// `None`: it is gone.
    pub now: Option<KeyRow<'s>>,
    /// Those that it is in now.
    pub plans: Vec<&'s str>,
}

/// Every key with its plans. Both tables are in the order of region and key: one walk through each.
pub fn each_key<'s>(store: &'s Store, mut take: impl FnMut(KeyRow<'s>, &[&'s str])) {
    let mut in_plans = store.api_key_plans.below(&[]).map(|(key, _)| (parent(key), own_name(key))).peekable();
    let mut plans = Vec::new();
    for (key, row) in store.api_keys.below(&[]) {
        plans.clear();
        while in_plans.next_if(|(of_key, _)| *of_key < key).is_some() {}
        while let Some((_, plan)) = in_plans.next_if(|(of_key, _)| *of_key == key) {
            plans.push(plan);
        }
        let [region, id] = [part(key, 0), part(key, 1)];
        take(KeyRow { region, id, value: &row.value, enabled: row.enabled }, &plans);
    }
}

pub fn value<'s>(store: &'s Store, region: &str, id: &str) -> Option<&'s str> {
    store.api_keys.row(&[region, id]).map(|row| &*row.value)
}

pub fn changed_keys(store: &Store, mark: Mark) -> Vec<ChangedKey<'_>> {
    let changed = store.api_keys_changed_since(mark);
    let rows = changed.into_iter().map(|(key, before)| {
        let [region, id] = [part(key, 0), part(key, 1)];
        let row = |value, enabled| KeyRow { region, id, value, enabled };
        let plans = store.api_key_plans.below(&[region, id]);
        ChangedKey {
            region,
            id,
            value_before: before.map(|row| &*row.value),
            now: store.api_keys.at(key).map(|now| row(now.value.as_str(), now.enabled)),
            plans: plans.map(|(plan, _)| own_name(plan)).collect(),
        }
    });
    rows.collect()
}
