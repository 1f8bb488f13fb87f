//! CORS by a mock, as the console of API Gateway writes it.

use crate::harness::{Driver, Gateway, Message};

on_both_drivers! { a_preflight_and_what_follows }

const DOCUMENT: &str = include_str!("../../examples/cors.yaml");
const HEADERS: &str = "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token";

fn allowed(answer: &Message) -> [Option<&str>; 3] {
    ["origin", "methods", "headers"].map(|what| answer.field(&format!("access-control-allow-{what}")))
}

fn a_preflight_and_what_follows(driver: Driver) {
    let gateway = Gateway::serve().document(DOCUMENT).driver(driver).start();
    let client = &mut gateway.connect();
    // A browser's: no content type, so that the template for `application/json` is the one.
    let preflight = "OPTIONS /users HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\n\
                     Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n\r\n";
    let answer = client.exchange(preflight);
    assert_eq!((answer.status(), answer.text()), (200, ""));
    assert_eq!(allowed(&answer), [Some("*"), Some("GET,OPTIONS"), Some(HEADERS)]);
    let answer = client.get("/users");
    assert_eq!((answer.status(), answer.text()), (200, r#"[{"id": 1}]"#));
    assert_eq!(allowed(&answer), [Some("*"), None, None]);
    // Errors of the gateway: else a script could not read them.
    let answer = client.get("/nobody");
    assert_eq!((answer.status(), allowed(&answer)[0]), (403, Some("*")));
    // `passthroughBehavior: never`, which AWS recommends once CORS is on.
    let typed = "OPTIONS /users HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n\r\n";
    let answer = client.exchange(typed);
    assert_eq!((answer.status(), allowed(&answer)[0]), (415, Some("*")));
}
