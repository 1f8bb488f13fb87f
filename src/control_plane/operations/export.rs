//! GetExport: what a stage serves, as a document. (API reference, `API_GetExport`; guide, `api-gateway-export-api`.)

use std::str::FromStr;

use super::stages;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, File, Reply};
use crate::control_plane::store::Store;
use crate::model::{ApiDefinition, Stage};
use crate::openapi::{self, ExportFormat, ExportOptions, ExportType, ExportedDocumentation, Extensions};

pub fn get_export(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let stage = stages::of(store, call)?;
    let mut definition = stages::definition(store, call, stage)?;
    let name = call.parameter("export_type");
    let export_type = ExportType::from_name(name);
    let export_type =
        export_type.ok_or_else(|| Exception::bad_request(format!("Invalid export type specified: {name}")))?;
    let format = format(call)?;
    let options = ExportOptions {
        export_type,
        extensions: extensions(call)?,
        host: format!("{}.execute-api.{}.amazonaws.com", definition.rest_api.id, call.region),
        created_date: deployed_at(store, call, stage),
        documentation_version: document(store, call, stage, &mut definition),
    };
    let document = openapi::export(&definition, stage, &options);
    let (suffix, content_type) = match format {
        ExportFormat::Json => ("json", format.content_type()),
        ExportFormat::Yaml => ("yaml", format.content_type()),
    };
    let file = format!("attachment; filename=\"{name}_{}_{}.{suffix}\"", definition.rest_api.id, stage.stage_name);
    Ok(Reply::File(File {
        content_type: content_type.to_owned(),
        disposition: Some(file),
        bytes: openapi::to_text(&document, format).into_bytes(),
    }))
}

fn format(call: &Call<'_>) -> Result<ExportFormat, Exception> {
    match call.accept.map(|accept| accept.split(';').next().unwrap_or_default().trim()) {
        None | Some("" | "*/*" | "application/*" | "application/json") => Ok(ExportFormat::Json),
        Some("application/yaml" | "application/x-yaml") => Ok(ExportFormat::Yaml),
        Some(other) => Err(Exception::bad_request(format!(
            "Invalid Accept header {other}: use application/json or application/yaml"
        ))),
    }
}

fn extensions(call: &Call<'_>) -> Result<Extensions, Exception> {
    if let Some((other, _)) = call.query.iter().find(|(name, _)| name != "extensions") {
        return Err(Exception::bad_request(format!("Invalid export parameter specified: {other}")));
    }
    let names: Vec<&str> = call.queries("extensions").collect();
    if names.is_empty() {
        return Ok(Extensions::default());
    }
    Extensions::from_str(&names.join(",")).map_err(Exception::bad_request)
}

fn deployed_at(store: &Store, call: &Call<'_>, stage: &Stage) -> Option<i64> {
    let id = stage.deployment_id.as_ref()?;
    let deployment = store.deployments.row(&[call.region, call.parameter("restapi_id"), id.as_str()])?;
    Some(deployment.created_date)
}

/// The documentation of an export is that of the stage's version, not what the parts say now.
fn document(
    store: &Store,
    call: &Call<'_>,
    stage: &Stage,
    definition: &mut ApiDefinition,
) -> Option<ExportedDocumentation> {
    definition.documentation_parts.clear();
    let version = stage.documentation_version.as_deref()?;
    let row = store.documentation_versions.row(&[call.region, call.parameter("restapi_id"), version])?;
    definition.documentation_parts = row.parts.clone();
    Some(ExportedDocumentation { version: row.version.clone(), created_date: row.created_date })
}
