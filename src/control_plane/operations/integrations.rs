//! Integrations and integration responses.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn put_integration(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("PutIntegration is not there yet"))
}

pub fn get_integration(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetIntegration is not there yet"))
}

pub fn update_integration(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateIntegration is not there yet"))
}

pub fn delete_integration(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteIntegration is not there yet"))
}

pub fn put_integration_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("PutIntegrationResponse is not there yet"))
}

pub fn get_integration_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetIntegrationResponse is not there yet"))
}

pub fn update_integration_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateIntegrationResponse is not there yet"))
}

pub fn delete_integration_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteIntegrationResponse is not there yet"))
}
