//! What AWS has in CloudWatch, for `tollgate functions`: logs, and how much there is to do.

use serde_json::json;

use super::error::Exception;
use super::{Answer, parameter};
use crate::function::host::Shared;
use crate::function::name::{Reference, arn};

/// The most lines of an answer.
const LINES_MAX: usize = 10_000;
const LINES: usize = 1_000;

/// `GET /tollgate/functions/{name}/logs?from=N&limit=N`: the latest lines, or those from a number on.
pub fn read(host: &Shared, name: &str, query: &str) -> Result<Answer, Exception> {
    let number = |name: &str| {
        let written = parameter(query, name);
        let wrong = |_| Exception::invalid_parameter(format!("{name} is no number"));
        written.map(|written| written.parse::<u64>().map_err(wrong)).transpose()
    };
    let (from, limit) = (number("from")?, number("limit")?);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LINES).min(LINES_MAX);
    let reference = Reference::parse(name);
    let missing = || Exception::not_found(&arn(&host.settings.region, &host.settings.account_id, name));
    let function = reference.and_then(|reference| host.function(reference.name)).ok_or_else(missing)?;
    let log = function.log.borrow();
    let events: Vec<_> = log
        .read(from, limit)
        .map(|entry| {
            json!({
                "sequence": entry.sequence,
                "timestamp": entry.unix_ms,
                "requestId": entry.request_id.as_deref(),
                "message": entry.text,
            })
        })
        .collect();
    Ok(Answer::ok(json!({ "events": events, "next": log.next_sequence() })))
}

/// `GET /tollgate/functions`: how busy each is.
pub fn load(host: &Shared) -> Answer {
    let functions = host.functions();
    let functions = functions.iter().map(|function| {
        let live = function.live();
        let (processes, running, waiting) = function.load();
        json!({
            "name": live.definition.name,
            "runtime": live.definition.runtime.to_string(),
            "code": live.code.root,
            "configured": live.is_configured,
            "processes": processes,
            "running": running,
            "waiting": waiting,
            "invocations": function.stats.invocations.value(),
            "errors": function.stats.errors.value(),
            "throttles": function.stats.throttles.value(),
            "coldStarts": function.stats.cold_starts.value(),
        })
    });
    Answer::ok(json!({ "functions": functions.collect::<Vec<_>>() }))
}
