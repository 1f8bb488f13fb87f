//! TLS against rustls as a server: versions, trust, the client's certificate, resumption, large messages.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use loadtest::run::RunError;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::server::{OK, Received, Reply, Server};
use crate::{on_both_drivers, run, try_run};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> &'static Issuer {
    static AUTHORITY: OnceLock<Issuer> = OnceLock::new();
    AUTHORITY.get_or_init(new_authority)
}

fn new_authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of the authority's, as PEM, with its key.
fn certificate(names: &[&str]) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority()).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[derive(Default)]
struct Options {
    versions: Vec<&'static SupportedProtocolVersion>,
    wants_client: bool,
    never_resumes: bool,
}

fn config(options: Options) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = if options.versions.is_empty() { vec![&TLS12, &TLS13] } else { options.versions };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions).unwrap();
    let builder = if options.wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority().der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let (chain, key) = certificate(&["localhost", "127.0.0.1"]);
    let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    if options.never_resumes {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Arc::new(config)
}

/// Files for the command line, as long as the folder lives.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        Files { folder: tempfile::tempdir().unwrap() }
    }

    fn add(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        text(&path)
    }

    fn ca(&self) -> String {
        self.add("ca.pem", &authority().pem())
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn ok(_: &Received) -> Reply {
    Reply::Bytes(OK.to_vec())
}

/// No connection could be opened, because of TLS; what was said.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    match try_run(arguments) {
        Err(RunError::Unreachable(message)) if message.contains("tls") => message,
        Err(error) => panic!("{error:?}"),
        Ok(report) => {
            // In TLS 1.3 a client that is not welcome is told so after its part of the handshake.
            assert_eq!(report.total.answered, 0, "{:?}", report.total);
            let kinds: Vec<&str> = report.total.failures.keys().map(|failure| failure.name()).collect();
            assert!(kinds.contains(&"tls"), "{kinds:?}");
            kinds.join(" ")
        }
    }
}

#[test]
fn both_versions() {
    for (version, name) in [(&TLS12, "TLSv1_2"), (&TLS13, "TLSv1_3")] {
        on_both_drivers(|driver| {
            let files = Files::new();
            let server = Server::start_tls(config(Options { versions: vec![version], ..Options::default() }), ok);
            let report = run(&[&server.url(), "--driver", driver, "--cacert", &files.ca(), "-n", "500", "-c", "4"]);
            assert_eq!((report.total.answered, server.requests()), (500, 500));
            assert_eq!(report.total.failures, [].into());
            let tls = report.target.tls.unwrap();
            assert!(tls.starts_with(name), "{tls}");
        });
    }
}

#[test]
fn trust() {
    on_both_drivers(|driver| {
        let files = Files::new();
        let server = Server::start_tls(config(Options::default()), ok);
        let url = server.url();
        let other = files.add("other.pem", &new_authority().pem());
        let message = refused(&[&url, "--driver", driver, "--cacert", &other, "-n", "1"]);
        assert!(message.contains("invalid peer certificate"), "{message}");
        let wrong_name = ["--cacert", &files.ca(), "--server-name", "other.example"];
        let message = refused(&[&[&url, "--driver", driver, "-n", "1"], &wrong_name[..]].concat());
        assert!(message.contains("other.example"), "{message}");
        assert_eq!(server.requests(), 0);

        let report = run(&[&url, "--driver", driver, "--insecure", "-n", "10", "-c", "2"]);
        assert_eq!(report.total.answered, 10);
        let by_name = ["--cacert", &files.ca(), "--server-name", "localhost"];
        let report = run(&[&[&url, "--driver", driver, "-n", "10", "-c", "2"], &by_name[..]].concat());
        assert_eq!(report.total.answered, 10);
    });
}

#[test]
fn the_clients_certificate() {
    for version in [&TLS12, &TLS13] {
        on_both_drivers(|driver| {
            let files = Files::new();
            let options = Options { versions: vec![version], wants_client: true, ..Options::default() };
            let server = Server::start_tls(config(options), ok);
            let (chain, key) = certificate(&["client.example"]);
            let (ca, chain, key) = (files.ca(), files.add("client.pem", &chain), files.add("client.key", &key));
            let common = [&server.url(), "--driver", driver, "--cacert", &ca, "-n", "10", "-c", "2"];
            let report = run(&[&common[..], &["--cert", &chain, "--key", &key]].concat());
            assert_eq!(report.total.answered, 10);
            refused(&[&common[..], &["--timeout", "300ms"]].concat());
            assert_eq!(server.requests(), 10);
        });
    }
}

#[test]
fn sessions_are_resumed_unless_told_otherwise() {
    for version in [&TLS12, &TLS13] {
        on_both_drivers(|driver| {
            let files = Files::new();
            let options = || config(Options { versions: vec![version], ..Options::default() });
            let one_each = ["--requests-per-connection", "1", "-n", "50", "-c", "1", "--driver", driver];

            let server = Server::start_tls(options(), ok);
            let report = run(&[&[&server.url(), "--cacert", &files.ca()], &one_each[..]].concat());
            assert_eq!(report.total.answered, 50);
            // All but the first; one less where the ticket came with the answer that closed the connection.
            assert!(server.resumed() >= 45, "{} of {} resumed", server.resumed(), server.connections());

            let server = Server::start_tls(options(), ok);
            let report = run(&[&[&server.url(), "--cacert", &files.ca(), "--no-resume"], &one_each[..]].concat());
            assert_eq!((report.total.answered, server.resumed()), (50, 0));
        });
    }
    let files = Files::new();
    let server = Server::start_tls(config(Options { never_resumes: true, ..Options::default() }), ok);
    let one_each = ["--requests-per-connection", "1", "-n", "20", "-c", "1"];
    let report = run(&[&[&server.url(), "--cacert", &files.ca()], &one_each[..]].concat());
    assert_eq!((report.total.answered, server.resumed()), (20, 0));
}

#[test]
fn large_messages_both_ways() {
    on_both_drivers(|driver| {
        let files = Files::new();
        // More than rustls buffers by itself, and no multiple of a record.
        let body = "0123456789abcdef".repeat(20_000) + "end";
        let length = body.len();
        let server = Server::start_tls(config(Options::default()), move |request| {
            assert_eq!((request.body.len(), request.body.ends_with("end")), (length, true));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
            Reply::Bytes([head.as_bytes(), request.body.as_bytes()].concat())
        });
        let file = files.add("body", &body);
        let more = ["--body-file", &file, "--expect-body-regex", "end$", "-n", "20", "-c", "2"];
        let report = run(&[&[&server.url(), "--driver", driver, "--cacert", &files.ca()], &more[..]].concat());
        assert_eq!((report.total.answered, server.requests()), (20, 20));
        assert_eq!(report.total.failures, [].into());
        assert!(report.total.bytes_received > 20 * length as u64);
    });
}
