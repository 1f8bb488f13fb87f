//! What clients and backends see, a file per feature. Every test runs on both drivers.

mod access_log_formats;
mod api_keys;
mod bodies;
mod cache;
mod compression;
mod content;
mod cors;
mod forwarding;
mod gateway_responses;
mod http1;
mod integrations;
mod limits;
mod mapping;
mod mutual_tls;
mod protection;
mod refusals;
mod routing;
mod stages;
mod streaming;
mod throttle_rules;
mod throttles;
mod tls;
mod upstream_faults;
mod upstream_pool;
mod usage_plans;
mod validation;
