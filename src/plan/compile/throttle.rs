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
        compilation.refuse(pointer, message).help("`throttlingRateLimit` is a number of requests per second from 0 on");
    }
    Throttles::new(rates)
}

/// The limit by a method's own settings, and those of `*/*` for what they leave open; a negative number is no limit.
fn rate(settings: [Option<&MethodSetting>; 2]) -> Result<Option<Rate>, String> {
    let first = |read: fn(&MethodSetting) -> Option<f64>| settings.iter().flatten().find_map(|setting| read(setting));
    let rate_limit = first(|setting| setting.throttling_rate_limit).filter(|rate| rate.is_nan() || *rate >= 0.0);
    let burst_limit = first(|setting| setting.throttling_burst_limit.map(f64::from)).filter(|burst| *burst >= 0.0);
    if rate_limit.is_none() && burst_limit.is_none() {
        return Ok(None);
    }
    let burst_limit = burst_limit.map_or(BURST_LIMIT, |burst| burst as i32);
    Rate::new(rate_limit.unwrap_or(RATE_LIMIT), burst_limit)
        .map(Some)
        .map_err(|odd| format!("the limit cannot be used: {odd}"))
}
