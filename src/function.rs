//! The function host: functions that were written for AWS Lambda, run as processes of this machine.
//!
//! All of it lives on one thread of its own, off the data cores, and is spoken to over HTTP on the loopback only: by the data
//! plane, by AWS's tools, by `tollgate functions`. Nothing here knows the gateway.
//!
//! Read in this order:
//! - [`api`]: the Invoke API and the control API as AWS has them.
//! - [`host`]: all functions, and the places for processes; [`control`] changes them, [`store`] keeps them on the disk.
//! - [`pool`]: one function and its processes; [`events`]: invocations that nobody waits for.
//! - [`process`]: one process; [`launch`] starts it, [`warden`] watches over it, [`runtime_api`] speaks to it, [`peer`] knows
//!   whose a connection is.
//! - [`definition`], [`runtime`], [`code`], [`name`], [`user`]: what a function is.
//! - [`invocation`], [`log`], [`stats`], [`eventstream`], [`body`], [`time`], [`remove`]: what comes and goes.

pub mod api;
mod body;
pub mod code;
mod control;
pub mod definition;
mod events;
mod eventstream;
mod host;
mod invocation;
mod launch;
mod log;
pub mod name;
mod peer;
mod pool;
mod process;
mod remove;
pub mod runtime;
mod runtime_api;
pub mod stats;
mod store;
mod time;
mod user;
pub mod warden;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use api::Gate;
use code::Limits;
use definition::Configured;
use stats::Stats;
use tokio::sync::watch;
pub use user::User;

/// Everything that a host starts from.
pub struct FunctionSettings {
    /// Where the Invoke API and the control API are; port 0 lets the system choose.
    pub listen: SocketAddr,
    pub functions: Vec<Configured>,
    pub account_id: String,
    pub region: String,
    /// Where functions that the control API made are kept; `None` forgets them at the end.
    pub data: Option<PathBuf>,
    /// Below it a folder is made for what runs.
    pub run_folder: PathBuf,
    /// Where logs of functions are written too.
    pub log_folder: Option<PathBuf>,
    pub python: PathBuf,
    pub node: PathBuf,
    pub user: User,
    /// The program that is a warden when its first argument is [`warden::ARGUMENT`].
    pub launcher: PathBuf,
    pub bounds: Bounds,
    /// Who may do what.
    pub gate: Gate,
}

/// What there may be at most.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub functions_max: usize,
    /// Processes of all functions together.
    pub processes_max: usize,
    /// Processes of a function that does not say it itself.
    pub function_processes_max: u32,
    /// How long a process may be idle, of a function that does not say it itself.
    pub idle: Duration,
    /// How long an invocation waits for one of the processes that there are before another is started.
    pub scale_after: Duration,
    /// Invocations of a function that wait for a process.
    pub queue_max: usize,
    /// Payloads of all invocations that run or wait, together; for those to come as long as they say they are.
    pub payload_bytes_max: usize,
    pub init_timeout: Duration,
    pub request_bytes_max: usize,
    pub event_bytes_max: usize,
    pub response_bytes_max: usize,
    pub stream_bytes_max: u64,
    /// Asynchronous invocations that are not done yet, of all functions together.
    pub events_max: usize,
    /// The pause before an asynchronous invocation's first retry; the second comes after twice that.
    pub event_retry: Duration,
    /// What is kept in memory of each function's log.
    pub log_bytes_max: usize,
    /// How large a log's file becomes before it is turned.
    pub log_file_bytes_max: u64,
    pub code: Limits,
}

/// A host that runs.
pub struct Host {
    /// Where it is called, with the real port.
    pub address: SocketAddr,
    /// For `/metrics`.
    pub stats: Stats,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Host {
    /// Ends all functions, and waits until they have.
    pub fn stop(&mut self) {
        // It has ended by itself if nobody listens.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the function host has panicked");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a host on a thread of its own.
///
/// # Errors
/// Why it cannot start; nothing is left of it then.
pub fn start(settings: FunctionSettings) -> Result<Host, String> {
    let stats = Stats::default();
    let listener = TcpListener::bind(settings.listen)
        .map_err(|error| format!("functions.listen: cannot listen on {}: {error}", settings.listen))?;
    let address = listener.local_addr().map_err(|error| format!("functions.listen: {error}"))?;
    let (stop, stopped) = watch::channel(false);
    let (report, reports) = mpsc::channel();
    let counted = stats.clone();
    let thread = std::thread::Builder::new().name("functions".to_owned());
    let thread = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(report.send(Err(format!("cannot start the function host: {error}")))),
        };
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, host::run(settings, listener, counted, stopped, report));
    });
    let thread = thread.map_err(|error| format!("cannot start the function host: {error}"))?;
    let started = reports.recv().map_err(|_| "the function host ended at its start".to_owned()).flatten();
    let mut host = Host { address, stats, stop, thread: Some(thread) };
    match started {
        Ok(()) => Ok(host),
        Err(problem) => {
            host.stop();
            Err(problem)
        }
    }
}
