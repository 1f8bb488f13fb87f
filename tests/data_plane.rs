//! What clients and backends see, a file per feature. Every test runs on both drivers.

mod bodies;
mod forwarding;
mod http1;
mod limits;
mod refusals;
mod routing;
mod upstream_faults;
mod upstream_pool;
