//! Whose connection one over the loopback is: the kernel says which socket is at its other end (`sock_diag(7)`), and `/proc`
//! which process has it.
//!
//! Any process of the machine can connect to a port of the loopback. One function must not be given another's events, nor
//! answer them.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// The socket at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Of the process that made it.
    pub user: u32,
    inode: u32,
}

/// How deep the processes of a function are looked through.
const GENERATIONS_MAX: usize = 8;

const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;

/// `nlmsghdr` and `inet_diag_req_v2`.
const REQUEST_BYTES: usize = 16 + 56;

/// `nlmsghdr` and `inet_diag_msg`.
const ANSWER_BYTES: usize = 16 + 72;

impl Peer {
    /// The other end of the connection between `remote` and `local`, both IPv4.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn of(local: SocketAddr, remote: SocketAddr) -> io::Result<Peer> {
        let mut socket =
            Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_SOCK_DIAG)))?;
        socket.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
        socket.write_all(&request(remote, local)?)?;
        let mut answer = [0; 512];
        let length = socket.read(&mut answer)?;
        let answer = &answer[..length];
        let kind = answer.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
        if kind == Some(NLMSG_ERROR) || length < ANSWER_BYTES {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such socket"));
        }
        let number = |at: usize| u32::from_ne_bytes([answer[at], answer[at + 1], answer[at + 2], answer[at + 3]]);
        Ok(Peer { user: number(80), inode: number(84) })
    }

    /// Whether `process` or one that descends from it has the socket.
    pub fn is_of(&self, process: u32) -> bool {
        let wanted = format!("socket:[{}]", self.inode);
        let mut generation = vec![process];
        for _ in 0..GENERATIONS_MAX {
            if generation.iter().any(|process| has(*process, &wanted)) {
                return true;
            }
            generation = generation.into_iter().flat_map(children).collect();
        }
        false
    }
}

/// `socket` is the address of the one that is looked for, `other` that of its peer.
fn request(socket: SocketAddr, other: SocketAddr) -> io::Result<Vec<u8>> {
    let (SocketAddr::V4(socket), SocketAddr::V4(other)) = (socket, other) else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "not IPv4"));
    };
    let mut bytes = Vec::with_capacity(REQUEST_BYTES);
    bytes.extend_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    bytes.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    // Sequence number and port: the answer is the one that comes.
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[libc::AF_INET as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    // In whatever state it is.
    bytes.extend_from_slice(&u32::MAX.to_ne_bytes());
    bytes.extend_from_slice(&socket.port().to_be_bytes());
    bytes.extend_from_slice(&other.port().to_be_bytes());
    for address in [socket.ip(), other.ip()] {
        bytes.extend_from_slice(&address.octets());
        bytes.extend_from_slice(&[0; 12]);
    }
    // On any interface, with any cookie.
    bytes.extend_from_slice(&0u32.to_ne_bytes());
    bytes.extend_from_slice(&[0xff; 8]);
    Ok(bytes)
}

fn has(process: u32, wanted: &str) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|link| link.as_os_str() == wanted)
}

/// The processes that a process has started, its threads' included.
pub fn children(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_of_our_own() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let _client = TcpStream::connect(address).expect("connects");
        let (accepted, remote) = listener.accept().expect("accepts");
        let peer = Peer::of(accepted.local_addr().expect("connected"), remote).expect("the kernel tells");
        assert!(peer.is_of(std::process::id()));
        assert!(!Peer { inode: peer.inode + 1_000_000, ..peer }.is_of(std::process::id()));
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(Peer::of(address, nobody).is_err());
    }
}
