//! What a line of the access log looks like: a stage's `accessLogSettings.format`, compiled. (Guide, `set-up-logging`.)
//!
//! AWS knows `$context` variables and literal text, in whatever shape the reader of the log wants: CLF, JSON, XML, CSV.
//! What has no value is `-`. What clients choose is escaped as the format's shape demands, so that nobody can add a
//! line, a member, an element or a column; for JSON that is what the service itself does. The value of an API key is a
//! secret: a format may ask for it, and gets `-`.

use super::context::ContextVariable;
use super::template::reference;

/// Longer formats are refused; AWS's bound of HTTP APIs' formats is 3 KB.
pub const FORMAT_BYTES_MAX: usize = 16 * 1024;

/// What a line has where there is no value.
pub const NO_VALUE: &str = "-";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The gateway's own line, `docs/access-log.md`.
    Json,
    Template(LogTemplate),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTemplate {
    pub parts: Vec<LogPart>,
    pub escape: Escape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPart {
    Literal(Box<str>),
    /// Known as soon as the request is.
    Early(ContextVariable),
    /// Known when the exchange has ended.
    Late(ContextVariable),
}

/// How values are kept from being read as more than values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As inside of a JSON string. Also for formats of no known shape, such as CLF: quotes and line breaks do not pass.
    Json,
    Xml,
    /// As JSON, and commas too.
    Csv,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    pub message: String,
    pub help: String,
}

impl LogFormat {
    /// `json`, or text with `$context` variables.
    ///
    /// # Errors
    /// What cannot be written, and what to write instead.
    pub fn parse(source: &str) -> Result<LogFormat, FormatError> {
        let source = source.trim();
        if source == "json" {
            return Ok(LogFormat::Json);
        }
        if source.len() > FORMAT_BYTES_MAX {
            return error(format!("the format is longer than {FORMAT_BYTES_MAX} bytes"), "leave variables out");
        }
        if source.contains(|next: char| next.is_control() && next != '\t') {
            return error("the format has a line break", "write it on one line; in YAML, `>-` joins lines with spaces");
        }
        let parts = parts(source)?;
        let has = |wanted| parts.contains(&LogPart::Early(wanted));
        if !has(ContextVariable::RequestId) && !has(ContextVariable::ExtendedRequestId) {
            return error(
                "the format has neither `$context.requestId` nor `$context.extendedRequestId`",
                "add one of them, as API Gateway demands: it tells one line from another",
            );
        }
        let escape = escape(source, &parts);
        Ok(LogFormat::Template(LogTemplate { parts, escape }))
    }
}

fn error<T>(message: impl Into<String>, help: &str) -> Result<T, FormatError> {
    Err(FormatError { message: message.into(), help: help.to_owned() })
}

fn parts(source: &str) -> Result<Vec<LogPart>, FormatError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = source;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((name, after)) = reference(rest) else {
            literal.push('$');
            rest = &rest[1..];
            continue;
        };
        let written = &rest[..rest.len() - after.len()];
        let Some((variable, used)) = variable(name, written.ends_with('}')) else {
            return Err(unknown(name, written));
        };
        if !literal.is_empty() {
            parts.push(LogPart::Literal(std::mem::take(&mut literal).into()));
        }
        parts.push(match variable {
            ContextVariable::IdentityApiKey => LogPart::Literal(NO_VALUE.into()),
            variable if is_late(&variable) => LogPart::Late(variable),
            variable => LogPart::Early(variable),
        });
        rest = &rest[written.len() - (name.len() - used)..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(LogPart::Literal(literal.into()));
    }
    Ok(parts)
}

/// The variable, and how much of the name is its name: `$context.stage-$context.apiId` is two with a dash between.
fn variable(name: &str, in_braces: bool) -> Option<(ContextVariable, usize)> {
    let whole =
        |name: &str| ContextVariable::named(name.strip_prefix("context.")?).map(|variable| (variable, name.len()));
    whole(name).or_else(|| whole(name.split('-').next().filter(|_| !in_braces)?))
}

fn unknown(name: &str, written: &str) -> FormatError {
    let message = format!("the format has `{written}`, which is not a variable that access logs have");
    let near = name.strip_prefix("context.").and_then(ContextVariable::nearest);
    let help = match near {
        Some(near) => format!("did you mean `$context.{near}`?"),
        None => "it has literal text and `$context` variables such as `$context.requestId`".to_owned(),
    };
    FormatError { message, help }
}

fn is_late(variable: &ContextVariable) -> bool {
    use ContextVariable as V;
    matches!(
        variable,
        V::ErrorMessage
            | V::ErrorMessageString
            | V::ErrorResponseType
            | V::ErrorValidationErrorString
            | V::IntegrationError
            | V::IntegrationErrorMessage
            | V::IntegrationIntegrationStatus
            | V::IntegrationLatency
            | V::IntegrationLatencyFlat
            | V::IntegrationStatus
            | V::IntegrationStatusFlat
            | V::ResponseLatency
            | V::ResponseLength
            | V::Status
    )
}

fn escape(source: &str, parts: &[LogPart]) -> Escape {
    let comma = |part: &LogPart| matches!(part, LogPart::Literal(text) if text.trim_matches(['"', ' ']) == ",");
    match source.as_bytes().first() {
        Some(b'<') => Escape::Xml,
        Some(b'{' | b'[') => Escape::Json,
        _ if parts.iter().any(comma) => Escape::Csv,
        _ => Escape::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let shown = match LogFormat::parse(source) {
            Ok(LogFormat::Json) => "json".to_owned(),
            Ok(LogFormat::Template(template)) => {
                let part = |part: &LogPart| match part {
                    LogPart::Literal(text) => text.to_string(),
                    LogPart::Early(variable) => format!("<{}>", variable.name()),
                    LogPart::Late(variable) => format!("<<{}>>", variable.name()),
                };
                format!("{:?} {}", template.escape, template.parts.iter().map(part).collect::<String>())
            }
            Err(error) => format!("{}; {}", error.message, error.help),
        };
        assert_eq!(shown, expected, "{source}");
    }

    #[test]
    fn formats_are_parsed() {
        check(" json\n", "json");
        check("$context.requestId", "Json <requestId>");
        check(
            r#"$context.identity.sourceIp [$context.requestTime] "$context.httpMethod" $context.status $context.requestId"#,
            r#"Json <identity.sourceIp> [<requestTime>] "<httpMethod>" <<status>> <requestId>"#,
        );
        check("$context.requestId,$context.status", "Csv <requestId>,<<status>>");
        check(r#""$context.requestId", "$context.path""#, r#"Csv "<requestId>", "<path>""#);
        check("<id>$context.extendedRequestId</id>", "Xml <id><extendedRequestId></id>");
        check(r#"{"id":"$context.requestId","a":1}"#, r#"Json {"id":"<requestId>","a":1}"#);
        check("${context.requestId}x $5 # ## $", "Json <requestId>x $5 # ## $");
        check("$context.requestId-$context.stage-.", "Json <requestId>-<stage>-.");
        check("${context.requestId}-${context.stage}.x", "Json <requestId>-<stage>.x");
        check("$context.identity.apiKey,$context.requestId", "Csv -,<requestId>");
        check("$context.requestId $context.identity.apiKeyId", "Json <requestId> <identity.apiKeyId>");
        check("$context.requestId $context.authorizer.claims.sub", "Json <requestId> <authorizer.claims.>");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        check(
            "$context.requestID",
            "the format has `$context.requestID`, which is not a variable that access logs have; did you mean \
             `$context.requestId`?",
        );
        check(
            "$context.requestId $input.body",
            "the format has `$input.body`, which is not a variable that access logs have; it has literal text and \
             `$context` variables such as `$context.requestId`",
        );
        check(
            "$context.requestId\n$context.stage",
            "the format has a line break; write it on one line; in YAML, `>-` joins lines with spaces",
        );
        check(
            "$context.stage",
            "the format has neither `$context.requestId` nor `$context.extendedRequestId`; add one of them, as API \
             Gateway demands: it tells one line from another",
        );
        check(&"x".repeat(FORMAT_BYTES_MAX + 1), "the format is longer than 16384 bytes; leave variables out");
    }
}
