//! From files, or the keeper's store, to shards: build a plan, resolve its names, deliver it, and see that every shard
//! took it.
//!
//! ```text
//! files ──▶ build ──▶ names resolved ──▶ kept in the store ──┐
//!             └─ refused: the running plan stays             ├──▶ addresses, then plan, to all shards ──▶ adopted by all
//! keeper's fresh plan ───────────────────────────────────────┘
//! ```
//! One publisher does this, one publication at a time. Whoever asks while one is under way shares the next. What the
//! keeper hands over is durable already, so a name without an address stands against it no more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::health::{Watched, Watching};
use super::keeper::Fresh;
use super::resolver::{Resolver, host_names};
use super::state::State;
use super::watch::Watch;
use crate::plan::Plan;
use crate::plan::clients::Clients;
use crate::plan::delivery::Delivery;
use crate::stats::Counter;

/// How long shards may take to adopt a plan before that is worth a warning. They do between two requests.
const ADOPTION_PATIENCE: Duration = Duration::from_secs(5);

/// How long to look again and again whether they have, before it is worth a timer.
const ADOPTION_SPIN: Duration = Duration::from_micros(200);

/// Names without addresses that a refusal lists.
const NAMES_TOLD_MAX: usize = 10;

/// How long a plan of the keeper's waits for names that are new. They go on being asked for after it.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(2);

/// What a build comes to.
pub struct Built {
    /// Of the files alone: what is checked before anything is kept.
    pub plan: Plan,
    /// Every file that was read.
    pub watched_files: Vec<PathBuf>,
    /// Writes what was built to the store, and gives the plan of all that is served then. May wait.
    pub keep: Box<dyn FnOnce(Plan) -> Result<Fresh, String> + Send>,
}

/// Reads the configuration and compiles it, as the generation that it is given. Runs on a thread of its own; the text
/// of an error is for people, with place and remedy.
pub type Builder = Arc<dyn Fn(u64) -> Result<Built, String> + Send + Sync>;

/// What to do about upstreams whose names have no address when a plan is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    Refuse,
    Warn,
}

/// A publication that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    pub generation: u64,
    pub apis: usize,
    pub stages: usize,
    /// Methods of all stages.
    pub routes: usize,
    /// Whether every shard had adopted the plan when this was written.
    pub adopted: bool,
}

/// Asks for a publication; the answer goes to `reply`, if anybody waits for it.
pub struct Reload {
    /// For the log: `signal`, `admin`.
    pub asked_by: &'static str,
    pub reply: Option<oneshot::Sender<Result<Published, String>>>,
}

pub struct Publisher {
    pub builder: Builder,
    pub state: Arc<State>,
    pub resolver: Resolver,
    pub watch: Watch,
    pub unresolved: Unresolved,
    pub reloads: mpsc::Receiver<Reload>,
    pub fresh: mpsc::UnboundedReceiver<Fresh>,
    /// What health checks are to check.
    pub watching: Watching,
    reload_files: ReloadFiles,
    generation: u64,
    /// Of what is served of the keeper's.
    revision: u64,
    /// The revision of the clients that were delivered last.
    clients_revision: u64,
    /// The names of the plan that is served.
    hosts: BTreeSet<Box<str>>,
}

/// Whom a publisher hears, and whom it tells.
pub struct Links {
    pub reloads: mpsc::Receiver<Reload>,
    pub fresh: mpsc::UnboundedReceiver<Fresh>,
    pub watching: Watching,
    pub reload_files: ReloadFiles,
}

/// Reads again what is not of the documents, and gives it to listeners and shards: certificates, truststores and lists of
/// revoked certificates all or none, users all or none. What was not taken is told. May wait.
pub type ReloadFiles = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Publisher {
    pub fn new(
        builder: Builder,
        state: Arc<State>,
        resolver: Resolver,
        watch: Watch,
        unresolved: Unresolved,
        links: Links,
    ) -> Publisher {
        let Links { reloads, fresh, watching, reload_files } = links;
        Publisher {
            builder,
            state,
            resolver,
            watch,
            unresolved,
            reloads,
            fresh,
            watching,
            reload_files,
            generation: 0,
            revision: 0,
            clients_revision: 0,
            hosts: BTreeSet::new(),
        }
    }

    /// Publishes when asked to and when files change, and keeps addresses fresh. Ends when nobody can ask any more.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                reload = self.reloads.recv() => match reload {
                    Some(first) => self.serve(first).await,
                    None => return,
                },
                Some(fresh) = self.fresh.recv() => self.publish_fresh(fresh).await,
                () = self.watch.changed() => {
                    if self.watch.differs().await {
                        let _ = self.publish("file", true).await;
                    }
                }
                () = self.resolver.turn() => self.deliver_addresses(),
            }
        }
    }

    /// Publishes once, and keeps the account of it. With `wait_for_shards`, returns when all have adopted the plan.
    ///
    /// # Errors
    /// The build's own text, or that of names that do not resolve; the plan that is served stays as it is.
    pub async fn publish(&mut self, asked_by: &'static str, wait_for_shards: bool) -> Result<Published, String> {
        let outcome = self.try_publish(wait_for_shards).await;
        let succeeded = outcome.is_ok();
        self.state.registry.count(if succeeded { Counter::ConfigReloadsOk } else { Counter::ConfigReloadsFailed });
        match &outcome {
            Ok(published) => {
                let Published { generation, routes, adopted, .. } = published;
                tracing::info!(asked_by, generation, routes, adopted, "configuration published");
            }
            Err(reason) => {
                tracing::error!(
                    asked_by,
                    generation = self.generation,
                    "configuration refused, the running one stays: {reason}"
                );
            }
        }
        let upstream_names = self.resolver.census();
        self.state.note(|history| {
            history.last_error = outcome.as_ref().err().cloned();
            history.upstream_names = upstream_names;
            if succeeded {
                history.last_published = Some(SystemTime::now());
            }
        });
        outcome
    }

    /// Answers everybody who has asked so far with one publication, and what stands in other files read anew before it. Neither of the two
    /// keeps the other from being taken.
    async fn serve(&mut self, first: Reload) {
        let asked_by = first.asked_by;
        let mut waiting = vec![first];
        while let Ok(another) = self.reloads.try_recv() {
            waiting.push(another);
        }
        let files = self.reload_files().await;
        let outcome = self.publish(asked_by, true).await;
        let outcome = outcome.and_then(|published| files.map(|()| published));
        for reply in waiting.into_iter().filter_map(|reload| reload.reply) {
            // Who asked may have gone.
            let _ = reply.send(outcome.clone());
        }
    }

    async fn reload_files(&self) -> Result<(), String> {
        let reload = Arc::clone(&self.reload_files);
        let reloaded = tokio::task::spawn_blocking(move || reload()).await;
        let reloaded =
            reloaded.unwrap_or_else(|error| Err(format!("reading certificates and users ended unexpectedly: {error}")));
        reloaded.inspect_err(|reason| tracing::error!("{reason}"))
    }

    async fn try_publish(&mut self, wait_for_shards: bool) -> Result<Published, String> {
        let (began, before) = (SystemTime::now(), self.watch.read().await);
        let generation = self.generation + 1;
        let built = match self.build(generation).await {
            Ok(built) => built,
            Err(reason) => {
                self.watch.note(before);
                return Err(reason);
            }
        };
        let resolved = self.resolve(&host_names(&built.plan)).await;
        self.watch.follow(&built.watched_files, before, began).await;
        resolved?;
        let Built { plan, keep, .. } = built;
        let kept = tokio::task::spawn_blocking(move || keep(plan)).await;
        let fresh = kept.map_err(|error| format!("keeping it ended unexpectedly: {error}"))??;
        let Fresh { revision, plan, clients, .. } = fresh;
        let plan = plan.ok_or("the keeper of the store has made no plan of it")?;
        let hosts = host_names(&plan);
        self.resolve_patiently(&hosts).await;
        self.deliver_clients(clients);
        let published = self.deliver(plan, hosts);
        self.revision = revision;
        Ok(if wait_for_shards { Published { adopted: self.adopted(generation).await, ..published } } else { published })
    }

    /// Publishes what is newest of the keeper's, and tells all who wait for it or for what is older.
    async fn publish_fresh(&mut self, first: Fresh) {
        let (mut newest_plan, mut newest_clients, mut waiting) = (None, None, Vec::new());
        let mut next = Some(first);
        while let Some(mut fresh) = next {
            waiting.append(&mut fresh.waiting);
            if fresh.revision > self.revision {
                self.revision = fresh.revision;
                newest_plan = fresh.plan.or(newest_plan);
                newest_clients = Some(fresh.clients);
            }
            next = self.fresh.try_recv().ok();
        }
        if let Some(clients) = newest_clients {
            self.deliver_clients(clients);
        }
        match newest_plan {
            Some(plan) => self.publish_plan(plan).await,
            None => drop(self.adopted(self.generation).await),
        }
        for done in waiting {
            // Who asked may have gone.
            let _ = done.send(());
        }
    }

    async fn publish_plan(&mut self, plan: Plan) {
        let hosts = host_names(&plan);
        self.resolve_patiently(&hosts).await;
        let Published { generation, routes, .. } = self.deliver(plan, hosts);
        let adopted = self.adopted(generation).await;
        tracing::info!(asked_by = "management", generation, routes, adopted, "configuration published");
        self.state.registry.count(Counter::ConfigReloadsOk);
        let upstream_names = self.resolver.census();
        self.state.note(|history| {
            history.last_published = Some(SystemTime::now());
            history.upstream_names = upstream_names;
        });
    }

    /// Gives new names a moment to be answered; the rest is answered later, and delivered then.
    async fn resolve_patiently(&mut self, hosts: &BTreeSet<Box<str>>) {
        if hosts.iter().all(|host| self.hosts.contains(host)) {
            return;
        }
        if let Ok(without) = tokio::time::timeout(RESOLVE_PATIENCE, self.resolver.resolve(hosts)).await {
            warn_of_unresolved(&without);
        }
    }

    /// Builds off the control thread: metrics and health are answered meanwhile.
    async fn build(&self, generation: u64) -> Result<Built, String> {
        let builder = Arc::clone(&self.builder);
        let built = tokio::task::spawn_blocking(move || builder(generation)).await;
        built.map_err(|error| format!("the build ended unexpectedly: {error}"))?
    }

    async fn resolve(&mut self, hosts: &BTreeSet<Box<str>>) -> Result<(), String> {
        let without = self.resolver.resolve(hosts).await;
        if without.is_empty() {
            return Ok(());
        }
        match self.unresolved {
            Unresolved::Refuse => {
                self.resolver.retain(|host| self.hosts.contains(host));
                Err(refusal(&without))
            }
            Unresolved::Warn => {
                warn_of_unresolved(&without);
                Ok(())
            }
        }
    }

    /// Addresses before the plan that needs them. The names of the plan before stay: exchanges in flight are on it.
    fn deliver(&mut self, mut plan: Plan, hosts: BTreeSet<Box<str>>) -> Published {
        self.resolver.retain(|host| hosts.contains(host) || self.hosts.contains(host));
        let generation = self.generation + 1;
        plan.generation = generation;
        let plan = Arc::new(plan);
        let published = summary(&plan);
        self.state.adopt(Arc::clone(&plan));
        let _ = self.resolver.take_changed();
        let addresses = Arc::new(self.resolver.book());
        self.state.fleet.deliver_to_all(&Delivery::Addresses(Arc::clone(&addresses)));
        self.state.fleet.deliver_to_all(&Delivery::Plan(Arc::clone(&plan)));
        self.watching.send_replace(Some(Watched { plan, addresses }));
        (self.generation, self.hosts) = (generation, hosts);
        self.state.note(|history| history.settled = history.settled.max(1));
        published
    }

    /// Before the plan: a method that a key opens is closed until then.
    fn deliver_clients(&mut self, clients: Arc<Clients>) {
        if clients.revision > self.clients_revision {
            self.clients_revision = clients.revision;
            self.state.fleet.deliver_to_all(&Delivery::Clients(clients));
        }
    }

    /// Whether all shards have adopted the plan and the latest clients; waits for it, but not for ever.
    async fn adopted(&self, generation: u64) -> bool {
        let deadline = Instant::now() + ADOPTION_PATIENCE;
        let have = |state: &State| {
            state.oldest_adopted() >= generation && state.oldest_adopted_clients() >= self.clients_revision
        };
        let asked = std::time::Instant::now();
        while !have(&self.state) && Instant::now() < deadline {
            // They mostly take some microseconds, and a timer no less than a millisecond.
            match asked.elapsed() < ADOPTION_SPIN {
                true => tokio::task::yield_now().await,
                false => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        let adopted = have(&self.state);
        if !adopted {
            tracing::warn!(generation, "a shard has not adopted the plan in {} s", ADOPTION_PATIENCE.as_secs());
        }
        self.state.note(|history| history.settled = generation);
        adopted
    }

    fn deliver_addresses(&mut self) {
        if let Some(book) = self.resolver.take_changed() {
            let addresses = Arc::new(book);
            self.state.fleet.deliver_to_all(&Delivery::Addresses(Arc::clone(&addresses)));
            self.watching.send_modify(|watched| {
                watched.iter_mut().for_each(|watched| watched.addresses = Arc::clone(&addresses));
            });
        }
        let upstream_names = self.resolver.census();
        self.state.note(|history| history.upstream_names = upstream_names);
    }
}

fn summary(plan: &Plan) -> Published {
    let apis: BTreeSet<_> = plan.addressed().map(|stage| &stage.api_id).collect();
    let routes = plan.addressed().map(|stage| stage.methods.len()).sum();
    Published {
        generation: plan.generation,
        apis: apis.len(),
        stages: plan.addressed().count(),
        routes,
        adopted: false,
    }
}

fn warn_of_unresolved(without: &[(Box<str>, String)]) {
    for (host, reason) in without.iter().take(NAMES_TOLD_MAX) {
        tracing::warn!(host = &**host, reason, "an upstream's name does not resolve; its methods fail until it does");
    }
}

fn refusal(without: &[(Box<str>, String)]) -> String {
    let told = without.iter().take(NAMES_TOLD_MAX);
    let mut text: String =
        told.map(|(host, reason)| format!("cannot resolve the upstream `{host}`: {reason}\n")).collect();
    if without.len() > NAMES_TOLD_MAX {
        text += &format!("and {} more\n", without.len() - NAMES_TOLD_MAX);
    }
    text + "Correct the integration's uri, make the name known to DNS or /etc/hosts, or serve the other routes without \
            it: upstream.unresolved = \"warn\"."
}
