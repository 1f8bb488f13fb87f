//! The URI of an HTTP integration, taken apart and checked (RFC 3986, with `{name}` for a mapped part of the path).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::expression::Refused;

/// A checked URI.
#[derive(Debug, PartialEq, Eq)]
pub struct Uri {
    pub tls: bool,
    /// In lower case, an IPv6 address without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// As in the `Host` field.
    pub authority: Box<str>,
    pub path: Vec<UriPart>,
    /// Without its `?`.
    pub query: Box<str>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum UriPart {
    Literal(Box<str>),
    /// The name in `{name}`.
    Parameter(Box<str>),
}

fn refused<T>(message: impl Into<String>, help: &str) -> Result<T, Refused> {
    Err(Refused { message: message.into(), help: help.to_owned() })
}

/// Parses a URI in which stage variables have been put in already.
pub fn parse(text: &str) -> Result<Uri, Refused> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return refused(format!("`{text}` is not a complete URI"), "start it with `http://` or `https://`");
    };
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return refused(format!("`{scheme}` is not a scheme that is served"), "use `http://` or `https://`"),
    };
    if rest.contains('#') {
        return refused("the URI has a fragment, which is never sent", "take `#` and what follows away");
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (host, port) = host_and_port(authority, tls)?;
    let authority = authority_field(&host, port, tls);
    Ok(Uri { tls, host: host.into(), port, authority, path: path_parts(path)?, query: checked_query(query)? })
}

fn authority_field(host: &str, port: u16, tls: bool) -> Box<str> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let default = if tls { 443 } else { 80 };
    if port == default { host.into() } else { format!("{host}:{port}").into() }
}

fn host_and_port(authority: &str, tls: bool) -> Result<(String, u16), Refused> {
    if authority.contains('@') {
        return refused(
            "the URI has a user name before its host",
            "send credentials in a header: `integration.request.header.Authorization`",
        );
    }
    if authority.contains(['{', '}']) {
        return refused(
            "the URI's host has a mapped part",
            "requests choose paths, not hosts; use `${stageVariables.name}` for a host",
        );
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) = rest.split_once(']') else {
                return refused(format!("`{authority}` has no `]`"), "write `[::1]:8080`");
            };
            let Ok(address) = address.parse::<Ipv6Addr>() else {
                return refused(format!("`{address}` is not an IPv6 address"), "write `[::1]:8080`");
            };
            (address.to_string(), after)
        }
        None => {
            let (host, after) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (host_name(host)?, after)
        }
    };
    Ok((host, port_number(port, tls)?))
}

fn port_number(text: &str, tls: bool) -> Result<u16, Refused> {
    if text.is_empty() {
        return Ok(if tls { 443 } else { 80 });
    }
    let digits = text.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse::<u16>().ok()).filter(|port| *port > 0) {
        Some(port) => Ok(port),
        None => refused(format!("`{text}` is not a port"), "a port is a number from 1 to 65535, after a colon"),
    }
}

fn host_name(host: &str) -> Result<String, Refused> {
    const HELP: &str = "a host has letters, digits, `-` and `.`, or is an address";
    let label = |label: &str| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(word)
    };
    if host.is_empty() {
        return refused("the URI has no host", "write `http://host/path`");
    }
    if host.len() > 253 || !host.split('.').all(label) {
        return refused(format!("`{host}` is not a host name"), HELP);
    }
    let last = host.rsplit('.').next().unwrap_or("");
    if last.bytes().all(|byte| byte.is_ascii_digit()) && host.parse::<Ipv4Addr>().is_err() {
        return refused(format!("`{host}` is not an IPv4 address"), HELP);
    }
    Ok(host.to_ascii_lowercase())
}

/// Always with a leading slash.
fn path_parts(path: &str) -> Result<Vec<UriPart>, Refused> {
    let mut parts = Vec::new();
    let mut literal = if path.starts_with('/') { String::new() } else { "/".to_owned() };
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let name_and_rest = rest[at..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, after)) = name_and_rest.filter(|(name, _)| !name.is_empty() && !name.contains('{')) else {
            return refused(format!("the braces in `{path}` do not match"), "write `{name}` for a mapped part");
        };
        if let Some(plain) = name.strip_suffix('+') {
            let message = format!("`{{{name}}}` has a `+`, which belongs to the API's path only");
            return refused(message, &format!("write `{{{plain}}}`"));
        }
        if !literal.is_empty() {
            parts.push(UriPart::Literal(checked(std::mem::take(&mut literal))?));
        }
        parts.push(UriPart::Parameter(name.into()));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(UriPart::Literal(checked(literal)?));
    }
    Ok(parts)
}

fn checked_query(query: &str) -> Result<Box<str>, Refused> {
    if query.contains(['{', '}']) {
        return refused(
            "the URI's query has a mapped part",
            "map it: `integration.request.querystring.name: method.request.path.name`",
        );
    }
    checked(query.to_owned())
}

/// What may stand in a path or a query (RFC 3986, section 3.3 and 3.4).
fn checked(text: String) -> Result<Box<str>, Refused> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let good = match byte {
            b'%' => bytes.len() > at + 2 && bytes[at + 1..at + 3].iter().all(u8::is_ascii_hexdigit),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte),
        };
        if !good {
            let wrong = text[at..].chars().next().filter(|_| text.is_char_boundary(at)).unwrap_or('?');
            return refused(format!("`{wrong}` cannot stand in a URI"), "percent-encode it: a space is `%20`");
        }
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = parse(text).map(|uri| {
            let path: String = uri
                .path
                .iter()
                .map(|part| match part {
                    UriPart::Literal(text) => text.to_string(),
                    UriPart::Parameter(name) => format!("<{name}>"),
                })
                .collect();
            format!("{} {} {} {} {path} {}", uri.tls, uri.host, uri.port, uri.authority, uri.query)
        });
        assert_eq!(shown.as_deref().map_err(|refused| refused.message.as_str()), expected, "{text}");
    }

    #[test]
    fn uris_are_taken_apart() {
        check("http://Example.COM", Ok("false example.com 80 example.com / "));
        check("https://a.b:8443/x?y=1", Ok("true a.b 8443 a.b:8443 /x y=1"));
        check("http://a:80?q", Ok("false a 80 a / q"));
        check("http://[::1]:9/{a}/b-{c}", Ok("false ::1 9 [::1]:9 /<a>/b-<c> "));
        check("HTTP://10.0.0.1/%20", Ok("false 10.0.0.1 80 10.0.0.1 /%20 "));
        check("http://my_service:3000/{proxy}", Ok("false my_service 3000 my_service:3000 /<proxy> "));
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("example.com/x", Err("`example.com/x` is not a complete URI"));
        check("ftp://a/", Err("`ftp` is not a scheme that is served"));
        check("http://a/#b", Err("the URI has a fragment, which is never sent"));
        check("http://u:p@a/", Err("the URI has a user name before its host"));
        check("http://{host}/", Err("the URI's host has a mapped part"));
        check("http:///x", Err("the URI has no host"));
        check("http://a..b/", Err("`a..b` is not a host name"));
        check("http://1.2.3/", Err("`1.2.3` is not an IPv4 address"));
        check("http://a:0/", Err("`:0` is not a port"));
        check("http://a:/", Err("`:` is not a port"));
        check("http://a:70000/", Err("`:70000` is not a port"));
        check("http://[::g]/", Err("`::g` is not an IPv6 address"));
        check("http://a/{proxy+}", Err("`{proxy+}` has a `+`, which belongs to the API's path only"));
        check("http://a/{x", Err("the braces in `/{x` do not match"));
        check("http://a/x}", Err("the braces in `/x}` do not match"));
        check("http://a/a b", Err("` ` cannot stand in a URI"));
        check("http://a/ä", Err("`ä` cannot stand in a URI"));
        check("http://a/%2", Err("`%` cannot stand in a URI"));
        check("http://a/?q={x}", Err("the URI's query has a mapped part"));
    }
}
