//! One connection: what was asked on it, and what came back.

use std::collections::VecDeque;
use std::io;

use super::http1::{Answers, Asked};
use super::recorder::{Flight, Recorder};
use super::tls::Session;
use super::{Rows, tls};
use crate::measure::Failure;
use crate::settings::Load;
use crate::target::Target;

/// Where a connection is between nothing and open. Times are ns since the run's epoch.
///
/// ```text
///  Closed ──► Connecting ──► (Handshaking) ──► Open ──► Closed
///    ▲             └────────────────┴── failed, after a pause ──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed { reopen_at: u64 },
    Connecting { since: u64 },
    Handshaking { since: u64 },
    Open,
}

#[derive(Debug)]
pub struct Connection {
    pub state: State,
    pub session: Option<Session>,
    /// Oldest first: answers come in the order of the requests.
    pub flights: VecDeque<Flight>,
    answers: Answers,
    /// On this connection since it was opened.
    pub answered: u64,
    /// Whether the worker's list of free connections has it.
    pub listed: bool,
    /// No further request on it: the server said so, or it has served its time.
    pub retiring: bool,
    /// Since when it has had room for a request.
    pub free_since: u64,
    /// Failed attempts to open it, one after the other.
    pub attempts_failed: u32,
}

impl Connection {
    pub fn new(load: &Load) -> Connection {
        Connection {
            state: State::Closed { reopen_at: 0 },
            session: None,
            flights: VecDeque::with_capacity(load.depth),
            answers: Answers::new(load.head_bytes_max, load.body_bytes_max),
            answered: 0,
            listed: false,
            retiring: false,
            free_since: 0,
            attempts_failed: 0,
        }
    }

    /// Begins anew, as after a close.
    pub fn reset(&mut self, tls: Option<&tls::Client>) {
        debug_assert!(self.flights.is_empty(), "flights are counted before a connection is given up");
        self.session = tls.map(Session::new);
        self.answers.clear();
        self.answered = 0;
        self.retiring = false;
    }

    #[inline]
    pub fn has_room(&self, depth: usize) -> bool {
        self.state == State::Open && !self.retiring && self.flights.len() < depth
    }

    /// Takes what the server sent and records the answers in it.
    ///
    /// # Errors
    /// What came is not an answer to what was asked; the connection is of no use any more.
    #[inline]
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        target: &Target,
        rows: &Rows,
        recorder: &mut Recorder,
        at: u64,
    ) -> Result<(), Failure> {
        while !bytes.is_empty() {
            // Bytes that nobody asked for, such as a 408 before an idle connection is closed.
            let Some(flight) = self.flights.front() else {
                self.retiring = true;
                return Ok(());
            };
            let request = &target.requests[flight.request as usize];
            let asked = Asked { head: request.head, wants_body: request.check.wants_body() };
            let (taken, answer) = self.answers.receive(bytes, asked)?;
            bytes = &bytes[taken..];
            if let Some(answer) = answer {
                self.finish(answer.status, answer.close, target, rows, recorder, at);
            }
        }
        Ok(())
    }

    /// The server closed the connection. What that means for the oldest request is recorded.
    pub fn end(&mut self, target: &Target, rows: &Rows, recorder: &mut Recorder, at: u64) {
        if !self.flights.is_empty()
            && let Ok(answer) = self.answers.end()
        {
            self.finish(answer.status, true, target, rows, recorder, at);
        }
        self.fail_flights(Failure::ClosedEarly, rows, recorder);
    }

    #[inline]
    fn finish(&mut self, status: u16, close: bool, target: &Target, rows: &Rows, recorder: &mut Recorder, at: u64) {
        let Some(flight) = self.flights.pop_front() else { return };
        let verdict = target.requests[flight.request as usize].check.judge(status, self.answers.body());
        recorder.answer(&flight, rows.of_request[flight.request as usize], status, verdict, at);
        self.answered += 1;
        self.retiring |= close;
        self.free_since = at;
    }

    pub fn fail_flights(&mut self, failure: Failure, rows: &Rows, recorder: &mut Recorder) {
        for flight in self.flights.drain(..) {
            recorder.fail(&flight, rows.of_request[flight.request as usize], failure);
        }
    }
}

/// Why a connection could not be opened.
pub fn connect_failure(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Failure::Refused,
        Some(libc::ETIMEDOUT) => Failure::ConnectTimeout,
        _ => Failure::Unreachable,
    }
}

/// Why sending or receiving failed.
pub fn stream_failure(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ECONNRESET | libc::EPIPE) => Failure::Reset,
        _ => Failure::Io,
    }
}
