//! URIs of AWS integrations: none leads anywhere but to its service, and what is accepted says the same when written anew.

use std::collections::BTreeMap;

use tollgate::model::aws_service::service_endpoint;
use tollgate::model::aws_uri::{AwsTarget, AwsUri};

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(uri) = AwsUri::parse(text) else { return };
    let service = match &uri.subdomain {
        Some(subdomain) => format!("{subdomain}.{}", uri.service),
        None => uri.service.clone(),
    };
    let target = match &uri.target {
        AwsTarget::Action { name, query } if query.is_empty() => format!("action/{name}"),
        AwsTarget::Action { name, query } => format!("action/{name}&{query}"),
        // With a slash of its own: one at the path's beginning is the same one as that of `path/`, a second is not.
        AwsTarget::Path(path) => format!("path/{path}"),
    };
    let written = format!("arn:{}:apigateway:{}:{service}:{target}", uri.partition, uri.region);
    let again = AwsUri::parse(&written).expect("it was one before");
    assert_eq!(uri, again);
    if let Ok(Some(lambda)) = uri.lambda() {
        assert!(!lambda.function.contains(['/', '?', '#', '%']), "{}", lambda.function);
    }
    if let Ok(endpoint) = service_endpoint(&uri.service, uri.subdomain.as_deref(), &uri.region, &BTreeMap::new()) {
        let host = endpoint.origin.strip_prefix("https://").expect("AWS speaks TLS");
        let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        assert!(host.bytes().all(byte), "{host}");
    }
}
