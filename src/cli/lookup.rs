//! The API keys and the usage plans that commands are about, as a running gateway has them: whole lists, page by page, and
//! the one that an id or a name means.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::admin::{Admin, Ask, encoded};
use super::managed::{enumerated, listed, time};
use super::table::printable;
use crate::model::{ApiKey, UsagePlan};

/// As many rows as AWS has on a page at most.
const PAGE_ROWS: usize = 500;

/// The values of API keys have 20 characters at least. A word as long as that may be one that was given in the place of an
/// id, and is not repeated.
const SECRET_CHARACTERS_MIN: usize = 20;

/// The API key that is meant: an id is more than a name, and a name has to be one key's. It comes without its value.
///
/// # Errors
/// Nobody answers, there is no such key, or there are several.
pub fn key(admin: &Admin, argument: &str, wanted: &str) -> Result<ApiKey, String> {
    let by_id = if wanted.is_empty() { None } else { admin.found(Ask::get(key_path(wanted)))? };
    if let Some(found) = by_id {
        return understood(found);
    }
    let mut named: Vec<ApiKey> = all(admin, &format!("/apikeys?name={}", encoded(wanted)))?;
    named.retain(|key| key.name.as_deref() == Some(wanted));
    match named.len() {
        0 => {
            let shown = shown(wanted);
            Err(format!(
                "{argument}: no API key has the id or the name {shown}; tollgate keys list tells which there are"
            ))
        }
        1 => Ok(named.remove(0)),
        _ => {
            let state = |key: &ApiKey| if key.enabled { "enabled" } else { "disabled" };
            let told = |key: &ApiKey| format!("`{}` ({}, made {})", key.id, state(key), time(key.created_date));
            let candidates: Vec<String> = named.iter().map(told).collect();
            Err(ambiguous(argument, "API keys", wanted, &candidates))
        }
    }
}

/// The usage plan that is meant, as [`key`].
///
/// # Errors
/// Nobody answers, there is no such plan, or there are several.
pub fn plan(admin: &Admin, argument: &str, wanted: &str) -> Result<UsagePlan, String> {
    let by_id = if wanted.is_empty() { None } else { admin.found(Ask::get(plan_path(wanted)))? };
    if let Some(found) = by_id {
        return understood(found);
    }
    let (mut named, others): (Vec<UsagePlan>, Vec<UsagePlan>) =
        all::<UsagePlan>(admin, "/usageplans")?.into_iter().partition(|plan| plan.name == wanted);
    match named.len() {
        0 => Err(format!("{argument}: no usage plan has the id or the name {}; {}", shown(wanted), there_is(&others))),
        1 => Ok(named.remove(0)),
        _ => Err(ambiguous(argument, "usage plans", wanted, &named.iter().map(candidate).collect::<Vec<_>>())),
    }
}

fn ambiguous(argument: &str, kind: &str, name: &str, candidates: &[String]) -> String {
    let (several, name) = (candidates.len(), printable(name));
    let candidates = enumerated(candidates);
    format!("{argument}: {several} {kind} are called `{name}`: name one by its id, {candidates}")
}

fn there_is(plans: &[UsagePlan]) -> String {
    match plans {
        [] => "there is none yet: tollgate plans create makes one".to_owned(),
        plans => format!("there is {}", listed(plans.iter().map(|plan| plan.name.as_str()))),
    }
}

/// What tells a plan from another of its name.
fn candidate(plan: &UsagePlan) -> String {
    let stages = plan.api_stages.iter().map(|stage| format!("{}:{}", stage.api_id, stage.stage));
    let stages = stages.collect::<Vec<_>>().join(", ");
    let of = if stages.is_empty() { "without a stage".to_owned() } else { format!("of {stages}") };
    format!("`{}` ({of})", plan.id)
}

/// `` `web` ``, but never what may be a key's value.
fn shown(wanted: &str) -> String {
    match wanted.chars().count() {
        length if length >= SECRET_CHARACTERS_MIN => format!("of {length} characters that was given"),
        _ => format!("`{}`", printable(wanted)),
    }
}

/// The usage plans that the key is in.
///
/// # Errors
/// Nobody answers.
pub fn plans_of(admin: &Admin, key: &ApiKey) -> Result<Vec<UsagePlan>, String> {
    all(admin, &format!("/usageplans?keyId={}", encoded(key.id.as_str())))
}

/// Puts the key in the plan.
///
/// # Errors
/// Nobody answers, or it is refused: it is in it already, or in another plan with one of its stages.
pub fn attach(admin: &Admin, plan: &UsagePlan, key: &ApiKey) -> Result<(), String> {
    let body = json!({ "keyId": key.id, "keyType": "API_KEY" });
    admin.json(Ask::with("POST", format!("{}/keys", plan_path(plan.id.as_str())), &body)).map(|_| ())
}

pub fn key_path(id: &str) -> String {
    format!("/apikeys/{}", encoded(id))
}

pub fn plan_path(id: &str) -> String {
    format!("/usageplans/{}", encoded(id))
}

/// `web (a1b2c3d4e5)`.
pub fn key_title(key: &ApiKey) -> String {
    match &key.name {
        Some(name) => format!("{} ({})", printable(name), key.id),
        None => key.id.to_string(),
    }
}

/// `basic (a1b2c3)`.
pub fn plan_title(plan: &UsagePlan) -> String {
    format!("{} ({})", printable(&plan.name), plan.id)
}

/// All items of a list.
///
/// # Errors
/// Nobody answers, or not with such items.
pub fn all<T: DeserializeOwned>(admin: &Admin, target: &str) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    pages(admin, target, |mut page| {
        items.extend(understood::<Vec<T>>(page["item"].take())?);
        Ok(())
    })?;
    Ok(items)
}

/// Every page of a list, one after the other.
///
/// # Errors
/// Nobody answers, or what `each` says.
pub fn pages(admin: &Admin, target: &str, mut each: impl FnMut(Value) -> Result<(), String>) -> Result<(), String> {
    let joint = if target.contains('?') { '&' } else { '?' };
    let mut position = String::new();
    loop {
        let page = admin.json(Ask::get(format!("{target}{joint}limit={PAGE_ROWS}{position}")))?;
        let next = page["position"].as_str().map(|next| format!("&position={}", encoded(next)));
        each(page)?;
        match next {
            Some(next) => position = next,
            None => return Ok(()),
        }
    }
}

/// # Errors
/// It is none.
pub fn understood<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    // serde's reason would repeat what it met, and that may be a secret.
    serde_json::from_value(value).map_err(|_| "the gateway answers what is not understood".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        assert_eq!(shown("web"), "`web`");
        assert_eq!(shown("a\u{1b}"), "`a\u{fffd}`");
        assert_eq!(shown("0123456789012345678"), "`0123456789012345678`");
        assert_eq!(shown("01234567890123456789"), "of 20 characters that was given");
    }
}
