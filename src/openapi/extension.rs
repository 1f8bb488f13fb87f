//! The extensions at a document's root that describe lists of things: request validators, gateway responses,
//! documentation parts.

use super::base_path::derived_id;
use super::keys;
use super::reader::Reader;
use super::tree::{Mapping, Node};
use crate::model::{
    DocumentationPart, DocumentationPartId, DocumentationPartLocation, GatewayResponse, Pointer, RequestValidator,
    RequestValidatorId,
};

/// Guide, `api-gateway-swagger-extensions-request-validators`.
pub fn request_validators<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Vec<RequestValidator> {
    let mut validators = Vec::new();
    for entry in reader.entries(root, "x-amazon-apigateway-request-validators") {
        let Some(object) = reader.object(&entry.value, &keys::REQUEST_VALIDATOR) else { continue };
        reader.stands_at(Pointer::request_validator(&entry.key), entry.key_position);
        validators.push(RequestValidator {
            id: RequestValidatorId(derived_id(&["validator", &entry.key])[..6].to_owned()),
            name: entry.key.to_string(),
            validate_request_body: reader.boolean(object, "validateRequestBody").unwrap_or(false),
            validate_request_parameters: reader.boolean(object, "validateRequestParameters").unwrap_or(false),
        });
    }
    validators
}

/// Guide, `api-gateway-swagger-extensions-gateway-responses`.
pub fn gateway_responses<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Vec<GatewayResponse> {
    let mut responses = Vec::new();
    for entry in reader.entries(root, "x-amazon-apigateway-gateway-responses") {
        let Some(object) = reader.object(&entry.value, &keys::GATEWAY_RESPONSE) else { continue };
        let pointer = Pointer::gateway_response(&entry.key);
        reader.stands_at(pointer.clone(), entry.key_position);
        if let Some(status) = object.get("statusCode") {
            reader.stands_at(pointer.child("statusCode"), status.position);
        }
        responses.push(GatewayResponse {
            response_type: entry.key.to_string(),
            status_code: reader.string(object, "statusCode").map(str::to_owned),
            response_parameters: reader.string_map(object, "responseParameters", &pointer),
            response_templates: reader.string_map(object, "responseTemplates", &pointer),
            default_response: false,
        });
    }
    responses
}

/// Guide, `api-gateway-swagger-extensions-documentation`.
pub fn documentation_parts<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Vec<DocumentationPart> {
    let Some(node) = root.get("x-amazon-apigateway-documentation") else { return Vec::new() };
    let Some(documentation) = reader.object(node, &keys::DOCUMENTATION) else { return Vec::new() };
    let nodes = reader.sequence(documentation, "documentationParts");
    nodes.iter().enumerate().filter_map(|(position, node)| documentation_part(reader, position, node)).collect()
}

fn documentation_part<'d>(reader: &mut Reader<'d>, position: usize, node: &'d Node) -> Option<DocumentationPart> {
    let object = reader.object(node, &keys::DOCUMENTATION_PART)?;
    let location_node = object.get("location");
    if location_node.is_none() {
        reader.error(node.position, "a documentation part has no `location`");
    }
    let location = reader.object(location_node?, &keys::DOCUMENTATION_LOCATION)?;
    let text = |reader: &mut Reader<'d>, key| reader.string(location, key).map(str::to_owned);
    let location = DocumentationPartLocation {
        part_type: text(reader, "type").unwrap_or_default(),
        path: text(reader, "path"),
        method: text(reader, "method"),
        status_code: text(reader, "statusCode"),
        name: text(reader, "name"),
    };
    let properties = object.get("properties").map(|node| node.to_json().to_string()).unwrap_or_default();
    let id = DocumentationPartId(derived_id(&["documentation", &position.to_string(), &properties])[..6].to_owned());
    Some(DocumentationPart { id, location, properties })
}
