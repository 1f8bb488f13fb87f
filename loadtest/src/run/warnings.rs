//! What the reader of a report has to know before believing it.

use super::once::Outcome;
use crate::report::{Measured, units};
use crate::settings::{DriverChoice, Load};

/// A worker that is awake for more than this share of its time is at its limit.
pub const BUSY_SHARE: f64 = 0.9;

/// How busy a worker was in less than this says nothing: opening and closing is most of it.
const SECONDS_FOR_BUSY: f64 = 0.2;

/// Below so many answers, p99.9 is the luck of a few.
const ANSWERS_FOR_P999: u64 = 10_000;

pub fn of(load: &Load, measured: &Measured, outcomes: &[Outcome], interrupted: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let busiest = outcomes.iter().map(|outcome| outcome.busiest_worker).fold(0.0, f64::max);
    if busiest > BUSY_SHARE && measured.seconds >= SECONDS_FOR_BUSY {
        warnings.push(format!(
            "the load tester was the bottleneck: a worker was busy for {:.0} % of the time, so the server may be faster \
             than these figures; give it more cores (--workers)",
            busiest * 100.0
        ));
    }
    let due = load.requests_max.unwrap_or_default() * outcomes.len() as u64;
    if load.gives_up && measured.intended < due && !interrupted {
        warnings.push(format!(
            "the server is gone: no connection could be opened for {}, so {} of {} requests were not sent",
            units::time(load.timeout.as_nanos() as f64),
            units::count(due - measured.intended),
            units::count(due)
        ));
    }
    if measured.answered == 0 {
        warnings.push("nothing was answered".to_owned());
    }
    if let Some(lag) = &measured.lag
        && lag.p99 > 1_000_000
        && lag.p99 * 10 > measured.latency.p99
    {
        warnings.push(format!(
            "requests left late by the load tester's own doing (1 % of them by more than {}); latencies count that, \
             service times do not: give it more workers, or cores of its own (--pin)",
            units::time(lag.p99 as f64)
        ));
    }
    if let (Some(service), Some(lag)) = (&measured.service_time, &measured.lag)
        && measured.latency.p99 > 2 * service.p99.max(lag.p99)
        && measured.latency.p99 > service.p99 + 1_000_000
    {
        warnings.push(format!(
            "requests waited for a free connection: with {} connections in use the server did not take them at this rate; \
             latencies count the wait, service times do not",
            load.connections
        ));
    }
    if measured.not_sent > 0 {
        warnings.push(format!(
            "{} requests were due but never sent, as no connection became free in time: latencies would be even longer",
            units::count(measured.not_sent)
        ));
    }
    if (1..ANSWERS_FOR_P999).contains(&measured.answered) {
        warnings
            .push(format!("p99.9 rests on few answers ({}); a longer run tells more", units::count(measured.answered)));
    }
    if load.driver == DriverChoice::Auto && outcomes.iter().any(|outcome| outcome.driver == "epoll") {
        warnings.push("io_uring cannot be used here, so epoll was: each request costs the load tester more".to_owned());
    }
    warnings
}
