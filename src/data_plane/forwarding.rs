//! From a client's request to the origin's: the head is built from parsed parts, never copied.
//!
//! Dropped: what is meant for one hop (RFC 9110, 7.6.1), what `Connection` names, names that are the gateway's own, and
//! whatever a mapping sets. Added: `Host`, the mapped fields, `X-Forwarded-*`, `Via`. What a client says in
//! `X-Forwarded-*` and `Forwarded` is only kept where the peer is trusted.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

use crate::http::encode;
use crate::http::field::{FieldKind, is_twin, list_members};
use crate::http::head::{Framing, RequestHead};
use crate::http::target::{Target, push_percent};
use crate::jsonpath::Allowance;
use crate::net::tls::VerifiedClient;
use crate::plan::integration::{HttpIntegration, MappedParameter, PathPart};
use crate::plan::lambda::ServiceCall;
use crate::plan::route::PathParameters;
use crate::plan::template::{BodyPath, ValueSource};
use crate::vtl;

use super::context::{Fact, Facts};
use super::respond::GatewayError;
use super::settings::ForwardingSettings;

/// Names that a client's field must not come near by `_` or `.`: they decide who somebody is or what is asked for.
const GUARDED: [&str; 10] = [
    "content-length",
    "forwarded",
    "host",
    "transfer-encoding",
    "x-amzn-apigateway-api-id",
    "x-amzn-requestid",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

/// What a connection knows of its client, as text that is ready to be sent.
#[derive(Clone)]
pub struct Client {
    pub address: IpAddr,
    pub address_text: Box<str>,
    pub trusted: bool,
    tls: bool,
    port_text: Box<str>,
    /// `X-Forwarded-For`, `-Proto` and `-Port` for peers that are not trusted.
    lines: Vec<u8>,
    /// Who it has proved to be by a certificate; no header says so.
    pub verified: Option<Rc<VerifiedClient>>,
}

impl Client {
    pub fn new(address: IpAddr, local_port: u16, tls: bool, settings: &ForwardingSettings) -> Client {
        let address = address.to_canonical();
        let mut client = Client {
            address,
            address_text: address.to_string().into(),
            trusted: settings.trusts(address),
            tls,
            port_text: local_port.to_string().into(),
            lines: Vec::new(),
            verified: None,
        };
        let mut lines = Vec::new();
        encode::field("X-Forwarded-For", client.address_text.as_bytes(), &mut lines);
        encode::field("X-Forwarded-Proto", client.scheme().as_bytes(), &mut lines);
        encode::field("X-Forwarded-Port", client.port_text.as_bytes(), &mut lines);
        client.lines = lines;
        client
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// `$context.identity.sourceIp`: the peer, or the nearest address in `X-Forwarded-For` that is no trusted proxy.
pub fn source_ip(head: &RequestHead<'_, '_>, client: &Client, settings: &ForwardingSettings) -> Option<IpAddr> {
    if !client.trusted {
        return None;
    }
    let mut nearest = None;
    for (field, kind) in head.fields.iter().zip(head.kinds).rev() {
        if *kind != FieldKind::XForwardedFor {
            continue;
        }
        let members: Vec<&[u8]> = list_members(field.value).collect();
        for member in members.into_iter().rev() {
            let address: IpAddr = std::str::from_utf8(member).ok()?.parse().ok()?;
            if !settings.trusts(address) {
                return Some(address);
            }
            nearest = Some(address);
        }
    }
    nearest
}

/// One request on its way to an integration.
pub struct Inbound<'r> {
    pub head: &'r RequestHead<'r, 'r>,
    pub target: &'r Target<'r>,
    /// The path behind the stage, of which `parameters` are ranges.
    pub path: &'r str,
    pub parameters: &'r PathParameters,
    pub facts: &'r Facts<'r>,
    pub client: &'r Client,
    pub settings: &'r ForwardingSettings,
    /// The body's type as the integration is told it.
    pub content_type: Option<&'r [u8]>,
    /// How the body goes to the integration.
    pub framing: Framing,
    /// Where all of it is there.
    pub body: Option<&'r vtl::Body<'r>>,
    /// The answer is to be kept for others: it is asked for whole, uncoded, and whatever this client has of it.
    pub fills_cache: bool,
}

/// What makes an answer one client's.
const OF_ONE_CLIENT: [&str; 7] =
    ["accept-encoding", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

impl Inbound<'_> {
    /// Whether the client sent a field that a careless origin would take for one that only the gateway may set.
    pub fn has_refused_twin(&self, mapped: &[MappedParameter]) -> bool {
        !self.settings.drop_twins && self.head.fields.iter().any(|field| is_twin_of_ours(field.name, mapped))
    }

    /// What the integration is told of the client's scheme.
    pub fn scheme(&self) -> &[u8] {
        let told = self.fields_of(FieldKind::XForwardedProto).next().filter(|_| self.client.trusted);
        told.map_or(self.client.scheme().as_bytes(), |(field, _)| field.value)
    }

    /// Appends the head of the request to make, up to and with the empty line.
    ///
    /// # Errors
    /// [`GatewayError::BadRequestParameters`] where a value has no place where the mapping puts it.
    pub fn write_head(
        &self,
        integration: &HttpIntegration,
        host_line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), GatewayError> {
        out.extend_from_slice(integration.http_method.as_deref().unwrap_or(self.head.method).as_bytes());
        out.push(b' ');
        self.write_target(integration, out)?;
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if !integration.headers.iter().any(|mapped| mapped.name.eq_ignore_ascii_case("host")) {
            out.extend_from_slice(host_line);
        }
        if integration.proxy {
            self.write_passed_fields(&integration.headers, out);
        } else {
            self.write_few_fields(integration.service.as_deref(), &integration.headers, out);
        }
        self.write_mapped_fields(&integration.headers, out)?;
        match &integration.service {
            // Who the client is, is none of a service's business.
            Some(service) => write_service_fields(service, &integration.headers, out),
            None => self.write_forwarded(out),
        }
        if let Some(stage) = self.facts.stage {
            encode::field("x-amzn-apigateway-api-id", stage.api_id.as_bytes(), out);
        }
        self.write_framing(integration.http_method.as_deref().unwrap_or(self.head.method), out);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn write_target(&self, integration: &HttpIntegration, out: &mut Vec<u8>) -> Result<(), GatewayError> {
        for part in &integration.path {
            match part {
                PathPart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                PathPart::Value(_, ValueSource::PathParameter(index)) => {
                    out.extend_from_slice(self.parameters.value(self.path, *index).as_bytes());
                }
                PathPart::Value(_, source) => {
                    let mut value = Vec::new();
                    self.write_value(source, &mut value);
                    // Dots cannot be escaped, and would climb at an origin that resolves escaped slashes.
                    let mut pieces = value.split(|byte| matches!(byte, b'/' | b'\\'));
                    if value.is_empty() || pieces.any(|piece| matches!(piece, b"." | b"..")) {
                        return Err(GatewayError::BadRequestParameters);
                    }
                    write_escaped(&value, out);
                }
            }
        }
        let mut separator = b'?';
        let mut part = |text: &[u8], out: &mut Vec<u8>| {
            if !text.is_empty() {
                out.push(separator);
                separator = b'&';
                out.extend_from_slice(text);
            }
        };
        part(integration.query.as_bytes(), out);
        if integration.query_parameters.is_empty() {
            part(if integration.proxy { self.target.query.unwrap_or("").as_bytes() } else { b"" }, out);
            return Ok(());
        }
        let passed = if integration.proxy { self.target.query.unwrap_or("") } else { "" };
        for pair in passed.split('&') {
            let name = form_decoded(pair.split('=').next().unwrap_or(pair));
            if !integration.query_parameters.iter().any(|mapped| mapped.name.as_bytes() == name) {
                part(pair.as_bytes(), out);
            }
        }
        for mapped in &integration.query_parameters {
            for value in self.query_values(&mapped.source) {
                let mut pair = Vec::new();
                write_escaped(mapped.name.as_bytes(), &mut pair);
                pair.push(b'=');
                write_escaped(&value, &mut pair);
                part(&pair, out);
            }
        }
        Ok(())
    }

    /// `http_proxy`: all fields that are meant for the origin.
    fn write_passed_fields(&self, mapped: &[MappedParameter], out: &mut Vec<u8>) {
        for (field, kind) in self.head.fields.iter().zip(self.head.kinds) {
            if self.is_said_anew(*kind) {
                continue;
            }
            if self.fills_cache && OF_ONE_CLIENT.iter().any(|name| name.eq_ignore_ascii_case(field.name)) {
                continue;
            }
            let replaced = mapped.iter().any(|mapped| mapped.name.eq_ignore_ascii_case(field.name));
            if !replaced && !self.head.is_nominated(field.name) && !is_twin_of_ours(field.name, mapped) {
                encode::field(field.name, field.value, out);
            }
        }
    }

    /// Whether a field is of the message or the connection that it came on, or not the client's to say: whoever is asked gets
    /// the gateway's own in its place, or none.
    fn is_said_anew(&self, kind: FieldKind) -> bool {
        match kind {
            FieldKind::Connection
            | FieldKind::ContentLength
            | FieldKind::Expect
            | FieldKind::GatewayOwned
            | FieldKind::HopByHop
            | FieldKind::Host
            | FieldKind::Te
            | FieldKind::Trailer
            | FieldKind::TransferEncoding
            | FieldKind::XForwardedFor => true,
            FieldKind::Forwarded
            | FieldKind::XForwardedHost
            | FieldKind::XForwardedPort
            | FieldKind::XForwardedProto => !self.client.trusted,
            FieldKind::ContentType | FieldKind::Date | FieldKind::UserAgent | FieldKind::Via | FieldKind::Other => {
                false
            }
        }
    }

    /// Whether a field of the client's is a function's to know. `Host` and `X-Forwarded-For` are said anew.
    pub fn passes_to_function(&self, name: &str, kind: FieldKind) -> bool {
        let of_one_client = self.fills_cache && OF_ONE_CLIENT.iter().any(|known| known.eq_ignore_ascii_case(name));
        !self.is_said_anew(kind) && !of_one_client && !self.head.is_nominated(name) && !is_twin_of_ours(name, &[])
    }

    /// The values of a field as functions are told it; `name` in lower case.
    pub fn told_values<'f>(&'f self, name: &str, mut value: impl FnMut(Cow<'f, [u8]>)) {
        for (field, kind) in self.head.fields.iter().zip(self.head.kinds) {
            if !field.name.eq_ignore_ascii_case(name) {
                continue;
            }
            if *kind == FieldKind::Host {
                value(self.facts.host.as_bytes().into());
            } else if self.passes_to_function(field.name, *kind) {
                value(field.value.into());
            }
        }
        if name.starts_with("x-forwarded-") {
            self.forwarded_fields(|told, of_client| {
                if told.eq_ignore_ascii_case(name) {
                    value(of_client);
                }
            });
        }
    }

    /// What the gateway says of the client, as AWS does: `X-Forwarded-For`, `-Port` and `-Proto`, but for what a trusted
    /// peer has said of the last two.
    pub fn forwarded_fields<'f>(&'f self, mut field: impl FnMut(&'static str, Cow<'f, [u8]>)) {
        let client = self.client;
        let mut addresses = Vec::new();
        if client.trusted {
            for (field, _) in self.fields_of(FieldKind::XForwardedFor) {
                addresses.extend_from_slice(field.value);
                addresses.extend_from_slice(b", ");
            }
        }
        addresses.extend_from_slice(client.address_text.as_bytes());
        field("X-Forwarded-For", addresses.into());
        let missing = |kind| !client.trusted || self.fields_of(kind).next().is_none();
        if missing(FieldKind::XForwardedPort) {
            field("X-Forwarded-Port", client.port_text.as_bytes().into());
        }
        if missing(FieldKind::XForwardedProto) {
            field("X-Forwarded-Proto", client.scheme().as_bytes().into());
        }
    }

    /// `http`: nothing passes unless it is mapped, but for what the body is.
    fn write_few_fields(&self, service: Option<&ServiceCall>, mapped: &[MappedParameter], out: &mut Vec<u8>) {
        let is_mapped = |name: &str| mapped.iter().any(|mapped| mapped.name.eq_ignore_ascii_case(name));
        let of_service = service.and_then(|service| service.content_type.as_deref()).map(str::as_bytes);
        if let Some(content_type) = of_service.or(self.content_type)
            && !is_mapped("content-type")
        {
            encode::field("Content-Type", content_type, out);
        }
        if !is_mapped("user-agent") {
            out.extend_from_slice(b"User-Agent: AmazonAPIGateway_");
            out.extend_from_slice(self.facts.stage.map_or(b"", |stage| stage.api_id.as_bytes()));
            out.extend_from_slice(b"\r\n");
        }
    }

    fn write_mapped_fields(&self, mapped: &[MappedParameter], out: &mut Vec<u8>) -> Result<(), GatewayError> {
        for mapped in mapped {
            let start = out.len();
            out.extend_from_slice(mapped.name.as_bytes());
            out.extend_from_slice(b": ");
            let value_at = out.len();
            if !self.write_value(&mapped.source, out) {
                out.truncate(start);
                continue;
            }
            if !encode::is_field_value(&out[value_at..]) {
                return Err(GatewayError::BadRequestParameters);
            }
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn write_forwarded(&self, out: &mut Vec<u8>) {
        // Not the `Host` field, over which an absolute target rules: the host that selected the API. (RFC 9112, 3.2.2.)
        let host = self.facts.host;
        if self.client.trusted {
            self.write_forwarded_for_trusted(out);
        } else {
            out.extend_from_slice(&self.client.lines);
            encode::field("X-Forwarded-Host", host.as_bytes(), out);
        }
        if let Some(via) = &self.settings.via {
            out.extend_from_slice(if self.head.minor == 0 { b"Via: 1.0 " } else { b"Via: 1.1 " });
            out.extend_from_slice(via.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if self.settings.forwarded_header {
            let bracketed = self.client.address.is_ipv6();
            out.extend_from_slice(if bracketed { b"Forwarded: for=\"[" } else { b"Forwarded: for=" });
            out.extend_from_slice(self.client.address_text.as_bytes());
            out.extend_from_slice(if bracketed { b"]\";host=\"" } else { b";host=\"" });
            out.extend_from_slice(host.as_bytes());
            out.extend_from_slice(b"\";proto=");
            out.extend_from_slice(self.client.scheme().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the peer to what it said, and keeps the rest of what it said.
    fn write_forwarded_for_trusted(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"X-Forwarded-For: ");
        for (field, _) in self.fields_of(FieldKind::XForwardedFor) {
            out.extend_from_slice(field.value);
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(self.client.address_text.as_bytes());
        out.extend_from_slice(b"\r\n");
        let missing = |kind| self.fields_of(kind).next().is_none();
        if missing(FieldKind::XForwardedProto) {
            encode::field("X-Forwarded-Proto", self.client.scheme().as_bytes(), out);
        }
        if missing(FieldKind::XForwardedPort) {
            encode::field("X-Forwarded-Port", self.client.port_text.as_bytes(), out);
        }
        if missing(FieldKind::XForwardedHost) {
            encode::field("X-Forwarded-Host", self.facts.host.as_bytes(), out);
        }
    }

    fn fields_of(&self, kind: FieldKind) -> impl Iterator<Item = (&crate::http::head::Field<'_>, FieldKind)> {
        self.head.fields.iter().zip(self.head.kinds.iter().copied()).filter(move |(_, found)| *found == kind)
    }

    fn write_framing(&self, http_method: &str, out: &mut Vec<u8>) {
        match self.framing {
            Framing::Length(length) => encode::content_length(length, out),
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::None if matches!(http_method, "POST" | "PUT" | "PATCH") => encode::content_length(0, out),
            Framing::None | Framing::UntilClose => {}
        }
    }

    /// Appends the value of a source; `false` when the request has none.
    fn write_value(&self, source: &ValueSource, out: &mut Vec<u8>) -> bool {
        match source {
            ValueSource::Static(text) => out.extend_from_slice(text.as_bytes()),
            ValueSource::PathParameter(index) => {
                out.extend_from_slice(&percent_decoded(self.parameters.value(self.path, *index)));
            }
            ValueSource::QueryString(name) => return self.write_query_value(name, out),
            ValueSource::Header(name) => {
                let mut fields = self.head.fields.iter().rev();
                let Some(field) = fields.find(|field| field.name.eq_ignore_ascii_case(name)) else { return false };
                out.extend_from_slice(field.value);
            }
            ValueSource::Context(variable) => match self.facts.fact(variable) {
                Fact::None => return false,
                fact => fact.write(out),
            },
            ValueSource::MultiValueQueryString(_) => return write_joined(&self.query_values(source), out),
            ValueSource::MultiValueHeader(name) => {
                let fields = self.head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
                return write_joined(&fields.map(|field| field.value).collect::<Vec<_>>(), out);
            }
            ValueSource::Body => match self.body {
                Some(body) => out.extend_from_slice(body.text().as_bytes()),
                None => return false,
            },
            ValueSource::BodyPath(path) => return self.body.is_some_and(|body| write_found(body, path, out)),
        }
        true
    }

    /// The values of a source for the query: a parameter that came several times goes out as often.
    fn query_values(&self, source: &ValueSource) -> Vec<Vec<u8>> {
        if let ValueSource::MultiValueQueryString(name) = source {
            let pairs = query_pairs(self.target.query);
            return pairs.filter(|(found, _)| found == name.as_bytes()).map(|(_, value)| value).collect();
        }
        let mut value = Vec::new();
        if self.write_value(source, &mut value) { vec![value] } else { Vec::new() }
    }

    fn write_query_value(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let found = query_pairs(self.target.query).find(|(found, _)| found == name.as_bytes());
        found.map(|(_, value)| out.extend_from_slice(&value)).is_some()
    }
}

/// What is said to a service of AWS beside what is mapped. AWS asks for JSON, which services of the query protocol give
/// only to who does.
fn write_service_fields(service: &ServiceCall, mapped: &[MappedParameter], out: &mut Vec<u8>) {
    let is_mapped = |name: &str| mapped.iter().any(|mapped| mapped.name.eq_ignore_ascii_case(name));
    if !is_mapped("accept") {
        encode::field("Accept", b"application/json", out);
    }
    if let Some(target) = service.target.as_deref().filter(|_| !is_mapped("x-amz-target")) {
        encode::field("X-Amz-Target", target.as_bytes(), out);
    }
}

/// Names and values, decoded.
pub fn query_pairs(query: Option<&str>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decoded(name), form_decoded(value))
    })
}

/// Whether there is any.
pub fn write_joined(values: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> bool {
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(value.as_ref());
    }
    !values.is_empty()
}

/// What a mapped parameter may cost to find.
const PATH_ALLOWANCE: u32 = 100_000;

/// Appends what a path finds in a body, text as it is and all else as JSON; `false` where there is nothing.
pub fn write_found(body: &vtl::Body<'_>, path: &BodyPath, out: &mut Vec<u8>) -> bool {
    let Ok(json) = body.json() else { return false };
    let found = path.path.find(json, &mut Allowance(PATH_ALLOWANCE)).ok().and_then(|found| found.into_value());
    match found {
        None | Some(serde_json::Value::Null) => return false,
        Some(serde_json::Value::String(text)) => out.extend_from_slice(text.as_bytes()),
        Some(other) => out.extend_from_slice(other.to_string().as_bytes()),
    }
    true
}

fn is_twin_of_ours(name: &str, mapped: &[MappedParameter]) -> bool {
    memchr::memchr2(b'_', b'.', name.as_bytes()).is_some()
        && (GUARDED.iter().any(|guarded| is_twin(name, guarded)) || mapped.iter().any(|ours| is_twin(name, &ours.name)))
}

/// Form decoding, for queries: `+` is a space, `%XX` a byte, a broken escape itself.
pub fn form_decoded(text: &str) -> Vec<u8> {
    decoded(text, b' ')
}

/// For paths, where `+` is itself. (RFC 3986, 3.3.)
pub fn percent_decoded(text: &str) -> Vec<u8> {
    decoded(text, b'+')
}

fn decoded(text: &str, plus: u8) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|digit| (*digit as char).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', _, _) => decoded.push(plus),
            (byte, _, _) => decoded.push(byte),
        }
        at += 1;
    }
    decoded
}

/// Escapes everything but unreserved characters. (RFC 3986, 2.3.)
fn write_escaped(value: &[u8], out: &mut Vec<u8>) {
    let mut text = String::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(*byte as char);
        } else {
            push_percent(*byte, &mut text);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_plane::context::IdSource;
    use crate::http::head::{FieldSpace, HeadLimits, request};
    use crate::http::target;
    use crate::plan::OriginIndex;

    fn integration(proxy: bool) -> HttpIntegration {
        HttpIntegration {
            origin: OriginIndex(0),
            protection: None,
            proxy,
            service: None,
            http_method: None,
            path: vec![
                PathPart::Literal("/base/".into()),
                PathPart::Value("name".into(), ValueSource::PathParameter(0)),
            ],
            query: "".into(),
            query_parameters: Vec::new(),
            headers: vec![MappedParameter { name: "x-gw".into(), source: ValueSource::Static("1".into()) }],
            request: Default::default(),
            content_handling: None,
            mapped: false,
            streams: false,
            timeout_ms: 1000,
            responses: Vec::new(),
        }
    }

    fn written(
        raw: &str,
        integration: &HttpIntegration,
        settings: &ForwardingSettings,
    ) -> Result<String, GatewayError> {
        let limits = HeadLimits { target_bytes_max: 1000, header_bytes_max: 1000, header_fields_max: 50 };
        let mut space = FieldSpace::new();
        let head = request(raw.as_bytes(), &limits, &mut space).expect("a valid head").expect("a complete head");
        let mut scratch = String::new();
        let target = target::parse(head.target, &mut scratch).expect("a valid target");
        let mut routes = crate::plan::route::RouteTable::default();
        routes.insert("/{proxy+}", "ANY", crate::plan::MethodIndex(0)).expect("a valid route");
        let (_, parameters) = routes.route(head.method, target.path).expect("a path with a segment");
        let ids = IdSource::new(1).ids();
        let facts = Facts {
            account_id: "000000000000",
            ids: &ids,
            stage: None,
            method: None,
            http_method: head.method,
            path: target.path,
            base_path_bytes: 0,
            minor: head.minor,
            source_ip: "192.0.2.1",
            user_agent: b"",
            host: "gw.test",
            time_ms: 0,
            error: None,
            request_parts: None,
            api_key: None,
            authorized: None,
            client_certificate: None,
        };
        let client = Client::new("192.0.2.1".parse().expect("an address"), 8080, false, settings);
        let inbound = Inbound {
            head: &head,
            target: &target,
            path: target.path,
            parameters: &parameters,
            facts: &facts,
            client: &client,
            settings,
            content_type: head.content_type,
            framing: head.framing,
            body: None,
            fills_cache: false,
        };
        if inbound.has_refused_twin(&integration.headers) {
            return Err(GatewayError::BadRequest);
        }
        let mut out = Vec::new();
        inbound.write_head(integration, b"Host: origin\r\n", &mut out)?;
        Ok(String::from_utf8(out).expect("a head of ASCII"))
    }

    const FORWARDED: &str = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n\
                             X-Forwarded-Host: gw.test\r\n";

    #[track_caller]
    fn check(target: &str, fields: &str, expected_target: &str, expected_fields: &str) {
        let raw = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n");
        let expected =
            format!("GET {expected_target} HTTP/1.1\r\nHost: origin\r\n{expected_fields}x-gw: 1\r\n{FORWARDED}\r\n");
        assert_eq!(written(&raw, &integration(true), &ForwardingSettings::default()), Ok(expected));
    }

    #[test]
    fn fields_of_one_hop_and_of_the_gateway_are_dropped() {
        check("/a/b?c=d", "X-A: 1\r\nX-A: 2\r\n", "/base/a/b?c=d", "X-A: 1\r\nX-A: 2\r\n");
        check("/a", "Connection: close, X-Foo\r\nX-Foo: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\n", "/base/a", "");
        check("/a", "Upgrade: h2c\r\nHTTP2-Settings: A\r\nProxy-Connection: a\r\nTrailer: x\r\n", "/base/a", "");
        check("/a", "X-GW: spoof\r\nx-gw: spoof\r\n", "/base/a", "");
        check("/a", "X-Amzn-RequestId: spoof\r\nX-Amzn-Remapped-Host: spoof\r\n", "/base/a", "");
        check(
            "/a",
            "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Proto: https\r\n",
            "/base/a",
            "",
        );
        check("/a", "Connection: x-gw, x-forwarded-for, host\r\n", "/base/a", "");
        check("/a%2Fb", "", "/base/a%2Fb", "");
    }

    #[test]
    fn twins_are_refused_or_dropped() {
        let raw = "GET /a HTTP/1.1\r\nHost: gw.test\r\nX_Gw: spoof\r\n\r\n";
        assert_eq!(written(raw, &integration(true), &ForwardingSettings::default()), Err(GatewayError::BadRequest));
        let drop_twins = ForwardingSettings { drop_twins: true, ..Default::default() };
        assert!(!written(raw, &integration(true), &drop_twins).expect("it is dropped").contains("spoof"));
        let harmless = "GET /a HTTP/1.1\r\nHost: gw.test\r\nmy_field: 1\r\n\r\n";
        assert!(
            written(harmless, &integration(true), &ForwardingSettings::default())
                .expect("it passes")
                .contains("my_field: 1")
        );
    }

    #[test]
    fn trusted_peers_are_appended_to() {
        let settings = ForwardingSettings {
            trusted_proxies: vec![super::super::settings::Cidr {
                address: "192.0.2.0".parse().expect("an address"),
                prefix_bits: 24,
            }],
            forwarded_header: true,
            via: Some("tollgate".into()),
            drop_twins: false,
        };
        let raw =
            "GET /a HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n";
        let head = written(raw, &integration(true), &settings).expect("it passes");
        assert!(head.contains("X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n"), "{head}");
        assert_eq!(head.matches("X-Forwarded-Proto").count(), 1, "{head}");
        assert!(
            head.contains("Via: 1.1 tollgate\r\nForwarded: for=192.0.2.1;host=\"gw.test\";proto=http\r\n"),
            "{head}"
        );
    }

    #[test]
    fn http_passes_only_what_is_mapped() {
        let mut integration = integration(false);
        integration.query_parameters =
            vec![MappedParameter { name: "q".into(), source: ValueSource::QueryString("page size".into()) }];
        let raw = "POST /a?page+size=1%262&b=c HTTP/1.1\r\nHost: gw.test\r\nX-A: 1\r\nContent-Type: text/plain\r\n\r\n";
        let head = written(raw, &integration, &ForwardingSettings::default()).expect("it passes");
        assert!(head.starts_with("POST /base/a?q=1%262 HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("X-A") && head.contains("Content-Type: text/plain\r\n"), "{head}");
        assert!(head.contains("Content-Length: 0\r\n"), "{head}");
    }

    #[test]
    fn mapped_query_parameters_replace_the_clients() {
        let mut integration = integration(true);
        integration.query = "fixed=1".into();
        integration.query_parameters =
            vec![MappedParameter { name: "tenant".into(), source: ValueSource::Static("a b".into()) }];
        let raw = "GET /a?%74enant=evil&x=1&tenant=evil HTTP/1.1\r\nHost: gw.test\r\n\r\n";
        let head = written(raw, &integration, &ForwardingSettings::default()).expect("it passes");
        assert!(head.starts_with("GET /base/a?fixed=1&x=1&tenant=a%20b HTTP/1.1\r\n"), "{head}");
    }

    #[test]
    fn values_that_would_leave_their_place_are_refused() {
        let mut integration = integration(true);
        integration.path =
            vec![PathPart::Literal("/".into()), PathPart::Value("p".into(), ValueSource::QueryString("p".into()))];
        let target = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n");
        let settings = ForwardingSettings::default();
        assert_eq!(written(&target("/a?p=.."), &integration, &settings), Err(GatewayError::BadRequestParameters));
        assert_eq!(written(&target("/a?p=x%2f../y"), &integration, &settings), Err(GatewayError::BadRequestParameters));
        let head = written(&target("/a?p=x/y"), &integration, &settings).expect("it is escaped");
        assert!(head.starts_with("GET /x%2Fy?"), "{head}");
        integration.headers =
            vec![MappedParameter { name: "x-gw".into(), source: ValueSource::QueryString("p".into()) }];
        assert_eq!(
            written(&target("/a?p=a%0d%0aX:1"), &integration, &settings),
            Err(GatewayError::BadRequestParameters)
        );
    }
}
