//! What a usage plan may say. (API reference, `API_CreateUsagePlan`.)

use crate::control_plane::exception::Exception;
use crate::model::{QuotaPeriod, QuotaSettings, ThrottleSettings, UsagePlan};
use crate::plan::clients::usage_plans::EVERY_METHOD;

/// As for bursts, which are 32-bit integers: nobody means more requests a second.
const RATE_MAX: f64 = i32::MAX as f64;

/// # Errors
/// `BadRequestException`, with the path of what is wrong.
pub fn check(plan: &UsagePlan) -> Result<(), Exception> {
    if plan.name.trim().is_empty() {
        return Err(Exception::bad_request("Usage Plan name cannot be blank"));
    }
    plan.throttle.map_or(Ok(()), |throttle| check_throttle("/throttle", throttle))?;
    plan.quota.map_or(Ok(()), check_quota)?;
    for (position, stage) in plan.api_stages.iter().enumerate() {
        let name = format!("{}:{}", stage.api_id, stage.stage);
        let is_same = |other: &&crate::model::ApiStage| other.api_id == stage.api_id && other.stage == stage.stage;
        if plan.api_stages[..position].iter().any(|other| is_same(&other)) {
            return Err(Exception::conflict(format!("API Stage {name} is already associated with the usage plan")));
        }
        for (method, throttle) in &stage.throttle {
            check_method(method)?;
            check_throttle(&format!("/apiStages/{name}/throttle{method}"), *throttle)?;
        }
    }
    Ok(())
}

fn check_throttle(path: &str, throttle: ThrottleSettings) -> Result<(), Exception> {
    if !(0.0..=RATE_MAX).contains(&throttle.rate_limit) {
        let range = format!("it must be from 0 to {}", i32::MAX);
        return Err(invalid(&format!("{path}/rateLimit"), throttle.rate_limit, &range));
    }
    if throttle.burst_limit < 0 {
        return Err(invalid(&format!("{path}/burstLimit"), throttle.burst_limit, "it must not be negative"));
    }
    Ok(())
}

/// `{resource path}/{HTTP method}`: `/pets/GET`, `//GET` for the root, `/*/*`.
///
/// # Errors
/// `BadRequestException`: it is not of that form.
pub fn check_method(method: &str) -> Result<(), Exception> {
    const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];
    let parts = method.rsplit_once('/');
    let named = parts.is_some_and(|(path, method)| METHODS.contains(&method) && path.starts_with('/'));
    let fits = named || method == EVERY_METHOD;
    match fits {
        true => Ok(()),
        false => Err(Exception::bad_request(format!(
            "Invalid resource path and HTTP method specified for a throttle: '{method}'. It must be as '/pets/GET'"
        ))),
    }
}

fn check_quota(quota: QuotaSettings) -> Result<(), Exception> {
    if quota.limit < 0 {
        return Err(invalid("/quota/limit", quota.limit, "it must not be negative"));
    }
    let period = quota.period.ok_or_else(|| Exception::bad_request("Usage Plan quota period is required"))?;
    let (last, message) = match period {
        QuotaPeriod::Day => (0, "must be zero in the DAY period"),
        QuotaPeriod::Week => (6, "must be between 0 and 6 inclusive in the WEEK period"),
        QuotaPeriod::Month => (27, "must be between 0 and 27 inclusive in the MONTH period"),
    };
    match (0..=last).contains(&quota.offset) {
        true => Ok(()),
        false => Err(Exception::bad_request(format!("Usage Plan quota offset {message}"))),
    }
}

fn invalid(path: &str, value: impl std::fmt::Display, why: &str) -> Exception {
    Exception::bad_request(format!("Invalid value '{value}' specified for path '{path}': {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApiStage, OrderedMap, RestApiId};

    #[track_caller]
    fn check_of(plan: UsagePlan, expected: &str) {
        let outcome = check(&UsagePlan { name: "basic".into(), ..plan });
        let message = outcome.map_or_else(|exception| exception.message, |()| "fine".to_owned());
        assert!(message.contains(expected), "{message}");
    }

    fn quota(limit: i32, offset: i32, period: Option<QuotaPeriod>) -> UsagePlan {
        UsagePlan { quota: Some(QuotaSettings { limit, offset, period }), ..UsagePlan::default() }
    }

    fn throttle(rate_limit: f64, burst_limit: i32) -> UsagePlan {
        UsagePlan { throttle: Some(ThrottleSettings { burst_limit, rate_limit }), ..UsagePlan::default() }
    }

    fn method(method: &str, rate_limit: f64) -> UsagePlan {
        let settings = ThrottleSettings { burst_limit: 1, rate_limit };
        let throttle = OrderedMap::from([(method.to_owned(), settings)]);
        let stage = ApiStage { api_id: RestApiId("a".into()), stage: "b".into(), throttle };
        UsagePlan { api_stages: vec![stage], ..UsagePlan::default() }
    }

    #[test]
    fn numbers_are_in_their_ranges() {
        check_of(throttle(0.5, 0), "fine");
        check_of(throttle(-0.1, 0), "'-0.1' specified for path '/throttle/rateLimit'");
        check_of(throttle(f64::NAN, 0), "'NaN' specified for path '/throttle/rateLimit'");
        check_of(throttle(1e300, 0), "/throttle/rateLimit");
        check_of(throttle(1.0, -1), "/throttle/burstLimit");
        check_of(quota(10, 0, Some(QuotaPeriod::Day)), "fine");
        check_of(quota(-1, 0, Some(QuotaPeriod::Day)), "/quota/limit");
        check_of(quota(10, 0, None), "period is required");
        check_of(quota(10, 1, Some(QuotaPeriod::Day)), "must be zero");
        check_of(quota(10, 6, Some(QuotaPeriod::Week)), "fine");
        check_of(quota(10, 7, Some(QuotaPeriod::Week)), "between 0 and 6");
        check_of(quota(10, 27, Some(QuotaPeriod::Month)), "fine");
        check_of(quota(10, -1, Some(QuotaPeriod::Month)), "between 0 and 27");
    }

    #[test]
    fn methods_are_named_with_their_path() {
        check_of(method("/pets/{id}/GET", 1.0), "fine");
        check_of(method("//GET", 1.0), "fine");
        check_of(method("/*/*", 1.0), "fine");
        check_of(method("/pets/get", 1.0), "Invalid resource path");
        check_of(method("GET", 1.0), "Invalid resource path");
        check_of(method("/pets/GET", -1.0), "'/apiStages/a:b/throttle/pets/GET/rateLimit'");
        let mut twice = method("/pets/GET", 1.0);
        twice.api_stages.push(twice.api_stages[0].clone());
        check_of(twice, "already associated");
    }
}
