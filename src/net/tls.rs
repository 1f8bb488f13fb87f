//! TLS: certificates and keys as files, roots to trust, and the record layer between a stream and its plaintext.
//!
//! rustls does the protocol without I/O; a thin layer of our own feeds it, which keeps an idle connection at some 14 KB
//! (47 KB with monoio's). One server configuration serves all shards; its tickets are stateless, so that a client can resume
//! on any shard and after a reload.
//!
//! - [`server`]: what clients are shown and asked for; [`certificate`]: the certificates that they are shown.
//! - [`truststore`]: whose certificates clients may show; [`client_certificate`]: such a certificate as text.
//! - [`handshake`]: which configuration a client gets, and who it has proved to be; [`refusal`]: why not.

mod certificate;
pub mod client_certificate;
pub(super) mod handshake;
mod refusal;
pub mod server;
pub mod truststore;

pub use certificate::CertificateFiles;
pub use handshake::VerifiedClient;
pub use refusal::{Refusal, Refused};

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore};

use super::buffer::Buffer;
use certificate::certificates;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The first random bytes of a process take aws-lc some 30 ms: better now than on a shard.
pub fn warm_up() {
    let _ = provider().secure_random.fill(&mut [0; 32]);
}

/// How connections to upstreams verify whom they reach.
pub struct ClientTls {
    verifying: Arc<ClientConfig>,
    /// For `tlsConfig.insecureSkipVerification`.
    trusting: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the system's roots and, if given, those in `ca_file`.
    ///
    /// # Errors
    /// What is wrong with `ca_file`, for the user.
    pub fn load(ca_file: Option<&Path>) -> Result<ClientTls, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = ca_file {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        let versions = || {
            let builder = ClientConfig::builder_with_provider(provider());
            builder.with_safe_default_protocol_versions().map_err(|error| format!("TLS: {error}"))
        };
        let verifying = versions()?.with_root_certificates(roots).with_no_client_auth();
        let verifier = Arc::new(TrustAnyone(provider()));
        let trusting = versions()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(ClientTls { verifying: Arc::new(verifying), trusting: Arc::new(trusting) })
    }

    /// # Errors
    /// When `host` is no name that a certificate could have.
    pub fn connect(&self, host: &str, insecure_skip_verification: bool) -> io::Result<Session> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = if insecure_skip_verification { &self.trusting } else { &self.verifying };
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Session::new(connection.into()))
    }
}

/// `insecureSkipVerification`: takes any certificate, but still only signatures that fit it.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The state of one TLS connection, shared by its reader and its writer; never borrowed across a wait.
pub struct Session {
    connection: RefCell<rustls::Connection>,
    /// An empty vector to fill with records next time.
    spare: Cell<Vec<u8>>,
}

impl Session {
    fn new(connection: rustls::Connection) -> Session {
        Session { connection: RefCell::new(connection), spare: Cell::default() }
    }

    pub fn is_handshaking(&self) -> bool {
        self.connection.borrow().is_handshaking()
    }

    /// The other side's own certificate, where it has shown one.
    fn peer_certificate(&self) -> Option<Vec<u8>> {
        let connection = self.connection.borrow();
        connection.peer_certificates()?.first().map(|certificate| certificate.to_vec())
    }

    /// Moves plaintext into `buffer`; `None` when more ciphertext is needed, 0 at the peer's close_notify.
    pub(super) fn take_plaintext(&self, buffer: &mut Buffer) -> io::Result<Option<usize>> {
        let mut connection = self.connection.borrow_mut();
        let mut reader = connection.reader();
        let mut chunk = [0; 4096];
        let mut taken = 0;
        while buffer.spare() > 0 {
            let room = chunk.len().min(buffer.spare());
            match reader.read(&mut chunk[..room]) {
                Ok(0) => break,
                Ok(read) => taken += buffer.fill(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken == 0 => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Some(taken))
    }

    /// Takes plaintext in, as much as rustls holds at once.
    pub fn put_plaintext(&self, bytes: &[u8]) -> usize {
        let piece = &bytes[..bytes.len().min(RECORDS_PLAINTEXT_BYTES)];
        // Writing to rustls's own buffer cannot fail; it takes at least one byte when it is empty.
        self.connection.borrow_mut().writer().write(piece).unwrap_or(0)
    }

    /// The records that are to be sent, if any.
    pub fn take_records(&self) -> Option<Vec<u8>> {
        let mut connection = self.connection.borrow_mut();
        let mut records = self.spare.take();
        while connection.wants_write() {
            if connection.write_tls(&mut records).is_err() {
                break;
            }
        }
        (!records.is_empty()).then_some(records)
    }

    pub(super) fn give_back(&self, mut records: Vec<u8>) {
        records.clear();
        if records.capacity() <= RECORDS_PLAINTEXT_BYTES {
            self.spare.set(records);
        }
    }

    /// For who has no ring: lets the session have `ciphertext`, and appends what it says. `false` at the peer's close_notify.
    ///
    /// # Errors
    /// `InvalidData` with rustls's reason.
    pub fn receive(&self, mut ciphertext: &[u8], plaintext: &mut Vec<u8>) -> io::Result<bool> {
        let mut connection = self.connection.borrow_mut();
        while !ciphertext.is_empty() {
            if connection.read_tls(&mut ciphertext)? == 0 {
                break;
            }
            let state = connection.process_new_packets();
            state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            match connection.reader().read_to_end(plaintext) {
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    pub(super) fn close(&self) {
        self.connection.borrow_mut().send_close_notify();
    }
}

/// Four full records are sent at once.
const RECORDS_PLAINTEXT_BYTES: usize = 64 * 1024;

/// Lets the session have all of `ciphertext` that it takes; rustls wants its plaintext fetched when it has 16 KiB.
pub(super) fn read_all_records(session: &Session, ciphertext: &mut Buffer) -> io::Result<()> {
    let mut connection = session.connection.borrow_mut();
    let mut input = ciphertext.as_slice();
    let before = input.len();
    while !input.is_empty() {
        let taken = match connection.read_tls(&mut input) {
            Ok(taken) => taken,
            // Full of plaintext that nobody has fetched yet: go on after it was.
            Err(_) if input.len() < before => break,
            Err(error) => return Err(error),
        };
        let state = connection.process_new_packets();
        state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if taken == 0 {
            break;
        }
    }
    let consumed = before - input.len();
    drop(connection);
    ciphertext.consume(consumed);
    Ok(())
}
