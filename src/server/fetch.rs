//! One request on a connection of its own, and its whole answer. The time is bounded by who asks.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::asked;
use crate::control_plane::fetch::{FetchAnswer, FetchRequest, Fetcher};
use crate::control_plane::resolver::lookup::Lookup;
use crate::net::tls::ClientTls;
use crate::plan::key_sets::address::HttpAddress;

/// A longer answer has none of what is asked for.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks with the roots that shards trust, and the names that shards know.
pub struct HttpFetcher {
    client_tls: Arc<ClientTls>,
    lookup: Arc<dyn Lookup>,
}

impl HttpFetcher {
    pub fn new(client_tls: Arc<ClientTls>, lookup: Arc<dyn Lookup>) -> HttpFetcher {
        HttpFetcher { client_tls, lookup }
    }

    async fn ask(&self, request: &FetchRequest) -> io::Result<FetchAnswer> {
        let address = HttpAddress::parse(&request.url).map_err(io::Error::other)?;
        let sent = head(request, &address)?;
        let mut peer = asked::connect(&address, &self.client_tls, &*self.lookup).await?;
        peer.send(&[sent.as_bytes(), &request.body].concat()).await?;
        let head = asked::head(&mut peer).await?;
        Ok(FetchAnswer { status: head.status, body: asked::body(peer, &head, ANSWER_BYTES_MAX).await? })
    }
}

fn head(request: &FetchRequest, address: &HttpAddress) -> io::Result<String> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, address.target, address.authority());
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
    use crate::control_plane::resolver::lookup::Answer;

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
        let address = HttpAddress::parse(&request.url).expect("a URL");
        let request = request.with("x-a", "1".to_owned());
        let expected = "PUT /a?b HTTP/1.1\r\nHost: [::1]:9\r\nAccept: */*\r\nUser-Agent: tollgate\r\nConnection: close\r\nx-a: \
                        1\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(head(&request, &address).expect("a head"), expected);
        assert!(head(&request.with("x-b", "1\r\nx-c: 2".to_owned()), &address).is_err());
    }
}
