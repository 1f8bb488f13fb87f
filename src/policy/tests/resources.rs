//! Which ARNs a statement is about.

use super::*;

const PREFIX: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/";

fn verdict(statements: Json, arn: &str) -> Verdict {
    let facts = Facts(vec![("aws:username", vec![Value::Text("al*ce")])]);
    let policy = answer(&json!({ "Version": "2012-10-17", "Statement": statements }));
    policy.evaluate(&Request {
        action: Action::Invoke,
        resource: arn,
        principal: Principal::Anonymous,
        context: &facts,
    })
}

#[track_caller]
fn check_matches(pattern: &str, matched: &[&str], others: &[&str]) {
    let texts = matched.iter().map(|text| (text, true)).chain(others.iter().map(|text| (text, false)));
    for (text, matches) in texts {
        let arn = format!("{PREFIX}{text}");
        let (allow, not) =
            if matches { (Verdict::Allow, Verdict::Neutral) } else { (Verdict::Neutral, Verdict::Allow) };
        assert_eq!(verdict(statement("Allow", pattern), &arn), allow, "{pattern} and {arn}");
        let negated = json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "NotResource": pattern });
        assert_eq!(verdict(negated, &arn), not, "not {pattern} and {arn}");
    }
}

#[test]
fn patterns_of_the_guide_match() {
    check_matches("*", &["prod/GET/pets", ""], &[]);
    check_matches("arn:aws:execute-api:*:*:*", &["prod/GET/pets"], &[]);
    check_matches("arn:aws:execute-api:us-east-1:*:*", &["prod/GET/pets"], &[]);
    check_matches("arn:aws:execute-api:us-east-1:*:abc123/*", &["prod/GET/pets", "dev/POST/"], &[]);
    check_matches("arn:aws:execute-api:us-east-1:*:abc123/test/*", &["test/GET/pets"], &["prod/GET/pets"]);
    check_matches(
        "arn:aws:execute-api:us-east-1:*:abc123/test/*/mydemoresource/*",
        &["test/GET/mydemoresource/1", "test/GET/a/mydemoresource/b/c"],
        &["test/GET/mydemoresource", "prod/GET/mydemoresource/1"],
    );
    check_matches(
        "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/pets",
        &["prod/GET/pets"],
        &["prod/GET/pets/", "prod/GET/Pets", "prod/get/pets", "prod/POST/pets", "prod/GET/pets/1"],
    );
    check_matches(
        "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/*/pets/??",
        &["prod/GET/pets/12", "prod/POST/pets/é1"],
        &["prod/GET/pets/1", "prod/GET/pets/123"],
    );
    check_matches("arn:aws:execute-api:eu-west-1:*:abc123/*", &[], &["prod/GET/pets"]);
    check_matches("arn:aws:execute-api:us-east-1:123456789012:other/*", &[], &["prod/GET/pets"]);
}

/// IAM's example, `reference_policies_elements_resource`: `*` crosses slashes.
#[test]
fn a_star_crosses_slashes_and_colons() {
    check_matches(
        &format!("{PREFIX}prod/GET/*/test/*"),
        &[
            "prod/GET/1/test/object.jpg",
            "prod/GET/1/2/test/3/object.jpg",
            "prod/GET/1/2/test/",
            "prod/GET/a:b/test/c:d",
        ],
        &["prod/GET/1-test/object.jpg", "prod/GET/test/object.jpg"],
    );
}

/// The path in an ARN is the client's: with colons in it, it could be taken for an ARN of its own.
#[test]
fn a_path_cannot_pass_for_another_arn() {
    let pattern = "arn:aws:execute-api:*:*:abc123/prod/GET/public*";
    let forged = format!("{PREFIX}prod/POST/admin/:x:abc123/prod/GET/public");
    assert_eq!(verdict(statement("Allow", pattern), &forged), Verdict::Neutral);
    assert_eq!(verdict(statement("Deny", pattern), &forged), Verdict::ExplicitDeny);
    let others = |effect: &str| json!({ "Effect": effect, "Action": "*", "NotResource": pattern });
    assert_eq!(verdict(others("Allow"), &forged), Verdict::Neutral);
    assert_eq!(verdict(others("Deny"), &forged), Verdict::ExplicitDeny);
    let honest = format!("{PREFIX}prod/GET/public/x:y");
    assert_eq!(verdict(statement("Allow", pattern), &honest), Verdict::Allow);
    assert_eq!(verdict(others("Deny"), &honest), Verdict::Neutral);
}

#[test]
fn variables_stand_for_the_callers_own() {
    let pattern = format!("{PREFIX}prod/GET/users/${{aws:username}}/*");
    check_matches(&pattern, &["prod/GET/users/al*ce/cats"], &["prod/GET/users/alice/cats", "prod/GET/users/bob/cats"]);
    check_matches(&format!("{PREFIX}prod/GET/${{*}}${{?}}${{$}}"), &["prod/GET/*?$"], &["prod/GET/ab$"]);
    check_matches(&format!("{PREFIX}prod/GET/${{aws:userid, 'nobody'}}"), &["prod/GET/nobody"], &["prod/GET/x"]);
}

/// A variable without a value: who allows does not mean this, who denies may.
#[test]
fn a_variable_without_a_value_denies() {
    let pattern = format!("{PREFIX}prod/GET/${{aws:userid}}");
    let arn = format!("{PREFIX}prod/GET/x");
    assert_eq!(verdict(statement("Allow", &pattern), &arn), Verdict::Neutral);
    assert_eq!(verdict(statement("Deny", &pattern), &arn), Verdict::ExplicitDeny);
}

#[test]
fn before_2012_there_are_no_variables() {
    let document = json!({ "Statement": statement("Allow", "arn:aws:execute-api:us-east-1:1:a/${aws:username}") });
    let facts = Facts(vec![("aws:username", vec![Value::Text("x")])]);
    let verdict = |arn| {
        let principal = Principal::Anonymous;
        answer(&document).evaluate(&Request { action: Action::Invoke, resource: arn, principal, context: &facts })
    };
    assert_eq!(verdict("arn:aws:execute-api:us-east-1:1:a/${aws:username}"), Verdict::Allow);
    assert_eq!(verdict("arn:aws:execute-api:us-east-1:1:a/x"), Verdict::Neutral);
}

#[test]
fn a_resource_policy_may_use_the_short_form() {
    let policy = resource_policy(&json!({ "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/GET/*",
    }}));
    assert_eq!(verdict_of(&policy, &Facts::default()), Verdict::Allow);
}
