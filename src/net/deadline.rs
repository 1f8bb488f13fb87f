//! Every time-out of a shard: one lazy wheel.
//!
//! Arming a timer is a store: a connection is queued in the wheel once per period, and a slot that comes due queues again
//! whoever has moved on. A timer that expires does not drop a future, which would lose bytes or descriptors: it shuts
//! its socket down, so that the operation that waits for it completes, or cancels the read, which then gives its buffer back.
//!
//! Deadlines are rounded up to the next tick: a timer never fires early, and at most two ticks late.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;
use std::rc::{Rc, Weak};

use monoio::io::Canceller;

/// How often the wheel turns.
pub const TICK_MS: u64 = 20;

/// Deadlines further away than all slots together (82 s) are queued again when the wheel comes round.
const SLOTS: usize = 4096;

/// What happens to a socket whose timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The read that waits gives its buffer back; the connection goes on.
    CancelRead,
    /// Reads end as if the peer had closed; an answer can still be written.
    EndReading,
    /// Reads and writes end.
    End,
    /// Nothing, unless the peer has reset the connection: then the socket in [`Timer::watch_for`] ends. Repeats.
    ProbePeer,
}

/// The timer of one connection.
pub struct Timer {
    deadline: Cell<u32>,
    /// The tick of the one entry in the wheel that counts; others are left-overs of earlier deadlines.
    queued: Cell<u32>,
    socket: Cell<RawFd>,
    other: Cell<RawFd>,
    expiry: Cell<Expiry>,
    fired: Cell<bool>,
    canceller: RefCell<Canceller>,
}

impl Timer {
    /// Whether the timer has expired since it was last armed.
    pub fn fired(&self) -> bool {
        self.fired.get()
    }

    /// Whether a look at the peer has shown that it is gone: see [`Wheel::watch_for`].
    pub fn peer_is_gone(&self) -> bool {
        self.fired.get() && self.expiry.get() == Expiry::ProbePeer
    }

    /// To be called before the other socket is another's, or closes: see [`Wheel::watch_for`].
    pub fn forget_other(&self) {
        self.other.set(-1);
    }

    /// To be called before the socket closes: its number may be another socket's right after.
    pub fn detach(&self) {
        self.socket.set(-1);
        self.other.set(-1);
    }

    pub(super) fn cancel_handle(&self) -> monoio::io::CancelHandle {
        self.canceller.borrow().handle()
    }

    fn expire(&self) {
        self.fired.set(self.expiry.get() != Expiry::ProbePeer || peer_has_reset(self.socket.get()));
        match self.expiry.get() {
            Expiry::CancelRead => {
                let canceller = self.canceller.take();
                let canceller = canceller.cancel();
                self.canceller.replace(canceller);
            }
            Expiry::EndReading => shutdown(self.socket.get(), libc::SHUT_RD),
            Expiry::End => shutdown(self.socket.get(), libc::SHUT_RDWR),
            Expiry::ProbePeer if self.fired.get() => shutdown(self.other.get(), libc::SHUT_RDWR),
            Expiry::ProbePeer => {}
        }
    }
}

fn shutdown(socket: RawFd, how: libc::c_int) {
    if socket >= 0 {
        // SAFETY: a plain system call on a number; `detach` keeps it from being another socket's.
        unsafe { libc::shutdown(socket, how) };
    }
}

fn peer_has_reset(socket: RawFd) -> bool {
    let mut poll = libc::pollfd { fd: socket, events: 0, revents: 0 };
    // SAFETY: one valid `pollfd`, and a time-out of zero.
    unsafe { libc::poll(&mut poll, 1, 0) };
    poll.revents & (libc::POLLERR | libc::POLLHUP) != 0
}

/// The wheel of a shard.
pub struct Wheel {
    now: Cell<u32>,
    slots: Vec<RefCell<Vec<Weak<Timer>>>>,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { now: Cell::new(0), slots: (0..SLOTS).map(|_| RefCell::default()).collect() }
    }
}

impl Wheel {
    pub fn timer(&self, socket: RawFd) -> Rc<Timer> {
        Rc::new(Timer {
            deadline: Cell::new(u32::MAX),
            queued: Cell::new(u32::MAX),
            socket: Cell::new(socket),
            other: Cell::new(-1),
            expiry: Cell::new(Expiry::End),
            fired: Cell::new(false),
            canceller: RefCell::new(Canceller::new()),
        })
    }

    /// Sets the deadline to `after_ms` from now; an earlier one of the same timer is forgotten.
    #[inline]
    pub fn arm(&self, timer: &Rc<Timer>, after_ms: u64, expiry: Expiry) {
        let ticks = u32::try_from(after_ms.div_ceil(TICK_MS)).unwrap_or(u32::MAX / 4).min(u32::MAX / 4);
        let deadline = self.now.get() + ticks + 1;
        timer.deadline.set(deadline);
        timer.expiry.set(expiry);
        timer.fired.set(false);
        if deadline < timer.queued.get() {
            self.queue(timer, Rc::downgrade(timer));
        }
    }

    /// While `timer`'s socket waits for `other`: looks each second whether the client is gone, and ends `other` then.
    pub fn watch_for(&self, timer: &Rc<Timer>, other: RawFd) {
        timer.other.set(other);
        self.arm(timer, PROBE_MS, Expiry::ProbePeer);
    }

    /// No deadline until the next one is set. The wheel's entry comes due in vain.
    pub fn disarm(&self, timer: &Timer) {
        timer.deadline.set(u32::MAX);
    }

    fn queue(&self, timer: &Timer, entry: Weak<Timer>) {
        let now = self.now.get();
        let at = timer.deadline.get().clamp(now + 1, now + SLOTS as u32 - 1);
        timer.queued.set(at);
        self.slots[at as usize % SLOTS].borrow_mut().push(entry);
    }

    /// Turns the wheel by one tick.
    pub fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        let due = std::mem::take(&mut *self.slots[now as usize % SLOTS].borrow_mut());
        for entry in due {
            let Some(timer) = entry.upgrade() else { continue };
            if timer.queued.get() != now {
                continue;
            }
            timer.queued.set(u32::MAX);
            let deadline = timer.deadline.get();
            if timer.socket.get() < 0 || deadline == u32::MAX {
                continue;
            }
            if deadline > now {
                self.queue(&timer, entry);
                continue;
            }
            timer.expire();
            if !timer.fired() {
                self.arm(&timer, PROBE_MS, Expiry::ProbePeer);
            }
        }
    }
}

/// How often a client that waits is looked at.
const PROBE_MS: u64 = 1000;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (client, listener.accept().expect("a client").0)
    }

    fn ticks_until_fired(wheel: &Wheel, timer: &Timer, at_most: u32) -> Option<u32> {
        (1..=at_most).find(|_| {
            wheel.tick();
            timer.fired()
        })
    }

    #[track_caller]
    fn check(after_ms: u64, expected_ticks: u32) {
        let (wheel, (_client, server)) = (Wheel::default(), pair());
        let timer = wheel.timer(server.as_raw_fd());
        wheel.arm(&timer, after_ms, Expiry::EndReading);
        assert_eq!(ticks_until_fired(&wheel, &timer, 20_000), Some(expected_ticks), "{after_ms} ms");
        let read = (&server).read(&mut [0; 8]).expect("the read ends");
        assert_eq!(read, 0);
    }

    #[test]
    fn timers_fire_at_their_deadline_and_never_before() {
        check(0, 1);
        check(1, 2);
        check(20, 2);
        check(1000, 51);
        check(200_000, 10_001);
    }

    #[test]
    fn arming_again_moves_the_deadline_both_ways() {
        let (wheel, (_client, server)) = (Wheel::default(), pair());
        let timer = wheel.timer(server.as_raw_fd());
        wheel.arm(&timer, 100, Expiry::End);
        wheel.arm(&timer, 10_000, Expiry::End);
        assert_eq!(ticks_until_fired(&wheel, &timer, 100), None);
        wheel.arm(&timer, 40, Expiry::End);
        assert_eq!(ticks_until_fired(&wheel, &timer, 100), Some(3));
        assert_eq!(ticks_until_fired(&wheel, &wheel.timer(-1), 1000), None);
    }

    #[test]
    fn rearming_does_not_grow_the_wheel() {
        let (wheel, (_client, server)) = (Wheel::default(), pair());
        let timer = wheel.timer(server.as_raw_fd());
        for round in 0..50_000 {
            wheel.arm(&timer, 30_000 + round % 5_000, Expiry::End);
            if round % 10 == 0 {
                wheel.tick();
            }
        }
        let queued: usize = wheel.slots.iter().map(|slot| slot.borrow().len()).sum();
        assert!(queued < 50, "{queued} entries for one timer");
    }

    #[test]
    fn disarmed_and_detached_timers_do_nothing() {
        let (wheel, (_client, server)) = (Wheel::default(), pair());
        let timer = wheel.timer(server.as_raw_fd());
        wheel.arm(&timer, 40, Expiry::End);
        wheel.disarm(&timer);
        assert_eq!(ticks_until_fired(&wheel, &timer, 100), None);
        wheel.arm(&timer, 40, Expiry::End);
        timer.detach();
        assert_eq!(ticks_until_fired(&wheel, &timer, 100), None);
    }

    #[test]
    fn a_client_that_reset_its_connection_ends_the_other_socket() {
        let (wheel, (client, server), (_upstream_client, upstream)) = (Wheel::default(), pair(), pair());
        let timer = wheel.timer(server.as_raw_fd());
        wheel.watch_for(&timer, upstream.as_raw_fd());
        (0..200).for_each(|_| wheel.tick());
        upstream.set_nonblocking(true).expect("a socket");
        assert!((&upstream).read(&mut [0; 8]).is_err(), "the client is still there");
        socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
        drop(client);
        (0..200).for_each(|_| wheel.tick());
        assert_eq!((&upstream).read(&mut [0; 8]).expect("it was ended"), 0);
    }
}
