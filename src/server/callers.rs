//! Whom the settings know, as the data plane takes them: IAM users, and names with passwords. What stands in files is read
//! here, at the start and at each reload.

use super::access::secret;
use super::aws::{self, read};
use crate::config::{self, BasicAuth, Config};
use crate::plan::delivery::Callers;
use crate::plan::identity::Identities;
use crate::plan::passwords::Passwords;
use crate::policy::{self, Policy, PolicyKind};
use std::sync::Arc;

/// # Errors
/// A file cannot be read or has something wrong in it, there are too many users, or two with one name or access key.
pub fn callers(config: &Config) -> Result<Callers, String> {
    Ok(Callers { identities: Arc::new(identities(config)?), passwords: passwords(&config.basic_auth)? })
}

fn identities(config: &Config) -> Result<Identities<Policy>, String> {
    let limits = policy::Limits::of_bytes(usize::try_from(config.iam.policy_bytes_max).unwrap_or(usize::MAX));
    aws::identities(config, |document| {
        Policy::parse(document, PolicyKind::Identity, &limits).map_err(|errors| {
            let errors = errors.iter().map(|error| format!("{} {}", error.pointer, error.message));
            errors.collect::<Vec<_>>().join("; ")
        })
    })
}

fn passwords(settings: &BasicAuth) -> Result<Passwords, String> {
    let mut users = settings.users.clone();
    if let Some(path) = &settings.users_file {
        let text = read(path, settings.users_file_bytes_max)?;
        let more = config::read_basic_users(path, &text, settings.users_max);
        users.extend(more.map_err(|problems| problems.to_string())?);
    }
    if users.len() > usize::try_from(settings.users_max).unwrap_or(usize::MAX) {
        return Err(format!("basic_auth.users_max: there are {} users", users.len()));
    }
    let pairs = users.iter().map(|user| Ok((user.name.clone(), secret(&user.secret)?)));
    let pairs = pairs.collect::<Result<Vec<_>, String>>()?;
    Passwords::new(pairs).map_err(|error| format!("basic_auth.users: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BasicUser, Secret, SecretSource};

    fn user(name: &str) -> BasicUser {
        let secret = SecretSource::Given(Secret::new("secret-of-it").expect("a secret"));
        BasicUser { name: name.to_owned(), secret }
    }

    #[test]
    fn users_of_settings_and_of_a_file_are_put_together() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("users.yaml");
        std::fs::write(&path, "users: [{name: ben, secret_file: secret}]").expect("writable");
        std::fs::write(folder.path().join("secret"), "secret-of-ben\n").expect("writable");
        let mut settings = BasicAuth { users: vec![user("ann")], users_file: Some(path), ..BasicAuth::default() };
        let passwords = super::passwords(&settings).expect("two users");
        assert!(passwords.opens("ann", b"secret-of-it") && passwords.opens("ben", b"secret-of-ben"));
        settings.users_max = 1;
        let refused = super::passwords(&settings).expect_err("there are two");
        assert_eq!(refused, "basic_auth.users_max: there are 2 users");
        settings = BasicAuth { users: vec![user("ann"), user("ann")], ..BasicAuth::default() };
        assert_eq!(super::passwords(&settings).expect_err("twice"), "basic_auth.users: \"ann\" is given twice");
    }
}
