//! Resources: the tree of paths. (API reference, `API_Resource`; guide, `patch-operations`, Resource.)
//!
//! A resource's row has its whole path, so that nothing walks the tree to route. What moves takes its subtree along.
//!
//! - [`tree`]: where a resource may stand, and moving and felling subtrees.

pub mod tree;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{methods, rest_apis};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::model::{Resource, ResourceId};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    path_part: Option<String>,
}

pub fn create_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let api_id = call.parameter("restapi_id");
    let parent = at(store, call, call.parameter("parent_id"))?;
    let id = call.next_id(6, &store.resources, &[call.region, api_id]);
    let mut resource = Resource {
        id: ResourceId(id.clone()),
        parent_id: Some(parent.id.clone()),
        path_part: Some(checked_part(input.path_part)?),
        ..Resource::default()
    };
    resource.path = tree::checked_path(store, call, &resource)?;
    let shown = shape(&resource, Embed::Names);
    store.resources.put(&[call.region, api_id, &id], resource);
    Ok(Reply::Json(shown))
}

/// `name`, `{name}` or `{name+}`.
fn checked_part(part: Option<String>) -> Result<String, Exception> {
    let is_name = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        !name.is_empty() && name.bytes().all(fits)
    };
    let fits = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(variable) => is_name(variable.strip_suffix('+').unwrap_or(variable)),
        None => is_name(part),
    };
    part.filter(|part| fits(part)).ok_or_else(|| {
        Exception::bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
             beginning and the end.",
        )
    })
}

/// The resource that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text, which is of the resource even where there is no such API.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Resource, Exception> {
    at(store, call, call.parameter("resource_id"))
}

/// The call's API's resource with an id.
///
/// # Errors
/// As [`of`].
pub fn at<'s>(store: &'s Store, call: &Call<'_>, id: &str) -> Result<&'s Resource, Exception> {
    let resource = store.resources.row(&[call.region, call.parameter("restapi_id"), id]);
    resource.ok_or_else(|| Exception::not_found("Invalid Resource identifier specified"))
}

pub fn get_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?, Embed::asked(call))))
}

pub fn get_resources(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let of_api = [call.region, call.parameter("restapi_id")];
    let embed = Embed::asked(call);
    page(call, store.resources.below(&of_api).map(|(key, row)| (own_name(key).to_owned(), shape(row, embed))))
}

pub fn update_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let before = of(store, call)?;
    let mut changed = patched(call, RULES, before)?;
    if changed != *before {
        tree::check_no_cycle(store, call, &changed)?;
        changed.path = tree::checked_path(store, call, &changed)?;
        tree::transplant(store, call, &changed);
    }
    Ok(Reply::Json(shape(&changed, Embed::Names)))
}

pub fn delete_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let resource = of(store, call)?.clone();
    if resource.parent_id.is_none() {
        return Err(Exception::bad_request("Root resource cannot be deleted."));
    }
    tree::fell(store, call, &resource);
    Ok(Reply::Empty)
}

const RULES: &[Rule<Resource>] = &[
    Rule {
        pattern: "/parentId",
        ops: &[Op::Replace],
        apply: |resource, patch| {
            if resource.parent_id.is_none() {
                return Err(Exception::bad_request("Root resource cannot update its parentId."));
            }
            resource.parent_id = Some(ResourceId(patch.text()));
            Ok(())
        },
    },
    Rule {
        pattern: "/pathPart",
        ops: &[Op::Replace],
        apply: |resource, patch| {
            if resource.parent_id.is_none() {
                return Err(Exception::bad_request("Root resource cannot update its pathPart."));
            }
            resource.path_part = Some(checked_part(patch.optional_text())?);
            Ok(())
        },
    },
];

/// What is shown of a resource's methods.
#[derive(Clone, Copy)]
enum Embed {
    /// `{"GET": {}}`.
    Names,
    /// All of them: `embed=methods`.
    Methods,
}

impl Embed {
    fn asked(call: &Call<'_>) -> Embed {
        if call.asks_for("embed", "methods") { Embed::Methods } else { Embed::Names }
    }
}

fn shape(resource: &Resource, embed: Embed) -> Value {
    let mut shown = json!({ "id": resource.id });
    if let Some(parent_id) = &resource.parent_id {
        shown["parentId"] = json!(parent_id);
    }
    if let Some(path_part) = &resource.path_part {
        shown["pathPart"] = json!(path_part);
    }
    shown["path"] = json!(resource.path);
    if !resource.resource_methods.is_empty() {
        let method = |(name, method): (&String, _)| {
            let shown = match embed {
                Embed::Names => json!({}),
                Embed::Methods => methods::shape(method, &resource.id),
            };
            (name.clone(), shown)
        };
        shown["resourceMethods"] = Value::Object(resource.resource_methods.iter().map(method).collect::<Map<_, _>>());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, patch_body};
    use super::*;

    /// A desk with an API; its path, and the id of its root.
    fn desk() -> (Desk, String, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let (api, root) = (format!("/restapis/{}", text("id")), text("rootResourceId"));
        (desk, api, root)
    }

    #[track_caller]
    fn add(desk: &mut Desk, api: &str, parent: &str, part: &str) -> String {
        let made = desk.call("POST", &format!("{api}/resources/{parent}"), json!({ "pathPart": part }));
        made["id"].as_str().expect("an id").to_owned()
    }

    fn paths(desk: &mut Desk, api: &str) -> Vec<String> {
        let list = desk.call("GET", &format!("{api}/resources"), Value::Null);
        let items = list["item"].as_array().expect("a list");
        let mut paths: Vec<String> = items.iter().map(|item| item["path"].as_str().unwrap_or("").to_owned()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_resource_is_made_moved_and_felled_with_its_subtree() {
        let (mut desk, api, root) = desk();
        let shown = desk.call("GET", &format!("{api}/resources/{root}"), Value::Null);
        assert_eq!(shown, json!({ "id": root, "path": "/" }));
        let pets = add(&mut desk, &api, &root, "pets");
        let pet = add(&mut desk, &api, &pets, "{id}");
        let toys = add(&mut desk, &api, &pet, "toys");
        let shown = desk.call("GET", &format!("{api}/resources/{pet}"), Value::Null);
        assert_eq!(shown, json!({ "id": pet, "parentId": pets, "pathPart": "{id}", "path": "/pets/{id}" }));
        let target = format!("{api}/resources/{pets}");
        assert_eq!(desk.patch(&target, &["replace /pathPart dogs"])["path"], "/dogs");
        assert_eq!(paths(&mut desk, &api), ["/", "/dogs", "/dogs/{id}", "/dogs/{id}/toys"]);
        let target = format!("{api}/resources/{pet}");
        assert_eq!(desk.patch(&target, &[&format!("replace /parentId {root}")])["path"], "/{id}");
        assert_eq!(paths(&mut desk, &api), ["/", "/dogs", "/{id}", "/{id}/toys"]);
        desk.call("DELETE", &target, Value::Null);
        assert_eq!(paths(&mut desk, &api), ["/", "/dogs"]);
        let gone = "NotFoundException: Invalid Resource identifier specified";
        assert_eq!(desk.refusal("GET", &format!("{api}/resources/{toys}"), Value::Null), gone);
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let (mut desk, api, root) = desk();
        let pets = add(&mut desk, &api, &root, "pets");
        let cats = add(&mut desk, &api, &pets, "cats");
        let same = add(&mut desk, &api, &cats, "pets");
        let proxy = add(&mut desk, &api, &root, "{proxy+}");
        let mut check = |method: &str, target: &str, body: Value, expected: &str| {
            assert_eq!(desk.refusal(method, &format!("{api}/resources/{target}"), body), expected, "{method} {target}");
        };
        let characters = "BadRequestException: Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path \
                          variable and curly braces at the beginning and the end.";
        for part in ["/users", "users/", "users/{user_id}", "us{er", "us+er", "", "{}", "{+}", "a b", "é"] {
            check("POST", &root, json!({ "pathPart": part }), characters);
        }
        check("POST", &root, json!({}), characters);
        let conflict = "ConflictException: Another resource with the same parent already has this name: pets";
        check("POST", &root, json!({ "pathPart": "pets" }), conflict);
        let sibling = "BadRequestException: A sibling ({proxy+}) of this resource already has a variable path part -- only \
                       one is allowed";
        check("POST", &root, json!({ "pathPart": "{id}" }), sibling);
        let below = "BadRequestException: Cannot create a child of a resource with a greedy path variable: {proxy+}";
        check("POST", &proxy, json!({ "pathPart": "child" }), below);
        let unknown = "NotFoundException: Invalid Resource identifier specified";
        check("POST", "none", json!({ "pathPart": "child" }), unknown);
        check("PATCH", &same, patch_body(&[&format!("replace /parentId {root}")]), conflict);
        check("PATCH", &same, patch_body(&["replace /parentId none"]), unknown);
        check("PATCH", &cats, patch_body(&[&format!("replace /parentId {proxy}")]), below);
        let greedy = "BadRequestException: Cannot create a child of a resource with a greedy path variable: {cats+}";
        check("PATCH", &cats, patch_body(&["replace /pathPart {cats+}"]), greedy);
        let cycle = "BadRequestException: Resources cannot be cyclical.";
        check("PATCH", &pets, patch_body(&[&format!("replace /parentId {same}")]), cycle);
        check("PATCH", &pets, patch_body(&[&format!("replace /parentId {pets}")]), cycle);
        let part = "BadRequestException: Root resource cannot update its pathPart.";
        check("PATCH", &root, patch_body(&["replace /pathPart x"]), part);
        let parent = "BadRequestException: Root resource cannot update its parentId.";
        check("PATCH", &root, patch_body(&[&format!("replace /parentId {pets}")]), parent);
        check("DELETE", &root, Value::Null, "BadRequestException: Root resource cannot be deleted.");
        for operation in ["remove /pathPart", "add /pathPart x", "replace /path /x"] {
            let refusal = desk.refusal("PATCH", &format!("{api}/resources/{pets}"), patch_body(&[operation]));
            assert!(refusal.starts_with("BadRequestException: Invalid patch "), "{refusal}");
        }
        assert_eq!(paths(&mut desk, &api), ["/", "/pets", "/pets/cats", "/pets/cats/pets", "/{proxy+}"]);
    }

    #[test]
    fn methods_are_names_unless_they_are_embedded() {
        let (mut desk, api, root) = desk();
        let target = format!("{api}/resources/{root}");
        desk.call("PUT", &format!("{target}/methods/GET"), json!({ "authorizationType": "NONE" }));
        assert_eq!(desk.call("GET", &target, Value::Null)["resourceMethods"], json!({ "GET": {} }));
        let method = desk.call("GET", &format!("{target}/methods/GET"), Value::Null);
        let embedded = desk.call("GET", &format!("{target}?embed=methods"), Value::Null);
        assert_eq!(embedded["resourceMethods"]["GET"], method);
        let list = desk.call("GET", &format!("{api}/resources?embed=methods"), Value::Null);
        assert_eq!(list["item"][0]["resourceMethods"]["GET"], method);
        let unknown = "NotFoundException: Invalid API identifier specified 123456789012:none";
        assert_eq!(desk.refusal("GET", "/restapis/none/resources", Value::Null), unknown);
    }
}
