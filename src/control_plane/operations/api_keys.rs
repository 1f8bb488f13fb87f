//! API keys: what callers identify themselves with. (API reference, `API_ApiKey`.)
//!
//! - [`import`]: many at once, from a file of [`csv`].

mod csv;
mod import;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{tags, usage_plans};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::{answer, page_of_places};
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{ApiKey, ApiKeyId, OrderedMap};
pub use import::import_api_keys;

const VALUE_CHARACTERS_MIN: usize = 20;
const VALUE_CHARACTERS_MAX: usize = 128;
const NAME_CHARACTERS_MAX: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    enabled: bool,
    /// From before keys had an id of their own; they have, whatever it says.
    #[serde(rename = "generateDistinctId")]
    _generate_distinct_id: Option<bool>,
    value: Option<String>,
    #[serde(default)]
    stage_keys: Vec<StageKey>,
    customer_id: Option<String>,
    #[serde(default)]
    tags: OrderedMap<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StageKey {
    rest_api_id: String,
    stage_name: String,
}

pub fn create_api_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let stage_keys = input.stage_keys.iter().map(|stage| format!("{}/{}", stage.rest_api_id, stage.stage_name));
    let key = ApiKey {
        id: new_id(store, call),
        value: input.value.unwrap_or_else(|| new_value(store, call)),
        name: input.name.filter(|name| !name.is_empty()),
        customer_id: input.customer_id.filter(|customer| !customer.is_empty()),
        description: input.description.filter(|description| !description.is_empty()),
        enabled: input.enabled,
        created_date: call.now(),
        last_updated_date: call.now(),
        stage_keys: stage_keys.collect(),
        tags: tags::checked(input.tags)?,
    };
    check_value(&key.value).map_err(Exception::bad_request)?;
    check(store, call, &key, &[])?;
    if store.api_keys.with_value(call.region, &key.value).is_some() {
        return Err(Exception::conflict("API Key already exists"));
    }
    let shown = json!(key);
    put(store, call.region, key);
    Ok(Reply::Json(shown))
}

/// Puts the key, in the place of the one with its id.
fn put(store: &mut Store, region: &str, key: ApiKey) {
    store.api_keys.put(&[region, &key.id.0.clone()], key);
}

fn new_id(store: &Store, call: &Call<'_>) -> ApiKeyId {
    ApiKeyId(call.unused_id(10, |id| store.api_keys.has(&[call.region, id])))
}

/// 40 letters and digits, as AWS's are. That some come a little oftener than others, as 256 is no multiple of 62, takes
/// less than a bit from 238.
fn new_value(store: &Store, call: &Call<'_>) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    loop {
        let mut bytes = [0; 40];
        call.random.fill(&mut bytes);
        let value: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 62)])).collect();
        if store.api_keys.with_value(call.region, &value).is_none() {
            return value;
        }
    }
}

/// Why a value cannot be a key's; it does not repeat the value.
fn check_value(value: &str) -> Result<(), String> {
    let length = value.chars().count();
    if length < VALUE_CHARACTERS_MIN {
        return Err(format!("API Key value should be at least {VALUE_CHARACTERS_MIN} characters"));
    }
    if length > VALUE_CHARACTERS_MAX {
        return Err(format!("API Key value should be at most {VALUE_CHARACTERS_MAX} characters"));
    }
    match value.contains(char::is_control) {
        true => Err("API Key value should not have control characters".to_owned()),
        false => Ok(()),
    }
}

/// `known` are the stages that the key has already, and may keep when they are gone.
fn check(store: &Store, call: &Call<'_>, key: &ApiKey, known: &[String]) -> Result<(), Exception> {
    if key.name.as_deref().is_some_and(|name| name.chars().count() > NAME_CHARACTERS_MAX) {
        return Err(Exception::bad_request(format!("API Key name should be at most {NAME_CHARACTERS_MAX} characters")));
    }
    let mut new = key.stage_keys.iter().filter(|stage| !known.contains(stage));
    let is_there =
        |stage: &String| stage.split_once('/').is_some_and(|(api, stage)| store.stages.has(&[call.region, api, stage]));
    match new.find(|stage| !is_there(stage)) {
        Some(stage) => Err(Exception::bad_request(format!("Invalid stage identifier specified: {stage}"))),
        None => Ok(()),
    }
}

/// The API key that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
fn of(store: &Store, call: &Call<'_>) -> Result<ApiKey, Exception> {
    find(store, call, call.parameter("api_Key"))
}

/// The API key with the id.
///
/// # Errors
/// As [`of`].
pub fn find(store: &Store, call: &Call<'_>, id: &str) -> Result<ApiKey, Exception> {
    let key = store.api_keys.row(&[call.region, id]);
    key.ok_or_else(|| Exception::not_found("Invalid API Key identifier specified"))
}

pub fn get_api_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let shown = with_tags(json!(of(store, call)?));
    Ok(Reply::Json(if asks_for(call, "includeValue") { shown } else { without_value(shown) }))
}

fn asks_for(call: &Call<'_>, flag: &str) -> bool {
    call.query(flag).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// One key is shown with its tags even where it has none, as AWS does.
fn with_tags(mut shown: Value) -> Value {
    if shown.get("tags").is_none() {
        shown["tags"] = json!({});
    }
    shown
}

fn without_value(mut shown: Value) -> Value {
    if let Some(members) = shown.as_object_mut() {
        members.shift_remove("value");
    }
    shown
}

/// All, those whose name begins with `name`, and those of `customerId`: the latter found without a look at the others.
pub fn get_api_keys(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let given = |name: &str| call.query(name).filter(|value| !value.is_empty());
    let (name, customer) = (given("name"), given("customerId"));
    let includes_values = asks_for(call, "includeValues");
    let shape = |key: ApiKey| if includes_values { json!(key) } else { without_value(json!(key)) };
    let (region, keys) = (call.region, &store.api_keys);
    let (mut items, position) = match (name, customer) {
        (None, None) => {
            let all = |after: Option<&str>| keys.range(&[region], after).map(|(_, key)| (key.id.0.clone(), key));
            page_of_places(call, all, |_, key| Some(shape(key)))
        }
        (None, Some(customer)) => {
            page_of_places(call, |after| keys.of_customer(region, customer, after), |_, key| Some(shape(key)))
        }
        (Some(name), customer) => page_of_places(
            call,
            |after| keys.named(region, name, after),
            |_, key| (customer.is_none() || customer == key.customer_id.as_deref()).then(|| shape(key)),
        ),
    }?;
    // Pages are in the order of ids, which nobody has given; who looks for names sees those of a page in theirs.
    if name.is_some() {
        items.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    }
    Ok(answer(items, position))
}

pub fn update_api_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let before = of(store, call)?;
    let mut changed = patched(call, RULES, &before)?;
    check(store, call, &changed, &before.stage_keys)?;
    changed.last_updated_date = call.now();
    let shown = with_tags(without_value(json!(changed)));
    put(store, call.region, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_api_key(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let key = of(store, call)?;
    usage_plans::detach_key(store, call.region, &key.id);
    store.api_keys.remove(&[call.region, key.id.as_str()]);
    Ok(Reply::Empty)
}

/// (API reference, `patch-operations`, UpdateApiKey; `/labels` is there too, but no key has any.)
const RULES: &[Rule<ApiKey>] = &[
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |key, patch| {
            key.name = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/description",
        ops: &[Op::Replace],
        apply: |key, patch| {
            key.description = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/customerId",
        ops: &[Op::Replace],
        apply: |key, patch| {
            key.customer_id = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/enabled",
        ops: &[Op::Replace],
        apply: |key, patch| {
            key.enabled = patch.boolean()?;
            Ok(())
        },
    },
    Rule { pattern: "/stages", ops: &[Op::Add, Op::Remove], apply: change_stages },
];

fn change_stages(key: &mut ApiKey, patch: &Patch<'_>) -> Result<(), Exception> {
    let stage = patch.text();
    let position = key.stage_keys.iter().position(|known| *known == stage);
    match (patch.removes(), position) {
        (true, Some(position)) => {
            key.stage_keys.remove(position);
        }
        (true, None) => return Err(patch.invalid("the key does not have it")),
        (false, Some(_)) => {}
        (false, None) => key.stage_keys.push(stage),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
