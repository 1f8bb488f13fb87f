//! `serve FILE` in the store: a document becomes an API with deployments and stages, as if the management API had been
//! called.
//!
//! A document that is deployed again replaces its API's definition. It gets a new deployment only where it says
//! something new, and its stages are moved there; stages that it has no more are removed, those that somebody else
//! made stay.

use super::store::table::{key, own_name};
use super::store::{ServedDocument, Store, snapshot};
use crate::model::{ApiDefinition, Deployment, DeploymentId, Stage};
use crate::openapi::{Imported, ImportedStage};

/// How many deployments of a document are kept beside those that stages point to: what `tollgate rollback` can go
/// back to.
const DEPLOYMENTS_KEPT: usize = 10;

/// What is served from files.
#[derive(Debug, Default)]
pub struct Documents {
    pub imported: Vec<Imported>,
    /// Whether the first stage of the first answers at `/`.
    pub root: bool,
}

/// Writes the documents to the store; the key of the stage that answers at `/`.
///
/// # Errors
/// A definition cannot be packed.
pub fn apply(
    store: &mut Store,
    region: &str,
    documents: Documents,
    now: i64,
    new_id: &dyn Fn(usize) -> String,
) -> Result<Option<Box<str>>, String> {
    let first = documents.imported.first().and_then(|document| Some((document, document.stages.first()?)));
    let root = first.filter(|_| documents.root).map(|(document, first)| {
        key(&[region, document.definition.rest_api.id.as_str(), first.stage.stage_name.as_str()])
    });
    for document in documents.imported {
        Desk { store, region, now, new_id }.apply(document)?;
    }
    Ok(root)
}

struct Desk<'d> {
    store: &'d mut Store,
    region: &'d str,
    now: i64,
    new_id: &'d dyn Fn(usize) -> String,
}

impl Desk<'_> {
    fn apply(&mut self, document: Imported) -> Result<(), String> {
        let Imported { name, mut definition, stages, .. } = document;
        let api_id = definition.rest_api.id.as_str().to_owned();
        let of_api = [self.region, &*api_id];
        let known = self.store.rest_apis.row(&of_api).and_then(|api| api.created_date);
        definition.rest_api.created_date = Some(known.unwrap_or(self.now));
        let deployment_id = self.deployment(&api_id, &definition, &name)?;
        for ImportedStage { stage, canary } in &stages {
            let canary =
                canary.as_ref().map(|canary| self.deployment(&api_id, &canary.definition, &name)).transpose()?;
            self.stage(&api_id, stage.clone(), &deployment_id, canary);
        }
        let names: Vec<String> = stages.iter().map(|one| one.stage.stage_name.clone()).collect();
        let before = self.store.documents.row(&of_api).cloned().unwrap_or_default();
        for gone in before.stages.iter().filter(|name| !names.contains(name)) {
            self.store.stages.remove(&[self.region, &api_id, gone]);
        }
        if before.stages != names {
            self.store.documents.put(&of_api, ServedDocument { stages: names });
        }
        snapshot::spread(self.store, self.region, definition);
        self.forget_old_deployments(&api_id);
        Ok(())
    }

    /// The deployment of this definition: one that is there already, if there is.
    fn deployment(&mut self, api_id: &str, definition: &ApiDefinition, document: &str) -> Result<DeploymentId, String> {
        let packed = snapshot::pack(definition)?;
        let of_api = [self.region, api_id];
        if let Some(same) = self.store.deployments.rows_below(&of_api).find(|known| known.snapshot == packed) {
            return Ok(same.id.clone());
        }
        let id = DeploymentId((self.new_id)(6));
        let deployment = Deployment {
            id: id.clone(),
            description: Some(format!("from {document}")),
            created_date: self.now,
            api_summary: snapshot::summary(definition),
            snapshot: packed,
        };
        self.store.deployments.put(&[self.region, api_id, id.as_str()], deployment);
        Ok(id)
    }

    fn stage(&mut self, api_id: &str, mut stage: Stage, deployment_id: &DeploymentId, canary: Option<DeploymentId>) {
        let name = stage.stage_name.clone();
        let parts = [self.region, api_id, &*name];
        stage.deployment_id = Some(deployment_id.clone());
        if let Some(settings) = &mut stage.canary_settings {
            settings.deployment_id = canary.or_else(|| Some(deployment_id.clone()));
        }
        let known = self.store.stages.row(&parts);
        stage.created_date = Some(known.and_then(|known| known.created_date).unwrap_or(self.now));
        stage.last_updated_date = known.and_then(|known| known.last_updated_date);
        if known != Some(&stage) {
            stage.last_updated_date = Some(self.now);
            self.store.stages.put(&parts, stage);
        }
    }

    fn forget_old_deployments(&mut self, api_id: &str) {
        let of_api = [self.region, api_id];
        let mut in_use = std::collections::HashSet::new();
        for stage in self.store.stages.rows_below(&of_api) {
            in_use.extend(stage.deployment_id.clone());
            in_use.extend(stage.canary_settings.as_ref().and_then(|canary| canary.deployment_id.clone()));
        }
        let deployments = self.store.deployments.below(&of_api);
        let ours =
            deployments.filter(|(_, row)| row.description.as_deref().is_some_and(|text| text.starts_with("from ")));
        let unused = ours.filter(|(_, row)| !in_use.contains(&row.id));
        let mut unused: Vec<(i64, String)> =
            unused.map(|(key, row)| (row.created_date, own_name(key).to_owned())).collect();
        unused.sort_by_key(|one| std::cmp::Reverse(one.0));
        for (_, id) in unused.into_iter().skip(DEPLOYMENTS_KEPT) {
            self.store.deployments.remove(&[self.region, api_id, &id]);
        }
    }
}
