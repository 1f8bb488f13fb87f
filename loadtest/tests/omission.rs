//! No coordinated omission: a server that stalls is reported as its users saw it.

use std::time::{Duration, Instant};

use crate::server::{OK, Reply, Server};
use crate::{on_both_drivers, run};

/// Answers nothing for the first fifth of each second.
fn stalling() -> Server {
    let started = Instant::now();
    Server::start(move |_| {
        let in_second = Duration::from_nanos(started.elapsed().subsec_nanos().into());
        std::thread::sleep(Duration::from_millis(200).saturating_sub(in_second));
        Reply::Bytes(OK.to_vec())
    })
}

/// Of requests that come at all times alike, a fifth meets the stall, and waits for anything between 0 and 200 ms: the
/// share that waits longer than `x` ms is `0.2 · (1 - x / 200)`.
fn truth_ms(quantile: f64) -> f64 {
    200.0 * (1.0 - (1.0 - quantile) / 0.2)
}

#[test]
fn percentiles_are_those_of_the_users_not_of_the_connections() {
    on_both_drivers(|driver| {
        let server = stalling();
        let report = run(&[&server.url(), "--driver", driver, "--rate", "500", "--duration", "5s", "-c", "20"]);
        let latency = &report.total.latency;
        assert_eq!((report.total.sent, latency.count), (2500, 2500));
        for (quantile, measured) in [(0.9, latency.p90), (0.99, latency.p99), (0.999, latency.p999)] {
            let (truth, measured) = (truth_ms(quantile), measured as f64 / 1e6);
            let off = (measured / truth - 1.0).abs();
            assert!(off < 0.02, "p{}: {measured} ms, but the truth is {truth} ms ({driver})", quantile * 100.0);
        }
        assert!(latency.p50 < 20_000_000, "half of the users meet no stall: {latency:?}");
        // What a tool that waits for answers sees: 20 connections meet the stall once a second, a 25th of all.
        let service = report.total.service_time.as_ref().unwrap();
        assert!(service.p90 < 20_000_000, "service time leaves out who had to wait: {service:?}");
    });
}
