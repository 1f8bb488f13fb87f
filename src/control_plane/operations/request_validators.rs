//! Request validators.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_request_validator(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateRequestValidator is not there yet"))
}

pub fn get_request_validator(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetRequestValidator is not there yet"))
}

pub fn get_request_validators(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetRequestValidators is not there yet"))
}

pub fn update_request_validator(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateRequestValidator is not there yet"))
}

pub fn delete_request_validator(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteRequestValidator is not there yet"))
}
