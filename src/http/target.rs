//! The request target, parsed once. (RFC 9112, section 3.2; RFC 3986.)
//!
//! What comes out is the one path string that the matcher, the log and the forwarder use, so that none of them can see
//! another path than the others:
//!
//! - escapes of unreserved characters are resolved (`%61` is `a`), all others stay, with upper-case digits: an encoded
//!   slash is data inside one segment and is forwarded encoded;
//! - dot segments are refused, plain or escaped, also behind an escaped slash or backslash: no client that resolves its
//!   references sends them, and an origin that resolves them would serve another path than the one that was authorised;
//! - characters that have no place in a target but cannot split anything (`|`, `{`, `"`, …) are escaped;
//! - a fragment, a control character, a space, a raw byte above 0x7F, a broken escape in the path are refused.

/// A target in one of the forms that a gateway serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'t> {
    /// The authority of an absolute-form target; it then rules over `Host`.
    pub authority: Option<&'t str>,
    /// Starts with a slash.
    pub path: &'t str,
    /// Without the question mark; `None` where there is no question mark.
    pub query: Option<&'t str>,
}

/// Why a target is refused; the text is for the log, a client gets `400 Bad Request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Neither `/…` nor `http://…`; `*` and `host:port` are for methods that an API does not have.
    Form,
    Authority,
    Character,
    Escape,
    DotSegment,
    Fragment,
}

/// What a byte asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// Look closer: `%`, `.`, `?`, or a character to escape.
    Special,
    Refused,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Refused; 256];
    let mut byte = 0x21;
    while byte < 0x7F {
        classes[byte] = match byte as u8 {
            b'%' | b'.' | b'?' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Special,
            b'#' => Class::Refused,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
}

/// Parses `raw`. `scratch` takes the normalised text where it differs from `raw`; the common target is not copied.
///
/// # Errors
/// [`TargetError`]; `scratch` is then of no meaning.
pub fn parse<'t>(raw: &'t str, scratch: &'t mut String) -> Result<Target<'t>, TargetError> {
    let (authority, rest) = split_authority(raw)?;
    let rest = if authority.is_some() && (rest.is_empty() || rest.starts_with('?')) {
        scratch.clear();
        scratch.push('/');
        scratch.push_str(rest);
        // The copy is only made for `http://host` and `http://host?query`; it is normalised in place below.
        return normalise_copy(authority, scratch);
    } else {
        rest
    };
    if needs_normalising(rest.as_bytes())? {
        normalise(rest, scratch)?;
        return Ok(split_query(authority, scratch));
    }
    Ok(split_query(authority, rest))
}

fn normalise_copy<'t>(authority: Option<&'t str>, scratch: &'t mut String) -> Result<Target<'t>, TargetError> {
    if needs_normalising(scratch.as_bytes())? {
        let copy = std::mem::take(scratch);
        normalise(&copy, scratch)?;
    }
    Ok(split_query(authority, scratch))
}

fn split_query<'t>(authority: Option<&'t str>, text: &'t str) -> Target<'t> {
    match memchr::memchr(b'?', text.as_bytes()) {
        Some(at) => Target { authority, path: &text[..at], query: Some(&text[at + 1..]) },
        None => Target { authority, path: text, query: None },
    }
}

fn split_authority(raw: &str) -> Result<(Option<&str>, &str), TargetError> {
    if raw.starts_with('/') {
        return Ok((None, raw));
    }
    let scheme_bytes = match raw.as_bytes() {
        [b'h' | b'H', b't' | b'T', b't' | b'T', b'p' | b'P', b':', b'/', b'/', ..] => 7,
        [b'h' | b'H', b't' | b'T', b't' | b'T', b'p' | b'P', b's' | b'S', b':', b'/', b'/', ..] => 8,
        _ => return Err(TargetError::Form),
    };
    let rest = &raw[scheme_bytes..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_empty() || !is_host(authority.as_bytes()) {
        return Err(TargetError::Authority);
    }
    Ok((Some(authority), rest))
}

/// A `Host` value: a name or address, with or without a port; nothing that could be read as user, path or list.
pub fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => return false,
        },
        _ => host.split_at(memchr::memchr(b':', host).unwrap_or(host.len())),
    };
    let bracketed = host.first() == Some(&b'[');
    let name_fits = name.iter().all(|byte| match byte {
        b':' => bracketed,
        b'-' | b'.' | b'_' | b'~' => true,
        other => other.is_ascii_alphanumeric(),
    });
    let port_fits = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) && port_number_fits(digits),
        _ => false,
    };
    name_fits && port_fits && !(bracketed && name.is_empty())
}

fn port_number_fits(digits: &[u8]) -> bool {
    digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0')) <= 65_535
}

/// Whether any byte needs a closer look.
#[inline]
fn needs_normalising(text: &[u8]) -> Result<bool, TargetError> {
    let mut special = false;
    for (at, byte) in text.iter().enumerate() {
        match CLASSES[*byte as usize] {
            Class::Plain => {}
            // A dot only matters at the start of a segment.
            Class::Special => special |= *byte != b'.' && *byte != b'?' || *byte == b'.' && text[at - 1] == b'/',
            Class::Refused if *byte == b'#' => return Err(TargetError::Fragment),
            Class::Refused => return Err(TargetError::Character),
        }
    }
    Ok(special)
}

/// Writes the normal form of `text`, which starts with a slash, to `normal`.
fn normalise(text: &str, normal: &mut String) -> Result<(), TargetError> {
    normal.clear();
    let bytes = text.as_bytes();
    let query_at = memchr::memchr(b'?', bytes).unwrap_or(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        if byte == b'%' {
            match escaped(&bytes[at..]) {
                Some(value) => {
                    push_escaped(value, normal);
                    at += 2;
                }
                None if at <= query_at => return Err(TargetError::Escape),
                None => push_percent(b'%', normal),
            }
        } else if CLASSES[byte as usize] == Class::Special && !matches!(byte, b'.' | b'?') {
            push_percent(byte, normal);
        } else {
            normal.push(byte as char);
        }
        if at == query_at {
            refuse_dot_segments(normal)?;
        }
    }
    Ok(())
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let (high, low) = (digits.first()?, digits.get(1)?);
    let value = |digit: u8| (digit as char).to_digit(16);
    Some((value(*high)? * 16 + value(*low)?) as u8)
}

fn push_escaped(value: u8, normal: &mut String) {
    if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
        normal.push(value as char);
    } else {
        push_percent(value, normal);
    }
}

/// Appends `%XX`.
pub fn push_percent(value: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(DIGITS[usize::from(value >> 4)] as char);
    text.push(DIGITS[usize::from(value & 15)] as char);
}

/// Refuses `.` and `..` between slashes and backslashes, plain or escaped, with or without path parameters behind them:
/// to servers that strip those first, `..;x=1` is a dot segment.
fn refuse_dot_segments(path: &str) -> Result<(), TargetError> {
    let mut segments = path.split('/').flat_map(|part| part.split("%2F")).flat_map(|part| part.split("%5C"));
    let is_dots = |segment: &str| {
        let rest = segment.trim_start_matches('.');
        matches!(segment.len() - rest.len(), 1 | 2)
            && (rest.is_empty() || rest.starts_with(';') || rest.starts_with("%3B"))
    };
    if segments.any(is_dots) { Err(TargetError::DotSegment) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Result<(&str, Option<&str>), TargetError>) {
        let mut scratch = String::new();
        let parsed = parse(raw, &mut scratch).map(|target| (target.path, target.query));
        assert_eq!(parsed, expected, "{raw}");
    }

    #[test]
    fn plain_targets_are_taken_as_they_are() {
        check("/", Ok(("/", None)));
        check("/pets/7?limit=2&tag=a", Ok(("/pets/7", Some("limit=2&tag=a"))));
        check("/a?", Ok(("/a", Some(""))));
        check("/file.txt/.well-known", Ok(("/file.txt/.well-known", None)));
        check("/a;b=1/c", Ok(("/a;b=1/c", None)));
        check("//admin", Ok(("//admin", None)));
        check("/a?x=/../admin", Ok(("/a", Some("x=/../admin"))));
    }

    #[test]
    fn escapes_have_one_form() {
        check("/%61dmin/%7euser", Ok(("/admin/~user", None)));
        check("/admin%2fx", Ok(("/admin%2Fx", None)));
        check("/a%00b%0d%0aX:%20y", Ok(("/a%00b%0D%0AX:%20y", None)));
        check("/%c0%ae%c0%ae/admin", Ok(("/%C0%AE%C0%AE/admin", None)));
        check("/a|b{c}?d=\"e\"&f=^", Ok(("/a%7Cb%7Bc%7D", Some("d=%22e%22&f=%5E"))));
        check("/a\\b", Ok(("/a%5Cb", None)));
        check("/?rate=100%&x=%zz", Ok(("/", Some("rate=100%25&x=%25zz"))));
        check("/a%", Err(TargetError::Escape));
        check("/a%4", Err(TargetError::Escape));
        check("/a%zz", Err(TargetError::Escape));
        check("/a%4?b", Err(TargetError::Escape));
    }

    #[test]
    fn dot_segments_are_refused_in_every_spelling() {
        for path in [
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/..%2f..%2fsecret",
            "/a/%2e",
            "/admin%5c..",
            "/admin\\..",
            "/a/..;x=1/b",
            "/a/%2e%2e;/b",
            "/a%2f..;x",
            "/a/..%3bx/b",
            "/a/../?q",
            "/%2e%2e?q",
        ] {
            check(path, Err(TargetError::DotSegment));
        }
        check("/a..b/...", Ok(("/a..b/...", None)));
        check("/.%2e.", Ok(("/...", None)));
    }

    #[test]
    fn what_could_split_a_message_is_refused() {
        check("/a b", Err(TargetError::Character));
        check("/a\u{e9}", Err(TargetError::Character));
        check("/a\u{7f}", Err(TargetError::Character));
        check("/a#b", Err(TargetError::Fragment));
        check("/a?x=1#frag", Err(TargetError::Fragment));
        check("*", Err(TargetError::Form));
        check("", Err(TargetError::Form));
        check("admin", Err(TargetError::Form));
        check("host:443", Err(TargetError::Form));
        check("ftp://h/x", Err(TargetError::Form));
    }

    #[test]
    fn the_absolute_form_brings_its_authority() {
        let mut scratch = String::new();
        let target = parse("HTTP://gw.test:80/x?y", &mut scratch).expect("an absolute form");
        assert_eq!(target, Target { authority: Some("gw.test:80"), path: "/x", query: Some("y") });
        check("http://gw.test", Ok(("/", None)));
        check("https://gw.test?q=%61|", Ok(("/", Some("q=a%7C"))));
        check("http://user@gw.test/", Err(TargetError::Authority));
        check("http:///x", Err(TargetError::Authority));
    }

    #[test]
    fn hosts() {
        for host in ["a", "a.b:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b", "", "a:"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["a b", "a/b", "u@a", "a,b", "a:65536", "a:123456", "a:b", "[::1", "[]", "[::1]x", "a:80:80", "a#"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
