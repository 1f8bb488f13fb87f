//! The function host: real functions in Python, Node and Rust, real processes, called over real sockets.
//!
//! - `runtimes`: what each of Lambda's runtimes gets and gives.
//! - `streaming`: answers that come in parts.
//! - `faults`: functions that hang, die, lie or answer too much.
//! - `isolation`: what a function finds of the machine and of other functions.
//! - `scaling`: how many processes there are.
//! - `events`: invocations that nobody waits for.
//! - `control`: functions that are made, changed and removed by the control API.
//! - `gateway`: the host inside of the gateway, its settings and commands.
//! - [`host`]: a host in this process, and its calls; [`eventstream`]: reads streamed answers.

mod control;
mod events;
mod eventstream;
mod faults;
mod gateway;
mod host;
mod isolation;
mod runtimes;
mod scaling;
mod streaming;
