//! One core: its listeners, its mail, its clock, its connections.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ahash::AHashMap;

use crate::http::encode;
use crate::meter::{Day, Today};
use crate::net::deadline::{Expiry, TICK_MS, Timer, Wheel};
use crate::net::listener::{Accepted, Bound, Listener, Stop};
use crate::net::mailbox::Mailbox;
use crate::net::runtime::{sleep_ms, spawn};
use crate::net::stream::Stream;
use crate::net::tls::ClientTls;
use crate::net::tls::server::ListenerTls;
use crate::plan::clients::Clients;
use crate::plan::delivery::{AddressBook, CacheFlush, Callers, Delivery, Unhealthy};
use crate::plan::key_sets::KeySets;
use crate::plan::{Plan, StagePlan};
use crate::policy::Policy;
use crate::stats::{Counter, Recorder};

use super::access_log::{AccessLog, Handed};
use super::authorize::decisions::Decisions;
use super::authorize::write_stage_key;
use super::aws_signer::AwsSigner;
use super::cache::store::{self, Adopted, Remains, Stores};
use super::cache::{KeyRoom, Refreshes};
use super::compress::Encoders;
use super::connection;
use super::context::IdSource;
use super::live::{Earlier, Live, Upstreams, resolve};
use super::settings::{AuthorizerSettings, Settings};
use super::signed::Signatures;
use super::throttle::{Limits, SharedLimits};
use super::trace::{Noted, Trace};

/// What others may know of a shard, each on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub struct ShardState {
    /// Client connections that are open here.
    pub connections: AtomicU64,
    /// The generation of the plan that is served; 0 before the first.
    pub adopted: AtomicU64,
    /// The revision of the clients that are known; 0 before the first.
    pub adopted_clients: AtomicU64,
}

/// A letter to a shard.
pub enum Letter {
    Delivery(Delivery),
    /// A connection that another shard accepted, with the number of its listener.
    Connection {
        accepted: Accepted,
        listener: usize,
    },
}

/// A shard from the outside.
pub struct ShardHandle {
    pub mailbox: Arc<Mailbox<Letter>>,
    pub state: ShardState,
}

/// A listener's own: whether it speaks TLS, and its port.
#[derive(Clone)]
pub struct ListenerInfo {
    pub address: SocketAddr,
    pub tls: Option<ListenerTls>,
}

/// What a shard is made from.
pub struct ShardParts {
    pub index: usize,
    pub fleet: Arc<Vec<ShardHandle>>,
    pub settings: Arc<Settings>,
    pub client_tls: Arc<ClientTls>,
    pub listeners: Vec<ListenerInfo>,
    pub recorder: Recorder,
    pub access_log: AccessLog,
    pub limits: Arc<SharedLimits>,
}

pub struct Shard {
    pub settings: Arc<Settings>,
    pub wheel: Wheel,
    pub recorder: Recorder,
    pub access_log: AccessLog,
    pub ids: IdSource,
    pub client_tls: Arc<ClientTls>,
    /// For `tollgate test-invoke`; shards that serve clients have none. Boxed, to be a pointer among the hot fields.
    pub trace: Option<Box<Trace>>,
    pub encoders: Rc<Encoders>,
    pub limits: Limits,
    /// For quotas.
    today: Cell<Today>,
    index: usize,
    fleet: Arc<Vec<ShardHandle>>,
    listeners: Vec<ListenerInfo>,
    live: RefCell<Rc<Live>>,
    addresses: RefCell<Arc<AddressBook>>,
    /// Every upstream of the plan and those of earlier plans that still have connections.
    upstreams: RefCell<Upstreams>,
    unhealthy: RefCell<Arc<Unhealthy>>,
    /// What tokens are verified with.
    key_sets: RefCell<Arc<KeySets>>,
    /// Copies of requests that are on their way to mirrors.
    pub mirrors: Cell<u32>,
    pub aws_signer: AwsSigner,
    /// Who may sign requests.
    pub signatures: Signatures<Policy>,
    /// Whom the settings know; nobody before the first letter of them.
    callers: RefCell<Option<Arc<Callers>>>,
    /// What authorizers have decided.
    pub decisions: Decisions,
    /// Room for the key of a kept answer.
    pub cache_key: KeyRoom,
    /// Answers that are asked for while nobody waits.
    pub refreshes: Refreshes,
    stores: RefCell<Stores>,
    /// Answers that nobody finds any more, freed bit by bit.
    remains: RefCell<Vec<Remains>>,
    draining: Cell<bool>,
    /// Connections that fell idle long enough to be parked.
    idle_clients: RefCell<AHashMap<*const Timer, Rc<Timer>>>,
    started: Instant,
    started_unix_ms: u64,
    now_ms: Cell<u64>,
    date_second: Cell<u64>,
    date: RefCell<Rc<[u8]>>,
}

impl Shard {
    fn new(parts: ShardParts, trace: Option<Box<Trace>>) -> Rc<Shard> {
        let block = parts.recorder.open_block(0, []);
        let nothing = Earlier {
            live: None,
            clients: &Arc::new(Clients::empty()),
            limits: None,
            upstreams: &Upstreams::default(),
            addresses: &AddressBook::default(),
            unhealthy: &Unhealthy::default(),
        };
        let (empty, upstreams) = Live::adopt(Arc::new(Plan::empty()), block, &nothing);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = (unix.as_nanos() as u64) ^ (parts.index as u64) << 56 ^ u64::from(std::process::id()) << 32;
        let decision_bytes_max = parts.settings.authorizers.shard_bytes_max;
        let AuthorizerSettings { signing_keys_max, clock_skew_s, .. } = parts.settings.authorizers;
        let signatures = Signatures::new(signing_keys_max, clock_skew_s);
        let shard = Shard {
            encoders: Encoders::new(parts.settings.compression),
            settings: parts.settings,
            wheel: Wheel::default(),
            recorder: parts.recorder,
            access_log: parts.access_log,
            limits: Limits::new(parts.limits),
            today: Cell::new(Today::of(Day::of(unix.as_secs() as i64))),
            ids: IdSource::new(seed),
            client_tls: parts.client_tls,
            trace,
            index: parts.index,
            fleet: parts.fleet,
            listeners: parts.listeners,
            live: RefCell::new(Rc::new(empty)),
            addresses: RefCell::default(),
            upstreams: RefCell::new(upstreams),
            unhealthy: RefCell::default(),
            key_sets: RefCell::default(),
            mirrors: Cell::new(0),
            aws_signer: AwsSigner::default(),
            signatures,
            callers: RefCell::default(),
            decisions: Decisions::new(decision_bytes_max),
            cache_key: KeyRoom::default(),
            refreshes: Refreshes::default(),
            stores: RefCell::default(),
            remains: RefCell::default(),
            draining: Cell::new(false),
            idle_clients: RefCell::default(),
            started: Instant::now(),
            started_unix_ms: unix.as_millis() as u64,
            now_ms: Cell::new(0),
            date_second: Cell::new(u64::MAX),
            date: RefCell::new(Rc::from([])),
        };
        shard.turn_clock();
        Rc::new(shard)
    }

    /// Milliseconds since the shard started, as of the last tick.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// The wall clock at `instant`, in milliseconds since 1970. It does not jump while the process runs.
    pub fn unix_ms(&self, instant: Instant) -> u64 {
        self.started_unix_ms + instant.duration_since(self.started).as_millis() as u64
    }

    /// The value of `Date`, renewed each second.
    pub fn date(&self) -> Rc<[u8]> {
        Rc::clone(&self.date.borrow())
    }

    /// The plan to serve; whoever begins an exchange keeps it to its end.
    pub fn live(&self) -> Rc<Live> {
        Rc::clone(&self.live.borrow())
    }

    /// What tokens are verified with, for as long as `read` looks at it: to share it would be work for all shards' caches.
    pub fn with_key_sets<R>(&self, read: impl FnOnce(&KeySets) -> R) -> R {
        read(&self.key_sets.borrow())
    }

    /// Whether it is this user's password.
    pub fn knows(&self, name: &str, password: &[u8]) -> bool {
        self.callers.borrow().as_ref().is_some_and(|callers| callers.passwords.opens(name, password))
    }

    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    fn state(&self) -> &ShardState {
        &self.fleet[self.index].state
    }

    pub fn count_log(&self, handed: Handed) {
        if handed.written > 0 {
            self.recorder.count_by(Counter::AccessLogRecords, handed.written);
        }
        if handed.dropped > 0 {
            self.recorder.count_by(Counter::AccessLogDropped, handed.dropped);
        }
    }

    /// The day by the wall clock, as of the last tick.
    pub fn today(&self) -> Today {
        self.today.get()
    }

    fn turn_clock(&self) {
        let now = Instant::now();
        self.now_ms.set(now.duration_since(self.started).as_millis() as u64);
        let second = self.unix_ms(now) / 1000;
        if second != self.date_second.get() {
            self.date_second.set(second);
            let mut date = Vec::new();
            encode::date(second as i64, &mut date);
            self.date.replace(date.into());
            // A clock that was set right is followed, which that of `Date` and the logs is not.
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let day = Day::of(unix.as_secs() as i64);
            if day != self.today.get().day {
                self.today.set(Today::of(day));
            }
        }
    }

    fn open_letter(self: &Rc<Self>, letter: Letter) {
        match letter {
            Letter::Connection { accepted, listener } => self.open(accepted, listener),
            Letter::Delivery(delivery) => self.take(delivery),
        }
    }

    fn take(&self, delivery: Delivery) {
        match delivery {
            Delivery::Plan(plan) => self.adopt(plan),
            Delivery::Clients(clients) => self.adopt_clients(clients),
            Delivery::Callers(callers) => {
                self.signatures.adopt(Arc::clone(&callers.identities));
                self.callers.replace(Some(callers));
            }
            Delivery::Addresses(addresses) => {
                for upstream in self.upstreams.borrow().values() {
                    if upstream.origin.host.parse::<IpAddr>().is_err() {
                        upstream.set_addresses(resolve(&upstream.origin, &addresses));
                    }
                }
                self.addresses.replace(addresses);
            }
            Delivery::Health(unhealthy) => {
                self.live().note_health(&unhealthy);
                self.unhealthy.replace(unhealthy);
            }
            Delivery::AwsCredentials(credentials) => self.aws_signer.adopt(credentials),
            Delivery::KeySets(sets) => {
                self.key_sets.replace(sets);
            }
            Delivery::FlushCache(flush) => {
                for (_, store) in self.stores.borrow().iter().filter(|(name, _)| name.is_of(&flush)) {
                    self.remains.borrow_mut().push(store.flush());
                }
                self.recorder.count(Counter::CacheFlushes);
                flush.note_done();
            }
            Delivery::FlushAuthorizers(flush) => {
                self.forget_decisions(&flush);
                self.recorder.count(Counter::AuthorizerFlushes);
                flush.note_done();
            }
            Delivery::Harvest => {
                self.recorder.harvest();
                self.count_log(self.access_log.flush());
            }
            Delivery::Drain => self.drain(),
        }
    }

    /// Of the stage in every region that has one of the name. Who is being asked just now may have been asked before the
    /// flush: its answer counts for those who wait for it, and is not kept.
    fn forget_decisions(&self, flush: &CacheFlush) {
        let live = self.live();
        let of_flush = |stage: &&Arc<StagePlan>| *stage.api_id == *flush.api_id && *stage.stage == *flush.stage;
        for stage in live.plan.stages.iter().filter(of_flush) {
            let mut beginning = Vec::new();
            write_stage_key(&stage.region, &stage.api_id, &stage.stage, &mut beginning);
            self.decisions.flush(&beginning);
        }
    }

    /// Requests on their way get a moment to arrive, and then their answer with `Connection: close`.
    fn drain(&self) {
        self.draining.set(true);
        for idle in self.idle_clients.borrow().values() {
            self.wheel.arm(idle, DRAIN_GRACE_MS, Expiry::EndReading);
        }
        self.upstreams.borrow().values().for_each(|upstream| upstream.close_idle());
    }

    /// A client's connection waits for its next request: so that a drain can find it.
    pub fn client_idles(&self, timer: &Rc<Timer>) {
        self.idle_clients.borrow_mut().insert(Rc::as_ptr(timer), Rc::clone(timer));
    }

    pub fn client_is_busy(&self, timer: &Rc<Timer>) {
        self.idle_clients.borrow_mut().remove(&Rc::as_ptr(timer));
    }

    fn adopt(&self, plan: Arc<Plan>) {
        let generation = plan.generation;
        let methods = plan.stages.iter().map(|stage| stage.methods.len());
        let block = self.recorder.open_block(generation, methods);
        let (live, named) = {
            let (served, upstreams, addresses) = (self.live(), self.upstreams.borrow(), self.addresses.borrow());
            let earlier = Earlier {
                live: Some(&*served),
                clients: &served.clients,
                limits: Some(&self.limits),
                upstreams: &upstreams,
                addresses: &addresses,
                unhealthy: &self.unhealthy.borrow(),
            };
            Live::adopt(plan, block, &earlier)
        };
        let earlier = self.upstreams.replace(named);
        let mut upstreams = self.upstreams.borrow_mut();
        for (origin, upstream) in earlier {
            if upstreams.contains_key(&origin) {
                continue;
            }
            upstream.close_idle();
            // Exchanges in flight still use it, and another deploy may name it again.
            if !upstream.is_unused() {
                upstreams.insert(origin, upstream);
            }
        }
        drop(upstreams);
        let bytes_max = self.settings.cache.shard_bytes_max;
        let Adopted { by_stage, named, remains } =
            store::adopt(&live.plan, self.stores.take(), bytes_max, self.fleet.len() as u64);
        self.stores.replace(named);
        self.remains.borrow_mut().extend(remains);
        self.live.replace(Rc::new(live.with_stores(by_stage.into())));
        self.state().adopted.store(generation, Ordering::Release);
    }

    fn adopt_clients(&self, clients: Arc<Clients>) {
        let revision = clients.revision;
        let live = self.live().with_clients(clients);
        self.live.replace(Rc::new(live));
        self.state().adopted_clients.store(revision, Ordering::Release);
    }

    /// Gives an accepted connection to the shard with the fewest; `SO_REUSEPORT` alone leaves the busiest of eight
    /// shards at twice its share.
    fn place(self: &Rc<Self>, accepted: Accepted, listener: usize) {
        self.recorder.count(Counter::ConnectionsAccepted);
        let load = |handle: &ShardHandle| handle.state.connections.load(Ordering::Relaxed);
        if self.fleet.iter().map(load).sum::<u64>() >= self.settings.connections_max {
            self.recorder.count(Counter::ConnectionsRefused);
            return refuse(accepted.socket);
        }
        let mine = load(&self.fleet[self.index]);
        let (least, lowest) =
            self.fleet.iter().map(load).enumerate().min_by_key(|(_, load)| *load).unwrap_or((self.index, mine));
        let target = if lowest < mine { least } else { self.index };
        self.fleet[target].state.connections.fetch_add(1, Ordering::Relaxed);
        if target == self.index {
            self.open(accepted, listener);
        } else {
            self.recorder.count(Counter::ConnectionsHandedOver);
            self.fleet[target].mailbox.send(Letter::Connection { accepted, listener });
        }
    }

    /// Serves a connection that is already counted in [`ShardState::connections`].
    fn open(self: &Rc<Self>, accepted: Accepted, listener: usize) {
        let counted = CountedConnection(Rc::clone(self));
        let info = self.listeners[listener].clone();
        let Ok(stream) = Stream::from_socket(accepted.socket) else { return };
        let shard = Rc::clone(self);
        let recorder = self.recorder.clone();
        let task = async move {
            connection::serve(&shard, stream, accepted.peer.ip(), &info).await;
            drop(counted);
        };
        spawn(task, move || recorder.count(Counter::Panics));
    }

    fn sweep(&self) {
        for upstream in self.upstreams.borrow().values() {
            upstream.sweep(self);
        }
    }
}

/// Takes a connection off the count, however it ends.
struct CountedConnection(Rc<Shard>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.state().connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers 503 without ever waiting: the socket's empty buffer takes these bytes or nobody gets them.
fn refuse(socket: OwnedFd) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\
                            Connection: close\r\n\r\n{\"message\":\"Service Unavailable\"}";
    let socket = socket2::Socket::from(socket);
    let _ = socket.set_nonblocking(true);
    let _ = socket.send(ANSWER);
    let _ = socket.shutdown(std::net::Shutdown::Write);
}

/// Runs a shard, for as long as the process lives. To be called inside its runtime. Listeners open when the first plan
/// is there; `ready` is called then.
///
/// # Errors
/// When the process is out of descriptors at the start.
pub async fn run(parts: ShardParts, bound: Vec<Bound>, ready: impl FnOnce()) -> std::io::Result<()> {
    let mailbox = Arc::clone(&parts.fleet[parts.index].mailbox);
    let waker = mailbox.waker()?;
    let shard = Shard::new(parts, None);
    let panics = shard.recorder.clone();
    spawn(tick(Rc::clone(&shard)), move || panics.count(Counter::Panics));
    while shard.state().adopted.load(Ordering::Relaxed) == 0 {
        mailbox.receive(&waker).await.into_iter().for_each(|letter| shard.open_letter(letter));
    }
    let mut stops = Vec::new();
    for (number, bound) in bound.into_iter().enumerate() {
        let mut listener = bound.listen()?;
        stops.push(listener.stop());
        let panics = shard.recorder.clone();
        spawn(accept(Rc::clone(&shard), listener, number), move || panics.count(Counter::Panics));
    }
    ready();
    loop {
        mailbox.receive(&waker).await.into_iter().for_each(|letter| shard.open_letter(letter));
        if shard.is_draining() {
            stops.iter_mut().for_each(Stop::stop);
        }
    }
}

/// Serves one client to its end on a shard of its own, and tells what was noted of it. To be called inside its runtime.
///
/// # Errors
/// When the driver cannot take the socket.
pub async fn run_traced(
    parts: ShardParts,
    plan: Arc<Plan>,
    deliveries: Vec<Delivery>,
    client: OwnedFd,
    asks_authorizer: bool,
) -> std::io::Result<Noted> {
    let shard = Shard::new(parts, Some(Box::new(Trace::new(asks_authorizer))));
    deliveries.into_iter().for_each(|delivery| shard.take(delivery));
    shard.take(Delivery::Plan(plan));
    let panics = shard.recorder.clone();
    spawn(tick(Rc::clone(&shard)), move || panics.count(Counter::Panics));
    let info = ListenerInfo { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)), tls: None };
    connection::serve(&shard, Stream::from_socket(client)?, info.address.ip(), &info).await;
    Ok(shard.trace.as_ref().map(|trace| trace.take()).unwrap_or_default())
}

/// Accepts until stopped. Out of descriptors it waits a little rather than spin.
async fn accept(shard: Rc<Shard>, mut listener: Listener, number: usize) {
    loop {
        match listener.accept().await {
            Ok(Some(accepted)) => shard.place(accepted, number),
            Ok(None) => break,
            Err(_) => sleep_ms(ACCEPT_PAUSE_MS).await,
        }
    }
    for accepted in listener.sweep() {
        shard.place(accepted, number);
    }
}

const ACCEPT_PAUSE_MS: u64 = 20;

/// How long idle connections stay open after a drain began.
pub const DRAIN_GRACE_MS: u64 = 1000;

async fn tick(shard: Rc<Shard>) {
    let mut ticks = 0u64;
    let mut last = Instant::now();
    loop {
        sleep_ms(TICK_MS).await;
        // A busy shard wakes late: the wheel turns as often as time has passed.
        let due = (last.elapsed().as_millis() as u64 / TICK_MS).clamp(1, WHEEL_TURNS_MAX);
        last += std::time::Duration::from_millis(due * TICK_MS);
        shard.turn_clock();
        for _ in 0..due {
            shard.wheel.tick();
        }
        shard.limits.tick();
        if !shard.remains.borrow().is_empty() {
            shard.remains.borrow_mut().retain_mut(Remains::shrink);
        }
        ticks += due;
        if ticks >= 1000 / TICK_MS {
            ticks = 0;
            shard.sweep();
        }
    }
}

/// After a suspended machine wakes, connections get some seconds rather than all their time-outs at once.
const WHEEL_TURNS_MAX: u64 = 100;
