//! Parameters: where each value goes, and in which form.

use serde_json::Value;

use super::document::{Document, Place, Version};
use super::{sample, text_of};
use crate::target::request::Headers;
use crate::target::template::Text;
use crate::target::template::files::Files;
use crate::target::template::parse::{Encoding, escape};

/// What an operation's parameters come to. Texts may hold variables.
#[derive(Debug, Default)]
pub struct Parameters {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    /// Swagger 2.0's `formData`.
    pub form: Vec<(String, String)>,
}

/// Those of the path item and of the operation, whose own come first. Required ones, and those with examples.
pub fn collect(document: &Document, item: &Place<'_>, operation: &Place<'_>) -> Result<Parameters, String> {
    let mut parameters = Parameters::default();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for place in [operation, item] {
        for parameter in place.get("parameters").iter().flat_map(Place::items) {
            let parameter = document.follow(parameter)?;
            let missing = |member: &str| parameter.wrong(&format!("the parameter has no `{member}`"));
            let name = parameter.text("name").ok_or_else(|| missing("name"))?;
            let location = parameter.text("in").ok_or_else(|| missing("in"))?;
            if !seen.contains(&(name, location)) {
                seen.push((name, location));
                parameters.add(document, &parameter, name, location)?;
            }
        }
    }
    Ok(parameters)
}

impl Parameters {
    fn add(&mut self, document: &Document, parameter: &Place<'_>, name: &str, location: &str) -> Result<(), String> {
        let required = parameter.value.get("required") == Some(&Value::Bool(true)) || location == "path";
        // OpenAPI says of these headers that they are described elsewhere.
        let elsewhere = location == "header"
            && ["accept", "content-type", "authorization"].contains(&name.to_ascii_lowercase().as_str());
        if location == "body" || elsewhere || !(required || sample::has_example(document, parameter)?) {
            return Ok(());
        }
        let value = value(document, parameter)?;
        let form = Form::of(document, parameter, location)?;
        match location {
            "path" => self.path.push((name.to_owned(), form.joined(&value))),
            "query" => form.pairs(name, &value, &mut self.query),
            "formData" => form.pairs(name, &value, &mut self.form),
            "header" => self.headers.push((name.to_owned(), form.joined(&value))),
            "cookie" => self.cookies.push((escape(name), form.joined(&value))),
            _ => return Err(parameter.wrong(&format!("parameters are not in `{location}`"))),
        }
        Ok(())
    }

    /// Sets a header that the operation has from elsewhere.
    pub fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), escape(value)));
    }

    /// The operation's path with its values, and the query.
    pub fn target(&self, path: &str, files: &mut Files) -> Result<Text, String> {
        let mut target = Text::default();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{path}: a brace is not closed"))?;
            // API Gateway's greedy parameters end with a plus sign.
            let name = name.strip_suffix('+').unwrap_or(name);
            target.append(Text::parse(&escape(before), Encoding::Url, files)?);
            let value = self.path.iter().find(|(own, _)| own == name).map_or("string", |(_, value)| value);
            target.append(Text::parse(value, Encoding::UrlPart, files)?);
            rest = after;
        }
        target.append(Text::parse(&escape(rest), Encoding::Url, files)?);
        if !self.query.is_empty() {
            target.push("?");
            target.append(encoded_pairs(&self.query, files)?);
        }
        Ok(target)
    }

    pub fn headers(&self, files: &mut Files) -> Result<Headers, String> {
        let mut headers = Headers::default();
        for (name, value) in &self.headers {
            headers.add(name, value, files)?;
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.add("Cookie", &cookies.join("; "), files)?;
        }
        Ok(headers)
    }
}

/// `a=1&b=2`.
pub fn encoded_pairs(pairs: &[(String, String)], files: &mut Files) -> Result<Text, String> {
    let mut text = Text::default();
    for (index, (name, value)) in pairs.iter().enumerate() {
        text.push(if index == 0 { "" } else { "&" });
        text.append(Text::parse(&escape(name), Encoding::UrlPart, files)?);
        text.push("=");
        text.append(Text::parse(value, Encoding::UrlPart, files)?);
    }
    Ok(text)
}

/// The parameter's example, or one for its schema.
fn value(document: &Document, parameter: &Place<'_>) -> Result<Value, String> {
    if let Some(example) = sample::example(document, parameter)? {
        return Ok(example);
    }
    if let Some((_, media_type)) = parameter.get("content").iter().flat_map(Place::members).next() {
        let value = media_type_value(document, &media_type)?;
        return Ok(Value::String(value.to_string()));
    }
    match (parameter.get("schema"), document.version) {
        (Some(schema), _) => sample::sample(document, &schema),
        (None, Version::OpenApi3) => Ok(Value::String("string".to_owned())),
        // Its type stands in the parameter itself.
        (None, Version::Swagger2) => {
            let mut schema = parameter.value.clone();
            // Here `required` says something of the parameter.
            schema.as_object_mut().and_then(|schema| schema.remove("required"));
            sample::sample(document, &Place { value: &schema, pointer: parameter.pointer.clone() })
        }
    }
}

/// The example of a media type, or one for its schema.
pub fn media_type_value(document: &Document, media_type: &Place<'_>) -> Result<Value, String> {
    match (sample::example(document, media_type)?, media_type.get("schema")) {
        (Some(example), _) => Ok(example),
        (None, Some(schema)) => sample::sample(document, &schema),
        (None, None) => Ok(Value::String("string".to_owned())),
    }
}

/// How lists and objects are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// `a=1&a=2`, `k=v`.
    Exploded,
    /// `a=1,2`, `a=k,v`; or with another separator.
    Joined(&'static str),
    /// `1,2`, `k=v,l=w`.
    SimpleExploded,
    /// `a[k]=v`.
    Deep,
}

impl Form {
    fn of(document: &Document, parameter: &Place<'_>, location: &str) -> Result<Form, String> {
        if document.version == Version::Swagger2 {
            return match parameter.text("collectionFormat").unwrap_or("csv") {
                "csv" => Ok(Form::Joined(",")),
                "ssv" => Ok(Form::Joined(" ")),
                "tsv" => Ok(Form::Joined("\t")),
                "pipes" => Ok(Form::Joined("|")),
                "multi" => Ok(Form::Exploded),
                other => Err(parameter.wrong(&format!("there is no collectionFormat `{other}`"))),
            };
        }
        let default = if matches!(location, "query" | "cookie") { "form" } else { "simple" };
        let style = parameter.text("style").unwrap_or(default);
        let explode = parameter.value.get("explode").and_then(Value::as_bool).unwrap_or(style == "form");
        match (style, explode) {
            ("form", true) => Ok(Form::Exploded),
            ("form" | "simple", false) => Ok(Form::Joined(",")),
            ("simple", true) => Ok(Form::SimpleExploded),
            ("spaceDelimited", false) => Ok(Form::Joined(" ")),
            ("pipeDelimited", false) => Ok(Form::Joined("|")),
            ("spaceDelimited" | "pipeDelimited", true) => Ok(Form::Exploded),
            ("deepObject", _) => Ok(Form::Deep),
            (style, _) => Err(parameter.wrong(&format!("the style `{style}` is not supported"))),
        }
    }

    /// For a query or a form.
    fn pairs(self, name: &str, value: &Value, into: &mut Vec<(String, String)>) {
        match (self, value) {
            (Form::Exploded, Value::Array(items)) => {
                into.extend(items.iter().map(|item| (name.to_owned(), text_of(item))));
            }
            (Form::Exploded, Value::Object(members)) => {
                into.extend(members.iter().map(|(key, value)| (key.clone(), text_of(value))));
            }
            (Form::Deep, Value::Object(members)) => {
                into.extend(members.iter().map(|(key, value)| (format!("{name}[{key}]"), text_of(value))));
            }
            (form, value) => into.push((name.to_owned(), form.joined(value))),
        }
    }

    /// For one place.
    fn joined(self, value: &Value) -> String {
        let (separator, assign) = match self {
            Form::Joined(separator) => (separator, separator),
            Form::SimpleExploded | Form::Exploded | Form::Deep => (",", "="),
        };
        match value {
            Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(separator),
            Value::Object(members) => {
                let pairs = members.iter().map(|(key, value)| format!("{key}{assign}{}", text_of(value)));
                pairs.collect::<Vec<_>>().join(separator)
            }
            value => text_of(value),
        }
    }
}
