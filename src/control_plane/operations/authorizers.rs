//! Authorizers: who decides whether a caller may call. (API reference, `API_Authorizer`.)
//!
//! - [`checks`]: what each type of authorizer needs.

mod checks;

use serde::Deserialize;
use serde_json::json;

use super::{methods, rest_apis, vpc_links};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply, TestInvocation};
use crate::control_plane::page::page_below;
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{
    ApiDefinition, AuthorizationType, Authorizer, AuthorizerId, AuthorizerType, Integration, IntegrationResponse,
    IntegrationType, Method, MethodResponse, OrderedMap, Resource, ResourceId, Stage,
};

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

/// What a test may bring. (API reference, `API_TestInvokeAuthorizer`.)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TestInvoke {
    headers: Option<OrderedMap<String>>,
    multi_value_headers: Option<OrderedMap<Vec<String>>>,
    path_with_query_string: Option<String>,
    body: Option<String>,
    stage_variables: Option<OrderedMap<String>>,
    /// Known, and without effect: what a context has is a request's own.
    #[expect(dead_code, reason = "the member is there to be known")]
    additional_context: Option<OrderedMap<String>>,
}

/// Has the authorizer decide about a request to a method that nobody else has. The API's own policy is not asked.
pub fn test_invoke_authorizer(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: TestInvoke = call.input()?;
    let authorizer = of(store, call)?.clone();
    let mut rest_api = rest_apis::of(store, call)?.clone();
    rest_api.policy = None;
    let definition = ApiDefinition {
        rest_api,
        resources: guarded(&authorizer),
        authorizers: vec![authorizer],
        ..ApiDefinition::default()
    };
    let stage = Stage {
        stage_name: "test-invoke-stage".to_owned(),
        variables: input.stage_variables.unwrap_or_default(),
        ..Stage::default()
    };
    let path = input.path_with_query_string.filter(|path| !path.is_empty());
    Ok(Reply::TestInvocation(Box::new(TestInvocation {
        definition,
        stage,
        vpc_link_names: vpc_links::names(store, call.region),
        http_method: "GET".to_owned(),
        path_with_query_string: path.unwrap_or_else(|| "/".to_owned()),
        headers: methods::headers(input.headers.unwrap_or_default(), input.multi_value_headers.unwrap_or_default()),
        body: input.body.unwrap_or_default().into_bytes(),
        asks_authorizer: true,
    })))
}

/// Every path, with one method that has the authorizer and asks no backend.
fn guarded(authorizer: &Authorizer) -> Vec<Resource> {
    let authorization_type = match authorizer.authorizer_type {
        AuthorizerType::CognitoUserPools => AuthorizationType::CognitoUserPools,
        AuthorizerType::Token
        | AuthorizerType::Request
        | AuthorizerType::Jwt
        | AuthorizerType::Http
        | AuthorizerType::Basic => AuthorizationType::Custom,
    };
    let template = ("application/json".to_owned(), "{\"statusCode\": 200}".to_owned());
    let response = IntegrationResponse { status_code: "200".to_owned(), ..IntegrationResponse::default() };
    let integration = Integration {
        integration_type: IntegrationType::Mock,
        request_templates: OrderedMap::from_iter([template]),
        integration_responses: OrderedMap::from_iter([("200".to_owned(), response)]),
        ..Integration::default()
    };
    let method = Method {
        http_method: "ANY".to_owned(),
        authorization_type,
        authorizer_id: Some(authorizer.id.clone()),
        method_responses: OrderedMap::from_iter([("200".to_owned(), MethodResponse::default())]),
        method_integration: Some(integration),
        ..Method::default()
    };
    let resource = |id: &str, parent: Option<&str>, part: Option<&str>, path: &str| Resource {
        id: ResourceId(id.to_owned()),
        parent_id: parent.map(|id| ResourceId(id.to_owned())),
        path_part: part.map(str::to_owned),
        path: path.to_owned(),
        resource_methods: OrderedMap::from_iter([("ANY".to_owned(), method.clone())]),
    };
    vec![resource("root", None, None, "/"), resource("below", Some("root"), Some("{proxy+}"), "/{proxy+}")]
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
        let test = json!({ "headers": { "Authorization": "x" }, "pathWithQueryString": "/a?b=c" });
        let Ok((200, Reply::TestInvocation(tried))) = desk.try_call("POST", &own, test.to_string().as_bytes()) else {
            panic!("a test is to be made")
        };
        assert!(tried.asks_authorizer && tried.definition.authorizers.len() == 1);
        assert_eq!((&*tried.path_with_query_string, tried.headers.len()), ("/a?b=c", 1));
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
