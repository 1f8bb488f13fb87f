//! What a Lambda authorizer's function answers. (Guide, `api-gateway-lambda-authorizer-output`.)

use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::identity::Identity;
use super::decisions::Decision;
use super::says::Says;
use crate::policy::{Limits, Policy};

/// Why an answer decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The function said that it does not know the caller: 401.
    Unauthorized,
    /// An HTTP service said that the caller may not: 403.
    Denied,
    /// The function failed, or could not be invoked: 500, `AUTHORIZER_FAILURE`.
    Failed(String),
    /// It answered, and not as an authorizer has to: 500, `AUTHORIZER_CONFIGURATION_ERROR`.
    Malformed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    principal_id: Option<Value>,
    #[serde(borrow)]
    policy_document: Option<&'a RawValue>,
    context: Option<Value>,
    usage_identifier_key: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_message: Option<String>,
}

/// What a function's failure means: the message `Unauthorized`, exactly, is a verdict.
pub fn failure(body: &[u8]) -> Fault {
    let message = serde_json::from_slice::<FunctionError>(body).ok().and_then(|error| error.error_message);
    match message.as_deref() {
        Some("Unauthorized") => Fault::Unauthorized,
        // What it says may hold the token.
        _ => Fault::Failed("the authorizer's function failed".to_owned()),
    }
}

/// # Errors
/// [`Fault::Malformed`]
pub fn decision(body: &[u8], limits: &Limits) -> Result<Decision, Fault> {
    let malformed = |what: &str| Fault::Malformed(format!("the authorizer's answer {what}"));
    let output: Output<'_> = serde_json::from_slice(body).map_err(|_| malformed("is no JSON object"))?;
    let principal_id = match output.principal_id {
        Some(Value::String(id)) if !id.is_empty() => Some(id.into()),
        _ => return Err(malformed("has no `principalId`")),
    };
    let document = output.policy_document.ok_or_else(|| malformed("has no `policyDocument`"))?;
    let policy = Policy::parse_answer(document.get(), limits).map_err(|error| {
        malformed(&format!("has a policy that cannot be used: {} {}", error.pointer, error.message))
    })?;
    let context = match output.context {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(context)) => texts(context).ok_or_else(|| {
            malformed("has a list or an object in its `context`, which holds texts, numbers and booleans")
        })?,
        Some(_) => return Err(malformed("has a `context` that is no object")),
    };
    let usage_identifier_key = match output.usage_identifier_key {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(key.into()),
        Some(_) => return Err(malformed("has a `usageIdentifierKey` that is no text")),
    };
    let identity = Identity { principal_id, context, usage_identifier_key, ..Identity::default() };
    // A compiled policy takes some times as much as its text.
    let bytes = body.len() as u64 * 4;
    Ok(Decision { says: Says::Policy(policy), identity: Rc::new(identity), bytes })
}

/// What is null is left out.
fn texts(context: Map<String, Value>) -> Option<Vec<(Box<str>, Box<str>)>> {
    let mut texts = Vec::with_capacity(context.len());
    for (name, value) in context {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        texts.push((name.into(), text.into()));
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}"#;

    #[track_caller]
    fn check(body: &str, expected: Result<&str, &str>) {
        let body = body.replace("POLICY", POLICY);
        let found = decision(body.as_bytes(), &Limits::default());
        let shown = match &found {
            Ok(Decision { identity, .. }) => Ok(format!("{:?} {:?}", identity.principal_id, identity.context)),
            Err(Fault::Malformed(what)) => Err(what.as_str()),
            Err(other) => panic!("{other:?}"),
        };
        match (shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected, "{body}"),
            (Err(shown), Err(expected)) => assert!(shown.contains(expected), "{body}: {shown}"),
            (shown, expected) => panic!("{body}: {shown:?}, not {expected:?}"),
        }
    }

    #[test]
    fn answers() {
        check(r#"{"principalId":"u","policyDocument":POLICY}"#, Ok(r#"Some("u") []"#));
        check(
            r#"{"principalId":"u","policyDocument":POLICY,"context":{"a":"x","b":1,"c":true,"d":1.5,"e":null}}"#,
            Ok(r#"Some("u") [("a", "x"), ("b", "1"), ("c", "true"), ("d", "1.5")]"#),
        );
        check(
            r#"{"principalId":"u","policyDocument":POLICY,"context":null,"usageIdentifierKey":null}"#,
            Ok(r#"Some("u") []"#),
        );
        check(r#"{"principalId":"u","policyDocument":POLICY,"context":{"a":[1]}}"#, Err("a list or an object"));
        check(r#"{"principalId":"u","policyDocument":POLICY,"context":"a"}"#, Err("no object"));
        check(r#"{"principalId":"u","policyDocument":POLICY,"usageIdentifierKey":1}"#, Err("no text"));
        check(r#"{"policyDocument":POLICY}"#, Err("principalId"));
        check(r#"{"principalId":1,"policyDocument":POLICY}"#, Err("principalId"));
        check(r#"{"principalId":"","policyDocument":POLICY}"#, Err("principalId"));
        check(r#"{"principalId":"u"}"#, Err("policyDocument"));
        check(r#"{"principalId":"u","policyDocument":"POLICY"}"#, Err(""));
        check(r#"{"principalId":"u","policyDocument":{}}"#, Err("policy"));
        check("null", Err("no JSON object"));
        check("", Err("no JSON object"));
        check("[]", Err("no JSON object"));
        check(r#""Allow""#, Err("no JSON object"));
        check("Allow", Err("no JSON object"));
    }

    /// As the crate has them that authorizers in Rust answer with: lists, single values, conditions.
    #[test]
    fn answers_of_the_crates_fixtures() {
        for name in ["", "-with-condition", "-with-single-value-action", "-with-single-value-resource"] {
            let path = format!("tests/events/example-apigw-custom-auth-response{name}.json");
            let body = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let Decision { identity, .. } = decision(&body, &Limits::default()).expect("an answer");
            let context = [("stringKey", "value"), ("numberKey", "1"), ("booleanKey", "true")];
            for (name, value) in context {
                assert!(identity.context.iter().any(|(known, said)| (&**known, &**said) == (name, value)), "{path}");
            }
            assert_eq!(identity.context.len(), context.len());
            assert_eq!(identity.principal_id.as_deref(), Some("yyyyyyyy"));
            assert_eq!(identity.usage_identifier_key.as_deref(), Some("{api-key}"));
        }
    }

    #[test]
    fn failures() {
        assert_eq!(failure(br#"{"errorMessage":"Unauthorized"}"#), Fault::Unauthorized);
        for other in [
            r#"{"errorMessage":"unauthorized"}"#,
            r#"{"errorMessage":"Unauthorized "}"#,
            r#"{"errorMessage":"[Unauthorized]"}"#,
            "{}",
            "",
            "garbage",
        ] {
            assert!(matches!(failure(other.as_bytes()), Fault::Failed(_)), "{other}");
        }
    }
}
