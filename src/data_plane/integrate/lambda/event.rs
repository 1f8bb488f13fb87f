//! The event that a function gets of a request: payload format 1.0, written straight as JSON.
//!
//! Members, their order and which of them are `null` are those of the service's own events. (Guide,
//! `set-up-lambda-proxy-integrations`, "Input format"; events that were recorded of it.) Paths stay as they came, escapes and
//! all; queries are decoded. `path` is what follows the stage, or with a custom domain name the base path too;
//! `requestContext.path` has both. Of a name that comes again the single map has the last value.

use std::borrow::Cow;

use ahash::AHashMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::http::encode::decimal;
use crate::http::field::FieldKind;
use crate::plan::context::ContextVariable as V;
use crate::plan::route;

use super::super::super::context::{Fact, Facts};
use super::super::super::forwarding::{Inbound, query_pairs};

/// What an event needs that is not the request's own.
pub struct Event<'e, 'r> {
    pub inbound: &'e Inbound<'r>,
    pub body: &'e [u8],
    /// By the API's `binaryMediaTypes`.
    pub is_binary: bool,
    pub trace_id: &'e [u8],
    pub operation_name: Option<&'e str>,
}

/// What most events need beside headers and body.
const EVENT_BYTES: usize = 2048;

impl Event<'_, '_> {
    pub fn to_json(&self) -> Vec<u8> {
        let body_bytes = if self.is_binary { self.body.len().div_ceil(3) * 4 } else { self.body.len() };
        let mut out = Vec::with_capacity(EVENT_BYTES + 2 * self.inbound.head.bytes + body_bytes);
        self.write(&mut out);
        out
    }

    /// What a Lambda authorizer gets of the request. Its maps are never `null`. (Guide, `api-gateway-lambda-authorizer-input`.)
    pub fn to_authorizer(&self, method_arn: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(EVENT_BYTES + 2 * self.inbound.head.bytes);
        out.extend_from_slice(b"{\"type\":\"REQUEST\",\"methodArn\":");
        string(method_arn.as_bytes(), &mut out);
        out.push(b',');
        self.write_head(b"{}", &mut out);
        out.push(b'}');
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_head(b"null", out);
        out.extend_from_slice(b",\"body\":");
        match self.body {
            [] => out.extend_from_slice(b"null"),
            body if self.is_binary => base64(body, out),
            body => string(body, out),
        }
        out.extend_from_slice(b",\"isBase64Encoded\":");
        let encoded = self.is_binary && !self.body.is_empty();
        out.extend_from_slice(if encoded { b"true}" } else { b"false}" });
    }

    /// All but the body; `nothing` is written for maps without a member.
    fn write_head(&self, nothing: &[u8], out: &mut Vec<u8>) {
        let facts = self.inbound.facts;
        out.extend_from_slice(b"\"resource\":");
        string(resource_path(facts).as_bytes(), out);
        out.extend_from_slice(b",\"path\":");
        string(self.path().as_bytes(), out);
        out.extend_from_slice(b",\"httpMethod\":");
        string(self.inbound.head.method.as_bytes(), out);
        self.write_headers(out);
        self.write_query(nothing, out);
        self.write_path_parameters(nothing, out);
        out.extend_from_slice(b",\"stageVariables\":");
        let variables = facts.stage.map_or(&[][..], |stage| &stage.variables);
        let variables = variables.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        map(variables, nothing, out);
        out.extend_from_slice(b",\"requestContext\":{");
        self.write_context(out);
        out.push(b'}');
    }

    fn path(&self) -> &str {
        let facts = self.inbound.facts;
        match if facts.base_path_bytes > 0 { facts.path } else { self.inbound.path } {
            "" => "/",
            path => path,
        }
    }

    /// All fields that are meant for whoever answers, with those that the gateway says of the client.
    fn fields(&self) -> Vec<(&str, Cow<'_, [u8]>)> {
        let inbound = self.inbound;
        let mut fields: Vec<(&str, Cow<'_, [u8]>)> = Vec::with_capacity(inbound.head.fields.len() + 5);
        let mut traced = false;
        for (field, kind) in inbound.head.fields.iter().zip(inbound.head.kinds) {
            if *kind == FieldKind::Host {
                // Not what it says, where an absolute target rules over it. (RFC 9112, 3.2.2.)
                fields.push(("Host", inbound.facts.host.as_bytes().into()));
            } else if inbound.passes_to_function(field.name, *kind) {
                traced |= field.name.eq_ignore_ascii_case(TRACE_ID);
                fields.push((field.name, field.value.into()));
            }
        }
        if !traced {
            fields.push((TRACE_ID, self.trace_id.into()));
        }
        inbound.forwarded_fields(|name, value| fields.push((name, value)));
        fields
    }

    fn write_headers(&self, out: &mut Vec<u8>) {
        let fields = self.fields();
        let same = |one: usize, other: usize| fields[one].0.eq_ignore_ascii_case(fields[other].0);
        let names: Vec<usize> = (0..fields.len()).filter(|at| !(0..*at).any(|earlier| same(earlier, *at))).collect();
        out.extend_from_slice(b",\"headers\":{");
        for (position, at) in names.iter().enumerate() {
            separate(position, out);
            string(fields[*at].0.as_bytes(), out);
            out.push(b':');
            let last = (*at..fields.len()).rev().find(|other| same(*at, *other)).unwrap_or(*at);
            field_value(&fields[last].1, out);
        }
        out.extend_from_slice(b"},\"multiValueHeaders\":{");
        for (position, at) in names.iter().enumerate() {
            separate(position, out);
            string(fields[*at].0.as_bytes(), out);
            out.extend_from_slice(b":[");
            for (position, other) in (*at..fields.len()).filter(|other| same(*at, *other)).enumerate() {
                separate(position, out);
                field_value(&fields[other].1, out);
            }
            out.push(b']');
        }
        out.push(b'}');
    }

    fn write_query(&self, nothing: &[u8], out: &mut Vec<u8>) {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = query_pairs(self.inbound.target.query).collect();
        if pairs.is_empty() {
            out.extend_from_slice(b",\"queryStringParameters\":");
            out.extend_from_slice(nothing);
            out.extend_from_slice(b",\"multiValueQueryStringParameters\":");
            out.extend_from_slice(nothing);
            return;
        }
        let groups = grouped(pairs.len(), |at| &*pairs[at].0);
        out.extend_from_slice(b",\"queryStringParameters\":");
        let last = |group: &Vec<usize>| group.last().map_or(&b""[..], |at| &pairs[*at].1);
        map(groups.iter().map(|group| (&*pairs[group[0]].0, last(group))), nothing, out);
        out.extend_from_slice(b",\"multiValueQueryStringParameters\":{");
        for (position, group) in groups.iter().enumerate() {
            separate(position, out);
            string(&pairs[group[0]].0, out);
            out.extend_from_slice(b":[");
            for (position, at) in group.iter().enumerate() {
                separate(position, out);
                string(&pairs[*at].1, out);
            }
            out.push(b']');
        }
        out.push(b'}');
    }

    /// As they were matched, with their escapes.
    fn write_path_parameters(&self, nothing: &[u8], out: &mut Vec<u8>) {
        let inbound = self.inbound;
        let names = route::parameter_names(resource_path(inbound.facts)).zip(0u8..);
        out.extend_from_slice(b",\"pathParameters\":");
        let values = names.map(|(name, index)| {
            let value = inbound.parameters.value(inbound.path, index);
            (name.as_bytes(), value.trim_end_matches('/').as_bytes())
        });
        map(values, nothing, out);
    }

    fn write_context(&self, out: &mut Vec<u8>) {
        let facts = self.inbound.facts;
        let put = |start: &str, variable: &V, out: &mut Vec<u8>| {
            out.extend_from_slice(start.as_bytes());
            value(facts.fact(variable), out);
        };
        put("\"resourceId\":", &V::ResourceId, out);
        write_authorizer(facts, out);
        put(",\"resourcePath\":", &V::ResourcePath, out);
        if let Some(name) = self.operation_name {
            out.extend_from_slice(b",\"operationName\":");
            string(name.as_bytes(), out);
        }
        put(",\"httpMethod\":", &V::HttpMethod, out);
        put(",\"extendedRequestId\":", &V::ExtendedRequestId, out);
        put(",\"requestTime\":", &V::RequestTime, out);
        put(",\"path\":", &V::Path, out);
        put(",\"accountId\":", &V::AccountId, out);
        put(",\"protocol\":", &V::Protocol, out);
        put(",\"stage\":", &V::Stage, out);
        put(",\"domainPrefix\":", &V::DomainPrefix, out);
        put(",\"requestTimeEpoch\":", &V::RequestTimeEpoch, out);
        put(",\"requestId\":", &V::RequestId, out);
        put(",\"identity\":{\"cognitoIdentityPoolId\":", &V::IdentityCognitoIdentityPoolId, out);
        put(",\"accountId\":", &V::IdentityAccountId, out);
        put(",\"cognitoIdentityId\":", &V::IdentityCognitoIdentityId, out);
        put(",\"caller\":", &V::IdentityCaller, out);
        put(",\"sourceIp\":", &V::IdentitySourceIp, out);
        put(",\"principalOrgId\":", &V::IdentityPrincipalOrgId, out);
        put(",\"accessKey\":", &V::IdentityAccessKey, out);
        put(",\"cognitoAuthenticationType\":", &V::IdentityCognitoAuthenticationType, out);
        put(",\"cognitoAuthenticationProvider\":", &V::IdentityCognitoAuthenticationProvider, out);
        put(",\"userArn\":", &V::IdentityUserArn, out);
        put(",\"userAgent\":", &V::IdentityUserAgent, out);
        put(",\"user\":", &V::IdentityUser, out);
        // These two are not there at all where no key is asked for.
        if facts.api_key.is_some() {
            put(",\"apiKey\":", &V::IdentityApiKey, out);
            put(",\"apiKeyId\":", &V::IdentityApiKeyId, out);
        }
        if facts.fact(&V::IdentityClientCertSerialNumber) != Fact::None {
            put(",\"clientCert\":{\"clientCertPem\":", &V::IdentityClientCertPem, out);
            put(",\"subjectDN\":", &V::IdentityClientCertSubjectDn, out);
            put(",\"issuerDN\":", &V::IdentityClientCertIssuerDn, out);
            put(",\"serialNumber\":", &V::IdentityClientCertSerialNumber, out);
            put(",\"validity\":{\"notBefore\":", &V::IdentityClientCertNotBefore, out);
            put(",\"notAfter\":", &V::IdentityClientCertNotAfter, out);
            out.extend_from_slice(b"}}");
        }
        put("},\"domainName\":", &V::DomainName, out);
        put(",\"deploymentId\":", &V::DeploymentId, out);
        put(",\"apiId\":", &V::ApiId, out);
    }
}

/// The field by which a request is followed through services. (Developer guide of X-Ray, `xray-concepts`, "Tracing header".)
pub const TRACE_ID: &str = "X-Amzn-Trace-Id";

fn resource_path<'e>(facts: &Facts<'e>) -> &'e str {
    facts.method.map_or("", |method| &*method.resource_path)
}

/// What an authorizer has said, text as it is; nothing without one.
fn write_authorizer(facts: &Facts<'_>, out: &mut Vec<u8>) {
    let Some(authorized) = facts.authorized else { return };
    let identity = &authorized.identity;
    if identity.principal_id.is_none() && identity.context.is_empty() && identity.claims.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"authorizer\":{");
    let start = out.len();
    let member = |name: &str, out: &mut Vec<u8>| {
        separate(out.len() - start, out);
        string(name.as_bytes(), out);
        out.push(b':');
    };
    if !identity.claims.is_empty() {
        member("claims", out);
        map(identity.claims.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), b"{}", out);
    }
    for (name, value) in &identity.context {
        member(name, out);
        string(value.as_bytes(), out);
    }
    // A token's claims come alone.
    if let Some(principal_id) = identity.principal_id.as_ref().filter(|_| identity.claims.is_empty()) {
        member("principalId", out);
        string(principal_id.as_bytes(), out);
    }
    if let Some(latency_ms) = authorized.integration_latency_ms {
        member("integrationLatency", out);
        decimal(latency_ms, out);
    }
    out.push(b'}');
}

/// Things of the same name, in the order in which the names come first. A query may have thousands of names.
pub fn grouped<'n>(count: usize, name: impl Fn(usize) -> &'n [u8]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(count.min(FEW));
    let mut known: AHashMap<&[u8], usize> = AHashMap::new();
    for at in 0..count {
        let group = if count <= FEW {
            groups.iter().position(|group| name(group[0]) == name(at))
        } else {
            let next = groups.len();
            Some(*known.entry(name(at)).or_insert(next)).filter(|group| *group < next)
        };
        match group {
            Some(group) => groups[group].push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// As many are compared with one another sooner than hashed.
const FEW: usize = 16;

fn separate(position: usize, out: &mut Vec<u8>) {
    if position > 0 {
        out.push(b',');
    }
}

/// An object of texts.
fn map<'p>(pairs: impl Iterator<Item = (&'p [u8], &'p [u8])>, nothing: &[u8], out: &mut Vec<u8>) {
    let mut empty = true;
    for (name, value) in pairs {
        out.push(if empty { b'{' } else { b',' });
        empty = false;
        string(name, out);
        out.push(b':');
        string(value, out);
    }
    out.extend_from_slice(if empty { nothing } else { b"}" });
}

fn value(fact: Fact<'_>, out: &mut Vec<u8>) {
    match fact {
        Fact::None => out.extend_from_slice(b"null"),
        Fact::Text(text) => field_value(text, out),
        Fact::Number(_) | Fact::Quoted(_) => fact.write(out),
        Fact::ClfTime(_) => {
            out.push(b'"');
            fact.write(out);
            out.push(b'"');
        }
    }
}

/// What is not UTF-8 is Latin-1, as fields' values were before. (RFC 9110, 5.5.)
fn field_value(value: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(value) {
        Ok(text) => quoted(text, out),
        Err(_) => quoted(&value.iter().map(|byte| char::from(*byte)).collect::<String>(), out),
    }
}

/// What is not UTF-8 becomes U+FFFD.
fn string(text: &[u8], out: &mut Vec<u8>) {
    quoted(&String::from_utf8_lossy(text), out);
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = first_escaped(rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte is that JSON does not have as it is.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The lowest of the bits that are set is right, whatever stands above it.
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word & HIGH;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let mut chunks = bytes.chunks_exact(8);
    let mut at = 0;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let found = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let last = chunks.remainder().iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
    last.map(|last| at + last)
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start), "base64 has four characters for three bytes");
    out.push(b'"');
}

#[cfg(test)]
mod tests;
