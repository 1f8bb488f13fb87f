//! Certificates, TLS clients and TLS backends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::client::{Client, connect};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// The authority that every client and gateway here trusts.
fn authority() -> &'static Issuer {
    static AUTHORITY: OnceLock<Issuer> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
    })
}

/// A certificate for names or addresses, and its key, in PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    pub fn new(names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, authority()).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes `NAME.pem` and `NAME.key`, and returns their paths.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, &self.certificate).expect("the folder is ours");
        std::fs::write(&key, &self.key).expect("the folder is ours");
        (certificate, key)
    }

    pub fn der(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("it is one");
        (certificate, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("it is one"))
    }
}

/// An authority of clients.
pub struct ClientAuthority(Issuer);

impl ClientAuthority {
    pub fn new(name: &str) -> ClientAuthority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        ClientAuthority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A client's certificate, `O=Clients,CN={name}`.
    pub fn client(&self, name: &str, serial: u64) -> Identity {
        self.client_with(name, serial, |_| {})
    }

    /// The same with something changed.
    pub fn client_with(&self, name: &str, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Clients");
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(serial.into());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 2);
        params.not_after = date_time_ymd(2120, 8, 5);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Its list of certificates with these serial numbers as revoked, in PEM.
    pub fn revoking(&self, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2999, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).expect("a list").pem().expect("PEM")
    }
}

/// The authority's certificate, in PEM.
pub fn authority_pem() -> String {
    authority().pem()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A client's memory: sessions to resume are in it.
pub fn client_config(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    client_config_of(versions, None)
}

/// The same for a client that has a certificate.
pub fn client_config_of(
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&Identity>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority_pem().as_bytes()).expect("it is one");
    roots.add(authority).expect("an authority");
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions);
    let builder = builder.expect("versions").with_root_certificates(roots);
    let mut config = match identity.map(Identity::der) {
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).expect("they fit"),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// What a handshake came to.
pub struct Session {
    pub client: Client,
    pub certificate: CertificateDer<'static>,
    pub kind: HandshakeKind,
    pub protocol: Option<Vec<u8>>,
}

/// Connects with TLS, asking for `name`.
///
/// # Errors
/// Why there was no handshake.
pub fn try_connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> std::io::Result<Session> {
    let mut socket = connect(address);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Arc::clone(config), name).expect("a client");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    let certificate = connection.peer_certificates().expect("servers have one")[0].clone().into_owned();
    let kind = connection.handshake_kind().expect("it is done");
    let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
    let stream = StreamOwned::new(connection, socket.try_clone().expect("a descriptor"));
    Ok(Session { client: Client::over(Box::new(stream), socket), certificate, kind, protocol })
}

/// A backend that speaks TLS: a `200` with the server name that was asked for, to every GET.
pub struct TlsBackend {
    pub address: SocketAddr,
    pub names: Arc<Mutex<Vec<Option<String>>>>,
}

impl TlsBackend {
    pub fn start(identity: &Identity) -> TlsBackend {
        let (certificate, key) = identity.der();
        let builder = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder.expect("versions").with_no_client_auth().with_single_cert(vec![certificate], key);
        let config = Arc::new(config.expect("a certificate and its key"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let names: Arc<Mutex<Vec<_>>> = Arc::default();
        let seen = Arc::clone(&names);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).expect("a server");
                    let mut stream = StreamOwned::new(connection, socket);
                    let mut request = Vec::new();
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        request.push(byte[0]);
                        if request.ends_with(b"\r\n\r\n") {
                            let name = stream.conn.server_name().map(str::to_owned);
                            seen.lock().expect("no panic with it").push(name);
                            request.clear();
                            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
                            if stream.write_all(answer.as_bytes()).is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        TlsBackend { address, names }
    }
}
