//! Integrations with Lambda and other services, and private ones: what is asked, and what is refused.

use super::*;
use crate::model::{ConnectionType, TlsConfig, VpcLinkId};
use crate::plan::compile::targets::FunctionTarget;
use crate::plan::integration::Origin;
use crate::plan::lambda::{LambdaIntegration, SelectsBy, ServiceCall, SignatureScope};

const FUNCTION: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:\
                        function:orders/invocations";

fn streaming(uri: &str) -> String {
    uri.replace("2015-03-31", "2021-11-15").replace("/invocations", "/response-streaming-invocations")
}

fn integration(integration_type: IntegrationType, uri: &str) -> Integration {
    let response = IntegrationResponse { status_code: "200".to_owned(), ..IntegrationResponse::default() };
    Integration {
        integration_type,
        http_method: Some("POST".to_owned()),
        uri: Some(uri.to_owned()),
        integration_responses: [("200".to_owned(), response)].into_iter().collect(),
        ..Integration::default()
    }
}

fn lambda(uri: &str) -> Integration {
    integration(IntegrationType::AwsProxy, uri)
}

fn aws(uri: &str) -> Integration {
    integration(IntegrationType::Aws, uri)
}

fn targets() -> Targets {
    let elsewhere = FunctionTarget {
        url: "https://lambda.eu-west-1.amazonaws.com/base".to_owned(),
        name: Some("orders-2".to_owned()),
        signed: true,
    };
    Targets {
        function_host: Some("127.0.0.1:9001".parse().expect("an address")),
        functions: [("elsewhere".to_owned(), elsewhere)].into(),
        service_endpoints: [("sns".to_owned(), "http://127.0.0.1:4566".to_owned())].into(),
        without_credentials: false,
        lambda: None,
        tokens: Default::default(),
        vpc_links: [("abc123", "http://10.0.0.5:8080"), ("arn:lb", "https://10.0.0.6"), ("by-name", "http://[::1]:81")]
            .map(|(name, url)| (name.to_owned(), url.to_owned()))
            .into(),
    }
}

fn compiled_with(integration: Integration, targets: Targets, operation: Option<&str>) -> Result<Plan, Vec<String>> {
    let mut described = method("ANY", integration);
    described.operation_name = operation.map(str::to_owned);
    let definition = definition(vec![resource(PATH, vec![described])]);
    let mut stage = stage();
    stage.variables.insert("link".to_owned(), "abc123".to_owned());
    stage.variables.insert("function".to_owned(), "orders:live".to_owned());
    let names = [("xyz789".to_owned(), vec!["by-name".to_owned(), "arn:other".to_owned()])];
    let options = Options { targets: Some(Arc::new(targets)), vpc_link_names: names.into(), ..Options::default() };
    compile(&[StageSource { definition: &definition, stage: &stage, canary: None }], &options, 7).map_err(|problems| {
        problems.iter().map(|problem| format!("{}: {}", short(&problem.value.pointer), problem.message)).collect()
    })
}

#[track_caller]
fn with_lambda(integration: Integration, look: impl FnOnce(&LambdaIntegration, &Origin)) {
    let plan = compiled_with(integration, targets(), Some("ListOrders")).expect("it can be served");
    let stage = &plan.stages[0];
    let plan_integration::Integration::Lambda(lambda) = &stage.methods[0].integration else { panic!("a function") };
    look(lambda, stage.origin(lambda.call.origin));
}

#[track_caller]
fn with_service(integration: Integration, look: impl FnOnce(&HttpIntegration, &ServiceCall, &Origin)) {
    let plan = compiled_with(integration, targets(), None).expect("it can be served");
    let stage = &plan.stages[0];
    let plan_integration::Integration::Http(http) = &stage.methods[0].integration else { panic!("a service") };
    let service = http.service.as_deref().expect("a service");
    assert!(http.mapped && !http.proxy && !http.streams, "a signature is of the whole body");
    look(http, service, stage.origin(http.origin));
}

#[track_caller]
fn refused(integration: Integration, expected: &str) {
    let found = compiled_with(integration, targets(), None).map(drop).expect_err("it is refused");
    assert_eq!(found, [format!("/methodIntegration{expected}")]);
}

fn path_of(http: &HttpIntegration) -> String {
    let part = |part: &PathPart| match part {
        PathPart::Literal(text) => text.to_string(),
        PathPart::Value(name, _) => format!("{{{name}}}"),
    };
    let path: String = http.path.iter().map(part).collect();
    if http.query.is_empty() { path } else { format!("{path}?{}", http.query) }
}

#[test]
fn functions_are_invoked_where_they_are() {
    with_lambda(lambda(FUNCTION), |lambda, origin| {
        assert_eq!((&*origin.authority, origin.tls), ("127.0.0.1:9001", false));
        assert_eq!(&*lambda.call.path, "/2015-03-31/functions/orders/invocations");
        assert_eq!((lambda.streams, lambda.timeout_ms, &lambda.call.signed_for), (false, 29_000, &None));
        assert_eq!(lambda.operation_name.as_deref(), Some("ListOrders"));
    });
    with_lambda(lambda(&FUNCTION.replace("orders", "${stageVariables.function}")), |lambda, _| {
        assert_eq!(&*lambda.call.path, "/2015-03-31/functions/orders/invocations?Qualifier=live");
    });
    with_lambda(lambda(&FUNCTION.replace("orders", "elsewhere")), |lambda, origin| {
        assert_eq!((&*origin.authority, origin.tls), ("lambda.eu-west-1.amazonaws.com", true));
        assert_eq!(&*lambda.call.path, "/base/2015-03-31/functions/orders-2/invocations");
        assert_eq!(lambda.call.signed_for.as_deref(), Some("eu-west-1"));
    });
    let streams = Integration {
        response_transfer_mode: Some(ResponseTransferMode::Stream),
        timeout_in_millis: Some(900_000),
        ..lambda(&streaming(FUNCTION))
    };
    with_lambda(streams, |lambda, _| {
        assert_eq!(&*lambda.call.streaming_path, "/2021-11-15/functions/orders/response-streaming-invocations");
        assert_eq!((lambda.streams, lambda.timeout_ms), (true, 900_000));
    });
}

#[test]
fn functions_that_cannot_be_invoked_are_refused() {
    let s3 = "arn:aws:apigateway:eu-west-1:s3:path/bucket/key";
    refused(lambda(s3), "/uri: integrations of type `aws_proxy` call Lambda functions, and no other service");
    refused(lambda("http://a/"), "/uri: `http://a/` is not the ARN of an integration");
    let uri = FUNCTION.replace("path/2015-03-31/functions", "action/Invoke&x=");
    let found = compiled_with(lambda(&uri), targets(), None).map(drop).expect_err("it is refused");
    assert_eq!(found, ["/methodIntegration/uri: functions are not called by `action/`"]);
    let short = FUNCTION.replace("123456789012", "1");
    refused(lambda(&short), &format!("/uri: `{short}` does not name a Lambda function"));
    let get = Integration { http_method: Some("GET".to_owned()), ..lambda(FUNCTION) };
    refused(get, "/httpMethod: functions are invoked by POST only");
    let streamed = Integration { response_transfer_mode: Some(ResponseTransferMode::Stream), ..lambda(FUNCTION) };
    refused(streamed, "/uri: a function whose answer is streamed is invoked by another path");
    let message = "/uri: `response-streaming-invocations` is for answers that are streamed";
    refused(lambda(&streaming(FUNCTION)), message);
    refused(Integration { uri: None, ..lambda("") }, ": the integration has no `uri`");
    let own = Integration { credentials: Some("arn:aws:iam::*:user/*".to_owned()), ..lambda(FUNCTION) };
    refused(own, "/credentials: a caller's own credentials cannot be passed on: nobody sends his secret");
    let role = Integration { credentials: Some("arn:aws:iam::123456789012:role/r".to_owned()), ..lambda(FUNCTION) };
    with_lambda(role, |_, _| {});
    let careless = Integration { tls_config: Some(TlsConfig { insecure_skip_verification: true }), ..lambda(FUNCTION) };
    refused(careless, "/tlsConfig: the certificates of AWS's services are always verified");
    let nowhere = compiled_with(lambda(FUNCTION), Targets::default(), None).map(drop).expect_err("it is refused");
    assert_eq!(nowhere, ["/methodIntegration/uri: there is nowhere to invoke the function `orders`"]);
    let elsewhere = lambda(&FUNCTION.replace("orders", "elsewhere"));
    let unsigned = compiled_with(elsewhere, Targets { without_credentials: true, ..targets() }, None).map(drop);
    let message = "requests to `lambda` have to be signed, and there are no credentials to do that with";
    assert_eq!(unsigned.expect_err("it is refused"), [format!("/methodIntegration/uri: {message}")]);
}

#[test]
fn services_are_called_by_their_protocols() {
    let scope = |service: &str| Some(SignatureScope { region: "eu-west-1".into(), service: service.into() });
    with_service(aws("arn:aws:apigateway:eu-west-1:dynamodb:action/PutItem"), |http, service, origin| {
        assert_eq!((&*origin.authority, origin.tls), ("dynamodb.eu-west-1.amazonaws.com", true));
        assert_eq!(path_of(http), "/");
        assert_eq!(service.target.as_deref(), Some("DynamoDB_20120810.PutItem"));
        assert_eq!(service.content_type.as_deref(), Some("application/x-amz-json-1.0"));
        assert_eq!((service.selects_by, &service.signed_for), (SelectsBy::Status, &scope("dynamodb")));
    });
    with_service(aws("arn:aws:apigateway:eu-west-1:sns:action/Publish&TopicArn=t"), |http, service, origin| {
        assert_eq!((&*origin.authority, origin.tls), ("127.0.0.1:4566", false));
        assert_eq!(path_of(http), "/?Action=Publish&Version=2010-03-31&TopicArn=t");
        assert_eq!((&service.target, &service.content_type), (&None, &None));
    });
    let mut s3 = aws("arn:aws:apigateway:eu-west-1:s3:path/{bucket}/a/{key}");
    s3.request_parameters = map(&[
        ("integration.request.path.bucket", "'pets'"),
        ("integration.request.path.key", "method.request.path.petId"),
    ]);
    with_service(s3, |http, service, _| {
        assert_eq!(path_of(http), "/{bucket}/a/{key}");
        assert_eq!(service.signed_for, scope("s3"));
    });
    with_service(aws("arn:aws:apigateway:eu-west-1:bucket.s3:path/key"), |_, _, origin| {
        assert_eq!(&*origin.authority, "bucket.s3.eu-west-1.amazonaws.com");
    });
    with_service(aws(FUNCTION), |http, service, origin| {
        assert_eq!(&*origin.authority, "127.0.0.1:9001");
        assert_eq!(path_of(http), "/2015-03-31/functions/orders/invocations");
        assert_eq!((service.selects_by, &service.signed_for), (SelectsBy::ErrorMessage, &None));
    });
    with_service(aws(&FUNCTION.replace("orders", "elsewhere:1")), |http, service, _| {
        assert_eq!(path_of(http), "/base/2015-03-31/functions/orders-2/invocations?Qualifier=1");
        assert_eq!(service.signed_for, scope("lambda"));
    });
}

#[test]
fn services_that_cannot_be_called_are_refused() {
    refused(
        aws("arn:aws:apigateway:eu-west-1:s3:action/GetObject"),
        "/uri: `s3` has a path for each of its operations, and no `action/`",
    );
    refused(aws("arn:aws:apigateway:eu-west-1:nosuch:path/a"), "/uri: nobody says where the service `nosuch` is");
    refused(
        aws("arn:aws:apigateway:eu-west-1:account.sns:path/a"),
        "/uri: `aws.endpoints` has `sns`, but not `account.sns`",
    );
    refused(aws("arn:aws:apigateway:eu-west-1:s3:path/{bucket}"), "/uri: nothing is mapped to `{bucket}` of the URI");
    let silent = Integration { integration_responses: OrderedMap::new(), ..aws("arn:aws:apigateway:r:sqs:path/a") };
    refused(silent, ": an `aws` integration without `responses` cannot answer");
    let streams = Integration { response_transfer_mode: Some(ResponseTransferMode::Stream), ..aws(FUNCTION) };
    let found = compiled_with(streams, targets(), None).map(drop).expect_err("it is refused");
    assert_eq!(found[0], "/methodIntegration/responseTransferMode: answers of this integration cannot be streamed");
    let unsigned = |uri| compiled_with(aws(uri), Targets { without_credentials: true, ..targets() }, None).map(drop);
    let message = "requests to `sqs` have to be signed, and there are no credentials to do that with";
    let found = unsigned("arn:aws:apigateway:eu-west-1:sqs:path/a").expect_err("it is refused");
    assert_eq!(found, [format!("/methodIntegration/uri: {message}")]);
    assert!(unsigned("arn:aws:apigateway:eu-west-1:sns:path/a").is_ok(), "an endpoint of one's own may do without");
}

fn linked(connection_id: &str) -> Integration {
    Integration {
        connection_type: Some(ConnectionType::VpcLink),
        connection_id: Some(VpcLinkId(connection_id.to_owned())),
        ..http_proxy("http://internal.example.com/base", &[])
    }
}

#[track_caller]
fn check_link(integration: Integration, expected: (&str, u16, bool)) {
    let plan = compiled_with(integration, targets(), None).expect("it can be served");
    let plan_integration::Integration::Http(http) = &plan.stages[0].methods[0].integration else { panic!("a link") };
    let origin = plan.stages[0].origin(http.origin);
    assert_eq!((&*origin.host, origin.port, origin.tls), expected);
    assert_eq!((&*origin.authority, &*path_of(http)), ("internal.example.com", "/base"), "the URI says what is asked");
}

#[test]
fn vpc_links_lead_to_private_places() {
    check_link(linked("abc123"), ("10.0.0.5", 8080, false));
    check_link(linked("${stageVariables.link}"), ("10.0.0.5", 8080, false));
    check_link(linked("xyz789"), ("::1", 81, false));
    let balanced = Integration { integration_target: Some("arn:lb".to_owned()), ..linked("abc123") };
    check_link(balanced, ("10.0.0.6", 443, true));
    refused(linked("nope"), "/connectionId: nobody says where the VPC link `nope` leads");
    refused(linked("${stageVariables.nope}"), "/connectionId: the stage variable `nope` has no value");
    let without = Integration { connection_id: None, ..linked("") };
    refused(without, "/connectionType: a private integration without `connectionId` has nowhere to go");
    let public = Integration { connection_type: None, ..linked("abc123") };
    refused(public, "/connectionId: a `connectionId` is for private integrations only");
    let service = Integration { connection_type: Some(ConnectionType::VpcLink), ..lambda(FUNCTION) };
    let service = Integration { connection_id: Some(VpcLinkId("abc123".to_owned())), ..service };
    refused(service, "/connectionType: VPC links are for integrations of the types `http` and `http_proxy`");
}
