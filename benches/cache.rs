//! What a kept answer costs to find: its key, and the look into a full store.
//!
//! `cargo bench --bench cache`. Both together are to take less than 0.5 µs, with a query parameter in the key.

use std::hint::black_box;
use std::rc::Rc;

use criterion::Criterion;
use tollgate::data_plane::cache::key;
use tollgate::data_plane::cache::store::{Looked, StageStore};
use tollgate::data_plane::cache::stored::Stored;
use tollgate::data_plane::context::{Facts, IdSource};
use tollgate::data_plane::forwarding::{Client, Inbound};
use tollgate::data_plane::settings::ForwardingSettings;
use tollgate::http::head::{FieldSpace, HeadLimits, request};
use tollgate::http::target;
use tollgate::plan::MethodIndex;
use tollgate::plan::cache::{CacheDefinition, Invalidation, MethodCache};
use tollgate::plan::route::RouteTable;
use tollgate::plan::template::ValueSource;

const ANSWERS: u32 = 10_000;

const REQUEST: &[u8] = b"GET /pets/42?kind=dog&page=7 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench/1.0\r\n\
    Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nX-Request-Id: 0123456789\r\n\r\n";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let method = MethodCache {
        ttl_ms: 300_000,
        invalidation: Invalidation::ByAnybody,
        definition: CacheDefinition {
            parameters: [ValueSource::QueryString("kind".into())].into(),
            ..CacheDefinition::default()
        },
        by_accept: false,
        by_content_type: false,
        any: false,
    };
    with_inbound(|inbound| {
        let store = StageStore::new(1 << 30, 64 << 20);
        let stored = || {
            Stored::new(
                200,
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
                vec![b'x'; 1024],
                false,
                false,
                0,
            )
        };
        for number in 0..ANSWERS {
            store.put(Rc::from(number.to_le_bytes()), stored());
        }
        let mut room = Vec::new();
        key::write(&method, inbound, None, &mut room);
        store.put(Rc::from(&*room), stored());
        criterion.bench_function("key of a request", |bencher| {
            bencher.iter(|| {
                room.clear();
                key::write(black_box(&method), black_box(inbound), None, &mut room);
                black_box(room.len())
            });
        });
        criterion.bench_function("key and look", |bencher| {
            bencher.iter(|| {
                room.clear();
                key::write(black_box(&method), black_box(inbound), None, &mut room);
                assert!(matches!(store.look(&room, 1, method.ttl_ms), Looked::Fresh(_)));
            });
        });
    });
    criterion.final_summary();
}

fn with_inbound(act: impl FnOnce(&Inbound<'_>)) {
    let limits = HeadLimits { target_bytes_max: 1000, header_bytes_max: 1000, header_fields_max: 50 };
    let mut space = FieldSpace::new();
    let head = request(REQUEST, &limits, &mut space).expect("a head").expect("all of it");
    let mut scratch = String::new();
    let target = target::parse(head.target, &mut scratch).expect("a target");
    let mut routes = RouteTable::default();
    routes.insert("/pets/{petId}", "GET", MethodIndex(0)).expect("a route");
    let (_, parameters) = routes.route("GET", target.path).expect("its path");
    let (ids, settings) = (IdSource::new(1).ids(), ForwardingSettings::default());
    let facts = Facts {
        api_key: None,
        authorized: None,
        client_certificate: None,
        account_id: "000000000000",
        ids: &ids,
        stage: None,
        method: None,
        http_method: "GET",
        path: target.path,
        base_path_bytes: 0,
        minor: 1,
        source_ip: "192.0.2.1",
        user_agent: b"bench/1.0",
        host: head.host.unwrap_or(""),
        time_ms: 0,
        error: None,
        request_parts: None,
    };
    let client = Client::new("192.0.2.1".parse().expect("an address"), 8080, false, &settings);
    act(&Inbound {
        head: &head,
        target: &target,
        path: target.path,
        parameters: &parameters,
        facts: &facts,
        client: &client,
        settings: &settings,
        content_type: None,
        framing: head.framing,
        body: None,
        fills_cache: false,
    });
}
