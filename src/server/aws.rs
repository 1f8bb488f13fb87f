//! What the settings say of AWS's services and of IAM users, as the planes take it; secrets and policies that stand in files
//! are read here.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::access::{secret, secret_in};
use crate::config::{self, Config, CredentialsSource, Iam, IamUser, PolicySource, Secret};
use crate::control_plane::aws_credentials::{AwsCredentialsSettings, Source};
use crate::plan::identity::{Identities, User};
use crate::sign;

/// `None`: requests are not signed.
pub fn credentials_settings(aws: &config::Aws) -> Option<AwsCredentialsSettings> {
    let source = match aws.credentials {
        CredentialsSource::Off => return None,
        CredentialsSource::Local => Source::Local,
        CredentialsSource::WebIdentity => Source::WebIdentity,
        CredentialsSource::Container => Source::Container,
        CredentialsSource::Imds => Source::Imds,
        CredentialsSource::Auto => Source::Auto,
    };
    Some(AwsCredentialsSettings {
        source,
        profile: aws.profile.clone(),
        region: aws.region.clone(),
        endpoints: aws.endpoints.0.clone(),
        timeout_ms: aws.credentials_timeout_ms,
    })
}

/// All users, those of the users file among them. `parse` reads a policy document.
///
/// # Errors
/// A file cannot be read, a policy is none, there are too many users, or two with one access key.
pub fn identities<P, E: Display>(
    config: &Config,
    parse: impl Fn(&str) -> Result<P, E>,
) -> Result<Identities<P>, String> {
    let mut users = config.iam.users.clone();
    if let Some(path) = &config.iam.users_file {
        let text = read(path, config.iam.users_file_bytes_max)?;
        users.extend(config::read_users(path, &text, config.iam.users_max).map_err(|problems| problems.to_string())?);
    }
    if users.len() > usize::try_from(config.iam.users_max).unwrap_or(usize::MAX) {
        return Err(format!("iam.users_max: there are {} users", users.len()));
    }
    let users = users.iter().map(|user| checked(user, &config.iam, &config.account_id));
    Identities::new(users.collect::<Result<_, String>>()?, parse).map_err(|error| format!("iam.users: {error}"))
}

fn checked(user: &IamUser, iam: &Iam, account_id: &str) -> Result<User, String> {
    let arn = user.arn.clone().unwrap_or_else(|| format!("arn:aws:iam::{account_id}:user/{}", user.name));
    let user_id = user.user_id.clone().unwrap_or_else(|| user_id(&arn));
    let token = user.session_token.as_ref().map(|token| secret_in(token, Secret::session_token)).transpose()?;
    let policies = user.policies.iter().map(|policy| match policy {
        PolicySource::Document(document) => Ok(document.clone()),
        PolicySource::File(path) => read(path, iam.policy_bytes_max),
    });
    let policies = policies.collect::<Result<Vec<String>, String>>()?;
    if let Some(long) = policies.iter().find(|policy| policy.len() as u64 > iam.policy_bytes_max) {
        return Err(format!("iam.policy_bytes_max: a policy of {:?} has {} bytes", user.name, long.len()));
    }
    Ok(User {
        access_key_id: user.access_key_id.clone(),
        secret: secret(&user.secret)?,
        session_token: token,
        arn,
        user_id,
        policies,
    })
}

/// Like those of IAM, `AIDA` and 17 letters and digits, of a role's session `AROA`, as many, and its name; the same whenever
/// the ARN is.
fn user_id(arn: &str) -> String {
    let id = |kind: &str, of: &str| format!("{kind}{}", &sign::hash(of.as_bytes()).to_uppercase()[..17]);
    match arn.rsplit_once('/').filter(|(role, _)| role.contains(":assumed-role/")) {
        Some((role, session)) => format!("{}:{session}", id("AROA", role)),
        None => id("AIDA", arn),
    }
}

/// # Errors
/// The file cannot be read, or is longer.
pub fn read(path: &Path, bytes_max: u64) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(path).map(|file| file.take(bytes_max.saturating_add(1)));
    let read = opened.and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if text.len() as u64 > bytes_max {
        return Err(format!("{}: it has more than {bytes_max} bytes", path.display()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    fn user(name: &str) -> IamUser {
        IamUser {
            name: name.to_owned(),
            access_key_id: format!("AK-{name}"),
            secret: SecretSource::Given(Secret::new("secret-of-it").expect("a secret")),
            session_token: None,
            arn: None,
            user_id: None,
            policies: vec![PolicySource::Document("{}".to_owned())],
        }
    }

    fn found(config: &Config) -> Result<Identities<usize>, String> {
        identities(config, |text| if text.len() < 50 { Ok(text.len()) } else { Err("it is none") })
    }

    #[test]
    fn users_are_completed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("writable");
            path
        };
        let mut config = Config { account_id: "123456789012".to_owned(), ..Config::default() };
        config.iam.users =
            vec![user("ann"), IamUser { arn: Some("arn:aws:sts::1:assumed-role/a/b".into()), ..user("ben") }];
        config.iam.users[1].user_id = Some("AROA1:b".to_owned());
        config.iam.users[1].session_token = Some(SecretSource::File(file("token", "token-of-it\n")));
        config.iam.users[1].policies = vec![PolicySource::File(file("p.json", "{\"a\": 1}"))];
        let text = "users:\n- {name: eve, access_key_id: AK-eve, secret_file: secret, policies: [p.json, \"{}\"]}\n";
        file("secret", "secret-of-eve\n");
        config.iam.users_file = Some(file("users.yaml", text));
        let identities = found(&config).expect("all is well");
        let find = |name: &str| identities.find(&format!("AK-{name}")).expect("a user");
        assert_eq!((&*find("ann").user_arn, find("ann").user_id.len()), ("arn:aws:iam::123456789012:user/ann", 21));
        assert_eq!(&*find("ann").account_id, "123456789012");
        let ben = find("ben");
        assert_eq!(
            (&*ben.user_id, &*ben.account_id, ben.session_token.as_deref()),
            ("AROA1:b", "1", Some("token-of-it"))
        );
        assert_eq!((&*ben.secret, &*ben.policies), ("secret-of-it", &[8][..]));
        assert_eq!((&*find("eve").secret, &*find("eve").policies), ("secret-of-eve", &[8, 2][..]));
        assert_ne!(find("ann").user_id, find("eve").user_id);

        config.iam.users_max = 2;
        assert_eq!(found(&config).map(|found| found.len()), Err("iam.users_max: there are 3 users".to_owned()));
        config.iam.users_max = 9;
        config.iam.policy_bytes_max = 7;
        let message = found(&config).map(|found| found.len()).expect_err("a policy is too long");
        assert!(message.ends_with("p.json: it has more than 7 bytes"), "{message}");
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Iam), expected: &str) {
        let mut config = Config::default();
        config.iam.users = vec![user("ann")];
        change(&mut config.iam);
        let found = found(&config).map(|identities| identities.len()).expect_err("something is wrong");
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let none = Path::new("/nonexistent/file");
        check(|iam| iam.users_file = Some(none.into()), "/nonexistent/file: No such file");
        check(|iam| iam.users.push(user("ann")), "iam.users: the access key \"AK-ann\" is given twice");
        check(|iam| iam.users[0].secret = SecretSource::File(none.into()), "/nonexistent/file: No such file");
        check(|iam| iam.users[0].policies.push(PolicySource::File(none.into())), "/nonexistent/file: No such file");
        let long = PolicySource::Document("x".repeat(60));
        check(|iam| iam.users[0].policies.push(long), "iam.users: policy 2 of the access key \"AK-ann\": it is none");
        check(|iam| iam.policy_bytes_max = 1, "iam.policy_bytes_max: a policy of \"ann\" has 2 bytes");
    }

    #[test]
    fn credentials_may_be_off() {
        let mut aws = config::Aws::default();
        assert_eq!(credentials_settings(&aws).map(|settings| settings.source), Some(Source::Local));
        aws.credentials = CredentialsSource::Off;
        assert!(credentials_settings(&aws).is_none());
    }
}
