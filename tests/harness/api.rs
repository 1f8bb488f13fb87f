//! OpenAPI documents in a line or two.

use std::fmt::Display;

use serde_json::{Value, json};

/// A document under construction. JSON is YAML too.
#[derive(Clone)]
pub struct Api(Value);

impl Api {
    pub fn new() -> Api {
        Api(json!({
            "openapi": "3.0.1",
            "info": {"title": "Tested", "version": "1"},
            "paths": {},
            "x-tollgate-api-id": "api1",
        }))
    }

    /// Adds a method: `GET /pets/{id}`; `ANY` is written as AWS does.
    pub fn route(mut self, method_and_path: &str, integration: Value) -> Api {
        let (key, path) = operation(method_and_path);
        let operation = json!({"responses": {}, "x-amazon-apigateway-integration": integration});
        let item = self.0["paths"].as_object_mut().expect("an object").entry(path).or_insert_with(|| json!({}));
        item[key] = operation;
        self
    }

    /// Sets a member of a method that was added.
    pub fn on(mut self, method_and_path: &str, member: &str, value: Value) -> Api {
        let (key, path) = operation(method_and_path);
        self.0["paths"][path][key][member] = value;
        self
    }

    /// Sets a member of the document.
    pub fn with(mut self, key: &str, value: Value) -> Api {
        self.0[key] = value;
        self
    }

    pub fn id(self, id: &str) -> Api {
        self.with("x-tollgate-api-id", json!(id))
    }

    pub fn text(&self) -> String {
        format!("{:#}", self.0)
    }
}

/// The keys of an operation: `get` and `/pets/{id}` of `GET /pets/{id}`.
fn operation(method_and_path: &str) -> (String, &str) {
    let (method, path) = method_and_path.split_once(' ').expect("a method and a path");
    let key = match method {
        "ANY" => "x-amazon-apigateway-any-method".to_owned(),
        method => method.to_ascii_lowercase(),
    };
    (key, path)
}

/// `http_proxy`, with the parameters in braces mapped to those of the same name.
pub fn http_proxy(uri: impl Display) -> Value {
    integration("http_proxy", &uri.to_string())
}

/// `http`, with one response for all statuses.
pub fn http(uri: impl Display) -> Value {
    let mut integration = integration("http", &uri.to_string());
    integration["responses"] = json!({"default": {"statusCode": "200"}});
    integration
}

fn integration(kind: &str, uri: &str) -> Value {
    let mut integration = json!({"type": kind, "httpMethod": "ANY", "uri": uri, "requestParameters": {}});
    for part in uri.split('{').skip(1) {
        let name = part.split('}').next().expect("a name");
        integration["requestParameters"][format!("integration.request.path.{name}")] =
            json!(format!("method.request.path.{name}"));
    }
    integration
}

/// A mock that answers every request with a status and a body.
pub fn mock(status: u16, body: &str) -> Value {
    json!({
        "type": "mock",
        "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
        "responses": {"default": {
            "statusCode": status.to_string(),
            "responseTemplates": {"application/json": body},
        }},
    })
}
