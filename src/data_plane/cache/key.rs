//! What tells one answer from another: scheme and host, HTTP method, path and the method's cache key parameters, and the request's
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
    // The backend is told both.
    lower_case_part(inbound.scheme(), out);
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

pub fn write_values(source: &ValueSource, inbound: &Inbound<'_>, without_path: bool, out: &mut Vec<u8>) {
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
        ValueSource::Context(variable) => sized(out, |out| inbound.facts.fact(variable).write(out)),
    }
}

fn header_values(name: &str, head: &RequestHead<'_, '_>, out: &mut Vec<u8>) {
    let fields = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    values(|value| fields.for_each(|field| value(field.value)), out);
}

/// Each value that `all` gives behind a one, and a zero at the end.
pub fn values(all: impl FnOnce(&mut dyn FnMut(&[u8])), out: &mut Vec<u8>) {
    all(&mut |value| {
        out.push(1);
        part(value, out);
    });
    out.push(0);
}

fn query_values(name: &str, query: &str, out: &mut Vec<u8>) {
    let plain = |text: &str| !text.bytes().any(|byte| byte == b'%' || byte == b'+');
    if plain(query) {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let found = pairs.filter(|(found, _)| *found == name);
        values(|value| found.for_each(|(_, one)| value(one.as_bytes())), out);
    } else {
        let found = query_pairs(Some(query)).filter(|(found, _)| found == name.as_bytes());
        values(|value| found.for_each(|(_, one)| value(&one)), out);
    }
}

pub fn part(bytes: &[u8], out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::data_plane::context::{Facts, IdSource};
    use crate::data_plane::forwarding::Client;
    use crate::data_plane::settings::ForwardingSettings;
    use crate::http::head::{FieldSpace, Framing, HeadLimits, request};
    use crate::http::target;
    use crate::plan::MethodIndex;
    use crate::plan::cache::{CacheDefinition, Invalidation};
    use crate::plan::context::ContextVariable;
    use crate::plan::route::RouteTable;

    fn method(parameters: &[ValueSource], shared_namespace: Option<&str>) -> MethodCache {
        MethodCache {
            ttl_ms: 1000,
            invalidation: Invalidation::ByAnybody,
            definition: CacheDefinition {
                parameters: parameters.into(),
                shared_namespace: shared_namespace.map(Box::from),
                ..CacheDefinition::default()
            },
            by_accept: false,
            by_content_type: false,
            any: true,
        }
    }

    /// The key of a request line's method and target, with fields, on `/{a}/{b}`.
    fn key(method: &MethodCache, line: &str, fields: &str) -> Vec<u8> {
        let host = if fields.contains("Host:") { "" } else { "Host: h\r\n" };
        let raw = format!("{line} HTTP/1.1\r\n{host}{fields}\r\n");
        let limits = HeadLimits { target_bytes_max: 1000, header_bytes_max: 1000, header_fields_max: 50 };
        let mut space = FieldSpace::new();
        let head = request(raw.as_bytes(), &limits, &mut space).expect("a head").expect("all of it");
        let mut scratch = String::new();
        let target = target::parse(head.target, &mut scratch).expect("a target");
        let mut routes = RouteTable::default();
        routes.insert("/{a}/{b}", "ANY", MethodIndex(0)).expect("a route");
        let (_, parameters) = routes.route(head.method, target.path).expect("a path of two segments");
        let (ids, settings) = (IdSource::new(1).ids(), ForwardingSettings::default());
        let facts = Facts {
            api_key: None,
            authorized: None,
            client_certificate: None,
            account_id: "0",
            ids: &ids,
            stage: None,
            method: None,
            http_method: head.method,
            path: target.path,
            base_path_bytes: 0,
            minor: 1,
            source_ip: "192.0.2.1",
            user_agent: head.user_agent.unwrap_or(b""),
            host: head.host.unwrap_or(""),
            time_ms: 0,
            error: None,
            request_parts: None,
        };
        let client = Client::new("192.0.2.1".parse().expect("an address"), 80, fields.contains("TLS"), &settings);
        let inbound = Inbound {
            head: &head,
            target: &target,
            path: target.path,
            parameters: &parameters,
            facts: &facts,
            client: &client,
            settings: &settings,
            content_type: head.content_type,
            framing: Framing::None,
            body: None,
            fills_cache: false,
        };
        let mut key = Vec::new();
        write(method, &inbound, None, &mut key);
        key
    }

    #[track_caller]
    fn check(method: &MethodCache, one: (&str, &str), other: (&str, &str), same: bool) {
        let keys = [one, other].map(|(line, fields)| key(method, line, fields));
        assert_eq!(keys[0] == keys[1], same, "{one:?} {other:?}");
    }

    #[test]
    fn requests_that_get_the_same_answer() {
        let plain = method(&[], None);
        check(&plain, ("GET /a/b", ""), ("GET /a/b?q=1", "X: y\r\nUser-Agent: z\r\n"), true);
        check(&plain, ("GET /a/b", ""), ("HEAD /a/b", ""), true);
        check(&plain, ("GET /a/b", ""), ("PUT /a/b", ""), false);
        check(&plain, ("GET /a/b", ""), ("GET /a/c", ""), false);
        check(&plain, ("GET /a/b", ""), ("GET /a/B", ""), false);
        check(&plain, ("GET /a/b", "Host: A\r\n"), ("GET /a/b", "Host: a\r\n"), true);
        check(&plain, ("GET /a/b", "Host: a\r\n"), ("GET /a/b", "Host: b\r\n"), false);
        check(&plain, ("GET /a/b", "X: TLS\r\n"), ("GET /a/b", ""), false);
        let keyed = method(&[ValueSource::QueryString("q".into()), ValueSource::Header("x".into())], None);
        check(&keyed, ("GET /a/b?q=1&z=2", ""), ("GET /a/b?z=3&q=%31", ""), true);
        check(&keyed, ("GET /a/b?q=a+b", ""), ("GET /a/b?%71=a%20b", ""), true);
        check(&keyed, ("GET /a/b", ""), ("GET /a/b?q", ""), false);
        check(&keyed, ("GET /a/b?q=1", ""), ("GET /a/b?q=1&q=1", ""), false);
        check(&keyed, ("GET /a/b", "X: \r\n"), ("GET /a/b", ""), false);
        check(&keyed, ("GET /a/b?q=1", ""), ("GET /a/b", "X: 1\r\n"), false);
        let by_agent = method(&[ValueSource::Context(ContextVariable::IdentityUserAgent)], None);
        check(&by_agent, ("GET /a/b", "User-Agent: x\r\n"), ("GET /a/b", "User-Agent: y\r\n"), false);
        let shared = method(&[ValueSource::PathParameter(1)], Some("n"));
        check(&shared, ("GET /a/b", ""), ("GET /c/b", ""), true);
        check(&shared, ("GET /a/b", ""), ("GET /a/c", ""), false);
        let by_type = MethodCache { by_accept: true, by_content_type: true, ..method(&[], None) };
        check(&by_type, ("GET /a/b", "Accept: A/b;q=1\r\n"), ("GET /a/b", "accept: a/B, c/d\r\n"), true);
        check(&by_type, ("GET /a/b", "Accept: a/b\r\n"), ("GET /a/b", "Content-Type: a/b\r\n"), false);
    }

    /// What would run together without lengths.
    #[test]
    fn no_two_requests_share_a_key_by_how_their_parts_meet() {
        let parameters = ["q", "r"].map(|name| ValueSource::QueryString(name.into()));
        let method = method(&parameters, None);
        let texts = ["", "a", "b", "ab", "%00", "%01", "a%00", "%26", "%3D"];
        let mut seen = HashSet::new();
        for one in texts {
            for other in texts {
                for target in [
                    format!("/x/y?q={one}&r={other}"),
                    format!("/x/y?q={one}&q={other}"),
                    format!("/x/y?r={one}&r={other}"),
                    format!("/x/y{}?q={one}", other.replace('%', "p")),
                ] {
                    seen.insert((key(&method, &format!("GET {target}"), ""), target));
                }
            }
        }
        let keys: HashSet<&Vec<u8>> = seen.iter().map(|(key, _)| key).collect();
        let targets: HashSet<&String> = seen.iter().map(|(_, target)| target).collect();
        assert_eq!(keys.len(), targets.len());
    }
}
