//! Methods and method responses, and the test of one.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn put_method(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("PutMethod is not there yet"))
}

pub fn get_method(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetMethod is not there yet"))
}

pub fn update_method(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateMethod is not there yet"))
}

pub fn delete_method(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteMethod is not there yet"))
}

pub fn put_method_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("PutMethodResponse is not there yet"))
}

pub fn get_method_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetMethodResponse is not there yet"))
}

pub fn update_method_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateMethodResponse is not there yet"))
}

pub fn delete_method_response(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteMethodResponse is not there yet"))
}

pub fn test_invoke_method(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("TestInvokeMethod is not there yet"))
}
