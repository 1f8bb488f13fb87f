//! The audit log: a line of JSON for each call that changes something, and for each that was refused for who made it.
//!
//! | key | value |
//! |---|---|
//! | `time` | when the call came, RFC 3339 with milliseconds, UTC |
//! | `principal`, `scope` | the access key's id or the token's name, `full` or `read-only`; of a refused call who it said it was |
//! | `source_ip`, `region`, `operation` | |
//! | `resource` | the path, with the query but for what belongs to a signature |
//! | `status`, `error_type`, `request_id` | the answer's |
//! | `suppressed` | how many refused calls before this one have no line, where there are any |
//!
//! No body is written and no secret. A line that cannot be written is counted, and complained of once a minute; it never
//! fails a call, which has taken effect by then.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::access::{Principal, Refusal, Scope};
use crate::sign::Timestamp;
use crate::stats::{Counter, Registry};

/// Lines about refused calls in one second. Whoever guesses at secrets must not fill the disk.
const REFUSED_PER_SECOND_MAX: u32 = 10;

/// Complaints about the file are this far apart.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// The longest text of a line, in characters; a client chooses the path.
const TEXT_LENGTH_MAX: usize = 2_048;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    Off,
    /// The program's own log, at level info from `tollgate::audit`.
    Log,
    /// Appended to; created with mode 0640.
    File(PathBuf),
}

/// What a call was and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub time: SystemTime,
    pub caller: Caller<'a>,
    pub source_ip: IpAddr,
    /// AWS's name of the operation, or the route of our own.
    pub operation: &'a str,
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    pub status: u16,
    pub error_type: Option<&'a str>,
    pub request_id: &'a str,
}

/// Whose call it was.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    Known(&'a Principal),
    /// One that was refused for who it was. Such lines are bounded in number.
    Refused(&'a Refusal),
}

pub struct AuditLog {
    target: AuditTarget,
    registry: Arc<Registry>,
    /// Written by one task at a time, for the length of one append.
    writing: Mutex<Writing>,
}

struct Writing {
    file: Option<File>,
    complained: Option<SystemTime>,
    /// The second in which calls were last refused, and how many then had a line.
    refused: (u64, u32),
    suppressed: u64,
}

impl AuditLog {
    /// # Errors
    /// The file cannot be opened.
    pub fn open(target: AuditTarget, registry: Arc<Registry>) -> Result<AuditLog, String> {
        let file = match &target {
            AuditTarget::Off | AuditTarget::Log => None,
            AuditTarget::File(path) => {
                Some(open(path).map_err(|error| format!("audit log {}: {error}", path.display()))?)
            }
        };
        let writing = Writing { file, complained: None, refused: (0, 0), suppressed: 0 };
        Ok(AuditLog { target, registry, writing: Mutex::new(writing) })
    }

    pub fn record(&self, record: &Record<'_>) {
        if self.target == AuditTarget::Off {
            return;
        }
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(record.caller, Caller::Refused(_)) && !writing.admits_refused(record.time) {
            return;
        }
        let mut line = line(record);
        match std::mem::take(&mut writing.suppressed) {
            0 => {}
            suppressed => drop(line.insert("suppressed".to_owned(), json!(suppressed))),
        }
        let line = Value::Object(line).to_string();
        match &mut writing.file {
            None => tracing::info!(target: "tollgate::audit", "{line}"),
            // In one piece, so that lines of other writers come between and not into it.
            Some(file) => {
                if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
                    self.registry.count(Counter::AuditLogWriteErrors);
                    writing.complain(record.time, &error);
                }
            }
        }
    }

    /// Closes the file and opens its path again: what log rotation asks for. A path that cannot be opened leaves the old file
    /// in use.
    pub fn reopen(&self) {
        let AuditTarget::File(path) = &self.target else { return };
        match open(path) {
            Ok(file) => self.writing.lock().unwrap_or_else(PoisonError::into_inner).file = Some(file),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "audit log: cannot reopen, keeping the old file");
            }
        }
    }
}

impl Writing {
    fn admits_refused(&mut self, now: SystemTime) -> bool {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let count = if self.refused.0 == second { self.refused.1 } else { 0 };
        let admitted = count < REFUSED_PER_SECOND_MAX;
        self.refused = (second, count + u32::from(admitted));
        self.suppressed += u64::from(!admitted);
        admitted
    }

    fn complain(&mut self, now: SystemTime, error: &std::io::Error) {
        let recent = |last: SystemTime| now.duration_since(last).is_ok_and(|since| since < COMPLAINT_PAUSE);
        if !self.complained.is_some_and(recent) {
            self.complained = Some(now);
            tracing::error!(%error, "audit log: lines are being lost");
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

fn line(record: &Record<'_>) -> Map<String, Value> {
    let (principal, scope, region) = match record.caller {
        Caller::Known(Principal { name, scope, region }) => (Some(name), Some(*scope), Some(region)),
        Caller::Refused(Refusal { claimed, .. }) => (claimed.as_ref(), None, None),
    };
    let scope = scope.map(|scope| match scope {
        Scope::Full => "full",
        Scope::ReadOnly => "read-only",
    });
    let entries = [
        ("time", json!(rfc3339(record.time))),
        ("principal", json!(principal)),
        ("scope", json!(scope)),
        ("source_ip", json!(record.source_ip.to_canonical().to_string())),
        ("region", json!(region)),
        ("operation", json!(record.operation)),
        ("resource", json!(resource(record.path, record.query))),
        ("status", json!(record.status)),
        ("error_type", json!(record.error_type)),
        ("request_id", json!(record.request_id)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Without what belongs to a signature or is a token; a name that is encoded is none of AWS's and may hide one.
fn resource(path: &str, query: &str) -> String {
    let is_secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        name.starts_with("x-amz-") || name == "access_token" || name.contains('%')
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !is_secret(pair)).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}", kept.join("&")).chars().take(TEXT_LENGTH_MAX).collect()
}

/// `2015-08-30T12:36:00.000Z`.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let basic = Timestamp::from_seconds(since.as_secs()).to_string();
    let part = |from: usize, to: usize| &basic[from..to];
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(9, 11), part(11, 13), part(13, 15));
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    fn principal() -> Principal {
        Principal { name: "AKID".to_owned(), scope: Scope::Full, region: "us-east-1".to_owned() }
    }

    fn refusal() -> Refusal {
        Refusal {
            status: StatusCode::FORBIDDEN,
            error_type: "UnrecognizedClientException",
            message: "no".to_owned(),
            claimed: Some("AKOTHER".to_owned()),
        }
    }

    fn record(caller: Caller<'_>, milliseconds: u64) -> Record<'_> {
        Record {
            time: UNIX_EPOCH + Duration::from_millis(1_440_938_160_007 + milliseconds),
            caller,
            source_ip: "::ffff:127.0.0.1".parse().expect("an address"),
            operation: "PutRestApi",
            path: "/restapis/a1",
            query: "mode=overwrite&X-Amz-Signature=hidden&x-amz-security-token=hidden&X%2DAmz-Signature=hidden",
            status: 200,
            error_type: None,
            request_id: "r-1",
        }
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).expect("readable");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    fn to_file(folder: &tempfile::TempDir) -> (AuditLog, PathBuf) {
        let path = folder.path().join("audit.log");
        let log = AuditLog::open(AuditTarget::File(path.clone()), Registry::new(0)).expect("the file opens");
        (log, path)
    }

    #[test]
    fn a_line_says_who_did_what() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, path) = to_file(&folder);
        log.record(&record(Caller::Known(&principal()), 0));
        log.record(&Record {
            status: 403,
            error_type: Some("UnrecognizedClientException"),
            ..record(Caller::Refused(&refusal()), 0)
        });
        let known = r#"{"time":"2015-08-30T12:36:00.007Z","principal":"AKID","scope":"full","source_ip":"127.0.0.1",
            "region":"us-east-1","operation":"PutRestApi","resource":"/restapis/a1?mode=overwrite","status":200,
            "error_type":null,"request_id":"r-1"}"#;
        let found = lines(&path);
        assert_eq!(found[0], serde_json::from_str::<Value>(known).expect("JSON"));
        assert_eq!(found[1]["principal"], "AKOTHER");
        assert_eq!((&found[1]["status"], &found[1]["scope"]), (&json!(403), &Value::Null));
    }

    #[test]
    fn refused_calls_do_not_fill_the_disk() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, path) = to_file(&folder);
        let (principal, refusal) = (principal(), refusal());
        for _ in 0..25 {
            log.record(&record(Caller::Refused(&refusal), 0));
        }
        log.record(&record(Caller::Known(&principal), 0));
        log.record(&record(Caller::Refused(&refusal), 1_000));
        let found = lines(&path);
        assert_eq!(found.len(), 12);
        assert_eq!((found[9].get("suppressed"), found[10].get("suppressed")), (None, Some(&json!(15))));
        assert_eq!(found[11].get("suppressed"), None);
    }

    #[test]
    fn what_clients_choose_stays_in_its_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, path) = to_file(&folder);
        let long = format!("/{}\n", "é".repeat(5_000));
        log.record(&Record { path: &long, ..record(Caller::Known(&principal()), 0) });
        log.record(&Record { path: "/a\n{\"b\":1}", query: "", ..record(Caller::Known(&principal()), 0) });
        let found = lines(&path);
        assert_eq!(found[0]["resource"].as_str().map(|text| text.chars().count()), Some(TEXT_LENGTH_MAX));
        assert_eq!(found[1]["resource"], "/a\n{\"b\":1}");
    }

    #[test]
    fn reopening_follows_the_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (log, path) = to_file(&folder);
        log.record(&record(Caller::Known(&principal()), 0));
        let rotated = path.with_extension("1");
        std::fs::rename(&path, &rotated).expect("same folder");
        log.record(&record(Caller::Known(&principal()), 0));
        log.reopen();
        log.record(&record(Caller::Known(&principal()), 0));
        assert_eq!((lines(&rotated).len(), lines(&path).len()), (2, 1));
    }

    #[test]
    fn a_full_disk_is_counted_and_survived() {
        let registry = Registry::new(0);
        let target = AuditTarget::File("/dev/full".into());
        let log = AuditLog::open(target, Arc::clone(&registry)).expect("the device opens");
        log.record(&record(Caller::Known(&principal()), 0));
        log.record(&record(Caller::Known(&principal()), 0));
        assert_eq!(registry.total(Counter::AuditLogWriteErrors), 2);
        let refused = AuditLog::open(AuditTarget::File("/dev/null/x".into()), registry).err();
        assert!(refused.is_some_and(|reason| reason.starts_with("audit log /dev/null/x: ")));
    }
}
