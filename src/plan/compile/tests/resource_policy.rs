//! Resource policies: what a deployment keeps of them, and what is refused by place.

use super::*;
use crate::model::DeploymentId;
use crate::policy::{Action, ConditionKey, Context, Policy, Principal, Request, Value, Values, Verdict};

const OWNER: Owner = Owner { region: Cow::Borrowed("eu-west-1"), account_id: Cow::Borrowed("123456789012") };

/// A client's address.
struct From(&'static str);

impl Context for From {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        match key {
            ConditionKey::SourceIp => Values::One(Value::Address(self.0.parse().expect("an address"))),
            _ => Values::Absent,
        }
    }
}

fn with_policy(policy: &str) -> ApiDefinition {
    let mut definition = definition(vec![resource("/pets", vec![method("GET", mock())])]);
    definition.rest_api.policy = Some(policy.to_owned());
    definition
}

fn kept(stage: &CompiledStage) -> (Arc<Policy>, String) {
    let plan = stage.plan();
    let policy = plan.resource_policy.clone().expect("a policy");
    (policy, format!("{}GET/pets", plan.method_arn_prefix))
}

#[track_caller]
fn check(policy: &Policy, arn: &str, client: &'static str, expected: Verdict) {
    let request =
        Request { action: Action::Invoke, resource: arn, principal: Principal::Anonymous, context: &From(client) };
    assert_eq!(policy.evaluate(&request), expected, "{arn} from {client}");
}

const OF_NETWORK: &str = r#"{"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/GET/*",
    "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}}"#;

#[test]
fn short_forms_are_the_apis_own() {
    let definition = with_policy(OF_NETWORK);
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Deny).owned_by(OWNER);
    let source = StageSource { definition: &definition, stage: &stage(), canary: None };
    let compiled = compiler.stage(source).expect("it can be deployed");
    let (policy, arn) = kept(&compiled);
    assert_eq!(arn, "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets");
    check(&policy, &arn, "192.0.2.1", Verdict::Allow);
    check(&policy, &arn, "192.0.3.1", Verdict::Neutral);
    check(&policy, "arn:aws:execute-api:eu-west-1:123456789012:abc123/dev/GET/pets", "192.0.2.1", Verdict::Neutral);

    let compiled = compiler.stage_in(&"cn-north-1".into(), source).expect("it can be deployed");
    let (policy, arn) = kept(&compiled);
    assert_eq!(arn, "arn:aws-cn:execute-api:cn-north-1:123456789012:abc123/prod/GET/pets");
    assert_eq!(&*compiled.plan().region, "cn-north-1");
    check(&policy, &arn, "192.0.2.1", Verdict::Allow);
}

#[test]
fn a_canary_has_the_policy_of_its_own_deployment() {
    let (one, two) = (with_policy(OF_NETWORK), with_policy(&OF_NETWORK.replace("192.0.2.0", "192.0.3.0")));
    let canary = CanarySettings {
        percent_traffic: 5.0,
        deployment_id: Some(DeploymentId("dep002".to_owned())),
        ..CanarySettings::default()
    };
    let mut stage = Stage { deployment_id: Some(DeploymentId("dep001".to_owned())), ..stage() };
    stage.canary_settings = Some(canary);
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Deny).owned_by(OWNER);
    let source = StageSource { definition: &one, stage: &stage, canary: Some(&two) };
    let compiled = compiler.stage(source).expect("it can be deployed");
    let (policy, arn) = kept(&compiled);
    check(&policy, &arn, "192.0.2.1", Verdict::Allow);
    let canary = compiled.canary().and_then(|canary| canary.resource_policy.clone()).expect("a policy");
    check(&canary, &arn, "192.0.2.1", Verdict::Neutral);
    check(&canary, &arn, "192.0.3.1", Verdict::Allow);
}

fn refused(policy: &str, limits: Limits) -> Vec<String> {
    let definition = with_policy(policy);
    let source = StageSource { definition: &definition, stage: &stage(), canary: None };
    let options = Options { limits, owner: OWNER, ..Options::default() };
    let problems = compile(&[source], &options, 1).expect_err("a policy that is refused");
    let of_policy = problems.iter().filter(|problem| !problem.message.contains("not enforced by this version"));
    of_policy.map(|problem| format!("{}: {}", problem.value.pointer, problem.message)).collect()
}

#[test]
fn what_is_not_understood_is_refused_by_place() {
    let policy = OF_NETWORK.replace("aws:SourceIp", "aws:SourceIP/x").replace("GET/*", "GET/a b");
    let expected = [
        "/restApi/policy/Statement/Resource: `execute-api:/prod/GET/a b` has white space in it, as no ARN has",
        "/restApi/policy/Statement/Condition/IpAddress/aws:SourceIP~1x: this gateway cannot tell the condition key \
         `aws:SourceIP/x`",
    ];
    assert_eq!(refused(&policy, Limits::default()), expected);
    let other = OF_NETWORK.replace("execute-api:/prod/GET/*", "arn:aws:execute-api:us-east-1:123456789012:abc123/*");
    let expected = "/restApi/policy/Statement/Resource: `arn:aws:execute-api:us-east-1:123456789012:abc123/*` is \
                    nothing of this API: its methods begin with `arn:aws:execute-api:eu-west-1:123456789012:abc123/`";
    assert_eq!(refused(&other, Limits::default()), [expected]);
    let small = Limits { policy_bytes_max: 100, ..Limits::default() };
    assert_eq!(refused(OF_NETWORK, small), ["/restApi/policy: the policy is longer than 100 bytes"]);
}

/// Where methods are denied for what is not served, they are for a policy that nobody understands.
#[test]
fn what_is_not_understood_lets_nobody_in() {
    let definition = with_policy(&OF_NETWORK.replace("Allow", "allow"));
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Deny).owned_by(OWNER);
    let source = StageSource { definition: &definition, stage: &stage(), canary: None };
    let compiled = compiler.stage(source).expect("it can be deployed");
    let plan = compiled.plan();
    assert!(plan.resource_policy.is_none());
    let reason = plan.methods[0].integration.denied().expect("a method that is denied");
    assert!(reason.contains("`allow` is no effect"), "{reason}");
}
