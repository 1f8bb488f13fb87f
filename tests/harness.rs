//! What the tests have in common.
//!
//! - [`api`]: OpenAPI documents, written in a line or two.
//! - [`gateway`]: the binary as a process, its listeners, log and metrics.
//! - [`backend`]: scripted servers that record what they are sent.
//! - [`function`]: Lambda functions as scripts.
//! - [`client`]: sends bytes, reads answers; [`message`] parses both, and is strict about it.
//! - [`history`]: whether what passed a limit is within it, over every window.
//! - [`tls`]: certificates, TLS clients and TLS backends.

pub mod api;
pub mod backend;
pub mod client;
pub mod function;
pub mod gateway;
pub mod history;
pub mod message;
pub mod tls;

use std::time::{Duration, Instant};

pub use api::{Api, http, http_proxy, mock};
pub use backend::Backend;
pub use client::{Client, get};
pub use gateway::{Driver, Gateway, has_io_uring};
pub use message::Message;

/// For everything that has to come: far more than it takes on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a test of each function, on each driver.
macro_rules! on_both_drivers {
    ($($test:ident),* $(,)?) => {
        mod io_uring {
            $(#[test]
            fn $test() {
                if crate::harness::has_io_uring() {
                    super::$test(crate::harness::Driver::IoUring);
                }
            })*
        }

        mod epoll {
            $(#[test]
            fn $test() {
                super::$test(crate::harness::Driver::Epoll);
            })*
        }
    };
}

/// Polls until there is a value.
#[track_caller]
pub fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not in {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
