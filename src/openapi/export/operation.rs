//! A method → an operation: parameters, bodies, responses, and what API Gateway does with them.

use serde_json::{Value, json};

use super::super::documentation::Subject;
use super::object::Object;
use super::{ExportType, Exporter, extension};
use crate::model::{Method, MethodResponse, OrderedMap};

const JSON: &str = "application/json";

/// `method.request.{kind}.…`, what OpenAPI calls such a parameter, and its documentation's type.
const PARAMETERS: [(&str, &str, &str); 3] = [
    ("querystring", "query", "QUERY_PARAMETER"),
    ("header", "header", "REQUEST_HEADER"),
    ("path", "path", "PATH_PARAMETER"),
];

impl Exporter<'_> {
    pub(super) fn operation(&self, path: &str, method: &Method) -> Object {
        let subject = Subject::method(path, &method.http_method);
        let mut operation = Object::new();
        if let Some(properties) = self.documentation.of(&subject) {
            let keys = ["tags", "summary", "description", "externalDocs", "deprecated"];
            operation.put_described(properties, &keys);
        }
        operation.put_some("operationId", method.operation_name.as_deref());
        let mut parameters = self.parameters(&subject, method);
        match self.options.export_type {
            ExportType::Oas30 => {
                operation.put_filled("parameters", parameters);
                operation.put_filled("requestBody", self.request_body(&subject, method));
            }
            ExportType::Swagger => {
                operation.put_filled("consumes", consumes(method));
                operation.put("produces", produces(method));
                parameters.extend(self.body_parameter(&subject, method));
                operation.put_filled("parameters", parameters);
            }
        }
        operation.put("responses", self.responses(&subject, method));
        operation.put_filled("security", self.security(method));
        if self.options.extensions.integrations {
            let validator = method.request_validator_id.as_ref().and_then(|id| self.request_validators.get(id));
            let validator = validator.map(|validator| validator.name.as_str());
            operation.put_some("x-amazon-apigateway-request-validator", validator);
            operation.put_filled("x-tollgate-throttle", json!(method.throttle));
            let integration = method.method_integration.as_ref().map(extension::integration);
            operation.put_some("x-amazon-apigateway-integration", integration);
        }
        operation
    }

    fn parameters(&self, method_subject: &Subject<'_>, method: &Method) -> Vec<Value> {
        let mut parameters = Vec::new();
        for (name, required) in &method.request_parameters {
            let Some((kind, name)) = name.strip_prefix("method.request.").and_then(|name| name.split_once('.')) else {
                continue;
            };
            let Some((_, place, part_type)) = PARAMETERS.iter().find(|(one, _, _)| *one == kind) else { continue };
            let mut parameter = Object::new();
            parameter.put("name", name);
            parameter.put("in", *place);
            self.describe(&mut parameter, &method_subject.part(part_type).named(name));
            // What stands in a path is always there.
            parameter.put("required", *required || kind == "path");
            self.put_text_type(&mut parameter);
            parameters.push(parameter.into());
        }
        parameters
    }

    /// API Gateway's parameters and headers are texts.
    fn put_text_type(&self, object: &mut Object) {
        match self.options.export_type {
            ExportType::Oas30 => object.put("schema", json!({"type": "string"})),
            ExportType::Swagger => object.put("type", "string"),
        }
    }

    fn request_body(&self, method_subject: &Subject<'_>, method: &Method) -> Object {
        let mut body = Object::new();
        if !method.request_models.is_empty() {
            self.describe(&mut body, &method_subject.part("REQUEST_BODY"));
            body.put("content", self.content(&method.request_models));
            body.put("required", true);
        }
        body
    }

    fn body_parameter(&self, method_subject: &Subject<'_>, method: &Method) -> Option<Value> {
        let model = model_of(&method.request_models)?;
        let mut parameter = Object::new();
        parameter.put("in", "body");
        parameter.put("name", model);
        self.describe(&mut parameter, &method_subject.part("REQUEST_BODY"));
        parameter.put("required", true);
        parameter.put("schema", self.schema_of(model));
        Some(parameter.into())
    }

    fn content(&self, models: &OrderedMap<String>) -> Object {
        let mut content = Object::new();
        for (content_type, model) in models {
            content.put(content_type, json!({"schema": self.schema_of(model)}));
        }
        content
    }

    fn responses(&self, method_subject: &Subject<'_>, method: &Method) -> Object {
        let mut responses = Object::new();
        for (status, response) in &method.method_responses {
            responses.put(status, self.response(method_subject, status, response));
        }
        responses
    }

    fn response(&self, method_subject: &Subject<'_>, status: &str, response: &MethodResponse) -> Object {
        let mut object = Object::new();
        self.describe(&mut object, &method_subject.part("RESPONSE").status(status));
        object.put_new("description", &default_description(status).into());
        let mut headers = Object::new();
        let names = response.response_parameters.keys();
        for name in names.filter_map(|name| name.strip_prefix("method.response.header.")) {
            let mut header = Object::new();
            self.describe(&mut header, &method_subject.part("RESPONSE_HEADER").status(status).named(name));
            self.put_text_type(&mut header);
            headers.put(name, header);
        }
        match self.options.export_type {
            ExportType::Oas30 => {
                object.put_filled("headers", headers);
                object.put("content", self.content(&response.response_models));
            }
            ExportType::Swagger => {
                let schema = model_of(&response.response_models).map(|model| self.schema_of(model));
                object.put_some("schema", schema);
                object.put_filled("headers", headers);
            }
        }
        object
    }

    fn describe(&self, object: &mut Object, subject: &Subject<'_>) {
        if let Some(properties) = self.documentation.of(subject) {
            object.put_described(properties, &["description"]);
        }
    }
}

/// What AWS writes where nothing describes a response; OpenAPI asks for a description.
pub fn default_description(status: &str) -> String {
    format!("{status} response")
}

/// The one model that OpenAPI 2 has room for.
fn model_of(models: &OrderedMap<String>) -> Option<&str> {
    models.get(JSON).or_else(|| models.values().next()).map(String::as_str)
}

/// The content types of the body; of a method whose body has no model, those that have a template.
fn consumes(method: &Method) -> Vec<Value> {
    if !method.request_models.is_empty() {
        return method.request_models.keys().cloned().map(Value::from).collect();
    }
    let integration = method.method_integration.iter();
    integration.flat_map(|integration| integration.request_templates.keys()).cloned().map(Value::from).collect()
}

fn produces(method: &Method) -> Vec<Value> {
    let mut types: Vec<Value> = Vec::new();
    for content_type in method.method_responses.values().flat_map(|response| response.response_models.keys()) {
        if !types.iter().any(|one| one == content_type) {
            types.push(content_type.as_str().into());
        }
    }
    if types.is_empty() { vec![JSON.into()] } else { types }
}
