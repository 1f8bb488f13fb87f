//! Schedule, search and connections.

use std::net::SocketAddr;
use std::time::Duration;

use super::number::Rate;
use super::options::{ArrivalsChoice, Options};
use crate::schedule::{Arrivals, Phase, Schedule};
use crate::settings::{Load, Search, Tls};

const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const TRIAL_DEFAULT: Duration = Duration::from_secs(5);
const PRECISION_DEFAULT: f64 = 0.05;
const SEARCH_BOUNDS_DEFAULT: (f64, f64) = (100.0, 1e6);
/// A run in a closed loop that ends by count ends here at the latest.
const BY_COUNT_MAX: Duration = Duration::from_secs(24 * 3600);
/// More would be more than a second's phases in a run of a day.
const STEPS_MAX: u64 = 10_000;
/// Memory is set aside for every request that may be in flight, on each connection.
const DEPTH_MAX: u64 = 4096;

pub fn search(options: &Options) -> Result<Option<Search>, String> {
    let Some(condition) = options.find_max.clone() else { return Ok(None) };
    let (rate_min, rate_max) = match options.rate {
        None => SEARCH_BOUNDS_DEFAULT,
        Some(Rate::Range(low, high)) => (low, high),
        Some(Rate::Constant(_)) => {
            return Err("--find-max searches between two rates; write them as --rate LOW..HIGH".to_owned());
        }
    };
    if rate_min <= 0.0 || rate_min >= rate_max {
        return Err("--find-max searches upwards; write --rate LOW..HIGH with LOW above 0 and below HIGH".to_owned());
    }
    let trial = options.trial.unwrap_or(TRIAL_DEFAULT);
    let precision = options.precision.unwrap_or(PRECISION_DEFAULT);
    Ok(Some(Search { condition, rate_min, rate_max, trial, precision }))
}

/// `cpus` is how many the process may use.
pub fn load(options: &Options, search: Option<&Search>, cpus: usize) -> Result<Load, String> {
    let schedule = schedule(options, search)?;
    let connections = options.connections as usize;
    let pin = options.pin.clone().unwrap_or_default();
    let workers = match options.workers {
        Some(workers) => workers as usize,
        None if !pin.is_empty() => pin.len(),
        None => (cpus / 2).clamp(1, connections),
    };
    if connections < workers {
        return Err(format!(
            "{workers} workers need a connection each; raise --connections ({connections}) or lower --workers"
        ));
    }
    if !pin.is_empty() && pin.len() < workers {
        return Err(format!("--pin names {} CPUs for {workers} workers; name one for each", pin.len()));
    }
    if options.depth > DEPTH_MAX {
        return Err(format!("--depth {} is more than {DEPTH_MAX} requests in flight on a connection", options.depth));
    }
    if options.connections_per_second == Some(0.0) {
        return Err("--connections-per-second has to be above 0; leave it out for connections that stay".to_owned());
    }
    Ok(Load {
        duration: match &schedule {
            Schedule::Open { phases, .. } => Duration::from_secs_f64(phases.iter().map(|phase| phase.seconds).sum()),
            Schedule::Closed => closed_duration(options),
        },
        schedule,
        requests_max: options.requests_total,
        gives_up: options.requests_total.is_some() && options.duration.is_none() && options.rate.is_none(),
        warm_up: options.warm_up,
        connections,
        depth: options.depth as usize,
        workers,
        pin,
        driver: options.driver,
        timeout: options.timeout,
        requests_per_connection: options.requests_per_connection,
        connections_per_second: options.connections_per_second,
        spin: options.spin,
        head_bytes_max: options.head_bytes_max,
        body_bytes_max: options.body_bytes_max,
        tls: Tls {
            insecure: options.insecure,
            ca: options.cacert.clone(),
            identity: options.cert.clone().zip(options.key.clone()),
            server_name: options.server_name.clone(),
            resume: !options.no_resume,
        },
        bind: options.bind.map(|address| SocketAddr::new(address, 0)),
        seed: options.seed.unwrap_or_else(|| fastrand::Rng::with_seed(entropy()).u64(..)),
    })
}

/// What the standard library's hash maps are seeded with.
fn entropy() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn schedule(options: &Options, search: Option<&Search>) -> Result<Schedule, String> {
    let arrivals = match options.arrivals {
        Some(ArrivalsChoice::Poisson) => Arrivals::Poisson,
        Some(ArrivalsChoice::Even) | None => Arrivals::Even,
    };
    if let Some(search) = search {
        let phases = vec![constant(search.rate_min, search.trial)];
        return Ok(Schedule::Open { arrivals, phases });
    }
    let phases = match (options.rate, options.steps) {
        (None, None) if options.arrivals.is_some() => {
            return Err("--arrivals is about requests at a rate; add --rate".to_owned());
        }
        (None, None) => return Ok(Schedule::Closed),
        (None | Some(Rate::Constant(_)), Some(_)) => {
            return Err("--steps goes through a range of rates; write it as --rate 1k..50k".to_owned());
        }
        (Some(Rate::Constant(0.0)), None) => {
            return Err(
                "a rate of 0 sends nothing; write one above 0, or leave --rate out for a closed loop".to_owned()
            );
        }
        (Some(Rate::Constant(rate)), None) => vec![constant(rate, constant_duration(options, rate)?)],
        (Some(Rate::Range(0.0, 0.0)), _) => return Err("a range of 0..0 sends nothing; raise one end".to_owned()),
        (Some(Rate::Range(from, to)), None) => {
            let seconds = options.duration.unwrap_or(DURATION_DEFAULT).as_secs_f64();
            vec![Phase { seconds, from, to }]
        }
        (Some(Rate::Range(from, to)), Some(steps)) => {
            steps_of(from, to, steps, options.duration.unwrap_or(DURATION_DEFAULT))?
        }
    };
    Ok(Schedule::Open { arrivals, phases })
}

fn constant(rate: f64, duration: Duration) -> Phase {
    Phase { seconds: duration.as_secs_f64(), from: rate, to: rate }
}

/// Evenly spaced rates, both ends included.
fn steps_of(from: f64, to: f64, steps: u64, duration: Duration) -> Result<Vec<Phase>, String> {
    if !(2..=STEPS_MAX).contains(&steps) {
        return Err(format!("--steps goes from one rate to another; write a number from 2 to {STEPS_MAX}"));
    }
    if from == 0.0 || to == 0.0 {
        return Err("a step at a rate of 0 sends nothing; begin and end the range above 0".to_owned());
    }
    let rate = |step| from + (to - from) * step as f64 / (steps - 1) as f64;
    Ok((0..steps).map(|step| constant(rate(step), duration.div_f64(steps as f64))).collect())
}

/// Of a run at one rate: as long as its requests take where it is to end by count.
fn constant_duration(options: &Options, rate: f64) -> Result<Duration, String> {
    match (options.duration, options.requests_total) {
        (Some(duration), _) => Ok(duration),
        (None, None) => Ok(DURATION_DEFAULT),
        (None, Some(count)) => Duration::try_from_secs_f64(count as f64 / rate)
            .map_err(|_| format!("{count} requests at {rate} a second would never end; raise --rate")),
    }
}

fn closed_duration(options: &Options) -> Duration {
    let by_count = if options.requests_total.is_some() { BY_COUNT_MAX } else { DURATION_DEFAULT };
    options.duration.unwrap_or(by_count)
}
