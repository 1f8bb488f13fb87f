//! What a request wants of a shared cache, and what an answer lets it do.
//!
//! AWS's cache looks at neither the answer's `Cache-Control` nor its status. Here an answer is kept for the stage's time to
//! live as well, but never one that says it is somebody's own: nobody gets what was made for another.

use crate::http::field::list_members;
use crate::http::head::RequestHead;
use crate::plan::cache::CacheDefinition;

/// What a request says that concerns a cache.
#[derive(Clone, Copy, Default)]
pub struct Wishes<'r> {
    /// `Cache-Control: max-age=0`
    pub fresh: bool,
    /// With `Authorization`, or with a cookie.
    authorized: bool,
    has_cookie: bool,
    pub if_none_match: Option<&'r [u8]>,
}

impl<'r> Wishes<'r> {
    pub fn of(head: &RequestHead<'_, 'r>) -> Wishes<'r> {
        let mut wishes = Wishes::default();
        for field in head.fields {
            match field.name.len() {
                6 if field.name.eq_ignore_ascii_case("cookie") => wishes.has_cookie = true,
                13 if field.name.eq_ignore_ascii_case("authorization") => wishes.authorized = true,
                13 if field.name.eq_ignore_ascii_case("cache-control") => {
                    wishes.fresh |= list_members(field.value).any(is_max_age_0);
                }
                13 if field.name.eq_ignore_ascii_case("if-none-match") => wishes.if_none_match = Some(field.value),
                _ => {}
            }
        }
        wishes
    }

    /// Whether the answer may be for this caller alone: credentials go to the backend, and the key has nothing of
    /// them. Such a request gets, and leaves, only what the backend calls public. (RFC 9111, 3.5; cookies are
    /// credentials as often.)
    /// So does one that somebody has let in by other credentials: a field that it does not have keeps nobody apart.
    pub fn is_guarded(&self, definition: &CacheDefinition, let_in: bool) -> bool {
        let keyed = definition.keys_caller() || self.authorized && definition.keys_header("authorization");
        let unkeyed = (self.authorized || let_in) && !keyed || self.has_cookie && !definition.keys_header("cookie");
        unkeyed && !definition.extension.shared_with_authorization
    }
}

fn is_max_age_0(directive: &[u8]) -> bool {
    let value = match directive.split_at_checked(b"max-age=".len()) {
        Some((name, value)) if name.eq_ignore_ascii_case(b"max-age=") => value,
        _ => return false,
    };
    !value.is_empty() && value.iter().all(|digit| *digit == b'0')
}

/// What an answer's fields say of keeping it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// It is one caller's, or in a form that not everybody takes.
    pub forbidden: bool,
    /// It is for everybody, even where the request had credentials.
    pub public: bool,
}

impl Permission {
    /// Adds what a field says. Of `Vary`, what the key has is no obstacle, and neither are codings, which are not asked
    /// for.
    pub fn hear(&mut self, name: &[u8], value: &[u8], definition: &CacheDefinition) {
        if name.eq_ignore_ascii_case(b"cache-control") {
            for directive in list_members(value) {
                let word = directive.split(|byte| *byte == b'=').next().unwrap_or(directive).to_ascii_lowercase();
                match word.as_slice() {
                    b"private" | b"no-store" | b"no-cache" => self.forbidden = true,
                    b"public" | b"s-maxage" | b"must-revalidate" => self.public = true,
                    _ => {}
                }
            }
        } else if name.eq_ignore_ascii_case(b"vary") {
            self.forbidden |= list_members(value).any(|member| !is_keyed(member, definition));
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            self.forbidden |= list_members(value).any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        } else {
            const FORBIDDING: [&[u8]; 3] = [b"set-cookie", b"content-range", b"trailer"];
            self.forbidden |= FORBIDDING.iter().any(|other| name.eq_ignore_ascii_case(other));
        }
    }
}

fn is_keyed(member: &[u8], definition: &CacheDefinition) -> bool {
    let name = String::from_utf8_lossy(member).to_ascii_lowercase();
    name == "accept-encoding" || definition.keys_header(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{FieldSpace, HeadLimits, request};
    use crate::plan::cache::CacheExtension;
    use crate::plan::context::ContextVariable;
    use crate::plan::template::ValueSource;

    fn keyed_by(header: &str) -> CacheDefinition {
        CacheDefinition { parameters: [ValueSource::Header(header.into())].into(), ..CacheDefinition::default() }
    }

    #[test]
    fn what_an_answer_lets_be_kept() {
        #[track_caller]
        fn check(fields: &[(&str, &str)], key: &str, forbidden: bool, public: bool) {
            let mut permission = Permission::default();
            for (name, value) in fields {
                permission.hear(name.as_bytes(), value.as_bytes(), &keyed_by(key));
            }
            assert_eq!(permission, Permission { forbidden, public }, "{fields:?}");
        }
        check(&[], "", false, false);
        check(&[("Cache-Control", "max-age=5"), ("ETag", "\"a\"")], "", false, false);
        check(&[("cache-control", "max-age=5, Private")], "", true, false);
        check(&[("Cache-Control", "private=\"x\", public")], "", true, true);
        check(&[("Cache-Control", "s-maxage=9")], "", false, true);
        check(&[("Cache-Control", "no-store")], "", true, false);
        check(&[("Cache-Control", "no-cache=\"set-cookie\"")], "", true, false);
        check(&[("Set-Cookie", "a=b")], "", true, false);
        check(&[("Content-Range", "bytes 0-1/2")], "", true, false);
        check(&[("Content-Encoding", "gzip")], "", true, false);
        check(&[("Content-Encoding", "identity")], "", false, false);
        check(&[("Vary", "Accept-Encoding")], "", false, false);
        check(&[("Vary", "accept-encoding, Origin")], "", true, false);
        check(&[("Vary", "accept-encoding, Origin")], "origin", false, false);
        check(&[("Vary", "*")], "origin", true, false);
    }

    #[test]
    fn what_a_request_wants() {
        #[track_caller]
        fn check(fields: &str, definition: &CacheDefinition, fresh: bool, guarded: bool) {
            let limits = HeadLimits { target_bytes_max: 1000, header_bytes_max: 1000, header_fields_max: 50 };
            let raw = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            let mut space = FieldSpace::new();
            let head = request(raw.as_bytes(), &limits, &mut space).expect("a head").expect("all of it");
            let wishes = Wishes::of(&head);
            assert_eq!((wishes.fresh, wishes.is_guarded(definition, false)), (fresh, guarded), "{fields}");
            // Whoever was let in without the field that is in the key is not told apart by it.
            let by_field = guarded
                || !fields.to_ascii_lowercase().contains("authorization")
                    && !definition.extension.shared_with_authorization;
            assert_eq!(wishes.is_guarded(definition, true), by_field, "{fields}");
        }
        let plain = CacheDefinition::default();
        check("", &plain, false, false);
        check("Cache-Control: max-age=0\r\n", &plain, true, false);
        check("cache-control: no-transform, MAX-AGE=00\r\n", &plain, true, false);
        check("Cache-Control: max-age=05\r\nCache-Control: no-cache\r\n", &plain, false, false);
        check("Cache-Control: max-age=\r\n", &plain, false, false);
        check("Authorization: x\r\n", &plain, false, true);
        check("Cookie: x\r\n", &plain, false, true);
        check("authorization: x\r\n", &keyed_by("authorization"), false, false);
        check("authorization: x\r\nCookie: y\r\n", &keyed_by("authorization"), false, true);
        check("Cookie: y\r\n", &keyed_by("cookie"), false, false);
        let by = |variable| CacheDefinition {
            parameters: [ValueSource::Context(variable)].into(),
            ..CacheDefinition::default()
        };
        let guarded = |definition: &CacheDefinition| {
            [Wishes::default(), Wishes { authorized: true, ..Wishes::default() }]
                .map(|wishes| wishes.is_guarded(definition, true))
        };
        assert_eq!(guarded(&by(ContextVariable::IdentityUserArn)), [false, false]);
        assert_eq!(guarded(&by(ContextVariable::named("authorizer.principalId").expect("a variable"))), [false, false]);
        assert_eq!(guarded(&by(ContextVariable::IdentityApiKeyId)), [true, true]);
        assert_eq!(guarded(&by(ContextVariable::IdentitySourceIp)), [true, true]);
        let extension = CacheExtension { shared_with_authorization: true, ..CacheExtension::default() };
        check("authorization: x\r\nCookie: y\r\n", &CacheDefinition { extension, ..plain }, false, false);
    }
}
