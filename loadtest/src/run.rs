//! Settings in, report out: one run, its repeats, or the search for the highest rate.
//!
//! - [`once`]: one run of the workers, from opening connections to the last answer;
//! - [`assemble`]: what was counted → [`Report`]; [`warnings`]: what its reader has to know;
//! - [`progress`]: what is seen while it runs.

mod assemble;
mod once;
mod progress;
mod warnings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::measure::process::Usage;
use crate::report::{Found, Report, Step};
use crate::schedule::find_max;
use crate::schedule::{Arrivals, Phase, Schedule};
use crate::settings::{Load, Search, Settings};
use once::Outcome;
use progress::Progress;

/// Why there is no report.
#[derive(Debug, PartialEq)]
pub enum RunError {
    /// What was asked for cannot be done here: a file, a permission, a limit.
    Setup(String),
    /// No connection could be opened.
    Unreachable(String),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Setup(message) | RunError::Unreachable(message) => f.write_str(message),
        }
    }
}

/// Runs the load test. `stop` ends it early, with the report so far.
///
/// # Errors
/// Nothing could be measured at all; failures on the way are in the report.
pub fn run(settings: Settings, stop: Arc<AtomicBool>) -> Result<Report, RunError> {
    if let Some(pid) = settings.target_pid {
        Usage::of_tree(pid).map_err(RunError::Setup)?;
    }
    let mut run = Run {
        target: Arc::new(settings.target),
        load: settings.load,
        target_pid: settings.target_pid,
        progress: Progress::new(settings.outputs.quiet),
        stop,
    };
    let mut report = assemble::Facts {
        label: settings.label,
        command: settings.command,
        started_at: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
    };
    match settings.search {
        None => run.repeats(settings.repeats, &mut report),
        Some(search) => run.search(&search, &mut report),
    }
}

struct Run {
    target: Arc<crate::target::Target>,
    load: Load,
    target_pid: Option<u32>,
    progress: Progress,
    stop: Arc<AtomicBool>,
}

impl Run {
    fn once(&mut self, load: &Load, title: &str) -> Result<Outcome, RunError> {
        once::once(&self.target, load, self.target_pid, &self.stop, &mut self.progress, title)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn repeats(&mut self, repeats: usize, facts: &mut assemble::Facts) -> Result<Report, RunError> {
        let load = self.load.clone();
        let mut outcomes = Vec::new();
        let mut failed = None;
        for repeat in 1..=repeats {
            let title = if repeats == 1 { String::new() } else { format!("repeat {repeat} of {repeats}") };
            match self.once(&load, &title) {
                Ok(outcome) => outcomes.push(outcome),
                // What was measured before is worth more than the error, which the report tells as a warning.
                Err(error) if !outcomes.is_empty() => {
                    failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
            if self.stopped() {
                break;
            }
        }
        self.progress.finish();
        let interrupted = failed.is_none() && self.stopped();
        let mut report = assemble::report(facts, &self.target, &load, outcomes, interrupted);
        if report.repeats.len() < repeats {
            let why = failed.map(|error| format!(": {error}")).unwrap_or_default();
            report.warnings.push(format!("only {} of {repeats} repeats were run{why}", report.repeats.len()));
        }
        Ok(report)
    }

    /// Trials at rates that a search proposes. The report's figures are those of the highest rate that passed, or of the
    /// lowest that did not.
    fn search(&mut self, search: &Search, facts: &mut assemble::Facts) -> Result<Report, RunError> {
        let mut bounds = find_max::Search::new(search.rate_min, search.rate_max, search.precision);
        let mut steps: Vec<Step> = Vec::new();
        let mut best: Option<(bool, f64, Outcome)> = None;
        let mut tool_is_short = false;
        let mut failed = None;
        while let Some(rate) = bounds.next() {
            let outcome = match self.once(&trial(&self.load, rate, search.trial), &progress::at_rate(rate)) {
                Ok(outcome) => outcome,
                // The trials before it are worth more than the error.
                Err(error) if best.is_some() => {
                    failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            };
            // A trial that was cut short says nothing about its rate.
            if self.stopped() {
                best = best.or(Some((false, rate, outcome)));
                break;
            }
            let measured = assemble::measured(&outcome, true);
            let holds = search.condition.judge_measured(&measured).iter().all(|verdict| verdict.met);
            // Where requests were not even sent, those that were say nothing about the rate.
            let kept_up = measured.not_sent == 0 && measured.sent as f64 >= 0.99 * measured.intended as f64;
            let passed = holds && kept_up;
            tool_is_short = !passed && outcome.busiest_worker > warnings::BUSY_SHARE;
            steps.push(assemble::trial_step(rate, &measured, passed));
            bounds.tried(rate, passed);
            if best.as_ref().is_none_or(|(best_passed, best_rate, _)| {
                if passed { !best_passed || rate > *best_rate } else { !best_passed && rate < *best_rate }
            }) {
                best = Some((passed, rate, outcome));
            }
        }
        self.progress.finish();
        let (_, rate, outcome) = best.expect("a search has at least one trial");
        let load = trial(&self.load, rate, search.trial);
        let interrupted = failed.is_none() && self.stopped();
        let mut report = assemble::report(facts, &self.target, &load, vec![outcome], interrupted);
        report.load.schedule =
            format!("search from {} to {}", progress::at_rate(search.rate_min), progress::at_rate(search.rate_max));
        let (rate, failed_rate) = bounds.found();
        report.found = Some(Found { condition: search.condition.to_string(), rate, failed_rate });
        report.steps = steps;
        if let Some(error) = failed {
            report.warnings.push(format!("the search ended early: {error}"));
        }
        if tool_is_short {
            report.warnings.push(
                "the search ended where the load tester itself was busy: the server may hold more; give --workers"
                    .into(),
            );
        }
        Ok(report)
    }
}

fn trial(load: &Load, rate: f64, duration: Duration) -> Load {
    let arrivals = match load.schedule {
        Schedule::Open { arrivals, .. } => arrivals,
        Schedule::Closed => Arrivals::Even,
    };
    let phases = vec![Phase { seconds: duration.as_secs_f64(), from: rate, to: rate }];
    Load { schedule: Schedule::Open { arrivals, phases }, duration, ..load.clone() }
}
