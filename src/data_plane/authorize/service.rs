//! HTTP services that are asked about requests, beyond AWS: what they are told, and what their answers mean. 2xx lets the
//! request in, 401 and 403 are the client's answers too, and everything else decides nothing.

use std::rc::Rc;

use crate::http::encode;
use crate::http::head::ResponseHead;
use crate::plan::authorizer::HttpService;

use super::super::call::CallAnswer;
use super::super::forwarding::Inbound;
use super::super::identity::Identity;
use super::answer::Fault;
use super::decisions::Decision;
use super::says::Says;

/// The request that asks, all of it; `host_line` is the service's.
pub fn request(service: &HttpService, host_line: &[u8], inbound: &Inbound<'_>, out: &mut Vec<u8>) {
    for part in [service.http_method, " ", &service.target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(host_line);
    if service.http_method == "POST" {
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
    told(service, inbound, out);
    out.extend_from_slice(b"\r\n");
}

/// What the service learns of the request. A decision that is kept is about all of it: the service may have decided by any.
pub fn told(service: &HttpService, inbound: &Inbound<'_>, out: &mut Vec<u8>) {
    let Inbound { head, target, facts, .. } = inbound;
    let method = facts.http_method.as_bytes();
    encode::field("X-Forwarded-Method", method, out);
    encode::field("X-Forwarded-Proto", inbound.scheme(), out);
    encode::field("X-Forwarded-Host", facts.host.as_bytes(), out);
    let write_uri = |out: &mut Vec<u8>| {
        // As it was matched: with the escapes of plain letters resolved, so that none hides a path.
        out.extend_from_slice(target.path.as_bytes());
        if let Some(query) = target.query {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    };
    out.extend_from_slice(b"X-Forwarded-Uri: ");
    write_uri(out);
    encode::field("X-Forwarded-For", facts.source_ip.as_bytes(), out);
    encode::field("X-Original-Method", method, out);
    out.extend_from_slice(b"X-Original-URL: ");
    out.extend_from_slice(inbound.scheme());
    out.extend_from_slice(b"://");
    out.extend_from_slice(facts.host.as_bytes());
    write_uri(out);
    for field in head.fields {
        let shown = service.request_headers.iter().any(|name| field.name.eq_ignore_ascii_case(name));
        // What a client's `Connection` names, its backend does not see either.
        if shown && !head.is_nominated(field.name) {
            encode::field(field.name, field.value, out);
        }
    }
}

/// # Errors
/// [`Fault`]
pub fn decision(service: &HttpService, answer: &CallAnswer) -> Result<Decision, Fault> {
    match answer.status {
        200..=299 => {}
        401 => return Err(Fault::Unauthorized),
        403 => return Err(Fault::Denied),
        status => return Err(Fault::Failed(format!("the authorizer's service answered {status}"))),
    }
    let identity = answer.with_head(|head| identity(service, head));
    let identity = identity.unwrap_or_else(|| Err(Fault::Failed("the authorizer's answer has no head".to_owned())))?;
    let bytes = answer.raw_head().len() as u64;
    Ok(Decision { says: Says::Allows, identity: Rc::new(identity), bytes })
}

fn identity(service: &HttpService, head: &ResponseHead<'_, '_>) -> Result<Identity, Fault> {
    let mut context = Vec::with_capacity(service.context_headers.len());
    for (header, name) in &service.context_headers {
        if let Some(value) = value(header, head)? {
            context.push((name.clone(), value));
        }
    }
    let principal_id = match &service.principal_id_header {
        Some(header) => value(header, head)?,
        None => None,
    };
    Ok(Identity { principal_id, context, ..Identity::default() })
}

/// Of a field that comes several times, all values, as in one. (RFC 9110, 5.3.)
fn value(header: &str, head: &ResponseHead<'_, '_>) -> Result<Option<Box<str>>, Fault> {
    let mut values = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(header));
    let Some(first) = values.next() else { return Ok(None) };
    let mut all = first.value.to_vec();
    for other in values {
        all.extend_from_slice(b", ");
        all.extend_from_slice(other.value);
    }
    let text = String::from_utf8(all)
        .map_err(|_| Fault::Malformed(format!("the authorizer's answer has no UTF-8 in `{header}`")))?;
    Ok(Some(text.into()))
}
