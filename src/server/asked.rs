//! What somebody answers who was asked over a [`Peer`]: the head, and the body where it is wanted. The time is bounded by who
//! asks.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::peer::Peer;
use crate::control_plane::resolver::lookup::{Answer, Lookup};
use crate::http::chunked::{Decoder, Piece};
use crate::http::head::{FieldSpace, Framing, response};
use crate::net::tls::ClientTls;
use crate::plan::key_sets::address::HttpAddress;

/// A server that says more before its body is none that works.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Addresses of a name that are tried, one after the other.
const ADDRESSES_TRIED_MAX: usize = 4;

/// A connection to the first of the name's addresses that takes one.
///
/// # Errors
/// The name has no address, or the last one that was tried takes no connection.
pub async fn connect(address: &HttpAddress, client_tls: &ClientTls, lookup: &dyn Lookup) -> io::Result<Peer> {
    let addresses = match address.host.parse::<IpAddr>() {
        Ok(literal) => vec![literal],
        Err(_) => match lookup.addresses(&address.host).await {
            Answer::Found { addresses, .. } => addresses,
            Answer::None { reason } | Answer::Failed { reason } => return Err(io::Error::other(reason)),
        },
    };
    let mut last = other("its name has no address");
    for ip in addresses.into_iter().take(ADDRESSES_TRIED_MAX) {
        let session = address.tls.then(|| client_tls.connect(&address.host, false)).transpose()?;
        match Peer::connect(SocketAddr::new(ip, address.port), session).await {
            Ok(peer) => return Ok(peer),
            Err(error) => last = error,
        }
    }
    Err(last)
}

pub struct Head {
    pub status: u16,
    pub cache_control: Option<String>,
    framing: Framing,
    is_compressed: bool,
}

/// The head of the final answer, which is taken off what the peer has said.
///
/// # Errors
/// The connection ends before, or what comes is no HTTP.
pub async fn head(peer: &mut Peer) -> io::Result<Head> {
    let mut passed = 0;
    loop {
        if let Some((head, bytes)) = parse(&peer.plaintext[passed..])? {
            passed += bytes;
            if !(100..200).contains(&head.status) {
                peer.plaintext.drain(..passed);
                return Ok(head);
            }
            continue;
        }
        let received = peer.plaintext.len();
        if received >= HEAD_BYTES_MAX {
            return Err(other("the answer's head is too large"));
        }
        if !peer.receive().await? && peer.plaintext.len() == received {
            return Err(other("it closed before it answered"));
        }
    }
}

/// The head at the start of `bytes`, if it is all there, and its length.
fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut space = FieldSpace::new();
    let head = response(bytes, false, &mut space).map_err(|_| other("the answer is no HTTP"))?;
    Ok(head.map(|head| {
        let field = |name: &str| head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        let parsed = Head {
            status: head.status,
            cache_control: field("Cache-Control").map(|field| String::from_utf8_lossy(field.value).into_owned()),
            framing: head.framing,
            is_compressed: field("Content-Encoding")
                .is_some_and(|field| !field.value.eq_ignore_ascii_case(b"identity")),
        };
        (parsed, head.bytes)
    }))
}

/// The whole body behind a head.
///
/// # Errors
/// It has more than `bytes_max` bytes, is compressed, or is not all there.
pub async fn body(mut peer: Peer, head: &Head, bytes_max: usize) -> io::Result<Vec<u8>> {
    if head.is_compressed {
        return Err(other("the answer is compressed, which was not asked for"));
    }
    let mut body = Body { framing: head.framing, decoder: Decoder::new(), bytes: Vec::new(), bytes_max };
    loop {
        if body.take(&peer.plaintext)? {
            return Ok(body.bytes);
        }
        peer.plaintext.clear();
        if !peer.receive().await? && peer.plaintext.is_empty() {
            return match head.framing {
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
