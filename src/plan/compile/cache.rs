//! The stage cache: what a stage's settings and its methods' integrations say of it.
//! (Guide, `api-gateway-caching`; API reference, `API_MethodSetting`, `API_PutIntegration`.)

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Compilation;
use super::expression;
use super::stage::MethodKey;
use crate::model::{self, ApiDefinition, MethodSetting, Pointer, Resource, Stage};
use crate::plan::MethodPlan;
use crate::plan::cache::{
    CacheDefinition, CacheExtension, EXTENDED_ITEM_BYTES_MAX, Invalidation, MethodCache, StageCache,
    UnauthorizedStrategy,
};
use crate::plan::integration::Integration;
use crate::plan::release::Release;
use crate::plan::template::ValueSource;

/// `cacheClusterSize` in GB, and in MiB. (API reference, `API_Stage`.)
const CLUSTER_SIZES: [(&str, u64); 8] = [
    ("0.5", 512),
    ("1.6", 1_638),
    ("6.1", 6_246),
    ("13.5", 13_824),
    ("28.4", 29_081),
    ("58.2", 59_596),
    ("118", 120_832),
    ("237", 242_688),
];

const TTL_S_DEFAULT: i32 = 300;
const TTL_S_MAX: i32 = 3600;

/// What an answer may be stale: a day.
const STALE_S_MAX: i32 = 86_400;

/// What several resources name as their `cacheNamespace`, which by default is the resource's id.
pub fn shared_namespaces(definition: &ApiDefinition) -> HashSet<String> {
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut shared = HashSet::new();
    for resource in &definition.resources {
        let integrations = resource.resource_methods.values().filter_map(|method| method.method_integration.as_ref());
        for integration in integrations {
            let namespace = namespace(integration, resource);
            if *first.entry(namespace).or_insert(&resource.path) != resource.path {
                shared.insert(namespace.to_owned());
            }
        }
    }
    shared
}

fn namespace<'m>(integration: &'m model::Integration, resource: &'m Resource) -> &'m str {
    integration.cache_namespace.as_deref().unwrap_or(resource.id.as_str())
}

/// What an integration says of keeping its answers, if anything.
pub fn definition(
    compilation: &mut Compilation<'_>,
    stage: &Stage,
    resource: &Resource,
    integration: &model::Integration,
    pointer: &Pointer,
) -> Option<Box<CacheDefinition>> {
    let namespace = namespace(integration, resource);
    let mut parameters = Vec::new();
    for text in &integration.cache_key_parameters {
        // A parameter of the integration is what the request maps to it.
        let mapped = integration.request_parameters.get(text);
        match expression::request_source(mapped.unwrap_or(text), &resource.path, &stage.variables) {
            // The whole body is in the key of whatever has one.
            Ok(source) if source.is_of_body() => {}
            Ok(ValueSource::Static(_)) => {}
            Ok(source) => parameters.push(source),
            Err(refused) => {
                let message = format!("`{text}` cannot be a cache key parameter: {}", refused.message);
                let help = "write `method.request.querystring.name` (or `path`, `header`), or a parameter that \
                            `requestParameters` sets, `integration.request.querystring.name`";
                compilation.refuse(pointer.child("cacheKeyParameters"), message).help(help);
            }
        }
    }
    let definition = CacheDefinition {
        parameters: parameters.into(),
        shared_namespace: compilation.shared_namespaces.contains(namespace).then(|| namespace.into()),
        extension: integration.cache.as_ref().map(|cache| extension(compilation, cache, pointer)).unwrap_or_default(),
    };
    (definition != CacheDefinition::default()).then(|| Box::new(definition))
}

fn extension(compilation: &mut Compilation<'_>, written: &model::CacheExtension, pointer: &Pointer) -> CacheExtension {
    let pointer = pointer.child("x-tollgate-cache");
    let mut number = |member: &str, written: Option<i32>, most: i32| {
        let number = written?;
        if !(0..=most).contains(&number) {
            let message = format!("`{member}` is {number}");
            compilation.refuse(pointer.child(member), message).help(format!("it is from 0 to {most}"));
        }
        u64::try_from(number).ok()
    };
    let default = CacheExtension::default();
    let revalidate_s = number("staleWhileRevalidateInSeconds", written.stale_while_revalidate_in_seconds, STALE_S_MAX);
    let error_s = number("staleIfErrorInSeconds", written.stale_if_error_in_seconds, STALE_S_MAX);
    let item_bytes_max = number("itemBytesMax", written.item_bytes_max, EXTENDED_ITEM_BYTES_MAX as i32);
    CacheExtension {
        stale_while_revalidate_ms: revalidate_s.unwrap_or_default() * 1000,
        stale_if_error_ms: error_s.unwrap_or_default() * 1000,
        item_bytes_max: item_bytes_max.unwrap_or(default.item_bytes_max),
        etag: written.etag.unwrap_or_default(),
        shared_with_authorization: written.shared_with_authorization.unwrap_or_default(),
    }
}

/// Whose answers a stage keeps; `None` where it has no cache, or nobody uses it.
pub fn of_stage(
    stage: &Stage,
    release: Release,
    definition: &ApiDefinition,
    methods: &[MethodPlan],
) -> Option<Arc<StageCache>> {
    if !stage.cache_cluster_enabled {
        return None;
    }
    let settings: HashMap<MethodKey, &MethodSetting> = stage
        .method_settings
        .iter()
        .filter_map(|(key, setting)| MethodKey::parse(key).map(|method| (method, setting)))
        .collect();
    let bytes_max = cluster_bytes(stage).unwrap_or_default();
    let every = settings.get(&MethodKey::Every).copied();
    let binary = !definition.rest_api.binary_media_types.is_empty();
    let of_method = |method: &MethodPlan| {
        let (path, http_method) = (method.resource_path.to_string(), method.http_method.to_string());
        let own = settings.get(&MethodKey::One { path, http_method }).copied();
        method_cache(method, own, every, binary).map(Box::new)
    };
    let methods: Box<[_]> = methods.iter().map(of_method).collect();
    let uses_stage_cache = stage.canary_settings.as_ref().is_some_and(|canary| canary.use_stage_cache);
    let of_canary = release == Release::Canary && !uses_stage_cache;
    methods.iter().any(Option::is_some).then(|| Arc::new(StageCache { bytes_max, of_canary, methods }))
}

/// `None` for a size that AWS does not have.
fn cluster_bytes(stage: &Stage) -> Option<u64> {
    let size = stage.cache_cluster_size.as_deref().unwrap_or(CLUSTER_SIZES[0].0);
    let known = CLUSTER_SIZES.iter().find(|(name, _)| *name == size);
    known.map(|(_, mebibytes)| mebibytes << 20)
}

/// What a stage cannot say of its cache, whether it has one or not.
pub fn refuse_odd_settings(compilation: &mut Compilation<'_>, stage: &Stage) {
    let pointer = Pointer::stage(&stage.stage_name);
    if cluster_bytes(stage).is_none() {
        let size = stage.cache_cluster_size.as_deref().unwrap_or_default();
        let sizes: Vec<&str> = CLUSTER_SIZES.iter().map(|(name, _)| *name).collect();
        let message = format!("`{size}` is no size of a cache cluster");
        let help = format!("it is one of {}", sizes.join(", "));
        compilation.refuse(pointer.child("cacheClusterSize"), message).help(help);
    }
    for (key, setting) in &stage.method_settings {
        let pointer = pointer.child("methodSettings").child(key);
        if let Some(ttl_s) = setting.cache_ttl_in_seconds.filter(|ttl_s| !(0..=TTL_S_MAX).contains(ttl_s)) {
            let message = format!("{ttl_s} seconds are no time to live");
            let help = format!("it is from 0, which keeps nothing, to {TTL_S_MAX}");
            compilation.refuse(pointer.child("cacheTtlInSeconds"), message).help(help);
        }
        let strategy = setting.unauthorized_cache_control_header_strategy.as_deref();
        if let Some(strategy) = strategy.filter(|strategy| UnauthorizedStrategy::named(strategy).is_none()) {
            let help = "it is FAIL_WITH_403, SUCCEED_WITH_RESPONSE_HEADER or SUCCEED_WITHOUT_RESPONSE_HEADER";
            let pointer = pointer.child("unauthorizedCacheControlHeaderStrategy");
            compilation.refuse(pointer, format!("`{strategy}` is no strategy")).help(help);
        }
    }
}

/// A member that a method does not set itself is that of `*/*`; but that answers are kept, only `GET` has from there. What
/// is streamed is not kept, and what the plan itself answers needs not be. (Guide, `api-gateway-caching`,
/// `response-transfer-mode`.)
fn method_cache(
    method: &MethodPlan,
    own: Option<&MethodSetting>,
    every: Option<&MethodSetting>,
    binary: bool,
) -> Option<MethodCache> {
    fn either<T: Copy>(
        own: Option<&MethodSetting>,
        every: Option<&MethodSetting>,
        member: fn(&MethodSetting) -> Option<T>,
    ) -> Option<T> {
        own.and_then(member).or_else(|| every.and_then(member))
    }
    let (by_accept, by_content_type) = match &method.integration {
        Integration::Http(http) if !http.streams => {
            let several = http.responses.iter().any(|response| response.templates.len() > 1);
            (!http.proxy && (binary || several), !http.request.templates.is_empty())
        }
        // What a client accepts decides whether base64 is decoded, and what it sends, what the event has of its body.
        Integration::Lambda(lambda) if !lambda.streams => (binary, binary),
        Integration::Http(_) | Integration::Lambda(_) | Integration::Mock(_) | Integration::Denied(_) => return None,
    };
    // Answers are kept of what has a body; one of `GET` is not another method's to give.
    if method.http_method == "HEAD" {
        return None;
    }
    let any = method.http_method == "ANY";
    let every_for_enabled = every.filter(|_| any || method.http_method == "GET");
    let enabled = either(own, every_for_enabled, |setting| setting.caching_enabled).unwrap_or(false);
    let ttl_s = either(own, every, |setting| setting.cache_ttl_in_seconds).unwrap_or(TTL_S_DEFAULT);
    let ttl_ms = u64::try_from(ttl_s).unwrap_or(0) * 1000;
    if !enabled || ttl_ms == 0 {
        return None;
    }
    let strategy = |setting: &MethodSetting| {
        setting.unauthorized_cache_control_header_strategy.as_deref().and_then(UnauthorizedStrategy::named)
    };
    let strategy = own.and_then(strategy).or_else(|| every.and_then(strategy)).unwrap_or_default();
    let requires = either(own, every, |setting| setting.require_authorization_for_cache_control).unwrap_or(true);
    Some(MethodCache {
        ttl_ms,
        invalidation: if requires { Invalidation::ByAuthorized(strategy) } else { Invalidation::ByAnybody },
        definition: method.cache.as_deref().cloned().unwrap_or_default(),
        by_accept,
        by_content_type,
        any,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderedMap;
    use crate::plan::compile::tests::{definition as api, http_proxy, method, mock, resource, stage};
    use crate::plan::compile::{Options, StageSource, compile};

    fn setting(enabled: Option<bool>, ttl_s: Option<i32>) -> MethodSetting {
        MethodSetting { caching_enabled: enabled, cache_ttl_in_seconds: ttl_s, ..MethodSetting::default() }
    }

    /// `GET 300` for each method of `/a` whose answers are kept, with the seconds for which they are.
    #[track_caller]
    fn check(settings: &[(&str, MethodSetting)], expected: &[&str]) {
        let proxy = || http_proxy("http://b.test/", &[]);
        let methods =
            vec![method("GET", proxy()), method("POST", proxy()), method("ANY", proxy()), method("PUT", mock())];
        let definition = api(vec![resource("/a", methods)]);
        let settings: OrderedMap<MethodSetting> =
            settings.iter().map(|(key, setting)| ((*key).to_owned(), setting.clone())).collect();
        let stage = Stage { cache_cluster_enabled: true, method_settings: settings, ..stage() };
        let source = StageSource { definition: &definition, stage: &stage, canary: None };
        let plan = compile(&[source], &Options::default(), 1).expect("it can be served");
        let cache = plan.stages[0].cache.as_ref();
        let kept = cache.iter().flat_map(|cache| cache.methods.iter().zip(plan.stages[0].methods.iter()));
        let shown = kept.filter_map(|(cache, method)| {
            cache.as_ref().map(|cache| format!("{} {}", method.http_method, cache.ttl_ms / 1000))
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{:?}", stage.method_settings);
    }

    #[test]
    fn whose_answers_are_kept() {
        check(&[], &[]);
        check(&[("*/*", setting(None, Some(5)))], &[]);
        check(&[("*/*", setting(Some(true), None))], &["GET 300", "ANY 300"]);
        check(&[("*/*", setting(Some(true), Some(0)))], &[]);
        check(&[("*/*", setting(Some(true), Some(7))), ("a/GET", setting(Some(false), None))], &["ANY 7"]);
        check(
            &[("*/*", setting(Some(true), Some(7))), ("a/POST", setting(Some(true), None))],
            &["GET 7", "POST 7", "ANY 7"],
        );
        check(&[("~1a/POST", setting(Some(true), Some(3600))), ("a/PUT", setting(Some(true), None))], &["POST 3600"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let mut odd = http_proxy("http://b.test/", &[]);
        odd.cache_key_parameters = vec!["method.request.path.id".to_owned(), "querystring.a".to_owned()];
        odd.cache = Some(model::CacheExtension { item_bytes_max: Some(-1), ..Default::default() });
        let definition = api(vec![resource("/a", vec![method("GET", odd)])]);
        let strategy = MethodSetting {
            unauthorized_cache_control_header_strategy: Some("FAIL".to_owned()),
            ..setting(None, Some(3601))
        };
        let stage = Stage {
            cache_cluster_size: Some("1".to_owned()),
            method_settings: [("*/*".to_owned(), strategy)].into_iter().collect(),
            ..stage()
        };
        let source = StageSource { definition: &definition, stage: &stage, canary: None };
        let problems = compile(&[source], &Options::default(), 1).expect_err("nothing of it can be served");
        let of_method = "/resources/~1a/resourceMethods/GET/methodIntegration";
        let shown: Vec<_> = problems.iter().map(|problem| problem.value.pointer.as_str()).collect();
        assert_eq!(
            shown,
            [
                "/stages/prod/cacheClusterSize",
                "/stages/prod/methodSettings/*~1*/cacheTtlInSeconds",
                "/stages/prod/methodSettings/*~1*/unauthorizedCacheControlHeaderStrategy",
                &*format!("{of_method}/cacheKeyParameters"),
                &*format!("{of_method}/cacheKeyParameters"),
                &*format!("{of_method}/x-tollgate-cache/itemBytesMax"),
            ]
        );
    }

    #[test]
    fn resources_that_name_one_namespace_share_it() {
        let in_namespace = |name: Option<&str>| {
            let mut integration = http_proxy("http://b.test/", &[]);
            integration.cache_namespace = name.map(str::to_owned);
            vec![method("GET", integration.clone()), method("POST", integration)]
        };
        let resources = [("/a", Some("x")), ("/b", Some("x")), ("/c", Some("y")), ("/d", None)];
        let definition = api(resources.map(|(path, name)| resource(path, in_namespace(name))).into());
        assert_eq!(shared_namespaces(&definition), HashSet::from(["x".to_owned()]));
    }
}
