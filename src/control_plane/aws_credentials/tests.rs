//! The keeper with a scripted world: its files are real, its clock is tokio's, which tests turn.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use tokio::time::Instant;

use super::super::fixture::FakeFleet;
use super::*;

/// 2015-08-30T12:36:00Z.
const BEGINNING: u64 = 1_440_938_160;

/// Answers by `METHOD url`; what it does not know hangs. A body's `{+N}` is the time N seconds from now.
#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, (u16, String)>>,
    asked: Mutex<Vec<String>>,
}

struct Zero;

impl Random for Zero {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

impl Script {
    fn answer(&self, request: &str, status: u16, body: &str) {
        self.answers.lock().expect("whole").insert(request.to_owned(), (status, body.to_owned()));
    }

    /// What was asked since the last time, with the header fields.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }
}

impl Fetcher for World {
    fn fetch<'f>(
        &'f self,
        request: &'f FetchRequest,
    ) -> Pin<Box<dyn Future<Output = Result<FetchAnswer, String>> + Send + 'f>> {
        let line = format!("{} {}", request.method, request.url);
        let fields: String = request.headers.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.script.asked.lock().expect("whole").push(format!("{line}{fields}"));
        let answer = self.script.answers.lock().expect("whole").get(&line).cloned();
        Box::pin(async move {
            let Some((status, body)) = answer else { return std::future::pending().await };
            let body = match body.split_once("{+").and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
                Some((before, (seconds, after))) => {
                    let at = self.now().plus(seconds.parse().expect("a number")).to_string();
                    let at = format!("{}-{}-{}:{}:{}", &at[..4], &at[4..6], &at[6..11], &at[11..13], &at[13..]);
                    format!("{before}{at}{after}")
                }
                None => body,
            };
            Ok(FetchAnswer { status, body: body.into_bytes() })
        })
    }
}

#[derive(Clone)]
struct World {
    script: Arc<Script>,
    fleet: Arc<FakeFleet>,
    begun: Instant,
}

impl World {
    fn new() -> World {
        World { script: Arc::default(), fleet: Arc::default(), begun: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(BEGINNING + self.begun.elapsed().as_secs())
    }

    fn keeper(&self, source: Source, variables: &[(&str, &str)]) -> Wanting {
        let variables: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let clock = self.clone();
        let (keeper, wanting) = AwsCredentialsKeeper::new(AwsCredentialsParts {
            settings: AwsCredentialsSettings {
                source,
                profile: None,
                region: None,
                endpoints: BTreeMap::new(),
                timeout_ms: 1_000,
            },
            environment: Box::new(move |name| variables.get(name).cloned()),
            fetcher: Arc::new(self.clone()),
            fleet: Arc::clone(&self.fleet) as _,
            clock: Box::new(move || clock.now()),
            random: Box::new(Zero),
        });
        tokio::spawn(keeper.run());
        wanting
    }

    /// What was delivered so far: for each delivery, in how many seconds from the beginning it expires.
    fn delivered(&self) -> Vec<Option<u64>> {
        let seconds = |text: &String| {
            let seconds = text.strip_prefix("credentials ").expect("nothing else is delivered");
            let number = seconds.strip_prefix("Some(").and_then(|text| text.strip_suffix(')'));
            number.map(|number| number.parse::<u64>().expect("a number") - BEGINNING)
        };
        self.fleet.log().iter().map(seconds).collect()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

const DOCUMENT: &str = r#"{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"{+3600}"}"#;
const ECS: &str = "GET http://169.254.170.2/c";
const ECS_VARIABLES: &[(&str, &str)] =
    &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t")];

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_before_there_is_a_need() {
    let world = World::new();
    world.script.answer(ECS, 200, DOCUMENT);
    let wanting = world.keeper(Source::Auto, ECS_VARIABLES);
    pass(10_000).await;
    wanting.renew();
    pass(10_000).await;
    assert_eq!(world.script.asked(), Vec::<String>::new());
    wanting.want();
    pass(1).await;
    assert_eq!(world.script.asked(), [format!("{ECS} authorization=t")]);
    assert_eq!(world.delivered(), [Some(23_600)]);
    wanting.want();
    pass(1).await;
    assert_eq!(world.script.asked(), Vec::<String>::new(), "a further need is no reason to ask again");
}

#[tokio::test(start_paused = true)]
async fn they_are_renewed_before_they_expire() {
    let world = World::new();
    world.script.answer(ECS, 200, DOCUMENT);
    let wanting = world.keeper(Source::Container, ECS_VARIABLES);
    wanting.want();
    // With this draw, half a margin, 450 s, before.
    pass(3_149).await;
    assert_eq!(world.delivered(), [Some(3_600)]);
    pass(2).await;
    assert_eq!(world.delivered(), [Some(3_600), Some(3_150 + 3_600)]);
    // Then it fails for a while: what was delivered stays, and it is asked for ever more seldom.
    world.script.answer(ECS, 500, "");
    world.script.asked();
    pass(3_150).await;
    // The second attempt comes half a second after the first.
    assert_eq!((world.script.asked().len(), world.delivered().len()), (2, 2));
    pass(120).await;
    let attempts = world.script.asked().len();
    assert!((5..=9).contains(&attempts), "{attempts} attempts in two minutes");
    world.script.answer(ECS, 200, DOCUMENT);
    pass(61).await;
    assert_eq!(world.delivered().len(), 3);
    drop(wanting);
    pass(100_000).await;
    assert_eq!(world.delivered().len(), 3, "the keeper has ended");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let world = World::new();
    let wanting = world.keeper(Source::Container, ECS_VARIABLES);
    wanting.want();
    pass(30).await;
    let attempts = world.script.asked().len();
    assert!((3..=6).contains(&attempts), "{attempts} attempts");
    world.script.answer(ECS, 200, &DOCUMENT.replace("{+3600}", "2015-08-30T12:36:00Z"));
    pass(60).await;
    assert_eq!(world.delivered(), [], "what has expired already is not delivered");
}

#[tokio::test(start_paused = true)]
async fn the_metadata_service_is_asked_by_its_second_version() {
    let world = World::new();
    let roles = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    world.script.answer("PUT http://169.254.169.254/latest/api/token", 200, "tok");
    world.script.answer(&format!("GET {roles}"), 200, "role-1\n");
    world.script.answer(&format!("GET {roles}role-1"), 200, DOCUMENT);
    let wanting = world.keeper(Source::Imds, &[]);
    wanting.want();
    pass(1).await;
    let asked = world.script.asked();
    let put = "PUT http://169.254.169.254/latest/api/token x-aws-ec2-metadata-token-ttl-seconds=21600";
    let get = |path: &str| format!("GET {roles}{path} x-aws-ec2-metadata-token=tok");
    assert_eq!(asked, [put.to_owned(), get(""), get("role-1")]);
}

#[tokio::test(start_paused = true)]
async fn files_are_read_again_when_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("credentials");
    let world = World::new();
    let variables =
        [("AWS_SHARED_CREDENTIALS_FILE", path.to_str().expect("a text")), ("AWS_CONFIG_FILE", "/nonexistent")];
    let wanting = world.keeper(Source::Local, &variables);
    wanting.want();
    pass(1).await;
    assert_eq!(world.delivered(), []);
    std::fs::write(&path, "[default]\naws_access_key_id=A\naws_secret_access_key=S\n").expect("writable");
    pass(60).await;
    assert_eq!(world.delivered(), [None]);
    pass(100_000).await;
    assert_eq!(world.delivered(), [None], "what does not expire is not asked for again");
    wanting.renew();
    pass(1).await;
    assert_eq!(world.delivered(), [None, None]);
    assert_eq!(world.script.asked(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn sts_takes_a_token_from_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (token, config) = (folder.path().join("token"), folder.path().join("config"));
    std::fs::write(&token, "a.b.c\n").expect("writable");
    std::fs::write(&config, "[default]\nregion = eu-west-1\n").expect("writable");
    let world = World::new();
    let answer = "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T\
                  </SessionToken><Expiration>{+900}</Expiration></Credentials>";
    world.script.answer("POST https://sts.eu-west-1.amazonaws.com/", 200, answer);
    let variables = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("a text")),
        ("AWS_CONFIG_FILE", config.to_str().expect("a text")),
    ];
    let wanting = world.keeper(Source::Auto, &variables);
    wanting.want();
    pass(1).await;
    assert_eq!(world.delivered(), [Some(900)]);
    pass(800).await;
    assert_eq!(world.delivered().len(), 2);
}
