//! Sockets that accept: each shard has its own for every address, and the kernel spreads connections over them.

#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use monoio::io::{CancelHandle, Canceller};
use monoio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel keeps waiting for an accept; `net.core.somaxconn` bounds it further.
const BACKLOG: i32 = 4096;

/// A bound socket that can go to the thread of its shard.
pub struct Bound(std::net::TcpListener);

impl Bound {
    /// Binds one socket for each shard, all to the same address; port 0 picks one port for all.
    ///
    /// # Errors
    /// As `bind` and `listen`: in use, not permitted, no such address.
    pub fn bind(address: SocketAddr, shards: usize) -> io::Result<(SocketAddr, Vec<Bound>)> {
        refuse_if_taken(address)?;
        let first = listen(address)?;
        let address = first.local_addr()?;
        let mut bound = vec![Bound(first)];
        for _ in 1..shards {
            bound.push(Bound(listen(address)?));
        }
        Ok((address, bound))
    }

    /// To be called on the shard's thread.
    ///
    /// # Errors
    /// When the driver cannot take the socket.
    pub fn listen(self) -> io::Result<Listener> {
        self.0.set_nonblocking(true)?;
        let canceller = Canceller::new();
        Ok(Listener {
            handle: canceller.handle(),
            listener: TcpListener::from_std(self.0)?,
            canceller: Some(canceller),
        })
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// With SO_REUSEPORT a second gateway of the same user could bind the same port and silently take half of the
/// connections: a socket without the option finds out.
fn refuse_if_taken(address: SocketAddr) -> io::Result<()> {
    socket(address)?.bind(&address.into())
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

pub struct Listener {
    listener: TcpListener,
    handle: CancelHandle,
    canceller: Option<Canceller>,
}

/// An accepted connection that belongs to no shard yet.
pub struct Accepted {
    pub socket: OwnedFd,
    pub peer: SocketAddr,
}

impl Listener {
    /// The next connection; `None` once [`Stop::stop`] was called. One accept waits at a time and is never dropped: a
    /// dropped one would leak the connection that it gets.
    ///
    /// # Errors
    /// As `accept`: mostly that the process is out of descriptors.
    pub async fn accept(&mut self) -> io::Result<Option<Accepted>> {
        match self.listener.cancelable_accept(self.handle.clone()).await {
            Ok((stream, peer)) => {
                let socket = into_owned(stream);
                // SAFETY: a flag of a descriptor that is ours.
                unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
                Ok(Some(Accepted { socket, peer }))
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What ends the accept that waits.
    pub fn stop(&mut self) -> Stop {
        Stop(self.canceller.take())
    }

    /// Takes connections that the kernel has already queued: they would be reset with the listener.
    pub fn sweep(&self) -> Vec<Accepted> {
        let mut swept = Vec::new();
        let listener = self.listener.as_raw_fd();
        loop {
            let flags = libc::SOCK_CLOEXEC;
            // SAFETY: the listener is open and does not block; no address is asked for.
            let socket = unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), flags) };
            if socket < 0 {
                return swept;
            }
            // SAFETY: the descriptor is new and nobody else's.
            let socket = unsafe { OwnedFd::from_raw_fd(socket) };
            if let Ok(peer) = socket2::SockRef::from(&socket).peer_addr()
                && let Some(peer) = peer.as_socket()
            {
                swept.push(Accepted { socket, peer });
            }
        }
    }
}

/// Ends a listener's accept.
pub struct Stop(Option<Canceller>);

impl Stop {
    pub fn stop(&mut self) {
        if let Some(canceller) = self.0.take() {
            self.0 = Some(canceller.cancel());
        }
    }
}

fn into_owned(stream: TcpStream) -> OwnedFd {
    // SAFETY: `into_raw_fd` gives the descriptor up.
    unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) }
}
