use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::control_plane::resolver::lookup;
use crate::net::tls::CertificateFiles;
use crate::net::tls::server::{ListenerTls, ServerTls};

/// Knows no name.
struct Nobody;

impl Lookup for Nobody {
    fn addresses<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = lookup::Answer> + Send + 'a>> {
        Box::pin(async { lookup::Answer::None { reason: "there is no such name".to_owned() } })
    }
}

fn getter(client_tls: ClientTls) -> DocumentGetter {
    DocumentGetter::new(Arc::new(client_tls), Arc::new(Nobody))
}

fn plain() -> DocumentGetter {
    crate::net::tls::warm_up();
    getter(ClientTls::load(None).expect("the system's roots"))
}

async fn listen() -> (TcpListener, HttpAddress) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, HttpAddress::parse(&format!("http://127.0.0.1:{port}/keys?v=1")).expect("an address"))
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.expect("a request");
        request.push(byte);
    }
    String::from_utf8(request).expect("ASCII")
}

/// What comes of a server that says this, in pieces, and closes.
async fn ask(pieces: &[&str], bytes_max: usize) -> Result<Answer, String> {
    let (listener, address) = listen().await;
    let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let request = read_request(&mut stream).await;
        assert!(request.starts_with("GET /keys?v=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        for piece in pieces {
            // Whoever has heard enough is gone.
            let _ = stream.write_all(piece.as_bytes()).await;
            tokio::task::yield_now().await;
        }
    });
    let answer = plain().get(&address, bytes_max).await;
    server.await.expect("no assertion fails in there");
    answer
}

#[track_caller]
fn check(answer: &Result<Answer, String>, expected: Result<(u16, Option<&str>, &str), &str>) {
    let shown = answer.as_ref().map(|answer| {
        let body = std::str::from_utf8(&answer.body).expect("text");
        (answer.status, answer.cache_control.as_deref(), body)
    });
    assert_eq!(shown.map_err(String::as_str), expected);
}

#[tokio::test]
async fn answers_in_every_framing() {
    let ok = |cache_control| Ok((200, cache_control, "0123456789"));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nCache-Control: max-age=60\r\n\r\n";
    check(&ask(&[head, "0123456789"], 10).await, ok(Some("max-age=60")));
    check(&ask(&[head, "01234", "56789", "more"], 10).await, ok(Some("max-age=60")));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(&ask(&[head, "5\r\n01234\r\n5\r\n56", "789\r\n0\r\n\r\n"], 10).await, ok(None));
    check(&ask(&["HTTP/1.0 200 OK\r\n\r\n", "01234", "56789"], 10).await, ok(None));
    check(&ask(&["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n0123456789"], 10).await, ok(None));
    check(&ask(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], 10).await, Ok((200, None, "")));
}

#[tokio::test]
async fn only_the_status_counts_of_what_is_no_document() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 1000000000\r\n\r\n";
    check(&ask(&[moved], 10).await, Ok((302, None, "")));
    check(&ask(&["HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n"], 10).await, Ok((500, None, "")));
}

#[tokio::test]
async fn answers_that_are_too_large() {
    let large = "the answer is too large";
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n";
    check(&ask(&[head], 10).await, Err(large));
    check(&ask(&["HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"], 10).await, Err(large));
    let body = "0123456789".repeat(100_000);
    check(&ask(&["HTTP/1.1 200 OK\r\n\r\n", &body], 10).await, Err(large));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(&ask(&[chunked, "a\r\n0123456789\r\n1\r\n0\r\n"], 10).await, Err(large));
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(100_000));
    check(&ask(&[&head], 10).await, Err("the answer's head is too large"));
}

#[tokio::test]
async fn answers_that_make_no_sense() {
    check(&ask(&["SSH-2.0-OpenSSH_9.7\r\n"], 10).await, Err("the answer is no HTTP"));
    check(&ask(&[], 10).await, Err("it closed before it answered"));
    check(&ask(&["HTTP/1.1 200 OK\r\nContent-Le"], 10).await, Err("it closed before it answered"));
    let within = Err("it closed within its answer");
    check(&ask(&["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012"], 10).await, within);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(&ask(&[chunked, "5\r\n01234\r\n"], 10).await, within);
    check(&ask(&[chunked, "xyz\r\n"], 10).await, Err("the answer's chunks make no sense"));
    let compressed = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    check(&ask(&[compressed], 10).await, Err("the answer is compressed, which was not asked for"));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(&ask(&[both], 10).await, Err("the answer is no HTTP"));
}

#[tokio::test]
async fn who_is_not_there() {
    let (listener, address) = listen().await;
    drop(listener);
    assert!(plain().get(&address, 10).await.is_err_and(|reason| reason.contains("refused")));
    let nowhere = HttpAddress::parse("https://nowhere.example/keys").expect("an address");
    check(&plain().get(&nowhere, 10).await, Err("there is no such name"));
}

/// A server with a certificate for 127.0.0.1; what comes of a client that trusts these.
async fn ask_with_tls(trust: impl Fn(&std::path::Path) -> ClientTls) -> Result<Answer, String> {
    crate::net::tls::warm_up();
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("it can be written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("it can be written");
    let client = getter(trust(&certificate));
    let server = ServerTls::load(vec![CertificateFiles { certificate, key }], None).expect("a certificate and its key");
    let server_tls = ListenerTls { server: Arc::new(server), asks_clients: false };
    let (listener, mut address) = listen().await;
    address.tls = true;
    let local = tokio::task::LocalSet::new();
    local.spawn_local(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let session = server_tls.session();
        let (mut plaintext, mut piece) = (Vec::new(), [0; 4096]);
        while !plaintext.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).await.unwrap_or(0);
            if read == 0 || session.receive(&piece[..read], &mut plaintext).is_err() {
                return;
            }
            if let Some(records) = session.take_records() {
                let _ = stream.write_all(&records).await;
            }
        }
        session.put_plaintext(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeys");
        let _ = stream.write_all(&session.take_records().expect("an answer")).await;
    });
    local.run_until(client.get(&address, 10)).await
}

#[tokio::test]
async fn a_server_proves_who_it_is() {
    let trusting = ask_with_tls(|certificate| ClientTls::load(Some(certificate)).expect("roots")).await;
    check(&trusting, Ok((200, None, "keys")));
    let stranger = ask_with_tls(|_| ClientTls::load(None).expect("roots")).await;
    assert!(stranger.is_err_and(|reason| reason.contains("certificate")));
}
