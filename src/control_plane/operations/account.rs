//! The account: one a region, and there from the beginning. (API reference, `API_Account`.)

use serde_json::json;

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{Account, ThrottleSettings};

/// The one feature there is: every account has it, and none can be without.
const USAGE_PLANS: &str = "UsagePlans";

pub fn get_account(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(current(store, call))))
}

pub fn update_account(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, &current(store, call))?;
    let shown = json!(changed);
    store.accounts.put(&[call.region], changed);
    Ok(Reply::Json(shown))
}

/// As a new account of AWS is, where nothing was changed.
fn current(store: &Store, call: &Call<'_>) -> Account {
    store.accounts.row(&[call.region]).cloned().unwrap_or_else(|| Account {
        cloudwatch_role_arn: None,
        throttle_settings: ThrottleSettings { burst_limit: 5000, rate_limit: 10_000.0 },
        features: vec![USAGE_PLANS.to_owned()],
        api_key_version: "4".to_owned(),
    })
}

/// (API reference, `patch-operations`, UpdateAccount.)
const RULES: &[Rule<Account>] = &[
    Rule {
        pattern: "/cloudwatchRoleArn",
        ops: &[Op::Replace],
        apply: |account, patch| {
            let arn = patch.optional_text();
            if arn.as_deref().is_some_and(|arn| !is_role(arn)) {
                return Err(patch.invalid("it must be the ARN of an IAM role"));
            }
            account.cloudwatch_role_arn = arn;
            Ok(())
        },
    },
    Rule { pattern: "/features", ops: &[Op::Add, Op::Remove], apply: change_features },
];

fn change_features(_: &mut Account, patch: &Patch<'_>) -> Result<(), Exception> {
    match (patch.value, patch.removes()) {
        (Some(USAGE_PLANS), true) => Err(Exception::bad_request("Usage Plans cannot be disabled once enabled")),
        // It is there already.
        (Some(USAGE_PLANS), false) => Ok(()),
        _ => Err(patch.invalid("there is no such feature")),
    }
}

/// `arn:{partition}:iam::{account}:role/{path and name}`.
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts[..] else { return false };
    let named = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && role.strip_prefix("role/").is_some_and(named)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fixture::{Desk, patch_body};
    use super::*;

    #[test]
    fn an_account_is_there_and_is_changed() {
        let mut desk = Desk::default();
        let account = desk.call("GET", "/account", Value::Null);
        let throttle = json!({ "burstLimit": 5000, "rateLimit": 10_000.0 });
        let expected = json!({ "throttleSettings": throttle, "features": ["UsagePlans"], "apiKeyVersion": "4" });
        assert_eq!(account, expected);
        let role = "arn:aws:iam::123456789012:role/service-role/logs";
        let changed =
            desk.patch("/account", &[&format!("replace /cloudwatchRoleArn {role}"), "add /features UsagePlans"]);
        assert_eq!((&changed["cloudwatchRoleArn"], &changed["features"]), (&json!(role), &json!(["UsagePlans"])));
        assert_eq!(desk.call("GET", "/account", Value::Null), changed);
        assert_eq!(desk.patch("/account", &["replace /cloudwatchRoleArn "]), account);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut desk = Desk::default();
        let refused = desk.refusal("PATCH", "/account", patch_body(&["remove /features UsagePlans"]));
        assert_eq!(refused, "BadRequestException: Usage Plans cannot be disabled once enabled");
        for wrong in [
            "replace /cloudwatchRoleArn arn:aws:iam:123456789012:role/a",
            "replace /cloudwatchRoleArn arn:aws:iam::123456789012:user/a",
            "replace /cloudwatchRoleArn arn:aws:iam::123456789012:role/",
            "add /features Other",
            "remove /features",
            "replace /throttleSettings/rateLimit 1",
            "remove /cloudwatchRoleArn",
        ] {
            let refused = desk.refusal("PATCH", "/account", patch_body(&[wrong]));
            assert!(refused.starts_with("BadRequestException: Invalid "), "{refused}");
        }
    }
}
