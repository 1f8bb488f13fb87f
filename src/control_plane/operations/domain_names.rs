//! Custom domain names. (API reference, `API_DomainName`; guide, `how-to-custom-domains`.)
//!
//! - [`endpoint`]: what AWS adds to a domain name, and what has to fit together in one.
//! - [`access_associations`]: who may reach private ones.

mod access_associations;
mod endpoint;
mod patches;

pub use access_associations::{
    create_domain_name_access_association, delete_domain_name_access_association, get_domain_name_access_associations,
    reject_domain_name_access_association,
};

use serde::Deserialize;
use serde_json::json;

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::patched;
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::model::{DomainName, EndpointConfiguration, EndpointType, MutualTlsAuthentication, OrderedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    #[serde(default)]
    domain_name: String,
    certificate_name: Option<String>,
    /// The three of an uploaded certificate are AWS's past. Which certificate is shown is the listener's setting.
    #[serde(rename = "certificateBody")]
    _certificate_body: Option<String>,
    #[serde(rename = "certificatePrivateKey")]
    _certificate_private_key: Option<String>,
    #[serde(rename = "certificateChain")]
    _certificate_chain: Option<String>,
    certificate_arn: Option<String>,
    regional_certificate_name: Option<String>,
    regional_certificate_arn: Option<String>,
    endpoint_configuration: Option<EndpointInput>,
    #[serde(default)]
    tags: OrderedMap<String>,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
    mutual_tls_authentication: Option<MutualTlsInput>,
    ownership_verification_certificate_arn: Option<String>,
    policy: Option<String>,
    routing_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointInput {
    #[serde(default)]
    types: Vec<EndpointType>,
    ip_address_type: Option<String>,
    #[serde(default)]
    vpc_endpoint_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MutualTlsInput {
    truststore_uri: Option<String>,
    truststore_version: Option<String>,
}

pub fn create_domain_name(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    check_name(&input.domain_name)?;
    let endpoint = input.endpoint_configuration.map(|input| EndpointConfiguration {
        types: input.types,
        ip_address_type: input.ip_address_type,
        vpc_endpoint_ids: input.vpc_endpoint_ids,
    });
    let mut endpoint_configuration = endpoint.unwrap_or_default();
    if endpoint_configuration.types.is_empty() {
        endpoint_configuration.types.push(EndpointType::Edge);
    }
    let mutual_tls = input.mutual_tls_authentication.map(|input| MutualTlsAuthentication {
        truststore_uri: input.truststore_uri,
        truststore_version: input.truststore_version,
        truststore_warnings: Vec::new(),
    });
    let mut domain = DomainName {
        domain_name: input.domain_name,
        certificate_name: input.certificate_name,
        certificate_arn: input.certificate_arn,
        regional_certificate_name: input.regional_certificate_name,
        regional_certificate_arn: input.regional_certificate_arn,
        endpoint_configuration,
        tags: input.tags,
        security_policy: input.security_policy,
        endpoint_access_mode: input.endpoint_access_mode,
        mutual_tls_authentication: mutual_tls.filter(|mutual_tls| mutual_tls.truststore_uri.is_some()),
        ownership_verification_certificate_arn: input.ownership_verification_certificate_arn,
        policy: input.policy,
        routing_mode: input.routing_mode,
        ..DomainName::default()
    };
    endpoint::check(&domain)?;
    endpoint::read_truststore(call, &mut domain)?;
    if is_private(&domain) {
        let known = |id: &str| store.domain_names.below(&[]).any(|(key, _)| own_name(key).ends_with(&format!("+{id}")));
        domain.domain_name_id = Some(call.unused_id(10, known));
    } else {
        refuse_taken(store, &domain.domain_name)?;
    }
    endpoint::complete(call, &mut domain);
    domain.certificate_upload_date = Some(call.now());
    let shown = json!(domain);
    store.domain_names.put(&[call.region, &key_name(&domain.domain_name, domain.domain_name_id.as_deref())], domain);
    Ok(Reply::Json(shown))
}

/// A host name, or one with `*` for its first label.
fn check_name(name: &str) -> Result<(), Exception> {
    if name.is_empty() {
        return Err(Exception::bad_request("No Domain Name specified"));
    }
    let label_fits = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let fits = name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label_fits);
    if fits { Ok(()) } else { Err(Exception::bad_request(format!("Invalid domain name specified: {name}"))) }
}

/// A host leads to one domain name, whatever its region. Private ones have their ids.
fn refuse_taken(store: &Store, name: &str) -> Result<(), Exception> {
    let mut others = store.domain_names.rows_below(&[]).filter(|other| !is_private(other));
    if others.any(|other| other.domain_name.eq_ignore_ascii_case(name)) {
        return Err(Exception::bad_request("The domain name you provided already exists."));
    }
    Ok(())
}

pub(super) fn is_private(domain: &DomainName) -> bool {
    domain.endpoint_configuration.types.contains(&EndpointType::Private)
}

/// The last part of a domain name's key.
fn key_name(name: &str, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{name}+{id}"),
        None => name.to_owned(),
    }
}

/// The last part of the key of the domain name that a call's path, and for private ones its query, names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
pub(super) fn named(store: &Store, call: &Call<'_>) -> Result<String, Exception> {
    let id = call.query("domainNameId").filter(|id| !id.is_empty());
    let name = call.parameter("domain_name");
    let key = key_name(name, id);
    // What stands between a name and an id is not a part of either.
    let found = !name.contains('+') && store.domain_names.has(&[call.region, &key]);
    if found { Ok(key) } else { Err(Exception::not_found("Invalid domain name identifier specified")) }
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s DomainName, Exception> {
    let name = named(store, call)?;
    Ok(store.domain_names.row(&[call.region, &name]).expect("a domain name that was named is there"))
}

pub fn get_domain_name(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(of(store, call)?)))
}

pub fn get_domain_names(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let own = is_of_this_account(call)?;
    let region = [call.region];
    let rows = store.domain_names.below(&region).filter(|_| own);
    page(call, rows.map(|(key, domain)| (own_name(key).to_owned(), json!(**domain))))
}

/// Whether a list is to have what this account owns: all there is.
fn is_of_this_account(call: &Call<'_>) -> Result<bool, Exception> {
    match call.query("resourceOwner") {
        None | Some("" | "SELF") => Ok(true),
        Some("OTHER_ACCOUNTS") => Ok(false),
        Some(other) => Err(Exception::bad_request(format!(
            "Invalid value for resourceOwner: {other}. Must be one of: [SELF, OTHER_ACCOUNTS]"
        ))),
    }
}

pub fn update_domain_name(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let name = named(store, call)?;
    let domain = of(store, call)?;
    let mut changed = patched(call, patches::RULES, domain)?;
    if is_private(&changed) != is_private(domain) {
        return Err(Exception::bad_request("A domain name cannot become private, nor a private one public"));
    }
    endpoint::check(&changed)?;
    let truststore = |domain: &DomainName| {
        let mutual_tls = domain.mutual_tls_authentication.as_ref();
        mutual_tls.map(|mutual_tls| (mutual_tls.truststore_uri.clone(), mutual_tls.truststore_version.clone()))
    };
    if truststore(&changed) != truststore(domain) {
        endpoint::read_truststore(call, &mut changed)?;
    }
    let certificates = |domain: &DomainName| (domain.certificate_arn.clone(), domain.regional_certificate_arn.clone());
    if certificates(&changed) != certificates(domain) {
        changed.certificate_upload_date = Some(call.now());
    }
    endpoint::complete(call, &mut changed);
    let shown = json!(changed);
    store.domain_names.put(&[call.region, &name], changed);
    Ok(Reply::Json(shown))
}

/// With its mappings, and what was associated with it.
pub fn delete_domain_name(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let name = named(store, call)?;
    let removed = store.domain_names.remove(&[call.region, &name]);
    store.base_path_mappings.remove_below(&[call.region, &name]);
    if let Some(arn) = removed.as_ref().and_then(|domain| domain.domain_name_arn.as_deref()) {
        access_associations::remove_all_of(store, call.region, arn);
    }
    Ok(Reply::Empty)
}

#[cfg(test)]
mod tests;
