//! An API's definition: gathered from its rows, spread over them, and packed for a deployment.
//!
//! Packed is deflated JSON: a deployment of thirty resources takes some kilobytes, and a store has a thousand of them.

use std::io::{Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::Store;
use crate::model::{ApiDefinition, ApiStage, MethodSnapshot, OrderedMap, Resource, UsagePlan};

/// The API as it is now; `None` where there is none.
pub fn gather(store: &Store, region: &str, api_id: &str) -> Option<ApiDefinition> {
    let of_api = [region, api_id];
    let mut resources: Vec<_> = store.resources.rows_below(&of_api).cloned().collect();
    // Parents before their children: a parent's path is the shorter one.
    resources.sort_by(|one, other| one.path.cmp(&other.path));
    Some(ApiDefinition {
        rest_api: store.rest_apis.row(&of_api)?.clone(),
        resources,
        authorizers: store.authorizers.rows_below(&of_api).cloned().collect(),
        request_validators: store.request_validators.rows_below(&of_api).cloned().collect(),
        models: store.models.rows_below(&of_api).cloned().collect(),
        gateway_responses: store.gateway_responses.rows_below(&of_api).cloned().collect(),
        documentation_parts: store.documentation_parts.rows_below(&of_api).cloned().collect(),
    })
}

/// Makes the definition the API's own: what it does not have is gone from the store. Stages, deployments and
/// documentation versions stay.
pub fn spread(store: &mut Store, region: &str, definition: ApiDefinition) {
    let api_id = definition.rest_api.id.as_str().to_owned();
    let of_api = [region, &*api_id];
    macro_rules! replace {
        ($table:ident, $rows:expr, $id:expr) => {
            let rows: Vec<_> = $rows.into_iter().map(|row| (String::from($id(&row)), row)).collect();
            let known: std::collections::HashSet<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
            let gone = store.$table.below(&of_api).map(|(key, _)| super::table::own_name(key).to_owned());
            let gone: Vec<String> = gone.filter(|id| !known.contains(id.as_str())).collect();
            for id in gone {
                store.$table.remove(&[region, &api_id, &id]);
            }
            for (id, row) in rows {
                if store.$table.row(&[region, &api_id, &id]) != Some(&row) {
                    store.$table.put(&[region, &api_id, &id], row);
                }
            }
        };
    }
    replace!(resources, definition.resources, |row: &crate::model::Resource| row.id.0.clone());
    replace!(authorizers, definition.authorizers, |row: &crate::model::Authorizer| row.id.0.clone());
    replace!(request_validators, definition.request_validators, |row: &crate::model::RequestValidator| row
        .id
        .0
        .clone());
    replace!(models, definition.models, |row: &crate::model::Model| row.name.clone());
    replace!(gateway_responses, definition.gateway_responses, |row: &crate::model::GatewayResponse| row
        .response_type
        .clone());
    replace!(documentation_parts, definition.documentation_parts, |row: &crate::model::DocumentationPart| row
        .id
        .0
        .clone());
    store.rest_apis.put(&of_api, definition.rest_api);
}

/// Removes the API with all that belongs to it, its deployments and stages too.
pub fn remove(store: &mut Store, region: &str, api_id: &str) {
    let of_api = [region, api_id];
    leave_usage_plans(store, region, api_id, None);
    store.resources.remove_below(&of_api);
    store.authorizers.remove_below(&of_api);
    store.request_validators.remove_below(&of_api);
    store.models.remove_below(&of_api);
    store.gateway_responses.remove_below(&of_api);
    store.documentation_parts.remove_below(&of_api);
    store.documentation_versions.remove_below(&of_api);
    store.deployments.remove_below(&of_api);
    store.stages.remove_below(&of_api);
    store.documents.remove(&of_api);
    store.rest_apis.remove(&of_api);
}

/// What a deployment tells of its methods, by path.
pub fn summary(definition: &ApiDefinition) -> OrderedMap<OrderedMap<MethodSnapshot>> {
    let with_methods = definition.resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    let of_resource = |resource: &Resource| {
        let methods = resource.resource_methods.iter().map(|(http_method, method)| {
            let snapshot = MethodSnapshot {
                authorization_type: method.authorization_type,
                api_key_required: method.api_key_required,
            };
            (http_method.clone(), snapshot)
        });
        (resource.path.clone(), methods.collect())
    };
    with_methods.map(of_resource).collect()
}

/// Takes the stage, or every stage of the API, out of the usage plans that it is in: a plan names no stage that is gone,
/// and a stage that comes later under the name is in none that nobody put it into.
pub fn leave_usage_plans(store: &mut Store, region: &str, api_id: &str, stage: Option<&str>) {
    let leaves =
        |listed: &ApiStage| listed.api_id.as_str() == api_id && stage.is_none_or(|stage| listed.stage == stage);
    let of_region = [region];
    let plans = store.usage_plans.rows_below(&of_region).filter(|plan| plan.api_stages.iter().any(leaves));
    let plans: Vec<UsagePlan> = plans.cloned().collect();
    for mut plan in plans {
        plan.api_stages.retain(|listed| !leaves(listed));
        let id = plan.id.0.clone();
        store.usage_plans.put(&[region, &id], plan);
    }
}

/// # Errors
/// The definition cannot be written as JSON.
pub fn pack(definition: &ApiDefinition) -> Result<Arc<[u8]>, String> {
    let json = serde_json::to_vec(definition).map_err(|error| error.to_string())?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).and_then(|()| encoder.finish()).map(Arc::from).map_err(|error| error.to_string())
}

/// # Errors
/// It was not made by [`pack`].
pub fn unpack(packed: &[u8]) -> Result<ApiDefinition, String> {
    let mut json = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, ResourceId, RestApi, RestApiId};

    fn definition() -> ApiDefinition {
        let resource =
            |id: &str, path: &str| Resource { id: ResourceId(id.into()), path: path.into(), ..Resource::default() };
        ApiDefinition {
            rest_api: RestApi { id: RestApiId("a1".into()), name: "one".into(), ..RestApi::default() },
            resources: vec![resource("z", "/"), resource("b", "/pets"), resource("a", "/pets/{id}")],
            models: vec![Model { name: "Pet".into(), ..Model::default() }],
            ..ApiDefinition::default()
        }
    }

    #[test]
    fn what_was_spread_is_gathered() {
        let mut store = Store::default();
        spread(&mut store, "r", definition());
        assert_eq!(gather(&store, "r", "a1"), Some(definition()));
        assert_eq!(gather(&store, "q", "a1"), None);
        store.settle();
        let mut changed = definition();
        changed.resources.pop();
        changed.models.clear();
        spread(&mut store, "r", changed.clone());
        assert_eq!(gather(&store, "r", "a1"), Some(changed));
        // The API itself, and the two rows that are gone.
        let mut changes = 0;
        let counted = store.visit_changes(&mut |_| {
            changes += 1;
            Ok(())
        });
        assert_eq!((counted, changes), (Ok(()), 3));
        remove(&mut store, "r", "a1");
        assert_eq!(gather(&store, "r", "a1"), None);
        assert!(store.resources.is_empty());
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let packed = pack(&definition()).expect("it is JSON");
        assert_eq!(unpack(&packed), Ok(definition()));
        assert!(unpack(b"no").is_err());
    }
}
