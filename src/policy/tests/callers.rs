//! Whom a resource policy names.

use super::*;

const ALICE: Principal<'_> = Principal::Aws(AwsPrincipal {
    account_id: "111122223333",
    arn: "arn:aws:iam::111122223333:user/Alice",
    role_arn: None,
});

const ADMIN: Principal<'_> = Principal::Aws(AwsPrincipal {
    account_id: "111122223333",
    arn: "arn:aws:sts::111122223333:assumed-role/Admin/alice",
    role_arn: Some("arn:aws:iam::111122223333:role/Admin"),
});

const ROOT: Principal<'_> =
    Principal::Aws(AwsPrincipal { account_id: "111122223333", arn: "arn:aws:iam::111122223333:root", role_arn: None });

const OTHER: Principal<'_> = Principal::Aws(AwsPrincipal {
    account_id: "444455556666",
    arn: "arn:aws:iam::444455556666:user/Alice",
    role_arn: None,
});

const CALLERS: [(&str, Principal<'_>); 5] =
    [("anonymous", Principal::Anonymous), ("alice", ALICE), ("admin", ADMIN), ("root", ROOT), ("other", OTHER)];

#[track_caller]
fn check(effect: &str, member: &str, principal: Json, named: &[&str]) {
    let mut statement = json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/*" });
    statement[member] = principal;
    let policy = resource_policy(&json!({ "Version": "2012-10-17", "Statement": statement }));
    let applies = |principal| {
        let context = &Facts::default();
        let request = Request { action: Action::Invoke, resource: GET_PETS, principal, context };
        policy.evaluate(&request) != Verdict::Neutral
    };
    let found: Vec<&str> = CALLERS.iter().filter(|(_, caller)| applies(*caller)).map(|(name, _)| *name).collect();
    assert_eq!(found, named, "{statement}");
}

#[test]
fn principals_are_named() {
    let all = ["anonymous", "alice", "admin", "root", "other"];
    check("Allow", "Principal", json!("*"), &all);
    check("Allow", "Principal", json!({ "AWS": "*" }), &all);
    let account = ["alice", "admin", "root"];
    check("Allow", "Principal", json!({ "AWS": "111122223333" }), &account);
    check("Allow", "Principal", json!({ "AWS": "arn:aws:iam::111122223333:root" }), &account);
    check("Allow", "Principal", json!({ "AWS": ["arn:aws:iam::111122223333:user/Alice"] }), &["alice"]);
    check("Allow", "Principal", json!({ "AWS": "arn:aws:iam::111122223333:user/alice" }), &[]);
    check("Allow", "Principal", json!({ "AWS": "arn:aws:iam::111122223333:role/Admin" }), &["admin"]);
    check("Allow", "Principal", json!({ "AWS": "arn:aws:sts::111122223333:assumed-role/Admin/alice" }), &["admin"]);
    check("Allow", "Principal", json!({ "AWS": "arn:aws:sts::111122223333:assumed-role/Admin/bob" }), &[]);
    check(
        "Allow",
        "Principal",
        json!({ "AWS": ["444455556666", "arn:aws:iam::111122223333:user/Alice"] }),
        &["alice", "other"],
    );
}

/// AWS asks for the account beside the user, and for the role beside the session.
#[test]
fn a_deny_for_others_leaves_out_who_is_named_in_full() {
    let user = "arn:aws:iam::111122223333:user/Alice";
    check("Deny", "NotPrincipal", json!({ "AWS": [user, "111122223333"] }), &["anonymous", "admin", "other"]);
    check("Deny", "NotPrincipal", json!({ "AWS": user }), &["anonymous", "alice", "admin", "root", "other"]);
    let session = ["arn:aws:sts::111122223333:assumed-role/Admin/alice", "arn:aws:iam::111122223333:role/Admin"];
    check(
        "Deny",
        "NotPrincipal",
        json!({ "AWS": [session[0], session[1], "111122223333"] }),
        &["anonymous", "alice", "other"],
    );
    check(
        "Deny",
        "NotPrincipal",
        json!({ "AWS": [session[0], "111122223333"] }),
        &["anonymous", "alice", "admin", "other"],
    );
    check("Deny", "NotPrincipal", json!("*"), &[]);
}
