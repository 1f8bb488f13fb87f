//! Authorizers: who decides whether a caller may call. (API reference, `API_Authorizer`.)
//!
//! - [`checks`]: what each type of authorizer needs.

mod checks;

use serde::Deserialize;
use serde_json::json;

use super::rest_apis;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page_below;
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{Authorizer, AuthorizerId, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    #[serde(rename = "type")]
    authorizer_type: Option<String>,
    #[serde(rename = "providerARNs", default)]
    provider_arns: Vec<String>,
    auth_type: Option<String>,
    authorizer_uri: Option<String>,
    authorizer_credentials: Option<String>,
    identity_source: Option<String>,
    identity_validation_expression: Option<String>,
    authorizer_result_ttl_in_seconds: Option<i32>,
}

pub fn create_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let api_id = rest_apis::of(store, call)?.id.clone();
    let authorizer_type = input.authorizer_type.as_deref().map(checks::type_named).transpose()?;
    let authorizer_type = authorizer_type.ok_or_else(|| Exception::bad_request("Authorizer type is required"))?;
    let id = call.next_id(6, &store.authorizers, &[call.region, api_id.as_str()]);
    let authorizer = Authorizer {
        id: AuthorizerId(id.clone()),
        name: input.name.unwrap_or_default(),
        authorizer_type,
        provider_arns: input.provider_arns,
        auth_type: input.auth_type.or_else(|| Some(checks::auth_type(authorizer_type).to_owned())),
        authorizer_uri: present(input.authorizer_uri),
        authorizer_credentials: present(input.authorizer_credentials),
        identity_source: present(input.identity_source),
        identity_validation_expression: present(input.identity_validation_expression),
        authorizer_result_ttl_in_seconds: input
            .authorizer_result_ttl_in_seconds
            .or_else(|| checks::default_ttl_s(authorizer_type)),
        ..Authorizer::default()
    };
    checks::check(&authorizer)?;
    check_name(store, call, &authorizer)?;
    let shown = json!(authorizer);
    store.authorizers.put(&[call.region, api_id.as_str(), &id], authorizer);
    Ok(Reply::Json(shown))
}

/// Consoles and Terraform send an empty text for what is not set.
fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// No two authorizers of an API have the same name.
fn check_name(store: &Store, call: &Call<'_>, authorizer: &Authorizer) -> Result<(), Exception> {
    let mut others = store.authorizers.rows_below(&[call.region, call.parameter("restapi_id")]);
    let name = &authorizer.name;
    match others.any(|other| other.id != authorizer.id && other.name == *name) {
        true => Err(Exception::bad_request(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        ))),
        false => Ok(()),
    }
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Authorizer, Exception> {
    let key = [call.region, call.parameter("restapi_id"), call.parameter("authorizer_id")];
    store.authorizers.row(&key).ok_or_else(|| Exception::not_found("Invalid Authorizer identifier specified"))
}

pub fn get_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(of(store, call)?)))
}

pub fn get_authorizers(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let api = rest_apis::of(store, call)?;
    page_below(call, &store.authorizers, &[call.region, api.id.as_str()], |authorizer| json!(authorizer))
}

pub fn update_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    checks::check(&changed)?;
    check_name(store, call, &changed)?;
    let shown = json!(changed);
    let key = [call.region, call.parameter("restapi_id"), call.parameter("authorizer_id")];
    store.authorizers.put(&key, changed);
    Ok(Reply::Json(shown))
}

pub fn delete_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let authorizer = of(store, call)?;
    let of_api = [call.region, call.parameter("restapi_id")];
    for resource in store.resources.rows_below(&of_api) {
        let user =
            resource.resource_methods.iter().find(|(_, method)| method.authorizer_id.as_ref() == Some(&authorizer.id));
        if let Some((http_method, _)) = user {
            return Err(Exception::conflict(format!(
                "Cannot delete authorizer '{}', is referenced in method: {http_method}/{}",
                authorizer.name, resource.path
            )));
        }
    }
    store.authorizers.remove(&[call.region, call.parameter("restapi_id"), call.parameter("authorizer_id")]);
    Ok(Reply::Empty)
}

/// What a test may bring; as long as no authorizer runs, nothing reads it but the check of its shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the members are there to be known")]
struct TestInvoke {
    headers: Option<OrderedMap<String>>,
    multi_value_headers: Option<OrderedMap<Vec<String>>>,
    path_with_query_string: Option<String>,
    body: Option<String>,
    stage_variables: Option<OrderedMap<String>>,
    additional_context: Option<OrderedMap<String>>,
}

/// What a client would be answered: 500, as methods with an authorizer are deployed and denied.
pub fn test_invoke_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let authorizer = of(store, call)?;
    call.input::<TestInvoke>()?;
    let log = format!("Execution failed: this version does not run authorizers, '{}' neither", authorizer.name);
    Ok(Reply::Json(json!({ "clientStatus": 500, "log": log, "latency": 0 })))
}

/// (API reference, `patch-operations`, UpdateAuthorizer.)
const RULES: &[Rule<Authorizer>] = &[
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.name = patch.required_text()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/type",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            let before = authorizer.authorizer_type;
            authorizer.authorizer_type = checks::type_named(&patch.required_text()?)?;
            // What the user has not set otherwise goes with the type.
            if authorizer.auth_type.as_deref() == Some(checks::auth_type(before)) {
                authorizer.auth_type = Some(checks::auth_type(authorizer.authorizer_type).to_owned());
            }
            Ok(())
        },
    },
    Rule { pattern: "/providerARNs", ops: &[Op::Add, Op::Remove], apply: change_provider_arns },
    Rule {
        pattern: "/authType",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.auth_type = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/authorizerUri",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.authorizer_uri = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/authorizerCredentials",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.authorizer_credentials = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/identitySource",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |authorizer, patch| {
            authorizer.identity_source = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/identityValidationExpression",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.identity_validation_expression = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/authorizerResultTtlInSeconds",
        ops: &[Op::Replace],
        apply: |authorizer, patch| {
            authorizer.authorizer_result_ttl_in_seconds = Some(patch.number()?);
            Ok(())
        },
    },
];

fn change_provider_arns(authorizer: &mut Authorizer, patch: &Patch<'_>) -> Result<(), Exception> {
    let arn = patch.text();
    let position = authorizer.provider_arns.iter().position(|known| *known == arn);
    match (patch.removes(), position) {
        (true, Some(position)) => {
            authorizer.provider_arns.remove(position);
        }
        (true, None) => return Err(patch.invalid("the authorizer does not have it")),
        (false, Some(_)) => {}
        // Whether it is one is checked with the rest.
        (false, None) => authorizer.provider_arns.push(arn),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fixture::{Desk, patch_body};
    use super::*;
    use crate::model::{Method, Resource};

    const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                       arn:aws:lambda:us-east-1:123456789012:function:auth/invocations";
    const POOL: &str = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a";

    fn token(name: &str) -> Value {
        let source = "method.request.header.Authorization";
        json!({ "name": name, "type": "TOKEN", "authorizerUri": URI, "identitySource": source })
    }

    #[test]
    fn an_authorizer_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/authorizers", desk.api("pets"));
        let made = desk.call("POST", &path, token("first"));
        assert_eq!((&made["authType"], &made["authorizerResultTtlInSeconds"]), (&json!("custom"), &json!(300)));
        let own = format!("{path}/{}", made["id"].as_str().expect("an id"));
        assert_eq!(desk.call("GET", &own, Value::Null), made);
        let changed = desk.patch(&own, &["replace /name second", "replace /authorizerResultTtlInSeconds 0"]);
        assert_eq!((&changed["name"], &changed["authorizerResultTtlInSeconds"]), (&json!("second"), &json!(0)));
        assert_eq!(desk.call("GET", &path, Value::Null), json!({ "item": [changed] }));
        let tested = desk.call("POST", &own, json!({ "headers": { "Authorization": "x" } }));
        assert_eq!(tested["clientStatus"], 500);
        desk.call("DELETE", &own, Value::Null);
        for method in ["GET", "DELETE", "POST"] {
            let refused = desk.refusal(method, &own, Value::Null);
            assert_eq!(refused, "NotFoundException: Invalid Authorizer identifier specified");
        }
    }

    #[test]
    fn user_pools_are_added_and_removed() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/authorizers", desk.api("pets"));
        let source = "method.request.header.Authorization";
        let body =
            json!({ "name": "pool", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identitySource": source });
        let made = desk.call("POST", &path, body);
        assert_eq!(made["authType"], "cognito_user_pools");
        assert_eq!(made.get("authorizerResultTtlInSeconds"), None);
        let own = format!("{path}/{}", made["id"].as_str().expect("an id"));
        let other = format!("{POOL}b");
        let changed =
            desk.patch(&own, &[&format!("add /providerARNs {other}"), &format!("remove /providerARNs {POOL}")]);
        assert_eq!(changed["providerARNs"], json!([other]));
        let refused = desk.refusal("PATCH", &own, patch_body(&[&format!("remove /providerARNs {other}")]));
        assert!(refused.starts_with("BadRequestException: "), "{refused}");
    }

    #[test]
    fn what_is_in_use_stays_and_names_are_unique() {
        let mut desk = Desk::default();
        let api = desk.api("pets");
        let path = format!("/restapis/{api}/authorizers");
        let id = desk.call("POST", &path, token("first"))["id"].as_str().expect("an id").to_owned();
        let refused = desk.refusal("POST", &path, token("first"));
        assert!(refused.starts_with("BadRequestException: Authorizer name must be unique."), "{refused}");
        let method = Method { authorizer_id: Some(AuthorizerId(id.clone())), ..Method::default() };
        let resource_methods = OrderedMap::from([("GET".to_owned(), method)]);
        let resource = Resource { path: "/pets".into(), resource_methods, ..Resource::default() };
        desk.store.resources.put(&["us-east-1", &api, "r"], resource);
        let refused = desk.refusal("DELETE", &format!("{path}/{id}"), Value::Null);
        assert_eq!(refused, "ConflictException: Cannot delete authorizer 'first', is referenced in method: GET//pets");
    }
}
