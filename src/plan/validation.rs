//! Request validation: what a method demands of a request before its integration is begun. (Guide,
//! `api-gateway-method-request-validation`.)
//!
//! - `schema`: a model, compiled: whether a body fits, within bounds.
//! - `report`: why a body does not fit, in the service's words.

mod report;
mod schema;

use std::sync::Arc;

use super::route::PathParameters;

pub use schema::{Schema, SchemaError};

/// What a method's request validator checks. A method without one has none of this.
#[derive(Debug, Default)]
pub struct Validator {
    /// Headers, then path parameters, then the query string, each by name: the order in which the service lists what is
    /// missing (`[x-header-param, issuer, qs1]` in LocalStack's recording of it). Empty where they are not validated.
    pub required: Vec<RequiredParameter>,
    /// By content type without parameters, in lower case, or `$default`. Empty where bodies are not validated.
    pub models: Vec<(Box<str>, Arc<Schema>)>,
}

/// A parameter that a request must have, and not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredParameter {
    /// As declared, for the message.
    pub name: Box<str>,
    pub place: ParameterPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    Header,
    /// The position in the resource's path template; `None` for a name that the template does not have, which every
    /// request is without.
    Path(Option<u8>),
    QueryString,
}

/// Where the parameters of a request are.
#[derive(Clone, Copy, Debug)]
pub struct ValidatedParts<'r> {
    /// The path that was matched.
    pub path: &'r str,
    pub path_parameters: &'r PathParameters,
    /// Without the question mark.
    pub query: &'r str,
}

/// A body that no model accepts. The answer says `Invalid request body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyFault {
    /// `$context.error.validationErrorString`: all that is wrong, in brackets.
    pub validation_error: String,
}

impl Validator {
    /// Whether the body has to be there whole before the integration is begun.
    pub fn needs_body(&self) -> bool {
        !self.models.is_empty()
    }

    /// Whether every required parameter is there and not blank; `fields` are names and values.
    ///
    /// # Errors
    /// The answer's message, which names those that are not.
    pub fn parameters<'r>(
        &self,
        parts: &ValidatedParts<'_>,
        fields: impl Iterator<Item = (&'r str, &'r [u8])> + Clone,
    ) -> Result<(), String> {
        let is_missing = |required: &&RequiredParameter| match required.place {
            ParameterPlace::Header => {
                let mut named = fields.clone().filter(|(name, _)| name.eq_ignore_ascii_case(&required.name));
                !named.any(|(_, value)| !value.trim_ascii().is_empty())
            }
            ParameterPlace::Path(None) => true,
            ParameterPlace::Path(Some(index)) => is_blank(parts.path_parameters.value(parts.path, index)),
            ParameterPlace::QueryString => !has_query_parameter(parts.query, &required.name),
        };
        if !self.required.iter().any(|required| is_missing(&required)) {
            return Ok(());
        }
        let missing: Vec<&str> = self.required.iter().filter(is_missing).map(|required| &*required.name).collect();
        Err(format!("Missing required request parameters: [{}]", missing.join(", ")))
    }

    /// Whether the body fits the model of its content type; one without a model is not looked at. No content type is
    /// `application/json`, as in the service.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn body(&self, content_type: Option<&[u8]>, body: &[u8]) -> Result<(), BodyFault> {
        match self.model(content_type) {
            Some(schema) => schema.check(body).map_err(|validation_error| BodyFault { validation_error }),
            None => Ok(()),
        }
    }

    fn model(&self, content_type: Option<&[u8]>) -> Option<&Schema> {
        let content_type = content_type.unwrap_or(b"application/json");
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or(content_type).trim_ascii();
        let media_type = if media_type.is_empty() { b"application/json" } else { media_type };
        let named = |wanted: &[u8]| self.models.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(wanted));
        named(media_type).or_else(|| named(b"$default")).map(|(_, schema)| &**schema)
    }
}

/// Whether a query has a parameter of that name that is not blank. A name that stands there more than once is there
/// when any of them is.
fn has_query_parameter(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name || form_decoded(found).eq(name.bytes())) && !is_blank(value)
    })
}

/// Whether nothing but white space stands there once it is decoded.
fn is_blank(text: &str) -> bool {
    form_decoded(text).all(|byte| byte.is_ascii_whitespace())
}

/// Form decoding without a copy: `+` is a space, `%XX` a byte, a broken escape itself.
fn form_decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (first, after) = rest.split_first()?;
        let digit = |at: usize| after.get(at).and_then(|digit| (*digit as char).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            rest = &after[2..];
            return Some((high * 16 + low) as u8);
        }
        rest = after;
        Some(if *first == b'+' { b' ' } else { *first })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MethodIndex;
    use crate::plan::route::RouteTable;

    fn validator(required: &[(&str, ParameterPlace)]) -> Validator {
        let required =
            required.iter().map(|(name, place)| RequiredParameter { name: (*name).into(), place: *place }).collect();
        Validator { required, models: Vec::new() }
    }

    #[track_caller]
    fn check(required: &[(&str, ParameterPlace)], target: &str, fields: &[(&str, &str)], expected: &str) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut routes = RouteTable::default();
        routes.insert("/pets/{petId}/{proxy+}", "GET", MethodIndex(0)).expect("a good route");
        let (_, path_parameters) = routes.route("GET", path).expect("the path fits");
        let parts = ValidatedParts { path, path_parameters: &path_parameters, query };
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        let shown = match validator(required).parameters(&parts, fields) {
            Ok(()) => String::new(),
            Err(message) => {
                let names = message.strip_prefix("Missing required request parameters: ");
                names.expect("the service's text").to_owned()
            }
        };
        assert_eq!(shown, expected, "{target}");
    }

    #[test]
    fn required_parameters_are_there_and_not_blank() {
        const QUERY: &[(&str, ParameterPlace)] = &[("page size", ParameterPlace::QueryString)];
        check(QUERY, "/pets/1/a?page+size=1", &[], "");
        check(QUERY, "/pets/1/a?x&page%20size=1&page%20size=", &[], "");
        check(QUERY, "/pets/1/a", &[], "[page size]");
        check(QUERY, "/pets/1/a?page%20size", &[], "[page size]");
        check(QUERY, "/pets/1/a?page%20size=+%09%20", &[], "[page size]");
        check(QUERY, "/pets/1/a?Page%20size=1", &[], "[page size]");
        check(QUERY, "/pets/1/a?page%2size=1", &[], "[page size]");
        const HEADER: &[(&str, ParameterPlace)] = &[("X-Key", ParameterPlace::Header)];
        check(HEADER, "/pets/1/a", &[("x-key", " "), ("X-KEY", "v")], "");
        check(HEADER, "/pets/1/a", &[("x-key", " \t"), ("x-keys", "v")], "[X-Key]");
        check(&[("petId", ParameterPlace::Path(Some(0)))], "/pets/1/a", &[], "");
        check(&[("petId", ParameterPlace::Path(Some(0)))], "/pets/%20/a", &[], "[petId]");
    }

    #[test]
    fn what_is_missing_is_listed() {
        let required = [
            ("x-header-param", ParameterPlace::Header),
            ("issuer", ParameterPlace::Path(None)),
            ("qs1", ParameterPlace::QueryString),
        ];
        check(&required, "/pets/1/a", &[], "[x-header-param, issuer, qs1]");
        check(&required, "/pets/1/a?qs1=1", &[("X-Header-Param", "1")], "[issuer]");
    }

    fn schema(text: &str) -> Arc<Schema> {
        let value = serde_json::from_str(text).expect("JSON");
        Arc::new(Schema::new(value).unwrap_or_else(|error| panic!("{text}: {error:?}")))
    }

    #[test]
    fn a_model_is_chosen_by_content_type() {
        let models = vec![("application/json".into(), schema(r#"{"type": "object"}"#))];
        let one = Validator { required: Vec::new(), models };
        let models = vec![
            ("application/json".into(), schema(r#"{"type": "object"}"#)),
            ("$default".into(), schema(r#"{"type": "array"}"#)),
        ];
        let two = Validator { required: Vec::new(), models };
        let fits = |validator: &Validator, content_type: &str, body: &str| {
            validator.body((content_type != "none").then_some(content_type.as_bytes()), body.as_bytes()).is_ok()
        };
        for json in ["none", "", "application/json", "Application/JSON ; charset=utf-8"] {
            assert!(fits(&one, json, "{}") && !fits(&one, json, "[]") && !fits(&one, json, ""), "{json}");
            assert!(fits(&two, json, "{}") && !fits(&two, json, "[]"), "{json}");
        }
        for other in ["text/plain", "application/jsonp", "a"] {
            assert!(fits(&one, other, "]["), "{other} has no model");
            assert!(fits(&two, other, "[]") && !fits(&two, other, "{}"), "{other}");
        }
        assert!(one.needs_body() && !Validator::default().needs_body());
    }
}
