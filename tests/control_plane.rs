//! The admin listener, deploys, the access log, shards and the end.

mod access_log;
mod admin;
mod deploys;
mod drain;
mod operators;
mod shards;
