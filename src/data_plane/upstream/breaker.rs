//! A circuit breaker: an upstream that mostly fails gets a pause instead of requests.
//!
//! ```text
//!            errorPercent of at least requestsMin in the window
//!   closed ────────────────────────────────────────────────────▶ open
//!     ▲                                                           │ openMs
//!     │ halfOpenRequests good ones                                ▼
//!     └──────────────────────────────────────────────────── half-open
//!                                    one bad one: open again ───▲ │
//!                                                               └─┘
//! ```
//! Half-open, no more requests are under way and done than have to succeed.

use super::window::Window;
use crate::plan::protection::CircuitBreaker;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// No answer, or one of 500 or more.
    Bad,
    /// It says nothing of the upstream: the client went away.
    None,
}

/// What a breaker has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Opened,
    HalfOpened,
    Closed,
}

/// Leave to try. Its end has to be told to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// In which of the breaker's states it was given: what has been under way since an earlier one says nothing now.
    epoch: u32,
}

pub struct Breaker {
    state: State,
    window: Window,
    epoch: u32,
}

enum State {
    Closed,
    Open { until_ms: u64 },
    HalfOpen { under_way: u32, succeeded: u32 },
}

impl Breaker {
    pub fn new(config: &CircuitBreaker) -> Breaker {
        Breaker { state: State::Closed, window: Window::new(config.window_ms), epoch: 0 }
    }

    /// Whether [`Breaker::admit`] would refuse.
    pub fn refuses(&self, config: &CircuitBreaker, now_ms: u64) -> bool {
        match self.state {
            State::Closed => false,
            State::Open { until_ms } => now_ms < until_ms,
            State::HalfOpen { under_way, succeeded } => {
                under_way + succeeded >= config.half_open_requests && succeeded < config.half_open_requests
            }
        }
    }

    /// `None` where the request has to be refused.
    pub fn admit(&mut self, config: &CircuitBreaker, now_ms: u64) -> (Option<Pass>, Option<Change>) {
        if self.refuses(config, now_ms) {
            return (None, None);
        }
        let change = match &mut self.state {
            State::Closed => None,
            State::Open { .. } => {
                self.enter(State::HalfOpen { under_way: 1, succeeded: 0 });
                Some(Change::HalfOpened)
            }
            // A deploy wants fewer than have succeeded already.
            State::HalfOpen { succeeded, .. } if *succeeded >= config.half_open_requests => Some(self.close(config)),
            State::HalfOpen { under_way, .. } => {
                *under_way += 1;
                None
            }
        };
        (Some(Pass { epoch: self.epoch }), change)
    }

    /// Takes note of how an attempt ended.
    pub fn end(&mut self, config: &CircuitBreaker, pass: Pass, verdict: Verdict, now_ms: u64) -> Option<Change> {
        if pass.epoch != self.epoch {
            return None;
        }
        match (&mut self.state, verdict) {
            (State::Closed, Verdict::None) | (State::Open { .. }, _) => None,
            (State::Closed, verdict) => self.count(config, verdict == Verdict::Bad, now_ms),
            (State::HalfOpen { under_way, .. }, Verdict::None) => {
                *under_way = under_way.saturating_sub(1);
                None
            }
            (State::HalfOpen { .. }, Verdict::Bad) => Some(self.open(config, now_ms)),
            (State::HalfOpen { under_way, succeeded }, Verdict::Good) => {
                *under_way = under_way.saturating_sub(1);
                *succeeded += 1;
                (*succeeded >= config.half_open_requests).then(|| self.close(config))
            }
        }
    }

    fn count(&mut self, config: &CircuitBreaker, bad: bool, now_ms: u64) -> Option<Change> {
        self.window.resize(config.window_ms);
        self.window.add(now_ms, 1, u32::from(bad));
        let (all, failed) = self.window.sums(now_ms);
        let opens =
            bad && all >= u64::from(config.requests_min) && failed * 100 >= all * u64::from(config.error_percent);
        opens.then(|| self.open(config, now_ms))
    }

    fn open(&mut self, config: &CircuitBreaker, now_ms: u64) -> Change {
        self.enter(State::Open { until_ms: now_ms + u64::from(config.open_ms) });
        Change::Opened
    }

    fn close(&mut self, config: &CircuitBreaker) -> Change {
        self.window = Window::new(config.window_ms);
        self.enter(State::Closed);
        Change::Closed
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: CircuitBreaker =
        CircuitBreaker { error_percent: 50, requests_min: 4, window_ms: 1000, open_ms: 500, half_open_requests: 2 };

    /// Runs steps such as `0 good`, `600 begin`, `700 end bad`, and tells of each what came of it: `.` for an attempt
    /// that was let through, `x` for one that was refused, and the breaker's changes.
    #[track_caller]
    fn check(steps: &[&str], expected: &str) {
        let mut breaker = Breaker::new(&CONFIG);
        let (mut under_way, mut seen) = (std::collections::VecDeque::new(), String::new());
        for step in steps {
            let words: Vec<&str> = step.split(' ').collect();
            let now_ms = words[0].parse().expect("a time");
            let verdict = |word| match word {
                "good" => Verdict::Good,
                "bad" => Verdict::Bad,
                "none" => Verdict::None,
                other => panic!("{other}"),
            };
            let mut change = None;
            if words[1] != "end" {
                let refuses = breaker.refuses(&CONFIG, now_ms);
                let (pass, changed) = breaker.admit(&CONFIG, now_ms);
                assert_eq!(pass.is_none(), refuses, "{step}");
                change = changed;
                seen.push(if pass.is_some() { '.' } else { 'x' });
                under_way.extend(pass);
            }
            if let Some(change) = change {
                seen += &format!("{change:?} ");
            }
            let ends = match words[..] {
                [_, "begin"] => None,
                [_, "end", word] | [_, word] => Some(verdict(word)),
                _ => panic!("{step}"),
            };
            let ended = ends.and_then(|verdict| Some((under_way.pop_front()?, verdict)));
            if let Some(change) = ended.and_then(|(pass, verdict)| breaker.end(&CONFIG, pass, verdict, now_ms)) {
                seen += &format!("{change:?} ");
            }
        }
        assert_eq!(seen.trim(), expected, "{steps:?}");
    }

    #[test]
    fn it_opens_at_a_share_of_errors_and_not_before_there_are_enough_requests() {
        check(&["0 bad", "1 bad", "2 bad"], "...");
        check(&["0 bad", "1 bad", "2 bad", "3 bad"], "....Opened");
        check(&["0 bad", "1 bad", "2 good", "3 good"], "....");
        check(&["0 good", "1 good", "2 bad", "3 bad"], "....Opened");
        check(&["0 good", "1 good", "2 good", "3 bad", "4 bad", "5 bad"], "......Opened");
        check(&["0 bad", "1 bad", "2 bad", "3 none", "4 none"], ".....");
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        check(&["0 bad", "1 bad", "2 bad", "1500 bad"], "....");
    }

    #[test]
    fn open_it_refuses_until_its_time_is_over() {
        let open = ["0 bad", "1 bad", "2 bad", "3 bad", "4 good", "502 good"];
        check(&open, "....Opened xx");
    }

    #[test]
    fn half_open_it_lets_a_few_through_and_closes_after_as_many_good_ones() {
        let steps = ["0 bad", "0 bad", "0 bad", "0 bad", "500 begin", "500 begin", "500 begin"];
        check(&steps, "....Opened .HalfOpened .x");
        check(
            &[&steps[..6], &["501 end good", "502 end good", "503 bad"]].concat(),
            "....Opened .HalfOpened .Closed .",
        );
    }

    #[test]
    fn half_open_one_bad_answer_opens_it_again() {
        let steps = ["0 bad", "0 bad", "0 bad", "0 bad", "500 good", "501 bad", "502 good", "1001 good", "1002 good"];
        check(&steps, "....Opened .HalfOpened .Opened x.HalfOpened .Closed");
    }

    #[test]
    fn an_attempt_without_a_verdict_makes_room_for_another() {
        let steps = ["0 bad", "0 bad", "0 bad", "0 bad", "500 begin", "500 begin", "501 end none", "502 begin"];
        check(&steps, "....Opened .HalfOpened ..");
    }

    #[test]
    fn attempts_from_before_a_change_say_nothing() {
        let mut breaker = Breaker::new(&CONFIG);
        let early = breaker.admit(&CONFIG, 0).0.expect("it is closed");
        for _ in 0..4 {
            let pass = breaker.admit(&CONFIG, 0).0.expect("it is closed");
            breaker.end(&CONFIG, pass, Verdict::Bad, 0);
        }
        let (probe, change) = breaker.admit(&CONFIG, 500);
        assert_eq!(change, Some(Change::HalfOpened));
        assert_eq!(breaker.end(&CONFIG, early, Verdict::Bad, 501), None, "it began before the breaker opened");
        assert_eq!(breaker.end(&CONFIG, probe.expect("half-open"), Verdict::Bad, 502), Some(Change::Opened));
    }

    #[test]
    fn a_deploy_that_wants_fewer_good_ones_closes_it() {
        let mut breaker = Breaker::new(&CONFIG);
        breaker.state = State::HalfOpen { under_way: 0, succeeded: 1 };
        let fewer = CircuitBreaker { half_open_requests: 1, ..CONFIG };
        assert_eq!(breaker.admit(&fewer, 0).1, Some(Change::Closed));
    }
}
