//! Requests from a file with a JSON object on each line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use regex::bytes::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Check;
use super::origin::{Site, Url};
use super::request::{Defaults, Draft, Headers};
use super::template::Text;
use super::template::files::Files;
use super::template::parse::Encoding;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: Option<String>,
    method: Option<String>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
    body_base64: Option<String>,
    weight: Option<u64>,
    expect_status: Option<Value>,
    expect_body: Option<String>,
    expect_body_regex: Option<String>,
}

/// The requests of `content`, which was read from `path`, each with the site of its URL. A line's `path` is added to
/// `base`, the URL of the command line. Errors begin with `path:line`.
pub fn parse(
    path: &str,
    content: &str,
    base: Option<&Url>,
    defaults: &Defaults,
    files: &mut Files,
) -> Result<Vec<(Site, Draft)>, String> {
    let mut drafts = Vec::new();
    for (index, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            format!("{path}:{number}:{}: {message}", error.column())
        })?;
        drafts.push(draft(line, base, defaults, files).map_err(|reason| format!("{path}:{number}: {reason}"))?);
    }
    if drafts.is_empty() {
        return Err(format!("{path} has no requests; write a JSON object on each line"));
    }
    Ok(drafts)
}

fn draft(line: Line, base: Option<&Url>, defaults: &Defaults, files: &mut Files) -> Result<(Site, Draft), String> {
    let url = url(line.url, line.path, base)?;
    let mut headers = headers(&line.headers, files)?;
    let body = body(line.body, line.body_base64, &mut headers, files)?;
    headers.add_missing(&defaults.headers);
    let mut check = defaults.check.clone();
    expect(&mut check, line.expect_status, line.expect_body, line.expect_body_regex)?;
    let method = line.method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let draft = Draft {
        name: line.name.unwrap_or_else(|| format!("{method} {}", url.target)),
        method,
        target: Text::parse(&url.target, Encoding::Url, files)?,
        headers,
        body,
        check,
        weight: match line.weight {
            Some(0) => return Err("a weight is at least 1".to_owned()),
            weight => weight.unwrap_or(1),
        },
    };
    Ok((url.site, draft))
}

fn url(url: Option<String>, path: Option<String>, base: Option<&Url>) -> Result<Url, String> {
    match (url, path, base) {
        (Some(url), None, _) => Url::parse(&url),
        (None, Some(path), Some(_)) if !path.starts_with('/') => Err(format!("path `{path}` does not begin with /")),
        (None, Some(path), Some(base)) => {
            Url::parse(&format!("{}{}{path}", base.site, base.target.trim_end_matches('/')))
        }
        (None, Some(_), None) => {
            Err("`path` needs a URL on the command line; write one there, or `url` here".to_owned())
        }
        (Some(_), Some(_), _) => Err("`url` and `path` are both given; leave one of them out".to_owned()),
        (None, None, _) => Err("there is no `url` and no `path`".to_owned()),
    }
}

/// A value is a string, or a list of strings for a header that is sent several times.
fn headers(members: &Map<String, Value>, files: &mut Files) -> Result<Headers, String> {
    let mut headers = Headers::default();
    for (name, value) in members {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let value = value.as_str().ok_or_else(|| format!("header {name}: write a string or a list of strings"))?;
            headers.add(name, value, files)?;
        }
    }
    Ok(headers)
}

/// A string is sent as it is, any other value as JSON.
fn body(
    body: Option<Value>,
    base64: Option<String>,
    headers: &mut Headers,
    files: &mut Files,
) -> Result<Option<Text>, String> {
    match (body, base64) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err("`body` and `body_base64` are both given; leave one of them out".to_owned()),
        (None, Some(text)) => {
            let mut body = Text::default();
            body.push(BASE64.decode(text).map_err(|error| format!("body_base64: {error}"))?);
            Ok(Some(body))
        }
        (Some(Value::String(text)), None) => {
            Text::parse(&text, Encoding::Body, files).map(Some).map_err(|reason| format!("body: {reason}"))
        }
        (Some(value), None) => {
            if !headers.has("Content-Type") {
                headers.add("Content-Type", "application/json", files)?;
            }
            let body = Text::parse(&value.to_string(), Encoding::Json, files);
            body.map(Some).map_err(|reason| format!("body, written as JSON: {reason}"))
        }
    }
}

fn expect(
    check: &mut Check,
    status: Option<Value>,
    text: Option<String>,
    pattern: Option<String>,
) -> Result<(), String> {
    if let Some(status) = status {
        let status = status.as_str().map_or_else(|| status.to_string(), str::to_owned);
        check.expect_statuses(status.parse().map_err(|reason| format!("expect_status: {reason}"))?);
    }
    if let Some(text) = text {
        check.expect_text(&text);
    }
    if let Some(pattern) = pattern {
        check.expect_match(Regex::new(&pattern).map_err(|error| format!("expect_body_regex: {error}"))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::request::Rendering;
    use super::super::template::Values;
    use super::*;

    fn parsed(content: &str, base: Option<&str>) -> Result<Vec<(Site, Draft)>, String> {
        let base = base.map(|base| Url::parse(base).unwrap());
        let mut files = Files::default();
        let mut defaults = Defaults::default();
        defaults.headers.parse("User-Agent:", &mut files)?;
        defaults.headers.parse("Accept: a", &mut files)?;
        parse("r.jsonl", content, base.as_ref(), &defaults, &mut files)
    }

    #[track_caller]
    fn check(line: &str, base: Option<&str>, expected: &str) {
        let (site, draft) = parsed(line, base).unwrap().remove(0);
        let mut bytes = Vec::new();
        match draft.finish(&site.authority()).unwrap().rendering {
            Rendering::Fixed(fixed) => bytes.extend_from_slice(&fixed),
            Rendering::Template(template) => template.render(&mut Values::new(0, 1, 1), &mut bytes),
        }
        assert_eq!(String::from_utf8(bytes).unwrap().replace("\r\n", "|"), expected);
    }

    #[test]
    fn requests() {
        check(r#"{"url": "http://h/a"}"#, None, "GET /a HTTP/1.1|Host: h|Accept: a||");
        check(r#"{"path": "/a?b"}"#, Some("http://h:1"), "GET /a?b HTTP/1.1|Host: h:1|Accept: a||");
        check(r#"{"path": "/a"}"#, Some("http://h/v1/"), "GET /v1/a HTTP/1.1|Host: h|Accept: a||");
        check(r#"{"url": "http://h/", "headers": {"accept": "b", "x": ["1", "2"]}}"#, None, {
            "GET / HTTP/1.1|Host: h|accept: b|x: 1|x: 2||"
        });
        check(r#"{"url": "http://h/", "body": "a\"{{seq}}"}"#, None, {
            "POST / HTTP/1.1|Host: h|Accept: a|Content-Length: 3||a\"0"
        });
        check(r#"{"url": "http://h/", "method": "PUT", "body": {"a": [1, "{{pick:\"}}"]}}"#, None, {
            "PUT / HTTP/1.1|Host: h|Content-Type: application/json|Accept: a|Content-Length: 14||{\"a\":[1,\"\\\"\"]}"
        });
        check(r#"{"url": "http://h/", "body_base64": "AGE="}"#, None, {
            "POST / HTTP/1.1|Host: h|Accept: a|Content-Length: 2||\0a"
        });
    }

    #[test]
    fn names_weights_and_expectations() {
        let content = "{\"url\": \"http://h/a\", \"name\": \"A\", \"weight\": 3, \"expect_status\": 404}\n\n\
                       {\"url\": \"http://h/b\", \"expect_status\": \"2xx\", \"expect_body\": \"x\"}\n";
        let drafts = parsed(content, None).unwrap();
        let (a, b) = (&drafts[0].1, &drafts[1].1);
        assert_eq!((a.name.as_str(), a.weight), ("A", 3));
        assert_eq!((b.name.as_str(), b.weight), ("GET /b", 1));
        assert!(a.check.judge(404, b"").is_ok() && a.check.judge(200, b"").is_err());
        assert!(b.check.judge(200, b"x").is_ok() && b.check.judge(200, b"").is_err());
    }

    #[test]
    fn mistakes() {
        #[track_caller]
        fn check(content: &str, message: &str) {
            let error = parsed(content, None).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        check("", "r.jsonl has no requests");
        check("{\"url\": \"http://h\"}\n{\"ulr\": 1}", "r.jsonl:2:6: unknown field `ulr`, expected one of");
        check("{\"url\": \"http://h\"", "r.jsonl:1:18: EOF");
        check("{}", "r.jsonl:1: there is no `url` and no `path`");
        check(r#"{"path": "/"}"#, "`path` needs a URL on the command line");
        check(r#"{"path": "/", "url": "http://h"}"#, "both given");
        check(r#"{"url": "http://h", "body": "", "body_base64": ""}"#, "both given");
        check(r#"{"url": "http://h", "body_base64": "!"}"#, "body_base64: ");
        check(r#"{"url": "http://h", "body": "{{x}}"}"#, "body: column 1");
        check(r#"{"url": "http://h", "weight": 0}"#, "at least 1");
        check(r#"{"url": "http://h", "headers": {"a": 1}}"#, "header a: write a string");
        check(r#"{"url": "http://h", "expect_status": "ok"}"#, "expect_status: `ok` is not a status");
        check(r#"{"url": "http://h", "expect_body_regex": "("}"#, "expect_body_regex: ");
    }
}
