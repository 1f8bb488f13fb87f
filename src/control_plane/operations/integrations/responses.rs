//! Integration responses. (API reference, `API_IntegrationResponse`; guide, `patch-operations`, IntegrationResponse.)

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::mappings::{self, NO_CONTENT_TYPE, NO_PARAMETER, patch_text};
use super::super::words::status_code;
use super::super::{methods, resources};
use super::rules::word;
use super::{content_handling, none, of, shown_templates, templates};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{IntegrationResponse, Method, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    selection_pattern: Option<String>,
    response_parameters: Option<OrderedMap<String>>,
    response_templates: Option<OrderedMap<Option<String>>>,
    content_handling: Option<String>,
}

/// One that is there already is replaced. A method response is needed only by response parameters.
pub fn put_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let status_code = status_code(call)?;
    let input: Put = call.input()?;
    let handling = input.content_handling.as_deref().filter(|word| !word.is_empty());
    let response = IntegrationResponse {
        status_code: status_code.to_owned(),
        selection_pattern: input.selection_pattern,
        response_parameters: input.response_parameters.unwrap_or_default(),
        response_templates: templates(input.response_templates),
        content_handling: handling
            .map(|word| content_handling(word, "putIntegrationResponseInput.contentHandling"))
            .transpose()?,
    };
    let (method, _) = of(store, call)?;
    let method = method.clone();
    keep_checked(store, call, method, response)
}

fn keep_checked(
    store: &mut Store,
    call: &Call<'_>,
    mut method: Method,
    response: IntegrationResponse,
) -> Result<Reply, Exception> {
    mappings::check_content_types(&response.response_templates)?;
    let declared = method.method_responses.get(&response.status_code);
    mappings::check_integration_response(&response.response_parameters, declared)?;
    let shown = shape(&response);
    let integration = method.method_integration.as_mut().ok_or_else(none)?;
    integration.integration_responses.insert(response.status_code.clone(), response);
    methods::keep(store, call, method)?;
    Ok(Reply::Json(shown))
}

/// The integration response that a path names, with its method.
fn response_of<'s>(store: &'s Store, call: &Call<'_>) -> Result<(&'s Method, &'s IntegrationResponse), Exception> {
    let status_code = status_code(call)?;
    let (method, integration) = of(store, call)?;
    let response = integration.integration_responses.get(status_code);
    let response = response.ok_or_else(|| Exception::not_found("Invalid Response status code specified"))?;
    Ok((method, response))
}

pub fn get_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(response_of(store, call)?.1)))
}

pub fn update_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (method, before) = response_of(store, call)?;
    let response = patched(call, RULES, before)?;
    let method = method.clone();
    keep_checked(store, call, method, response)
}

/// Here AWS misses the integration where there is no method.
pub fn delete_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let resource = resources::of(store, call)?;
    if !resource.resource_methods.contains_key(call.parameter("http_method")) {
        return Err(none());
    }
    let (method, response) = response_of(store, call)?;
    let mut changed = method.clone();
    let integration = changed.method_integration.as_mut().ok_or_else(none)?;
    integration.integration_responses.shift_remove(&response.status_code);
    methods::keep(store, call, changed)?;
    Ok(Reply::Empty)
}

const RULES: &[Rule<IntegrationResponse>] = &[
    Rule {
        pattern: "/selectionPattern",
        ops: &[Op::Replace],
        apply: |response, patch| {
            response.selection_pattern = patch.value.map(str::to_owned);
            Ok(())
        },
    },
    Rule {
        pattern: "/contentHandling",
        ops: &[Op::Replace],
        apply: |response, patch| {
            response.content_handling = word(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/responseParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| patch_text(&mut response.response_parameters, patch, NO_PARAMETER),
    },
    Rule {
        pattern: "/responseTemplates/{content_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| patch_text(&mut response.response_templates, patch, NO_CONTENT_TYPE),
    },
];

/// An integration response as it is answered.
pub fn shape(response: &IntegrationResponse) -> Value {
    let mut shown = json!(response);
    if !response.response_templates.is_empty() {
        shown["responseTemplates"] = shown_templates(&response.response_templates);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{Desk, patch_body};
    use super::*;

    /// A desk with an API whose root has a GET with a mock; the path of the method.
    fn desk() -> (Desk, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let method = format!("/restapis/{}/resources/{}/methods/GET", text("id"), text("rootResourceId"));
        desk.call("PUT", &method, json!({ "authorizationType": "NONE" }));
        desk.call("PUT", &format!("{method}/integration"), json!({ "type": "MOCK" }));
        (desk, method)
    }

    #[test]
    fn a_response_is_put_replaced_patched_and_removed() {
        let (mut desk, method) = desk();
        let target = format!("{method}/integration/responses/200");
        let templates = json!({ "application/json": "\"created\"" });
        let input = json!({ "selectionPattern": "", "responseTemplates": templates });
        let expected = json!({ "statusCode": "200", "selectionPattern": "", "responseTemplates": templates });
        assert_eq!(desk.call("PUT", &target, input), expected);
        assert_eq!(desk.call("GET", &target, Value::Null), expected);
        let patched = desk.patch(&target, &["replace /selectionPattern 2..", "add /responseTemplates/a~1b"]);
        assert_eq!(patched["selectionPattern"], "2..");
        assert_eq!(patched["responseTemplates"]["a/b"], Value::Null);
        let input = json!({ "selectionPattern": "", "responseTemplates": { "application/json": null } });
        let expected =
            json!({ "statusCode": "200", "selectionPattern": "", "responseTemplates": { "application/json": null } });
        assert_eq!(desk.call("PUT", &target, input), expected);
        let shown = desk.call("GET", &method, Value::Null);
        assert_eq!(shown["methodIntegration"]["integrationResponses"], json!({ "200": expected }));
        desk.call("DELETE", &target, Value::Null);
        let gone = "NotFoundException: Invalid Response status code specified";
        assert_eq!(desk.refusal("GET", &target, Value::Null), gone);
        assert_eq!(desk.refusal("DELETE", &target, Value::Null), gone);
        let integration = "NotFoundException: Invalid Integration identifier specified";
        assert_eq!(desk.refusal("DELETE", &target.replace("GET", "PUT"), Value::Null), integration);
        let other = "NotFoundException: Invalid Method identifier specified";
        assert_eq!(desk.refusal("GET", &target.replace("GET", "PUT"), Value::Null), other);
    }

    #[test]
    fn headers_are_set_that_the_method_response_declares() {
        let (mut desk, method) = desk();
        let target = format!("{method}/integration/responses/200");
        let header = json!({ "responseParameters": { "method.response.header.h": "'*'" } });
        let prefix =
            "BadRequestException: Invalid mapping expression specified: Validation Result: warnings : [], errors : [";
        let none = format!("{prefix}No method response exists for method.]");
        assert_eq!(desk.refusal("PUT", &target, header.clone()), none);
        desk.call("PUT", &format!("{method}/responses/200"), json!({}));
        let undeclared = format!("{prefix}Invalid mapping expression parameter specified: method.response.header.h]");
        assert_eq!(desk.refusal("PUT", &target, header.clone()), undeclared);
        desk.patch(&format!("{method}/responses/200"), &["add /responseParameters/method.response.header.h false"]);
        desk.call("PUT", &target, header);
        let operation = ["replace /responseParameters/method.response.header.h 'b'"];
        assert_eq!(desk.patch(&target, &operation)["responseParameters"]["method.response.header.h"], "'b'");
        let missing = "NotFoundException: Invalid parameter name specified";
        let operation = patch_body(&["remove /responseParameters/method.response.header.x"]);
        assert_eq!(desk.refusal("PATCH", &target, operation), missing);
        let wrong = "ValidationException: 1 validation error detected: Value 'X' at \
                     'putIntegrationResponseInput.contentHandling' failed to satisfy constraint: Member must satisfy enum \
                     value set: [CONVERT_TO_BINARY, CONVERT_TO_TEXT]";
        assert_eq!(desk.refusal("PUT", &target, json!({ "contentHandling": "X" })), wrong);
    }
}
