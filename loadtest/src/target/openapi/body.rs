//! Request bodies.

use serde_json::Value;

use super::document::{Document, Place, Version};
use super::parameters::{Parameters, encoded_pairs, media_type_value};
use super::text_of;
use crate::target::template::Text;
use crate::target::template::files::Files;
use crate::target::template::parse::Encoding;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

pub struct Body {
    pub media_type: String,
    pub text: Text,
}

/// The body of an operation that is sent as `method`.
pub fn find(
    document: &Document,
    operation: &Place<'_>,
    method: &str,
    parameters: &Parameters,
    files: &mut Files,
) -> Result<Option<Body>, String> {
    match document.version {
        Version::OpenApi3 => of_request_body(document, operation, method, files),
        Version::Swagger2 => of_parameters(document, operation, parameters, files),
    }
}

fn of_request_body(
    document: &Document,
    operation: &Place<'_>,
    method: &str,
    files: &mut Files,
) -> Result<Option<Body>, String> {
    let Some(place) = operation.get("requestBody") else { return Ok(None) };
    let place = document.follow(place)?;
    let required = place.value.get("required") == Some(&Value::Bool(true));
    // An optional body is sent where a method is made for one.
    if !required && !matches!(method, "POST" | "PUT" | "PATCH" | "QUERY") {
        return Ok(None);
    }
    let media_types: Vec<(&str, Place<'_>)> = place.get("content").iter().flat_map(Place::members).collect();
    let Some((name, media_type)) = preferred(&media_types) else { return Ok(None) };
    let media_type = document.follow(media_type.clone())?;
    if name.starts_with("multipart/") {
        return Err(media_type.wrong("multipart bodies are not made up; use --operations to leave this one out"));
    }
    written(name, media_type_value(document, &media_type)?, files).map(Some).map_err(|reason| media_type.wrong(&reason))
}

/// JSON where there is some, then a form, then the first.
fn preferred<'a, 'b>(media_types: &'b [(&'a str, Place<'a>)]) -> Option<&'b (&'a str, Place<'a>)> {
    let find = |fits: fn(&str) -> bool| media_types.iter().find(|(name, _)| fits(name));
    find(is_json).or_else(|| find(|name| essence(name) == FORM)).or(media_types.first())
}

/// Swagger 2.0.
fn of_parameters(
    document: &Document,
    operation: &Place<'_>,
    parameters: &Parameters,
    files: &mut Files,
) -> Result<Option<Body>, String> {
    let consumes = operation.get("consumes").or_else(|| document.root().get("consumes"));
    let consumes: Vec<&str> = consumes.iter().flat_map(Place::items).filter_map(|name| name.value.as_str()).collect();
    if !parameters.form.is_empty() {
        if !consumes.is_empty() && !consumes.contains(&FORM) {
            return Err(operation.wrong("multipart bodies are not made up; use --operations to leave this one out"));
        }
        let text = encoded_pairs(&parameters.form, files).map_err(|reason| operation.wrong(&reason))?;
        return Ok(Some(Body { media_type: FORM.to_owned(), text }));
    }
    for parameter in operation.get("parameters").iter().flat_map(Place::items) {
        let parameter = document.follow(parameter)?;
        if parameter.text("in") == Some("body") {
            let name = consumes.iter().find(|name| is_json(name)).or(consumes.first()).copied().unwrap_or(JSON);
            let value = media_type_value(document, &parameter)?;
            return written(name, value, files).map(Some).map_err(|reason| parameter.wrong(&reason));
        }
    }
    Ok(None)
}

fn written(name: &str, value: Value, files: &mut Files) -> Result<Body, String> {
    let (media_type, text) = match (essence(name), value) {
        (FORM, Value::Object(members)) => {
            let pairs: Vec<(String, String)> =
                members.into_iter().map(|(name, value)| (name, text_of(&value))).collect();
            (FORM, encoded_pairs(&pairs, files)?)
        }
        (_, value) if is_json(name) => {
            let media_type = if name.contains('*') { JSON } else { name };
            (media_type, Text::parse(&value.to_string(), Encoding::Json, files)?)
        }
        (_, Value::String(text)) => (name, Text::parse(&text, Encoding::Body, files)?),
        _ => {
            return Err(format!(
                "a body of the type {name} is not made up from a schema; add an example that is a text"
            ));
        }
    };
    Ok(Body { media_type: media_type.to_owned(), text })
}

fn is_json(name: &str) -> bool {
    let name = essence(name);
    matches!(name, JSON | "*/*" | "application/*") || name.ends_with("+json")
}

/// Without parameters such as `charset`.
fn essence(name: &str) -> &str {
    name.split(';').next().unwrap_or_default().trim()
}
