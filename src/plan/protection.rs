//! What protects an upstream: several targets with weights, health checks, ejection of failing ones, a circuit breaker,
//! retries within a budget, a mirror. Beyond AWS: `x-tollgate-upstream`; see `docs/upstreams.md`.
//!
//! Here is what was asked for, checked. What changes while serving is beside it: on each shard in
//! `data_plane/upstream/protected.rs`, and on the control thread for health checks.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::OriginIndex;
use super::release::Share;

/// The position of a protection in [`StagePlan::protections`](super::StagePlan::protections).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtectionIndex(pub u32);

/// More targets than fit into a set of 64 bits are refused.
pub const TARGETS_MAX: usize = 64;

#[derive(Debug)]
pub struct Protection {
    /// What makes it the same from one deploy of a stage to the next: its name in `x-tollgate-upstreams`, or the method
    /// that describes it.
    pub name: Box<str>,
    /// One at least, and one at least with a weight. Requests are made for the first one's origin.
    pub targets: Box<[Target]>,
    pub health_check: Option<Arc<HealthCheck>>,
    pub outlier: Option<Outlier>,
    pub circuit_breaker: Option<CircuitBreaker>,
    pub retries: Option<Retries>,
    pub mirror: Option<Mirror>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub origin: OriginIndex,
    /// 0 takes no requests.
    pub weight: u32,
}

/// A `GET` that each target is asked now and then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    pub path: Box<str>,
    pub interval_ms: u32,
    pub timeout_ms: u32,
    /// Good answers in a row that bring a target back.
    pub healthy_after: u32,
    /// Bad answers in a row that take it out.
    pub unhealthy_after: u32,
    pub expected_status: RangeInclusive<u16>,
}

/// When a target is ejected for what it answers to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlier {
    pub consecutive_errors: u32,
    pub ejection_ms: u32,
    /// Targets that may be ejected at a time; from `ejectedPercentMax`, rounded down.
    pub ejected_max: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    pub error_percent: u32,
    /// With fewer in the window it stays closed.
    pub requests_min: u32,
    pub window_ms: u32,
    pub open_ms: u32,
    /// Requests that have to succeed before it closes.
    pub half_open_requests: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// With the first one.
    pub attempts_max: u32,
    pub on: RetryOn,
    pub budget_percent: u32,
    /// Others are sent again only where nothing of them can have arrived.
    pub idempotent_only: bool,
    /// Without it an attempt may take what is left of the integration's time.
    pub attempt_timeout_ms: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    pub connect_failure: bool,
    /// The connection ended before an answer.
    pub reset: bool,
    pub timeout: bool,
    pub statuses: Box<[u16]>,
}

/// Where copies of requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror {
    pub origin: OriginIndex,
    pub share: Share,
}
