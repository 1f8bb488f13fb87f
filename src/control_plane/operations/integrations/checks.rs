//! Whether an integration may be kept. What its backend's URI means is the compiler's to say; here are the refusals that
//! AWS has when one is set. (Guide, `how-to-integration-settings`; API reference, `API_PutIntegration`.)

use super::super::{mappings, methods};
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::operation::Call;
use crate::model::{ConnectionType, Integration, IntegrationType, OrderedMap, ResponseTransferMode};

/// AWS's quota begins at 29 s and is raised on request; nothing here needs one so low.
const TIMEOUT_MILLIS: std::ops::RangeInclusive<i32> = 50..=900_000;

/// The account of a gateway that was not told its own: any role is as good as another then.
const NO_ACCOUNT: &str = "000000000000";

/// In a URI and in credentials, what stands for a value that a stage has.
const STAGE_VARIABLE: &str = "${stageVariables.";

/// `declared` are the method's `requestParameters`.
///
/// # Errors
/// `BadRequestException`, with AWS's texts; `AccessDeniedException` for a role of another account.
pub fn check(call: &Call<'_>, integration: &Integration, declared: &OrderedMap<bool>) -> Result<(), Exception> {
    if let Some(credentials) = &integration.credentials {
        check_credentials(call, credentials)?;
    }
    check_http_method(integration)?;
    let uri = integration.uri.as_deref().unwrap_or_default();
    match integration.integration_type {
        IntegrationType::Http | IntegrationType::HttpProxy => check_http_uri(uri)?,
        IntegrationType::Aws | IntegrationType::AwsProxy => check_aws_uri(uri, integration)?,
        IntegrationType::Mock => {}
    }
    if integration.connection_type == Some(ConnectionType::VpcLink) && integration.connection_id.is_none() {
        let message = "ConnectionId should be set to the vpcLinkId or stage variable on connection type VPC_LINK";
        return Err(Exception::bad_request(message));
    }
    if integration.timeout_in_millis.is_some_and(|millis| !TIMEOUT_MILLIS.contains(&millis)) {
        let (least, most) = (TIMEOUT_MILLIS.start(), TIMEOUT_MILLIS.end());
        return Err(Exception::bad_request(format!("Timeout should be between {least} ms and {most} ms")));
    }
    let proxies = matches!(integration.integration_type, IntegrationType::HttpProxy | IntegrationType::AwsProxy);
    if integration.response_transfer_mode == Some(ResponseTransferMode::Stream) && !proxies {
        let message = "Response transfer mode STREAM is only supported for HTTP_PROXY and AWS_PROXY integrations";
        return Err(Exception::bad_request(message));
    }
    mappings::check_content_types(&integration.request_templates)?;
    mappings::check_integration_request(&integration.request_parameters, declared)?;
    check_cache_key(integration, declared)
}

fn check_http_method(integration: &Integration) -> Result<(), Exception> {
    match &integration.http_method {
        Some(word) => methods::http_method(word).map(drop),
        None if integration.integration_type == IntegrationType::Mock => Ok(()),
        None => Err(Exception::bad_request("Enumeration value for HttpMethod must be non-empty")),
    }
}

fn check_http_uri(uri: &str) -> Result<(), Exception> {
    let starts = |scheme: &str| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let authority = uri.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let is_clean = !uri.contains(|character: char| character.is_control() || character == ' ');
    if (starts("http://") || starts("https://")) && !authority.is_empty() && is_clean {
        return Ok(());
    }
    Err(Exception::bad_request("Invalid HTTP endpoint specified for URI"))
}

/// `arn:{partition}:apigateway:{region}:{service}:{path|action}/…`.
fn check_aws_uri(uri: &str, integration: &Integration) -> Result<(), Exception> {
    if !uri.starts_with("arn:aws") {
        return Err(Exception::bad_request("Invalid ARN specified in the request"));
    }
    let parts: Vec<&str> = uri.splitn(6, ':').collect();
    let target = match parts[..] {
        [_, _, "apigateway", region, service, target] if !region.is_empty() && !service.is_empty() => target,
        _ => "",
    };
    if !target.starts_with("path/") && !target.starts_with("action/") {
        return Err(Exception::bad_request("AWS ARN for integration must contain path or action"));
    }
    let service = parts[4].rsplit('.').next().unwrap_or_default();
    let proxies = integration.integration_type == IntegrationType::AwsProxy;
    if proxies && !matches!(service, "lambda" | "firehose") {
        return Err(Exception::bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ));
    }
    // Other services may let API Gateway in by a policy of their own.
    if service == "s3" && integration.credentials.is_none() {
        return Err(Exception::bad_request("Role ARN must be specified for AWS integrations"));
    }
    Ok(())
}

/// A role of the account, or `arn:aws:iam::*:user/*` for the caller's own credentials.
fn check_credentials(call: &Call<'_>, credentials: &str) -> Result<(), Exception> {
    if credentials.contains(STAGE_VARIABLE) {
        return Ok(());
    }
    let parts: Vec<&str> = credentials.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, _] if account == call.account_id || account == "*" => Ok(()),
        ["arn", _, "iam", "", _, _] if call.account_id == NO_ACCOUNT => Ok(()),
        ["arn", _, "iam", "", _, _] => {
            Err(Exception::new(ExceptionKind::AccessDenied, "Cross-account pass role is not allowed."))
        }
        _ => Err(Exception::bad_request("Invalid ARN specified in the request")),
    }
}

/// A cache's key is made of what the method declares, or the integration sets.
fn check_cache_key(integration: &Integration, declared: &OrderedMap<bool>) -> Result<(), Exception> {
    let is_known = |parameter: &String| {
        mappings::is_declared(parameter, declared) || integration.request_parameters.contains_key(parameter)
    };
    if integration.cache_key_parameters.iter().all(is_known) {
        return Ok(());
    }
    Err(Exception::bad_request("Invalid cache key parameter specified"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixture::Desk;

    /// An integration of the type, with what `more` has.
    #[track_caller]
    fn check(integration_type: &str, more: Value, expected: &str) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let method = format!("/restapis/{}/resources/{}/methods/GET", text("id"), text("rootResourceId"));
        let parameters = json!({ "method.request.path.id": true });
        desk.call("PUT", &method, json!({ "authorizationType": "NONE", "requestParameters": parameters }));
        let mut input = json!({ "type": integration_type });
        for (name, value) in more.as_object().expect("members") {
            input[name] = value.clone();
        }
        let outcome = desk.try_call("PUT", &format!("{method}/integration"), input.to_string().as_bytes());
        let shown = outcome.err().map_or(String::new(), |exception| exception.to_string());
        assert_eq!(shown, expected, "{input}");
    }

    #[test]
    fn a_backend_is_named_as_its_type_wants() {
        let method = "BadRequestException: Enumeration value for HttpMethod must be non-empty";
        for integration_type in ["HTTP", "HTTP_PROXY", "AWS", "AWS_PROXY"] {
            check(integration_type, json!({ "uri": "http://example.com" }), method);
        }
        check("MOCK", json!({ "uri": "http://example.com" }), "");
        let http = "BadRequestException: Invalid HTTP endpoint specified for URI";
        for uri in ["non-valid-http", "ftp://a", "http://", "https:///a", "http://a b", ""] {
            check("HTTP", json!({ "httpMethod": "GET", "uri": uri }), http);
        }
        check("HTTP", json!({ "httpMethod": "GET", "uri": "http://${stageVariables.host}/a" }), "");
        let arn = "BadRequestException: Invalid ARN specified in the request";
        check("AWS", json!({ "httpMethod": "POST", "uri": "non-valid-arn" }), arn);
        let target = "BadRequestException: AWS ARN for integration must contain path or action";
        check("AWS_PROXY", json!({ "httpMethod": "POST", "uri": "arn:aws:iam::0000000000:role/a" }), target);
        check("AWS", json!({ "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:lambda:x/y" }), target);
        let lambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/\
                      invocations";
        check("AWS_PROXY", json!({ "httpMethod": "POST", "uri": lambda }), "");
        let s3 = "arn:aws:apigateway:us-east-1:s3:path/b/k";
        let role = "BadRequestException: Role ARN must be specified for AWS integrations";
        check("AWS", json!({ "httpMethod": "POST", "uri": s3 }), role);
        let proxy = "BadRequestException: Integrations of type 'AWS_PROXY' currently only supports Lambda function and \
                     Firehose stream invocations.";
        check("AWS_PROXY", json!({ "httpMethod": "POST", "uri": s3 }), proxy);
        let dynamodb = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem";
        check("AWS", json!({ "httpMethod": "POST", "uri": dynamodb }), "");
    }

    #[test]
    fn credentials_are_a_role_of_the_account() {
        let credentials = |role: &str| json!({ "credentials": role });
        check("MOCK", credentials("arn:aws:iam::123456789012:role/a"), "");
        check("MOCK", credentials("arn:aws:iam::*:user/*"), "");
        check("MOCK", credentials("arn:aws:iam::${stageVariables.account}:role/a"), "");
        let other = "AccessDeniedException: Cross-account pass role is not allowed.";
        check("MOCK", credentials("arn:aws:iam::000000000000:role/a"), other);
        check("MOCK", credentials("role"), "BadRequestException: Invalid ARN specified in the request");
    }

    #[test]
    fn the_rest_is_checked_too() {
        let words = "ValidationException: 1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' \
                     failed to satisfy constraint: Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, \
                     AWS]";
        check("HTTPS_PROXY", json!({}), words);
        let wrong = "BadRequestException: Invalid PassthroughBehavior specified. Valid options are \
                     WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER";
        check("MOCK", json!({ "passthroughBehavior": "SOMETIMES" }), wrong);
        let link = "BadRequestException: ConnectionId should be set to the vpcLinkId or stage variable on connection type \
                    VPC_LINK";
        check("MOCK", json!({ "connectionType": "VPC_LINK" }), link);
        check("MOCK", json!({ "timeoutInMillis": 900_000 }), "");
        let timeout = "BadRequestException: Timeout should be between 50 ms and 900000 ms";
        check("MOCK", json!({ "timeoutInMillis": 900_001 }), timeout);
        let stream = "BadRequestException: Response transfer mode STREAM is only supported for HTTP_PROXY and AWS_PROXY \
                      integrations";
        check("MOCK", json!({ "responseTransferMode": "STREAM" }), stream);
        check("MOCK", json!({ "cacheKeyParameters": ["method.request.path.id"] }), "");
        let key = "BadRequestException: Invalid cache key parameter specified";
        check("MOCK", json!({ "cacheKeyParameters": ["method.request.path.no"] }), key);
    }
}
