//! VPC links.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_vpc_link(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateVpcLink is not there yet"))
}

pub fn get_vpc_link(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetVpcLink is not there yet"))
}

pub fn get_vpc_links(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetVpcLinks is not there yet"))
}

pub fn update_vpc_link(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateVpcLink is not there yet"))
}

pub fn delete_vpc_link(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteVpcLink is not there yet"))
}
