//! The methods of an API as a client sees them: a name, a path, parameters, and models.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::model::{ApiDefinition, AuthorizationType, Method, OrderedMap, Resource};

pub struct Endpoint<'d> {
    /// `petsPetIdGet`, as AWS names the functions of its clients; no two have the same.
    pub name: String,
    pub path: &'d str,
    pub method: &'d Method,
    /// Of the path, in their order; `{proxy+}` is `proxy`.
    pub path_parameters: Vec<PathParameter<'d>>,
    /// Whether each is required.
    pub query_parameters: OrderedMap<bool>,
    pub header_parameters: OrderedMap<bool>,
}

pub struct PathParameter<'d> {
    pub name: &'d str,
    /// Whether it takes the rest of the path, slashes and all.
    pub takes_rest: bool,
}

/// In the order of paths, then of methods.
pub fn endpoints(definition: &ApiDefinition) -> Vec<Endpoint<'_>> {
    let mut names = HashSet::new();
    let mut endpoints = Vec::new();
    for resource in &definition.resources {
        let mut methods: Vec<_> = resource.resource_methods.iter().collect();
        methods.sort_by_key(|(http_method, _)| *http_method);
        for (http_method, method) in methods {
            let name = unused(name(&resource.path, http_method), &mut names);
            endpoints.push(endpoint(name, resource, method));
        }
    }
    endpoints
}

fn endpoint<'d>(name: String, resource: &'d Resource, method: &'d Method) -> Endpoint<'d> {
    let parameters = |kinds: &[&str]| {
        let named = method.request_parameters.iter().filter_map(|(key, required)| {
            let (kind, name) = key.strip_prefix("method.request.")?.split_once('.')?;
            kinds.contains(&kind).then(|| (name.to_owned(), *required))
        });
        named.collect()
    };
    Endpoint {
        name,
        path: &resource.path,
        method,
        path_parameters: resource.path.split('/').filter_map(path_parameter).collect(),
        query_parameters: parameters(&["querystring", "multivaluequerystring"]),
        header_parameters: parameters(&["header", "multivalueheader"]),
    }
}

fn path_parameter(segment: &str) -> Option<PathParameter<'_>> {
    let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(PathParameter { name: inner.trim_end_matches('+'), takes_rest: inner.ends_with('+') })
}

/// `/pets/{petId}` and `GET` are `petsPetIdGet`, `/` and `GET` are `rootGet`.
fn name(path: &str, http_method: &str) -> String {
    let words: Vec<&str> = path.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let mut name = String::new();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        let first = word.as_bytes()[0];
        let first = if name.is_empty() { first.to_ascii_lowercase() } else { first.to_ascii_uppercase() };
        name.push(char::from(first));
        name.push_str(&word[1..]);
    }
    if name.is_empty() {
        name.push_str("root");
    }
    if name.starts_with(|letter: char| letter.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name.push_str(&http_method[..1]);
    name.push_str(&http_method[1..].to_ascii_lowercase());
    name
}

fn unused(name: String, names: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    let mut number = 2;
    while !names.insert(candidate.clone()) {
        candidate = format!("{name}{number}");
        number += 1;
    }
    candidate
}

impl Endpoint<'_> {
    /// GET and HEAD have no body that anybody would read.
    pub fn has_body(&self) -> bool {
        !matches!(self.method.http_method.as_str(), "GET" | "HEAD")
    }

    /// What the functions of both clients are driven by: members that say nothing are left out.
    pub fn table_entry(&self) -> Value {
        let rest = self.path_parameters.iter().find(|parameter| parameter.takes_rest);
        let names = |parameters: &OrderedMap<bool>| parameters.keys().cloned().collect::<Vec<_>>();
        let path = self.path_parameters.iter().map(|parameter| parameter.name.to_owned());
        let asked = self.query_parameters.iter().chain(&self.header_parameters).filter(|(_, required)| **required);
        let required: Vec<String> = path.chain(asked.map(|(name, _)| name.clone())).collect();
        let mut entry = json!({ "httpMethod": self.method.http_method, "path": self.path });
        let mut put = |member: &str, value: Value| {
            if value != json!([]) && value != json!(false) && !value.is_null() {
                entry[member] = value;
            }
        };
        put("rest", json!(rest.map(|parameter| parameter.name)));
        put("query", json!(names(&self.query_parameters)));
        put("headers", json!(names(&self.header_parameters)));
        put("required", json!(required));
        put("signed", (self.method.authorization_type == AuthorizationType::AwsIam).into());
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_aws() {
        #[track_caller]
        fn check(path: &str, http_method: &str, expected: &str) {
            assert_eq!(name(path, http_method), expected, "{http_method} {path}");
        }
        check("/", "GET", "rootGet");
        check("/pets/{petId}", "GET", "petsPetIdGet");
        check("/Pets/my-cats.json", "OPTIONS", "petsMyCatsJsonOptions");
        check("/{proxy+}", "ANY", "proxyAny");
        check("/2024/x", "PUT", "_2024XPut");
        check("/é", "GET", "rootGet");
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = HashSet::new();
        let given = ["a", "a", "b", "a"].map(|name| unused(name.to_owned(), &mut names));
        assert_eq!(given, ["a", "a2", "b", "a3"]);
    }
}
