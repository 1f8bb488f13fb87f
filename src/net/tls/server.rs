//! TLS to clients: which certificate they are shown, whether they have to show one, and what can be exchanged meanwhile.
//!
//! ```text
//!  listener ──▶ no domain name has mutual TLS ──▶ the listener's configuration
//!          └──▶ some have: the name in the ClientHello ──▶ the domain's, with its truststore; any other: the listener's
//! ```
//! A ticket brings back the client's certificate without looking at it again. So every configuration that asks clients has
//! tickets of its own, and new ones as soon as its truststore or list of revoked certificates is another: what was verified by
//! the old ones is verified again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{ServerConfig, ServerConnection};

use super::certificate::{ByServerName, CertificateFiles};
use super::handshake::{Expected, Handshake};
use super::refusal::{Refusal, Refusals, Refused};
use super::truststore::{TrustNobody, Truststore};
use super::{Session, provider};

/// What listeners ask of clients whose domain name does not ask for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthFiles {
    pub truststore: PathBuf,
    pub revoked: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// A custom domain name, as far as TLS is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainTls {
    /// In lower case, and each once; `*.example.com` for every name with one label more.
    pub host: Box<str>,
    /// With mutual TLS.
    pub mutual: Option<MutualTls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualTls {
    /// What connections are marked with whose client was verified: another one, another truststore.
    pub mark: Arc<str>,
    /// Or why there is none: then nobody is let in.
    pub truststore: Result<PathBuf, String>,
}

/// What servers present to clients, and ask of them; can be exchanged while connections go on.
pub struct ServerTls {
    files: Vec<CertificateFiles>,
    client_auth: Option<ClientAuthFiles>,
    /// Of clients that are asked for nothing. Stateless, so that they can resume on any shard and after a reload.
    ticketer: Arc<dyn ProducesTickets>,
    current: ArcSwap<Current>,
    /// Held by whoever makes a new one.
    changing: Mutex<()>,
    refusals: Refusals,
}

/// One listener's TLS.
#[derive(Clone)]
pub struct ListenerTls {
    pub server: Arc<ServerTls>,
    /// Whether it is one of those that [`ClientAuthFiles`] are for.
    pub asks_clients: bool,
}

struct Current {
    certificates: Arc<ByServerName>,
    plain: Arc<ServerConfig>,
    asking: Option<Arc<Asking>>,
    /// Empty where no domain name has mutual TLS: then it is not looked for.
    domains: HashMap<Box<str>, Option<Arc<Asking>>>,
}

/// A configuration that asks clients for a certificate.
struct Asking {
    config: Arc<ServerConfig>,
    ticketer: Arc<dyn ProducesTickets>,
    /// Of the truststore's files; none where it could not be read.
    digest: Option<[u8; 32]>,
    required: bool,
    /// Of a custom domain name.
    mutual: Option<MutualTls>,
}

impl ServerTls {
    /// # Errors
    /// What is wrong with which file, for the user.
    pub fn load(files: Vec<CertificateFiles>, client_auth: Option<ClientAuthFiles>) -> Result<ServerTls, String> {
        let ticketer = new_ticketer()?;
        let certificates = Arc::new(ByServerName::load(&files)?);
        let asking = client_auth.as_ref().map(|auth| Asking::of_listener(auth, &certificates, None)).transpose()?;
        let plain = server_config(&certificates, WebPkiClientVerifier::no_client_auth(), &ticketer)?;
        let current = Current { certificates, plain, asking, domains: HashMap::new() };
        let (current, changing) = (ArcSwap::from_pointee(current), Mutex::default());
        Ok(ServerTls { files, client_auth, ticketer, current, changing, refusals: Refusals::default() })
    }

    /// Reads all files again: certificates, truststores, lists of revoked certificates. Connections that are open keep what
    /// they have.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; all that was before stays in use. A domain name's truststore that could not be read before
    /// either stands against nothing.
    pub fn reload(&self) -> Result<(), String> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let certificates = Arc::new(ByServerName::load(&self.files)?);
        let listener = |auth| Asking::of_listener(auth, &certificates, before.asking.as_deref());
        let asking = self.client_auth.as_ref().map(listener).transpose()?;
        let mut domains = HashMap::new();
        for (host, domain) in &before.domains {
            let again = |known: &Arc<Asking>| known.read_again(&certificates);
            domains.insert(host.clone(), domain.as_ref().map(again).transpose()?);
        }
        let plain = server_config(&certificates, WebPkiClientVerifier::no_client_auth(), &self.ticketer)?;
        self.current.store(Arc::new(Current { certificates, plain, asking, domains }));
        Ok(())
    }

    /// Takes these custom domain names in place of those before. One whose truststore cannot be read lets nobody in; of one
    /// that stays as it was, the truststore is not read again.
    ///
    /// # Errors
    /// There are no random bytes to be had; those before stay.
    pub fn serve_domains(&self, domains: &[DomainTls]) -> Result<(), String> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let any = domains.iter().any(|domain| domain.mutual.is_some());
        if !any && before.domains.is_empty() {
            return Ok(());
        }
        let mut made = HashMap::new();
        for domain in domains.iter().filter(|_| any) {
            let known = before.domains.get(&domain.host).and_then(Option::as_ref);
            let asking = domain.mutual.as_ref().map(|mutual| {
                let known = known.filter(|known| known.mutual.as_ref() == Some(mutual));
                known.map_or_else(|| Asking::of_domain(mutual, &before.certificates), |known| Ok(Arc::clone(known)))
            });
            made.insert(domain.host.clone(), asking.transpose()?);
        }
        self.current.store(Arc::new(Current {
            certificates: Arc::clone(&before.certificates),
            plain: Arc::clone(&before.plain),
            asking: before.asking.clone(),
            domains: made,
        }));
        Ok(())
    }

    /// Counts a client that was refused for its certificate, for [`ServerTls::refused`].
    pub fn note_refusal(&self, refusal: Refusal, peer: IpAddr) {
        self.refusals.note(refusal, peer);
    }

    /// What was noted since the last time.
    pub fn refused(&self) -> Vec<Refused> {
        self.refusals.take()
    }
}

impl ListenerTls {
    /// For tests with a server of their own.
    #[cfg(test)]
    pub fn session(&self) -> Rc<super::Session> {
        match self.begin().expect("a session") {
            Handshake::Known(session, _) => session,
            Handshake::ByName(_) => panic!("no name is to be read first"),
        }
    }

    /// How a connection begins.
    ///
    /// # Errors
    /// When rustls cannot start a connection, which has no cause outside of it.
    pub(in crate::net) fn begin(&self) -> std::io::Result<Handshake> {
        let current = self.server.current.load();
        if !current.domains.is_empty() {
            return Ok(Handshake::by_name(self.clone()));
        }
        let (config, expected) = current.of_listener(self.asks_clients);
        let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
        Ok(Handshake::Known(Rc::new(Session::new(connection.into())), expected))
    }

    /// The configuration for whoever asks for `name`, and what it expects.
    pub(super) fn by_name(&self, name: Option<&str>) -> (Arc<ServerConfig>, Expected) {
        let current = self.server.current.load();
        let asking = name.and_then(|name| current.domain(&name.to_ascii_lowercase()));
        match asking {
            Some(asking) => (Arc::clone(&asking.config), asking.expected()),
            None => current.of_listener(self.asks_clients),
        }
    }
}

impl Current {
    fn of_listener(&self, asks_clients: bool) -> (Arc<ServerConfig>, Expected) {
        match self.asking.as_ref().filter(|_| asks_clients) {
            Some(asking) => (Arc::clone(&asking.config), asking.expected()),
            None => (Arc::clone(&self.plain), Expected::Nobody),
        }
    }

    /// As requests find their domain name by `Host`: the exact name, then the wildcard.
    fn domain(&self, name: &str) -> Option<&Arc<Asking>> {
        let exact = self.domains.get(name);
        let found = exact.or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.domains.get(&*format!("*.{parent}"))
        });
        found?.as_ref()
    }
}

impl Asking {
    fn of_listener(
        auth: &ClientAuthFiles,
        certificates: &Arc<ByServerName>,
        before: Option<&Asking>,
    ) -> Result<Arc<Asking>, String> {
        let truststore = Truststore::load(&auth.truststore, auth.revoked.as_deref())?;
        for warning in &truststore.warnings {
            tracing::warn!("{}: {warning}", auth.truststore.display());
        }
        Asking::new(&truststore, auth.required, None, certificates, before)
    }

    /// Whatever keeps it from verifying clients keeps them out.
    fn of_domain(mutual: &MutualTls, certificates: &Arc<ByServerName>) -> Result<Arc<Asking>, String> {
        Asking::try_of_domain(mutual, certificates, None).or_else(|reason| {
            tracing::error!("a custom domain name with mutual TLS lets nobody in: {reason}");
            Asking::closed(mutual, certificates)
        })
    }

    fn closed(mutual: &MutualTls, certificates: &Arc<ByServerName>) -> Result<Arc<Asking>, String> {
        let ticketer = new_ticketer()?;
        let config = server_config(certificates, Arc::new(TrustNobody(provider())), &ticketer)?;
        Ok(Arc::new(Asking { config, ticketer, digest: None, required: true, mutual: Some(mutual.clone()) }))
    }

    fn try_of_domain(
        mutual: &MutualTls,
        certificates: &Arc<ByServerName>,
        before: Option<&Asking>,
    ) -> Result<Arc<Asking>, String> {
        let file = mutual.truststore.as_ref().map_err(String::clone)?;
        let truststore = Truststore::load(file, None)?;
        Asking::new(&truststore, true, Some(mutual.clone()), certificates, before)
    }

    fn new(
        truststore: &Truststore,
        required: bool,
        mutual: Option<MutualTls>,
        certificates: &Arc<ByServerName>,
        before: Option<&Asking>,
    ) -> Result<Arc<Asking>, String> {
        let digest = Some(truststore.digest);
        let ticketer = match before.filter(|before| before.digest == digest) {
            Some(before) => Arc::clone(&before.ticketer),
            None => new_ticketer()?,
        };
        let config = server_config(certificates, truststore.verifier(required)?, &ticketer)?;
        Ok(Arc::new(Asking { config, ticketer, digest, required, mutual }))
    }

    /// With the truststore as it is now; one that could not be read may still not be.
    fn read_again(&self, certificates: &Arc<ByServerName>) -> Result<Arc<Asking>, String> {
        let mutual = self.mutual.as_ref().expect("those of domain names have one");
        match (Asking::try_of_domain(mutual, certificates, Some(self)), self.digest) {
            (Err(reason), None) => {
                tracing::error!("a custom domain name with mutual TLS lets nobody in: {reason}");
                Asking::closed(mutual, certificates)
            }
            (made, _) => made,
        }
    }

    fn expected(&self) -> Expected {
        match &self.mutual {
            Some(mutual) => Expected::OfDomain(Arc::clone(&mutual.mark)),
            None if self.required => Expected::Required,
            None => Expected::Optional,
        }
    }
}

fn new_ticketer() -> Result<Arc<dyn ProducesTickets>, String> {
    rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| format!("TLS tickets: {error}"))
}

fn server_config(
    certificates: &Arc<ByServerName>,
    verifier: Arc<dyn ClientCertVerifier>,
    ticketer: &Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| format!("TLS: {error}"))?;
    let certificates = Arc::clone(certificates);
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(certificates);
    config.ticketer = Arc::clone(ticketer);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
