//! One worker's interval: the hot path adds to it, the run's thread merges it.

use hdrhistogram::Histogram;

use super::Failure;

/// Nanoseconds; longer times count as this one. Above every time-out that is accepted.
pub const LATENCY_MAX_NS: u64 = 3_600_000_000_000;

/// Three significant digits from 1 ns to an hour: 260 KiB when all of it is touched.
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are constants that fit each other")
}

/// What happened in an interval; adding two tallies gives that of both.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Answers by time from the *intended* start, ns. In a closed loop that is the moment of sending.
    pub latency: Histogram<u64>,
    /// Answers by time from sending, ns. Empty in a closed loop, where it is the same.
    pub service: Histogram<u64>,
    /// Requests by the tool's own delay, ns: from the later of intended start and free connection to sending. Empty in a
    /// closed loop.
    pub lag: Histogram<u64>,
    /// Requests given to a connection.
    pub sent: u64,
    /// Complete answers, expected or not.
    pub answered: u64,
    /// By [`Failure`]. `Status` and `Body` are answers as well; the connection's kinds are not of requests.
    pub failures: [u64; Failure::COUNT],
    /// Answers by status, from 100 on.
    pub statuses: [u64; 500],
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub connections_opened: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            latency: latency_histogram(),
            service: latency_histogram(),
            lag: latency_histogram(),
            sent: 0,
            answered: 0,
            failures: [0; Failure::COUNT],
            statuses: [0; 500],
            bytes_sent: 0,
            bytes_received: 0,
            connections_opened: 0,
        }
    }
}

impl Tally {
    #[inline]
    pub fn status(&mut self, status: u16) {
        if let Some(count) = self.statuses.get_mut(usize::from(status).wrapping_sub(100)) {
            *count += 1;
        }
    }

    #[inline]
    pub fn fail(&mut self, failure: Failure) {
        self.failures[failure as usize] += 1;
    }

    /// Requests that failed: connections that could not be opened are not among them.
    pub fn failed_requests(&self) -> u64 {
        Failure::ALL.iter().filter(|f| !f.is_of_connection()).map(|&f| self.failures[f as usize]).sum()
    }

    pub fn add(&mut self, other: &Tally) {
        let fits = "all latency histograms have the same bounds";
        self.latency.add(&other.latency).expect(fits);
        self.service.add(&other.service).expect(fits);
        self.lag.add(&other.lag).expect(fits);
        self.sent += other.sent;
        self.answered += other.answered;
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| *mine += theirs);
        self.statuses.iter_mut().zip(other.statuses).for_each(|(mine, theirs)| *mine += theirs);
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.connections_opened += other.connections_opened;
    }

    /// Empties the tally and keeps its memory.
    pub fn clear(&mut self) {
        self.latency.reset();
        self.service.reset();
        self.lag.reset();
        (self.sent, self.answered) = (0, 0);
        self.failures = [0; Failure::COUNT];
        self.statuses = [0; 500];
        (self.bytes_sent, self.bytes_received, self.connections_opened) = (0, 0, 0);
    }
}
