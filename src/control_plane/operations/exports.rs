//! What leaves: exports and clients.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn get_export(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetExport is not there yet"))
}

pub fn get_sdk(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetSdk is not there yet"))
}

pub fn get_sdk_type(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetSdkType is not there yet"))
}

pub fn get_sdk_types(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetSdkTypes is not there yet"))
}
