//! Servers that do what a test says, with a thread a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a server does after a request, or, before the first, with a connection.
pub enum Reply {
    Bytes(Vec<u8>),
    /// These, and then the connection is closed.
    Last(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// Nothing more comes; the connection stays open.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Received {
    pub line: String,
    pub headers: Vec<String>,
    pub body: String,
    /// Of this connection, from 0.
    pub number: usize,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Listens until the test ends.
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    counted: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    requests: AtomicU64,
    connections: AtomicU64,
    resumed: AtomicU64,
}

impl Server {
    /// `answer` says what follows each request.
    pub fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
        Server::listen("http", move |stream, counted| serve(stream, counted, &answer))
    }

    /// The same over TLS.
    pub fn start_tls(config: Arc<ServerConfig>, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
        Server::listen("https", move |mut stream, counted| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            while tls.is_handshaking() {
                if tls.complete_io(&mut stream).is_err() {
                    return;
                }
            }
            if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
                counted.resumed.fetch_add(1, Ordering::SeqCst);
            }
            serve(StreamOwned::new(tls, stream), counted, &answer);
        })
    }

    /// Every request is answered at once with 200.
    pub fn ok() -> Server {
        Server::start(|_| Reply::Bytes(OK.to_vec()))
    }

    fn listen(scheme: &'static str, serve: impl Fn(TcpStream, &Counted) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counted = Arc::new(Counted::default());
        let (counts, serve) = (Arc::clone(&counted), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counts.connections.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).unwrap();
                let (counts, serve) = (Arc::clone(&counts), Arc::clone(&serve));
                std::thread::spawn(move || serve(stream, &counts));
            }
        });
        Server { address, scheme, counted }
    }

    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.address)
    }

    /// Requests that came whole.
    pub fn requests(&self) -> u64 {
        self.counted.requests.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> u64 {
        self.counted.connections.load(Ordering::SeqCst)
    }

    /// TLS handshakes that resumed a session.
    pub fn resumed(&self) -> u64 {
        self.counted.resumed.load(Ordering::SeqCst)
    }
}

/// A connection that can be reset.
trait Stream: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

fn serve(stream: impl Stream, counted: &Counted, answer: &impl Fn(&Received) -> Reply) {
    let mut stream = BufReader::new(stream);
    let mut number = 0;
    while let Some(request) = read(&mut stream, number) {
        counted.requests.fetch_add(1, Ordering::SeqCst);
        number += 1;
        match answer(&request) {
            Reply::Bytes(bytes) if stream.get_mut().write_all(&bytes).is_ok() => {}
            Reply::Bytes(_) => return,
            Reply::Last(bytes) => {
                let _ = stream.get_mut().write_all(&bytes);
                return;
            }
            Reply::Reset => {
                let socket = socket2::SockRef::from(stream.get_ref().socket());
                socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
                return;
            }
            Reply::Nothing => {
                let _ = stream.read_to_end(&mut Vec::new());
                return;
            }
        }
    }
}

fn read(reader: &mut impl BufRead, number: usize) -> Option<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.split_off(1);
    let mut request = Received { line: lines.pop()?, headers, body: String::new(), number };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}
