//! The certificates that servers show, from PEM files, by the name that a client asks for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::provider;

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The certificate for the name that a client asks for: the exact name, then the wildcard, then the first of all.
#[derive(Debug)]
pub(super) struct ByServerName {
    first: Arc<CertifiedKey>,
    names: HashMap<String, Arc<CertifiedKey>>,
}

impl ByServerName {
    pub fn load(files: &[CertificateFiles]) -> Result<ByServerName, String> {
        let mut first = None;
        let mut names = HashMap::new();
        for pair in files {
            let key = Arc::new(certified_key(pair)?);
            for name in names_of(&key, &pair.certificate)? {
                names.entry(name).or_insert_with(|| Arc::clone(&key));
            }
            first.get_or_insert(key);
        }
        first.map(|first| ByServerName { first, names }).ok_or_else(|| "TLS: no certificate is configured".to_owned())
    }
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let exact = name.as_deref().and_then(|name| self.names.get(name));
        let wildcard = || {
            let (_, parent) = name.as_deref()?.split_once('.')?;
            self.names.get(&format!("*.{parent}"))
        };
        Some(Arc::clone(exact.or_else(wildcard).unwrap_or(&self.first)))
    }
}

fn certified_key(files: &CertificateFiles) -> Result<CertifiedKey, String> {
    let chain = certificates(&files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| pem_problem(&files.key, "private key", &error))?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    certified.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!(
                "{}: the key does not belong to the certificate {}",
                files.key.display(),
                files.certificate.display()
            )
        }
        other => format!("{}: {other}", files.key.display()),
    })
}

pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| pem_problem(file, "certificate", &error))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|error| pem_problem(file, "certificate", &error))?;
    if chain.is_empty() {
        return Err(format!("{}: there is no certificate in this file; it must be in PEM format", file.display()));
    }
    Ok(chain)
}

fn pem_problem(file: &Path, what: &str, error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => format!("{}: cannot read the {what}: {error}", file.display()),
        Error::NoItemsFound => format!("{}: there is no {what} in this file; it must be in PEM format", file.display()),
        other => format!("{}: not a {what} in PEM format: {other}", file.display()),
    }
}

fn names_of(key: &CertifiedKey, file: &Path) -> Result<Vec<String>, String> {
    let end_entity = key.end_entity_cert().map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = webpki::EndEntityCert::try_from(end_entity);
    let parsed =
        parsed.map_err(|error| format!("{}: not a certificate that can be served: {error}", file.display()))?;
    Ok(parsed.valid_dns_names().map(str::to_ascii_lowercase).collect())
}
