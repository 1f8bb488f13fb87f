//! Boot and shutdown in order. The one room that knows both planes.
//!
//! Everything that can be wrong is found before anything is served: certificates, addresses, documents, host names. A
//! start that fails leaves nothing behind. [`bind`] has the addresses, [`listeners`] what TLS on them needs, [`truststores`]
//! those of custom domain names; [`access`] has the credentials of the admin listener, [`callers`] those of the users that
//! the settings know, [`aws`] what they say of AWS's services; `functions` starts the function host; [`probe`] asks targets
//! for their health, [`key_sets`] issuers for their keys, [`fetch`] others for credentials, all over a [`peer`] whose answers
//! [`asked`] reads; [`test_invoke`] starts one shard, for one exchange.

pub mod access;
mod asked;
pub mod aws;
mod bind;
mod callers;
pub mod fetch;
mod functions;
mod key_sets;
mod listeners;
mod peer;
mod probe;
pub mod test_invoke;
mod truststores;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::config::{self, Config, LogDestination, UnderscoreTwins};
use crate::control_plane::access::Access;
use crate::control_plane::access_log::{AccessLog, AccessLogSender, AccessLogTarget};
use crate::control_plane::audit::AuditLog;
use crate::control_plane::aws_credentials::{AwsCredentialsKeeper, AwsCredentialsParts};
use crate::control_plane::clients::ClientsFollower;
use crate::control_plane::clients::memberships::Metered;
use crate::control_plane::keeper::{self, Fresh, KeeperHandle, KeeperParts, KeeperSettings};
use crate::control_plane::operation::{Random, SystemRandom};
use crate::control_plane::publish::{Builder, ReloadFiles};
use crate::control_plane::resolver::lookup::{Lookup, SystemLookup};
use crate::control_plane::server::{Management, TESTS_MAX};
use crate::control_plane::serving::Serving;
use crate::control_plane::state::MoreMetrics;
use crate::control_plane::store::disk::Disk;
use crate::control_plane::usage::Usage;
use crate::control_plane::usage::sync::UsageSync;
use crate::control_plane::{self, Control, ControlPlane, ExitReason};
use crate::data_plane::access_log::LogSink;
use crate::data_plane::settings::{
    AccessLogSettings, AuthorizerSettings, CacheSettings, Cidr, CompressionSettings, ForwardingSettings,
    FunctionSettings, Settings, ThrottleHeaders, ThrottleSettings, UpstreamSettings,
};
use crate::data_plane::shard::{Letter, ListenerInfo, ShardHandle, ShardParts, ShardState, run};
use crate::data_plane::throttle::SharedLimits;
use crate::http::head::HeadLimits;
use crate::limit::Rate;
use crate::meter::{Day, Meters, Today};
use crate::net::mailbox::Mailbox;
use crate::net::runtime::{Driver, Mode, Runtime, allowed_cpus, pin_to_cpu};
use crate::net::tls::server::ServerTls;
use crate::net::tls::{ClientTls, warm_up};
use crate::plan::Plan;
use crate::plan::access_log::LogFormat;
use crate::plan::clients::Clients;
use crate::plan::clients::digest::Secret;
use crate::plan::compile;
use crate::plan::compile::targets::{FunctionTarget, Targets, TokenOptions};
use crate::plan::delivery::{Delivery, Fleet};
use crate::plan::vpc::{VpcEndpoint, VpcEndpoints};
use crate::sign::Timestamp;
use crate::stats::Registry;
use truststores::TruststoreFolder;

/// What is served where, once it is.
pub struct Started {
    /// Addresses for clients, with whether they speak TLS; port 0 has become a real one.
    pub listening: Vec<(SocketAddr, bool)>,
    pub admin: Option<SocketAddr>,
    /// The function host.
    pub functions: Option<SocketAddr>,
    pub shards: usize,
    pub mode: Mode,
}

/// Serves until a signal says to stop. `started` is called when clients can connect.
///
/// # Errors
/// Why it could not start; nothing is half-started then.
pub fn serve(
    config: &Config,
    builder: impl FnOnce(KeeperHandle, &Config) -> Builder,
    started: impl FnOnce(&Started),
) -> Result<ExitReason, String> {
    raise_descriptor_limit();
    let cpus = allowed_cpus();
    let shards = usize::from(config.shards.resolve(cpus.len().max(1)));
    warm_up();
    let server_tls = listeners::load_tls(config)?;
    let truststores = TruststoreFolder::open(config.tls.truststore_dir.as_deref())?;
    let client_tls = Arc::new(ClientTls::load(config.tls.upstream_ca_file.as_deref())?);
    let bind::Addresses { infos, mut bound, admin } = bind::bind_all(config, shards, server_tls.as_ref())?;
    let registry = Registry::new(shards);
    let access_log = start_access_log(config, &registry)?;
    // The store first: it makes the folder, and says who has it.
    let disk = config.data.as_deref().map(Disk::open).transpose()?;
    let meters = Arc::new(open_meters(config)?);
    let fleet = Arc::new(handles(shards)?);
    // Before anything that lowers its priority is done to this thread. It ends with this function.
    let functions = functions::start(config)?;
    let config = &functions::with_host(config, functions.as_ref());
    let (keeper, fresh) = start_keeper(config, disk, Arc::clone(&meters), Arc::clone(&fleet), truststores.clone())?;
    give_memory_back();
    let usage_sync = start_usage_sync(config, &meters, &registry)?;
    let known = Arc::<test_invoke::Known>::default();
    let management = management(config, keeper.clone(), &registry, &infos, Arc::clone(&known))?;
    let builder = builder(keeper, config);

    let settings = Arc::new(settings(config, shards)?);
    let first_callers = Arc::new(callers::callers(config)?);
    let limits = Arc::new(SharedLimits::new(shards, &settings.throttle, meters));
    let serving = Arc::new(AtomicUsize::new(0));
    let (report, reports) = mpsc::channel();
    for index in 0..shards {
        let start = ShardStart {
            index,
            cpu: (config.runtime.pin && shards <= cpus.len()).then(|| cpus[index]),
            driver: driver(config),
            ring_entries: config.runtime.ring_entries,
            fleet: Arc::clone(&fleet),
            settings: Arc::clone(&settings),
            limits: Arc::clone(&limits),
            client_tls: Arc::clone(&client_tls),
            infos: infos.clone(),
            bound: std::mem::take(&mut bound[index]),
            registry: Arc::clone(&registry),
            log: access_log.as_ref().map(AccessLog::sender),
            serving: Arc::clone(&serving),
            report: report.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("shard-{index}"));
        thread.spawn(move || start.run()).map_err(|error| format!("cannot start a shard's thread: {error}"))?;
    }
    drop(report);
    let mode = collect_modes(&reports, shards)?;
    tracing::info!(shards, driver = mode.name(), "shards started");
    if let Some(tls) = &server_tls {
        listeners::report_refusals(tls)?;
    }
    if mode == Mode::Epoll && config.driver == crate::config::Driver::Auto {
        tracing::warn!("io_uring is not available to this process: running on epoll");
    }

    yield_to_shards();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the control plane: {error}"))?;
    let facts = Started {
        listening: infos.iter().map(|info| (info.address, info.tls.is_some())).collect(),
        admin: admin.as_ref().and_then(|listener| listener.local_addr().ok()),
        functions: functions.as_ref().map(|host| host.address),
        shards,
        mode,
    };
    runtime.block_on(async {
        let lookup = SystemLookup::new(std::time::Duration::from_millis(config.upstream.dns_timeout_ms))?;
        let lookup: Arc<dyn Lookup> = Arc::new(lookup);
        let fleet: Arc<dyn Fleet> = Arc::new(Shards {
            handles: fleet,
            kept: Mutex::default(),
            known: Arc::clone(&known),
            tls: server_tls.clone(),
            truststores,
        });
        fleet.deliver_to_all(&Delivery::Callers(first_callers));
        let control = Control {
            fleet: Arc::clone(&fleet),
            registry,
            builder,
            lookup: Arc::clone(&lookup),
            prober: Arc::new(probe::TargetProber::new(Arc::clone(&client_tls))),
            aws_credentials: aws::credentials_settings(&config.aws).map(|settings| {
                AwsCredentialsKeeper::new(AwsCredentialsParts {
                    settings,
                    environment: Box::new(|name| std::env::var(name).ok()),
                    fetcher: Arc::new(fetch::HttpFetcher::new(Arc::clone(&client_tls), Arc::clone(&lookup))),
                    fleet: Arc::clone(&fleet),
                    clock: Box::new(|| Timestamp::from_seconds(u64::try_from(keeper::unix_s()).unwrap_or(0))),
                    random: Box::new(SystemRandom),
                })
            }),
            getter: Arc::new(key_sets::DocumentGetter::new(client_tls, lookup)),
            admin,
            management,
            fresh,
            access_log,
            reload_files: reload_files(config.clone(), server_tls, Arc::clone(&fleet)),
            checks: vec![("listeners", {
                let serving = Arc::clone(&serving);
                Box::new(move || serving.load(Ordering::Acquire) == shards)
            })],
            more_metrics: functions.as_ref().map(|host| {
                let stats = host.stats.clone();
                Box::new(move |text: &mut String| stats.render(text)) as MoreMetrics
            }),
            settings: control_settings(config, mode),
        };
        let mut control_plane = ControlPlane::new(control)?;
        control_plane.publish_first().await?;
        // The shards open their listeners when they have taken the plan.
        while serving.load(Ordering::Acquire) < shards {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        started(&facts);
        let reason = control_plane.run().await;
        if let Some(sync) = usage_sync {
            sync.finish(LAST_SYNC);
        }
        Ok(reason)
    })
}

/// Reads again what is not of the documents: certificates, truststores, lists of revoked certificates; users. Neither of the
/// two keeps the other from being taken.
fn reload_files(config: Config, tls: Option<Arc<ServerTls>>, fleet: Arc<dyn Fleet>) -> ReloadFiles {
    Arc::new(move || {
        let certificates = tls.as_ref().map_or(Ok(()), |tls| tls.reload());
        let callers = callers::callers(&config).map(|callers| {
            fleet.deliver_to_all(&Delivery::Callers(Arc::new(callers)));
        });
        let problems = [("certificates", certificates), ("users", callers)].into_iter().filter_map(|(what, read)| {
            read.err().map(|reason| format!("{what} were not reloaded, the old ones stay: {reason}"))
        });
        let problems: Vec<String> = problems.collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    })
}

fn start_access_log(config: &Config, registry: &Arc<Registry>) -> Result<Option<AccessLog>, String> {
    let target = match &config.access_log.destination {
        LogDestination::Off => return Ok(None),
        LogDestination::Stdout => AccessLogTarget::Stdout,
        LogDestination::File(path) => AccessLogTarget::File(path.clone()),
    };
    let bytes_max = usize::try_from(config.access_log.buffer_bytes_max).unwrap_or(usize::MAX);
    AccessLog::start(target, bytes_max, Arc::clone(registry)).map(Some)
}

/// How long the disk may take for the last of what was counted.
const LAST_SYNC: Duration = Duration::from_secs(2);

/// Loads the store, or makes one in memory, and compiles what it has. A stage that cannot be served any more (a newer
/// version may refuse what an older one took) is left out, and named: the others are served.
fn start_keeper(
    config: &Config,
    disk: Option<Disk>,
    meters: Arc<Meters>,
    fleet: Arc<Vec<ShardHandle>>,
    truststores: TruststoreFolder,
) -> Result<(KeeperHandle, tokio::sync::mpsc::UnboundedReceiver<Fresh>), String> {
    let store = disk.as_ref().map(Disk::load).transpose()?.unwrap_or_default();
    let mut serving = Serving::new(compile::Options { root: false, ..managed_options(config) });
    for (stage, unservable) in serving.load(&store) {
        tracing::error!("the stage {} is not served: {}", stage.replace('\0', "/"), unservable.to_text());
    }
    let mut secret = [0; 16];
    SystemRandom.fill(&mut secret);
    let mut clients = ClientsFollower::new(Secret::new(secret), Box::new(Metered(Arc::clone(&meters))));
    clients.load(&store);
    let mut usage = Usage::new(meters, config.quota.history_days);
    usage.load(&store, &Today::of(Day::of(keeper::unix_s())));
    if disk.is_none() {
        tracing::info!("without --data, what the management API makes is kept in memory only");
    }
    let (sender, fresh) = tokio::sync::mpsc::unbounded_channel();
    let settings = KeeperSettings {
        account_id: config.account_id.clone(),
        region: config.management.region.clone(),
        give_way: yield_to_shards,
        give_memory_back,
    };
    let oldest_revision = move || fleet.iter().map(|shard| shard.state.adopted_clients.load(Ordering::Acquire)).min();
    let keeper = keeper::start(KeeperParts {
        store,
        disk,
        serving,
        clients,
        usage,
        adopted_clients: Box::new(move || oldest_revision().unwrap_or(0)),
        settings,
        random: Box::new(SystemRandom),
        truststores: Box::new(truststores),
        fresh: sender,
    })?;
    Ok((keeper, fresh))
}

/// `None`: what is counted is in memory only.
fn start_usage_sync(
    config: &Config,
    meters: &Arc<Meters>,
    registry: &Arc<Registry>,
) -> Result<Option<UsageSync>, String> {
    if config.data.is_none() {
        return Ok(None);
    }
    let every = Duration::from_millis(config.quota.sync_ms);
    let started = UsageSync::start(Arc::clone(meters), every, Arc::clone(registry));
    started.map(Some).map_err(|error| format!("cannot start the thread that writes usage to the disk: {error}"))
}

fn management(
    config: &Config,
    keeper: KeeperHandle,
    registry: &Arc<Registry>,
    infos: &[ListenerInfo],
    known: Arc<test_invoke::Known>,
) -> Result<Management, String> {
    let access = Access::new(access::access_settings(&config.management)?);
    if let Some(warning) = access.warning() {
        tracing::warn!("{warning}");
    }
    Ok(Management {
        keeper,
        access,
        random: Box::new(SystemRandom),
        test_invoker: Arc::new(test_invoke::TestInvoke::beside(config, known)?),
        compile_options: compile::Options { root: true, ..managed_options(config) },
        audit: AuditLog::open(access::audit_target(&config.management.audit_log), Arc::clone(registry))?,
        definition_bytes_max: usize::try_from(config.management.definition_bytes_max).unwrap_or(usize::MAX),
        backup_bytes_max: usize::try_from(config.management.backup_bytes_max).unwrap_or(usize::MAX),
        listening: infos.iter().map(url).collect(),
        may_reset: config.management.reset,
        test_places: tokio::sync::Semaphore::new(TESTS_MAX),
        restore_place: tokio::sync::Semaphore::new(1),
    })
}

/// `http://127.0.0.1:8080`.
fn url(info: &ListenerInfo) -> String {
    format!("{}://{}", if info.tls.is_some() { "https" } else { "http" }, info.address)
}

/// Where what definitions name by ARN or id is asked. `function_host` is this process's own, once it listens.
pub fn targets(config: &Config, function_host: Option<SocketAddr>) -> Targets {
    let functions = config.lambda.targets.0.iter().map(|(name, target)| {
        let config::FunctionTarget { url, name: other, signed } = target.clone();
        (name.clone(), FunctionTarget { url, name: other, signed })
    });
    let without_credentials = config.aws.credentials == config::CredentialsSource::Off;
    let service = |url: &String| FunctionTarget { url: url.clone(), name: None, signed: !without_credentials };
    Targets {
        function_host,
        functions: functions.collect(),
        lambda: config.aws.endpoints.0.get("lambda").map(service),
        tokens: TokenOptions {
            token_bytes_max: usize::try_from(config.jwt.token_bytes_max).unwrap_or(usize::MAX),
            leeway_s: config.jwt.leeway_s,
            cognito_endpoint: config.jwt.cognito_endpoint.clone(),
        },
        service_endpoints: config.aws.endpoints.0.clone(),
        without_credentials,
        vpc_links: config.vpc_links.0.iter().map(|(name, url)| (name.clone(), url.clone())).collect(),
    }
}

/// What the settings say of compiling.
pub fn compile_options(config: &Config) -> compile::Options {
    let limits = compile::Limits {
        integration_timeout_ms_max: config.limits.integration_timeout_max_ms,
        template_bytes_max: config.limits.template_bytes_max,
        policy_bytes_max: usize::try_from(config.limits.policy_bytes_max).unwrap_or(usize::MAX),
    };
    let owner = compile::Owner {
        region: config.management.region.clone().into(),
        account_id: config.account_id.clone().into(),
    };
    compile::Options {
        root: config.root,
        limits,
        on_unsupported: compile::Unsupported::Refuse,
        owner,
        targets: Some(Arc::new(targets(config, functions::address(config)))),
        vpc_link_names: Default::default(),
    }
}

/// The same for what the management API deploys.
pub fn managed_options(config: &Config) -> compile::Options {
    let on_unsupported = match config.management.unsupported {
        crate::config::Unsupported::Refuse => compile::Unsupported::Refuse,
        crate::config::Unsupported::Deny => compile::Unsupported::Deny,
    };
    compile::Options { on_unsupported, ..compile_options(config) }
}

fn handles(shards: usize) -> Result<Vec<ShardHandle>, String> {
    let handle = |_| Ok(ShardHandle { mailbox: Mailbox::new()?, state: ShardState::default() });
    (0..shards).map(handle).collect::<std::io::Result<_>>().map_err(|error| format!("cannot start a shard: {error}"))
}

fn driver(config: &Config) -> Driver {
    match config.driver {
        crate::config::Driver::Auto => Driver::Auto,
        crate::config::Driver::IoUring => Driver::IoUring,
        crate::config::Driver::Epoll => Driver::Epoll,
    }
}

/// The counters of the usage plans' keys: beside the store, or in memory as it is.
fn open_meters(config: &Config) -> Result<Meters, String> {
    let capacity = config.quota.memberships_max;
    let meters = match &config.data {
        Some(folder) => Meters::open(&folder.join("usage"), capacity).map_err(|error| error.to_string())?,
        None => Meters::in_memory(capacity).map_err(|error| format!("no memory for the usage of API keys: {error}"))?,
    };
    if meters.damaged() > 0 {
        tracing::error!(records = meters.damaged(), "the usage of some API keys was damaged, and begins at 0");
    }
    Ok(meters)
}

/// The account's limit; `None` where there is none.
fn account_rate(throttle: &crate::config::Throttle) -> Result<Option<Rate>, String> {
    if throttle.account_rate_limit == 0 {
        return Ok(None);
    }
    let burst = i32::try_from(throttle.account_burst_limit).unwrap_or(i32::MAX);
    let rate = Rate::new(throttle.account_rate_limit as f64, burst);
    rate.map(Some).map_err(|odd| format!("throttle.account_rate_limit: {odd}"))
}

fn settings(config: &Config, shards: usize) -> Result<Settings, String> {
    let format = LogFormat::parse(&config.access_log.format)
        .map_err(|error| format!("access_log.format: {}; {}", error.message, error.help))?;
    let bytes = |setting: u64| usize::try_from(setting).unwrap_or(usize::MAX);
    let (limits, upstream, forwarding) = (&config.limits, &config.upstream, &config.forwarding);
    Ok(Settings {
        head: HeadLimits {
            target_bytes_max: bytes(limits.target_bytes_max),
            header_bytes_max: bytes(limits.header_bytes_max),
            header_fields_max: limits.header_fields_max as usize,
        },
        body_bytes_max: limits.body_bytes_max,
        response_body_bytes_max: if limits.response_body_bytes_max == 0 {
            u64::MAX
        } else {
            limits.response_body_bytes_max
        },
        connections_max: u64::from(limits.connections_max),
        head_timeout_ms: limits.head_timeout_ms,
        idle_timeout_ms: limits.idle_timeout_ms,
        body_idle_timeout_ms: limits.body_idle_timeout_ms,
        body_bytes_per_second_min: limits.body_bytes_per_second_min,
        body_grace_ms: limits.body_grace_ms,
        write_timeout_ms: limits.write_timeout_ms,
        requests_per_connection_max: limits.requests_per_connection_max,
        tls_handshake_timeout_ms: config.tls.handshake_timeout_ms,
        upstream: UpstreamSettings {
            connect_timeout_ms: upstream.connect_timeout_ms,
            idle_timeout_ms: upstream.idle_timeout_ms,
            idle_connections_max: upstream.idle_connections_max as usize,
            connections_max: upstream.connections_max as usize,
            response_head_bytes_max: bytes(upstream.response_head_bytes_max),
            response_idle_timeout_ms: upstream.response_idle_timeout_ms,
            retries_max: upstream.retries_max,
            replay_body_bytes_max: bytes(upstream.replay_body_bytes_max),
            mirrors_max: upstream.mirrors_max,
        },
        forwarding: ForwardingSettings {
            trusted_proxies: forwarding
                .trusted_proxies
                .iter()
                .map(|range| Cidr { address: range.addr(), prefix_bits: range.prefix_len() })
                .collect(),
            forwarded_header: forwarding.forwarded_header,
            via: forwarding.via.then(|| forwarding.via_name.as_str().into()),
            drop_twins: forwarding.underscore_twins == UnderscoreTwins::Drop,
        },
        access_log: AccessLogSettings {
            format,
            buffer_bytes_max: bytes(config.access_log.buffer_bytes_max) / shards.max(1) / 2,
        },
        compression: CompressionSettings {
            level: config.compression.level,
            concurrent_max: config.compression.concurrent_max,
            request_ratio_max: config.compression.request_ratio_max.into(),
        },
        throttle: ThrottleSettings {
            account: account_rate(&config.throttle)?,
            keyed_buckets_max: config.throttle.keyed_buckets_max as usize,
            headers: match config.throttle.headers {
                config::ThrottleHeaders::Off => ThrottleHeaders::Off,
                config::ThrottleHeaders::RetryAfter => ThrottleHeaders::RetryAfter,
                config::ThrottleHeaders::All => ThrottleHeaders::All,
            },
        },
        cache: CacheSettings {
            shard_bytes_max: config.cache.shard_bytes_max,
            wait_ms: config.cache.wait_ms,
            header: config.cache.header,
        },
        function: FunctionSettings {
            event_bytes_max: config.lambda.event_bytes_max,
            answer_bytes_max: config.lambda.answer_bytes_max,
        },
        authorizers: AuthorizerSettings {
            shard_bytes_max: config.authorizers.shard_bytes_max,
            timeout_ms: config.authorizers.timeout_ms,
            answer_bytes_max: config.authorizers.answer_bytes_max,
            clock_skew_s: config.iam.clock_skew_ms.div_ceil(1000),
            signing_keys_max: config.iam.signing_keys_max as usize,
        },
        account_id: config.account_id.as_str().into(),
        vpc_endpoints: VpcEndpoints::new(config.vpc.endpoints.iter().map(|described| {
            let endpoint =
                VpcEndpoint { vpce_id: described.vpce.as_str().into(), vpc_id: described.vpc.as_str().into() };
            (endpoint, described.cidrs.clone())
        })),
    })
}

fn control_settings(config: &Config, mode: Mode) -> control_plane::Settings {
    control_plane::Settings {
        version: env!("CARGO_PKG_VERSION"),
        driver: mode.name().to_owned(),
        watch: config.watch,
        unresolved: match config.upstream.unresolved {
            crate::config::Unresolved::Refuse => control_plane::publish::Unresolved::Refuse,
            crate::config::Unresolved::Warn => control_plane::publish::Unresolved::Warn,
        },
        dns_ttl_min_ms: config.upstream.dns_ttl_min_ms,
        dns_ttl_max_ms: config.upstream.dns_ttl_max_ms,
        harvest_ms: config.access_log.flush_ms,
        shutdown_delay_ms: config.shutdown.delay_ms,
        drain_timeout_ms: config.shutdown.drain_timeout_ms,
        key_sets: key_sets::settings(&config.jwt),
    }
}

/// Waits until each shard has said what it runs on.
fn collect_modes(reports: &mpsc::Receiver<Result<Mode, String>>, shards: usize) -> Result<Mode, String> {
    let mut modes = (0..shards).map(|_| reports.recv().map_err(|_| "a shard ended before it started".to_owned())?);
    let first = modes.next().unwrap_or(Ok(Mode::Epoll))?;
    modes.try_fold(first, |_, mode| mode)
}

/// Everything that a shard's thread starts from.
struct ShardStart {
    index: usize,
    cpu: Option<usize>,
    driver: Driver,
    ring_entries: u32,
    fleet: Arc<Vec<ShardHandle>>,
    settings: Arc<Settings>,
    limits: Arc<SharedLimits>,
    client_tls: Arc<ClientTls>,
    infos: Vec<ListenerInfo>,
    bound: Vec<crate::net::listener::Bound>,
    registry: Arc<Registry>,
    log: Option<AccessLogSender>,
    serving: Arc<AtomicUsize>,
    report: mpsc::Sender<Result<Mode, String>>,
}

impl ShardStart {
    fn run(self) {
        let ShardStart { index, cpu, driver, ring_entries, report, .. } = self;
        if let Some(cpu) = cpu
            && let Err(error) = pin_to_cpu(cpu)
        {
            tracing::warn!(shard = index, cpu, "cannot bind to its CPU: {error}");
        }
        let built = Runtime::build(driver, ring_entries);
        let (mut runtime, mode) = match built {
            Ok(built) => built,
            Err(error) => {
                // Whoever started this has left if the report cannot be delivered.
                let _ = report.send(Err(format!("cannot start a shard on {driver:?}: {error}")));
                return;
            }
        };
        let _ = report.send(Ok(mode));
        drop(report);
        let buffer_bytes_max = self.settings.access_log.buffer_bytes_max;
        let sink = self.log.map(|sender| Box::new(Sink(sender)) as Box<dyn LogSink>);
        let parts = ShardParts {
            index,
            fleet: self.fleet,
            settings: self.settings,
            client_tls: self.client_tls,
            listeners: self.infos,
            recorder: self.registry.recorder(index),
            access_log: crate::data_plane::access_log::AccessLog::new(sink, buffer_bytes_max),
            limits: self.limits,
        };
        let serving = self.serving;
        let ended = runtime.block_on(run(parts, self.bound, || {
            serving.fetch_add(1, Ordering::Release);
        }));
        if let Err(error) = ended {
            tracing::error!(shard = index, "the shard cannot go on: {error}");
            // A gateway that has lost a core silently answers some clients and not others.
            std::process::exit(1);
        }
    }
}

/// The access log's queue, as the data plane wants to see it.
struct Sink(AccessLogSender);

impl LogSink for Sink {
    fn try_send(&self, lines: Vec<u8>) -> Result<(), Vec<u8>> {
        self.0.try_send(lines)
    }

    fn spare(&self) -> Vec<u8> {
        self.0.buffer()
    }
}

/// The shards, as the control plane wants to see them.
struct Shards {
    handles: Arc<Vec<ShardHandle>>,
    kept: Mutex<Kept>,
    /// For tests of methods and authorizers.
    known: Arc<test_invoke::Known>,
    /// Which names have mutual TLS is told the listeners before the shards: a client that is asked for a certificate too
    /// early is one that will be.
    tls: Option<Arc<ServerTls>>,
    truststores: TruststoreFolder,
}

impl Shards {
    fn serve_domains(&self, plan: &Plan) {
        let Some(tls) = &self.tls else { return };
        if let Err(reason) = tls.serve_domains(&self.truststores.domains(plan)) {
            tracing::error!("the custom domain names' truststores were not exchanged: {reason}");
        }
    }
}

/// The latest plans and clients: whoever lets go of a plan last frees all its routes, which takes milliseconds that a
/// shard should not spend.
#[derive(Default)]
struct Kept {
    plans: VecDeque<Arc<Plan>>,
    clients: VecDeque<Arc<Clients>>,
}

/// Values that outlive their successors' adoption, until they are [freed](free_unused).
const KEPT_MAX: usize = 3;

/// Whether it is another one than that before.
fn keep<T>(kept: &mut VecDeque<Arc<T>>, delivered: &Arc<T>) -> bool {
    let new = kept.back().is_none_or(|last| !Arc::ptr_eq(last, delivered));
    if new {
        kept.push_back(Arc::clone(delivered));
        let freed = kept.len().saturating_sub(KEPT_MAX);
        kept.drain(..freed);
    }
    new
}

/// Frees what no shard has any more: after an import of many API keys, a second table of all of them.
fn free_unused<T>(kept: &mut VecDeque<Arc<T>>) {
    kept.retain(|value| Arc::strong_count(value) > 1);
}

impl Fleet for Shards {
    fn shards(&self) -> usize {
        self.handles.len()
    }

    fn deliver(&self, shard: usize, delivery: Delivery) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &delivery {
            Delivery::Plan(plan) => {
                if keep(&mut kept.plans, plan) {
                    self.serve_domains(plan);
                }
            }
            Delivery::Clients(clients) => drop(keep(&mut kept.clients, clients)),
            // It comes every second or so.
            Delivery::Harvest => {
                free_unused(&mut kept.plans);
                free_unused(&mut kept.clients);
            }
            Delivery::Callers(callers) => self.known.note_callers(callers),
            Delivery::KeySets(sets) => self.known.note_key_sets(sets),
            Delivery::AwsCredentials(credentials) => self.known.note_credentials(credentials),
            Delivery::Addresses(_)
            | Delivery::Health(_)
            | Delivery::FlushCache(_)
            | Delivery::FlushAuthorizers(_)
            | Delivery::Drain => {}
        }
        drop(kept);
        self.handles[shard].mailbox.send(Letter::Delivery(delivery));
    }

    fn adopted(&self, shard: usize) -> u64 {
        self.handles[shard].state.adopted.load(Ordering::Acquire)
    }

    fn adopted_clients(&self, shard: usize) -> u64 {
        self.handles[shard].state.adopted_clients.load(Ordering::Acquire)
    }

    fn connections(&self, shard: usize) -> u64 {
        self.handles[shard].state.connections.load(Ordering::Relaxed)
    }
}

/// Lowers the priority of the calling thread and of those it starts: compiling a deployment takes a core for as long as
/// it takes, and where all cores have a shard it must be the deployment that waits.
#[allow(unsafe_code)]
fn yield_to_shards() {
    // SAFETY: a system call without pointers; on Linux, 0 is the calling thread.
    let answer = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, CONTROL_NICENESS) };
    if answer != 0 {
        tracing::debug!("the control plane keeps its priority: {}", std::io::Error::last_os_error());
    }
}

/// Gives the system back what loading or an import took and nobody needs any more. The allocator keeps it for each thread
/// that had it: 13 MB of a million API keys that were loaded.
#[allow(unsafe_code)]
fn give_memory_back() {
    // Other C libraries have nothing like it.
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and locks what it changes.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// A tenth of a shard's share of a core that both want.
const CONTROL_NICENESS: libc::c_int = 10;

/// Each connection is a descriptor, and the usual soft limit of 1,024 is for programs that use `select`.
#[allow(unsafe_code)]
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a valid `rlimit`, which the first one fills.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        }
    };
    if !raised {
        tracing::warn!("cannot raise the limit of open files: {}", std::io::Error::last_os_error());
    }
}
