//! The runtime under both baselines: one thread, one ring, with the flags that make io_uring worth having.

use std::future::Future;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// Runs `server` on this thread. `DEFER_TASKRUN` and `SINGLE_ISSUER` need Linux 6.1; without them, or without
/// io_uring, the baseline is epoll, and says so: its figures are then those of another floor.
pub fn run<F: Future<Output = std::io::Result<()>>>(server: F) -> std::io::Result<()> {
    let mut flags = io_uring::IoUring::builder();
    flags.setup_single_issuer().setup_defer_taskrun();
    match RuntimeBuilder::<IoUringDriver>::new().uring_builder(flags).with_entries(1024).build() {
        Ok(mut runtime) => runtime.block_on(server),
        Err(error) => {
            eprintln!("io_uring with DEFER_TASKRUN is not to be had ({error}); running on epoll");
            RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(server)
        }
    }
}
