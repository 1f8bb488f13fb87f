//! Policies as they are written, and what they say of requests.

mod callers;
mod conditions;
mod documents;
mod resources;

use serde_json::{Value as Json, json};

use super::*;

pub const API: ApiArn<'_> =
    ApiArn { partition: "aws", region: "us-east-1", account_id: "123456789012", api_id: "abc123" };

pub const GET_PETS: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/pets";

/// A request's values, by the keys' names.
#[derive(Default)]
pub struct Facts<'f>(pub Vec<(&'f str, Vec<Value<'f>>)>);

impl Context for Facts<'_> {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        let found = self.0.iter().find(|(name, _)| ConditionKey::parse(name).as_ref() == Some(key));
        match found.map(|(_, values)| &values[..]) {
            None => Values::Absent,
            Some([value]) => Values::One(*value),
            Some(values) => Values::Many(values),
        }
    }
}

/// What a policy of the API says of an anonymous `GET /pets`.
pub fn verdict_of(policy: &Policy, facts: &Facts<'_>) -> Verdict {
    let principal = Principal::Anonymous;
    policy.evaluate(&Request { action: Action::Invoke, resource: GET_PETS, principal, context: facts })
}

#[track_caller]
pub fn resource_policy(document: &Json) -> Policy {
    Policy::parse(&document.to_string(), PolicyKind::Resource(&API), &Limits::default())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[track_caller]
pub fn answer(document: &Json) -> Policy {
    Policy::parse_answer(&document.to_string(), &Limits::default()).unwrap_or_else(|problem| panic!("{problem:?}"))
}

pub fn statement(effect: &str, resource: &str) -> Json {
    json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource })
}

#[track_caller]
fn check(statements: &Json, expected: Verdict) {
    let policy = answer(&json!({ "Version": "2012-10-17", "Statement": statements }));
    assert_eq!(verdict_of(&policy, &Facts::default()), expected, "{statements}");
}

#[test]
fn a_deny_is_stronger_than_any_allow_and_silence_is_neither() {
    let (allow, deny) = (statement("Allow", "*"), statement("Deny", "*"));
    let other = statement("Deny", "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/POST/*");
    check(&json!([]), Verdict::Neutral);
    check(&allow, Verdict::Allow);
    check(&json!([allow]), Verdict::Allow);
    check(&json!([allow, deny]), Verdict::ExplicitDeny);
    check(&json!([deny, allow]), Verdict::ExplicitDeny);
    check(&json!([allow, other]), Verdict::Allow);
    check(&json!([other]), Verdict::Neutral);
}

#[test]
fn actions_are_compared_without_case() {
    let of = |action: Json| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    for action in
        ["execute-api:Invoke", "execute-api:*", "*", "EXECUTE-API:invoke", "execute-api:Inv*", "execute-api:?nvoke"]
    {
        check(&of(json!(action)), Verdict::Allow);
        check(&of(json!(["s3:GetObject", action])), Verdict::Allow);
    }
    for action in ["execute-api:InvalidateCache", "execute-api:Invok", "lambda:Invoke", "s3:*"] {
        check(&of(json!(action)), Verdict::Neutral);
        check(&json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" }), Verdict::Allow);
    }
    check(&json!({ "Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*" }), Verdict::Neutral);
}

#[test]
fn each_action_is_one_of_its_own() {
    let policy = answer(&json!({ "Statement": { "Effect": "Allow", "Action": "execute-api:Inv*", "Resource": "*" } }));
    let verdict = |action| {
        let principal = Principal::Anonymous;
        policy.evaluate(&Request { action, resource: GET_PETS, principal, context: &Facts::default() })
    };
    assert_eq!(Action::ALL.map(verdict), [Verdict::Allow, Verdict::Allow, Verdict::Neutral]);
}

/// A deny by something unknown holds; an allow does not.
#[test]
fn what_is_unknown_in_an_answer_denies() {
    let with = |effect: &str, condition: Json| json!([statement("Allow", "*"), { "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition }]);
    let unknown = [
        json!({ "StringEquals": { "cognito-identity.amazonaws.com:sub": "x" } }),
        json!({ "StringResembles": { "aws:UserAgent": "x" } }),
        json!({ "StringEqualsIfExists": { "aws:MultiFactorAuthPresent": "true" } }),
        json!({ "Null": { "aws:PrincipalOrgID": "true" } }),
        json!({ "StringEquals": { "aws:UserAgent": "${saml:sub}" } }),
        json!({ "IpAddress": { "aws:UserAgent": "10.0.0.0/8" } }),
    ];
    let facts = Facts(vec![("aws:UserAgent", vec![Value::Text("curl")])]);
    for condition in unknown {
        let only =
            |effect: &str| answer(&json!({ "Version": "2012-10-17", "Statement": with(effect, condition.clone())[1] }));
        assert_eq!(verdict_of(&only("Allow"), &facts), Verdict::Neutral, "{condition}");
        assert_eq!(verdict_of(&only("Deny"), &facts), Verdict::ExplicitDeny, "{condition}");
        let both = answer(&json!({ "Version": "2012-10-17", "Statement": with("Deny", condition.clone()) }));
        assert_eq!(verdict_of(&both, &facts), Verdict::ExplicitDeny, "{condition}");
    }
    // What is known not to hold is not made to hold by what is unknown beside it.
    let condition = json!({ "StringEquals": { "aws:UserAgent": "wget", "aws:MultiFactorAuthPresent": "true" } });
    let policy = answer(&json!({ "Statement": with("Deny", condition) }));
    assert_eq!(verdict_of(&policy, &facts), Verdict::Allow);
}

/// The guide's example, `apigateway-authorization-flow`, with a resource that matches something.
#[test]
fn an_api_is_open_to_networks() {
    let policy = resource_policy(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "execute-api:Invoke",
            "Resource": "execute-api:/*",
            "Condition": { "IpAddress": { "aws:SourceIp": ["192.0.2.0/24", "198.51.100.0/24"] } },
        }],
    }));
    for (address, expected) in [
        ("192.0.2.7", Verdict::Allow),
        ("198.51.100.255", Verdict::Allow),
        ("198.51.101.0", Verdict::Neutral),
        ("::ffff:192.0.2.7", Verdict::Allow),
        ("2001:db8::1", Verdict::Neutral),
    ] {
        let address = address.parse().expect("an address");
        let facts = Facts(vec![("aws:SourceIp", vec![Value::Address(address)])]);
        assert_eq!(verdict_of(&policy, &facts), expected, "{address}");
    }
}

/// The guide's example, `apigateway-resource-policies-examples`.
#[test]
fn a_private_api_is_open_to_one_vpc() {
    let policy = resource_policy(&json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["execute-api:/*"] },
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": ["execute-api:/*"],
                "Condition": { "StringNotEquals": { "aws:SourceVpc": "vpc-1a2b3c4d" } },
            },
        ],
    }));
    let from = |vpc| Facts(vec![("aws:SourceVpc", vec![Value::Text(vpc)])]);
    assert_eq!(verdict_of(&policy, &from("vpc-1a2b3c4d")), Verdict::Allow);
    assert_eq!(verdict_of(&policy, &from("vpc-other")), Verdict::ExplicitDeny);
    assert_eq!(verdict_of(&policy, &Facts::default()), Verdict::ExplicitDeny, "it came from no VPC");
}
