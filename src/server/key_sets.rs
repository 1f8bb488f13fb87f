//! What fetching issuers' keys takes: its settings, and one `GET` with its whole answer. The time is bounded by who asks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Jwt;
use crate::control_plane::key_sets::KeySetSettings;
use crate::control_plane::key_sets::fetch::{Answer, FetchSettings, Getter};
use crate::control_plane::key_sets::freshness::FreshnessBounds;
use crate::control_plane::resolver::lookup::{self, Lookup};
use crate::http::chunked::{Decoder, Piece};
use crate::http::head::{FieldSpace, Framing, response};
use crate::jwt::KeySetBounds;
use crate::net::tls::ClientTls;
use crate::plan::key_sets::address::HttpAddress;

use super::peer::Peer;

/// Gets with the roots that shards trust too.
pub struct DocumentGetter {
    client_tls: Arc<ClientTls>,
    lookup: Arc<dyn Lookup>,
}

/// A server that says more before its body is none that works.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Addresses of a name that are tried, one after the other.
const ADDRESSES_TRIED_MAX: usize = 4;

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

    async fn ask(&self, address: &HttpAddress, body_bytes_max: usize) -> Result<Answer, String> {
        let addresses = self.addresses(&address.host).await?;
        let origin = address.origin();
        let mut failure = "its name has no address".to_owned();
        for ip in addresses.into_iter().take(ADDRESSES_TRIED_MAX) {
            let session = origin.tls.then(|| self.client_tls.connect(&origin.host, origin.insecure_skip_verification));
            let session = session.transpose().map_err(|error| error.to_string())?;
            match Peer::connect(SocketAddr::new(ip, address.port), session).await {
                Ok(peer) => {
                    let answer = exchange(peer, &origin.authority, &address.target, body_bytes_max).await;
                    return answer.map_err(|error| error.to_string());
                }
                Err(error) => failure = error.to_string(),
            }
        }
        Err(failure)
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        if let Ok(literal) = host.parse() {
            return Ok(vec![literal]);
        }
        match self.lookup.addresses(host).await {
            lookup::Answer::Found { addresses, .. } => Ok(addresses),
            lookup::Answer::None { reason } | lookup::Answer::Failed { reason } => Err(reason),
        }
    }
}

async fn exchange(mut peer: Peer, authority: &str, target: &str, body_bytes_max: usize) -> io::Result<Answer> {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: tollgate\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    peer.send(request.as_bytes()).await?;
    let mut passed = 0;
    let (mut answer, framing) = loop {
        match head(&peer.plaintext[passed..])? {
            Some(Head { bytes, answer: None }) => passed += bytes,
            Some(Head { bytes, answer: Some(found) }) => {
                passed += bytes;
                break found;
            }
            None if peer.plaintext.len() >= HEAD_BYTES_MAX => return Err(other("the answer's head is too large")),
            None => {
                let before = peer.plaintext.len();
                if !peer.receive().await? && peer.plaintext.len() == before {
                    return Err(other("it closed before it answered"));
                }
            }
        }
    };
    if answer.status == 200 {
        answer.body = body(peer, passed, framing, body_bytes_max).await?;
    }
    Ok(answer)
}

/// A head at the start of what was received; without an answer where another one follows.
struct Head {
    bytes: usize,
    answer: Option<(Answer, Framing)>,
}

fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut space = FieldSpace::new();
    let head = response(bytes, false, &mut space).map_err(|_| other("the answer is no HTTP"))?;
    let Some(head) = head else { return Ok(None) };
    if (100..200).contains(&head.status) {
        return Ok(Some(Head { bytes: head.bytes, answer: None }));
    }
    let field = |name: &str| head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    if field("Content-Encoding").is_some_and(|coding| !coding.value.eq_ignore_ascii_case(b"identity")) {
        return Err(other("the answer is compressed, which was not asked for"));
    }
    let cache_control = field("Cache-Control").map(|field| String::from_utf8_lossy(field.value).into_owned());
    let answer = Answer { status: head.status, cache_control, body: Vec::new() };
    Ok(Some(Head { bytes: head.bytes, answer: Some((answer, head.framing)) }))
}

async fn body(mut peer: Peer, passed: usize, framing: Framing, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut body = Body { framing, decoder: Decoder::new(), bytes: Vec::new(), bytes_max };
    peer.plaintext.drain(..passed);
    loop {
        if body.take(&peer.plaintext)? {
            return Ok(body.bytes);
        }
        peer.plaintext.clear();
        if !peer.receive().await? && peer.plaintext.is_empty() {
            return match framing {
                Framing::UntilClose => Ok(body.bytes),
                Framing::None | Framing::Length(_) | Framing::Chunked => Err(other("it closed within its answer")),
            };
        }
    }
}

/// As much of a body as came.
struct Body {
    framing: Framing,
    decoder: Decoder,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Body {
    /// Whether it is whole now.
    fn take(&mut self, mut input: &[u8]) -> io::Result<bool> {
        match self.framing {
            Framing::None => Ok(true),
            Framing::UntilClose => self.keep(input).map(|()| false),
            Framing::Length(length) => {
                if length > self.bytes_max as u64 {
                    return Err(too_large());
                }
                let left = length as usize - self.bytes.len();
                self.keep(&input[..left.min(input.len())])?;
                Ok(self.bytes.len() as u64 == length)
            }
            Framing::Chunked => loop {
                match self.decoder.decode(input).map_err(|_| other("the answer's chunks make no sense"))? {
                    Piece::Data { start, end, consumed } => {
                        self.keep(&input[start..end])?;
                        input = &input[consumed..];
                    }
                    Piece::NeedMore => return Ok(false),
                    Piece::Done { .. } => return Ok(true),
                }
            },
        }
    }

    fn keep(&mut self, data: &[u8]) -> io::Result<()> {
        if data.len() > self.bytes_max - self.bytes.len() {
            return Err(too_large());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

fn too_large() -> io::Error {
    other("the answer is too large")
}

fn other(reason: &'static str) -> io::Error {
    io::Error::other(reason)
}

impl Getter for DocumentGetter {
    fn get<'g>(
        &'g self,
        address: &'g HttpAddress,
        body_bytes_max: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'g>> {
        Box::pin(self.ask(address, body_bytes_max))
    }
}

#[cfg(test)]
mod tests;
