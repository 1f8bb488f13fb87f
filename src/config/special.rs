//! The types that only one setting has.

use super::kind::{Context, Facts, Fault, Kind, TextRule, comma_separated};
use super::problem::did_you_mean;
use super::value::{Entry, Node, Place, Value};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The most shards a process may have: the size of what is kept once a shard, such as counters, is bounded by it.
pub const SHARDS_MAX: u16 = 256;

/// How many shards serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardCount {
    /// One for each CPU that the process may use.
    Auto,
    /// From 1 to [`SHARDS_MAX`].
    Exactly(u16),
}

impl ShardCount {
    /// The number itself, given how many CPUs the process may use.
    pub fn resolve(self, cpus: usize) -> u16 {
        match self {
            ShardCount::Auto => u16::try_from(cpus).unwrap_or(SHARDS_MAX).clamp(1, SHARDS_MAX),
            ShardCount::Exactly(count) => count,
        }
    }
}

impl Kind for ShardCount {
    fn read(node: &Node, context: Context<'_>) -> Result<ShardCount, Vec<Fault>> {
        if matches!(&node.value, Value::Text(text) | Value::Written(text) if text == "auto") {
            return Ok(ShardCount::Auto);
        }
        let unfit = |_| Fault::unfit::<ShardCount>(node, context);
        let count = u64::read(node, context).map_err(unfit)?;
        u16::try_from(count).map(ShardCount::Exactly).map_err(|_| Fault::unfit::<ShardCount>(node, context))
    }

    fn show(&self) -> serde_json::Value {
        match self {
            ShardCount::Auto => json!("auto"),
            ShardCount::Exactly(count) => json!(count),
        }
    }

    fn allowed(facts: &Facts) -> String {
        format!("\"auto\" or {}", u64::allowed(facts))
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    Off,
    Stdout,
    /// Appended to; opened again on SIGHUP, so that it can be rotated.
    File(PathBuf),
}

impl Kind for LogDestination {
    fn read(node: &Node, context: Context<'_>) -> Result<LogDestination, Vec<Fault>> {
        match &node.value {
            Value::Text(text) | Value::Written(text) if text == "off" => Ok(LogDestination::Off),
            Value::Text(text) | Value::Written(text) if text == "stdout" => Ok(LogDestination::Stdout),
            _ => PathBuf::read(node, context)
                .map(LogDestination::File)
                .map_err(|_| Fault::unfit::<LogDestination>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            LogDestination::Off => json!("off"),
            LogDestination::Stdout => json!("stdout"),
            LogDestination::File(path) => path.show(),
        }
    }

    fn allowed(_: &Facts) -> String {
        "\"off\", \"stdout\" or the path of a file".to_owned()
    }
}

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditDestination {
    Off,
    /// The gateway's own log.
    Log,
    /// Appended to; opened again on SIGHUP, so that it can be rotated.
    File(PathBuf),
}

impl Kind for AuditDestination {
    fn read(node: &Node, context: Context<'_>) -> Result<AuditDestination, Vec<Fault>> {
        match &node.value {
            Value::Text(text) | Value::Written(text) if text == "off" => Ok(AuditDestination::Off),
            Value::Text(text) | Value::Written(text) if text == "log" => Ok(AuditDestination::Log),
            _ => PathBuf::read(node, context)
                .map(AuditDestination::File)
                .map_err(|_| Fault::unfit::<AuditDestination>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            AuditDestination::Off => json!("off"),
            AuditDestination::Log => json!("log"),
            AuditDestination::File(path) => path.show(),
        }
    }

    fn allowed(_: &Facts) -> String {
        "\"off\", \"log\" or the path of a file".to_owned()
    }
}

/// A certificate chain and its private key, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// In a file a table; in an environment variable `certificate:key`.
impl Kind for CertificateFiles {
    fn read(node: &Node, context: Context<'_>) -> Result<CertificateFiles, Vec<Fault>> {
        let (certificate, key) = match &node.value {
            Value::Written(pair) => match pair.split_once(':') {
                Some((certificate, key)) => (Node::written(certificate), Node::written(key)),
                None => return Err(Fault::unfit::<CertificateFiles>(node, context)),
            },
            Value::Table(entries) => certificate_and_key(node, entries)?,
            _ => return Err(Fault::unfit::<CertificateFiles>(node, context)),
        };
        match (PathBuf::read(&certificate, context), PathBuf::read(&key, context)) {
            (Ok(certificate), Ok(key)) => Ok(CertificateFiles { certificate, key }),
            (certificate, key) => {
                Err(certificate.err().into_iter().flatten().chain(key.err().into_iter().flatten()).collect())
            }
        }
    }

    fn show(&self) -> serde_json::Value {
        json!({ "certificate": self.certificate.show(), "key": self.key.show() })
    }

    fn allowed(_: &Facts) -> String {
        "a table { certificate = \"…\", key = \"…\" } (in a variable: certificate:key)".to_owned()
    }
}

fn certificate_and_key(node: &Node, entries: &[Entry]) -> Result<(Node, Node), Vec<Fault>> {
    let mut faults = faults_of_keys(entries, |key| match key {
        "certificate" | "key" => Ok(()),
        _ => Err(format!("{key:?} is not known here{}", did_you_mean(key, ["certificate", "key"]))),
    });
    let find = |name: &str| entries.iter().find(|entry| entry.key == name).map(|entry| entry.node.clone());
    let (certificate, key) = (find("certificate"), find("key"));
    for (name, found) in [("certificate", &certificate), ("key", &key)] {
        if found.is_none() {
            let message = format!("{name:?} is missing; a certificate needs its key and a key its certificate");
            faults.push(Fault::at(node, message));
        }
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) if faults.is_empty() => Ok((certificate, key)),
        _ => Err(faults),
    }
}

/// What is wrong with the keys of a table: repeated ones, and those that `check` refuses.
pub fn faults_of_keys(entries: &[Entry], check: impl Fn(&str) -> Result<(), String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut fault = |message| faults.push(Fault { place: entry.place, message });
        if entries[..index].iter().any(|earlier| earlier.key == entry.key) {
            fault(format!("{:?} is given twice", entry.key));
        }
        if let Err(message) = check(&entry.key) {
            fault(message);
        }
    }
    faults
}

/// A stage's variables, by name.
pub type StageVariables = BTreeMap<String, String>;

/// In a file a table; in an environment variable `name=value,name=value`; as a flag `name=value`, repeatable.
impl Kind for StageVariables {
    fn read(node: &Node, context: Context<'_>) -> Result<StageVariables, Vec<Fault>> {
        let entries = match &node.value {
            Value::Table(entries) => entries.clone(),
            Value::Written(text) => assignments(comma_separated(text), node.place)?,
            Value::List(items) => assignments(items.iter().filter_map(written_text), node.place)?,
            _ => return Err(Fault::unfit::<StageVariables>(node, context)),
        };
        let mut faults = faults_of_keys(&entries, |name| match stage_variable_name(name) {
            true => Ok(()),
            false => Err(format!("{name:?} is not a stage variable's name; write letters, digits and underscores")),
        });
        let mut variables = StageVariables::new();
        let facts = Facts::text(STAGE_VARIABLE_VALUE);
        for Entry { key, node, .. } in entries {
            match String::read(&node, Context { facts: &facts, ..context }) {
                Ok(value) => drop(variables.insert(key, value)),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(variables) } else { Err(faults) }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }

    fn allowed(_: &Facts) -> String {
        "a table of names and texts (in a variable: name=value,name=value)".to_owned()
    }
}

fn written_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Written(text) => Some(text),
        _ => None,
    }
}

fn assignments<'a>(items: impl Iterator<Item = &'a str>, place: Option<Place>) -> Result<Vec<Entry>, Vec<Fault>> {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for item in items {
        match item.split_once('=') {
            Some((name, value)) => {
                entries.push(Entry { key: name.trim().to_owned(), place, node: Node::written(value) });
            }
            None => faults.push(Fault { place, message: format!("{item:?} has no \"=\"; write name=value") }),
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// "Variable names can have alphanumeric and underscore characters":
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/stage-variables.html>.
fn stage_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// "The values must match `[A-Za-z0-9-._~:/?#&=,]+`":
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Stage.html>.
const STAGE_VARIABLE_VALUE: TextRule = TextRule {
    holds: |text| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte))
    },
    allowed: "a text of letters, digits and -._~:/?#&=,",
};

/// "Stage names can only contain alphanumeric characters, hyphens, and underscores. Maximum length is 128 characters":
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html>. HTTP APIs have `$default` beside.
pub const STAGE_NAME: TextRule = TextRule {
    holds: |text| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        text == "$default" || ((1..=128).contains(&text.len()) && text.bytes().all(word))
    },
    allowed: "\"$default\" or 1 to 128 letters, digits, hyphens and underscores",
};

/// "The 12-digit number that uniquely identifies an AWS account".
pub const ACCOUNT_ID: TextRule =
    TextRule { holds: |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()), allowed: "12 digits" };

/// As AWS spells its regions; what comes from a signature is held to the same.
pub const REGION: TextRule = TextRule {
    holds: |text| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=32).contains(&text.len()) && text.bytes().all(letter)
    },
    allowed: "a region's name, such as \"us-east-1\": 1 to 32 small letters, digits and hyphens",
};

/// A profile of the shared files: what may stand in a section's name.
pub const PROFILE: TextRule = TextRule {
    holds: |text| (1..=128).contains(&text.len()) && !text.contains(['[', ']', '\n', '\r', '\0']),
    allowed: "a profile's name: 1 to 128 characters without brackets",
};

/// The start of an address, to which paths are added. What is more exactly wrong with one is told where it is used.
pub const HTTP_ADDRESS: TextRule = TextRule {
    holds: |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]/".contains(&byte);
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(letter))
    },
    allowed: "an address such as \"https://example.com:8443/path\"",
};

/// Which variables there are is known where formats are compiled.
pub const LOG_FORMAT: TextRule = TextRule {
    holds: |text| text == "json" || text.contains("$context.") || text.contains("${context."),
    allowed: "\"json\" or a text with $context variables",
};

/// The pseudonym of a `Via` field is a token (RFC 9110, 5.6.2 and 7.6.3).
pub const VIA_NAME: TextRule = TextRule {
    holds: |text| {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(token)
    },
    allowed: "1 to 64 letters, digits and !#$%&'*+-.^_`|~",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<K: Kind>(value: Value, facts: Facts, expected: Result<serde_json::Value, &[&str]>) {
        let found = K::read(&Node { value, place: None }, Context { facts: &facts, base: None });
        let found = found.map(|value| value.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    fn written(text: &str) -> Value {
        Value::Written(text.into())
    }

    #[test]
    fn shards() {
        let facts = Facts::count(1, 256);
        let bad = "\"0\" is not allowed; write \"auto\" or a whole number from 1 to 256";
        check::<ShardCount>(written("auto"), facts, Ok(json!("auto")));
        check::<ShardCount>(Value::Integer(256), facts, Ok(json!(256)));
        check::<ShardCount>(written("0"), facts, Err(&[bad]));
        assert_eq!(ShardCount::Auto.resolve(2), 2);
        assert_eq!(ShardCount::Auto.resolve(1 << 20), SHARDS_MAX);
        assert_eq!(ShardCount::Exactly(3).resolve(2), 3);
    }

    #[test]
    fn destinations() {
        check::<LogDestination>(written("off"), Facts::plain(), Ok(json!("off")));
        check::<LogDestination>(written("/var/log/t"), Facts::plain(), Ok(json!("/var/log/t")));
        let bad = "true is not allowed; write \"off\", \"stdout\" or the path of a file";
        check::<LogDestination>(Value::Bool(true), Facts::plain(), Err(&[bad]));
        check::<AuditDestination>(written("log"), Facts::plain(), Ok(json!("log")));
        check::<AuditDestination>(written("/var/log/a"), Facts::plain(), Ok(json!("/var/log/a")));
        let bad = "true is not allowed; write \"off\", \"log\" or the path of a file";
        check::<AuditDestination>(Value::Bool(true), Facts::plain(), Err(&[bad]));
    }

    #[test]
    fn certificates() {
        let table = |entries: &[(&str, &str)]| Node::table(entries.iter().copied()).value;
        let pair = json!({ "certificate": "c.pem", "key": "k.pem" });
        #[track_caller]
        fn check(value: Value, expected: Result<serde_json::Value, &[&str]>) {
            super::tests::check::<CertificateFiles>(value, Facts::plain(), expected);
        }
        check(written("c.pem:k.pem"), Ok(pair.clone()));
        check(table(&[("certificate", "c.pem"), ("key", "k.pem")]), Ok(pair));
        let missing = "\"key\" is missing; a certificate needs its key and a key its certificate";
        check(table(&[("certificate", "c.pem")]), Err(&[missing]));
        check(
            table(&[("certificate", "c.pem"), ("kye", "k.pem")]),
            Err(&["\"kye\" is not known here; did you mean \"key\"?", missing]),
        );
    }

    #[test]
    fn stage_variables() {
        #[track_caller]
        fn check(value: Value, expected: Result<serde_json::Value, &[&str]>) {
            super::tests::check::<StageVariables>(value, Facts::plain(), expected);
        }
        check(written("a=b, c=d=e"), Ok(json!({ "a": "b", "c": "d=e" })));
        check(Value::List(vec![Node::written("a=b,c")]), Ok(json!({ "a": "b,c" })));
        check(written("a"), Err(&["\"a\" has no \"=\"; write name=value"]));
        check(written("a=1,a=2"), Err(&["\"a\" is given twice"]));
        check(
            written("a-b=c d"),
            Err(&[
                "\"a-b\" is not a stage variable's name; write letters, digits and underscores",
                "\"c d\" is not allowed; write a text of letters, digits and -._~:/?#&=,",
            ]),
        );
    }

    #[test]
    fn names() {
        assert!((REGION.holds)("eu-central-1") && !(REGION.holds)("US") && !(REGION.holds)(&"a".repeat(33)));
        for (text, stage, via) in [
            ("prod", true, true),
            ("$default", true, true),
            ("v1.2", false, true),
            ("", false, false),
            ("a b", false, false),
        ] {
            assert_eq!(((STAGE_NAME.holds)(text), (VIA_NAME.holds)(text)), (stage, via), "{text}");
        }
    }
}
