//! The keys that each object of a document may have, in OpenAPI's three versions and in AWS's extensions.
//!
//! An unknown key is an error: a misspelt `security` or `x-amazon-apigateway-auth` that is passed over is an open door.
//! Extensions of others (`x-…`) are passed over, as OpenAPI says, unless they are a misspelling of ours.
//! (Guide, `api-gateway-swagger-extensions`; OpenAPI 2.0, 3.0.4 and 3.1.1.)

pub struct Keys {
    /// For messages: `an operation`.
    pub what: &'static str,
    pub plain: &'static [&'static str],
    /// `x-amazon-apigateway-…` and `x-tollgate-…`, without which the object does not end up as meant.
    pub extensions: &'static [&'static str],
}

pub struct Unknown {
    pub message: String,
    pub help: String,
}

/// Every extension that AWS or this gateway knows, wherever it belongs.
const EXTENSIONS: [(&str, &str); 30] = [
    ("x-amazon-apigateway-any-method", "a path"),
    ("x-amazon-apigateway-api-key-source", "the document's root"),
    ("x-amazon-apigateway-auth", "an operation"),
    ("x-amazon-apigateway-authorizer", "a security scheme"),
    ("x-amazon-apigateway-authtype", "a security scheme"),
    ("x-amazon-apigateway-binary-media-types", "the document's root"),
    ("x-amazon-apigateway-cors", "the document's root"),
    ("x-amazon-apigateway-documentation", "the document's root"),
    ("x-amazon-apigateway-endpoint-access-mode", "the document's root"),
    ("x-amazon-apigateway-endpoint-configuration", "the document's root, or a server"),
    ("x-amazon-apigateway-gateway-responses", "the document's root"),
    ("x-amazon-apigateway-importexport-version", "the document's root"),
    ("x-amazon-apigateway-integration", "an operation"),
    ("x-amazon-apigateway-integrations", "`components`"),
    ("x-amazon-apigateway-minimum-compression-size", "the document's root"),
    ("x-amazon-apigateway-policy", "the document's root"),
    ("x-amazon-apigateway-request-validator", "the document's root, or an operation"),
    ("x-amazon-apigateway-request-validators", "the document's root"),
    ("x-amazon-apigateway-security-policy", "the document's root"),
    ("x-amazon-apigateway-tag-value", "a tag"),
    ("x-tollgate-access-log-format", "the document's root"),
    ("x-tollgate-api-id", "the document's root"),
    ("x-tollgate-authorizer", "a security scheme"),
    ("x-tollgate-cache", "an integration"),
    ("x-tollgate-stage-name", "the document's root"),
    ("x-tollgate-stage-variables", "the document's root"),
    ("x-tollgate-stages", "the document's root"),
    ("x-tollgate-throttle", "the document's root, or an operation"),
    ("x-tollgate-upstream", "an integration"),
    ("x-tollgate-upstreams", "the document's root"),
];

impl Keys {
    pub const fn new(what: &'static str, plain: &'static [&'static str]) -> Keys {
        Keys { what, plain, extensions: &[] }
    }

    /// What is wrong with `key` in this object, if anything is.
    pub fn unknown(&self, key: &str) -> Option<Unknown> {
        if self.plain.contains(&key) || self.extensions.contains(&key) {
            return None;
        }
        if key.starts_with("x-") { self.unknown_extension(key) } else { Some(self.unknown_plain(key)) }
    }

    fn unknown_plain(&self, key: &str) -> Unknown {
        let known = self.plain.iter().chain(self.extensions).copied();
        let names: Vec<_> = known.filter(|name| !name.starts_with('$')).collect();
        let help = suggestion(key, &names).unwrap_or_else(|| format!("it may have {}", listed(&names)));
        Unknown { message: format!("unknown key `{key}` in {}", self.what), help }
    }

    fn unknown_extension(&self, key: &str) -> Option<Unknown> {
        if let Some((_, place)) = EXTENSIONS.iter().find(|(name, _)| *name == key) {
            let message = format!("`{key}` has no effect in {}", self.what);
            return Some(Unknown { message, help: format!("it belongs to {place}") });
        }
        let ours = key.starts_with("x-amazon-apigateway-") || key.starts_with("x-tollgate-");
        let names = EXTENSIONS.map(|(name, _)| name);
        let near = names.iter().min_by_key(|name| strsim::damerau_levenshtein(name, key));
        let near = near.filter(|name| strsim::damerau_levenshtein(name, key) <= 3);
        if !ours && near.is_none() {
            return None;
        }
        let help = near.map_or_else(
            || "API Gateway has no such extension; take it away".to_owned(),
            |name| format!("did you mean `{name}`?"),
        );
        Some(Unknown { message: format!("unknown extension `{key}` in {}", self.what), help })
    }
}

/// `did you mean …?`, where one of the names is near enough.
pub fn suggestion(word: &str, names: &[&str]) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let score = |name: &str| strsim::jaro_winkler(&lower, &name.to_ascii_lowercase());
    let best = names.iter().copied().max_by(|left, right| score(left).total_cmp(&score(right)))?;
    (score(best) > 0.82).then(|| format!("did you mean `{best}`?"))
}

pub fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub const ROOT_V2: Keys = Keys {
    what: "the document's root",
    plain: &[
        "swagger",
        "info",
        "host",
        "basePath",
        "schemes",
        "consumes",
        "produces",
        "paths",
        "definitions",
        "parameters",
        "responses",
        "securityDefinitions",
        "security",
        "tags",
        "externalDocs",
    ],
    extensions: ROOT_EXTENSIONS,
};

pub const ROOT_V3: Keys = Keys {
    what: "the document's root",
    plain: &[
        "openapi",
        "info",
        "servers",
        "paths",
        "components",
        "security",
        "tags",
        "externalDocs",
        "webhooks",
        "jsonSchemaDialect",
    ],
    extensions: ROOT_EXTENSIONS,
};

const ROOT_EXTENSIONS: &[&str] = &[
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-documentation",
    "x-amazon-apigateway-endpoint-access-mode",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-gateway-responses",
    "x-amazon-apigateway-minimum-compression-size",
    "x-amazon-apigateway-policy",
    "x-amazon-apigateway-request-validator",
    "x-amazon-apigateway-request-validators",
    "x-amazon-apigateway-security-policy",
    "x-tollgate-access-log-format",
    "x-tollgate-api-id",
    "x-tollgate-stage-name",
    "x-tollgate-stage-variables",
    "x-tollgate-stages",
    "x-tollgate-throttle",
    "x-tollgate-upstreams",
];

pub const INFO: Keys =
    Keys::new("`info`", &["title", "summary", "description", "termsOfService", "contact", "license", "version"]);

pub const SERVER: Keys = Keys {
    what: "a server",
    plain: &["url", "description", "variables"],
    extensions: &["x-amazon-apigateway-endpoint-configuration"],
};

pub const COMPONENTS: Keys = Keys {
    what: "`components`",
    plain: &[
        "schemas",
        "responses",
        "parameters",
        "examples",
        "requestBodies",
        "headers",
        "securitySchemes",
        "links",
        "callbacks",
        "pathItems",
    ],
    extensions: &["x-amazon-apigateway-integrations"],
};

pub const PATH_ITEM_V2: Keys = Keys {
    what: "a path",
    plain: &["$ref", "get", "put", "post", "delete", "options", "head", "patch", "parameters"],
    extensions: &["x-amazon-apigateway-any-method"],
};

pub const PATH_ITEM_V3: Keys = Keys {
    what: "a path",
    plain: &[
        "$ref",
        "summary",
        "description",
        "get",
        "put",
        "post",
        "delete",
        "options",
        "head",
        "patch",
        "trace",
        "servers",
        "parameters",
    ],
    extensions: &["x-amazon-apigateway-any-method"],
};

pub const OPERATION_V2: Keys = Keys {
    what: "an operation",
    plain: &[
        "tags",
        "summary",
        "description",
        "externalDocs",
        "operationId",
        "consumes",
        "produces",
        "parameters",
        "responses",
        "schemes",
        "deprecated",
        "security",
    ],
    extensions: OPERATION_EXTENSIONS,
};

pub const OPERATION_V3: Keys = Keys {
    what: "an operation",
    plain: &[
        "tags",
        "summary",
        "description",
        "externalDocs",
        "operationId",
        "parameters",
        "requestBody",
        "responses",
        "callbacks",
        "deprecated",
        "security",
        "servers",
    ],
    extensions: OPERATION_EXTENSIONS,
};

const OPERATION_EXTENSIONS: &[&str] = &[
    "x-amazon-apigateway-auth",
    "x-amazon-apigateway-integration",
    "x-amazon-apigateway-request-validator",
    "x-tollgate-throttle",
];

pub const PARAMETER_V2: Keys = Keys::new(
    "a parameter",
    &[
        "name",
        "in",
        "description",
        "required",
        "schema",
        "type",
        "format",
        "allowEmptyValue",
        "items",
        "collectionFormat",
        "default",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "enum",
        "multipleOf",
        "example",
    ],
);

pub const PARAMETER_V3: Keys = Keys::new(
    "a parameter",
    &[
        "name",
        "in",
        "description",
        "required",
        "deprecated",
        "allowEmptyValue",
        "style",
        "explode",
        "allowReserved",
        "schema",
        "example",
        "examples",
        "content",
    ],
);

pub const REQUEST_BODY: Keys = Keys::new("`requestBody`", &["description", "content", "required"]);

pub const RESPONSE_V2: Keys = Keys::new("a response", &["description", "schema", "headers", "examples"]);

pub const RESPONSE_V3: Keys = Keys::new("a response", &["description", "summary", "headers", "content", "links"]);

pub const MEDIA_TYPE: Keys = Keys::new("a media type", &["schema", "example", "examples", "encoding"]);

pub const SECURITY_SCHEME: Keys = Keys {
    what: "a security scheme",
    plain: &[
        "type",
        "description",
        "name",
        "in",
        "flow",
        "authorizationUrl",
        "tokenUrl",
        "scopes",
        "scheme",
        "bearerFormat",
        "flows",
        "openIdConnectUrl",
        "deprecated",
        "oauth2MetadataUrl",
    ],
    extensions: &["x-amazon-apigateway-authorizer", "x-amazon-apigateway-authtype", "x-tollgate-authorizer"],
};

pub const TAG: Keys = Keys {
    what: "a tag",
    plain: &["name", "description", "externalDocs", "summary", "parent", "kind"],
    extensions: &["x-amazon-apigateway-tag-value"],
};

pub const INTEGRATION: Keys = Keys {
    what: "`x-amazon-apigateway-integration`",
    plain: &[
        "type",
        "httpMethod",
        "uri",
        "connectionType",
        "connectionId",
        "integrationTarget",
        "credentials",
        "requestParameters",
        "requestTemplates",
        "passthroughBehavior",
        "contentHandling",
        "timeoutInMillis",
        "cacheNamespace",
        "cacheKeyParameters",
        "responses",
        "tlsConfig",
        "responseTransferMode",
        "payloadFormatVersion",
        "integrationSubtype",
    ],
    extensions: &["x-tollgate-cache", "x-tollgate-upstream"],
};

pub const THROTTLE_RULE: Keys =
    Keys::new("a rule of `x-tollgate-throttle`", &["rateLimit", "burstLimit", "per", "concurrency"]);

pub const UPSTREAM: Keys =
    Keys::new("an upstream", &["targets", "healthCheck", "outlier", "circuitBreaker", "retries", "mirror"]);

pub const UPSTREAM_TARGET: Keys = Keys::new("a target", &["uri", "weight"]);

pub const HEALTH_CHECK: Keys = Keys::new(
    "`healthCheck`",
    &["path", "intervalMs", "timeoutMs", "healthyAfter", "unhealthyAfter", "expectedStatus"],
);

pub const CACHE: Keys = Keys::new(
    "`x-tollgate-cache`",
    &["staleWhileRevalidateInSeconds", "staleIfErrorInSeconds", "itemBytesMax", "etag", "sharedWithAuthorization"],
);

pub const OUTLIER: Keys = Keys::new("`outlier`", &["consecutiveErrors", "ejectionMs", "ejectedPercentMax"]);

pub const CIRCUIT_BREAKER: Keys =
    Keys::new("`circuitBreaker`", &["errorPercent", "requestsMin", "windowMs", "openMs", "halfOpenRequests"]);

pub const RETRIES: Keys =
    Keys::new("`retries`", &["attemptsMax", "on", "budgetPercent", "idempotentOnly", "attemptTimeoutMs"]);

pub const MIRROR: Keys = Keys::new("`mirror`", &["uri", "percent"]);

pub const INTEGRATION_RESPONSE: Keys =
    Keys::new("an integration response", &["statusCode", "responseParameters", "responseTemplates", "contentHandling"]);

pub const TLS_CONFIG: Keys = Keys::new("`tlsConfig`", &["insecureSkipVerification", "serverNameToVerify"]);

pub const GATEWAY_RESPONSE: Keys =
    Keys::new("a gateway response", &["statusCode", "responseParameters", "responseTemplates"]);

pub const REQUEST_VALIDATOR: Keys =
    Keys::new("a request validator", &["validateRequestBody", "validateRequestParameters"]);

pub const JWT_CONFIGURATION: Keys = Keys::new("`jwtConfiguration`", &["issuer", "audience", "jwksUri", "algorithms"]);

pub const AUTHORIZER: Keys = Keys::new(
    "`x-amazon-apigateway-authorizer`",
    &[
        "type",
        "authorizerUri",
        "authorizerCredentials",
        "authorizerPayloadFormatVersion",
        "enableSimpleResponses",
        "identitySource",
        "jwtConfiguration",
        "identityValidationExpression",
        "authorizerResultTtlInSeconds",
        "providerARNs",
    ],
);

pub const OWN_AUTHORIZER: Keys = Keys::new(
    "`x-tollgate-authorizer`",
    &[
        "type",
        "uri",
        "httpMethod",
        "identitySource",
        "authorizerResultTtlInSeconds",
        "timeoutInMillis",
        "requestHeaders",
        "contextHeaders",
        "principalIdHeader",
        "realm",
    ],
);

pub const AUTH: Keys = Keys::new("`x-amazon-apigateway-auth`", &["type"]);

pub const ENDPOINT_CONFIGURATION: Keys = Keys::new(
    "`x-amazon-apigateway-endpoint-configuration`",
    &["types", "vpcEndpointIds", "disableExecuteApiEndpoint", "ipAddressType"],
);

pub const DOCUMENTATION: Keys =
    Keys::new("`x-amazon-apigateway-documentation`", &["version", "createdDate", "documentationParts"]);

pub const DOCUMENTATION_PART: Keys = Keys::new("a documentation part", &["location", "properties"]);

pub const DOCUMENTATION_LOCATION: Keys =
    Keys::new("a documentation part's location", &["type", "path", "method", "statusCode", "name"]);

pub const STAGE: Keys = Keys::new(
    "a stage",
    &[
        "description",
        "variables",
        "accessLogSettings",
        "cacheClusterEnabled",
        "cacheClusterSize",
        "methodSettings",
        "canary",
    ],
);

pub const ACCESS_LOG_SETTINGS: Keys = Keys::new("`accessLogSettings`", &["format"]);

pub const CANARY: Keys =
    Keys::new("a canary", &["document", "percentTraffic", "stageVariableOverrides", "useStageCache"]);

pub const METHOD_SETTING: Keys = Keys::new(
    "a method's settings",
    &[
        "metricsEnabled",
        "loggingLevel",
        "dataTraceEnabled",
        "throttlingBurstLimit",
        "throttlingRateLimit",
        "cachingEnabled",
        "cacheTtlInSeconds",
        "cacheDataEncrypted",
        "requireAuthorizationForCacheControl",
        "unauthorizedCacheControlHeaderStrategy",
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &Keys, key: &str, expected: &str) {
        let shown = keys.unknown(key).map(|unknown| format!("{}; {}", unknown.message, unknown.help));
        assert_eq!(shown.unwrap_or_default(), expected, "{key}");
    }

    #[test]
    fn misspellings_are_found_and_others_extensions_are_left_alone() {
        check(&ROOT_V3, "paths", "");
        check(&ROOT_V3, "pahts", "unknown key `pahts` in the document's root; did you mean `paths`?");
        check(&OPERATION_V3, "parametres", "unknown key `parametres` in an operation; did you mean `parameters`?");
        check(&ROOT_V3, "x-internal-id", "");
        check(
            &OPERATION_V3,
            "x-amazon-apigatway-integration",
            "unknown extension `x-amazon-apigatway-integration` in an operation; did you mean \
             `x-amazon-apigateway-integration`?",
        );
        check(
            &ROOT_V3,
            "x-amazon-apigateway-auth",
            "`x-amazon-apigateway-auth` has no effect in the document's root; it belongs to an operation",
        );
        check(
            &ROOT_V3,
            "x-amazon-apigateway-teapot",
            "unknown extension `x-amazon-apigateway-teapot` in the document's root; API Gateway has no such extension; \
             take it away",
        );
    }
}
