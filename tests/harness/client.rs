//! A client that sends what it is told, byte by byte if need be.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;
use super::message::{Framing, Inbox, Message};

pub trait Channel: Read + Write + Send {}
impl<T: Read + Write + Send> Channel for T {}

/// An answer that broke off.
#[derive(Debug)]
struct Broken {
    error: io::Error,
    part: Message,
}

pub struct Client {
    channel: Box<dyn Channel>,
    /// The socket below, for what concerns the connection.
    pub socket: TcpStream,
    inbox: Inbox,
}

impl Client {
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        let socket = connect(address);
        Client::over(Box::new(socket.try_clone().expect("a descriptor")), socket)
    }

    pub fn over(channel: Box<dyn Channel>, socket: TcpStream) -> Client {
        Client { channel, socket, inbox: Inbox::default() }
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.channel.write_all(bytes.as_ref()).and_then(|()| self.channel.flush()).expect("the gateway reads");
    }

    /// Sends as much as the other side takes.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.channel.write_all(bytes.as_ref()).and_then(|()| self.channel.flush())
    }

    /// Says that nothing follows, and still reads.
    pub fn half_close(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("the connection is there");
    }

    /// The answer to a request with `method`, which may be an informational one.
    #[track_caller]
    pub fn answer_to(&mut self, method: &str) -> Message {
        match self.try_answer(method) {
            Ok(Some(answer)) => answer,
            Ok(None) => panic!("the connection ended without an answer"),
            Err(broken) => panic!("{} in an answer\n{}{:?}", broken.error, broken.part.head, broken.part.body),
        }
    }

    #[track_caller]
    pub fn answer(&mut self) -> Message {
        self.answer_to("GET")
    }

    /// What there is of an answer to a GET that breaks off in its body.
    #[track_caller]
    pub fn part_of_answer(&mut self) -> Message {
        self.try_answer("GET").map(|answer| answer.map(|whole| whole.head)).expect_err("the answer is not whole").part
    }

    fn try_answer(&mut self, method: &str) -> Result<Option<Message>, Box<Broken>> {
        let Client { channel, inbox, .. } = self;
        let Some(mut answer) = inbox.head(channel).map_err(|error| Broken { error, part: Message::default() })? else {
            return Ok(None);
        };
        assert!(is_status_line(&answer.start), "{:?}", answer.start);
        let framing = answer.response_framing(method);
        if framing == Framing::UntilClose {
            assert_eq!(answer.field("connection"), Some("close"), "{}", answer.head);
        }
        match inbox.body(channel, framing, &mut answer) {
            Ok(()) => Ok(Some(answer)),
            Err(error) => Err(Box::new(Broken { error, part: answer })),
        }
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn exchange(&mut self, request: impl AsRef<[u8]>) -> Message {
        let method = String::from_utf8_lossy(request.as_ref().split(|byte| *byte == b' ').next().expect("a method"));
        let method = method.into_owned();
        self.send(request);
        self.answer_to(&method)
    }

    #[track_caller]
    pub fn get(&mut self, target: &str) -> Message {
        self.exchange(get(target))
    }

    /// Sends a GET to a host and reads its answer.
    ///
    /// # Errors
    /// Why there is none: the end of the connection may be one.
    pub fn try_get(&mut self, host: &str, target: &str) -> io::Result<Message> {
        self.try_send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))?;
        let answer = self.try_answer("GET").map_err(|broken| broken.error)?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Nothing more comes, and the connection ends.
    #[track_caller]
    pub fn expect_end(&mut self) {
        assert!(self.ends(), "bytes after the last answer");
    }

    /// Whether the connection ends before another byte. A reset is an end.
    pub fn ends(&mut self) -> bool {
        let Client { channel, inbox, .. } = self;
        if !inbox.is_empty() {
            return false;
        }
        match inbox.fill(channel) {
            Ok(more) => !more,
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => true,
                _ => panic!("waiting for the end: {error}"),
            },
        }
    }
}

#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the gateway listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
    socket.set_write_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
    socket.set_nodelay(true).expect("a TCP socket");
    socket
}

/// A GET request for `target`.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n")
}

fn is_status_line(line: &str) -> bool {
    let Some((status, _reason)) = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' ')) else {
        return false;
    };
    status.len() == 3 && status.bytes().all(|digit| digit.is_ascii_digit())
}
