//! The loop that keeps the schedule: what is due goes to a connection that is free, what comes back is recorded, and in
//! between the worker waits no longer than until the next request is due.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use super::arrivals::Arrivals;
use super::connection::{Connection, State, connect_failure, stream_failure};
use super::driver::{Chunk, Driver, Event, Slot};
use super::recorder::{Flight, Recorder};
use super::tls::Session;
use super::{End, Message, Shared};
use crate::measure::{Failure, Tally, process};
use crate::schedule::Schedule;
use crate::target::Rendering;
use crate::target::template::Values;

/// How often time-outs, pauses and the stop flag are looked at, ns.
const CHORES_EVERY_NS: u64 = 10_000_000;

/// Connections of a worker that are being opened at once.
const CONNECTING_MAX: usize = 512;

/// Requests between two looks at the clock: the moment of sending that is recorded is that much before the real one.
const SUBMIT_AFTER: usize = 16;

/// The pause before the second attempt to open a connection; doubled for each further one.
const PAUSE_MIN_NS: u64 = 10_000_000;
const PAUSE_MAX_NS: u64 = 1_000_000_000;

pub struct Worker<D: Driver> {
    driver: D,
    shared: Arc<Shared>,
    index: usize,
    connections: Vec<Connection>,
    /// Connections with room for a request, the one that waits longest first: all of them get their share.
    free: VecDeque<Slot>,
    connecting: usize,
    /// The last failure to open a connection, and what system or TLS said of it.
    connect_failure: Option<(Failure, Option<String>)>,
    recorder: Recorder,
    arrivals: Arrivals,
    /// Where the target's order goes on.
    order: usize,
    values: Values,
    /// Connections whose newest requests have not left yet.
    unsent: Vec<Slot>,
    /// Reused: a rendered request, plain text from TLS, ciphertext.
    rendered: Vec<u8>,
    plain: Vec<u8>,
    cipher: Vec<u8>,
    chores_at: u64,
    churn: Option<Churn>,
    /// Since when no connection has been open.
    alone_since: Option<u64>,
    /// ns that went by looking for events in vain, in the measured run.
    spun: u64,
    /// CPU time of this thread when the measured run began.
    cpu_before: Option<Duration>,
}

/// Replacing connections at a rate of its own.
struct Churn {
    every_ns: f64,
    next: f64,
    /// Round and round: connections were opened in this order.
    cursor: usize,
}

impl<D: Driver> Worker<D> {
    pub fn new(
        driver: D,
        shared: Arc<Shared>,
        index: usize,
        slots: usize,
        sender: Sender<Message>,
        spares: Receiver<Box<Tally>>,
    ) -> Worker<D> {
        let load = &shared.load;
        let churn = load.connections_per_second.map(|rate| {
            let every_ns = 1e9 * load.workers as f64 / rate;
            Churn { every_ns, next: 0.0, cursor: 0 }
        });
        Worker {
            connections: (0..slots).map(|_| Connection::new(load)).collect(),
            free: VecDeque::with_capacity(slots),
            connecting: 0,
            connect_failure: None,
            recorder: Recorder::new(index, sender, spares, shared.is_open_loop(), shared.rows.names.len()),
            arrivals: Arrivals::new(load, index),
            order: shared.target.order.len() * index / load.workers,
            values: Values::new(index, load.workers, load.seed),
            unsent: Vec::with_capacity(SUBMIT_AFTER),
            rendered: Vec::new(),
            plain: Vec::new(),
            cipher: Vec::new(),
            chores_at: 0,
            churn,
            alone_since: None,
            spun: 0,
            cpu_before: None,
            driver,
            shared,
            index,
        }
    }

    /// Opens the connections, waits for the start, keeps the schedule, and tells how it ended.
    ///
    /// # Errors
    /// The event loop itself failed.
    pub fn run(mut self) -> io::Result<()> {
        if !self.prepare()? {
            return Ok(());
        }
        loop {
            let now = self.shared.now();
            if self.is_over(now) {
                break;
            }
            self.chores(now);
            self.dispatch(now)?;
            self.turn(now)?;
        }
        self.end();
        Ok(())
    }

    /// Until the schedule begins; whether it did before the run was stopped.
    fn prepare(&mut self) -> io::Result<bool> {
        let mut told = false;
        loop {
            let now = self.shared.now();
            self.open_closed(now);
            self.check_timeouts(now);
            if !told && self.is_settled() {
                told = true;
                self.tell_ready();
            }
            let start = self.shared.start.load(Ordering::Acquire);
            if now >= start {
                self.begin(start);
                return Ok(true);
            }
            if self.shared.stop.load(Ordering::Relaxed) {
                self.recorder.tell(Message::Ended(Box::default()));
                return Ok(false);
            }
            self.driver.wait(Duration::from_millis(1))?;
            self.take_events();
        }
    }

    /// Whether every connection is open or was refused.
    fn is_settled(&self) -> bool {
        self.connections.iter().all(|connection| match connection.state {
            State::Open => true,
            State::Closed { .. } => connection.attempts_failed > 0,
            State::Connecting { .. } | State::Handshaking { .. } => false,
        })
    }

    fn tell_ready(&self) {
        let open = self.connections.iter().filter(|connection| connection.state == State::Open);
        let session = open.clone().find_map(|connection| connection.session.as_ref());
        self.recorder.tell(Message::Ready {
            driver: D::NAME,
            opened: open.count(),
            failure: self.connect_failure.clone(),
            tls: session.and_then(|session| session.description()),
        });
    }

    fn begin(&mut self, start: u64) {
        let load = &self.shared.load;
        let measured_from = self.shared.measured_from(start);
        self.arrivals.begin(start, measured_from, load.duration);
        let mut phase_ends = Vec::new();
        if let Schedule::Open { phases, .. } = &load.schedule {
            let mut end = measured_from as f64;
            phase_ends.extend(phases.iter().map(|phase| {
                end += phase.seconds * 1e9;
                end as u64
            }));
            // The last phase goes on until the last answer.
            phase_ends.pop();
        }
        self.recorder.begin(measured_from, self.shared.interval.as_nanos() as u64, phase_ends);
        if let Some(churn) = &mut self.churn {
            churn.next = start as f64 + churn.every_ns * self.index as f64 / load.workers as f64;
        }
    }

    /// What is due and has a connection leaves.
    #[inline]
    fn dispatch(&mut self, now: u64) -> io::Result<()> {
        while let Some(&slot) = self.free.front() {
            // A connection may have been closed or filled since it was listed.
            if !self.connections[slot as usize].has_room(self.shared.load.depth) {
                self.free.pop_front();
                self.connections[slot as usize].listed = false;
                continue;
            }
            let Some(intended) = self.arrivals.take(now) else { break };
            self.free.pop_front();
            self.connections[slot as usize].listed = false;
            self.send(slot, intended);
            self.list_if_free(slot);
            if self.unsent.len() >= SUBMIT_AFTER {
                self.stamp();
                self.driver.submit()?;
            }
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, slot: Slot, intended: u64) {
        let target = &self.shared.target;
        let request = target.order[self.order];
        self.order += 1;
        if self.order == target.order.len() {
            self.order = 0;
        }
        let connection = &mut self.connections[slot as usize];
        let sent = if D::SENDS_AT_SUBMIT { 0 } else { self.shared.now() };
        let flight = Flight { request, intended, ready: intended.max(connection.free_since), sent };
        let fixed = match &target.requests[request as usize].rendering {
            Rendering::Fixed(bytes) => Some(&bytes[..]),
            Rendering::Template(template) => {
                self.rendered.clear();
                template.render(&mut self.values, &mut self.rendered);
                None
            }
        };
        let bytes = fixed.unwrap_or(&self.rendered);
        self.recorder.sent(&flight, bytes.len());
        connection.flights.push_back(flight);
        match (&mut connection.session, fixed) {
            (None, Some(_)) => self.driver.send_request(slot, request),
            (None, None) => self.driver.send(slot, &self.rendered),
            (Some(session), _) => {
                // A failure shows as a broken connection when the next record is read.
                let _ = session.send(bytes);
                self.cipher.clear();
                session.take_output(&mut self.cipher);
                self.driver.send(slot, &self.cipher);
            }
        }
        if D::SENDS_AT_SUBMIT {
            self.unsent.push(slot);
        } else {
            self.recorder.left(&flight);
        }
    }

    /// The moment before the queued requests leave becomes their moment of sending.
    #[inline]
    fn stamp(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        let now = self.shared.now();
        for slot in self.unsent.drain(..) {
            // From the newest backwards: what has left is stamped already.
            for flight in self.connections[slot as usize].flights.iter_mut().rev() {
                if flight.sent != 0 {
                    break;
                }
                flight.sent = now;
                self.recorder.left(flight);
            }
        }
    }

    /// Waits for what comes next, and takes it.
    #[inline]
    fn turn(&mut self, now: u64) -> io::Result<()> {
        let wait = self.wait(now);
        self.stamp();
        self.driver.wait(wait)?;
        let any = self.take_events();
        if !any && wait.is_zero() && now >= self.recorder.measured_from {
            self.spun += self.shared.now() - now;
        }
        Ok(())
    }

    /// How long nothing is due. Sleeping ends late, so that the last stretch before a request is spent awake.
    #[inline]
    fn wait(&self, now: u64) -> Duration {
        let chores = self.chores_at.min(self.recorder.flush_at()).saturating_sub(now);
        let due = if self.free.is_empty() { u64::MAX } else { self.arrivals.next_due.saturating_sub(now) };
        let spin = self.shared.load.spin.as_nanos() as u64;
        Duration::from_nanos(chores.min(due.saturating_sub(spin)))
    }

    /// Whether anything happened.
    #[inline]
    fn take_events(&mut self) -> bool {
        let mut at = 0;
        while let Some(event) = self.driver.next() {
            if at == 0 {
                at = self.shared.now();
            }
            match event {
                Event::Received(slot, chunk) => self.receive(slot, chunk, at),
                Event::Connected(slot) => self.connected(slot, at),
                Event::ConnectFailed(slot, error) => self.connect_refused(slot, &error, at),
                Event::Ended(slot) => self.ended(slot, at),
                Event::Broken(slot, error) => self.broken(slot, stream_failure(&error), at),
            }
        }
        at != 0
    }

    #[inline]
    fn receive(&mut self, slot: Slot, chunk: Chunk, at: u64) {
        let Shared { target, rows, .. } = &*self.shared;
        let connection = &mut self.connections[slot as usize];
        let bytes = self.driver.bytes(chunk);
        self.recorder.received(bytes.len(), at);
        let handshaking = matches!(connection.state, State::Handshaking { .. });
        let result = match &mut connection.session {
            None => connection.receive(bytes, target, rows, &mut self.recorder, at),
            Some(session) => {
                self.plain.clear();
                self.cipher.clear();
                let result = session.receive(bytes, &mut self.plain);
                session.take_output(&mut self.cipher);
                match result {
                    Ok(()) => connection.receive(&self.plain, target, rows, &mut self.recorder, at),
                    Err(failure) => Err(failure),
                }
            }
        };
        self.driver.give_back(chunk);
        if connection.session.is_some() && !self.cipher.is_empty() {
            self.driver.send(slot, &self.cipher);
        }
        match result {
            Err(failure) if handshaking => self.handshake_failed(slot, failure, at),
            Err(Failure::Tls) => self.tls_broken(slot, at),
            Err(failure) => self.broken(slot, failure, at),
            Ok(()) if handshaking => self.opened_if_shaken(slot, at),
            Ok(()) => self.after_answers(slot, at),
        }
    }

    #[inline]
    fn after_answers(&mut self, slot: Slot, at: u64) {
        let connection = &mut self.connections[slot as usize];
        if self.shared.load.requests_per_connection.is_some_and(|max| connection.answered >= max) {
            connection.retiring = true;
        }
        if !connection.retiring {
            return self.list_if_free(slot);
        }
        // What was pipelined behind the last answer gets none.
        connection.fail_flights(Failure::ClosedEarly, &self.shared.rows, &mut self.recorder);
        self.close(slot);
        self.open(slot, at);
    }

    #[inline]
    fn list_if_free(&mut self, slot: Slot) {
        let connection = &mut self.connections[slot as usize];
        if !connection.listed && connection.has_room(self.shared.load.depth) {
            connection.listed = true;
            self.free.push_back(slot);
        }
    }

    #[cold]
    fn connected(&mut self, slot: Slot, at: u64) {
        let connection = &mut self.connections[slot as usize];
        let Some(session) = &mut connection.session else { return self.opened(slot, at) };
        connection.state = State::Handshaking { since: at };
        self.cipher.clear();
        session.take_output(&mut self.cipher);
        self.driver.send(slot, &self.cipher);
    }

    #[cold]
    fn opened_if_shaken(&mut self, slot: Slot, at: u64) {
        if self.connections[slot as usize].session.as_ref().is_some_and(|session| !session.is_handshaking()) {
            self.opened(slot, at);
        }
    }

    fn opened(&mut self, slot: Slot, at: u64) {
        self.connecting -= 1;
        let connection = &mut self.connections[slot as usize];
        connection.state = State::Open;
        connection.attempts_failed = 0;
        connection.free_since = at;
        self.recorder.connection_opened(at);
        self.list_if_free(slot);
    }

    #[cold]
    fn connect_refused(&mut self, slot: Slot, error: &io::Error, at: u64) {
        self.connect_failed(slot, connect_failure(error), Some(error.to_string()), at);
    }

    #[cold]
    fn handshake_failed(&mut self, slot: Slot, failure: Failure, at: u64) {
        let session = self.connections[slot as usize].session.as_ref();
        let reason = session.and_then(Session::error);
        self.connect_failed(slot, failure, reason, at);
    }

    /// A record that cannot be read, or an alert. Before the first answer it is the end of the handshake: in TLS 1.3 a
    /// server refuses the client's certificate after the client's part is over.
    #[cold]
    fn tls_broken(&mut self, slot: Slot, at: u64) {
        let connection = &mut self.connections[slot as usize];
        if connection.answered > 0 {
            // An answer that cannot be read.
            return self.broken(slot, Failure::Malformed, at);
        }
        connection.fail_flights(Failure::ClosedEarly, &self.shared.rows, &mut self.recorder);
        self.handshake_failed(slot, Failure::Tls, at);
    }

    #[cold]
    fn connect_failed(&mut self, slot: Slot, failure: Failure, reason: Option<String>, at: u64) {
        self.connect_failure = Some((failure, reason));
        self.recorder.connection_failed(failure, at);
        self.close(slot);
        let connection = &mut self.connections[slot as usize];
        let pause = PAUSE_MIN_NS.saturating_mul(1 << connection.attempts_failed.min(16)).min(PAUSE_MAX_NS);
        connection.attempts_failed += 1;
        connection.state = State::Closed { reopen_at: at + pause };
    }

    #[cold]
    fn ended(&mut self, slot: Slot, at: u64) {
        if self.connections[slot as usize].state != State::Open {
            // Closed in the middle of the handshake.
            return self.handshake_failed(slot, Failure::Tls, at);
        }
        let Shared { target, rows, .. } = &*self.shared;
        self.connections[slot as usize].end(target, rows, &mut self.recorder, at);
        self.close(slot);
        self.open(slot, at);
    }

    #[cold]
    fn broken(&mut self, slot: Slot, failure: Failure, at: u64) {
        if self.connections[slot as usize].state != State::Open {
            return self.handshake_failed(slot, Failure::Tls, at);
        }
        self.connections[slot as usize].fail_flights(failure, &self.shared.rows, &mut self.recorder);
        self.close(slot);
        self.open(slot, at);
    }

    fn close(&mut self, slot: Slot) {
        self.stamp();
        let connection = &mut self.connections[slot as usize];
        if matches!(connection.state, State::Connecting { .. } | State::Handshaking { .. }) {
            self.connecting -= 1;
        }
        connection.state = State::Closed { reopen_at: 0 };
        self.driver.close(slot);
    }

    /// Opens a closed connection, at once or, if too many are being opened, when the next chores are done.
    fn open(&mut self, slot: Slot, now: u64) {
        if self.connecting >= CONNECTING_MAX || self.arrivals.are_over(now) {
            return;
        }
        let addresses = &self.shared.target.origin.addresses;
        let connection = &mut self.connections[slot as usize];
        connection.reset(self.shared.tls.as_ref());
        connection.state = State::Connecting { since: now };
        self.connecting += 1;
        let attempt = slot as usize + connection.attempts_failed as usize;
        if let Err(error) = self.driver.connect(slot, addresses[attempt % addresses.len()]) {
            self.connect_refused(slot, &error, now);
        }
    }

    #[inline]
    fn chores(&mut self, now: u64) {
        self.recorder.flush_if_due(now);
        if now < self.chores_at {
            return;
        }
        self.chores_at = now + CHORES_EVERY_NS;
        if self.cpu_before.is_none() && now >= self.recorder.measured_from {
            self.cpu_before = Some(process::thread_cpu());
        }
        self.check_timeouts(now);
        self.open_closed(now);
        self.replace_connections(now);
        if self.shared.load.gives_up {
            let open = self.connections.iter().any(|connection| connection.state == State::Open);
            self.alone_since = if open { None } else { self.alone_since.or(Some(now)) };
        }
    }

    fn open_closed(&mut self, now: u64) {
        for slot in 0..self.connections.len() {
            if let State::Closed { reopen_at } = self.connections[slot].state
                && reopen_at <= now
            {
                self.open(slot as Slot, now);
            }
        }
    }

    fn check_timeouts(&mut self, now: u64) {
        let timeout = self.shared.load.timeout.as_nanos() as u64;
        let Some(limit) = now.checked_sub(timeout) else { return };
        for slot in 0..self.connections.len() as Slot {
            let connection = &self.connections[slot as usize];
            match connection.state {
                State::Connecting { since } | State::Handshaking { since } if since < limit => {
                    self.connect_failed(slot, Failure::ConnectTimeout, None, now);
                }
                State::Open if connection.flights.front().is_some_and(|f| f.sent != 0 && f.sent < limit) => {
                    self.broken(slot, Failure::Timeout, now);
                }
                _ => {}
            }
        }
    }

    /// `--connections-per-second`: the connection that is open longest goes, after its answer if one is due.
    fn replace_connections(&mut self, now: u64) {
        let Some(mut churn) = self.churn.take() else { return };
        while churn.next <= now as f64 && !self.arrivals.are_over(now) {
            churn.next += churn.every_ns;
            let slot = churn.cursor as Slot;
            churn.cursor = (churn.cursor + 1) % self.connections.len();
            let connection = &mut self.connections[slot as usize];
            if connection.state != State::Open {
                continue;
            }
            connection.retiring = true;
            if connection.flights.is_empty() {
                self.close(slot);
                self.open(slot, now);
            }
        }
        self.churn = Some(churn);
    }

    /// Whether all that was intended has been answered, or the time for that is over.
    #[inline]
    fn is_over(&self, now: u64) -> bool {
        if self.shared.stop.load(Ordering::Relaxed) {
            return true;
        }
        if self.gave_up(now) {
            return true;
        }
        if !self.arrivals.are_over(now) && now < self.arrivals.end {
            return false;
        }
        let grace = self.shared.load.timeout.as_nanos() as u64;
        let idle = self.connections.iter().all(|connection| connection.flights.is_empty());
        (idle && self.arrivals.are_over(now)) || now >= self.arrivals.end.saturating_add(grace)
    }

    #[inline]
    fn gave_up(&self, now: u64) -> bool {
        self.alone_since.is_some_and(|since| now - since > self.shared.load.timeout.as_nanos() as u64)
    }

    fn end(mut self) {
        let now = self.shared.now();
        let in_flight = self.connections.iter().flat_map(|connection| &connection.flights);
        let in_flight = in_flight.filter(|flight| self.recorder.is_measured(flight)).count() as u64;
        let stopped = self.shared.stop.load(Ordering::Relaxed) || self.gave_up(now);
        let not_sent = self.arrivals.count_unsent(if stopped { now } else { self.arrivals.end });
        let measured_to = if stopped {
            now
        } else if self.arrivals.counted_out() {
            self.recorder.last_answer
        } else {
            self.arrivals.end.max(self.recorder.last_answer)
        };
        self.recorder.flush();
        let end = End {
            intended: self.arrivals.intended,
            in_flight,
            not_sent,
            measured: Duration::from_nanos(measured_to.saturating_sub(self.recorder.measured_from)),
            // Nothing where the run was stopped before it was measured.
            cpu: self.cpu_before.map_or(Duration::ZERO, |before| process::thread_cpu().saturating_sub(before)),
            spun: Duration::from_nanos(self.spun),
            rows: std::mem::take(&mut self.recorder.rows),
        };
        self.recorder.tell(Message::Ended(Box::new(end)));
    }
}
