//! What a policy costs a request: `cargo bench --bench policy`.
//!
//! The figures to keep: 100 ns for a typical authorizer's policy, 1 µs for twenty statements, of the 1.5 µs that a kept
//! decision may cost; 10 µs to compile what an authorizer answered, once a call of it.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
use tollgate::policy::{
    Action, ApiArn, ConditionKey, Context, Limits, Policy, PolicyKind, Principal, Request, Value, Values, Verdict,
};

const API: ApiArn<'_> = ApiArn { partition: "aws", region: "us-east-1", account_id: "123456789012", api_id: "abc123" };

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/accounts/12345/orders";

/// A client in a network.
struct Client(IpAddr);

impl Context for Client {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        match key {
            ConditionKey::SourceIp => Values::One(Value::Address(self.0)),
            _ => Values::Absent,
        }
    }
}

fn of_method(path: &str) -> String {
    format!("arn:aws:execute-api:us-east-1:123456789012:abc123/prod/{path}")
}

/// What most authorizers answer: one statement, of what the caller may call.
fn authorizer() -> Json {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": [of_method("*/health"), of_method("GET/accounts/12345/*")],
    }]})
}

/// Twenty, of which the last allows.
fn twenty() -> Json {
    let deny = |number: usize| {
        json!({
            "Action": "execute-api:Invoke",
            "Effect": "Deny",
            "Resource": [of_method(&format!("*/accounts/{number}/*")), of_method(&format!("*/admin/{number}/*/secret"))],
        })
    };
    let mut statements: Vec<Json> = (0..19).map(deny).collect();
    statements
        .push(json!({ "Action": "execute-api:*", "Effect": "Allow", "Resource": "arn:aws:execute-api:*:*:abc123/*" }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn of_networks() -> Json {
    let networks: Vec<String> = (0..20).map(|number| format!("198.51.{number}.0/24")).collect();
    json!({ "Version": "2012-10-17", "Statement": [
        { "Action": "execute-api:Invoke", "Effect": "Allow", "Principal": "*", "Resource": "execute-api:/*" },
        {
            "Action": "execute-api:Invoke",
            "Effect": "Deny",
            "Principal": "*",
            "Resource": "execute-api:/*",
            "Condition": { "NotIpAddress": { "aws:SourceIp": networks } },
        },
    ]})
}

fn evaluations(criterion: &mut Criterion) {
    let limits = Limits::default();
    let answered = |document: Json| Policy::parse_answer(&document.to_string(), &limits).expect("a policy");
    let of_api =
        |document: Json| Policy::parse(&document.to_string(), PolicyKind::Resource(&API), &limits).expect("a policy");
    let context = Client(IpAddr::from([198, 51, 19, 7]));
    let request = Request { action: Action::Invoke, resource: ARN, principal: Principal::Anonymous, context: &context };
    for (name, policy) in [
        ("evaluate/an authorizer's", answered(authorizer())),
        ("evaluate/twenty statements", answered(twenty())),
        ("evaluate/twenty networks", of_api(of_networks())),
    ] {
        assert_eq!(policy.evaluate(&request), Verdict::Allow, "{name}");
        criterion.bench_function(name, |bench| bench.iter(|| policy.evaluate(black_box(&request))));
    }
}

fn parsing(criterion: &mut Criterion) {
    let limits = Limits::default();
    for (name, document) in [("parse/an authorizer's", authorizer()), ("parse/twenty statements", twenty())] {
        let text = document.to_string();
        criterion.bench_function(name, |bench| bench.iter(|| Policy::parse_answer(black_box(&text), &limits)));
    }
}

criterion_group!(benches, evaluations, parsing);
criterion_main!(benches);
