//! A source's keys, once. Redirects are not followed: whoever can make an issuer's server redirect would choose the keys,
//! or what inside the network is asked for them.

use std::future::Future;
use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use serde::Deserialize;

use crate::jwt::{KeyOrigin, KeySet, KeySetBounds};
use crate::plan::key_sets::KeySource;
use crate::plan::key_sets::address::HttpAddress;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The value of `Cache-Control`.
    pub cache_control: Option<String>,
    pub body: Vec<u8>,
}

/// Who asks servers: one `GET`, with no more of the body than is allowed. Whoever calls bounds the time.
pub trait Getter: Send + Sync {
    fn get<'g>(
        &'g self,
        address: &'g HttpAddress,
        body_bytes_max: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'g>>;
}

#[derive(Clone, Copy, Debug)]
pub struct FetchSettings {
    /// For each of the requests that it takes.
    pub timeout: Duration,
    pub bounds: KeySetBounds,
    /// Whether servers that are not this machine may be asked without TLS.
    pub insecure_http: bool,
}

#[derive(Debug)]
pub struct Fetched {
    pub keys: KeySet,
    /// How long they hold, by what the server says.
    pub max_age: Option<Duration>,
}

/// # Errors
/// Why there are no keys, in words for a log.
pub async fn fetch(getter: &dyn Getter, source: &KeySource, settings: &FetchSettings) -> Result<Fetched, String> {
    let (document, origin, max_age) = match source {
        KeySource::Discovery { issuer, address } => {
            let answer = ask(getter, address, settings).await?;
            let keys_address = keys_address(&answer.body, issuer, address)?;
            let answer = ask(getter, &keys_address, settings).await?;
            (answer.body, KeyOrigin::Published, max_age(answer.cache_control.as_deref()))
        }
        KeySource::Url(address) => {
            let answer = ask(getter, address, settings).await?;
            (answer.body, KeyOrigin::Published, max_age(answer.cache_control.as_deref()))
        }
        KeySource::File(path) => (read(path.clone(), settings.bounds.bytes_max).await?, KeyOrigin::Configured, None),
        KeySource::Inline(document) => (document.as_bytes().to_vec(), KeyOrigin::Configured, None),
    };
    let parsed = KeySet::parse(&document, origin, settings.bounds).map_err(|error| error.to_string())?;
    if parsed.keys.is_empty() {
        let reason = parsed.skipped.first().map_or("it is empty", |skipped| skipped.reason);
        return Err(format!("the JWK Set has no key that can be used: {reason}"));
    }
    for skipped in &parsed.skipped {
        tracing::debug!(source = source.name(), index = skipped.index, reason = skipped.reason, "a key is not used");
    }
    Ok(Fetched { keys: parsed.keys, max_age })
}

async fn ask(getter: &dyn Getter, address: &HttpAddress, settings: &FetchSettings) -> Result<Answer, String> {
    if !address.tls && !address.is_loopback() && !settings.insecure_http {
        return Err(format!("{}: without TLS anybody can say what the keys are", address.without_query()));
    }
    let asking = getter.get(address, settings.bounds.bytes_max);
    let answer = tokio::time::timeout(settings.timeout, asking).await;
    let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    let answer = answer.map_err(|reason| format!("{}: {reason}", address.without_query()))?;
    match answer.status {
        200 => Ok(answer),
        301..=308 => Err(format!("{}: redirects are not followed", address.without_query())),
        status => Err(format!("{}: status {status}", address.without_query())),
    }
}

/// What counts of an issuer's document.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// OpenID Connect Discovery 1.0, 4.3: the document is the issuer's own, or it is none.
fn keys_address(document: &[u8], issuer: &str, asked: &HttpAddress) -> Result<HttpAddress, String> {
    let discovered: Discovered =
        serde_json::from_slice(document).map_err(|_| "the issuer's document has no issuer and jwks_uri".to_owned())?;
    if discovered.issuer != issuer {
        return Err("the document is another issuer's".to_owned());
    }
    let address = HttpAddress::parse(&discovered.jwks_uri).map_err(|reason| format!("jwks_uri: {reason}"))?;
    if asked.tls && !address.tls {
        return Err("jwks_uri is without TLS, which the document was not".to_owned());
    }
    Ok(address)
}

/// RFC 9111, 5.2.2: `max-age`, and nothing where a fresh answer is wanted each time.
fn max_age(cache_control: Option<&str>) -> Option<Duration> {
    let directives = || cache_control.into_iter().flat_map(|value| value.split(',')).map(str::trim);
    let is = |name: &'static str| move |directive: &str| directive.eq_ignore_ascii_case(name);
    if directives().any(is("no-cache")) || directives().any(is("no-store")) {
        return Some(Duration::ZERO);
    }
    directives().find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = seconds.trim().trim_matches('"').parse().ok()?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(Duration::from_secs(seconds))
    })
}

async fn read(path: Box<Path>, bytes_max: usize) -> Result<Vec<u8>, String> {
    let read = move || {
        let file = std::fs::File::open(&path)?;
        let mut document = Vec::new();
        file.take(bytes_max as u64 + 1).read_to_end(&mut document)?;
        Ok(document)
    };
    let document = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
    document.map_err(|error: std::io::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_age(cache_control: &str, expected_s: Option<u64>) {
        assert_eq!(max_age(Some(cache_control)), expected_s.map(Duration::from_secs), "{cache_control}");
    }

    #[test]
    fn how_long_an_answer_holds() {
        check_age("public, max-age=3600, must-revalidate", Some(3600));
        check_age("Max-Age=\"60\"", Some(60));
        check_age("max-age = 60", Some(60));
        check_age("no-cache, max-age=60", Some(0));
        check_age("private, NO-STORE", Some(0));
        check_age("max-age=-1", None);
        check_age("max-age=99999999999999999999999", None);
        check_age("s-maxage=60", None);
        check_age("", None);
        assert_eq!(max_age(None), None);
    }

    #[track_caller]
    fn check_document(document: &str, expected: Result<&str, &str>) {
        let asked = HttpAddress::parse("https://a.example/.well-known/openid-configuration").expect("an address");
        let found = keys_address(document.as_bytes(), "https://a.example", &asked).map(|address| address.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{document}");
    }

    #[test]
    fn an_issuers_document_is_its_own() {
        let of =
            |issuer: &str, keys: &str| serde_json::json!({"issuer": issuer, "jwks_uri": keys, "x": [1]}).to_string();
        let keys = "https://keys.example/v1";
        check_document(&of("https://a.example", keys), Ok(keys));
        for issuer in ["https://a.example/", "https://b.example", "", "HTTPS://a.example"] {
            check_document(&of(issuer, keys), Err("the document is another issuer's"));
        }
        let insecure = Err("jwks_uri is without TLS, which the document was not");
        check_document(&of("https://a.example", "http://127.0.0.1/keys"), insecure);
        check_document(&of("https://a.example", "http://169.254.169.254/latest"), insecure);
        check_document(
            &of("https://a.example", "file:///etc/passwd"),
            Err("jwks_uri: an address begins with https:// or http://"),
        );
        let none = Err("the issuer's document has no issuer and jwks_uri");
        for document in
            ["", "[]", "null", "{}", r#"{"issuer":"https://a.example"}"#, r#"{"issuer":1,"jwks_uri":2}"#, "<html>"]
        {
            check_document(document, none);
        }
        check_document(r#"{"issuer":"https://a.example","issuer":"b","jwks_uri":"https://a.example/"}"#, none);
    }
}
