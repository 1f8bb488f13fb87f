//! The addresses, bound before anything is served.
//!
//! A process that was killed has its listeners a while longer than its number: the kernel takes down an io_uring, and what
//! is in it, behind the process's end. So an address that is in use is tried again for as long as `listen_wait_ms` says.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::data_plane::shard::ListenerInfo;
use crate::net::listener::Bound;
use crate::net::tls::server::{ListenerTls, ServerTls};

/// From one try to the next.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Addresses {
    /// Those for clients.
    pub infos: Vec<ListenerInfo>,
    /// A socket of each of them for every shard: by shard, in the order of the infos.
    pub bound: Vec<Vec<Bound>>,
    pub admin: Option<TcpListener>,
}

/// # Errors
/// An address cannot be listened on; the text has a remedy.
pub fn bind_all(config: &Config, shards: usize, tls: Option<&Arc<ServerTls>>) -> Result<Addresses, String> {
    let until = Instant::now() + Duration::from_millis(config.listen_wait_ms);
    let mut infos = Vec::new();
    let mut by_shard: Vec<Vec<Bound>> = (0..shards).map(|_| Vec::new()).collect();
    for listen in config.listen_addresses() {
        let bind = || Bound::bind(listen.address, shards);
        let (address, bound) = patiently(until, listen.address, "listen", bind)?;
        let tls = tls.filter(|_| listen.tls).map(Arc::clone);
        let tls = tls.map(|server| ListenerTls { server, asks_clients: listen.asks_clients });
        infos.push(ListenerInfo { address, tls });
        by_shard.iter_mut().zip(bound).for_each(|(shard, bound)| shard.push(bound));
    }
    let admin = config.admin.map(|address| patiently(until, address, "admin", || TcpListener::bind(address)));
    Ok(Addresses { infos, bound: by_shard, admin: admin.transpose()? })
}

fn patiently<T>(
    until: Instant,
    address: SocketAddr,
    setting: &str,
    bind: impl Fn() -> io::Result<T>,
) -> Result<T, String> {
    let mut waits = false;
    loop {
        let error = match bind() {
            Ok(bound) => return Ok(bound),
            Err(error) => error,
        };
        let left = until.saturating_duration_since(Instant::now());
        if error.kind() != io::ErrorKind::AddrInUse || left.is_zero() {
            return Err(problem(address, setting, &error));
        }
        if !std::mem::replace(&mut waits, true) {
            tracing::warn!("{setting}: {address} is in use; waiting for it, {} ms at most", left.as_millis());
        }
        std::thread::sleep(left.min(PAUSE));
    }
}

fn problem(address: SocketAddr, setting: &str, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another process listens there: choose another address (--{setting}) or end it")
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need the capability CAP_NET_BIND_SERVICE".to_owned(),
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address".to_owned(),
        _ => String::new(),
    };
    format!("{setting}: cannot listen on {address}: {error}{remedy}")
}
