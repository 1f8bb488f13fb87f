//! Scripted backends: a thread a connection, no HTTP library, every request recorded.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::message::{Inbox, Message};
use super::{PATIENCE, wait_until};

pub struct Backend {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Message>>,
    connections: AtomicUsize,
    ended: AtomicBool,
}

/// One request that is being answered.
pub struct Conversation<'c> {
    /// Its head; the body after [`Conversation::read_body`].
    pub request: Message,
    /// Requests on this connection before it.
    pub served: usize,
    pub stream: &'c mut TcpStream,
    inbox: &'c mut Inbox,
    number: usize,
    shared: Arc<Shared>,
    body_read: bool,
    over: bool,
}

impl Backend {
    /// Calls `script` for the head of each request.
    pub fn start(script: impl Fn(&mut Conversation<'_>) + Send + Sync + 'static) -> Backend {
        Backend::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), script)
    }

    /// The same on a listener that is there already.
    pub fn on(listener: TcpListener, script: impl Fn(&mut Conversation<'_>) + Send + Sync + 'static) -> Backend {
        let address = listener.local_addr().expect("bound");
        let (shared, script) = (Arc::new(Shared::default()), Arc::new(script));
        let backend = Backend { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, script) = (Arc::clone(&shared), Arc::clone(&script));
                let stream = stream.expect("a connection");
                std::thread::spawn(move || serve(stream, &shared, &*script));
            }
        });
        backend
    }

    /// Answers every request with the same bytes, when it has all of it.
    pub fn answering(answer: impl AsRef<[u8]>) -> Backend {
        let answer = answer.as_ref().to_vec();
        Backend::start(move |conversation| {
            conversation.read_body();
            conversation.send(&answer);
        })
    }

    /// Answers every request with a `200` and its own target as the body.
    pub fn named() -> Backend {
        Backend::start(|conversation| {
            conversation.read_body();
            let body = conversation.request.target().to_owned();
            conversation.ok(&body);
        })
    }

    /// `http://address`, for the URI of an integration.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Everything that was asked so far.
    pub fn requests(&self) -> Vec<Message> {
        self.shared.requests.lock().expect("no script panics with it").clone()
    }

    /// The last request.
    #[track_caller]
    pub fn last(&self) -> Message {
        self.requests().pop().expect("the backend was asked")
    }

    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) {
        wait_until("requests at the backend", || self.requests().len() >= count);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener waits for one more.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, shared: &Arc<Shared>, script: &(impl Fn(&mut Conversation<'_>) + Send + Sync)) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut inbox = Inbox::default();
    for served in 0.. {
        let Ok(Some(request)) = inbox.head(&mut stream) else { return };
        let number = {
            let mut requests = shared.requests.lock().expect("no script panics with it");
            requests.push(request.clone());
            requests.len() - 1
        };
        let mut conversation = Conversation {
            request,
            served,
            stream: &mut stream,
            inbox: &mut inbox,
            number,
            shared: Arc::clone(shared),
            body_read: false,
            over: false,
        };
        script(&mut conversation);
        if conversation.over || !conversation.try_read_body() {
            return;
        }
    }
}

impl Conversation<'_> {
    /// Reads the body, and keeps it.
    pub fn read_body(&mut self) {
        self.over |= !self.try_read_body();
    }

    fn try_read_body(&mut self) -> bool {
        if std::mem::replace(&mut self.body_read, true) {
            return true;
        }
        let framing = self.request.request_framing();
        let read = self.inbox.body(self.stream, framing, &mut self.request);
        self.shared.requests.lock().expect("no script panics with it")[self.number] = self.request.clone();
        read.is_ok()
    }

    /// What cannot be sent is nobody's to have: the gateway may have left.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.over |= self.stream.write_all(bytes.as_ref()).is_err();
    }

    /// A `200` with a body.
    pub fn ok(&mut self, body: &str) {
        let length = body.len();
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"));
    }

    pub fn close(&mut self) {
        self.over = true;
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Closes in such a way that the other side gets a reset.
    pub fn reset(&mut self) {
        self.over = true;
        let socket = socket2::SockRef::from(&*self.stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).expect("a TCP socket");
    }

    /// Waits until the gateway closes the connection.
    pub fn wait_for_close(&mut self) {
        self.over = true;
        while self.inbox.fill(self.stream).unwrap_or(false) {}
    }
}
