//! Base path mappings.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_base_path_mapping(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateBasePathMapping is not there yet"))
}

pub fn get_base_path_mapping(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetBasePathMapping is not there yet"))
}

pub fn get_base_path_mappings(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetBasePathMappings is not there yet"))
}

pub fn update_base_path_mapping(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateBasePathMapping is not there yet"))
}

pub fn delete_base_path_mapping(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteBasePathMapping is not there yet"))
}
