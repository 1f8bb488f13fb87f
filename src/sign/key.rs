//! What a secret becomes for one day, region and service: four HMACs, which whoever signs or verifies again keeps.

use super::{ALGORITHM, Scope, TERMINATOR, Timestamp, hex};
use aws_lc_rs::hmac;
use quick_cache::unsync::Cache;
use std::fmt;

/// The key of one secret for one day, region and service.
#[derive(Clone)]
pub struct SigningKey {
    key: hmac::Key,
    /// `20150830/us-east-1/apigateway/aws4_request`.
    credential_scope: Box<str>,
    /// Where in it the region and the service begin.
    region: usize,
    service: usize,
}

impl SigningKey {
    /// `date` is written `20150830`, as [`Timestamp::date`] does.
    pub fn derive(secret: &str, date: &str, scope: Scope<'_>) -> SigningKey {
        let Scope { region, service } = scope;
        let first = hmac(format!("AWS4{secret}").as_bytes(), date);
        let key = [region, service, TERMINATOR].iter().fold(first, |key, text| hmac(key.as_ref(), text));
        SigningKey {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            credential_scope: format!("{date}/{region}/{service}/{TERMINATOR}").into(),
            region: date.len() + 1,
            service: date.len() + region.len() + 2,
        }
    }

    /// The day for which it counts, `20150830`.
    pub fn date(&self) -> &str {
        &self.credential_scope[..self.region - 1]
    }

    pub fn scope(&self) -> Scope<'_> {
        let end = self.credential_scope.len() - TERMINATOR.len() - 1;
        let (region, service) =
            (&self.credential_scope[self.region..self.service - 1], &self.credential_scope[self.service..end]);
        Scope { region, service }
    }

    pub(super) fn credential_scope(&self) -> &str {
        &self.credential_scope
    }

    /// In hexadecimal, of a request whose canonical form has this hash.
    pub(super) fn signature(&self, at: Timestamp, canonical_hash: &str) -> String {
        let string_to_sign = format!("{ALGORITHM}\n{at}\n{}\n{canonical_hash}", self.credential_scope);
        hex(hmac::sign(&self.key, string_to_sign.as_bytes()).as_ref())
    }
}

/// Without the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("credential_scope", &self.credential_scope).finish_non_exhaustive()
    }
}

fn hmac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// The latest key of each access key, so that whoever calls again costs one HMAC and not five. Make a new one when secrets
/// change. What is asked for must be of access keys that exist: their number, not that of requests, fills it.
pub struct SigningKeys {
    by_access_key_id: Cache<Box<str>, SigningKey>,
}

impl SigningKeys {
    /// Keeps `keys_max` keys, some 400 bytes each; one more takes the place of one that has not been used for long.
    pub fn new(keys_max: usize) -> SigningKeys {
        SigningKeys { by_access_key_id: Cache::new(keys_max) }
    }

    pub fn len(&self) -> usize {
        self.by_access_key_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_access_key_id.is_empty()
    }

    /// The key of `secret`, which is that of the access key.
    pub fn key(&mut self, access_key_id: &str, secret: &str, date: &str, scope: Scope<'_>) -> SigningKey {
        let known = self.by_access_key_id.get(access_key_id);
        if let Some(known) = known.filter(|known| known.date() == date && known.scope() == scope) {
            return known.clone();
        }
        let key = SigningKey::derive(secret, date, scope);
        self.by_access_key_id.insert(access_key_id.into(), key.clone());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope<'_> = Scope { region: "us-east-1", service: "iam" };

    /// "Examples of how to derive a signing key for Signature Version 4", AWS General Reference.
    #[test]
    fn the_chain_is_that_of_aws() {
        let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", SCOPE);
        let at = Timestamp::parse("20150830T123600Z").expect("a time");
        let canonical_hash = "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(key.signature(at, canonical_hash), expected);
        assert_eq!((key.date(), key.scope()), ("20150830", SCOPE));
        assert_eq!(key.credential_scope(), "20150830/us-east-1/iam/aws4_request");
        let shown = format!("{key:?}");
        assert!(shown.contains("20150830/us-east-1/iam") && !shown.contains("wJalr"), "{shown}");
    }

    #[test]
    fn a_kept_key_is_the_derived_one() {
        let at = Timestamp::parse("20150830T123600Z").expect("a time");
        let mut keys = SigningKeys::new(2);
        let mut check = |id: &str, secret: &str, date: &str, scope: Scope<'_>| {
            let (kept, derived) = (keys.key(id, secret, date, scope), SigningKey::derive(secret, date, scope));
            assert_eq!(kept.signature(at, "00"), derived.signature(at, "00"), "{id} {date} {scope:?}");
            assert_eq!(kept.credential_scope(), derived.credential_scope());
        };
        let other_region = Scope { region: "eu-west-1", ..SCOPE };
        for _ in 0..2 {
            check("A", "secret-of-A", "20150830", SCOPE);
            check("A", "secret-of-A", "20150831", SCOPE);
            check("A", "secret-of-A", "20150831", other_region);
            check("A", "secret-of-A", "20150831", Scope { service: "s3", ..SCOPE });
            check("B", "secret-of-B", "20150831", SCOPE);
            check("C", "secret-of-C", "20150831", SCOPE);
        }
        assert!(keys.len() <= 2, "{} keys", keys.len());
    }
}
