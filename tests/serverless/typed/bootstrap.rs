//! A function in Rust. `_HANDLER` says which: `http` is one of `lambda_http`, the others take and give the types of
//! `aws_lambda_events`.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayProxyRequest,
};
use lambda_http::{Body, Error, IntoResponse, LambdaEvent, Request, RequestExt, Response, lambda_runtime, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("_HANDLER").unwrap_or_default().as_str() {
        "http" => lambda_http::run(service_fn(http)).await,
        "event" => lambda_runtime::run(service_fn(event)).await,
        "token" => lambda_runtime::run(service_fn(token)).await,
        "request" => lambda_runtime::run(service_fn(request)).await,
        other => Err(format!("there is no {other}").into()),
    }
}

/// What `lambda_http` makes of an event, told as JSON; binary bodies come back turned around.
async fn http(request: Request) -> Result<impl IntoResponse, Error> {
    if let Body::Binary(bytes) = request.body() {
        let turned = bytes.iter().rev().copied().collect::<Vec<u8>>();
        return Ok(Response::builder()
            .header("Content-Type", "application/octet-stream")
            .body(Body::Binary(turned))?);
    }
    let text = match request.body() {
        Body::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let seen = json!({
        "method": request.method().as_str(),
        "path": request.raw_http_path(),
        "proxy": request.path_parameters().first("proxy"),
        "query": request.query_string_parameters().all("q"),
        "header": request.headers().get_all("x-list").iter().map(|value| value.to_str().ok()).collect::<Vec<_>>(),
        "tier": request.stage_variables().first("tier"),
        "body": text,
    });
    let answer = Response::builder().status(203).header("Set-Cookie", "a=1").header("Set-Cookie", "b=2");
    Ok(answer.body(Body::Text(seen.to_string()))?)
}

/// The event as the type writes it again.
async fn event(event: LambdaEvent<ApiGatewayProxyRequest>) -> Result<Value, Error> {
    Ok(json!({ "statusCode": 200, "body": serde_json::to_string(&event.payload)? }))
}

async fn token(event: LambdaEvent<ApiGatewayCustomAuthorizerRequest>) -> Result<Value, Error> {
    let ApiGatewayCustomAuthorizerRequest { authorization_token, method_arn, .. } = event.payload;
    let token = authorization_token.ok_or("no token")?;
    Ok(allow(&method_arn.ok_or("no ARN")?, json!({ "token": token })))
}

async fn request(event: LambdaEvent<ApiGatewayCustomAuthorizerRequestTypeRequest>) -> Result<Value, Error> {
    let typed = serde_json::to_string(&event.payload)?;
    Ok(allow(&event.payload.method_arn.ok_or("no ARN")?, json!({ "event": typed })))
}

fn allow(arn: &str, context: Value) -> Value {
    let statement = json!({ "Action": ["execute-api:Invoke"], "Effect": "Allow", "Resource": [arn] });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    json!({ "principalId": "anybody", "policyDocument": policy, "context": context })
}
