//! Gateway responses.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn put_gateway_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("PutGatewayResponse is not there yet"))
}

pub fn get_gateway_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetGatewayResponse is not there yet"))
}

pub fn get_gateway_responses(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetGatewayResponses is not there yet"))
}

pub fn update_gateway_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateGatewayResponse is not there yet"))
}

pub fn delete_gateway_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteGatewayResponse is not there yet"))
}
