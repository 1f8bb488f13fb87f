//! Requests from an OpenAPI document (Swagger 2.0, OpenAPI 3.0 to 3.2; JSON or YAML): one for each operation.
//!
//! - `document`: references and places; `sample`: a value for a schema, `pattern`: a text for a regular expression;
//! - `parameters`: paths, queries, headers and cookies; `body`: request bodies.
//!
//! What documents say is taken literally: `{{` in an example is not a variable. Only `x-loadtest-example` may hold some.

mod body;
mod document;
mod parameters;
mod pattern;
mod sample;

use serde_json::Value;

use self::document::{Document, Place, Version};
use super::Check;
use super::request::{Defaults, Draft};
use super::template::Text;
use super::template::files::Files;
use super::template::parse::{Encoding, escape};

/// Which operations to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Operations {
    /// GET, HEAD and OPTIONS: a load test must not delete things by surprise.
    Safe,
    All,
    /// By `METHOD /path` or by operationId.
    Named(Vec<String>),
}

/// The operations of `content`, which was read from `path`. `prefix` stands in front of every path instead of what the
/// document says. Errors begin with the file and the JSON pointer of the place.
pub fn parse(
    path: &str,
    content: &str,
    prefix: Option<&str>,
    operations: &Operations,
    defaults: &Defaults,
    files: &mut Files,
) -> Result<Vec<Draft>, String> {
    let in_file = |reason| format!("{path}: {reason}");
    let document = Document::parse(content).map_err(in_file)?;
    let chosen = operations.choose(all(&document).map_err(in_file)?).map_err(in_file)?;
    let mut drafts = Vec::new();
    for operation in chosen {
        drafts.extend(operation.draft(&document, prefix, defaults, files).map_err(in_file)?);
    }
    if drafts.is_empty() {
        return Err(in_file("every operation has the weight 0".to_owned()));
    }
    Ok(drafts)
}

/// An operation and where it stands.
struct Operation<'a> {
    /// As in the document; `ANY` for API Gateway's catch-all.
    method: &'static str,
    path: &'a str,
    item: Place<'a>,
    own: Place<'a>,
}

/// The member of a path item, the method's name, and whether it only reads.
const METHODS: &[(&str, &str, Safety)] = &[
    ("get", "GET", Safety::Reads),
    ("head", "HEAD", Safety::Reads),
    ("options", "OPTIONS", Safety::Reads),
    ("query", "QUERY", Safety::Reads),
    // Sent as GET.
    ("x-amazon-apigateway-any-method", "ANY", Safety::Reads),
    ("post", "POST", Safety::Writes),
    ("put", "PUT", Safety::Writes),
    ("patch", "PATCH", Safety::Writes),
    ("delete", "DELETE", Safety::Writes),
    ("trace", "TRACE", Safety::Writes),
];

#[derive(Clone, Copy, PartialEq)]
enum Safety {
    Reads,
    Writes,
}

fn all(document: &Document) -> Result<Vec<Operation<'_>>, String> {
    let paths = document.root().get("paths").ok_or("/paths: there are none")?;
    let mut operations = Vec::new();
    for (path, item) in paths.members().filter(|(path, _)| path.starts_with('/')) {
        let item = document.follow(item)?;
        for (member, method, _) in METHODS {
            if let Some(own) = item.get(member) {
                operations.push(Operation { method, path, item: item.clone(), own });
            }
        }
    }
    Ok(operations)
}

impl Operations {
    fn choose<'a>(&self, mut all: Vec<Operation<'a>>) -> Result<Vec<Operation<'a>>, String> {
        match self {
            Operations::All => {}
            Operations::Safe => all.retain(Operation::is_safe),
            Operations::Named(names) => {
                for name in names {
                    if !all.iter().any(|operation| operation.is_called(name)) {
                        let known: Vec<String> = all.iter().map(Operation::name).collect();
                        return Err(format!("there is no operation `{name}`; there are {}", known.join(", ")));
                    }
                }
                all.retain(|operation| names.iter().any(|name| operation.is_called(name)));
            }
        }
        if all.is_empty() {
            return Err("no operation only reads; name some with --operations, or add --all-operations".to_owned());
        }
        Ok(all)
    }
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_safe(&self) -> bool {
        METHODS.iter().any(|(_, method, safety)| *method == self.method && *safety == Safety::Reads)
    }

    fn is_called(&self, name: &str) -> bool {
        let name = name.trim();
        let by_id = self.own.text("operationId") == Some(name);
        let by_method = name
            .split_once(' ')
            .is_some_and(|(method, path)| method.eq_ignore_ascii_case(self.method) && path.trim() == self.path);
        by_id || by_method
    }

    /// `None` if its weight is 0.
    fn draft(
        &self,
        document: &Document,
        prefix: Option<&str>,
        defaults: &Defaults,
        files: &mut Files,
    ) -> Result<Option<Draft>, String> {
        let weight = match self.own.get("x-loadtest-weight") {
            None => 1,
            Some(place) => place.value.as_u64().ok_or_else(|| place.wrong("a weight is a whole number"))?,
        };
        if weight == 0 {
            return Ok(None);
        }
        let method = if self.method == "ANY" { "GET" } else { self.method };
        let mut parameters = parameters::collect(document, &self.item, &self.own)?;
        let prefix = match prefix {
            Some(prefix) => prefix.to_owned(),
            None => escape(&self.prefix(document)?),
        };
        let mut target = self.in_place(Text::parse(prefix.trim_end_matches('/'), Encoding::Url, files))?;
        target.append(parameters.target(self.path, files).map_err(|reason| self.own.wrong(&reason))?);
        let mut headers = defaults.headers.clone();
        let body = match body::find(document, &self.own, method, &parameters, files)? {
            None => None,
            Some(body) => {
                parameters.header("Content-Type", &body.media_type);
                Some(body.text)
            }
        };
        headers.add_missing(&self.in_place(parameters.headers(files))?);
        let check = self.check(document, defaults)?;
        Ok(Some(Draft { name: self.name(), method: method.to_owned(), target, headers, body, check, weight }))
    }

    fn in_place<T>(&self, result: Result<T, String>) -> Result<T, String> {
        result.map_err(|reason| self.own.wrong(&reason))
    }

    /// The path of the first server, or the base path.
    fn prefix(&self, document: &Document) -> Result<String, String> {
        let root = document.root();
        if document.version == Version::Swagger2 {
            return Ok(root.text("basePath").unwrap_or_default().to_owned());
        }
        let servers = [&self.own, &self.item, &root].into_iter().find_map(|place| place.get("servers"));
        let Some(server) = servers.and_then(|servers| servers.items().next()) else { return Ok(String::new()) };
        let mut url = server.text("url").unwrap_or_default().to_owned();
        if let Some(variables) = server.get("variables") {
            for (name, variable) in variables.members() {
                let default = variable.text("default").ok_or_else(|| variable.wrong("it has no default"))?;
                url = url.replace(&format!("{{{name}}}"), default);
            }
        }
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |start| &rest[start..]),
            None => url.as_str(),
        };
        let path = path.replace("//", "/");
        Ok(if path.is_empty() || path.starts_with('/') { path } else { format!("/{path}") })
    }

    /// The documented statuses below 400 are right, unless the command line says otherwise: a documented 404 is still
    /// not what a load test wants to measure.
    fn check(&self, document: &Document, defaults: &Defaults) -> Result<Check, String> {
        let mut check = defaults.check.clone();
        if defaults.expects_status {
            return Ok(check);
        }
        let Some(responses) = self.own.get("responses") else { return Ok(check) };
        let responses = document.follow(responses)?;
        let statuses: Vec<&str> = responses.members().map(|(status, _)| status).collect();
        let right: Vec<&str> = statuses.iter().copied().filter(|status| status.starts_with(['1', '2', '3'])).collect();
        if !right.is_empty() && !statuses.contains(&"default") {
            check.expect_statuses(right.join(",").parse().map_err(|reason: String| responses.wrong(&reason))?);
        }
        Ok(check)
    }
}

/// The text of a value that is not part of a JSON document.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
