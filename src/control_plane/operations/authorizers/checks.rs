//! What each type of authorizer needs, and what goes with it unsaid. (API reference, `API_CreateAuthorizer`.)

use crate::control_plane::exception::Exception;
use crate::model::{Authorizer, AuthorizerType};

const TTL_S_MAX: i32 = 3600;

/// # Errors
/// `BadRequestException`: there is no such type, or it is one that this gateway does not have.
pub fn type_named(name: &str) -> Result<AuthorizerType, Exception> {
    match name {
        "TOKEN" => Ok(AuthorizerType::Token),
        "REQUEST" => Ok(AuthorizerType::Request),
        "COGNITO_USER_POOLS" => Ok(AuthorizerType::CognitoUserPools),
        "JWT" | "HTTP" | "BASIC" => Err(Exception::bad_request(format!(
            "Authorizers of the type {name} are made by importing an OpenAPI document"
        ))),
        other => Err(Exception::bad_request(format!(
            "1 validation error detected: Value '{other}' at 'type' failed to satisfy constraint: Member must satisfy \
             enum value set: [TOKEN, REQUEST, COGNITO_USER_POOLS, JWT]"
        ))),
    }
}

/// `authType` where nobody says otherwise.
pub fn auth_type(authorizer_type: AuthorizerType) -> &'static str {
    match authorizer_type {
        AuthorizerType::Token
        | AuthorizerType::Request
        | AuthorizerType::Jwt
        | AuthorizerType::Http
        | AuthorizerType::Basic => "custom",
        AuthorizerType::CognitoUserPools => "cognito_user_pools",
    }
}

/// How long a result is kept where nobody says. AWS shows none for user pools.
pub fn default_ttl_s(authorizer_type: AuthorizerType) -> Option<i32> {
    match authorizer_type {
        AuthorizerType::Token | AuthorizerType::Request => Some(300),
        AuthorizerType::CognitoUserPools | AuthorizerType::Jwt | AuthorizerType::Http | AuthorizerType::Basic => None,
    }
}

/// # Errors
/// `BadRequestException`: something that its type needs is not there, or not as it must be.
pub fn check(authorizer: &Authorizer) -> Result<(), Exception> {
    if authorizer.name.trim().is_empty() {
        return Err(Exception::bad_request("Authorizer name cannot be blank"));
    }
    let ttl_s = authorizer.authorizer_result_ttl_in_seconds;
    if ttl_s.is_some_and(|ttl_s| !(0..=TTL_S_MAX).contains(&ttl_s)) {
        let message = format!("Authorizer result TTL must be between 0 and {TTL_S_MAX} seconds");
        return Err(Exception::bad_request(message));
    }
    match authorizer.authorizer_type {
        AuthorizerType::Token => {
            check_uri(authorizer)?;
            check_header(authorizer)
        }
        AuthorizerType::Request => {
            check_uri(authorizer)?;
            check_sources(authorizer)
        }
        AuthorizerType::CognitoUserPools => {
            check_pools(authorizer)?;
            check_header(authorizer)
        }
        // Of an imported document, which was checked as a whole.
        AuthorizerType::Jwt => check_header(authorizer),
        // So are these, and their members cannot be changed here but for what was checked above.
        AuthorizerType::Http | AuthorizerType::Basic => Ok(()),
    }
}

fn check_uri(authorizer: &Authorizer) -> Result<(), Exception> {
    let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
    if !is_lambda_uri(uri) {
        return Err(Exception::bad_request(format!(
            "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda \
             function invocation."
        )));
    }
    if !authorizer.provider_arns.is_empty() {
        let message = "Provider ARNs can be specified for authorizers of the type COGNITO_USER_POOLS only";
        return Err(Exception::bad_request(message));
    }
    Ok(())
}

/// `arn:{partition}:apigateway:{region}:lambda:path/{date}/functions/{function}/invocations`; the function may have
/// stage variables in its name.
fn is_lambda_uri(uri: &str) -> bool {
    let mut parts = uri.splitn(6, ':');
    let head = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    let [Some("arn"), Some(partition), Some("apigateway"), Some(region), Some("lambda")] = head else { return false };
    let function = parts.next().and_then(|path| path.strip_prefix("path/"));
    let function = function.and_then(|path| path.trim_start_matches('/').strip_prefix("2015-03-31/functions/"));
    let function = function.and_then(|path| path.strip_suffix("/invocations"));
    partition.starts_with("aws") && !region.is_empty() && function.is_some_and(|function| !function.is_empty())
}

fn check_pools(authorizer: &Authorizer) -> Result<(), Exception> {
    if authorizer.provider_arns.is_empty() {
        return Err(Exception::bad_request(
            "Provider ARNs are required for authorizers of the type COGNITO_USER_POOLS",
        ));
    }
    let wrong = authorizer.provider_arns.iter().find(|arn| !is_pool(arn));
    match wrong {
        Some(arn) => Err(Exception::bad_request(format!("Invalid ARN specified for a user pool: {arn}"))),
        None => Ok(()),
    }
}

fn is_pool(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "cognito-idp", region, account, pool] = parts[..] else { return false };
    let named = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    partition.starts_with("aws")
        && named(region)
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && pool.strip_prefix("userpool/").is_some_and(named)
}

/// A token is in one header.
fn check_header(authorizer: &Authorizer) -> Result<(), Exception> {
    let source = authorizer.identity_source.as_deref().unwrap_or_default();
    match source.strip_prefix("method.request.header.").is_some_and(is_name) {
        true => Ok(()),
        false => Err(invalid_source(source)),
    }
}

/// A result that is kept has to be found again by something.
fn check_sources(authorizer: &Authorizer) -> Result<(), Exception> {
    let Some(sources) = authorizer.identity_source.as_deref() else {
        let keeps = authorizer.authorizer_result_ttl_in_seconds != Some(0);
        let message = "Identity source is required when authorization caching is enabled";
        return if keeps { Err(Exception::bad_request(message)) } else { Ok(()) };
    };
    const KINDS: [&str; 4] = ["method.request.header.", "method.request.querystring.", "stageVariables.", "context."];
    let is_source = |source: &str| KINDS.iter().any(|kind| source.strip_prefix(kind).is_some_and(is_name));
    let wrong = sources.split(',').map(str::trim).find(|source| !is_source(source));
    wrong.map_or(Ok(()), |source| Err(invalid_source(source)))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn invalid_source(source: &str) -> Exception {
    Exception::bad_request(format!("Invalid identity source specified: '{source}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/\
                       arn:aws:lambda:eu-west-1:123456789012:function:${stageVariables.auth}/invocations";
    const POOL: &str = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a";

    #[track_caller]
    fn check_of(authorizer_type: AuthorizerType, uri: &str, pools: &[&str], source: &str, ttl_s: i32, expected: bool) {
        let present = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let authorizer = Authorizer {
            name: "a".into(),
            authorizer_type,
            authorizer_uri: present(uri),
            provider_arns: pools.iter().map(|pool| (*pool).to_owned()).collect(),
            identity_source: present(source),
            authorizer_result_ttl_in_seconds: Some(ttl_s),
            ..Authorizer::default()
        };
        let outcome = check(&authorizer);
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
    }

    #[test]
    fn each_type_needs_its_members() {
        use AuthorizerType::{CognitoUserPools, Request, Token};
        let header = "method.request.header.Auth";
        check_of(Token, URI, &[], header, 300, true);
        check_of(Token, URI, &[], "", 300, false);
        check_of(Token, URI, &[], "method.request.querystring.a", 300, false);
        check_of(Token, URI, &[], header, -1, false);
        check_of(Token, URI, &[], header, 3601, false);
        check_of(Token, URI, &[POOL], header, 300, false);
        check_of(Token, "", &[], header, 300, false);
        check_of(Token, "arn:aws:lambda:us-east-1:123456789012:function:auth", &[], header, 300, false);
        check_of(Request, URI, &[], "", 300, false);
        check_of(Request, URI, &[], "", 0, true);
        check_of(Request, URI, &[], "method.request.header.a, context.accountId,stageVariables.b", 300, true);
        check_of(Request, URI, &[], "method.request.header.a,", 300, false);
        check_of(Request, URI, &[], "method.request.path.a", 300, false);
        check_of(CognitoUserPools, "", &[POOL], header, 300, true);
        check_of(CognitoUserPools, "", &[], header, 300, false);
        check_of(CognitoUserPools, "", &["arn:aws:iam::1:userpool/x"], header, 300, false);
        check_of(CognitoUserPools, "", &[POOL], "", 300, false);
    }

    #[test]
    fn types_are_awss() {
        assert_eq!(type_named("REQUEST"), Ok(AuthorizerType::Request));
        assert!(type_named("JWT").is_err());
        assert!(type_named("token").is_err());
    }
}
