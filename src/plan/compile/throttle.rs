//! The throttling settings of a stage's methods. (API reference, `API_MethodSetting`.)

use std::collections::HashMap;

use super::stage::MethodKey;
use super::{Compilation, Deployment};
use crate::limit::Rate;
use crate::model::{MethodSetting, Pointer, Stage};
use crate::plan::MethodPlan;
use crate::plan::throttle::Throttles;

/// What an account of AWS has, and with it a method that sets only one of the two.
/// (Guide, `limits`: "Throttle quota per account, per Region".)
const RATE_LIMIT: f64 = 10_000.0;
const BURST_LIMIT: i32 = 5_000;

/// What AWS's tools write for no limit.
const UNLIMITED: f64 = -1.0;

pub fn compile(compilation: &mut Compilation<'_>, stage: &Stage, methods: &[MethodPlan]) -> Option<Throttles> {
    let mut every = None;
    let mut own = HashMap::new();
    for (key, setting) in &stage.method_settings {
        match MethodKey::parse(key) {
            Some(MethodKey::Every) => every = Some((key, setting)),
            Some(MethodKey::One { path, http_method }) => drop(own.insert((path, http_method), (key, setting))),
            // Refused already.
            None => {}
        }
    }
    if every.is_none() && own.is_empty() {
        return None;
    }
    let mut problems = Vec::new();
    let mut rate_of = |method: &MethodPlan| {
        let name = (method.resource_path.to_string(), method.http_method.to_string());
        let own = own.get(&name).copied();
        let (key, _) = own.or(every)?;
        let settings = [own, every].map(|found| found.map(|(_, setting)| setting));
        rate(settings).map_err(|message| problems.push((key.clone(), message))).ok().flatten()
    };
    let rates = methods.iter().map(&mut rate_of).collect();
    problems.dedup();
    // The stage is described beside its own deployment, not beside its canary's.
    compilation.deployment = Deployment::Production;
    for (key, message) in problems {
        let pointer = Pointer::stage(&stage.stage_name).child("methodSettings").child(&key);
        compilation.refuse(pointer, message).help("both limits are numbers from 0 on, or -1: no limit");
    }
    Throttles::new(rates)
}

/// The limit by a method's own settings, and those of `*/*` for what they leave open.
fn rate(settings: [Option<&MethodSetting>; 2]) -> Result<Option<Rate>, String> {
    let first = |read: fn(&MethodSetting) -> Option<f64>| settings.iter().flatten().find_map(|setting| read(setting));
    let limit = |read| first(read).filter(|limit| *limit != UNLIMITED);
    let rate_limit = limit(|setting| setting.throttling_rate_limit);
    let burst_limit = limit(|setting| setting.throttling_burst_limit.map(f64::from));
    if rate_limit.is_none() && burst_limit.is_none() {
        return Ok(None);
    }
    let burst_limit = burst_limit.map_or(BURST_LIMIT, |burst| burst as i32);
    Rate::new(rate_limit.unwrap_or(RATE_LIMIT), burst_limit)
        .map(Some)
        .map_err(|odd| format!("the limit cannot be used: {odd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(rate_limit: Option<f64>, burst_limit: Option<i32>) -> MethodSetting {
        MethodSetting {
            throttling_rate_limit: rate_limit,
            throttling_burst_limit: burst_limit,
            ..MethodSetting::default()
        }
    }

    #[test]
    fn what_a_method_leaves_open_is_of_every_method() {
        #[track_caller]
        fn check(own: (Option<f64>, Option<i32>), every: (Option<f64>, Option<i32>), expected: Option<(f64, i32)>) {
            let [own, every] = [own, every].map(|(rate_limit, burst_limit)| setting(rate_limit, burst_limit));
            let expected = expected.map(|(rate_limit, burst_limit)| Rate::new(rate_limit, burst_limit));
            assert_eq!(rate([Some(&own), Some(&every)]).expect("it can be used"), expected.and_then(Result::ok));
        }
        check((None, None), (None, None), None);
        check((Some(1.5), Some(2)), (Some(9.0), Some(9)), Some((1.5, 2)));
        check((Some(1.5), None), (Some(9.0), Some(8)), Some((1.5, 8)));
        check((None, None), (Some(9.0), Some(8)), Some((9.0, 8)));
        check((Some(-1.0), Some(-1)), (Some(9.0), Some(8)), None);
        check((Some(3.0), Some(-1)), (None, None), Some((3.0, BURST_LIMIT)));
        check((None, Some(3)), (None, None), Some((RATE_LIMIT, 3)));
        check((Some(0.0), Some(0)), (None, None), Some((0.0, 0)));
    }

    #[test]
    fn odd_limits_are_refused() {
        for (rate_limit, burst_limit) in [(-5.0, 1), (f64::NAN, 1), (f64::INFINITY, 1), (1.0, -2)] {
            let own = setting(Some(rate_limit), Some(burst_limit));
            assert!(rate([Some(&own), None]).is_err(), "{rate_limit} {burst_limit}");
        }
    }
}
