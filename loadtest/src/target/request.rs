//! A request, ready to be sent.

use std::fmt;

use super::Check;
use super::template::files::Files;
use super::template::parse::Encoding;
use super::template::{Template, Text};

#[derive(Debug)]
pub struct Request {
    /// `GET /pets/{petId}` or a name from a file: what reports call it. Several requests may share a name.
    pub name: String,
    pub rendering: Rendering,
    /// A HEAD request's answer has no body, whatever its head says.
    pub head: bool,
    pub check: Check,
}

/// The request's bytes on the wire, HTTP/1.1.
pub enum Rendering {
    /// No variables: sent as it is, from here, by all workers at once.
    Fixed(Box<[u8]>),
    Template(Template),
}

/// Without the bytes: they may hold credentials.
impl fmt::Debug for Rendering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rendering::Fixed(bytes) => write!(f, "{} bytes", bytes.len()),
            Rendering::Template(template) => template.fmt(f),
        }
    }
}

/// A request as it was described, its texts taken apart.
#[derive(Debug)]
pub struct Draft {
    pub name: String,
    pub method: String,
    /// Path and query.
    pub target: Text,
    pub headers: Headers,
    pub body: Option<Text>,
    pub check: Check,
    /// How often it is sent in proportion to the others; at least 1.
    pub weight: u64,
}

/// What the command line says of every request; what a file says of one comes first.
#[derive(Debug, Default)]
pub struct Defaults {
    pub headers: Headers,
    pub check: Check,
    /// Whether `check` has statuses of its own.
    pub expects_status: bool,
}

impl Draft {
    /// `authority` is the `Host` field where no header says otherwise.
    pub fn finish(self, authority: &str) -> Result<Request, String> {
        check_method(&self.method)?;
        let head = self.method == "HEAD";
        if head && self.check.wants_body() {
            return Err(format!("{}: an answer to HEAD has no body; do not expect one", self.name));
        }
        let mut text = Text::default();
        text.push(&self.method);
        text.push(" ");
        text.append(self.target);
        text.push(" HTTP/1.1\r\n");
        for (name, value) in [("Host", authority), ("User-Agent", USER_AGENT), ("Accept", "*/*")] {
            if !self.headers.has(name) {
                text.push(format!("{name}: {value}\r\n"));
            }
        }
        self.headers.write(&mut text);
        let body = match self.body {
            None if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") => Some(Text::default()),
            body => body,
        };
        let body = match body.as_ref().map(Text::fixed) {
            Some(None) => body,
            Some(Some(bytes)) => {
                text.push(format!("Content-Length: {}\r\n\r\n", bytes.len()));
                text.push(bytes);
                None
            }
            None => {
                text.push("\r\n");
                None
            }
        };
        let rendering = match (text.fixed(), body) {
            (Some(bytes), None) => Rendering::Fixed(bytes.into()),
            (_, body) => Rendering::Template(Template::new(text, body)),
        };
        Ok(Request { name: self.name, rendering, head, check: self.check })
    }
}

const USER_AGENT: &str = concat!("loadtest/", env!("CARGO_PKG_VERSION"));

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check_method(method: &str) -> Result<(), String> {
    match method {
        "CONNECT" => Err("CONNECT opens a tunnel; it cannot be tested".to_owned()),
        method if is_token(method) => Ok(()),
        method => Err(format!("`{method}` is not a method; write GET, POST or another word without spaces")),
    }
}

/// Header fields in order. A name may occur more than once; an empty value stands for a default that is not sent.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, Text)>);

impl Headers {
    /// `Name: value`, with variables. The value is not in error messages: it may be a credential.
    pub fn parse(&mut self, line: &str, files: &mut Files) -> Result<(), String> {
        let (name, value) = line.split_once(':').ok_or("a header is `Name: value`; this one has no colon")?;
        self.add(name, value, files)
    }

    pub fn add(&mut self, name: &str, value: &str, files: &mut Files) -> Result<(), String> {
        let (name, value) = (name.trim(), value.trim_matches([' ', '\t']));
        check_header(name, value)?;
        let text = Text::parse(value, Encoding::Header, files);
        self.push(name, text.map_err(|reason| format!("header {name}: {reason}"))?);
        Ok(())
    }

    /// For names and values that are known to be right.
    pub fn push(&mut self, name: &str, value: Text) {
        self.0.push((name.to_owned(), value));
    }

    /// Adds those of `others` whose names are not here.
    pub fn add_missing(&mut self, others: &Headers) {
        let missing: Vec<_> = others.0.iter().filter(|(name, _)| !self.has(name)).cloned().collect();
        self.0.extend(missing);
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    fn write(self, text: &mut Text) {
        for (name, value) in self.0 {
            if value.fixed() != Some(b"") {
                text.push(format!("{name}: "));
                text.append(value);
                text.push("\r\n");
            }
        }
    }
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("`{name}` is not a header's name"));
    }
    match name.to_ascii_lowercase().as_str() {
        "content-length" => Err("leave Content-Length out: it follows from the body".to_owned()),
        "transfer-encoding" => Err("Transfer-Encoding is not supported: bodies are sent with their length".to_owned()),
        "connection" if !["close", "keep-alive", ""].contains(&value.to_ascii_lowercase().as_str()) => {
            Err("Connection may be `close` or `keep-alive`: upgrades are not supported".to_owned())
        }
        "host" if value.is_empty() => Err("HTTP/1.1 needs a Host".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::Values;
    use super::*;

    fn draft(method: &str, headers: &[&str], body: Option<&str>) -> Result<Draft, String> {
        let mut files = Files::default();
        let mut parsed = Headers::default();
        for header in headers {
            parsed.parse(header, &mut files)?;
        }
        Ok(Draft {
            name: "test".to_owned(),
            method: method.to_owned(),
            target: Text::parse("/x", Encoding::Url, &mut files)?,
            headers: parsed,
            body: body.map(|body| Text::parse(body, Encoding::Body, &mut files)).transpose()?,
            check: Check::default(),
            weight: 1,
        })
    }

    #[track_caller]
    fn check(method: &str, headers: &[&str], body: Option<&str>, expected: &str) {
        let request = draft(method, headers, body).unwrap().finish("h:1").unwrap();
        let bytes = match &request.rendering {
            Rendering::Fixed(bytes) => bytes.to_vec(),
            Rendering::Template(template) => {
                let mut bytes = Vec::new();
                template.render(&mut Values::new(0, 1, 1), &mut bytes);
                bytes
            }
        };
        let expected = expected.replace("AGENT", &format!("User-Agent: {USER_AGENT}")).replace('|', "\r\n");
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn requests() {
        check("GET", &[], None, "GET /x HTTP/1.1|Host: h:1|AGENT|Accept: */*||");
        check("GET", &["Accept:", "user-agent: me"], None, "GET /x HTTP/1.1|Host: h:1|user-agent: me||");
        check("GET", &["host: other", "A: 1", "a:2"], None, {
            "GET /x HTTP/1.1|AGENT|Accept: */*|host: other|A: 1|a: 2||"
        });
        check("POST", &["Accept:"], None, "POST /x HTTP/1.1|Host: h:1|AGENT|Content-Length: 0||");
        check("GET", &["Accept:"], Some("abc"), "GET /x HTTP/1.1|Host: h:1|AGENT|Content-Length: 3||abc");
        check("PUT", &["Accept:", "N: {{seq}}"], Some("abc"), {
            "PUT /x HTTP/1.1|Host: h:1|AGENT|N: 0|Content-Length: 3||abc"
        });
        check("PUT", &["Accept:", "N: {{seq:7}}"], Some("{{seq:1000}}"), {
            "PUT /x HTTP/1.1|Host: h:1|AGENT|N: 7|Content-Length: 4||1000"
        });
    }

    #[test]
    fn only_variables_cost() {
        let rendering = |headers: &[&str]| draft("GET", headers, None).unwrap().finish("h").unwrap().rendering;
        assert!(matches!(rendering(&["A: {{env:CARGO_PKG_NAME}}"]), Rendering::Fixed(_)));
        assert!(matches!(rendering(&["A: {{uuid}}"]), Rendering::Template(_)));
    }

    #[test]
    fn mistakes() {
        #[track_caller]
        fn check(method: &str, header: &str, message: &str) {
            let error = draft(method, &[header], None).and_then(|draft| draft.finish("h")).unwrap_err();
            assert!(error.contains(message), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        check("G T", "A: b", "`G T` is not a method");
        check("", "A: b", "is not a method");
        check("CONNECT", "A: b", "tunnel");
        check("GET", "secret", "no colon");
        check("GET", "A b: secret", "`A b` is not a header's name");
        check("GET", ": secret", "is not a header's name");
        check("GET", "A: secret\r\nB: c", "header A: column 1: a header's value cannot contain");
        check("GET", "content-length: 3", "leave Content-Length out");
        check("GET", "Transfer-Encoding: chunked", "Transfer-Encoding is not supported");
        check("GET", "Connection: Upgrade", "upgrades are not supported");
        check("GET", "Host:", "needs a Host");
        check("GET", "A: {{nope}}", "header A: column 1");
        let mut head = draft("HEAD", &[], None).unwrap();
        head.check.expect_text("x");
        assert!(head.finish("h").unwrap_err().contains("HEAD has no body"));
    }
}
