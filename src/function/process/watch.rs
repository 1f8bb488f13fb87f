//! Watching over a process: its end, its deadline, its memory, how long it is idle.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::unix::pipe;
use tokio::process::Child;

use super::{Doom, Drained, Process, State};
use crate::function::invocation::{Exit, Failure, StartFailure};
use crate::function::remove::remove_folder;
use crate::function::{peer, time};

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// How long a warden may take to kill what it watches over before it is killed itself.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// How often what was written last is read for.
const LAST_READS_MAX: usize = 16;

/// Processes of a function that are looked at for their memory.
const DESCENDANTS_MAX: usize = 64;

impl Process {
    /// Watches over the process until it has ended, and everything that it started with it.
    pub async fn supervise(self: Rc<Self>, mut child: Child, output: pipe::Receiver) {
        let mut look = Instant::now();
        let mut is_open = true;
        let exit = loop {
            tokio::select! {
                status = child.wait() => break status,
                readable = output.readable(), if is_open => {
                    let drained = readable.map(|()| self.drain_from(None, |buffer| output.try_read(buffer)));
                    is_open = matches!(drained, Ok(Drained::Empty | Drained::More));
                }
                () = tokio::time::sleep_until(look.into()) => look = self.look(&mut child),
            }
        };
        let exit = match exit {
            Ok(status) => status.signal().map_or(Exit::Code(status.code().unwrap_or(0)), Exit::Signal),
            Err(_) => Exit::Signal(libc::SIGKILL),
        };
        self.ended(exit);
        let folder = self.folder.clone();
        // Whatever the function has left there, however much. What cannot be removed goes with the host's folder.
        let _ = tokio::task::spawn_blocking(move || remove_folder(&folder)).await;
        if let Some(user) = self.user.filter(|_| self.outlived.get()) {
            tracing::error!(user, "a function's warden had to be killed: what it has left may still run as its user");
            while user_runs(user) {
                tokio::time::sleep(LOOK).await;
            }
        }
        self.function.host.free(self.place);
    }

    fn ended(self: &Rc<Self>, exit: Exit) {
        // Nobody is left who writes, but for what may have outlived a warden that had to be killed.
        let _ = (0..LAST_READS_MAX).all(|_| matches!(self.drain(None), Drained::More));
        let id = match &*self.state.borrow() {
            State::Busy(busy) => Some(Rc::clone(&busy.id)),
            _ => None,
        };
        let mut log = self.function.log.borrow_mut();
        self.lines.borrow_mut().end(|line| log.push(id.as_ref(), line));
        drop(log);
        let last = self.state.replace(State::Ended);
        match last {
            State::Init if self.doom.get() == Some(Doom::Leave) => self.function.ended(self),
            State::Init => {
                let failure = match (self.init_error.take(), self.doom.get()) {
                    (Some(error), _) => StartFailure::Reported(error),
                    (None, Some(Doom::InitTimeout)) => {
                        StartFailure::TimedOut(self.function.host.settings.bounds.init_timeout)
                    }
                    (None, Some(Doom::Memory)) => StartFailure::OutOfMemory,
                    (None, _) => StartFailure::Exited(exit),
                };
                self.function.ended(self);
                self.function.start_failed(failure);
                return;
            }
            State::Busy(busy) => {
                let failure = match self.doom.get() {
                    Some(Doom::Memory) => Failure::out_of_memory(&busy.id),
                    _ => Failure::exited(&busy.id, exit),
                };
                self.fail(busy, failure, "\tStatus: error\tError Type: Runtime.ExitError");
                self.function.ended(self);
            }
            State::Idle { .. } | State::Answered { .. } | State::Ended => self.function.ended(self),
        }
        self.function.scale();
    }

    /// What time and memory demand, and when to look again.
    fn look(&self, child: &mut Child) -> Instant {
        let now = Instant::now();
        if let Some(killed_at) = self.killed_at.get() {
            if now >= killed_at + KILL_GRACE {
                // The runtime dies with its warden (PR_SET_PDEATHSIG).
                if matches!(child.try_wait(), Ok(None)) {
                    let _ = child.start_kill();
                    self.outlived.set(true);
                }
            }
            return now + LOOK;
        }
        let mut due = now + LOOK;
        let mut verdict = None;
        match &*self.state.borrow() {
            State::Init => {
                let deadline = self.started + self.function.host.settings.bounds.init_timeout;
                due = due.min(deadline);
                verdict = (now >= deadline).then_some(Doom::InitTimeout);
            }
            State::Busy(busy) => {
                due = due.min(busy.deadline);
                verdict = (now >= busy.deadline).then_some(Doom::Timeout);
            }
            State::Idle { since, .. } if now >= *since + self.function.idle_max() && self.function.can_spare(self) => {
                verdict = Some(Doom::Leave);
            }
            // Whatever it still does, it has as long for it as for an invocation.
            State::Answered { since } if now >= *since + self.timeout() => verdict = Some(Doom::Leave),
            State::Idle { .. } | State::Answered { .. } | State::Ended => {}
        }
        if verdict.is_none() && self.uses_too_much() {
            verdict = Some(Doom::Memory);
        }
        if verdict == Some(Doom::Timeout)
            && let Some(busy) = self.take(|_| true)
        {
            let timeout_s = self.function.live().definition.timeout_s;
            let failure = Failure::timed_out(&busy.id, timeout_s);
            let id = Rc::clone(&busy.id);
            self.fail(busy, failure, "\tStatus: timeout");
            let line = format!("{} {id} Task timed out after {timeout_s}.00 seconds", time::iso(time::unix_ms()));
            self.function.log.borrow_mut().push(Some(&id), &line);
        }
        if let Some(doom) = verdict {
            self.kill(doom);
            return now + LOOK;
        }
        due
    }

    fn uses_too_much(&self) -> bool {
        self.measure_memory() > self.memory_kb_limit()
    }

    /// The memory of the runtime and of what it has started, in physical pages. What a fork shares with its parent counts
    /// once, where it makes a difference: that takes longer to find out.
    pub(super) fn measure_memory(&self) -> u64 {
        let all = descendants(self.warden);
        let resident: Vec<u64> = all.iter().map(|process| resident_kb(*process)).collect();
        let mut used_kb: u64 = resident.iter().sum();
        // Of more processes than are looked at, the shares of some would be missing.
        if used_kb > self.memory_kb_limit() && (2..DESCENDANTS_MAX).contains(&all.len()) {
            let proportional = all.iter().zip(&resident).map(|(process, kb)| proportional_kb(*process).unwrap_or(*kb));
            used_kb = proportional.sum::<u64>().max(resident.iter().copied().max().unwrap_or(0));
        }
        self.memory_kb_max.set(self.memory_kb_max.get().max(used_kb));
        used_kb
    }

    fn memory_kb_limit(&self) -> u64 {
        u64::from(self.function.live().definition.memory_mb) * 1_024
    }
}

/// Whether any process of a user is left.
fn user_runs(user: u32) -> bool {
    let mut processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.any(|process| process.metadata().is_ok_and(|process| process.uid() == user))
}

fn descendants(process: u32) -> Vec<u32> {
    let mut all = peer::children(process);
    let mut at = 0;
    // A fork bomb is bounded elsewhere; here by what is worth a look each second.
    while at < all.len() && all.len() < DESCENDANTS_MAX {
        all.extend(peer::children(all[at]));
        at += 1;
    }
    all
}

fn resident_kb(process: u32) -> u64 {
    kilobytes_in(&format!("/proc/{process}/status"), "VmRSS:").unwrap_or(0)
}

/// With each shared page divided among those that share it.
fn proportional_kb(process: u32) -> Option<u64> {
    kilobytes_in(&format!("/proc/{process}/smaps_rollup"), "Pss:")
}

fn kilobytes_in(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().split(' ').next()?.parse().ok()
}
