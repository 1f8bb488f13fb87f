//! One request on a connection of its own, and its whole answer. The time is bounded by who asks.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use super::peer::Peer;
use crate::control_plane::fetch::{FetchAnswer, FetchRequest, Fetcher};
use crate::control_plane::resolver::lookup::{Answer, Lookup};
use crate::http::chunked::{Decoder, Piece};
use crate::http::head::{FieldSpace, Framing, response};
use crate::net::tls::ClientTls;

/// A longer answer has none of what is asked for.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks with the roots that shards trust, and the names that shards know.
pub struct HttpFetcher {
    client_tls: Arc<ClientTls>,
    lookup: Arc<dyn Lookup>,
}

/// A URL, taken apart.
struct Target {
    tls: bool,
    /// An IPv6 address without brackets.
    host: String,
    port: u16,
    authority: String,
    /// With its query.
    path: String,
}

impl HttpFetcher {
    pub fn new(client_tls: Arc<ClientTls>, lookup: Arc<dyn Lookup>) -> HttpFetcher {
        HttpFetcher { client_tls, lookup }
    }

    async fn ask(&self, request: &FetchRequest) -> io::Result<FetchAnswer> {
        let target = Target::of(&request.url).ok_or_else(|| io::Error::other("this is no URL"))?;
        let head = head(request, &target)?;
        let mut peer = self.connect(&target).await?;
        peer.send(&[head.as_bytes(), &request.body].concat()).await?;
        let mut ended = false;
        loop {
            if let Some(answer) = answer(&peer.plaintext, ended)? {
                return Ok(answer);
            }
            if ended {
                return Err(io::Error::other("it closed before it had answered"));
            }
            if peer.plaintext.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::other("the answer is too long"));
            }
            ended = !peer.receive().await?;
        }
    }

    /// To the first of the name's addresses that answers.
    async fn connect(&self, target: &Target) -> io::Result<Peer> {
        let addresses = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => match self.lookup.addresses(&target.host).await {
                Answer::Found { addresses, .. } => addresses,
                Answer::None { reason } | Answer::Failed { reason } => return Err(io::Error::other(reason)),
            },
        };
        let mut last = io::Error::other("its name has no address");
        for address in addresses {
            let session = target.tls.then(|| self.client_tls.connect(&target.host, false)).transpose()?;
            match Peer::connect(SocketAddr::new(address, target.port), session).await {
                Ok(peer) => return Ok(peer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Target {
    fn of(url: &str) -> Option<Target> {
        let uri: http::Uri = url.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Target { tls, host, port, authority: authority.as_str().to_owned(), path })
    }
}

fn head(request: &FetchRequest, target: &Target) -> io::Result<String> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, target.path, target.authority);
    head += "Accept: */*\r\nUser-Agent: tollgate\r\nConnection: close\r\n";
    for (name, value) in &request.headers {
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(io::Error::other(format!("the value of {name} has characters that no field may have")));
        }
        write!(head, "{name}: {value}\r\n").expect("a text takes everything");
    }
    if request.method != "GET" {
        write!(head, "Content-Length: {}\r\n", request.body.len()).expect("a text takes everything");
    }
    head += "\r\n";
    Ok(head)
}

/// The answer in what has been read, if it is whole; `ended` where nothing will follow.
fn answer(mut bytes: &[u8], ended: bool) -> io::Result<Option<FetchAnswer>> {
    let not_http = || io::Error::other("the answer is no HTTP");
    loop {
        let mut space = FieldSpace::new();
        let Some(head) = response(bytes, false, &mut space).map_err(|_| not_http())? else { return Ok(None) };
        let (status, framing) = (head.status, head.framing);
        bytes = &bytes[head.bytes..];
        if (100..=199).contains(&status) {
            continue;
        }
        let body = match framing {
            Framing::None => Some(Vec::new()),
            Framing::Length(length) => {
                match usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX) {
                    Some(length) => bytes.get(..length).map(<[u8]>::to_vec),
                    None => return Err(io::Error::other("the answer is too long")),
                }
            }
            Framing::Chunked => unchunked(bytes).map_err(|_| not_http())?,
            Framing::UntilClose => ended.then(|| bytes.to_vec()),
        };
        return Ok(body.map(|body| FetchAnswer { status, body }));
    }
}

fn unchunked(bytes: &[u8]) -> Result<Option<Vec<u8>>, crate::http::chunked::ChunkError> {
    let (mut decoder, mut body, mut at) = (Decoder::new(), Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[at..])? {
            Piece::Data { start, end, consumed } => {
                body.extend_from_slice(&bytes[at + start..at + end]);
                at += consumed;
            }
            Piece::NeedMore => return Ok(None),
            Piece::Done { .. } => return Ok(Some(body)),
        }
    }
}

impl Fetcher for HttpFetcher {
    fn fetch<'f>(
        &'f self,
        request: &'f FetchRequest,
    ) -> Pin<Box<dyn Future<Output = Result<FetchAnswer, String>> + Send + 'f>> {
        Box::pin(async move { self.ask(request).await.map_err(|error| error.to_string()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ended: bool, expected: Result<Option<(u16, &str)>, &str>) {
        let found = answer(text.as_bytes(), ended).map_err(|error| error.to_string());
        let found =
            found.map(|found| found.map(|found| (found.status, String::from_utf8_lossy(&found.body).into_owned())));
        let expected = expected.map(|found| found.map(|(status, body)| (status, body.to_owned())));
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn answers() {
        let ok = "HTTP/1.1 200 OK\r\n";
        check("", false, Ok(None));
        check(ok, true, Ok(None));
        check(&format!("{ok}Content-Length: 2\r\n\r\nab"), false, Ok(Some((200, "ab"))));
        check(&format!("{ok}Content-Length: 2\r\n\r\na"), true, Ok(None));
        check(&format!("{ok}Content-Length: 99999999\r\n\r\na"), false, Err("the answer is too long"));
        check(&format!("{ok}\r\nab"), false, Ok(None));
        check(&format!("{ok}\r\nab"), true, Ok(Some((200, "ab"))));
        let chunked =
            format!("HTTP/1.1 100 Continue\r\n\r\n{ok}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n");
        check(&chunked, true, Ok(None));
        check(&format!("{chunked}0\r\n\r\n"), false, Ok(Some((200, "ab"))));
        check(&format!("{chunked}x"), false, Err("the answer is no HTTP"));
        check("nonsense\r\n\r\n", false, Err("the answer is no HTTP"));
        check("HTTP/1.1 204 No Content\r\n\r\n", false, Ok(Some((204, ""))));
    }

    /// Knows one name.
    struct OneName;

    impl Lookup for OneName {
        fn addresses<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
            let found =
                Answer::Found { addresses: vec![[127, 0, 0, 1].into()], ttl: std::time::Duration::from_secs(1) };
            let none = || Answer::None { reason: "there is no such name".to_owned() };
            let answer = if host == "credentials.test" { found } else { none() };
            Box::pin(std::future::ready(answer))
        }
    }

    #[tokio::test]
    async fn somebody_is_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.expect("somebody connects");
            let mut asked = Vec::new();
            while !asked.ends_with(b"a=b") {
                assert_ne!(stream.read_buf(&mut asked).await.expect("it is sent"), 0);
            }
            stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nno").await.expect("it is read");
            stream.write_all(b"pe").await.expect("it is read");
            String::from_utf8(asked).expect("text")
        });
        let fetcher = HttpFetcher::new(Arc::new(ClientTls::load(None).expect("the system's roots")), Arc::new(OneName));
        let get = FetchRequest::get(format!("http://credentials.test:{port}/x"));
        let post = FetchRequest { method: "POST", body: b"a=b".to_vec(), ..get };
        let answer = fetcher.fetch(&post).await.expect("it answers");
        assert_eq!((answer.status, answer.body.as_slice()), (403, b"nope".as_slice()));
        let asked = server.await.expect("it has asked");
        assert!(asked.starts_with(&format!("POST /x HTTP/1.1\r\nHost: credentials.test:{port}\r\n")), "{asked}");
        let unknown = fetcher.fetch(&FetchRequest::get("http://other.test/".to_owned())).await;
        assert_eq!(unknown, Err("there is no such name".to_owned()));
    }

    #[test]
    fn heads() {
        let request =
            FetchRequest { method: "PUT", body: b"ab".to_vec(), ..FetchRequest::get("http://[::1]:9/a?b".into()) };
        let target = Target::of(&request.url).expect("a URL");
        assert_eq!((target.host.as_str(), target.port, target.tls), ("::1", 9, false));
        let request = request.with("x-a", "1".to_owned());
        let expected = "PUT /a?b HTTP/1.1\r\nHost: [::1]:9\r\nAccept: */*\r\nUser-Agent: tollgate\r\nConnection: close\r\nx-a: \
                        1\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(head(&request, &target).expect("a head"), expected);
        assert!(head(&request.with("x-b", "1\r\nx-c: 2".to_owned()), &target).is_err());
        let https = Target::of("https://sts.r.amazonaws.com").expect("a URL");
        assert_eq!((https.port, https.path.as_str(), https.tls), (443, "/", true));
        for url in ["", "/a", "ftp://a/", "http://u:p@a/", "http://", "http://a b/"] {
            assert!(Target::of(url).is_none(), "{url}");
        }
    }
}
