//! Sockets as both drivers need them.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// A TCP socket that does not block, is bound to `bind` if that is given, and sends small requests at once.
pub fn tcp(address: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(bind) = bind {
        socket.bind(&bind.into())?;
    }
    Ok(socket)
}
