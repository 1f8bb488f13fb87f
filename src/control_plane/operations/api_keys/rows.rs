//! A key as rows: itself, and what finds it by its value, its name and its customer.

use super::super::usage_plans;
use crate::control_plane::store::Store;
use crate::model::{ApiKey, ApiKeyId};

/// Puts the key, in the place of the one with its id.
pub fn put(store: &mut Store, region: &str, key: ApiKey) {
    forget(store, region, &key.id);
    store.api_key_values.put(&[region, &key.value], key.id.clone());
    if let Some(name) = &key.name {
        store.api_key_names.put(&[region, name, key.id.as_str()], ());
    }
    if let Some(customer) = &key.customer_id {
        store.api_key_customers.put(&[region, customer, key.id.as_str()], ());
    }
    store.api_keys.put(&[region, &key.id.0.clone()], key);
}

/// Removes the key, and from the plans that it is in.
pub fn remove(store: &mut Store, region: &str, id: &ApiKeyId) {
    usage_plans::detach_key(store, region, id);
    forget(store, region, id);
    store.api_keys.remove(&[region, id.as_str()]);
}

fn forget(store: &mut Store, region: &str, id: &ApiKeyId) {
    let Some(key) = store.api_keys.share(&[region, id.as_str()]) else { return };
    store.api_key_values.remove(&[region, &key.value]);
    if let Some(name) = &key.name {
        store.api_key_names.remove(&[region, name, id.as_str()]);
    }
    if let Some(customer) = &key.customer_id {
        store.api_key_customers.remove(&[region, customer, id.as_str()]);
    }
}
