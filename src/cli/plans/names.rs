//! What the APIs of plans are called.

use std::collections::HashMap;

use serde::Deserialize;

use crate::cli::admin::Admin;
use crate::cli::lookup::all;
use crate::cli::table::printable;
use crate::model::{ApiStage, RestApiId, UsagePlan};

/// By id.
pub struct ApiNames(HashMap<String, String>);

#[derive(Deserialize)]
struct Api {
    id: String,
    #[serde(default)]
    name: String,
}

impl ApiNames {
    /// Those of all APIs, where one of the plans has a stage at all.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn of(admin: &Admin, plans: &[UsagePlan]) -> Result<ApiNames, String> {
        if plans.iter().all(|plan| plan.api_stages.is_empty()) {
            return Ok(ApiNames(HashMap::new()));
        }
        let apis: Vec<Api> = all(admin, "/restapis")?;
        Ok(ApiNames(apis.into_iter().map(|api| (api.id, api.name)).collect()))
    }

    /// `pets:prod`; of an API that is gone, its id.
    pub fn stage(&self, stage: &ApiStage) -> String {
        let RestApiId(id) = &stage.api_id;
        format!("{}:{}", printable(self.0.get(id).unwrap_or(id)), stage.stage)
    }

    /// `pets (a1b2c3d4e5), prod`.
    pub fn title(&self, stage: &ApiStage) -> String {
        let RestApiId(id) = &stage.api_id;
        match self.0.get(id) {
            Some(name) => format!("{} ({id}), {}", printable(name), stage.stage),
            None => format!("{id} (gone), {}", stage.stage),
        }
    }
}
