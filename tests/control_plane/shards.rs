//! How connections spread over shards.

use crate::harness::{Api, Client, Driver, Gateway, mock, wait_until};

on_both_drivers! { connections_spread_evenly, connections_are_served_wherever_they_are }

fn open(gateway: &Gateway, shard: usize) -> f64 {
    gateway.metric(&format!("connections{{shard=\"{shard}\"}}"))
}

fn connections_spread_evenly(driver: Driver) {
    const CONNECTIONS: usize = 64;
    let gateway = Gateway::with(&Api::new().route("GET /a", mock(200, "a"))).driver(driver).shards(2).start();
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| gateway.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/a").status(), 200));
    let (first, second) = (open(&gateway, 0), open(&gateway, 1));
    assert_eq!(first + second, CONNECTIONS as f64);
    // Both shards may take a connection at the same moment, each seeing the other's count as it was.
    assert!((first - second).abs() <= 2.0, "{first} and {second}");
    // All that leave and come again are spread, too.
    clients.drain(..32);
    wait_until("half of them", || open(&gateway, 0) + open(&gateway, 1) == 32.0);
    clients.extend((0..32).map(|_| gateway.connect()));
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/a").status(), 200));
    let (first, second) = (open(&gateway, 0), open(&gateway, 1));
    assert!((first - second).abs() <= 2.0, "{first} and {second}");
    assert_eq!(gateway.metric("connections_accepted_total"), 96.0);
}

fn connections_are_served_wherever_they_are(driver: Driver) {
    let gateway = Gateway::with(&Api::new().route("GET /a", mock(200, "a"))).driver(driver).shards(4).start();
    let all: Vec<_> = (0..8)
        .map(|_| {
            let mut client = gateway.connect();
            std::thread::spawn(move || (0..200).for_each(|_| assert_eq!(client.get("/a").text(), "a")))
        })
        .collect();
    all.into_iter().for_each(|client| client.join().expect("every answer was right"));
    let labels = r#"api="api1",stage="default",route="/a",method="GET",code="200""#;
    assert_eq!(gateway.metric(&format!("http_requests_total{{{labels}}}")), 1600.0);
    assert_eq!(gateway.log(1600).len(), 1600);
}
