//! Authorizers beyond AWS's: an HTTP service that is asked, and passwords.

use super::Context;
use crate::model::HttpConfiguration;
use crate::plan::authorizer::{AuthorizerKind, HttpService};
use crate::plan::compile::expression;
use crate::plan::compile::uri::{self, UriPart};
use crate::plan::integration::Origin;

/// Of the fields that a service is shown, and of those that are read from its answer.
const HEADERS_MAX: usize = 32;
const TIMEOUT_MS_MIN: i32 = 50;

/// Fields that frame the message, belong to the connection, or are the gateway's own word.
const NOT_SHOWN: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

const HEADER_HELP: &str = "it is the name of a field, such as `Authorization`, that is not the gateway's own: not `Host`, \
                           not `X-Forwarded-…` or `X-Original-…`, and none that frames the message";

impl Context<'_, '_, '_> {
    pub(super) fn http_service(&mut self) -> Option<AuthorizerKind> {
        let HttpConfiguration { http_method, timeout_in_millis, request_headers, context_headers, principal_id_header } =
            self.authorizer.http_configuration.clone().unwrap_or_default();
        let place = self.place();
        let timeout_ms = self.timeout_ms(timeout_in_millis);
        let http_method = match http_method.as_deref() {
            None | Some("GET") => Some("GET"),
            Some("POST") => Some("POST"),
            Some(other) => {
                let help = "it is `GET` or `POST`, without a body; the client's method is in `X-Forwarded-Method`";
                self.refuse("httpMethod", format!("the service cannot be asked by `{other}`"), help)
            }
        };
        let request_headers = request_headers.unwrap_or_else(|| vec!["Authorization".into(), "Cookie".into()]);
        let request_headers = self.names("requestHeaders", &request_headers);
        let context_headers = self.context_names(&context_headers);
        let principal_id_header = match principal_id_header {
            Some(header) => Some(self.names("principalIdHeader", &[header])?.pop()?),
            None => None,
        };
        let (origin, target) = place?;
        Some(AuthorizerKind::Http(Box::new(HttpService {
            origin: self.compilation.origins.index(origin),
            http_method: http_method?,
            target: target.into(),
            timeout_ms: timeout_ms?,
            request_headers: request_headers?.into(),
            context_headers: context_headers?.into(),
            principal_id_header,
        })))
    }

    /// Where the service is, stage variables being put in, and what is asked for there.
    fn place(&mut self) -> Option<(Origin, String)> {
        let Some(uri) = self.authorizer.authorizer_uri.as_deref() else {
            let help = "add `uri: \"http://auth:9000/verify\"`";
            return self.refuse("authorizerUri", "the authorizer names no service", help);
        };
        let parsed =
            expression::with_stage_variables(uri, &self.source.stage.variables).and_then(|uri| uri::parse(&uri));
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(refused) => return self.refuse("authorizerUri", refused.message, refused.help),
        };
        let mut target = String::new();
        for part in &parsed.path {
            match part {
                UriPart::Literal(text) => target.push_str(text),
                UriPart::Parameter(name) => {
                    let help = "the service finds the request's path in `X-Forwarded-Uri`";
                    return self.refuse("authorizerUri", format!("nothing can be put in for `{{{name}}}`"), help);
                }
            }
        }
        if !parsed.query.is_empty() {
            target.push('?');
            target.push_str(&parsed.query);
        }
        let uri::Uri { tls, host, port, authority, .. } = parsed;
        Some((Origin { tls, host, port, authority, insecure_skip_verification: false }, target))
    }

    /// The inner `None`: that of the settings.
    fn timeout_ms(&mut self, written: Option<i32>) -> Option<Option<u64>> {
        let most = i32::try_from(self.compilation.compiler.limits.integration_timeout_ms_max).unwrap_or(i32::MAX);
        match written {
            Some(timeout) if !(TIMEOUT_MS_MIN..=most).contains(&timeout) => {
                let help = format!(
                    "it is between {TIMEOUT_MS_MIN} and {most} milliseconds; without it, `authorizers.timeout_ms` counts"
                );
                self.refuse("timeoutInMillis", format!("a timeout of {timeout} ms is out of range"), help)
            }
            written => Some(written.map(|timeout| u64::from(timeout.unsigned_abs()))),
        }
    }

    /// In lower case, each once.
    fn names(&mut self, at: &str, written: &[String]) -> Option<Vec<Box<str>>> {
        if written.len() > HEADERS_MAX {
            let help = format!("{HEADERS_MAX} are possible");
            return self.refuse(at, format!("there are {} fields", written.len()), help);
        }
        let mut names: Vec<Box<str>> = Vec::with_capacity(written.len());
        for name in written {
            let lower = name.to_ascii_lowercase();
            if !is_shown(&lower) {
                return self.refuse(at, format!("`{name}` cannot be named here"), HEADER_HELP);
            }
            if !names.iter().any(|known| **known == *lower) {
                names.push(lower.into());
            }
        }
        Some(names)
    }

    fn context_names(&mut self, written: &[String]) -> Option<Vec<(Box<str>, Box<str>)>> {
        const AT: &str = "contextHeaders";
        let mut named: Vec<(Box<str>, Box<str>)> = Vec::new();
        for header in self.names(AT, written)? {
            let name = context_name(&header);
            // What these say is the gateway's to say.
            let taken = name == "claims" || named.iter().any(|(_, known)| **known == *name);
            if taken {
                let message = format!("`{header}` cannot be `$context.authorizer.{name}`: that is something else");
                return self.refuse(AT, message, "name another field of the answer");
            }
            named.push((header, name.into()));
        }
        Some(named)
    }

    pub(super) fn basic(&mut self) -> Option<AuthorizerKind> {
        let fits = |realm: &str| {
            let fits = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && byte != b'"' && byte != b'\\';
            realm.len() <= 128 && realm.bytes().all(fits)
        };
        let of_api = self.source.definition.rest_api.name.as_str();
        let default = if fits(of_api) { of_api } else { "API" };
        let realm = self.authorizer.realm.as_deref().unwrap_or(default);
        if !fits(realm) {
            let help = "write up to 128 printable characters of ASCII without `\"` and `\\`";
            return self.refuse("realm", format!("`{realm}` cannot be a realm"), help);
        }
        if self.authorizer.identity_source.as_deref().is_some_and(|source| source != AUTHORIZATION) {
            let help = "passwords come in `Authorization`; take `identitySource` away";
            return self.refuse("identitySource", "the password cannot be somewhere else", help);
        }
        Some(AuthorizerKind::Basic { challenge: format!("Basic realm=\"{realm}\", charset=\"UTF-8\"").into() })
    }
}

const AUTHORIZATION: &str = "method.request.header.Authorization";

/// `lower`: in lower case.
fn is_shown(lower: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let plain = lower.replace(['_', '.'], "-");
    !lower.is_empty()
        && lower.bytes().all(token)
        && !NOT_SHOWN.contains(&&*plain)
        && !["x-forwarded-", "x-original-", "x-amzn-"].iter().any(|own| plain.starts_with(own))
}

/// `x-user-id` is `xUserId` in `$context.authorizer`.
fn context_name(header: &str) -> String {
    let mut name = String::with_capacity(header.len());
    let mut begins = false;
    for letter in header.chars() {
        if !letter.is_ascii_alphanumeric() {
            begins = !name.is_empty();
        } else if std::mem::take(&mut begins) {
            name.push(letter.to_ascii_uppercase());
        } else {
            name.push(letter);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_context() {
        #[track_caller]
        fn check(header: &str, expected: &str) {
            assert_eq!(context_name(header), expected);
        }
        check("x-user", "xUser");
        check("x-user-id", "xUserId");
        check("remote_user", "remoteUser");
        check("user", "user");
        check("-user--id-", "userId");
    }

    #[test]
    fn fields_that_services_are_shown() {
        #[track_caller]
        fn check(name: &str, expected: bool) {
            assert_eq!(is_shown(name), expected, "{name}");
        }
        check("authorization", true);
        check("cookie", true);
        check("x-api-key", true);
        check("host", false);
        check("x-forwarded-uri", false);
        check("x_forwarded_uri", false);
        check("x-original-url", false);
        check("content.length", false);
        check("a b", false);
        check("", false);
    }
}
