//! Every request is counted once, and the server's count is the tool's.

use crate::server::{OK, Reply, Server};
use crate::{on_both_drivers, run};
use loadtest::report::Report;

/// `sent = answered + failures without an answer + in flight`, and all of them reached the server.
#[track_caller]
fn check(report: &Report, server: &Server) {
    let total = &report.total;
    let failed: u64 =
        total.failures.iter().filter(|(f, _)| !matches!(f.name(), "status" | "body")).map(|(_, n)| n).sum();
    assert_eq!(total.sent, total.answered + failed + total.in_flight, "{total:?}");
    assert_eq!(total.intended, total.sent + total.not_sent, "{total:?}");
    assert_eq!(total.sent, server.requests(), "what the server counted");
    let of_intervals: u64 = report.intervals.iter().map(|interval| interval.sent).sum();
    assert_eq!(of_intervals, total.sent, "the time series has them all");
    assert_eq!(total.latency.count, total.answered, "each answer has a latency");
}

#[test]
fn a_closed_loop() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report = run(&[&server.url(), "--driver", driver, "--duration", "300ms", "-c", "8", "--workers", "2"]);
        check(&report, &server);
        assert!(report.total.sent > 100, "{:?}", report.total);
        assert_eq!(report.load.driver, driver);
        assert_eq!(server.connections(), 8);
        assert_eq!(report.total.statuses, [(200, report.total.answered)].into());
    });
}

#[test]
fn an_open_loop_sends_what_the_schedule_has() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report = run(&[&server.url(), "--driver", driver, "--duration", "500ms", "--rate", "1000", "-c", "8"]);
        check(&report, &server);
        assert_eq!(report.total.sent, 500);
        assert_eq!(report.total.answered, 500);
    });
}

#[test]
fn steps_have_their_own_rates() {
    let server = Server::ok();
    let report = run(&[&server.url(), "--duration", "600ms", "--rate", "100..500", "--steps", "3", "-c", "4"]);
    check(&report, &server);
    let rates: Vec<(f64, u64)> = report.steps.iter().map(|step| (step.intended_rate, step.sent)).collect();
    assert_eq!(rates.iter().map(|(rate, _)| *rate).collect::<Vec<_>>(), [100.0, 300.0, 500.0]);
    assert_eq!(rates.iter().map(|(_, sent)| sent).sum::<u64>(), 20 + 60 + 100);
}

#[test]
fn a_number_of_requests() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report = run(&[&server.url(), "--driver", driver, "--requests-total", "1001", "-c", "7", "--workers", "2"]);
        check(&report, &server);
        assert_eq!((report.total.sent, report.total.answered), (1001, 1001));
    });
}

#[test]
fn pipelined_requests() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report = run(&[&server.url(), "--driver", driver, "-n", "2000", "-c", "2", "--depth", "8"]);
        check(&report, &server);
        assert_eq!(report.total.answered, 2000);
    });
}

#[test]
fn what_is_in_flight_at_the_end_is_told() {
    on_both_drivers(|driver| {
        let server = Server::start(|_| Reply::Nothing);
        let arguments = ["--driver", driver, "--duration", "100ms", "--timeout", "60s", "-c", "4", "-n", "4"];
        // No answer ever comes, and the time to wait for it is long: stopped as by Ctrl-C.
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopper = stop.clone();
        let url = server.url();
        let seen = &server;
        let report = std::thread::scope(|scope| {
            scope.spawn(move || {
                while seen.requests() < 4 {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                stopper.store(true, std::sync::atomic::Ordering::SeqCst);
            });
            crate::run_until(&[&[url.as_str()], &arguments[..]].concat(), stop)
        });
        check(&report, &server);
        assert_eq!((report.total.sent, report.total.in_flight), (4, 4));
        assert!(report.interrupted);
    });
}

#[test]
fn connections_that_end_are_counted_with_what_was_on_them() {
    on_both_drivers(|driver| {
        let server = Server::start(|request| match request.number {
            0..=1 => Reply::Bytes(OK.to_vec()),
            2 => Reply::Reset,
            _ => unreachable!(),
        });
        let report = run(&[&server.url(), "--driver", driver, "-n", "300", "-c", "4"]);
        check(&report, &server);
        let failed: u64 = report.total.failures.values().sum();
        // Every third on a connection; the last round may be one short on each.
        assert!((97..=100).contains(&failed), "{:?}", report.total.failures);
    });
}

#[test]
fn warm_up_is_not_counted() {
    let server = Server::ok();
    let report = run(&[&server.url(), "--rate", "200", "--duration", "200ms", "--warm-up", "200ms", "-c", "4"]);
    assert_eq!(report.total.sent, 40);
    assert_eq!(server.requests(), 80);
}

#[test]
fn connections_are_replaced() {
    on_both_drivers(|driver| {
        let server = Server::ok();
        let report =
            run(&[&server.url(), "--driver", driver, "-n", "100", "-c", "2", "--requests-per-connection", "5"]);
        check(&report, &server);
        assert_eq!(report.total.failures, [].into());
        assert!((20..=22).contains(&server.connections()), "{} connections", server.connections());

        let server = Server::ok();
        let churn = ["--rate", "500", "--duration", "500ms", "--connections-per-second", "40", "-c", "10"];
        let report = run(&[&[&server.url(), "--driver", driver], &churn[..]].concat());
        check(&report, &server);
        assert_eq!(report.total.failures, [].into());
        assert!((25..=31).contains(&server.connections()), "{} connections", server.connections());
    });
}
