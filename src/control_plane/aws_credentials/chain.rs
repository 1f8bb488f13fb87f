//! Which of the usual places has credentials. Pure: the environment and the profiles are passed in, nobody is asked.
//!
//! The order is that of AWS's SDKs: environment, profile, web identity, container, EC2's metadata.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use super::profile::{Profile, Profiles};
use crate::sign::Credentials;
use std::path::PathBuf;

/// Where the settings say that credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The environment, then the profile.
    Local,
    WebIdentity,
    Container,
    Imds,
    /// The first of all these that is there.
    Auto,
}

/// Who has the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// They are known.
    Static(Credentials),
    /// STS, which takes other credentials for them.
    AssumeRole { base: Credentials, role: Role, external_id: Option<String> },
    /// STS, which takes a token.
    WebIdentity { role: Role, token_file: PathBuf },
    /// The container's own endpoint.
    Container { url: String, authorization: Option<Authorization> },
    /// EC2's metadata service at this origin.
    Imds { origin: String },
}

/// A role to be assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub session_name: String,
}

/// The field `Authorization` for a container's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    Text(String),
    /// Read before each request: it is renewed.
    File(PathBuf),
}

/// A variable of the environment; empty is as good as not set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

const SESSION_NAME: &str = "tollgate";

/// What ECS serves its relative addresses on.
const ECS: &str = "http://169.254.170.2";
const IMDS: &str = "http://169.254.169.254";

/// Other hosts than these get no `Authorization`, and are asked by TLS only: as AWS's SDKs have it.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// # Errors
/// There are none there, or they are of a kind that is not supported: what to do about it.
pub fn provider(
    source: Source,
    environment: Environment<'_>,
    profiles: &Profiles,
    profile: Option<&str>,
) -> Result<Provider, String> {
    let local = || match from_environment(environment)? {
        Some(found) => Ok(Some(found)),
        None => from_profile(environment, profiles, profile),
    };
    let found = match source {
        Source::Local => local()?,
        Source::WebIdentity => web_identity(environment)?,
        Source::Container => container(environment)?,
        Source::Imds => Some(imds(environment)),
        Source::Auto => match local()? {
            Some(found) => Some(found),
            None => network(environment)?,
        },
    };
    found.ok_or_else(|| missing(source).to_owned())
}

/// Whoever can be asked, the first that the environment names; EC2's metadata, unless that is forbidden.
fn network(environment: Environment<'_>) -> Result<Option<Provider>, String> {
    if let Some(found) = web_identity(environment)? {
        return Ok(Some(found));
    }
    if let Some(found) = container(environment)? {
        return Ok(Some(found));
    }
    let disabled = environment("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    Ok((!disabled).then(|| imds(environment)))
}

fn missing(source: Source) -> &'static str {
    match source {
        Source::Local => {
            "neither the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) nor the profile has AWS credentials; set \
             them, or aws.credentials"
        }
        Source::WebIdentity => "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not set",
        Source::Container => {
            "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
        }
        Source::Imds | Source::Auto => "no AWS credentials were found, and AWS_EC2_METADATA_DISABLED is set",
    }
}

fn from_environment(environment: Environment<'_>) -> Result<Option<Provider>, String> {
    let (id, secret) = (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"));
    match (id, secret) {
        (None, None) => Ok(None),
        (Some(access_key_id), Some(secret_access_key)) => {
            let session_token = environment("AWS_SESSION_TOKEN");
            Ok(Some(Provider::Static(Credentials { access_key_id, secret_access_key, session_token })))
        }
        _ => Err("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, only one is set".to_owned()),
    }
}

fn from_profile(
    environment: Environment<'_>,
    profiles: &Profiles,
    profile: Option<&str>,
) -> Result<Option<Provider>, String> {
    let named = profile.map(str::to_owned).or_else(|| environment("AWS_PROFILE"));
    let name = named.as_deref().unwrap_or("default");
    match (profiles.profile(name), &named) {
        (Some(profile), _) => of_profile(name, profile, profiles),
        (None, Some(name)) => Err(format!("there is no profile {name:?} in the shared files")),
        (None, None) => Ok(None),
    }
}

fn of_profile(name: &str, profile: &Profile, profiles: &Profiles) -> Result<Option<Provider>, String> {
    let get = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    if let Some(arn) = get("role_arn") {
        let session_name = get("role_session_name").unwrap_or_else(|| SESSION_NAME.to_owned());
        let role = Role { arn, session_name };
        if let Some(token_file) = get("web_identity_token_file") {
            return Ok(Some(Provider::WebIdentity { role, token_file: token_file.into() }));
        }
        if let Some(source) = get("source_profile") {
            let base = profiles.profile(&source).map(|found| static_of(&source, found)).transpose()?.flatten();
            let base =
                base.ok_or_else(|| format!("profile {name:?}: its source_profile {source:?} has no access key"))?;
            return Ok(Some(Provider::AssumeRole { base, role, external_id: get("external_id") }));
        }
        return Err(format!(
            "profile {name:?}: for its role_arn, write source_profile or web_identity_token_file; credential_source is not \
             supported"
        ));
    }
    if let Some(found) = static_of(name, profile)? {
        return Ok(Some(Provider::Static(found)));
    }
    match profile.keys().find(|key| *key == "credential_process" || key.starts_with("sso_")) {
        Some(key) => Err(format!(
            "profile {name:?}: {key} is not supported: the gateway starts no programs and signs nobody in; write an access \
             key, or set aws.credentials"
        )),
        None => Ok(None),
    }
}

fn static_of(name: &str, profile: &Profile) -> Result<Option<Credentials>, String> {
    let get = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (None, None) => Ok(None),
        (Some(access_key_id), Some(secret_access_key)) => {
            let session_token = get("aws_session_token");
            Ok(Some(Credentials { access_key_id, secret_access_key, session_token }))
        }
        _ => Err(format!("profile {name:?}: of aws_access_key_id and aws_secret_access_key, only one is there")),
    }
}

fn web_identity(environment: Environment<'_>) -> Result<Option<Provider>, String> {
    match (environment("AWS_ROLE_ARN"), environment("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        (Some(arn), Some(token_file)) => {
            let session_name = environment("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION_NAME.to_owned());
            Ok(Some(Provider::WebIdentity { role: Role { arn, session_name }, token_file: token_file.into() }))
        }
        (None, Some(_)) => Err("AWS_WEB_IDENTITY_TOKEN_FILE is set, but not AWS_ROLE_ARN".to_owned()),
        // A role's name alone says nothing: other tools use it too.
        (_, None) => Ok(None),
    }
}

fn container(environment: Environment<'_>) -> Result<Option<Provider>, String> {
    let url = match environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        Some(path) if path.starts_with('/') => format!("{ECS}{path}"),
        Some(_) => return Err("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with \"/\"".to_owned()),
        None => match environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            Some(url) => url,
            None => return Ok(None),
        },
    };
    if !may_have_credentials(&url) {
        return Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor on this machine or network".to_owned());
    }
    let file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| Authorization::File(path.into()));
    let authorization = file.or_else(|| environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Authorization::Text));
    Ok(Some(Provider::Container { url, authorization }))
}

/// "The host must be a loopback address, or 169.254.170.2, 169.254.170.23 or fd00:ec2::23, or the scheme https".
fn may_have_credentials(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || CONTAINER_HOSTS.contains(&host) || address.is_ok_and(|address| address.is_loopback())
}

fn imds(environment: Environment<'_>) -> Provider {
    let origin = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| IMDS.to_owned());
    Provider::Imds { origin: origin.trim_end_matches('/').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::profile::FileKind;
    use super::*;

    const KEY: &str = "aws_access_key_id=AK\naws_secret_access_key=SK";

    /// `NAME=value NAME=value`, and a config file's text.
    #[track_caller]
    fn check(source: Source, variables: &str, config: &str, expected: Result<&str, &str>) {
        let mut profiles = Profiles::default();
        profiles.add(FileKind::Config, config).expect("tests write profiles");
        let environment = |name: &str| {
            let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
        };
        let found = provider(source, &environment, &profiles, None).map(|provider| shown(&provider));
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{source:?} {variables} {config}");
    }

    fn shown(provider: &Provider) -> String {
        let keys = |credentials: &Credentials| {
            let Credentials { access_key_id, secret_access_key, session_token } = credentials;
            format!("{access_key_id} {secret_access_key} {}", session_token.as_deref().unwrap_or("-"))
        };
        match provider {
            Provider::Static(credentials) => format!("static {}", keys(credentials)),
            Provider::AssumeRole { base, role, external_id } => {
                format!("role {} {} {external_id:?} by {}", role.arn, role.session_name, keys(base))
            }
            Provider::WebIdentity { role, token_file } => {
                format!("web {} {} {}", role.arn, role.session_name, token_file.display())
            }
            Provider::Container { url, authorization } => format!("container {url} {authorization:?}"),
            Provider::Imds { origin } => format!("imds {origin}"),
        }
    }

    #[test]
    fn known_credentials() {
        use Source::{Auto, Local};
        let environment = "AWS_ACCESS_KEY_ID=A AWS_SECRET_ACCESS_KEY=S";
        for source in [Local, Auto] {
            check(source, environment, &format!("[default]\n{KEY}\n"), Ok("static A S -"));
            check(source, &format!("{environment} AWS_SESSION_TOKEN=T"), "", Ok("static A S T"));
            check(source, "", &format!("[default]\n{KEY}\naws_session_token=T\n"), Ok("static AK SK T"));
            check(source, "AWS_PROFILE=ann", &format!("[default]\n[profile ann]\n{KEY}\n"), Ok("static AK SK -"));
            check(source, "AWS_PROFILE=ann", "", Err("there is no profile \"ann\" in the shared files"));
            let half = "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, only one is set";
            check(source, "AWS_ACCESS_KEY_ID=A", "", Err(half));
            let half = "profile \"default\": of aws_access_key_id and aws_secret_access_key, only one is there";
            check(source, "", "[default]\naws_access_key_id=A\n", Err(half));
        }
        check(Local, "AWS_ROLE_ARN=R AWS_WEB_IDENTITY_TOKEN_FILE=/t", "", Err(missing(Local)));
        check(Local, "", "[default]\nregion=r\n", Err(missing(Local)));
    }

    #[test]
    fn roles_of_profiles() {
        #[track_caller]
        fn check(config: &str, expected: Result<&str, &str>) {
            super::tests::check(Source::Local, "", config, expected);
        }
        check(
            &format!("[default]\nrole_arn=R\nsource_profile=base\nexternal_id=E\n[profile base]\n{KEY}\n"),
            Ok("role R tollgate Some(\"E\") by AK SK -"),
        );
        check("[default]\nrole_arn=R\nrole_session_name=s\nweb_identity_token_file=/t\n", Ok("web R s /t"));
        let base = "profile \"default\": its source_profile \"base\" has no access key";
        check("[default]\nrole_arn=R\nsource_profile=base\n", Err(base));
        check("[default]\nrole_arn=R\nsource_profile=base\n[profile base]\nrole_arn=Q\n", Err(base));
        check(
            "[default]\nrole_arn=R\ncredential_source=Environment\n",
            Err(
                "profile \"default\": for its role_arn, write source_profile or web_identity_token_file; credential_source \
                 is not supported",
            ),
        );
        let refused = |key: &str| {
            format!(
                "profile \"default\": {key} is not supported: the gateway starts no programs and signs nobody in; write an \
                 access key, or set aws.credentials"
            )
        };
        check("[default]\ncredential_process=/bin/x\n", Err(&refused("credential_process")));
        check("[default]\nsso_session=s\nregion=r\n", Err(&refused("sso_session")));
    }

    #[test]
    fn who_is_asked() {
        use Source::{Auto, Container, Imds, WebIdentity};
        let web = "AWS_ROLE_ARN=R AWS_WEB_IDENTITY_TOKEN_FILE=/t";
        let ecs = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/c";
        for source in [WebIdentity, Auto] {
            check(source, &format!("{web} {ecs}"), "", Ok("web R tollgate /t"));
            let missing = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but not AWS_ROLE_ARN";
            check(source, "AWS_WEB_IDENTITY_TOKEN_FILE=/t", "", Err(missing));
        }
        for source in [Container, Auto] {
            check(source, ecs, "", Ok("container http://169.254.170.2/v2/c None"));
            let eks = "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials \
                       AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/t AWS_CONTAINER_AUTHORIZATION_TOKEN=x";
            check(source, eks, "", Ok("container http://169.254.170.23/v1/credentials Some(File(\"/t\"))"));
            let elsewhere = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor on this machine or network";
            for url in ["http://10.0.0.1/", "http://localhost.evil/", "http://127.0.0.1.evil/", "ftp://127.0.0.1/"] {
                check(source, &format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={url}"), "", Err(elsewhere));
            }
            for url in ["https://a/", "http://127.0.0.1:9/c", "http://[::1]/c", "http://[fd00:ec2::23]/c"] {
                let expected = format!("container {url} None");
                check(source, &format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={url}"), "", Ok(&expected));
            }
            let slash = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with \"/\"";
            check(source, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@evil/", "", Err(slash));
        }
        for source in [Imds, Auto] {
            check(source, "AWS_ROLE_ARN=R", "", Ok("imds http://169.254.169.254"));
            check(
                source,
                "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[fd00:ec2::254]/",
                "",
                Ok("imds http://[fd00:ec2::254]"),
            );
        }
        check(Auto, "AWS_EC2_METADATA_DISABLED=true", "", Err(missing(Auto)));
        check(WebIdentity, "", "", Err(missing(WebIdentity)));
        check(Container, "", "", Err(missing(Container)));
    }
}
