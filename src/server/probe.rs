//! One health check: a `GET` on a connection of its own, read as far as its head. The time is bounded by who asks.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use super::asked;
use super::peer::Peer;
use crate::control_plane::health::Prober;
use crate::net::tls::ClientTls;
use crate::plan::integration::Origin;

/// Asks targets as shards do: with the same roots, and the same name to verify.
pub struct TargetProber {
    client_tls: Arc<ClientTls>,
}

impl TargetProber {
    pub fn new(client_tls: Arc<ClientTls>) -> TargetProber {
        TargetProber { client_tls }
    }

    async fn ask(&self, origin: &Origin, address: SocketAddr, path: &str) -> io::Result<u16> {
        let session = origin.tls.then(|| self.client_tls.connect(&origin.host, origin.insecure_skip_verification));
        let mut peer = Peer::connect(address, session.transpose()?).await?;
        let authority = &origin.authority;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: tollgate-health-check\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        peer.send(request.as_bytes()).await?;
        Ok(asked::head(&mut peer).await?.status)
    }
}

impl Prober for TargetProber {
    fn status<'p>(
        &'p self,
        origin: &'p Origin,
        address: SocketAddr,
        path: &'p str,
    ) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + 'p>> {
        Box::pin(async move { self.ask(origin, address, path).await.map_err(|error| error.to_string()) })
    }
}
