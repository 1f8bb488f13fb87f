//! The control plane with a fake fleet, real files and a real admin listener.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::access::{Access, AccessSettings};
use super::audit::{AuditLog, AuditTarget};
use super::clients::ClientsFollower;
use super::clients::memberships::Metered;
use super::fixture::{FakeFleet, plan_value};
use super::health::Prober;
use super::keeper::{KeeperParts, KeeperSettings};
use super::key_sets::fetch::FetchSettings;
use super::key_sets::freshness::FreshnessBounds;
use super::operation::{FakeTruststores, SystemRandom};
use super::publish::{Builder, Built, Published, Unresolved};
use super::resolver::lookup::{Answer, Lookup};
use super::serving::Serving;
use super::store::Store;
use super::usage::Usage;
use super::*;
use crate::jwt::KeySetBounds;
use crate::plan::Plan;
use crate::plan::clients::Clients;
use crate::plan::clients::digest::Secret;
use crate::plan::integration::Origin;
use crate::plan::key_sets::address::HttpAddress;
use crate::plan::test_invocation::{
    TestAuthorization, TestInvocation, TestInvocationError, TestInvocationRequest, TestInvoker,
};

/// Knows every name under `.good`.
struct Good;

impl Prober for Good {
    fn status<'p>(
        &'p self,
        _: &'p Origin,
        _: SocketAddr,
        _: &'p str,
    ) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + 'p>> {
        Box::pin(async { Ok(200) })
    }
}

impl Getter for Good {
    fn get<'g>(
        &'g self,
        _: &'g HttpAddress,
        _: usize,
    ) -> Pin<Box<dyn Future<Output = Result<key_sets::fetch::Answer, String>> + Send + 'g>> {
        Box::pin(async { Err("no plan here has keys".to_owned()) })
    }
}

impl Lookup for Good {
    fn addresses<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let answer = match host.ends_with(".good") {
            true => Answer::Found { addresses: vec![[192, 0, 2, 1].into()], ttl: Duration::from_secs(60) },
            false => Answer::None { reason: "there is no such name".to_owned() },
        };
        Box::pin(async move { answer })
    }
}

/// What the next builds give: the plan's upstreams, or an error.
type Script = Arc<Mutex<Result<Vec<&'static str>, String>>>;

struct Setup {
    fleet: Arc<FakeFleet>,
    script: Script,
    builds: Arc<AtomicUsize>,
    admin: SocketAddr,
    fresh: mpsc::UnboundedSender<Fresh>,
    control_plane: ControlPlane,
}

fn set(script: &Script, next: Result<Vec<&'static str>, String>) {
    *script.lock().expect("no test panics in here") = next;
}

fn setup(unresolved: Unresolved, files: Vec<PathBuf>) -> Setup {
    let fleet = Arc::new(FakeFleet::default());
    let script: Script = Arc::new(Mutex::new(Ok(vec!["pets.good", "192.0.2.7"])));
    let builds = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let admin = listener.local_addr().expect("it is bound");
    let (next, count, watch) = (Arc::clone(&script), Arc::clone(&builds), !files.is_empty());
    let builder: Builder = Arc::new(move |generation| {
        count.fetch_add(1, Ordering::SeqCst);
        let hosts = next.lock().expect("no test panics in here").clone()?;
        let plan = plan_value(generation, &["GET /a", "ANY /b"], &hosts);
        let keep = Box::new(|plan| {
            Ok(Fresh { revision: 0, plan: Some(plan), clients: Arc::new(Clients::empty()), waiting: Vec::new() })
        });
        Ok(Built { plan, watched_files: files.clone(), keep })
    });
    let (management, sender, fresh) = management();
    let control = Control {
        aws_credentials: None,
        fleet: Arc::clone(&fleet) as Arc<dyn Fleet>,
        registry: Registry::new(0),
        builder,
        lookup: Arc::new(Good),
        prober: Arc::new(Good),
        getter: Arc::new(Good),
        admin: Some(listener),
        management,
        fresh,
        access_log: None,
        reload_files: Arc::new(|| Ok(())),
        checks: vec![("listeners", Box::new(|| true))],
        more_metrics: None,
        settings: settings(unresolved, watch),
    };
    let control_plane = ControlPlane::new(control).expect("nothing is in its way");
    Setup { fleet, script, builds, admin, fresh: sender, control_plane }
}

/// The management API of an empty store that is in memory.
fn management() -> (Management, mpsc::UnboundedSender<Fresh>, mpsc::UnboundedReceiver<Fresh>) {
    struct Never;
    impl TestInvoker for Never {
        fn invoke_authorizer(
            &self,
            _: Plan,
            _: &TestInvocationRequest,
        ) -> Result<TestAuthorization, TestInvocationError> {
            Err(TestInvocationError::Failed("no test here invokes".to_owned()))
        }

        fn invoke(&self, _: Plan, _: &TestInvocationRequest) -> Result<TestInvocation, TestInvocationError> {
            Err(TestInvocationError::Failed("no test here invokes".to_owned()))
        }
    }
    let (sender, fresh) = mpsc::unbounded_channel();
    let handed = sender.clone();
    let region = "us-east-1".to_owned();
    let settings = KeeperSettings {
        account_id: "123456789012".to_owned(),
        region: region.clone(),
        give_way: || {},
        give_memory_back: || {},
    };
    let serving = Serving::new(Default::default());
    let Metered(meters) = Metered::in_memory();
    let keeper = keeper::start(KeeperParts {
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
    let access = AccessSettings { access_keys: Vec::new(), tokens: Vec::new(), region, clock_skew_ms: 300_000 };
    let management = Management {
        keeper: keeper.expect("a thread can be had"),
        access: Access::new(access),
        audit: AuditLog::open(AuditTarget::Off, Registry::new(0)).expect("it writes nothing"),
        random: Box::new(SystemRandom),
        test_invoker: Arc::new(Never),
        compile_options: Default::default(),
        definition_bytes_max: 1 << 20,
        backup_bytes_max: 1 << 20,
        listening: Vec::new(),
        may_reset: true,
        test_places: tokio::sync::Semaphore::new(1),
        restore_place: tokio::sync::Semaphore::new(1),
    };
    (management, handed, fresh)
}

fn settings(unresolved: Unresolved, watch: bool) -> Settings {
    Settings {
        version: "1.2.3",
        driver: "epoll".to_owned(),
        watch,
        unresolved,
        dns_ttl_min_ms: 1_000,
        dns_ttl_max_ms: 60_000,
        harvest_ms: 1_000,
        shutdown_delay_ms: 0,
        drain_timeout_ms: 60_000,
        key_sets: KeySetSettings {
            fetch: FetchSettings {
                timeout: Duration::from_secs(1),
                bounds: KeySetBounds::default(),
                insecure_http: false,
            },
            freshness: FreshnessBounds {
                refresh: Duration::from_secs(60),
                refresh_min: Duration::from_secs(60),
                refresh_max: Duration::from_secs(60),
                early_refresh: Duration::from_secs(60),
                stale: Duration::from_secs(60),
            },
            sources_max: 1,
        },
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the machine has resources for a runtime").block_on(test);
}

/// Sends a request, and gives the answer's status and body.
async fn ask(admin: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(admin).await.expect("the admin listener accepts");
    let request = format!("{request} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

#[test]
fn a_plan_is_published_addresses_first() {
    run(async {
        let mut setup = setup(Unresolved::Refuse, Vec::new());
        let published = setup.control_plane.publish_first().await;
        let expected = Published { generation: 1, apis: 1, stages: 1, routes: 2, adopted: false };
        assert_eq!(published, Ok(expected));
        assert_eq!(setup.fleet.log(), ["addresses 1", "plan 1"]);
    });
}

#[test]
fn a_name_that_does_not_resolve_is_refused_or_left_empty() {
    run(async {
        let mut refusing = setup(Unresolved::Refuse, Vec::new());
        set(&refusing.script, Ok(vec!["typo.bad"]));
        let reason = refusing.control_plane.publish_first().await.expect_err("a name has no address");
        assert!(
            reason.contains("`typo.bad`: there is no such name") && reason.contains("upstream.unresolved"),
            "{reason}"
        );
        assert!(refusing.fleet.log().is_empty());

        let mut warning = setup(Unresolved::Warn, Vec::new());
        set(&warning.script, Ok(vec!["typo.bad"]));
        assert_eq!(warning.control_plane.publish_first().await.map(|published| published.generation), Ok(1));
        assert_eq!(warning.fleet.log(), ["addresses 1", "plan 1"]);
    });
}

#[test]
fn clients_are_published_without_a_plan_and_nothing_that_is_old() {
    run(async {
        let mut setup = setup(Unresolved::Refuse, Vec::new());
        setup.control_plane.publish_first().await.expect("the script's plan is good");
        let nobody = Clients::empty();
        let hand = |revision, plan: Option<Plan>, clients_revision: u64| {
            let (done, served) = tokio::sync::oneshot::channel();
            let mut clients = nobody.clone();
            clients.revision = clients_revision;
            let clients = Arc::new(clients);
            let fresh = Fresh { revision, plan, clients, waiting: vec![done] };
            setup.fresh.send(fresh).expect("the publisher is there");
            served
        };
        let plan = || Some(plan_value(0, &["GET /a"], &[]));
        // Three at once: the newest plan and the newest clients, which came apart.
        let waiting = [hand(1, plan(), 1), hand(2, plan(), 2), hand(3, None, 3)];
        tokio::spawn(setup.control_plane.run());
        for served in waiting {
            served.await.expect("it is told");
        }
        let mut expected = vec!["addresses 1", "plan 1", "clients 3", "addresses 1", "plan 2"];
        assert_eq!(setup.fleet.log(), expected);
        hand(2, plan(), 2).await.expect("it is told");
        hand(4, None, 3).await.expect("it is told");
        assert_eq!(setup.fleet.log(), expected);
        hand(5, None, 4).await.expect("it is told");
        expected.push("clients 4");
        assert_eq!(setup.fleet.log(), expected);
        assert_eq!(setup.fleet.adopted_clients.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn the_admin_listener_answers() {
    run(async {
        let mut setup = setup(Unresolved::Refuse, Vec::new());
        let state = Arc::clone(&setup.control_plane.state);
        assert!(state.readiness().iter().any(|(name, trouble)| *name == "plan" && trouble.is_some()));
        setup.control_plane.publish_first().await.expect("the script's plan is good");
        let (admin, script, builds) = (setup.admin, setup.script, setup.builds);
        tokio::spawn(setup.control_plane.run());

        assert_eq!(ask(admin, "GET /healthz").await, (200, "ok\n".to_owned()));
        assert_eq!(ask(admin, "GET /readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(ask(admin, "GET /nothing").await.0, 404);
        assert_eq!(ask(admin, "GET /reload").await.0, 405);
        assert!(ask(admin, "GET /").await.1.contains("POST /reload"));
        assert!(ask(admin, "GET /metrics").await.1.contains("\ntollgate_config_revision 1\n"));

        let (status, body) = ask(admin, "POST /reload").await;
        assert_eq!((status, body.as_str()), (200, r#"{"generation":2,"apis":1,"stages":1,"routes":2,"adopted":true}"#));
        set(&script, Err("api.yaml:3:5: no".to_owned()));
        assert_eq!(ask(admin, "POST /reload").await, (422, r#"{"message":"api.yaml:3:5: no"}"#.to_owned()));
        assert_eq!(builds.load(Ordering::SeqCst), 3);
        assert_eq!(setup.fleet.log(), ["addresses 1", "plan 1", "addresses 1", "plan 2"]);

        let (status, text) = ask(admin, "GET /readyz?verbose").await;
        assert!(status == 200 && text.contains("[+] listeners: ok") && text.contains("api.yaml:3:5: no"), "{text}");
        let (_, metrics) = ask(admin, "GET /metrics").await;
        for line in [
            "tollgate_config_revision 2",
            "tollgate_config_last_reload_successful 0",
            r#"tollgate_config_reloads_total{result="ok"} 2"#,
            r#"tollgate_config_reloads_total{result="failed"} 1"#,
            "tollgate_shards 2",
            "tollgate_upstream_names 1",
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
        }
        state.start_draining();
        assert_eq!(ask(admin, "GET /readyz").await.0, 503);
    });
}

#[test]
fn a_shard_that_is_behind_makes_the_gateway_unready() {
    run(async {
        let mut setup = setup(Unresolved::Refuse, Vec::new());
        setup.fleet.stuck.store(true, Ordering::Relaxed);
        setup.control_plane.publish_first().await.expect("the script's plan is good");
        let troubles = || setup.control_plane.state.readiness().into_iter().filter(|(_, trouble)| trouble.is_some());
        assert_eq!(troubles().map(|(name, _)| name).collect::<Vec<_>>(), ["shards"]);
        setup.fleet.adopted.store(1, Ordering::Relaxed);
        assert_eq!(troubles().count(), 0);
    });
}

#[test]
fn who_asks_together_is_served_together() {
    run(async {
        let setup = setup(Unresolved::Refuse, Vec::new());
        let reloads = setup.control_plane.reloads.clone();
        let mut answers = Vec::new();
        for _ in 0..10 {
            let (reply, answer) = tokio::sync::oneshot::channel();
            reloads.try_send(Reload { asked_by: "test", reply: Some(reply) }).expect("the queue has room");
            answers.push(answer);
        }
        tokio::spawn(setup.control_plane.run());
        let mut generations = BTreeSet::new();
        for answer in answers {
            generations.insert(answer.await.expect("everyone is answered").map(|published| published.generation));
        }
        assert_eq!(generations, BTreeSet::from([Ok(1)]));
        assert_eq!(setup.builds.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_changed_file_is_published() {
    run(async {
        let directory = std::env::temp_dir().join(format!("tollgate-control-plane-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory can be made");
        let file = directory.join("api.yaml");
        std::fs::write(&file, "one").expect("writable");
        let mut setup = setup(Unresolved::Refuse, vec![file.clone()]);
        setup.control_plane.publish_first().await.expect("the script's plan is good");
        let fleet = setup.fleet;
        tokio::spawn(setup.control_plane.run());
        std::fs::write(&file, "two").expect("writable");
        while fleet.adopted.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(fleet.log(), ["addresses 1", "plan 1", "addresses 1", "plan 2"]);
    });
}

#[test]
fn draining_waits_for_the_last_connection() {
    run(async {
        let mut setup = setup(Unresolved::Refuse, Vec::new());
        setup.control_plane.publish_first().await.expect("the script's plan is good");
        setup.fleet.connections.store(3, Ordering::Relaxed);
        let (state, fleet) = (Arc::clone(&setup.control_plane.state), Arc::clone(&setup.fleet));
        let settings = settings(Unresolved::Refuse, false);
        let draining = tokio::spawn(async move { drain(&state, &settings).await });
        while fleet.log().last().is_none_or(|last| last != "drain") {
            tokio::task::yield_now().await;
        }
        assert!(!draining.is_finished() && setup.control_plane.state.draining());
        // Two shards, each with what the fake says.
        fleet.connections.store(0, Ordering::Relaxed);
        assert_eq!(draining.await.expect("it does not panic"), ExitReason::Drained);
        fleet.connections.store(3, Ordering::Relaxed);
        let ended = connections_ended(&setup.control_plane.state, Duration::ZERO).await;
        assert_eq!(ended, ExitReason::TimedOut { connections: 6 });
    });
}
