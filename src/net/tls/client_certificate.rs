//! A client's certificate in the words of `$context.identity.clientCert`.
//!
//! The forms are those of AWS's example events: names in the certificate's own order, `C=US,O=Example,CN=a`; times as
//! OpenSSL prints them, `Aug  5 00:28:21 2120 GMT`; serial numbers as OpenSSL prints them too: `1`, and with more than eight
//! bytes `a1:a1:…`. (Guide, `api-gateway-mapping-template-reference`; Lambda guide, `services-apigateway`, event format.)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Texts of a certificate that was verified; made once a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Of the certificate alone, without those that issued it.
    pub pem: Box<str>,
    pub subject_dn: Box<str>,
    pub issuer_dn: Box<str>,
    pub serial_number: Box<str>,
    pub not_before: Box<str>,
    pub not_after: Box<str>,
}

/// When a certificate is valid, in seconds since 1970, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: i64,
    pub not_after: i64,
}

impl ClientCertificate {
    /// `None` for what is no certificate.
    pub fn from_der(der: &[u8]) -> Option<(ClientCertificate, Validity)> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let validity = parsed.validity();
        let certificate = ClientCertificate {
            pem: pem(der).into(),
            subject_dn: distinguished_name(parsed.subject()).into(),
            issuer_dn: distinguished_name(parsed.issuer()).into(),
            serial_number: serial_number(parsed.raw_serial()).into(),
            not_before: time(validity.not_before).into(),
            not_after: time(validity.not_after).into(),
        };
        Some((certificate, validity_of(&parsed)))
    }
}

pub(super) fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() }
}

fn pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let encoded = STANDARD.encode(der);
    let mut text = String::with_capacity(encoded.len() + encoded.len() / LINE + 56);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every position is between two characters.
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// (RFC 4514, but for the order, which is the certificate's.)
pub(super) fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for part in name.iter_rdn() {
        for (position, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push(if position == 0 { ',' } else { '+' });
            }
            write_attribute(attribute, &mut text);
        }
    }
    text
}

fn write_attribute(attribute: &AttributeTypeAndValue<'_>, text: &mut String) {
    let kind = attribute.attr_type().to_id_string();
    let known = ABBREVIATIONS.iter().find(|(id, _)| *id == kind);
    text.push_str(known.map_or(&*kind, |(_, name)| name));
    text.push('=');
    match attribute.as_str() {
        Ok(value) => write_value(value, text),
        Err(_) => {
            text.push('#');
            for byte in attribute.attr_value().as_bytes() {
                text.push_str(&format!("{byte:02X}"));
            }
        }
    }
}

/// As OpenSSL abbreviates them.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// Escaped, so that no name can say what another would: `CN=a,O=Bank` as a common name is `CN=a\,O=Bank`.
fn write_value(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (position, character) in value.chars().enumerate() {
        let at_edge = position == 0 && matches!(character, ' ' | '#') || position == last && character == ' ';
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => text.extend(['\\', character]),
            _ if at_edge => text.extend(['\\', character]),
            '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\{:02X}", u32::from(character))),
            _ => text.push(character),
        }
    }
}

/// Of a positive number, as issuers are bound to give. (RFC 5280, 4.1.2.2.)
fn serial_number(bytes: &[u8]) -> String {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = &bytes[start..];
    if digits.len() <= 8 {
        return digits.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)).to_string();
    }
    let pairs: Vec<String> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn time(time: ASN1Time) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = time.to_datetime();
    let month = MONTHS[usize::from(u8::from(time.month())).clamp(1, 12) - 1];
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{month} {:>2} {hour:02}:{minute:02}:{second:02} {} GMT", time.day(), time.year())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber, date_time_ymd};

    use super::*;

    fn made(names: &[(DnType, &str)], serial: &[u8]) -> (Vec<u8>, ClientCertificate, Validity) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.serial_number = Some(SerialNumber::from_slice(serial));
        params.not_before = date_time_ymd(2019, 5, 28);
        params.not_after = date_time_ymd(2120, 8, 5);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        let (certificate, validity) = ClientCertificate::from_der(&der).expect("it is one");
        (der, certificate, validity)
    }

    #[test]
    fn a_certificate_is_shown_as_in_aws_events() {
        let names = [
            (DnType::CountryName, "US"),
            (DnType::StateOrProvinceName, "Washington"),
            (DnType::LocalityName, "Seattle"),
            (DnType::OrganizationName, "Amazon Web Services"),
            (DnType::OrganizationalUnitName, "Security"),
            (DnType::CommonName, "My Client"),
        ];
        let (der, certificate, validity) = made(&names, &[1]);
        let dn = "C=US,ST=Washington,L=Seattle,O=Amazon Web Services,OU=Security,CN=My Client";
        assert_eq!((&*certificate.subject_dn, &*certificate.issuer_dn), (dn, dn));
        assert_eq!(&*certificate.serial_number, "1");
        assert_eq!(&*certificate.not_before, "May 28 00:00:00 2019 GMT");
        assert_eq!(&*certificate.not_after, "Aug  5 00:00:00 2120 GMT");
        assert_eq!(validity, Validity { not_before: 1_559_001_600, not_after: 4_752_259_200 });
        let lines: Vec<&str> = certificate.pem.lines().collect();
        assert_eq!((lines[0], lines[lines.len() - 1]), ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"));
        assert!(certificate.pem.ends_with("-----\n") && lines.iter().all(|line| line.len() <= 64));
        assert_eq!(STANDARD.decode(lines[1..lines.len() - 1].concat()).expect("base64"), der);
    }

    #[test]
    fn names_cannot_pretend() {
        #[track_caller]
        fn check(common_name: &str, expected: &str) {
            let (_, certificate, _) = made(&[(DnType::CommonName, common_name)], &[1]);
            assert_eq!(&*certificate.subject_dn, expected);
        }
        check("a,O=Bank", "CN=a\\,O\\=Bank");
        check("a+b\\c\"<>;", "CN=a\\+b\\\\c\\\"\\<\\>\\;");
        check(" a b ", "CN=\\ a b\\ ");
        check("#a#", "CN=\\#a#");
        check("a\nb", "CN=a\\0Ab");
        check("Bär", "CN=Bär");
        let other = DnType::CustomDnType(vec![1, 2, 3, 4]);
        let (_, certificate, _) = made(&[(other, "x")], &[1]);
        assert_eq!(&*certificate.subject_dn, "1.2.3.4=x");
    }

    #[test]
    fn serial_numbers() {
        #[track_caller]
        fn check(bytes: &[u8], expected: &str) {
            assert_eq!(serial_number(bytes), expected);
        }
        check(&[], "0");
        check(&[0], "0");
        check(&[1, 0], "256");
        check(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "18446744073709551615");
        check(&[1, 0, 0, 0, 0, 0, 0, 0, 0xA1], "01:00:00:00:00:00:00:00:a1");
        check(&[0xA1; 16], "a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1");
    }

    #[test]
    fn what_is_none_is_none() {
        assert_eq!(ClientCertificate::from_der(b""), None);
        assert_eq!(ClientCertificate::from_der(&[0x30, 0x82, 0xFF, 0xFF, 0x30]), None);
    }
}
