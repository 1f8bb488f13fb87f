//! Method responses. (API reference, `API_MethodResponse`; guide, `patch-operations`, MethodResponse.)

use serde::Deserialize;
use serde_json::json;

use super::super::mappings::{self, NO_CONTENT_TYPE, NO_PARAMETER, patch_entry, patch_text};
use super::super::words::status_code;
use super::{checks, keep, of};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{Method, MethodResponse, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    response_parameters: Option<OrderedMap<bool>>,
    response_models: Option<OrderedMap<String>>,
}

pub fn put_method_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let status_code = status_code(call)?;
    let input: Put = call.input()?;
    let (_, method) = of(store, call)?;
    if method.method_responses.contains_key(status_code) {
        return Err(Exception::conflict("Response already exists for this resource"));
    }
    let response = MethodResponse {
        status_code: status_code.to_owned(),
        response_parameters: input.response_parameters.unwrap_or_default(),
        response_models: input.response_models.unwrap_or_default(),
    };
    let method = method.clone();
    keep_checked(store, call, method, response)
}

fn keep_checked(
    store: &mut Store,
    call: &Call<'_>,
    mut method: Method,
    response: MethodResponse,
) -> Result<Reply, Exception> {
    checks::check_models(store, call, &response.response_models)?;
    mappings::check_method_response(&response.response_parameters)?;
    let shown = json!(response);
    method.method_responses.insert(response.status_code.clone(), response);
    keep(store, call, method)?;
    Ok(Reply::Json(shown))
}

/// The method response that a path names, with its method.
fn response_of<'s>(store: &'s Store, call: &Call<'_>) -> Result<(&'s Method, &'s MethodResponse), Exception> {
    let status_code = status_code(call)?;
    let (_, method) = of(store, call)?;
    let response = method.method_responses.get(status_code);
    let response = response.ok_or_else(|| Exception::not_found("Invalid Response status code specified"))?;
    Ok((method, response))
}

pub fn get_method_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(response_of(store, call)?.1)))
}

pub fn update_method_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (method, before) = response_of(store, call)?;
    let response = patched(call, RULES, before)?;
    let method = method.clone();
    keep_checked(store, call, method, response)
}

pub fn delete_method_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (method, response) = response_of(store, call)?;
    let mut changed = method.clone();
    changed.method_responses.shift_remove(&response.status_code);
    keep(store, call, changed)?;
    Ok(Reply::Empty)
}

const RULES: &[Rule<MethodResponse>] = &[
    Rule {
        pattern: "/responseParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| {
            patch_entry(&mut response.response_parameters, patch, NO_PARAMETER, || patch.boolean())
        },
    },
    Rule {
        pattern: "/responseModels/{content_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| patch_text(&mut response.response_models, patch, NO_CONTENT_TYPE),
    },
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::super::fixture::{Desk, patch_body};
    use super::*;

    fn desk() -> (Desk, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let method = format!("/restapis/{}/resources/{}/methods/GET", text("id"), text("rootResourceId"));
        desk.call("PUT", &method, json!({ "authorizationType": "NONE" }));
        (desk, format!("{method}/responses"))
    }

    #[test]
    fn a_response_is_put_found_patched_and_removed() {
        let (mut desk, responses) = desk();
        let target = format!("{responses}/200");
        assert_eq!(desk.call("PUT", &target, Value::Null), json!({ "statusCode": "200" }));
        let again = "ConflictException: Response already exists for this resource";
        assert_eq!(desk.refusal("PUT", &target, Value::Null), again);
        let patched = desk.patch(
            &target,
            &[
                "add /responseParameters/method.response.header.my-header true",
                "add /responseModels/application~1json Empty",
            ],
        );
        let expected = json!({
            "statusCode": "200",
            "responseParameters": { "method.response.header.my-header": true },
            "responseModels": { "application/json": "Empty" },
        });
        assert_eq!(patched, expected);
        assert_eq!(desk.call("GET", &target, Value::Null), expected);
        let method = desk.call("GET", responses.trim_end_matches("/responses"), Value::Null);
        assert_eq!(method["methodResponses"]["200"], expected);
        desk.patch(&target, &["remove /responseModels/application~1json"]);
        desk.call("DELETE", &target, Value::Null);
        let gone = "NotFoundException: Invalid Response status code specified";
        assert_eq!(desk.refusal("GET", &target, Value::Null), gone);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let (mut desk, responses) = desk();
        desk.call("PUT", &format!("{responses}/200"), Value::Null);
        let mut check = |operation: &str, expected: &str| {
            let refusal = desk.refusal("PATCH", &format!("{responses}/200"), patch_body(&[operation]));
            assert!(refusal.starts_with(expected), "{operation}: {refusal}");
        };
        let parameter = "NotFoundException: Invalid parameter name specified";
        check("replace /responseParameters/method.response.header.x true", parameter);
        check("remove /responseModels/a~1b", "NotFoundException: Content-Type specified was not found");
        check("add /responseModels/a~1b Pet", "BadRequestException: Invalid model identifier specified: Pet");
        check("add /responseParameters/header.x true", "BadRequestException: Invalid mapping expression specified:");
        check("add /wrong/x true", "BadRequestException: Invalid patch path /wrong/x");
        let pattern = "ValidationException: 1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy \
                       constraint: Member must satisfy regular expression pattern: [1-5]\\d\\d";
        assert_eq!(desk.refusal("PUT", &format!("{responses}/wrong"), Value::Null), pattern);
        for status in ["600", "2000", "20"] {
            let refusal = desk.refusal("GET", &format!("{responses}/{status}"), Value::Null);
            assert!(refusal.starts_with("ValidationException"), "{refusal}");
        }
    }
}
