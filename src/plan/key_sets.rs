//! The keys that tokens are verified with: where they come from, and those that are there, as shards have them.
//!
//! A plan names the sources; the control thread fetches and keeps fresh what they have, and delivers it as one value. A
//! shard verifies with what it was given last; it never waits for keys. What it can do is to ask for newer ones.
//!
//! - [`address`]: what is fetched by HTTP.
//! - [`user_pool`]: Amazon Cognito's pools, by their ARNs.

pub mod address;
pub mod user_pool;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::jwt::KeySet;
use address::HttpAddress;

/// Where the keys of an issuer are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySource {
    /// The issuer says where, in its document at `/.well-known/openid-configuration`. (OpenID Connect Discovery 1.0, 4.)
    Discovery {
        issuer: Box<str>,
        /// Of that document.
        address: HttpAddress,
    },
    /// A JWK Set.
    Url(HttpAddress),
    /// A JWK Set in a file, which may have secrets. It is read again as often as others are fetched, and on SIGHUP.
    File(Box<Path>),
    /// A JWK Set in the configuration, which may have secrets.
    Inline(Box<str>),
}

impl KeySource {
    /// # Errors
    /// The issuer is no address with `https` or `http`, or has a query or fragment.
    pub fn discovery(issuer: &str) -> Result<KeySource, &'static str> {
        if issuer.contains('?') {
            return Err("an issuer has no query");
        }
        let document = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
        Ok(KeySource::Discovery { issuer: issuer.into(), address: HttpAddress::parse(&document)? })
    }

    /// # Errors
    /// It is no address with `https` or `http`.
    pub fn url(url: &str) -> Result<KeySource, &'static str> {
        HttpAddress::parse(url).map(KeySource::Url)
    }

    /// For logs and metrics; without what is inline, which may be secret.
    pub fn name(&self) -> String {
        match self {
            KeySource::Discovery { issuer, .. } => issuer.to_string(),
            KeySource::Url(address) => address.without_query(),
            KeySource::File(path) => path.display().to_string(),
            KeySource::Inline(_) => "inline".to_owned(),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// The keys of one source.
#[derive(Clone, Debug)]
pub struct SourceKeys {
    /// Empty while they were never fetched, and when the last time is too long ago. The same value as before where they
    /// did not change, so that what was verified with them can be kept by it.
    pub keys: Arc<KeySet>,
    wish: Arc<Wish>,
}

/// That somebody met a token of a key that is not there.
#[derive(Debug, Default)]
pub struct Wish(AtomicBool);

impl SourceKeys {
    pub fn new(keys: Arc<KeySet>, wish: Arc<Wish>) -> SourceKeys {
        SourceKeys { keys, wish }
    }

    /// Asks for newer keys, soon and not too often: whoever sends tokens with made-up keys asks no more of the issuer than
    /// `jwt.early_refresh_ms` allows. Costs a read of a line that all shards share, and once a write.
    pub fn ask_for_newer(&self) {
        if !self.wish.0.load(Ordering::Relaxed) {
            self.wish.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Wish {
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub fn grant(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The keys of every source of a plan.
#[derive(Debug, Default)]
pub struct KeySets {
    /// Rises with every value of a process; 0 before the first. What was verified with an earlier one is to be verified
    /// again.
    pub revision: u64,
    by_source: HashMap<KeySource, SourceKeys>,
}

impl KeySets {
    pub fn new(revision: u64, by_source: HashMap<KeySource, SourceKeys>) -> KeySets {
        KeySets { revision, by_source }
    }

    /// `None` for a source that is newer than this value.
    pub fn of(&self, source: &KeySource) -> Option<&SourceKeys> {
        self.by_source.get(source)
    }

    pub fn len(&self) -> usize {
        self.by_source.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, expected: Result<&str, &str>) {
        let document = KeySource::discovery(issuer).map(|source| match source {
            KeySource::Discovery { address, .. } => address.to_string(),
            other => panic!("{other:?}"),
        });
        assert_eq!(document.as_deref().map_err(|reason| *reason), expected);
    }

    #[test]
    fn where_an_issuers_document_is() {
        check("https://a.example", Ok("https://a.example/.well-known/openid-configuration"));
        check("https://a.example/", Ok("https://a.example/.well-known/openid-configuration"));
        check("https://a.example:8443/t/1", Ok("https://a.example:8443/t/1/.well-known/openid-configuration"));
        check("https://a.example/?a=b", Err("an issuer has no query"));
        check("a.example", Err("an address begins with https:// or http://"));
    }

    #[test]
    fn what_is_inline_is_not_shown() {
        let source = KeySource::Inline(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.into());
        assert_eq!((source.name(), format!("{source:?}")), ("inline".to_owned(), "inline".to_owned()));
        assert_eq!(KeySource::url("https://a.example/k?token=x").expect("an address").name(), "https://a.example/k");
    }

    #[test]
    fn a_wish_is_open_until_it_is_granted() {
        let wish = Arc::new(Wish::default());
        let keys = SourceKeys::new(Arc::default(), Arc::clone(&wish));
        assert!(!wish.is_open());
        keys.ask_for_newer();
        keys.clone().ask_for_newer();
        assert!(wish.is_open());
        wish.grant();
        assert!(!wish.is_open());
    }
}
