//! Names and passwords, beyond AWS. (RFC 7617.)

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::stats::Counter;

use super::super::identity::Identity;
use super::super::respond::{ErrorDetail, GatewayError};
use super::decisions::Decision;
use super::says::Says;
use super::{Asking, Refused};

impl Asking<'_> {
    /// Who has shown the password.
    pub(super) fn by_password(&self, challenge: &str) -> Result<Rc<Decision>, Refused> {
        let Some(value) = self.only_field("authorization") else {
            return Err(self.challenged(Counter::AuthorizerNoIdentity, challenge));
        };
        let shown = credentials(value).filter(|(name, password)| self.shard.knows(name, password));
        let Some((name, _)) = shown else {
            return Err(self.challenged(Counter::AuthorizerUnauthorized, challenge));
        };
        self.shard.recorder.count(Counter::AuthorizerAsked);
        let identity = Identity { principal_id: Some(name.into()), ..Identity::default() };
        Ok(Rc::new(Decision { says: Says::Allows, identity: Rc::new(identity), bytes: 0 }))
    }

    fn challenged(&self, counter: Counter, challenge: &str) -> Refused {
        self.shard.recorder.count(counter);
        let detail = ErrorDetail { challenge: Some(challenge.into()), ..ErrorDetail::default() };
        Refused { error: GatewayError::Unauthorized, detail: Some(Box::new(detail)), note: None }
    }
}

/// `Basic`, in any case, one space or more, and base64 of `name:password`.
fn credentials(value: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = value.split_at_checked(b"basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut name = STANDARD.decode(encoded.trim_ascii_start()).ok()?;
    let colon = name.iter().position(|byte| *byte == b':')?;
    let password = name.split_off(colon + 1);
    name.pop();
    Some((String::from_utf8(name).ok()?, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        #[track_caller]
        fn check(value: &str, expected: Option<(&str, &str)>) {
            let expected = expected.map(|(name, password)| (name.to_owned(), password.as_bytes().to_vec()));
            assert_eq!(credentials(value.as_bytes()), expected, "{value}");
        }
        let encoded = |text: &str| STANDARD.encode(text);
        check(&format!("Basic {}", encoded("ann:secret")), Some(("ann", "secret")));
        check(&format!("basic  {}", encoded("ann:a:b")), Some(("ann", "a:b")));
        check(&format!("BASIC {}", encoded(":")), Some(("", "")));
        check(&format!("Basic {}", encoded("ann")), None);
        check(&format!("Basic{}", encoded("ann:secret")), None);
        check(&format!("Bearer {}", encoded("ann:secret")), None);
        check("Basic not-base64", None);
        check(&format!("Basic {} x", encoded("ann:secret")), None);
        check("Basic ", None);
        check("", None);
        assert_eq!(credentials(format!("Basic {}", STANDARD.encode(b"\xff:a")).as_bytes()), None);
    }
}
