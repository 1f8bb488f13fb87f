//! What is asked of those who have credentials, and what they answer. Without I/O.

use super::chain::Role;
use crate::control_plane::fetch::{FetchAnswer, FetchRequest};
use crate::plan::aws_credentials::AwsCredentials;
use crate::sign::{self, Credentials, PathStyle, Request, Scope, Timestamp};
use serde::Deserialize;
use std::fmt::Write as _;

/// Of an explanation, for the log.
const REASON_CHARACTERS_MAX: usize = 256;

/// How long EC2's metadata service is to take a token for: its own bound, six hours.
const IMDS_TOKEN_SECONDS: &str = "21600";

/// Where roles are named.
pub const IMDS_ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// Where STS is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// Without a path.
    pub origin: String,
    pub region: String,
}

/// As containers' endpoints and EC2's metadata service write credentials.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    /// EC2 alone has it: `Success`.
    code: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

/// The first of two requests: for a token, without which the service answers nothing (IMDSv2).
pub fn imds_token(origin: &str) -> FetchRequest {
    let request = FetchRequest::get(format!("{origin}/latest/api/token"));
    FetchRequest { method: "PUT", ..request }
        .with("x-aws-ec2-metadata-token-ttl-seconds", IMDS_TOKEN_SECONDS.to_owned())
}

/// `path` below the service's origin.
pub fn imds(origin: &str, path: &str, token: &str) -> FetchRequest {
    FetchRequest::get(format!("{origin}{path}")).with("x-aws-ec2-metadata-token", token.to_owned())
}

/// AssumeRoleWithWebIdentity, which is not signed: the token says who asks.
pub fn assume_role_with_web_identity(sts: &Sts, role: &Role, token: &str) -> FetchRequest {
    sts_request(
        sts,
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &role.arn),
            ("RoleSessionName", &role.session_name),
            ("WebIdentityToken", token),
        ],
    )
}

/// AssumeRole, signed with the base's credentials.
pub fn assume_role(
    sts: &Sts,
    role: &Role,
    external_id: Option<&str>,
    base: &Credentials,
    now: Timestamp,
) -> FetchRequest {
    let mut parameters = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.arn.as_str()),
        ("RoleSessionName", &role.session_name),
    ];
    parameters.extend(external_id.map(|id| ("ExternalId", id)));
    let mut request = sts_request(sts, &parameters);
    let host = sts.origin.split_once("://").map_or("", |(_, authority)| authority);
    let mut headers: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
    headers.extend(request.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let signed = Request {
        method: request.method,
        path: "/",
        path_style: PathStyle::Normalized,
        query: "",
        headers: &headers,
        body: &request.body,
    };
    let added = sign::sign(&signed, base, Scope { region: &sts.region, service: "sts" }, now);
    request.headers.extend(added);
    request
}

fn sts_request(sts: &Sts, parameters: &[(&str, &str)]) -> FetchRequest {
    let mut body = String::new();
    for (name, value) in parameters {
        let separator = if body.is_empty() { "" } else { "&" };
        body += &format!("{separator}{name}=");
        push_encoded(value, &mut body);
    }
    let request = FetchRequest::get(format!("{}/", sts.origin));
    FetchRequest { method: "POST", body: body.into_bytes(), ..request }
        .with("content-type", "application/x-www-form-urlencoded".to_owned())
}

fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a text takes everything"),
        }
    }
}

/// The one line of an answer of EC2's metadata service: a token, or the name of the role.
///
/// # Errors
/// There is none.
pub fn line(answer: &FetchAnswer) -> Result<String, String> {
    let text = ok_body(answer)?;
    let first = std::str::from_utf8(text).unwrap_or_default().lines().next().unwrap_or_default().trim();
    let good = (1..=1_024).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| first.to_owned()).ok_or_else(|| "the answer is not one line of text".to_owned())
}

/// The credentials in an answer of a container's endpoint or of EC2's metadata service.
///
/// # Errors
/// Why there are none; never with a part of the answer that could be secret.
pub fn document(answer: &FetchAnswer) -> Result<AwsCredentials, String> {
    let document: Document =
        serde_json::from_slice(ok_body(answer)?).map_err(|_| "the answer has no credentials".to_owned())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        return Err(format!("it answered {}", shortened(&code)));
    }
    let expires_at = document.expiration.as_deref().map(time).transpose()?;
    credentials(document.access_key_id, document.secret_access_key, document.token, expires_at)
}

/// The credentials in an answer of STS.
///
/// # Errors
/// As above.
pub fn sts_answer(answer: &FetchAnswer) -> Result<AwsCredentials, String> {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    if answer.status != 200 {
        let (code, message) = (element(text, "Code"), element(text, "Message"));
        let reason = [code, message].into_iter().flatten().map(|text| shortened(&text)).collect::<Vec<_>>().join(": ");
        return Err(format!("STS answered {} {reason}", answer.status).trim_end().to_owned());
    }
    let of = |name: &str| element(text, name).ok_or_else(|| format!("the answer of STS has no {name}"));
    let expires_at = time(&of("Expiration")?)?;
    credentials(of("AccessKeyId")?, of("SecretAccessKey")?, Some(of("SessionToken")?), Some(expires_at))
}

fn credentials(
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expires_at: Option<Timestamp>,
) -> Result<AwsCredentials, String> {
    let session_token = session_token.filter(|token| !token.is_empty());
    // They become part of header fields.
    let word = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if ![Some(&access_key_id), Some(&secret_access_key), session_token.as_ref()].into_iter().flatten().all(word) {
        return Err("the credentials in the answer are empty, or no printable text".to_owned());
    }
    Ok(AwsCredentials::new(Credentials { access_key_id, secret_access_key, session_token }, expires_at))
}

fn ok_body(answer: &FetchAnswer) -> Result<&[u8], String> {
    if answer.status == 200 { Ok(&answer.body) } else { Err(format!("it answered {}", answer.status)) }
}

/// The text of the first element of a name: STS writes each once, and text only between its tags.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = after.split_once(&format!("</{name}>"))?;
    let mut value = value.trim().to_owned();
    for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        value = value.replace(entity, character);
    }
    Some(value)
}

/// `2019-11-09T13:34:41Z`, with or without fractions.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole = text.split_once('.').map_or(text.to_owned(), |(whole, _)| format!("{whole}Z"));
    let basic: String = whole.chars().filter(|character| !matches!(character, '-' | ':')).collect();
    Timestamp::parse(&basic).ok_or_else(|| "the time at which the credentials expire cannot be read".to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(REASON_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> FetchAnswer {
        FetchAnswer { status, body: body.as_bytes().to_vec() }
    }

    #[track_caller]
    fn check(found: Result<AwsCredentials, String>, expected: Result<(&str, Option<u64>), &str>) {
        let found = found.map(|found| {
            let Credentials { access_key_id, secret_access_key, session_token } =
                found.at(Timestamp::from_seconds(0)).expect("in 1970 it has not expired").clone();
            let token = session_token.unwrap_or_default();
            (format!("{access_key_id} {secret_access_key} {token}"), found.expires_at().map(Timestamp::seconds))
        });
        assert_eq!(found, expected.map(|(keys, at)| (keys.to_owned(), at)).map_err(str::to_owned));
    }

    #[test]
    fn documents() {
        let good = r#"{"Code":"Success","LastUpdated":"x","Type":"AWS-HMAC","AccessKeyId":"ASIA","SecretAccessKey":"S/+",
                       "Token":"T==","Expiration":"2015-08-30T12:36:00Z"}"#;
        check(document(&answer(200, good)), Ok(("ASIA S/+ T==", Some(1_440_938_160))));
        let lasting = r#"{"AccessKeyId":"A","SecretAccessKey":"S","RoleArn":"x"}"#;
        check(document(&answer(200, lasting)), Ok(("A S ", None)));
        check(document(&answer(404, good)), Err("it answered 404"));
        let failed = good.replace("Success", "AssumeRoleUnauthorizedAccess");
        check(document(&answer(200, &failed)), Err("it answered AssumeRoleUnauthorizedAccess"));
        check(document(&answer(200, "secret")), Err("the answer has no credentials"));
        check(document(&answer(200, r#"{"AccessKeyId":"A"}"#)), Err("the answer has no credentials"));
        let odd = lasting.replace("\"S\"", "\"S\\r\\nX: y\"");
        let message = "the credentials in the answer are empty, or no printable text";
        check(document(&answer(200, &odd)), Err(message));
        check(document(&answer(200, &lasting.replace("\"S\"", "\"\""))), Err(message));
        let timeless = good.replace("2015-08-30T12:36:00Z", "soon");
        check(document(&answer(200, &timeless)), Err("the time at which the credentials expire cannot be read"));
    }

    #[test]
    fn answers_of_sts() {
        let good = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>\n\
                    <Credentials>\n <AccessKeyId>ASIA</AccessKeyId>\n <SecretAccessKey>a/b&amp;lt;</SecretAccessKey>\n \
                    <SessionToken>T+/=\n</SessionToken>\n <Expiration>2015-08-30T12:36:00.250Z</Expiration>\n";
        check(sts_answer(&answer(200, good)), Ok(("ASIA a/b&lt; T+/=", Some(1_440_938_160))));
        check(sts_answer(&answer(200, "<a/>")), Err("the answer of STS has no Expiration"));
        let error = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No &lt;key&gt;\n\
                     </Message></Error></ErrorResponse>";
        check(sts_answer(&answer(400, error)), Err("STS answered 400 InvalidIdentityToken: No <key>"));
        check(sts_answer(&answer(503, "busy")), Err("STS answered 503"));
        let long = sts_answer(&answer(400, &format!("<Message>{}</Message>", "x".repeat(10_000))));
        assert_eq!(long.map_err(|reason| reason.len()), Err("STS answered 400 ".len() + REASON_CHARACTERS_MAX));
    }

    #[test]
    fn lines() {
        assert_eq!(line(&answer(200, "token==\n")), Ok("token==".to_owned()));
        assert_eq!(line(&answer(200, "a-role\nanother\n")), Ok("a-role".to_owned()));
        for (status, body) in [(200, ""), (200, "\n"), (200, "two words"), (401, "token")] {
            assert!(line(&answer(status, body)).is_err(), "{body}");
        }
    }

    #[test]
    fn requests() {
        let token = imds_token("http://h");
        assert_eq!((token.method, token.url.as_str()), ("PUT", "http://h/latest/api/token"));
        let role = Role { arn: "arn:aws:iam::1:role/r".to_owned(), session_name: "s".to_owned() };
        let sts = Sts { origin: "https://sts.r.amazonaws.com".to_owned(), region: "r".to_owned() };
        let web = assume_role_with_web_identity(&sts, &role, "a.b c");
        let body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&\
                    RoleSessionName=s&WebIdentityToken=a.b%20c";
        assert_eq!(
            (web.url.as_str(), String::from_utf8_lossy(&web.body).as_ref()),
            ("https://sts.r.amazonaws.com/", body)
        );
        assert!(!format!("{web:?}").contains("a.b"));
    }

    #[test]
    fn a_role_is_assumed_by_who_signs_for_it() {
        let base = Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: "secret-of-AK".to_owned(),
            session_token: Some("token-1".to_owned()),
        };
        let role = Role { arn: "arn:aws:iam::1:role/r".to_owned(), session_name: "s".to_owned() };
        let sts = Sts { origin: "http://127.0.0.1:4566".to_owned(), region: "eu-west-1".to_owned() };
        let now = Timestamp::from_seconds(1_440_938_160);
        let asked = assume_role(&sts, &role, Some("e&x"), &base, now);
        let mut headers: Vec<(&str, &[u8])> = vec![("host", b"127.0.0.1:4566")];
        headers.extend(asked.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let body = String::from_utf8_lossy(&asked.body);
        assert!(body.starts_with("Action=AssumeRole&") && body.ends_with("&ExternalId=e%26x"), "{body}");
        let (path_style, query) = (PathStyle::Normalized, "");
        let request = Request { method: "POST", path: "/", path_style, query, headers: &headers, body: &asked.body };
        let claim = sign::Claim::parse(&request).expect("it is signed");
        assert_eq!((claim.region.as_str(), claim.service.as_str()), ("eu-west-1", "sts"));
        assert_eq!(claim.session_token.as_deref(), Some("token-1"));
        assert_eq!(sign::verify(&request, &claim, "secret-of-AK", now, 0), Ok(()));
    }
}
