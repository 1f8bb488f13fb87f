//! Scheme, host and port.

use std::net::SocketAddr;

/// Where requests go.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub tls: bool,
    /// As in the URL, without brackets for IPv6: for SNI and certificates.
    pub host: String,
    pub port: u16,
    /// What `host` resolved to, once, before the run, or what `--connect-to` says. Not empty; connections take turns.
    pub addresses: Vec<SocketAddr>,
}
