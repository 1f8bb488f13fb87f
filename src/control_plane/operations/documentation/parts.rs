//! What is said of the parts of an API: JSON texts, by location. (API reference, `API_DocumentationPart`.)

use serde::Deserialize;
use serde_json::{Value, json};

use super::location::{Given, described, is_type};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::operations::rest_apis;
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{DocumentationPart, DocumentationPartId};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    location: Option<Given>,
    properties: Option<String>,
}

pub fn create_documentation_part(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let input: Create = call.input()?;
    let given = input.location.ok_or_else(|| Exception::bad_request("Documentation part location is required"))?;
    let location =
        given.checked().map_err(|why| Exception::bad_request(format!("Invalid documentation part location: {why}")))?;
    let properties = checked_properties(input.properties.unwrap_or_default())?;
    let api = [call.region, call.parameter("restapi_id")];
    if store.documentation_parts.rows_below(&api).any(|part| part.location == location) {
        return Err(Exception::conflict(format!(
            "Documentation part already exists for the specified location: {}.",
            described(&location)
        )));
    }
    let id = new_id(store, call);
    let part = DocumentationPart { id: DocumentationPartId(id.clone()), location, properties };
    let shown = shape(&part);
    store.documentation_parts.put(&[api[0], api[1], &id], part);
    Ok(Reply::Json(shown))
}

/// The id of the API's next part.
pub fn new_id(store: &Store, call: &Call<'_>) -> String {
    let api_id = call.parameter("restapi_id");
    call.next_id(6, &store.documentation_parts, &[call.region, api_id])
}

fn checked_properties(properties: String) -> Result<String, Exception> {
    if properties.is_empty() {
        return Err(Exception::bad_request("Documentation part properties must be non-empty"));
    }
    match serde_json::from_str(&properties) {
        Ok(Value::Object(_)) => Ok(properties),
        _ => Err(Exception::bad_request("Documentation part properties must be a JSON object")),
    }
}

/// The part that a path names.
fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s DocumentationPart, Exception> {
    let key = [call.region, call.parameter("restapi_id"), call.parameter("part_id")];
    let part = store.documentation_parts.row(&key);
    part.ok_or_else(|| Exception::not_found("Invalid Documentation part identifier specified"))
}

pub fn get_documentation_part(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

pub fn get_documentation_parts(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let filter = Filter::of(call)?;
    let api = [call.region, call.parameter("restapi_id")];
    let parts = store.documentation_parts.rows_below(&api);
    page(call, parts.filter(|part| filter.has(part)).map(|part| (part.id.0.clone(), shape(part))))
}

struct Filter<'c> {
    part_type: Option<&'c str>,
    name: Option<&'c str>,
    path: Option<&'c str>,
    /// Whether it has content.
    documented: Option<bool>,
}

impl<'c> Filter<'c> {
    fn of(call: &'c Call<'_>) -> Result<Filter<'c>, Exception> {
        let part_type = call.query("type");
        if let Some(other) = part_type.filter(|name| !is_type(name)) {
            return Err(Exception::bad_request(format!("Invalid documentation part type specified: {other}")));
        }
        let documented = match call.query("locationStatus") {
            None => None,
            Some("DOCUMENTED") => Some(true),
            Some("UNDOCUMENTED") => Some(false),
            Some(other) => {
                return Err(Exception::bad_request(format!(
                    "Invalid locationStatus '{other}'. Must be one of: [DOCUMENTED, UNDOCUMENTED]"
                )));
            }
        };
        Ok(Filter { part_type, name: call.query("name"), path: call.query("path"), documented })
    }

    fn has(&self, part: &DocumentationPart) -> bool {
        let location = &part.location;
        self.part_type.is_none_or(|part_type| location.part_type == part_type)
            && self.name.is_none_or(|name| location.name.as_ref().is_some_and(|known| known.contains(name)))
            && self.path.is_none_or(|path| location.path.as_deref() == Some(path))
            && self.documented.is_none_or(|documented| documented == has_content(&part.properties))
    }
}

fn has_content(properties: &str) -> bool {
    serde_json::from_str::<Value>(properties).is_ok_and(|value| value.as_object().is_some_and(|map| !map.is_empty()))
}

pub fn update_documentation_part(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed);
    let key = [call.region, call.parameter("restapi_id"), call.parameter("part_id")];
    store.documentation_parts.put(&key, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_documentation_part(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    of(store, call)?;
    let key = [call.region, call.parameter("restapi_id"), call.parameter("part_id")];
    store.documentation_parts.remove(&key);
    Ok(Reply::Empty)
}

fn shape(part: &DocumentationPart) -> Value {
    json!(part)
}

/// (Guide, `patch-operations`, DocumentationPart.)
const RULES: &[Rule<DocumentationPart>] = &[Rule {
    pattern: "/properties",
    ops: &[Op::Replace],
    apply: |part, patch| {
        part.properties = checked_properties(patch.text())?;
        Ok(())
    },
}];
