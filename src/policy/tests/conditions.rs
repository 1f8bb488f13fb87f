//! Each operator, with values and without.

use super::*;

const AGENT: &str = "aws:UserAgent";

/// Whether a condition holds: by a statement that allows, and by one that denies.
#[track_caller]
fn check(condition: Json, values: &[Value<'_>], expected: bool) {
    let key = condition.as_object().and_then(|object| object.values().next()?.as_object()?.keys().next());
    let mut facts = vec![("aws:username", vec![Value::Text("alice")])];
    if !values.is_empty() {
        facts.push((key.expect("one operator and one key"), values.to_vec()));
    }
    let facts = Facts(facts);
    let of = |effect: &str| {
        resource_policy(&json!({ "Version": "2012-10-17", "Statement": {
            "Effect": effect, "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition,
        }}))
    };
    let (allow, deny) =
        if expected { (Verdict::Allow, Verdict::ExplicitDeny) } else { (Verdict::Neutral, Verdict::Neutral) };
    assert_eq!(verdict_of(&of("Allow"), &facts), allow, "allow: {condition} of {values:?}");
    assert_eq!(verdict_of(&of("Deny"), &facts), deny, "deny: {condition} of {values:?}");
}

/// One operator, and the negated one: values that fit, and values that do not.
#[track_caller]
fn check_pair(operator: &str, negated: &str, key: &str, wanted: Json, fit: &[Value<'_>], others: &[Value<'_>]) {
    for (value, fits) in fit.iter().map(|value| (value, true)).chain(others.iter().map(|value| (value, false))) {
        check(json!({ operator: { key: wanted } }), &[*value], fits);
        check(json!({ format!("{operator}IfExists"): { key: wanted } }), &[*value], fits);
        check(json!({ format!("ForAnyValue:{operator}"): { key: wanted } }), &[*value], fits);
        check(json!({ format!("ForAllValues:{operator}"): { key: wanted } }), &[*value], fits);
        check(json!({ negated: { key: wanted } }), &[*value], !fits);
        check(json!({ format!("{negated}IfExists"): { key: wanted } }), &[*value], !fits);
    }
    check_absent(operator, key, &wanted, false);
    check_absent(negated, key, &wanted, true);
}

#[track_caller]
fn check_absent(operator: &str, key: &str, wanted: &Json, holds: bool) {
    check(json!({ operator: { key: wanted } }), &[], holds);
    check(json!({ format!("{operator}IfExists"): { key: wanted } }), &[], true);
    check(json!({ format!("ForAllValues:{operator}"): { key: wanted } }), &[], true);
    check(json!({ format!("ForAnyValue:{operator}"): { key: wanted } }), &[], false);
}

/// One that has no negated sister.
#[track_caller]
fn check_one(operator: &str, key: &str, wanted: Json, fit: &[Value<'_>], others: &[Value<'_>]) {
    for (value, fits) in fit.iter().map(|value| (value, true)).chain(others.iter().map(|value| (value, false))) {
        check(json!({ operator: { key: wanted } }), &[*value], fits);
        check(json!({ format!("{operator}IfExists"): { key: wanted } }), &[*value], fits);
    }
    check_absent(operator, key, &wanted, false);
}

fn texts<const N: usize>(texts: [&str; N]) -> [Value<'_>; N] {
    texts.map(Value::Text)
}

#[test]
fn strings() {
    let curl = json!(["curl", "wget"]);
    check_pair("StringEquals", "StringNotEquals", AGENT, curl, &texts(["curl", "wget"]), &texts(["Curl", "curl/8"]));
    check_pair("StringEquals", "StringNotEquals", AGENT, json!("cu*"), &texts(["cu*"]), &texts(["curl"]));
    let curl = json!("Curl-É");
    check_pair(
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        AGENT,
        curl,
        &texts(["curl-é", "CURL-É"]),
        &texts(["curl-e", "curl"]),
    );
    let curl = json!(["curl/?.*", "wget*"]);
    check_pair("StringLike", "StringNotLike", AGENT, curl, &texts(["curl/8.1", "wget"]), &texts(["curl/10.1", "Wget"]));
    check_pair("StringLike", "StringNotLike", AGENT, json!("${*}"), &texts(["*"]), &texts(["curl"]));
}

#[test]
fn strings_with_variables() {
    let own = json!("home/${aws:username}/*");
    check_pair(
        "StringLike",
        "StringNotLike",
        AGENT,
        own,
        &texts(["home/alice/x"]),
        &texts(["home/bob/x", "home/${aws:username}/x"]),
    );
    let own = json!("${aws:username}");
    check_pair("StringEquals", "StringNotEquals", AGENT, own.clone(), &texts(["alice"]), &texts(["Alice"]));
    check_pair("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", AGENT, own, &texts(["ALICE"]), &texts(["bob"]));
    let other = json!("${aws:userid, 'anonymous'}");
    check_pair("StringEquals", "StringNotEquals", AGENT, other, &texts(["anonymous"]), &texts(["alice"]));
}

#[test]
fn numbers() {
    let key = "aws:PrincipalTag/level";
    let tags = |range: [&'static str; 3]| range.map(Value::Text);
    let [below, at, above] = tags(["4.5", "5.0", "6"]);
    check_pair("NumericEquals", "NumericNotEquals", key, json!("5"), &[at], &[below, above, Value::Text("five")]);
    check_one("NumericLessThan", key, json!(5), &[below], &[at, above, Value::Text("")]);
    check_one("NumericLessThanEquals", key, json!("5"), &[below, at], &[above, Value::Text("NaN")]);
    check_one("NumericGreaterThan", key, json!("5"), &[above], &[below, at, Value::Text("inf")]);
    check_one("NumericGreaterThanEquals", key, json!(["5", "100"]), &[at, above], &[below, Value::Text("x")]);
    let time = json!("1577836800");
    check_one("NumericLessThan", "aws:EpochTime", time, &[Value::Time(1_577_836_799)], &[Value::Time(1_577_836_800)]);
}

#[test]
fn dates() {
    let key = "aws:CurrentTime";
    let [before, at, after] = [1_577_836_799, 1_577_836_800, 1_577_836_801].map(Value::Time);
    for date in ["2020-01-01T00:00:00Z", "2020-01-01", "2020", "1577836800", "2020-01-01T01:00+01:00"] {
        check_pair("DateEquals", "DateNotEquals", key, json!(date), &[at], &[before, after]);
        check_one("DateLessThan", key, json!(date), &[before], &[at, after]);
        check_one("DateLessThanEquals", key, json!(date), &[before, at], &[after]);
        check_one("DateGreaterThan", key, json!(date), &[after], &[before, at]);
        check_one("DateGreaterThanEquals", key, json!(date), &[at, after], &[before]);
    }
    let tag = "aws:PrincipalTag/until";
    check_one("DateGreaterThan", tag, json!("2020"), &texts(["2021-01-01"]), &texts(["2019", "soon"]));
}

#[test]
fn booleans_and_bytes() {
    let key = "aws:SecureTransport";
    check_one("Bool", key, json!("true"), &[Value::Bool(true)], &[Value::Bool(false)]);
    check_one("Bool", key, json!(false), &[Value::Bool(false)], &[Value::Bool(true)]);
    check_one("Bool", "aws:PrincipalTag/on", json!("true"), &texts(["true"]), &texts(["True", "1"]));
    check_one("BinaryEquals", AGENT, json!("Y3VybA=="), &texts(["curl"]), &texts(["Y3VybA==", "Curl"]));
}

#[test]
fn addresses() {
    let address = |text: &str| Value::Address(text.parse().expect("an address"));
    let networks = json!(["203.0.113.0/24", "2001:DB8:1234:5678::/64", "198.51.100.7"]);
    let inside =
        ["203.0.113.0", "203.0.113.255", "::ffff:203.0.113.1", "2001:db8:1234:5678::1", "198.51.100.7"].map(address);
    let outside = ["203.0.114.0", "2001:db8:1234:5679::1", "198.51.100.8", "::203.0.113.1"].map(address);
    check_pair("IpAddress", "NotIpAddress", "aws:SourceIp", networks.clone(), &inside, &outside);
    check_pair("IpAddress", "NotIpAddress", "aws:VpcSourceIp", networks, &inside, &outside);
    check_pair(
        "IpAddress",
        "NotIpAddress",
        "aws:SourceIp",
        json!("0.0.0.0/0"),
        &[address("1.2.3.4")],
        &[address("::1")],
    );
    // As text, an address is what it is written as.
    check_one(
        "StringLike",
        "aws:SourceIp",
        json!("203.0.*"),
        &[address("::ffff:203.0.113.9")],
        &[address("203.1.0.0")],
    );
}

/// IAM's example: parts are compared one by one.
#[test]
fn arns() {
    let key = "aws:PrincipalArn";
    let pattern = json!("arn:aws:someservice:*:111122223333:finance/*");
    let same = texts(["arn:aws:someservice:us-east-2:111122223333:finance/document.txt"]);
    let other = texts([
        "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
        "arn:aws:someservice:us-east-2:111122223333",
        "finance/document.txt",
    ]);
    check_pair("ArnEquals", "ArnNotEquals", key, pattern.clone(), &same, &other);
    check_pair("ArnLike", "ArnNotLike", key, pattern, &same, &other);
    let own = json!("arn:aws:iam::*:user/${aws:username}");
    check_pair(
        "ArnLike",
        "ArnNotLike",
        key,
        own,
        &texts(["arn:aws:iam::1:user/alice"]),
        &texts(["arn:aws:iam::1:user/bob", "arn:aws:iam::1:user/Alice"]),
    );
    check_one(
        "StringLike",
        key,
        json!("arn:aws:iam::*:user/*"),
        &texts(["arn:aws:iam::1:user/a:b"]),
        &texts(["arn:aws:iam::1:role/a"]),
    );
}

#[test]
fn null_asks_whether_the_key_is_there() {
    for (wanted, absent) in [(json!("true"), true), (json!(false), false), (json!(["false"]), false)] {
        check(json!({ "Null": { AGENT: wanted } }), &[], absent);
        check(json!({ "Null": { AGENT: wanted } }), &texts(["x"]), !absent);
        check(json!({ "Null": { AGENT: wanted } }), &texts([""]), !absent);
    }
    check(json!({ "Null": { AGENT: ["true", "false"] } }), &[], true);
}

/// IAM's table of `ForAllValues` and `ForAnyValue`.
#[test]
fn sets_of_values() {
    let wanted = json!(["PostDateTime", "Message", "Tags"]);
    let both = texts(["PostDateTime", "UserName"]);
    let inside = texts(["PostDateTime", "Message"]);
    let outside = texts(["UserName", "ID"]);
    let of = |operator: &str| json!({ operator: { AGENT: wanted } });
    check(of("ForAllValues:StringLike"), &both, false);
    check(of("ForAllValues:StringLike"), &inside, true);
    check(of("ForAllValues:StringLike"), &outside, false);
    check(of("ForAnyValue:StringLike"), &both, true);
    check(of("ForAnyValue:StringLike"), &outside, false);
    check(of("ForAllValues:StringNotLike"), &both, false);
    check(of("ForAllValues:StringNotLike"), &outside, true);
    check(of("ForAnyValue:StringNotLike"), &both, true);
    check(of("ForAnyValue:StringNotLike"), &inside, false);
    check(of("StringLike"), &both, true);
    check(of("StringNotLike"), &both, false);
    check(of("StringNotLike"), &outside, true);
    // An empty text is no value of a set.
    check(of("ForAllValues:StringLike"), &texts([""]), true);
    check(of("ForAnyValue:StringNotLike"), &texts([""]), false);
}

#[test]
fn all_conditions_of_a_statement_have_to_hold() {
    let condition = json!({
        "StringEquals": { AGENT: "curl", "aws:Referer": "here" },
        "Bool": { "aws:SecureTransport": "true" },
    });
    let policy = resource_policy(&json!({ "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition,
    }}));
    let facts = |agent, referer, secure| {
        Facts(vec![
            (AGENT, vec![Value::Text(agent)]),
            ("aws:referer", vec![Value::Text(referer)]),
            ("aws:SecureTransport", vec![Value::Bool(secure)]),
        ])
    };
    assert_eq!(verdict_of(&policy, &facts("curl", "here", true)), Verdict::Allow);
    for wrong in [facts("wget", "here", true), facts("curl", "there", true), facts("curl", "here", false)] {
        assert_eq!(verdict_of(&policy, &wrong), Verdict::Neutral);
    }
}

/// A variable without a value is compared with nothing.
#[test]
fn an_unknown_value_denies() {
    for operator in ["StringEquals", "StringNotEquals", "StringLike", "StringNotEqualsIgnoreCase"] {
        let of = |effect: &str| {
            resource_policy(&json!({ "Version": "2012-10-17", "Statement": {
                "Effect": effect, "Principal": "*", "Action": "*", "Resource": "*",
                "Condition": { operator: { AGENT: "${aws:username}" } },
            }}))
        };
        let facts = Facts(vec![(AGENT, vec![Value::Text("curl")])]);
        assert_eq!(verdict_of(&of("Allow"), &facts), Verdict::Neutral, "{operator}");
        assert_eq!(verdict_of(&of("Deny"), &facts), Verdict::ExplicitDeny, "{operator}");
    }
}

#[test]
fn keys_and_tags_have_no_case() {
    check(json!({ "StringEquals": { "AWS:useragent": "curl" } }), &texts(["curl"]), true);
    assert_eq!(ConditionKey::parse("AWS:principaltag/Team"), Some(ConditionKey::PrincipalTag("team".into())));
}
