//! One run of the workers, from opening connections to the last answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::RunError;
use super::progress::Progress;
use crate::engine::{End, Message, RowTally, Workers};
use crate::measure::process::{self, Usage};
use crate::measure::series::Series;
use crate::measure::{Failure, Tally};
use crate::schedule::Schedule;
use crate::settings::Load;
use crate::target::Target;

/// How often processes are looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// What one run counted.
pub struct Outcome {
    pub driver: &'static str,
    pub tls: Option<String>,
    pub open_loop: bool,
    pub seconds: f64,
    pub total: Tally,
    /// By phase; only where there is more than one.
    pub phases: Vec<Tally>,
    pub series: Series,
    pub intended: u64,
    pub in_flight: u64,
    pub not_sent: u64,
    pub rows: Vec<(String, RowTally)>,
    /// 0 to 1.
    pub busiest_worker: f64,
    pub tool: Usage,
    pub server: Option<ServerUsage>,
}

pub struct ServerUsage {
    pub pid: u32,
    pub user: Duration,
    pub system: Duration,
    pub rss_start_bytes: u64,
    pub rss_max_bytes: u64,
    pub rss_end_bytes: u64,
}

/// # Errors
/// The workers cannot run, or no connection could be opened.
pub fn once(
    target: &Arc<Target>,
    load: &Load,
    target_pid: Option<u32>,
    stop: &Arc<AtomicBool>,
    progress: &mut Progress,
    title: &str,
) -> Result<Outcome, RunError> {
    let interval = (load.duration / 100).clamp(Duration::from_millis(100), Duration::from_secs(1));
    let workers =
        Workers::start(Arc::clone(target), load.clone(), interval, Arc::clone(stop)).map_err(RunError::Setup)?;
    let mut gathering = Gathering::new(load, interval, target_pid);
    let result = gathering.open(&workers, target).and_then(|()| {
        progress.begin(title, load.warm_up, load.duration, load.requests_max);
        gathering.gather(&workers, progress)
    });
    if let Err(error) = result {
        // This ends the other workers; whoever gets the error does not look at the flag any more.
        stop.store(true, Ordering::Relaxed);
        // The first error is the one to tell.
        drop(workers.join());
        return Err(error);
    }
    gathering.name_rows(workers.row_names());
    workers.join().map_err(RunError::Setup)?;
    Ok(gathering.outcome)
}

fn unreachable(target: &Target, last: Option<(Failure, Option<String>)>) -> RunError {
    let (failure, reason) = last.unwrap_or((Failure::ConnectTimeout, None));
    let reason = reason.unwrap_or_else(|| failure.explanation().to_owned());
    let hint = match failure {
        // What `openssl req -x509` makes, unless told otherwise.
        Failure::Tls if reason.contains("CaUsedAsEndEntity") => {
            "; it is marked as an authority's own (CA:TRUE), which no server should show: --insecure takes it"
        }
        Failure::Tls if reason.contains("peer certificate") => {
            "; --cacert FILE trusts another certificate, --insecure any"
        }
        _ => "",
    };
    let (origin, address) = (&target.origin, target.origin.addresses[0]);
    RunError::Unreachable(format!(
        "no connection to {}:{} ({address}) could be opened: {failure}: {reason}{hint}",
        origin.host, origin.port
    ))
}

struct Gathering {
    outcome: Outcome,
    warm_up: Duration,
    timeout: Duration,
    workers: usize,
    ends: Vec<End>,
    target_pid: Option<u32>,
    tool_before: Usage,
    server_before: Usage,
}

impl Gathering {
    fn new(load: &Load, interval: Duration, target_pid: Option<u32>) -> Gathering {
        let phases = match &load.schedule {
            Schedule::Open { phases, .. } if phases.len() > 1 => vec![Tally::default(); phases.len()],
            _ => Vec::new(),
        };
        let server = target_pid.map(|pid| ServerUsage {
            pid,
            user: Duration::ZERO,
            system: Duration::ZERO,
            rss_start_bytes: 0,
            rss_max_bytes: 0,
            rss_end_bytes: 0,
        });
        Gathering {
            outcome: Outcome {
                driver: "",
                tls: None,
                open_loop: load.schedule.is_open(),
                seconds: 0.0,
                total: Tally::default(),
                phases,
                series: Series::new(interval.as_secs_f64()),
                intended: 0,
                in_flight: 0,
                not_sent: 0,
                rows: Vec::new(),
                busiest_worker: 0.0,
                tool: Usage::default(),
                server,
            },
            warm_up: load.warm_up,
            timeout: load.timeout,
            workers: load.workers,
            ends: Vec::new(),
            target_pid,
            tool_before: Usage::default(),
            server_before: Usage::default(),
        }
    }

    /// Until every worker has opened what it could.
    fn open(&mut self, workers: &Workers, target: &Target) -> Result<(), RunError> {
        let (mut ready, mut opened_all, mut last_failure) = (0, 0, None);
        let patience = Instant::now() + self.timeout + Duration::from_secs(5);
        while ready < self.workers {
            match workers.message(SAMPLE_EVERY) {
                Some(Message::Ready { driver, opened, failure, tls }) => {
                    ready += 1;
                    opened_all += opened;
                    self.outcome.driver = driver;
                    self.outcome.tls = self.outcome.tls.take().or(tls);
                    last_failure = last_failure.or(failure);
                }
                Some(Message::Failed(error)) => return Err(RunError::Setup(error)),
                // Stopped before it began.
                Some(Message::Ended(_)) => ready += 1,
                Some(Message::Counted { .. }) => {}
                None if Instant::now() < patience => {}
                None => break,
            }
        }
        if opened_all == 0 {
            return Err(unreachable(target, last_failure));
        }
        Ok(())
    }

    fn gather(&mut self, workers: &Workers, progress: &mut Progress) -> Result<(), RunError> {
        let measured_from = workers.begin() + self.warm_up;
        let mut begun = false;
        let mut sample_at = measured_from;
        while self.ends.len() < self.workers {
            let now = Instant::now();
            if now >= sample_at {
                self.sample(!begun);
                begun = true;
                sample_at = now + SAMPLE_EVERY;
            }
            match workers.message(sample_at.saturating_duration_since(now).min(SAMPLE_EVERY)) {
                Some(Message::Counted { interval, phase, tally, worker }) => {
                    self.outcome.total.add(&tally);
                    self.outcome.series.add(interval, &tally);
                    if let Some(of_phase) = self.outcome.phases.get_mut(phase) {
                        of_phase.add(&tally);
                    }
                    progress.count(&tally);
                    workers.give_back(worker, tally);
                }
                Some(Message::Ended(end)) => self.ends.push(*end),
                Some(Message::Failed(error)) => return Err(RunError::Setup(error)),
                Some(Message::Ready { .. }) | None => {}
            }
            progress.tick(measured_from);
        }
        self.finish();
        Ok(())
    }

    /// A process that has gone meanwhile stays as it was last seen; its answers will show that it is gone.
    fn sample(&mut self, first: bool) {
        let tool = process::own_usage();
        let server = self.target_pid.and_then(|pid| Usage::of_tree(pid).ok());
        if first {
            self.tool_before = tool;
            self.server_before = server.unwrap_or_default();
        }
        self.outcome.tool.rss_bytes = self.outcome.tool.rss_bytes.max(tool.rss_bytes);
        if let (Some(of), Some(now)) = (&mut self.outcome.server, server) {
            if first {
                of.rss_start_bytes = now.rss_bytes;
            }
            of.user = now.user.saturating_sub(self.server_before.user);
            of.system = now.system.saturating_sub(self.server_before.system);
            of.rss_max_bytes = of.rss_max_bytes.max(now.rss_bytes);
            of.rss_end_bytes = now.rss_bytes;
        }
    }

    fn finish(&mut self) {
        self.sample(false);
        let tool = process::own_usage();
        let outcome = &mut self.outcome;
        outcome.tool.user = tool.user.saturating_sub(self.tool_before.user);
        outcome.tool.system = tool.system.saturating_sub(self.tool_before.system);
        for end in &self.ends {
            outcome.intended += end.intended;
            outcome.in_flight += end.in_flight;
            outcome.not_sent += end.not_sent;
            outcome.seconds = outcome.seconds.max(end.measured.as_secs_f64());
            let busy = end.cpu.saturating_sub(end.spun).as_secs_f64() / end.measured.as_secs_f64().max(1e-9);
            outcome.busiest_worker = outcome.busiest_worker.max(busy.min(1.0));
        }
    }

    fn name_rows(&mut self, names: &[String]) {
        if names.len() < 2 {
            return;
        }
        let mut rows: Vec<(String, RowTally)> = names.iter().map(|name| (name.clone(), RowTally::default())).collect();
        for end in &self.ends {
            rows.iter_mut().zip(&end.rows).for_each(|((_, row), of_worker)| row.add(of_worker));
        }
        self.outcome.rows = rows;
    }
}
