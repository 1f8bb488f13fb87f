//! The services of AWS that integrations call: where each listens, for what a request to it is signed, and what becomes of
//! `action/{Action}`.
//!
//! Names are those that stand in an integration's URI, which are the names in the service's addresses. The table is made of
//! the service models in botocore 1.43 (`endpointPrefix`, `signingName`, `protocol`, `targetPrefix`, `apiVersion`). A
//! service that has the query protocol beside another is called by that, as API Gateway does: its users map parameters to
//! the query.

use std::collections::BTreeMap;

/// How a service is told which of its operations is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `X-Amz-Target: {target_prefix}.{Action}`, and a body of JSON.
    Json {
        target_prefix: &'static str,
        /// Of `application/x-amz-json-{version}`.
        version: &'static str,
    },
    /// `Action={Action}&Version={version}`, in the query or in a form.
    Query { version: &'static str },
    /// Each operation has a path of its own: there is no `action/`.
    Rest,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwsService {
    /// As in a URI.
    pub name: &'static str,
    /// In front of region and domain; mostly the name.
    host: &'static str,
    /// The service in the scope of a signature.
    pub signing_name: &'static str,
    pub protocol: Protocol,
}

/// Where and how to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEndpoint {
    /// `https://sqs.eu-west-1.amazonaws.com`: without a path.
    pub origin: String,
    pub signing_name: String,
    pub protocol: Protocol,
}

/// Nobody has said where a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// Neither the table nor the overrides have it.
    UnknownService,
    /// The service is overridden, but the URI has a subdomain in front of it, which the override's origin leaves no room
    /// for: one named `{subdomain}.{service}` is wanted.
    Subdomain,
}

use Protocol::{Query, Rest};

const fn json(name: &'static str, target_prefix: &'static str, version: &'static str) -> AwsService {
    row(name, name, target(target_prefix, version))
}

const fn target(target_prefix: &'static str, version: &'static str) -> Protocol {
    Protocol::Json { target_prefix, version }
}

const fn query(name: &'static str, version: &'static str) -> AwsService {
    row(name, name, Query { version })
}

const fn rest(name: &'static str) -> AwsService {
    row(name, name, Rest)
}

const fn row(name: &'static str, signing_name: &'static str, protocol: Protocol) -> AwsService {
    AwsService { name, host: name, signing_name, protocol }
}

/// `iotdata` is what API Gateway calls it; the address says otherwise.
const IOT_DATA: &str = "iotdata";

const SERVICES: &[AwsService] = &[
    row("api.ecr", "ecr", target("AmazonEC2ContainerRegistry_V20150921", "1.1")),
    row("api.sagemaker", "sagemaker", target("SageMaker", "1.1")),
    rest("apigateway"),
    row("appconfigdata", "appconfig", Rest),
    json("athena", "AmazonAthena", "1.1"),
    query("autoscaling", "2011-01-01"),
    rest("batch"),
    row("bedrock-agent-runtime", "bedrock", Rest),
    row("bedrock-runtime", "bedrock", Rest),
    query("cloudformation", "2010-05-15"),
    json("codebuild", "CodeBuild_20161006", "1.1"),
    json("codepipeline", "CodePipeline_20150709", "1.1"),
    json("cognito-identity", "AWSCognitoIdentityService", "1.1"),
    json("cognito-idp", "AWSCognitoIdentityProviderService", "1.1"),
    json("comprehend", "Comprehend_20171127", "1.1"),
    json("config", "StarlingDoveService", "1.1"),
    row("data-ats.iot", IOT_DATA, Rest),
    row("data.iot", IOT_DATA, Rest),
    row("data.jobs.iot", "iot-jobs-data", Rest),
    json("dynamodb", "DynamoDB_20120810", "1.0"),
    query("ec2", "2016-11-15"),
    json("ecs", "AmazonEC2ContainerServiceV20141113", "1.1"),
    rest("eks"),
    query("elasticache", "2015-02-02"),
    json("elasticmapreduce", "ElasticMapReduce", "1.1"),
    row("email", "ses", Query { version: "2010-12-01" }),
    rest("es"),
    json("events", "AWSEvents", "1.1"),
    rest("execute-api"),
    json("firehose", "Firehose_20150804", "1.1"),
    rest("geo"),
    json("glue", "AWSGlue", "1.1"),
    row("ingest.timestream", "timestream", target("Timestream_20181101", "1.0")),
    rest("iot"),
    AwsService { name: IOT_DATA, host: "data-ats.iot", signing_name: IOT_DATA, protocol: Rest },
    rest("kafka"),
    json("kendra", "AWSKendraFrontendService", "1.1"),
    json("kinesis", "Kinesis_20131202", "1.1"),
    rest("kinesisvideo"),
    json("kms", "TrentService", "1.1"),
    rest("lakeformation"),
    rest("lambda"),
    json("logs", "Logs_20140328", "1.1"),
    row("models.lex", "lex", Rest),
    query("monitoring", "2010-08-01"),
    row("personalize-runtime", "personalize", Rest),
    row("pinpoint", "mobiletargeting", Rest),
    rest("pipes"),
    rest("polly"),
    row("query.timestream", "timestream", target("Timestream_20181101", "1.0")),
    query("rds", "2014-10-31"),
    rest("rds-data"),
    query("redshift", "2012-12-01"),
    json("redshift-data", "RedshiftData", "1.1"),
    json("rekognition", "RekognitionService", "1.1"),
    rest("resource-groups"),
    row("runtime-v2-lex", "lex", Rest),
    row("runtime.lex", "lex", Rest),
    row("runtime.sagemaker", "sagemaker", Rest),
    rest("s3"),
    rest("scheduler"),
    json("secretsmanager", "secretsmanager", "1.1"),
    json("servicediscovery", "Route53AutoNaming_v20170314", "1.1"),
    query("sns", "2010-03-31"),
    query("sqs", "2012-11-05"),
    json("ssm", "AmazonSSM", "1.1"),
    json("states", "AWSStepFunctions", "1.0"),
    row("streams.dynamodb", "dynamodb", target("DynamoDBStreams_20120810", "1.0")),
    query("sts", "2011-06-15"),
    json("tagging", "ResourceGroupsTaggingAPI_20170126", "1.1"),
    json("textract", "Textract", "1.1"),
    json("transcribe", "Transcribe", "1.1"),
    json("translate", "AWSShineFrontendService_20170701", "1.1"),
    json("workmail", "WorkMailService", "1.1"),
    rest("xray"),
];

impl Protocol {
    /// What `X-Amz-Target` has in front of the action.
    pub fn target_prefix(self) -> Option<&'static str> {
        match self {
            Protocol::Json { target_prefix, .. } => Some(target_prefix),
            Protocol::Query { .. } | Protocol::Rest => None,
        }
    }

    /// `Content-Type` of a call by `action/`, where nothing else is mapped; `None` where there is no such call.
    pub fn content_type(self) -> Option<&'static str> {
        match self {
            Protocol::Json { version: "1.0", .. } => Some("application/x-amz-json-1.0"),
            Protocol::Json { .. } => Some("application/x-amz-json-1.1"),
            Protocol::Query { .. } => Some("application/x-www-form-urlencoded"),
            Protocol::Rest => None,
        }
    }
}

/// The service of this name.
pub fn named(name: &str) -> Option<&'static AwsService> {
    SERVICES.binary_search_by_key(&name, |service| service.name).ok().map(|at| &SERVICES[at])
}

/// Where a service of this name is in a region. `overrides` has origins (`http://127.0.0.1:4566`) by name, with the
/// subdomain where a URI has one (`bucket.s3`), and is stronger; a service that only it knows is signed for by its name.
///
/// # Errors
/// [`EndpointError`]
pub fn service_endpoint(
    service: &str,
    subdomain: Option<&str>,
    region: &str,
    overrides: &BTreeMap<String, String>,
) -> Result<ServiceEndpoint, EndpointError> {
    let known = named(service);
    let overridden = match subdomain {
        None => overrides.get(service),
        Some(subdomain) => overrides.get(&format!("{subdomain}.{service}")),
    };
    if overridden.is_none() && overrides.contains_key(service) {
        return Err(EndpointError::Subdomain);
    }
    let signing_name = known.map_or(service, |known| known.signing_name).to_owned();
    let protocol = known.map_or(Rest, |known| known.protocol);
    let origin = match (overridden, known) {
        (Some(origin), _) => origin.clone(),
        (None, Some(known)) => {
            // An account's own endpoint stands in the place of the general one.
            let host = if known.name == IOT_DATA && subdomain.is_some() { "iot" } else { known.host };
            let dot = if subdomain.is_some() { "." } else { "" };
            format!("https://{}{dot}{host}.{region}.{}", subdomain.unwrap_or_default(), domain(region))
        }
        (None, None) => return Err(EndpointError::UnknownService),
    };
    Ok(ServiceEndpoint { origin, signing_name, protocol })
}

/// The domain of a region's partition (botocore's `partitions.json`).
fn domain(region: &str) -> &'static str {
    let starts = |prefix: &str| region.starts_with(prefix);
    match region {
        _ if starts("cn-") => "amazonaws.com.cn",
        _ if starts("us-iso-") => "c2s.ic.gov",
        _ if starts("us-isob-") => "sc2s.sgov.gov",
        _ if starts("eu-isoe-") => "cloud.adc-e.uk",
        _ if starts("us-isof-") => "csp.hci.ic.gov",
        _ if starts("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ascend() {
        assert!(SERVICES.is_sorted_by(|left, right| left.name < right.name));
        for service in SERVICES {
            assert_eq!(named(service.name), Some(service));
        }
        assert_eq!(named("sqsx"), None);
    }

    #[track_caller]
    fn check(service: &str, region: &str, expected: Result<(&str, &str), EndpointError>) {
        let (subdomain, service) = match service.split_once('/') {
            Some((subdomain, service)) => (Some(subdomain), service),
            None => (None, service),
        };
        let overrides =
            [("sns", "http://127.0.0.1:4566"), ("novelty", "https://n.example"), ("b.s3", "http://s3:9000")];
        let overrides = overrides.map(|(name, origin)| (name.to_owned(), origin.to_owned())).into();
        let found = service_endpoint(service, subdomain, region, &overrides);
        let found = found.map(|found| (found.origin, found.signing_name));
        assert_eq!(found, expected.map(|(origin, name)| (origin.to_owned(), name.to_owned())), "{service}");
    }

    #[test]
    fn endpoints() {
        check("sqs", "eu-west-1", Ok(("https://sqs.eu-west-1.amazonaws.com", "sqs")));
        check("sqs", "cn-north-1", Ok(("https://sqs.cn-north-1.amazonaws.com.cn", "sqs")));
        check("sqs", "us-gov-west-1", Ok(("https://sqs.us-gov-west-1.amazonaws.com", "sqs")));
        check("email", "us-east-1", Ok(("https://email.us-east-1.amazonaws.com", "ses")));
        check("bucket/s3", "us-east-1", Ok(("https://bucket.s3.us-east-1.amazonaws.com", "s3")));
        check("runtime.sagemaker", "r", Ok(("https://runtime.sagemaker.r.amazonaws.com", "sagemaker")));
        check("bedrock-runtime", "r", Ok(("https://bedrock-runtime.r.amazonaws.com", "bedrock")));
        check("iotdata", "r", Ok(("https://data-ats.iot.r.amazonaws.com", "iotdata")));
        check("a1b2-ats/iotdata", "r", Ok(("https://a1b2-ats.iot.r.amazonaws.com", "iotdata")));
        check("data.iot", "r", Ok(("https://data.iot.r.amazonaws.com", "iotdata")));
        check("abc123/execute-api", "r", Ok(("https://abc123.execute-api.r.amazonaws.com", "execute-api")));
        check("streams.dynamodb", "r", Ok(("https://streams.dynamodb.r.amazonaws.com", "dynamodb")));
        check("sns", "r", Ok(("http://127.0.0.1:4566", "sns")));
        check("x/sns", "r", Err(EndpointError::Subdomain));
        check("b/s3", "r", Ok(("http://s3:9000", "s3")));
        check("novelty", "r", Ok(("https://n.example", "novelty")));
        check("dynamdb", "r", Err(EndpointError::UnknownService));
    }

    #[track_caller]
    fn check_protocol(name: &str, target_prefix: Option<&str>, content_type: Option<&str>) {
        let protocol = named(name).expect("a service").protocol;
        assert_eq!((protocol.target_prefix(), protocol.content_type()), (target_prefix, content_type), "{name}");
    }

    #[test]
    fn actions() {
        let (json_0, json_1) = (Some("application/x-amz-json-1.0"), Some("application/x-amz-json-1.1"));
        let form = Some("application/x-www-form-urlencoded");
        check_protocol("dynamodb", Some("DynamoDB_20120810"), json_0);
        check_protocol("states", Some("AWSStepFunctions"), json_0);
        check_protocol("kinesis", Some("Kinesis_20131202"), json_1);
        check_protocol("events", Some("AWSEvents"), json_1);
        check_protocol("firehose", Some("Firehose_20150804"), json_1);
        check_protocol("logs", Some("Logs_20140328"), json_1);
        check_protocol("ecs", Some("AmazonEC2ContainerServiceV20141113"), json_1);
        for query in ["sqs", "sns", "monitoring", "email", "sts"] {
            check_protocol(query, None, form);
        }
        for rest in ["s3", "lambda", "execute-api", "iotdata"] {
            check_protocol(rest, None, None);
        }
        assert_eq!(named("sqs").expect("a service").protocol, Query { version: "2012-11-05" });
    }
}
