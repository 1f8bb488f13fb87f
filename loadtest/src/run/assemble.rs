//! What was counted → the report.

use std::collections::BTreeMap;

use super::once::{Outcome, ServerUsage};
use super::warnings;
use crate::engine::RowTally;
use crate::measure::series::Slice;
use crate::measure::{Failure, Tally};
use crate::report::{
    Interval, Latency, LoadFacts, Measured, Repeat, Report, RequestMeasured, SCHEMA, Server, Step, TargetFacts, Tool,
    heat_bucket, histogram, units,
};
use crate::schedule::{Arrivals, Phase, Schedule};
use crate::settings::Load;
use crate::target::Target;

/// What a report says that is not measured.
pub struct Facts {
    pub label: String,
    pub command: Vec<String>,
    pub started_at: String,
}

pub fn report(facts: &Facts, target: &Target, load: &Load, outcomes: Vec<Outcome>, interrupted: bool) -> Report {
    let repeats: Vec<Repeat> = outcomes.iter().map(repeat).collect();
    let (driver, tls) = outcomes.first().map_or(("", None), |outcome| (outcome.driver, outcome.tls.clone()));
    let total = measured_all(&outcomes);
    let warnings = warnings::of(load, &total, &outcomes, interrupted);
    Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        label: facts.label.clone(),
        started_at: facts.started_at.clone(),
        command: facts.command.clone(),
        target: TargetFacts {
            url: target.url.clone(),
            address: target.origin.addresses[0].to_string(),
            requests: target.requests.len(),
            tls,
        },
        load: LoadFacts {
            schedule: describe(&load.schedule),
            open_loop: load.schedule.is_open(),
            connections: load.connections,
            depth: load.depth,
            workers: load.workers,
            driver: driver.to_owned(),
            warm_up_seconds: load.warm_up.as_secs_f64(),
            duration_seconds: load.requests_max.is_none().then_some(load.duration.as_secs_f64()),
            timeout_seconds: load.timeout.as_secs_f64(),
        },
        repeats,
        steps: steps(&load.schedule, &outcomes),
        found: None,
        requests: requests(&outcomes),
        intervals: intervals(&outcomes),
        tool: tool(&outcomes, total.sent),
        server: server(&outcomes, total.answered),
        total,
        warnings,
        interrupted,
    }
}

/// One outcome's figures; with the distributions only if they are asked for.
pub fn measured(outcome: &Outcome, whole: bool) -> Measured {
    let tally = &outcome.total;
    let latency = |histogram| if whole { Latency::whole(histogram) } else { Latency::figures(histogram) };
    Measured {
        seconds: outcome.seconds,
        intended: outcome.intended,
        sent: tally.sent,
        answered: tally.answered,
        in_flight: outcome.in_flight,
        not_sent: outcome.not_sent,
        rate: good_answers(tally) as f64 / outcome.seconds.max(1e-9),
        error_rate: error_rate(tally),
        failures: failures(&tally.failures),
        statuses: statuses(tally),
        bytes_sent: tally.bytes_sent,
        bytes_received: tally.bytes_received,
        connections_opened: tally.connections_opened,
        latency: latency(&tally.latency),
        service_time: outcome.open_loop.then(|| latency(&tally.service)),
        lag: outcome.open_loop.then(|| latency(&tally.lag)),
    }
}

fn measured_all(outcomes: &[Outcome]) -> Measured {
    let mut total = Tally::default();
    outcomes.iter().for_each(|outcome| total.add(&outcome.total));
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum();
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    let open_loop = outcomes.iter().any(|outcome| outcome.open_loop);
    Measured {
        seconds,
        intended: sum(|outcome| outcome.intended),
        sent: total.sent,
        answered: total.answered,
        in_flight: sum(|outcome| outcome.in_flight),
        not_sent: sum(|outcome| outcome.not_sent),
        rate: good_answers(&total) as f64 / seconds.max(1e-9),
        error_rate: error_rate(&total),
        failures: failures(&total.failures),
        statuses: statuses(&total),
        bytes_sent: total.bytes_sent,
        bytes_received: total.bytes_received,
        connections_opened: total.connections_opened,
        latency: Latency::whole(&total.latency),
        service_time: open_loop.then(|| Latency::whole(&total.service)),
        lag: open_loop.then(|| Latency::whole(&total.lag)),
    }
}

/// Answers with the status and body that were expected.
fn good_answers(tally: &Tally) -> u64 {
    let wrong = tally.failures[Failure::Status as usize] + tally.failures[Failure::Body as usize];
    tally.answered - wrong
}

fn error_rate(tally: &Tally) -> f64 {
    let failed: u64 = tally.failures.iter().sum();
    let all = failed + good_answers(tally);
    if all == 0 { 0.0 } else { failed as f64 / all as f64 }
}

fn failures(counts: &[u64; Failure::COUNT]) -> BTreeMap<Failure, u64> {
    let counted = Failure::ALL.iter().map(|&failure| (failure, counts[failure as usize]));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn statuses(tally: &Tally) -> BTreeMap<u16, u64> {
    let counted = (100..).zip(tally.statuses);
    counted.filter(|(_, count)| *count > 0).collect()
}

fn repeat(outcome: &Outcome) -> Repeat {
    let measured = measured(outcome, false);
    let tool = outcome.tool.user + outcome.tool.system;
    Repeat {
        seconds: measured.seconds,
        rate: measured.rate,
        error_rate: measured.error_rate,
        p50: measured.latency.p50,
        p90: measured.latency.p90,
        p99: measured.latency.p99,
        p999: measured.latency.p999,
        max: measured.latency.max,
        tool_cpu_us: per_request_us(tool.as_secs_f64(), measured.sent),
        server_cpu_us: outcome
            .server
            .as_ref()
            .map(|server| per_request_us((server.user + server.system).as_secs_f64(), measured.answered)),
    }
}

fn per_request_us(seconds: f64, requests: u64) -> f64 {
    if requests == 0 { 0.0 } else { seconds * 1e6 / requests as f64 }
}

/// Of a stepped schedule; the repeats of a step are added up.
fn steps(schedule: &Schedule, outcomes: &[Outcome]) -> Vec<Step> {
    let Schedule::Open { phases, .. } = schedule else { return Vec::new() };
    if phases.len() < 2 {
        return Vec::new();
    }
    let of_phase = |(index, phase): (usize, &Phase)| {
        let mut tally = Tally::default();
        let mut seconds = 0.0;
        for outcome in outcomes {
            tally.add(&outcome.phases[index]);
            seconds += phase.seconds;
        }
        Step {
            intended_rate: (phase.from + phase.to) / 2.0,
            rate: good_answers(&tally) as f64 / seconds,
            seconds,
            sent: tally.sent,
            error_rate: error_rate(&tally),
            latency: Latency::figures(&tally.latency),
            passed: None,
        }
    };
    phases.iter().enumerate().map(of_phase).collect()
}

/// A trial of a search.
pub fn trial_step(rate: f64, measured: &Measured, passed: bool) -> Step {
    Step {
        intended_rate: rate,
        rate: measured.rate,
        seconds: measured.seconds,
        sent: measured.sent,
        error_rate: measured.error_rate,
        latency: Latency { histogram: None, ..measured.latency.clone() },
        passed: Some(passed),
    }
}

fn requests(outcomes: &[Outcome]) -> Vec<RequestMeasured> {
    let mut rows: Vec<(String, RowTally)> = Vec::new();
    for outcome in outcomes {
        if rows.is_empty() {
            rows = outcome.rows.clone();
        } else {
            rows.iter_mut().zip(&outcome.rows).for_each(|((_, row), (_, other))| row.add(other));
        }
    }
    let measured = rows.into_iter().map(|(name, row)| RequestMeasured {
        name,
        answered: row.answered,
        failed: row.failed,
        p50: row.latency.value_at_quantile(0.5),
        p99: row.latency.value_at_quantile(0.99),
        max: row.latency.max(),
    });
    measured.collect()
}

fn intervals(outcomes: &[Outcome]) -> Vec<Interval> {
    let mut intervals = Vec::new();
    let mut offset = 0.0;
    for outcome in outcomes {
        let slices = outcome.series.slices(outcome.seconds);
        intervals.extend(slices.iter().map(|(start, seconds, slice)| interval(offset + start, *seconds, slice)));
        offset += outcome.seconds;
    }
    intervals
}

fn interval(start_seconds: f64, seconds: f64, slice: &Slice) -> Interval {
    let mut heat: BTreeMap<u16, u64> = BTreeMap::new();
    for value in slice.latency.iter_recorded() {
        *heat.entry(heat_bucket(value.value_iterated_to())).or_default() += value.count_since_last_iteration();
    }
    let latency = histogram::widened(&slice.latency);
    Interval {
        start_seconds,
        seconds,
        sent: slice.sent,
        answered: slice.answered,
        failures: failures(&slice.failures),
        bytes_received: slice.bytes_received,
        latency: Latency::figures(&latency),
        heat: heat.into_iter().collect(),
        histogram: histogram::encode(&latency),
    }
}

fn tool(outcomes: &[Outcome], sent: u64) -> Tool {
    let user: f64 = outcomes.iter().map(|outcome| outcome.tool.user.as_secs_f64()).sum();
    let system: f64 = outcomes.iter().map(|outcome| outcome.tool.system.as_secs_f64()).sum();
    Tool {
        user_seconds: user,
        system_seconds: system,
        cpu_us_per_request: per_request_us(user + system, sent),
        busiest_worker: outcomes.iter().map(|outcome| outcome.busiest_worker).fold(0.0, f64::max),
        rss_max_bytes: outcomes.iter().map(|outcome| outcome.tool.rss_bytes).max().unwrap_or_default(),
    }
}

fn server(outcomes: &[Outcome], answered: u64) -> Option<Server> {
    let of_runs: Vec<&ServerUsage> = outcomes.iter().filter_map(|outcome| outcome.server.as_ref()).collect();
    let (first, last) = (of_runs.first()?, of_runs.last()?);
    let user: f64 = of_runs.iter().map(|server| server.user.as_secs_f64()).sum();
    let system: f64 = of_runs.iter().map(|server| server.system.as_secs_f64()).sum();
    Some(Server {
        pid: first.pid,
        user_seconds: user,
        system_seconds: system,
        cpu_us_per_request: per_request_us(user + system, answered),
        rss_start_bytes: first.rss_start_bytes,
        rss_max_bytes: of_runs.iter().map(|server| server.rss_max_bytes).max()?,
        rss_end_bytes: last.rss_end_bytes,
    })
}

/// The schedule in words.
fn describe(schedule: &Schedule) -> String {
    let Schedule::Open { arrivals, phases } = schedule else { return "closed loop".to_owned() };
    let arrivals = match arrivals {
        Arrivals::Even => "constant",
        Arrivals::Poisson => "Poisson",
    };
    let (Some(first), Some(last)) = (phases.first(), phases.last()) else { return arrivals.to_owned() };
    match phases.len() {
        1 if first.from == first.to => format!("{arrivals} {}", units::rate(first.from)),
        1 => format!("{arrivals} ramp from {} to {}", units::rate(first.from), units::rate(first.to)),
        steps => format!("{arrivals}, {steps} steps from {} to {}", units::rate(first.from), units::rate(last.to)),
    }
}
