//! TLS towards the server: rustls without I/O. Ciphertext in, plain text out, and the other way round.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::measure::Failure;
use crate::settings::Tls;

/// What all connections of a run share.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Client {
    /// # Errors
    /// A file cannot be read or holds no PEM of the kind asked for, or `host` cannot be a server's name.
    pub fn new(settings: &Tls, host: &str) -> Result<Client, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| format!("{name:?} cannot be a TLS server's name"))?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = if settings.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        } else {
            builder.with_root_certificates(roots(settings)?)
        };
        let mut config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("{}: no private key in PEM: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("the client's certificate cannot be used: {error}"))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !settings.resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Client { config: Arc::new(config), name })
    }
}

fn roots(settings: &Tls) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A certificate of the system's that rustls does not read is none that a server could use here.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = &settings.ca {
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", ca.display()))?;
        }
    }
    if roots.is_empty() {
        return Err("no trusted certificates on this system: give --cacert FILE, or --insecure".to_owned());
    }
    Ok(roots)
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(|certificates| certificates.collect());
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(format!("{}: no certificate in it", path.display())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// One connection's TLS.
#[derive(Debug)]
pub struct Session {
    tls: ClientConnection,
    /// Why [`Session::receive`] failed.
    error: Option<rustls::Error>,
}

impl Session {
    pub fn new(client: &Client) -> Session {
        let mut tls = ClientConnection::new(Arc::clone(&client.config), client.name.clone())
            .expect("the configuration was accepted, and a name needs nothing more");
        // A request is encrypted whole, whatever its size; rustls would take 64 KiB of it and no more.
        tls.set_buffer_limit(None);
        Session { tls, error: None }
    }

    /// Why it failed, in rustls's words.
    pub fn error(&self) -> Option<String> {
        self.error.as_ref().map(rustls::Error::to_string)
    }

    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// As negotiated: `TLSv1_3 TLS13_AES_256_GCM_SHA384`.
    pub fn description(&self) -> Option<String> {
        Some(format!("{:?} {:?}", self.tls.protocol_version()?, self.tls.negotiated_cipher_suite()?.suite()))
    }

    /// Takes ciphertext; appends the plain text in it to `plain`. What has to be sent in return is for
    /// [`Session::take_output`], after an error too: the alert.
    ///
    /// # Errors
    /// [`Failure::Tls`]: the handshake failed or a record is broken.
    pub fn receive(&mut self, mut cipher: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        while !cipher.is_empty() {
            // It takes what its buffer has room for; processing makes room.
            if self.tls.read_tls(&mut cipher).map_err(|_| Failure::Tls)? == 0 {
                // After the server's goodbye (close_notify) nothing is read any more.
                return Ok(());
            }
            let state = self.tls.process_new_packets().map_err(|error| {
                self.error = Some(error);
                Failure::Tls
            })?;
            let before = plain.len();
            plain.resize(before + state.plaintext_bytes_to_read(), 0);
            self.tls.reader().read_exact(&mut plain[before..]).map_err(|_| Failure::Tls)?;
        }
        Ok(())
    }

    /// Encrypts; during the handshake the bytes wait for its end.
    pub fn send(&mut self, plain: &[u8]) -> Result<(), Failure> {
        self.tls.writer().write_all(plain).map_err(|_| Failure::Tls)
    }

    /// Appends what is to be sent to `cipher`.
    pub fn take_output(&mut self, cipher: &mut Vec<u8>) {
        while self.tls.wants_write() {
            self.tls.write_tls(cipher).expect("a vector takes all bytes");
        }
    }
}

/// `--insecure`: whatever certificate the server shows, as long as it has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
