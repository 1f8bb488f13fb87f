//! From the client's request, all of it, to the integration's.

use crate::http::field::is_token;
use crate::http::head::Framing;
use crate::plan::content::Payload;
use crate::plan::integration::{HttpIntegration, MappedParameter, PathPart};
use crate::plan::lambda::{SelectsBy, ServiceCall};
use crate::plan::template::ValueSource;
use crate::vtl::Overrides;

use super::super::super::connection::Connection;
use super::super::super::exchange::Exchange;
use super::super::super::forwarding::Inbound;
use super::super::super::respond::{ErrorDetail, GatewayError};
use super::super::super::shard::Shard;
use super::super::http::Forward;
use super::super::inputs::Inputs;
use super::super::mock::{accepted_type, media_type};
use super::super::signed;
use super::{BINARY_REQUEST, Failed, MappedRequest, WholeRequest, belongs_to_connection, with_inbound};

/// A request that is ready to be sent.
pub struct Prepared {
    bytes: Vec<u8>,
    method_is_idempotent: bool,
    timeout_ms: u64,
    accept: Option<Box<[u8]>>,
    mapped: Option<Box<MappedRequest>>,
}

impl Prepared {
    pub fn of(self, exchange: Exchange) -> Forward {
        Forward::whole(exchange, self.bytes, self.method_is_idempotent, self.timeout_ms, self.accept, self.mapped)
    }
}

pub fn forward(
    connection: &Connection,
    exchange: &mut Exchange,
    request: WholeRequest,
    http: &HttpIntegration,
) -> Result<Prepared, GatewayError> {
    let shard = &connection.shard;
    let prepared =
        with_inbound(connection, exchange, &request, |inbound| prepare(inbound, &request, exchange, http, shard));
    let (mut prepared, overrides) = prepared?.map_err(|failed| failed.noted(exchange))?;
    prepared.mapped = http.mapped.then(|| Box::new(MappedRequest { request, overrides }));
    Ok(prepared)
}

fn prepare(
    inbound: &Inbound<'_>,
    request: &WholeRequest,
    exchange: &Exchange,
    http: &HttpIntegration,
    shard: &Shard,
) -> Result<(Prepared, Overrides), Failed> {
    if inbound.has_refused_twin(&http.headers) {
        return Err(GatewayError::BadRequest.into());
    }
    refuse_broken_json(http, inbound)?;
    let mut overrides = Overrides::default();
    let made = make_body(http, inbound, request.payload, &mut overrides)?;
    let (content_type, body) = match &made {
        Some((content_type, body)) => (Some(content_type.as_bytes()), body.as_bytes()),
        None => (inbound.content_type, &request.body[..]),
    };
    let method = http.http_method.as_deref().unwrap_or(inbound.head.method);
    // The service sends no body with these methods, whatever a template makes.
    let bodiless = !http.proxy && matches!(method, "GET" | "HEAD" | "OPTIONS");
    let body = if bodiless { b"" } else { body };
    let framing = match made {
        _ if bodiless => Framing::None,
        Some(_) => Framing::Length(body.len() as u64),
        None => inbound.framing,
    };
    let service = http.service.as_deref();
    let (body, framing) = match service {
        Some(service) if service.selects_by == SelectsBy::ErrorMessage => of_function(body, made.is_some(), shard)?,
        Some(_) | None => (body, framing),
    };
    let effective = with_overrides(http, &overrides)?;
    let outbound = Inbound { content_type, framing, ..*inbound };
    let mut bytes = Vec::with_capacity(1024 + body.len());
    let stage = exchange.found.map(|(stage, _)| stage).ok_or(GatewayError::Configuration)?;
    let host_line = &exchange.live.upstream(stage, http.origin).host_line;
    outbound.write_head(effective.as_ref().unwrap_or(http), host_line, &mut bytes)?;
    if let Some(scope) = service.and_then(|ServiceCall { signed_for, .. }| signed_for.as_ref()) {
        signed::sign(&mut bytes, body, scope, shard)?;
    }
    bytes.extend_from_slice(body);
    let prepared = Prepared {
        bytes,
        method_is_idempotent: matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"),
        timeout_ms: u64::from(http.timeout_ms),
        accept: accepted_type(inbound.head).map(Box::from),
        mapped: None,
    };
    Ok((prepared, overrides))
}

/// What a function is invoked with: JSON, and an empty object where there is nothing.
fn of_function<'b>(body: &'b [u8], made: bool, shard: &Shard) -> Result<(&'b [u8], Framing), Failed> {
    let body = if body.is_empty() { b"{}" } else { body };
    if body.len() as u64 > shard.settings.function.event_bytes_max {
        return Err(GatewayError::RequestTooLarge.into());
    }
    // What a template makes is its author's to answer for.
    if !made && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        let message = format!("{}: {error}", GatewayError::BadRequestBody.message());
        return Err(Failed::with_detail(GatewayError::BadRequestBody, ErrorDetail::message(message)));
    }
    Ok((body, Framing::Length(body.len() as u64)))
}

/// Parameters that come from the body want JSON. What does not even begin like it has nothing for them, and passes.
fn refuse_broken_json(http: &HttpIntegration, inbound: &Inbound<'_>) -> Result<(), GatewayError> {
    let mut path = http.path.iter().filter_map(|part| match part {
        PathPart::Value(_, source) => Some(source),
        PathPart::Literal(_) => None,
    });
    let mut named = http.query_parameters.iter().chain(&http.headers).map(|mapped| &mapped.source);
    let is_path = |source: &ValueSource| matches!(source, ValueSource::BodyPath(_));
    if !path.any(is_path) && !named.any(is_path) {
        return Ok(());
    }
    let Some(body) = inbound.body else { return Ok(()) };
    let looks_like_json = body.text().trim_start().starts_with(['{', '[', '"', '\'']);
    if looks_like_json && body.json().is_err() { Err(GatewayError::InvalidJson) } else { Ok(()) }
}

/// The body that a template makes, with its type; `None` where the client's passes through.
fn make_body<'h>(
    http: &'h HttpIntegration,
    inbound: &Inbound<'_>,
    payload: Payload,
    overrides: &mut Overrides,
) -> Result<Option<(&'h str, String)>, Failed> {
    let templates = &http.request.templates;
    let wanted = media_type(inbound.content_type.unwrap_or(b"application/json"));
    let Some((known, template)) = templates.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(wanted))
    else {
        let passes = http.proxy || http.request.passthrough.passes(!templates.is_empty());
        return if passes { Ok(None) } else { Err(GatewayError::UnsupportedMediaType.into()) };
    };
    if payload == Payload::Binary {
        return Err(Failed::of_conversion(BINARY_REQUEST));
    }
    let mut text = String::new();
    *overrides =
        Inputs::new(inbound).render(template, inbound.body, overrides, &mut text).map_err(Failed::of_request)?;
    Ok(Some((known, text)))
}

/// The integration as `$context.requestOverride` has changed it; `None` where it has not.
fn with_overrides(http: &HttpIntegration, overrides: &Overrides) -> Result<Option<HttpIntegration>, GatewayError> {
    let Overrides { request_path, request_querystring, request_header, .. } = overrides;
    if request_path.is_empty() && request_querystring.is_empty() && request_header.is_empty() {
        return Ok(None);
    }
    let fixed = |value: &str| ValueSource::Static(value.into());
    let replace = |parameters: &[MappedParameter], overrides: &[(String, String)], same: fn(&str, &str) -> bool| {
        let overridden = |name: &str| overrides.iter().any(|(other, _)| same(other, name));
        let kept = parameters.iter().filter(|parameter| !overridden(&parameter.name)).cloned();
        let added =
            overrides.iter().map(|(name, value)| MappedParameter { name: name.as_str().into(), source: fixed(value) });
        kept.chain(added).collect::<Vec<_>>()
    };
    if !request_header.iter().all(|(name, _)| is_token(name.as_bytes()) && !belongs_to_connection(name)) {
        return Err(GatewayError::Configuration);
    }
    let path = http.path.iter().map(|part| match part {
        PathPart::Value(name, _) => match request_path.iter().find(|(other, _)| **other == **name) {
            Some((_, value)) => PathPart::Value(name.clone(), fixed(value)),
            None => part.clone(),
        },
        PathPart::Literal(_) => part.clone(),
    });
    Ok(Some(HttpIntegration {
        origin: http.origin,
        protection: http.protection,
        proxy: http.proxy,
        service: http.service.clone(),
        http_method: http.http_method.clone(),
        path: path.collect(),
        query: http.query.clone(),
        query_parameters: replace(&http.query_parameters, request_querystring, |one, other| one == other),
        headers: replace(&http.headers, request_header, str::eq_ignore_ascii_case),
        request: Default::default(),
        content_handling: http.content_handling,
        mapped: http.mapped,
        streams: http.streams,
        timeout_ms: http.timeout_ms,
        responses: Vec::new(),
    }))
}
