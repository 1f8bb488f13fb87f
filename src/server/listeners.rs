//! What TLS on the sockets that clients connect to needs.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::config::{ClientAuth, Config};
use crate::net::tls::CertificateFiles;
use crate::net::tls::server::{ClientAuthFiles, ServerTls};

/// # Errors
/// What is wrong with which file.
pub fn load_tls(config: &Config) -> Result<Option<Arc<ServerTls>>, String> {
    let tls = &config.tls;
    if tls.certificates.is_empty() {
        return Ok(None);
    }
    let files = tls.certificates.iter();
    let files = files.map(|pair| CertificateFiles { certificate: pair.certificate.clone(), key: pair.key.clone() });
    let client_auth = tls.client_truststore_file.clone().map(|truststore| ClientAuthFiles {
        truststore,
        revoked: tls.client_crl_file.clone(),
        required: tls.client_auth == ClientAuth::Required,
    });
    ServerTls::load(files.collect(), client_auth).map(|tls| Some(Arc::new(tls)))
}

/// How often it is told that clients were refused for their certificates.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Writes to the log whom TLS has refused, on a thread that ends with it: at most a line a second for each reason, so that
/// nobody can flood the log, and no shard waits for it.
///
/// # Errors
/// There is no thread to be had.
pub fn report_refusals(tls: &Arc<ServerTls>) -> Result<(), String> {
    let tls = Arc::downgrade(tls);
    let report = move || {
        while let Some(tls) = Weak::upgrade(&tls) {
            for refused in tls.refused() {
                let (count, peer, reason) = (refused.count, refused.peer, refused.refusal.text());
                tracing::warn!(count, one_of_them = %peer, reason, "client certificates were refused");
            }
            drop(tls);
            std::thread::sleep(REPORT_EVERY);
        }
    };
    let thread = std::thread::Builder::new().name("tls-refusals".to_owned());
    thread.spawn(report).map(drop).map_err(|error| format!("cannot start a thread: {error}"))
}
