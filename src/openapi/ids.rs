//! Ids that are drawn: an import derives them from the document, and an API that is created has its own.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::{
    ApiDefinition, AuthorizerId, DocumentationPartId, ModelId, RequestValidatorId, ResourceId, RestApiId,
};

/// Where the models of an API are found: what their schemas refer to each other by.
pub fn models_address(rest_api_id: &RestApiId) -> String {
    format!("https://apigateway.amazonaws.com/restapis/{rest_api_id}/models/")
}

/// Gives the definition the id `rest_api_id`, and every part of it an id from `draw`, in the order of the definition;
/// what refers to a part refers to it still.
pub fn redraw_ids(definition: &mut ApiDefinition, rest_api_id: RestApiId, draw: &mut dyn FnMut() -> String) {
    let resources = redrawn(definition.resources.iter().map(|one| &one.id), |_| ResourceId(draw()));
    let authorizers = redrawn(definition.authorizers.iter().map(|one| &one.id), |_| AuthorizerId(draw()));
    let validators = redrawn(definition.request_validators.iter().map(|one| &one.id), |_| RequestValidatorId(draw()));
    let models = redrawn(definition.models.iter().map(|one| &one.id), |_| ModelId(draw()));
    let parts = redrawn(definition.documentation_parts.iter().map(|one| &one.id), |_| DocumentationPartId(draw()));
    NewIds { rest_api_id, resources, authorizers, validators, models, parts }.apply(definition);
}

fn redrawn<'i, I: Clone + Eq + Hash + 'i>(
    ids: impl Iterator<Item = &'i I>,
    mut new: impl FnMut(&I) -> I,
) -> HashMap<I, I> {
    ids.map(|id| (id.clone(), new(id))).collect()
}

/// From old ids to new ones; what is not in a map keeps its id.
pub struct NewIds {
    pub rest_api_id: RestApiId,
    pub resources: HashMap<ResourceId, ResourceId>,
    pub authorizers: HashMap<AuthorizerId, AuthorizerId>,
    pub validators: HashMap<RequestValidatorId, RequestValidatorId>,
    pub models: HashMap<ModelId, ModelId>,
    pub parts: HashMap<DocumentationPartId, DocumentationPartId>,
}

impl NewIds {
    pub fn apply(&self, definition: &mut ApiDefinition) {
        let (old, new) = (models_address(&definition.rest_api.id), models_address(&self.rest_api_id));
        definition.rest_api.id = self.rest_api_id.clone();
        replace_some(&self.resources, &mut definition.rest_api.root_resource_id);
        for resource in &mut definition.resources {
            replace(&self.resources, &mut resource.id);
            replace_some(&self.resources, &mut resource.parent_id);
            for method in resource.resource_methods.values_mut() {
                replace_some(&self.authorizers, &mut method.authorizer_id);
                replace_some(&self.validators, &mut method.request_validator_id);
            }
        }
        definition.authorizers.iter_mut().for_each(|one| replace(&self.authorizers, &mut one.id));
        definition.request_validators.iter_mut().for_each(|one| replace(&self.validators, &mut one.id));
        for model in &mut definition.models {
            replace(&self.models, &mut model.id);
            model.schema = model.schema.replace(&old, &new);
        }
        definition.documentation_parts.iter_mut().for_each(|one| replace(&self.parts, &mut one.id));
    }
}

fn replace<I: Clone + Eq + Hash>(new: &HashMap<I, I>, id: &mut I) {
    if let Some(new) = new.get(id) {
        *id = new.clone();
    }
}

fn replace_some<I: Clone + Eq + Hash>(new: &HashMap<I, I>, id: &mut Option<I>) {
    if let Some(id) = id {
        replace(new, id);
    }
}
