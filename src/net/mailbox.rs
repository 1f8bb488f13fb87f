//! How other threads talk to a shard: letters in a queue, and an eventfd that wakes the shard.
//!
//! The lock is held for a push or a swap. Deployments, addresses and handed-over connections come this way, requests
//! never. Letters are not bounded here: their senders wait for an answer or send one per accepted connection.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Mailbox<T> {
    letters: Mutex<Vec<T>>,
    /// Whether the shard has been woken for what is in the queue.
    woken: AtomicBool,
    event: OwnedFd,
}

impl<T: Send> Mailbox<T> {
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Arc<Mailbox<T>>> {
        // SAFETY: a system call without pointers.
        let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if event < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let event = unsafe { OwnedFd::from_raw_fd(event) };
        Ok(Arc::new(Mailbox { letters: Mutex::default(), woken: AtomicBool::new(false), event }))
    }

    pub fn send(&self, letter: T) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        if !self.woken.swap(true, Ordering::AcqRel) {
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight readable bytes. The counter cannot overflow: each write is read before the next.
            unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    fn take(&self) -> Vec<T> {
        self.woken.store(false, Ordering::Release);
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for letters; on the shard that the mailbox belongs to, one waiter.
    pub async fn receive(&self, waker: &Waker) -> Vec<T> {
        loop {
            let letters = self.take();
            if !letters.is_empty() {
                return letters;
            }
            waker.wait().await;
        }
    }

    /// The shard's end of the eventfd; to be made on the shard's thread.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn waker(&self) -> io::Result<Waker> {
        // The poll leaves the eventfd readable, and a copy of the descriptor lets it be drained without the ring.
        let copy = self.event.try_clone()?;
        let stream = std::os::unix::net::UnixStream::from(copy);
        Ok(Waker { event: self.event.as_raw_fd(), poll: monoio::net::UnixStream::from_std(stream)? })
    }
}

/// What a shard waits on for its letters.
pub struct Waker {
    event: std::os::fd::RawFd,
    /// An eventfd under the name of a socket: only its readiness is asked for.
    poll: monoio::net::UnixStream,
}

impl Waker {
    async fn wait(&self) {
        let ready = self.poll.readable(false).await;
        debug_assert!(ready.is_ok(), "an eventfd can be polled");
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes; the descriptor does not block.
        unsafe { libc::read(self.event, count.as_mut_ptr().cast(), count.len()) };
    }
}
