//! What a function answers, as HTTP's answer. (Guide, `set-up-lambda-proxy-integrations`, "Output format".)
//!
//! ```text
//! {"statusCode": 200, "headers": {…}, "multiValueHeaders": {…}, "body": "…", "isBase64Encoded": false}
//! ```
//!
//! None of the members has to be there, and no other may. The rules are those that recordings of the service show: a status
//! may be a text, values of headers may be booleans and numbers, `null` is as good as nothing, and anything else is a
//! malformed answer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::http::encode;
use crate::http::field::{FieldKind, is_token};

/// A whole answer, or the beginning of one that is streamed.
#[derive(Debug, PartialEq, Eq)]
pub struct ProxyAnswer<'a> {
    pub status: u16,
    /// In their order; names may come again.
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub body: Cow<'a, str>,
    pub is_base64_encoded: bool,
}

/// What is wrong with an answer; for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl<'a> ProxyAnswer<'a> {
    /// # Errors
    /// [`Malformed`]: the client is answered 502.
    pub fn parse(json: &'a [u8]) -> Result<ProxyAnswer<'a>, Malformed> {
        let raw: Buffered<'a> = from_json(json)?;
        let Buffered { status_code, headers, multi_value_headers, body, is_base64_encoded } = raw;
        let headers = merged(headers.unwrap_or_default(), multi_value_headers.unwrap_or_default())?;
        Ok(ProxyAnswer {
            status: status(status_code)?,
            headers,
            body: body.map(|text| text.0).unwrap_or_default(),
            is_base64_encoded: is_base64_encoded.unwrap_or(false),
        })
    }

    /// The metadata in front of a body that is streamed; it may have `cookies`.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse_metadata(json: &'a [u8]) -> Result<ProxyAnswer<'a>, Malformed> {
        let raw: Streamed<'a> = from_json(json)?;
        let Streamed { status_code, headers, multi_value_headers, cookies } = raw;
        let mut headers = merged(headers.unwrap_or_default(), multi_value_headers.unwrap_or_default())?;
        for Text(cookie) in cookies.unwrap_or_default() {
            headers.push(checked(Cow::Borrowed("Set-Cookie"), cookie)?);
        }
        Ok(ProxyAnswer { status: status(status_code)?, headers, body: Cow::Borrowed(""), is_base64_encoded: false })
    }

    /// Appends what of the headers goes to the client. Some keep their value under another name, as AWS does with them.
    /// (Guide, `api-gateway-known-issues`.)
    pub fn write_headers(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.headers {
            match remapped(name) {
                Header::Passes => encode::field(name, value.as_bytes(), out),
                Header::Remapped(other) => encode::field(other, value.as_bytes(), out),
                Header::Dropped => {}
            }
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            encode::field("Content-Type", b"application/json", out);
        }
    }
}

enum Header {
    Passes,
    Remapped(&'static str),
    Dropped,
}

fn remapped(name: &str) -> Header {
    match FieldKind::of(name) {
        FieldKind::Connection => Header::Remapped("x-amzn-Remapped-Connection"),
        FieldKind::ContentLength => Header::Remapped("x-amzn-Remapped-Content-Length"),
        FieldKind::Date => Header::Remapped("x-amzn-Remapped-Date"),
        FieldKind::UserAgent => Header::Remapped("x-amzn-Remapped-User-Agent"),
        FieldKind::Expect
        | FieldKind::GatewayOwned
        | FieldKind::HopByHop
        | FieldKind::Host
        | FieldKind::Te
        | FieldKind::Trailer
        | FieldKind::TransferEncoding
        | FieldKind::Via => Header::Dropped,
        FieldKind::ContentType
        | FieldKind::Forwarded
        | FieldKind::XForwardedFor
        | FieldKind::XForwardedHost
        | FieldKind::XForwardedPort
        | FieldKind::XForwardedProto => Header::Passes,
        FieldKind::Other => {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            match name.len() {
                6 if is("server") => Header::Remapped("x-amzn-Remapped-Server"),
                11 if is("content-md5") => Header::Remapped("x-amzn-Remapped-Content-MD5"),
                12 if is("max-forwards") => Header::Remapped("x-amzn-Remapped-Max-Forwards"),
                13 if is("authorization") => Header::Remapped("x-amzn-Remapped-Authorization"),
                14 if is("x-amz-apigw-id") => Header::Dropped,
                16 if is("www-authenticate") => Header::Remapped("x-amzn-Remapped-WWW-Authenticate"),
                _ => Header::Passes,
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object with `statusCode`, `headers` and `body`")]
struct Buffered<'a> {
    status_code: Option<Status>,
    #[serde(borrow)]
    headers: Option<Pairs<'a, Scalar<'a>>>,
    #[serde(borrow)]
    multi_value_headers: Option<Pairs<'a, Vec<Scalar<'a>>>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object with `statusCode` and `headers`")]
struct Streamed<'a> {
    status_code: Option<Status>,
    #[serde(borrow)]
    headers: Option<Pairs<'a, Scalar<'a>>>,
    #[serde(borrow)]
    multi_value_headers: Option<Pairs<'a, Vec<Scalar<'a>>>>,
    #[serde(borrow)]
    cookies: Option<Vec<Text<'a>>>,
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(json).map_err(|error| Malformed(error.to_string()))
}

fn status(status: Option<Status>) -> Result<u16, Malformed> {
    let Some(Status(status)) = status else { return Ok(200) };
    match u16::try_from(status) {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(Malformed(format!("{status} is not a status for an answer"))),
    }
}

/// Names in both maps together; all of them have to fit into a head.
const HEADER_NAMES_MAX: usize = 512;

type Headers<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Both maps as one list. Of a name in both, the values of the second come first and decide how it is spelt; a value that
/// both have comes once.
fn merged<'a>(single: Pairs<'a, Scalar<'a>>, multi: Pairs<'a, Vec<Scalar<'a>>>) -> Result<Headers<'a>, Malformed> {
    // Each name is looked for among all others.
    if single.0.len() + multi.0.len() > HEADER_NAMES_MAX {
        return Err(Malformed(format!("it has more than {HEADER_NAMES_MAX} headers")));
    }
    let mut headers = Vec::with_capacity(single.0.len() + multi.0.len());
    let mut single: Vec<_> = single.0.into_iter().map(|(name, Scalar(value))| (name, value)).collect();
    for (name, values) in multi.0 {
        let same = single.iter().position(|(other, _)| other.eq_ignore_ascii_case(&name));
        let mut also = same.and_then(|at| single.remove(at).1);
        for Scalar(value) in values {
            let Some(value) = value else { continue };
            also = also.filter(|also| *also != value);
            headers.push(checked(name.clone(), value)?);
        }
        if let Some(value) = also {
            headers.push(checked(name, value)?);
        }
    }
    for (name, value) in single {
        if let Some(value) = value {
            headers.push(checked(name, value)?);
        }
    }
    Ok(headers)
}

/// A header that would be more than one line of the message, or none, is not sent.
fn checked<'a>(name: Cow<'a, str>, value: Cow<'a, str>) -> Result<(Cow<'a, str>, Cow<'a, str>), Malformed> {
    if !is_token(name.as_bytes()) {
        return Err(Malformed(format!("{name:?} cannot be a header's name")));
    }
    let trimmed = value.trim_matches([' ', '\t']);
    if !encode::is_field_value(trimmed.as_bytes()) {
        return Err(Malformed(format!("the header {name:?} has a value with characters that it cannot have")));
    }
    let value = if trimmed.len() == value.len() { value } else { Cow::Owned(trimmed.to_owned()) };
    Ok((name, value))
}

/// A text that stays where it is, if it has no escapes.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData)).map(Text)
    }
}

struct TextVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A header's value; `None` for `null`, which is no header.
struct Scalar<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'a>, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData)).map(Scalar)
    }
}

struct ScalarVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ScalarVisitor<'a> {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a boolean")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(serde_json::Value::from(number).to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// `statusCode`: a number, or a text of one.
struct Status(i64);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Status, E> {
        Ok(Status(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Status, E> {
        Ok(Status(number))
    }

    /// Some languages know no other numbers.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Status, E> {
        if number.fract() == 0.0 && (0.0..1000.0).contains(&number) {
            return Ok(Status(number as i64));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Status, E> {
        text.trim().parse().map(Status).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// An object's members in their order.
struct Pairs<'a, V>(Vec<(Cow<'a, str>, V)>);

impl<V> Default for Pairs<'_, V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a, V>, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData)).map(Pairs)
    }
}

struct PairsVisitor<'a, V>(PhantomData<(&'a (), V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<'a, V> {
    type Value = Vec<(Cow<'a, str>, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some((Text(name), value)) = members.next_entry::<Text<'a>, V>()? {
            pairs.push((name, value));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `status|name: value|…|body`, with a `*` in front of a body in base64.
    fn shown(answer: Result<ProxyAnswer<'_>, Malformed>) -> Result<String, String> {
        let ProxyAnswer { status, headers, body, is_base64_encoded } = answer.map_err(|Malformed(what)| what)?;
        let mut shown = status.to_string();
        for (name, value) in headers {
            shown += &format!("|{name}: {value}");
        }
        Ok(shown + "|" + if is_base64_encoded { "*" } else { "" } + &body)
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(shown(ProxyAnswer::parse(json.as_bytes())).as_deref(), Ok(expected), "{json}");
    }

    #[track_caller]
    fn refused(json: &str, expected: &str) {
        let found = shown(ProxyAnswer::parse(json.as_bytes())).expect_err("it is malformed");
        assert!(found.contains(expected), "{json}: {found}");
    }

    /// It names its headers in both maps: they are one.
    #[test]
    fn the_crates_fixture_is_an_answer() {
        let json = std::fs::read("tests/events/example-apigw-response.json").expect("it is there");
        let ProxyAnswer { status, headers, body, is_base64_encoded } = ProxyAnswer::parse(&json).expect("an answer");
        assert_eq!((status, &*body, is_base64_encoded), (200, "Hello World", false));
        let via: Vec<_> = headers.iter().filter(|(name, _)| name == "X-Forwarded-Port").collect();
        assert_eq!(via, [&(Cow::Borrowed("X-Forwarded-Port"), Cow::Borrowed("443"))]);
        assert_eq!(headers.len(), 17);
    }

    /// `test_lambda_aws_proxy_response_format` and `test_aws_proxy_response_payload_format_validation` of LocalStack record
    /// most of these.
    #[test]
    fn answers_as_the_service_takes_them() {
        check("{}", "200|");
        check(r#"{"statusCode":200}"#, "200|");
        check(r#"{"statusCode":"201","body":"a\nb"}"#, "201|a\nb");
        check(r#"{"statusCode":204.0}"#, "204|");
        check(
            r#"{"statusCode":null,"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null}"#,
            "200|",
        );
        check(r#"{"headers":{"test-header":"value"}}"#, "200|test-header: value|");
        check(
            r#"{"headers":{"a":true,"b":1,"c":-2,"d":1.5,"e":null,"f":" x "}}"#,
            "200|a: true|b: 1|c: -2|d: 1.5|f: x|",
        );
        check(r#"{"body":"dGVzdA==","isBase64Encoded":true}"#, "200|*dGVzdA==");
        check(r#"{"multiValueHeaders":{"a":["1","2",null,3]}}"#, "200|a: 1|a: 2|a: 3|");
        check(
            r#"{"headers":{"test-multi":"solo"},"multiValueHeaders":{"tesT-Multi":["multi"]}}"#,
            "200|tesT-Multi: multi|tesT-Multi: solo|",
        );
        check(r#"{"headers":{"a":"1","b":"2"},"multiValueHeaders":{"A":["1","3"]}}"#, "200|A: 1|A: 3|b: 2|");
        check(r#"{"headers":{"\u0061":"\u00e9"}}"#, "200|a: é|");
    }

    #[test]
    fn everything_else_is_malformed() {
        refused("", "EOF");
        refused("null", "an object with");
        refused("[]", "an object with");
        refused(r#""just a string""#, "an object with");
        refused("7", "an object with");
        refused(r#"{"statusCode":200,"wrongValue":"value"}"#, "unknown field `wrongValue`");
        refused(r#"{"statusCode":200,"cookies":[]}"#, "unknown field `cookies`");
        refused(r#"{"statusCode":"test"}"#, "a status");
        refused(r#"{"statusCode":200.5}"#, "a status");
        refused(r#"{"statusCode":{}}"#, "a status");
        refused(r#"{"statusCode":99}"#, "99 is not a status");
        refused(r#"{"statusCode":101}"#, "101 is not a status");
        refused(r#"{"statusCode":600}"#, "600 is not a status");
        refused(r#"{"statusCode":-200}"#, "-200 is not a status");
        refused(r#"{"body":{"a":1}}"#, "a string");
        refused(r#"{"body":1}"#, "a string");
        refused(r#"{"isBase64Encoded":"yes"}"#, "a boolean");
        refused(r#"{"headers":[]}"#, "an object of headers");
        refused(r#"{"headers":{"a":["1"]}}"#, "a string, a number or a boolean");
        refused(r#"{"multiValueHeaders":{"a":"1"}}"#, "a sequence");
        refused(r#"{"headers":{"a b":"1"}}"#, "cannot be a header's name");
        refused(r#"{"headers":{"":"1"}}"#, "cannot be a header's name");
        refused(r#"{"headers":{"a":"1\r\nSet-Cookie: x"}}"#, "characters that it cannot have");
        refused(r#"{"body":"a"} {"body":"b"}"#, "trailing");
        refused(r#"{"statusCode":200"#, "EOF");
        refused("{\"body\":\"\u{1}\"}", "control character");
    }

    #[test]
    fn metadata_has_cookies_and_no_body() {
        let parse = |json: &'static str| shown(ProxyAnswer::parse_metadata(json.as_bytes()));
        let expected = "201|x: 1|Set-Cookie: a=b|Set-Cookie: c=d|";
        let found = parse(r#"{"statusCode":201,"headers":{"x":"1"},"cookies":["a=b","c=d"]}"#);
        assert_eq!(found.as_deref(), Ok(expected));
        assert_eq!(parse("{}").as_deref(), Ok("200|"));
        assert!(parse(r#"{"body":"x"}"#).is_err_and(|what| what.contains("unknown field")));
        assert!(parse(r#"{"cookies":["a\nb"]}"#).is_err_and(|what| what.contains("Set-Cookie")));
        assert!(parse("").is_err());
    }

    #[test]
    fn headers_that_are_not_a_functions_get_another_name() {
        let json = r#"{"headers":{"Connection":"close","Content-Length":"7","date":"x","Server":"s","WWW-Authenticate":"Basic",
                       "Authorization":"a","Content-MD5":"m","Max-Forwards":"1","User-Agent":"u","Transfer-Encoding":"chunked",
                       "Trailer":"t","TE":"t","Upgrade":"u","Keep-Alive":"k","Host":"h","Via":"v","Expect":"e",
                       "Proxy-Authenticate":"p","x-amzn-RequestId":"r","x-amz-apigw-id":"i","x-amzn-ErrorType":"e","X-A":"1"}}"#;
        let mut out = Vec::new();
        ProxyAnswer::parse(json.as_bytes()).expect("a sound answer").write_headers(&mut out);
        let prefixed = ["Connection: close", "Content-Length: 7", "Date: x", "Server: s", "WWW-Authenticate: Basic"];
        let more = ["Authorization: a", "Content-MD5: m", "Max-Forwards: 1", "User-Agent: u"];
        let mut expected: String =
            prefixed.iter().chain(&more).map(|line| format!("x-amzn-Remapped-{line}\r\n")).collect();
        expected += "x-amzn-ErrorType: e\r\nX-A: 1\r\nContent-Type: application/json\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
