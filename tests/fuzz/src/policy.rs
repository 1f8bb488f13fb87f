//! Policies: no document and no request makes a panic, a deny is never lost, and `*` means what its definition says.

use serde_json::{Value as Json, json};
use tollgate::policy::{
    Action, ApiArn, ConditionKey, Context, Limits, Policy, PolicyKind, Principal, Request, Value, Values, Verdict,
};

const API: ApiArn<'_> = ApiArn { partition: "aws", region: "us-east-1", account_id: "123456789012", api_id: "abc123" };

/// A document; after the first NUL, what a request has as its values and as the end of its ARN; after the second, a pattern.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut texts = text.splitn(3, '\0');
    let [document, value, pattern] = std::array::from_fn(|_| texts.next().unwrap_or_default());
    let arn = format!("{}{value}", API.prefix());
    check_document(document, &arn, &Same(value));
    check_pattern(pattern, &arn);
    check_pattern(pattern, value);
}

/// The same text for every key of texts; an empty one is none.
struct Same<'f>(&'f str);

impl Context for Same<'_> {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        match key {
            ConditionKey::CurrentTime | ConditionKey::EpochTime => Values::One(Value::Time(self.0.len() as u64)),
            ConditionKey::SecureTransport => Values::One(Value::Bool(self.0.len().is_multiple_of(2))),
            ConditionKey::SourceIp => self.0.parse().map_or(Values::Absent, |ip| Values::One(Value::Address(ip))),
            _ if self.0.is_empty() => Values::Absent,
            _ => Values::One(Value::Text(self.0)),
        }
    }
}

fn verdict(policy: &Policy, arn: &str, context: &dyn Context) -> Verdict {
    policy.evaluate(&Request { action: Action::Invoke, resource: arn, principal: Principal::Anonymous, context })
}

fn check_document(document: &str, arn: &str, context: &dyn Context) {
    let limits = Limits::default();
    let of_api = Policy::parse(document, PolicyKind::Resource(&API), &limits);
    for error in of_api.as_ref().err().into_iter().flatten() {
        assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{error}");
    }
    let of_identity = Policy::parse(document, PolicyKind::Identity, &limits);
    let answered = Policy::parse_answer(document, &limits);
    if let Ok(policy) = &of_identity {
        let answered = answered.as_ref().expect("an answer may have what a policy may have");
        assert_eq!(verdict(policy, arn, context), verdict(answered, arn, context));
    }
    let Ok(policy) = answered else { return };
    let before = verdict(&policy, arn, context);
    assert_eq!(before, verdict(&policy, arn, context));
    check_statements(document, arn, context, before);
}

/// More statements make a verdict no less of a deny, and fewer no more of one.
fn check_statements(document: &str, arn: &str, context: &dyn Context, before: Verdict) {
    let mut document: Json = serde_json::from_str(document).expect("it was read");
    let statements = match document["Statement"].take() {
        Json::Array(statements) => statements,
        one => vec![one],
    };
    let with = |statements: Vec<&Json>| {
        let mut document = document.clone();
        document["Statement"] = json!(statements);
        let limits = Limits { document_bytes_max: usize::MAX, ..Limits::of_bytes(1 << 20) };
        let policy = Policy::parse_answer(&document.to_string(), &limits);
        verdict(&policy.expect("its statements were taken before"), arn, context)
    };
    let deny = json!({ "Effect": "Deny", "Action": "execute-api:*", "Resource": "*" });
    assert_eq!(with(statements.iter().chain([&deny]).collect()), Verdict::ExplicitDeny);
    let alone: Vec<Verdict> = statements.iter().map(|statement| with(vec![statement])).collect();
    let expected = [Verdict::ExplicitDeny, Verdict::Allow].into_iter().find(|verdict| alone.contains(verdict));
    assert_eq!(before, expected.unwrap_or(Verdict::Neutral));
}

/// Before 2012, nothing but wildcards is special.
fn check_pattern(pattern: &str, arn: &str) {
    let of = |effect: &str, member: &str| {
        let document = json!({ "Statement": { "Effect": effect, "Action": "*", member: pattern } });
        Policy::parse_answer(&document.to_string(), &Limits::default())
    };
    let Ok(deny) = of("Deny", "Resource") else { return };
    let allow = of("Allow", "Resource").expect("it may deny");
    let matches = defined(pattern, arn);
    assert_eq!(verdict(&deny, arn, &Same("")) == Verdict::ExplicitDeny, matches, "{pattern} and {arn}");
    let allowed = verdict(&allow, arn, &Same("")) == Verdict::Allow;
    assert!(matches || !allowed, "{pattern} and {arn}");
    let others = of("Allow", "NotResource").expect("it may deny");
    let allowed_others = verdict(&others, arn, &Same("")) == Verdict::Allow;
    assert_eq!(allowed_others, !matches, "not {pattern} and {arn}");
}

/// By the text's characters, with all that a pattern's beginning may match at once.
fn defined(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for token in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            let before = at.checked_sub(1);
            next[at] = match token {
                '*' => reached[at] || before.is_some_and(|before| next[before]),
                '?' => before.is_some_and(|before| reached[before]),
                letter => before.is_some_and(|before| reached[before] && text[before] == letter),
            };
        }
        reached = next;
    }
    reached[text.len()]
}
