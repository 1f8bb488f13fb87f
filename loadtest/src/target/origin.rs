//! Scheme, host and port: from a URL, and to addresses.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Where requests go.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub tls: bool,
    /// As in the URL, without brackets for IPv6: for SNI and certificates.
    pub host: String,
    pub port: u16,
    /// What `host` resolved to, once, before the run, or what `--connect-to` says. Not empty; connections take turns.
    pub addresses: Vec<SocketAddr>,
}

/// A URL, taken apart. Variables may stand in its path and query only.
#[derive(Clone, Debug, PartialEq)]
pub struct Url {
    pub site: Site,
    /// Path and query as written, variables and all; begins with `/`.
    pub target: String,
}

/// What all URLs of a run have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub tls: bool,
    /// Lower case; IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

impl Url {
    pub fn parse(text: &str) -> Result<Url, String> {
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, _)) => return Err(format!("{scheme}:// is not supported; write http:// or https://")),
            None => return Err(format!("`{text}` is not a URL; write http://{text} or https://{text}")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let site = Site::parse(tls, authority)?;
        if outside_variables(target).any(|(_, character)| character == '#') {
            return Err(format!("{site}: what follows `#` is never sent to a server; leave it out, or write %23"));
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Url { site, target })
    }
}

/// The characters that are not inside `{{…}}`.
pub fn outside_variables(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut inside_until = 0;
    text.char_indices().filter(move |&(index, _)| {
        if index >= inside_until && text[index..].starts_with("{{") {
            inside_until = text[index..].find("}}").map_or(index, |length| index + length + 2);
        }
        index >= inside_until
    })
}

impl Site {
    fn parse(tls: bool, authority: &str) -> Result<Site, String> {
        if authority.contains("{{") {
            return Err("a variable cannot stand in a URL's host: all requests of a run go to one origin".to_owned());
        }
        // The text before the @ is not repeated in the message: it may be a password.
        if let Some((_, site)) = authority.rsplit_once('@') {
            return Err(format!(
                "user names and passwords in URLs are not sent; write http://{site} and -H 'Authorization: Basic …'"
            ));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) =
                    rest.split_once(']').ok_or_else(|| format!("`{authority}`: the bracket is not closed"))?;
                host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                if port.contains(':') {
                    return Err(format!("write the IPv6 address in brackets: [{authority}]"));
                }
                check_name(host)?;
                (host, Some(port))
            }
        };
        let port = match port {
            Some("") => default_port(tls),
            Some(port) => parse_port(port)?,
            None => return Err(format!("`{authority}`: only a port may follow the bracket")),
        };
        Ok(Site { tls, host: host.to_ascii_lowercase(), port })
    }

    /// The `Host` field: without the port where it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == default_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// Looks the name up; `connect_to` is a `HOST:PORT` to be asked instead.
    pub fn resolve(self, connect_to: Option<&str>) -> Result<Origin, String> {
        let addresses = match connect_to {
            None => resolve(&self.host, self.port)?,
            Some(text) => {
                let missing_port = || format!("--connect-to {text}: write HOST:PORT, such as 127.0.0.1:8080");
                let (host, port) = text.rsplit_once(':').ok_or_else(missing_port)?;
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                resolve(host, parse_port(port).map_err(|_| missing_port())?)?
            }
        };
        Ok(Origin { tls: self.tls, host: self.host, port: self.port, addresses })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("`{text}` is not a port; write a number from 1 to 65535")),
    }
}

fn check_name(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("the URL has no host".to_owned());
    }
    if !host.is_ascii() {
        return Err(format!("`{host}`: write the host's ASCII form, which begins with xn--"));
    }
    match host.chars().find(|character| !character.is_ascii_alphanumeric() && !".-_".contains(*character)) {
        Some(character) => Err(format!("`{host}` is not a host: it contains {character:?}")),
        None => Ok(()),
    }
}

/// Every address once, in the resolver's order.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| format!("cannot resolve {host}: {error}"))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(format!("cannot resolve {host}: the name has no addresses"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        #[track_caller]
        fn check(text: &str, site: &str, authority: &str, target: &str) {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.site.to_string().as_str(), url.site.authority().as_str()), (site, authority));
            assert_eq!(url.target, target);
        }
        check("http://host", "http://host", "host", "/");
        check("http://Host:80/", "http://host", "host", "/");
        check("http://host:/x", "http://host", "host", "/x");
        check("HTTPS://host:443/a/b?c=d", "https://host", "host", "/a/b?c=d");
        check("https://host:80", "https://host:80", "host:80", "/");
        check("http://127.0.0.1:8080?x", "http://127.0.0.1:8080", "127.0.0.1:8080", "/?x");
        check("http://[::1]:8080/x", "http://[::1]:8080", "[::1]:8080", "/x");
        check("http://[::1]", "http://[::1]", "[::1]", "/");
        check("http://h/{{csv:a#b/c.csv:x}}?{{seq}}", "http://h", "h", "/{{csv:a#b/c.csv:x}}?{{seq}}");
    }

    #[test]
    fn wrong_urls() {
        #[track_caller]
        fn check(text: &str, message: &str) {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        check("localhost:8080", "write http://localhost:8080");
        check("ftp://h", "ftp:// is not supported");
        check("http://", "no host");
        check("http:///x", "no host");
        check("http://u:secret@h/", "write http://h and -H");
        check("http://h/#part", "never sent");
        check("http://h:0/", "not a port");
        check("http://h:65536/", "not a port");
        check("http://h:x/", "not a port");
        check("http://::1/", "in brackets");
        check("http://[::1/", "not closed");
        check("http://[::g]/", "not an IPv6");
        check("http://[::1]x/", "only a port");
        check("http://a b/", "contains ' '");
        check("http://bücher.example/", "xn--");
        check("http://{{pick:a|b}}/", "one origin");
        assert!(!Url::parse("http://u:secret@h/").unwrap_err().contains("secret"));
    }

    #[test]
    fn addresses() {
        #[track_caller]
        fn check(url: &str, connect_to: Option<&str>, expected: Result<&str, &str>) {
            let origin = Url::parse(url).unwrap().site.resolve(connect_to);
            let address = origin.map(|origin| origin.addresses[0].to_string());
            match expected {
                Ok(expected) => assert_eq!(address.as_deref(), Ok(expected)),
                Err(part) => assert!(address.as_ref().unwrap_err().contains(part), "{address:?}"),
            }
        }
        check("http://127.0.0.1", None, Ok("127.0.0.1:80"));
        check("https://[::1]", None, Ok("[::1]:443"));
        check("http://no-such.invalid", Some("127.0.0.1:99"), Ok("127.0.0.1:99"));
        check("http://no-such.invalid", Some("[::1]:99"), Ok("[::1]:99"));
        check("http://no-such.invalid", None, Err("cannot resolve no-such.invalid: "));
        check("http://h", Some("127.0.0.1"), Err("write HOST:PORT"));
        check("http://h", Some("127.0.0.1:x"), Err("write HOST:PORT"));
    }
}
