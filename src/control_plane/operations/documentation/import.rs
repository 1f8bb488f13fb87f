//! Documentation parts from an OpenAPI document: what stands under `x-amazon-apigateway-documentation`.
//! (API reference, `API_ImportDocumentationParts`; guide, `api-gateway-documenting-api-quick-start-import-export`.)

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::location::Given;
use super::parts::new_id;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::operations::rest_apis;
use crate::control_plane::store::Store;
use crate::model::{DocumentationPart, DocumentationPartId, DocumentationPartLocation};

/// The rest of the document is of no interest here.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "x-amazon-apigateway-documentation")]
    documentation: Option<Documentation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Documentation {
    #[serde(default)]
    documentation_parts: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    location: Given,
    properties: Map<String, Value>,
}

pub fn import_documentation_parts(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let (parts, warnings) = parts(document(call.body)?);
    if !warnings.is_empty() && boolean(call, "failonwarnings")? {
        return Err(Exception::bad_request(format!("Warnings found during import: {}", warnings.join("; "))));
    }
    let api = [call.region, call.parameter("restapi_id")];
    match call.query("mode") {
        None | Some("merge") => {}
        Some("overwrite") => store.documentation_parts.remove_below(&api),
        Some(other) => {
            let message = format!("Invalid mode '{other}'. Must be one of: [merge, overwrite]");
            return Err(Exception::bad_request(message));
        }
    }
    let known = store.documentation_parts.rows_below(&api);
    let mut ids: HashMap<_, _> = known.map(|part| (part.location.clone(), part.id.0.clone())).collect();
    let mut imported = Vec::with_capacity(parts.len());
    for (location, properties) in parts {
        let id = ids.entry(location.clone()).or_insert_with(|| new_id(store, call)).clone();
        let part = DocumentationPart { id: DocumentationPartId(id.clone()), location, properties };
        store.documentation_parts.put(&[api[0], api[1], &id], part);
        imported.push(id);
    }
    let mut answer = json!({ "ids": imported });
    if !warnings.is_empty() {
        answer["warnings"] = warnings.into();
    }
    Ok(Reply::Json(answer))
}

/// JSON or YAML.
fn document(body: &[u8]) -> Result<Document, Exception> {
    let unreadable = |why: String| Exception::bad_request(format!("Unable to read the OpenAPI document: {why}"));
    let text = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| unreadable(error.to_string()));
    }
    serde_saphyr::from_str(text).map_err(|error| unreadable(error.to_string()))
}

/// The parts with their properties as JSON text, and a warning for each that cannot be taken.
fn parts(document: Document) -> (Vec<(DocumentationPartLocation, String)>, Vec<String>) {
    let Some(documentation) = document.documentation else {
        return (Vec::new(), vec!["The document has no x-amazon-apigateway-documentation".to_owned()]);
    };
    let mut parts = Vec::new();
    let mut warnings = Vec::new();
    for (position, value) in documentation.documentation_parts.into_iter().enumerate() {
        let read = serde_json::from_value::<Part>(value).map_err(|error| error.to_string());
        match read.and_then(|part| Ok((part.location.checked()?, Value::Object(part.properties).to_string()))) {
            Ok(part) => parts.push(part),
            Err(why) => warnings.push(format!("Documentation part {} is left out: {why}", position + 1)),
        }
    }
    (parts, warnings)
}

fn boolean(call: &Call<'_>, name: &str) -> Result<bool, Exception> {
    match call.query(name) {
        None => Ok(false),
        Some(text) => text
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| Exception::bad_request(format!("Invalid value for {name}: {text}"))),
    }
}
