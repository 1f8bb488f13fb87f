//! Client certificates.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn generate_client_certificate(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GenerateClientCertificate is not there yet"))
}

pub fn get_client_certificate(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetClientCertificate is not there yet"))
}

pub fn get_client_certificates(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetClientCertificates is not there yet"))
}

pub fn update_client_certificate(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateClientCertificate is not there yet"))
}

pub fn delete_client_certificate(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteClientCertificate is not there yet"))
}
