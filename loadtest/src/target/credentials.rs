//! API keys and bearer tokens from files, a request each in turn. They are never shown: not in messages, not in reports.

use super::request::Headers;
use super::template::Text;
use super::template::files::{self, Files};
use super::template::parse::Encoding;

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ApiKey,
    BearerToken,
}

/// Adds the header whose value is taken from the file at `path`: one credential a line, `#` begins a comment line.
pub fn add(kind: Kind, path: &str, headers: &mut Headers, files: &mut Files) -> Result<(), String> {
    let (name, prefix) = match kind {
        Kind::ApiKey => ("x-api-key", ""),
        Kind::BearerToken => ("Authorization", "Bearer "),
    };
    if headers.has(name) {
        return Err(format!("{path} and -H both say what {name} is; leave one of them out"));
    }
    let content = files::read(path)?;
    let credentials: Vec<String> = content
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if credentials.is_empty() {
        return Err(format!("{path} has no credentials; write one a line"));
    }
    let mut value = Text::default();
    value.push(prefix);
    let cycled = Text::cycled(&credentials, Encoding::Header, files);
    value.append(cycled.map_err(|reason| format!("{path}: {reason}"))?);
    headers.push(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::request::{Draft, Rendering};
    use super::super::template::Values;
    use super::*;

    fn headers(kind: Kind, content: &str) -> Result<Headers, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut headers = Headers::default();
        add(kind, file.path().to_str().unwrap(), &mut headers, &mut Files::default())?;
        Ok(headers)
    }

    #[track_caller]
    fn check(kind: Kind, content: &str, expected: &[&str]) {
        let mut target = Text::default();
        target.push("/");
        let (name, method) = (String::new(), "GET".to_owned());
        let headers = headers(kind, content).unwrap();
        assert!(!format!("{headers:?}").contains("key-"));
        let draft = Draft { name, method, target, headers, body: None, check: Default::default(), weight: 1 };
        let request = draft.finish("h").unwrap();
        assert!(!format!("{request:?}").contains("key-"));
        let Rendering::Template(template) = request.rendering else { panic!("not a template") };
        let mut values = Values::new(0, 1, 1);
        for expected in expected {
            let mut bytes = Vec::new();
            template.render(&mut values, &mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(&format!("\r\n{expected}\r\n")), "{text}");
        }
    }

    #[test]
    fn credentials_take_turns() {
        check(Kind::ApiKey, "# of the test stage\nkey-1\n\n  key-2\r\n", {
            &["x-api-key: key-1", "x-api-key: key-2", "x-api-key: key-1"]
        });
        check(Kind::BearerToken, "key-{{a}}", &["Authorization: Bearer key-{{a}}"]);
    }

    #[test]
    fn mistakes() {
        assert!(headers(Kind::ApiKey, "# nothing\n").unwrap_err().contains("has no credentials"));
        let error = headers(Kind::ApiKey, "secret\u{1}").unwrap_err();
        assert!(error.contains("control character") && !error.contains("secret"), "{error}");
        let mut taken = Headers::default();
        taken.parse("authorization: x", &mut Files::default()).unwrap();
        let error = add(Kind::BearerToken, "tokens", &mut taken, &mut Files::default()).unwrap_err();
        assert!(error.contains("both say"));
    }
}
