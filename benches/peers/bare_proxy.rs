//! The bare floor of a proxied request: four socket operations, and as good as nothing between them.
//!
//! `bare_proxy ADDR UPSTREAM` gives every client connection an upstream connection of its own and carries one GET at
//! a time: read from the client, write upstream, read upstream, write to the client. It finds the end of a head and
//! the answer's `Content-Length`; it routes, checks, counts and logs nothing. What a gateway costs beyond this is its
//! own doing.

mod ring;

use std::io;

use memchr::memmem;
use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{ListenerOpts, TcpListener, TcpStream};

/// Read sizes while a body is small and while it is large: 256 KiB halves the cost of a gigabyte against 64 KiB.
const SMALL_READ_BYTES: usize = 16 << 10;
const LARGE_READ_BYTES: usize = 256 << 10;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (Some(address), Some(upstream)) = (arguments.next(), arguments.next()) else {
        println!("usage: bare_proxy ADDR UPSTREAM    (started by benches/peers/run)");
        return Ok(());
    };
    let upstream = upstream.parse().map_err(io::Error::other)?;
    ring::run(async move {
        let listener = TcpListener::bind_with_config(address, &ListenerOpts::new().backlog(4096))?;
        loop {
            let (client, _) = listener.accept().await?;
            monoio::spawn(async move {
                // Whichever side breaks off, the pair ends together.
                let _ = connection(client, upstream).await;
            });
        }
    })
}

async fn connection(mut client: TcpStream, upstream: std::net::SocketAddr) -> io::Result<()> {
    let mut upstream = TcpStream::connect_addr(upstream).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(SMALL_READ_BYTES);
    loop {
        let Some(_) = read_head(&mut client, &mut buffer).await? else { return Ok(()) };
        write(&mut upstream, &mut buffer).await?;

        let Some(head_bytes) = read_head(&mut upstream, &mut buffer).await? else { return Ok(()) };
        let mut left = (head_bytes + content_length(&buffer[..head_bytes])).saturating_sub(buffer.len());
        write(&mut client, &mut buffer).await?;
        if left > LARGE_READ_BYTES {
            buffer.reserve(LARGE_READ_BYTES);
        }
        while left > 0 {
            left = left.saturating_sub(read(&mut upstream, &mut buffer).await?);
            write(&mut client, &mut buffer).await?;
        }
    }
}

/// Reads until `buffer`, which comes empty, holds a whole head; its length, or `None` at the end of the stream.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if read(stream, buffer).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            return Ok(Some(end + 4));
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let filled = buffer.len();
    if filled == buffer.capacity() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (read, slice) = stream.read(std::mem::take(buffer).slice_mut(filled..)).await;
    *buffer = slice.into_inner();
    read
}

/// Writes all of `buffer` and leaves it empty.
async fn write(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let (written, returned) = stream.write_all(std::mem::take(buffer)).await;
    *buffer = returned;
    buffer.clear();
    written.map(drop)
}

/// The length as the backends of this benchmark write it; proxies in front may have lower-cased the name.
fn content_length(head: &[u8]) -> usize {
    let lower = head.to_ascii_lowercase();
    let Some(at) = memmem::find(&lower, b"content-length: ") else { return 0 };
    let digits = lower[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}
