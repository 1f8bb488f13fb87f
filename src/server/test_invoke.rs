//! Tries a method: the data plane's own code runs one exchange on a shard of its own, which notes the steps.
//!
//! No port is opened: the shard's only client is the other end of a socket pair. What a stage does beyond the method
//! (throttling, keys, access logs) does not apply, as with AWS's test console.

mod answer;
mod authorizer;
mod known;
mod log;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::control_plane::resolver::lookup::{Answer as Found, Lookup, SystemLookup};
use crate::data_plane::access_log::AccessLog;
use crate::data_plane::settings::{Settings, ThrottleHeaders, ThrottleSettings};
use crate::data_plane::shard::{ShardHandle, ShardParts, ShardState, run_traced};
use crate::data_plane::throttle::SharedLimits;
use crate::data_plane::trace::Noted;
use crate::http::encode;
use crate::http::field::is_token;
use crate::http::target::{self, TargetError};
use crate::meter::Meters;
use crate::net::mailbox::Mailbox;
use crate::net::runtime::{Driver, Runtime};
use crate::net::tls::ClientTls;
use crate::plan::delivery::{AddressBook, Delivery};
use crate::plan::integration::Integration;
use crate::plan::select::{Selector, StageAddress};
use crate::plan::test_invocation::{
    TestAuthorization, TestInvocation, TestInvocationError, TestInvocationRequest, TestInvoker,
};
use crate::plan::{MethodPlan, Plan, StageIndex, StagePlan};
use crate::stats::Registry;
use answer::{Answer, Cut};
pub use known::Known;
use log::Steps;

/// What AWS has for `$context.domainName` in a test.
const DOMAIN_NAME: &str = "testPrefix.testDomainName";

/// Beyond the integration's own time-out: for the rest of a body that comes slowly. What streams without end is cut.
const PATIENCE: Duration = Duration::from_secs(30);

/// [`TestInvoker`] with the settings of a gateway.
pub struct TestInvoke {
    settings: Arc<Settings>,
    client_tls: Arc<ClientTls>,
    dns_timeout: Duration,
    known: Arc<Known>,
}

impl TestInvoke {
    /// # Errors
    /// The settings name certificate authorities that cannot be read, or a log format that is none.
    pub fn new(config: &Config) -> Result<TestInvoke, String> {
        let known = Arc::<Known>::default();
        known.note_callers(&Arc::new(super::callers::callers(config)?));
        TestInvoke::beside(config, known)
    }

    /// The same where shards serve: a test knows what they know.
    ///
    /// # Errors
    /// As above.
    pub fn beside(config: &Config, known: Arc<Known>) -> Result<TestInvoke, String> {
        Ok(TestInvoke {
            settings: Arc::new(super::settings(config, 1)?),
            client_tls: Arc::new(ClientTls::load(config.tls.upstream_ca_file.as_deref())?),
            dns_timeout: Duration::from_millis(config.upstream.dns_timeout_ms),
            known,
        })
    }
}

impl TestInvoker for TestInvoke {
    fn invoke(&self, mut plan: Plan, request: &TestInvocationRequest) -> Result<TestInvocation, TestInvocationError> {
        let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let stage = plan.stages.first().ok_or_else(|| TestInvocationError::Failed("the plan has no stage".into()))?;
        let route = route(stage, request)?;
        let wire = wire(stage, request, &route.target)?;
        plan.selector = Selector::new(&[address(stage)], true);
        plan.generation = plan.generation.max(1);
        let plan = Arc::new(plan);
        let method = plan.stage(StageIndex(0)).method(route.method);
        let stage = plan.stage(StageIndex(0));
        let host = of_integration(stage, method);
        let (addresses, unresolved) = self.resolve(host).map_err(TestInvocationError::Failed)?;
        let started = Instant::now();
        let tried =
            Tried { wire, patience: patience(method), is_head: request.http_method == "HEAD", asks_authorizer: false };
        let exchanged = self.exchange(Arc::clone(&plan), addresses, tried);
        let (answer, mut noted) = exchanged.map_err(TestInvocationError::Failed)?;
        let latency_ms = started.elapsed().as_millis() as u64;
        noted.why = unresolved.filter(|_| noted.endpoint_response_head.is_none()).or(noted.why);
        let steps = Steps { request, route: &route, method, noted: &noted, answer: &answer, started_ms, latency_ms };
        let log = steps.to_text();
        let Answer { status, headers, body, .. } = answer;
        Ok(TestInvocation { status, headers, body, log, latency_ms })
    }

    fn invoke_authorizer(
        &self,
        plan: Plan,
        request: &TestInvocationRequest,
    ) -> Result<TestAuthorization, TestInvocationError> {
        authorizer::invoke(self, plan, request)
    }
}

/// A request on its way.
struct Tried {
    wire: Vec<u8>,
    patience: Duration,
    is_head: bool,
    asks_authorizer: bool,
}

/// Where the request leads.
struct Route {
    method: crate::plan::MethodIndex,
    /// As it goes into the request line.
    target: String,
    /// The path's, by name, decoded.
    path_parameters: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

fn route(stage: &StagePlan, request: &TestInvocationRequest) -> Result<Route, TestInvocationError> {
    let http_method = request.http_method.as_str();
    if !is_token(http_method.as_bytes()) || http_method == "ANY" {
        let what = format!("`{http_method}` cannot be a request's method; write one such as GET or POST");
        return Err(TestInvocationError::Request(what));
    }
    let written = &request.path_with_query_string;
    let target = if written.starts_with('/') { written.clone() } else { format!("/{written}") };
    let mut scratch = String::new();
    let parsed = target::parse(&target, &mut scratch).map_err(|error| {
        let what = match error {
            TargetError::Form | TargetError::Authority => "it is no path",
            TargetError::Character => "it has a character that must be escaped, as a space must to %20",
            TargetError::Escape => "it has a `%` without two digits; `%` itself is %25",
            TargetError::DotSegment => "it has dot segments",
            TargetError::Fragment => "it has a fragment, which no client sends; `#` itself is %23",
        };
        TestInvocationError::Request(format!("`{target}` cannot be asked for: {what}"))
    })?;
    let found = stage.routes.route(http_method, parsed.path);
    let (method, parameters) = found.ok_or_else(|| TestInvocationError::unrouted(stage, http_method, parsed.path))?;
    let names = crate::plan::route::parameter_names(&stage.method(method).resource_path);
    let path_parameters = names.zip(0u8..).map(|(name, index)| {
        let value = crate::data_plane::forwarding::percent_decoded(parameters.value(parsed.path, index));
        (name.to_owned(), lossy(&value))
    });
    let pairs = crate::data_plane::forwarding::query_pairs(parsed.query);
    let query = pairs.map(|(name, value)| (lossy(&name), lossy(&value))).collect();
    Ok(Route { method, path_parameters: path_parameters.collect(), query, target })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn address(stage: &StagePlan) -> StageAddress {
    // Found at the root whatever the test calls its host, unless that is an execute-api name: see `wire`.
    let (api_id, name) = (Arc::clone(&stage.api_id), Arc::clone(&stage.stage));
    StageAddress { index: StageIndex(0), api_id, stage: name, execute_api_disabled: false }
}

/// The request as a client would send it.
fn wire(stage: &StagePlan, request: &TestInvocationRequest, target: &str) -> Result<Vec<u8>, TestInvocationError> {
    for (name, value) in &request.headers {
        let refuse = |why: &str| Err(TestInvocationError::Request(format!("the header `{name}` {why}")));
        if !is_token(name.as_bytes()) {
            return refuse("has characters in its name that no header can have");
        }
        if !encode::is_field_value(value.as_bytes()) {
            return refuse("has characters in its value that no header can have");
        }
        const FRAMING: [&str; 5] = ["connection", "content-length", "expect", "transfer-encoding", "upgrade"];
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return refuse("belongs to the connection, which a test has none of");
        }
    }
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let by_name = host.is_some_and(|(_, host)| host.to_ascii_lowercase().contains(".execute-api."));
    let mut wire = Vec::with_capacity(256 + request.body.len());
    wire.extend_from_slice(request.http_method.as_bytes());
    wire.push(b' ');
    if by_name {
        wire.push(b'/');
        wire.extend_from_slice(stage.stage.as_bytes());
    }
    wire.extend_from_slice(target.as_bytes());
    wire.extend_from_slice(b" HTTP/1.1\r\nConnection: close\r\n");
    if host.is_none() {
        encode::field("Host", DOMAIN_NAME.as_bytes(), &mut wire);
    }
    for (name, value) in &request.headers {
        encode::field(name, value.as_bytes(), &mut wire);
    }
    if !request.body.is_empty() {
        encode::content_length(request.body.len() as u64, &mut wire);
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(&request.body);
    Ok(wire)
}

fn patience(method: &MethodPlan) -> Duration {
    match &method.integration {
        Integration::Http(http) => PATIENCE + Duration::from_millis(u64::from(http.timeout_ms)),
        Integration::Lambda(lambda) => PATIENCE + Duration::from_millis(u64::from(lambda.timeout_ms)),
        Integration::Mock(_) | Integration::Denied(_) => PATIENCE,
    }
}

/// The host of the method's origin.
fn of_integration<'p>(stage: &'p StagePlan, method: &MethodPlan) -> Option<&'p str> {
    let origin = match &method.integration {
        Integration::Http(http) => http.origin,
        Integration::Lambda(lambda) => lambda.call.origin,
        Integration::Mock(_) | Integration::Denied(_) => return None,
    };
    Some(&stage.origin(origin).host)
}

impl TestInvoke {
    /// The addresses of the host that is asked, or why there are none.
    fn resolve(&self, host: Option<&str>) -> Result<(AddressBook, Option<String>), String> {
        let Some(host) = host.filter(|host| host.parse::<IpAddr>().is_err()) else {
            return Ok((AddressBook::new(), None));
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot look `{host}` up: {error}"))?;
        let lookup = SystemLookup::new(self.dns_timeout)?;
        Ok(match runtime.block_on(lookup.addresses(host)) {
            Found::Found { addresses, .. } => (AddressBook::from([(host.into(), addresses.into())]), None),
            Found::None { reason } | Found::Failed { reason } => {
                (AddressBook::new(), Some(format!("cannot resolve `{host}`: {reason}")))
            }
        })
    }

    fn exchange(&self, plan: Arc<Plan>, addresses: AddressBook, tried: Tried) -> Result<(Answer, Noted), String> {
        let Tried { wire, patience, is_head, asks_authorizer } = tried;
        let mut deliveries = vec![Delivery::Addresses(Arc::new(addresses))];
        deliveries.extend(self.known.deliveries());
        let problem = |error: io::Error| format!("cannot start the test's shard: {error}");
        let (client, server) = UnixStream::pair().map_err(problem)?;
        let parts = self.parts().map_err(problem)?;
        let shard = move || -> io::Result<Noted> {
            // Not io_uring: its operations may outlive the loop that started them, and this one ends.
            let (mut runtime, _) = Runtime::build(Driver::Epoll, 0)?;
            runtime.block_on(run_traced(parts(), plan, deliveries, OwnedFd::from(server), asks_authorizer))
        };
        let shard = std::thread::Builder::new().name("test-invoke".to_owned()).spawn(shard).map_err(problem)?;
        let bytes_max = usize::try_from(self.settings.body_bytes_max).unwrap_or(usize::MAX);
        let read = ask(client, wire, patience, bytes_max.saturating_add(ANSWER_HEAD_BYTES_MAX));
        let ended = shard.join().map_err(|_| "the exchange ended in a panic; please report it".to_owned())?;
        let mut noted = ended.map_err(problem)?;
        let (bytes, cut) = read.map_err(|error| format!("the exchange broke off: {error}"))?;
        // That its client went away is then no news.
        noted.why = noted.why.filter(|_| cut.is_none());
        let answer = Answer::parse(&bytes, is_head, cut);
        Ok((answer.ok_or("the exchange ended without an answer")?, noted))
    }

    /// A fleet of one. What is bound to a thread is made on it.
    fn parts(&self) -> io::Result<impl FnOnce() -> ShardParts + Send + 'static> {
        let fleet = Arc::new(vec![ShardHandle { mailbox: Mailbox::new()?, state: ShardState::default() }]);
        let (settings, client_tls) = (Arc::clone(&self.settings), Arc::clone(&self.client_tls));
        // Nothing is taken from a limit, and nobody is counted.
        let throttle = ThrottleSettings { account: None, keyed_buckets_max: 1, headers: ThrottleHeaders::Off };
        let limits = Arc::new(SharedLimits::new(1, &throttle, Arc::new(Meters::in_memory(1)?)));
        Ok(move || ShardParts {
            index: 0,
            fleet,
            settings,
            client_tls,
            listeners: Vec::new(),
            recorder: Registry::new(1).recorder(0),
            access_log: AccessLog::new(None, 0),
            limits,
        })
    }
}

const ANSWER_HEAD_BYTES_MAX: usize = 256 * 1024;

/// Sends the request, reads the answer to the connection's end. The body goes on its own thread: an answer may come
/// before all of it was taken.
fn ask(client: UnixStream, wire: Vec<u8>, patience: Duration, bytes_max: usize) -> io::Result<(Vec<u8>, Option<Cut>)> {
    let mut sending = client.try_clone()?;
    // Whoever stops reading early has answered, or ended the connection: the answer tells.
    let sender = std::thread::Builder::new().spawn(move || drop(sending.write_all(&wire)))?;
    let read = read_answer(&client, patience, bytes_max);
    // Unblocks both the sender and the shard.
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = sender.join();
    read
}

fn read_answer(mut client: &UnixStream, patience: Duration, bytes_max: usize) -> io::Result<(Vec<u8>, Option<Cut>)> {
    let deadline = Instant::now() + patience;
    let (mut answer, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok((answer, Some(Cut::Time(patience))));
        }
        client.set_read_timeout(Some(left))?;
        match client.read(&mut piece) {
            Ok(0) => return Ok((answer, None)),
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An aborted connection: the answer could not be finished.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok((answer, None)),
            Err(error) => return Err(error),
        }
        if answer.len() > bytes_max {
            return Ok((answer, Some(Cut::Bytes(bytes_max))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::deployment;
    use crate::openapi::{self, ImportOptions};
    use crate::plan::compile::{Options, Unsupported};

    const DOCUMENT: &str = r#"
openapi: 3.0.1
info: {title: T, version: '1'}
paths:
  /echo/{word}:
    post:
      responses: {}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: '203', responseTemplates: {application/json: "$input.params('word') $input.params('X-A')"}}}
"#;

    fn plan() -> Plan {
        let imported = openapi::load_text("t.yaml", DOCUMENT, &ImportOptions::default()).expect("it is well-formed");
        deployment::build_imported(vec![imported], &Default::default(), 7).expect("it can be served").plan
    }

    fn request(word: usize) -> TestInvocationRequest {
        TestInvocationRequest {
            http_method: "POST".to_owned(),
            path_with_query_string: format!("/echo/{word}"),
            headers: vec![("X-A".to_owned(), "a".to_owned())],
            body: Vec::new(),
        }
    }

    /// As the management API does it: on blocking threads of a runtime, several at a time.
    #[test]
    fn tests_run_beside_each_other_and_within_a_runtime() {
        let invoker: Arc<dyn TestInvoker> = Arc::new(TestInvoke::new(&Config::default()).expect("the defaults work"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let run = |word| {
                let invoker = Arc::clone(&invoker);
                tokio::task::spawn_blocking(move || invoker.invoke(plan(), &request(word)))
            };
            let running: Vec<_> = (0..8).map(run).collect();
            for (word, running) in running.into_iter().enumerate() {
                let invocation = running.await.expect("no panic").expect("it was executed");
                assert_eq!((invocation.status, invocation.body), (203, format!("{word} a").into_bytes()));
                assert!(invocation.log.ends_with(" : Method completed with status: 203\n"), "{}", invocation.log);
            }
        });
    }

    /// A method that needs what is not served answers 500, by its gateway response; the log says why. A compressed body
    /// takes another way than others.
    #[test]
    fn a_denied_method_answers_nobody() {
        let locked = DOCUMENT.replace("      responses: {}\n", "      responses: {}\n      security: [{auth: []}]\n")
            + "components: {securitySchemes: {auth: {type: apiKey, name: Authorization, in: header,
  x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations'}}}}
x-amazon-apigateway-gateway-responses:
  API_CONFIGURATION_ERROR: {statusCode: 503, responseParameters: {gatewayresponse.header.X-A: \"'b'\"}}
";
        let denied = |document: &str| {
            let options = Options { on_unsupported: Unsupported::Deny, ..Options::default() };
            let imported =
                openapi::load_text("t.yaml", document, &ImportOptions::default()).expect("it is well-formed");
            deployment::build_imported(vec![imported], &options, 7).expect("it can be served").plan
        };
        let invoker = TestInvoke::new(&Config::default()).expect("the defaults work");
        let mut request = request(1);
        for coding in [None, Some("gzip")] {
            request.headers.extend(coding.map(|coding| ("Content-Encoding".to_owned(), coding.to_owned())));
            request.body = coding.map(|_| b"not gzip".to_vec()).unwrap_or_default();
            let invocation = invoker.invoke(denied(&locked), &request).expect("it was executed");
            let header = |name: &str| {
                let found = invocation.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!((invocation.status, header("x-a")), (503, Some("b")), "{coding:?}");
            assert_eq!(header("x-amzn-errortype"), Some("InternalServerErrorException"));
            assert_eq!(invocation.body, br#"{"message":"Internal server error"}"#);
            let expected = "Execution failed due to configuration error: there is nowhere to invoke the function `f`";
            assert!(invocation.log.contains(expected), "{}", invocation.log);
        }
        assert_eq!(invoker.invoke(denied(DOCUMENT), &self::request(1)).map(|invocation| invocation.status), Ok(203));
        let keyed = locked.replace("security: [{auth: []}]", "security: []");
        assert_eq!(invoker.invoke(denied(&keyed), &self::request(1)).map(|invocation| invocation.status), Ok(203));
    }

    #[test]
    fn whatever_is_asked_for_there_is_an_answer() {
        let invoker = TestInvoke::new(&Config::default()).expect("the defaults work");
        let refused = |change: &dyn Fn(&mut TestInvocationRequest)| {
            let mut request = request(1);
            change(&mut request);
            invoker.invoke(plan(), &request).map(|invocation| invocation.status)
        };
        assert_eq!(
            invoker.invoke(Plan::empty(), &request(1)).map(|_| ()).map_err(|error| error.to_string()),
            Err("the plan has no stage".to_owned())
        );
        assert_eq!(refused(&|request| request.headers.push(("X".into(), "y".repeat(20_000)))), Ok(431));
        assert_eq!(refused(&|request| request.path_with_query_string += &"y".repeat(20_000)), Ok(414));
        assert_eq!(refused(&|request| request.body = vec![0xFF; 11 << 20]), Ok(413));
        assert_eq!(refused(&|request| request.headers.push(("Host".into(), "no host/".into()))), Ok(400));
        assert!(refused(&|request| request.headers.push(("X".into(), "a\r\nb".into()))).is_err());
        assert!(refused(&|request| request.path_with_query_string = String::new()).is_err());
    }
}
