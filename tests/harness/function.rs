//! Lambda's Invoke API as a scripted backend, and integrations that call it.

use serde_json::{Value, json};

use super::Backend;
use super::backend::Conversation;

/// The URI of an integration with a function.
pub fn function_uri(name: &str) -> String {
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations")
}

/// The same for a function whose answer is streamed.
pub fn streaming_function_uri(name: &str) -> String {
    function_uri(name).replace("2015-03-31", "2021-11-15").replace("/invocations", "/response-streaming-invocations")
}

/// `aws_proxy` with a function.
pub fn lambda(name: &str) -> Value {
    json!({"type": "aws_proxy", "httpMethod": "POST", "uri": function_uri(name)})
}

/// `aws` with a function, and one response for everything.
pub fn lambda_mapped(name: &str, responses: Value) -> Value {
    json!({"type": "aws", "httpMethod": "POST", "uri": function_uri(name), "responses": responses})
}

/// An answer of the Invoke API.
pub fn invoked(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-amzn-RequestId: r-1\r\nX-Amz-Executed-Version: $LATEST\r\n\
         {fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Functions that answer an event with JSON, whatever their names.
pub fn functions(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Backend {
    Backend::start(move |conversation| {
        let event = event(conversation);
        conversation.send(invoked("", answer(&event).to_string()));
    })
}

/// What a function is invoked with.
pub fn event(conversation: &mut Conversation<'_>) -> Value {
    conversation.read_body();
    serde_json::from_slice(&conversation.request.body).expect("functions are invoked with JSON")
}
