//! `x-amazon-apigateway-…`: what has AWS's own form, the same in both versions of OpenAPI.
//! (Guide, `api-gateway-swagger-extensions` and the pages below it.)
//!
//! The fields are taken as the model's serialization names them, so that a new field is exported without a line here.

use serde_json::{Value, json};

use super::object::Object;
use super::{Exporter, timestamp};
use crate::model::{
    ApiKeySource, DocumentationPart, GatewayResponse, Integration, IntegrationResponse, RestApi, Stage,
};

impl Exporter<'_> {
    /// Those at the document's root.
    pub(super) fn extensions(&self, document: &mut Object, stage: &Stage) {
        if self.options.extensions.integrations {
            self.api_extensions(document);
        }
        if self.options.extensions.documentation && !self.definition.documentation_parts.is_empty() {
            document.put("x-amazon-apigateway-documentation", self.documentation_extension());
        }
        if self.options.extensions.tollgate {
            document.put("x-tollgate-api-id", self.definition.rest_api.id.as_str());
            document.put("x-tollgate-stage-name", stage.stage_name.as_str());
            document.put_filled("x-tollgate-stage-variables", json!(stage.variables));
        }
    }

    fn api_extensions(&self, document: &mut Object) {
        let rest_api = &self.definition.rest_api;
        document.put_filled("x-amazon-apigateway-gateway-responses", self.gateway_responses());
        document.put_filled("x-amazon-apigateway-request-validators", self.request_validators());
        document.put_filled("x-amazon-apigateway-binary-media-types", json!(rest_api.binary_media_types));
        document.put_some("x-amazon-apigateway-minimum-compression-size", rest_api.minimum_compression_size);
        if rest_api.api_key_source != ApiKeySource::default() {
            document.put("x-amazon-apigateway-api-key-source", json!(rest_api.api_key_source));
        }
        document.put_some("x-amazon-apigateway-policy", rest_api.policy.as_deref().map(json_text));
        document.put_some("x-amazon-apigateway-security-policy", rest_api.security_policy.as_deref());
        document.put_some("x-amazon-apigateway-endpoint-access-mode", rest_api.endpoint_access_mode.as_deref());
        document.put_filled("x-tollgate-throttle", json!(rest_api.throttle));
        document.put_filled("x-tollgate-upstreams", json!(rest_api.upstreams));
    }

    fn request_validators(&self) -> Object {
        let mut validators = Object::new();
        for validator in &self.definition.request_validators {
            let mut object = Object::of(validator);
            object.take("id");
            object.take("name");
            validators.put(&validator.name, object);
        }
        validators
    }

    fn gateway_responses(&self) -> Object {
        let mut responses = Object::new();
        for response in self.definition.gateway_responses.iter().filter(|response| !response.default_response) {
            responses.put(&response.response_type, gateway_response(response));
        }
        responses
    }

    fn documentation_extension(&self) -> Object {
        let mut documentation = Object::new();
        if let Some(exported) = &self.options.documentation_version {
            documentation.put("version", exported.version.as_str());
            documentation.put("createdDate", timestamp(exported.created_date));
        }
        let parts = self.definition.documentation_parts.iter().map(documentation_part);
        documentation.put("documentationParts", parts.collect::<Vec<Value>>());
        documentation
    }
}

/// Empty where there is nothing to say.
pub fn endpoint_configuration(rest_api: &RestApi) -> Object {
    let mut configuration = Object::of(&rest_api.endpoint_configuration);
    if rest_api.endpoint_configuration.types.is_empty() {
        configuration.take("types");
    }
    if rest_api.disable_execute_api_endpoint {
        configuration.put("disableExecuteApiEndpoint", true);
    }
    configuration
}

pub fn integration(integration: &Integration) -> Object {
    let mut object = Object::of(integration);
    object.lower("type");
    object.lower("passthroughBehavior");
    object.take("integrationResponses");
    let mut responses = Object::new();
    for response in integration.integration_responses.values() {
        let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
        responses.put_new(pattern.unwrap_or("default"), &integration_response(response));
    }
    object.put_filled("responses", responses);
    object
}

fn integration_response(response: &IntegrationResponse) -> Value {
    let mut object = Object::of(response);
    object.take("selectionPattern");
    object.into()
}

/// AWS writes the status as a number here.
fn gateway_response(response: &GatewayResponse) -> Object {
    let mut object = Object::of(response);
    object.take("responseType");
    object.take("defaultResponse");
    if let Some(status) = response.status_code.as_deref().and_then(|status| status.parse::<u16>().ok()) {
        object.put("statusCode", status);
    }
    object
}

fn documentation_part(part: &DocumentationPart) -> Value {
    json!({"location": part.location, "properties": json_text(&part.properties)})
}

/// The value that a JSON text is; a text that is none stays one.
fn json_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
