//! VPC links: names for private load balancers. (API reference, `API_VpcLink`.)

use serde::Deserialize;
use serde_json::{Value, json};

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::table::{own_name, part};
use crate::control_plane::store::{Store, snapshot};
use crate::model::{ApiDefinition, Integration, OrderedMap, Stage, VpcLink, VpcLinkId};
use crate::plan::compile::targets::VpcLinkNames;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    #[serde(default)]
    name: String,
    description: Option<String>,
    #[serde(default)]
    target_arns: Vec<String>,
    #[serde(default)]
    tags: OrderedMap<String>,
}

/// There is nothing to wait for: what takes AWS minutes is available at once.
pub fn create_vpc_link(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    if input.name.is_empty() {
        return Err(Exception::bad_request("Vpc link name is required"));
    }
    match &*input.target_arns {
        [] => return Err(Exception::bad_request("No target arn specified for vpc link.")),
        [target] if target.is_empty() => return Err(Exception::bad_request("Invalid target arn specified.")),
        [_] => {}
        _ => return Err(Exception::bad_request("More than one target arn specified for vpc link.")),
    }
    let id = call.next_id(6, &store.vpc_links, &[call.region]);
    let link = VpcLink {
        id: VpcLinkId(id.clone()),
        name: input.name,
        description: input.description,
        target_arns: input.target_arns,
        status: "AVAILABLE".to_owned(),
        status_message: Some("Your vpc link is ready for use".to_owned()),
        tags: input.tags,
    };
    let shown = shape(&link);
    store.vpc_links.put(&[call.region, &id], link);
    Ok(Reply::Json(shown))
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s VpcLink, Exception> {
    let link = store.vpc_links.row(&[call.region, call.parameter("vpclink_id")]);
    link.ok_or_else(|| Exception::not_found("VPCLink not found"))
}

pub fn get_vpc_link(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

pub fn get_vpc_links(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    page(call, store.vpc_links.below(&[call.region]).map(|(key, link)| (own_name(key).to_owned(), shape(link))))
}

pub fn update_vpc_link(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed);
    store.vpc_links.put(&[call.region, call.parameter("vpclink_id")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_vpc_link(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let id = &of(store, call)?.id;
    let users = users(store, call.region, id)?;
    if !users.is_empty() {
        return Err(Exception::bad_request(format!(
            "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of \
             [RESTApiId:Method:Resource:Stage].",
            users.join(", ")
        )));
    }
    store.vpc_links.remove(&[call.region, call.parameter("vpclink_id")]);
    Ok(Reply::Empty)
}

/// What a region's links are known by beside their ids.
pub fn names(store: &Store, region: &str) -> VpcLinkNames {
    let links = store.vpc_links.below(&[region]);
    let names = |link: &VpcLink| [&link.name].into_iter().chain(&link.target_arns).cloned().collect();
    links.map(|(key, link)| (own_name(key).to_owned(), names(link))).collect()
}

/// The methods that are deployed with the link. What is not deployed does not hold it.
fn users(store: &Store, region: &str, link: &VpcLinkId) -> Result<Vec<String>, Exception> {
    let mut users = Vec::new();
    for (key, stage) in store.stages.below(&[region]) {
        let canary = stage.canary_settings.as_ref().and_then(|canary| canary.deployment_id.as_ref());
        for id in stage.deployment_id.iter().chain(canary) {
            let api = part(key, 1);
            let Some(deployment) = store.deployments.row(&[region, api, id.as_str()]) else { continue };
            let definition = snapshot::unpack(&deployment.snapshot)
                .map_err(|error| Exception::bad_request(format!("The deployment {id} cannot be read: {error}")))?;
            users.extend(
                methods_with(&definition, stage, link).map(|method| format!("{api}:{method}:{}", own_name(key))),
            );
        }
    }
    users.sort();
    users.dedup();
    Ok(users)
}

/// `GET:a1b2c3`: method and resource.
fn methods_with(definition: &ApiDefinition, stage: &Stage, link: &VpcLinkId) -> impl Iterator<Item = String> {
    let goes_by = |integration: &Integration| {
        let named = integration.connection_id.as_ref().map(VpcLinkId::as_str).unwrap_or_default();
        let variable = named.strip_prefix("${stageVariables.").and_then(|rest| rest.strip_suffix('}'));
        match variable {
            Some(variable) => stage.variables.get(variable).is_some_and(|value| value == link.as_str()),
            None => named == link.as_str(),
        }
    };
    definition.resources.iter().flat_map(move |resource| {
        let methods = resource.resource_methods.iter();
        let users = methods.filter(move |(_, method)| method.method_integration.as_ref().is_some_and(goes_by));
        users.map(|(name, _)| format!("{name}:{}", resource.id))
    })
}

/// `tags` also where there are none.
fn shape(link: &VpcLink) -> Value {
    let mut shown = json!(link);
    shown["tags"] = json!(link.tags);
    shown
}

/// (API reference, `patch-operations`, `UpdateVpcLink`.)
const RULES: &[Rule<VpcLink>] = &[
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |link, patch| {
            link.name = patch.required_text()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/description",
        ops: &[Op::Replace],
        apply: |link, patch| {
            link.description = patch.optional_text();
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;
    use crate::model::{Deployment, DeploymentId, Method, Resource, ResourceId};

    const TARGET: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/my-lb/12a456s89aaa12345";

    #[test]
    fn a_link_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/vpclinks", json!({ "name": "one", "targetArns": [TARGET] }));
        assert_eq!((&made["status"], &made["tags"]), (&json!("AVAILABLE"), &json!({})));
        let path = format!("/vpclinks/{}", made["id"].as_str().expect("an id"));
        assert_eq!(desk.call("GET", &path, Value::Null), made);
        let changed = desk.patch(&path, &["replace /name two", "replace /description why not"]);
        assert_eq!((&changed["name"], &changed["description"]), (&json!("two"), &json!("why not")));
        assert_eq!(desk.call("GET", "/vpclinks", Value::Null)["item"], json!([changed]));
        desk.call("DELETE", &path, Value::Null);
        assert_eq!(desk.refusal("GET", &path, Value::Null), "NotFoundException: VPCLink not found");
    }

    #[test]
    fn it_is_known_by_its_name_and_its_target() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/vpclinks", json!({ "name": "one", "targetArns": [TARGET] }));
        let id = made["id"].as_str().expect("an id").to_owned();
        let expected = VpcLinkNames::from([(id, vec!["one".to_owned(), TARGET.to_owned()])]);
        assert_eq!(names(&desk.store, "us-east-1"), expected);
        assert_eq!(names(&desk.store, "eu-west-1"), VpcLinkNames::new());
    }

    #[test]
    fn it_has_a_name_and_one_target() {
        let mut desk = Desk::default();
        for body in [
            json!({ "targetArns": [TARGET] }),
            json!({ "name": "one" }),
            json!({ "name": "one", "targetArns": [] }),
            json!({ "name": "one", "targetArns": [TARGET, TARGET] }),
            json!({ "name": "one", "targetArns": [TARGET], "securityGroupIds": [] }),
        ] {
            let refused = desk.refusal("POST", "/vpclinks", body.clone());
            assert!(refused.starts_with("BadRequestException: "), "{body}");
        }
    }

    #[test]
    fn what_is_deployed_holds_its_link() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/vpclinks", json!({ "name": "one", "targetArns": [TARGET] }));
        let id = made["id"].as_str().expect("an id").to_owned();
        let method = |connection: &str| {
            let connection_id = Some(VpcLinkId(connection.to_owned()));
            let method_integration = Some(Integration { connection_id, ..Integration::default() });
            Method { method_integration, ..Method::default() }
        };
        let mut resource = Resource { id: ResourceId("r1".into()), ..Resource::default() };
        resource.resource_methods.insert("GET".into(), method(&id));
        resource.resource_methods.insert("PUT".into(), method("${stageVariables.link}"));
        resource.resource_methods.insert("POST".into(), method("another"));
        let definition = ApiDefinition { resources: vec![resource], ..ApiDefinition::default() };
        let snapshot = snapshot::pack(&definition).expect("JSON");
        let deployment_id = DeploymentId("d1".into());
        let deployment = Deployment { id: deployment_id.clone(), snapshot, ..Deployment::default() };
        desk.store.deployments.put(&["us-east-1", "a1", "d1"], deployment);
        let mut stage = Stage { deployment_id: Some(deployment_id), ..Stage::default() };
        stage.variables.insert("link".into(), id.clone());
        desk.store.stages.put(&["us-east-1", "a1", "prod"], stage);
        let path = format!("/vpclinks/{id}");
        let expected = format!(
            "BadRequestException: Cannot delete vpc link. Vpc link '{id}', is referenced in [a1:GET:r1:prod, \
             a1:PUT:r1:prod] in format of [RESTApiId:Method:Resource:Stage]."
        );
        assert_eq!(desk.refusal("DELETE", &path, Value::Null), expected);
        desk.store.stages.remove(&["us-east-1", "a1", "prod"]);
        desk.call("DELETE", &path, Value::Null);
    }
}
