//! `tollgate serve` without a file: the first thing that anybody sees.

use serde_json::Value;

use crate::harness::{Driver, Gateway};

on_both_drivers! { the_printed_commands_work }

fn the_printed_commands_work(driver: Driver) {
    let gateway = Gateway::serve().driver(driver).shards(2).start();
    crate::harness::wait_until("the last line", || gateway.output().contains("then your own: tollgate serve FILE"));
    let output = gateway.output();
    let commands: Vec<&str> = output.lines().filter_map(|line| line.trim().strip_prefix("curl ")).collect();
    assert_eq!(commands.len(), 3, "{output}");
    let mut answers = Vec::new();
    for command in &commands {
        let url = command.rsplit(' ').next().expect("a URL");
        let (address, path) = url.strip_prefix("http://").expect("HTTP").split_once('/').expect("a path");
        assert_eq!(address, gateway.address().to_string());
        let (method, rest) = match command.split('\'').nth(1) {
            Some(data) => {
                ("POST", format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{data}", data.len()))
            }
            None => ("GET", "\r\n".to_owned()),
        };
        let answer = gateway.exchange(format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\n{rest}"));
        let body: Value = serde_json::from_str(answer.text()).expect("JSON");
        answers.push((answer.status(), body));
    }
    assert_eq!((answers[0].0, answers[0].1.as_array().map(Vec::len)), (200, Some(3)), "a list of pets");
    assert_eq!((answers[1].0, &answers[1].1["type"]), (200, &Value::from("dog")));
    assert_eq!((answers[2].0, &answers[2].1["type"]), (201, &Value::from("cat")));
    // The rest of the example: a page, a pet that is not there, CORS, a path that is not.
    let page = gateway.get("/default/");
    assert_eq!((page.status(), page.field("content-type")), (200, Some("text/html")));
    let missing = gateway.get("/default/pets/99");
    assert_eq!(missing.status(), 404);
    assert!(missing.text().contains("no such pet"), "{}", missing.text());
    let cors = gateway.exchange("OPTIONS /default/pets HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((cors.status(), cors.field("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(gateway.get("/default/else/where").status(), 404);
}
