use serde_json::{Value, json};

use super::super::deployments::tests::{api_with_method, deploy};
use super::super::fixture::{Desk, patch_body};
use crate::control_plane::operation::Reply;
use crate::model::{ApiStage, BasePathMapping, RestApiId, UsagePlan, UsagePlanId};

/// An API with a deployment and the stage `dev`; the paths of the API and the stage.
fn with_stage(desk: &mut Desk) -> (String, String) {
    let api = api_with_method(desk);
    let id = deploy(desk, &api, Value::Null);
    let body = json!({ "stageName": "dev", "deploymentId": id, "variables": { "a": "1" }, "tags": { "k": "v" } });
    desk.call("POST", &format!("{api}/stages"), body);
    let stage = format!("{api}/stages/dev");
    (api, stage)
}

#[test]
fn a_stage_is_made_found_changed_and_removed() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    let id = deploy(&mut desk, &api, Value::Null);
    let stages = format!("{api}/stages");
    let made = desk.call("POST", &stages, json!({ "stageName": "dev", "deploymentId": id, "description": "" }));
    let expected = json!({ "deploymentId": id, "stageName": "dev", "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "tracingEnabled": false,
        "createdDate": 1_700_000_000, "lastUpdatedDate": 1_700_000_000 });
    assert_eq!(made, expected);
    let stage = format!("{stages}/dev");
    assert_eq!(desk.call("GET", &stage, Value::Null), made);
    let body = json!({ "stageName": "dev", "deploymentId": id });
    assert_eq!(desk.refusal("POST", &stages, body), "ConflictException: Stage already exists");
    assert_eq!(desk.call("GET", &format!("{stages}?deploymentId={id}"), Value::Null)["item"], json!([made]));
    assert_eq!(desk.call("GET", &format!("{stages}?deploymentId=x"), Value::Null)["item"], json!([]));
    match desk.try_call("DELETE", &format!("{stage}/cache/data"), b"") {
        Ok((202, Reply::CacheFlush(flushed))) => assert_eq!((&*flushed.stage, flushed.api_id.len()), ("dev", 10)),
        other => panic!("{other:?}"),
    }
    match desk.try_call("DELETE", &format!("{stage}/cache/authorizers"), b"") {
        Ok((202, Reply::AuthorizersFlush(flushed))) => assert_eq!((&*flushed.stage, flushed.api_id.len()), ("dev", 10)),
        other => panic!("{other:?}"),
    }
    desk.call("DELETE", &stage, Value::Null);
    let gone = "NotFoundException: Invalid stage identifier specified";
    assert_eq!(desk.refusal("GET", &stage, Value::Null), gone);
    assert_eq!(desk.refusal("DELETE", &format!("{stage}/cache/data"), Value::Null), gone);
}

#[test]
fn what_aws_does_not_take_is_refused() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    let id = deploy(&mut desk, &api, Value::Null);
    let mut check = |body: Value, expected: &str| {
        let mut body = body;
        for (member, value) in [("stageName", "dev"), ("deploymentId", id.as_str())] {
            if body.get(member).is_none() {
                body[member] = value.into();
            }
        }
        let refused = desk.refusal("POST", &format!("{api}/stages"), body);
        assert_eq!(refused, format!("BadRequestException: {expected}"));
    };
    check(json!({ "stageName": "" }), "Stage name only allows a-zA-Z0-9_- and at most 128 of them");
    check(json!({ "deploymentId": null }), "Deployment id is required");
    check(json!({ "deploymentId": "none" }), "Deployment id does not exist");
    check(json!({ "canarySettings": { "deploymentId": "none" } }), "Deployment id does not exist");
    check(json!({ "documentationVersion": "1" }), "Invalid Documentation version specified");
    let sizes = "Invalid cacheClusterSize '1'. Must be one of: [0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]";
    check(json!({ "cacheClusterSize": "1" }), sizes);
    let value = "Invalid value for variables.a: it must match [A-Za-z0-9-._~:/?#&=,]+";
    check(json!({ "variables": { "a": "b c" } }), value);
    let name = "Invalid name 'a-b' in variables: it must have alphanumeric characters and underscores only";
    check(json!({ "variables": { "a-b": "c" } }), name);
    let percent = "Invalid value for canarySettings.percentTraffic: it must be from 0.0 to 100.0";
    check(json!({ "canarySettings": { "percentTraffic": 100.5 } }), percent);
}

#[track_caller]
fn check(operations: &[&str], member: &str, expected: &Value) {
    let mut desk = Desk::default();
    let (_, stage) = with_stage(&mut desk);
    let shown = desk.patch(&stage, operations);
    assert_eq!(&shown[member], expected, "{operations:?}");
    assert_eq!(desk.call("GET", &stage, Value::Null), shown);
}

#[test]
fn each_path_changes_its_member() {
    check(&["replace /description d"], "description", &"d".into());
    check(&["replace /description d", "replace /description "], "description", &Value::Null);
    check(&["replace /variables/b 2", "remove /variables/a"], "variables", &json!({ "b": "2" }));
    check(&["replace /cacheClusterEnabled True"], "cacheClusterSize", &"0.5".into());
    check(&["replace /cacheClusterSize 1.6"], "cacheClusterSize", &"1.6".into());
    check(&["replace /tracingEnabled true"], "tracingEnabled", &true.into());
    let destination = "replace /accessLogSettings/destinationArn arn:aws:logs:x";
    let settings = json!({ "destinationArn": "arn:aws:logs:x", "format": "$context.requestId" });
    check(&[destination, "replace /accessLogSettings/format $context.requestId"], "accessLogSettings", &settings);
    check(&[destination, "remove /accessLogSettings"], "accessLogSettings", &Value::Null);
    check(&["remove /accessLogSettings"], "accessLogSettings", &Value::Null);
    check(&["replace /canarySettings/percentTraffic 5", "remove /canarySettings"], "canarySettings", &Value::Null);
    check(&["remove /canarySettings/stageVariableOverrides/a"], "canarySettings", &Value::Null);
}

#[test]
fn a_setting_of_a_method_brings_the_defaults_of_the_others() {
    let with = |members: Value| {
        let mut setting = json!({ "metricsEnabled": false, "dataTraceEnabled": false, "throttlingBurstLimit": 5000,
            "throttlingRateLimit": 10_000.0, "cachingEnabled": false, "cacheTtlInSeconds": 300,
            "cacheDataEncrypted": false, "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER" });
        for (member, value) in members.as_object().expect("members") {
            setting[member] = value.clone();
        }
        setting
    };
    let check = |operation: &str, key: &str, members: Value| {
        check(&[operation], "methodSettings", &json!({ key: with(members) }));
    };
    check("replace /*/*/logging/dataTrace true", "*/*", json!({ "dataTraceEnabled": true }));
    check("replace /*/*/logging/loglevel INFO", "*/*", json!({ "loggingLevel": "INFO" }));
    let key = "~1pets~1{id}/GET";
    check("replace /~1pets~1{id}/GET/metrics/enabled true", key, json!({ "metricsEnabled": true }));
    check("replace /pets/GET/throttling/burstLimit -1", "pets/GET", json!({ "throttlingBurstLimit": -1 }));
    check("replace /~1/GET/throttling/rateLimit 0.5", "~1/GET", json!({ "throttlingRateLimit": 0.5 }));
    check("replace //GET/caching/enabled true", "/GET", json!({ "cachingEnabled": true }));
    check("replace /*/*/caching/ttlInSeconds 0", "*/*", json!({ "cacheTtlInSeconds": 0 }));
    check("replace /*/*/caching/dataEncrypted True", "*/*", json!({ "cacheDataEncrypted": true }));
    let member = json!({ "requireAuthorizationForCacheControl": false });
    check("replace /*/*/caching/requireAuthorizationForCacheControl false", "*/*", member);
    let strategy = json!({ "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403" });
    check("replace /*/*/caching/unauthorizedCacheControlHeaderStrategy FAIL_WITH_403", "*/*", strategy);
    let gone =
        ["replace //GET/caching/enabled true", "remove //GET", "replace /*/*/caching/enabled true", "remove /*/*"];
    self::check(&gone, "methodSettings", &json!({}));
}

#[test]
fn what_patch_does_not_permit_is_refused() {
    let mut desk = Desk::default();
    let (_, stage) = with_stage(&mut desk);
    let mut check = |operation: &str, expected: &str| {
        let refused = desk.refusal("PATCH", &stage, patch_body(&[operation]));
        assert!(refused.starts_with(&format!("BadRequestException: {expected}")), "{operation}: {refused}");
    };
    let none = "because there is no method setting for this method ";
    check("remove /*/*", &format!("Cannot remove method setting */* {none}"));
    check("remove /canarySettings/badPath", &format!("Cannot remove method setting canarySettings/badPath {none}"));
    check(
        "replace /canarySettings/badPath x",
        "Invalid method setting path: /canarySettings/badPath. Must be one of: [/deploymentId, ",
    );
    check("replace /tags/a x", "Invalid method setting path: /tags/a.");
    check("replace /*/GET/metrics/enabled true", "Invalid method setting path: /*/GET/metrics/enabled.");
    check("replace /pets/get/metrics/enabled true", "Invalid method setting path: /pets/get/metrics/enabled.");
    check("replace /*/*/metrics/on true", "Invalid method setting path: /*/*/metrics/on.");
    check("replace /deploymentId none", "Deployment id does not exist");
    check("replace /clientCertificateId none", "Invalid Client Certificate identifier specified");
    check("replace /accessLogSettings/destinationArn x", "Invalid ARN specified in the request");
    check("add /canarySettings/deploymentId x", "Invalid patch operation specified. Must be one of: [replace, copy]");
    for (path, value) in [
        ("/*/*/throttling/rateLimit", "NaN"),
        ("/*/*/throttling/rateLimit", "inf"),
        ("/*/*/throttling/rateLimit", "-0.5"),
        ("/*/*/throttling/burstLimit", "-2"),
        ("/*/*/throttling/burstLimit", "1.5"),
        ("/*/*/caching/ttlInSeconds", "3601"),
        ("/*/*/logging/loglevel", "info"),
        ("/*/*/metrics/enabled", "yes"),
        ("/canarySettings/percentTraffic", "100.1"),
        ("/canarySettings/percentTraffic", "NaN"),
        ("/variables/a", "$x"),
        ("/cacheClusterEnabled", ""),
    ] {
        check(&format!("replace {path} {value}"), &format!("Invalid value '{value}' specified for path '{path}'"));
    }
}

#[test]
fn a_canary_is_made_by_its_first_setting_and_promoted_by_copies() {
    let mut desk = Desk::default();
    let (api, stage) = with_stage(&mut desk);
    let first = desk.call("GET", &stage, Value::Null)["deploymentId"].clone();
    let promote =
        ["copy /deploymentId /canarySettings/deploymentId", "copy /variables /canarySettings/stageVariableOverrides"];
    let none = "BadRequestException: Promotion not available. Canary does not exist.";
    assert_eq!(desk.refusal("PATCH", &stage, patch_body(&promote)), none);
    let wrong = patch_body(&["copy /canarySettings/stageVariableOverrides /variables"]);
    let wrong = desk.refusal("PATCH", &stage, wrong);
    let start = "BadRequestException: Invalid copy operation with path: /canarySettings/stageVariableOverrides and \
                 from /variables. Valid copy:path are [/deploymentId, /variables]";
    assert!(wrong.starts_with(start), "{wrong}");
    let shown = desk.patch(&stage, &["replace /canarySettings/percentTraffic 50.000000"]);
    let canary = json!({ "deploymentId": first, "percentTraffic": 50.0, "useStageCache": false });
    assert_eq!(shown["canarySettings"], canary);
    let second = deploy(&mut desk, &api, Value::Null);
    let deployment = format!("replace /canarySettings/deploymentId {second}");
    let variable = "replace /canarySettings/stageVariableOverrides/b 2";
    let shown = desk.patch(&stage, &[&deployment, variable, "replace /canarySettings/useStageCache true"]);
    assert_eq!((&shown["deploymentId"], &shown["canarySettings"]["useStageCache"]), (&first, &true.into()));
    let shown = desk.patch(&stage, &promote);
    assert_eq!(shown["deploymentId"], second.as_str());
    assert_eq!(shown["variables"], json!({ "a": "1", "b": "2" }));
    assert_eq!(shown["canarySettings"]["percentTraffic"], 50.0);
}

#[test]
fn a_stage_that_is_mapped_stays_and_one_that_goes_leaves_its_usage_plans() {
    let mut desk = Desk::default();
    let (api, stage) = with_stage(&mut desk);
    let api_id = RestApiId(api.trim_start_matches("/restapis/").to_owned());
    let in_stage = |stage: &str| ApiStage { api_id: api_id.clone(), stage: stage.into(), ..ApiStage::default() };
    let api_stages = vec![in_stage("dev"), in_stage("prod")];
    let plan = UsagePlan { id: UsagePlanId("p".into()), api_stages, ..UsagePlan::default() };
    desk.store.usage_plans.put(&["us-east-1", "p"], plan);
    let mapping =
        BasePathMapping { rest_api_id: api_id.clone(), stage: Some("dev".into()), ..BasePathMapping::default() };
    let key = ["us-east-1", "pets.example.com", "(none)"];
    desk.store.base_path_mappings.put(&key, mapping);
    let mapped = "BadRequestException: Deleting stage dev failed. Please remove all base path mappings related to the \
                  stage in your domains: pets.example.com";
    assert_eq!(desk.refusal("DELETE", &stage, Value::Null), mapped);
    desk.store.base_path_mappings.remove(&key);
    desk.call("DELETE", &stage, Value::Null);
    let left = |desk: &Desk| desk.store.usage_plans.row(&["us-east-1", "p"]).expect("a plan").api_stages.clone();
    assert_eq!(left(&desk), [in_stage("prod")]);
    desk.call("DELETE", &api, Value::Null);
    assert_eq!(left(&desk), []);
}
