//! The keeper of the store: one thread, which runs the calls of the management API one after the other, writes what they
//! change to disk, and hands new plans to the publisher.
//!
//! ```text
//! calls that wait ──▶ run in memory ──▶ one transaction for all ──▶ replies ──▶ a plan, if what is served changed
//!                       └─ refused: undone alone      └─ not written: all undone, 503
//! ```
//! Nobody hears of a change before it is on disk; a call that changes what is served hears of it when every shard has it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};

use super::clients::ClientsFollower;
use super::documents::{self, Documents};
use super::exception::{Exception, ExceptionKind};
use super::operation::{Call, Operation, Random, Reply, Truststores};
use super::serving::{Census, Serving, StageKey, Unservable};
use super::store::disk::Disk;
use super::store::{Mark, Store};
use super::usage::Usage;
use crate::meter::{Day, Today};
use crate::plan::Plan;
use crate::plan::clients::Clients;

/// Calls that wait for the keeper; one more waits to be let in.
const JOBS_MAX: usize = 1024;

/// Calls that are written in one transaction.
const BATCH_MAX: usize = 128;

/// Changes of rows in a batch that leave memory behind which is worth the milliseconds to give it back.
const MANY_CHANGES: usize = 10_000;

/// How often the keeper looks at the clock when nobody calls.
const IDLE: Duration = Duration::from_secs(10);

/// When nobody has called for so long, what many changes left is tidied up: shards have let go of what was before.
const UNTIDY: Duration = Duration::from_secs(3);

/// What is served of the store as it is now.
#[derive(Debug)]
pub struct Fresh {
    /// Rises every time: an older one that arrives late is not served.
    pub revision: u64,
    /// `None`: no plan has changed since the one before.
    pub plan: Option<Plan>,
    pub clients: Arc<Clients>,
    /// Told when it is served, or will not be.
    pub waiting: Vec<oneshot::Sender<()>>,
}

/// A call as it came in: [`Call`] without what the keeper adds.
pub struct Asked {
    pub operation: &'static Operation,
    pub region: String,
    pub path: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub accept: Option<String>,
    pub body: Vec<u8>,
}

/// What became of a call.
pub struct Answered {
    pub outcome: Result<Reply, Exception>,
    /// Ends when what changed is served, where the call changed that.
    pub served: Option<oneshot::Receiver<()>>,
}

/// What came of a restore.
pub struct Restored {
    /// Stages that this version cannot serve.
    pub unserved: Vec<(StageKey, Unservable)>,
    /// Ends when the others are served.
    pub served: oneshot::Receiver<()>,
}

enum Job {
    Call {
        asked: Box<Asked>,
        reply: oneshot::Sender<Answered>,
    },
    Deploy {
        documents: Box<Documents>,
        reply: oneshot::Sender<Result<Fresh, String>>,
    },
    Reset {
        reply: oneshot::Sender<Answered>,
    },
    Restore {
        store: Box<Store>,
        reply: oneshot::Sender<Result<Restored, String>>,
    },
    /// A copy of the store: its rows are shared.
    Copy {
        reply: oneshot::Sender<(Store, Census)>,
    },
}

/// What keepers need to know besides the store.
pub struct KeeperSettings {
    pub account_id: String,
    /// Of documents, and of whoever signs for none.
    pub region: String,
    /// Called on the keeper's thread before anything else: what it compiles and writes must not keep a shard waiting.
    pub give_way: fn(),
    /// Called after changes of many rows, which take much memory for a while.
    pub give_memory_back: fn(),
}

/// The keeper from outside. Calls are answered in the order in which they are asked.
#[derive(Clone)]
pub struct KeeperHandle {
    jobs: SyncSender<Job>,
}

/// The keeper has ended: the process is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

/// What the keeper starts from: the store, and what others have been told of it.
pub struct KeeperParts {
    pub store: Store,
    /// `None`: the store is in memory only.
    pub disk: Option<Disk>,
    pub serving: Serving,
    pub clients: ClientsFollower,
    pub usage: Usage,
    /// The oldest revision of the clients that a shard has.
    pub adopted_clients: Box<dyn Fn() -> u64 + Send>,
    pub settings: KeeperSettings,
    pub random: Box<dyn Random + Send>,
    pub truststores: Box<dyn Truststores + Send>,
    /// Gets a plan whenever what is served has changed; at most one waits there for each batch of calls that wait for it,
    /// so it is bounded by [`JOBS_MAX`].
    pub fresh: mpsc::UnboundedSender<Fresh>,
}

struct Keeper {
    store: Store,
    disk: Option<Disk>,
    serving: Serving,
    clients: ClientsFollower,
    usage: Usage,
    adopted_clients: Box<dyn Fn() -> u64 + Send>,
    settings: KeeperSettings,
    random: Box<dyn Random + Send>,
    truststores: Box<dyn Truststores + Send>,
    fresh: mpsc::UnboundedSender<Fresh>,
    revision: u64,
    /// Many rows have changed since nobody called.
    is_untidy: bool,
}

/// Starts the keeper on a thread of its own.
///
/// # Errors
/// There is no thread to be had.
pub fn start(parts: KeeperParts) -> Result<KeeperHandle, String> {
    let (jobs, asked) = sync_channel(JOBS_MAX);
    let KeeperParts { store, disk, serving, clients, usage, adopted_clients, settings, random, truststores, fresh } =
        parts;
    let mut keeper = Keeper {
        store,
        disk,
        serving,
        clients,
        usage,
        adopted_clients,
        settings,
        random,
        truststores,
        fresh,
        revision: 0,
        is_untidy: false,
    };
    let thread = std::thread::Builder::new().name("keeper".to_owned());
    let run = move || {
        (keeper.settings.give_way)();
        keeper.run(&asked);
    };
    thread.spawn(run).map_err(|error| format!("cannot start the keeper's thread: {error}"))?;
    Ok(KeeperHandle { jobs })
}

impl KeeperHandle {
    /// # Errors
    /// The keeper has ended.
    pub async fn call(&self, asked: Asked) -> Result<Answered, Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Call { asked: Box::new(asked), reply }).await?;
        answer.await.map_err(|_| Ended)
    }

    /// Empties the store.
    ///
    /// # Errors
    /// The keeper has ended.
    pub async fn reset(&self) -> Result<Answered, Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Reset { reply }).await?;
        answer.await.map_err(|_| Ended)
    }

    /// Makes the store what this one is, all of it or nothing.
    ///
    /// # Errors
    /// The keeper has ended; within, it cannot be written.
    pub async fn restore(&self, store: Store) -> Result<Result<Restored, String>, Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Restore { store: Box::new(store), reply }).await?;
        answer.await.map_err(|_| Ended)
    }

    /// The store as it is, and what of it is served.
    ///
    /// # Errors
    /// The keeper has ended.
    pub async fn copy(&self) -> Result<(Store, Census), Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Copy { reply }).await?;
        answer.await.map_err(|_| Ended)
    }

    /// Makes the store what the documents say of their APIs, and gives the plan of all that is served then. To be called
    /// on a thread that may wait.
    ///
    /// # Errors
    /// What stands against it; nothing has changed then.
    pub fn deploy(&self, documents: Documents) -> Result<Fresh, String> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send(Job::Deploy { documents: Box::new(documents), reply });
        sent.map_err(|_| "the keeper of the store has ended".to_owned())?;
        answer.blocking_recv().map_err(|_| "the keeper of the store has ended".to_owned())?
    }

    /// The keeper is slow only while it writes; waiting for a place is a matter of milliseconds.
    async fn send(&self, job: Job) -> Result<(), Ended> {
        let mut job = job;
        loop {
            match self.jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(std::sync::mpsc::TrySendError::Full(refused)) => {
                    job = refused;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(Ended),
            }
        }
    }
}

/// A call that has run and waits for the disk.
struct Pending {
    reply: oneshot::Sender<Answered>,
    outcome: Result<Reply, Exception>,
    changed: Changed,
}

/// What of that which is served has changed with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Changed {
    plan: bool,
    clients: bool,
}

impl Changed {
    const ALL: Changed = Changed { plan: true, clients: true };

    fn is_any(self) -> bool {
        self.plan || self.clients
    }

    fn or(self, other: Changed) -> Changed {
        Changed { plan: self.plan || other.plan, clients: self.clients || other.clients }
    }
}

impl Keeper {
    fn run(&mut self, jobs: &Receiver<Job>) {
        loop {
            let is_busy = self.roll_over();
            let patience = match (is_busy, self.is_untidy) {
                (true, _) => Duration::ZERO,
                (false, true) => UNTIDY,
                (false, false) => IDLE,
            };
            let first = match jobs.recv_timeout(patience) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    if !is_busy {
                        self.tidy();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            self.clients.adopted((self.adopted_clients)());
            self.serve(batch);
        }
    }

    /// What shards had before many rows changed is freed when all of them have what came of it: some time after the change.
    fn tidy(&mut self) {
        if std::mem::take(&mut self.is_untidy) {
            self.usage.unload();
            (self.settings.give_memory_back)();
        }
    }

    /// A turn of moving the usage of days that are over to the store, where one is due. Whether there was.
    fn roll_over(&mut self) -> bool {
        let now_s = unix_s();
        if !self.usage.is_due(now_s) {
            return false;
        }
        let mark = self.store.mark();
        let finished = self.usage.roll_over(&mut self.store, now_s);
        match self.write() {
            Ok(()) => {
                self.store.settle();
                self.usage.moved(&finished);
            }
            Err(reason) => {
                tracing::error!("the usage of the days before cannot be stored, and stays where it is: {reason}");
                self.store.undo_to(mark);
                self.usage.put_off(now_s);
            }
        }
        true
    }

    fn serve(&mut self, batch: Vec<Job>) {
        let mut pending = Vec::new();
        for job in batch {
            match job {
                Job::Call { asked, reply } => pending.push(self.call(&asked, reply)),
                Job::Reset { reply } => pending.push(self.reset(reply)),
                Job::Copy { reply } => {
                    self.settle(std::mem::take(&mut pending));
                    // Who asked may have gone.
                    let _ = reply.send((self.store.clone(), self.serving.census()));
                }
                Job::Restore { store, reply } => {
                    self.settle(std::mem::take(&mut pending));
                    let _ = reply.send(self.restore(&store));
                }
                Job::Deploy { documents, reply } => {
                    self.settle(std::mem::take(&mut pending));
                    let _ = reply.send(self.deploy(*documents));
                }
            }
        }
        self.settle(pending);
    }

    /// Runs a call in memory. What it changes of what is served is compiled now, so that what cannot be served is refused.
    fn call(&mut self, asked: &Asked, reply: oneshot::Sender<Answered>) -> Pending {
        let mark = self.store.mark();
        let call = Call {
            region: &asked.region,
            account_id: &self.settings.account_id,
            path: asked.path.clone(),
            query: asked.query.clone(),
            accept: asked.accept.as_deref(),
            body: &asked.body,
            now_s: unix_s(),
            random: &*self.random,
            meters: self.usage.meters(),
            truststores: &*self.truststores,
        };
        let run = std::panic::AssertUnwindSafe(|| (asked.operation.run)(&mut self.store, &call));
        let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| {
            tracing::error!(operation = asked.operation.name, "an operation of the management API has panicked");
            Err(Exception::new(ExceptionKind::ServiceUnavailable, "Internal failure"))
        });
        let outcome = outcome.and_then(|reply| {
            let plan = self.serving.follow(&self.store, mark);
            let plan = plan.map_err(|unservable| Exception::bad_request(unservable.to_text()))?;
            let clients = self.clients.follow(&self.store, mark);
            let clients = clients.map_err(|error| Exception::new(ExceptionKind::LimitExceeded, error.to_string()))?;
            Ok((reply, Changed { plan, clients }))
        });
        match outcome {
            Ok((answer, changed)) => {
                self.store.note_moves(mark, unix_s());
                self.usage.follow(&self.store, mark);
                Pending { reply, outcome: Ok(answer), changed }
            }
            Err(exception) => {
                self.store.undo_to(mark);
                Pending { reply, outcome: Err(exception), changed: Changed::default() }
            }
        }
    }

    fn reset(&mut self, reply: oneshot::Sender<Answered>) -> Pending {
        let mark = self.store.mark();
        self.store.clear();
        let emptied = self.serving.follow(&self.store, mark);
        debug_assert!(emptied.is_ok(), "nothing is compiled of an empty store");
        self.clients.load(&self.store);
        self.usage.everything_changed();
        Pending { reply, outcome: Ok(Reply::Empty), changed: Changed::ALL }
    }

    /// A stage that cannot be served any more stands against nothing, as at the start.
    fn restore(&mut self, store: &Store) -> Result<Restored, String> {
        self.store.replace_by(store);
        if let Err(reason) = self.write() {
            self.go_back(Default::default());
            return Err(reason);
        }
        let unserved = self.serving.load(&self.store);
        self.clients.load(&self.store);
        self.usage.everything_changed();
        self.settled();
        let (done, served) = oneshot::channel();
        let fresh = self.fresh(Changed::ALL, vec![done]);
        // Without a publisher the process is about to end.
        let _ = self.fresh.send(fresh);
        Ok(Restored { unserved, served })
    }

    /// Writes what the calls have changed, and answers them.
    fn settle(&mut self, pending: Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        if let Err(reason) = self.write() {
            tracing::error!("the store cannot be written; nothing of the last calls has been kept: {reason}");
            self.go_back(Default::default());
            for one in pending {
                // A reader may have seen what was undone; it asks again.
                let why = format!("the change could not be stored: {reason}");
                let outcome = Err(Exception::new(ExceptionKind::ServiceUnavailable, why));
                let _ = one.reply.send(Answered { outcome, served: None });
            }
            return;
        }
        self.settled();
        let changed = pending.iter().fold(Changed::default(), |changed, one| changed.or(one.changed));
        let mut waiting = Vec::new();
        for one in pending {
            let served = one.changed.is_any().then(|| {
                let (done, served) = oneshot::channel();
                waiting.push(done);
                served
            });
            let _ = one.reply.send(Answered { outcome: one.outcome, served });
        }
        if changed.is_any() {
            let fresh = self.fresh(changed, waiting);
            // Without a publisher the process is about to end.
            let _ = self.fresh.send(fresh);
        }
    }

    /// What changed is on disk, and stays.
    fn settled(&mut self) {
        let changes = self.store.changes();
        self.store.settle();
        self.clients.settle(&self.store);
        self.usage.settle(&self.store, &Today::of(Day::of(unix_s())));
        if changes > MANY_CHANGES {
            (self.settings.give_memory_back)();
            self.is_untidy = true;
        }
    }

    fn write(&self) -> Result<(), String> {
        match &self.disk {
            Some(disk) if self.store.changed_since(Mark::default()) => {
                disk.commit(|take| self.store.visit_changes(take))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn fresh(&mut self, changed: Changed, waiting: Vec<oneshot::Sender<()>>) -> Fresh {
        self.revision += 1;
        let plan = changed.plan.then(|| self.serving.plan(&self.store));
        Fresh { revision: self.revision, plan, clients: self.clients.clients(), waiting }
    }

    fn deploy(&mut self, documents: Documents) -> Result<Fresh, String> {
        let mark = self.store.mark();
        let new_id = |length| {
            let call = Call {
                region: &self.settings.region,
                account_id: &self.settings.account_id,
                path: Vec::new(),
                query: Vec::new(),
                accept: None,
                body: &[],
                now_s: 0,
                random: &*self.random,
                meters: self.usage.meters(),
                truststores: &*self.truststores,
            };
            call.new_id(length)
        };
        let root = documents::apply(&mut self.store, &self.settings.region, documents, unix_s(), &new_id)?;
        self.store.note_moves(mark, unix_s());
        let followed = self.serving.follow(&self.store, mark).map_err(|unservable| unservable.to_text());
        let counted = self.clients.follow(&self.store, mark).map_err(|error| error.to_string());
        if let Err(reason) = followed.and(counted).and_then(|_| self.write()) {
            self.go_back(mark);
            return Err(reason);
        }
        self.settled();
        self.serving.serve_at_root(root);
        Ok(self.fresh(Changed::ALL, Vec::new()))
    }

    fn go_back(&mut self, mark: Mark) {
        self.store.undo_to(mark);
        for (stage, problem) in self.serving.load(&self.store) {
            tracing::error!("{}: {problem:?}", stage.replace('\0', "/"));
        }
        self.clients.go_back(&self.store);
        self.usage.go_back();
    }
}

/// Seconds since 1970.
pub fn unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::control_plane::clients::memberships::Metered;
    use crate::control_plane::operation::{self, FakeTruststores, SystemRandom};
    use crate::control_plane::operations::OPERATIONS;
    use crate::plan::clients::digest::Secret;
    use crate::plan::compile;

    fn started() -> (KeeperHandle, mpsc::UnboundedReceiver<Fresh>) {
        let (sender, fresh) = mpsc::unbounded_channel();
        let settings = KeeperSettings {
            account_id: "123456789012".to_owned(),
            region: "r".to_owned(),
            give_way: || {},
            give_memory_back: || {},
        };
        let serving = Serving::new(compile::Options::default());
        let Metered(meters) = Metered::in_memory();
        let keeper = start(KeeperParts {
            store: Store::default(),
            disk: None,
            serving,
            clients: ClientsFollower::new(Secret::new([0; 16]), Box::new(Metered(Arc::clone(&meters)))),
            usage: Usage::new(meters, 121),
            adopted_clients: Box::new(|| 0),
            settings,
            random: Box::new(SystemRandom),
            truststores: Box::new(FakeTruststores),
            fresh: sender,
        });
        (keeper.expect("a thread can be had"), fresh)
    }

    async fn call(keeper: &KeeperHandle, method: &str, path: &str, body: Value) -> Answered {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = operation::query_pairs(query).expect("a query");
        let (operation, path) = operation::find(OPERATIONS, method, path, &query).expect("an operation");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let asked = Asked { operation, region: "r".to_owned(), path, query, accept: None, body };
        keeper.call(asked).await.expect("the keeper is there")
    }

    async fn imported(keeper: &KeeperHandle, kind: &str) -> String {
        let integration = json!({ "type": kind, "uri": "arn:aws:apigateway:r:lambda:path/x", "httpMethod": "POST",
            "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
            "responses": { "default": { "statusCode": "200" } } });
        let get =
            json!({ "responses": { "200": { "description": "" } }, "x-amazon-apigateway-integration": integration });
        let document =
            json!({ "openapi": "3.0.1", "info": { "title": "t", "version": "1" }, "paths": { "/a": { "get": get } } });
        match call(keeper, "POST", "/restapis?mode=import", document).await.outcome {
            Ok(Reply::Json(api)) => api["id"].as_str().expect("an id").to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_deployment_is_handed_over_to_be_served() {
        let (keeper, mut fresh) = started();
        let api = imported(&keeper, "mock").await;
        assert!(fresh.try_recv().is_err(), "an API that is not deployed is not served");
        let path = format!("/restapis/{api}/deployments");
        let deployed = call(&keeper, "POST", &path, json!({ "stageName": "prod" })).await;
        assert!(deployed.outcome.is_ok() && deployed.served.is_some());
        let handed = fresh.recv().await.expect("a plan");
        assert_eq!((handed.revision, handed.plan.map(|plan| plan.stages.len()), handed.waiting.len()), (1, Some(1), 1));
        // What no request would notice makes no plan.
        let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/description", "value": "x" }] });
        let patched = call(&keeper, "PATCH", &format!("/restapis/{api}/stages/prod"), patch).await;
        assert!(patched.outcome.is_ok() && patched.served.is_none() && fresh.try_recv().is_err());
        let deleted = call(&keeper, "DELETE", &format!("/restapis/{api}"), Value::Null).await;
        assert!(deleted.served.is_some());
        assert!(fresh.recv().await.expect("a plan").plan.is_some_and(|plan| plan.stages.is_empty()));
    }

    #[tokio::test]
    async fn a_key_makes_no_plan() {
        let (keeper, mut fresh) = started();
        let created = call(&keeper, "POST", "/apikeys", json!({ "name": "key", "enabled": true })).await;
        assert!(created.outcome.is_ok() && created.served.is_some());
        let handed = fresh.recv().await.expect("clients");
        assert_eq!((handed.plan.is_none(), handed.clients.keys(), handed.waiting.len()), (true, 1, 1));
        let read = call(&keeper, "GET", "/apikeys", Value::Null).await;
        assert!(read.outcome.is_ok() && read.served.is_none() && fresh.try_recv().is_err());
        let reset = keeper.reset().await.expect("the keeper is there");
        assert!(reset.served.is_some());
        assert_eq!(fresh.recv().await.expect("clients").clients.keys(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_refused_and_leaves_nothing() {
        let (keeper, mut fresh) = started();
        let api = imported(&keeper, "aws_proxy").await;
        let path = format!("/restapis/{api}/deployments");
        let refused = call(&keeper, "POST", &path, json!({ "stageName": "prod" })).await;
        let exception = refused.outcome.expect_err("this version runs no functions");
        assert_eq!(exception.kind, ExceptionKind::BadRequest);
        assert!(exception.message.contains("resourceMethods/GET/methodIntegration"), "{exception}");
        match call(&keeper, "GET", &path, Value::Null).await.outcome {
            Ok(Reply::Json(listed)) => assert_eq!(listed["item"], json!([])),
            other => panic!("{other:?}"),
        }
        assert!(fresh.try_recv().is_err());
    }
}
