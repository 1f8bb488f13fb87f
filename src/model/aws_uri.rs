//! The URI of an integration with an AWS service, and of a Lambda authorizer, taken apart.
//!
//! ```text
//! arn:{partition}:apigateway:{region}:{service}:path/{path}
//! arn:{partition}:apigateway:{region}:{subdomain}.{service}:action/{Action}[&{name}={value}…]
//! ```
//!
//! "uri" of <https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html>. Stage variables have been put in
//! already; a path may have `{name}` for a mapped part.

use super::aws_service;

/// A URI that follows AWS's form; nothing is said of whether its service exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsUri {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    pub region: String,
    /// In front of the service's own name: a bucket, an account's endpoint.
    pub subdomain: Option<String>,
    /// `dynamodb`, `runtime.sagemaker`: the longest name that is a service's.
    pub service: String,
    pub target: AwsTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsTarget {
    /// `action/PutItem&TableName=pets`: an operation by its name. The rest is a query, without its first `&`, and may have
    /// mapped parts.
    Action { name: String, query: String },
    /// With its leading slash and, where it has one, its query; with mapped parts.
    Path(String),
}

/// What a URI for Lambda calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaUri {
    /// As written: a name, or an ARN, with or without a qualifier.
    pub function: String,
    pub invocation: LambdaInvocation,
}

/// An operation of Lambda that integrations call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LambdaInvocation {
    /// `Invoke`: `2015-03-31/functions/{function}/invocations`.
    Invoke,
    /// `InvokeWithResponseStream`: `2021-11-15/functions/{function}/response-streaming-invocations`.
    InvokeWithResponseStream,
}

/// Why a text is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsUriError {
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

const FORM: &str = "write `arn:aws:apigateway:{region}:{service}:path/{path}`, or `:action/{Action}`";
const LAMBDA_FORM: &str = "write `arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function ARN}/invocations`, or \
                           `path/2021-11-15/functions/{function ARN}/response-streaming-invocations`";

fn refused<T>(message: impl Into<String>, help: &'static str) -> Result<T, AwsUriError> {
    Err(AwsUriError { message: message.into(), help })
}

impl AwsUri {
    /// # Errors
    /// What of the text is not in AWS's form.
    pub fn parse(text: &str) -> Result<AwsUri, AwsUriError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "apigateway", region, service, target] = parts[..] else {
            return refused(format!("`{text}` is not the ARN of an integration"), FORM);
        };
        if partition != "aws" && !partition.strip_prefix("aws-").is_some_and(is_label) {
            return refused(
                format!("`{partition}` is not a partition of AWS"),
                "write `aws`, `aws-cn` or `aws-us-gov`",
            );
        }
        if !is_label(region) {
            return refused(format!("`{region}` is not a region"), "write a region, such as `us-east-1`");
        }
        let (subdomain, service) = subdomain_and_service(service)?;
        let target = match target.split_once('/') {
            Some(("action", action)) => self::action(action)?,
            Some(("path", path)) => self::path(path)?,
            _ => return refused(format!("`{target}` is neither `path/…` nor `action/…`"), FORM),
        };
        let (partition, region, service) = (partition.to_owned(), region.to_owned(), service.to_owned());
        Ok(AwsUri { partition, region, subdomain: subdomain.map(str::to_owned), service, target })
    }

    pub fn is_lambda(&self) -> bool {
        self.service == "lambda" && self.subdomain.is_none()
    }

    /// What it calls, if it is for Lambda.
    ///
    /// # Errors
    /// It is for Lambda, but calls no function.
    pub fn lambda(&self) -> Result<Option<LambdaUri>, AwsUriError> {
        if !self.is_lambda() {
            return Ok(None);
        }
        let AwsTarget::Path(path) = &self.target else {
            return refused("functions are not called by `action/`", LAMBDA_FORM);
        };
        let ways = [
            ("/2015-03-31/functions/", "/invocations", LambdaInvocation::Invoke),
            ("/2021-11-15/functions/", "/response-streaming-invocations", LambdaInvocation::InvokeWithResponseStream),
        ];
        for (before, after, invocation) in ways {
            let function = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            if let Some(function) = function.filter(|function| is_function(function)) {
                return Ok(Some(LambdaUri { function: function.to_owned(), invocation }));
            }
        }
        refused(format!("`{path}` calls no function"), LAMBDA_FORM)
    }
}

/// `runtime.sagemaker` is a service, `my-bucket.s3` a subdomain and one.
fn subdomain_and_service(text: &str) -> Result<(Option<&str>, &str), AwsUriError> {
    if text.is_empty() || text.len() > 253 || !text.split('.').all(is_label) {
        return refused(format!("`{text}` is not a service's name"), FORM);
    }
    if aws_service::named(text).is_some() {
        return Ok((None, text));
    }
    // The longest name that is known; one label where none is.
    let mut dots = text.match_indices('.').map(|(at, _)| at);
    let known = dots.find(|at| aws_service::named(&text[at + 1..]).is_some());
    match known.or_else(|| text.rfind('.')) {
        Some(at) => Ok((Some(&text[..at]), &text[at + 1..])),
        None => Ok((None, text)),
    }
}

fn action(text: &str) -> Result<AwsTarget, AwsUriError> {
    let (name, query) = text.split_once('&').unwrap_or((text, ""));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return refused(
            format!("`{name}` is not the name of an action"),
            "write `action/Name`, and parameters behind it as `&name=value`",
        );
    }
    check_characters(query)?;
    Ok(AwsTarget::Action { name: name.to_owned(), query: query.to_owned() })
}

fn path(text: &str) -> Result<AwsTarget, AwsUriError> {
    check_characters(text)?;
    let slash = if text.starts_with('/') { "" } else { "/" };
    Ok(AwsTarget::Path(format!("{slash}{text}")))
}

/// What may stand in a path or a query (RFC 3986, sections 3.3 and 3.4), and braces around a name.
fn check_characters(text: &str) -> Result<(), AwsUriError> {
    let bytes = text.as_bytes();
    let mut open = None;
    for (at, byte) in bytes.iter().enumerate() {
        let good = match byte {
            b'{' => open.replace(at).is_none(),
            b'}' => open.take().is_some_and(|start| at > start + 1),
            b'%' => bytes.len() > at + 2 && bytes[at + 1..at + 3].iter().all(u8::is_ascii_hexdigit),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte),
        };
        if !good {
            let wrong = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('?');
            let help = "percent-encode what is not a letter, digit or one of -._~!$&'()*+,;=:@/?; write `{name}` for a \
                        mapped part";
            return refused(format!("`{wrong}` cannot stand there in `{text}`"), help);
        }
    }
    match open {
        None => Ok(()),
        Some(_) => refused(format!("the braces in `{text}` do not match"), "write `{name}` for a mapped part"),
    }
}

/// A name or an ARN: what Lambda's own pattern allows, and nothing that would be another path.
fn is_function(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.$".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(word)
}

fn is_label(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(word) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = AwsUri::parse(text).map(|uri| {
            let AwsUri { partition, region, subdomain, service, target } = uri;
            let target = match target {
                AwsTarget::Action { name, query } => format!("action {name} [{query}]"),
                AwsTarget::Path(path) => format!("path {path}"),
            };
            format!("{partition} {region} {} {service} {target}", subdomain.as_deref().unwrap_or("-"))
        });
        assert_eq!(shown.as_deref().map_err(|error| error.message.as_str()), expected, "{text}");
    }

    #[test]
    fn uris_are_taken_apart() {
        check("arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", Ok("aws us-east-1 - dynamodb action PutItem []"));
        check(
            "arn:aws:apigateway:us-west-2:s3:action/GetObject&Bucket={bucket}&Key={key}",
            Ok("aws us-west-2 - s3 action GetObject [Bucket={bucket}&Key={key}]"),
        );
        check("arn:aws:apigateway:us-west-2:s3:path/{bucket}/{key}", Ok("aws us-west-2 - s3 path /{bucket}/{key}"));
        check("arn:aws:apigateway:us-west-2:s3:path//", Ok("aws us-west-2 - s3 path /"));
        check("arn:aws:apigateway:us-west-2:s3:path/", Ok("aws us-west-2 - s3 path /"));
        check("arn:aws-cn:apigateway:cn-north-1:b.c.s3:path/k", Ok("aws-cn cn-north-1 b.c s3 path /k"));
        check(
            "arn:aws:apigateway:eu-west-1:sqs:path/123456789012/orders?Action=SendMessage",
            Ok("aws eu-west-1 - sqs path /123456789012/orders?Action=SendMessage"),
        );
        check(
            "arn:aws:apigateway:us-east-1:runtime.sagemaker:path//endpoints/e/invocations",
            Ok("aws us-east-1 - runtime.sagemaker path /endpoints/e/invocations"),
        );
        check("arn:aws:apigateway:us-east-1:a1b2.iotdata:path/t", Ok("aws us-east-1 a1b2 iotdata path /t"));
        check("arn:aws:apigateway:us-east-1:x.novelty:path/t", Ok("aws us-east-1 x novelty path /t"));
        let long =
            "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:1:function:f:live/invocations";
        let path = "aws r - lambda path /2015-03-31/functions/arn:aws:lambda:r:1:function:f:live/invocations";
        check(long, Ok(path));
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("http://a/b", Err("`http://a/b` is not the ARN of an integration"));
        check("arn:aws:lambda:r:1:function:f", Err("`arn:aws:lambda:r:1:function:f` is not the ARN of an integration"));
        check("arn:aws:apigateway:r:lambda", Err("`arn:aws:apigateway:r:lambda` is not the ARN of an integration"));
        check("arn:gcp:apigateway:r:s3:path/a", Err("`gcp` is not a partition of AWS"));
        check("arn:aws-:apigateway:r:s3:path/a", Err("`aws-` is not a partition of AWS"));
        check("arn:aws:apigateway::s3:path/a", Err("`` is not a region"));
        check("arn:aws:apigateway:us east:s3:path/a", Err("`us east` is not a region"));
        check("arn:aws:apigateway:a.b/c:s3:path/a", Err("`a.b/c` is not a region"));
        check("arn:aws:apigateway:r::path/a", Err("`` is not a service's name"));
        check("arn:aws:apigateway:r:.s3:path/a", Err("`.s3` is not a service's name"));
        check("arn:aws:apigateway:r:evil.com/s3:path/a", Err("`evil.com/s3` is not a service's name"));
        check("arn:aws:apigateway:r:s3:x/y", Err("`x/y` is neither `path/…` nor `action/…`"));
        check("arn:aws:apigateway:r:s3:path", Err("`path` is neither `path/…` nor `action/…`"));
        check("arn:aws:apigateway:r:sqs:action/", Err("`` is not the name of an action"));
        check("arn:aws:apigateway:r:sqs:action/A?b=c", Err("`A?b=c` is not the name of an action"));
        check("arn:aws:apigateway:r:sqs:action/A&b=c d", Err("` ` cannot stand there in `b=c d`"));
        check("arn:aws:apigateway:r:s3:path/a b", Err("` ` cannot stand there in `a b`"));
        check("arn:aws:apigateway:r:s3:path/ä", Err("`ä` cannot stand there in `ä`"));
        check("arn:aws:apigateway:r:s3:path/%2", Err("`%` cannot stand there in `%2`"));
        check("arn:aws:apigateway:r:s3:path/{a", Err("the braces in `{a` do not match"));
        check("arn:aws:apigateway:r:s3:path/a}", Err("`}` cannot stand there in `a}`"));
        check("arn:aws:apigateway:r:s3:path/{}", Err("`}` cannot stand there in `{}`"));
        check("arn:aws:apigateway:r:s3:path/{a{b}}", Err("`{` cannot stand there in `{a{b}}`"));
    }

    #[track_caller]
    fn check_lambda(service_and_target: &str, expected: Result<Option<(&str, LambdaInvocation)>, &str>) {
        let uri = AwsUri::parse(&format!("arn:aws:apigateway:r:{service_and_target}")).expect("it has the form");
        let found = uri.lambda().map(|lambda| lambda.map(|lambda| (lambda.function, lambda.invocation)));
        let expected = expected.map(|found| found.map(|(function, invocation)| (function.to_owned(), invocation)));
        assert_eq!(found.map_err(|error| error.message), expected.map_err(str::to_owned), "{service_and_target}");
    }

    #[test]
    fn functions_are_called_in_two_ways() {
        use LambdaInvocation::{Invoke, InvokeWithResponseStream};
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:my_f-1:$LATEST";
        check_lambda(&format!("lambda:path/2015-03-31/functions/{arn}/invocations"), Ok(Some((arn, Invoke))));
        let streaming = format!("lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations");
        check_lambda(&streaming, Ok(Some((arn, InvokeWithResponseStream))));
        check_lambda("lambda:path/2015-03-31/functions/f/invocations", Ok(Some(("f", Invoke))));
        check_lambda("s3:path/2015-03-31/functions/f/invocations", Ok(None));
        let none = |path: &str| Err(format!("`{path}` calls no function"));
        for path in [
            "/2015-03-31/functions/f/response-streaming-invocations",
            "/2021-11-15/functions/f/invocations",
            "/2015-03-31/functions//invocations",
            "/2015-03-31/functions/a/b/invocations",
            "/2015-03-31/functions/{f}/invocations",
            "/2015-03-31/functions/f/invocations?Qualifier=1",
            "/2015-03-31/functions/f",
            "/",
        ] {
            let expected = none(path);
            check_lambda(&format!("lambda:path{path}"), expected.as_ref().map(|()| None).map_err(String::as_str));
        }
        check_lambda("lambda:action/Invoke", Err("functions are not called by `action/`"));
    }
}
