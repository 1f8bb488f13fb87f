//! With what requests to AWS's services are signed: found in the usual places once a method needs it, renewed before it
//! expires, and told to the shards. One task for all of them.
//!
//! - `chain`: which place has credentials; `profile`: the files that AWS's tools share.
//! - `remote`: what others are asked, and what they answer.
//! - `schedule`: when to ask again.
//!
//! Nobody is asked before [`Wanting::want`]: a gateway whose plans sign nothing sends nothing to 169.254.169.254.

mod chain;
mod profile;
mod remote;
mod schedule;

pub use chain::Source;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::fetch::{FetchAnswer, FetchRequest, Fetcher};
use super::health::Watched;
use super::operation::Random;
use crate::model::aws_service::service_endpoint;
use crate::plan::aws_credentials::AwsCredentials;
use crate::plan::delivery::{Delivery, Fleet};
use crate::sign::Timestamp;
use chain::{Authorization, Provider};
use profile::{FileKind, Profiles};
use remote::Sts;

/// Of a profile file or a token: the wrong path is not read to its end.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// STS is in every region; this one's is the oldest.
const REGION: &str = "us-east-1";

#[derive(Clone, Debug)]
pub struct AwsCredentialsSettings {
    pub source: Source,
    /// `None`: that of the environment, or `default`.
    pub profile: Option<String>,
    /// `None`: that of the environment or of the profile.
    pub region: Option<String>,
    /// Origins by service; that of `sts` counts here.
    pub endpoints: BTreeMap<String, String>,
    /// For one request.
    pub timeout_ms: u64,
}

/// A variable of the process's environment, by its name.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The outer world, as it is passed in.
pub struct AwsCredentialsParts {
    pub settings: AwsCredentialsSettings,
    pub environment: Variables,
    pub fetcher: Arc<dyn Fetcher>,
    pub fleet: Arc<dyn Fleet>,
    /// The wall clock.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub random: Box<dyn Random + Send + Sync>,
}

pub struct AwsCredentialsKeeper {
    parts: AwsCredentialsParts,
    wanted: watch::Receiver<u64>,
}

/// Who has it says that there is a need; the keeper ends with it.
pub struct Wanting(watch::Sender<u64>);

impl Wanting {
    /// A plan has methods that sign. The first time counts.
    pub fn want(&self) {
        self.0.send_if_modified(|times| {
            let is_first = *times == 0;
            *times = (*times).max(1);
            is_first
        });
    }

    /// Look again, if there is a need at all: files may have changed.
    pub fn renew(&self) {
        self.0.send_if_modified(|times| {
            let is_wanted = *times > 0;
            *times += u64::from(is_wanted);
            is_wanted
        });
    }
}

/// Looks at each plan for whether it has methods that sign. Nobody is asked for credentials before.
pub struct CredentialsNeed {
    pub watched: watch::Receiver<Option<Watched>>,
    pub wanting: Wanting,
}

impl CredentialsNeed {
    pub async fn run(mut self) {
        while self.watched.changed().await.is_ok() {
            if self.watched.borrow_and_update().as_ref().is_some_and(|watched| watched.plan.signs()) {
                self.wanting.want();
            }
        }
    }
}

impl AwsCredentialsKeeper {
    pub fn new(parts: AwsCredentialsParts) -> (AwsCredentialsKeeper, Wanting) {
        let (wanting, wanted) = watch::channel(0);
        (AwsCredentialsKeeper { parts, wanted }, Wanting(wanting))
    }

    /// Finds credentials once they are wanted, and keeps them fresh until nobody can want them any more.
    pub async fn run(mut self) {
        if self.wanted.wait_for(|times| *times > 0).await.is_err() {
            return;
        }
        let mut failures = 0;
        loop {
            self.wanted.mark_unchanged();
            let wait = match self.find().await {
                Ok(found) => {
                    failures = 0;
                    self.deliver(found)
                }
                Err(reason) => {
                    failures += 1;
                    tracing::warn!(reason, failures, "no AWS credentials");
                    Some(schedule::retry_after(failures, self.draw()))
                }
            };
            tokio::select! {
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep(wait) => {}
            }
        }
    }

    /// How long they may be kept; `None` for ever.
    fn deliver(&self, found: AwsCredentials) -> Option<Duration> {
        let (now, expires_at) = ((self.parts.clock)(), found.expires_at());
        tracing::info!(expires_at = expires_at.map(|at| at.to_string()), "AWS credentials found");
        self.parts.fleet.deliver_to_all(&Delivery::AwsCredentials(Arc::new(found)));
        expires_at.map(|expires_at| schedule::renew_after(now, expires_at, self.draw()))
    }

    fn draw(&self) -> u32 {
        let mut bytes = [0; 4];
        self.parts.random.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    async fn find(&self) -> Result<AwsCredentials, String> {
        let AwsCredentialsSettings { source, profile, .. } = &self.parts.settings;
        let profiles = self.profiles()?;
        let environment = |name: &str| self.variable(name);
        let provider = chain::provider(*source, &environment, &profiles, profile.as_deref())?;
        let found = self.ask(provider, &profiles).await?;
        match found.at((self.parts.clock)()) {
            Some(_) => Ok(found),
            None => Err("the credentials that came have expired already".to_owned()),
        }
    }

    async fn ask(&self, provider: Provider, profiles: &Profiles) -> Result<AwsCredentials, String> {
        match provider {
            Provider::Static(credentials) => Ok(AwsCredentials::new(credentials, None)),
            Provider::AssumeRole { base, role, external_id } => {
                let (sts, now) = (self.sts(profiles), (self.parts.clock)());
                let request = remote::assume_role(&sts, &role, external_id.as_deref(), &base, now);
                remote::sts_answer(&self.fetch(&request).await?)
            }
            Provider::WebIdentity { role, token_file } => {
                let token =
                    read(&token_file)?.ok_or_else(|| format!("{}: there is no such file", token_file.display()))?;
                let request = remote::assume_role_with_web_identity(&self.sts(profiles), &role, token.trim());
                remote::sts_answer(&self.fetch(&request).await?)
            }
            Provider::Container { url, authorization } => {
                let request = FetchRequest::get(url);
                let request = match authorization.map(token_of).transpose()? {
                    Some(token) => request.with("authorization", token),
                    None => request,
                };
                remote::document(&self.fetch(&request).await?)
            }
            Provider::Imds { origin } => {
                let token = remote::line(&self.fetch(&remote::imds_token(&origin)).await?)?;
                let roles = self.fetch(&remote::imds(&origin, remote::IMDS_ROLES, &token)).await?;
                let role = remote::line(&roles).map_err(|reason| format!("no role of the instance: {reason}"))?;
                let path = format!("{}{role}", remote::IMDS_ROLES);
                remote::document(&self.fetch(&remote::imds(&origin, &path, &token)).await?)
            }
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<FetchAnswer, String> {
        let timeout = Duration::from_millis(self.parts.settings.timeout_ms);
        let answer = tokio::time::timeout(timeout, self.parts.fetcher.fetch(request)).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        answer.map_err(|reason| format!("{} {}: {reason}", request.method, request.url))
    }

    fn sts(&self, profiles: &Profiles) -> Sts {
        let settings = &self.parts.settings;
        let variable = |name| self.variable(name);
        let of_profile = || {
            let name = settings.profile.clone().or_else(|| variable("AWS_PROFILE"));
            profiles.profile(name.as_deref().unwrap_or("default"))?.get("region").cloned()
        };
        let region = settings.region.clone().or_else(|| variable("AWS_REGION"));
        let region = region.or_else(|| variable("AWS_DEFAULT_REGION")).or_else(of_profile);
        let region = region.unwrap_or_else(|| REGION.to_owned());
        let endpoint = service_endpoint("sts", None, &region, &settings.endpoints).expect("the table has STS");
        Sts { origin: endpoint.origin, region }
    }

    fn profiles(&self) -> Result<Profiles, String> {
        let mut profiles = Profiles::default();
        let files = [
            (FileKind::Config, "AWS_CONFIG_FILE", "config"),
            (FileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ];
        for (kind, variable, name) in files {
            let home = || self.variable("HOME").map(|home| PathBuf::from(home).join(".aws").join(name));
            let Some(path) = self.variable(variable).map(PathBuf::from).or_else(home) else { continue };
            let Some(text) = read(&path)? else { continue };
            let added = profiles.add(kind, &text);
            added.map_err(|(line, reason)| format!("{}:{line}: {reason}", path.display()))?;
        }
        Ok(profiles)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.parts.environment)(name).filter(|value| !value.is_empty())
    }
}

fn token_of(authorization: Authorization) -> Result<String, String> {
    let token = match authorization {
        Authorization::Text(text) => text,
        Authorization::File(path) => {
            read(&path)?.ok_or_else(|| format!("{}: there is no such file", path.display()))?
        }
    };
    let token = token.trim_end();
    // A line end in it would be another field.
    let good = token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    good.then(|| token.to_owned()).ok_or_else(|| "the container's authorization token is no text".to_owned())
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, String> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
