//! Base path mappings: what of a custom domain name leads to which API. (API reference, `API_BasePathMapping`; guide,
//! `rest-api-mappings`.)

use serde::Deserialize;
use serde_json::json;

use super::domain_names;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::model::{BasePathMapping, RestApiId};

/// How AWS writes that there is none.
pub const NONE: &str = "(none)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    base_path: Option<String>,
    #[serde(default)]
    rest_api_id: String,
    stage: Option<String>,
}

pub fn create_base_path_mapping(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let domain = domain_names::named(store, call)?;
    let mapping = BasePathMapping {
        base_path: input.base_path.filter(|path| !path.is_empty()).unwrap_or_else(|| NONE.to_owned()),
        rest_api_id: RestApiId(input.rest_api_id),
        stage: input.stage.filter(|stage| !stage.is_empty() && stage != NONE),
    };
    put(store, call, &domain, None, mapping)
}

/// Puts a mapping where its base path says. One that is `moved` from another path leaves it.
fn put(
    store: &mut Store,
    call: &Call<'_>,
    domain: &str,
    moved: Option<&str>,
    mapping: BasePathMapping,
) -> Result<Reply, Exception> {
    check(store, call, &mapping)?;
    let key = [call.region, domain, &mapping.base_path];
    if moved != Some(&mapping.base_path) && store.base_path_mappings.has(&key) {
        return Err(Exception::conflict("Base path already exists for this domain name"));
    }
    if let Some(path) = moved.filter(|path| *path != mapping.base_path) {
        store.base_path_mappings.remove(&[call.region, domain, path]);
    }
    let shown = json!(mapping);
    store.base_path_mappings.put(&[call.region, domain, &mapping.base_path.clone()], mapping);
    Ok(Reply::Json(shown))
}

fn check(store: &Store, call: &Call<'_>, mapping: &BasePathMapping) -> Result<(), Exception> {
    let path = &*mapping.base_path;
    if path.contains('/') {
        return Err(Exception::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. \
             To create a multi-level base path mapping, use API Gateway V2.",
        ));
    }
    if path != NONE && !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte)) {
        return Err(Exception::bad_request(
            "Invalid base path mapping specified: it may have letters, digits and $-_.+!*'()",
        ));
    }
    let api = [call.region, mapping.rest_api_id.as_str()];
    if !store.rest_apis.has(&api) {
        return Err(Exception::bad_request("Invalid REST API identifier specified"));
    }
    match &mapping.stage {
        Some(stage) if !store.stages.has(&[api[0], api[1], stage]) => {
            Err(Exception::bad_request("Invalid stage identifier specified"))
        }
        _ => Ok(()),
    }
}

/// The mapping that a call's path names, and of which domain name it is.
fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<(String, &'s BasePathMapping), Exception> {
    let domain = domain_names::named(store, call)?;
    let mapping = store.base_path_mappings.row(&[call.region, &domain, call.parameter("base_path")]);
    let mapping = mapping.ok_or_else(|| Exception::not_found("Invalid base path mapping identifier specified"))?;
    Ok((domain, mapping))
}

pub fn get_base_path_mapping(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(of(store, call)?.1)))
}

pub fn get_base_path_mappings(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let domain = domain_names::named(store, call)?;
    let of_domain = [call.region, &*domain];
    let rows = store.base_path_mappings.below(&of_domain);
    page(call, rows.map(|(key, mapping)| (own_name(key).to_owned(), json!(**mapping))))
}

pub fn update_base_path_mapping(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (domain, mapping) = of(store, call)?;
    let before = mapping.base_path.clone();
    let changed = patched(call, RULES, mapping)?;
    put(store, call, &domain, Some(&before), changed)
}

pub fn delete_base_path_mapping(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (domain, _) = of(store, call)?;
    store.base_path_mappings.remove(&[call.region, &domain, call.parameter("base_path")]);
    Ok(Reply::Empty)
}

/// (API reference, `patch-operations`, `UpdateBasePathMapping`.)
const RULES: &[Rule<BasePathMapping>] = &[
    Rule {
        pattern: "/basePath",
        ops: &[Op::Replace],
        apply: |mapping, patch| {
            mapping.base_path = patch.optional_text().unwrap_or_else(|| NONE.to_owned());
            Ok(())
        },
    },
    Rule {
        pattern: "/restapiId",
        ops: &[Op::Replace],
        apply: |mapping, patch| {
            mapping.rest_api_id = RestApiId(patch.text());
            Ok(())
        },
    },
    Rule {
        pattern: "/stage",
        ops: &[Op::Replace],
        apply: |mapping, patch| {
            mapping.stage = patch.optional_text().filter(|stage| stage != NONE);
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;
    use crate::model::Stage;
    use serde_json::Value;

    const MAPPINGS: &str = "/domainnames/api.example.com/basepathmappings";

    /// A domain name, and an API with the stage `prod`.
    fn desk() -> (Desk, String) {
        let mut desk = Desk::default();
        desk.call("POST", "/domainnames", json!({ "domainName": "api.example.com" }));
        let api = desk.api("pets");
        let stage = Stage { stage_name: "prod".into(), ..Stage::default() };
        desk.store.stages.put(&["us-east-1", &api, "prod"], stage);
        (desk, api)
    }

    #[test]
    fn a_mapping_is_made_found_moved_and_removed() {
        let (mut desk, api) = desk();
        let made = desk.call("POST", MAPPINGS, json!({ "restApiId": api }));
        assert_eq!(made, json!({ "basePath": "(none)", "restApiId": api }));
        let mapping = json!({ "basePath": "v1", "restApiId": api, "stage": "prod" });
        assert_eq!(desk.call("POST", MAPPINGS, mapping.clone()), mapping);
        assert_eq!(desk.call("GET", &format!("{MAPPINGS}/v1"), Value::Null), mapping);
        assert_eq!(desk.call("GET", &format!("{MAPPINGS}/(none)"), Value::Null), made);
        assert_eq!(desk.call("GET", MAPPINGS, Value::Null)["item"], json!([made, mapping]));
        let moved = desk.patch(&format!("{MAPPINGS}/v1"), &["replace /basepath v2", "replace /stage"]);
        assert_eq!(moved, json!({ "basePath": "v2", "restApiId": api }));
        let gone = desk.refusal("GET", &format!("{MAPPINGS}/v1"), Value::Null);
        assert_eq!(gone, "NotFoundException: Invalid base path mapping identifier specified");
        desk.call("DELETE", &format!("{MAPPINGS}/v2"), Value::Null);
        assert_eq!(desk.store.base_path_mappings.len(), 1);
        desk.call("DELETE", "/domainnames/api.example.com", Value::Null);
        assert!(desk.store.base_path_mappings.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (mut desk, api) = desk();
        desk.call("POST", MAPPINGS, json!({ "restApiId": api, "basePath": "v1" }));
        desk.call("POST", MAPPINGS, json!({ "restApiId": api }));
        let mut refused = |body: Value, expected: &str| assert_eq!(desk.refusal("POST", MAPPINGS, body), expected);
        let twice = "ConflictException: Base path already exists for this domain name";
        refused(json!({ "restApiId": api, "basePath": "v1" }), twice);
        refused(json!({ "restApiId": api, "basePath": "(none)", "stage": "prod" }), twice);
        refused(json!({ "restApiId": "no" }), "BadRequestException: Invalid REST API identifier specified");
        refused(json!({}), "BadRequestException: Invalid REST API identifier specified");
        let stage = json!({ "restApiId": api, "basePath": "v2", "stage": "dev" });
        refused(stage, "BadRequestException: Invalid stage identifier specified");
        for path in ["/v1", "a/b", "a b", "ä"] {
            let body = json!({ "restApiId": api, "basePath": path });
            assert!(desk.refusal("POST", MAPPINGS, body).starts_with("BadRequestException: "), "{path}");
        }
        let patch = super::super::fixture::patch_body(&["replace /basePath (none)"]);
        assert_eq!(desk.refusal("PATCH", &format!("{MAPPINGS}/v1"), patch), twice);
        let unknown = desk.refusal("GET", "/domainnames/x.example.com/basepathmappings", Value::Null);
        assert_eq!(unknown, "NotFoundException: Invalid domain name identifier specified");
    }
}
