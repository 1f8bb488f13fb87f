//! The whole gateway, from outside: the real binary, real sockets, scripted clients and backends.
//!
//! One test binary; a file per feature. [`harness`] has the gateway's process, the backends and the client. No test
//! asserts how long something takes: what has to come is waited for, what must not come is shown by something after it.

#[macro_use]
mod harness;

mod architecture;
mod cli;
mod control_plane;
mod data_plane;
mod functions;
mod limits;
mod properties;
mod signatures;
mod vectors;
