//! The sockets that clients connect to, and what TLS on them needs.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::config::{ClientAuth, Config};
use crate::data_plane::shard::ListenerInfo;
use crate::net::listener::Bound;
use crate::net::tls::CertificateFiles;
use crate::net::tls::server::{ClientAuthFiles, ListenerTls, ServerTls};

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

/// Every address for every shard: by shard, in the order of the infos.
pub type BoundByShard = Vec<Vec<Bound>>;

pub fn bind_all(
    config: &Config,
    shards: usize,
    tls: Option<&Arc<ServerTls>>,
) -> Result<(Vec<ListenerInfo>, BoundByShard), String> {
    let mut infos = Vec::new();
    let mut by_shard: BoundByShard = (0..shards).map(|_| Vec::new()).collect();
    for listen in config.listen_addresses() {
        let (address, bound) =
            Bound::bind(listen.address, shards).map_err(|error| bind_problem(listen.address, "listen", &error))?;
        let tls = tls.filter(|_| listen.tls).map(Arc::clone);
        let tls = tls.map(|server| ListenerTls { server, asks_clients: listen.asks_clients });
        infos.push(ListenerInfo { address, tls });
        by_shard.iter_mut().zip(bound).for_each(|(shard, bound)| shard.push(bound));
    }
    Ok((infos, by_shard))
}

pub fn bind_admin(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| bind_problem(address, "admin", &error))
}

fn bind_problem(address: SocketAddr, setting: &str, error: &std::io::Error) -> String {
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("; another process listens there: choose another address (--{setting}) or end it")
        }
        std::io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE".to_owned()
        }
        std::io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address".to_owned(),
        _ => String::new(),
    };
    format!("{setting}: cannot listen on {address}: {error}{remedy}")
}
