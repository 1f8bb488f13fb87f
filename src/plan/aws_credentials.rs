//! With what requests to AWS's services are signed: found and renewed on the control thread, beside the plan.

use crate::sign::{Credentials, Timestamp};

/// Credentials, and how long they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsCredentials {
    credentials: Credentials,
    /// `None`: until they are replaced.
    expires_at: Option<Timestamp>,
}

impl AwsCredentials {
    pub fn new(credentials: Credentials, expires_at: Option<Timestamp>) -> AwsCredentials {
        AwsCredentials { credentials, expires_at }
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The credentials, unless they have expired.
    pub fn at(&self, now: Timestamp) -> Option<&Credentials> {
        self.expires_at.is_none_or(|expires_at| now < expires_at).then_some(&self.credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_expire() {
        let credentials = || Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: "secret-of-AK".to_owned(),
            session_token: None,
        };
        let second = Timestamp::from_seconds;
        let lasting = AwsCredentials::new(credentials(), None);
        assert!(lasting.at(second(u64::MAX)).is_some());
        let temporary = AwsCredentials::new(credentials(), Some(second(100)));
        assert_eq!(temporary.at(second(99)), Some(&credentials()));
        assert_eq!(temporary.at(second(100)), None);
        assert!(!format!("{temporary:?}").contains("secret-of"));
    }
}
