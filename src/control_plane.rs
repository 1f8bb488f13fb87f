//! The control plane: one thread with a tokio runtime that owns the configuration, serves the admin listener, resolves
//! names and merges statistics. What it decides reaches the shards through [`Fleet`]; it never waits for them.
//!
//! - [`deployment`]: from files to a plan.
//! - [`publish`]: a plan to all shards, or a refusal that leaves the running one alone.
//! - [`health`]: checks the targets of upstreams that ask for it.
//! - [`aws_credentials`]: with what requests to AWS's services are signed; [`fetch`]: one request of the control plane's own.
//! - [`key_sets`]: the keys that tokens are verified with, fetched and kept fresh.
//! - [`resolver`]: upstream names to addresses, kept fresh.
//! - [`watch`]: notices changed files.
//! - [`server`]: `/healthz`, `/readyz`, `/metrics`, `/reload`, `/status`, `/backup`, `/restore`.
//! - [`access`]: who may do what there; [`audit`]: the record of who did.
//! - [`totals`], [`exposition`], [`process`]: statistics by name, and as Prometheus text.
//! - [`access_log`]: the thread that writes it.
//! - [`state`]: what the tasks share.
//!
//! The management API, AWS's, is a table of plain functions over a store:
//!
//! - [`operations`]: the table, a file a kind of resource; [`operation`]: what a call is, and which operation it asks for.
//! - [`sdk`]: clients of an API, generated.
//! - [`clients`]: API keys and usage plans, as shards know them.
//! - [`usage`]: what API keys have used of their quotas.
//! - [`domains`]: custom domain names, as plans know them.
//! - [`store`]: the rows; [`exception`]: why a call is refused; [`patch`]: PATCH; [`page`]: lists.
//! - [`status`]: what of the store is served, since when, and what is not yet.

pub mod access;
pub mod access_log;
pub mod audit;
pub mod aws_credentials;
pub mod clients;
pub mod deployment;
pub mod documents;
pub mod domains;
pub mod exception;
pub mod exposition;
pub mod fetch;
#[cfg(test)]
mod fixture;
pub mod health;
pub mod keeper;
pub mod key_sets;
pub mod operation;
pub mod operations;
pub mod page;
pub mod patch;
pub mod process;
pub mod publish;
pub mod resolver;
pub mod sdk;
pub mod server;
pub mod serving;
pub mod state;
pub mod status;
pub mod store;
#[cfg(test)]
mod tests;
pub mod totals;
pub mod usage;
pub mod watch;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::plan::delivery::{Delivery, Fleet};
use crate::stats::Registry;
use access_log::AccessLog;
use aws_credentials::{AwsCredentialsKeeper, CredentialsNeed, Wanting};
use health::{HealthChecks, Prober};
use keeper::Fresh;
use key_sets::fetch::Getter;
use key_sets::{KeySetKeeper, KeySetSettings};
use publish::{Builder, Links, Published, Publisher, Reload, ReloadFiles, Unresolved};
use resolver::lookup::Lookup;
use resolver::{Resolver, TtlBounds};
use server::{Admin, Management};
use state::{Check, MoreMetrics, State};
use watch::Watch;

/// Requests for a reload that wait; more wait to be let in.
const RELOADS_MAX: usize = 64;

/// How long the access log may take to write what is left at the end.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// How long shards may take to take note that they are to stop.
const DRAIN_NOTED: Duration = Duration::from_secs(1);

/// All that the control plane needs.
pub struct Control {
    pub fleet: Arc<dyn Fleet>,
    pub registry: Arc<Registry>,
    pub builder: Builder,
    /// [`resolver::lookup::SystemLookup`], outside of tests.
    pub lookup: Arc<dyn Lookup>,
    pub prober: Arc<dyn Prober>,
    /// Asks for issuers' keys.
    pub getter: Arc<dyn Getter>,
    /// Finds what requests to AWS's services are signed with; `None` where they are not signed.
    pub aws_credentials: Option<(AwsCredentialsKeeper, Wanting)>,
    /// Bound already, so that an address in use is told before anything starts.
    pub admin: Option<TcpListener>,
    pub management: Management,
    /// The keeper's plans.
    pub fresh: mpsc::UnboundedReceiver<Fresh>,
    pub access_log: Option<AccessLog>,
    /// Called on SIGHUP and `POST /reload`.
    pub reload_files: ReloadFiles,
    /// Further conditions of readiness: that listeners are bound.
    pub checks: Vec<Check>,
    /// What else `/metrics` tells.
    pub more_metrics: Option<MoreMetrics>,
    pub settings: Settings,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub version: &'static str,
    /// How the shards wait for the kernel, for `tollgate_runtime_info`.
    pub driver: String,
    /// Publish when the files change.
    pub watch: bool,
    pub unresolved: Unresolved,
    pub dns_ttl_min_ms: u64,
    pub dns_ttl_max_ms: u64,
    /// How often shards hand over access log and latencies.
    pub harvest_ms: u64,
    /// From readiness turning false to the listeners' end.
    pub shutdown_delay_ms: u64,
    /// From there to the end of exchanges in flight.
    pub drain_timeout_ms: u64,
    pub key_sets: KeySetSettings,
}

/// Why [`ControlPlane::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// All connections came to their end.
    Drained,
    /// The time was up with so many connections open.
    TimedOut { connections: u64 },
    /// A second signal did not want to wait for so many connections.
    Interrupted { connections: u64 },
}

pub struct ControlPlane {
    publisher: Publisher,
    health_checks: HealthChecks,
    key_sets: KeySetKeeper,
    aws_credentials: Option<(AwsCredentialsKeeper, CredentialsNeed)>,
    state: Arc<State>,
    reloads: mpsc::Sender<Reload>,
    admin: Option<tokio::net::TcpListener>,
    management: Arc<Management>,
    access_log: Option<AccessLog>,
    signals: Signals,
    settings: Settings,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// What a signal wants.
enum Asked {
    Reload,
    Stop,
}

impl ControlPlane {
    /// To be called within the runtime. From here on SIGHUP, SIGTERM and SIGINT wait to be served by [`Self::run`].
    ///
    /// # Errors
    /// Signals cannot be listened for, or the admin listener not be used.
    pub fn new(control: Control) -> Result<ControlPlane, String> {
        let Control { fleet, registry, builder, lookup, settings, .. } = control;
        let ttl_ms = Duration::from_millis;
        let ttl = TtlBounds { min: ttl_ms(settings.dns_ttl_min_ms), max: ttl_ms(settings.dns_ttl_max_ms) };
        let resolver = Resolver::new(lookup, ttl, Arc::clone(&registry));
        let mut state = State::new(fleet, registry, control.checks, settings.version, settings.driver.clone());
        state.more_metrics = control.more_metrics;
        let state = Arc::new(state);
        let (reloads, asked) = mpsc::channel(RELOADS_MAX);
        let files = Watch::new(settings.watch);
        let (health_checks, watching) = HealthChecks::new(control.prober, Arc::clone(&state));
        let key_sets = KeySetKeeper::new(watching.subscribe(), control.getter, Arc::clone(&state), settings.key_sets);
        let aws_credentials = control
            .aws_credentials
            .map(|(keeper, wanting)| (keeper, CredentialsNeed { watched: watching.subscribe(), wanting }));
        let shared = Arc::clone(&state);
        let (fresh, reload_files) = (control.fresh, control.reload_files);
        let (unresolved, links) = (settings.unresolved, Links { reloads: asked, fresh, watching, reload_files });
        Ok(ControlPlane {
            publisher: Publisher::new(builder, shared, resolver, files, unresolved, links),
            health_checks,
            key_sets,
            aws_credentials,
            management: Arc::new(control.management),
            state,
            reloads,
            admin: control.admin.map(adopt_listener).transpose()?,
            access_log: control.access_log,
            signals: Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?,
            settings,
        })
    }

    /// Builds and delivers the first plan. It does not wait for the shards, which may not have started yet.
    ///
    /// # Errors
    /// Why the configuration was refused; nothing was delivered.
    pub async fn publish_first(&mut self) -> Result<Published, String> {
        self.publisher.publish("start", false).await
    }

    /// Serves until a signal says to stop, then drains the shards.
    pub async fn run(self) -> ExitReason {
        let ControlPlane { publisher, state, reloads, admin, management, mut signals, settings, .. } = self;
        let (health_checks, key_sets) = (self.health_checks, self.key_sets);
        let audited = Arc::clone(&management);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(publisher.run());
        tasks.spawn(health_checks.run());
        tasks.spawn(key_sets.run());
        if let Some((keeper, need)) = self.aws_credentials {
            tasks.spawn(keeper.run());
            tasks.spawn(need.run());
        }
        tasks.spawn(harvest_regularly(Arc::clone(&state), Duration::from_millis(settings.harvest_ms.max(1))));
        if let Some(listener) = admin {
            let admin = Admin { state: Arc::clone(&state), reloads: reloads.clone(), management };
            tasks.spawn(async move { match server::serve(listener, admin).await {} });
        }
        while let Asked::Reload = signals.next().await {
            hang_up(self.access_log.as_ref(), &reloads);
            audited.audit.reopen();
        }
        let reason = tokio::select! {
            reason = drain(&state, &settings) => reason,
            () = signals.stop() => ExitReason::Interrupted { connections: state.connections() },
        };
        tracing::info!(?reason, "stopping");
        if let Some(Err(error)) = self.access_log.map(|log| log.finish(LAST_WRITES)) {
            tracing::error!("{error}");
        }
        reason
    }
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
        }
    }

    /// While draining there is nothing to reload for.
    async fn stop(&mut self) {
        while let Asked::Reload = self.next().await {}
    }
}

fn adopt_listener(listener: TcpListener) -> Result<tokio::net::TcpListener, String> {
    let adopted = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    adopted.map_err(|error| format!("cannot use the admin listener: {error}"))
}

/// SIGHUP: everything that comes from files is taken anew.
fn hang_up(access_log: Option<&AccessLog>, reloads: &mpsc::Sender<Reload>) {
    if let Some(access_log) = access_log {
        access_log.reopen();
    }
    // Where so many wait already, one of them publishes what this one wants.
    let _ = reloads.try_send(Reload { asked_by: "signal", reply: None });
}

async fn harvest_regularly(state: Arc<State>, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        state.ask_harvest();
        state.collect();
    }
}

/// Readiness first, so that load balancers look elsewhere; then the listeners; then what is in flight.
async fn drain(state: &State, settings: &Settings) -> ExitReason {
    state.start_draining();
    tracing::info!(delay_ms = settings.shutdown_delay_ms, connections = state.connections(), "draining");
    tokio::time::sleep(Duration::from_millis(settings.shutdown_delay_ms)).await;
    state.fleet.deliver_to_all(&Delivery::Drain);
    // Mail is read in order: a shard that has answered this has stopped accepting.
    state.harvested(DRAIN_NOTED).await;
    state.ask_harvest();
    state.harvested(DRAIN_NOTED).await;
    let reason = connections_ended(state, Duration::from_millis(settings.drain_timeout_ms)).await;
    state.ask_harvest();
    state.harvested(DRAIN_NOTED).await;
    reason
}

async fn connections_ended(state: &State, timeout: Duration) -> ExitReason {
    let deadline = Instant::now() + timeout;
    loop {
        match state.connections() {
            0 => return ExitReason::Drained,
            connections if Instant::now() >= deadline => return ExitReason::TimedOut { connections },
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
