//! What keys have used of a plan's quota, and have left, day by day. (API reference, `API_GetUsage`,
//! `API_UpdateUsage`.)
//!
//! `UpdateUsage` sets what is left for the period that runs; the difference to what would be left is kept with the day
//! it was set on, so that a changed quota and further requests count as they do without.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::consumption;
use super::keys;
use super::quota;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page_of_places;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::meter::{Day, Quota};
use crate::model::{UsagePlan, UsagePlanId, UsagePlanKey};

const DAYS_MAX: i64 = 90;

/// The longest period: what was granted before it is forgotten when usage is next updated.
const PERIOD_DAYS_MAX: i64 = 31;

/// From the first day to the last, both of them in.
#[derive(Clone, Copy)]
struct Interval {
    first: Day,
    last: Day,
}

/// A day of a key.
#[derive(Clone, Copy)]
struct OneDay {
    used: i64,
    /// At its end, or now. Less than 0 where the quota has become less than what was used already.
    remaining: i64,
}

/// Of all keys, or of `keyId`.
pub fn get_usage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let plan = super::of(store, call)?;
    let quota = quota_of(plan)?;
    let interval = interval(call)?;
    let of_plan = [call.region, plan.id.as_str()];
    let pairs = |key: &UsagePlanKey| (key.id.0.clone(), days(store, call, &plan.id, quota, key, interval));
    let (values, position) = match call.query("keyId").filter(|key| !key.is_empty()) {
        None => {
            let rows = |after: Option<&str>| {
                store.usage_plan_keys.range(&of_plan, after).map(|(_, row)| (row.id.0.clone(), row))
            };
            page_of_places(call, rows, |_, key| Some(pairs(&key)))?
        }
        Some(id) => {
            let key = store.usage_plan_keys.row(&[call.region, plan.id.as_str(), id]);
            (vec![pairs(&key.ok_or_else(|| Exception::not_found("Invalid API Key identifier specified"))?)], None)
        }
    };
    let mut answer = shape(&plan.id, interval, values);
    if let Some(position) = position {
        answer["position"] = position.into();
    }
    Ok(Reply::Json(answer))
}

fn shape(plan: &UsagePlanId, interval: Interval, values: Vec<(String, Vec<OneDay>)>) -> Value {
    let pair = |day: OneDay| json!([day.used, day.remaining.max(0)]);
    let pairs = |(key, days): (String, Vec<OneDay>)| (key, days.into_iter().map(pair).collect::<Value>());
    json!({
        "usagePlanId": plan,
        "startDate": interval.first.to_string(),
        "endDate": interval.last.to_string(),
        "values": values.into_iter().map(pairs).collect::<Map<String, Value>>(),
    })
}

fn quota_of(plan: &UsagePlan) -> Result<Quota, Exception> {
    let message = || format!("Usage Plan {} has no quota, of which usage could be told", plan.id);
    plan.quota.map(quota::of).ok_or_else(|| Exception::bad_request(message()))
}

fn interval(call: &Call<'_>) -> Result<Interval, Exception> {
    let day = |name: &str| {
        let text = call.query(name).ok_or_else(|| Exception::bad_request(format!("{name} is required")))?;
        let invalid = || Exception::bad_request(format!("Invalid {name} '{text}' specified: it must be as 2016-01-31"));
        Day::parse(text).ok_or_else(invalid)
    };
    let (first, last) = (day("startDate")?, day("endDate")?);
    match last.0 - first.0 {
        ..0 => Err(Exception::bad_request("Invalid dates specified: endDate is before startDate")),
        0..DAYS_MAX => Ok(Interval { first, last }),
        _ => Err(Exception::bad_request(format!("Invalid dates specified: they are more than {DAYS_MAX} days"))),
    }
}

fn days(
    store: &Store,
    call: &Call<'_>,
    plan: &UsagePlanId,
    quota: Quota,
    key: &UsagePlanKey,
    interval: Interval,
) -> Vec<OneDay> {
    // What is left on the first day depends on the days before in its period.
    let from = quota.period.start(interval.first);
    let requests = consumption::by_day(store, call, plan, &key.id, from, interval.last);
    let granted: HashMap<Day, i64> =
        key.extensions.iter().filter_map(|(day, granted)| Some((Day::parse(day)?, *granted))).collect();
    let mut remaining = i64::from(quota.limit);
    let mut days = Vec::new();
    for day in (from.0..=interval.last.0).map(Day) {
        if quota.period.start(day) == day {
            remaining = i64::from(quota.limit);
        }
        let used = requests.get(&day).map_or(0, |used| i64::try_from(*used).unwrap_or(i64::MAX));
        remaining = remaining.saturating_add(granted.get(&day).copied().unwrap_or(0)).saturating_sub(used);
        if day >= interval.first {
            days.push(OneDay { used, remaining });
        }
    }
    days
}

/// What PATCH sees of a key's usage.
#[derive(Clone)]
struct Remaining {
    requests: i64,
}

/// (API reference, `patch-operations`, UpdateUsage.)
const RULES: &[Rule<Remaining>] = &[Rule {
    pattern: "/remaining",
    ops: &[Op::Replace],
    apply: |remaining, patch| {
        let requests: i32 = patch.number()?;
        if requests < 0 {
            return Err(patch.invalid("it must not be negative"));
        }
        remaining.requests = i64::from(requests);
        Ok(())
    },
}];

pub fn update_usage(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let plan = super::of(store, call)?.clone();
    let quota = quota_of(&plan)?;
    let (_, key) = keys::of(store, call)?;
    let today = Day::of(call.now_s);
    let interval = Interval { first: today, last: today };
    let now = days(store, call, &plan.id, quota, &key, interval);
    let before = Remaining { requests: now.first().map_or(0, |today| today.remaining) };
    let after = patched(call, RULES, &before)?;
    let mut changed = key;
    let oldest = Day(today.0 - DAYS_MAX - PERIOD_DAYS_MAX).to_string();
    changed.extensions.retain(|day, _| *day >= oldest);
    *changed.extensions.entry(today.to_string()).or_default() += after.requests - before.requests;
    let shown = days(store, call, &plan.id, quota, &changed, interval);
    let answer = shape(&plan.id, interval, vec![(changed.id.0.clone(), shown)]);
    let id = changed.id.clone();
    store.usage_plan_keys.put(&[call.region, plan.id.as_str(), id.as_str()], changed);
    Ok(Reply::Json(answer))
}
