//! What a stage itself says: its variables, its canary, and the settings of its methods.
//! (Guide, `aws-api-gateway-stage-variables-reference`, `canary-release`, `how-to-stage-settings`.)

use super::{Compilation, expression};
use crate::model::{ApiDefinition, CanarySettings, MethodSetting, Pointer, Stage, StageVariables};
use crate::plan::release::Share;

/// The stage as its canary sees it.
pub fn of_canary(stage: &Stage, settings: &CanarySettings) -> Stage {
    let mut canary = stage.clone();
    let overrides = &settings.stage_variable_overrides;
    canary.variables.extend(overrides.iter().map(|(name, value)| (name.clone(), value.clone())));
    canary
}

/// The stage's canary and its share; `None` where there is none, or its share is no percentage.
pub fn canary<'m>(compilation: &mut Compilation<'_>, stage: &'m Stage) -> Option<(&'m CanarySettings, Share)> {
    let settings = stage.canary_settings.as_ref()?;
    let share = Share::of_percent(settings.percent_traffic);
    if share.is_none() {
        let pointer = Pointer::stage(&stage.stage_name).child("canarySettings").child("percentTraffic");
        let message = format!("a canary cannot get {} % of the traffic", settings.percent_traffic);
        compilation.refuse(pointer, message).help("`percentTraffic` is from 0.0 to 100.0");
    }
    Some((settings, share?))
}

pub fn refuse_odd_variables(compilation: &mut Compilation<'_>, stage: &Stage) {
    let pointer = Pointer::stage(&stage.stage_name);
    refuse_odd(compilation, &stage.variables, &pointer.child("variables"));
    if let Some(canary) = &stage.canary_settings {
        let pointer = pointer.child("canarySettings").child("stageVariableOverrides");
        refuse_odd(compilation, &canary.stage_variable_overrides, &pointer);
    }
}

fn refuse_odd(compilation: &mut Compilation<'_>, variables: &StageVariables, pointer: &Pointer) {
    for (name, value) in variables {
        if !expression::is_stage_variable_name(name) {
            let message = format!("`{name}` cannot be the name of a stage variable");
            compilation.refuse(pointer.child(name), message).help("it has letters, digits and `_`");
        }
        if !expression::is_stage_variable_value(value) {
            let message = format!("the stage variable `{name}` has a value with characters that it cannot have");
            let help = "it has visible ASCII characters, without quotes, braces, `<`, `>` and `$`";
            compilation.refuse(pointer.child(name), message).help(help);
        }
    }
}

/// Settings that somebody relies on are not passed over.
pub fn refuse_what_is_not_served(compilation: &mut Compilation<'_>, definition: &ApiDefinition, stage: &Stage) {
    let pointer = Pointer::stage(&stage.stage_name);
    if stage.cache_cluster_enabled {
        let message = "answers are not cached by this version";
        compilation.refuse(pointer.child("cacheClusterEnabled"), message).help("set it to false");
    }
    for (key, setting) in &stage.method_settings {
        let pointer = pointer.child("methodSettings").child(key);
        match MethodKey::parse(key) {
            Some(MethodKey::Every) => {}
            Some(MethodKey::One { path, http_method }) => {
                refuse_unknown_method(compilation, definition, &path, http_method, pointer.clone());
            }
            None => {
                let message = format!("`{key}` names no method");
                let help = "write `*/*` for all methods, or path and method as in `pets/{id}/GET`";
                compilation.refuse(pointer.clone(), message).help(help);
            }
        }
        refuse_unserved_settings(compilation, setting, &pointer);
    }
}

/// Whose settings an entry of `methodSettings` has.
#[derive(Debug, PartialEq, Eq)]
enum MethodKey<'k> {
    /// `*/*`
    Every,
    /// With its leading slash.
    One { path: String, http_method: &'k str },
}

impl<'k> MethodKey<'k> {
    /// AWS takes `~1pets~1{id}/GET` in paths of patches, and answers `pets/{id}/GET`; the root is `~1/GET` or `/GET`.
    fn parse(key: &'k str) -> Option<MethodKey<'k>> {
        if key == "*/*" {
            return Some(MethodKey::Every);
        }
        let (path, http_method) = key.rsplit_once('/')?;
        let known = matches!(http_method, "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" | "ANY");
        let path = path.replace("~1", "/").replace("~0", "~");
        known.then(|| MethodKey::One { path: format!("/{}", path.trim_matches('/')), http_method })
    }
}

fn refuse_unknown_method(
    compilation: &mut Compilation<'_>,
    definition: &ApiDefinition,
    path: &str,
    http_method: &str,
    pointer: Pointer,
) {
    let resource = definition.resources.iter().find(|resource| resource.path == path);
    if resource.is_some_and(|resource| resource.resource_methods.contains_key(http_method)) {
        return;
    }
    let message = format!("the API has no method `{http_method} {path}`");
    let help = match resource.filter(|resource| !resource.resource_methods.is_empty()) {
        Some(resource) => {
            let methods: Vec<_> = resource.resource_methods.keys().map(String::as_str).collect();
            format!("`{path}` has {}", methods.join(", "))
        }
        None => "the path is the resource's, with its braces: `pets/{id}/GET`".to_owned(),
    };
    compilation.refuse(pointer, message).help(help);
}

/// What is served: metrics, which every method has anyway. What has no effect at AWS either, such as a time to live
/// while caching is off, may stand.
fn refuse_unserved_settings(compilation: &mut Compilation<'_>, setting: &MethodSetting, pointer: &Pointer) {
    let mut refuse = |member: &str, asks: bool, message: &str, help: &str| {
        if asks {
            compilation.refuse(pointer.child(member), message).help(help);
        }
    };
    let throttling = "requests are not throttled by this version";
    let unlimited = "take it away, or set it to -1: no limit";
    refuse(
        "throttlingBurstLimit",
        setting.throttling_burst_limit.is_some_and(|limit| limit >= 0),
        throttling,
        unlimited,
    );
    refuse(
        "throttlingRateLimit",
        setting.throttling_rate_limit.is_some_and(|limit| limit >= 0.0),
        throttling,
        unlimited,
    );
    let caches = setting.caching_enabled == Some(true);
    refuse("cachingEnabled", caches, "answers are not cached by this version", "set it to false");
    let help = "set it to `OFF`; the access log has every error of a request";
    let logs = setting.logging_level.as_deref().is_some_and(|level| level != "OFF");
    refuse("loggingLevel", logs, "executions are not logged by this version", help);
    let traces = setting.data_trace_enabled == Some(true);
    refuse("dataTraceEnabled", traces, "requests and answers are not logged whole by this version", "set it to false");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_named_in_the_spellings_of_aws() {
        #[track_caller]
        fn check(key: &str, expected: Option<(&str, &str)>) {
            let expected = expected.map(|(path, http_method)| MethodKey::One { path: path.to_owned(), http_method });
            assert_eq!(MethodKey::parse(key), expected, "{key}");
        }
        check("~1pets~1{id}/GET", Some(("/pets/{id}", "GET")));
        check("pets/{id}/GET", Some(("/pets/{id}", "GET")));
        check("/pets/{id}/ANY", Some(("/pets/{id}", "ANY")));
        check("~1/GET", Some(("/", "GET")));
        check("/GET", Some(("/", "GET")));
        check("~1a~0b/PUT", Some(("/a~b", "PUT")));
        check("pets", None);
        check("pets/get", None);
        check("*/GET", Some(("/*", "GET")));
        assert_eq!(MethodKey::parse("*/*"), Some(MethodKey::Every));
    }
}
