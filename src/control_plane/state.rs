//! What the tasks of the control thread share: the fleet, the statistics, and how the last publications went.
//!
//! All tasks run on one thread. The mutexes are never contended and never held over an `.await`; they are there because
//! the runtime's tasks must be `Send`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::exposition::{self, Facts};
use super::totals::Totals;
use crate::plan::Plan;
use crate::plan::delivery::{Delivery, Fleet};
use crate::stats::Registry;

/// How long a scrape waits for the shards' latest latencies. A shard that is busier than that shows older ones.
const SCRAPE_PATIENCE: Duration = Duration::from_millis(50);

/// A condition of readiness that somebody else knows about: its name, and whether it holds.
pub type Check = (&'static str, Box<dyn Fn() -> bool + Send + Sync>);

/// Adds lines to `/metrics`.
pub type MoreMetrics = Box<dyn Fn(&mut String) + Send + Sync>;

pub struct State {
    pub fleet: Arc<dyn Fleet>,
    pub registry: Arc<Registry>,
    pub checks: Vec<Check>,
    pub more_metrics: Option<MoreMetrics>,
    pub version: &'static str,
    pub driver: String,
    pub started: SystemTime,
    totals: Mutex<Totals>,
    history: Mutex<History>,
    harvests_asked: Mutex<Vec<u64>>,
    draining: AtomicBool,
}

/// How publications went so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The generation that every shard had time to adopt; 0 before the first.
    pub settled: u64,
    pub last_published: Option<SystemTime>,
    /// Why the last attempt failed; `None` when it did not.
    pub last_error: Option<String>,
    /// Names of upstreams, and of these the ones whose last look-up failed.
    pub upstream_names: (usize, usize),
    /// Of the targets whose health is checked, in their order.
    pub target_health: Arc<[TargetHealth]>,
    /// Of the sources of keys, in the order of their names.
    pub key_sets: Arc<[KeySetStatus]>,
}

/// How it is with the keys of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetStatus {
    pub source: String,
    /// Keys in use; none while tokens are refused.
    pub keys: usize,
    pub fetched_at: Option<SystemTime>,
    /// Whether it has answered yet, or failed to.
    pub was_asked: bool,
}

/// How a target is, by one way of checking it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetHealth {
    /// `http://host:port`
    pub target: String,
    pub path: String,
    pub healthy: bool,
}

impl State {
    pub fn new(
        fleet: Arc<dyn Fleet>,
        registry: Arc<Registry>,
        checks: Vec<Check>,
        version: &'static str,
        driver: String,
    ) -> State {
        State {
            harvests_asked: Mutex::new(vec![0; fleet.shards().min(registry.shards())]),
            fleet,
            registry,
            checks,
            more_metrics: None,
            version,
            driver,
            started: SystemTime::now(),
            totals: Mutex::default(),
            history: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Makes a plan the one that metrics show. Before any shard hears of it.
    pub fn adopt(&self, plan: Arc<Plan>) {
        lock(&self.totals).adopt(plan);
    }

    pub fn history(&self) -> History {
        lock(&self.history).clone()
    }

    pub fn note(&self, change: impl FnOnce(&mut History)) {
        change(&mut lock(&self.history));
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Client connections of all shards.
    pub fn connections(&self) -> u64 {
        (0..self.fleet.shards()).map(|shard| self.fleet.connections(shard)).sum()
    }

    /// The oldest generation that a shard serves new requests with.
    pub fn oldest_adopted(&self) -> u64 {
        (0..self.fleet.shards()).map(|shard| self.fleet.adopted(shard)).min().unwrap_or(0)
    }

    /// The oldest revision of the clients that a shard knows.
    pub fn oldest_adopted_clients(&self) -> u64 {
        (0..self.fleet.shards()).map(|shard| self.fleet.adopted_clients(shard)).min().unwrap_or(0)
    }

    /// Asks every shard for its harvest, but those that still owe one: a stuck shard's mailbox does not fill up.
    pub fn ask_harvest(&self) {
        for (shard, asked) in lock(&self.harvests_asked).iter_mut().enumerate() {
            if self.registry.harvests(shard) >= *asked {
                *asked = self.registry.harvests(shard) + 1;
                self.fleet.deliver(shard, Delivery::Harvest);
            }
        }
    }

    /// Waits until every shard has answered what it was asked, or for `patience`.
    pub async fn harvested(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.owing() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }

    fn owing(&self) -> bool {
        let asked = lock(&self.harvests_asked);
        asked.iter().enumerate().any(|(shard, asked)| self.registry.harvests(shard) < *asked)
    }

    /// Adds to the totals what shards have handed over.
    pub fn collect(&self) {
        lock(&self.totals).collect(&self.registry, self.oldest_adopted());
    }

    /// The text of `/metrics`, with latencies as of now where the shards answer quickly.
    pub async fn metrics(&self) -> String {
        self.ask_harvest();
        self.harvested(SCRAPE_PATIENCE).await;
        self.collect();
        let history = self.history();
        let facts = Facts {
            version: self.version,
            driver: &self.driver,
            last_reload_successful: history.last_error.is_none() && history.last_published.is_some(),
            last_reload_at_s: history.last_published.map_or(0.0, unix_seconds),
            started_at_s: unix_seconds(self.started),
            draining: self.draining(),
            upstream_names: history.upstream_names,
            target_health: &history.target_health,
            key_sets: &history.key_sets,
        };
        let mut text = exposition::render(&lock(&self.totals), &self.registry, &*self.fleet, &facts);
        if let Some(more) = &self.more_metrics {
            more(&mut text);
        }
        text
    }

    /// Each condition of readiness: its name, and what is wrong, if anything.
    pub fn readiness(&self) -> Vec<(&'static str, Option<String>)> {
        let history = self.history();
        let behind = self.oldest_adopted() < history.settled.max(1);
        let draining = self.draining().then(|| "the gateway is about to stop".to_owned());
        let mut all = vec![
            ("plan", (history.settled == 0).then(|| "no plan was published yet".to_owned())),
            ("shards", behind.then(|| "not every shard has the current plan".to_owned())),
            ("draining", draining),
        ];
        // An issuer that is down does not make the gateway unready: it is the issuer's tokens that are refused.
        if !history.key_sets.is_empty() {
            let asking = history.key_sets.iter().any(|status| !status.was_asked);
            all.push(("keys", asking.then(|| "keys of issuers are being fetched".to_owned())));
        }
        all.extend(self.checks.iter().map(|(name, holds)| (*name, (!holds()).then(|| "not yet".to_owned()))));
        all
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeFleet;
    use super::*;

    #[test]
    fn a_shard_that_owes_a_harvest_is_not_asked_again() {
        let (fleet, registry) = (Arc::new(FakeFleet::default()), Registry::new(2));
        let shards = Arc::clone(&fleet) as Arc<dyn Fleet>;
        let state = State::new(shards, Arc::clone(&registry), Vec::new(), "1.2.3", "epoll".to_owned());
        let asked = || fleet.harvests.load(Ordering::Relaxed);
        let quick = registry.recorder(0);
        assert!(!state.owing());
        state.ask_harvest();
        state.ask_harvest();
        assert_eq!((asked(), state.owing()), (2, true));
        quick.harvest();
        state.ask_harvest();
        assert_eq!((asked(), state.owing()), (3, true));
        quick.harvest();
        registry.recorder(1).harvest();
        assert!(!state.owing());
    }
}
