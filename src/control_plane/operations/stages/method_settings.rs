//! The settings of a stage's methods: how PATCH names and changes them, and how they are shown.
//! (API reference, `API_MethodSetting`.)

use serde_json::{Value, json};

use crate::control_plane::exception::Exception;
use crate::control_plane::patch::Patch;
use crate::model::{MethodSetting, Stage};

const HTTP_METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"];

const SETTINGS: &[&str] = &[
    "metrics/enabled",
    "logging/dataTrace",
    "logging/loglevel",
    "throttling/burstLimit",
    "throttling/rateLimit",
    "caching/ttlInSeconds",
    "caching/enabled",
    "caching/dataEncrypted",
    "caching/requireAuthorizationForCacheControl",
    "caching/unauthorizedCacheControlHeaderStrategy",
];

/// What AWS's refusal of a path names besides.
const OTHER_PATHS: &[&str] = &[
    "/deploymentId",
    "/description",
    "/cacheClusterEnabled",
    "/cacheClusterSize",
    "/clientCertificateId",
    "/accessLogSettings",
    "/accessLogSettings/destinationArn",
    "/accessLogSettings/format",
    "/variables/{variable_name}",
    "/tracingEnabled",
];

/// Sets one member; an entry is there from its first on.
///
/// # Errors
/// `BadRequestException`: the path names no method or no setting, or the value is none for it.
pub fn set(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    let key = key(patch)?;
    let mut setting = stage.method_settings.get(&key).cloned().unwrap_or_default();
    match format!("{}/{}", patch.name(2), patch.name(3)).to_ascii_lowercase().as_str() {
        "metrics/enabled" => setting.metrics_enabled = Some(patch.boolean()?),
        "logging/loglevel" => setting.logging_level = Some(word(patch, &["OFF", "ERROR", "INFO"])?),
        "logging/datatrace" => setting.data_trace_enabled = Some(patch.boolean()?),
        "throttling/burstlimit" => setting.throttling_burst_limit = Some(burst_limit(patch)?),
        "throttling/ratelimit" => setting.throttling_rate_limit = Some(rate_limit(patch)?),
        "caching/enabled" => setting.caching_enabled = Some(patch.boolean()?),
        "caching/ttlinseconds" => setting.cache_ttl_in_seconds = Some(time_to_live(patch)?),
        "caching/dataencrypted" => setting.cache_data_encrypted = Some(patch.boolean()?),
        "caching/requireauthorizationforcachecontrol" => {
            setting.require_authorization_for_cache_control = Some(patch.boolean()?);
        }
        "caching/unauthorizedcachecontrolheaderstrategy" => {
            let words = &["FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"];
            setting.unauthorized_cache_control_header_strategy = Some(word(patch, words)?);
        }
        _ => return Err(no_setting(patch)),
    }
    stage.method_settings.insert(key, setting);
    Ok(())
}

/// Removes an entry. AWS takes every path of two segments that it does not know for one of a method.
///
/// # Errors
/// `BadRequestException`: there is no such entry, or it is to be replaced as a whole.
pub fn remove(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Exception> {
    if !patch.removes() {
        return Err(no_setting(patch));
    }
    let key = patch.path.strip_prefix('/').unwrap_or_default();
    let removed = stage.method_settings.shift_remove(key);
    let none = || format!("Cannot remove method setting {key} because there is no method setting for this method ");
    removed.map(|_| ()).ok_or_else(|| Exception::bad_request(none()))
}

/// `*/*`, or path and method as the call writes them, `~1pets~1{id}/GET`: AWS answers with the same.
fn key(patch: &Patch<'_>) -> Result<String, Exception> {
    let mut segments = patch.path.split('/').skip(1);
    let (path, http_method) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    let known = if path == "*" { http_method == "*" } else { HTTP_METHODS.contains(&http_method) };
    if known { Ok(format!("{path}/{http_method}")) } else { Err(no_setting(patch)) }
}

fn no_setting(patch: &Patch<'_>) -> Exception {
    let settings = SETTINGS.iter().map(|setting| format!("/{{resourcePath}}/{{httpMethod}}/{setting}"));
    let for_all = SETTINGS.iter().map(|setting| format!("/*/*/{setting}"));
    let paths: Vec<String> = OTHER_PATHS.iter().map(|path| (*path).to_owned()).chain(settings).chain(for_all).collect();
    let message = format!("Invalid method setting path: {}. Must be one of: [{}]", patch.path, paths.join(", "));
    Exception::bad_request(message)
}

fn word(patch: &Patch<'_>, words: &[&str]) -> Result<String, Exception> {
    let value = patch.text();
    if words.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(patch.invalid(&format!("it must be one of [{}]", words.join(", "))))
}

/// -1 takes the limit away.
fn burst_limit(patch: &Patch<'_>) -> Result<i32, Exception> {
    let limit: i32 = patch.number()?;
    if limit < -1 { Err(patch.invalid("it must not be negative, but for -1")) } else { Ok(limit) }
}

/// -1 takes the limit away.
fn rate_limit(patch: &Patch<'_>) -> Result<f64, Exception> {
    let limit: f64 = patch.number()?;
    if limit < 0.0 && limit != -1.0 { Err(patch.invalid("it must not be negative, but for -1")) } else { Ok(limit) }
}

fn time_to_live(patch: &Patch<'_>) -> Result<i32, Exception> {
    let seconds: i32 = patch.number()?;
    if (0..=3600).contains(&seconds) { Ok(seconds) } else { Err(patch.invalid("it must be from 0 to 3600")) }
}

/// With AWS's defaults for what is not set. A level of logging has none.
pub fn shape(setting: &MethodSetting) -> Value {
    let strategy = setting.unauthorized_cache_control_header_strategy.as_deref();
    let mut shown = json!({
        "metricsEnabled": setting.metrics_enabled.unwrap_or(false),
        "dataTraceEnabled": setting.data_trace_enabled.unwrap_or(false),
        "throttlingBurstLimit": setting.throttling_burst_limit.unwrap_or(5000),
        "throttlingRateLimit": setting.throttling_rate_limit.unwrap_or(10_000.0),
        "cachingEnabled": setting.caching_enabled.unwrap_or(false),
        "cacheTtlInSeconds": setting.cache_ttl_in_seconds.unwrap_or(300),
        "cacheDataEncrypted": setting.cache_data_encrypted.unwrap_or(false),
        "requireAuthorizationForCacheControl": setting.require_authorization_for_cache_control.unwrap_or(true),
        "unauthorizedCacheControlHeaderStrategy": strategy.unwrap_or("SUCCEED_WITH_RESPONSE_HEADER"),
    });
    if let Some(level) = &setting.logging_level {
        shown["loggingLevel"] = level.as_str().into();
    }
    shown
}
