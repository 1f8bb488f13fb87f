//! Who may call: security schemes, authorizers, and what an operation asks for.
//!
//! A scheme that nothing enforces is an error where an operation uses it. API Gateway passes over such schemes and
//! leaves the operation open, which its users learn from an intruder.
//! [`own`] has the authorizers that are not AWS's.
//! (Guide, `api-gateway-swagger-extensions-authorizer`, `-authtype`, `-auth`; `api-gateway-known-issues`.)

mod own;

use std::collections::HashMap;

use super::base_path::derived_id;
use super::document::{Document, Version, refuse_http_api_at};
use super::keys;
use super::reader::Reader;
use super::tree::{Mapping, Node};
use crate::model::{AuthorizationType, Authorizer, AuthorizerId, AuthorizerType, JwtConfiguration, Method, Pointer};

pub type SecuritySchemes = HashMap<String, SecurityScheme>;

/// What a scheme means for a method that asks for it.
#[derive(PartialEq)]
pub enum SecurityScheme {
    /// `apiKey` in the header `x-api-key`.
    ApiKey,
    /// `x-amazon-apigateway-authtype: awsSigv4`
    AwsIam,
    Authorizer(AuthorizationType, AuthorizerId),
    /// OpenAPI describes it, but nothing would enforce it.
    Unenforced,
}

pub fn schemes<'d>(reader: &mut Reader<'d>, version: Version, root: &'d Mapping) -> (SecuritySchemes, Vec<Authorizer>) {
    let entries = match version {
        Version::V2 => reader.entries(root, "securityDefinitions"),
        Version::V3 => match root.get("components").and_then(Node::as_mapping) {
            Some(components) => reader.entries(components, "securitySchemes"),
            None => &[],
        },
    };
    let mut schemes = SecuritySchemes::new();
    let mut authorizers = Vec::new();
    for entry in entries {
        if let Some(object) = reader.locking_object(&entry.value, &keys::SECURITY_SCHEME) {
            let scheme = scheme(reader, &entry.key, object, &mut authorizers);
            schemes.insert(entry.key.to_string(), scheme);
        }
    }
    (schemes, authorizers)
}

fn scheme<'d>(
    reader: &mut Reader<'d>,
    name: &str,
    object: &'d Mapping,
    authorizers: &mut Vec<Authorizer>,
) -> SecurityScheme {
    let auth_type = reader.string(object, "x-amazon-apigateway-authtype");
    let is_signed = auth_type.is_some_and(|auth_type| auth_type.eq_ignore_ascii_case("awsSigv4"));
    let authorizer_key = [own::KEY, "x-amazon-apigateway-authorizer"].into_iter().find_map(|key| object.entry(key));
    if let Some(entry) = authorizer_key.filter(|_| is_signed) {
        let message = "the scheme demands signatures (`awsSigv4`) and has an authorizer";
        reader.passed_over(entry.key_position, message, "take one of them away: only the authorizer would be asked");
    }
    if let Some(entry) = object.entry(own::KEY) {
        if object.get("x-amazon-apigateway-authorizer").is_some() {
            let message = format!("the scheme has an `x-amazon-apigateway-authorizer` and an `{}`", own::KEY);
            reader.error_with_help(entry.key_position, message, "take one of them away");
        }
        let Some(mut authorizer) = own::authorizer(reader, name, &entry.value) else {
            return SecurityScheme::Unenforced;
        };
        if authorizer.identity_source.is_none() && authorizer.authorizer_type == AuthorizerType::Http {
            authorizer.identity_source =
                credentials(reader, object).map(|name| format!("method.request.header.{name}"));
        }
        reader.stands_at(Pointer::authorizer(name), entry.key_position);
        let scheme = SecurityScheme::Authorizer(AuthorizationType::Custom, authorizer.id.clone());
        authorizers.push(authorizer);
        return scheme;
    }
    if let Some(entry) = object.entry("x-amazon-apigateway-authorizer") {
        let Some(mut authorizer) = authorizer(reader, name, &entry.value) else { return SecurityScheme::Unenforced };
        authorizer.auth_type = auth_type.map(str::to_owned);
        if authorizer.identity_source.is_none() && authorizer.authorizer_type != AuthorizerType::Request {
            authorizer.identity_source = header(reader, object).map(|name| format!("method.request.header.{name}"));
        }
        reader.stands_at(Pointer::authorizer(name), entry.key_position);
        let authorization_type = match authorizer.authorizer_type {
            AuthorizerType::Token
            | AuthorizerType::Request
            | AuthorizerType::Jwt
            | AuthorizerType::Http
            | AuthorizerType::Basic => AuthorizationType::Custom,
            AuthorizerType::CognitoUserPools => AuthorizationType::CognitoUserPools,
        };
        let scheme = SecurityScheme::Authorizer(authorization_type, authorizer.id.clone());
        authorizers.push(authorizer);
        return scheme;
    }
    if is_signed {
        return SecurityScheme::AwsIam;
    }
    let word = |key| object.get(key).and_then(Node::as_str).unwrap_or_default();
    let api_key = word("type") == "apiKey" && word("in") == "header" && word("name").eq_ignore_ascii_case("x-api-key");
    if api_key { SecurityScheme::ApiKey } else { SecurityScheme::Unenforced }
}

/// The header that the scheme names, where a token is read from: `Unused` is AWS's word for none.
fn header<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> Option<&'d str> {
    let in_header = object.get("in").and_then(Node::as_str) == Some("header");
    reader.string(object, "name").filter(|name| in_header && *name != "Unused")
}

/// The header that a scheme's credentials are in: that which it names, or `Authorization` of OpenAPI's `type: http`.
fn credentials<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> Option<&'d str> {
    let of_http = object.get("type").and_then(Node::as_str) == Some("http");
    header(reader, object).or(of_http.then_some("Authorization"))
}

fn authorizer<'d>(reader: &mut Reader<'d>, name: &str, node: &'d Node) -> Option<Authorizer> {
    const TYPES: [(&str, AuthorizerType); 4] = [
        ("token", AuthorizerType::Token),
        ("request", AuthorizerType::Request),
        ("cognito_user_pools", AuthorizerType::CognitoUserPools),
        ("jwt", AuthorizerType::Jwt),
    ];
    let object = reader.own_object(node, &keys::AUTHORIZER)?;
    for key in ["enableSimpleResponses", "authorizerPayloadFormatVersion"] {
        if let Some(entry) = object.entry(key) {
            refuse_http_api_at(reader, entry.key_position, key);
        }
    }
    if object.get("type").is_none() {
        reader.error_with_help(node.position, "the authorizer has no `type`", "add `type: token` or `type: request`");
    }
    let text = |reader: &mut Reader<'d>, key| reader.string(object, key).map(str::to_owned);
    Some(Authorizer {
        id: AuthorizerId(derived_id(&["authorizer", name])[..6].to_owned()),
        name: name.to_owned(),
        authorizer_type: reader.choice(object, "type", &TYPES)?,
        provider_arns: reader.strings(object, "providerARNs"),
        auth_type: None,
        authorizer_uri: text(reader, "authorizerUri"),
        authorizer_credentials: text(reader, "authorizerCredentials"),
        identity_source: text(reader, "identitySource"),
        identity_validation_expression: text(reader, "identityValidationExpression"),
        authorizer_result_ttl_in_seconds: reader.integer(object, "authorizerResultTtlInSeconds"),
        jwt_configuration: jwt_configuration(reader, object),
        http_configuration: None,
        realm: None,
    })
}

/// AWS has it for HTTP APIs only; `jwksUri` and `algorithms` are not AWS's.
fn jwt_configuration<'d>(reader: &mut Reader<'d>, authorizer: &'d Mapping) -> Option<JwtConfiguration> {
    let object = reader.object(&authorizer.entry("jwtConfiguration")?.value, &keys::JWT_CONFIGURATION)?;
    Some(JwtConfiguration {
        issuer: reader.string(object, "issuer").map(str::to_owned),
        audience: reader.strings(object, "audience"),
        jwks_uri: reader.string(object, "jwksUri").map(str::to_owned),
        algorithms: reader.strings(object, "algorithms"),
    })
}

/// What an operation asks of its callers, noted in `method`.
pub fn apply<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    operation: &'d Mapping,
    method: &mut Method,
    pointer: &Pointer,
) {
    if let Some(entry) = operation.entry("x-amazon-apigateway-auth")
        && let Some(object) = reader.object(&entry.value, &keys::AUTH)
    {
        let types = [("NONE", AuthorizationType::None), ("AWS_IAM", AuthorizationType::AwsIam)];
        reader.stands_at(pointer.child("authorizationType"), entry.key_position);
        method.authorization_type = reader.choice(object, "type", &types).unwrap_or_default();
    }
    let of_extension = (method.authorization_type == AuthorizationType::AwsIam).then_some(&SecurityScheme::AwsIam);
    for requirement in reader.sequence(operation, "security") {
        let Some(schemes) = reader.mapping(requirement, "a security requirement") else { continue };
        let mut lock = of_extension;
        for entry in schemes.entries() {
            let Some(scheme) = find(reader, document, entry) else { continue };
            if matches!(scheme, SecurityScheme::AwsIam | SecurityScheme::Authorizer(..))
                && lock.replace(scheme).is_some_and(|other| other != scheme)
            {
                let message = format!("the operation demands `{}` and another authorization", entry.key);
                let help = "a method has one: of two, only the last would be enforced";
                reader.passed_over(entry.key_position, message, help);
            }
            let scopes = reader.strings(schemes, &entry.key);
            if !scopes.is_empty() && matches!(scheme, SecurityScheme::ApiKey | SecurityScheme::AwsIam) {
                let message = format!("nothing looks at the scopes of `{}`", entry.key);
                reader.passed_over(entry.key_position, message, "write an empty list: it has no tokens with scopes");
            }
            match scheme {
                SecurityScheme::ApiKey => {
                    method.api_key_required = true;
                    reader.stands_at(pointer.child("apiKeyRequired"), entry.key_position);
                }
                SecurityScheme::AwsIam => {
                    method.authorization_type = AuthorizationType::AwsIam;
                    reader.stands_at(pointer.child("authorizationType"), entry.key_position);
                }
                SecurityScheme::Authorizer(authorization_type, id) => {
                    method.authorization_type = *authorization_type;
                    method.authorizer_id = Some(id.clone());
                    method.authorization_scopes = scopes;
                    reader.stands_at(pointer.child("authorizationType"), entry.key_position);
                }
                SecurityScheme::Unenforced => {
                    let message = format!("nothing enforces the security scheme `{}`", entry.key);
                    let help = "give the scheme an `x-amazon-apigateway-authorizer`; without one, API Gateway would \
                                leave this operation open to all";
                    reader.passed_over(entry.key_position, message, help);
                }
            }
        }
    }
}

fn find<'s>(
    reader: &mut Reader<'_>,
    document: &'s Document<'_>,
    entry: &super::tree::Entry,
) -> Option<&'s SecurityScheme> {
    let found = document.security_schemes.get(&*entry.key);
    if found.is_none() {
        let names: Vec<&str> = document.security_schemes.keys().map(String::as_str).collect();
        let help = keys::suggestion(&entry.key, &names)
            .unwrap_or_else(|| "declare it in `components.securitySchemes` (or `securityDefinitions`)".to_owned());
        reader.error_with_help(entry.key_position, format!("there is no security scheme `{}`", entry.key), help);
    }
    found
}

/// `security` at the root is not applied by API Gateway's import. An operation that relies on it would be open.
pub fn refuse_root_security<'d>(reader: &mut Reader<'d>, root: &'d Mapping) {
    let requirements = reader.sequence(root, "security");
    let names_a_scheme =
        requirements.iter().any(|requirement| requirement.as_mapping().is_some_and(|one| !one.entries().is_empty()));
    if let Some(entry) = root.entry("security").filter(|_| names_a_scheme) {
        let message = "`security` at the root is not applied to operations: API Gateway passes over it";
        let help = "write `security` in each operation (`security: []` where everybody may call)";
        reader.passed_over(entry.key_position, message, help);
    }
}
