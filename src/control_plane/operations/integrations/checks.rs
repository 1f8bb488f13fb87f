//! What each type of integration needs, with AWS's words where they are known. (API reference, `API_PutIntegration`.)

use serde_json::Value;

use super::super::mappings;
use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::model::{ConnectionType, Integration, IntegrationType, Method, PassthroughBehavior, ResponseTransferMode};

/// AWS has 29 seconds where no quota was raised, and 15 minutes for what streams; what is more than the gateway's own
/// limit is refused where the integration is deployed.
const TIMEOUTS_MS: std::ops::RangeInclusive<i32> = 50..=900_000;

/// The account of a gateway that was not told its own.
const NO_ACCOUNT: &str = "000000000000";

const HTTP_METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];

/// # Errors
/// `BadRequestException`; `AccessDeniedException`: the credentials are another account's.
pub fn check(integration: &Integration, method: &Method, account_id: &str) -> Result<(), Exception> {
    check_credentials(integration, account_id)?;
    check_endpoint(integration)?;
    check_connection(integration)?;
    check_transfer(integration)?;
    mappings::check_integration_request(&integration.request_parameters, &method.request_parameters)?;
    mappings::check_content_types(&integration.request_templates)?;
    check_cache_keys(integration, method)
}

/// As the API has it, or as documents do: in lower case.
///
/// # Errors
/// `BadRequestException`: it is none.
pub fn passthrough_named(word: &str) -> Result<PassthroughBehavior, Exception> {
    serde_json::from_value(Value::from(word.to_ascii_uppercase()))
        .map_err(|_| Exception::bad_request(format!("Invalid passthrough behavior specified: {word}")))
}

/// A role is the account's own. `arn:aws:iam::*:user/*` is the caller's, and an account may be a stage variable.
fn check_credentials(integration: &Integration, account_id: &str) -> Result<(), Exception> {
    let Some(credentials) = integration.credentials.as_deref() else { return Ok(()) };
    let parts: Vec<&str> = credentials.splitn(6, ':').collect();
    let [scheme, _, service, _, account, _] = parts.as_slice() else { return Err(invalid_arn()) };
    if *scheme != "arn" || *service != "iam" {
        return Err(invalid_arn());
    }
    let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    if is_account && account_id != NO_ACCOUNT && *account != account_id {
        return Err(Exception::new(ExceptionKind::AccessDenied, "Cross-account pass role is not allowed."));
    }
    Ok(())
}

fn invalid_arn() -> Exception {
    Exception::bad_request("Invalid ARN specified in the request")
}

fn check_endpoint(integration: &Integration) -> Result<(), Exception> {
    let uri = integration.uri.as_deref().unwrap_or_default();
    match integration.integration_type {
        IntegrationType::Mock => return Ok(()),
        IntegrationType::Http | IntegrationType::HttpProxy => {
            check_http_method(integration)?;
            check_url(uri)
        }
        IntegrationType::Aws | IntegrationType::AwsProxy => {
            check_http_method(integration)?;
            check_service(integration, uri)
        }
    }
}

fn check_http_method(integration: &Integration) -> Result<(), Exception> {
    match integration.http_method.as_deref() {
        None => Err(Exception::bad_request("Enumeration value for HttpMethod must be non-empty")),
        Some(method) if HTTP_METHODS.contains(&method) => Ok(()),
        Some(_) => Err(Exception::bad_request("Invalid HTTP method specified")),
    }
}

/// Any part but the scheme may be a stage variable or a path parameter. Unlike AWS, a private address is fine.
fn check_url(uri: &str) -> Result<(), Exception> {
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_url = host.is_some_and(|host| !host.is_empty()) && !uri.contains(char::is_whitespace);
    is_url.then_some(()).ok_or_else(|| Exception::bad_request("Invalid HTTP endpoint specified for URI"))
}

/// `arn:{partition}:apigateway:{region}:{service}:path|action/{what}`.
fn check_service(integration: &Integration, uri: &str) -> Result<(), Exception> {
    let parts: Vec<&str> = uri.splitn(6, ':').collect();
    let ["arn", _, gateway, region, service, call] = parts.as_slice() else { return Err(invalid_arn()) };
    let calls = call.starts_with("path/") || call.starts_with("action/");
    if *gateway != "apigateway" || region.is_empty() || service.is_empty() || !calls {
        return Err(Exception::bad_request("AWS ARN for integration must contain path or action"));
    }
    let is_proxy = integration.integration_type == IntegrationType::AwsProxy;
    match *service {
        // A function has a policy of its own, which may let API Gateway call it.
        "lambda" => Ok(()),
        "firehose" if is_proxy => Ok(()),
        _ if is_proxy => Err(Exception::bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        )),
        _ if integration.credentials.is_none() => {
            Err(Exception::bad_request("Role ARN must be specified for AWS integrations"))
        }
        _ => Ok(()),
    }
}

fn check_connection(integration: &Integration) -> Result<(), Exception> {
    if integration.connection_type == Some(ConnectionType::VpcLink) && integration.connection_id.is_none() {
        return Err(Exception::bad_request("Connection ID must be specified for connection type VPC_LINK"));
    }
    Ok(())
}

fn check_transfer(integration: &Integration) -> Result<(), Exception> {
    if integration.timeout_in_millis.is_some_and(|timeout| !TIMEOUTS_MS.contains(&timeout)) {
        let message = format!("Timeout should be between {} ms and {} ms", TIMEOUTS_MS.start(), TIMEOUTS_MS.end());
        return Err(Exception::bad_request(message));
    }
    let is_proxy = matches!(integration.integration_type, IntegrationType::AwsProxy | IntegrationType::HttpProxy);
    if integration.response_transfer_mode == Some(ResponseTransferMode::Stream) && !is_proxy {
        let message = "Response transfer mode STREAM is only supported for AWS_PROXY and HTTP_PROXY integrations";
        return Err(Exception::bad_request(message));
    }
    Ok(())
}

/// Each is a parameter of the method, or one that the integration makes of it.
fn check_cache_keys(integration: &Integration, method: &Method) -> Result<(), Exception> {
    let is_known = |parameter: &String| {
        integration.request_parameters.contains_key(parameter)
            || mappings::is_declared(parameter, &method.request_parameters)
    };
    let all = integration.cache_key_parameters.iter().all(is_known);
    all.then_some(()).ok_or_else(|| Exception::bad_request("Invalid cache key parameter specified"))
}
