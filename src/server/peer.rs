//! A connection of the control thread's own to somebody who is asked something, with or without TLS.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::net::tls::Session;

pub struct Peer {
    stream: TcpStream,
    session: Option<Session>,
    /// What it has said so far.
    pub plaintext: Vec<u8>,
}

impl Peer {
    /// With a session, it speaks TLS.
    pub async fn connect(address: SocketAddr, session: Option<Session>) -> io::Result<Peer> {
        Ok(Peer { stream: TcpStream::connect(address).await?, session, plaintext: Vec::new() })
    }

    pub async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.session.is_none() {
            return write_all(&self.stream, bytes).await;
        }
        while let Some(session) = &self.session {
            if !session.is_handshaking() {
                bytes = &bytes[session.put_plaintext(bytes)..];
            }
            let (records, handshaking) = (session.take_records(), session.is_handshaking());
            if let Some(records) = records {
                write_all(&self.stream, &records).await?;
            }
            if handshaking && !self.receive().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if bytes.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Reads once; `false` at the end.
    pub async fn receive(&mut self) -> io::Result<bool> {
        let mut piece = [0; 4096];
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    let Some(session) = &self.session else {
                        self.plaintext.extend_from_slice(&piece[..read]);
                        return Ok(true);
                    };
                    return session.receive(&piece[..read], &mut self.plaintext);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
