//! `x-tollgate-upstream` in an integration, and `x-tollgate-upstreams` at the root, for what several integrations share.
//!
//! ```yaml
//! x-tollgate-upstreams:
//!   orders:
//!     targets: [{ uri: "http://10.0.0.5:9000", weight: 3 }, { uri: "http://10.0.0.6:9000" }]
//!     healthCheck: { path: /health }
//! paths:
//!   /orders:
//!     get:
//!       x-amazon-apigateway-integration:
//!         { type: http_proxy, httpMethod: GET, uri: "http://orders/v1/orders", x-tollgate-upstream: orders }
//! ```
//! What is unknown here is an error always: who misspells a protection must not believe in it.

use super::keys::{self, Keys};
use super::reader::Reader;
use super::tree::{Mapping, Node, Value};
use crate::model::{
    CircuitBreaker, HealthCheck, IntegrationUpstream, Mirror, OrderedMap, Outlier, Pointer, Retries, Upstream,
    UpstreamTarget,
};

const IN_INTEGRATION: &str = "x-tollgate-upstream";
const AT_ROOT: &str = "x-tollgate-upstreams";

/// Those at the document's root, by name.
pub fn named<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> OrderedMap<Upstream> {
    let pointer = Pointer::rest_api(AT_ROOT);
    let mut upstreams = OrderedMap::new();
    for entry in reader.entries(root, AT_ROOT) {
        if !is_name(&entry.key) {
            let message = format!("`{}` cannot be an upstream's name", entry.key);
            reader.error_with_help(entry.key_position, message, "it has up to 128 letters, digits, `-` and `_`");
        }
        let pointer = pointer.child(&entry.key);
        reader.stands_at(pointer.clone(), entry.key_position);
        if let Some(upstream) = upstream(reader, &entry.value, &pointer) {
            upstreams.insert(entry.key.to_string(), upstream);
        }
    }
    upstreams
}

fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= 128 && name.bytes().all(word)
}

/// What an integration says: a name, or the thing itself.
pub fn of_integration<'d>(
    reader: &mut Reader<'d>,
    integration: &'d Mapping,
    pointer: &Pointer,
) -> Option<IntegrationUpstream> {
    let node = integration.get(IN_INTEGRATION)?;
    match &node.value {
        Value::String(name) => Some(IntegrationUpstream::Named(name.to_string())),
        Value::Mapping(_) => {
            let upstream = upstream(reader, node, &pointer.child(IN_INTEGRATION))?;
            Some(IntegrationUpstream::Described(Box::new(upstream)))
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Sequence(_) => {
            let message = format!("`{IN_INTEGRATION}` must be a name or a mapping, not {}", node.kind());
            reader.error_with_help(node.position, message, format!("name one of `{AT_ROOT}`, or describe it here"));
            None
        }
    }
}

fn upstream<'d>(reader: &mut Reader<'d>, node: &'d Node, pointer: &Pointer) -> Option<Upstream> {
    let object = reader.own_object(node, &keys::UPSTREAM)?;
    let mut part = |key: &str, keys: &Keys| {
        let part = reader.own_object(object.get(key)?, keys)?;
        stand(reader, part, &pointer.child(key));
        Some(part)
    };
    let health_check = part("healthCheck", &keys::HEALTH_CHECK);
    let outlier = part("outlier", &keys::OUTLIER);
    let circuit_breaker = part("circuitBreaker", &keys::CIRCUIT_BREAKER);
    let retries = part("retries", &keys::RETRIES);
    let mirror = part("mirror", &keys::MIRROR);
    stand(reader, object, pointer);
    Some(Upstream {
        targets: targets(reader, object, &pointer.child("targets")),
        health_check: health_check.map(|object| HealthCheck {
            path: reader.string(object, "path").map(str::to_owned),
            interval_ms: reader.integer(object, "intervalMs"),
            timeout_ms: reader.integer(object, "timeoutMs"),
            healthy_after: reader.integer(object, "healthyAfter"),
            unhealthy_after: reader.integer(object, "unhealthyAfter"),
            expected_status: reader.string(object, "expectedStatus").map(str::to_owned),
        }),
        outlier: outlier.map(|object| Outlier {
            consecutive_errors: reader.integer(object, "consecutiveErrors"),
            ejection_ms: reader.integer(object, "ejectionMs"),
            ejected_percent_max: reader.integer(object, "ejectedPercentMax"),
        }),
        circuit_breaker: circuit_breaker.map(|object| CircuitBreaker {
            error_percent: reader.integer(object, "errorPercent"),
            requests_min: reader.integer(object, "requestsMin"),
            window_ms: reader.integer(object, "windowMs"),
            open_ms: reader.integer(object, "openMs"),
            half_open_requests: reader.integer(object, "halfOpenRequests"),
        }),
        retries: retries.map(|object| Retries {
            attempts_max: reader.integer(object, "attemptsMax"),
            on: reader.strings(object, "on"),
            budget_percent: reader.integer(object, "budgetPercent"),
            idempotent_only: reader.boolean(object, "idempotentOnly"),
            attempt_timeout_ms: reader.integer(object, "attemptTimeoutMs"),
        }),
        mirror: mirror.map(|object| Mirror {
            uri: uri(reader, object, "`mirror`", node),
            percent: reader.number(object, "percent"),
        }),
    })
}

fn targets<'d>(reader: &mut Reader<'d>, object: &'d Mapping, pointer: &Pointer) -> Vec<UpstreamTarget> {
    let mut targets = Vec::new();
    for (number, node) in reader.sequence(object, "targets").iter().enumerate() {
        let pointer = pointer.child(&number.to_string());
        reader.stands_at(pointer.clone(), node.position);
        let Some(target) = reader.own_object(node, &keys::UPSTREAM_TARGET) else { continue };
        stand(reader, target, &pointer);
        let uri = uri(reader, target, "a target", node);
        targets.push(UpstreamTarget { uri, weight: reader.integer(target, "weight") });
    }
    targets
}

fn uri<'d>(reader: &mut Reader<'d>, object: &'d Mapping, what: &str, node: &'d Node) -> String {
    if object.get("uri").is_none() {
        reader.error_with_help(node.position, format!("{what} has no `uri`"), "write `uri: http://host:port`");
    }
    reader.string(object, "uri").unwrap_or_default().to_owned()
}

/// Notes where each member stands.
fn stand<'d>(reader: &mut Reader<'d>, object: &'d Mapping, pointer: &Pointer) {
    for entry in object.entries() {
        reader.stands_at(pointer.child(&entry.key), entry.value.position);
    }
}
