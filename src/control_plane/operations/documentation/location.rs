//! Which part of an API a documentation part is about. (API reference, `API_DocumentationPartLocation`.)

use serde::Deserialize;

use crate::model::DocumentationPartLocation;

/// A location as it is given. Nothing, null and an empty text are the same: Terraform sends the last for what is not
/// set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Given {
    #[serde(rename = "type")]
    part_type: Option<String>,
    path: Option<String>,
    method: Option<String>,
    status_code: Option<String>,
    name: Option<String>,
}

/// What a type's location may have besides the type.
struct Kind {
    name: &'static str,
    path: bool,
    method: bool,
    status_code: bool,
    named: Named,
}

#[derive(Clone, Copy, PartialEq)]
enum Named {
    Never,
    Maybe,
    Always,
}

const fn kind(name: &'static str, path: bool, method: bool, status_code: bool, named: Named) -> Kind {
    Kind { name, path, method, status_code, named }
}

const KINDS: &[Kind] = &[
    kind("API", false, false, false, Named::Never),
    kind("AUTHORIZER", false, false, false, Named::Always),
    kind("MODEL", false, false, false, Named::Always),
    kind("RESOURCE", true, false, false, Named::Never),
    kind("METHOD", true, true, false, Named::Never),
    kind("PATH_PARAMETER", true, true, false, Named::Always),
    kind("QUERY_PARAMETER", true, true, false, Named::Always),
    kind("REQUEST_HEADER", true, true, false, Named::Always),
    // The reference asks for a name, the guide's own examples have none.
    kind("REQUEST_BODY", true, true, false, Named::Maybe),
    kind("RESPONSE", true, true, true, Named::Never),
    kind("RESPONSE_HEADER", true, true, true, Named::Always),
    kind("RESPONSE_BODY", true, true, true, Named::Never),
];

/// Whether it is one of AWS's twelve types.
pub fn is_type(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.name == name)
}

impl Given {
    /// The location with AWS's defaults: the root for the path, `*` for method and status.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn checked(self) -> Result<DocumentationPartLocation, String> {
        let part_type = said(self.part_type).ok_or("a location has a type")?;
        let Some(kind) = KINDS.iter().find(|kind| kind.name == part_type) else {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            return Err(format!("the type '{part_type}' must be one of: [{}]", names.join(", ")));
        };
        let location = DocumentationPartLocation {
            path: field(&part_type, "path", kind.path, self.path, "/")?,
            method: field(&part_type, "method", kind.method, self.method, "*")?,
            status_code: field(&part_type, "statusCode", kind.status_code, self.status_code, "*")?,
            name: named(&part_type, kind.named, self.name)?,
            part_type,
        };
        match &location {
            DocumentationPartLocation { path: Some(path), .. } if !path.starts_with('/') => {
                Err(format!("the path '{path}' must start with /"))
            }
            DocumentationPartLocation { method: Some(method), .. } if !is_method(method) => {
                Err(format!("'{method}' is no method"))
            }
            DocumentationPartLocation { status_code: Some(status), .. } if !is_status(status) => {
                Err(format!("the status code '{status}' must be from 100 to 599 or *"))
            }
            _ => Ok(location),
        }
    }
}

fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn field(
    part_type: &str,
    member: &str,
    is_valid: bool,
    given: Option<String>,
    default: &str,
) -> Result<Option<String>, String> {
    match (is_valid, said(given)) {
        (true, given) => Ok(Some(given.unwrap_or_else(|| default.to_owned()))),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(format!("{member} is not a valid field for the type '{part_type}'")),
    }
}

fn named(part_type: &str, named: Named, given: Option<String>) -> Result<Option<String>, String> {
    match (named, said(given)) {
        (Named::Never, Some(_)) => Err(format!("name is not a valid field for the type '{part_type}'")),
        (Named::Always, None) => Err(format!("name is required for the type '{part_type}'")),
        (_, name) => Ok(name),
    }
}

fn is_method(method: &str) -> bool {
    matches!(method, "*" | "ANY" | "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS")
}

fn is_status(status: &str) -> bool {
    status == "*" || status.len() == 3 && status.parse::<u16>().is_ok_and(|status| (100..600).contains(&status))
}

/// `type 'METHOD', path '/pets', method 'GET'`.
pub fn described(location: &DocumentationPartLocation) -> String {
    let members = [
        ("path", &location.path),
        ("method", &location.method),
        ("statusCode", &location.status_code),
        ("name", &location.name),
    ];
    let said = members.iter().filter_map(|(member, value)| Some(format!(", {member} '{}'", value.as_ref()?)));
    std::iter::once(format!("type '{}'", location.part_type)).chain(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Result<&str, &str>) {
        let given: Given = serde_json::from_str(json).expect("a location");
        let checked = given.checked().map(|location| described(&location));
        assert_eq!(checked.as_deref().map_err(String::as_str), expected, "{json}");
    }

    #[test]
    fn each_type_has_its_fields_and_defaults() {
        check(r#"{ "type": "API" }"#, Ok("type 'API'"));
        check(r#"{ "type": "API", "path": "", "method": null }"#, Ok("type 'API'"));
        check(r#"{ "type": "API", "path": "/" }"#, Err("path is not a valid field for the type 'API'"));
        check(r#"{ "type": "RESOURCE" }"#, Ok("type 'RESOURCE', path '/'"));
        check(r#"{ "type": "METHOD", "path": "/pets" }"#, Ok("type 'METHOD', path '/pets', method '*'"));
        check(r#"{ "type": "METHOD", "method": "get" }"#, Err("'get' is no method"));
        check(r#"{ "type": "MODEL" }"#, Err("name is required for the type 'MODEL'"));
        check(r#"{ "type": "RESPONSE", "path": "pets" }"#, Err("the path 'pets' must start with /"));
        let header = "type 'RESPONSE_HEADER', path '/', method '*', statusCode '200', name 'ETag'";
        check(r#"{ "type": "RESPONSE_HEADER", "statusCode": "200", "name": "ETag" }"#, Ok(header));
        let status = "the status code '600' must be from 100 to 599 or *";
        check(r#"{ "type": "RESPONSE", "statusCode": "600" }"#, Err(status));
        check(r#"{ "type": "METHOD", "name": "x" }"#, Err("name is not a valid field for the type 'METHOD'"));
        check("{}", Err("a location has a type"));
    }
}
