//! `cloneFrom`: an API made from another, with all that belongs to it but deployments and stages. Ids are new.

use std::collections::HashMap;

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::Call;
use crate::control_plane::store::{Store, snapshot};
use crate::model::{ApiDefinition, AuthorizerId, DocumentationPartId, Method, ModelId, RequestValidatorId, ResourceId};

/// The old ids of one kind, with the new ones.
type Renamed = HashMap<String, String>;

/// The definition of the API with the id `source`, with new ids. Its own id is still the old one's.
///
/// # Errors
/// `BadRequestException`: there is no such API. The operation has no `NotFoundException`.
pub fn copy(store: &Store, call: &Call<'_>, source: &str) -> Result<ApiDefinition, Exception> {
    let unknown = || Exception::bad_request(format!("Invalid API identifier specified {}:{source}", call.account_id));
    let mut definition = snapshot::gather(store, call.region, source).ok_or_else(unknown)?;
    let authorizers = renamed(call, definition.authorizers.iter().map(|authorizer| authorizer.id.as_str()));
    for authorizer in &mut definition.authorizers {
        authorizer.id = AuthorizerId(authorizers[authorizer.id.as_str()].clone());
    }
    let validators = renamed(call, definition.request_validators.iter().map(|validator| validator.id.as_str()));
    for validator in &mut definition.request_validators {
        validator.id = RequestValidatorId(validators[validator.id.as_str()].clone());
    }
    let models = renamed(call, definition.models.iter().map(|model| model.id.as_str()));
    for model in &mut definition.models {
        model.id = ModelId(models[model.id.as_str()].clone());
    }
    let parts = renamed(call, definition.documentation_parts.iter().map(|part| part.id.as_str()));
    for part in &mut definition.documentation_parts {
        part.id = DocumentationPartId(parts[part.id.as_str()].clone());
    }
    rename_resources(call, &mut definition, &authorizers, &validators);
    Ok(definition)
}

fn renamed<'i>(call: &Call<'_>, ids: impl Iterator<Item = &'i str>) -> Renamed {
    let mut used = std::collections::HashSet::new();
    let mut names = Renamed::new();
    let mut draw = call.rising_ids(None);
    for id in ids {
        let mut new = draw();
        while !used.insert(new.clone()) {
            new = draw();
        }
        names.insert(id.to_owned(), new);
    }
    names
}

fn rename_resources(call: &Call<'_>, definition: &mut ApiDefinition, authorizers: &Renamed, validators: &Renamed) {
    let mut resources = renamed(call, definition.resources.iter().map(|resource| resource.id.as_str()));
    if let Some(root) = definition.resources.iter().find(|resource| resource.parent_id.is_none()) {
        let new = format!("{}{}", resources[root.id.as_str()], call.new_id(4));
        resources.insert(root.id.0.clone(), new);
    }
    let new = |id: &ResourceId| resources.get(id.as_str()).cloned().map(ResourceId);
    for resource in &mut definition.resources {
        for method in resource.resource_methods.values_mut() {
            rename_references(method, authorizers, validators, &resources);
        }
        resource.parent_id = resource.parent_id.as_ref().and_then(new);
        resource.id = new(&resource.id).expect("every resource has a new id");
    }
    definition.rest_api.root_resource_id = definition.rest_api.root_resource_id.as_ref().and_then(new);
}

fn rename_references(method: &mut Method, authorizers: &Renamed, validators: &Renamed, resources: &Renamed) {
    let authorizer = method.authorizer_id.take().and_then(|id| authorizers.get(id.as_str()).cloned());
    method.authorizer_id = authorizer.map(AuthorizerId);
    let validator = method.request_validator_id.take().and_then(|id| validators.get(id.as_str()).cloned());
    method.request_validator_id = validator.map(RequestValidatorId);
    // By default it is the id of a resource, and of the clone's then.
    if let Some(integration) = &mut method.method_integration {
        let namespace = integration.cache_namespace.take();
        integration.cache_namespace = namespace.map(|name| resources.get(&name).cloned().unwrap_or(name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixture::Desk;
    use crate::model::{
        Authorizer, AuthorizerId, Integration, Method, OrderedMap, RequestValidator, RequestValidatorId,
    };

    #[test]
    fn a_clone_has_all_but_the_ids() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets", "description": "d", "version": "1" }));
        let (id, root) = (made["id"].as_str().expect("an id"), made["rootResourceId"].as_str().expect("a root"));
        let mut resource = desk.store.resources.row(&["us-east-1", id, root]).expect("a root").clone();
        let method = Method {
            http_method: "GET".into(),
            authorizer_id: Some(AuthorizerId("auth".into())),
            request_validator_id: Some(RequestValidatorId("valid".into())),
            method_integration: Some(Integration { cache_namespace: Some(root.into()), ..Integration::default() }),
            ..Method::default()
        };
        resource.resource_methods = OrderedMap::from_iter([("GET".to_owned(), method)]);
        desk.store.resources.put(&["us-east-1", id, root], resource);
        let authorizer = Authorizer { id: AuthorizerId("auth".into()), name: "a".into(), ..Authorizer::default() };
        desk.store.authorizers.put(&["us-east-1", id, "auth"], authorizer);
        let validator = RequestValidator { id: RequestValidatorId("valid".into()), ..RequestValidator::default() };
        desk.store.request_validators.put(&["us-east-1", id, "valid"], validator);

        let input = json!({ "name": "cats", "cloneFrom": id, "version": "2" });
        let clone = desk.call("POST", "/restapis", input);
        assert_eq!((&clone["description"], &clone["version"]), (&json!("d"), &json!("2")));
        let clone_id = clone["id"].as_str().expect("an id");
        assert_ne!(clone_id, id);
        let new_root = clone["rootResourceId"].as_str().expect("a root");
        let resource = desk.store.resources.row(&["us-east-1", clone_id, new_root]).expect("the clone's root");
        let method = &resource.resource_methods["GET"];
        let authorizer = method.authorizer_id.as_ref().expect("an authorizer").as_str();
        assert_eq!(
            desk.store.authorizers.row(&["us-east-1", clone_id, authorizer]).map(|row| row.name.as_str()),
            Some("a")
        );
        let validator = method.request_validator_id.as_ref().expect("a validator").as_str();
        assert!(desk.store.request_validators.has(&["us-east-1", clone_id, validator]));
        let integration = method.method_integration.as_ref().expect("an integration");
        assert_eq!(integration.cache_namespace.as_deref(), Some(new_root));
        assert_eq!(desk.store.models.below(&["us-east-1", clone_id]).count(), 2);
        // The one that was cloned is as it was.
        assert_eq!(desk.call("GET", &format!("/restapis/{id}"), Value::Null)["version"], "1");
        let unknown = "BadRequestException: Invalid API identifier specified 123456789012:none";
        assert_eq!(desk.refusal("POST", "/restapis", json!({ "name": "a", "cloneFrom": "none" })), unknown);
    }
}
