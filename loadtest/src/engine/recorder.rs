//! What a worker counts, and when it hands it over.

use std::sync::mpsc::{Receiver, Sender};

use super::{Message, NOT_STARTED, RowTally};
use crate::measure::tally::LATENCY_MAX_NS;
use crate::measure::{Failure, Tally};

/// A request on its way. Times are ns since the run's epoch.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Into the target's requests.
    pub request: u32,
    /// When it was due; in a closed loop when a connection was free.
    pub intended: u64,
    /// When it was due *and* a connection was free.
    pub ready: u64,
    /// When it left; 0 until then.
    pub sent: u64,
}

pub struct Recorder {
    worker: usize,
    sender: Sender<Message>,
    spares: Receiver<Box<Tally>>,
    tally: Box<Tally>,
    open_loop: bool,
    /// What was intended before is warm-up and not counted.
    pub measured_from: u64,
    interval: u64,
    /// Where phases of the schedule end, and which one this is.
    phase_ends: Vec<u64>,
    phase: usize,
    /// The interval being counted, and where it or its phase ends.
    current: u64,
    flush_at: u64,
    pub last_answer: u64,
    /// By row; empty where there is only one.
    pub rows: Vec<RowTally>,
}

impl Recorder {
    pub fn new(
        worker: usize,
        sender: Sender<Message>,
        spares: Receiver<Box<Tally>>,
        open_loop: bool,
        rows: usize,
    ) -> Recorder {
        Recorder {
            worker,
            sender,
            spares,
            tally: Box::default(),
            open_loop,
            measured_from: NOT_STARTED,
            interval: 0,
            phase_ends: Vec::new(),
            phase: 0,
            current: 0,
            flush_at: NOT_STARTED,
            last_answer: 0,
            rows: if rows > 1 { vec![RowTally::default(); rows] } else { Vec::new() },
        }
    }

    /// The schedule has begun. `phase_ends` are moments like `measured_from`; the last phase has no end.
    pub fn begin(&mut self, measured_from: u64, interval: u64, phase_ends: Vec<u64>) {
        self.measured_from = measured_from;
        self.interval = interval;
        self.phase_ends = phase_ends;
        self.set_flush_at();
    }

    fn set_flush_at(&mut self) {
        let interval_end = self.measured_from + (self.current + 1) * self.interval;
        let phase_end = self.phase_ends.get(self.phase).copied().unwrap_or(NOT_STARTED);
        self.flush_at = interval_end.min(phase_end);
    }

    pub fn flush_at(&self) -> u64 {
        self.flush_at
    }

    /// Hands over the interval if it is at its end.
    pub fn flush_if_due(&mut self, now: u64) {
        if now < self.flush_at {
            return;
        }
        self.flush();
        self.current = (now - self.measured_from) / self.interval;
        while self.phase_ends.get(self.phase).is_some_and(|&end| end <= now) {
            self.phase += 1;
        }
        self.set_flush_at();
    }

    pub fn flush(&mut self) {
        let spare = self.spares.try_recv().unwrap_or_default();
        let tally = std::mem::replace(&mut self.tally, spare);
        self.tell(Message::Counted { interval: self.current, phase: self.phase, tally, worker: self.worker });
    }

    /// A run that has gone does not need to be told.
    pub fn tell(&self, message: Message) {
        drop(self.sender.send(message));
    }

    #[inline]
    pub fn is_measured(&self, flight: &Flight) -> bool {
        flight.intended >= self.measured_from
    }

    #[inline]
    pub fn sent(&mut self, flight: &Flight, bytes: usize) {
        if self.is_measured(flight) {
            self.tally.sent += 1;
            self.tally.bytes_sent += bytes as u64;
        }
    }

    /// The request has left: how late.
    #[inline]
    pub fn left(&mut self, flight: &Flight) {
        if self.open_loop && self.is_measured(flight) {
            self.tally.lag.saturating_record(flight.sent.saturating_sub(flight.ready));
        }
    }

    #[inline]
    pub fn received(&mut self, bytes: usize, now: u64) {
        if now >= self.measured_from {
            self.tally.bytes_received += bytes as u64;
        }
    }

    #[inline]
    pub fn answer(&mut self, flight: &Flight, row: u16, status: u16, verdict: Result<(), Failure>, at: u64) {
        if !self.is_measured(flight) {
            return;
        }
        let tally = &mut *self.tally;
        tally.answered += 1;
        tally.status(status);
        let service = at.saturating_sub(flight.sent);
        let latency = if self.open_loop { at.saturating_sub(flight.intended) } else { service };
        tally.latency.saturating_record(latency);
        if self.open_loop {
            tally.service.saturating_record(service);
        }
        if let Err(failure) = verdict {
            tally.fail(failure);
        }
        self.last_answer = at;
        if let Some(row) = self.rows.get_mut(usize::from(row)) {
            row.answered += 1;
            row.failed += u64::from(verdict.is_err());
            // Within its bound a histogram that resizes takes every value; beyond it there is none to keep.
            let _ = row.latency.record(latency.min(LATENCY_MAX_NS));
        }
    }

    /// The request got no answer.
    #[cold]
    pub fn fail(&mut self, flight: &Flight, row: u16, failure: Failure) {
        debug_assert!(!failure.is_of_connection(), "{failure} is no request's");
        if self.is_measured(flight) {
            self.tally.fail(failure);
            if let Some(row) = self.rows.get_mut(usize::from(row)) {
                row.failed += 1;
            }
        }
    }

    pub fn connection_opened(&mut self, now: u64) {
        if now >= self.measured_from {
            self.tally.connections_opened += 1;
        }
    }

    #[cold]
    pub fn connection_failed(&mut self, failure: Failure, now: u64) {
        if now >= self.measured_from {
            self.tally.fail(failure);
        }
    }
}
