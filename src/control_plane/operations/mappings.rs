//! Names of parameters and the expressions that map one to another, as AWS checks them when they are set; and PATCH on
//! the maps that have them. (Guide, `request-response-data-mappings`.)
//!
//! What an expression means is the compiler's to say. Here it is only whether it may be kept.

use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch};
use crate::model::{MethodResponse, OrderedMap};

/// What AWS answers where PATCH names a parameter that is not there.
pub const NO_PARAMETER: &str = "Invalid parameter name specified";
/// The same for a content type.
pub const NO_CONTENT_TYPE: &str = "Content-Type specified was not found";

/// Where a request has parameters.
const LOCATIONS: [&str; 5] = ["path", "querystring", "header", "multivaluequerystring", "multivalueheader"];

/// Sets, or removes, the entry that a rule's `{name}` stands for.
///
/// # Errors
/// `NotFoundException`, with the text `missing`: there is nothing to replace or remove. Errors of `value`.
pub fn patch_entry<V>(
    map: &mut OrderedMap<V>,
    patch: &Patch<'_>,
    missing: &str,
    value: impl FnOnce() -> Result<V, Exception>,
) -> Result<(), Exception> {
    let name = patch.name(0);
    if patch.op != Op::Add && !map.contains_key(name) {
        return Err(Exception::not_found(missing));
    }
    if patch.removes() {
        map.shift_remove(name);
    } else {
        map.insert(name.to_owned(), value()?);
    }
    Ok(())
}

/// [`patch_entry`] on a map of texts. No value is an empty text, which is a template that passes all through.
///
/// # Errors
/// As [`patch_entry`].
pub fn patch_text(map: &mut OrderedMap<String>, patch: &Patch<'_>, missing: &str) -> Result<(), Exception> {
    patch_entry(map, patch, missing, || Ok(patch.text()))
}

/// A method's `requestParameters`.
///
/// # Errors
/// `BadRequestException`: a key is no `method.request.location.name`, or two have the same name.
pub fn check_method_request(parameters: &OrderedMap<bool>) -> Result<(), Exception> {
    let mut problems = Problems::default();
    let mut names = std::collections::HashSet::new();
    for key in parameters.keys() {
        let Some(name) = request_name(key, "method.request.") else {
            problems.parameter(key);
            continue;
        };
        problems.name(name);
        if !names.insert(name) {
            let message = "Parameter names must be unique across querystring, header and path";
            return Err(Exception::bad_request(message));
        }
    }
    problems.none()
}

/// A method response's `responseParameters`.
///
/// # Errors
/// `BadRequestException`: a key is no `method.response.header.name`.
pub fn check_method_response(parameters: &OrderedMap<bool>) -> Result<(), Exception> {
    let mut problems = Problems::default();
    for key in parameters.keys() {
        match key.strip_prefix("method.response.header.") {
            Some(name) if !name.is_empty() => problems.name(name),
            _ => problems.parameter(key),
        }
    }
    problems.none()
}

/// An integration's `requestParameters`; what they read must be among those of the method.
///
/// # Errors
/// `BadRequestException`: a key is no `integration.request.location.name`, or a value no expression.
pub fn check_integration_request(
    parameters: &OrderedMap<String>,
    declared: &OrderedMap<bool>,
) -> Result<(), Exception> {
    let mut problems = Problems::default();
    for (key, source) in parameters {
        match request_name(key, "integration.request.") {
            Some(name) => problems.name(name),
            None => problems.parameter(key),
        }
        if is_common(source) || is_or_in(source, "method.request.body") {
            continue;
        }
        match request_name(source, "method.request.") {
            Some(_) if is_declared(source, declared) => {}
            Some(_) => problems.parameter(source),
            None => problems.expression(source),
        }
    }
    problems.none()
}

/// An integration response's `responseParameters`; what they set must be among those of the method response.
///
/// # Errors
/// `BadRequestException`: a header is not declared, or a value is no expression.
pub fn check_integration_response(
    parameters: &OrderedMap<String>,
    response: Option<&MethodResponse>,
) -> Result<(), Exception> {
    let mut problems = Problems::default();
    for (key, source) in parameters {
        match response {
            None => {
                problems.0.push("No method response exists for method.".to_owned());
                break;
            }
            Some(response) if response.response_parameters.contains_key(key) => {}
            Some(_) => problems.parameter(key),
        }
        let header = source
            .strip_prefix("integration.response.header.")
            .or_else(|| source.strip_prefix("integration.response.multivalueheader."));
        let names_header = header.is_some_and(|name| !name.is_empty());
        if !is_common(source) && !names_header && !is_or_in(source, "integration.response.body") {
            problems.expression(source);
        }
    }
    problems.none()
}

/// Whether the method has the parameter. A parameter with many values is declared as one with a single value is.
pub fn is_declared(parameter: &str, declared: &OrderedMap<bool>) -> bool {
    declared.contains_key(parameter) || declared.contains_key(&parameter.replace(".multivalue", "."))
}

/// The keys of templates or models.
///
/// # Errors
/// `BadRequestException`: one is no content type.
pub fn check_content_types<V>(by_content_type: &OrderedMap<V>) -> Result<(), Exception> {
    let is_content_type =
        |key: &&String| key.split_once('/').is_some_and(|(kind, of)| !kind.is_empty() && !of.is_empty());
    let Some(wrong) = by_content_type.keys().find(|key| !is_content_type(key)) else { return Ok(()) };
    let message = format!("Validation Result: warnings : [], errors : [Invalid content type specified: {wrong}]");
    Err(Exception::bad_request(message))
}

/// The name in `{prefix}location.name`.
fn request_name<'k>(key: &'k str, prefix: &str) -> Option<&'k str> {
    let (location, name) = key.strip_prefix(prefix)?.split_once('.')?;
    (LOCATIONS.contains(&location) && !name.is_empty()).then_some(name)
}

/// What a request and a response can both be given: a constant, or a variable.
fn is_common(source: &str) -> bool {
    let named = |prefix| source.strip_prefix(prefix).is_some_and(|name: &str| !name.is_empty());
    source.len() >= 2 && source.starts_with('\'') && source.ends_with('\'')
        || named("context.")
        || named("stageVariables.")
}

/// A whole body, or a JSONPath in it.
fn is_or_in(source: &str, body: &str) -> bool {
    source == body || source.strip_prefix(body).is_some_and(|path| path.len() > 1 && path.starts_with(['.', '[']))
}

/// All that is wrong with a map, told at once as AWS does.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn parameter(&mut self, parameter: &str) {
        self.0.push(format!("Invalid mapping expression parameter specified: {parameter}"));
    }

    fn expression(&mut self, expression: &str) {
        self.0.push(format!("Invalid mapping expression specified: {expression}"));
    }

    fn name(&mut self, name: &str) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte);
        if !name.bytes().all(fits) {
            let pattern = "Parameter name should match the following regular expression: ^[a-zA-Z0-9._$-]+$";
            self.0.push(pattern.to_owned());
        }
    }

    fn none(self) -> Result<(), Exception> {
        if self.0.is_empty() {
            return Ok(());
        }
        let errors = self.0.join(", ");
        Err(Exception::bad_request(format!(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{errors}]"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str =
        "BadRequestException: Invalid mapping expression specified: Validation Result: warnings : [], errors : [";

    /// What is between the brackets; the whole text where there are none; nothing where all is well.
    fn shown(outcome: Result<(), Exception>) -> String {
        let text = outcome.err().map_or(String::new(), |exception| exception.to_string());
        let inner = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(']'));
        inner.map_or(text.clone(), str::to_owned)
    }

    #[track_caller]
    fn check_request(key: &str, source: &str, expected: &str) {
        let declared: OrderedMap<bool> =
            [("method.request.querystring.q".to_owned(), false), ("method.request.header.h".to_owned(), true)]
                .into_iter()
                .collect();
        let parameters = OrderedMap::from_iter([(key.to_owned(), source.to_owned())]);
        assert_eq!(shown(check_integration_request(&parameters, &declared)), expected, "{key}: {source}");
    }

    #[test]
    fn an_integration_reads_what_the_method_declares() {
        check_request("integration.request.header.x", "'constant'", "");
        check_request("integration.request.path.x", "method.request.querystring.q", "");
        check_request("integration.request.querystring.x", "method.request.multivalueheader.h", "");
        check_request("integration.request.header.x", "method.request.body", "");
        check_request("integration.request.header.x", "method.request.body.a[0].b", "");
        check_request("integration.request.header.x", "context.requestId", "");
        check_request("integration.request.header.x", "stageVariables.v", "");
        let unknown = "Invalid mapping expression parameter specified: method.request.header.no";
        check_request("integration.request.header.x", "method.request.header.no", unknown);
        check_request("integration.request.header.x", "true", "Invalid mapping expression specified: true");
        check_request("integration.request.header.x", "'", "Invalid mapping expression specified: '");
        check_request("header.x", "'a'", "Invalid mapping expression parameter specified: header.x");
        let name = "Parameter name should match the following regular expression: ^[a-zA-Z0-9._$-]+$";
        check_request("integration.request.querystring.a[b]", "'a'", name);
    }

    #[track_caller]
    fn check_response(key: &str, source: &str, expected: &str) {
        let response = MethodResponse {
            response_parameters: OrderedMap::from_iter([("method.response.header.h".to_owned(), false)]),
            ..MethodResponse::default()
        };
        let parameters = OrderedMap::from_iter([(key.to_owned(), source.to_owned())]);
        assert_eq!(shown(check_integration_response(&parameters, Some(&response))), expected, "{key}: {source}");
        let none = "No method response exists for method.";
        assert_eq!(shown(check_integration_response(&parameters, None)), none);
    }

    #[test]
    fn an_integration_response_sets_what_the_method_response_declares() {
        check_response("method.response.header.h", "integration.response.header.x", "");
        check_response("method.response.header.h", "integration.response.body.a.b", "");
        check_response("method.response.header.h", "'*'", "");
        let undeclared = "Invalid mapping expression parameter specified: method.response.header.no";
        check_response("method.response.header.no", "'*'", undeclared);
        let wrong = "Invalid mapping expression specified: method.request.header.h";
        check_response("method.response.header.h", "method.request.header.h", wrong);
    }

    #[track_caller]
    fn check_declared(keys: &[&str], expected: &str) {
        let parameters = keys.iter().map(|key| ((*key).to_owned(), true)).collect();
        assert_eq!(shown(check_method_request(&parameters)), expected, "{keys:?}");
    }

    #[test]
    fn a_method_declares_each_name_once() {
        check_declared(&["method.request.path.id", "method.request.querystring.q", "method.request.header.h"], "");
        let unique = "BadRequestException: Parameter names must be unique across querystring, header and path";
        check_declared(&["method.request.querystring.o", "method.request.header.o"], unique);
        let wrong = "Invalid mapping expression parameter specified: method.request.body.x";
        check_declared(&["method.request.body.x"], wrong);
        let wrong = "Invalid mapping expression parameter specified: method.request.header.";
        check_declared(&["method.request.header."], wrong);
    }

    #[test]
    fn content_types_have_two_parts() {
        let check = |key: &str| shown(check_content_types(&OrderedMap::from_iter([(key.to_owned(), ())])));
        assert_eq!(check("application/json; charset=utf-8"), "");
        let expected =
            "BadRequestException: Validation Result: warnings : [], errors : [Invalid content type specified: 123]";
        assert_eq!(check("123"), expected);
    }
}
