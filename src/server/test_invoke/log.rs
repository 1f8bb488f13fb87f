//! The steps of a test as the text that AWS's console shows and TestInvokeMethod answers.
//!
//! The wording, the order, the form of maps and dates, the masks and the cut at 1,024 bytes are those of the service's
//! own logs. (Guide, `how-to-test-method`, `set-up-logging`, `request-response-data-mappings`; logs that its users have
//! published.) Behind AWS's sentence for a failure stands what it does not tell: the template's place, the reason.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::data_plane::respond::GatewayError;
use crate::data_plane::trace::{EndpointRequest, Noted};
use crate::http::encode::civil;
use crate::http::head::{Field, FieldSpace, HeadLimits, request, response};
use crate::plan::MethodPlan;
use crate::plan::integration::Integration;
use crate::plan::lambda::SelectsBy;
use crate::plan::test_invocation::TestInvocationRequest;

use super::Route;
use super::answer::Answer;

/// All that there is to tell.
pub struct Steps<'s> {
    pub request: &'s TestInvocationRequest,
    pub route: &'s Route,
    pub method: &'s MethodPlan,
    pub noted: &'s Noted,
    pub answer: &'s Answer,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    pub latency_ms: u64,
}

/// A line for each thing that happens.
pub struct Log {
    pub text: String,
    pub time: String,
}

/// Longer events are cut. (Guide, `api-gateway-known-issues`.) The prefix with the time does not count: published logs
/// have 998 bytes behind `Endpoint request headers: `.
const EVENT_BYTES_MAX: usize = 1024;

impl Log {
    pub fn line(&mut self, event: impl AsRef<str>) {
        let event = event.as_ref();
        let kept = &event[..event.floor_char_boundary(EVENT_BYTES_MAX)];
        let cut = if kept.len() < event.len() { " [TRUNCATED]" } else { "" };
        let _ = writeln!(self.text, "{} : {kept}{cut}", self.time);
    }
}

impl Steps<'_> {
    pub fn to_text(&self) -> String {
        let id = &self.noted.request_id;
        let mut log = Log { text: format!("Execution log for request {id}\n"), time: date(self.started_ms) };
        log.line(format!("Starting execution for request: {id}"));
        self.method_request(&mut log);
        self.validation(&mut log);
        if let Some(sent) = &self.noted.endpoint_request {
            self.endpoint_request(sent, &mut log);
        }
        log.time = date(self.started_ms + self.latency_ms);
        if let Some(head) = &self.noted.endpoint_response_head {
            self.endpoint_response(head, &mut log);
        }
        match self.noted.failed {
            Some((error, status)) => self.failure(error, status, &mut log),
            None => self.method_response(&mut log),
        }
        log.line(format!("Method completed with status: {}", self.answer.status));
        log.text
    }

    fn method_request(&self, log: &mut Log) {
        let Steps { request, route, method, .. } = self;
        log.line(format!("HTTP Method: {}, Resource Path: {}", request.http_method, method.resource_path));
        log.line(format!("Method request path: {}", map(&route.path_parameters)));
        log.line(format!("Method request query string: {}", map(&route.query)));
        log.line(format!("Method request headers: {}", headers(&request.headers)));
        log.line(format!("Method request body before transformations: {}", body(&request.body)));
    }

    /// What the method's validator said, where it has one.
    fn validation(&self, log: &mut Log) {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("content-type");
        let content_type = self.request.headers.iter().find(named).map_or("application/json", |(_, value)| value);
        if let Some(wrong) = &self.noted.validation_error {
            log.line(format!("Request body does not match model schema for content type {content_type}: {wrong}"));
        } else if self.method.validator.is_some()
            && (self.noted.endpoint_request.is_some() || self.noted.failed.is_none())
        {
            log.line(format!("Request validation succeeded for content type {content_type}"));
        }
    }

    fn endpoint_request(&self, sent: &EndpointRequest, log: &mut Log) {
        let mut space = FieldSpace::new();
        // The gateway wrote it, within its own limits.
        let limits = HeadLimits {
            target_bytes_max: sent.bytes.len(),
            header_bytes_max: sent.bytes.len(),
            header_fields_max: usize::MAX,
        };
        let Ok(Some(head)) = request(&sent.bytes, &limits, &mut space) else {
            log.line(format!("Sending request to {}", sent.origin));
            return;
        };
        let uri = format!("{}{}", sent.origin, head.target);
        log.line(format!("Endpoint request URI: {uri}"));
        log.line(format!("Endpoint request headers: {}", headers(&owned(head.fields))));
        let sent_body = if sent.whole { &sent.bytes[head.bytes..] } else { &self.request.body };
        log.line(format!("Endpoint request body after transformations: {}", body(sent_body)));
        log.line(format!("Sending request to {uri}"));
    }

    fn endpoint_response(&self, head: &[u8], log: &mut Log) {
        let mut space = FieldSpace::new();
        let Ok(Some(head)) = response(head, self.request.http_method == "HEAD", &mut space) else { return };
        let latency_ms = self.noted.integration_us.unwrap_or(0) / 1000;
        log.line(format!("Received response. Status: {}, Integration latency: {latency_ms} ms", head.status));
        log.line(format!("Endpoint response headers: {}", headers(&owned(head.fields))));
        let shown = match &self.noted.endpoint_response_body {
            Some(bytes) => body(bytes),
            None if self.noted.failed.is_some() || self.is_replaced() => "[not read: nothing is made of it]".into(),
            None => body(&self.answer.body),
        };
        log.line(format!("Endpoint response body before transformations: {shown}"));
    }

    /// Whether a template made the answer without a look at the origin's.
    fn is_replaced(&self) -> bool {
        match &self.method.integration {
            Integration::Http(http) if !http.proxy => {
                http.responses.iter().any(|response| !response.templates.is_empty())
            }
            Integration::Http(_) | Integration::Lambda(_) | Integration::Mock(_) | Integration::Denied(_) => false,
        }
    }

    fn method_response(&self, log: &mut Log) {
        log.line(format!("Method response body after transformations: {}", body(&self.answer.body)));
        log.line(format!("Method response headers: {}", headers(&self.answer.headers)));
        match (&self.answer.broken_off, &self.noted.why) {
            (None, _) => log.line("Successfully completed execution"),
            (Some(cut), None) => log.line(format!("The test did not wait for the rest of the answer: {cut}")),
            (Some(cut), Some(why)) => log.line(format!("The answer was not finished: {cut}; {why}")),
        }
    }

    /// The gateway's own answer.
    fn failure(&self, error: GatewayError, status: u16, log: &mut Log) {
        let why = self.noted.why.as_deref().filter(|why| *why != error.message());
        let because = why.map(|why| format!(": {why}")).unwrap_or_default();
        if let (GatewayError::IntegrationMalformed, Some(why)) = (error, why.filter(|why| is_of_function(why))) {
            // Of what a function does wrong the service tells no gateway response type, though there is one.
            return match why.strip_prefix(FUNCTION_ERROR) {
                Some(_) => log.line(why),
                None => log.line(format!("Execution failed due to configuration error: {why}")),
            };
        }
        match error {
            GatewayError::InvocationFailed => log.line(why.unwrap_or(error.message())),
            GatewayError::Configuration | GatewayError::IntegrationMalformed => {
                log.line(format!("Execution failed due to configuration error{}", self.configuration(why)));
            }
            GatewayError::IntegrationTimeout => log.line(format!("Execution failed due to a timeout error{because}")),
            GatewayError::IntegrationFailure | GatewayError::IntegrationBusy => {
                let sentence = "Execution failed due to a network error communicating with endpoint";
                log.line(format!("{sentence}{because}"));
            }
            // It has been said.
            GatewayError::InvalidBody if self.noted.validation_error.is_some() => {}
            _ => match why.filter(|why| why.contains(error.message())) {
                Some(why) => log.line(why),
                None => log.line(format!("{}{because}", error.message())),
            },
        }
        let kind = error.response_type().name();
        log.line(format!("Gateway response type: {kind} with status code: {status}"));
    }

    /// AWS's sentence for a note, and the note.
    fn configuration(&self, why: Option<&str>) -> String {
        if let Some(sentence) = self.without_response() {
            return format!(": {sentence}");
        }
        match why {
            None => String::new(),
            Some(why) if why.starts_with("request template ") => format!(": Unable to transform request: {why}"),
            Some(why) if why.starts_with("response template ") => format!(": Unable to transform response: {why}"),
            Some("the mock's request names no status") => {
                let sentence = "It should be an integer that is defined in the request template.";
                format!(": Unable to parse statusCode. {sentence}")
            }
            Some(why) => format!(": {why}"),
        }
    }

    /// That no integration response fits, where that is so.
    fn without_response(&self) -> Option<String> {
        let mut space = FieldSpace::new();
        let status = response(self.noted.endpoint_response_head.as_ref()?, false, &mut space).ok()??.status;
        let Integration::Http(http) = &self.method.integration else { return None };
        let fits = match http.service.as_deref().map(|service| service.selects_by) {
            // Which pattern its message fits, the exchange has found out.
            Some(SelectsBy::ErrorMessage) => http.responses.iter().any(|response| response.pattern.is_none()),
            Some(SelectsBy::Status) | None => {
                crate::data_plane::integrate::mock::select(&http.responses, status).is_some()
            }
        };
        if http.proxy || fits {
            return None;
        }
        let sentence = "No match for output mapping and no default output mapping configured.";
        Some(format!("{sentence} Endpoint Response Status Code: {status}"))
    }
}

/// What the note of a function's failure begins with, and of an answer that is none.
const FUNCTION_ERROR: &str = "Lambda execution failed with status 200 due to customer function error: ";
const MALFORMED_ANSWER: &str = "Malformed Lambda proxy response";

fn is_of_function(why: &str) -> bool {
    why.starts_with(FUNCTION_ERROR) || why.starts_with(MALFORMED_ANSWER)
}

/// `{a=1, b=2}`. Of a name that comes again the last value counts, in the first one's place.
fn map(pairs: &[(String, String)]) -> String {
    let mut single: Vec<(&str, &str)> = Vec::new();
    for (name, value) in pairs {
        match single.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => single.push((name, value)),
        }
    }
    let shown: Vec<String> = single.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", shown.join(", "))
}

/// As [`map`], with all values of a name, and secrets masked.
pub fn headers(headers: &[(String, String)]) -> String {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let value = if is_secret(name) { masked(value) } else { value.clone() };
        match joined.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = format!("{known},{value}"),
            None => joined.push((name.clone(), value)),
        }
    }
    map(&joined)
}

/// "API Gateway redacts authorization headers, API key values, and similar sensitive request parameters."
/// (Guide, `set-up-logging`.)
fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 4] = ["authorization", "proxy-authorization", "x-amz-security-token", "x-api-key"];
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// The last six characters behind asterisks, as AWS does. A short value is hidden whole: six of eight would tell it.
fn masked(value: &str) -> String {
    const SHOWN: usize = 6;
    let length = value.chars().count();
    let hidden = if length >= SHOWN * 2 { length - SHOWN } else { length };
    value.chars().enumerate().map(|(at, character)| if at < hidden { '*' } else { character }).collect()
}

pub fn body(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or("[Binary Data]".into(), Into::into)
}

fn owned(fields: &[Field<'_>]) -> Vec<(String, String)> {
    let pair = |field: &Field<'_>| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned());
    fields.iter().map(pair).collect()
}

/// `Tue May 30 01:22:45 UTC 2023`
pub fn date(time_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (time_ms / 86_400_000, time_ms / 1000 % 86_400);
    let (year, month, day) = civil(days as i64);
    let (weekday, month) = (DAYS[(days % 7) as usize], MONTHS[(month as usize).clamp(1, 12) - 1]);
    format!("{weekday} {month} {day:02} {:02}:{:02}:{:02} UTC {year}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests;
