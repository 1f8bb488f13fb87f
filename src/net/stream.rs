//! A connection as a reader and a writer that can wait at the same time, plain or TLS.

#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use monoio::buf::IoBuf;
use monoio::io::{AsyncReadRent, AsyncWriteRent, CancelableAsyncReadRent, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::TcpStream;

use super::buffer::{Buffer, PAGE_BYTES};
use super::deadline::Timer;
use super::tls::handshake::{Expected, Handshake, Hello};
use super::tls::server::ListenerTls;
use super::tls::{Session, VerifiedClient, read_all_records};

/// The receiving side.
pub struct Reader {
    half: OwnedReadHalf<TcpStream>,
    tls: Option<Rc<Session>>,
    /// Ciphertext between reads; only a connection that waits, or that got part of a record, has one.
    ciphertext: Option<Buffer>,
}

/// The sending side.
pub struct Writer {
    half: OwnedWriteHalf<TcpStream>,
    tls: Option<Rc<Session>>,
}

/// A connection. Dropping both sides closes it.
pub struct Stream {
    pub reader: Reader,
    pub writer: Writer,
    socket: RawFd,
}

impl Stream {
    /// Takes an accepted socket onto the calling thread's driver.
    ///
    /// # Errors
    /// When the driver cannot take it.
    pub fn from_socket(socket: OwnedFd) -> io::Result<Stream> {
        let stream = std::net::TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        let _ = stream.set_nodelay(true);
        Ok(Stream::new(TcpStream::from_std(stream)?))
    }

    /// Two ends of a connection inside this process.
    ///
    /// # Errors
    /// When there are no descriptors left, or the driver cannot take them.
    pub fn pair() -> io::Result<(Stream, Stream)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Stream::from_socket(one.into())?, Stream::from_socket(other.into())?))
    }

    /// # Errors
    /// As `connect`; `TimedOut` after `timeout_ms`. Giving up a connect is safe: nobody continues it.
    pub async fn connect(address: SocketAddr, timeout_ms: u64) -> io::Result<Stream> {
        let connecting = monoio::time::timeout(Duration::from_millis(timeout_ms), TcpStream::connect_addr(address));
        let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let _ = stream.set_nodelay(true);
        Ok(Stream::new(stream))
    }

    fn new(stream: TcpStream) -> Stream {
        let socket = stream.as_raw_fd();
        let (reader, writer) = stream.into_split();
        Stream {
            reader: Reader { half: reader, tls: None, ciphertext: None },
            writer: Writer { half: writer, tls: None },
            socket,
        }
    }

    pub fn socket(&self) -> RawFd {
        self.socket
    }

    pub fn is_tls(&self) -> bool {
        self.writer.tls.is_some()
    }

    /// Does the handshake of `session` and speaks TLS from then on. Whoever calls has armed a deadline.
    ///
    /// # Errors
    /// `InvalidData` with rustls's reason, or what the socket says.
    pub async fn handshake(&mut self, session: Session) -> io::Result<()> {
        self.shake_hands(Rc::new(session)).await
    }

    async fn shake_hands(&mut self, session: Rc<Session>) -> io::Result<()> {
        self.reader.tls = Some(Rc::clone(&session));
        self.writer.tls = Some(Rc::clone(&session));
        while session.is_handshaking() {
            self.writer.flush_session(&session).await?;
            if session.is_handshaking()
                && let Err(error) = self.reader.receive_records(&session, None).await
            {
                // The alert that says why, if there is one.
                let _ = self.writer.flush_session(&session).await;
                return Err(error);
            }
        }
        self.writer.flush_session(&session).await
    }

    /// Does the handshake with a client that has connected, and says who it has proved to be. Whoever calls has armed a
    /// deadline.
    ///
    /// # Errors
    /// As [`Stream::handshake`].
    pub async fn accept(&mut self, tls: &ListenerTls) -> io::Result<Option<VerifiedClient>> {
        let (session, expected) = match tls.begin()? {
            Handshake::Known(session, expected) => (session, expected),
            Handshake::ByName(hello) => self.read_hello(hello).await?,
        };
        self.shake_hands(Rc::clone(&session)).await?;
        expected.verified(&session)
    }

    /// Reads until it is known which name the client asks for.
    async fn read_hello(&mut self, mut hello: Box<Hello>) -> io::Result<(Rc<Session>, Expected)> {
        let mut ciphertext = Buffer::page();
        loop {
            ciphertext.clear();
            let (received, returned) = self.reader.read_plain(ciphertext, None).await;
            ciphertext = returned;
            if received? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match hello.take(ciphertext.as_slice()) {
                Ok(Some(begun)) => return Ok(begun),
                Ok(None) => {}
                Err(failed) => {
                    let _ = self.writer.send_all(failed.alert, || {}).await;
                    return Err(failed.error);
                }
            }
        }
    }

    /// What is there to read right now, without waiting: how a pooled connection is looked at before it is used again.
    pub fn is_quiet(&self) -> bool {
        let mut byte = 0u8;
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: one writable byte, and the socket is open while `self` is.
        let read = unsafe { libc::recv(self.socket, (&raw mut byte).cast(), 1, flags) };
        read < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
    }

    /// The address that the client connected to.
    pub fn local_address(&self) -> Option<SocketAddr> {
        // SAFETY: the descriptor is open while `self` is, and only borrowed.
        let socket = unsafe { std::mem::ManuallyDrop::new(socket2::Socket::from_raw_fd(self.socket)) };
        socket.local_addr().ok().and_then(|address| address.as_socket())
    }
}

impl Reader {
    /// Reads some bytes into the room of `buffer`; 0 is the end. `timer` can cancel the read: then `ECANCELED`, and
    /// nothing is lost.
    pub async fn read(&mut self, buffer: Buffer, timer: Option<&Timer>) -> (io::Result<usize>, Buffer) {
        match self.tls.clone() {
            None => self.read_plain(buffer, timer).await,
            Some(session) => self.read_session(&session, buffer, timer).await,
        }
    }

    async fn read_plain(&mut self, buffer: Buffer, timer: Option<&Timer>) -> (io::Result<usize>, Buffer) {
        debug_assert!(buffer.spare() > 0, "a read needs room");
        match timer {
            None => self.half.read(buffer).await,
            Some(timer) => self.half.cancelable_read(buffer, timer.cancel_handle()).await,
        }
    }

    async fn read_session(
        &mut self,
        session: &Session,
        mut buffer: Buffer,
        timer: Option<&Timer>,
    ) -> (io::Result<usize>, Buffer) {
        loop {
            match session.take_plaintext(&mut buffer) {
                Ok(Some(read)) => return (Ok(read), buffer),
                Ok(None) => {}
                Err(error) => return (Err(error), buffer),
            }
            if let Some(left) = self.ciphertext.as_mut().filter(|left| !left.is_empty()) {
                let before = left.len();
                if let Err(error) = read_all_records(session, left) {
                    return (Err(error), buffer);
                }
                if left.len() < before {
                    continue;
                }
            }
            match self.receive_records(session, timer).await {
                Ok(()) => {}
                // Without a close_notify the end could be an attacker's; as between messages it often is not, the
                // framing of HTTP decides whether something is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return (Ok(0), buffer),
                Err(error) => return (Err(error), buffer),
            }
        }
    }

    /// Receives ciphertext once and lets the session have it.
    async fn receive_records(&mut self, session: &Session, timer: Option<&Timer>) -> io::Result<()> {
        let mut ciphertext = self.ciphertext.take().unwrap_or_else(Buffer::page);
        if ciphertext.spare() < PAGE_BYTES / 4 {
            ciphertext.make_room(CIPHERTEXT_BYTES);
        }
        let (received, mut ciphertext) = self.read_plain(ciphertext, timer).await;
        let outcome = match received {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => read_all_records(session, &mut ciphertext),
            Err(error) => Err(error),
        };
        if !ciphertext.is_empty() || ciphertext.capacity() > PAGE_BYTES {
            self.ciphertext = Some(ciphertext);
        }
        outcome
    }

    /// Waits until there is something to read, without holding a buffer.
    ///
    /// # Errors
    /// As `poll`.
    pub async fn readable(&mut self) -> io::Result<()> {
        self.ciphertext = self.ciphertext.take().filter(|ciphertext| !ciphertext.is_empty());
        // SAFETY: the halves of a stream live on one thread, and a poll does not touch what reads and writes use.
        let stream = unsafe { &*self.half.0.get() };
        stream.readable(false).await
    }
}

/// What a stream of large records is received into.
const CIPHERTEXT_BYTES: usize = 32 * 1024;

impl Writer {
    /// Sends all of `bytes`; `progress` is called whenever some went out, so that a slow peer can be told from a dead one.
    pub async fn write_all<B: IoBuf>(&mut self, bytes: B, progress: impl Fn()) -> (io::Result<()>, B) {
        match self.tls.clone() {
            None => self.send_all(bytes, progress).await,
            Some(session) => {
                // SAFETY: an `IoBuf` has this many initialised bytes here.
                let plaintext = unsafe { std::slice::from_raw_parts(bytes.read_ptr(), bytes.bytes_init()) };
                let mut at = 0;
                while at < plaintext.len() {
                    at += session.put_plaintext(&plaintext[at..]);
                    if let Err(error) = self.flush_session(&session).await {
                        return (Err(error), bytes);
                    }
                    progress();
                }
                (Ok(()), bytes)
            }
        }
    }

    async fn send_all<B: IoBuf>(&mut self, bytes: B, progress: impl Fn()) -> (io::Result<()>, B) {
        let length = bytes.bytes_init();
        let (sent, mut bytes) = self.half.write(bytes).await;
        let mut at = match sent {
            Ok(sent) if sent == length => return (Ok(()), bytes),
            Ok(sent) => sent,
            Err(error) => return (Err(error), bytes),
        };
        while at < length {
            progress();
            // SAFETY: `at..length` lies within the initialised bytes.
            let rest = unsafe { monoio::buf::Slice::new_unchecked(bytes, at, length) };
            let (sent, rest) = self.half.write(rest).await;
            bytes = rest.into_inner();
            match sent {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), bytes),
                Ok(sent) => at += sent,
                Err(error) => return (Err(error), bytes),
            }
        }
        (Ok(()), bytes)
    }

    async fn flush_session(&mut self, session: &Session) -> io::Result<()> {
        while let Some(records) = session.take_records() {
            let (sent, records) = self.send_all(records, || {}).await;
            session.give_back(records);
            sent?;
        }
        Ok(())
    }

    /// Says that nothing follows: close_notify where there is TLS, then a half-close.
    pub async fn shutdown(&mut self) {
        if let Some(session) = self.tls.clone() {
            session.close();
            let _ = self.flush_session(&session).await;
        }
        let _ = self.half.shutdown().await;
    }
}
