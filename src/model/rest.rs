//! A REST API: its own attributes and everything that belongs to it. (API reference, `API_RestApi`, `API_Resource`,
//! `API_Method`, `API_Integration` and the pages beside them.)

use serde::{Deserialize, Serialize};

use super::{
    AuthorizerId, DocumentationPartId, IntegrationUpstream, ModelId, OrderedMap, RequestValidatorId, ResourceId,
    RestApiId, ThrottleRule, Upstream, VpcLinkId,
};

/// A REST API with all that belongs to it: what an import makes, and what a deployment takes a copy of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiDefinition {
    pub rest_api: RestApi,
    /// Parents before their children; the first is `/`.
    pub resources: Vec<Resource>,
    pub authorizers: Vec<Authorizer>,
    pub request_validators: Vec<RequestValidator>,
    pub models: Vec<Model>,
    pub gateway_responses: Vec<GatewayResponse>,
    pub documentation_parts: Vec<DocumentationPart>,
}

/// The attributes of the API itself, as `GetRestApi` answers them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestApi {
    pub id: RestApiId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub binary_media_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_compression_size: Option<i32>,
    pub api_key_source: ApiKeySource,
    pub endpoint_configuration: EndpointConfiguration,
    /// A resource policy, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub tags: OrderedMap<String>,
    pub disable_execute_api_endpoint: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_resource_id: Option<ResourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_access_mode: Option<String>,
    /// What integrations name as theirs; not AWS's.
    #[serde(
        rename = "x-tollgate-upstreams",
        skip_serializing_if = "OrderedMap::is_empty",
        deserialize_with = "super::exact"
    )]
    pub upstreams: OrderedMap<Upstream>,
    /// What all methods of a stage share; not AWS's.
    #[serde(rename = "x-tollgate-throttle", skip_serializing_if = "<[ThrottleRule]>::is_empty")]
    pub throttle: Box<[ThrottleRule]>,
}

/// Where a caller's API key is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApiKeySource {
    #[default]
    Header,
    Authorizer,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConfiguration {
    pub types: Vec<EndpointType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpc_endpoint_ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndpointType {
    Regional,
    Edge,
    Private,
}

impl EndpointType {
    pub fn from_name(name: &str) -> Option<EndpointType> {
        [EndpointType::Regional, EndpointType::Edge, EndpointType::Private].into_iter().find(|one| one.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            EndpointType::Regional => "REGIONAL",
            EndpointType::Edge => "EDGE",
            EndpointType::Private => "PRIVATE",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    pub id: ResourceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ResourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_part: Option<String>,
    pub path: String,
    /// By HTTP method in upper case, or `ANY`.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub resource_methods: OrderedMap<Method>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Method {
    pub http_method: String,
    pub authorization_type: AuthorizationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<AuthorizerId>,
    pub api_key_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_validator_id: Option<RequestValidatorId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
    /// `method.request.querystring.name` and the like: whether it is required.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub request_parameters: OrderedMap<bool>,
    /// A model's name by content type.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub request_models: OrderedMap<String>,
    /// By status code.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub method_responses: OrderedMap<MethodResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_integration: Option<Integration>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_scopes: Vec<String>,
    /// Not AWS's.
    #[serde(rename = "x-tollgate-throttle", skip_serializing_if = "<[ThrottleRule]>::is_empty")]
    pub throttle: Box<[ThrottleRule]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationType {
    #[default]
    None,
    AwsIam,
    Custom,
    CognitoUserPools,
}

impl AuthorizationType {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            AuthorizationType::None => "NONE",
            AuthorizationType::AwsIam => "AWS_IAM",
            AuthorizationType::Custom => "CUSTOM",
            AuthorizationType::CognitoUserPools => "COGNITO_USER_POOLS",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MethodResponse {
    pub status_code: String,
    /// `method.response.header.Name`: whether it is required.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_parameters: OrderedMap<bool>,
    /// A model's name by content type.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_models: OrderedMap<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integration {
    #[serde(rename = "type")]
    pub integration_type: IntegrationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<ConnectionType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<VpcLinkId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// From `integration.request.header.name` and the like to an expression.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub request_parameters: OrderedMap<String>,
    /// By content type.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub request_templates: OrderedMap<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passthrough_behavior: Option<PassthroughBehavior>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandlingStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_millis: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_namespace: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_key_parameters: Vec<String>,
    /// By the method response's status code.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub integration_responses: OrderedMap<IntegrationResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_transfer_mode: Option<ResponseTransferMode>,
    /// Not AWS's.
    #[serde(rename = "x-tollgate-upstream", skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Box<IntegrationUpstream>>,
    /// Not AWS's: what the stage cache does with the method's answers beyond what AWS's does.
    #[serde(rename = "x-tollgate-cache", skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheExtension>,
}

/// `x-tollgate-cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CacheExtension {
    /// An answer this much older than its time to live is still given, while a new one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_while_revalidate_in_seconds: Option<i32>,
    /// The same where the backend fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_if_error_in_seconds: Option<i32>,
    /// The longest answer that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_bytes_max: Option<i32>,
    /// Answers get an `ETag`, and clients that have it a 304.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<bool>,
    /// Answers to requests with `Authorization` are for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_with_authorization: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IntegrationType {
    Http,
    HttpProxy,
    Aws,
    AwsProxy,
    #[default]
    Mock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionType {
    Internet,
    VpcLink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PassthroughBehavior {
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContentHandlingStrategy {
    ConvertToBinary,
    ConvertToText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResponseTransferMode {
    Buffered,
    Stream,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsConfig {
    pub insecure_skip_verification: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntegrationResponse {
    pub status_code: String,
    /// A regular expression for the backend's status; none for the default response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// From `method.response.header.Name` to an expression.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_parameters: OrderedMap<String>,
    /// By content type.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_templates: OrderedMap<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandlingStrategy>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Authorizer {
    pub id: AuthorizerId,
    pub name: String,
    #[serde(rename = "type")]
    pub authorizer_type: AuthorizerType,
    #[serde(rename = "providerARNs", skip_serializing_if = "Vec::is_empty")]
    pub provider_arns: Vec<String>,
    /// What `x-amazon-apigateway-authtype` says: for exports only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_credentials: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_validation_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_configuration: Option<JwtConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_configuration: Option<HttpConfiguration>,
    /// Not AWS's: what clients are told that they have to show a password for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizerType {
    #[default]
    Token,
    Request,
    CognitoUserPools,
    /// Any issuer's tokens, which AWS has for HTTP APIs.
    Jwt,
    /// Not AWS's: an HTTP service that is asked about each request.
    Http,
    /// Not AWS's: names and passwords.
    Basic,
}

/// Not AWS's: how an HTTP service is asked whether a request may go on, and what its answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpConfiguration {
    /// `GET`, if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_millis: Option<i32>,
    /// What the service is shown of the request; `Authorization` and `Cookie`, if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<Vec<String>>,
    /// Fields of the answer that become `$context.authorizer` properties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_headers: Vec<String>,
    /// The field of the answer that becomes `$context.authorizer.principalId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id_header: Option<String>,
}

/// Whose tokens are taken. (API reference of HTTP APIs, `JWTConfiguration`.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Not AWS's: where the keys are, if the issuer's own document does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Not AWS's: the signature algorithms that are taken; AWS takes those of RSA.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestValidator {
    pub id: RequestValidatorId,
    pub name: String,
    pub validate_request_body: bool,
    pub validate_request_parameters: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Model {
    pub id: ModelId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema draft 4, as JSON text.
    pub schema: String,
    pub content_type: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayResponse {
    /// One of AWS's 21, such as `DEFAULT_4XX`.
    pub response_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// From `gatewayresponse.header.Name` to an expression.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_parameters: OrderedMap<String>,
    /// By content type.
    #[serde(skip_serializing_if = "OrderedMap::is_empty", deserialize_with = "super::exact")]
    pub response_templates: OrderedMap<String>,
    pub default_response: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationPart {
    pub id: DocumentationPartId,
    pub location: DocumentationPartLocation,
    /// JSON text.
    pub properties: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationPartLocation {
    /// `API`, `RESOURCE`, `METHOD`, `PATH_PARAMETER`, …
    #[serde(rename = "type")]
    pub part_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
