//! Custom domain names, and who may reach private ones.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_domain_name(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateDomainName is not there yet"))
}

pub fn get_domain_name(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDomainName is not there yet"))
}

pub fn get_domain_names(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDomainNames is not there yet"))
}

pub fn update_domain_name(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateDomainName is not there yet"))
}

pub fn delete_domain_name(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteDomainName is not there yet"))
}

pub fn create_domain_name_access_association(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateDomainNameAccessAssociation is not there yet"))
}

pub fn get_domain_name_access_associations(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetDomainNameAccessAssociations is not there yet"))
}

pub fn delete_domain_name_access_association(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteDomainNameAccessAssociation is not there yet"))
}

pub fn reject_domain_name_access_association(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("RejectDomainNameAccessAssociation is not there yet"))
}
