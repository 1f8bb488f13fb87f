//! What a call of the management API is, and which operation it asks for.
//!
//! An operation is a plain function from the store and a call to a reply or an exception; it knows the
//! world (time, chance, truststores) only through the call. The table of all of them is in `operations`.
//!
//! - [`ids`]: the ids of what a call makes.

mod ids;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exception::{Exception, ExceptionKind};
use super::store::Store;
use crate::meter::Meters;
use crate::model::{ApiDefinition, Stage};
use crate::plan::compile::targets::VpcLinkNames;

/// One operation of the service model.
#[derive(Debug)]
pub struct Operation {
    /// As the service model has it: `CreateRestApi`.
    pub name: &'static str,
    pub http_method: &'static str,
    /// The path with its parameters; `?mode=import` behind it where a query parameter tells it from another operation.
    pub uri: &'static str,
    /// The status of success.
    pub status: u16,
    pub run: fn(&mut Store, &Call<'_>) -> Result<Reply, Exception>,
}

impl Operation {
    /// Whether it may change anything. The two tests and the export of usage are calls that change nothing.
    pub fn writes(&self) -> bool {
        self.http_method != "GET" && !self.name.starts_with("TestInvoke")
    }
}

/// A path's parameters in the order of the template, decoded.
pub type Parameters = Vec<(&'static str, String)>;

/// What a call brings, as its operation sees it.
pub struct Call<'c> {
    pub region: &'c str,
    pub account_id: &'c str,
    pub path: Parameters,
    /// Decoded, in the order of the request.
    pub query: Vec<(String, String)>,
    /// The header `Accept`, which two operations read.
    pub accept: Option<&'c str>,
    pub body: &'c [u8],
    /// Seconds since 1970.
    pub now_s: i64,
    pub random: &'c dyn Random,
    /// What API keys have used until now.
    pub meters: &'c Meters,
    pub truststores: &'c dyn Truststores,
}

/// Where truststores of mutual TLS are.
pub trait Truststores {
    /// Reads the truststore; what there is to warn of.
    ///
    /// # Errors
    /// Why it cannot be used, for the user.
    fn check(&self, truststore_uri: &str) -> Result<Vec<String>, String>;
}

/// Where ids and secrets come from.
pub trait Random {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

/// Truststores by the names that tests give them: there is none with `missing` in it, and one with `old` is warned of.
#[cfg(test)]
pub struct FakeTruststores;

#[cfg(test)]
impl Truststores for FakeTruststores {
    fn check(&self, truststore_uri: &str) -> Result<Vec<String>, String> {
        match truststore_uri {
            uri if uri.contains("missing") => Err("there is no such file".to_owned()),
            uri if uri.contains("old") => Ok(vec!["certificate 1 of the truststore has expired".to_owned()]),
            _ => Ok(Vec::new()),
        }
    }
}

/// The system's own.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the system has random bytes for those who ask");
    }
}

/// What an operation answers; its status is the operation's.
#[derive(Debug)]
pub enum Reply {
    Empty,
    Json(Value),
    /// A document or a client's source.
    File(File),
    /// The answer is what the method, or the authorizer, does with a request: the caller has to try it.
    TestInvocation(Box<TestInvocation>),
    /// Nothing is answered, when every shard has forgotten what the stage has cached: the caller has to tell them.
    CacheFlush(StageName),
    /// The same of what the stage's authorizers have decided.
    AuthorizersFlush(StageName),
}

/// A stage whose cache is to be emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageName {
    pub api_id: String,
    pub stage: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub content_type: String,
    /// `Content-Disposition`.
    pub disposition: Option<String>,
    pub bytes: Vec<u8>,
}

/// A method to be tried as it is now, whatever is deployed.
#[derive(Debug)]
pub struct TestInvocation {
    /// The API with no methods but the one that is tried.
    pub definition: ApiDefinition,
    /// Its name is `test-invoke-stage`; it has the call's stage variables.
    pub stage: Stage,
    pub vpc_link_names: VpcLinkNames,
    pub http_method: String,
    pub path_with_query_string: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Not the method is tried, but its authorizer.
    pub asks_authorizer: bool,
}

impl<'c> Call<'c> {
    /// A parameter of the path. The template has it, or the operation is wrong.
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).expect("an operation asks for parameters of its own template")
    }

    /// A parameter of the query; of several with the name, the first.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every parameter of the query with the name: how lists are sent.
    pub fn queries<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a list in the query, `embed` say, has the word.
    pub fn asks_for(&self, list: &str, word: &str) -> bool {
        self.queries(list).any(|value| value.split(',').any(|one| one.trim() == word))
    }

    /// The body as the operation's input. No body is an empty input.
    ///
    /// # Errors
    /// `BadRequestException`: it is not JSON, or not of the input's shape. What is not known is an error too.
    pub fn input<I: DeserializeOwned>(&self) -> Result<I, Exception> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body).map_err(|error| Exception::bad_request(format!("Invalid request input: {error}")))
    }

    /// Seconds since 1970, as AWS writes them into JSON.
    pub fn now(&self) -> i64 {
        self.now_s
    }

    /// `arn:aws:apigateway:{region}::{path}`, as tags name what they are on.
    pub fn arn(&self, path: &str) -> String {
        format!("arn:aws:apigateway:{}::{path}", self.region)
    }
}

/// Finds the operation that a request asks for, and the parameters of its path.
///
/// # Errors
/// `UnknownOperationException`, where no operation has the method and path; `BadRequestException`, where the path
/// cannot be read.
pub fn find<'o>(
    operations: &'o [Operation],
    http_method: &str,
    raw_path: &str,
    query: &[(String, String)],
) -> Result<(&'o Operation, Parameters), Exception> {
    let segments: Vec<&str> = raw_path.trim_start_matches('/').trim_end_matches('/').split('/').collect();
    let fits = |operation: &&Operation| {
        let (template, marker) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let marked = match marker.split_once('=') {
            Some((name, value)) => query.iter().any(|(known, given)| known == name && given == value),
            None => true,
        };
        operation.http_method == http_method && marked && fits_template(template, &segments)
    };
    // One with a marker is more special than the one without.
    let found = operations.iter().filter(fits).max_by_key(|operation| operation.uri.contains('?'));
    let operation = found.ok_or_else(|| {
        let message = format!("no operation answers {http_method} {raw_path}");
        Exception::new(ExceptionKind::UnknownOperation, message)
    })?;
    Ok((operation, parameters(operation, &segments)?))
}

/// ARNs in a path are sent with their slashes escaped, or not.
fn fits_template(template: &str, segments: &[&str]) -> bool {
    let parts: Vec<&str> = template.trim_start_matches('/').split('/').collect();
    let takes_rest = parts.last().is_some_and(|part| part.ends_with("_arn}"));
    let length_fits = if takes_rest { segments.len() >= parts.len() } else { segments.len() == parts.len() };
    let pairs = parts.iter().zip(segments);
    length_fits
        && pairs.into_iter().all(|(part, segment)| part.starts_with('{') && !segment.is_empty() || part == segment)
}

fn parameters(operation: &Operation, segments: &[&str]) -> Result<Parameters, Exception> {
    let template = operation.uri.split_once('?').map_or(operation.uri, |(template, _)| template);
    let parts: Vec<&'static str> = template.trim_start_matches('/').split('/').collect();
    let last = parts.len() - 1;
    let mut parameters = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else { continue };
        let raw = if position == last { segments[position..].join("/") } else { segments[position].to_owned() };
        let value = percent_decoded(&raw);
        let value = value.filter(|value| !value.contains(|character: char| character.is_control()));
        let value = value.ok_or_else(|| Exception::bad_request(format!("Invalid value for {name} in the path")))?;
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// `None` where an escape is broken, or the result is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The pairs of a query string, decoded; `+` is a space.
///
/// # Errors
/// `BadRequestException`: an escape is broken.
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Exception> {
    let decoded = |text: &str| {
        percent_decoded(&text.replace('+', " "))
            .ok_or_else(|| Exception::bad_request(format!("Invalid escape in the query string: {text}")))
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs.map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::operations::OPERATIONS;

    #[track_caller]
    fn check(method: &str, path: &str, query: &str, expected: &str) {
        let query = query_pairs(query).expect("a query");
        let found = find(OPERATIONS, method, path, &query);
        let shown = match found {
            Ok((operation, parameters)) => parameters
                .iter()
                .fold(operation.name.to_owned(), |text, (name, value)| format!("{text} {name}={value}")),
            Err(exception) => exception.kind.name().to_owned(),
        };
        assert_eq!(shown, expected, "{method} {path}");
    }

    #[test]
    fn a_path_leads_to_its_operation() {
        check("GET", "/restapis", "", "GetRestApis");
        check("GET", "/restapis/", "limit=1", "GetRestApis");
        check("POST", "/restapis", "", "CreateRestApi");
        check("GET", "/restapis/a1", "", "GetRestApi restapi_id=a1");
        check("GET", "/restapis/a%2F1", "", "GetRestApi restapi_id=a/1");
        check("GET", "/restapis/a%001", "", "BadRequestException");
        check("GET", "/restapis/a%zz", "", "BadRequestException");
        check("PUT", "/restapis", "", "UnknownOperationException");
        check("GET", "/restapis//x", "", "UnknownOperationException");
        check("GET", "/restapi", "", "UnknownOperationException");
    }

    #[test]
    fn every_operation_is_found_by_its_own_uri() {
        for operation in OPERATIONS {
            let (template, marker) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
            let path: Vec<&str> =
                template.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
            let query = query_pairs(marker).expect("a query");
            let found = find(OPERATIONS, operation.http_method, &path.join("/"), &query);
            assert_eq!(found.map(|(found, _)| found.name), Ok(operation.name));
        }
    }
}
