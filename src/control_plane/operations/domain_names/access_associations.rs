//! Who may reach private custom domain names: VPC endpoints. (API reference, `API_DomainNameAccessAssociation`.)

use serde::Deserialize;
use serde_json::json;

use super::is_of_this_account;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::model::{DomainNameAccessAssociation, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    #[serde(default)]
    domain_name_arn: String,
    #[serde(default)]
    access_association_source_type: String,
    #[serde(default)]
    access_association_source: String,
    #[serde(default)]
    tags: OrderedMap<String>,
}

pub fn create_domain_name_access_association(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    if input.access_association_source_type != "VPCE" {
        return Err(Exception::bad_request("Invalid access association source type specified. Must be one of: [VPCE]"));
    }
    if !input.access_association_source.starts_with("vpce-") {
        return Err(Exception::bad_request("Invalid access association source specified: it is no VPC endpoint's id"));
    }
    let region = [call.region];
    let mut private = store.domain_names.rows_below(&region).filter(|domain| super::is_private(domain));
    let domain = private.find(|domain| domain.domain_name_arn.as_deref() == Some(&*input.domain_name_arn));
    let domain = domain.ok_or_else(|| Exception::bad_request("Invalid domain name ARN specified"))?;
    let arn = format!(
        "arn:aws:apigateway:{}:{}:/domainnameaccessassociations/domainname/{}/vpcesource/{}",
        call.region, call.account_id, domain.domain_name, input.access_association_source
    );
    if store.domain_name_access_associations.has(&[call.region, &arn]) {
        return Err(Exception::conflict("The domain name access association you provided already exists."));
    }
    let association = DomainNameAccessAssociation {
        domain_name_access_association_arn: arn.clone(),
        domain_name_arn: input.domain_name_arn,
        access_association_source_type: input.access_association_source_type,
        access_association_source: input.access_association_source,
        tags: input.tags,
    };
    let shown = json!(association);
    store.domain_name_access_associations.put(&[call.region, &arn], association);
    Ok(Reply::Json(shown))
}

pub fn get_domain_name_access_associations(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let own = is_of_this_account(call)?;
    let region = [call.region];
    let rows = store.domain_name_access_associations.below(&region).filter(|_| own);
    page(call, rows.map(|(key, association)| (own_name(key).to_owned(), json!(**association))))
}

/// By the side that reaches.
pub fn delete_domain_name_access_association(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let arn = call.parameter("domain_name_access_association_arn");
    let removed = store.domain_name_access_associations.remove(&[call.region, arn]);
    removed.map(|_| Reply::Empty).ok_or_else(not_found)
}

/// By the side that is reached.
pub fn reject_domain_name_access_association(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let required = |name: &str| {
        let value = call.query(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Exception::bad_request(format!("{name} is required")))
    };
    let key = [call.region, required("domainNameAccessAssociationArn")?];
    let domain_name_arn = required("domainNameArn")?;
    let association = store.domain_name_access_associations.row(&key);
    association.filter(|association| association.domain_name_arn == domain_name_arn).ok_or_else(not_found)?;
    store.domain_name_access_associations.remove(&key);
    Ok(Reply::Empty)
}

fn not_found() -> Exception {
    Exception::not_found("Invalid domain name access association identifier specified")
}

pub fn remove_all_of(store: &mut Store, region: &str, domain_name_arn: &str) {
    let of_region = [region];
    let rows = store.domain_name_access_associations.below(&of_region);
    let gone = rows.filter(|(_, association)| association.domain_name_arn == domain_name_arn);
    let gone: Vec<String> = gone.map(|(key, _)| own_name(key).to_owned()).collect();
    for arn in gone {
        store.domain_name_access_associations.remove(&[region, &arn]);
    }
}
