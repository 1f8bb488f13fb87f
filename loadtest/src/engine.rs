//! Sending and receiving: workers, each with a thread, an event loop and connections of its own.
//!
//! - [`worker`]: the loop that keeps the schedule; [`arrivals`]: a worker's part of it;
//! - [`connection`]: one connection's state; [`recorder`]: what is counted, and when it is handed over;
//! - [`http1`]: the protocol, without I/O. HTTP/2 and WebSocket will stand beside it: bytes in, answers out;
//! - [`tls`]: the layer below it, without I/O as well;
//! - [`driver`]: what a worker asks of its event loop; [`ring`] and [`epoll`] are the two that exist.
//!
//! Workers share what does not change. They tell the run's thread what they counted, an interval at a time.

mod arrivals;
mod connection;
mod driver;
mod epoll;
mod http1;
mod recorder;
mod ring;
mod socket;
mod tls;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::measure::{Failure, Tally, process};
use crate::schedule::Schedule;
use crate::settings::{DriverChoice, Load};
use crate::target::Target;
use driver::Driver;
use worker::Worker;

/// What all workers of a run share. Times are ns since `epoch`.
#[derive(Debug)]
struct Shared {
    target: Arc<Target>,
    load: Load,
    tls: Option<tls::Client>,
    epoch: Instant,
    /// When the schedule begins; [`NOT_STARTED`] while connections are being opened.
    start: AtomicU64,
    stop: Arc<AtomicBool>,
    interval: Duration,
    /// By request: its row in the report's table.
    rows: Rows,
}

const NOT_STARTED: u64 = u64::MAX;

/// Requests as the report lists them: by name.
#[derive(Debug, Default)]
struct Rows {
    names: Vec<String>,
    /// By request; the last row is of all names beyond the bound.
    of_request: Vec<u16>,
}

/// What workers tell.
pub enum Message {
    /// Connections were opened as far as they could.
    Ready {
        driver: &'static str,
        opened: usize,
        /// The last one, and what system or TLS said of it.
        failure: Option<(Failure, Option<String>)>,
        tls: Option<String>,
    },
    /// An interval of the measured run, by number, and the schedule's phase it belongs to.
    Counted {
        interval: u64,
        phase: usize,
        tally: Box<Tally>,
        worker: usize,
    },
    Ended(Box<End>),
    /// The worker could not run.
    Failed(String),
}

/// A worker's last words.
#[derive(Debug, Default)]
pub struct End {
    /// Measured requests that the schedule asked for.
    pub intended: u64,
    pub in_flight: u64,
    pub not_sent: u64,
    /// From the measured run's start to its end, which is not before the last answer.
    pub measured: Duration,
    /// CPU time during it, and the part of that spent on waiting actively.
    pub cpu: Duration,
    pub spun: Duration,
    /// By row.
    pub rows: Vec<RowTally>,
}

/// What one row of requests got.
#[derive(Clone, Debug)]
pub struct RowTally {
    pub answered: u64,
    pub failed: u64,
    /// ns; two significant digits.
    pub latency: Histogram<u32>,
}

impl Default for RowTally {
    fn default() -> Self {
        let mut latency = Histogram::new(2).expect("two significant digits are allowed");
        latency.auto(true);
        RowTally { answered: 0, failed: 0, latency }
    }
}

impl RowTally {
    pub fn add(&mut self, other: &RowTally) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.latency.add(&other.latency).expect("a histogram that resizes takes all values");
    }
}

/// Running workers.
pub struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    messages: Receiver<Message>,
    /// By worker: where emptied tallies go back to.
    spares: Vec<Sender<Box<Tally>>>,
}

impl Workers {
    /// Starts the workers, which open their connections and then wait for [`Workers::begin`].
    ///
    /// # Errors
    /// TLS cannot be set up as asked, there are too few descriptors, or the system gives no threads.
    pub fn start(
        target: Arc<Target>,
        load: Load,
        interval: Duration,
        stop: Arc<AtomicBool>,
    ) -> Result<Workers, String> {
        process::allow_descriptors(load.connections as u64 + 64)?;
        let tls = match target.origin.tls {
            true => Some(tls::Client::new(&load.tls, &target.origin.host)?),
            false => None,
        };
        let rows = Rows::of(&target);
        let start = AtomicU64::new(NOT_STARTED);
        let shared = Arc::new(Shared { target, load, tls, epoch: Instant::now(), start, stop, interval, rows });
        let (sender, messages) = mpsc::channel();
        let mut workers = Workers { shared, threads: Vec::new(), messages, spares: Vec::new() };
        for index in 0..workers.shared.load.workers {
            let (spare, spares) = mpsc::channel();
            let (shared, sender) = (Arc::clone(&workers.shared), sender.clone());
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    if let Err(error) = work(shared, index, sender.clone(), spares) {
                        // The run's thread is gone only when it does not care any more.
                        drop(sender.send(Message::Failed(error)));
                    }
                })
                .map_err(|error| format!("a worker thread cannot be started: {error}"))?;
            workers.threads.push(thread);
            workers.spares.push(spare);
        }
        Ok(workers)
    }

    /// Begins the schedule on all workers at once; the moment at which it begins.
    pub fn begin(&self) -> Instant {
        // Time for every worker to wake up and see it.
        let start = self.shared.epoch.elapsed() + Duration::from_millis(5);
        self.shared.start.store(start.as_nanos() as u64, Ordering::Release);
        self.shared.epoch + start
    }

    /// The next message; `None` after `timeout`.
    pub fn message(&self, timeout: Duration) -> Option<Message> {
        self.messages.recv_timeout(timeout).ok()
    }

    /// Gives a tally's memory back to the worker that it came from.
    pub fn give_back(&self, worker: usize, mut tally: Box<Tally>) {
        tally.clear();
        // A worker that has ended needs none.
        drop(self.spares[worker].send(tally));
    }

    pub fn row_names(&self) -> &[String] {
        &self.shared.rows.names
    }

    /// Waits for the threads to end, which is at once after [`Message::Ended`] or a stop.
    ///
    /// # Errors
    /// A worker panicked.
    pub fn join(self) -> Result<(), String> {
        for thread in self.threads {
            thread.join().map_err(|_| "a worker panicked; this is a defect of the load tester".to_owned())?;
        }
        Ok(())
    }
}

/// A worker's thread, from its event loop to its end.
fn work(
    shared: Arc<Shared>,
    index: usize,
    sender: Sender<Message>,
    spares: Receiver<Box<Tally>>,
) -> Result<(), String> {
    if let Some(&cpu) = shared.load.pin.get(index % shared.load.pin.len().max(1)) {
        process::pin_to(cpu)?;
    }
    process::exact_sleeps();
    let slots = share(shared.load.connections, index, shared.load.workers);
    let bind = shared.load.bind;
    let target = Arc::clone(&shared.target);
    if shared.load.driver != DriverChoice::Epoll {
        match ring::Ring::new(Arc::clone(&target), slots, bind, shared.load.depth > 1) {
            Ok(driver) => return run(driver, shared, index, slots, sender, spares),
            Err(error) if shared.load.driver == DriverChoice::IoUring => {
                return Err(format!("io_uring cannot be used: {error} (it takes Linux 6.1, and permission)"));
            }
            Err(_) => {}
        }
    }
    let driver = epoll::Epoll::new(target, slots, bind).map_err(|error| format!("epoll cannot be used: {error}"))?;
    run(driver, shared, index, slots, sender, spares)
}

fn run<D: Driver>(
    driver: D,
    shared: Arc<Shared>,
    index: usize,
    slots: usize,
    sender: Sender<Message>,
    spares: Receiver<Box<Tally>>,
) -> Result<(), String> {
    Worker::new(driver, shared, index, slots, sender, spares)
        .run()
        .map_err(|error| format!("a worker's event loop failed: {error}"))
}

/// Of `total` things, how many worker `index` of `workers` has.
fn share(total: usize, index: usize, workers: usize) -> usize {
    total / workers + usize::from(index < total % workers)
}

impl Rows {
    fn of(target: &Target) -> Rows {
        let mut names: Vec<String> = Vec::new();
        let mut of_request = Vec::new();
        for request in &target.requests {
            let row = match names.iter().position(|name| *name == request.name) {
                Some(row) => row,
                None if names.len() < crate::report::REQUESTS_MAX => {
                    names.push(request.name.clone());
                    names.len() - 1
                }
                None => crate::report::REQUESTS_MAX,
            };
            of_request.push(row as u16);
        }
        if of_request.iter().any(|&row| usize::from(row) == names.len()) {
            names.push("(others)".to_owned());
        }
        Rows { names, of_request }
    }
}

impl Shared {
    /// ns since `epoch`.
    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// When the measured run begins, once the schedule has begun.
    fn measured_from(&self, start: u64) -> u64 {
        start + self.load.warm_up.as_nanos() as u64
    }

    fn is_open_loop(&self) -> bool {
        matches!(self.load.schedule, Schedule::Open { .. })
    }
}
