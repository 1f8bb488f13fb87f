//! A method tried without a gateway that serves it: what `tollgate test-invoke` and AWS's TestInvokeMethod ask for and
//! get. (Guide, `how-to-test-method`.) And an authorizer, for TestInvokeAuthorizer.
//!
//! Who asks and who runs it are on different planes, hence [`TestInvoker`].

use std::fmt;

use serde::Serialize;

use super::{Plan, StagePlan};

/// A request that no client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestInvocationRequest {
    pub http_method: String,
    /// Without the stage: `/pets/7?type=cat`.
    pub path_with_query_string: String,
    /// In their order; a name may come again. `Host` may be among them, what frames the message not.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestInvocation {
    pub status: u16,
    /// Without those that belong to the connection or are the gateway's own in every answer.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Each step, a line each, as AWS's console shows it.
    pub log: String,
    pub latency_ms: u64,
}

/// What came of an authorizer. (API reference, `API_TestInvokeAuthorizer`.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestAuthorization {
    /// What the client would have been answered; 0 where the authorizer has decided, whatever its policy says.
    pub client_status: u16,
    pub log: String,
    pub latency_ms: u64,
    pub principal_id: Option<String>,
    /// As the function answered it.
    pub policy: Option<String>,
    pub context: Vec<(String, String)>,
    pub claims: Vec<(String, String)>,
}

/// Why nothing was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestInvocationError {
    /// No resource fits the path.
    NoResource { path: String, nearest: Vec<String> },
    /// The resource has other methods only.
    NoMethod { http_method: String, methods: Vec<String> },
    /// The request could not have been sent by any client.
    Request(String),
    /// The gateway's own trouble.
    Failed(String),
}

/// Tries a method of the first stage of a plan. It takes as long as the integration does: not to be called on a thread
/// that anybody waits for.
pub trait TestInvoker: Send + Sync {
    /// # Errors
    /// [`TestInvocationError`]; that the method answered with an error is none.
    fn invoke(&self, plan: Plan, request: &TestInvocationRequest) -> Result<TestInvocation, TestInvocationError>;

    /// Has the method's authorizer decide about the request, and goes no further.
    ///
    /// # Errors
    /// As [`invoke`](TestInvoker::invoke).
    fn invoke_authorizer(
        &self,
        plan: Plan,
        request: &TestInvocationRequest,
    ) -> Result<TestAuthorization, TestInvocationError>;
}

impl fmt::Display for TestInvocationError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestInvocationError::NoResource { path, nearest } if nearest.is_empty() => {
                write!(to, "no resource fits `{path}`: the API has none with a method")
            }
            TestInvocationError::NoResource { path, nearest } => {
                write!(to, "no resource fits `{path}`; the nearest are:")?;
                nearest.iter().try_for_each(|method| write!(to, "\n  {method}"))
            }
            TestInvocationError::NoMethod { http_method, methods } => {
                write!(to, "the resource has no method {http_method}; it has:")?;
                methods.iter().try_for_each(|method| write!(to, "\n  {method}"))
            }
            TestInvocationError::Request(what) | TestInvocationError::Failed(what) => to.write_str(what),
        }
    }
}

/// How many resources are named where none fits.
const NEAREST_MAX: usize = 3;

impl TestInvocationError {
    /// Why the stage has no such method; `path` as it is matched.
    pub fn unrouted(stage: &StagePlan, http_method: &str, path: &str) -> TestInvocationError {
        let route = |other: &str| stage.routes.route(other, path).map(|(index, _)| stage.method(index));
        let mut words: Vec<&str> = stage.methods.iter().map(|method| &*method.http_method).collect();
        words.sort_unstable();
        words.dedup();
        let fitting = words.into_iter().filter_map(|word| route(word).filter(|method| *method.http_method == *word));
        let methods: Vec<String> =
            fitting.map(|method| format!("{} {}", method.http_method, method.resource_path)).collect();
        if !methods.is_empty() {
            return TestInvocationError::NoMethod { http_method: http_method.to_owned(), methods };
        }
        let score = |known: &str| strsim::normalized_damerau_levenshtein(known, path);
        let mut nearest: Vec<(f64, bool, String)> = stage
            .methods
            .iter()
            .map(|method| {
                let named = format!("{} {}", method.http_method, method.resource_path);
                (score(&method.resource_path), *method.http_method == *http_method, named)
            })
            .collect();
        nearest.sort_by(|(one, same, name), (two, other_same, other_name)| {
            two.total_cmp(one).then(other_same.cmp(same)).then(name.cmp(other_name))
        });
        let nearest = nearest.into_iter().take(NEAREST_MAX).map(|(_, _, named)| named).collect();
        TestInvocationError::NoResource { path: path.to_owned(), nearest }
    }
}

/// TestInvokeMethod's answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status: u16,
    body: std::borrow::Cow<'a, str>,
    headers: serde_json::Map<String, serde_json::Value>,
    multi_value_headers: serde_json::Map<String, serde_json::Value>,
    log: &'a str,
    latency: u64,
}

impl TestAuthorization {
    /// TestInvokeAuthorizer's answer.
    pub fn to_json(&self) -> serde_json::Value {
        let TestAuthorization { client_status, log, latency_ms, principal_id, policy, context, claims } = self;
        let mut answer = serde_json::json!({ "clientStatus": client_status, "log": log, "latency": latency_ms });
        if let Some(principal_id) = principal_id {
            answer["principalId"] = principal_id.as_str().into();
        }
        if let Some(policy) = policy {
            answer["policy"] = policy.as_str().into();
        }
        if !context.is_empty() {
            let lists = context.iter().map(|(name, value)| (name.clone(), vec![value.as_str()].into()));
            answer["authorization"] = serde_json::Value::Object(lists.collect());
        }
        if !claims.is_empty() {
            let texts = claims.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
            answer["claims"] = serde_json::Value::Object(texts.collect());
        }
        answer
    }
}

impl TestInvocation {
    /// TestInvokeMethod's answer: of a header that comes again, `headers` has the last value.
    pub fn to_json(&self) -> serde_json::Value {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        let answer = Answer {
            status: self.status,
            body: String::from_utf8_lossy(&self.body),
            headers: headers.collect(),
            multi_value_headers: self.multi_value_headers(),
            log: &self.log,
            latency: self.latency_ms,
        };
        serde_json::to_value(answer).unwrap_or_default()
    }

    pub fn multi_value_headers(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut all = serde_json::Map::new();
        for (name, value) in &self.headers {
            let values = all.entry(name.clone()).or_insert_with(|| serde_json::Value::Array(Vec::new()));
            if let serde_json::Value::Array(values) = values {
                values.push(value.clone().into());
            }
        }
        all
    }
}
