//! Mapping templates, JSONPath, models and routes: `cargo bench --bench mapping`.
//!
//! The figure to keep: a template of 20 lines over 1 KB of JSON in less than 10 µs, parsing that JSON included.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value;
use tollgate::jsonpath::{Allowance, Path};
use tollgate::plan::MethodIndex;
use tollgate::plan::route::RouteTable;
use tollgate::plan::validation::Schema;
use tollgate::vtl::{Body, Budget, Context, Inputs, Overrides, Parameters, Template, Variable};

/// An order as a shop sends it, made into the item of a table: what a request template does.
const TEMPLATE: &str = r#"#set($order = $input.path('$'))
#set($customer = $order.customer)
{
  "TableName": "$stageVariables.table",
  "Item": {
    "id": {"S": "$context.requestId"},
    "tenant": {"S": "$input.params('tenant')"},
    "source": {"S": "$context.identity.sourceIp"},
    "customer": {"S": "$util.escapeJavaScript($customer.name)"},
    "city": {"S": "$customer.address.city"},
#if($order.note && $order.note != "")
    "note": {"S": "$util.escapeJavaScript($order.note)"},
#end
    "lines": {"L": [
#foreach($line in $order.lines)
      {"M": {"sku": {"S": "$line.sku"}, "quantity": {"N": "$line.quantity"}}}#if($foreach.hasNext),#end

#end
    ]},
    "raw": {"S": "$util.escapeJavaScript($input.json('$.payment'))"}
  }
}
"#;

const BODY: &str = r#"{
  "customer": {"name": "Ada O'Neil", "mail": "ada@example.org", "since": 2019, "address": {"street": "Hauptstraße 12",
    "zip": "53111", "city": "Bonn", "country": "DE"}, "tags": ["regular", "newsletter", "invoice"]},
  "note": "Please leave it with the neighbours, \"third floor\".",
  "lines": [
    {"sku": "A-1001", "title": "Coffee beans, dark roast, 1 kg", "quantity": 2, "price": 18.90, "tax": 0.07},
    {"sku": "B-2040", "title": "Paper filters, size 4, 80 pieces", "quantity": 5, "price": 2.49, "tax": 0.19},
    {"sku": "C-0007", "title": "Milk jug, stainless steel, 350 ml", "quantity": 1, "price": 14.00, "tax": 0.19},
    {"sku": "D-3113", "title": "Descaler, citric acid, 500 g", "quantity": 3, "price": 6.20, "tax": 0.19}
  ],
  "payment": {"method": "sepa", "iban": "DE02120300000000202051", "mandate": {"id": "M-88121", "date": "2024-02-29"}},
  "shipping": {"carrier": "dhl", "express": false, "weight": 4.35},
  "total": 82.85, "currency": "EUR", "channel": "web", "session": "1f0c3bb4-6a1c-4ccb-93f5-ab61a1a9a7a7"
}"#;

struct Request;

impl Context for Request {
    fn variable(&self, name: &str) -> Variable<'_> {
        match name {
            "requestId" => Variable::Text(Cow::Borrowed("c6af9ac6-7b61-11e6-9a41-93e8deadbeef")),
            "identity" => Variable::Group,
            "identity.sourceIp" => Variable::Text(Cow::Borrowed("192.0.2.44")),
            _ => Variable::Missing,
        }
    }
}

fn templates(criterion: &mut Criterion) {
    let template = Template::parse(TEMPLATE).expect("a template");
    let stage_variables = [(Cow::Borrowed("table"), Cow::Borrowed("orders"))];
    let header = [(Cow::Borrowed("tenant"), Cow::Borrowed("acme"))];
    let parameters = Parameters { path: &[], querystring: &[], header: &header };
    let overrides = Overrides::default();
    let render = |body: &Body, output: &mut String| {
        let inputs =
            Inputs { body, parameters, context: &Request, stage_variables: &stage_variables, overrides: &overrides };
        template.render(&inputs, &Budget::default(), output).expect("renders");
    };
    let mut output = String::with_capacity(4_096);
    criterion.bench_function("render a template of 20 lines over 1 KB", |bencher| {
        bencher.iter(|| {
            output.clear();
            render(&Body::new(black_box(BODY)), &mut output);
        });
    });
    let parsed = Body::parsed(BODY, serde_json::from_str(BODY).expect("JSON"));
    criterion.bench_function("the same, the body parsed before", |bencher| {
        bencher.iter(|| {
            output.clear();
            render(black_box(&parsed), &mut output);
        });
    });
    criterion.bench_function("parse the body only", |bencher| {
        bencher.iter(|| serde_json::from_str::<Value>(black_box(BODY)).expect("JSON"));
    });
    criterion.bench_function("parse the template", |bencher| {
        bencher.iter(|| Template::parse(black_box(TEMPLATE)).expect("a template"));
    });
}

fn paths(criterion: &mut Criterion) {
    let document: Value = serde_json::from_str(BODY).expect("JSON");
    for text in ["$.customer.address.city", "$.lines[*].sku", "$..price", "$.lines[?(@.quantity > 2)].sku"] {
        let path = Path::parse(text).expect("a path");
        criterion.bench_function(text, |bencher| {
            bencher.iter(|| path.find(black_box(&document), &mut Allowance::default()).expect("small").into_value());
        });
    }
}

/// The model of the order above, as a validator holds a body against it.
const MODEL: &str = r#"{
  "type": "object",
  "required": ["customer", "lines", "payment"],
  "properties": {
    "customer": {"type": "object", "required": ["name", "mail"], "properties": {"name": {"type": "string"}}},
    "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["sku", "quantity"], "properties": {
      "sku": {"type": "string", "pattern": "^[A-Z]-[0-9]{4}$"}, "quantity": {"type": "integer", "minimum": 1}}}},
    "total": {"type": "number"}
  }
}"#;

fn models(criterion: &mut Criterion) {
    let schema = Schema::new(serde_json::from_str(MODEL).expect("JSON")).expect("a schema");
    criterion.bench_function("check a body of 1 KB against a model", |bencher| {
        bencher.iter(|| schema.check(black_box(BODY.as_bytes())).expect("it fits"));
    });
}

/// Ten thousand resources with parameters in between, each asked for once.
fn routes(criterion: &mut Criterion) {
    let mut routes = RouteTable::default();
    for number in 0..10_000 {
        let path = format!("/v1/tenants/{{tenant}}/kinds-{}/{{kind}}/parts-{}", number / 100, number % 100);
        routes.insert(&path, "GET", MethodIndex(number)).expect("a route");
    }
    let paths: Vec<String> = (0..10_000u32)
        .map(|number| number.wrapping_mul(7919) % 10_000)
        .map(|number| format!("/v1/tenants/acme/kinds-{}/k{number}/parts-{}", number / 100, number % 100))
        .collect();
    let mut at = 0;
    criterion.bench_function("match one of 10,000 routes", |bencher| {
        bencher.iter(|| {
            at = (at + 1) % paths.len();
            routes.route("GET", black_box(&paths[at])).expect("a route")
        });
    });
}

criterion_group!(benches, templates, paths, models, routes);
criterion_main!(benches);
