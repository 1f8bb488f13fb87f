//! One process of a function, from its start to its end: its states, its answers, what it writes. [`watch`] ends it when it is
//! time.
//!
//! ```text
//!          ┌──────── GET next ───────┐
//!          ▼                         │
//! Init ─► Idle ─ taken on ─► Busy ─► Answered        any ─► Ended
//! ```
//!
//! Nothing is timed by a timer of its own: each process is looked at once a second, and when its deadline is due. That is
//! before any deadline of an invocation that begins between two looks, as a timeout is a second at least.

mod watch;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use tokio::sync::{mpsc, oneshot};

use super::host::Held;
use super::invocation::{Answer, Complete, Failure, Invocation, Part, Streamed};
use super::log::Lines;
use super::pool::Function;
use super::time;

/// What is read of a log at a time, so that a function that writes without end leaves the thread to others.
const READ_BYTES_MAX: usize = 262_144;

/// Parts of a stream that wait for the caller.
const PARTS_MAX: usize = 8;

pub struct Process {
    pub function: Rc<Function>,
    /// Of the function's code and configuration.
    pub generation: u64,
    /// The place that it takes among all processes of the host.
    pub place: usize,
    /// The user that it runs as, if that is one of its own.
    pub user: Option<u32>,
    pub warden: u32,
    pub started: Instant,
    state: RefCell<State>,
    /// What the warden waits for the end of.
    stop: Cell<Option<io::PipeWriter>>,
    doom: Cell<Option<Doom>>,
    killed_at: Cell<Option<Instant>>,
    /// Whether its warden had to be killed, who would have seen to all that it left.
    outlived: Cell<bool>,
    /// What the runtime said of its start.
    init_error: RefCell<Option<Bytes>>,
    /// How long the start took, until that has been told.
    init_duration: Cell<Option<Duration>>,
    output: File,
    lines: RefCell<Lines>,
    memory_kb_max: Cell<u64>,
    folder: PathBuf,
}

/// What a process starts from.
pub struct Parts {
    pub function: Rc<Function>,
    pub generation: u64,
    pub place: usize,
    pub user: Option<u32>,
    pub warden: u32,
    pub stop: io::PipeWriter,
    pub output: File,
    pub folder: PathBuf,
}

enum State {
    Init,
    /// It has asked for the next invocation, and waits.
    Idle {
        since: Instant,
        next: oneshot::Sender<Delivery>,
    },
    Busy(Busy),
    /// It has answered, and is about to ask for the next one.
    Answered {
        since: Instant,
    },
    Ended,
}

struct Busy {
    id: Rc<str>,
    started: Instant,
    deadline: Instant,
    wants_tail: bool,
    log_from: u64,
    streams: bool,
    /// Of its payload.
    _held: Option<Held>,
    reply: Reply,
}

enum Reply {
    Due(oneshot::Sender<Answer>),
    Streaming(mpsc::Sender<Part>),
}

/// Why we end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doom {
    /// It is not needed, or of an older generation.
    Leave,
    InitTimeout,
    Timeout,
    Memory,
}

/// An invocation on its way to a runtime.
pub struct Delivery {
    pub id: Rc<str>,
    pub payload: Bytes,
    pub deadline_ms: u64,
    pub arn: HeaderValue,
    pub trace_id: HeaderValue,
    pub client_context: Option<HeaderValue>,
}

/// What a runtime that asks for the next invocation gets.
pub enum Next {
    Now(Delivery),
    Later(oneshot::Receiver<Delivery>),
    /// It has not answered the last one, or is to end.
    Refused,
}

impl Process {
    pub fn new(parts: Parts) -> Rc<Process> {
        let Parts { function, generation, place, user, warden, stop, output, folder } = parts;
        Rc::new(Process {
            function,
            generation,
            place,
            user,
            warden,
            started: Instant::now(),
            state: RefCell::new(State::Init),
            stop: Cell::new(Some(stop)),
            doom: Cell::new(None),
            killed_at: Cell::new(None),
            outlived: Cell::new(false),
            init_error: RefCell::default(),
            init_duration: Cell::new(None),
            output,
            lines: RefCell::default(),
            memory_kb_max: Cell::new(0),
            folder,
        })
    }

    /// Gives an idle process an invocation, which comes back if it is not idle any more.
    pub fn take_on(&self, invocation: Invocation) -> Option<Invocation> {
        let last = self.state.replace(State::answered());
        let next = match last {
            State::Idle { next, .. } if !next.is_closed() => next,
            other => {
                self.state.replace(other);
                return Some(invocation);
            }
        };
        let delivery = self.begin(invocation);
        // The receiver was there a moment ago, and nothing else ran since; if not, the deadline ends the invocation.
        let _ = next.send(delivery);
        None
    }

    /// The runtime asks for an invocation.
    pub fn next(self: &Rc<Self>) -> Next {
        let is_starting = match &*self.state.borrow() {
            State::Init => true,
            // Asked again over another connection: the first is of no use any more.
            State::Idle { .. } | State::Answered { .. } => false,
            State::Busy(_) | State::Ended => return Next::Refused,
        };
        if is_starting {
            self.init_duration.set(Some(self.started.elapsed()));
            self.function.started();
        }
        if self.doom.get().is_some() || !self.function.wants(self) {
            *self.state.borrow_mut() = State::answered();
            self.leave();
            return Next::Refused;
        }
        if let Some(invocation) = self.function.waiting() {
            return Next::Now(self.begin(invocation));
        }
        let (next, receiver) = oneshot::channel();
        *self.state.borrow_mut() = State::Idle { since: Instant::now(), next };
        self.function.idle(self);
        Next::Later(receiver)
    }

    fn begin(&self, invocation: Invocation) -> Delivery {
        let Invocation { id, payload, client_context, trace_id, arn, streams, wants_tail, held, reply } = invocation;
        self.drain(None);
        let timeout = self.timeout();
        let started = Instant::now();
        let log_from = self.function.log.borrow().next_sequence();
        self.function.log.borrow_mut().push(Some(&id), &format!("START RequestId: {id} Version: $LATEST"));
        self.function.running(1);
        *self.state.borrow_mut() = State::Busy(Busy {
            id: Rc::clone(&id),
            started,
            deadline: started + timeout,
            wants_tail,
            log_from,
            streams,
            _held: held,
            reply: Reply::Due(reply),
        });
        let deadline_ms = time::unix_ms() + u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Delivery { id, payload, deadline_ms, arn, trace_id, client_context }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.function.live().definition.timeout_s.into())
    }

    /// Whether the invocation is this process's to answer, and whether its caller takes a stream.
    pub fn answers(&self, id: &str) -> Option<bool> {
        match &*self.state.borrow() {
            State::Busy(busy) if *busy.id == *id && matches!(busy.reply, Reply::Due(_)) => Some(busy.streams),
            _ => None,
        }
    }

    /// The answer to an invocation, once; `false` for one that is not this process's.
    pub fn complete(&self, id: &str, payload: Bytes, failed: bool) -> bool {
        let Some(busy) = self.take(|busy| *busy.id == *id && matches!(busy.reply, Reply::Due(_))) else { return false };
        self.finish(busy, payload, failed, "");
        true
    }

    /// The answer begins to stream; what is sent to the sender reaches the caller.
    pub fn begin_stream(&self, id: &str, content_type: HeaderValue) -> Option<mpsc::Sender<Part>> {
        let mut state = self.state.borrow_mut();
        let State::Busy(busy) = &mut *state else { return None };
        if *busy.id != *id || !matches!(busy.reply, Reply::Due(_)) {
            return None;
        }
        let (sender, parts) = mpsc::channel(PARTS_MAX);
        if let Reply::Due(reply) = std::mem::replace(&mut busy.reply, Reply::Streaming(sender.clone())) {
            // Nobody takes it if the caller has left; the function runs on, as in AWS.
            let _ = reply.send(Answer::Stream(Streamed { content_type, parts }));
        }
        Some(sender)
    }

    /// The streamed answer has come to its end.
    pub async fn end_stream(&self, id: &str, failure: Option<Failure>) {
        let Some(busy) = self.take(|busy| *busy.id == *id) else { return };
        let tail = self.report(&busy, failure.is_some(), "");
        if let Reply::Streaming(sender) = busy.reply {
            // As above.
            let _ = sender.send(Part::End { failure, tail }).await;
        }
    }

    /// The runtime says that it cannot start.
    pub fn init_failed(&self, error: Bytes) -> bool {
        let is_starting = matches!(*self.state.borrow(), State::Init);
        if is_starting {
            *self.init_error.borrow_mut() = Some(error);
        }
        is_starting
    }

    /// Ends a process that does nothing.
    pub fn leave(&self) {
        self.kill(Doom::Leave);
    }

    /// Whether it waits for an invocation.
    pub fn is_idle(&self) -> bool {
        matches!(*self.state.borrow(), State::Idle { .. })
    }

    pub fn is_starting(&self) -> bool {
        matches!(*self.state.borrow(), State::Init)
    }

    fn take(&self, which: impl FnOnce(&Busy) -> bool) -> Option<Busy> {
        let mut state = self.state.borrow_mut();
        if !matches!(&*state, State::Busy(busy) if which(busy)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::answered()) {
            State::Busy(busy) => Some(busy),
            _ => None,
        }
    }

    fn fail(&self, busy: Busy, failure: Failure, status: &str) {
        if let Reply::Streaming(sender) = &busy.reply {
            let tail = self.report(&busy, true, status);
            // If the caller is behind with the parts, that the sender goes tells it as well.
            let _ = sender.try_send(Part::End { failure: Some(failure), tail });
            return;
        }
        self.finish(busy, failure.payload(), true, status);
    }

    fn finish(&self, busy: Busy, payload: Bytes, failed: bool, status: &str) {
        let tail = self.report(&busy, failed, status);
        if let Reply::Due(reply) = busy.reply {
            // A caller that has left has no use for it.
            let _ = reply.send(Answer::Complete(Complete { payload, failed, tail }));
        }
    }

    /// Lambda's lines after an invocation, and the end of the log for who wants it.
    fn report(&self, busy: &Busy, failed: bool, status: &str) -> Option<String> {
        let id = &busy.id;
        self.drain(Some(id));
        let duration = busy.started.elapsed();
        self.function.finished(duration, failed);
        let ms = duration.as_secs_f64() * 1e3;
        if self.memory_kb_max.get() == 0 {
            self.measure_memory();
        }
        let live = self.function.live();
        let used = self.memory_kb_max.get().div_ceil(1_024);
        let mut report = format!(
            "REPORT RequestId: {id}\tDuration: {ms:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {used} MB",
            ms.ceil(),
            live.definition.memory_mb
        );
        if let Some(init) = self.init_duration.take() {
            report += &format!("\tInit Duration: {:.2} ms", init.as_secs_f64() * 1e3);
        }
        report += status;
        let mut log = self.function.log.borrow_mut();
        log.push(Some(id), &format!("END RequestId: {id}"));
        log.push(Some(id), &report);
        busy.wants_tail.then(|| log.tail(busy.log_from, id))
    }

    /// Takes over what the process has written, for the invocation that is running or has just run.
    fn drain(&self, of: Option<&Rc<str>>) -> Drained {
        self.drain_from(of, |buffer| (&self.output).read(buffer))
    }

    fn drain_from(&self, of: Option<&Rc<str>>, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Drained {
        let current = match &*self.state.borrow() {
            State::Busy(busy) => Some(Rc::clone(&busy.id)),
            _ => None,
        };
        let id = of.cloned().or(current);
        let mut buffer = self.function.host.read_buffer.borrow_mut();
        let mut total = 0;
        while total < READ_BYTES_MAX {
            match read(&mut buffer[..]) {
                Ok(0) => return Drained::Ended,
                Ok(length) => {
                    total += length;
                    let mut log = self.function.log.borrow_mut();
                    self.lines.borrow_mut().add(&buffer[..length], |line| log.push(id.as_ref(), line));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::Empty,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Drained::Ended,
            }
        }
        Drained::More
    }

    fn kill(&self, doom: Doom) {
        if self.doom.get().is_none() {
            self.doom.set(Some(doom));
        }
        if self.stop.take().is_some() {
            self.killed_at.set(Some(Instant::now()));
        }
        self.function.leaves(self);
    }
}

impl State {
    fn answered() -> State {
        State::Answered { since: Instant::now() }
    }
}

enum Drained {
    Empty,
    More,
    Ended,
}
