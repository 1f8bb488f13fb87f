//! Gateway responses: how an API answers errors that no method is responsible for. (API reference,
//! `API_GatewayResponse`.)
//!
//! Every API has all 21. A row is one that was set; the others are AWS's defaults, which take what `DEFAULT_4XX` or
//! `DEFAULT_5XX` was set to.

use serde::Deserialize;
use serde_json::{Value, json};

use super::rest_apis;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{GatewayResponse, OrderedMap, RestApiId};
use crate::plan::gateway_response::GatewayResponseType;

const DEFAULT_TEMPLATE: &str = r#"{"message":$context.error.messageString}"#;

/// What a parameter is named, before the header's name.
const HEADER: &str = "gatewayresponse.header.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    status_code: Option<String>,
    #[serde(default)]
    response_parameters: OrderedMap<String>,
    #[serde(default)]
    response_templates: OrderedMap<String>,
}

pub fn put_gateway_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Put = call.input()?;
    let (api_id, kind) = target(store, call)?;
    input.status_code.as_deref().map_or(Ok(()), check_status)?;
    input.response_parameters.keys().try_for_each(|name| check_parameter(name))?;
    let given = GatewayResponse {
        response_type: kind.name().to_owned(),
        status_code: input.status_code,
        response_parameters: input.response_parameters,
        response_templates: input.response_templates,
        default_response: false,
    };
    let complete = completed(kind, given);
    let shown = shape(&complete);
    store.gateway_responses.put(&[call.region, api_id.as_str(), kind.name()], complete);
    Ok(Reply::Json(shown))
}

/// The API and the type of response that a path names.
fn target(store: &Store, call: &Call<'_>) -> Result<(RestApiId, GatewayResponseType), Exception> {
    let name = call.parameter("response_type");
    let kind = GatewayResponseType::named(name).ok_or_else(|| {
        let known: Vec<&str> = GatewayResponseType::ALL.iter().map(|kind| kind.name()).collect();
        Exception::bad_request(format!(
            "1 validation error detected: Value '{name}' at 'responseType' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            known.join(", ")
        ))
    })?;
    Ok((rest_apis::of(store, call)?.id.clone(), kind))
}

fn check_status(status: &str) -> Result<(), Exception> {
    let is_status = matches!(status.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    is_status.then_some(()).ok_or_else(|| {
        Exception::bad_request(format!(
            "1 validation error detected: Value '{status}' at 'statusCode' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [1-5]\\d\\d"
        ))
    })
}

fn check_parameter(name: &str) -> Result<(), Exception> {
    let is_header = name.strip_prefix(HEADER).is_some_and(|header| !header.is_empty());
    is_header.then_some(()).ok_or_else(|| {
        let error = format!("Invalid mapping expression specified: {name}");
        Exception::bad_request(format!("{error}: Validation Result: warnings : [], errors : [{error}]"))
    })
}

/// With what the type has where nothing was said.
fn completed(kind: GatewayResponseType, mut response: GatewayResponse) -> GatewayResponse {
    response.status_code = response.status_code.or_else(|| kind.default_status().map(|status| status.to_string()));
    if response.response_templates.is_empty() {
        response.response_templates.insert("application/json".to_owned(), DEFAULT_TEMPLATE.to_owned());
    }
    response
}

/// The response as it is in effect: set, or by default.
fn current(store: &Store, region: &str, api_id: &RestApiId, kind: GatewayResponseType) -> GatewayResponse {
    let set = |kind: GatewayResponseType| store.gateway_responses.row(&[region, api_id.as_str(), kind.name()]);
    if let Some(response) = set(kind) {
        return completed(kind, GatewayResponse { default_response: false, ..response.clone() });
    }
    let class = kind.default_status().map(|status| match status {
        500.. => GatewayResponseType::Default5xx,
        _ => GatewayResponseType::Default4xx,
    });
    let of_class = class.and_then(set).cloned().unwrap_or_default();
    let response = GatewayResponse { response_type: kind.name().to_owned(), default_response: true, ..of_class };
    completed(kind, response)
}

fn shape(response: &GatewayResponse) -> Value {
    let mut shown = json!({
        "responseType": response.response_type,
        "responseParameters": response.response_parameters,
        "responseTemplates": response.response_templates,
        "defaultResponse": response.default_response,
    });
    if let Some(status) = &response.status_code {
        shown["statusCode"] = status.as_str().into();
    }
    shown
}

pub fn get_gateway_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (api_id, kind) = target(store, call)?;
    Ok(Reply::Json(shape(&current(store, call.region, &api_id, kind))))
}

/// All of them: there are no pages.
pub fn get_gateway_responses(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let api = rest_apis::of(store, call)?;
    let shown = |kind: &GatewayResponseType| shape(&current(store, call.region, &api.id, *kind));
    let items: Vec<Value> = GatewayResponseType::ALL.iter().map(shown).collect();
    Ok(Reply::Json(json!({ "item": items })))
}

/// One that is not set is from here on.
pub fn update_gateway_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (api_id, kind) = target(store, call)?;
    let key = [call.region, api_id.as_str(), kind.name()];
    let set = store.gateway_responses.row(&key).cloned();
    let before = set.unwrap_or_else(|| GatewayResponse { response_type: kind.name().to_owned(), ..Default::default() });
    let before = completed(kind, GatewayResponse { default_response: false, ..before });
    let changed = completed(kind, patched(call, RULES, &before)?);
    let shown = shape(&changed);
    store.gateway_responses.put(&key, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_gateway_response(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (api_id, kind) = target(store, call)?;
    let removed = store.gateway_responses.remove(&[call.region, api_id.as_str(), kind.name()]);
    match removed {
        Some(_) => Ok(Reply::Empty),
        None => Err(Exception::not_found("Gateway response type not defined on api")),
    }
}

/// (API reference, `patch-operations`, UpdateGatewayResponse.)
const RULES: &[Rule<GatewayResponse>] = &[
    Rule {
        // AWS names the path, not the operation, where it is another: recorded of UpdateGatewayResponse.
        pattern: "/statusCode",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| {
            if patch.op != Op::Replace {
                return Err(Exception::bad_request("Invalid patch path /statusCode"));
            }
            let status = patch.required_text()?;
            check_status(&status)?;
            response.status_code = Some(status);
            Ok(())
        },
    },
    Rule {
        pattern: "/responseParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| {
            check_parameter(patch.name(0))?;
            change(&mut response.response_parameters, "responseParameters", patch)
        },
    },
    Rule {
        pattern: "/responseTemplates/{content_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |response, patch| change(&mut response.response_templates, "responseTemplates", patch),
    },
];

fn change(map: &mut OrderedMap<String>, member: &str, patch: &Patch<'_>) -> Result<(), Exception> {
    let name = patch.name(0);
    if patch.op != Op::Add && !map.contains_key(name) {
        return Err(Exception::not_found("Invalid parameter name specified"));
    }
    if patch.removes() {
        map.shift_remove(name);
        return Ok(());
    }
    let value = patch.optional_text();
    let value = value.ok_or_else(|| Exception::bad_request(format!("Invalid null or empty value in {member}")))?;
    map.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, patch_body};
    use super::*;

    fn of_type<'v>(listed: &'v Value, name: &str) -> &'v Value {
        let items = listed["item"].as_array().expect("a list");
        items.iter().find(|item| item["responseType"] == name).expect("all types are there")
    }

    #[test]
    fn a_response_is_set_changed_and_by_default_again() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/gatewayresponses", desk.api("pets"));
        let own = format!("{path}/MISSING_AUTHENTICATION_TOKEN");
        let default = desk.call("GET", &own, Value::Null);
        let templates = json!({ "application/json": DEFAULT_TEMPLATE });
        assert_eq!(
            default,
            json!({
                "responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "403", "defaultResponse": true,
                "responseParameters": {}, "responseTemplates": templates,
            })
        );
        assert_eq!(desk.call("GET", &path, Value::Null)["item"].as_array().map(Vec::len), Some(21));
        let set = desk.call("PUT", &own, json!({ "statusCode": "404" }));
        assert_eq!((&set["statusCode"], &set["defaultResponse"]), (&json!("404"), &json!(false)));
        assert_eq!(set["responseTemplates"], templates);
        let changed = desk.patch(
            &own,
            &[
                "replace /statusCode 418",
                "add /responseParameters/gatewayresponse.header.X 'a'",
                "add /responseTemplates/application~1xml <a/>",
                "remove /responseTemplates/application~1json",
            ],
        );
        assert_eq!(changed["responseParameters"], json!({ "gatewayresponse.header.X": "'a'" }));
        assert_eq!(changed["responseTemplates"], json!({ "application/xml": "<a/>" }));
        assert_eq!(desk.call("GET", &own, Value::Null), changed);
        desk.call("DELETE", &own, Value::Null);
        assert_eq!(desk.call("GET", &own, Value::Null), default);
        let refused = desk.refusal("DELETE", &own, Value::Null);
        assert_eq!(refused, "NotFoundException: Gateway response type not defined on api");
    }

    #[test]
    fn what_is_not_set_is_as_its_class() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/gatewayresponses", desk.api("pets"));
        desk.call("PUT", &format!("{path}/DEFAULT_5XX"), json!({ "statusCode": "599" }));
        desk.call("PUT", &format!("{path}/AUTHORIZER_FAILURE"), json!({}));
        let listed = desk.call("GET", &path, Value::Null);
        let seen = |name: &str| {
            let item = of_type(&listed, name);
            (item["statusCode"].clone(), item["defaultResponse"].clone())
        };
        assert_eq!(seen("INTEGRATION_FAILURE"), (json!("599"), json!(true)));
        assert_eq!(seen("AUTHORIZER_FAILURE"), (json!("500"), json!(false)));
        assert_eq!(seen("THROTTLED"), (json!("429"), json!(true)));
        assert_eq!(seen("DEFAULT_4XX"), (Value::Null, json!(true)));
        let changed = desk.patch(&format!("{path}/DEFAULT_4XX"), &["replace /statusCode 444"]);
        assert_eq!((&changed["statusCode"], &changed["defaultResponse"]), (&json!("444"), &json!(false)));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/gatewayresponses/DEFAULT_4XX", desk.api("pets"));
        let refused = |desk: &mut Desk, operation: &str| desk.refusal("PATCH", &path, patch_body(&[operation]));
        let unknown = "NotFoundException: Invalid parameter name specified";
        assert_eq!(refused(&mut desk, "replace /responseParameters/gatewayresponse.header.X 'a'"), unknown);
        assert_eq!(
            refused(&mut desk, "replace /responseTemplates/application~1json"),
            "BadRequestException: Invalid null or empty value in responseTemplates"
        );
        for wrong in ["add /statusCode 444", "replace /statusCode 600", "add /responseParameters/x 'a'", "add /wrong 1"]
        {
            assert!(refused(&mut desk, wrong).starts_with("BadRequestException: "), "{wrong}");
        }
        let unknown_type = path.replace("DEFAULT_4XX", "FAKE");
        let refused = desk.refusal("GET", &unknown_type, Value::Null);
        assert!(refused.starts_with("BadRequestException: 1 validation error detected: Value 'FAKE'"), "{refused}");
        let refused = desk.refusal("PUT", &path, json!({ "statusCode": "99" }));
        assert!(refused.contains("regular expression pattern"), "{refused}");
    }
}
