//! Client certificates, by which backends know the gateway. (API reference, `API_ClientCertificate`; guide,
//! `getting-started-client-side-ssl-authentication`.)

use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SerialNumber,
    date_time_ymd,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control_plane::exception::{Exception, ExceptionKind};
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::control_plane::store::table::{own_name, part};
use crate::model::{ClientCertificate, ClientCertificateId, OrderedMap};

/// A certificate is good for a year, as AWS's are.
const VALID_S: i64 = 365 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Generate {
    description: Option<String>,
    #[serde(default)]
    tags: OrderedMap<String>,
}

pub fn generate_client_certificate(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Generate = call.input()?;
    let id = call.next_id(6, &store.client_certificates, &[call.region]);
    let (pem_encoded_certificate, private_key) = self_signed(call, &id).map_err(|error| {
        Exception::new(ExceptionKind::ServiceUnavailable, format!("no certificate was made: {error}"))
    })?;
    let certificate = ClientCertificate {
        client_certificate_id: ClientCertificateId(id.clone()),
        description: input.description,
        pem_encoded_certificate,
        private_key,
        created_date: call.now(),
        expiration_date: call.now() + VALID_S,
        tags: input.tags,
    };
    let shown = shape(&certificate);
    store.client_certificates.put(&[call.region, &id], certificate);
    Ok(Reply::Json(shown))
}

/// A certificate and its key, as PEM. The key is of the curve P-256: an RSA key as AWS's takes a hundred milliseconds to
/// be made, and every other call would wait for it. It is the only thing here whose chance is not the call's.
fn self_signed(call: &Call<'_>, id: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, "ApiGateway");
    name.push(DnType::CommonName, id);
    let mut serial = [0; 16];
    call.random.fill(&mut serial);
    // A serial number is positive. (RFC 5280, section 4.1.2.2.)
    serial[0] = serial[0] & 0x7f | 0x40;
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(call.now_s.unsigned_abs());
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    parameters.not_before = now;
    parameters.not_after = now + Duration::from_secs(VALID_S.unsigned_abs());
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok((parameters.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s ClientCertificate, Exception> {
    let certificate = store.client_certificates.row(&[call.region, call.parameter("clientcertificate_id")]);
    certificate.ok_or_else(|| Exception::not_found("Invalid Client Certificate identifier specified"))
}

pub fn get_client_certificate(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

pub fn get_client_certificates(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let region = [call.region];
    let rows = store.client_certificates.below(&region);
    page(call, rows.map(|(key, certificate)| (own_name(key).to_owned(), shape(certificate))))
}

pub fn update_client_certificate(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed);
    store.client_certificates.put(&[call.region, call.parameter("clientcertificate_id")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_client_certificate(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let id = &of(store, call)?.client_certificate_id;
    let region = [call.region];
    let stages = store.stages.below(&region);
    let users = stages.filter(|(_, stage)| stage.client_certificate_id.as_ref() == Some(id));
    let users: Vec<String> = users.map(|(key, _)| format!("{}:{}", part(key, 1), own_name(key))).collect();
    if !users.is_empty() {
        return Err(Exception::bad_request(format!(
            "Cannot delete client certificate '{id}', is referenced in [{}] in format of [RESTApiId:Stage].",
            users.join(", ")
        )));
    }
    store.client_certificates.remove(&[call.region, call.parameter("clientcertificate_id")]);
    Ok(Reply::Empty)
}

/// All but the key.
fn shape(certificate: &ClientCertificate) -> Value {
    let mut shown = json!(certificate);
    shown.as_object_mut().expect("a certificate is an object").shift_remove("privateKey");
    shown
}

/// (API reference, `patch-operations`, `UpdateClientCertificate`.)
const RULES: &[Rule<ClientCertificate>] = &[Rule {
    pattern: "/description",
    ops: &[Op::Replace],
    apply: |certificate, patch| {
        certificate.description = patch.optional_text();
        Ok(())
    },
}];

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;
    use crate::model::Stage;

    #[test]
    fn a_certificate_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/clientcertificates", json!({ "description": "mine", "tags": { "a": "1" } }));
        let id = made["clientCertificateId"].as_str().expect("an id").to_owned();
        let members: Vec<&String> = made.as_object().expect("an object").keys().collect();
        let expected =
            ["clientCertificateId", "description", "pemEncodedCertificate", "createdDate", "expirationDate", "tags"];
        assert_eq!(members, expected);
        let path = format!("/clientcertificates/{id}");
        assert_eq!(desk.call("GET", &path, Value::Null), made);
        assert_eq!(desk.patch(&path, &["replace /description ours"])["description"], "ours");
        assert_eq!(desk.call("GET", "/clientcertificates", Value::Null)["item"][0]["description"], "ours");
        let stage = Stage { client_certificate_id: Some(ClientCertificateId(id.clone())), ..Stage::default() };
        desk.store.stages.put(&["us-east-1", "a1", "prod"], stage);
        let refused = desk.refusal("DELETE", &path, Value::Null);
        assert!(refused.contains("is referenced in [a1:prod]"), "{refused}");
        desk.store.stages.remove(&["us-east-1", "a1", "prod"]);
        desk.call("DELETE", &path, Value::Null);
        assert!(desk.refusal("GET", &path, Value::Null).starts_with("NotFoundException: "));
    }

    #[test]
    fn the_key_is_kept_and_fits_the_certificate() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/clientcertificates", Value::Null);
        let id = made["clientCertificateId"].as_str().expect("an id");
        let row = desk.store.client_certificates.row(&["us-east-1", id]).expect("it is there");
        let key = KeyPair::from_pem(&row.private_key).expect("a key");
        let der = rcgen::PublicKeyData::der_bytes(&key);
        let pem = row.pem_encoded_certificate.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let certificate = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, pem).expect("base64");
        assert!(certificate.windows(der.len()).any(|window| window == der));
        // UTCTime, as of the call's time and a year later.
        for time in [&b"231114221320Z"[..], b"241113221320Z"] {
            assert!(certificate.windows(time.len()).any(|window| window == time));
        }
        assert!(!format!("{row:?}").contains("PRIVATE"));
    }
}
