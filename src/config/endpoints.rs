//! Where services of AWS are, if they are not where AWS has them.

use super::kind::{Context, Facts, Fault, Kind, comma_separated};
use super::special::faults_of_keys;
use super::value::{Entry, Node, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// Origins by the name of the service in an integration's URI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEndpoints(pub BTreeMap<String, String>);

/// In a file a table; in an environment variable `sqs=http://…,sns=http://…`.
impl Kind for ServiceEndpoints {
    fn read(node: &Node, context: Context<'_>) -> Result<ServiceEndpoints, Vec<Fault>> {
        let entries = match &node.value {
            Value::Table(entries) => entries.clone(),
            Value::Written(text) => comma_separated(text).map(assignment).collect(),
            _ => return Err(Fault::unfit::<ServiceEndpoints>(node, context)),
        };
        let mut faults = faults_of_keys(&entries, |name| match is_service(name) {
            true => Ok(()),
            false => {
                Err(format!("{name:?} is not a service's name; write it as in an integration's URI, such as \"sqs\""))
            }
        });
        let mut endpoints = BTreeMap::new();
        for Entry { key, node, .. } in entries {
            match &node.value {
                Value::Text(text) | Value::Written(text) if is_origin(text) => {
                    endpoints.insert(key, text.trim_end_matches('/').to_owned());
                }
                value => {
                    let message = format!("{value} is not an origin; write one, such as \"http://127.0.0.1:4566\"");
                    faults.push(Fault::at(&node, message));
                }
            }
        }
        if faults.is_empty() { Ok(ServiceEndpoints(endpoints)) } else { Err(faults) }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }

    fn allowed(_: &Facts) -> String {
        "a table of services and their origins, { sqs = \"http://127.0.0.1:4566\" } (in a variable: \
         sqs=http://127.0.0.1:4566,…)"
            .to_owned()
    }
}

fn assignment(text: &str) -> Entry {
    let (name, origin) = text.split_once('=').unwrap_or((text, ""));
    Entry { key: name.trim().to_owned(), place: None, node: Node::written(origin.trim()) }
}

/// One that a URI can name, with its subdomain: `bucket.s3`.
fn is_service(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Scheme, host and port.
pub(super) fn is_origin(text: &str) -> bool {
    let Some(authority) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let authority = authority.trim_end_matches('/');
    // Behind the bracket of an IPv6 address.
    let (host, port) = match authority.rsplit_once(']') {
        Some((host, port)) => (host.strip_prefix('[').unwrap_or_default(), port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_port = |port: &str| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port != 0);
    !host.is_empty() && host.bytes().all(host_byte) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, expected: Result<serde_json::Value, &[&str]>) {
        let facts = Facts::plain();
        let found = ServiceEndpoints::read(&Node { value, place: None }, Context { facts: &facts, base: None });
        let found = found.map(|value| value.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn endpoints() {
        check(
            Value::Written("sqs=http://127.0.0.1:4566, runtime.sagemaker=https://[::1]:8443/".into()),
            Ok(json!({ "runtime.sagemaker": "https://[::1]:8443", "sqs": "http://127.0.0.1:4566" })),
        );
        check(Node::table([("s3", "http://minio.local")]).value, Ok(json!({ "s3": "http://minio.local" })));
        check(Value::Table(Vec::new()), Ok(json!({})));
        let service = "\"S3\" is not a service's name; write it as in an integration's URI, such as \"sqs\"";
        check(Node::table([("S3", "http://a")]).value, Err(&[service]));
        check(Node::table([("s3", "http://a"), ("s3", "http://b")]).value, Err(&["\"s3\" is given twice"]));
        for wrong in [
            "",
            "a:1",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://a:0",
            "http://a:+1",
            "http://a:65536",
            "http://[::1",
            "http://a b",
        ] {
            let message = format!("{wrong:?} is not an origin; write one, such as \"http://127.0.0.1:4566\"");
            check(Node::table([("sqs", wrong)]).value, Err(&[&message]));
        }
    }
}
