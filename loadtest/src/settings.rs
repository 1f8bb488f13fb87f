//! The command line, checked: what the run works with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::report::expect::Expectations;
use crate::schedule::Schedule;
use crate::target::Target;

/// A run. Made by [`crate::args`] from what the user wrote; nothing is checked again after that.
#[derive(Debug)]
pub struct Settings {
    pub label: String,
    /// As in [`crate::report::Report::command`].
    pub command: Vec<String>,
    pub target: Target,
    pub load: Load,
    /// How often the run is repeated; at least 1.
    pub repeats: usize,
    pub search: Option<Search>,
    pub target_pid: Option<u32>,
    pub outputs: Outputs,
    pub expectations: Expectations,
}

/// What the engine needs to know beside the target.
#[derive(Clone, Debug)]
pub struct Load {
    /// For a search: open, at the lowest rate; each trial puts its own in the place.
    pub schedule: Schedule,
    /// Of the measured run. In open schedules the sum of the phases; of a search, of one trial.
    pub duration: Duration,
    /// Ends the run after so many requests (all workers together) if that comes before `duration`.
    pub requests_max: Option<u64>,
    /// Ends the run when no connection could be opened for `timeout`: where only a number of requests would end it, it
    /// would wait for a server that is gone.
    pub gives_up: bool,
    /// Load without record before the run.
    pub warm_up: Duration,
    /// All workers together; at least one a worker.
    pub connections: usize,
    /// Requests in flight on a connection (pipelining); 1 unless asked.
    pub depth: usize,
    pub workers: usize,
    /// CPUs to pin workers to, in order; empty: the kernel chooses.
    pub pin: Vec<usize>,
    pub driver: DriverChoice,
    /// For an answer to be complete, from sending; also for opening a connection.
    pub timeout: Duration,
    /// After so many answers a connection is closed and a new one opened.
    pub requests_per_connection: Option<u64>,
    /// New connections a second, all workers together: the oldest idle connection is closed for each.
    pub connections_per_second: Option<f64>,
    /// Sleeping threads wake up late; a wait shorter than this is spun instead, in open schedules.
    pub spin: Duration,
    /// The largest response head that is read.
    pub head_bytes_max: usize,
    /// The largest body that is kept for a check; the rest is not looked at.
    pub body_bytes_max: usize,
    pub tls: Tls,
    /// The local address; its port is 0, and all of the origin's addresses are of its family.
    pub bind: Option<SocketAddr>,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DriverChoice {
    /// io_uring where the kernel allows it, else epoll.
    Auto,
    #[value(name = "io_uring")]
    IoUring,
    Epoll,
}

#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates are not verified.
    pub insecure: bool,
    /// Trusted beside the system's roots, PEM.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name sent and verified instead of the URL's host.
    pub server_name: Option<String>,
    /// Whether sessions are resumed on new connections.
    pub resume: bool,
}

/// `--find-max`.
#[derive(Clone, Debug)]
pub struct Search {
    pub condition: Expectations,
    pub rate_min: f64,
    pub rate_max: f64,
    /// Of each trial.
    pub trial: Duration,
    /// The search ends when the bounds are within this share of each other, such as 0.05.
    pub precision: f64,
}

/// Files to write; `-` is the standard output.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub json: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub csv: Option<PathBuf>,
    pub hgrm: Option<PathBuf>,
    pub hlog: Option<PathBuf>,
    /// No progress and no summary.
    pub quiet: bool,
}
