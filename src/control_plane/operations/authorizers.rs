//! Authorizers.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_authorizer(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateAuthorizer is not there yet"))
}

pub fn get_authorizer(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetAuthorizer is not there yet"))
}

pub fn get_authorizers(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetAuthorizers is not there yet"))
}

pub fn update_authorizer(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateAuthorizer is not there yet"))
}

pub fn delete_authorizer(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteAuthorizer is not there yet"))
}

pub fn test_invoke_authorizer(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("TestInvokeAuthorizer is not there yet"))
}
