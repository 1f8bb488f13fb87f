//! What AWS adds to a domain name by the types of its endpoint, and what has to fit together in one.

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::Call;
use crate::model::{DomainName, EndpointType};

/// (API reference, `API_DomainName`, `securityPolicy`.)
const SECURITY_POLICIES: &[&str] = &[
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
];

const ROUTING_MODES: &[&str] = &["BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"];

/// CloudFront's, the same for every region. (API reference, `API_DomainName`, `distributionHostedZoneId`.)
const DISTRIBUTION_ZONE: &str = "Z2FDTNDATAQYW2";

/// # Errors
/// `BadRequestException`: a word is none of AWS's, or two settings do not go together.
pub fn check(domain: &DomainName) -> Result<(), Exception> {
    let refuse = |message: &str| Err(Exception::bad_request(message));
    check_word("security policy", domain.security_policy.as_deref(), SECURITY_POLICIES)?;
    check_word("routing mode", domain.routing_mode.as_deref(), ROUTING_MODES)?;
    check_word("endpoint access mode", domain.endpoint_access_mode.as_deref(), &["BASIC", "STRICT"])?;
    let endpoint = &domain.endpoint_configuration;
    check_word("IP address type", endpoint.ip_address_type.as_deref(), &["ipv4", "dualstack"])?;
    let has = |kind| endpoint.types.contains(&kind);
    let private = has(EndpointType::Private);
    if endpoint.types.is_empty() || endpoint.types.len() > if private { 1 } else { 2 } {
        return refuse("Invalid endpoint types specified: a domain name has one, or while it moves EDGE and REGIONAL");
    }
    if private && endpoint.ip_address_type.as_deref() == Some("ipv4") {
        return refuse("Only dualstack is supported for the PRIVATE endpoint type");
    }
    if !endpoint.vpc_endpoint_ids.is_empty() {
        return refuse("VPC endpoints are supported for REST APIs only");
    }
    if !private && (domain.policy.is_some() || domain.management_policy.is_some()) {
        return refuse("Policies are supported for private custom domain names only");
    }
    for policy in [&domain.policy, &domain.management_policy].into_iter().flatten() {
        if !serde_json::from_str::<serde_json::Value>(policy).is_ok_and(|policy| policy.is_object()) {
            return refuse("Invalid policy document. Please check the policy syntax and ensure that it is JSON");
        }
    }
    let modern = domain.security_policy.as_deref().is_some_and(|policy| policy.starts_with("SecurityPolicy_"));
    if domain.endpoint_access_mode.is_some() && !modern {
        return refuse("An endpoint access mode needs a security policy that starts with SecurityPolicy_");
    }
    check_certificates(domain)?;
    check_mutual_tls(domain)
}

fn check_word(what: &str, word: Option<&str>, known: &[&str]) -> Result<(), Exception> {
    match word {
        Some(word) if !known.contains(&word) => Err(Exception::bad_request(format!(
            "Invalid {what} specified: {word}. Must be one of: [{}]",
            known.join(", ")
        ))),
        _ => Ok(()),
    }
}

/// Certificates are the listener's, and a domain name may do without naming one; one for the wrong endpoint is a mistake.
fn check_certificates(domain: &DomainName) -> Result<(), Exception> {
    let regional = domain.regional_certificate_arn.is_some() || domain.regional_certificate_name.is_some();
    let other = domain.certificate_arn.is_some() || domain.certificate_name.is_some();
    let is_regional = domain.endpoint_configuration.types.contains(&EndpointType::Regional);
    let is_other = domain.endpoint_configuration.types.iter().any(|kind| *kind != EndpointType::Regional);
    if is_regional && other && !regional {
        return Err(Exception::bad_request("A regional domain name needs regionalCertificateArn"));
    }
    if is_other && regional && !other {
        return Err(Exception::bad_request("An edge-optimized or private domain name needs certificateArn"));
    }
    Ok(())
}

/// (Guide, `rest-api-mutual-tls`.)
fn check_mutual_tls(domain: &DomainName) -> Result<(), Exception> {
    let Some(mutual_tls) = &domain.mutual_tls_authentication else { return Ok(()) };
    if domain.endpoint_configuration.types != [EndpointType::Regional] {
        return Err(Exception::bad_request("Mutual TLS is supported for regional custom domain names only"));
    }
    if domain.security_policy.as_deref() == Some("TLS_1_0") {
        return Err(Exception::bad_request("Mutual TLS needs at least the security policy TLS_1_2"));
    }
    let uri = mutual_tls.truststore_uri.as_deref().unwrap_or_default();
    let names_object =
        |rest: &str| rest.split_once('/').is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
    let fits = match uri.split_once("://") {
        Some(("s3", rest)) => names_object(rest),
        Some(("file", rest)) => rest.len() > 1 && rest.starts_with('/'),
        Some(_) => false,
        None => !uri.is_empty(),
    };
    if !fits {
        return Err(Exception::bad_request(format!(
            "Invalid truststore URI specified: {uri}. It must be s3://bucket/key, or name a file in the folder of truststores"
        )));
    }
    Ok(())
}

/// Reads the truststore of a domain name with mutual TLS, which has to be there, and notes what there is to warn of.
pub fn read_truststore(call: &Call<'_>, domain: &mut DomainName) -> Result<(), Exception> {
    let Some(mutual_tls) = &mut domain.mutual_tls_authentication else { return Ok(()) };
    let uri = mutual_tls.truststore_uri.as_deref().unwrap_or_default();
    let read = call.truststores.check(uri);
    mutual_tls.truststore_warnings =
        read.map_err(|reason| Exception::bad_request(format!("Invalid truststore URI specified: {uri}. {reason}")))?;
    Ok(())
}

/// Fills in what AWS does: names of endpoints, defaults, the ARN, the status.
pub fn complete(call: &Call<'_>, domain: &mut DomainName) {
    let types = domain.endpoint_configuration.types.clone();
    if !types.contains(&EndpointType::Regional) {
        domain.regional_domain_name = None;
    } else if domain.regional_domain_name.is_none() {
        let host = format!("d-{}.execute-api.{}.amazonaws.com", call.new_id(10), call.region);
        domain.regional_domain_name = Some(host);
    }
    domain.regional_hosted_zone_id =
        domain.regional_domain_name.as_ref().and_then(|_| regional_zone(call.region)).map(str::to_owned);
    if !types.contains(&EndpointType::Edge) {
        domain.distribution_domain_name = None;
    } else if domain.distribution_domain_name.is_none() {
        domain.distribution_domain_name = Some(format!("d{}.cloudfront.net", call.new_id(13)));
    }
    domain.distribution_hosted_zone_id = domain.distribution_domain_name.as_ref().map(|_| DISTRIBUTION_ZONE.to_owned());
    let private = types.contains(&EndpointType::Private);
    let ip_address_type = if private { "dualstack" } else { "ipv4" };
    domain.endpoint_configuration.ip_address_type.get_or_insert_with(|| ip_address_type.to_owned());
    domain.security_policy.get_or_insert_with(|| "TLS_1_2".to_owned());
    domain.routing_mode.get_or_insert_with(|| "BASE_PATH_MAPPING_ONLY".to_owned());
    domain.domain_name_status = Some("AVAILABLE".to_owned());
    // Of private ones alone, AWS's ARN has the account.
    domain.domain_name_arn = Some(match &domain.domain_name_id {
        None => call.arn(&format!("/domainnames/{}", domain.domain_name)),
        Some(id) => {
            let name = &domain.domain_name;
            format!("arn:aws:apigateway:{}:{}:/domainnames/{name}+{id}", call.region, call.account_id)
        }
    });
}

/// The zone of regional endpoints, for alias records. (General reference, `apigateway`.)
fn regional_zone(region: &str) -> Option<&'static str> {
    Some(match region {
        "af-south-1" => "Z2DHW2332DAMTN",
        "ap-east-1" => "Z3FD1VL90ND7K5",
        "ap-northeast-1" => "Z1YSHQZHG15GKL",
        "ap-northeast-2" => "Z20JF4UZKIW1U8",
        "ap-northeast-3" => "Z22ILHG95FLSZ2",
        "ap-south-1" => "Z3VO1THU9YC4UR",
        "ap-southeast-1" => "ZL327KTPIQFUL",
        "ap-southeast-2" => "Z2RPCDW04V8134",
        "ca-central-1" => "Z19DQILCV0OWEC",
        "eu-central-1" => "Z1U9ULNL0V5AJ3",
        "eu-north-1" => "Z3UWIKFBOOGXPP",
        "eu-south-1" => "Z3BT4WSQ9TDYZV",
        "eu-west-1" => "ZLY8HYME6SFDD",
        "eu-west-2" => "ZJ5UAJN8Y3Z2Q",
        "eu-west-3" => "Z3KY65QIEKYHQQ",
        "me-south-1" => "Z20ZBPC0SS8806",
        "sa-east-1" => "ZCMLWB8V5SYIT",
        "us-east-1" => "Z1UJRXOUMOOFQ8",
        "us-east-2" => "ZOJJZC49E0EPZ",
        "us-west-1" => "Z2MUQ32089INYE",
        "us-west-2" => "Z2OJLYMUO9EFXC",
        _ => return None,
    })
}
