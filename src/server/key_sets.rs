//! What fetching issuers' keys takes: its settings, and one `GET` with its whole answer. The time is bounded by who asks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Jwt;
use crate::control_plane::key_sets::KeySetSettings;
use crate::control_plane::key_sets::fetch::{Answer, FetchSettings, Getter};
use crate::control_plane::key_sets::freshness::FreshnessBounds;
use crate::control_plane::resolver::lookup::Lookup;
use crate::jwt::KeySetBounds;
use crate::net::tls::ClientTls;
use crate::plan::key_sets::address::HttpAddress;

use super::asked;

/// Gets with the roots that shards trust too.
pub struct DocumentGetter {
    client_tls: Arc<ClientTls>,
    lookup: Arc<dyn Lookup>,
}

pub fn settings(jwt: &Jwt) -> KeySetSettings {
    let ms = Duration::from_millis;
    KeySetSettings {
        fetch: FetchSettings {
            timeout: ms(jwt.fetch_timeout_ms),
            bounds: KeySetBounds {
                bytes_max: usize::try_from(jwt.key_set_bytes_max).unwrap_or(usize::MAX),
                keys_max: jwt.keys_max as usize,
            },
            insecure_http: jwt.insecure_http,
        },
        freshness: FreshnessBounds {
            refresh: ms(jwt.refresh_ms),
            refresh_min: ms(jwt.refresh_min_ms),
            refresh_max: ms(jwt.refresh_max_ms),
            early_refresh: ms(jwt.early_refresh_ms),
            stale: ms(jwt.stale_ms),
        },
        sources_max: jwt.sources_max as usize,
    }
}

impl DocumentGetter {
    pub fn new(client_tls: Arc<ClientTls>, lookup: Arc<dyn Lookup>) -> DocumentGetter {
        DocumentGetter { client_tls, lookup }
    }

    /// The body of no document is not looked at.
    async fn ask(&self, address: &HttpAddress, body_bytes_max: usize) -> io::Result<Answer> {
        let mut peer = asked::connect(address, &self.client_tls, &*self.lookup).await?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tollgate\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
            address.target,
            address.authority()
        );
        peer.send(request.as_bytes()).await?;
        let mut head = asked::head(&mut peer).await?;
        let body = if head.status == 200 { asked::body(peer, &head, body_bytes_max).await? } else { Vec::new() };
        Ok(Answer { status: head.status, cache_control: head.cache_control.take(), body })
    }
}

impl Getter for DocumentGetter {
    fn get<'g>(
        &'g self,
        address: &'g HttpAddress,
        body_bytes_max: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'g>> {
        Box::pin(async move { self.ask(address, body_bytes_max).await.map_err(|error| error.to_string()) })
    }
}

#[cfg(test)]
mod tests;
