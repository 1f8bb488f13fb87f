//! How PATCH changes a usage plan. (API reference, `patch-operations`, UpdateUsagePlan.)
//!
//! Numbers are parsed here; whether they are in their ranges is checked of the plan that comes out, as a period and its
//! offset come in two operations.

use super::checks;
use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{ApiStage, QuotaSettings, RestApiId, ThrottleSettings, UsagePlan};

pub const RULES: &[Rule<UsagePlan>] = &[
    Rule { pattern: "/apiStages", ops: &[Op::Add, Op::Remove], apply: change_stages },
    Rule {
        pattern: "/apiStages/{stage}/throttle",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: change_stage_throttles,
    },
    Rule {
        pattern: "/apiStages/{stage}/throttle/{method+}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: change_method_throttle,
    },
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |plan, patch| {
            plan.name = patch.required_text()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/description",
        ops: &[Op::Replace],
        apply: |plan, patch| {
            plan.description = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/productCode",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |plan, patch| {
            plan.product_code = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/quota",
        ops: &[Op::Remove],
        apply: |plan, _| {
            plan.quota = None;
            Ok(())
        },
    },
    Rule {
        pattern: "/quota/limit",
        ops: &[Op::Add, Op::Replace],
        apply: |plan, patch| {
            plan.quota.get_or_insert_with(QuotaSettings::default).limit = patch.number()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/quota/offset",
        ops: &[Op::Add, Op::Replace],
        apply: |plan, patch| {
            plan.quota.get_or_insert_with(QuotaSettings::default).offset = patch.number()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/quota/period",
        ops: &[Op::Add, Op::Replace],
        apply: |plan, patch| {
            plan.quota.get_or_insert_with(QuotaSettings::default).period = Some(patch.word()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/throttle",
        ops: &[Op::Remove],
        apply: |plan, _| {
            plan.throttle = None;
            Ok(())
        },
    },
    Rule {
        pattern: "/throttle/rateLimit",
        ops: &[Op::Add, Op::Replace],
        apply: |plan, patch| {
            plan.throttle.get_or_insert_with(ThrottleSettings::default).rate_limit = patch.number()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/throttle/burstLimit",
        ops: &[Op::Add, Op::Replace],
        apply: |plan, patch| {
            plan.throttle.get_or_insert_with(ThrottleSettings::default).burst_limit = patch.number()?;
            Ok(())
        },
    },
];

/// The value is `{api}:{stage}`.
fn change_stages(plan: &mut UsagePlan, patch: &Patch<'_>) -> Result<(), Exception> {
    let named = patch.value.and_then(|value| value.split_once(':'));
    let (api, name) = named.ok_or_else(|| Exception::bad_request("Invalid API Stage specified"))?;
    if patch.removes() {
        let position = position(plan, &format!("{api}:{name}"))?;
        plan.api_stages.remove(position);
    } else {
        let api_id = RestApiId(api.to_owned());
        plan.api_stages.push(ApiStage { api_id, stage: name.to_owned(), ..ApiStage::default() });
    }
    Ok(())
}

fn position(plan: &UsagePlan, named: &str) -> Result<usize, Exception> {
    let is_named = |stage: &ApiStage| named.split_once(':') == Some((stage.api_id.as_str(), stage.stage.as_str()));
    let position = plan.api_stages.iter().position(is_named);
    position.ok_or_else(|| Exception::bad_request("Invalid API Stage specified"))
}

/// All of a stage's methods at once; the value is what `CreateUsagePlan` takes there, as JSON.
fn change_stage_throttles(plan: &mut UsagePlan, patch: &Patch<'_>) -> Result<(), Exception> {
    let position = position(plan, patch.name(0))?;
    plan.api_stages[position].throttle = match patch.removes() {
        true => Default::default(),
        false => {
            serde_json::from_str(patch.value.unwrap_or_default()).map_err(|error| patch.invalid(&error.to_string()))?
        }
    };
    Ok(())
}

/// `…/{resource path}/{HTTP method}/rateLimit`, `…/burstLimit`, or without either to remove both. The slashes of the
/// resource path are escaped, or, as Terraform has them, not.
fn change_method_throttle(plan: &mut UsagePlan, patch: &Patch<'_>) -> Result<(), Exception> {
    let position = position(plan, patch.name(0))?;
    let throttles = &mut plan.api_stages[position].throttle;
    let path = patch.name(1);
    if patch.removes() {
        let removed = throttles.shift_remove(path);
        return removed.map(|_| ()).ok_or_else(|| Exception::not_found(format!("Invalid patch path {}", patch.path)));
    }
    let (method, limit) = path.rsplit_once('/').unwrap_or((path, ""));
    checks::check_method(method)?;
    let mut settings = throttles.get(method).copied().unwrap_or_default();
    match limit {
        "rateLimit" => settings.rate_limit = patch.number()?,
        "burstLimit" => settings.burst_limit = patch.number()?,
        _ => return Err(Exception::bad_request(format!("Invalid patch path {}", patch.path))),
    }
    throttles.insert(method.to_owned(), settings);
    Ok(())
}
