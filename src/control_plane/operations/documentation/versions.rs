//! The documentation of an API as it was at a time. (API reference, `API_DocumentationVersion`.)

use serde::Deserialize;
use serde_json::{Value, json};

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::operations::{rest_apis, stages};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::DocumentationVersion;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    documentation_version: Option<String>,
    stage_name: Option<String>,
    description: Option<String>,
}

/// The stage that is named, if one is, has the new version from here on.
pub fn create_documentation_version(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let input: Create = call.input()?;
    let version = input.documentation_version.filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| Exception::bad_request("Documentation version is required"))?;
    if version.chars().any(char::is_control) {
        return Err(Exception::bad_request("Documentation version must not have control characters"));
    }
    let key = [call.region, call.parameter("restapi_id"), &version];
    if store.documentation_versions.has(&key) {
        return Err(Exception::conflict("Documentation version already exists"));
    }
    let row = DocumentationVersion {
        version: version.clone(),
        created_date: call.now(),
        description: input.description.filter(|description| !description.is_empty()),
        parts: store.documentation_parts.rows_below(&[key[0], key[1]]).cloned().collect(),
    };
    let shown = shape(&row);
    store.documentation_versions.put(&key, row);
    if let Some(name) = input.stage_name.filter(|name| !name.is_empty()) {
        let mut stage = stages::named(store, call, &name)?.clone();
        stage.documentation_version = Some(version);
        stages::put(store, call, stage)?;
    }
    Ok(Reply::Json(shown))
}

/// The version that a path names.
fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s DocumentationVersion, Exception> {
    let key = [call.region, call.parameter("restapi_id"), call.parameter("doc_version")];
    let version = store.documentation_versions.row(&key);
    version.ok_or_else(|| Exception::not_found("Invalid Documentation version specified"))
}

pub fn get_documentation_version(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

pub fn get_documentation_versions(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let api = [call.region, call.parameter("restapi_id")];
    let versions = store.documentation_versions.rows_below(&api);
    page(call, versions.map(|version| (version.version.clone(), shape(version))))
}

pub fn update_documentation_version(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed);
    let key = [call.region, call.parameter("restapi_id"), call.parameter("doc_version")];
    store.documentation_versions.put(&key, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_documentation_version(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let version = &of(store, call)?.version;
    let api = [call.region, call.parameter("restapi_id")];
    if store.stages.rows_below(&api).any(|stage| stage.documentation_version.as_ref() == Some(version)) {
        let message = "Active stages pointing to this documentation version must be moved or deleted";
        return Err(Exception::bad_request(message));
    }
    store.documentation_versions.remove(&[api[0], api[1], call.parameter("doc_version")]);
    Ok(Reply::Empty)
}

/// Its parts are for exports: no operation shows them.
fn shape(version: &DocumentationVersion) -> Value {
    let mut shown = json!({ "version": version.version, "createdDate": version.created_date });
    if let Some(description) = &version.description {
        shown["description"] = description.as_str().into();
    }
    shown
}

/// (Guide, `patch-operations`, DocumentationVersion.)
const RULES: &[Rule<DocumentationVersion>] = &[Rule {
    pattern: "/description",
    ops: &[Op::Replace],
    apply: |version, patch| {
        version.description = patch.optional_text();
        Ok(())
    },
}];
