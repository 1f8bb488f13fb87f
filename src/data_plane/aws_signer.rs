//! Signs requests to AWS's services with the credentials that the control plane has delivered. One for each shard.

use std::cell::RefCell;
use std::sync::Arc;

use crate::plan::aws_credentials::AwsCredentials;
use crate::sign::{self, Request, Scope, SigningKey, Timestamp};

/// Keys that are kept: one for each service and region that is called. One more takes the place of the oldest.
const KEYS_MAX: usize = 64;

#[derive(Default)]
pub struct AwsSigner {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    credentials: Option<Arc<AwsCredentials>>,
    /// Of these credentials.
    keys: Vec<SigningKey>,
}

/// There are no credentials, or they have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCredentials;

impl AwsSigner {
    pub fn adopt(&self, credentials: Arc<AwsCredentials>) {
        *self.state.borrow_mut() = State { credentials: Some(credentials), keys: Vec::new() };
    }

    /// The fields to add to a request, as [`sign::sign`] has them.
    ///
    /// # Errors
    /// [`NoCredentials`]
    pub fn sign(
        &self,
        request: &Request<'_>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, NoCredentials> {
        let State { credentials, keys } = &mut *self.state.borrow_mut();
        let credentials = credentials.as_ref().and_then(|credentials| credentials.at(now)).ok_or(NoCredentials)?;
        let date = now.date();
        let kept = keys.iter().position(|key| key.scope() == scope);
        let at = match kept {
            Some(at) if keys[at].date() == date => at,
            _ => {
                if let Some(outdated) = kept.or((keys.len() >= KEYS_MAX).then_some(0)) {
                    keys.remove(outdated);
                }
                keys.push(SigningKey::derive(&credentials.secret_access_key, &date, scope));
                keys.len() - 1
            }
        };
        Ok(sign::sign_with(request, credentials, &keys[at], now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{Credentials, PathStyle};

    fn credentials(secret: &str) -> Credentials {
        Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: Some("token-1".to_owned()),
        }
    }

    fn second(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_440_938_160 + seconds)
    }

    fn request() -> Request<'static> {
        Request {
            method: "POST",
            path: "/",
            path_style: PathStyle::Normalized,
            query: "",
            headers: &[("host", b"sqs.us-east-1.amazonaws.com"), ("x-amz-target", b"AmazonSQS.SendMessage")],
            body: b"{}",
        }
    }

    #[test]
    fn what_it_signs_is_what_the_credentials_sign() {
        let signer = AwsSigner::default();
        let sqs = Scope { region: "us-east-1", service: "sqs" };
        assert_eq!(signer.sign(&request(), sqs, second(0)), Err(NoCredentials));
        for secret in ["secret-1", "secret-2"] {
            signer.adopt(Arc::new(AwsCredentials::new(credentials(secret), Some(second(200_000)))));
            for (service, seconds) in [("sqs", 0), ("sqs", 10), ("sns", 10), ("sqs", 90_000), ("sns", 90_000)] {
                let scope = Scope { service, ..sqs };
                let expected = sign::sign(&request(), &credentials(secret), scope, second(seconds));
                assert_eq!(signer.sign(&request(), scope, second(seconds)), Ok(expected), "{service} {seconds}");
            }
            assert_eq!(signer.state.borrow().keys.len(), 2);
        }
        assert_eq!(signer.sign(&request(), sqs, second(200_000)), Err(NoCredentials));
    }

    #[test]
    fn keys_have_a_bound() {
        let signer = AwsSigner::default();
        signer.adopt(Arc::new(AwsCredentials::new(credentials("secret-1"), None)));
        for number in 0..3 * KEYS_MAX {
            let service = format!("s{number}");
            let scope = Scope { region: "us-east-1", service: &service };
            let expected = sign::sign(&request(), &credentials("secret-1"), scope, second(0));
            assert_eq!(signer.sign(&request(), scope, second(0)), Ok(expected));
        }
        assert_eq!(signer.state.borrow().keys.len(), KEYS_MAX);
    }
}
