//! A definition → the document that `GetExport` answers: OpenAPI 3.0.1 or 2.0, as JSON or YAML, in the shape in which
//! AWS writes its exports. (API reference, `API_GetExport`; guide, `api-gateway-export-api` and
//! `api-gateway-documenting-api-quick-start-publishing`.)
//!
//! - `operation`: methods; `security`: schemes and requirements; `extension`: what has AWS's own form;
//!   `schema`: models.
//! - `object`: JSON objects in the order of writing; `yaml`: JSON values as YAML.
//!
//! With every extension, a document that is read again gives the same definition, but for what a document has no place
//! for: ids (drawn again), `createdDate`, `warnings`, gateway responses that AWS generates by itself; that a path
//! parameter is not required, or a response header is; a model's description beside its schema, and a content type of its
//! own; of two integration responses with one pattern the second; `authType` that is not set (it is written as AWS's
//! default); a resource policy's spaces. OpenAPI 2 also has one model for all content types of a body, and one list
//! of content types for all responses of a method.

mod extension;
mod object;
mod operation;
mod schema;
mod security;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use serde_json::{Value, json};

use self::object::Object;
pub use self::operation::default_description;
use self::security::SchemeNames;
use super::documentation::{Documentation, Subject};
use crate::model::{
    ApiDefinition, Authorizer, AuthorizerId, RequestValidator, RequestValidatorId, Resource, RestApi, Stage,
};

/// `exportType` of `GetExport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportType {
    /// `oas30`: OpenAPI 3.0.1.
    #[default]
    Oas30,
    /// `swagger`: OpenAPI 2.0.
    Swagger,
}

impl ExportType {
    /// As the path of `GetExport` names it.
    pub fn from_name(name: &str) -> Option<ExportType> {
        match name {
            "oas30" => Some(ExportType::Oas30),
            "swagger" => Some(ExportType::Swagger),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    #[default]
    Json,
    Yaml,
}

impl ExportFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            ExportFormat::Json => "application/json",
            ExportFormat::Yaml => "application/yaml",
        }
    }
}

/// Which extensions a document has: `extensions` of `GetExport`, names separated by commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// `x-amazon-apigateway-integration` and what is beside it; not authorizers.
    pub integrations: bool,
    /// `x-amazon-apigateway-authorizer` in security schemes.
    pub authorizers: bool,
    /// `x-amazon-apigateway-documentation`.
    pub documentation: bool,
    /// The API id, the stage's name and variables in the words of this gateway, so that it serves the document as it is.
    pub tollgate: bool,
}

impl Extensions {
    /// `apigateway`: what a definition needs to be read again.
    pub const ALL: Extensions =
        Extensions { integrations: true, authorizers: true, documentation: true, tollgate: false };
    const NONE: Extensions =
        Extensions { integrations: false, authorizers: false, documentation: false, tollgate: false };
}

impl Default for Extensions {
    /// Without the parameter: documentation only.
    fn default() -> Extensions {
        Extensions { documentation: true, ..Extensions::NONE }
    }
}

impl FromStr for Extensions {
    type Err = String;

    /// # Errors
    /// The name that is none of AWS's, in a sentence.
    fn from_str(names: &str) -> Result<Extensions, String> {
        let mut extensions = Extensions::NONE;
        for name in names.split(',').map(str::trim) {
            match name {
                "apigateway" => extensions = Extensions { tollgate: extensions.tollgate, ..Extensions::ALL },
                "integrations" | "integration" => extensions.integrations = true,
                "authorizers" => extensions.authorizers = true,
                "documentation" => extensions.documentation = true,
                // Postman reads plain OpenAPI today; there is nothing to add for it.
                "postman" => {}
                "tollgate" => extensions.tollgate = true,
                other => return Err(format!("Invalid extension specified: {other}")),
            }
        }
        Ok(extensions)
    }
}

#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    pub export_type: ExportType,
    pub extensions: Extensions,
    /// `{id}.execute-api.{region}.amazonaws.com`.
    pub host: String,
    /// When the stage was deployed, in seconds since 1970: the document's version where the API has none.
    pub created_date: Option<i64>,
    /// Of which version `documentation_parts` is the snapshot. A stage without one has no documentation at AWS: give
    /// a definition without parts.
    pub documentation_version: Option<ExportedDocumentation>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportedDocumentation {
    pub version: String,
    /// Seconds since 1970.
    pub created_date: i64,
}

/// The document as a value. Of the stage, its name and variables are looked at.
pub fn export(definition: &ApiDefinition, stage: &Stage, options: &ExportOptions) -> Value {
    let exporter = Exporter::new(definition, options);
    let mut document = Object::new();
    match options.export_type {
        ExportType::Oas30 => document.put("openapi", "3.0.1"),
        ExportType::Swagger => document.put("swagger", "2.0"),
    }
    document.put("info", exporter.info());
    exporter.address(&mut document, stage);
    document.put_filled("tags", exporter.tags());
    document.put("paths", exporter.paths());
    exporter.components(&mut document);
    if let Some(properties) = exporter.documentation.of(&Subject::api()) {
        document.put_described(properties, &["externalDocs"]);
    }
    exporter.extensions(&mut document, stage);
    document.into()
}

/// `document` as text.
pub fn to_text(document: &Value, format: ExportFormat) -> String {
    match format {
        ExportFormat::Json => format!("{document:#}\n"),
        ExportFormat::Yaml => yaml::text(document),
    }
}

/// What the parts of a document need to know of the whole.
struct Exporter<'e> {
    definition: &'e ApiDefinition,
    options: &'e ExportOptions,
    documentation: Documentation<'e>,
    scheme_names: SchemeNames,
    authorizers: HashMap<&'e AuthorizerId, &'e Authorizer>,
    request_validators: HashMap<&'e RequestValidatorId, &'e RequestValidator>,
}

impl<'e> Exporter<'e> {
    fn new(definition: &'e ApiDefinition, options: &'e ExportOptions) -> Exporter<'e> {
        let request_validators = definition.request_validators.iter().map(|validator| (&validator.id, validator));
        Exporter {
            definition,
            options,
            documentation: Documentation::new(&definition.documentation_parts),
            scheme_names: SchemeNames::beside(&definition.authorizers),
            authorizers: definition.authorizers.iter().map(|authorizer| (&authorizer.id, authorizer)).collect(),
            request_validators: request_validators.collect(),
        }
    }

    fn info(&self) -> Object {
        let RestApi { name, description, version, .. } = &self.definition.rest_api;
        let mut info = Object::new();
        info.put("title", name.as_str());
        info.put_some("description", description.as_deref());
        let deployed = self.options.created_date.map(timestamp);
        info.put("version", version.clone().or(deployed).unwrap_or_else(|| "1.0".to_owned()));
        let api = self.documentation.of(&Subject::api());
        if let Some(properties) = api.and_then(|api| api.get("info")).and_then(Value::as_object) {
            info.put_described(properties, &["description", "termsOfService", "contact", "license"]);
        }
        info
    }

    fn address(&self, document: &mut Object, stage: &Stage) {
        let base_path = format!("/{}", stage.stage_name);
        let endpoint = Some(extension::endpoint_configuration(&self.definition.rest_api));
        let endpoint = endpoint.filter(|endpoint| self.options.extensions.integrations && !endpoint.is_empty());
        const ENDPOINT: &str = "x-amazon-apigateway-endpoint-configuration";
        match self.options.export_type {
            ExportType::Oas30 => {
                let mut server = Object::new();
                server.put("url", format!("https://{}/{{basePath}}", self.options.host));
                server.put("variables", json!({"basePath": {"default": base_path}}));
                server.put_some(ENDPOINT, endpoint);
                document.put("servers", vec![Value::from(server)]);
            }
            ExportType::Swagger => {
                document.put("host", self.options.host.as_str());
                document.put("basePath", base_path);
                document.put("schemes", json!(["https"]));
                document.put_some(ENDPOINT, endpoint);
            }
        }
    }

    /// The API's own tags, which have values, and those that its documentation describes.
    fn tags(&self) -> Vec<Value> {
        let described = self.documentation.of(&Subject::api()).and_then(|api| api.get("tags"));
        let mut tags: Vec<Value> = described.and_then(Value::as_array).cloned().unwrap_or_default();
        tags.retain(|tag| tag["name"].is_string());
        if self.options.extensions.integrations {
            for (name, value) in &self.definition.rest_api.tags {
                let tag = match tags.iter().position(|tag| tag["name"] == name.as_str()) {
                    Some(at) => &mut tags[at],
                    None => {
                        tags.push(json!({"name": name}));
                        tags.last_mut().expect("it was just pushed")
                    }
                };
                tag["x-amazon-apigateway-tag-value"] = value.as_str().into();
            }
        }
        tags
    }

    /// Every resource with methods, and those without that no path below them implies.
    fn paths(&self) -> Object {
        let mut paths = Object::new();
        let parents: HashSet<_> =
            self.definition.resources.iter().filter_map(|child| child.parent_id.as_ref()).collect();
        for resource in &self.definition.resources {
            let implied = resource.path == "/" || parents.contains(&resource.id);
            let item = self.path_item(resource);
            if !item.is_empty() || !implied {
                paths.put(&resource.path, item);
            }
        }
        paths
    }

    fn path_item(&self, resource: &Resource) -> Object {
        let mut item = Object::new();
        for (http_method, method) in &resource.resource_methods {
            let key = match http_method.as_str() {
                "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                verb => verb.to_ascii_lowercase(),
            };
            item.put(&key, self.operation(&resource.path, method));
        }
        if let Some(properties) = self.documentation.of(&Subject::resource(&resource.path)) {
            // A path of OpenAPI 2 has neither.
            let keys: &[&str] = match self.options.export_type {
                ExportType::Oas30 => &["summary", "description"],
                ExportType::Swagger => &[],
            };
            item.put_described(properties, keys);
        }
        item
    }

    fn components(&self, document: &mut Object) {
        let (schemas, schemes) = (self.schemas(), self.security_schemes());
        match self.options.export_type {
            ExportType::Oas30 => {
                let mut components = Object::new();
                components.put_filled("schemas", schemas);
                components.put_filled("securitySchemes", schemes);
                document.put_filled("components", components);
            }
            ExportType::Swagger => {
                document.put_filled("securityDefinitions", schemes);
                document.put_filled("definitions", schemas);
            }
        }
    }
}

/// `2016-11-22T22:39:14Z`, as AWS writes times: whole seconds, UTC. (Days to dates: the proleptic Gregorian calendar in
/// eras of 400 years that begin in March.)
fn timestamp(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let from_march_of_year_0 = days + 719_468;
    let (era, day_of_era) = (from_march_of_year_0.div_euclid(146_097), from_march_of_year_0.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
