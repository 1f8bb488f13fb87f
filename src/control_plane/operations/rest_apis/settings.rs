//! An API's own attributes: what creating one gives, and what has to hold whoever set them. (API reference,
//! `API_CreateRestApi`.)

use serde::Deserialize;
use serde_json::Value;

use super::super::words::{not_one_of, one_of};
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::model::{EndpointConfiguration, EndpointType, OrderedMap, RestApi};

/// The most that compression may wait for: 10 MiB.
const COMPRESSION_BYTES_MAX: i32 = 10_485_760;

pub const SECURITY_POLICIES: [&str; 14] = [
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
];

pub const ACCESS_MODES: [&str; 2] = ["BASIC", "STRICT"];

/// The input of `CreateRestApi`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Create {
    name: Option<String>,
    description: Option<String>,
    version: Option<String>,
    pub clone_from: Option<String>,
    binary_media_types: Option<Vec<String>>,
    minimum_compression_size: Option<i64>,
    api_key_source: Option<String>,
    endpoint_configuration: Option<EndpointInput>,
    policy: Option<String>,
    tags: Option<OrderedMap<String>>,
    disable_execute_api_endpoint: Option<bool>,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointInput {
    types: Option<Vec<String>>,
    ip_address_type: Option<String>,
    vpc_endpoint_ids: Option<Vec<String>>,
}

/// Gives an API what the input says; of what it does not say, a cloned API keeps its own.
///
/// # Errors
/// `ValidationException` for what is none of the model's words, `BadRequestException` for the rest.
pub fn apply(input: Create, api: &mut RestApi) -> Result<(), Exception> {
    let member = |name: &str| format!("createRestApiInput.{name}");
    let source = input.api_key_source.as_deref();
    let source = source.map(|source| one_of(source, &member("apiKeySource"), &["AUTHORIZER", "HEADER"])).transpose()?;
    check_word(input.security_policy.as_deref(), &member("securityPolicy"), &SECURITY_POLICIES)?;
    check_word(input.endpoint_access_mode.as_deref(), &member("endpointAccessMode"), &ACCESS_MODES)?;
    let endpoint = input.endpoint_configuration.map(endpoint_configuration).transpose()?;
    let name = input.name.filter(|name| !name.is_empty());
    api.name = name.ok_or_else(|| Exception::bad_request("API name is required"))?;
    if input.description.as_deref() == Some("") {
        return Err(Exception::bad_request("Description cannot be an empty string"));
    }
    api.tags = input.tags.unwrap_or_default();
    replace(&mut api.description, input.description);
    replace(&mut api.version, input.version);
    replace(&mut api.minimum_compression_size, input.minimum_compression_size.map(compression_bytes).transpose()?);
    replace(&mut api.policy, input.policy.as_deref().map(policy).transpose()?);
    replace(&mut api.security_policy, input.security_policy);
    replace(&mut api.endpoint_access_mode, input.endpoint_access_mode);
    api.binary_media_types = input.binary_media_types.unwrap_or_else(|| std::mem::take(&mut api.binary_media_types));
    api.api_key_source = source.unwrap_or(api.api_key_source);
    api.disable_execute_api_endpoint = input.disable_execute_api_endpoint.unwrap_or(api.disable_execute_api_endpoint);
    if let Some(endpoint) = endpoint {
        api.endpoint_configuration = endpoint;
    } else if api.endpoint_configuration.types.is_empty() {
        api.endpoint_configuration.types = vec![EndpointType::Edge];
    }
    check(api)
}

fn replace<V>(attribute: &mut Option<V>, value: Option<V>) {
    if value.is_some() {
        *attribute = value;
    }
}

fn check_word(word: Option<&str>, member: &str, words: &[&str]) -> Result<(), Exception> {
    match word {
        Some(word) if !words.contains(&word) => Err(not_one_of(word, member, words)),
        _ => Ok(()),
    }
}

fn endpoint_configuration(input: EndpointInput) -> Result<EndpointConfiguration, Exception> {
    const TYPES: &str =
        "Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]";
    let member = "createRestApiInput.endpointConfiguration";
    let words = input.types.unwrap_or_else(|| vec!["EDGE".to_owned()]);
    let types: Option<Vec<EndpointType>> = words.iter().map(|word| endpoint_type(word)).collect();
    let types = types.ok_or_else(|| {
        let words = words.join(", ");
        let message = format!("Value '[{words}]' at '{member}.types' failed to satisfy constraint: {TYPES}");
        Exception::new(ExceptionKind::Validation, format!("1 validation error detected: {message}"))
    })?;
    let ip_address_type = input.ip_address_type;
    check_word(ip_address_type.as_deref(), &format!("{member}.ipAddressType"), &["ipv4", "dualstack"])?;
    let vpc_endpoint_ids = input.vpc_endpoint_ids.unwrap_or_default();
    Ok(EndpointConfiguration { types, ip_address_type, vpc_endpoint_ids })
}

pub fn endpoint_type(word: &str) -> Option<EndpointType> {
    [EndpointType::Regional, EndpointType::Edge, EndpointType::Private].into_iter().find(|one| one.name() == word)
}

/// Where nothing was said.
pub fn ip_address_type(private: bool) -> &'static str {
    if private { "dualstack" } else { "ipv4" }
}

/// What has to hold of an API's attributes together.
///
/// # Errors
/// `BadRequestException`, with AWS's texts.
pub fn check(api: &RestApi) -> Result<(), Exception> {
    let endpoint = &api.endpoint_configuration;
    let private = endpoint.types.contains(&EndpointType::Private);
    let message = match endpoint.types.len() {
        0 => "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        1 if private && endpoint.ip_address_type.as_deref() == Some("ipv4") => {
            "Only dualstack ipAddressType is supported for Private APIs."
        }
        1 if !private && !endpoint.vpc_endpoint_ids.is_empty() => {
            "VPCEndpoints can only be specified with PRIVATE apis."
        }
        1 if api.endpoint_access_mode.is_some() && !has_named_policy(api) => {
            "Endpoint access mode can only be specified with security policies that start with SecurityPolicy_."
        }
        1 => return Ok(()),
        _ => "Cannot create an api with multiple Endpoint Types.",
    };
    Err(Exception::bad_request(message))
}

fn has_named_policy(api: &RestApi) -> bool {
    api.security_policy.as_deref().is_some_and(|policy| policy.starts_with("SecurityPolicy_"))
}

pub fn compression_bytes(bytes: i64) -> Result<i32, Exception> {
    let bytes = i32::try_from(bytes).ok().filter(|bytes| (0..=COMPRESSION_BYTES_MAX).contains(bytes));
    let message = "Invalid minimum compression size, must be between 0 and 10485760";
    bytes.ok_or_else(|| Exception::bad_request(message))
}

/// A policy as it is kept: on one line, as AWS keeps it.
pub fn policy(text: &str) -> Result<String, Exception> {
    let policy: Option<Value> = serde_json::from_str(text).ok();
    let statements = policy.as_ref().and_then(|policy| policy.get("Statement"));
    let is_statement = |statement: &Value| matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"));
    let well_formed = match statements {
        Some(Value::Array(statements)) => statements.iter().all(is_statement),
        Some(statement) => is_statement(statement),
        None => false,
    };
    match policy {
        Some(policy) if well_formed => Ok(policy.to_string()),
        _ => {
            let message =
                "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.";
            Err(Exception::bad_request(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::fixture::Desk;
    use super::*;

    #[track_caller]
    fn check_refusal(input: Value, expected: &str) {
        let mut desk = Desk::default();
        assert_eq!(desk.refusal("POST", "/restapis", input), expected);
        assert!(desk.store.rest_apis.is_empty());
    }

    #[test]
    fn what_cannot_be_created_is_refused() {
        check_refusal(json!({}), "BadRequestException: API name is required");
        check_refusal(
            json!({ "name": "a", "description": "" }),
            "BadRequestException: Description cannot be an empty string",
        );
        let size = "BadRequestException: Invalid minimum compression size, must be between 0 and 10485760";
        check_refusal(json!({ "name": "a", "minimumCompressionSize": -1 }), size);
        check_refusal(json!({ "name": "a", "minimumCompressionSize": 10_485_761 }), size);
        let policy = "BadRequestException: Invalid policy document. Please check the policy syntax and ensure that \
                      Principals are valid.";
        check_refusal(json!({ "name": "a", "policy": "{" }), policy);
        check_refusal(json!({ "name": "a", "policy": "{\"Statement\":{\"Effect\":\"Maybe\"}}" }), policy);
        let words = "ValidationException: 1 validation error detected: Value 'COOKIE' at \
                     'createRestApiInput.apiKeySource' failed to satisfy constraint: Member must satisfy enum value \
                     set: [AUTHORIZER, HEADER]";
        check_refusal(json!({ "name": "a", "apiKeySource": "COOKIE" }), words);
        let unknown = json!({ "name": "a", "endpointConfiguration": { "type": ["EDGE"] } });
        let mut desk = Desk::default();
        let refusal = desk.refusal("POST", "/restapis", unknown);
        assert!(refusal.starts_with("BadRequestException: Invalid request input: unknown field `type`"), "{refusal}");
    }

    #[track_caller]
    fn check_endpoint(input: Value, expected: Result<Value, &str>) {
        let input = json!({ "name": "a", "endpointConfiguration": input });
        let mut desk = Desk::default();
        match expected {
            Ok(expected) => assert_eq!(desk.call("POST", "/restapis", input)["endpointConfiguration"], expected),
            Err(expected) => assert_eq!(desk.refusal("POST", "/restapis", input), expected),
        }
    }

    #[test]
    fn an_endpoint_has_one_type() {
        check_endpoint(json!({}), Ok(json!({ "types": ["EDGE"], "ipAddressType": "ipv4" })));
        let private = json!({ "types": ["PRIVATE"], "ipAddressType": "dualstack" });
        check_endpoint(json!({ "types": ["PRIVATE"] }), Ok(private));
        let none = "BadRequestException: REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.";
        check_endpoint(json!({ "types": [] }), Err(none));
        let two = "BadRequestException: Cannot create an api with multiple Endpoint Types.";
        check_endpoint(json!({ "types": ["EDGE", "REGIONAL"] }), Err(two));
        let ipv4 = "BadRequestException: Only dualstack ipAddressType is supported for Private APIs.";
        check_endpoint(json!({ "types": ["PRIVATE"], "ipAddressType": "ipv4" }), Err(ipv4));
        let vpce = "BadRequestException: VPCEndpoints can only be specified with PRIVATE apis.";
        check_endpoint(json!({ "types": ["EDGE"], "vpcEndpointIds": ["vpce-1"] }), Err(vpce));
        let wrong = "ValidationException: 1 validation error detected: Value '[wrong]' at \
                     'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member must satisfy \
                     constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]";
        check_endpoint(json!({ "types": ["wrong"] }), Err(wrong));
    }
}
