//! `x-tollgate-upstream`: how an integration's backend is protected, and from what. Not AWS's: it stands in documents, beside
//! what does, and is kept with the integration and the API.

use serde::{Deserialize, Serialize};

/// What an integration says of its upstream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntegrationUpstream {
    /// One of [`RestApi::upstreams`](super::RestApi::upstreams).
    Named(String),
    Described(Box<Upstream>),
}

/// Every member may be left off, and does nothing then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upstream {
    /// They stand for scheme, host and port of the integration's URI.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<UpstreamTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier: Option<Outlier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpstreamTarget {
    /// Scheme, host and port.
    pub uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i32>,
    /// Good answers in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy_after: Option<i32>,
    /// Bad answers in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_after: Option<i32>,
    /// `200`, or `200-299`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outlier {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_errors: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejection_ms: Option<i32>,
    /// Of all targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejected_percent_max: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_min: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_open_requests: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retries {
    /// With the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_max: Option<i32>,
    /// `connect-failure`, `reset`, `timeout`, or a status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Of all requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_percent: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_timeout_ms: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mirror {
    /// Scheme, host and port.
    pub uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}
