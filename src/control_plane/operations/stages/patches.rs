//! What PATCH may change of a stage. (Guide, `patch-operations`, Stage.)

use super::{is_variable_value, method_settings};
use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{AccessLogSettings, CanarySettings, ClientCertificateId, DeploymentId, Stage, StageVariables};

/// The two last are for any path: they come after all that is more special.
pub const RULES: &[Rule<Stage>] = &[
    Rule { pattern: "/deploymentId", ops: &[Op::Replace, Op::Copy], apply: set_deployment },
    Rule {
        pattern: "/description",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |stage, patch| {
            stage.description = patch.optional_text();
            Ok(())
        },
    },
    Rule { pattern: "/variables", ops: &[Op::Copy], apply: promote_variables },
    Rule {
        pattern: "/variables/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |stage, patch| set_variable(&mut stage.variables, patch),
    },
    Rule {
        pattern: "/cacheClusterEnabled",
        ops: &[Op::Replace],
        apply: |stage, patch| {
            stage.cache_cluster_enabled = patch.boolean()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/cacheClusterSize",
        ops: &[Op::Replace],
        apply: |stage, patch| {
            stage.cache_cluster_size = Some(patch.required_text()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/clientCertificateId",
        ops: &[Op::Replace, Op::Remove],
        apply: |stage, patch| {
            stage.client_certificate_id = patch.optional_text().map(ClientCertificateId);
            Ok(())
        },
    },
    Rule {
        pattern: "/documentationVersion",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |stage, patch| {
            stage.documentation_version = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/tracingEnabled",
        ops: &[Op::Replace],
        apply: |stage, patch| {
            stage.tracing_enabled = patch.boolean()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/accessLogSettings",
        ops: &[Op::Remove],
        apply: |stage, _| {
            stage.access_log_settings = None;
            Ok(())
        },
    },
    Rule { pattern: "/accessLogSettings/format", ops: &[Op::Add, Op::Replace], apply: set_access_log_format },
    Rule {
        pattern: "/accessLogSettings/destinationArn",
        ops: &[Op::Add, Op::Replace],
        apply: set_access_log_destination,
    },
    Rule {
        pattern: "/canarySettings",
        ops: &[Op::Remove],
        apply: |stage, _| {
            stage.canary_settings = None;
            Ok(())
        },
    },
    Rule { pattern: "/canarySettings/percentTraffic", ops: &[Op::Replace], apply: set_percent_traffic },
    Rule { pattern: "/canarySettings/deploymentId", ops: &[Op::Replace, Op::Copy], apply: set_canary_deployment },
    Rule { pattern: "/canarySettings/stageVariableOverrides", ops: &[Op::Copy], apply: |_, patch| Err(no_copy(patch)) },
    Rule {
        pattern: "/canarySettings/stageVariableOverrides/{name}",
        ops: &[Op::Replace, Op::Remove],
        apply: |stage, patch| match &mut stage.canary_settings {
            None if patch.removes() => Ok(()),
            _ => set_variable(&mut canary(stage).stage_variable_overrides, patch),
        },
    },
    Rule {
        pattern: "/canarySettings/useStageCache",
        ops: &[Op::Replace],
        apply: |stage, patch| {
            canary(stage).use_stage_cache = patch.boolean()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/{resourcePath}/{httpMethod}/{group}/{setting}",
        ops: &[Op::Add, Op::Replace],
        apply: method_settings::set,
    },
    Rule { pattern: "/{resourcePath}/{httpMethod}", ops: &[Op::Remove, Op::Replace], apply: method_settings::remove },
];

/// The stage's canary; a new one stands where the stage does and gets no traffic.
fn canary(stage: &mut Stage) -> &mut CanarySettings {
    let deployment_id = stage.deployment_id.clone();
    stage.canary_settings.get_or_insert_with(|| CanarySettings { deployment_id, ..CanarySettings::default() })
}

/// A copy from the canary promotes it. (Guide, `promote-canary-deployment`.)
fn set_deployment(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    stage.deployment_id = match patch.op {
        Op::Copy => promoted(stage, patch, "/canarySettings/deploymentId")?.deployment_id.clone(),
        _ => Some(DeploymentId(patch.required_text()?)),
    };
    Ok(())
}

fn promote_variables(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    let overrides = promoted(stage, patch, "/canarySettings/stageVariableOverrides")?.stage_variable_overrides.clone();
    stage.variables.extend(overrides);
    Ok(())
}

/// The canary, of which `from` is to be copied.
fn promoted<'s>(stage: &'s Stage, patch: &Patch<'_>, from: &str) -> Result<&'s CanarySettings, Exception> {
    if patch.from != Some(from) {
        return Err(no_copy(patch));
    }
    let canary = stage.canary_settings.as_ref();
    canary.ok_or_else(|| Exception::bad_request("Promotion not available. Canary does not exist."))
}

fn no_copy(patch: &Patch<'_>) -> Exception {
    Exception::bad_request(format!(
        "Invalid copy operation with path: {} and from {}. Valid copy:path are [/deploymentId, /variables] and valid \
         copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]",
        patch.path,
        patch.from.unwrap_or_default()
    ))
}

fn set_canary_deployment(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    if patch.op == Op::Copy {
        return Err(no_copy(patch));
    }
    canary(stage).deployment_id = Some(DeploymentId(patch.required_text()?));
    Ok(())
}

fn set_percent_traffic(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    let percent: f64 = patch.number()?;
    if !(0.0..=100.0).contains(&percent) {
        return Err(patch.invalid("it must be from 0.0 to 100.0"));
    }
    canary(stage).percent_traffic = percent;
    Ok(())
}

fn set_variable(variables: &mut StageVariables, patch: &Patch<'_>) -> Result<(), Exception> {
    let name = patch.name(0);
    if patch.removes() {
        variables.shift_remove(name);
        return Ok(());
    }
    let value = patch.text();
    if !is_variable_value(&value) {
        return Err(patch.invalid("it must match [A-Za-z0-9-._~:/?#&=,]+"));
    }
    variables.insert(name.to_owned(), value);
    Ok(())
}

fn set_access_log_format(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    let format = patch.required_text()?;
    if format.trim_end_matches('\n').contains('\n') {
        return Err(patch.invalid("it must be a single line, with a new line at its end only"));
    }
    stage.access_log_settings.get_or_insert_with(AccessLogSettings::default).format = Some(format);
    Ok(())
}

fn set_access_log_destination(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    let destination_arn = patch.required_text()?;
    if !destination_arn.starts_with("arn:") {
        return Err(Exception::bad_request("Invalid ARN specified in the request"));
    }
    let settings = stage.access_log_settings.get_or_insert_with(AccessLogSettings::default);
    settings.destination_arn = Some(destination_arn);
    Ok(())
}
