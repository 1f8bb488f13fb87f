//! A function and its processes: who gets an invocation, when there are more processes and when fewer.
//!
//! An invocation goes to the process that was idle last, so that the others can end. Without an idle one it waits, and
//! where it has waited a little while, a process more is started, for a process that is busy for less than that little while
//! is worth waiting for: starting one takes longer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::code::Code;
use super::definition::Definition;
use super::host::Shared;
use super::invocation::{Answer, Complete, Invocation, StartFailure};
use super::launch;
use super::log::Log;
use super::process::Process;
use super::stats::FunctionStats;

/// How often what waits is looked at; not much later than another process may be due.
const LOOK_MAX: Duration = Duration::from_millis(50);
const LOOK_MIN: Duration = Duration::from_millis(1);

/// The pause after the second start in a row that has failed; it doubles from then on.
const BACK_OFF: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

pub struct Function {
    pub host: Rc<Shared>,
    pub log: RefCell<Log>,
    pub stats: Arc<FunctionStats>,
    live: RefCell<Rc<Live>>,
    pool: RefCell<Pool>,
}

/// A function as it is now; a change makes another of the next generation.
#[derive(Clone, Debug)]
pub struct Live {
    pub definition: Definition,
    pub code: Code,
    pub arn: String,
    pub generation: u64,
    /// From the settings: not to be changed by the control API.
    pub is_configured: bool,
    pub modified_ms: u64,
    /// Changes with each change.
    pub revision_id: String,
    /// The statements of `AddPermission`, kept and told, by their ids.
    pub policy: Vec<(String, serde_json::Value)>,
}

/// Why an invocation is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled {
    /// As many as the function may have are running.
    ReservedConcurrency,
    /// As many as may wait are waiting.
    Queue,
    /// What runs and waits has as many bytes as it may have.
    Payloads,
}

#[derive(Default)]
struct Pool {
    waiting: VecDeque<(Instant, Invocation)>,
    processes: Vec<Rc<Process>>,
    /// The one that was idle last comes last.
    idle: Vec<Rc<Process>>,
    running: usize,
    /// Starts in a row that have failed.
    failures: u32,
    not_before: Option<Instant>,
    last_failure: Option<Rc<StartFailure>>,
    /// Whether somebody is about to look whether more processes are needed.
    is_scaling: bool,
    is_closed: bool,
}

impl Function {
    pub fn new(host: Rc<Shared>, live: Live, log: Log) -> Rc<Function> {
        let stats = host.stats.of(&live.definition.name);
        let live = RefCell::new(Rc::new(live));
        Rc::new(Function { host, log: RefCell::new(log), stats, live, pool: RefCell::default() })
    }

    pub fn live(&self) -> Rc<Live> {
        Rc::clone(&self.live.borrow())
    }

    /// Replaces what the function is. Processes of before finish what they do, and end; `restart` is for what they would
    /// not notice.
    pub fn replace(self: &Rc<Self>, live: Live) {
        let is_same = live.generation == self.live().generation;
        *self.live.borrow_mut() = Rc::new(live);
        if !is_same {
            let idle = std::mem::take(&mut self.pool.borrow_mut().idle);
            idle.iter().for_each(|process| process.leave());
            let mut pool = self.pool.borrow_mut();
            (pool.failures, pool.not_before) = (0, None);
        }
        self.keep_up();
        self.scale();
    }

    /// Ends the function: what waits is refused, what runs may finish.
    pub fn close(&self) {
        let (idle, waiting) = {
            let mut pool = self.pool.borrow_mut();
            pool.is_closed = true;
            (std::mem::take(&mut pool.idle), std::mem::take(&mut pool.waiting))
        };
        idle.iter().for_each(|process| process.leave());
        waiting.into_iter().for_each(|(_, invocation)| self.fail(invocation, &StartFailure::Gone));
    }

    /// Ends every process, whatever it does.
    pub fn end(&self) {
        let processes = self.pool.borrow().processes.clone();
        processes.iter().for_each(|process| process.leave());
    }

    /// Gives the invocation to a process, now or soon.
    ///
    /// # Errors
    /// There are too many.
    pub fn invoke(self: &Rc<Self>, mut invocation: Invocation) -> Result<(), Throttled> {
        let live = self.live();
        let most = live.definition.reserved_concurrency.map_or(usize::MAX, |most| most as usize);
        let is_full = |(_, running, waiting): (usize, usize, usize)| {
            running + waiting >= most || waiting >= self.host.settings.bounds.queue_max
        };
        if is_full(self.load()) {
            self.forget_the_gone();
        }
        let (_, running, waiting) = self.load();
        if running + waiting >= most {
            self.stats.throttles.add();
            return Err(Throttled::ReservedConcurrency);
        }
        loop {
            let Some(process) = self.pool.borrow_mut().idle.pop() else { break };
            match process.take_on(invocation) {
                None => return Ok(()),
                Some(back) => invocation = back,
            }
        }
        let failure = {
            let mut pool = self.pool.borrow_mut();
            let is_down = pool.processes.is_empty() && pool.not_before.is_some_and(|then| Instant::now() < then);
            if pool.is_closed || is_down {
                pool.last_failure.clone().unwrap_or_else(|| Rc::new(StartFailure::Gone))
            } else if pool.waiting.len() >= self.host.settings.bounds.queue_max {
                self.stats.throttles.add();
                return Err(Throttled::Queue);
            } else {
                pool.waiting.push_back((Instant::now(), invocation));
                self.stats.waiting.set(pool.waiting.len());
                drop(pool);
                self.scale();
                return Ok(());
            }
        };
        self.fail(invocation, &failure);
        Ok(())
    }

    /// Starts processes that are needed now, and looks again soon where more may be.
    pub fn scale(self: &Rc<Self>) {
        self.forget_the_gone_ahead();
        loop {
            let (is_needed, look_again) = self.need();
            if look_again {
                self.scale_soon();
            }
            if !is_needed || !self.start() {
                return;
            }
        }
    }

    /// Whether a process more is needed at once, and whether one may be in a little while.
    fn need(&self) -> (bool, bool) {
        let pool = self.pool.borrow();
        let Some((since, _)) = pool.waiting.front() else { return (false, false) };
        let now = Instant::now();
        let starting = pool.processes.iter().filter(|process| process.is_starting()).count();
        if pool.is_closed || starting >= pool.waiting.len() || pool.processes.len() >= self.processes_max() {
            return (false, false);
        }
        if pool.not_before.is_some_and(|then| now < then) {
            return (false, true);
        }
        let is_due = pool.processes.is_empty() || now >= *since + self.host.settings.bounds.scale_after;
        (is_due, !is_due)
    }

    fn scale_soon(self: &Rc<Self>) {
        if std::mem::replace(&mut self.pool.borrow_mut().is_scaling, true) {
            return;
        }
        let function = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(function.host.settings.bounds.scale_after.clamp(LOOK_MIN, LOOK_MAX)).await;
            function.pool.borrow_mut().is_scaling = false;
            function.scale();
        });
    }

    /// Sees to the processes that there always are. Called once in a while.
    pub fn keep_up(self: &Rc<Self>) {
        let live = self.live();
        loop {
            let is_short = {
                let pool = self.pool.borrow();
                let least = (live.definition.processes_min as usize).min(self.processes_max());
                let is_paused = pool.not_before.is_some_and(|then| Instant::now() < then);
                !pool.is_closed && !is_paused && pool.processes.len() < least
            };
            if !is_short || !self.start() {
                return;
            }
        }
    }

    fn processes_max(&self) -> usize {
        let live = self.live();
        let most = live.definition.processes_max.unwrap_or(self.host.settings.bounds.function_processes_max) as usize;
        most.min(live.definition.reserved_concurrency.map_or(usize::MAX, |most| most as usize))
    }

    /// Whether a process could be started, or its start has failed.
    fn start(self: &Rc<Self>) -> bool {
        let Some(place) = self.host.take_place() else {
            // One becomes free, or somebody's process idle.
            self.scale_soon();
            return false;
        };
        match launch::start(self, place) {
            Ok(process) => {
                let mut pool = self.pool.borrow_mut();
                pool.processes.push(process);
                self.stats.processes.set(pool.processes.len());
                true
            }
            Err(reason) => {
                self.start_failed(StartFailure::NotStarted(reason));
                self.host.free(place);
                false
            }
        }
    }

    /// A start has failed: of those that wait, one was its reason, or all were, if nothing is left to wait for.
    pub fn start_failed(self: &Rc<Self>, failure: StartFailure) {
        // Starts that fail have pauses between them: these lines are few.
        let live = self.live();
        let name = &live.definition.name;
        tracing::warn!(
            function = name,
            "the function does not start: {failure}; `tollgate functions logs {name}` has more"
        );
        let failure = Rc::new(failure);
        let failed = {
            let mut pool = self.pool.borrow_mut();
            pool.failures = pool.failures.saturating_add(1);
            let pause = match pool.failures {
                0 | 1 => None,
                failures => Some((BACK_OFF * 2u32.saturating_pow((failures - 2).min(16))).min(BACK_OFF_MAX)),
            };
            pool.not_before = pause.map(|pause| Instant::now() + pause);
            pool.last_failure = Some(Rc::clone(&failure));
            let failed = if pool.processes.is_empty() && pause.is_some() { pool.waiting.len() } else { 1 };
            let failed = failed.min(pool.waiting.len());
            pool.waiting.drain(..failed).collect::<Vec<_>>()
        };
        failed.into_iter().for_each(|(_, invocation)| self.fail(invocation, &failure));
        self.stats.waiting.set(self.pool.borrow().waiting.len());
        self.scale();
    }

    fn fail(&self, invocation: Invocation, failure: &StartFailure) {
        self.stats.invocations.add();
        self.stats.errors.add();
        let tail = invocation.wants_tail.then(String::new);
        let complete = Complete { payload: failure.payload(&invocation.id), failed: true, tail };
        // A caller that has left has no use for it.
        let _ = invocation.reply.send(Answer::Complete(complete));
    }

    /// A process has become ready.
    pub fn started(&self) {
        self.stats.cold_starts.add();
        let mut pool = self.pool.borrow_mut();
        (pool.failures, pool.not_before) = (0, None);
    }

    /// Whether a process may go on.
    pub fn wants(&self, process: &Process) -> bool {
        process.generation == self.live().generation && !self.pool.borrow().is_closed
    }

    /// The next invocation that somebody still waits for.
    pub fn waiting(self: &Rc<Self>) -> Option<Invocation> {
        let mut pool = self.pool.borrow_mut();
        let next = std::iter::from_fn(|| pool.waiting.pop_front()).find(|(_, next)| !next.reply.is_closed());
        self.stats.waiting.set(pool.waiting.len());
        next.map(|(_, invocation)| invocation)
    }

    /// Those of them that are next.
    fn forget_the_gone_ahead(&self) {
        let mut pool = self.pool.borrow_mut();
        while pool.waiting.front().is_some_and(|(_, invocation)| invocation.reply.is_closed()) {
            pool.waiting.pop_front();
        }
    }

    /// Callers that have left before anything was done for them.
    pub fn forget_the_gone(&self) {
        let mut pool = self.pool.borrow_mut();
        pool.waiting.retain(|(_, invocation)| !invocation.reply.is_closed());
        self.stats.waiting.set(pool.waiting.len());
    }

    pub fn idle(&self, process: &Rc<Process>) {
        let mut pool = self.pool.borrow_mut();
        pool.idle.retain(|idle| !Rc::ptr_eq(idle, process));
        pool.idle.push(Rc::clone(process));
    }

    /// A process is not to be given anything any more.
    pub fn leaves(&self, process: &Process) {
        self.pool.borrow_mut().idle.retain(|idle| !std::ptr::eq(&**idle, process));
    }

    pub fn running(&self, more: usize) {
        self.stats.invocations.add();
        let mut pool = self.pool.borrow_mut();
        pool.running += more;
        self.stats.running.set(pool.running);
    }

    pub fn finished(&self, duration: Duration, failed: bool) {
        self.stats.duration(duration);
        if failed {
            self.stats.errors.add();
        }
        let mut pool = self.pool.borrow_mut();
        pool.running = pool.running.saturating_sub(1);
        self.stats.running.set(pool.running);
    }

    pub fn ended(&self, process: &Rc<Process>) {
        let mut pool = self.pool.borrow_mut();
        pool.idle.retain(|idle| !Rc::ptr_eq(idle, process));
        pool.processes.retain(|other| !Rc::ptr_eq(other, process));
        self.stats.processes.set(pool.processes.len());
    }

    /// How long a process may be idle.
    pub fn idle_max(&self) -> Duration {
        let live = self.live();
        live.definition.idle_s.map_or(self.host.settings.bounds.idle, |idle_s| Duration::from_secs(idle_s.into()))
    }

    /// Whether there are enough without this one.
    pub fn can_spare(&self, process: &Process) -> bool {
        let least = self.live().definition.processes_min as usize;
        !self.wants(process) || self.pool.borrow().processes.len() > least
    }

    /// Ends the process that has been idle longest, for another function's sake; whether there was one.
    pub fn give_up_one(&self) -> bool {
        let idle = self.pool.borrow().idle.first().cloned();
        let spared = idle.filter(|process| self.can_spare(process));
        if let Some(process) = &spared {
            process.leave();
        }
        spared.is_some()
    }

    /// Whether no process is left of what the function was before.
    pub fn is_current(&self) -> bool {
        let generation = self.live().generation;
        self.pool.borrow().processes.iter().all(|process| process.generation == generation)
    }

    pub fn has_waiting(&self) -> bool {
        !self.pool.borrow().waiting.is_empty()
    }

    /// Processes, and invocations that run and that wait.
    pub fn load(&self) -> (usize, usize, usize) {
        let pool = self.pool.borrow();
        (pool.processes.len(), pool.running, pool.waiting.len())
    }
}
