//! Everything that a run says about the server and about itself, as one value, and its shapes.
//!
//! [`Report`] *is* the JSON file: `docs/load-test-report.md` describes each member, and a test holds the two together.
//! - [`text`]: the summary on a screen; [`json`]: reading and writing; [`csv`]: the time series;
//! - [`hgrm`]: HdrHistogram's percentile and interval-log files;
//! - [`html`]: the page; [`compare`]: several reports side by side; [`expect`]: thresholds;
//! - [`histogram`]: distributions as figures and as text; [`units`]: figures for people.

pub mod compare;
pub mod csv;
pub mod expect;
pub mod hgrm;
pub mod histogram;
pub mod html;
pub mod json;
#[cfg(test)]
pub mod sample;
pub mod text;
pub mod units;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::Failure;

/// Raised when a member changes its meaning or goes; new members do not raise it.
pub const SCHEMA: u32 = 1;

/// One invocation of the load tester: one run, or its repeats together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The load tester's version.
    pub version: String,
    /// A name for the run: `--label`, or the URL.
    pub label: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// The arguments, without the values of headers that carry credentials.
    pub command: Vec<String>,
    pub target: TargetFacts,
    pub load: LoadFacts,
    /// What was measured: all repeats added up. Warm-up is not in it.
    pub total: Measured,
    /// By repeat, in order; one entry without `--repeat`.
    pub repeats: Vec<Repeat>,
    /// By step of a stepped schedule or by trial of a search; empty otherwise.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// `--find-max`: what was found.
    #[serde(default)]
    pub found: Option<Found>,
    /// By request, where there is more than one; at most [`REQUESTS_MAX`], the rest added up under "(others)".
    #[serde(default)]
    pub requests: Vec<RequestMeasured>,
    /// The time series of all repeats, one after the other.
    pub intervals: Vec<Interval>,
    pub tool: Tool,
    /// `--target-pid`.
    #[serde(default)]
    pub server: Option<Server>,
    /// Sentences for the reader: the tool was the bottleneck, connections were short, and the like.
    pub warnings: Vec<String>,
    /// Whether the run was ended by Ctrl-C.
    pub interrupted: bool,
}

/// How many requests are reported by name.
pub const REQUESTS_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetFacts {
    /// The URL as asked; the first of several.
    pub url: String,
    /// The address that was connected to.
    pub address: String,
    /// How many different requests were sent.
    pub requests: usize,
    /// As negotiated, such as `TLSv1.3 TLS13_AES_256_GCM_SHA384`.
    pub tls: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadFacts {
    /// The schedule in words: `closed loop`, `constant 10000/s`, `Poisson 10000/s`, `ramp …`, `10 steps …`, `search …`.
    pub schedule: String,
    /// Whether requests leave without waiting for answers, and latency counts from the intended start.
    pub open_loop: bool,
    pub connections: usize,
    /// Requests in flight on a connection at most.
    pub depth: usize,
    pub workers: usize,
    /// `io_uring` or `epoll`.
    pub driver: String,
    pub warm_up_seconds: f64,
    /// Of the schedule, without warm-up; of one trial in a search. Absent where a number of requests ends the run.
    pub duration_seconds: Option<f64>,
    pub timeout_seconds: f64,
}

/// Counters and distributions of a span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Of the measured span, including the wait for answers at its end.
    pub seconds: f64,
    /// Requests that the schedule asked for; in a closed loop the same as `sent`.
    pub intended: u64,
    /// `sent = answered + failures without an answer + in_flight`.
    pub sent: u64,
    /// Complete answers, including those with an unexpected status or body.
    pub answered: u64,
    /// Sent, but not answered when the run ended.
    pub in_flight: u64,
    /// Intended, but never sent: no connection became free in time.
    pub not_sent: u64,
    /// Answers as expected, a second.
    pub rate: f64,
    /// Failures, connections included, divided by failures and good answers; 0 to 1.
    pub error_rate: f64,
    /// Failures by kind; only kinds that occurred.
    pub failures: BTreeMap<Failure, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub connections_opened: u64,
    /// From the intended start. In a closed loop from sending.
    pub latency: Latency,
    /// From sending; absent in a closed loop, where it is `latency`.
    pub service_time: Option<Latency>,
    /// The tool's own delay in sending; absent in a closed loop.
    pub lag: Option<Latency>,
}

/// A distribution, ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub min: u64,
    pub mean: f64,
    pub stdev: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
    /// The whole distribution: HdrHistogram's V2 compressed encoding, base64. Absent in intervals and steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
}

/// A repeat's key figures: what `compare` takes the noise from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    pub seconds: f64,
    pub rate: f64,
    pub error_rate: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
    /// The tool's CPU time for a request, µs.
    pub tool_cpu_us: f64,
    /// The server's CPU time for a request, µs.
    pub server_cpu_us: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The rate asked for, a second.
    pub intended_rate: f64,
    /// Answers as expected, a second.
    pub rate: f64,
    pub seconds: f64,
    pub sent: u64,
    pub error_rate: f64,
    pub latency: Latency,
    /// In a search: whether the condition held.
    #[serde(default)]
    pub passed: Option<bool>,
}

/// The outcome of a search for the highest rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// As given: `p99<5ms`.
    pub condition: String,
    /// The highest rate at which the condition held, a second; `None` if it never did.
    pub rate: Option<f64>,
    /// The lowest rate at which it did not; `None` if none was met below the search's bound.
    pub failed_rate: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestMeasured {
    /// `GET /pets/{id}`, or the name given in the file.
    pub name: String,
    pub answered: u64,
    pub failed: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

/// A slice of the run; about a second, longer in long runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// From the start of the measured run (warm-up excluded), seconds.
    pub start_seconds: f64,
    pub seconds: f64,
    pub sent: u64,
    pub answered: u64,
    pub failures: BTreeMap<Failure, u64>,
    pub bytes_received: u64,
    /// Without percentiles where nothing was answered: all zero then.
    pub latency: Latency,
    /// For the heat map: answers by latency, as `(bucket, count)`; see [`heat_bucket`].
    pub heat: Vec<(u16, u64)>,
    /// HdrHistogram V2 compressed, base64, ns, two significant digits: for the interval log.
    pub histogram: String,
}

/// Heat map rows: ten a decade from 1 µs on. Row `b` holds latencies from `1 µs × 10^(b/10)` on; row 0 what is below too.
pub fn heat_bucket(latency_ns: u64) -> u16 {
    ((latency_ns.max(1_000) as f64 / 1_000.0).log10() * 10.0) as u16
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub user_seconds: f64,
    pub system_seconds: f64,
    /// CPU time for a request sent, µs. Includes spinning in open loops.
    pub cpu_us_per_request: f64,
    /// The busiest worker's share of its time that was not waiting, 0 to 1; spinning counts as waiting.
    pub busiest_worker: f64,
    pub rss_max_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// The process given; its children are counted in.
    pub pid: u32,
    pub user_seconds: f64,
    pub system_seconds: f64,
    /// CPU time for an answer, µs.
    pub cpu_us_per_request: f64,
    pub rss_start_bytes: u64,
    pub rss_max_bytes: u64,
    pub rss_end_bytes: u64,
}
