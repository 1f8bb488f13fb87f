//! From an integration's answer, all of it, to the client's. A mock's answer is what its request's template names.

use crate::http::encode;
use crate::http::field::is_token;
use crate::http::head::{Framing, ResponseHead};
use crate::net::deadline::Expiry;
use crate::plan::content::{self, ContentHandling, Conversion, NotBase64, Payload};
use crate::plan::integration::{HttpIntegration, Integration, IntegrationResponse, MockIntegration, MockTemplate};
use crate::plan::lambda::SelectsBy;
use crate::plan::mock_status::mock_status;
use crate::plan::template::BodyTemplate;
use crate::stats::Counter;
use crate::vtl::{Body, Overrides};
use std::borrow::Cow;
use std::rc::Rc;

use super::super::super::body::{BodyError, Incoming, Outgoing};
use super::super::super::cache::filling::{Filling, Seen};
use super::super::super::call::first_value;
use super::super::super::compress::compress_whole;
use super::super::super::connection::{Connection, Ending};
use super::super::super::exchange::Exchange;
use super::super::super::forwarding::Inbound;
use super::super::super::respond::{GatewayError, write_date, write_own_fields};
use super::super::super::shard::Shard;
use super::super::super::upstream::{self, Upstream};
use super::super::http::{Forward, integration, parse};
use super::super::inputs::Inputs;
use super::super::lambda;
use super::super::mock::{
    Origin, accepted_type, has_header, media_type, select, select_by, template_for, write_mapped_headers,
};
use super::super::passing::Passing;
use super::{
    BINARY_REQUEST, Failed, MappedRequest, WholeRequest, belongs_to_connection, conclude, payload, with_inbound,
};

pub fn answer_mock(
    connection: &mut Connection,
    exchange: &mut Exchange,
    request: &WholeRequest,
    mock: &MockIntegration,
) -> Result<(u16, u64), GatewayError> {
    let mut out = std::mem::take(&mut connection.out);
    let before = out.len();
    let answered = with_inbound(connection, exchange, request, |inbound| {
        let mut overrides = Overrides::default();
        let status = mocked_status(mock, inbound, request.payload, &mut overrides)?;
        let response = select(&mock.responses, status).ok_or(GatewayError::Configuration)?;
        let nothing = Body::new("");
        let (conversion, payload) = response_conversion(inbound, response, Payload::Text);
        let origin = Origin::default();
        let answer = Answer { raw: b"", body: &nothing, content_type: None, conversion, payload, origin };
        write_answer(inbound, response, &answer, &overrides, exchange, &connection.shard, &mut out)
    });
    if !matches!(answered, Ok(Ok(_))) {
        out.truncate(before);
    }
    connection.out = out;
    answered?.map_err(|failed| failed.noted(exchange))
}

/// The status that the request's template, or without one the request itself, names.
fn mocked_status(
    mock: &MockIntegration,
    inbound: &Inbound<'_>,
    payload: Payload,
    overrides: &mut Overrides,
) -> Result<u16, Failed> {
    let wanted = media_type(inbound.content_type.unwrap_or(b"application/json"));
    let found = mock.statuses.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(wanted));
    let status = match found {
        Some(_) if payload == Payload::Binary => return Err(Failed::of_conversion(BINARY_REQUEST)),
        Some((_, MockTemplate::Status(status))) => Some(*status),
        Some((_, MockTemplate::Vtl(template))) => {
            let mut text = String::new();
            *overrides = Inputs::new(inbound)
                .render(template, inbound.body, overrides, &mut text)
                .map_err(Failed::of_request)?;
            mock_status(&text)
        }
        None if mock.passthrough.passes(!mock.statuses.is_empty()) => {
            inbound.body.and_then(|body| mock_status(body.text()))
        }
        None => return Err(GatewayError::UnsupportedMediaType.into()),
    };
    status.ok_or_else(|| Failed::configuration("the mock's request names no status".to_owned()))
}

/// An integration's answer, all of it.
struct Answer<'a> {
    raw: &'a [u8],
    /// As templates and parameters read it.
    body: &'a Body<'a>,
    content_type: Option<&'a [u8]>,
    /// What happens to `raw`, and what comes of it.
    conversion: Conversion,
    payload: Payload,
    origin: Origin<'a>,
}

/// Collects the origin's answer and maps it.
pub async fn finish(
    connection: &mut Connection,
    forward: Box<Forward>,
    upstream: &Rc<Upstream>,
    mut to_origin: Box<upstream::Connection>,
    passing: Passing,
    buffer: crate::net::buffer::Buffer,
    integration_us: Option<u64>,
) -> Ending {
    let shard = Rc::clone(&connection.shard);
    let Forward { mut exchange, mapped, .. } = *forward;
    let Some(mapped) = mapped else {
        debug_assert!(false, "an answer is mapped only where its request was");
        return Ending::Abort;
    };
    let bytes_max = answer_bytes_max(&exchange, &shard);
    let body = read_answer(passing.framing(), &mut to_origin, buffer, bytes_max, &shard).await;
    let answered = match body {
        Ok((body, in_step)) => {
            if let Some(trace) = &shard.trace {
                trace.received_body(&body);
            }
            if in_step && passing.origin_keep_alive {
                upstream.check_in(to_origin, passing.is_bodiless(), &shard);
            }
            answer(connection, &mut exchange, &mapped, passing.raw_head(), &body)
        }
        Err(error) => Err(error),
    };
    conclude(connection, exchange, answered, integration_us).await
}

/// How long an answer may be that is mapped.
fn answer_bytes_max(exchange: &Exchange, shard: &Shard) -> u64 {
    let service = integration(exchange).and_then(|http| http.service.as_deref());
    match service.map(|service| service.selects_by) {
        Some(SelectsBy::ErrorMessage) => shard.settings.function.answer_bytes_max,
        Some(SelectsBy::Status) | None => shard.settings.body_bytes_max,
    }
}

/// The body of the origin's answer, and whether its connection is in step afterwards.
async fn read_answer(
    framing: Framing,
    to_origin: &mut upstream::Connection,
    mut buffer: crate::net::buffer::Buffer,
    bytes_max: u64,
    shard: &Shard,
) -> Result<(Vec<u8>, bool), GatewayError> {
    let mut incoming = Incoming::new(framing, Outgoing::Plain, bytes_max);
    let mut body = Vec::new();
    loop {
        incoming.take(&mut buffer, &mut body).map_err(|error| match error {
            BodyError::Malformed | BodyError::TooLarge => GatewayError::IntegrationMalformed,
        })?;
        if incoming.received() + incoming.bytes_left() > bytes_max {
            return Err(GatewayError::IntegrationMalformed);
        }
        if incoming.is_done() {
            return Ok((body, buffer.is_empty()));
        }
        shard.wheel.arm(&to_origin.timer, shard.settings.upstream.response_idle_timeout_ms, Expiry::End);
        if buffer.spare() == 0 {
            buffer.make_room(READ_BYTES);
        }
        let (read, returned) = to_origin.stream.reader.read(buffer, None).await;
        buffer = returned;
        if !read.is_ok_and(|read| read > 0) {
            if to_origin.timer.fired() {
                shard.recorder.count(Counter::UpstreamBodyTimeout);
                return Err(GatewayError::IntegrationTimeout);
            }
            let whole = incoming.close(&mut body);
            return if whole { Ok((body, false)) } else { Err(GatewayError::IntegrationFailure) };
        }
    }
}

/// What an answer is read into.
const READ_BYTES: usize = 64 * 1024;

fn answer(
    connection: &mut Connection,
    exchange: &mut Exchange,
    mapped: &MappedRequest,
    raw_head: &[u8],
    raw: &[u8],
) -> Result<(u16, u64), GatewayError> {
    let mut out = std::mem::take(&mut connection.out);
    let before = out.len();
    let live = Rc::clone(&exchange.live);
    let http = exchange.found.and_then(|(stage, method)| match &live.plan.stage(stage).method(method).integration {
        Integration::Http(http) => Some(&**http),
        Integration::Lambda(_) | Integration::Mock(_) | Integration::Denied(_) => None,
    });
    let answered = with_inbound(connection, exchange, &mapped.request, |inbound| {
        let written = parse(raw_head, exchange.asks_for_head(), |head| {
            let response = selected(http.ok_or(GatewayError::Configuration)?, head, raw)?;
            let types = exchange.stage().map(|stage| &stage.binary_media_types);
            let theirs = types.map_or(Payload::Text, |types| payload(types, head.content_type));
            let (conversion, payload) = response_conversion(inbound, response, theirs);
            let read = if conversion == Conversion::ToBase64 { conversion.apply(raw.into()) } else { Ok(raw.into()) };
            let read = read.map_err(|NotBase64| Failed::of_conversion(NOT_BASE64))?;
            let body = Body::new(String::from_utf8_lossy(&read));
            let origin = Origin { fields: head.fields, body: Some(&body) };
            let content_type = head.content_type;
            let answer = Answer { raw, body: &body, content_type, conversion, payload, origin };
            write_answer(inbound, response, &answer, &mapped.overrides, exchange, &connection.shard, &mut out)
        });
        written.ok().flatten().unwrap_or(Err(GatewayError::IntegrationMalformed.into()))
    });
    if !matches!(answered, Ok(Ok(_))) {
        out.truncate(before);
    }
    connection.out = out;
    answered?.map_err(|failed| failed.noted(exchange))
}

/// The integration response for an answer.
fn selected<'i>(
    http: &'i HttpIntegration,
    head: &ResponseHead<'_, '_>,
    raw: &[u8],
) -> Result<&'i IntegrationResponse, Failed> {
    let found = match http.service.as_deref().map(|service| service.selects_by) {
        None | Some(SelectsBy::Status) => select(&http.responses, head.status),
        Some(SelectsBy::ErrorMessage) => {
            if let Some(refused) = lambda::refusal(head.status, || field(head, "x-amzn-requestid")) {
                return Err(refused);
            }
            let failed = field(head, "x-amz-function-error").is_some();
            let message = failed.then(|| lambda::error_message(raw).unwrap_or_default());
            select_by(&http.responses, message.as_deref())
        }
    };
    found.ok_or_else(|| GatewayError::Configuration.into())
}

fn field(head: &ResponseHead<'_, '_>, name: &str) -> Option<Vec<u8>> {
    first_value(head, name).map(<[u8]>::to_vec)
}

const NOT_BASE64: &str = "the answer's body is not base64";

/// What `contentHandling`, or without it the client's `Accept`, makes of an answer.
fn response_conversion(
    inbound: &Inbound<'_>,
    response: &IntegrationResponse,
    theirs: Payload,
) -> (Conversion, Payload) {
    let Some(types) = inbound.facts.stage.map(|stage| &stage.binary_media_types) else {
        return (Conversion::None, theirs);
    };
    if types.is_empty() && response.content_handling.is_none() {
        return (Conversion::None, theirs);
    }
    // Who does not say what he accepts, accepts everything.
    let accept = Payload::of(types.contains(accepted_type(inbound.head).unwrap_or(b"*/*")));
    content::of_response(theirs, accept, response.content_handling)
}

/// Writes the method response that an integration response makes of an answer; its status and length.
fn write_answer(
    inbound: &Inbound<'_>,
    response: &IntegrationResponse,
    answer: &Answer<'_>,
    overrides: &Overrides,
    exchange: &Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Result<(u16, u64), Failed> {
    let template = template_for(&response.templates, accepted_type(inbound.head));
    let mut overrides = overrides.clone();
    let not_base64 = |NotBase64| Failed::of_conversion(NOT_BASE64);
    let body: Cow<'_, [u8]> = match template {
        None => answer.conversion.apply(answer.raw.into()).map_err(not_base64)?,
        Some(_) if (answer.conversion, answer.payload) == (Conversion::None, Payload::Binary) => {
            let what = "the answer's body is binary data, which no template can read";
            return Err(Failed::of_conversion(what));
        }
        Some((_, BodyTemplate::Text(text))) => {
            let mut made = Vec::new();
            inbound.facts.write_text(text, &mut made);
            made.into()
        }
        Some((_, BodyTemplate::Vtl(template))) => {
            let mut text = String::new();
            let inputs = Inputs::new(inbound);
            overrides =
                inputs.render(template, Some(answer.body), &overrides, &mut text).map_err(Failed::of_response)?;
            text.into_bytes().into()
        }
    };
    // A template may also make the base64 of binary data.
    let asked = response.content_handling == Some(ContentHandling::ConvertToBinary);
    let body = match template {
        Some(_) if asked && answer.conversion == Conversion::FromBase64 => {
            answer.conversion.apply(body).map_err(not_base64)?
        }
        _ => body,
    };
    let status = overridden_status(&overrides)?.unwrap_or(response.status);
    let start = out.len();
    encode::status_line(status, out);
    write_date(&shard.date(), out);
    let overridden = |name: &str| overrides.response_header.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let content_type = template.map(|(content_type, _)| content_type.as_bytes()).or(answer.content_type);
    let content_type = content_type.unwrap_or(b"application/json");
    if !has_header(&response.headers, "content-type") && !overridden("content-type") {
        encode::field("Content-Type", content_type, out);
    }
    write_mapped_headers(&response.headers, &answer.origin, inbound.facts, overridden, out);
    for (name, value) in &overrides.response_header {
        if is_token(name.as_bytes()) && encode::is_field_value(value.as_bytes()) && !belongs_to_connection(name) {
            encode::field(name, value.as_bytes(), out);
        }
    }
    let bodiless = matches!(status, 100..=199 | 204 | 304);
    if !bodiless {
        encode::content_length(body.len() as u64, out);
    }
    if let Some(caching) = &exchange.cache {
        if let Some(filling) = caching.take_filling() {
            keep(filling, status, &out[start..], if bodiless { b"" } else { &body }, answer, exchange, shard);
        }
        caching.note.write(shard, out);
    }
    write_own_fields(&exchange.ids, exchange.persistence(), out);
    out.extend_from_slice(b"\r\n");
    if bodiless || exchange.to_head_request {
        return Ok((status, 0));
    }
    out.extend_from_slice(&body);
    let coded = compress_whole(exchange.compress, &shard.encoders, start, out);
    Ok((status, coded.unwrap_or(body.len() as u64)))
}

/// Keeps an answer for others, if it may be kept.
fn keep(
    filling: Box<Filling>,
    status: u16,
    head: &[u8],
    body: &[u8],
    answer: &Answer<'_>,
    exchange: &Exchange,
    shard: &Shard,
) {
    let method = exchange.found.and_then(|(stage, method)| exchange.live.cached_method(stage, method));
    let seen = Seen { status, head, length: Some(body.len() as u64) };
    let fields = answer.origin.fields.iter().map(|field| (field.name.as_bytes(), field.value));
    let capture = method.and_then(|method| filling.open(method, &seen, fields, shard.now_ms()));
    if let Some(capture) = capture {
        capture.keep_whole(body, shard.now_ms());
    }
}

/// `$context.responseOverride.status`.
fn overridden_status(overrides: &Overrides) -> Result<Option<u16>, Failed> {
    let Some(text) = &overrides.response_status else { return Ok(None) };
    let status = text.trim().parse::<u16>().ok().filter(|status| (200..=599).contains(status));
    let refused = || Failed::configuration(format!("{text:?} was set as the status of the answer"));
    status.map(Some).ok_or_else(refused)
}
