//! A shard's thread and event loop: io_uring with the cheapest flags that the kernel knows, else epoll.
//!
//! The flags decide: with DEFER_TASKRUN and SINGLE_ISSUER (Linux 6.1) or COOP_TASKRUN (5.19) a request costs 10 to 30 %
//! less than with none. A runtime that probes for io_uring alone would fail on an older kernel instead of falling back.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use monoio::time::TimeDriver;
use monoio::{FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Driver {
    #[default]
    Auto,
    /// io_uring or an error.
    IoUring,
    Epoll,
}

/// What a shard runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    IoUringDefer,
    IoUringCoop,
    IoUringPlain,
    Epoll,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::IoUringDefer => "io_uring (DEFER_TASKRUN, SINGLE_ISSUER)",
            Mode::IoUringCoop => "io_uring (COOP_TASKRUN)",
            Mode::IoUringPlain => "io_uring",
            Mode::Epoll => "epoll",
        }
    }
}

pub struct Runtime(FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>);

impl Runtime {
    /// Built on the shard's own thread: SINGLE_ISSUER binds the ring to the thread that made it.
    ///
    /// # Errors
    /// When io_uring was asked for and is not to be had, or the process is out of descriptors.
    pub fn build(driver: Driver, ring_entries: u32) -> io::Result<(Runtime, Mode)> {
        if driver != Driver::Epoll {
            match build_ring(ring_entries) {
                Ok(built) => return Ok(built),
                Err(error) if driver == Driver::IoUring => return Err(error),
                Err(_) => {}
            }
        }
        let runtime = RuntimeBuilder::<LegacyDriver>::new().enable_all().build()?;
        Ok((Runtime(runtime.into()), Mode::Epoll))
    }

    pub fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

fn build_ring(entries: u32) -> io::Result<(Runtime, Mode)> {
    if !monoio::utils::detect_uring() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is not available to this process"));
    }
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for mode in [Mode::IoUringDefer, Mode::IoUringCoop, Mode::IoUringPlain] {
        let mut ring = io_uring::IoUring::builder();
        match mode {
            Mode::IoUringDefer => ring.setup_single_issuer().setup_defer_taskrun(),
            Mode::IoUringCoop => ring.setup_coop_taskrun(),
            Mode::IoUringPlain | Mode::Epoll => &mut ring,
        };
        let builder = RuntimeBuilder::<IoUringDriver>::new().uring_builder(ring).with_entries(entries);
        match builder.enable_all().build() {
            Ok(runtime) => return Ok((Runtime(runtime.into()), mode)),
            // The kernel does not know a flag: the next mode has fewer.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// The CPUs that this process may run on (`sched_getaffinity`), in order; empty where the kernel does not say.
#[allow(unsafe_code)]
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: an all-zero set is a valid one, and the kernel writes no more than its size.
    let (set, answer) = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let answer = libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set);
        (set, answer)
    };
    if answer != 0 {
        return Vec::new();
    }
    // SAFETY: the index is below the number of bits of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}

/// Binds the calling thread to a CPU.
///
/// # Errors
/// When the CPU is not one of [`allowed_cpus`].
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    monoio::utils::bind_to_cpu_set([cpu]).map_err(|error| io::Error::other(error.to_string()))
}

/// Starts a task on the calling shard. A panic in it ends the task and calls `on_panic`, nothing else.
pub fn spawn(task: impl Future<Output = ()> + 'static, on_panic: impl FnOnce() + 'static) {
    let mut on_panic = Some(on_panic);
    let guarded = CatchUnwind(Box::pin(task));
    monoio::spawn(async move {
        if guarded.await.is_err()
            && let Some(on_panic) = on_panic.take()
        {
            on_panic();
        }
    });
}

pub async fn sleep_ms(milliseconds: u64) {
    monoio::time::sleep(Duration::from_millis(milliseconds)).await;
}

struct CatchUnwind<F>(F);

impl<F: Future + Unpin> Future for CatchUnwind<F> {
    type Output = Result<F::Output, ()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let task = Pin::new(&mut self.0);
        match catch_unwind(AssertUnwindSafe(|| task.poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(())),
        }
    }
}

/// Which of two futures was ready first.
pub enum First<A, B> {
    Left(A),
    Right(B),
}

/// Waits for either. The other one is left as it is: its owner goes on with it, or ends its socket.
pub async fn either<A: Future, B: Future>(
    mut left: Pin<&mut A>,
    mut right: Pin<&mut B>,
) -> First<A::Output, B::Output> {
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = left.as_mut().poll(context) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(context).map(First::Right)
    })
    .await
}
