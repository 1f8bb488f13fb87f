//! The facts of an exchange: its ids, and what `$context` says of it.

use std::cell::Cell;

use std::borrow::Cow;

use crate::http::encode::{civil, decimal};
use crate::net::tls::client_certificate::ClientCertificate;
use crate::plan::context::ContextVariable;
use crate::plan::template::{RequestPartIndex, Text, TextPart};
use crate::plan::{MethodPlan, StagePlan};
use crate::vtl::{Context, Variable};

use super::identity::{Authorized, IamIdentity};
use super::request_parts::RequestParts;

/// `$context.requestId` (a UUID) and `$context.extendedRequestId`, as text.
#[derive(Clone, Copy)]
pub struct RequestIds {
    request: [u8; 36],
    extended: [u8; 16],
}

impl RequestIds {
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    pub fn extended(&self) -> &[u8] {
        &self.extended
    }
}

/// Makes ids: unique for as long as anybody keeps logs, not secret.
pub struct IdSource {
    state: Cell<u64>,
}

impl IdSource {
    pub fn new(seed: u64) -> IdSource {
        IdSource { state: Cell::new(seed) }
    }

    /// Wyrand: 64 well-mixed bits a step.
    fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0xA076_1D64_78BD_642F);
        self.state.set(state);
        let product = u128::from(state) * u128::from(state ^ 0xE703_7ED1_A0B4_28DB);
        (product >> 64) as u64 ^ product as u64
    }

    /// A number that nobody can foresee without the source's state: for what is decided by chance.
    pub fn draw(&self) -> u32 {
        (self.next() >> 32) as u32
    }

    pub fn ids(&self) -> RequestIds {
        RequestIds { request: uuid(self.next(), self.next()), extended: extended_id(self.next(), self.next()) }
    }
}

/// A version 4 UUID. (RFC 9562.)
fn uuid(high: u64, low: u64) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let high = high & !0xF000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (position, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
        at += usize::from(matches!(position, 4 | 6 | 8 | 10));
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// Fifteen base64 characters and a `=`, as the service's own look.
fn extended_id(high: u64, low: u64) -> [u8; 16] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = u128::from(high) << 64 | u128::from(low);
    let mut text = [b'='; 16];
    for (position, digit) in text[..15].iter_mut().enumerate() {
        // The last digit of eleven bytes carries two bits of padding.
        let mask = if position == 14 { 0b11_1100 } else { 0b11_1111 };
        *digit = DIGITS[(bits & mask) as usize];
        bits >>= 6;
    }
    text
}

/// What an error adds to the facts.
#[derive(Clone, Copy)]
pub struct ErrorFacts<'e> {
    pub message: &'e str,
    pub response_type: &'static str,
    /// What a request validator found, in detail.
    pub validation_error: Option<&'e str>,
}

/// Everything that `$context` can say, borrowed from where it is.
#[derive(Clone, Copy)]
pub struct Facts<'e> {
    pub account_id: &'e str,
    pub ids: &'e RequestIds,
    pub stage: Option<&'e StagePlan>,
    pub method: Option<&'e MethodPlan>,
    pub http_method: &'e str,
    /// As the client sent it, with the stage.
    pub path: &'e str,
    /// How much of the path, after its first slash, is the base path of a custom domain name.
    pub base_path_bytes: usize,
    pub minor: u8,
    pub source_ip: &'e str,
    pub user_agent: &'e [u8],
    pub host: &'e str,
    pub time_ms: u64,
    pub error: Option<ErrorFacts<'e>>,
    /// For the stage's gateway responses; where none was taken, there is none.
    pub request_parts: Option<&'e RequestParts>,
    /// Of a method that demands one.
    pub api_key: Option<ApiKeyFacts<'e>>,
    /// Of a method that demands authorization, once that is given.
    pub authorized: Option<&'e Authorized>,
    /// That the connection's client has proved to be its own.
    pub client_certificate: Option<&'e ClientCertificate>,
}

/// The API key that a request came with.
#[derive(Clone, Copy)]
pub struct ApiKeyFacts<'e> {
    pub value: &'e [u8],
    pub id: &'e str,
}

/// The value of a variable, borrowed from where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'e> {
    /// There is none, or not yet.
    None,
    Text(&'e [u8]),
    /// A quoted JSON string of this text.
    Quoted(&'e str),
    Number(u64),
    /// Milliseconds since 1970, as the common log format writes a time.
    ClfTime(u64),
}

impl<'e> Fact<'e> {
    fn text(text: Option<&'e str>) -> Fact<'e> {
        text.map_or(Fact::None, |text| Fact::Text(text.as_bytes()))
    }

    fn number(number: Option<u64>) -> Fact<'e> {
        number.map_or(Fact::None, Fact::Number)
    }

    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Fact::None => {}
            Fact::Text(text) => out.extend_from_slice(text),
            Fact::Quoted(text) => write_json_string(text, out),
            Fact::Number(number) => decimal(number, out),
            Fact::ClfTime(time_ms) => write_clf_time(time_ms, out),
        }
    }
}

impl<'e> Facts<'e> {
    fn has_claims(&self) -> bool {
        self.authorized.is_some_and(|by| !by.identity.claims.is_empty())
    }

    fn of_certificate(&self, text: impl FnOnce(&'e ClientCertificate) -> &'e str) -> Fact<'e> {
        Fact::text(self.client_certificate.map(text))
    }

    /// What is known while the exchange lasts. How it ended is known to its log line alone.
    pub fn fact(&self, variable: &ContextVariable) -> Fact<'e> {
        use ContextVariable as V;
        match variable {
            V::AccountId => Fact::text(self.stage.map(|_| self.account_id)),
            V::ApiId => Fact::text(self.stage.map(|stage| &*stage.api_id)),
            V::CustomDomainBasePathMatched => {
                Fact::text(self.path.get(1..=self.base_path_bytes).filter(|base_path| !base_path.is_empty()))
            }
            V::DeploymentId => Fact::text(self.stage.map(|stage| &*stage.deployment_id)),
            V::DomainName => Fact::text(Some(self.host).filter(|host| !host.is_empty())),
            V::DomainPrefix => Fact::text(domain_prefix(self.host)),
            V::EndpointType => Fact::text(self.stage.and_then(|stage| stage.endpoint_type)),
            V::ErrorMessage => Fact::text(self.error.map(|error| error.message)),
            V::ErrorMessageString => self.error.map_or(Fact::None, |error| Fact::Quoted(error.message)),
            V::ErrorResponseType => Fact::text(self.error.map(|error| error.response_type)),
            V::ErrorValidationErrorString => Fact::text(self.error.and_then(|error| error.validation_error)),
            V::ExtendedRequestId => Fact::Text(&self.ids.extended),
            V::HttpMethod => Fact::Text(self.http_method.as_bytes()),
            V::IdentityApiKey => self.api_key.map_or(Fact::None, |api_key| Fact::Text(api_key.value)),
            V::IdentityApiKeyId => Fact::text(self.api_key.map(|api_key| api_key.id)),
            V::IdentityClientCertPem => self.of_certificate(|certificate| &certificate.pem),
            V::IdentityClientCertIssuerDn => self.of_certificate(|certificate| &certificate.issuer_dn),
            V::IdentityClientCertSerialNumber => self.of_certificate(|certificate| &certificate.serial_number),
            V::IdentityClientCertSubjectDn => self.of_certificate(|certificate| &certificate.subject_dn),
            V::IdentityClientCertNotAfter => self.of_certificate(|certificate| &certificate.not_after),
            V::IdentityClientCertNotBefore => self.of_certificate(|certificate| &certificate.not_before),
            V::IdentitySourceIp => Fact::Text(self.source_ip.as_bytes()),
            V::IdentityUserAgent if self.user_agent.is_empty() => Fact::None,
            V::IdentityUserAgent => Fact::Text(self.user_agent),
            V::IsCanaryRequest => Fact::text(self.stage.and_then(|stage| stage.release.is_canary_request())),
            V::Path => Fact::Text(self.path.as_bytes()),
            V::Protocol => Fact::Text(if self.minor == 0 { b"HTTP/1.0" } else { b"HTTP/1.1" }),
            V::RequestId => Fact::Text(&self.ids.request),
            V::RequestTime => Fact::ClfTime(self.time_ms),
            V::RequestTimeEpoch => Fact::Number(self.time_ms),
            V::ResourceId => Fact::text(self.method.map(|method| &*method.resource_id)),
            V::ResourcePath => Fact::text(self.method.map(|method| &*method.resource_path)),
            V::Stage => Fact::text(self.stage.map(|stage| &*stage.stage)),
            // How the exchange ended.
            V::IntegrationError
            | V::IntegrationErrorMessage
            | V::IntegrationIntegrationStatus
            | V::IntegrationLatency
            | V::IntegrationLatencyFlat
            | V::IntegrationStatus
            | V::IntegrationStatusFlat
            | V::ResponseLatency
            | V::ResponseLength
            | V::Status => Fact::None,
            V::AuthorizerClaim(name) => Fact::text(self.authorized.and_then(|by| by.identity.claim(name))),
            V::AuthorizerProperty(name) => Fact::text(self.authorized.and_then(|by| by.identity.property(name))),
            V::AuthorizerPrincipalId => Fact::text(self.authorized.and_then(|by| by.identity.principal_id.as_deref())),
            V::AuthorizerLatency => Fact::number(self.authorized.map(|by| by.latency_ms)),
            V::AuthorizerIntegrationLatency => Fact::number(self.authorized.and_then(|by| by.integration_latency_ms)),
            V::AuthorizerStatus | V::AuthorizerIntegrationStatus => {
                Fact::number(self.authorized.and_then(|by| by.status.map(u64::from)))
            }
            V::IdentityAccessKey => Fact::text(self.iam().map(|iam| &*iam.access_key)),
            V::IdentityAccountId => Fact::text(self.iam().map(|iam| &*iam.account_id)),
            V::IdentityCaller | V::IdentityUser => Fact::text(self.iam().map(|iam| &*iam.caller)),
            V::IdentityUserArn => Fact::text(self.iam().map(|iam| &*iam.user_arn)),
            // Of services that are not here: identity pools, organisations, the steps of another gateway.
            V::AuthenticateError
            | V::AuthenticateLatency
            | V::AuthenticateStatus
            | V::AuthorizeError
            | V::AuthorizeLatency
            | V::AuthorizeStatus
            | V::AuthorizerError
            | V::AuthorizerRequestId
            | V::IdentityCognitoAuthenticationProvider
            | V::IdentityCognitoAuthenticationType
            | V::IdentityCognitoIdentityId
            | V::IdentityCognitoIdentityPoolId
            | V::IdentityPrincipalOrgId => Fact::None,
            // Client certificates, private endpoints, web ACLs, traces; AWS services as integrations.
            V::AwsEndpointRequestId
            | V::IdentityVpcId
            | V::IdentityVpceId
            | V::IntegrationRequestId
            | V::WafError
            | V::WafLatency
            | V::WafStatus
            | V::WafResponseCode
            | V::WebaclArn
            | V::XrayTraceId => Fact::None,
            // The template engine's own.
            V::RequestOverride(_) | V::ResponseOverride(_) => Fact::None,
        }
    }

    fn iam(&self) -> Option<&'e IamIdentity> {
        self.authorized?.identity.iam.as_deref()
    }

    pub fn request_part(&self, index: RequestPartIndex) -> Option<&'e [u8]> {
        self.request_parts?.value(index)
    }

    /// Appends a variable's value; one that has none here is empty, as in AWS.
    pub fn write(&self, variable: &ContextVariable, out: &mut Vec<u8>) {
        self.fact(variable).write(out);
    }

    pub fn write_text(&self, text: &Text, out: &mut Vec<u8>) {
        for part in &text.parts {
            match part {
                TextPart::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                TextPart::Context(variable) => self.write(variable, out),
                TextPart::Request(index) => out.extend_from_slice(self.request_part(*index).unwrap_or_default()),
            }
        }
    }
}

/// What templates see. The one number is the epoch's milliseconds; statuses and latencies are an access log's alone.
impl Context for Facts<'_> {
    fn variable(&self, name: &str) -> Variable<'_> {
        // `$context.authorizer.claims['custom:name']`; a Lambda authorizer may say something by that name itself.
        if name == "authorizer.claims" && self.has_claims() {
            return Variable::Group;
        }
        let Some(variable) = ContextVariable::named(name) else {
            return if ContextVariable::is_group(name) { Variable::Group } else { Variable::Missing };
        };
        match self.fact(&variable) {
            Fact::None => Variable::Missing,
            Fact::Text(text) => Variable::Text(String::from_utf8_lossy(text)),
            Fact::Number(number) => i64::try_from(number).map_or(Variable::Missing, Variable::Int),
            made @ (Fact::Quoted(_) | Fact::ClfTime(_)) => {
                let mut text = Vec::new();
                made.write(&mut text);
                Variable::Text(Cow::Owned(String::from_utf8_lossy(&text).into_owned()))
            }
        }
    }
}

/// The first label of a host; none of an address.
fn domain_prefix(host: &str) -> Option<&str> {
    if host.starts_with('[') {
        return None;
    }
    let name = host.split(':').next().unwrap_or(host);
    let address = name.parse::<std::net::Ipv4Addr>().is_ok();
    name.split('.').next().filter(|prefix| !prefix.is_empty() && !address)
}

/// Appends `22/Nov/2026:19:04:28 +0000`.
pub fn write_clf_time(time_ms: u64, out: &mut Vec<u8>) {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (year, month, day) = civil((time_ms / 86_400_000) as i64);
    let second = time_ms / 1000 % 86_400;
    padded(day as u64, 2, out);
    out.push(b'/');
    out.extend_from_slice(MONTHS[(month as usize).clamp(1, 12) - 1]);
    out.push(b'/');
    padded(year as u64, 4, out);
    for number in [second / 3600, second / 60 % 60, second % 60] {
        out.push(b':');
        padded(number, 2, out);
    }
    out.extend_from_slice(b" +0000");
}

/// Appends the last `digits` digits of a number.
pub fn padded(number: u64, digits: u32, out: &mut Vec<u8>) {
    for position in (0..digits).rev() {
        out.push(b'0' + (number / 10u64.pow(position) % 10) as u8);
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_json_bytes(text.as_bytes(), usize::MAX, out);
    out.push(b'"');
}

/// Appends at most `bytes_max` of `bytes` as the inside of a JSON string. Bytes beyond ASCII become escapes of the
/// Latin-1 character: fields are not bound to be UTF-8, a log line is.
pub fn write_json_bytes(bytes: &[u8], bytes_max: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in &bytes[..bytes.len().min(bytes_max)] {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7E => out.push(*byte),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_as_they_should() {
        let source = IdSource::new(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let ids = source.ids();
            let text = std::str::from_utf8(ids.request()).expect("ASCII").to_owned();
            assert_eq!((text.as_bytes()[14], text.matches('-').count()), (b'4', 4), "{text}");
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert_eq!(ids.extended()[15], b'=');
            assert!(seen.insert(text), "an id came twice");
        }
    }

    #[test]
    fn templates_see_groups_numbers_and_nothing() {
        let ids = IdSource::new(1).ids();
        let facts = Facts {
            account_id: "123456789012",
            ids: &ids,
            stage: None,
            method: None,
            http_method: "GET",
            path: "/prod/a",
            base_path_bytes: 0,
            minor: 1,
            source_ip: "192.0.2.1",
            user_agent: b"curl/8",
            host: "api.example.com:8443",
            time_ms: 1_795_305_599_042,
            error: Some(ErrorFacts { message: "a \"b\"", response_type: "THROTTLED", validation_error: None }),
            request_parts: None,
            api_key: None,
            authorized: None,
            client_certificate: None,
        };
        #[track_caller]
        fn check(facts: &Facts<'_>, name: &str, expected: &str) {
            let shown = match facts.variable(name) {
                Variable::Missing => "missing".to_owned(),
                Variable::Group => "group".to_owned(),
                Variable::Text(text) => text.into_owned(),
                Variable::Int(number) => format!("number {number}"),
                Variable::Json(json) => json.to_string(),
            };
            assert_eq!(shown, expected, "{name}");
        }
        check(&facts, "identity", "group");
        check(&facts, "identity.sourceIp", "192.0.2.1");
        check(&facts, "identity.userAgent", "curl/8");
        check(&facts, "identity.apiKey", "missing");
        check(&facts, "authorizer.claims", "missing");
        check(&facts, "nothing", "missing");
        check(&facts, "requestTime", "21/Nov/2026:23:59:59 +0000");
        check(&facts, "requestTimeEpoch", "number 1795305599042");
        check(&facts, "domainName", "api.example.com:8443");
        check(&facts, "domainPrefix", "api");
        check(&facts, "error.messageString", r#""a \"b\"""#);
        check(&facts, "accountId", "missing");
        check(&facts, "status", "missing");
        check(&Facts { host: "127.0.0.1:80", ..facts }, "domainPrefix", "missing");
        check(&facts, "customDomain.basePathMatched", "missing");
        let api_key = Some(ApiKeyFacts { value: b"secret", id: "k1" });
        check(&Facts { api_key, ..facts }, "identity.apiKey", "secret");
        check(&Facts { api_key, ..facts }, "identity.apiKeyId", "k1");
        check(&Facts { base_path_bytes: 4, ..facts }, "customDomain.basePathMatched", "prod");
        check(&facts, "identity.clientCert.subjectDN", "missing");
        let certificate = ClientCertificate {
            pem: "PEM\n".into(),
            subject_dn: "CN=a".into(),
            issuer_dn: "CN=b".into(),
            serial_number: "1".into(),
            not_before: "May 28 12:30:02 2019 GMT".into(),
            not_after: "Aug  5 09:36:04 2121 GMT".into(),
        };
        let certified = Facts { client_certificate: Some(&certificate), ..facts };
        check(&certified, "identity.clientCert", "group");
        check(&certified, "identity.clientCert.validity", "group");
        check(&certified, "identity.clientCert.clientCertPem", "PEM\n");
        check(&certified, "identity.clientCert.subjectDN", "CN=a");
        check(&certified, "identity.clientCert.issuerDN", "CN=b");
        check(&certified, "identity.clientCert.serialNumber", "1");
        check(&certified, "identity.clientCert.validity.notBefore", "May 28 12:30:02 2019 GMT");
        check(&certified, "identity.clientCert.validity.notAfter", "Aug  5 09:36:04 2121 GMT");
        check(&Facts { host: "[::1]:80", ..facts }, "domainPrefix", "missing");
    }

    #[test]
    fn json_strings_are_escaped() {
        let mut out = Vec::new();
        write_json_bytes(b"a\"b\\c\r\n\x1b\xe9\x7f", usize::MAX, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), r#"a\"b\\c\u000d\n\u001b\u00e9\u007f"#);
        out.clear();
        write_json_bytes(b"abcdef", 3, &mut out);
        assert_eq!(out, b"abc");
    }
}
