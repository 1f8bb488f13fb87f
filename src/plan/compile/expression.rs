//! Mapping expressions and stage variables. (Guide, `request-response-data-mappings`,
//! `aws-api-gateway-stage-variables-reference`.)

use crate::jsonpath;
use crate::model::StageVariables;
use crate::plan::integration::ResponseSource;
use crate::plan::route;
use crate::plan::template::{BodyPath, ContextVariable, Text, ValueSource};

/// Why an expression cannot be served, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub message: String,
    pub help: String,
}

fn refused<T>(message: String, help: &str) -> Result<T, Refused> {
    Err(Refused { message, help: help.to_owned() })
}

/// The source of an integration request's parameter. `path` is the resource's.
pub fn request_source(text: &str, path: &str, variables: &StageVariables) -> Result<ValueSource, Refused> {
    if let Some(value) = common(text, variables)? {
        return Ok(match value {
            Common::Static(text) => ValueSource::Static(text),
            Common::Context(variable) => ValueSource::Context(variable),
        });
    }
    if let Some(name) = text.strip_prefix("method.request.path.") {
        let position = route::parameter_names(path).position(|parameter| parameter == name);
        let index = position.and_then(|position| u8::try_from(position).ok());
        let unknown = || Refused {
            message: format!("the path `{path}` has no parameter `{name}`"),
            help: path_parameters_help(path),
        };
        return index.map(ValueSource::PathParameter).ok_or_else(unknown);
    }
    if let Some(name) = text.strip_prefix("method.request.querystring.").filter(|name| !name.is_empty()) {
        return Ok(ValueSource::QueryString(name.into()));
    }
    if let Some(name) = text.strip_prefix("method.request.header.") {
        return header_name(name).map(ValueSource::Header);
    }
    if let Some(name) = text.strip_prefix("method.request.multivaluequerystring.").filter(|name| !name.is_empty()) {
        return Ok(ValueSource::MultiValueQueryString(name.into()));
    }
    if let Some(name) = text.strip_prefix("method.request.multivalueheader.") {
        return header_name(name).map(ValueSource::MultiValueHeader);
    }
    if text == "method.request.body" {
        return Ok(ValueSource::Body);
    }
    if let Some(path) = text.strip_prefix("method.request.body.") {
        return body_path(path).map(ValueSource::BodyPath);
    }
    refused(
        format!("`{text}` is not a mapping expression"),
        "write `method.request.header.name` (or `path`, `querystring`), `context.name`, `stageVariables.name`, or a \
         constant in single quotes: `\"'text'\"`",
    )
}

/// The source of a method response's header.
pub fn response_source(text: &str, variables: &StageVariables) -> Result<ResponseSource, Refused> {
    if let Some(value) = common(text, variables)? {
        return Ok(match value {
            Common::Static(text) => ResponseSource::Static(text),
            Common::Context(variable) => ResponseSource::Context(variable),
        });
    }
    if let Some(name) = text.strip_prefix("integration.response.header.") {
        return header_name(name).map(ResponseSource::Header);
    }
    if let Some(name) = text.strip_prefix("integration.response.multivalueheader.") {
        return header_name(name).map(ResponseSource::MultiValueHeader);
    }
    if text == "integration.response.body" {
        return Ok(ResponseSource::Body);
    }
    if let Some(path) = text.strip_prefix("integration.response.body.") {
        return body_path(path).map(ResponseSource::BodyPath);
    }
    refused(
        format!("`{text}` is not a mapping expression"),
        "write `integration.response.header.name`, `context.name`, `stageVariables.name`, or a constant in single \
         quotes: `\"'text'\"`",
    )
}

/// What follows `body.`: a JSONPath without its `$.`. (Guide, `request-response-data-mappings`.)
fn body_path(text: &str) -> Result<BodyPath, Refused> {
    let text = format!("$.{text}");
    match jsonpath::Path::parse(&text) {
        Ok(path) => Ok(BodyPath { text: text.into(), path }),
        Err(error) => refused(
            format!("`{text}` is not a JSONPath: {}", error.message),
            "write `method.request.body.name`, with a path such as `pet.name` or `pets[0].name`",
        ),
    }
}

/// What requests and responses can both take a value from.
pub enum Common {
    Static(Box<str>),
    Context(ContextVariable),
}

pub fn common(text: &str, variables: &StageVariables) -> Result<Option<Common>, Refused> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        if inner.contains(|next: char| next.is_control() && next != '\t') {
            return refused(format!("the constant {text} has control characters"), "write it on one line");
        }
        return Ok(Some(Common::Static(inner.into())));
    }
    if let Some(name) = text.strip_prefix("context.") {
        let Some(variable) = ContextVariable::named(name) else {
            let message = format!("`{text}` is not a variable that API Gateway has");
            return Err(Refused { message, help: context_variable_help(name) });
        };
        return Ok(Some(Common::Context(variable)));
    }
    if let Some(name) = text.strip_prefix("stageVariables.") {
        return stage_variable(name, variables).map(|value| Some(Common::Static(value.into())));
    }
    Ok(None)
}

pub fn context_variable_help(name: &str) -> String {
    match ContextVariable::nearest(name) {
        Some(near) => format!("did you mean `context.{near}`?"),
        None => "the names are those of AWS's mapping template and access logging reference".to_owned(),
    }
}

fn stage_variable<'v>(name: &str, variables: &'v StageVariables) -> Result<&'v str, Refused> {
    variables.get(name).map(String::as_str).ok_or_else(|| Refused {
        message: format!("the stage variable `{name}` has no value"),
        help: format!("give it one: `--stage-variable {name}=VALUE`, or `x-tollgate-stage-variables` in the document"),
    })
}

fn path_parameters_help(path: &str) -> String {
    let names: Vec<_> = route::parameter_names(path).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "the path has no parameters".to_owned() } else { format!("it has {}", names.join(", ")) }
}

/// In lower case, if it can be a field's name (RFC 9110, section 5.6.2).
pub fn header_name(name: &str) -> Result<Box<str>, Refused> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return refused(format!("`{name}` cannot be a header's name"), "it has letters, digits and `-`");
    }
    Ok(name.to_ascii_lowercase().into())
}

pub fn is_stage_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// More than AWS allows (`A-Za-z0-9-._~:/?#&=,`), for IPv6 addresses and the like, but nothing that would be read as
/// a variable once more.
pub fn is_stage_variable_value(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'{}<>$".contains(&byte))
}

/// Puts the values of `${stageVariables.name}` in.
pub fn with_stage_variables(text: &str, variables: &StageVariables) -> Result<String, Refused> {
    const START: &str = "${stageVariables.";
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        result.push_str(&rest[..at]);
        let name_and_rest = &rest[at + START.len()..];
        let Some(end) = name_and_rest.find('}') else {
            return refused(format!("`{}` does not end", &rest[at..]), "write `${stageVariables.name}`");
        };
        result.push_str(stage_variable(&name_and_rest[..end], variables)?);
        rest = &name_and_rest[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

/// A template without logic: `$context` variables stay variables, stage variables become text.
pub fn template(source: &str, variables: &StageVariables) -> Result<Text, Refused> {
    Text::parse(&with_all_stage_variables(source, variables)?).map_err(|unknown| Refused {
        message: format!("the template has `{unknown}`, which this version does not evaluate"),
        help: "use plain text and `$context` variables such as `$context.requestId`".to_owned(),
    })
}

/// Puts the values of `${stageVariables.name}` and `$stageVariables.name` in.
pub fn with_all_stage_variables(source: &str, variables: &StageVariables) -> Result<String, Refused> {
    let source = with_stage_variables(source, variables)?;
    let mut text = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some(at) = rest.find("$stageVariables.") {
        text.push_str(&rest[..at]);
        let name_and_rest = &rest[at + "$stageVariables.".len()..];
        let end = name_and_rest.find(|next: char| !(next.is_ascii_alphanumeric() || next == '_'));
        let (name, after) = name_and_rest.split_at(end.unwrap_or(name_and_rest.len()));
        text.push_str(stage_variable(name, variables)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
