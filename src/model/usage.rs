//! API keys, usage plans and the account: who may call how much. (API reference, `API_ApiKey`, `API_UsagePlan`,
//! `API_UsagePlanKey`, `API_Account`.)

use serde::{Deserialize, Serialize};

use super::{ApiKeyId, OrderedMap, RestApiId, UsagePlanId};

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// The secret that callers send: 20 to 128 characters.
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub enabled: bool,
    /// Seconds since 1970.
    pub created_date: i64,
    pub last_updated_date: i64,
    /// `{restApiId}/{stageName}`: from before usage plans.
    pub stage_keys: Vec<String>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    pub tags: OrderedMap<String>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiKey").field("id", &self.id).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsagePlan {
    pub id: UsagePlanId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub api_stages: Vec<ApiStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    pub tags: OrderedMap<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ApiStage {
    pub api_id: RestApiId,
    pub stage: String,
    /// By `{resource_path}/{http_method}`, such as `/pets/GET`.
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    pub throttle: OrderedMap<ThrottleSettings>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ThrottleSettings {
    pub burst_limit: i32,
    /// Requests per second.
    pub rate_limit: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct QuotaSettings {
    pub limit: i32,
    /// The day on which a period starts, counted from its first: of a week, 1 is Monday. (CloudFormation user guide,
    /// `aws-properties-apigateway-usageplan-quotasettings`.)
    pub offset: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<QuotaPeriod>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuotaPeriod {
    Day,
    Week,
    Month,
}

/// That a key belongs to a plan. Its name and value are the key's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsagePlanKey {
    pub id: ApiKeyId,
    /// `API_KEY`, the only type there is.
    #[serde(rename = "type")]
    pub key_type: String,
    /// What `UpdateUsage` granted beyond the quota, or took from it, by day (`2026-11-25`): it holds for the period of
    /// that day.
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    pub extensions: OrderedMap<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudwatch_role_arn: Option<String>,
    pub throttle_settings: ThrottleSettings,
    pub features: Vec<String>,
    pub api_key_version: String,
}
