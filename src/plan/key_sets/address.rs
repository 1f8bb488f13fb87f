//! An address that something is fetched from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::plan::integration::Origin;

/// `https://host[:port][/path][?query]`, or with `http`. Nothing is decoded: it is sent as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpAddress {
    pub tls: bool,
    /// Lower-case name, or an IP literal without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// Beginning with a slash.
    pub target: Box<str>,
}

/// The longest address.
const BYTES_MAX: usize = 2048;

impl HttpAddress {
    /// # Errors
    /// It is of another scheme, names somebody (`user@`), has a fragment, or letters that no address has.
    pub fn parse(text: &str) -> Result<HttpAddress, &'static str> {
        if text.len() > BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an address has printable ASCII letters, and not more than 2048");
        }
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("an address begins with https:// or http://"),
        };
        if rest.contains(['#', '\\', '"', '<', '>', '^', '`', '{', '|', '}']) {
            return Err("an address has no fragment, and none of \\\"<>^`{|}");
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(HttpAddress { tls, host: host.to_ascii_lowercase().into(), port, target: target.into() })
    }

    /// Whether it is this machine's, by its literal or by the name that is reserved for it.
    pub fn is_loopback(&self) -> bool {
        let literal = self.host.parse::<IpAddr>();
        literal.map_or(&*self.host == "localhost", |address| address.to_canonical().is_loopback())
    }

    pub fn origin(&self) -> Arc<Origin> {
        Arc::new(Origin {
            tls: self.tls,
            host: self.host.clone(),
            port: self.port,
            authority: self.authority().into(),
            insecure_skip_verification: false,
        })
    }

    /// A query may have a secret.
    pub fn without_query(&self) -> String {
        let whole = self.to_string();
        whole.split_once('?').map_or(whole.clone(), |(path, _)| path.to_owned())
    }

    /// As `Host` has it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let is_name = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, port)) => {
            literal.parse::<std::net::Ipv6Addr>().map_err(|_| "what is in brackets is an IPv6 address")?;
            (literal, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            if !is_name(host) {
                return Err("an address has a host, and nobody's name before it");
            }
            (host, port)
        }
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse().ok().filter(|port| *port != 0);
            Ok((host, Some(port.ok_or("a port is a number from 1 to 65535")?)))
        }
        _ => Err("a port is a number from 1 to 65535"),
    }
}

/// As it is written, but for the case of the host and the port that goes without saying.
impl fmt::Display for HttpAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, bool)>) {
        let found = HttpAddress::parse(text);
        let shown = found.as_ref().map(|address| (address.to_string(), address.is_loopback()));
        let expected = expected.map(|(text, loopback)| (text.to_owned(), loopback));
        assert_eq!(shown.ok(), expected, "{text}");
    }

    #[test]
    fn addresses() {
        check("https://a.example/keys?x=1", Some(("https://a.example/keys?x=1", false)));
        check("https://A.example", Some(("https://a.example/", false)));
        check("https://a.example?x=1", Some(("https://a.example/?x=1", false)));
        check("https://a.example:443/", Some(("https://a.example/", false)));
        check("http://a.example:443/", Some(("http://a.example:443/", false)));
        check("http://127.0.0.1:80/k", Some(("http://127.0.0.1/k", true)));
        check("http://[::1]:8080/k", Some(("http://[::1]:8080/k", true)));
        check("http://localhost:9229/p", Some(("http://localhost:9229/p", true)));
        check("http://[::ffff:127.0.0.1]/", Some(("http://[::ffff:127.0.0.1]/", true)));
        check("http://localhost.example/", Some(("http://localhost.example/", false)));
        for bad in [
            "",
            "https://",
            "https:///keys",
            "ftp://a.example/",
            "HTTPS://a.example/",
            "//a.example/",
            "file:///etc/passwd",
            "https://user@a.example/",
            "https://user:secret@a.example/",
            "https://a.example/#keys",
            "https://a.example/ keys",
            "https://a.example/\r\nX: y",
            "https://a.example\\@b.example/",
            "https://a.example:0/",
            "https://a.example:65536/",
            "https://a.example:+80/",
            "https://a.example:/",
            "https://[::1/",
            "https://[a.example]/",
            "https://a.example:80:80/",
            "https://\u{e4}.example/",
        ] {
            check(bad, None);
        }
        check(&format!("https://a.example/{}", "a".repeat(2048)), None);
    }
}
