//! Mapping templates and mapped parameters, end to end. (Guide, `request-response-data-mappings`,
//! `api-gateway-mapping-template-reference`.)

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http};
use crate::vectors;

on_both_drivers! {
    a_request_is_mapped_and_its_answer_too,
    parameters_come_from_anywhere,
    overrides_change_the_request_and_the_answer,
    content_types_choose_or_pass_or_are_refused,
    bodies_may_come_late_chunked_and_in_pieces,
    methods_without_a_body_send_none,
    a_mock_answers_by_template,
    templates_that_fail_are_500_and_bodies_that_are_no_json_400,
    recordings_of_the_service,
}

fn post(path: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: gw.test\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A backend that answers with JSON about what it got.
fn echo() -> Backend {
    Backend::start(|conversation| {
        conversation.read_body();
        let body = format!("{{\"got\":{}}}", json!(conversation.request.text()));
        conversation.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kind: one\r\nX-Kind: two\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    })
}

fn mapped(backend: &Backend, integration: Value) -> Api {
    let mut whole = http(format!("{}/orders/{{id}}", backend.url()));
    whole["httpMethod"] = json!("POST");
    whole["requestParameters"] = json!({"integration.request.path.id": "method.request.path.id"});
    for (key, value) in integration.as_object().expect("an object") {
        if key == "requestParameters" {
            for (target, source) in value.as_object().expect("an object") {
                whole["requestParameters"][target] = source.clone();
            }
        } else {
            whole[key] = value.clone();
        }
    }
    Api::new().route("POST /orders/{id}", whole)
}

fn a_request_is_mapped_and_its_answer_too(driver: Driver) {
    let backend = echo();
    let api = mapped(
        &backend,
        json!({
            "requestTemplates": {"application/json":
                "#set($pet = $input.path('$.pet')){\"name\": \"$pet.name\", \"id\": \"$input.params('id')\", \"q\": \"$input.params('q')\", \"method\": \"$context.httpMethod\"}"},
            "responses": {"default": {"statusCode": "201",
                "responseParameters": {
                    "method.response.header.X-Got": "integration.response.body.got",
                    "method.response.header.X-Kinds": "integration.response.multivalueheader.X-Kind"},
                "responseTemplates": {"application/json":
                    "{\"theirs\": $input.json('$.got'), \"q\": \"$input.params('q')\"}"}}},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let answer = gateway.exchange(post("/orders/7?q=a%20b", "application/json", r#"{"pet": {"name": "Rex"}}"#));
    let sent = r#"{"name": "Rex", "id": "7", "q": "a b", "method": "POST"}"#;
    let request = backend.last();
    assert_eq!((request.target(), request.text()), ("/orders/7", sent));
    assert_eq!(request.field("content-type"), Some("application/json"));
    assert_eq!(answer.status(), 201, "{}", answer.head);
    let body: Value = serde_json::from_str(answer.text()).expect("JSON");
    assert_eq!(body, json!({"theirs": sent, "q": "a b"}));
    assert_eq!((answer.field("x-got"), answer.field("x-kinds")), (Some(sent), Some("one,two")));
}

fn parameters_come_from_anywhere(driver: Driver) {
    let backend = echo();
    let api = mapped(
        &backend,
        json!({"requestParameters": {
            "integration.request.header.X-Name": "method.request.body.pet.name",
            "integration.request.header.X-Tags": "method.request.body.tags",
            "integration.request.header.X-None": "method.request.body.none",
            "integration.request.header.X-All": "method.request.multivalueheader.X-In",
            "integration.request.querystring.many": "method.request.multivaluequerystring.many",
            "integration.request.querystring.one": "method.request.body.tags[1]",
        }}),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let body = r#"{"pet": {"name": "Rex"}, "tags": [1, "b"]}"#;
    let request = post("/orders/7?many=1&x=2&many=3", "application/json", body).replacen(
        "\r\n\r\n",
        "\r\nX-In: a\r\nX-In: b\r\n\r\n",
        1,
    );
    assert_eq!(gateway.exchange(request).status(), 200);
    let request = backend.last();
    assert_eq!(request.target(), "/orders/7?many=1&many=3&one=b");
    assert_eq!(request.text(), body, "without a template the body passes");
    let answer = gateway.exchange(post("/orders/7", "application/json", "{broken"));
    assert_eq!((answer.status(), answer.text()), (400, r#"{"message":"Invalid JSON in request body"}"#));
    let fields = ["x-name", "x-tags", "x-none", "x-all"].map(|name| request.field(name));
    assert_eq!(fields, [Some("Rex"), Some("[1,\"b\"]"), None, Some("a,b")]);
}

fn overrides_change_the_request_and_the_answer(driver: Driver) {
    let backend = echo();
    let api = mapped(
        &backend,
        json!({
            "requestTemplates": {"application/json":
                "#set($context.requestOverride.header.X-New = \"h$input.params('id')\")\
                 #set($context.requestOverride.querystring.q = 'a&b')\
                 #set($context.requestOverride.path.id = \"8/9\"){}"},
            "responses": {"default": {"statusCode": "200",
                "responseParameters": {"method.response.header.X-Kind": "integration.response.header.X-Kind"},
                "responseTemplates": {"application/json":
                    "#set($context.responseOverride.status = 418)\
                     #set($context.responseOverride.header.X-Kind = 'three')\
                     #set($context.responseOverride.header.X-More = $context.requestOverride.path.id)short"}}},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let answer = gateway.exchange(post("/orders/7", "application/json", "{}"));
    let request = backend.last();
    assert_eq!((request.target(), request.field("x-new")), ("/orders/8%2F9?q=a%26b", Some("h7")));
    assert_eq!((answer.status(), answer.text()), (418, "short"));
    assert_eq!((answer.field("x-kind"), answer.field("x-more")), (Some("three"), Some("8/9")));
}

fn content_types_choose_or_pass_or_are_refused(driver: Driver) {
    for (behaviour, other, none) in [("when_no_match", 200, 200), ("when_no_templates", 415, 200), ("never", 415, 415)]
    {
        let backend = echo();
        let with = mapped(
            &backend,
            json!({"passthroughBehavior": behaviour, "requestTemplates":
                {"application/json": "json", "text/xml": "xml"}}),
        );
        let gateway = Gateway::with(&with).driver(driver).start();
        let client = &mut gateway.connect();
        for (content_type, body) in [("application/json; charset=utf-8", "json"), ("Text/XML", "xml")] {
            assert_eq!(client.exchange(post("/orders/1", content_type, "theirs")).status(), 200, "{content_type}");
            assert_eq!(backend.last().text(), body);
        }
        let answer = client.exchange(post("/orders/1", "text/csv", "theirs"));
        assert_eq!(answer.status(), other, "{behaviour}");
        if other == 200 {
            assert_eq!((backend.last().text(), backend.last().field("content-type")), ("theirs", Some("text/csv")));
        } else {
            assert_eq!(answer.text(), r#"{"message":"Unsupported Media Type"}"#);
        }
        let without = mapped(&backend, json!({"passthroughBehavior": behaviour}));
        let gateway = Gateway::with(&without).driver(driver).start();
        assert_eq!(gateway.exchange(post("/orders/1", "text/csv", "theirs")).status(), none, "{behaviour}");
    }
}

fn bodies_may_come_late_chunked_and_in_pieces(driver: Driver) {
    let backend = echo();
    let api = mapped(&backend, json!({"requestTemplates": {"application/json": "$input.json('$.a')"}}));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let head = "POST /orders/1 HTTP/1.1\r\nHost: gw.test\r\nContent-Type: application/json\r\n";
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\n{{\"a\r\n"));
    std::thread::sleep(std::time::Duration::from_millis(20));
    client.send("8\r\n\": \"late\r\n2\r\n\"}\r\n0\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    assert_eq!((backend.last().text(), backend.last().field("content-length")), ("\"late\"", Some("6")));
    // The next request was on its way already.
    client.send(format!("{head}Expect: 100-continue\r\nContent-Length: 7\r\n\r\n"));
    assert_eq!(client.answer().status(), 100);
    client.send("{\"a\":2}");
    assert_eq!(client.answer().status(), 200);
    assert_eq!(backend.last().text(), "2");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    client.send(format!("{head}Content-Length: {}\r\n\r\n{large}", large.len()));
    assert_eq!(client.answer().status(), 200);
    assert_eq!(backend.last().text().len(), (3 << 20) + 2);
    client.send(format!("{head}Content-Length: 50\r\n\r\nhalf"));
    client.half_close();
    client.expect_end();
}

fn methods_without_a_body_send_none(driver: Driver) {
    let backend = echo();
    let api = mapped(&backend, json!({"httpMethod": "GET", "requestTemplates": {"application/json": "made"}}));
    let gateway = Gateway::with(&api).driver(driver).start();
    assert_eq!(gateway.exchange(post("/orders/1", "application/json", "{}")).status(), 200);
    let request = backend.last();
    assert_eq!((request.method(), request.text(), request.field("content-length")), ("GET", "", None));
}

fn a_mock_answers_by_template(driver: Driver) {
    let integration = json!({
        "type": "mock",
        "requestTemplates": {"application/json":
            "{\"statusCode\": #if($input.params('fail') == 'yes')500#{else}200#end}"},
        "responses": {
            "default": {"statusCode": "200", "responseTemplates": {"application/json":
                "{\"id\": \"$input.params('id')\", \"stage\": \"$context.stage\", \"v\": \"$stageVariables.v\", \"ip\": \"$context.identity.sourceIp\"}"}},
            "500": {"statusCode": "502", "responseTemplates": {"application/json": "#set($x = 1)failed $x"}},
        },
    });
    let api =
        Api::new().route("ANY /mocks/{id}", integration).with("x-tollgate-stage-variables", json!({"v": "variable"}));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.get("/mocks/a%20b");
    let body: Value = serde_json::from_str(answer.text()).expect("JSON");
    assert_eq!((&body["id"], &body["v"], &body["ip"]), (&json!("a b"), &json!("variable"), &json!("127.0.0.1")));
    // In a path a plus is a plus.
    let body: Value = serde_json::from_str(client.get("/mocks/a+b%2Bc").text()).expect("JSON");
    assert_eq!(body["id"], json!("a+b+c"));
    let answer = client.get("/mocks/1?fail=yes");
    assert_eq!((answer.status(), answer.text()), (502, "failed 1"));
    client.send("HEAD /mocks/1 HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    let answer = client.answer_to("HEAD");
    assert_eq!((answer.status(), answer.text()), (200, ""));
    assert_eq!(client.get("/mocks/2").status(), 200, "the connection is in step");
}

fn templates_that_fail_are_500_and_bodies_that_are_no_json_400(driver: Driver) {
    let backend = echo();
    let api = mapped(
        &backend,
        json!({
            "requestTemplates": {"application/json": "$input.json('$.a')", "text/plain": "#foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..1000])$k#end#end#end"},
            "responses": {"default": {"statusCode": "200",
                "responseTemplates": {"application/json": "#set($context.responseOverride.status = 'none')x"}}},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.exchange(post("/orders/1", "application/json", "{broken"));
    assert_eq!(answer.status(), 400, "{}", answer.head);
    assert_eq!(answer.field("x-amzn-errortype"), Some("BadRequestException"));
    let error = (500, r#"{"message":"Internal server error"}"#);
    let answer = client.exchange(post("/orders/1", "text/plain", "stall"));
    assert_eq!((answer.status(), answer.text()), error, "a template that would run for ever");
    let answer = client.exchange(post("/orders/1", "application/json", r#"{"a": 1}"#));
    assert_eq!((answer.status(), answer.text()), error, "a status that is none");
    assert_eq!(backend.requests().len(), 1, "only the last came to the backend");
}

/// What the real service rendered through a MOCK integration, through ours.
fn recordings_of_the_service(driver: Driver) {
    let vectors = vectors::vectors();
    let mut api = Api::new();
    for (number, vector) in vectors.iter().enumerate() {
        let integration = json!({
            "type": "mock",
            "requestTemplates": {"application/json":
                "#set($context.requestOverride.path.body = $input.body)\n{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200",
                "responseTemplates": {"application/json": vector.response_template()}}},
        });
        api = api.route(&format!("POST /vectors/{number}"), integration);
    }
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let mut wrong = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        let answer = client.exchange(post(&format!("/vectors/{number}"), "application/json", &vector.body()));
        if answer.status() != 200 || !vector.is_expected(answer.text()) {
            wrong.push(format!("{}: {} {:?}", vector.name, answer.status(), answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}
