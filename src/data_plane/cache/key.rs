//! What tells one answer from another: host, HTTP method, path and the method's cache key parameters, and the request's
//! body where it has one.
//!
//! Every part has its length before it, so that no two requests that differ in a part have one key. AWS leaves the values
//! of path parameters out that are not among the cache key parameters, and then answers `/users/2` with what was kept of
//! `/users/1`. Here the path is in the key, but for resources that name one `cacheNamespace`, which is how AWS's users
//! ask for that. Of a header or query parameter all values are in the key, since all of them go to the backend.

use crate::http::head::RequestHead;
use crate::plan::cache::MethodCache;
use crate::plan::template::ValueSource;

use super::super::forwarding::{Inbound, query_pairs};
use super::super::integrate::mock::{accepted_type, media_type};

pub fn write(method: &MethodCache, inbound: &Inbound<'_>, body: Option<&[u8; 32]>, out: &mut Vec<u8>) {
    // HEAD is answered from what GET got.
    let http_method = if inbound.head.method == "HEAD" { "GET" } else { inbound.head.method };
    part(http_method.as_bytes(), out);
    lower_case_part(inbound.facts.host.as_bytes(), out);
    let definition = &method.definition;
    match &definition.shared_namespace {
        Some(namespace) => {
            out.push(1);
            part(namespace.as_bytes(), out);
        }
        None => {
            out.push(0);
            part(inbound.path.as_bytes(), out);
        }
    }
    for source in &definition.parameters {
        write_values(source, inbound, definition.shared_namespace.is_some(), out);
    }
    if method.by_accept {
        lower_case_part(accepted_type(inbound.head).unwrap_or_default(), out);
    }
    if method.by_content_type {
        lower_case_part(inbound.content_type.map(media_type).unwrap_or_default(), out);
    }
    if let Some(digest) = body {
        out.extend_from_slice(digest);
    }
}

fn write_values(source: &ValueSource, inbound: &Inbound<'_>, without_path: bool, out: &mut Vec<u8>) {
    match source {
        ValueSource::Header(name) | ValueSource::MultiValueHeader(name) => header_values(name, inbound.head, out),
        ValueSource::QueryString(name) | ValueSource::MultiValueQueryString(name) => {
            query_values(name, inbound.target.query.unwrap_or(""), out);
        }
        ValueSource::PathParameter(index) if without_path => {
            part(inbound.parameters.value(inbound.path, *index).as_bytes(), out);
        }
        // Constants of a method, or in the key already.
        ValueSource::PathParameter(_) | ValueSource::Static(_) | ValueSource::Body | ValueSource::BodyPath(_) => {}
        ValueSource::Context(variable) => sized(out, |out| inbound.facts.fact(*variable).write(out)),
    }
}

/// Each value behind a one, and a zero at the end.
fn header_values(name: &str, head: &RequestHead<'_, '_>, out: &mut Vec<u8>) {
    for field in head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)) {
        out.push(1);
        part(field.value, out);
    }
    out.push(0);
}

fn query_values(name: &str, query: &str, out: &mut Vec<u8>) {
    let plain = |text: &str| !text.bytes().any(|byte| byte == b'%' || byte == b'+');
    if plain(query) {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        for (_, value) in pairs.filter(|(found, _)| *found == name) {
            out.push(1);
            part(value.as_bytes(), out);
        }
    } else {
        for (_, value) in query_pairs(Some(query)).filter(|(found, _)| found == name.as_bytes()) {
            out.push(1);
            part(&value, out);
        }
    }
    out.push(0);
}

fn part(bytes: &[u8], out: &mut Vec<u8>) {
    // Heads are bounded far below 4 GB.
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn lower_case_part(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len() + size_of::<u32>();
    part(bytes, out);
    out[start..].make_ascii_lowercase();
}

/// A part of which the length is known when it is written.
fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; size_of::<u32>()]);
    write(out);
    let length = (out.len() - start - size_of::<u32>()) as u32;
    out[start..start + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
}
