//! Tags, on whatever has them. (API reference, `API_TagResource`.)
//!
//! - [`arn`]: what an ARN names.

mod arn;

use serde::Deserialize;
use serde_json::json;

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::Store;
use crate::control_plane::store::table::Keyed;
use crate::model::{
    ApiKey, ClientCertificate, DomainName, DomainNameAccessAssociation, OrderedMap, RestApi, Stage, UsagePlan, VpcLink,
};
use arn::Resource;

const TAGS_MAX: usize = 50;
const KEY_CHARACTERS_MAX: usize = 128;
const VALUE_CHARACTERS_MAX: usize = 256;

/// The tags of something that is created.
///
/// # Errors
/// `BadRequestException`: there are more than 50, or one may not be.
pub fn checked(tags: OrderedMap<String>) -> Result<OrderedMap<String>, Exception> {
    if tags.len() > TAGS_MAX {
        return Err(Exception::bad_request(format!("A resource can have {TAGS_MAX} tags at most")));
    }
    for (key, value) in &tags {
        check_key(key)?;
        if value.chars().count() > VALUE_CHARACTERS_MAX || !value.chars().all(is_permitted) {
            return Err(Exception::bad_request(format!("Invalid value for the tag '{key}'")));
        }
    }
    Ok(tags)
}

fn check_key(key: &str) -> Result<(), Exception> {
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(Exception::bad_request(format!("Tag keys that start with 'aws:' are reserved: {key}")));
    }
    match (1..=KEY_CHARACTERS_MAX).contains(&key.chars().count()) && key.chars().all(is_permitted) {
        true => Ok(()),
        false => Err(Exception::bad_request(format!("Invalid tag key: '{key}'"))),
    }
}

/// As in all of AWS: letters, digits, spaces and these.
fn is_permitted(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    tags: Option<OrderedMap<String>>,
}

pub fn tag_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Tag = call.input()?;
    let added = input.tags.ok_or_else(|| Exception::bad_request("tags is required"))?;
    change(store, call, |tags| {
        let mut all = tags.clone();
        all.extend(added);
        *tags = checked(all)?;
        Ok(())
    })?;
    Ok(Reply::Empty)
}

pub fn untag_resource(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let keys: Vec<&str> = call.queries("tagKeys").collect();
    if keys.is_empty() {
        return Err(Exception::bad_request("tagKeys is required"));
    }
    change(store, call, |tags| {
        tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    })?;
    Ok(Reply::Empty)
}

/// All of them: AWS takes `limit` and `position`, and does not heed them.
pub fn get_tags(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let mut found = OrderedMap::new();
    change(store, call, |tags| {
        found.clone_from(tags);
        Ok(())
    })?;
    Ok(Reply::Json(json!({ "tags": found })))
}

/// Gives the tags of what the path's ARN names to `change`, and keeps what it makes of them.
fn change(
    store: &mut Store,
    call: &Call<'_>,
    change: impl FnOnce(&mut OrderedMap<String>) -> Result<(), Exception>,
) -> Result<(), Exception> {
    let arn = call.parameter("resource_arn");
    let region = call.region;
    match arn::parse(arn, region)? {
        Resource::RestApi(api) => in_table(&mut store.rest_apis, &[region, api], change),
        Resource::Stage { api, stage } => in_table(&mut store.stages, &[region, api, stage], change),
        Resource::ApiKey(id) => in_table(&mut store.api_keys, &[region, id], change),
        Resource::UsagePlan(id) => in_table(&mut store.usage_plans, &[region, id], change),
        Resource::DomainName(name) => in_table(&mut store.domain_names, &[region, name], change),
        Resource::AccessAssociation => in_table(&mut store.domain_name_access_associations, &[region, arn], change),
        Resource::VpcLink(id) => in_table(&mut store.vpc_links, &[region, id], change),
        Resource::ClientCertificate(id) => in_table(&mut store.client_certificates, &[region, id], change),
    }
}

fn in_table<V: Tagged + Clone>(
    table: &mut impl Keyed<Row = V>,
    key: &[&str],
    change: impl FnOnce(&mut OrderedMap<String>) -> Result<(), Exception>,
) -> Result<(), Exception> {
    let mut row = table.copy_of(key).ok_or_else(|| Exception::not_found(V::NOT_FOUND))?;
    let mut changed = row.clone();
    change(changed.tags())?;
    if row.tags() != changed.tags() {
        table.put(key, changed);
    }
    Ok(())
}

/// What has tags, and what AWS says where it is not there.
trait Tagged {
    const NOT_FOUND: &'static str;

    fn tags(&mut self) -> &mut OrderedMap<String>;
}

macro_rules! tagged {
    ($($row:ident $not_found:literal,)*) => {$(
        impl Tagged for $row {
            const NOT_FOUND: &'static str = $not_found;

            fn tags(&mut self) -> &mut OrderedMap<String> {
                &mut self.tags
            }
        }
    )*};
}

tagged! {
    RestApi "Invalid API identifier specified",
    Stage "Invalid stage identifier specified",
    ApiKey "Invalid API Key identifier specified",
    UsagePlan "Invalid Usage Plan ID specified",
    DomainName "Invalid domain name identifier specified",
    DomainNameAccessAssociation "Invalid domain name access association identifier specified",
    VpcLink "Invalid VPC link identifier specified",
    ClientCertificate "Invalid Client Certificate identifier specified",
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fixture::Desk;
    use super::*;

    #[test]
    fn tags_come_and_go() {
        let mut desk = Desk::default();
        let api = desk.api("pets");
        let path = format!("/tags/arn:aws:apigateway:us-east-1::%2Frestapis%2F{api}");
        assert_eq!(desk.call("GET", &path, Value::Null), json!({ "tags": {} }));
        assert_eq!(desk.call("PUT", &path, json!({ "tags": { "a": "1", "b": "2" } })), Value::Null);
        desk.call("PUT", &path, json!({ "tags": { "b": "3", "c": "4" } }));
        assert_eq!(desk.call("GET", &path, Value::Null)["tags"], json!({ "a": "1", "b": "3", "c": "4" }));
        desk.call("DELETE", &format!("{path}?tagKeys=a&tagKeys=c&tagKeys=x"), Value::Null);
        assert_eq!(desk.call("GET", &path, Value::Null)["tags"], json!({ "b": "3" }));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut desk = Desk::default();
        let api = desk.api("pets");
        let path = format!("/tags/arn:aws:apigateway:us-east-1::/restapis/{api}");
        let unknown = desk.refusal("GET", "/tags/arn:aws:apigateway:us-east-1::%2Fapikeys%2Fx", Value::Null);
        assert_eq!(unknown, "NotFoundException: Invalid API Key identifier specified");
        let malformed = desk.refusal("GET", "/tags/arn:aws:apigateway", Value::Null);
        assert!(malformed.starts_with("BadRequestException: "), "{malformed}");
        let many: Value =
            (0..51).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        let long = "x".repeat(129);
        for tags in [json!({ "aws:a": "1" }), json!({ long: "1" }), json!({ "": "1" }), json!({ "a": "\u{1}" }), many] {
            let refused = desk.refusal("PUT", &path, json!({ "tags": tags }));
            assert!(refused.starts_with("BadRequestException: "), "{refused}");
        }
        for (method, body) in [("DELETE", Value::Null), ("PUT", json!({}))] {
            let refused = desk.refusal(method, &path, body);
            assert!(refused.ends_with(" is required"), "{refused}");
        }
    }

    #[test]
    fn every_kind_of_row_is_reached() {
        let mut desk = Desk::default();
        let tags = OrderedMap::from([("a".to_owned(), "1".to_owned())]);
        let association =
            "arn:aws:apigateway:us-east-1:123456789012:/domainnameaccessassociations/domainname/d/vpcesource/v";
        macro_rules! put {
            ($table:ident, $key:expr, $row:ident) => {
                desk.store.$table.put(&$key, $row { tags: tags.clone(), ..$row::default() });
            };
        }
        put!(stages, ["us-east-1", "a", "prod"], Stage);
        put!(api_keys, ["us-east-1", "k"], ApiKey);
        put!(usage_plans, ["us-east-1", "p"], UsagePlan);
        put!(domain_names, ["us-east-1", "d.example+x"], DomainName);
        put!(domain_name_access_associations, ["us-east-1", association], DomainNameAccessAssociation);
        put!(vpc_links, ["us-east-1", "v"], VpcLink);
        put!(client_certificates, ["us-east-1", "c"], ClientCertificate);
        let own = |path: &str| format!("arn:aws:apigateway:us-east-1::{path}");
        let arns = [
            own("/restapis/a/stages/prod"),
            own("/apikeys/k"),
            own("/usageplans/p"),
            own("/domainnames/d.example%2Bx"),
            own("/vpclinks/v"),
            own("/clientcertificates/c"),
            association.to_owned(),
        ];
        for arn in arns {
            assert_eq!(desk.call("GET", &format!("/tags/{arn}"), Value::Null)["tags"], json!({ "a": "1" }), "{arn}");
        }
    }
}
