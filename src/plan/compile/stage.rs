//! What a stage itself says: its variables, its canary, and the settings of its methods.
//! (Guide, `aws-api-gateway-stage-variables-reference`, `canary-release`, `how-to-stage-settings`.)

use super::{Compilation, Problem, Unsupported, ValueName, expression};
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

pub const WEB_ACL: &str = "web ACLs are not enforced by this version";
pub const CLIENT_CERTIFICATE: &str = "backends are not shown a client certificate by this version";
pub const TAKE_AWAY: &str = "take it away";

/// Settings that somebody relies on are not passed over: where methods are not denied for them, they are refused.
pub fn refuse_what_is_not_served(compilation: &mut Compilation<'_>, stage: &Stage) {
    let pointer = Pointer::stage(&stage.stage_name);
    for key in stage.method_settings.keys().filter(|key| MethodKey::parse(key).is_none()) {
        let refusal =
            compilation.refuse(pointer.child("methodSettings").child(key), format!("`{key}` names no method"));
        refusal.help("write `*/*` for all methods, or path and method as in `pets/{id}/GET`");
    }
    match compilation.compiler.on_unsupported {
        Unsupported::Deny => return,
        Unsupported::Refuse => {}
    }
    let mut refuse = |member: &str, asks: bool, message: &str, help: &str| {
        if asks {
            compilation.refuse(pointer.child(member), message).help(help);
        }
    };
    refuse("webAclArn", stage.web_acl_arn.is_some(), WEB_ACL, TAKE_AWAY);
    refuse("clientCertificateId", stage.client_certificate_id.is_some(), CLIENT_CERTIFICATE, TAKE_AWAY);
    for (key, setting) in &stage.method_settings {
        let pointer = pointer.child("methodSettings").child(key);
        for unserved in UNSERVED_SETTINGS.iter().filter(|unserved| (unserved.asks)(setting)) {
            compilation.refuse(pointer.child(unserved.member), unserved.message).help(unserved.help);
        }
    }
}

/// Whose settings an entry of `methodSettings` has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MethodKey {
    /// `*/*`
    Every,
    /// With its leading slash.
    One { path: String, http_method: String },
}

impl MethodKey {
    /// AWS takes `~1pets~1{id}/GET` in paths of patches, and answers `pets/{id}/GET`; the root is `~1/GET` or `/GET`.
    pub fn parse(key: &str) -> Option<MethodKey> {
        if key == "*/*" {
            return Some(MethodKey::Every);
        }
        let (path, http_method) = key.rsplit_once('/')?;
        let known = matches!(http_method, "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" | "ANY");
        let path = path.replace("~1", "/").replace("~0", "~");
        let path = format!("/{}", path.trim_matches('/'));
        known.then(|| MethodKey::One { path, http_method: http_method.to_owned() })
    }
}

/// Settings of methods that the definition does not have. AWS keeps them for a deployment that has the method; in a
/// document, whose stage has no other, it is a slip of the pen.
pub fn settings_of_no_method(definition: &ApiDefinition, stage: &Stage) -> impl Iterator<Item = Problem> {
    stage.method_settings.keys().filter_map(|key| match MethodKey::parse(key)? {
        MethodKey::Every => None,
        MethodKey::One { path, http_method } => {
            let pointer = Pointer::stage(&stage.stage_name).child("methodSettings").child(key);
            unknown_method(definition, &path, &http_method, pointer)
        }
    })
}

fn unknown_method(definition: &ApiDefinition, path: &str, http_method: &str, pointer: Pointer) -> Option<Problem> {
    let resource = definition.resources.iter().find(|resource| resource.path == path);
    if resource.is_some_and(|resource| resource.resource_methods.contains_key(http_method)) {
        return None;
    }
    let message = format!("the API has no method `{http_method} {path}`");
    let help = match resource.filter(|resource| !resource.resource_methods.is_empty()) {
        Some(resource) => {
            let methods: Vec<_> = resource.resource_methods.keys().map(String::as_str).collect();
            format!("`{path}` has {}", methods.join(", "))
        }
        None => "the path is the resource's, with its braces: `pets/{id}/GET`".to_owned(),
    };
    Some(Problem { value: ValueName::of(0, pointer), message, help: Some(help), related: None })
}

/// A member of `methodSettings` that may ask for what is not served.
pub struct UnservedSetting {
    pub member: &'static str,
    pub is_set: fn(&MethodSetting) -> bool,
    pub asks: fn(&MethodSetting) -> bool,
    pub message: &'static str,
    pub help: &'static str,
}

/// What is not in it: metrics, which every method has anyway, and what [`super::cache`] and [`super::throttle`] have.
pub const UNSERVED_SETTINGS: [UnservedSetting; 2] = [
    UnservedSetting {
        member: "loggingLevel",
        is_set: |setting| setting.logging_level.is_some(),
        asks: |setting| setting.logging_level.as_deref().is_some_and(|level| level != "OFF"),
        message: "executions are not logged by this version",
        help: "set it to `OFF`; the access log has every error of a request",
    },
    UnservedSetting {
        member: "dataTraceEnabled",
        is_set: |setting| setting.data_trace_enabled.is_some(),
        asks: |setting| setting.data_trace_enabled == Some(true),
        message: "requests and answers are not logged whole by this version",
        help: "set it to false",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_named_in_the_spellings_of_aws() {
        #[track_caller]
        fn check(key: &str, expected: Option<(&str, &str)>) {
            let one = |(path, http_method): (&str, &str)| (path.to_owned(), http_method.to_owned());
            let expected = expected.map(one).map(|(path, http_method)| MethodKey::One { path, http_method });
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
