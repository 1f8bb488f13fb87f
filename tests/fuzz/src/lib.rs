//! What must hold of the parsers for every input, one module a fuzz target. Each `check` panics where it does not.
//!
//! `cargo fuzz` feeds them with inputs that it evolves; `tests/properties.rs` with the corpus and simple mutations of it,
//! so that they also run where cargo-fuzz is not installed.

pub mod aws_uri;
pub mod chunked;
pub mod coding;
pub mod event_stream;
pub mod head;
pub mod jsonpath;
pub mod jwt;
pub mod openapi;
pub mod policy;
pub mod route;
pub mod schema;
pub mod sigv4;
pub mod target;
pub mod template;
pub mod vtl;
