//! A running gateway's admin listener, from the side of the commands: one request after the other, each on a connection of
//! its own, in plain HTTP.
//!
//! The credentials come from the environment, so that no process list shows them: `TOLLGATE_TOKEN`, or
//! `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` and maybe `AWS_SESSION_TOKEN`. Without any, requests are signed with
//! made-up ones, which is what a listener takes that asks for none.

use std::future::poll_fn;
use std::io::Write;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use clap::Args;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::config::{ADMIN_URL, Environment, TOKEN, variable};
use crate::sign::{self, Credentials, PathStyle, Scope, Timestamp};

const DEFAULT_URL: &str = "http://127.0.0.1:8081";
const DEFAULT_REGION: &str = "us-east-1";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A deploy ends when every shard has it, and a restore when everything is compiled.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// An answer that is no backup: a document at most.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Which gateway a command is about.
#[derive(Args, Clone, Debug, Default)]
pub struct AdminArgs {
    /// The gateway's admin listener; TOLLGATE_ADMIN_URL names it too [default: http://127.0.0.1:8081]
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<String>,
    /// The region of the APIs; AWS_REGION and AWS_DEFAULT_REGION name it too [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

/// What the help of each such command says of them.
macro_rules! credentials_help {
    () => {
        "Credentials come from TOLLGATE_TOKEN, or from AWS_ACCESS_KEY_ID and\nAWS_SECRET_ACCESS_KEY; a listener that \
         asks for none needs none."
    };
}
pub(crate) use credentials_help;

pub struct Admin {
    /// `http://127.0.0.1:8081`.
    url: String,
    /// `127.0.0.1:8081`.
    authority: String,
    listener: &'static Listener,
    pub region: String,
    identity: Identity,
    runtime: tokio::runtime::Runtime,
}

/// What is asked: where it is if nobody says, how that is said, and what its signatures are for.
pub struct Listener {
    pub name: &'static str,
    pub default_url: &'static str,
    pub flag: &'static str,
    pub variable: &'static str,
    pub service: &'static str,
}

const ADMIN: Listener = Listener {
    name: "admin listener",
    default_url: DEFAULT_URL,
    flag: "--admin-url",
    variable: ADMIN_URL,
    service: "apigateway",
};

enum Identity {
    Token(String),
    Signer(Credentials),
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    pub method: &'a str,
    /// Percent-encoded, with the query.
    pub target: String,
    pub accept: Option<&'a str>,
    /// Further fields, which no signature has to cover.
    pub fields: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Ask<'_> {
    pub fn get(target: String) -> Self {
        Ask { method: "GET", target, ..Ask::default() }
    }

    /// With a body of JSON.
    pub fn with(method: &'static str, target: String, body: &Value) -> Self {
        Ask { method, target, body: body.to_string().into(), ..Ask::default() }
    }

    pub fn delete(target: String) -> Self {
        Ask { method: "DELETE", target, ..Ask::default() }
    }
}

impl Admin {
    /// # Errors
    /// The address cannot be one, or only half of a pair of credentials is there.
    pub fn new(args: &AdminArgs, environment: &Environment) -> Result<Admin, String> {
        Admin::of(&ADMIN, args.admin_url.as_deref(), args.region.as_deref(), environment)
    }

    /// The same for another listener.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn of(
        listener: &'static Listener,
        url: Option<&str>,
        region: Option<&str>,
        environment: &Environment,
    ) -> Result<Admin, String> {
        let url = url.or_else(|| variable(environment, listener.variable)).unwrap_or(listener.default_url);
        let named = || variable(environment, "AWS_REGION").or_else(|| variable(environment, "AWS_DEFAULT_REGION"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Admin {
            url: url.trim_end_matches('/').to_owned(),
            authority: authority(url, listener.flag)?,
            listener,
            region: region.or_else(named).unwrap_or(DEFAULT_REGION).to_owned(),
            identity: Identity::of(environment)?,
            runtime: runtime.map_err(|error| format!("cannot talk to a gateway: {error}"))?,
        })
    }

    /// Whether calls are made in [`Self::region`]. A token's are made in the gateway's own, which is its to know.
    pub fn names_region(&self) -> bool {
        matches!(self.identity, Identity::Signer(_))
    }

    /// The head and the body of an answer.
    ///
    /// # Errors
    /// Nobody answers, or it is refused.
    pub fn answer(&self, ask: Ask<'_>) -> Result<(hyper::HeaderMap, Bytes), String> {
        self.run(async {
            let response = self.exchange(ask).await?;
            let headers = response.headers().clone();
            self.collected(response).await.map(|body| (headers, body))
        })
    }

    /// The answer's JSON; null where it has no body.
    ///
    /// # Errors
    /// Nobody answers, or it is refused.
    pub fn json(&self, ask: Ask<'_>) -> Result<Value, String> {
        let body = self.bytes(ask)?;
        self.parsed(&body)
    }

    /// The same, and nothing where there is no such thing.
    ///
    /// # Errors
    /// Nobody answers, or it is refused otherwise than by 404.
    pub fn found(&self, ask: Ask<'_>) -> Result<Option<Value>, String> {
        let body = self.run(async {
            let response = self.send(ask).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let response = self.accepted(response).await?;
            self.collected(response).await.map(Some)
        })?;
        body.map(|body| self.parsed(&body)).transpose()
    }

    /// # Errors
    /// Nobody answers, or it is refused.
    pub fn bytes(&self, ask: Ask<'_>) -> Result<Bytes, String> {
        self.run(async {
            let response = self.exchange(ask).await?;
            self.collected(response).await
        })
    }

    /// Writes the answer's body as it comes.
    ///
    /// # Errors
    /// Nobody answers, it is refused, or the answer breaks off.
    pub fn download(&self, ask: Ask<'_>, to: &mut dyn Write) -> Result<(), String> {
        self.run(async {
            let mut body = pin!(self.exchange(ask).await?.into_body());
            while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
                let frame = frame.map_err(|error| format!("the answer of {} breaks off: {error}", self.url))?;
                if let Ok(data) = frame.into_data() {
                    to.write_all(&data).map_err(|error| format!("cannot write what comes: {error}"))?;
                }
            }
            to.flush().map_err(|error| format!("cannot write what comes: {error}"))
        })
    }

    fn parsed(&self, body: &[u8]) -> Result<Value, String> {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|error| format!("the gateway at {} answers no JSON: {error}", self.url))
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let late = |_| Err(format!("the gateway at {} has not answered in {} s", self.url, ANSWER_TIMEOUT.as_secs()));
        self.runtime.block_on(async { tokio::time::timeout(ANSWER_TIMEOUT, work).await.unwrap_or_else(late) })
    }

    /// A response with a status of success.
    async fn exchange(&self, ask: Ask<'_>) -> Result<Response<Incoming>, String> {
        let response = self.send(ask).await?;
        self.accepted(response).await
    }

    /// A response with any status.
    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>, String> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.authority)).await;
        let connected = connecting.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let stream = connected.map_err(|error| self.nobody(&error))?;
        let broken = |error: hyper::Error| format!("{} does not answer as a gateway does: {error}", self.url);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // What goes wrong with it, the request hears of.
        tokio::spawn(connection);
        sender.send_request(self.request(ask)?).await.map_err(broken)
    }

    async fn accepted(&self, response: Response<Incoming>) -> Result<Response<Incoming>, String> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = self.collected(response).await?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(self.refused(
            status,
            ["message", "Message"].iter().find_map(|name| body[*name].as_str()).unwrap_or("it does not say why"),
        ))
    }

    async fn collected(&self, response: Response<Incoming>) -> Result<Bytes, String> {
        let collected = axum::body::to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
        collected.map_err(|error| format!("the answer of {} breaks off: {error}", self.url))
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Body>, String> {
        let content_type = "application/json";
        let signed = [("host", self.authority.as_bytes()), ("content-type", content_type.as_bytes())];
        let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
        let added = match &self.identity {
            Identity::Token(token) => vec![("authorization", format!("Bearer {token}"))],
            Identity::Signer(credentials) => {
                let request = sign::Request {
                    method: ask.method,
                    path,
                    path_style: PathStyle::Normalized,
                    query,
                    headers: &signed,
                    body: &ask.body,
                };
                sign::sign(&request, credentials, Scope { region: &self.region, service: self.listener.service }, now())
            }
        };
        let mut request = Request::builder().method(ask.method).uri(&ask.target);
        request = request.header("host", &self.authority).header("content-type", content_type);
        let accept = ask.accept.map(|accept| ("accept", accept.to_owned()));
        for (name, value) in accept.into_iter().chain(added).chain(ask.fields) {
            request = request.header(name, value);
        }
        request.body(ask.body.into()).map_err(|error| format!("cannot ask the gateway for {}: {error}", ask.target))
    }

    fn nobody(&self, error: &std::io::Error) -> String {
        format!(
            "no gateway answers at {}: {error}; is it running (tollgate serve), with its {} there? {} or {} names another \
             address",
            self.url, self.listener.name, self.listener.flag, self.listener.variable
        )
    }

    fn refused(&self, status: u16, message: &str) -> String {
        let remedy = match status {
            401 | 403 => {
                "; the credentials are taken from TOLLGATE_TOKEN, or from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            _ => "",
        };
        format!("the gateway at {} answers {status}: {message}{remedy}", self.url)
    }
}

impl Identity {
    fn of(environment: &Environment) -> Result<Identity, String> {
        if let Some(token) = variable(environment, TOKEN) {
            return Ok(Identity::Token(token.to_owned()));
        }
        let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| variable(environment, name));
        let (id, secret) = match (id, secret) {
            (Some(id), Some(secret)) => (id, secret),
            (None, None) => ("tollgate", "tollgate"),
            (Some(_), None) => {
                return Err("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both".to_owned());
            }
            (None, Some(_)) => {
                return Err("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not: set both".to_owned());
            }
        };
        Ok(Identity::Signer(Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: variable(environment, "AWS_SESSION_TOKEN").map(str::to_owned),
        }))
    }
}

/// `host:port` of an address such as `http://127.0.0.1:8081`.
fn authority(url: &str, flag: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("{flag}: `{url}` {why}");
    let rest = url.strip_prefix("http://").ok_or_else(|| match url.starts_with("https://") {
        true => wrong(
            "is not spoken to: only http:// is, as the admin listener has no TLS; reach a far one through a tunnel, such as \
             ssh -L 8081:127.0.0.1:8081 HOST",
        ),
        false => wrong("is no address; write one such as http://127.0.0.1:8081"),
    })?;
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
        return Err(wrong("is no address; write one such as http://127.0.0.1:8081, without a path"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}

/// A segment of a path or a value of a query, percent-encoded.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let shown = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(shown).collect()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<&str, &str>) {
        match (authority(url, "--admin-url"), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
            (found, expected) => panic!("{url}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn addresses() {
        check("http://127.0.0.1:8081", Ok("127.0.0.1:8081"));
        check("http://127.0.0.1:8081/", Ok("127.0.0.1:8081"));
        check("http://[::1]:8081", Ok("[::1]:8081"));
        check("http://[::1]", Ok("[::1]:80"));
        check("http://gateway", Ok("gateway:80"));
        check("https://gateway", Err("only http:// is"));
        check("127.0.0.1:8081", Err("write one such as"));
        check("http://gateway/admin", Err("without a path"));
        check("http://", Err("is no address"));
    }

    #[track_caller]
    fn identity(variables: &[(&str, &str)]) -> Result<String, String> {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Ok(match Identity::of(&environment)? {
            Identity::Token(token) => format!("token {token}"),
            Identity::Signer(credentials) => format!("signed by {}", credentials.access_key_id),
        })
    }

    #[test]
    fn credentials_come_from_the_environment() {
        let pair = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "s")];
        assert_eq!(identity(&[]), Ok("signed by tollgate".to_owned()));
        assert_eq!(identity(&pair), Ok("signed by AK".to_owned()));
        assert_eq!(identity(&[pair[0], pair[1], ("TOLLGATE_TOKEN", "t")]), Ok("token t".to_owned()));
        assert!(identity(&pair[..1]).expect_err("half a pair").contains("AWS_SECRET_ACCESS_KEY is not"));
        assert!(identity(&pair[1..]).expect_err("half a pair").contains("AWS_ACCESS_KEY_ID is not"));
    }

    #[test]
    fn what_is_put_into_an_address_stays_one_part() {
        assert_eq!(encoded("a/b ü~"), "a%2Fb%20%C3%BC~");
    }
}
