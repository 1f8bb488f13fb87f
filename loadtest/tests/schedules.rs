//! Requests come when the schedule says, and the search finds what a server holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::server::{OK, Reply, Server};
use crate::{on_both_drivers, run, run_until};

#[test]
fn poisson_arrivals_have_their_rate() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let url = server.url();
        let common = ["--arrivals", "poisson", "--duration", "1s", "--workers", "2", "-c", "8", "--seed", "5"];
        let report = run(&[&[&url, "--driver", driver, "--rate", "900"], &common[..]].concat());
        // The deviation of the count is its root, 30: five of them. The seed makes it the same each time besides.
        assert!((750..=1050).contains(&report.total.intended), "{}", report.total.intended);
        assert_eq!(report.total.sent + report.total.not_sent, report.total.intended);
        assert_eq!(report.load.schedule, "Poisson 900/s");
    });
}

#[test]
fn a_ramp_has_the_requests_of_its_area() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report = run(&[&server.url(), "--driver", driver, "--rate", "0..1k", "--duration", "1s", "-c", "8"]);
        assert_eq!(report.total.intended, 500);
        assert_eq!(report.total.sent, server.requests());
        assert!(report.load.schedule.contains("ramp from 0/s to 1,000/s"), "{}", report.load.schedule);
    });
}

#[test]
fn what_never_left_is_told() {
    on_both_drivers(|driver| {
        // One connection that never gets an answer: one request leaves, the others are due.
        let server = Server::start(|_| Reply::Nothing);
        let held = ["-c", "1", "--timeout", "10m", "--driver", driver];
        let stop = Arc::new(AtomicBool::new(false));
        let seen = &server;
        let report = std::thread::scope(|scope| {
            let stopper = Arc::clone(&stop);
            scope.spawn(move || {
                while seen.requests() < 1 {
                    std::thread::sleep(Duration::from_millis(5));
                }
                std::thread::sleep(Duration::from_millis(200));
                stopper.store(true, Ordering::SeqCst);
            });
            run_until(&[&[&seen.url(), "--rate", "1000", "--duration", "1h"], &held[..]].concat(), stop)
        });
        let total = &report.total;
        assert_eq!((total.sent, total.in_flight, total.answered), (1, 1, 0));
        assert_eq!(total.intended, 1 + total.not_sent);
        // At least what was due while the server had the request.
        assert!(total.not_sent >= 195, "{}", total.not_sent);
    });
}

#[test]
fn the_search_finds_what_a_server_holds() {
    // 10 ms for each request, one at a time: 100 a second at the very most, and less on a busy machine.
    let turn = Arc::new(Mutex::new(()));
    let server = Server::start(move |_| {
        let _turn = turn.lock().unwrap();
        std::thread::sleep(Duration::from_millis(10));
        Reply::Bytes(OK.to_vec())
    });
    let search = ["--find-max", "p90<400ms,error_rate<1%", "--rate", "10..1k", "--trial", "1s", "--precision", "20%"];
    let report = run(&[&[&server.url(), "-c", "4"], &search[..]].concat());
    let found = report.found.unwrap();
    assert_eq!(found.condition, "p90<400ms,error_rate<1%");
    let (held, failed) = (found.rate.unwrap(), found.failed_rate.unwrap());
    // A trial of a second at a rate above 100 leaves a queue; at 180 its tail waits for 400 ms.
    assert!((10.0..=190.0).contains(&held), "{held} held, {failed} did not");
    assert!(failed > held && failed <= held * 2.0, "{held} held, {failed} did not");
    let rates: Vec<f64> = report.steps.iter().map(|step| step.intended_rate).collect();
    assert_eq!(rates[..2], [10.0, 20.0], "it begins at the lower bound and doubles");
}

#[test]
fn a_server_that_is_gone_ends_a_run_by_count() {
    on_both_drivers(|driver| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || drop(listener.accept()));
        let report = run(&[&url, "--driver", driver, "-n", "1000", "-c", "1", "--timeout", "200ms"]);
        assert!(report.total.sent < 1000 && !report.interrupted, "{:?}", report.total);
        assert!(report.total.seconds < 3600.0, "{}", report.total.seconds);
        let said = report.warnings.iter().any(|warning| warning.contains("the server is gone"));
        assert!(said, "{:?}", report.warnings);
    });
}
