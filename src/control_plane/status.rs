//! `GET /status`: every API with its stages, what each serves and since when, and what tells that from the definition as
//! it is now.
//!
//! The same types are written by the gateway and read by the commands; times are in seconds since 1970.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::serving::Census;
use super::store::table::{key, part};
use super::store::{EarlierDeployment, Store, snapshot};
use crate::model::{ApiDefinition, CanarySettings, DeploymentId, RestApi, Stage, differences};

/// Changes that are told of a stage; the others are counted.
const CHANGES_TOLD_MAX: usize = 100;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where clients connect: `http://127.0.0.1:8080`.
    pub listening: Vec<String>,
    pub apis: Vec<ApiStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiStatus {
    pub id: String,
    pub name: String,
    pub region: String,
    /// Described by a file that the gateway was started with, which replaces what others change.
    pub from_file: bool,
    pub stages: Vec<StageStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    pub name: String,
    pub deployment_id: Option<String>,
    /// The deployment's.
    pub description: Option<String>,
    /// When the stage was moved to it.
    pub deployed_at: Option<i64>,
    /// False where this version cannot serve it: the gateway's log says why.
    pub served: bool,
    /// What of it this version cannot serve and answers 500, a line each: see the setting `management.unsupported`.
    pub denied: Vec<String>,
    /// `None` where that cannot be told: there is no deployment, or it cannot be read.
    pub undeployed: Option<Undeployed>,
    pub canary: Option<CanaryStatus>,
    /// The latest first; those that are gone are left out.
    pub earlier_deployments: Vec<EarlierDeployment>,
    /// Where it answers, on any host: `/prod/`.
    pub paths: Vec<String>,
    /// Where it answers under custom domain names: `pets.example.com/v1`.
    pub domains: Vec<String>,
}

/// What the definition has and the stage does not serve yet.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undeployed {
    pub count: usize,
    /// A line each: see [`crate::model::difference`].
    pub changes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    pub percent_traffic: f64,
    pub deployment_id: Option<String>,
}

/// `api` is a name or an id; `None` stands for all. Takes time by the number of stages: each deployment is unpacked and
/// compared.
pub fn status(store: &Store, census: &Census, api: Option<&str>) -> Vec<ApiStatus> {
    let apis = store.rest_apis.below(&[]).map(|(key, row)| (part(key, 0), row));
    let asked = apis.filter(|(_, row)| api.is_none_or(|api| row.id.as_str() == api || row.name == api));
    let served: HashSet<&str> = census.stages.keys().map(|key| part(key, 1)).collect();
    let view = View { store, census, is_only: served.len() == 1 };
    asked.map(|(region, row)| view.api(region, row)).collect()
}

struct View<'v> {
    store: &'v Store,
    census: &'v Census,
    /// A single API needs no id in the path.
    is_only: bool,
}

impl View<'_> {
    fn api(&self, region: &str, api: &RestApi) -> ApiStatus {
        let of_api = [region, api.id.as_str()];
        let definition = snapshot::gather(self.store, region, api.id.as_str()).unwrap_or_default();
        let stages = self.store.stages.rows_below(&of_api);
        ApiStatus {
            id: api.id.to_string(),
            name: api.name.clone(),
            region: region.to_owned(),
            from_file: self.store.documents.has(&of_api),
            stages: stages.map(|stage| self.stage(region, &definition, stage)).collect(),
        }
    }

    fn stage(&self, region: &str, definition: &ApiDefinition, stage: &Stage) -> StageStatus {
        let api_id = definition.rest_api.id.as_str();
        let parts = [region, api_id, &*stage.stage_name];
        let deployed = |id: &DeploymentId| self.store.deployments.row(&[region, api_id, id.as_str()]);
        let deployment = stage.deployment_id.as_ref().and_then(deployed);
        let history = self.store.stage_histories.row(&parts);
        let earlier = history.map(|history| history.earlier.as_slice()).unwrap_or_default();
        let moved = earlier.first().map(|left| left.until);
        StageStatus {
            name: stage.stage_name.clone(),
            deployment_id: stage.deployment_id.as_ref().map(DeploymentId::to_string),
            description: deployment.and_then(|deployment| deployment.description.clone()),
            deployed_at: deployment.map(|deployment| moved.unwrap_or(deployment.created_date)),
            served: self.census.stages.contains_key(&key(&parts)),
            denied: self.census.stages.get(&key(&parts)).cloned().unwrap_or_default(),
            undeployed: deployment.and_then(|deployment| undeployed(&deployment.snapshot, definition)),
            canary: stage.canary_settings.as_ref().map(canary),
            earlier_deployments: earlier
                .iter()
                .filter(|left| deployed(&left.deployment_id).is_some())
                .cloned()
                .collect(),
            paths: self.paths(parts, definition.rest_api.disable_execute_api_endpoint),
            domains: self.domains(parts),
        }
    }

    /// As `plan::select` finds it.
    fn paths(&self, parts: [&str; 3], execute_api_disabled: bool) -> Vec<String> {
        let [_, api_id, stage] = parts;
        let mut paths = Vec::new();
        if self.is_only && self.census.root.is_some() {
            paths.extend((self.census.root.as_ref() == Some(&key(&parts))).then(|| "/".to_owned()));
        } else if self.is_only {
            paths.push(format!("/{stage}/"));
        }
        if !execute_api_disabled {
            paths.push(format!("/_aws/execute-api/{api_id}/{stage}/"));
        }
        paths
    }

    fn domains(&self, parts: [&str; 3]) -> Vec<String> {
        let [region, api_id, stage] = parts;
        let mappings = self.store.base_path_mappings.below(&[region]);
        let ours = mappings.filter(|(_, mapping)| {
            mapping.rest_api_id.as_str() == api_id && mapping.stage.as_deref().is_none_or(|name| name == stage)
        });
        let address = ours.map(|(key, mapping)| {
            // A private name's key has an id behind it.
            let name = part(key, 1).split('+').next().unwrap_or_default();
            let base_path = Some(&*mapping.base_path).filter(|path| *path != "(none)" && !path.is_empty());
            let named = mapping.stage.is_none().then_some(stage);
            let segments = [Some(name), base_path, named].into_iter().flatten();
            segments.collect::<Vec<_>>().join("/")
        });
        address.collect()
    }
}

/// Documentation is published by its versions, not by deployments.
fn undeployed(packed: &[u8], definition: &ApiDefinition) -> Option<Undeployed> {
    let mut deployed = snapshot::unpack(packed).ok()?;
    deployed.documentation_parts.clone_from(&definition.documentation_parts);
    let found = differences(&deployed, definition);
    let changes = found.iter().take(CHANGES_TOLD_MAX).map(ToString::to_string).collect();
    Some(Undeployed { count: found.len(), changes })
}

fn canary(settings: &CanarySettings) -> CanaryStatus {
    let deployment_id = settings.deployment_id.as_ref().map(DeploymentId::to_string);
    CanaryStatus { percent_traffic: settings.percent_traffic, deployment_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::store::StageHistory;
    use crate::model::{BasePathMapping, Deployment, Resource, ResourceId, RestApiId};

    const STAGE: [&str; 3] = ["r", "a1", "prod"];

    /// The API `a1`, called `pets`, with its stage `prod`, which has moved from `d0` over `d1` to `d2`.
    fn store() -> Store {
        let mut store = Store::default();
        let rest_api = RestApi { id: RestApiId("a1".into()), name: "pets".into(), ..RestApi::default() };
        let root = Resource { id: ResourceId("r0".into()), path: "/".into(), ..Resource::default() };
        let definition = ApiDefinition { rest_api, resources: vec![root], ..ApiDefinition::default() };
        for id in ["d1", "d2"] {
            let snapshot = snapshot::pack(&definition).expect("it is JSON");
            let description = Some(format!("the deployment {id}"));
            let row = Deployment {
                id: DeploymentId(id.into()),
                description,
                created_date: 5,
                snapshot,
                ..Deployment::default()
            };
            store.deployments.put(&["r", "a1", id], row);
        }
        snapshot::spread(&mut store, "r", definition);
        let deployment_id = Some(DeploymentId("d2".into()));
        store.stages.put(&STAGE, Stage { stage_name: "prod".into(), deployment_id, ..Stage::default() });
        let left = |id: &str, until| EarlierDeployment { deployment_id: DeploymentId(id.into()), until };
        store.stage_histories.put(&STAGE, StageHistory { earlier: vec![left("d1", 9), left("d0", 7)] });
        store
    }

    fn census(root: bool) -> Census {
        Census { stages: [(key(&STAGE), Vec::new())].into(), root: root.then(|| key(&STAGE)) }
    }

    fn stage(store: &Store, census: &Census) -> StageStatus {
        status(store, census, Some("pets")).remove(0).stages.remove(0)
    }

    #[test]
    fn a_stage_tells_what_it_serves_and_what_it_does_not_yet() {
        let mut store = store();
        let told = stage(&store, &census(false));
        assert_eq!((told.deployment_id.as_deref(), told.deployed_at), (Some("d2"), Some(9)));
        assert_eq!(told.description.as_deref(), Some("the deployment d2"));
        let earlier: Vec<_> = told.earlier_deployments.iter().map(|left| left.deployment_id.as_str()).collect();
        assert_eq!(earlier, ["d1"], "d0 is gone");
        assert_eq!(told.undeployed.map(|undeployed| undeployed.count), Some(0));
        let pets = Resource { id: ResourceId("r1".into()), path: "/pets".into(), ..Resource::default() };
        store.resources.put(&["r", "a1", "r1"], pets);
        let undeployed = stage(&store, &census(false)).undeployed.expect("the deployment can be read");
        assert_eq!((undeployed.count, undeployed.changes), (1, vec!["+ resource /pets".to_owned()]));
    }

    #[test]
    fn an_api_is_found_by_name_and_by_id() {
        let (store, census) = (store(), Census::default());
        let count = |api| status(&store, &census, api).len();
        assert_eq!((count(None), count(Some("pets")), count(Some("a1")), count(Some("a"))), (1, 1, 1, 0));
        assert!(!stage(&store, &census).served);
    }

    #[test]
    fn a_stage_tells_where_it_answers() {
        let mut store = store();
        assert_eq!(stage(&store, &census(false)).paths, ["/prod/", "/_aws/execute-api/a1/prod/"]);
        assert_eq!(stage(&store, &census(true)).paths, ["/", "/_aws/execute-api/a1/prod/"]);
        let mut two = census(false);
        two.stages.insert(key(&["r", "b1", "prod"]), Vec::new());
        assert_eq!(stage(&store, &two).paths, ["/_aws/execute-api/a1/prod/"]);
        for (base_path, stage) in [("(none)", Some("prod")), ("v1", None), ("v2", Some("dev"))] {
            let stage = stage.map(str::to_owned);
            let rest_api_id = RestApiId("a1".into());
            let mapping = BasePathMapping { base_path: base_path.into(), rest_api_id, stage };
            store.base_path_mappings.put(&["r", "pets.example.com", base_path], mapping);
        }
        assert_eq!(stage(&store, &census(false)).domains, ["pets.example.com", "pets.example.com/v1/prod"]);
    }
}
