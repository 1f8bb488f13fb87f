//! What clients and backends see, a file per feature. Every test runs on both drivers.

mod routing;
