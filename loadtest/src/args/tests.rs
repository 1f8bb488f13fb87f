//! Command lines.

use std::time::Duration;

use super::*;
use crate::schedule::{Arrivals, Phase, Schedule};
use crate::settings::{DriverChoice, Load};
use crate::target::{Rendering, Request};

/// As a shell splits it; `'` quotes.
fn parse(line: &str) -> Result<Command, ArgsError> {
    let quoted = line.split('\'').enumerate();
    let mut words = vec!["loadtest".to_owned()];
    for (index, part) in quoted {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    settings(words.into_iter().map(OsString::from))
}

#[track_caller]
fn run(line: &str) -> Settings {
    match parse(line) {
        Ok(Command::Run(settings)) => *settings,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    match parse(line) {
        Err(ArgsError::Clap(error)) => error.to_string(),
        Err(ArgsError::Refused(message)) => message,
        Ok(command) => panic!("{line}: {command:?}"),
    }
}

fn load(line: &str) -> Load {
    run(&format!("http://127.0.0.1:1/ {line}")).load
}

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory;
    CommandLine::command().debug_assert();
}

#[test]
fn defaults() {
    let settings = run("http://127.0.0.1:8080/x");
    assert_eq!(settings.label, "http://127.0.0.1:8080/x");
    assert_eq!(settings.command, ["http://127.0.0.1:8080/x"]);
    assert_eq!(settings.repeats, 1);
    let load = settings.load;
    assert_eq!((load.schedule, load.duration), (Schedule::Closed, Duration::from_secs(10)));
    assert_eq!((load.connections, load.depth, load.driver), (64, 1, DriverChoice::Auto));
    assert_eq!((load.warm_up, load.timeout), (Duration::from_secs(2), Duration::from_secs(10)));
    assert_eq!((load.spin, load.head_bytes_max, load.body_bytes_max), (Duration::from_micros(50), 65536, 1048576));
    assert!(load.workers >= 1 && load.pin.is_empty() && load.tls.resume && !load.tls.insecure);
    assert_eq!(settings.target.order, [0]);
    assert_eq!(settings.target.requests[0].name, "GET /x");
}

#[test]
fn schedules() {
    #[track_caller]
    fn check(line: &str, arrivals: Arrivals, phases: &[(f64, f64, f64)], duration_seconds: f64) {
        let load = load(line);
        let phases = phases.iter().map(|&(seconds, from, to)| Phase { seconds, from, to }).collect();
        assert_eq!(load.schedule, Schedule::Open { arrivals, phases });
        assert!((load.duration.as_secs_f64() - duration_seconds).abs() < 1e-6);
    }
    check("--rate 10k", Arrivals::Even, &[(10.0, 1e4, 1e4)], 10.0);
    check("--rate 10 --duration 1m --arrivals poisson", Arrivals::Poisson, &[(60.0, 10.0, 10.0)], 60.0);
    check("--rate 1k..5k -z 2s", Arrivals::Even, &[(2.0, 1e3, 5e3)], 2.0);
    check("--rate 0..5k -z 2s", Arrivals::Even, &[(2.0, 0.0, 5e3)], 2.0);
    check("--rate 1k..3k --steps 3 -z 3s", Arrivals::Even, &[(1.0, 1e3, 1e3), (1.0, 2e3, 2e3), (1.0, 3e3, 3e3)], 3.0);
    check("--rate 2..1 --steps 2 -z 2s", Arrivals::Even, &[(1.0, 2.0, 2.0), (1.0, 1.0, 1.0)], 2.0);
    check("--rate 100 -n 50", Arrivals::Even, &[(0.5, 100.0, 100.0)], 0.5);
    check("--rate 100 -n 50 -z 1s", Arrivals::Even, &[(1.0, 100.0, 100.0)], 1.0);
    check("--find-max p99<5ms", Arrivals::Even, &[(5.0, 100.0, 100.0)], 5.0);
    assert_eq!(load("-n 10k").requests_max, Some(10_000));
    assert_eq!(load("-n 10k").duration, Duration::from_secs(24 * 3600));
    assert_eq!(load("-n 10k -z 3s").duration, Duration::from_secs(3));
}

#[test]
fn searches() {
    let search = run("http://127.0.0.1 --find-max p99<5ms").search.unwrap();
    assert_eq!((search.rate_min, search.rate_max, search.precision), (100.0, 1e6, 0.05));
    assert_eq!(search.trial, Duration::from_secs(5));
    let search = run("http://127.0.0.1 --find-max p99<5ms --rate 1k..2k --trial 1s --precision 1%").search.unwrap();
    assert_eq!((search.rate_min, search.rate_max, search.precision), (1e3, 2e3, 0.01));
    assert_eq!(search.trial, Duration::from_secs(1));
}

#[test]
fn options_reach_the_load() {
    let load = load(
        "-c 8 -t 2 --depth 4 --pin 1,0 --driver io_uring --timeout 1s --requests-per-connection 5 \
                     --connections-per-second 2.5 --spin 0 --head-bytes-max 1KiB --body-bytes-max 2KiB \
                     --bind 127.0.0.1 --seed 7 --warm-up 0 -k",
    );
    assert_eq!((load.connections, load.workers, load.depth, load.pin.as_slice()), (8, 2, 4, &[1, 0][..]));
    assert_eq!((load.driver, load.timeout), (DriverChoice::IoUring, Duration::from_secs(1)));
    assert_eq!((load.requests_per_connection, load.connections_per_second), (Some(5), Some(2.5)));
    assert_eq!((load.spin, load.warm_up, load.seed), (Duration::ZERO, Duration::ZERO, 7));
    assert_eq!((load.head_bytes_max, load.body_bytes_max), (1024, 2048));
    assert_eq!(load.bind, Some("127.0.0.1:0".parse().unwrap()));
    assert!(load.tls.insecure);
}

#[test]
fn workers() {
    assert_eq!(load("-c 1").workers, 1);
    assert_eq!(load("--pin 0,1,2").workers, 3);
    assert_eq!(load("--pin 0,1,2 -t 2").workers, 2);
}

#[track_caller]
fn sent(line: &str) -> Vec<String> {
    let show = |request: &Request| match &request.rendering {
        Rendering::Fixed(bytes) => {
            let text = String::from_utf8_lossy(bytes).replace("\r\n", "|");
            text.replace(&format!("|User-Agent: loadtest/{}|Accept: */*|", env!("CARGO_PKG_VERSION")), "|")
        }
        Rendering::Template(_) => "template".to_owned(),
    };
    run(line).target.requests.iter().map(show).collect()
}

#[test]
fn requests() {
    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(sent(line), expected);
    }
    check("http://127.0.0.1/a http://127.0.0.1/b", {
        &["GET /a HTTP/1.1|Host: 127.0.0.1||", "GET /b HTTP/1.1|Host: 127.0.0.1||"]
    });
    check("http://127.0.0.1:81 -X DELETE -H 'A: b' --header C:d", {
        &["DELETE / HTTP/1.1|Host: 127.0.0.1:81|A: b|C: d||"]
    });
    check("http://127.0.0.1 -d a=b", {
        &["POST / HTTP/1.1|Host: 127.0.0.1|Content-Type: application/x-www-form-urlencoded|Content-Length: 3||a=b"]
    });
    check("http://127.0.0.1 -X PUT -H 'content-type: x' --json-body {}", {
        &["PUT / HTTP/1.1|Host: 127.0.0.1|content-type: x|Content-Length: 2||{}"]
    });
    check("http://127.0.0.1 -d -1 -H Content-Type:", &["POST / HTTP/1.1|Host: 127.0.0.1|Content-Length: 2||-1"]);
    check("http://127.0.0.1/{{seq}}", &["template"]);
    check("http://no-such.invalid --connect-to 127.0.0.1:99", &["GET / HTTP/1.1|Host: no-such.invalid||"]);
}

#[test]
fn weights() {
    assert_eq!(run("3=http://127.0.0.1/a http://127.0.0.1/b?x=1").target.order, [0, 0, 1, 0]);
    assert_eq!(run("3=http://127.0.0.1/a").label, "http://127.0.0.1/a");
}

fn with_file(content: impl AsRef<[u8]>, test: impl FnOnce(&str)) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    test(file.path().to_str().unwrap());
}

#[test]
fn requests_from_files() {
    with_file("{\"path\": \"/a\"}\n{\"path\": \"/b\", \"weight\": 2}", |path| {
        let target = run(&format!("http://127.0.0.1/v1 --requests {path} --expect-status 201")).target;
        assert_eq!(target.order, [1, 0, 1]);
        assert!(target.requests.iter().all(|request| request.check.judge(200, b"").is_err()));
        assert_eq!(target.requests[0].name, "GET /v1/a");
    });
    with_file("{\"url\": \"http://127.0.0.1:1/a\"}\n{\"url\": \"http://127.0.0.1:2/\"}", |path| {
        assert!(refusal(&format!("--requests {path}")).contains("http://127.0.0.1:1 and http://127.0.0.1:2"));
    });
    with_file([0xff, b'{', b'{'], |path| {
        let request = &run(&format!("http://127.0.0.1 --body-file {path}")).target.requests[0];
        let Rendering::Fixed(bytes) = &request.rendering else { panic!("not fixed") };
        assert!(bytes.ends_with(b"Content-Length: 3\r\n\r\n\xff{{"));
    });
    with_file("key-1\nkey-2", |path| {
        assert_eq!(sent(&format!("http://127.0.0.1 --api-keys {path}")), ["template"]);
        assert!(refusal(&format!("http://127.0.0.1 --api-keys {path} -H x-api-key:a")).contains("both say"));
    });
}

#[test]
fn operations_of_a_document() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/orders-openapi2.json");
    let names = |line: &str| {
        let requests = run(&format!("http://127.0.0.1{line} --openapi {file}")).target.requests;
        requests.into_iter().map(|request| request.name).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["GET /orders", "OPTIONS /orders", "ANY /orders/{orderId}"]);
    let only = format!("--openapi {file} --operations 'GET /orders'");
    let of = |url: &str, more: &str| sent(&format!("{url} {only} {more}")).remove(0);
    assert!(of("http://127.0.0.1/", "").starts_with("GET /prod/orders "));
    assert!(of("http://127.0.0.1/v2", "").starts_with("GET /v2/orders "));
    assert!(of("http://127.0.0.1/v2", "--base-path /").starts_with("GET /orders "));
    assert!(refusal(&format!("--openapi {file}")).contains("name the server to test"));
    assert!(refusal(&format!("http://127.0.0.1 --openapi {file} -d x")).contains("cannot be used with"));
}

#[test]
fn comparisons() {
    let Ok(Command::Compare { reports, html }) = parse("compare a.json b.json c.json --html x.html") else {
        panic!("not a comparison")
    };
    assert_eq!((reports.len(), html), (3, Some("x.html".into())));
    assert!(refusal("compare a.json").contains("only 1 was provided"));
}

#[test]
fn help_and_version() {
    for (line, exit_code) in [("--help", 0), ("--version", 0), ("compare --help", 0), ("", 2), ("--nope", 2)] {
        assert_eq!(parse(line).unwrap_err().exit_code(), exit_code, "{line}");
    }
    assert!(refusal("--help").contains("loadtest compare before.json"));
}

#[test]
fn refusals() {
    #[track_caller]
    fn check(line: &str, message: &str) {
        let error = refusal(&format!("http://127.0.0.1 {line}"));
        assert!(error.contains(message), "{error}");
    }
    check("--rate 0", "a rate of 0 sends nothing");
    check("--rate 0..0", "sends nothing");
    check("--rate x", "`x` is not a rate");
    check("--steps 3", "write it as --rate 1k..50k");
    check("--rate 5 --steps 3", "write it as --rate 1k..50k");
    check("--rate 1..5 --steps 1", "a number from 2");
    check("--rate 0..5 --steps 2", "begin and end the range above 0");
    check("--arrivals poisson", "add --rate");
    check("--rate 0.000000001 -n 100000000000000", "would never end");
    check("-z 10", "is not a duration");
    check("-z 0s", "longer than nothing");
    check("-c 2 -t 3", "3 workers need a connection each; raise --connections (2)");
    check("-c 0", "whole number from 1");
    check("--pin 0 -t 2", "--pin names 1 CPUs for 2 workers");
    check("--connections-per-second 0", "above 0");
    check("--find-max p99<5ms --rate 5", "--rate LOW..HIGH");
    check("--find-max p99<5ms --rate 5..1", "--rate LOW..HIGH");
    check("--find-max p99<5ms --rate 0..1", "--rate LOW..HIGH");
    check("--find-max p99<5ms --steps 2", "cannot be used with");
    check("--find-max p99<5ms --duration 2s", "cannot be used with");
    check("--trial 2s", "--find-max");
    check("--json - --html -", "only one report");
    check("--data a --json-body b", "cannot be used with");
    check("--requests a --openapi b", "cannot be used with");
    check("--requests a -X POST", "cannot be used with");
    check("--operations a", "--openapi");
    check("--cert a", "--key");
    check("--server-name a", "write https:// or leave it out");
    check("--bind ::1", "--bind ::1 is IPv6, but 127.0.0.1 has IPv4 addresses only");
    check("--expect-status abc", "is not a status");
    check("--expect-body-regex (", "regex parse error");
    check("-X HEAD --expect-body x", "HEAD has no body");
    check("-H secret", "no colon");
    check("--openapi a --base-path v1", "write a path that begins with /");
    check("--requests /no/such", "cannot read /no/such");
    check("--body-file /no/such", "cannot read /no/such");
    check("http://127.0.0.2", "go to one origin, but these are two: http://127.0.0.1 and http://127.0.0.2");
    check("0=http://127.0.0.1/", "whole number from 1, as in 3=http://127.0.0.1/");
    check("http://127.0.0.1/{{nope}}", "/{{nope}}, in its path: column 2");
    assert!(refusal("-n 5").contains("there is no URL"));
    assert!(refusal("http://no-such.invalid").contains("cannot resolve no-such.invalid"));
}

#[test]
fn credentials_are_not_in_the_command() {
    let settings = run("http://127.0.0.1 -H 'Authorization: Bearer abc' --label x");
    assert_eq!(settings.command, ["http://127.0.0.1", "-H", "Authorization: …", "--label", "x"]);
    assert_eq!(settings.label, "x");
}
