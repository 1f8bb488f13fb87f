//! Authorizers, IAM and API keys → security schemes, and what an operation requires.

use serde_json::{Value, json};

use super::super::documentation::Subject;
use super::object::Object;
use super::{ExportType, Exporter};
use crate::model::{AuthorizationType, Authorizer, AuthorizerType, HttpConfiguration, Method};

/// What the schemes are called that are no authorizers: as at AWS, unless an authorizer has that name.
pub struct SchemeNames {
    api_key: String,
    sigv4: String,
}

impl SchemeNames {
    pub fn beside(authorizers: &[Authorizer]) -> SchemeNames {
        let free = |wanted: &str| {
            let mut name = wanted.to_owned();
            while authorizers.iter().any(|authorizer| authorizer.name == name) {
                name.push('_');
            }
            name
        };
        SchemeNames { api_key: free("api_key"), sigv4: free("sigv4") }
    }
}

impl Exporter<'_> {
    /// The schemes of all authorizers, and of API keys and IAM where a method asks for them.
    pub(super) fn security_schemes(&self) -> Object {
        let mut schemes = Object::new();
        for authorizer in &self.definition.authorizers {
            schemes.put(&authorizer.name, self.authorizer_scheme(authorizer));
        }
        let mut methods = self.definition.resources.iter().flat_map(|resource| resource.resource_methods.values());
        if methods.clone().any(|method| method.api_key_required) {
            schemes.put(&self.scheme_names.api_key, json!({"type": "apiKey", "name": "x-api-key", "in": "header"}));
        }
        if methods.any(|method| method.authorization_type == AuthorizationType::AwsIam) {
            let mut scheme = header_scheme("Authorization");
            self.put_auth_type(&mut scheme, "awsSigv4");
            schemes.put(&self.scheme_names.sigv4, scheme);
        }
        schemes
    }

    fn authorizer_scheme(&self, authorizer: &Authorizer) -> Object {
        if matches!(authorizer.authorizer_type, AuthorizerType::Http | AuthorizerType::Basic) {
            return self.own_scheme(authorizer);
        }
        let header = single_header(authorizer);
        let mut scheme = header_scheme(header.unwrap_or("Unused"));
        let default = match authorizer.authorizer_type {
            AuthorizerType::Token
            | AuthorizerType::Request
            | AuthorizerType::Jwt
            | AuthorizerType::Http
            | AuthorizerType::Basic => "custom",
            AuthorizerType::CognitoUserPools => "cognito_user_pools",
        };
        self.put_auth_type(&mut scheme, authorizer.auth_type.as_deref().unwrap_or(default));
        if self.options.extensions.authorizers {
            let mut extension = Object::of(authorizer);
            for other in ["id", "name", "authType"] {
                extension.take(other);
            }
            extension.lower("type");
            // It is the scheme's name, as at AWS; an authorizer of requests says it in any case.
            if header.is_some() && authorizer.authorizer_type != AuthorizerType::Request {
                extension.take("identitySource");
            }
            scheme.put("x-amazon-apigateway-authorizer", extension);
        }
        if let Some(properties) = self.documentation.of(&Subject::authorizer(&authorizer.name)) {
            scheme.put_described(properties, &["description"]);
        }
        scheme
    }

    /// An authorizer that is not AWS's: its members stand beside each other.
    fn own_scheme(&self, authorizer: &Authorizer) -> Object {
        let mut scheme = match authorizer.authorizer_type {
            AuthorizerType::Basic if self.options.export_type == ExportType::Swagger => {
                let mut scheme = Object::new();
                scheme.put("type", "basic");
                scheme
            }
            AuthorizerType::Basic => {
                let mut scheme = Object::new();
                scheme.put("type", "http");
                scheme.put("scheme", "basic");
                scheme
            }
            _ => header_scheme(single_header(authorizer).unwrap_or("Unused")),
        };
        if self.options.extensions.authorizers {
            let HttpConfiguration {
                http_method,
                timeout_in_millis,
                request_headers,
                context_headers,
                principal_id_header,
            } = authorizer.http_configuration.clone().unwrap_or_default();
            let mut extension = Object::new();
            extension.put("type", json!(authorizer.authorizer_type));
            extension.lower("type");
            extension.put_some("uri", authorizer.authorizer_uri.as_deref());
            extension.put_some("httpMethod", http_method);
            extension.put_some("identitySource", authorizer.identity_source.as_deref());
            extension.put_some("authorizerResultTtlInSeconds", authorizer.authorizer_result_ttl_in_seconds);
            extension.put_some("timeoutInMillis", timeout_in_millis);
            extension.put_some("requestHeaders", request_headers);
            extension.put_filled("contextHeaders", context_headers);
            extension.put_some("principalIdHeader", principal_id_header);
            extension.put_some("realm", authorizer.realm.as_deref());
            scheme.put("x-tollgate-authorizer", extension);
        }
        if let Some(properties) = self.documentation.of(&Subject::authorizer(&authorizer.name)) {
            scheme.put_described(properties, &["description"]);
        }
        scheme
    }

    fn put_auth_type(&self, scheme: &mut Object, auth_type: &str) {
        if self.options.extensions.integrations || self.options.extensions.authorizers {
            scheme.put("x-amazon-apigateway-authtype", auth_type);
        }
    }

    /// The `security` of an operation.
    pub(super) fn security(&self, method: &Method) -> Vec<Value> {
        let mut requirements = Vec::new();
        let mut require = |name: &str, scopes: &[String]| requirements.push(json!({ name: scopes }));
        match method.authorization_type {
            AuthorizationType::None => {}
            AuthorizationType::AwsIam => require(&self.scheme_names.sigv4, &[]),
            AuthorizationType::Custom | AuthorizationType::CognitoUserPools => {
                let authorizer = method.authorizer_id.as_ref().and_then(|id| self.authorizers.get(id));
                if let Some(authorizer) = authorizer {
                    require(&authorizer.name, &method.authorization_scopes);
                }
            }
        }
        if method.api_key_required {
            require(&self.scheme_names.api_key, &[]);
        }
        requirements
    }
}

fn header_scheme(name: &str) -> Object {
    let mut scheme = Object::new();
    scheme.put("type", "apiKey");
    scheme.put("name", name);
    scheme.put("in", "header");
    scheme
}

/// The header that alone says who calls. (Guide, `api-gateway-swagger-extensions-authorizer`: else the name is `Unused`.)
fn single_header(authorizer: &Authorizer) -> Option<&str> {
    let header = authorizer.identity_source.as_deref()?.strip_prefix("method.request.header.")?;
    let token = header.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (token && !header.is_empty()).then_some(header)
}
