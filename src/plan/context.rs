//! The variables of `$context`: one table for templates, parameter mappings, gateway responses and access logs.
//!
//! The names are those of the guide's two lists, `api-gateway-mapping-template-reference` and
//! `api-gateway-variables-for-access-logging`, read case-sensitively as there. A name that AWS knows is accepted wherever
//! AWS accepts it, also where its subject (an authorizer, an API key, a web ACL) does not exist here: such a variable has
//! no value, as with AWS on a stage without one.

use std::sync::Arc;

/// `(variant, name)`; then the families of names whose last part the API's author chooses, which they hold.
macro_rules! context_variables {
    ($($variant:ident $name:literal,)* ; $($family:ident $prefix:literal,)*) => {
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum ContextVariable { $($variant,)* $($family(Arc<str>),)* }

        impl ContextVariable {
            /// Every variable that has one name.
            pub const ALL: &'static [ContextVariable] = &[$(ContextVariable::$variant,)*];

            const FAMILIES: &'static [(&'static str, fn(Arc<str>) -> ContextVariable)] =
                &[$(($prefix, ContextVariable::$family),)*];

            /// The name that follows `$context.` (or `context.` in a parameter mapping); of a family, its beginning.
            pub fn name(&self) -> &'static str {
                match self {
                    $(ContextVariable::$variant => $name,)*
                    $(ContextVariable::$family(_) => $prefix,)*
                }
            }

            pub fn named(name: &str) -> Option<ContextVariable> {
                match name {
                    $($name => Some(ContextVariable::$variant),)*
                    _ => Self::of_family(name),
                }
            }
        }
    };
}

context_variables! {
    AccountId "accountId",
    ApiId "apiId",
    AuthenticateError "authenticate.error",
    AuthenticateLatency "authenticate.latency",
    AuthenticateStatus "authenticate.status",
    AuthorizeError "authorize.error",
    AuthorizeLatency "authorize.latency",
    AuthorizeStatus "authorize.status",
    AuthorizerError "authorizer.error",
    AuthorizerIntegrationLatency "authorizer.integrationLatency",
    AuthorizerIntegrationStatus "authorizer.integrationStatus",
    AuthorizerLatency "authorizer.latency",
    AuthorizerPrincipalId "authorizer.principalId",
    AuthorizerRequestId "authorizer.requestId",
    AuthorizerStatus "authorizer.status",
    AwsEndpointRequestId "awsEndpointRequestId",
    CustomDomainBasePathMatched "customDomain.basePathMatched",
    DeploymentId "deploymentId",
    DomainName "domainName",
    DomainPrefix "domainPrefix",
    EndpointType "endpointType",
    ErrorMessage "error.message",
    ErrorMessageString "error.messageString",
    ErrorResponseType "error.responseType",
    ErrorValidationErrorString "error.validationErrorString",
    ExtendedRequestId "extendedRequestId",
    HttpMethod "httpMethod",
    IdentityAccessKey "identity.accessKey",
    IdentityAccountId "identity.accountId",
    IdentityApiKey "identity.apiKey",
    IdentityApiKeyId "identity.apiKeyId",
    IdentityCaller "identity.caller",
    IdentityClientCertPem "identity.clientCert.clientCertPem",
    IdentityClientCertIssuerDn "identity.clientCert.issuerDN",
    IdentityClientCertSerialNumber "identity.clientCert.serialNumber",
    IdentityClientCertSubjectDn "identity.clientCert.subjectDN",
    IdentityClientCertNotAfter "identity.clientCert.validity.notAfter",
    IdentityClientCertNotBefore "identity.clientCert.validity.notBefore",
    IdentityCognitoAuthenticationProvider "identity.cognitoAuthenticationProvider",
    IdentityCognitoAuthenticationType "identity.cognitoAuthenticationType",
    IdentityCognitoIdentityId "identity.cognitoIdentityId",
    IdentityCognitoIdentityPoolId "identity.cognitoIdentityPoolId",
    IdentityPrincipalOrgId "identity.principalOrgId",
    IdentitySourceIp "identity.sourceIp",
    IdentityUser "identity.user",
    IdentityUserAgent "identity.userAgent",
    IdentityUserArn "identity.userArn",
    IdentityVpcId "identity.vpcId",
    IdentityVpceId "identity.vpceId",
    IntegrationError "integration.error",
    IntegrationIntegrationStatus "integration.integrationStatus",
    IntegrationLatency "integration.latency",
    IntegrationRequestId "integration.requestId",
    IntegrationStatus "integration.status",
    IntegrationErrorMessage "integrationErrorMessage",
    IntegrationLatencyFlat "integrationLatency",
    IntegrationStatusFlat "integrationStatus",
    IsCanaryRequest "isCanaryRequest",
    Path "path",
    Protocol "protocol",
    RequestId "requestId",
    RequestTime "requestTime",
    RequestTimeEpoch "requestTimeEpoch",
    ResourceId "resourceId",
    ResourcePath "resourcePath",
    ResponseLatency "responseLatency",
    ResponseLength "responseLength",
    Stage "stage",
    Status "status",
    WafError "waf.error",
    WafLatency "waf.latency",
    WafStatus "waf.status",
    WafResponseCode "wafResponseCode",
    WebaclArn "webaclArn",
    XrayTraceId "xrayTraceId",
    ;
    AuthorizerClaim "authorizer.claims.",
    // After the claims, whose names it would take.
    AuthorizerProperty "authorizer.",
    // What a template has set; the template engine keeps these itself, and nobody else sees them.
    RequestOverride "requestOverride.",
    ResponseOverride "responseOverride.",
}

impl ContextVariable {
    #[cold]
    fn of_family(name: &str) -> Option<ContextVariable> {
        let (prefix, of_name) = Self::FAMILIES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
        let rest = &name[prefix.len()..];
        let known =
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
        known.then(|| of_name(rest.into()))
    }

    /// Whether variables stand below this name, as below `identity`. What an access log alone has is no group of a
    /// template's.
    pub fn is_group(name: &str) -> bool {
        matches!(
            name,
            "authorizer" | "identity" | "identity.clientCert" | "identity.clientCert.validity" | "customDomain"
        )
    }

    /// Whether it says who calls, as the method's authorization has proved it. An API key and an address are nobody's
    /// alone, and an account has many users.
    pub fn is_of_caller(&self) -> bool {
        let of_signer = matches!(
            self,
            ContextVariable::IdentityAccessKey
                | ContextVariable::IdentityCaller
                | ContextVariable::IdentityUser
                | ContextVariable::IdentityUserArn
        );
        of_signer || self.name().starts_with("authorizer.")
    }

    /// The name that somebody may have meant, for messages.
    pub fn nearest(name: &str) -> Option<&'static str> {
        let score = |known: &ContextVariable| strsim::jaro_winkler(known.name(), name);
        let best = Self::ALL.iter().max_by(|left, right| score(left).total_cmp(&score(right)))?;
        (score(best) > 0.85).then(|| best.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_found_by_its_name() {
        for variable in ContextVariable::ALL {
            assert_eq!(ContextVariable::named(variable.name()), Some(variable.clone()));
        }
    }

    #[test]
    fn names() {
        #[track_caller]
        fn check(name: &str, expected: Option<ContextVariable>) {
            assert_eq!(ContextVariable::named(name), expected, "{name}");
        }
        check("authorizer.claims.sub", Some(ContextVariable::AuthorizerClaim("sub".into())));
        check("authorizer.tenant_id", Some(ContextVariable::AuthorizerProperty("tenant_id".into())));
        check("responseOverride.header.x-a", Some(ContextVariable::ResponseOverride("header.x-a".into())));
        check("authorizer", None);
        check("authorizer.", None);
        check("authorizer.a b", None);
        check("RequestId", None);
        check("", None);
        assert_eq!(ContextVariable::nearest("requestid"), Some("requestId"));
        assert_eq!(ContextVariable::nearest("identity.sourceIP"), Some("identity.sourceIp"));
        assert_eq!(ContextVariable::nearest("zzz"), None);
    }
}
