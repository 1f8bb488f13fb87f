//! `x-tollgate-upstream` of an integration: its members with their defaults and ranges.
//!
//! A named one is compiled once for all integrations that name it. One without targets protects the origin of each
//! integration's own URI: then it is one for each of these origins.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::uri::{self, UriPart};
use super::{Compilation, expression};
use crate::model::{self, IntegrationUpstream, Pointer, StageVariables, Upstream};
use crate::plan::OriginIndex;
use crate::plan::integration::Origin;
use crate::plan::protection::{
    CircuitBreaker, HealthCheck, Mirror, Outlier, Protection, ProtectionIndex, Retries, RetryOn, TARGETS_MAX, Target,
};
use crate::plan::release::Share;

/// The protections of a definition's methods, each once.
#[derive(Default)]
pub struct Protections {
    list: Vec<Arc<Protection>>,
    /// By name; `None` for one that was refused.
    indices: HashMap<Box<str>, Option<ProtectionIndex>>,
}

impl Protections {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets those that came last.
    pub fn truncate(&mut self, len: usize) {
        for protection in self.list.drain(len..) {
            self.indices.remove(&protection.name);
        }
    }

    pub fn into_list(self) -> Arc<[Arc<Protection>]> {
        self.list.into()
    }

    /// The origin that requests are made for.
    pub fn first_origin(&self, index: ProtectionIndex) -> OriginIndex {
        self.list[index.0 as usize].targets[0].origin
    }

    fn push(&mut self, name: String, protection: Option<Protection>) -> Option<ProtectionIndex> {
        let index = protection.map(|protection| {
            self.list.push(Arc::new(protection));
            ProtectionIndex(self.list.len() as u32 - 1)
        });
        self.indices.insert(name.into(), index);
        index
    }
}

/// An integration whose upstream is compiled.
pub struct Protects<'m> {
    pub upstream: &'m IntegrationUpstream,
    /// `GET /pets`
    pub method: String,
    /// Of the integration's URI.
    pub origin: Origin,
    pub variables: &'m StageVariables,
    /// Of the integration.
    pub pointer: Pointer,
}

/// `None` where there was a problem.
pub fn compile(
    compilation: &mut Compilation<'_>,
    protects: Protects<'_>,
    named: &model::OrderedMap<Upstream>,
) -> Option<ProtectionIndex> {
    let (upstream, name, pointer) = match protects.upstream {
        IntegrationUpstream::Described(upstream) => {
            (&**upstream, protects.method.clone(), protects.pointer.child("x-tollgate-upstream"))
        }
        IntegrationUpstream::Named(name) => {
            let Some(upstream) = named.get(name) else {
                refuse_unknown(compilation, &protects.pointer, name, named);
                return None;
            };
            (upstream, shared_name(name, upstream, &protects.origin), named_pointer(name))
        }
    };
    if let Some(known) = compilation.protections.indices.get(&*name) {
        return *known;
    }
    let before = compilation.problems.len();
    let mut scope = Scope { compilation, pointer, variables: protects.variables, origin: &protects.origin };
    let protection = scope.protection(upstream, &name).filter(|_| scope.compilation.problems.len() == before);
    compilation.protections.push(name, protection)
}

fn named_pointer(name: &str) -> Pointer {
    Pointer::rest_api("x-tollgate-upstreams").child(name)
}

/// What of the integration's own is in a named one is a part of its name. Names have no spaces.
fn shared_name(name: &str, upstream: &Upstream, origin: &Origin) -> String {
    let mut name = name.to_owned();
    if upstream.targets.is_empty() {
        name += if origin.tls { " https://" } else { " http://" };
        name += &origin.authority;
    }
    if origin.insecure_skip_verification {
        name += " insecure";
    }
    name
}

fn refuse_unknown(
    compilation: &mut Compilation<'_>,
    pointer: &Pointer,
    name: &str,
    named: &model::OrderedMap<Upstream>,
) {
    let known: Vec<String> = named.keys().map(|name| format!("`{name}`")).collect();
    let help = if known.is_empty() {
        "describe it under `x-tollgate-upstreams` at the document's root".to_owned()
    } else {
        format!("`x-tollgate-upstreams` has {}", known.join(", "))
    };
    compilation.refuse(pointer.child("x-tollgate-upstream"), format!("there is no upstream `{name}`")).help(help);
}

/// One upstream while it is compiled.
struct Scope<'c, 'k, 'm> {
    compilation: &'c mut Compilation<'k>,
    pointer: Pointer,
    variables: &'m StageVariables,
    /// Of the integration's URI.
    origin: &'m Origin,
}

const ORIGIN_HELP: &str = "write scheme, host and port: `http://10.0.0.5:9000`; the path is the integration's";

impl Scope<'_, '_, '_> {
    fn refuse(&mut self, pointer: Pointer, message: impl Into<String>, help: impl Into<String>) {
        self.compilation.refuse(pointer, message).help(help);
    }

    fn protection(&mut self, upstream: &Upstream, name: &str) -> Option<Protection> {
        if *upstream == Upstream::default() {
            let help = "add `targets`, `healthCheck`, `outlier`, `circuitBreaker`, `retries` or `mirror`";
            self.refuse(self.pointer.clone(), "the upstream has no members and does nothing", help);
        }
        let targets = self.targets(upstream);
        let health_check = upstream.health_check.as_ref().and_then(|check| self.health_check(check));
        let outlier = upstream.outlier.as_ref().and_then(|outlier| self.outlier(outlier, upstream.targets.len()));
        let circuit_breaker = upstream.circuit_breaker.as_ref().map(|breaker| self.circuit_breaker(breaker));
        let retries = upstream.retries.as_ref().map(|retries| self.retries(retries));
        let mirror = upstream.mirror.as_ref().and_then(|mirror| self.mirror(mirror));
        let health_check = health_check.map(Arc::new);
        let targets = targets?.into();
        Some(Protection { name: name.into(), targets, health_check, outlier, circuit_breaker, retries, mirror })
    }

    /// In the integration's URI's place, or its own.
    fn targets(&mut self, upstream: &Upstream) -> Option<Vec<Target>> {
        if upstream.targets.is_empty() {
            let origin = self.compilation.origins.index(self.origin.clone());
            return Some(vec![Target { origin, weight: 1 }]);
        }
        let pointer = self.pointer.child("targets");
        if upstream.targets.len() > TARGETS_MAX {
            let message = format!("{} targets are too many", upstream.targets.len());
            self.refuse(pointer.clone(), message, format!("there may be {TARGETS_MAX}"));
        }
        let mut targets: Vec<Target> = Vec::with_capacity(upstream.targets.len());
        for (number, described) in upstream.targets.iter().enumerate() {
            let pointer = pointer.child(&number.to_string());
            let origin = self.target_origin(&described.uri, pointer.child("uri"));
            let weight = self.ranged(&pointer, "weight", described.weight, 1, 0..=1000);
            let Some(origin) = origin else { continue };
            if targets.iter().any(|target| target.origin == origin) {
                let message = format!("`{}` is a target twice", described.uri);
                self.refuse(pointer.child("uri"), message, "give it a higher `weight` instead");
            }
            targets.push(Target { origin, weight });
        }
        let complete = targets.len() == upstream.targets.len();
        if complete && targets.iter().all(|target| target.weight == 0) {
            self.refuse(pointer, "no target has a weight", "give one of them a `weight` above 0");
        }
        complete.then_some(targets)
    }

    fn target_origin(&mut self, text: &str, pointer: Pointer) -> Option<OriginIndex> {
        let parsed = if text.split("://").next().is_some_and(|scheme| scheme.contains("${")) {
            let message = "a stage variable cannot hold the URI's scheme".to_owned();
            Err(expression::Refused { message, help: ORIGIN_HELP.to_owned() })
        } else {
            expression::with_stage_variables(text, self.variables).and_then(|text| uri::parse(&text))
        };
        let uri = parsed.map_err(|refused| self.refuse(pointer.clone(), refused.message, refused.help)).ok()?;
        let bare = matches!(&uri.path[..], [UriPart::Literal(path)] if &**path == "/") && uri.query.is_empty();
        if !bare {
            self.refuse(pointer, format!("`{text}` has a path or a query"), ORIGIN_HELP);
            return None;
        }
        Some(self.compilation.origins.index(Origin {
            tls: uri.tls,
            host: uri.host,
            port: uri.port,
            authority: uri.authority,
            insecure_skip_verification: self.origin.insecure_skip_verification,
        }))
    }

    /// A number, or its default; refused where it is out of range.
    fn ranged(
        &mut self,
        parent: &Pointer,
        member: &str,
        value: Option<i32>,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let Some(value) = value else { return default };
        let checked = u32::try_from(value).ok().filter(|value| range.contains(value));
        checked.unwrap_or_else(|| {
            let help = format!("it is between {} and {}; {default} without it", range.start(), range.end());
            self.refuse(parent.child(member), format!("`{member}: {value}` is out of range"), help);
            default
        })
    }

    fn health_check(&mut self, check: &model::HealthCheck) -> Option<HealthCheck> {
        let pointer = self.pointer.child("healthCheck");
        let path = check.path.as_deref().unwrap_or("/");
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if !path.starts_with('/') || !path.bytes().all(visible) || path.len() > 1024 {
            let message = format!("`{path}` is not a path to ask for");
            self.refuse(pointer.child("path"), message, "write it as in a URI, with its slash: `/health?deep=1`");
        }
        let interval_ms = self.ranged(&pointer, "intervalMs", check.interval_ms, 5_000, 50..=3_600_000);
        let timeout_ms = self.ranged(&pointer, "timeoutMs", check.timeout_ms, 1_000, 10..=60_000);
        let healthy_after = self.ranged(&pointer, "healthyAfter", check.healthy_after, 2, 1..=100);
        let unhealthy_after = self.ranged(&pointer, "unhealthyAfter", check.unhealthy_after, 3, 1..=100);
        let text = check.expected_status.as_deref().unwrap_or("200-299");
        let Some(expected_status) = status_range(text) else {
            let message = format!("`{text}` is not a status or a range of them");
            self.refuse(pointer.child("expectedStatus"), message, "write `200`, or `\"200-399\"`");
            return None;
        };
        let path = path.into();
        Some(HealthCheck { path, interval_ms, timeout_ms, healthy_after, unhealthy_after, expected_status })
    }

    fn outlier(&mut self, outlier: &model::Outlier, targets: usize) -> Option<Outlier> {
        let pointer = self.pointer.child("outlier");
        let consecutive_errors = self.ranged(&pointer, "consecutiveErrors", outlier.consecutive_errors, 5, 1..=10_000);
        let ejection_ms = self.ranged(&pointer, "ejectionMs", outlier.ejection_ms, 30_000, 10..=86_400_000);
        let percent = self.ranged(&pointer, "ejectedPercentMax", outlier.ejected_percent_max, 50, 1..=100);
        if targets < 2 {
            let message = "there is no other target to go to when this one is ejected";
            self.refuse(pointer, message, "give it `targets`, or use `circuitBreaker`");
            return None;
        }
        let ejected_max = targets as u32 * percent / 100;
        if ejected_max == 0 {
            let message = format!("{percent} % of {targets} targets is less than one: none could be ejected");
            let help = format!("write {} or more", 100usize.div_ceil(targets));
            self.refuse(pointer.child("ejectedPercentMax"), message, help);
        }
        Some(Outlier { consecutive_errors, ejection_ms, ejected_max })
    }

    fn circuit_breaker(&mut self, breaker: &model::CircuitBreaker) -> CircuitBreaker {
        let pointer = self.pointer.child("circuitBreaker");
        CircuitBreaker {
            error_percent: self.ranged(&pointer, "errorPercent", breaker.error_percent, 50, 1..=100),
            requests_min: self.ranged(&pointer, "requestsMin", breaker.requests_min, 20, 1..=1_000_000),
            window_ms: self.ranged(&pointer, "windowMs", breaker.window_ms, 10_000, 100..=3_600_000),
            open_ms: self.ranged(&pointer, "openMs", breaker.open_ms, 5_000, 10..=3_600_000),
            half_open_requests: self.ranged(&pointer, "halfOpenRequests", breaker.half_open_requests, 3, 1..=1_000),
        }
    }

    fn retries(&mut self, retries: &model::Retries) -> Retries {
        let pointer = self.pointer.child("retries");
        let timeout = retries.attempt_timeout_ms;
        let attempt_timeout_ms = timeout.map(|_| self.ranged(&pointer, "attemptTimeoutMs", timeout, 0, 10..=900_000));
        Retries {
            attempts_max: self.ranged(&pointer, "attemptsMax", retries.attempts_max, 2, 2..=10),
            on: self.retry_on(&retries.on, pointer.child("on")),
            budget_percent: self.ranged(&pointer, "budgetPercent", retries.budget_percent, 20, 1..=100),
            idempotent_only: retries.idempotent_only.unwrap_or(true),
            attempt_timeout_ms,
        }
    }

    fn retry_on(&mut self, words: &[String], pointer: Pointer) -> RetryOn {
        let mut on = RetryOn::default();
        if words.is_empty() {
            (on.connect_failure, on.reset, on.statuses) = (true, true, [502, 503, 504].into());
        }
        let mut statuses = Vec::new();
        for word in words {
            match word.as_str() {
                "connect-failure" => on.connect_failure = true,
                "reset" => on.reset = true,
                "timeout" => on.timeout = true,
                status => match status.parse::<u16>().ok().filter(|status| matches!(status, 429 | 500..=599)) {
                    Some(status) => statuses.push(status),
                    None => {
                        let help = "it is `connect-failure`, `reset`, `timeout`, 429, or a status from 500 to 599";
                        self.refuse(pointer.clone(), format!("`{word}` is nothing to retry on"), help);
                    }
                },
            }
        }
        if !statuses.is_empty() {
            on.statuses = statuses.into();
        }
        on
    }

    fn mirror(&mut self, mirror: &model::Mirror) -> Option<Mirror> {
        let pointer = self.pointer.child("mirror");
        let percent = mirror.percent.unwrap_or(100.0);
        let share = Share::of_percent(percent);
        if share.is_none() {
            let message = format!("`percent: {percent}` is out of range");
            self.refuse(pointer.child("percent"), message, "it is between 0 and 100; 100 without it");
        }
        let origin = self.target_origin(&mirror.uri, pointer.child("uri"))?;
        Some(Mirror { origin, share: share? })
    }
}

/// `200`, or `200-299`.
fn status_range(text: &str) -> Option<RangeInclusive<u16>> {
    let status = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = status(first)?..=status(last)?;
    (!range.is_empty()).then_some(range)
}
