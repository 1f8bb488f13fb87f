use super::super::fixture::{Desk, patch_body};
use super::*;
use serde_json::Value;

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:012345678910:certificate/fb1b9770-a305-495d-aefb-27e5e101ff3";

fn regional(name: &str) -> Value {
    let endpoint = json!({ "types": ["REGIONAL"] });
    json!({ "domainName": name, "regionalCertificateArn": CERTIFICATE, "endpointConfiguration": endpoint })
}

fn private(name: &str) -> Value {
    json!({ "domainName": name, "certificateArn": CERTIFICATE, "endpointConfiguration": { "types": ["PRIVATE"] } })
}

#[test]
fn a_regional_domain_name_is_made_found_changed_and_removed() {
    let mut desk = Desk::default();
    let made = desk.call("POST", "/domainnames", regional("api.example.com"));
    let host = made["regionalDomainName"].as_str().expect("a host").to_owned();
    assert!(host.starts_with("d-") && host.ends_with(".execute-api.us-east-1.amazonaws.com"), "{host}");
    let expected = json!({
        "domainName": "api.example.com",
        "domainNameArn": "arn:aws:apigateway:us-east-1::/domainnames/api.example.com",
        "certificateUploadDate": 1_700_000_000,
        "regionalDomainName": host,
        "regionalHostedZoneId": "Z1UJRXOUMOOFQ8",
        "regionalCertificateArn": CERTIFICATE,
        "endpointConfiguration": { "types": ["REGIONAL"], "ipAddressType": "ipv4" },
        "domainNameStatus": "AVAILABLE",
        "securityPolicy": "TLS_1_2",
        "routingMode": "BASE_PATH_MAPPING_ONLY",
    });
    assert_eq!(made, expected);
    assert_eq!(desk.call("GET", "/domainnames/api.example.com", Value::Null), made);
    let mutual_tls = "replace /mutualTlsAuthentication/truststoreUri s3://bucket/key.pem";
    let changed = desk.patch(
        "/domainnames/api.example.com",
        &["replace /regionalCertificateName mine", mutual_tls, "add /mutualTlsAuthentication/truststoreVersion 2"],
    );
    assert_eq!(changed["regionalDomainName"], made["regionalDomainName"]);
    let truststore = json!({ "truststoreUri": "s3://bucket/key.pem", "truststoreVersion": "2" });
    assert_eq!(changed["mutualTlsAuthentication"], truststore);
    let ended = desk.patch("/domainnames/api.example.com", &["replace /mutualTlsAuthentication/truststoreUri"]);
    assert_eq!(ended["mutualTlsAuthentication"], Value::Null);
    assert_eq!(desk.call("GET", "/domainnames", Value::Null)["item"], json!([ended]));
    assert_eq!(desk.call("GET", "/domainnames?resourceOwner=OTHER_ACCOUNTS", Value::Null)["item"], json!([]));
    desk.call("DELETE", "/domainnames/api.example.com", Value::Null);
    let gone = desk.refusal("DELETE", "/domainnames/api.example.com", Value::Null);
    assert_eq!(gone, "NotFoundException: Invalid domain name identifier specified");
}

#[test]
fn a_truststore_has_to_be_there() {
    let mut desk = Desk::default();
    let with = |uri: &str| {
        let mut body = regional("api.example.com");
        body["mutualTlsAuthentication"] = json!({ "truststoreUri": uri, "truststoreVersion": "1" });
        body
    };
    let refused = desk.refusal("POST", "/domainnames", with("s3://bucket/missing.pem"));
    let expected =
        "BadRequestException: Invalid truststore URI specified: s3://bucket/missing.pem. there is no such file";
    assert_eq!(refused, expected);
    assert!(desk.store.domain_names.is_empty());
    let made = desk.call("POST", "/domainnames", with("s3://bucket/old.pem"));
    let warnings = json!(["certificate 1 of the truststore has expired"]);
    assert_eq!(made["mutualTlsAuthentication"]["truststoreWarnings"], warnings);
    let path = "/domainnames/api.example.com";
    // What does not touch the truststore does not read it.
    assert_eq!(
        desk.patch(path, &["replace /securityPolicy TLS_1_2"])["mutualTlsAuthentication"],
        made["mutualTlsAuthentication"]
    );
    let missing = patch_body(&["replace /mutualTlsAuthentication/truststoreUri file:///t/missing.pem"]);
    assert!(desk.refusal("PATCH", path, missing).contains("there is no such file"));
    let new = [
        "replace /mutualTlsAuthentication/truststoreUri team/new.pem",
        "replace /mutualTlsAuthentication/truststoreVersion 2",
    ];
    let expected = json!({ "truststoreUri": "team/new.pem", "truststoreVersion": "2" });
    assert_eq!(desk.patch(path, &new)["mutualTlsAuthentication"], expected);
    assert_eq!(desk.call("GET", path, Value::Null)["mutualTlsAuthentication"], expected);
}

#[test]
fn an_edge_optimized_one_moves_to_its_region() {
    let mut desk = Desk::default();
    let made = desk.call("POST", "/domainnames", json!({ "domainName": "a.b", "certificateArn": CERTIFICATE }));
    assert_eq!(made["endpointConfiguration"]["types"], json!(["EDGE"]));
    assert_eq!(made["distributionHostedZoneId"], "Z2FDTNDATAQYW2");
    let certificate = format!("add /regionalCertificateArn {CERTIFICATE}");
    let both = desk.patch("/domainnames/a.b", &["add /endpointConfiguration/types REGIONAL", &certificate]);
    assert_eq!(both["endpointConfiguration"]["types"], json!(["EDGE", "REGIONAL"]));
    assert_eq!(both["distributionDomainName"], made["distributionDomainName"]);
    assert!(both["regionalDomainName"].is_string());
    let moved = desk.patch("/domainnames/a.b", &["remove /endpointConfiguration/types EDGE", "remove /certificateArn"]);
    assert_eq!(moved["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    assert_eq!((&moved["distributionDomainName"], &moved["certificateArn"]), (&Value::Null, &Value::Null));
    // As Terraform does it, in one.
    let certificate = format!("replace /certificateArn {CERTIFICATE}");
    let back = ["replace /endpointConfiguration/types/0 EDGE", &certificate, "replace /regionalCertificateArn"];
    assert_eq!(desk.patch("/domainnames/a.b", &back)["endpointConfiguration"]["types"], json!(["EDGE"]));
    let named = ["replace /endpointConfiguration/types/EDGE REGIONAL", "remove /certificateArn"];
    assert_eq!(desk.patch("/domainnames/a.b", &named)["endpointConfiguration"]["types"], json!(["REGIONAL"]));
}

#[test]
fn private_ones_have_ids_and_associations() {
    let mut desk = Desk::default();
    desk.call("POST", "/domainnames", regional("p.example.com"));
    let made = desk.call("POST", "/domainnames", private("p.example.com"));
    let id = made["domainNameId"].as_str().expect("an id").to_owned();
    let arn = format!("arn:aws:apigateway:us-east-1:123456789012:/domainnames/p.example.com+{id}");
    assert_eq!(made["domainNameArn"], arn);
    assert_eq!(made["endpointConfiguration"]["ipAddressType"], "dualstack");
    let path = format!("/domainnames/p.example.com?domainNameId={id}");
    assert_eq!(desk.call("GET", &path, Value::Null), made);
    let plus = desk.refusal("GET", &format!("/domainnames/p.example.com%2B{id}"), Value::Null);
    assert!(plus.starts_with("NotFoundException"), "{plus}");
    assert_eq!(desk.patch(&path, &["replace /managementPolicy {}"])["managementPolicy"], "{}");
    let body = json!({
        "domainNameArn": arn, "accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-abcd1234efg",
    });
    let associated = desk.call("POST", "/domainnameaccessassociations", body.clone());
    let association = associated["domainNameAccessAssociationArn"].as_str().expect("an ARN").to_owned();
    let tail = ":/domainnameaccessassociations/domainname/p.example.com/vpcesource/vpce-abcd1234efg";
    assert!(association.ends_with(tail), "{association}");
    let twice = desk.refusal("POST", "/domainnameaccessassociations", body.clone());
    assert!(twice.starts_with("ConflictException"), "{twice}");
    assert_eq!(desk.call("GET", "/domainnameaccessassociations", Value::Null)["item"], json!([associated]));
    let reject = |domain: &str| {
        let (association, domain) = (association.replace(':', "%3A"), domain.replace('+', "%2B"));
        format!(
            "/rejectdomainnameaccessassociations?domainNameAccessAssociationArn={association}&domainNameArn={domain}"
        )
    };
    assert!(desk.refusal("POST", &reject("another"), Value::Null).starts_with("NotFoundException"));
    desk.call("POST", &reject(&arn), Value::Null);
    desk.call("POST", "/domainnameaccessassociations", body.clone());
    let delete = format!("/domainnameaccessassociations/{}", association.replace('/', "%2F"));
    desk.call("DELETE", &delete, Value::Null);
    assert!(desk.refusal("DELETE", &delete, Value::Null).starts_with("NotFoundException"));
    desk.call("POST", "/domainnameaccessassociations", body);
    desk.call("DELETE", &path, Value::Null);
    assert!(desk.store.domain_name_access_associations.is_empty());
    assert_eq!(desk.store.domain_names.len(), 1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut desk = Desk::default();
    desk.call("POST", "/domainnames", regional("taken.example.com"));
    let mut refused = |body: Value, expected: &str| {
        let refusal = desk.refusal("POST", "/domainnames", body.clone());
        assert_eq!(
            refusal.strip_prefix("BadRequestException: ").map(|text| text.contains(expected)),
            Some(true),
            "{body}"
        );
    };
    refused(json!({}), "No Domain Name specified");
    refused(regional("Taken.example.com"), "The domain name you provided already exists.");
    for name in ["a_b.example.com", "-a.example.com", "a..b", "a.*.b", "a/b", "a+b", &"a".repeat(64)] {
        refused(regional(name), "Invalid domain name specified");
    }
    let with = |name: &str, value: Value| {
        let mut body = regional("new.example.com");
        body[name] = value;
        body
    };
    refused(with("colour", json!("blue")), "unknown field");
    refused(with("securityPolicy", json!("TLS_9")), "Invalid security policy");
    refused(with("routingMode", json!("ANY")), "Invalid routing mode");
    refused(with("endpointAccessMode", json!("STRICT")), "SecurityPolicy_");
    refused(with("policy", json!("{}")), "private");
    refused(with("endpointConfiguration", json!({ "types": ["EDGE"] })), "certificateArn");
    refused(with("endpointConfiguration", json!({ "types": ["MOON"] })), "unknown variant");
    refused(with("endpointConfiguration", json!({ "types": ["PRIVATE", "REGIONAL"] })), "endpoint types");
    for uri in ["https://x/y", "s3://x", "s3:///y", "file://x/y", "file:///"] {
        refused(with("mutualTlsAuthentication", json!({ "truststoreUri": uri })), "Invalid truststore URI specified");
    }
    let mut edge = json!({ "domainName": "e.example.com", "certificateArn": CERTIFICATE });
    edge["mutualTlsAuthentication"] = json!({ "truststoreUri": "s3://x/y" });
    refused(edge, "regional custom domain names only");
    let mut policy = private("p.example.com");
    policy["policy"] = json!("no");
    refused(policy, "Invalid policy document");
    for patch in
        ["add /securityPolicy TLS_1_2", "replace /domainName x.y", "replace /endpointConfiguration/types/0 PRIVATE"]
    {
        let refusal = desk.refusal("PATCH", "/domainnames/taken.example.com", patch_body(&[patch]));
        assert!(refusal.starts_with("BadRequestException"), "{patch}: {refusal}");
    }
}
