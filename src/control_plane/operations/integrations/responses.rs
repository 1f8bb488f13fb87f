//! Integration responses: which method response a backend's answer becomes, and how. (API reference,
//! `API_IntegrationResponse`.)

use serde::Deserialize;
use serde_json::{Value, json};

use super::patching::{optional_word, patch_map};
use super::{CONTENT_HANDLINGS, integration_at, keep, method_of, present, show_templates, texts};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::operations::mappings::{
    NO_CONTENT_TYPE, NO_PARAMETER, check_content_types, check_integration_response, patch_text,
};
use crate::control_plane::operations::words;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{IntegrationResponse, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    selection_pattern: Option<String>,
    #[serde(default)]
    response_parameters: OrderedMap<String>,
    #[serde(default)]
    response_templates: OrderedMap<Option<String>>,
    content_handling: Option<String>,
}

/// One that is there is replaced.
pub fn put_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let status = words::status_code(call)?.to_owned();
    let input: Put = call.input()?;
    let content_handling = present(input.content_handling)
        .map(|word| words::one_of(&word, "putIntegrationResponseInput.contentHandling", &CONTENT_HANDLINGS));
    let response = IntegrationResponse {
        status_code: status,
        // An empty pattern is AWS's way to say that it is the default response, and is shown again.
        selection_pattern: input.selection_pattern,
        response_parameters: input.response_parameters,
        response_templates: texts(input.response_templates),
        content_handling: content_handling.transpose()?,
    };
    integration_at(store, call)?;
    check(store, call, &response)?;
    answer_and_keep(store, call, response)
}

/// What it sets has to be declared, in a method response that is there.
fn check(store: &Store, call: &Call<'_>, response: &IntegrationResponse) -> Result<(), Exception> {
    let declared = method_of(store, call)?.method_responses.get(&response.status_code);
    check_integration_response(&response.response_parameters, declared)?;
    check_content_types(&response.response_templates)?;
    declared.map(|_| ()).ok_or_else(no_response)
}

fn no_response() -> Exception {
    Exception::not_found("Invalid Response status code specified")
}

fn response_at<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s IntegrationResponse, Exception> {
    let status = words::status_code(call)?;
    integration_at(store, call)?.integration_responses.get(status).ok_or_else(no_response)
}

pub fn get_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(response_at(store, call)?)))
}

pub fn update_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, response_at(store, call)?)?;
    check(store, call, &changed)?;
    answer_and_keep(store, call, changed)
}

pub fn delete_integration_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let status = &response_at(store, call)?.status_code;
    let mut integration = integration_at(store, call)?.clone();
    integration.integration_responses.shift_remove(status);
    keep(store, call, Some(integration))?;
    Ok(Reply::Empty)
}

fn answer_and_keep(store: &mut Store, call: &Call<'_>, response: IntegrationResponse) -> Result<Reply, Exception> {
    let mut integration = integration_at(store, call)?.clone();
    let shown = shape(&response);
    integration.integration_responses.insert(response.status_code.clone(), response);
    keep(store, call, Some(integration))?;
    Ok(Reply::Json(shown))
}

pub fn shape(response: &IntegrationResponse) -> Value {
    let mut shown = json!(response);
    show_templates(&mut shown, "responseTemplates");
    shown
}

const ALL: &[Op] = &[Op::Add, Op::Replace, Op::Remove];

/// (API reference, `patch-operations`, UpdateIntegrationResponse.)
const RULES: &[Rule<IntegrationResponse>] = &[
    Rule {
        pattern: "/selectionPattern",
        ops: &[Op::Replace],
        apply: |response, patch| {
            response.selection_pattern = Some(patch.text());
            Ok(())
        },
    },
    Rule {
        pattern: "/contentHandling",
        ops: &[Op::Replace],
        apply: |response, patch| {
            response.content_handling = optional_word(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/responseParameters",
        ops: ALL,
        apply: |response, patch| patch_map(&mut response.response_parameters, patch),
    },
    Rule {
        pattern: "/responseParameters/{name}",
        ops: ALL,
        apply: |response, patch| patch_text(&mut response.response_parameters, patch, NO_PARAMETER),
    },
    Rule {
        pattern: "/responseTemplates",
        ops: ALL,
        apply: |response, patch| patch_map(&mut response.response_templates, patch),
    },
    Rule {
        pattern: "/responseTemplates/{content_type}",
        ops: ALL,
        apply: |response, patch| patch_text(&mut response.response_templates, patch, NO_CONTENT_TYPE),
    },
];
