use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::fixture::plan_value;
use super::fetch::Answer;
use super::*;
use crate::jwt::KeySetBounds;
use crate::plan::delivery::Fleet;
use crate::plan::key_sets::address::HttpAddress;
use crate::stats::Registry;

/// Keys of RFC 8037 and RFC 7515.
const EDWARDS: &str = r#"{"kid":"1","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ELLIPTIC: &str = r#"{"kid":"2","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

const ISSUER: &str = "https://issuer.example";
const KEYS: &str = "https://issuer.example/keys";

fn set(keys: &[&str]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

/// Answers by address; hangs for what is not there.
#[derive(Default)]
struct Servers {
    answers: Mutex<HashMap<String, Result<Answer, String>>>,
    asked: AtomicUsize,
}

impl Servers {
    fn answer(&self, address: &str, status: u16, cache_control: Option<&str>, body: &str) {
        let cache_control = cache_control.map(str::to_owned);
        let answer = Answer { status, cache_control, body: body.as_bytes().to_vec() };
        self.answers.lock().expect("no test panics in here").insert(address.to_owned(), Ok(answer));
    }

    fn fail(&self, address: &str) {
        let failure = Err("connection refused".to_owned());
        self.answers.lock().expect("no test panics in here").insert(address.to_owned(), failure);
    }
}

impl Getter for Servers {
    fn get<'g>(
        &'g self,
        address: &'g HttpAddress,
        _: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'g>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.lock().expect("no test panics in here").get(&address.to_string()).cloned();
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

/// Shards that keep the keys that they were given last.
#[derive(Default)]
struct Shards(Mutex<Arc<KeySets>>);

impl Fleet for Shards {
    fn shards(&self) -> usize {
        1
    }

    fn deliver(&self, _: usize, delivery: Delivery) {
        if let Delivery::KeySets(sets) = delivery {
            *self.0.lock().expect("no test panics in here") = sets;
        }
    }

    fn adopted(&self, _: usize) -> u64 {
        0
    }

    fn adopted_clients(&self, _: usize) -> u64 {
        0
    }

    fn connections(&self, _: usize) -> u64 {
        0
    }
}

struct Setup {
    servers: Arc<Servers>,
    shards: Arc<Shards>,
    state: Arc<State>,
    watching: watch::Sender<Option<Watched>>,
    generation: u64,
}

const SETTINGS: KeySetSettings = KeySetSettings {
    fetch: FetchSettings {
        timeout: Duration::from_millis(1500),
        bounds: KeySetBounds { bytes_max: 150_000, keys_max: 100 },
        insecure_http: false,
    },
    freshness: FreshnessBounds {
        refresh: Duration::from_secs(300),
        refresh_min: Duration::from_secs(60),
        refresh_max: Duration::from_secs(7200),
        early_refresh: Duration::from_secs(30),
        stale: Duration::from_secs(3600),
    },
    sources_max: 4,
};

impl Setup {
    fn new() -> Setup {
        let (servers, shards) = (Arc::new(Servers::default()), Arc::new(Shards::default()));
        let fleet = Arc::clone(&shards) as Arc<dyn Fleet>;
        let state = Arc::new(State::new(fleet, Registry::new(0), Vec::new(), "1", String::new()));
        let (watching, watched) = watch::channel(None);
        let getter = Arc::clone(&servers) as Arc<dyn Getter>;
        tokio::spawn(KeySetKeeper::new(watched, getter, Arc::clone(&state), SETTINGS).run());
        Setup { servers, shards, state, watching, generation: 0 }
    }

    fn publish(&mut self, sources: &[&KeySource]) {
        self.generation += 1;
        let mut plan = plan_value(self.generation, &["GET /"], &[]);
        plan.key_sources = sources.iter().map(|source| (*source).clone()).collect::<BTreeSet<_>>();
        let watched = Watched { plan: Arc::new(plan), addresses: Arc::default() };
        self.watching.send(Some(watched)).expect("it is watched");
    }

    fn of(&self, source: &KeySource) -> SourceKeys {
        let sets = Arc::clone(&self.shards.0.lock().expect("no test panics in here"));
        sets.of(source).expect("it is in the plan").clone()
    }

    fn revision(&self) -> u64 {
        self.shards.0.lock().expect("no test panics in here").revision
    }

    #[track_caller]
    fn check_keys(&self, source: &KeySource, expected: usize) {
        assert_eq!(self.of(source).keys.len(), expected);
    }

    fn asked(&self) -> usize {
        self.servers.asked.swap(0, Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        self.state.readiness().iter().all(|(name, wrong)| *name != "keys" || wrong.is_none())
    }
}

async fn pass(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

fn url(text: &str) -> KeySource {
    KeySource::url(text).expect("an address")
}

#[tokio::test(start_paused = true)]
async fn an_issuer_says_where_its_keys_are() {
    let (mut setup, source) = (Setup::new(), KeySource::discovery(ISSUER).expect("an issuer"));
    let document = format!("{ISSUER}/.well-known/openid-configuration");
    setup.servers.answer(&document, 200, None, &format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{KEYS}"}}"#));
    setup.servers.answer(KEYS, 200, Some("max-age=600"), &set(&[EDWARDS, ELLIPTIC]));
    setup.publish(&[&source]);
    pass(0.1).await;
    setup.check_keys(&source, 2);
    assert_eq!((setup.asked(), setup.is_ready()), (2, true));
    pass(599.0).await;
    assert_eq!(setup.asked(), 0);
    pass(2.0).await;
    assert_eq!(setup.asked(), 2, "after what Cache-Control says");

    setup.servers.answer(&document, 200, None, &format!(r#"{{"issuer":"https://other.example","jwks_uri":"{KEYS}"}}"#));
    pass(601.0).await;
    assert!(setup.asked() > 1);
    setup.check_keys(&source, 2);
    assert_eq!(setup.state.registry.total(Counter::KeySetFetchesOk), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_starts_without_keys_and_gets_them_later() {
    let (mut setup, source) = (Setup::new(), url(KEYS));
    setup.publish(&[&source]);
    pass(0.1).await;
    setup.check_keys(&source, 0);
    assert!(!setup.is_ready(), "nobody knows yet");
    pass(1.5).await;
    assert!(setup.is_ready(), "it is not the gateway's fault");
    setup.servers.fail(KEYS);
    pass(60.0).await;
    let tries = setup.asked();
    assert!((5..=8).contains(&tries), "{tries} tries in a minute");
    setup.servers.answer(KEYS, 200, None, &set(&[EDWARDS]));
    pass(61.0).await;
    setup.check_keys(&source, 1);
    assert!(setup.state.registry.total(Counter::KeySetFetchesFailed) >= tries as u64);
}

#[tokio::test(start_paused = true)]
async fn keys_stay_in_use_for_a_time() {
    let (mut setup, source) = (Setup::new(), url(KEYS));
    setup.servers.answer(KEYS, 200, None, &set(&[EDWARDS]));
    setup.publish(&[&source]);
    pass(0.1).await;
    let first = setup.of(&source).keys;
    for (status, body) in [(500, ""), (404, "{}"), (302, ""), (200, "<html>"), (200, r#"{"keys":[]}"#), (200, "{}")] {
        setup.servers.answer(KEYS, status, None, body);
        pass(400.0).await;
        assert!(Arc::ptr_eq(&setup.of(&source).keys, &first), "{status} {body}");
    }
    pass(1300.0).await;
    setup.check_keys(&source, 0);
    setup.servers.answer(KEYS, 200, None, &set(&[EDWARDS]));
    pass(61.0).await;
    setup.check_keys(&source, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_did_not_change_are_the_same_value() {
    let (mut setup, source) = (Setup::new(), url(KEYS));
    setup.servers.answer(KEYS, 200, None, &set(&[EDWARDS]));
    setup.publish(&[&source]);
    pass(0.1).await;
    let (first, revision) = (setup.of(&source).keys, setup.revision());
    pass(1000.0).await;
    assert!(setup.asked() >= 4);
    assert!(Arc::ptr_eq(&first, &setup.of(&source).keys));
    assert_eq!(setup.revision(), revision, "shards are not told");
    setup.servers.answer(KEYS, 200, None, &set(&[ELLIPTIC]));
    pass(301.0).await;
    assert!(!Arc::ptr_eq(&first, &setup.of(&source).keys));
    assert!(setup.revision() > revision);
}

#[tokio::test(start_paused = true)]
async fn tokens_with_unknown_keys_make_an_issuer_be_asked_now_and_then() {
    let (mut setup, source) = (Setup::new(), url(KEYS));
    setup.servers.answer(KEYS, 200, Some("max-age=7200"), &set(&[EDWARDS]));
    setup.publish(&[&source]);
    pass(40.0).await;
    assert_eq!(setup.asked(), 1);
    setup.servers.answer(KEYS, 200, Some("max-age=7200"), &set(&[EDWARDS, ELLIPTIC]));
    setup.of(&source).ask_for_newer();
    pass(0.6).await;
    setup.check_keys(&source, 2);
    assert_eq!(setup.asked(), 1, "a key was rotated: at once");
    for _ in 0..1000 {
        setup.of(&source).ask_for_newer();
        pass(0.3).await;
    }
    let asked = setup.asked();
    assert!((9..=11).contains(&asked), "{asked} times in five minutes");
    setup.servers.fail(KEYS);
    for _ in 0..1000 {
        setup.of(&source).ask_for_newer();
        pass(0.3).await;
    }
    let asked = setup.asked();
    assert!((9..=17).contains(&asked), "{asked} times in five minutes while it is down");
    setup.check_keys(&source, 2);
}

#[tokio::test(start_paused = true)]
async fn sources_come_and_go_with_plans() {
    let (mut setup, first, second) = (Setup::new(), url(KEYS), url("https://other.example/keys"));
    setup.servers.answer(KEYS, 200, None, &set(&[EDWARDS]));
    setup.servers.answer("https://other.example/keys", 200, None, &set(&[EDWARDS, ELLIPTIC]));
    setup.publish(&[&first]);
    pass(0.1).await;
    let kept = setup.of(&first).keys;
    setup.publish(&[&first, &second]);
    pass(0.1).await;
    setup.check_keys(&second, 2);
    assert!(Arc::ptr_eq(&kept, &setup.of(&first).keys), "a deploy leaves keys alone");
    assert_eq!(setup.asked(), 2);
    setup.publish(&[&second]);
    pass(0.1).await;
    assert!(setup.shards.0.lock().expect("whole").of(&first).is_none());
    setup.publish(&[]);
    pass(1000.0).await;
    assert_eq!((setup.asked(), setup.state.history().key_sets.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_bound_on_sources() {
    let mut setup = Setup::new();
    let sources: Vec<KeySource> = (0..6).map(|number| url(&format!("https://{number}.example/keys"))).collect();
    for source in &sources {
        setup.servers.answer(&source.name(), 200, None, &set(&[EDWARDS]));
    }
    setup.publish(&sources.iter().collect::<Vec<_>>());
    pass(0.1).await;
    assert_eq!((setup.asked(), setup.state.history().key_sets.len()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn without_tls_only_this_machine_is_asked() {
    let (mut setup, far, near) = (Setup::new(), url("http://issuer.example/keys"), url("http://127.0.0.1:9229/keys"));
    setup.servers.answer("http://issuer.example/keys", 200, None, &set(&[EDWARDS]));
    setup.servers.answer("http://127.0.0.1:9229/keys", 200, None, &set(&[EDWARDS]));
    setup.publish(&[&far, &near]);
    pass(0.1).await;
    setup.check_keys(&far, 0);
    setup.check_keys(&near, 1);
    assert_eq!(setup.asked(), 1);
}

#[tokio::test]
async fn secrets_come_from_files_and_from_the_configuration_alone() {
    let secret = r#"{"kty":"oct","kid":"1","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set(&[secret])).expect("it can be written");
    let (file, inline) = (KeySource::File(path.clone().into()), KeySource::Inline(set(&[secret]).into()));
    let servers = Servers::default();
    servers.answer(KEYS, 200, None, &set(&[secret]));
    let of = async |source: &KeySource| {
        fetch::fetch(&servers, source, &SETTINGS.fetch).await.map(|fetched| fetched.keys.len())
    };
    assert_eq!(of(&file).await, Ok(1));
    assert_eq!(of(&inline).await, Ok(1));
    let refused = "the JWK Set has no key that can be used: it is a secret, yet published";
    assert_eq!(of(&url(KEYS)).await, Err(refused.to_owned()));
    std::fs::write(&path, vec![b' '; 200_000]).expect("it can be written");
    assert_eq!(of(&file).await, Err("the JWK Set is too large".to_owned()));
    let nowhere = KeySource::File(folder.path().join("nowhere").into());
    assert!(of(&nowhere).await.is_err());
}
