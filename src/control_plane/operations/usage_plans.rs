//! Usage plans, their keys, and usage.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;

pub fn create_usage_plan(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateUsagePlan is not there yet"))
}

pub fn get_usage_plan(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetUsagePlan is not there yet"))
}

pub fn get_usage_plans(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetUsagePlans is not there yet"))
}

pub fn update_usage_plan(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateUsagePlan is not there yet"))
}

pub fn delete_usage_plan(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteUsagePlan is not there yet"))
}

pub fn create_usage_plan_key(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("CreateUsagePlanKey is not there yet"))
}

pub fn get_usage_plan_key(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetUsagePlanKey is not there yet"))
}

pub fn get_usage_plan_keys(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetUsagePlanKeys is not there yet"))
}

pub fn delete_usage_plan_key(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("DeleteUsagePlanKey is not there yet"))
}

pub fn get_usage(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("GetUsage is not there yet"))
}

pub fn update_usage(_store: &mut Store, _call: &Call<'_>) -> Result<Reply, Exception> {
    Err(Exception::bad_request("UpdateUsage is not there yet"))
}
