//! What PATCH may change of a domain name. (API reference, `patch-operations`, `UpdateDomainName`.)

use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{DomainName, EndpointType, MutualTlsAuthentication};

const ANY: &[Op] = &[Op::Add, Op::Replace, Op::Remove];

/// A text that need not be there.
macro_rules! text {
    ($pattern:literal, $ops:expr, $field:ident) => {
        Rule {
            pattern: $pattern,
            ops: $ops,
            apply: |domain, patch| {
                domain.$field = patch.optional_text();
                Ok(())
            },
        }
    };
}

pub const RULES: &[Rule<DomainName>] = &[
    text!("/certificateName", ANY, certificate_name),
    text!("/certificateArn", ANY, certificate_arn),
    text!("/regionalCertificateName", ANY, regional_certificate_name),
    text!("/regionalCertificateArn", ANY, regional_certificate_arn),
    text!("/ownershipVerificationCertificateArn", ANY, ownership_verification_certificate_arn),
    text!("/managementPolicy", &[Op::Replace], management_policy),
    text!("/policy", &[Op::Replace], policy),
    text!("/endpointAccessMode", &[Op::Replace], endpoint_access_mode),
    Rule {
        pattern: "/securityPolicy",
        ops: &[Op::Replace],
        apply: |domain, patch| {
            domain.security_policy = Some(patch.required_text()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/routingMode",
        ops: &[Op::Replace],
        apply: |domain, patch| {
            domain.routing_mode = Some(patch.required_text()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/endpointConfiguration/ipAddressType",
        ops: &[Op::Replace],
        apply: |domain, patch| {
            domain.endpoint_configuration.ip_address_type = Some(patch.required_text()?);
            Ok(())
        },
    },
    Rule { pattern: "/endpointConfiguration/types", ops: &[Op::Add, Op::Remove], apply: change_types },
    // Terraform names a type by its position, the guide by its name.
    Rule { pattern: "/endpointConfiguration/types/{type}", ops: ANY, apply: change_type },
    Rule {
        pattern: "/mutualTlsAuthentication/truststoreUri",
        ops: ANY,
        apply: |domain, patch| {
            // Without a truststore there is no mutual TLS. (Guide, `rest-api-mutual-tls`.)
            domain.mutual_tls_authentication = patch.optional_text().map(|uri| MutualTlsAuthentication {
                truststore_uri: Some(uri),
                ..domain.mutual_tls_authentication.take().unwrap_or_default()
            });
            Ok(())
        },
    },
    Rule {
        pattern: "/mutualTlsAuthentication/truststoreVersion",
        ops: ANY,
        apply: |domain, patch| {
            let mutual_tls = domain.mutual_tls_authentication.as_mut();
            let mutual_tls = mutual_tls.ok_or_else(|| patch.invalid("there is no truststore"))?;
            mutual_tls.truststore_version = patch.optional_text();
            Ok(())
        },
    },
];

fn change_types(domain: &mut DomainName, patch: &Patch<'_>) -> Result<(), Exception> {
    let kind: EndpointType = patch.word()?;
    let types = &mut domain.endpoint_configuration.types;
    types.retain(|known| *known != kind);
    if !patch.removes() {
        types.push(kind);
    }
    Ok(())
}

fn change_type(domain: &mut DomainName, patch: &Patch<'_>) -> Result<(), Exception> {
    let types = &mut domain.endpoint_configuration.types;
    let name = patch.name(0);
    let by_position = name.parse::<usize>().ok().filter(|position| *position < types.len());
    let position = by_position.or_else(|| types.iter().position(|kind| kind.name() == name));
    match (patch.op, position) {
        (Op::Remove, Some(position)) => drop(types.remove(position)),
        (Op::Replace, Some(position)) => types[position] = patch.word()?,
        (Op::Add, None) if patch.value.is_some() => types.push(patch.word()?),
        _ => return Err(patch.invalid("there is no such endpoint type")),
    }
    Ok(())
}
