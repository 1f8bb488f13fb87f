//! Documentation parts and versions.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_documentation_part(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateDocumentationPart is not there yet"))
}

pub fn get_documentation_part(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDocumentationPart is not there yet"))
}

pub fn get_documentation_parts(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDocumentationParts is not there yet"))
}

pub fn update_documentation_part(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateDocumentationPart is not there yet"))
}

pub fn delete_documentation_part(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteDocumentationPart is not there yet"))
}

pub fn import_documentation_parts(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("ImportDocumentationParts is not there yet"))
}

pub fn create_documentation_version(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateDocumentationVersion is not there yet"))
}

pub fn get_documentation_version(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDocumentationVersion is not there yet"))
}

pub fn get_documentation_versions(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDocumentationVersions is not there yet"))
}

pub fn update_documentation_version(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateDocumentationVersion is not there yet"))
}

pub fn delete_documentation_version(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteDocumentationVersion is not there yet"))
}
