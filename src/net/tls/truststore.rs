//! Truststores: whose certificates clients may show, and which of those are revoked.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::client_certificate::{distinguished_name, validity_of};
use super::provider;

/// The largest truststore or list of revoked certificates. AWS takes a megabyte, without such lists.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// The most certificates in a truststore. (Guide, `rest-api-mutual-tls`.)
const CERTIFICATES_MAX: usize = 1000;

/// Authorities and lists of revoked certificates, as files had them.
pub struct Truststore {
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
    /// What does not stand against it, but may keep clients out. AWS's `truststoreWarnings`.
    pub warnings: Vec<String>,
    /// Tells whether the files are others than before.
    pub(super) digest: [u8; 32],
}

impl Truststore {
    /// Reads certificates and lists (`X509 CRL`) in PEM from `file`, and lists alone from `revoked`.
    ///
    /// # Errors
    /// What is wrong with which file, for the user.
    pub fn load(file: &Path, revoked: Option<&Path>) -> Result<Truststore, String> {
        let mut read = Parts { certificates: Vec::new(), revoked: Vec::new(), digest: Context::new(&SHA256) };
        read.add(file, "truststore")?;
        let in_truststore = read.certificates.len();
        if let Some(revoked) = revoked {
            let before = read.revoked.len();
            read.add(revoked, "certificate revocation list")?;
            if read.certificates.len() > in_truststore || read.revoked.len() == before {
                return Err(format!(
                    "{}: a file of revoked certificates has PEM blocks X509 CRL, and no other",
                    revoked.display()
                ));
            }
        }
        let shown = file.display();
        if in_truststore == 0 {
            return Err(format!("{shown}: there is no certificate in this file; it must be in PEM format"));
        }
        if in_truststore > CERTIFICATES_MAX {
            return Err(format!(
                "{shown}: a truststore has at most {CERTIFICATES_MAX} certificates, not {in_truststore}"
            ));
        }
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let mut roots = RootCertStore::empty();
        let mut warnings = Vec::new();
        for (position, certificate) in read.certificates.iter().enumerate() {
            match doubt(certificate, now_s) {
                None => roots.add(certificate.clone()).unwrap_or_else(|error| {
                    warnings.push(format!("certificate {} of the truststore is not trusted: {error}", position + 1));
                }),
                Some(doubt) => warnings.push(format!("certificate {} of the truststore {doubt}", position + 1)),
            }
        }
        if roots.is_empty() {
            return Err(format!("{shown}: no certificate in this file can be trusted: {}", warnings.join("; ")));
        }
        warnings.extend(read.revoked.iter().filter_map(|list| overdue(list, now_s)));
        // With what of it is not trusted by now.
        read.digest.update(warnings.join("\n").as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(read.digest.finish().as_ref());
        let truststore = Truststore { roots: Arc::new(roots), revoked: read.revoked, warnings, digest };
        // A list that cannot be read is told now, by the one who will have to read it.
        truststore.verifier(true).map_err(|error| format!("{}: {error}", revoked.unwrap_or(file).display()))?;
        Ok(truststore)
    }

    /// What decides about clients. Where there are lists of revoked certificates, one has to speak of every authority on
    /// the way to the truststore's, and be in time: what cannot be decided is refused.
    pub(super) fn verifier(&self, required: bool) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider());
        let builder = builder.with_crls(self.revoked.iter().cloned()).enforce_revocation_expiration();
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let built = builder.build().map_err(|error| format!("cannot be used: {error}"))?;
        Ok(built)
    }
}

struct Parts {
    certificates: Vec<CertificateDer<'static>>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
    digest: Context,
}

impl Parts {
    fn add(&mut self, file: &Path, what: &str) -> Result<(), String> {
        let shown = file.display();
        let unread = |error: std::io::Error| format!("{shown}: cannot read the {what}: {error}");
        let mut text = Vec::new();
        File::open(file).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)).map_err(unread)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("{shown}: a {what} has at most {} MiB", FILE_BYTES_MAX >> 20));
        }
        // The length, so that bytes cannot move from one file to the next unseen.
        self.digest.update(&(text.len() as u64).to_le_bytes());
        self.digest.update(&text);
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
            let (kind, der) = section.map_err(|error| format!("{shown}: not a {what} in PEM format: {error}"))?;
            match kind {
                SectionKind::Certificate => self.certificates.push(der.into()),
                SectionKind::Crl => self.revoked.push(der.into()),
                other => return Err(format!("{shown}: {other:?} does not belong into a {what}")),
            }
        }
        Ok(())
    }
}

/// Why a certificate is not to be trusted, if so. An authority's own dates bind its clients' certificates here alone:
/// verification takes a trusted authority as it is. (RFC 5280, 6.1.)
fn doubt(der: &CertificateDer<'_>, now_s: i64) -> Option<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Some("is not trusted: it cannot be read".to_owned());
    };
    let name = distinguished_name(certificate.subject());
    let validity = validity_of(&certificate);
    if validity.not_after < now_s {
        return Some(format!("({name}) is not trusted: it has expired"));
    }
    (validity.not_before > now_s).then(|| format!("({name}) is not trusted: it is not valid yet"))
}

fn overdue(list: &CertificateRevocationListDer<'_>, now_s: i64) -> Option<String> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    let next = list.next_update()?.timestamp();
    let name = distinguished_name(list.issuer());
    (next < now_s).then(|| format!("the list of certificates revoked by {name} is overdue: its clients are refused"))
}

/// Stands for a truststore that cannot be read.
#[derive(Debug)]
pub(super) struct TrustNobody(pub Arc<CryptoProvider>);

impl ClientCertVerifier for TrustNobody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
