//! Request and response heads: what is accepted means the same when it is written anew, and however it arrives.

use tollgate::http::encode;
use tollgate::http::field::{FieldKind, is_token};
use tollgate::http::head::{Field, FieldSpace, Framing, HeadLimits, RequestHead, ResponseHead, request, response};
use tollgate::http::target::is_host;

const LIMITS: HeadLimits = HeadLimits { target_bytes_max: 256, header_bytes_max: 1024, header_fields_max: 16 };

/// For what was written anew: `Name:value` becomes `Name: value`, a byte longer.
const WRITTEN_LIMITS: HeadLimits = HeadLimits { header_bytes_max: 2 * LIMITS.header_bytes_max, ..LIMITS };

pub fn check(input: &[u8]) {
    check_request(input);
    check_response(input, false);
    check_response(input, true);
}

fn check_request(input: &[u8]) {
    let mut space = FieldSpace::new();
    let Ok(Some(head)) = request(input, &LIMITS, &mut space) else { return };
    assert!(head.bytes <= input.len());
    check_fields(&input[..head.bytes], head.fields, head.kinds, head.framing);
    assert!(is_token(head.method.as_bytes()), "the method {:?}", head.method);
    assert!(!head.target.bytes().any(|byte| byte <= b' ' || byte == 0x7F), "the target {:?}", head.target);
    let hosts = head.kinds.iter().filter(|kind| **kind == FieldKind::Host).count();
    assert!(hosts == 1 || hosts == 0 && head.minor == 0, "{hosts} hosts");
    assert_eq!(head.host.is_some(), hosts == 1);
    assert!(head.host.is_none_or(|host| is_host(host.as_bytes())), "the host {:?}", head.host);
    assert_ne!(head.framing, Framing::UntilClose, "a request ends before its connection");

    let mut space = FieldSpace::new();
    let written = write_request(&head);
    let again = request(&written, &WRITTEN_LIMITS, &mut space).expect("it was accepted").expect("it is complete");
    assert_eq!(again.bytes, written.len());
    assert_eq!(shown_request(&again), shown_request(&head), "written anew");

    for cut in cuts(head.bytes) {
        let part = request(&input[..cut], &LIMITS, &mut FieldSpace::new()).map(|head| head.is_some());
        assert_eq!(part, Ok(false), "the first {cut} bytes of {}", head.bytes);
    }
}

fn check_response(input: &[u8], to_head_request: bool) {
    let mut space = FieldSpace::new();
    let Ok(Some(head)) = response(input, to_head_request, &mut space) else { return };
    assert!(head.bytes <= input.len());
    check_fields(&input[..head.bytes], head.fields, head.kinds, head.framing);
    assert!((100..=999).contains(&head.status));
    let bodiless = to_head_request || head.status < 200 || head.status == 204 || head.status == 304;
    assert!(!bodiless || head.framing == Framing::None, "a body where there is none");

    let mut written = Vec::new();
    encode::status_line(head.status, &mut written);
    write_fields(head.fields, &mut written);
    let mut space = FieldSpace::new();
    let again = response(&written, to_head_request, &mut space).expect("it was accepted").expect("it is complete");
    assert_eq!(again.bytes, written.len());
    assert_eq!(shown_response(&again), shown_response(&head), "written anew");

    for cut in cuts(head.bytes) {
        let part = response(&input[..cut], to_head_request, &mut FieldSpace::new()).map(|head| head.is_some());
        assert_eq!(part, Ok(false), "the first {cut} bytes of {}", head.bytes);
    }
}

/// What no reader behind this one could read in two ways.
fn check_fields(raw: &[u8], fields: &[Field<'_>], kinds: &[FieldKind], framing: Framing) {
    assert_eq!(fields.len(), kinds.len());
    let returns = raw.iter().filter(|byte| **byte == b'\r').count();
    let pairs = raw.windows(2).filter(|pair| pair == b"\r\n").count();
    let feeds = raw.iter().filter(|byte| **byte == b'\n').count();
    assert!(returns == pairs && feeds == pairs, "a line end that is not CRLF");
    assert!(!raw.contains(&0), "a NUL");
    for (field, kind) in fields.iter().zip(kinds) {
        assert!(is_token(field.name.as_bytes()), "the name {:?}", field.name);
        assert!(encode::is_field_value(field.value), "the value {:?}", field.value);
        assert_eq!(field.value.trim_ascii(), field.value, "a value with space around it");
        assert_eq!(*kind, FieldKind::of(field.name));
    }
    let with = |kind| kinds.iter().filter(|one| **one == kind).count();
    assert!(with(FieldKind::TransferEncoding) <= 1, "two codings");
    if framing == Framing::Chunked {
        assert_eq!(with(FieldKind::ContentLength), 0, "two framings");
        assert_eq!(with(FieldKind::TransferEncoding), 1);
    }
}

fn write_request(head: &RequestHead<'_, '_>) -> Vec<u8> {
    let mut written = format!("{} {} HTTP/1.{}\r\n", head.method, head.target, head.minor).into_bytes();
    write_fields(head.fields, &mut written);
    written
}

fn write_fields(fields: &[Field<'_>], written: &mut Vec<u8>) {
    for field in fields {
        encode::field(field.name, field.value, written);
    }
    written.extend_from_slice(b"\r\n");
}

/// All of a request but its length, which writing it anew may change.
fn shown_request(head: &RequestHead<'_, '_>) -> String {
    let RequestHead { method, target, minor, fields, kinds, host, framing, keep_alive, .. } = head;
    let RequestHead { expects_continue, content_type, user_agent, nominates, .. } = head;
    format!(
        "{method} {target} {minor} {fields:?} {kinds:?} {host:?} {framing:?} {keep_alive} {expects_continue} \
         {content_type:?} {user_agent:?} {nominates}"
    )
}

/// Without `keep_alive`: what came as HTTP/1.0 goes out as HTTP/1.1.
fn shown_response(head: &ResponseHead<'_, '_>) -> String {
    let ResponseHead { status, fields, kinds, framing, content_type, nominates, .. } = head;
    format!("{status} {fields:?} {kinds:?} {framing:?} {content_type:?} {nominates}")
}

/// Some lengths below `bytes`: the last ones, and others spread evenly.
fn cuts(bytes: usize) -> impl Iterator<Item = usize> {
    (bytes.saturating_sub(5)..bytes).chain((0..bytes).step_by(bytes / 8 + 1))
}
