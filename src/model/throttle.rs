//! `x-tollgate-throttle`: limits beyond AWS's. They stand in documents, and are kept with the API and its methods.

use serde::{Deserialize, Serialize};

/// A limit: a rate and a burst, or how many requests at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThrottleRule {
    /// Requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_limit: Option<i32>,
    /// Whose requests are counted together: `clientIp`, `header:NAME`; everybody's where it is left off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Requests at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i32>,
}
