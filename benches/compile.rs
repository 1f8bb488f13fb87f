//! What a thousand APIs take: to compile, to put together, to adopt; in time and in memory.
//!
//! `cargo bench --bench compile`. The number that it protects: an API of 300 resources is live on all shards in less than
//! 50 ms, also beside 1,000 others, and 1,000 APIs of 30 resources take less than 200 MB with their store.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate::control_plane::resolver::host_names;
use tollgate::control_plane::totals::Totals;
use tollgate::data_plane::live::{Earlier, Live, Upstreams};
use tollgate::model::{
    ApiDefinition, DeploymentId, Integration, IntegrationResponse, IntegrationType, Method, Model, OrderedMap,
    RequestValidator, RequestValidatorId, Resource, ResourceId, RestApiId, Stage,
};
use tollgate::plan::Plan;
use tollgate::plan::clients::Clients;
use tollgate::plan::compile::{CompiledStage, Compiler, Limits, StageSource, Unsupported};
use tollgate::plan::delivery::{AddressBook, Unhealthy};
use tollgate::stats::Registry;

const APIS: usize = 1_000;
const SHARDS: usize = 2;

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn map<V>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> OrderedMap<V> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(value: &str) -> String {
    value.to_owned()
}

/// A request passed on, with its path parameter and a header.
fn proxy(api: usize, number: usize) -> Integration {
    Integration {
        integration_type: IntegrationType::HttpProxy,
        http_method: Some(text("ANY")),
        uri: Some(format!("http://backend-{api}-{}.internal:8080/v1/items-{number}/{{id}}", number % 3)),
        request_parameters: map([
            ("integration.request.path.id", text("method.request.path.id")),
            ("integration.request.header.X-Caller", text("context.requestId")),
        ]),
        ..Integration::default()
    }
}

const TEMPLATE: &str = "#set($root = $input.path('$'))
{
  \"id\": \"$input.params('id')\",
  \"stage\": \"$context.stage\",
  \"lines\": [#foreach($line in $root.lines){\"sku\": \"$line.sku\", \"quantity\": $line.quantity}#if($foreach.hasNext),#end#end]
}";

/// A constant answer, with two statuses.
fn mock(api: usize, number: usize) -> Integration {
    // Two of an API's own, each for several methods.
    let template = format!("## {api} {}\n{TEMPLATE}", number % 2);
    let response = |status: &str, pattern: Option<&str>, template: &str| IntegrationResponse {
        status_code: text(status),
        selection_pattern: pattern.map(text),
        response_templates: map([("application/json", text(template))]),
        response_parameters: map([("method.response.header.Cache-Control", text("'no-store'"))]),
        ..IntegrationResponse::default()
    };
    Integration {
        request_templates: map([("application/json", text("{\"statusCode\": 200}"))]),
        integration_responses: map([
            ("200", response("200", None, &template)),
            ("404", response("404", Some("4\\d{2}"), "{\"message\": \"not found\", \"id\": \"$context.requestId\"}")),
        ]),
        ..Integration::default()
    }
}

/// What a console makes of "enable CORS".
fn cors() -> Integration {
    let allow = [
        ("method.response.header.Access-Control-Allow-Headers", text("'Content-Type,X-Amz-Date,Authorization'")),
        ("method.response.header.Access-Control-Allow-Methods", text("'GET,POST,OPTIONS'")),
        ("method.response.header.Access-Control-Allow-Origin", text("'*'")),
    ];
    let response =
        IntegrationResponse { status_code: text("200"), response_parameters: map(allow), ..Default::default() };
    Integration {
        request_templates: map([("application/json", text("{\"statusCode\": 200}"))]),
        integration_responses: map([("200", response)]),
        ..Integration::default()
    }
}

fn method(http_method: &str, integration: Integration) -> Method {
    Method { http_method: text(http_method), method_integration: Some(integration), ..Method::default() }
}

/// A model of an API's own, of some 600 bytes.
fn model(api: usize, number: usize) -> Model {
    let schema = format!(
        r#"{{"$schema": "http://json-schema.org/draft-04/schema#", "title": "Order {number} of {api}", "type": "object",
        "required": ["customer", "lines"], "properties": {{
          "customer": {{"type": "object", "required": ["name", "mail"],
            "properties": {{"name": {{"type": "string", "maxLength": 200}}, "mail": {{"type": "string"}}}}}},
          "lines": {{"type": "array", "minItems": 1, "items": {{"type": "object", "required": ["sku", "quantity"],
            "properties": {{"sku": {{"type": "string"}}, "quantity": {{"type": "integer", "minimum": 1}}}}}}}},
          "total": {{"type": "number"}}}}}}"#
    );
    Model { name: format!("Order{number}"), schema, content_type: text("application/json"), ..Model::default() }
}

/// Of each three resources one is a proxy, one a proxy with a validated body, and one a mock with CORS; of the models,
/// there is one for ten resources.
fn api(api: usize, resources: usize) -> ApiDefinition {
    let resource = |number: usize| {
        let validated = || Method {
            request_validator_id: Some(RequestValidatorId(text("val001"))),
            request_models: map([("application/json", format!("Order{}", number / 10))]),
            ..method("POST", proxy(api, number))
        };
        let methods = match number % 3 {
            0 => vec![method("GET", proxy(api, number))],
            1 => vec![validated()],
            _ => vec![method("GET", mock(api, number)), method("OPTIONS", cors())],
        };
        Resource {
            id: ResourceId(format!("res{number:03}")),
            path: format!("/items-{number}/{{id}}"),
            resource_methods: methods.into_iter().map(|method| (method.http_method.clone(), method)).collect(),
            ..Resource::default()
        }
    };
    let mut definition = ApiDefinition {
        resources: (0..resources).map(resource).collect(),
        models: (0..resources.div_ceil(10)).map(|number| model(api, number)).collect(),
        request_validators: vec![RequestValidator {
            id: RequestValidatorId(text("val001")),
            name: text("all"),
            validate_request_body: true,
            validate_request_parameters: true,
        }],
        ..ApiDefinition::default()
    };
    definition.rest_api.id = RestApiId(format!("api{api:07}"));
    definition.rest_api.name = format!("orders-{api}");
    definition
}

fn stage(deployment: usize) -> Stage {
    let variables = map([("backend", text("backend.internal:8080")), ("version", text("v1"))]);
    Stage {
        stage_name: text("prod"),
        deployment_id: Some(DeploymentId(format!("dep{deployment:05}"))),
        variables,
        ..Stage::default()
    }
}

fn compiled(compiler: &mut Compiler, definition: &ApiDefinition, stage: &Stage) -> CompiledStage {
    compiler.stage(StageSource { definition, stage, canary: None }).expect("it can be served")
}

fn in_use() -> f64 {
    IN_USE.load(Ordering::Relaxed) as f64 / 1e6
}

fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or_default();
    pages * 4096.0 / 1e6
}

fn timed<R>(name: &str, run: impl FnOnce() -> R) -> R {
    let (before, start) = (in_use(), Instant::now());
    let result = run();
    let (took, grew) = (start.elapsed(), in_use() - before);
    println!("{name:<58} {:>9.3} ms {grew:>9.3} MB", took.as_secs_f64() * 1e3);
    result
}

/// The median of some runs, and what the last one left.
fn repeated<R>(name: &str, mut run: impl FnMut() -> R) -> R {
    let mut took: Vec<Duration> = Vec::new();
    let mut last = run();
    for _ in 0..21 {
        let start = Instant::now();
        let result = black_box(run());
        took.push(start.elapsed());
        last = result;
    }
    took.sort();
    println!("{name:<58} {:>9.3} ms", took[took.len() / 2].as_secs_f64() * 1e3);
    last
}

fn adopt(plan: &Arc<Plan>, recorder: &tollgate::stats::Recorder, earlier: &Upstreams) -> (Live, Upstreams) {
    let block = recorder.open_block(plan.generation, plan.stages.iter().map(|stage| stage.methods.len()));
    let (addresses, unhealthy, clients) = (&AddressBook::new(), &Unhealthy::new(), &Arc::new(Clients::empty()));
    let earlier = Earlier { live: None, clients, limits: None, upstreams: earlier, addresses, unhealthy };
    Live::adopt(Arc::clone(plan), block, &earlier)
}

/// What one method of a kind takes, and one model.
fn kinds() {
    let only = |name: &str, method: &dyn Fn(usize) -> Method| {
        let mut definition = api(0, 0);
        let one = |number: usize| {
            let method = method(number);
            let resource_methods = [(method.http_method.clone(), method)].into_iter().collect();
            Resource { path: format!("/items-{number}/{{id}}"), resource_methods, ..Resource::default() }
        };
        definition.resources = (0..1_000).map(one).collect();
        definition.models = (0..1_000).map(|number| model(0, number)).collect();
        let (before, start) = (in_use(), Instant::now());
        let mut compiler = Compiler::new(Limits::default(), Unsupported::Deny);
        let compiled = compiled(&mut compiler, &definition, &stage(0));
        let (took, grew) = (start.elapsed(), in_use() - before);
        println!("{name:<58} {:>9.3} µs {:>9.3} KB", took.as_secs_f64() * 1e3, grew * 1e3 / 1e3);
        drop(compiled);
    };
    let validated = |number: usize| Method {
        request_validator_id: Some(RequestValidatorId(text("val001"))),
        request_models: map([("application/json", format!("Order{number}"))]),
        ..method("POST", proxy(0, number))
    };
    only("a proxy", &|number| method("GET", proxy(0, number)));
    only("a proxy with a model of its own", &validated);
    only("a mock with a template of its own", &|number| method("GET", mock(number, 0)));
    only("a mock with a template that others have", &|_| method("GET", mock(0, 0)));
    only("a mock for CORS", &|_| method("OPTIONS", cors()));
}

fn main() {
    kinds();
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Deny);
    let (mut compiling, before) = (Duration::ZERO, in_use());
    let mut stages = Vec::with_capacity(APIS + 1);
    for number in 0..APIS {
        let (definition, stage) = (api(number, 30), stage(number));
        let start = Instant::now();
        stages.push(compiled(&mut compiler, &definition, &stage));
        compiling += start.elapsed();
    }
    println!(
        "1,000 APIs of 30 resources compiled in {:.1} ms, {:.1} MB",
        compiling.as_secs_f64() * 1e3,
        in_use() - before
    );
    let large = api(APIS, 300);
    let mut deployment = APIS;
    let mut compile_large = |compiler: &mut Compiler| {
        deployment += 1;
        compiled(compiler, &large, &stage(deployment))
    };
    timed("300 resources, the first time", || stages.push(compile_large(&mut compiler)));
    let again = repeated("300 resources, deployed again", || compile_large(&mut compiler));
    let first = timed("plan of 1,001 stages", || Arc::new(compiler.plan(&stages, false, 1)));
    *stages.last_mut().expect("there are stages") = again;
    let mut generation = 1;
    let mut next = || {
        generation += 1;
        Arc::new(compiler.plan(&stages, false, generation))
    };
    repeated("the same again", &mut next);
    repeated("its host names", || host_names(&first));
    let registry = Registry::new(SHARDS);
    let recorders: Vec<_> = (0..SHARDS).map(|shard| registry.recorder(shard)).collect();
    let mut totals = Totals::default();
    timed("totals adopt the first plan", || totals.adopt(Arc::clone(&first)));
    let adopted = timed("a shard adopts the first plan", || adopt(&first, &recorders[0], &Upstreams::default()));
    let other = timed("another shard adopts it", || adopt(&first, &recorders[1], &Upstreams::default()));
    repeated("totals adopt the next plan", || {
        totals.adopt(next());
        totals.collect(&registry, u64::MAX);
    });
    let second = next();
    repeated("a shard adopts the next plan", || adopt(&second, &recorders[0], &adopted.1));
    println!("all in all: {:.1} MB in use, {:.1} MB resident", in_use() - before, resident());
    drop((adopted, other));
}
