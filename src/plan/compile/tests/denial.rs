//! What is not served denies the methods that it concerns, and no others. Shown as `GET /a` and why, `-` where it is served.

use serde_json::json;

use super::*;
use crate::model::{AuthorizerId, ConnectionType, DeploymentId, PassthroughBehavior, VpcLinkId};
use crate::plan::MethodPlan;

const DENY: Options = Options {
    targets: None,
    vpc_link_names: VpcLinkNames::new(),
    root: false,
    limits: Limits { integration_timeout_ms_max: 29_000, template_bytes_max: 307_200, policy_bytes_max: 8_192 },
    on_unsupported: Unsupported::Deny,
    owner: Owner::DEFAULT,
};

const LOGS: &str = "executions are not logged by this version";

#[track_caller]
fn check_stage(definition: &ApiDefinition, stage: &Stage, expected: &[(&str, &str)], noted: &[&str]) -> CompiledStage {
    let mut compiler = Compiler::new(DENY.limits, DENY.on_unsupported);
    let compiled = compiler.stage(StageSource { definition, stage, canary: None }).expect("the stage can be served");
    let shown: Vec<(String, &str)> = compiled.plan().methods.iter().map(shown).collect();
    assert_eq!(shown.iter().map(|(name, why)| (&**name, *why)).collect::<Vec<_>>(), expected);
    let denied = compiled.denied();
    assert_eq!(denied.iter().map(|problem| problem.value.pointer.as_str()).collect::<Vec<_>>(), noted);
    compiled
}

fn shown(method: &MethodPlan) -> (String, &str) {
    (format!("{} {}", method.http_method, method.resource_path), method.integration.denied().unwrap_or("-"))
}

#[track_caller]
fn check_method(denied: Method, why: &str, noted: &[&str]) -> CompiledStage {
    let definition = definition(vec![resource("/a", vec![denied]), resource("/b", vec![method("GET", mock())])]);
    let at = Pointer::method("/a", "GET");
    let noted: Vec<String> = noted.iter().map(|place| format!("{at}{place}")).collect();
    let noted: Vec<&str> = noted.iter().map(String::as_str).collect();
    check_stage(&definition, &stage(), &[("GET /a", why), ("GET /b", "-")], &noted)
}

fn with(change: impl FnOnce(&mut Integration)) -> Method {
    let mut integration = http_proxy("http://a.test/", &[]);
    change(&mut integration);
    method("GET", integration)
}

#[test]
fn a_method_is_denied_for_what_it_asks_for() {
    let mut guarded = method("GET", mock());
    guarded.authorization_type = AuthorizationType::Custom;
    guarded.authorizer_id = Some(AuthorizerId("a1".to_owned()));
    check_method(
        guarded,
        "the method's authorization is CUSTOM by an authorizer that is not there",
        &["/authorizationType"],
    );
    check_method(
        with(|one| one.integration_type = IntegrationType::AwsProxy),
        "`http://a.test/` is not the ARN of an integration",
        &["/methodIntegration/uri"],
    );
    let compiled = check_method(
        with(|one| {
            one.connection_type = Some(ConnectionType::VpcLink);
            one.connection_id = Some(VpcLinkId("abc123".to_owned()));
        }),
        "nobody says where the VPC link `abc123` leads",
        &["/methodIntegration/connectionId"],
    );
    assert_eq!(compiled.plan().origins.len(), 0, "nobody asks for the address of what is not asked");
    check_method(
        with(|one| one.credentials = Some("arn:x".to_owned())),
        "only requests to AWS's services are signed with `credentials`",
        &["/methodIntegration/credentials"],
    );
    let look_around = |one: &mut Integration| {
        *one = mock();
        one.integration_responses["200"].selection_pattern = Some("(?!5)".to_owned());
    };
    check_method(
        with(look_around),
        "`(?!5)` is not a regular expression that is served",
        &["/methodIntegration/integrationResponses/200/selectionPattern"],
    );
}

#[test]
fn what_is_wrong_is_refused_all_the_same() {
    #[track_caller]
    fn check(method: Method, expected: &str) {
        let definition = definition(vec![resource("/a", vec![method])]);
        let source = StageSource { definition: &definition, stage: &stage(), canary: None };
        let problems = compile(&[source], &DENY, 1).expect_err("it should be refused");
        assert_eq!(problems.iter().map(|problem| &*problem.message).collect::<Vec<_>>(), [expected]);
    }
    check(with(|one| one.uri = Some("ftp://a".to_owned())), "`ftp` is not a scheme that is served");
    check(with(|one| one.timeout_in_millis = Some(1)), "a timeout of 1 ms is out of range");
    let denied_and_wrong = |one: &mut Integration| {
        one.credentials = Some("arn:x".to_owned());
        one.uri = Some("http://${stageVariables.none}/".to_owned());
    };
    check(with(denied_and_wrong), "the stage variable `none` has no value");
    check(Method { method_integration: None, ..method("GET", mock()) }, "No integration defined for method");
}

/// AWS deploys them, and they answer 500.
#[test]
fn what_cannot_answer_is_served_as_it_is() {
    let without_templates = |one: &mut Integration| *one = Integration { request_templates: map(&[]), ..mock() };
    let without_status = |one: &mut Integration| {
        *one = Integration { request_templates: map(&[("application/json", "no status")]), ..mock() };
    };
    let without_responses = |one: &mut Integration| one.integration_type = IntegrationType::Http;
    let with_another = |one: &mut Integration| {
        *one = mock();
        one.integration_responses["200"].selection_pattern = Some("404".to_owned());
        one.passthrough_behavior = Some(PassthroughBehavior::Never);
    };
    check_method(with(without_templates), "-", &[]);
    check_method(with(without_status), "-", &[]);
    check_method(with(without_responses), "-", &[]);
    check_method(with(with_another), "-", &[]);
}

fn three_methods() -> ApiDefinition {
    definition(vec![
        resource("/a", vec![method("GET", mock()), method("POST", http_proxy("http://a.test/", &[]))]),
        resource("/b/{c}", vec![method("ANY", mock())]),
    ])
}

#[track_caller]
fn check_settings(settings: &[(&str, MethodSetting)], expected: [&str; 3], noted: &[&str]) {
    let mut stage = stage();
    stage.method_settings = settings.iter().map(|(key, setting)| ((*key).to_owned(), setting.clone())).collect();
    let expected = [("GET /a", expected[0]), ("POST /a", expected[1]), ("ANY /b/{c}", expected[2])];
    let noted: Vec<String> = noted.iter().map(|place| format!("/stages/prod/methodSettings/{place}")).collect();
    let noted: Vec<&str> = noted.iter().map(String::as_str).collect();
    check_stage(&three_methods(), &stage, &expected, &noted);
}

#[test]
fn a_setting_denies_the_methods_that_have_it() {
    let logs = |level: &str| MethodSetting { logging_level: Some(level.to_owned()), ..MethodSetting::default() };
    let cache = |enabled| MethodSetting { caching_enabled: Some(enabled), ..MethodSetting::default() };
    check_settings(&[("*/*", logs("OFF"))], ["-", "-", "-"], &[]);
    check_settings(&[("*/*", logs("INFO"))], [LOGS, LOGS, LOGS], &["*~1*/loggingLevel"]);
    let one_without = [("*/*", logs("INFO")), ("a/GET", logs("OFF"))];
    check_settings(&one_without, ["-", LOGS, LOGS], &["*~1*/loggingLevel"]);
    let one_with = [("~1b~1{c}/ANY", logs("ERROR")), ("a/GET", cache(false))];
    check_settings(&one_with, ["-", "-", LOGS], &["~01b~01{c}~1ANY/loggingLevel"]);
    check_settings(&[("gone/GET", logs("INFO"))], ["-", "-", "-"], &[]);
    check_settings(&[("*/*", cache(true))], ["-", "-", "-"], &[]);
    let both = MethodSetting { data_trace_enabled: Some(true), ..logs("INFO") };
    let why = "executions are not logged by this version; requests and answers are not logged whole by this version";
    check_settings(&[("a/GET", both)], [why, "-", "-"], &["a~1GET/loggingLevel", "a~1GET/dataTraceEnabled"]);
    let malformed = Stage { method_settings: [("a".to_owned(), logs("INFO"))].into_iter().collect(), ..stage() };
    let definition = three_methods();
    let source = StageSource { definition: &definition, stage: &malformed, canary: None };
    let problems = compile(&[source], &DENY, 1).expect_err("it names nothing");
    assert_eq!(problems[0].message, "`a` names no method");
}

#[test]
fn what_concerns_the_whole_api_denies_all_of_it() {
    let mut definition = three_methods();
    let acl = Stage { web_acl_arn: Some("arn:x".to_owned()), ..stage() };
    let why = "web ACLs are not enforced by this version";
    let all = |why| [("GET /a", why), ("POST /a", why), ("ANY /b/{c}", why)];
    check_stage(&definition, &acl, &all(why), &["/stages/prod/webAclArn"]);
    let shown = Stage { client_certificate_id: Some(crate::model::ClientCertificateId("c1".to_owned())), ..stage() };
    let why = "backends are not shown a client certificate by this version";
    let of_backends = [("GET /a", "-"), ("POST /a", why), ("ANY /b/{c}", "-")];
    check_stage(&definition, &shown, &of_backends, &["/stages/prod/clientCertificateId"]);
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } },
    } });
    definition.rest_api.policy = Some(policy.to_string());
    let why = "this gateway cannot tell the condition key `aws:MultiFactorAuthPresent`";
    check_stage(
        &definition,
        &stage(),
        &all(why),
        &["/restApi/policy/Statement/Condition/Bool/aws:MultiFactorAuthPresent"],
    );
}

#[test]
fn stages_of_one_deployment_are_denied_each_for_its_own() {
    let mut compiler = Compiler::new(DENY.limits, DENY.on_unsupported);
    let mut definition = three_methods();
    definition.resources[0].resource_methods["GET"].authorization_type = AuthorizationType::Custom;
    let mut stage = Stage { deployment_id: Some(DeploymentId("dep001".to_owned())), ..stage() };
    let compiled = |compiler: &mut Compiler, stage: &Stage| {
        compiler.stage(StageSource { definition: &definition, stage, canary: None }).expect("it can be served")
    };
    let whys = |stage: &CompiledStage| {
        stage.plan().methods.iter().map(|method| method.integration.denied().is_some()).collect::<Vec<_>>()
    };
    let open = compiled(&mut compiler, &stage);
    let logs = MethodSetting { logging_level: Some("INFO".to_owned()), ..MethodSetting::default() };
    stage.method_settings.insert("*/*".to_owned(), logs);
    stage.canary_settings = Some(CanarySettings { percent_traffic: 5.0, ..CanarySettings::default() });
    let logged = compiled(&mut compiler, &stage);
    stage.method_settings.clear();
    let again = compiled(&mut compiler, &stage);
    assert_eq!(whys(&open), [true, false, false]);
    assert_eq!(whys(&logged), [true, true, true]);
    assert_eq!(whys(&again), [true, false, false]);
    let noted = |stage: &CompiledStage| stage.denied().len();
    assert_eq!([noted(&open), noted(&logged), noted(&again)], [1, 2, 1], "with its canary, each is told once");
}
