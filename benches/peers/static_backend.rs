//! The backend that every proxy is measured against, and, on the proxies' own core, the bare floor of a mock answer.
//!
//! `static_backend ADDR` answers any request with 100 bytes of JSON, and `/1m` with 1 MiB, on one thread. It reads
//! heads and `Content-Length` bodies well enough for keep-alive and pipelining; it is not a web server.

mod ring;

use std::io;

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{ListenerOpts, TcpListener, TcpStream};

const SMALL_BYTES: usize = 100;
const LARGE_BYTES: usize = 1 << 20;
const REQUEST_BYTES_MAX: usize = 64 << 10;

fn main() -> io::Result<()> {
    let Some(address) = std::env::args().nth(1).filter(|address| !address.starts_with('-')) else {
        println!("usage: static_backend ADDR    (started by benches/peers/run)");
        return Ok(());
    };
    ring::run(async move {
        let listener = TcpListener::bind_with_config(address, &ListenerOpts::new().backlog(4096))?;
        let answers: &'static Answers = Box::leak(Box::new(Answers::new()));
        loop {
            let (stream, _) = listener.accept().await?;
            monoio::spawn(async move {
                // A client that breaks off ends its own connection; nobody is to be told.
                let _ = connection(stream, answers).await;
            });
        }
    })
}

/// Both answers, head and body in one piece, so that each costs one write.
struct Answers {
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let answer = |body_bytes: usize| {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body_bytes}\r\n\r\n");
            let body = format!("{{\"padding\":\"{}\"}}", "x".repeat(body_bytes - "{\"padding\":\"\"}".len()));
            [head.into_bytes(), body.into_bytes()].concat()
        };
        Self { small: answer(SMALL_BYTES), large: answer(LARGE_BYTES) }
    }
}

async fn connection(mut stream: TcpStream, answers: &'static Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(4096);
    let mut output = Vec::with_capacity(4096);
    loop {
        let filled = input.len();
        if filled == input.capacity() {
            input.reserve(filled);
        }
        let (read, slice) = stream.read(input.slice_mut(filled..)).await;
        input = slice.into_inner();
        if read? == 0 {
            return Ok(());
        }

        let mut taken = 0;
        while let Some(request) = parse(&input[taken..])? {
            if taken + request.bytes > input.len() {
                break;
            }
            taken += request.bytes;
            if request.large {
                stream.write_all(answers.large.as_slice()).await.0?;
            } else {
                output.extend_from_slice(&answers.small);
            }
            if request.close {
                stream.write_all(output).await.0?;
                return Ok(());
            }
        }
        input.drain(..taken);
        if !output.is_empty() {
            let (written, buffer) = stream.write_all(output).await;
            output = buffer;
            output.clear();
            written?;
        }
    }
}

struct Request {
    /// Head and body together.
    bytes: usize,
    large: bool,
    close: bool,
}

/// The request at the start of `input`, or `None` while its head is incomplete.
fn parse(input: &[u8]) -> io::Result<Option<Request>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head_bytes) = head.parse(input).map_err(io::Error::other)? else {
        return if input.len() < REQUEST_BYTES_MAX { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
    };
    let value = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|f| f.value);
    let body_bytes: usize = match value("content-length") {
        Some(digits) => str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(io::ErrorKind::InvalidData)?,
        None => 0,
    };
    Ok(Some(Request {
        bytes: head_bytes + body_bytes,
        large: head.path == Some("/1m"),
        close: value("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close")),
    }))
}
