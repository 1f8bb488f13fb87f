//! Who may sign requests to methods with the authorization type `AWS_IAM`, as the settings name them: beside the plan, the
//! same for all shards, and made anew when the settings change.
//!
//! `P` is a policy as the policy engine reads it; whoever makes the identities hands its parser in.

use std::fmt;

use ahash::AHashMap;

/// All users, by the ids of their access keys.
#[derive(Debug)]
pub struct Identities<P> {
    by_access_key_id: AHashMap<Box<str>, Identity<P>>,
}

/// A user: what its requests are verified with, and what becomes of `$context.identity`.
pub struct Identity<P> {
    pub access_key_id: Box<str>,
    pub secret: Box<str>,
    /// Of temporary credentials.
    pub session_token: Option<Box<str>>,
    /// `$context.identity.userArn`, and the principal that policies name.
    pub user_arn: Box<str>,
    /// Of a role's session, the role, which policies name too.
    pub role_arn: Option<Box<str>>,
    /// `$context.identity.user` and `.caller`.
    pub user_id: Box<str>,
    /// `$context.identity.accountId`: twelve digits.
    pub account_id: Box<str>,
    /// Identity policies, all of which are asked.
    pub policies: Box<[P]>,
}

/// What an identity is made of.
#[derive(Clone)]
pub struct User {
    pub access_key_id: String,
    pub secret: String,
    pub session_token: Option<String>,
    pub arn: String,
    pub user_id: String,
    /// In JSON.
    pub policies: Vec<String>,
}

/// Why users cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    pub access_key_id: String,
    /// Which of its policies, from 0, and what is wrong with it; `None` where the access key is another user's too.
    pub policy: Option<(usize, String)>,
}

impl<P> Identities<P> {
    /// Those of a gateway without any: every signature is a stranger's.
    pub fn empty() -> Identities<P> {
        Identities { by_access_key_id: AHashMap::new() }
    }

    /// # Errors
    /// A policy that `parse` refuses, and an access key that comes twice.
    pub fn new<E: fmt::Display>(
        users: Vec<User>,
        parse: impl Fn(&str) -> Result<P, E>,
    ) -> Result<Identities<P>, IdentityError> {
        let mut by_access_key_id = AHashMap::with_capacity(users.len());
        for user in users {
            let error = |policy| IdentityError { access_key_id: user.access_key_id.clone(), policy };
            let mut policies = Vec::with_capacity(user.policies.len());
            for (index, document) in user.policies.iter().enumerate() {
                policies.push(parse(document).map_err(|reason| error(Some((index, reason.to_string()))))?);
            }
            let identity = Identity {
                access_key_id: user.access_key_id.as_str().into(),
                account_id: account_of(&user.arn).into(),
                secret: user.secret.as_str().into(),
                session_token: user.session_token.as_deref().map(Into::into),
                user_arn: user.arn.as_str().into(),
                role_arn: role_of(&user.arn).map(Into::into),
                user_id: user.user_id.as_str().into(),
                policies: policies.into(),
            };
            if by_access_key_id.insert(user.access_key_id.as_str().into(), identity).is_some() {
                return Err(error(None));
            }
        }
        Ok(Identities { by_access_key_id })
    }

    pub fn find(&self, access_key_id: &str) -> Option<&Identity<P>> {
        self.by_access_key_id.get(access_key_id)
    }

    pub fn len(&self) -> usize {
        self.by_access_key_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_access_key_id.is_empty()
    }
}

/// `123456789012` of `arn:aws:iam::123456789012:user/ann`.
fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// `arn:aws:iam::123456789012:role/admin` of `arn:aws:sts::123456789012:assumed-role/admin/ann`.
fn role_of(arn: &str) -> Option<String> {
    let (partition, session) = arn.strip_prefix("arn:")?.split_once(":sts::")?;
    let (account_id, session) = session.split_once(":assumed-role/")?;
    let (role, _) = session.rsplit_once('/')?;
    Some(format!("arn:{partition}:iam::{account_id}:role/{role}"))
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.access_key_id;
        match &self.policy {
            Some((index, reason)) => write!(f, "policy {} of the access key {id:?}: {reason}", index + 1),
            None => write!(f, "the access key {id:?} is given twice"),
        }
    }
}

/// Without secrets and policies.
impl<P> fmt::Debug for Identity<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Identity");
        shown.field("user_arn", &self.user_arn).field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Without secrets.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("User");
        shown.field("access_key_id", &self.access_key_id).field("arn", &self.arn).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, policies: &[&str]) -> User {
        User {
            access_key_id: id.to_owned(),
            secret: format!("secret-of-{id}"),
            session_token: None,
            arn: format!("arn:aws:iam::123456789012:user/{id}"),
            user_id: format!("AIDA{id}"),
            policies: policies.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn the_role_of_a_session() {
        let check = |arn: &str, expected: Option<&str>| assert_eq!(role_of(arn).as_deref(), expected, "{arn}");
        check("arn:aws:sts::123456789012:assumed-role/admin/ann", Some("arn:aws:iam::123456789012:role/admin"));
        check("arn:aws-cn:sts::123456789012:assumed-role/a/b/c", Some("arn:aws-cn:iam::123456789012:role/a/b"));
        check("arn:aws:sts::123456789012:federated-user/ann", None);
        check("arn:aws:iam::123456789012:user/assumed-role/ann", None);
    }

    fn numbers(users: Vec<User>) -> Result<Identities<u32>, String> {
        Identities::new(users, str::parse::<u32>).map_err(|error| error.to_string())
    }

    #[test]
    fn users_are_found_by_their_access_keys() {
        let users = (0..10_000).map(|number| user(&format!("AK{number}"), &["1", "2"])).collect();
        let identities = numbers(users).expect("all is well");
        assert_eq!(identities.len(), 10_000);
        let found = identities.find("AK9999").expect("it is there");
        assert_eq!((&*found.account_id, &*found.user_arn), ("123456789012", "arn:aws:iam::123456789012:user/AK9999"));
        assert_eq!((&*found.secret, &*found.policies), ("secret-of-AK9999", &[1, 2][..]));
        assert!(identities.find("AK10000").is_none() && identities.find("").is_none());
        assert!(!format!("{found:?} {:?}", user("A", &[])).contains("secret-of"));
        assert!(Identities::<u32>::empty().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let twice = numbers(vec![user("A", &[]), user("B", &[]), user("A", &[])]).map(|identities| identities.len());
        assert_eq!(twice, Err("the access key \"A\" is given twice".to_owned()));
        let policy = numbers(vec![user("A", &["1", "x"])]).map(|identities| identities.len());
        let message = "policy 2 of the access key \"A\": invalid digit found in string";
        assert_eq!(policy, Err(message.to_owned()));
    }
}
