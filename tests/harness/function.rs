//! A Lambda function as a script: a backend that speaks the Invoke API; and integrations that call one.

use serde_json::{Value, json};

use super::backend::{Backend, Conversation};

/// How an invocation ends.
pub enum Invoked {
    /// The function's result.
    Result(Value),
    /// The function threw this.
    Thrown(Value),
    /// Anything else.
    Raw(Box<dyn Fn(&mut Conversation<'_>) + Send>),
}

impl Invoked {
    pub fn raw(answer: impl Fn(&mut Conversation<'_>) + Send + 'static) -> Invoked {
        Invoked::Raw(Box::new(answer))
    }

    /// Text instead of JSON.
    pub fn text(text: impl Into<String>) -> Invoked {
        let text = text.into();
        Invoked::raw(move |conversation| send(conversation, "", &text))
    }

    pub fn error(message: &str) -> Invoked {
        Invoked::Thrown(json!({ "errorMessage": message, "errorType": "Exception", "stackTrace": [] }))
    }
}

/// Runs `script` for each invocation, with the function's name as its URL has it and the event.
pub fn functions(script: impl Fn(&str, &Value) -> Invoked + Send + Sync + 'static) -> Backend {
    Backend::start(move |conversation| {
        conversation.read_body();
        let request = &conversation.request;
        let name = request.target().split('/').nth(3).expect("it is an invocation").to_owned();
        let event = serde_json::from_str(request.text()).expect("an event is JSON");
        match script(&name, &event) {
            Invoked::Result(result) => send(conversation, "", &result.to_string()),
            Invoked::Thrown(error) => send(conversation, "X-Amz-Function-Error: Unhandled\r\n", &error.to_string()),
            Invoked::Raw(answer) => answer(conversation),
        }
    })
}

fn send(conversation: &mut Conversation<'_>, fields: &str, body: &str) {
    let length = body.len();
    conversation.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Amz-Executed-Version: $LATEST\r\n{fields}\
         Content-Length: {length}\r\n\r\n{body}"
    ));
}

/// The URI by which a definition names a function.
pub fn function_uri(name: &str) -> String {
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations")
}

/// What an authorizer answers.
pub fn policy(effect: &str, resources: &[&str]) -> Value {
    json!({
        "principalId": "user|a1b2c3",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resources }],
        },
    })
}

/// The same for a function whose answer is streamed.
pub fn streaming_function_uri(name: &str) -> String {
    function_uri(name).replace("2015-03-31", "2021-11-15").replace("/invocations", "/response-streaming-invocations")
}

/// `aws_proxy` with a function.
pub fn lambda(name: &str) -> Value {
    json!({"type": "aws_proxy", "httpMethod": "POST", "uri": function_uri(name)})
}

/// `aws` with a function.
pub fn lambda_mapped(name: &str, responses: Value) -> Value {
    json!({"type": "aws", "httpMethod": "POST", "uri": function_uri(name), "responses": responses})
}

/// An answer of the Invoke API, byte for byte.
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
pub fn answering(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Backend {
    functions(move |_, event| Invoked::Result(answer(event)))
}

/// What a function is invoked with.
pub fn event(conversation: &mut Conversation<'_>) -> Value {
    conversation.read_body();
    serde_json::from_slice(&conversation.request.body).expect("functions are invoked with JSON")
}
