//! `PutRestApi`: a document into an API that is there already. (API reference, `API_PutRestApi`; guide,
//! `api-gateway-import-api-update`.)
//!
//! What is the same keeps its id: a resource with its path, a documentation part with its location, everything else
//! with its name. A method, a model and the like are replaced as a whole. `merge` leaves what the document does not
//! name; `overwrite` removes it, and gives the API's attributes their defaults where the document does not say them.
//!
//! In either mode stay the id, the date, the endpoint types (AWS: "without changing its endpoint configuration") and tags
//! that the document does not set, as AWS keeps those by the API's ARN rather than in its definition.

use std::collections::HashMap;
use std::hash::Hash;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Imported;
use super::ids::NewIds;
use crate::model::{
    ApiDefinition, DocumentationPart, DocumentationPartId, DocumentationPartLocation, EndpointConfiguration, Pointer,
    Resource, RestApi,
};

/// `mode` of `PutRestApi` and `ImportDocumentationParts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PutMode {
    #[default]
    Merge,
    Overwrite,
}

impl PutMode {
    /// As the query names it.
    pub fn from_name(name: &str) -> Option<PutMode> {
        match name {
            "merge" => Some(PutMode::Merge),
            "overwrite" => Some(PutMode::Overwrite),
            _ => None,
        }
    }
}

/// What `existing` becomes. New things get their ids from `draw`.
pub fn merge(
    existing: &ApiDefinition,
    imported: &Imported,
    mode: PutMode,
    draw: &mut dyn FnMut() -> String,
) -> ApiDefinition {
    let mut new = imported.definition.clone();
    kept_ids(existing, &new, draw).apply(&mut new);
    let rest_api = rest_api(&existing.rest_api, &new.rest_api, imported, mode);
    match mode {
        PutMode::Overwrite => ApiDefinition {
            rest_api,
            documentation_parts: documentation(&existing.documentation_parts, new.documentation_parts, mode),
            ..new
        },
        PutMode::Merge => ApiDefinition {
            rest_api,
            resources: resources(&existing.resources, new.resources),
            authorizers: replaced(&existing.authorizers, new.authorizers, |one| one.name.clone()),
            request_validators: replaced(&existing.request_validators, new.request_validators, |one| one.name.clone()),
            models: replaced(&existing.models, new.models, |one| one.name.clone()),
            gateway_responses: replaced(&existing.gateway_responses, new.gateway_responses, |one| {
                one.response_type.clone()
            }),
            documentation_parts: documentation(&existing.documentation_parts, new.documentation_parts, mode),
        },
    }
}

/// `ImportDocumentationParts`: what the parts of an API become, and the ids of those that were imported.
pub fn merge_documentation(
    existing: &[DocumentationPart],
    mut imported: Vec<DocumentationPart>,
    mode: PutMode,
    draw: &mut dyn FnMut() -> String,
) -> (Vec<DocumentationPart>, Vec<DocumentationPartId>) {
    let known: HashMap<_, _> = existing.iter().map(|part| (place(&part.location), &part.id)).collect();
    for part in &mut imported {
        let kept = known.get(&place(&part.location)).map(|id| (*id).clone());
        part.id = kept.unwrap_or_else(|| DocumentationPartId(draw()));
    }
    let ids = imported.iter().map(|part| part.id.clone()).collect();
    (documentation(existing, imported, mode), ids)
}

/// From the ids of the import to those of the API.
fn kept_ids(existing: &ApiDefinition, new: &ApiDefinition, draw: &mut dyn FnMut() -> String) -> NewIds {
    let parts = |definition: &ApiDefinition| {
        let parts = definition.documentation_parts.iter().map(|part| (place(&part.location), part.id.clone()));
        parts.collect::<Vec<_>>()
    };
    macro_rules! ids {
        ($list:ident, $name:ident, $id:path) => {{
            let list = |definition: &ApiDefinition| {
                definition.$list.iter().map(|one| (one.$name.clone(), one.id.clone())).collect::<Vec<_>>()
            };
            kept(list(existing), list(new), &mut || $id(draw()))
        }};
    }
    NewIds {
        rest_api_id: existing.rest_api.id.clone(),
        resources: ids!(resources, path, crate::model::ResourceId),
        authorizers: ids!(authorizers, name, crate::model::AuthorizerId),
        validators: ids!(request_validators, name, crate::model::RequestValidatorId),
        models: ids!(models, name, crate::model::ModelId),
        parts: kept(parts(existing), parts(new), &mut || DocumentationPartId(draw())),
    }
}

/// The id that has the same key already, or a new one.
fn kept<K: Eq + Hash, I: Clone + Eq + Hash>(
    existing: Vec<(K, I)>,
    new: Vec<(K, I)>,
    draw: &mut dyn FnMut() -> I,
) -> HashMap<I, I> {
    let existing: HashMap<K, I> = existing.into_iter().collect();
    new.into_iter().map(|(key, id)| (id, existing.get(&key).cloned().unwrap_or_else(&mut *draw))).collect()
}

fn resources(existing: &[Resource], new: Vec<Resource>) -> Vec<Resource> {
    let mut resources: IndexMap<String, Resource> =
        existing.iter().map(|resource| (resource.path.clone(), resource.clone())).collect();
    for resource in new {
        match resources.get_mut(&resource.path) {
            Some(known) => known.resource_methods.extend(resource.resource_methods),
            None => {
                resources.insert(resource.path.clone(), resource);
            }
        }
    }
    resources.into_values().collect()
}

/// The existing ones in their places, each replaced by the new one with its key, and after them the other new ones.
fn replaced<T: Clone, K: Eq + Hash>(existing: &[T], new: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut list: IndexMap<K, T> = existing.iter().map(|one| (key(one), one.clone())).collect();
    list.extend(new.into_iter().map(|one| (key(&one), one)));
    list.into_values().collect()
}

/// An attribute of an existing part replaces the one with its key, and leaves the others. (Guide,
/// `api-gateway-documenting-api-quick-start-import-export`.)
fn documentation(
    existing: &[DocumentationPart],
    imported: Vec<DocumentationPart>,
    mode: PutMode,
) -> Vec<DocumentationPart> {
    if mode == PutMode::Overwrite {
        return replaced(&[], imported, |part| place(&part.location));
    }
    let mut parts: IndexMap<_, _> = existing.iter().map(|part| (place(&part.location), part.clone())).collect();
    for part in imported {
        let properties =
            parts.get(&place(&part.location)).and_then(|known| joined(&known.properties, &part.properties));
        let properties = properties.unwrap_or_else(|| part.properties.clone());
        parts.insert(place(&part.location), DocumentationPart { properties, ..part });
    }
    parts.into_values().collect()
}

fn joined(existing: &str, imported: &str) -> Option<String> {
    let mut members: Map<String, Value> = serde_json::from_str(existing).ok()?;
    members.extend(serde_json::from_str::<Map<String, Value>>(imported).ok()?);
    Some(Value::Object(members).to_string())
}

/// The location with its defaults. (API reference, `API_DocumentationPartLocation`.)
fn place(location: &DocumentationPartLocation) -> [String; 5] {
    let DocumentationPartLocation { part_type, path, method, status_code, name } = location;
    let or = |given: &Option<String>, default: &str| given.as_deref().unwrap_or(default).to_owned();
    [part_type.clone(), or(path, "/"), or(method, "*"), or(status_code, "*"), or(name, "")]
}

fn rest_api(existing: &RestApi, new: &RestApi, imported: &Imported, mode: PutMode) -> RestApi {
    let mut tags = existing.tags.clone();
    tags.extend(new.tags.clone());
    let endpoint_configuration = EndpointConfiguration {
        types: existing.endpoint_configuration.types.clone(),
        ..new.endpoint_configuration.clone()
    };
    let overwritten = RestApi {
        id: existing.id.clone(),
        created_date: existing.created_date,
        warnings: Vec::new(),
        root_resource_id: existing.root_resource_id.clone().or_else(|| new.root_resource_id.clone()),
        endpoint_configuration,
        tags,
        ..new.clone()
    };
    match mode {
        PutMode::Overwrite => overwritten,
        PutMode::Merge => merged(existing, overwritten, imported),
    }
}

/// What the document does not say stays.
fn merged(existing: &RestApi, new: RestApi, imported: &Imported) -> RestApi {
    let says = |attribute: &str| imported.source_map.names(&Pointer::rest_api(attribute));
    let mut binary_media_types = existing.binary_media_types.clone();
    let added = new.binary_media_types.iter().filter(|one| !existing.binary_media_types.contains(one));
    binary_media_types.extend(added.cloned());
    let EndpointConfiguration { types, ip_address_type, vpc_endpoint_ids } = new.endpoint_configuration;
    let known = &existing.endpoint_configuration;
    let (source, disabled) = (says("apiKeySource"), says("disableExecuteApiEndpoint"));
    RestApi {
        description: new.description.or_else(|| existing.description.clone()),
        version: new.version.or_else(|| existing.version.clone()),
        binary_media_types,
        minimum_compression_size: new.minimum_compression_size.or(existing.minimum_compression_size),
        api_key_source: if source { new.api_key_source } else { existing.api_key_source },
        endpoint_configuration: EndpointConfiguration {
            types,
            ip_address_type: ip_address_type.or_else(|| known.ip_address_type.clone()),
            vpc_endpoint_ids: if vpc_endpoint_ids.is_empty() {
                known.vpc_endpoint_ids.clone()
            } else {
                vpc_endpoint_ids
            },
        },
        policy: new.policy.or_else(|| existing.policy.clone()),
        disable_execute_api_endpoint: if disabled {
            new.disable_execute_api_endpoint
        } else {
            existing.disable_execute_api_endpoint
        },
        security_policy: new.security_policy.or_else(|| existing.security_policy.clone()),
        endpoint_access_mode: new.endpoint_access_mode.or_else(|| existing.endpoint_access_mode.clone()),
        upstreams: existing.upstreams.clone().into_iter().chain(new.upstreams).collect(),
        throttle: if says("x-tollgate-throttle") { new.throttle } else { existing.throttle.clone() },
        id: new.id,
        name: new.name,
        created_date: new.created_date,
        warnings: new.warnings,
        tags: new.tags,
        root_resource_id: new.root_resource_id,
    }
}
