//! ARNs of what has tags: `arn:{partition}:apigateway:{region}:{account}:{path}`, where the account is there for domain
//! names only. (Service authorization reference, `list_amazonapigatewaymanagement`.)
//!
//! A call is about its own region. An id is drawn, so it names nothing else in another one: an ARN with the wrong region
//! is taken for the call's. A domain name may well be in both, so there the region has to be right.

use crate::control_plane::exception::Exception;

/// What an ARN names, by the ids and names in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    RestApi(&'a str),
    Stage {
        api: &'a str,
        stage: &'a str,
    },
    ApiKey(&'a str),
    UsagePlan(&'a str),
    /// With its id behind a `+` where it is a private one.
    DomainName(&'a str),
    /// Known by its whole ARN.
    AccessAssociation,
    VpcLink(&'a str),
    ClientCertificate(&'a str),
}

/// # Errors
/// `BadRequestException`: it is no ARN of something that has tags. `NotFoundException`: a domain name of another region.
pub fn parse<'a>(arn: &'a str, region: &str) -> Result<Resource<'a>, Exception> {
    let invalid = || Exception::bad_request(format!("Invalid ARN specified in the request: {arn}"));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "apigateway", of_region, account, path] = parts[..] else { return Err(invalid()) };
    if !partition.starts_with("aws") || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let segments: Vec<&str> = path.split('/').collect();
    if segments.iter().skip(1).any(|segment| segment.is_empty()) {
        return Err(invalid());
    }
    let resource = match segments[..] {
        ["", "restapis", api] => Resource::RestApi(api),
        ["", "restapis", api, "stages", stage] => Resource::Stage { api, stage },
        ["", "apikeys", id] => Resource::ApiKey(id),
        ["", "usageplans", id] => Resource::UsagePlan(id),
        ["", "domainnames", name] => Resource::DomainName(name),
        ["", "domainnameaccessassociations", "domainname", _, "vpcesource", _] => Resource::AccessAssociation,
        ["", "vpclinks", id] => Resource::VpcLink(id),
        ["", "clientcertificates", id] => Resource::ClientCertificate(id),
        _ => return Err(invalid()),
    };
    let may_be_elsewhere = match resource {
        Resource::DomainName(_) | Resource::AccessAssociation => true,
        Resource::RestApi(_)
        | Resource::Stage { .. }
        | Resource::ApiKey(_)
        | Resource::UsagePlan(_)
        | Resource::VpcLink(_)
        | Resource::ClientCertificate(_) => false,
    };
    match may_be_elsewhere && of_region != region {
        true => Err(Exception::not_found(format!("There is nothing of the region {of_region} in {region}: {arn}"))),
        false => Ok(resource),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arn: &str, expected: Result<Resource<'_>, &str>) {
        let parsed = parse(arn, "us-east-1");
        assert_eq!(parsed.as_ref().map_err(|exception| exception.kind.name()), expected.as_ref().map_err(|name| *name));
    }

    #[test]
    fn arns_name_what_has_tags() {
        check("arn:aws:apigateway:us-east-1::/restapis/a", Ok(Resource::RestApi("a")));
        check("arn:aws-cn:apigateway:us-east-1::/restapis/a/stages/b", Ok(Resource::Stage { api: "a", stage: "b" }));
        check("arn:aws:apigateway:us-east-1:12:/domainnames/a+b", Ok(Resource::DomainName("a+b")));
        check("arn:aws:apigateway:eu-west-1::/restapis/a", Ok(Resource::RestApi("a")));
        check("arn:aws:apigateway:eu-west-1::/domainnames/a", Err("NotFoundException"));
        for wrong in [
            "",
            "arn:aws:apigateway:us-east-1::",
            "arn:aws:apigateway:us-east-1::restapis/a",
            "arn:aws:apigateway:us-east-1::/restapis/",
            "arn:aws:apigateway:us-east-1::/restapis/a/resources/b",
            "arn:aws:lambda:us-east-1::/restapis/a",
            "arn:aws:apigateway:us-east-1:x:/restapis/a",
        ] {
            check(wrong, Err("BadRequestException"));
        }
    }
}
