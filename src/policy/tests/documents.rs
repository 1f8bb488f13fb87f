//! What is wrong with documents, and where.

use super::*;

/// The pointers and messages of all problems; a message is shown up to its first colon or semicolon.
#[track_caller]
fn check(document: &str, kind: PolicyKind<'_>, expected: &[(&str, &str)]) {
    let problems = Policy::parse(document, kind, &Limits::default()).expect_err(document);
    let found: Vec<_> = problems.iter().map(|problem| (&*problem.pointer, &*problem.message)).collect();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.0 == expected.0 && found.1.starts_with(expected.1));
    assert!(fits, "{document}: {found:#?}");
}

#[track_caller]
fn check_identity(document: Json, expected: &[(&str, &str)]) {
    check(&document.to_string(), PolicyKind::Identity, expected);
}

/// A resource policy of one statement, which has these members besides or instead.
#[track_caller]
fn check_statement(members: Json, expected: &[(&str, &str)]) {
    let mut statement =
        json!({ "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*" });
    for (name, value) in members.as_object().expect("members") {
        if value.is_null() {
            statement.as_object_mut().expect("an object").remove(name);
        } else {
            statement[name] = value.clone();
        }
    }
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    check(&document.to_string(), PolicyKind::Resource(&API), expected);
}

#[test]
fn documents() {
    check("{", PolicyKind::Identity, &[("", "the policy is not JSON: ")]);
    check("[]", PolicyKind::Identity, &[("", "must be an object, not a list")]);
    check("{}{}", PolicyKind::Identity, &[("", "the policy is not JSON: ")]);
    check(&"[".repeat(1000), PolicyKind::Identity, &[("", "the policy is not JSON: ")]);
    check(&" ".repeat(8193), PolicyKind::Identity, &[("", "the policy is longer than 8192 bytes")]);
    check_identity(json!({}), &[("", "`Statement` is missing")]);
    check_identity(
        json!({ "statement": [] }),
        &[("/statement", "`statement` is not known here"), ("", "`Statement` is missing")],
    );
    check_identity(json!({ "Version": "2013-01-01", "Statement": [] }), &[("/Version", "`2013-01-01` is no version")]);
    check_identity(json!({ "Version": 2012, "Statement": [] }), &[("/Version", "must be a string, not a number")]);
    check_identity(json!({ "Id": null, "Statement": [] }), &[("/Id", "must be a string, not null")]);
    check_identity(json!({ "Statement": "x" }), &[("/Statement", "must be a list of statements, not a string")]);
    check_identity(json!({ "Statement": [1] }), &[("/Statement/0", "must be an object, not a number")]);
    check(
        r#"{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
        PolicyKind::Identity,
        &[("/Statement", "`Effect` is there twice")],
    );
    check(r#"{"Statement": []}"#, PolicyKind::Resource(&API), &[("/Statement", "the policy has no statement")]);
    let two = json!([
        { "Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*" },
    ]);
    check_identity(json!({ "Statement": two }), &[("/Statement/1/Sid", "two statements have the Sid `a`")]);
}

#[test]
fn all_problems_are_told() {
    check_statement(
        json!({ "Effect": "allow", "Action": ["execute-api:Invoke", "Invoke"], "Resource": "pets", "Colour": "red" }),
        &[
            ("/Statement/0/Colour", "`Colour` is not known here"),
            ("/Statement/0/Effect", "`allow` is no effect"),
            ("/Statement/0/Action/1", "`Invoke` is no action"),
            ("/Statement/0/Resource", "`pets` is neither `*` nor an ARN"),
        ],
    );
}

#[test]
fn statements() {
    check_statement(json!({ "Effect": null }), &[("/Statement/0", "`Effect` is missing")]);
    check_statement(json!({ "Effect": ["Allow"] }), &[("/Statement/0/Effect", "must be a string, not a list")]);
    check_statement(json!({ "Action": null }), &[("/Statement/0", "`Action` is missing")]);
    check_statement(json!({ "NotAction": "*" }), &[("/Statement/0", "has both `Action` and `NotAction`")]);
    check_statement(json!({ "Action": [] }), &[("/Statement/0/Action", "the list is empty")]);
    check_statement(
        json!({ "Action": [1] }),
        &[("/Statement/0/Action/0", "must be a string or a list of strings, not a number")],
    );
    check_statement(
        json!({ "Action": "s3:GetObject" }),
        &[("/Statement/0/Action", "the statement is about no action of")],
    );
    check_statement(json!({ "Action": "execute-api:" }), &[("/Statement/0/Action", "`execute-api:` is no action")]);
    check_statement(
        json!({ "Action": "execute-*:Invoke" }),
        &[("/Statement/0/Action", "`execute-*:Invoke` is no action")],
    );
    check_statement(json!({ "Resource": null }), &[("/Statement/0", "`Resource` is missing")]);
    check_statement(json!({ "NotResource": "*" }), &[("/Statement/0", "has both `Resource` and `NotResource`")]);
    check_statement(json!({ "Sid": 1 }), &[("/Statement/0/Sid", "must be a string, not a number")]);
}

#[test]
fn resources() {
    let check = |resource: &str, message: &str| {
        check_statement(json!({ "Resource": resource }), &[("/Statement/0/Resource", message)])
    };
    check("execute-api:prod/*", "`execute-api:prod/*` is neither");
    check("arn:aws:execute-api", "`arn:aws:execute-api` is nothing of this API");
    check(
        "arn:aws:execute-api:us-east-1:123456789012:other/*",
        "`arn:aws:execute-api:us-east-1:123456789012:other/*` is nothing of this API",
    );
    check(
        "arn:aws:execute-api:us-east-1:123456789012:abc123/",
        "`arn:aws:execute-api:us-east-1:123456789012:abc123/` is nothing",
    );
    check("execute-api:/prod/GET/a b", "`execute-api:/prod/GET/a b` has white space in it");
    check(
        "arn:aws:execute-api:*:${aws:PrincipalAccount}:*",
        "`arn:aws:execute-api:*:${aws:PrincipalAccount}:*` has a variable before",
    );
    check("execute-api:/prod/GET/${aws:username", "the variable `${aws:username` has no end");
    check("execute-api:/prod/GET/${}", "`${}` is no variable");
    check(
        "execute-api:/prod/GET/${aws:username, x}",
        "the default of `${aws:username, x}` does not stand in single quotes",
    );
    check("execute-api:/prod/GET/${saml:sub}", "this gateway cannot tell the variable `${saml:sub}`");
    let deny = json!({ "Effect": "Deny" });
    check_statement(deny, &[("/Statement/0", "the statement denies every request of every caller")]);
    check_identity(
        json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "execute-api:/*" } }),
        &[("/Statement/Resource", "`execute-api:/*` is neither")],
    );
}

#[test]
fn principals() {
    let check =
        |principal: Json, expected: &[(&str, &str)]| check_statement(json!({ "Principal": principal }), expected);
    let at = "/Statement/0/Principal";
    check(Json::Null, &[("/Statement/0", "`Principal` is missing")]);
    check(json!("123456789012"), &[(at, "must be `\"*\"` or an object")]);
    check(json!(["*"]), &[(at, "must be `\"*\"` or an object")]);
    check(json!({}), &[(at, "names nobody")]);
    check(json!({ "aws": "*" }), &[("/Statement/0/Principal/aws", "`aws` is not known here"), (at, "names nobody")]);
    check(json!({ "AWS": "12345" }), &[("/Statement/0/Principal/AWS", "`12345` is neither an account")]);
    check(
        json!({ "AWS": ["*", "AIDAEXAMPLE"] }),
        &[("/Statement/0/Principal/AWS/1", "`AIDAEXAMPLE` is neither an account")],
    );
    let user = "arn:aws:iam::111122223333:user/*";
    check(
        json!({ "AWS": user }),
        &[("/Statement/0/Principal/AWS", "`arn:aws:iam::111122223333:user/*` has a wildcard")],
    );
    let odd = [
        "arn:aws:iam::111122223333:group/x",
        "arn:aws:iam::1:root",
        "arn:aws:sts::111122223333:root",
        "arn:aws:iam::111122223333:user/",
    ];
    for arn in odd {
        check(
            json!({ "AWS": arn }),
            &[("/Statement/0/Principal/AWS", &format!("`{arn}` is not the ARN of an account"))],
        );
    }
    for kind in ["Service", "Federated", "CanonicalUser"] {
        let pointer = format!("{at}/{kind}");
        check(json!({ kind: "x", "AWS": "*" }), &[(&pointer, "no caller of this gateway is a")]);
        check(json!({ kind: "x" }), &[(&pointer, "no caller of this gateway is a")]);
    }
    check_statement(json!({ "NotPrincipal": "*" }), &[("/Statement/0", "has both `Principal` and `NotPrincipal`")]);
    check_statement(
        json!({ "Principal": null, "NotPrincipal": { "AWS": "111122223333" } }),
        &[("/Statement/0/NotPrincipal", "`NotPrincipal` goes with `\"Effect\": \"Deny\"` only")],
    );
    check_identity(
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" }] }),
        &[("/Statement/0/Principal", "a policy of an identity names no principals")],
    );
}

#[test]
fn conditions() {
    let check = |condition: Json, pointer: &str, message: &str| {
        let pointer = format!("/Statement/0/Condition{pointer}");
        check_statement(json!({ "Condition": condition }), &[(&pointer, message)]);
    };
    check(json!([]), "", "must be an object, not a list");
    check(json!({ "StringEquals": "x" }), "/StringEquals", "must be an object, not a string");
    check(
        json!({ "stringEquals": { "aws:UserAgent": "x" } }),
        "/stringEquals",
        "`stringEquals` is no condition operator",
    );
    check(
        json!({ "NullIfExists": { "aws:UserAgent": "true" } }),
        "/NullIfExists",
        "`NullIfExists` is no condition operator",
    );
    check(json!({ "ForSomeValues:Bool": {} }), "/ForSomeValues:Bool", "`ForSomeValues:Bool` is no condition operator");
    check(
        json!({ "Bool": { "aws:a/b": "true" } }),
        "/Bool/aws:a~1b",
        "this gateway cannot tell the condition key `aws:a/b`",
    );
    check(
        json!({ "Bool": { "aws:SourceIp": "true" } }),
        "/Bool/aws:SourceIp",
        "the operator tells nothing of `aws:SourceIp`",
    );
    check(
        json!({ "Bool": { "aws:SecureTransport": "yes" } }),
        "/Bool/aws:SecureTransport",
        "`yes` is not `true` or `false`",
    );
    check(
        json!({ "Bool": { "aws:SecureTransport": null } }),
        "/Bool/aws:SecureTransport",
        "must be a string or a list",
    );
    check(json!({ "Null": { "aws:UserAgent": "1" } }), "/Null/aws:UserAgent", "`1` is not `true` or `false`");
    let ip = "/IpAddress/aws:SourceIp";
    check(json!({ "IpAddress": { "aws:SourceIp": [] } }), ip, "the list is empty");
    check(
        json!({ "IpAddress": { "aws:SourceIp": ["10.0.0.0/8", "10.0.0.0/33"] } }),
        "/IpAddress/aws:SourceIp/1",
        "`10.0.0.0/33` is not an address",
    );
    check(json!({ "IpAddress": { "aws:SourceIp": "10.*" } }), ip, "`10.*` is not an address");
    check(
        json!({ "DateLessThan": { "aws:CurrentTime": "soon" } }),
        "/DateLessThan/aws:CurrentTime",
        "`soon` is not a date",
    );
    check(
        json!({ "NumericEquals": { "aws:EpochTime": "0x10" } }),
        "/NumericEquals/aws:EpochTime",
        "`0x10` is not a number",
    );
    check(json!({ "BinaryEquals": { "aws:UserAgent": "?" } }), "/BinaryEquals/aws:UserAgent", "`?` is not base64");
    check(
        json!({ "ArnLike": { "aws:PrincipalArn": "user/x" } }),
        "/ArnLike/aws:PrincipalArn",
        "`user/x` is not an ARN",
    );
    check(
        json!({ "StringLike": { "aws:UserAgent": "${a" } }),
        "/StringLike/aws:UserAgent",
        "the variable `${a` has no end",
    );
    check(
        json!({ "StringLike": { "aws:UserAgent": "${a:b}" } }),
        "/StringLike/aws:UserAgent",
        "this gateway cannot tell the variable",
    );
}

/// What AWS would take is told apart from what nobody would.
#[test]
fn what_is_beyond_this_gateway_says_so() {
    let with = |condition: Json| {
        let document =
            json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition } });
        let problems =
            Policy::parse(&document.to_string(), PolicyKind::Identity, &Limits::default()).expect_err("a problem");
        (problems[0].is_unsupported, problems[0].help.clone().unwrap_or_default())
    };
    let (unsupported, help) = with(json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }));
    assert!(unsupported && help.contains("`aws:SourceIp`") && help.contains("`aws:PrincipalTag/…`"), "{help}");
    let (unsupported, help) = with(json!({ "Boolean": { "aws:SecureTransport": "true" } }));
    assert!(!unsupported && help.contains("StringNotEqualsIgnoreCase"), "{help}");
}

#[test]
fn sizes_are_bounded() {
    let limits = Limits { document_bytes_max: 1000, statements_max: 2, values_max: 5 };
    let problems = |document: Json| {
        let found = Policy::parse(&document.to_string(), PolicyKind::Identity, &limits);
        found.err().map(|problems| (problems[0].pointer.clone(), problems[0].message.clone()))
    };
    let one = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    assert_eq!(problems(json!({ "Statement": [one, one] })), None);
    let many = Some(("/Statement".to_owned(), "the policy has more than 2 statements".to_owned()));
    assert_eq!(problems(json!({ "Statement": [one, one, one] })), many);
    let values = json!({ "Effect": "Allow", "Action": ["*", "*"], "Resource": ["*", "*", "*", "*"] });
    let many = Some(("/Statement/Resource".to_owned(), "the policy has more than 5 values".to_owned()));
    assert_eq!(problems(json!({ "Statement": values })), many);
}

/// Any mistake in an answer is one: nothing is allowed then.
#[test]
fn answers_are_read_as_strictly_where_it_is_not_about_conditions() {
    for document in [
        json!({ "Statement": [{ "Effect": "allow", "Action": "*", "Resource": "*" }] }),
        json!({ "statement": [] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "pets" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Extra": 1 }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "IpAddress": { "aws:SourceIp": "x" } } }] }),
        json!(null),
    ] {
        assert!(Policy::parse_answer(&document.to_string(), &Limits::default()).is_err(), "{document}");
    }
}
