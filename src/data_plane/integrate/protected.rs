//! An HTTP integration whose upstream is protected: attempt after attempt, each past the breaker at a target of its own.
//!
//! ```text
//! refused by the breaker? ─▶ gather the body, where there may be retries ─▶ target ─▶ ask ─▶ verdict ─┬─▶ answer
//!                                                                             ▲                        │
//!                                                                             └── retry: within budget ┘
//! ```
//! An attempt ends with the head of its answer: from then on the client gets bytes, and there is no other attempt.
//! All attempts together have the integration's time.

use std::rc::Rc;
use std::time::Instant;

use crate::http::head::Framing;
use crate::plan::protection::Retries;
use crate::stats::Counter;

use super::super::connection::{Connection, Ending};
use super::super::shard::Shard;
use super::super::upstream::breaker::Verdict;
use super::super::upstream::protected::{Attempt, Protected};
use super::super::upstream::{self, ConnectError, Upstream};
use super::http::{Answer, Failure, Forward, answer_failure, ask, gather, pass_on};
use super::mirror::Copied;

/// Runs a forwarded exchange to its end.
pub async fn run(connection: &mut Connection, mut forward: Box<Forward>, protected: &Rc<Protected>) -> Ending {
    let asked = Instant::now();
    let outcome = attempts(connection, &mut forward, protected).await;
    if let Some(copied) = forward.copied.take() {
        if forward.body.is_done() {
            copied.send(&connection.shard);
        } else {
            connection.shard.recorder.count(Counter::MirrorsDropped);
        }
    }
    let integration_us = Some(asked.elapsed().as_micros() as u64);
    match outcome {
        Ok((upstream, to_origin, answer)) => {
            pass_on(connection, forward, &upstream, to_origin, answer, integration_us).await
        }
        Err(failure) => answer_failure(connection, forward, failure, integration_us).await,
    }
}

type Answered = (Rc<Upstream>, Box<upstream::Connection>, Answer);

async fn attempts(
    connection: &mut Connection,
    forward: &mut Forward,
    protected: &Rc<Protected>,
) -> Result<Answered, Failure> {
    let shard = Rc::clone(&connection.shard);
    if protected.refuses(&shard) {
        shard.recorder.count(Counter::BreakerRefusals);
        return Err(Failure::BreakerOpen);
    }
    let retries = protected.plan.retries.as_ref();
    if retries.is_some_and(|retries| !forward.body.is_done() && (forward.idempotent || !retries.idempotent_only)) {
        let bytes_max = shard.settings.upstream.replay_body_bytes_max;
        if forward.body.bytes_left() <= bytes_max as u64 {
            gather(connection, forward, bytes_max).await?;
        }
    }
    protected.count_request(&shard);
    let Ok(mut attempt) = protected.begin(0, &shard) else {
        shard.recorder.count(Counter::BreakerRefusals);
        return Err(Failure::BreakerOpen);
    };
    copy(forward, protected, &shard);
    let whole = forward.body.is_done();
    let deadline_ms = shard.now_ms() + forward.timeout_ms;
    // The request was made for the first target.
    let mut addressed = Rc::clone(&protected.targets[0].upstream);
    let (mut number, mut tried) = (1, 0u64);
    loop {
        let upstream = Rc::clone(attempt.upstream());
        readdress(&mut forward.request, &addressed, &upstream);
        tried |= 1 << attempt.target;
        let left_ms = deadline_ms.saturating_sub(shard.now_ms());
        forward.timeout_ms = retries
            .and_then(|retries| retries.attempt_timeout_ms)
            .map_or(left_ms, |attempt_ms| left_ms.min(attempt_ms.into()));
        forward.exchange.integration_status.set(None);
        if let Some(trace) = &shard.trace {
            trace.sending(&upstream.origin, &forward.request, whole);
        }
        let may_repeat_still = retries.is_some_and(|retries| number < retries.attempts_max);
        forward.exchange.retries_left.set(may_repeat_still);
        let outcome = ask(connection, forward, &upstream).await;
        let status = forward.exchange.integration_status.get();
        attempt.end(verdict(&outcome, status), &shard);
        let next = retries
            .filter(|retries| number < retries.attempts_max && shard.now_ms() < deadline_ms)
            .filter(|retries| wants_retry(retries, &outcome, status) && may_repeat(retries, &outcome, forward, whole))
            .and_then(|_| next_attempt(protected, tried, &shard));
        let Some(next) = next else {
            return outcome.map(|(to_origin, answer)| (upstream, to_origin, answer));
        };
        if let Ok((to_origin, answer)) = outcome {
            // It is another's from here on.
            connection.timer.forget_other();
            forget(to_origin, &answer, &upstream, &shard);
        }
        (attempt, addressed) = (next, upstream);
        number += 1;
    }
}

/// Past the breaker, and from the budget.
fn next_attempt(protected: &Rc<Protected>, tried: u64, shard: &Shard) -> Option<Attempt> {
    let attempt = protected.begin(tried, shard).ok()?;
    protected.may_retry(shard).then_some(attempt)
}

type Outcome = Result<(Box<upstream::Connection>, Answer), Failure>;

/// What an outcome says of the target. `status` is the origin's, where it answered.
fn verdict(outcome: &Outcome, status: Option<u16>) -> Verdict {
    match outcome {
        // Also where the answer is of no use to us: the target has answered.
        Ok(_) | Err(Failure::NoResponse | Failure::TooLarge) => match status {
            Some(500..) => Verdict::Bad,
            _ => Verdict::Good,
        },
        Err(
            Failure::Gone
            | Failure::TimedOut
            | Failure::Malformed(_)
            | Failure::Connect(ConnectError::Unreachable | ConnectError::TimedOut),
        ) => Verdict::Bad,
        // The gateway's own limit, or the client's doing.
        Err(Failure::Connect(ConnectError::Busy) | Failure::BreakerOpen | Failure::Client(_) | Failure::ClientGone) => {
            Verdict::None
        }
    }
}

/// Whether an outcome is one that is worth another attempt.
fn wants_retry(retries: &Retries, outcome: &Outcome, status: Option<u16>) -> bool {
    match outcome {
        Ok(_) | Err(Failure::NoResponse | Failure::TooLarge) => {
            status.is_some_and(|status| retries.on.statuses.contains(&status))
        }
        Err(Failure::Connect(_)) => retries.on.connect_failure,
        Err(Failure::Gone) => retries.on.reset,
        Err(Failure::TimedOut) => retries.on.timeout,
        Err(Failure::Malformed(_) | Failure::BreakerOpen | Failure::Client(_) | Failure::ClientGone) => false,
    }
}

/// Whether the request may be sent again, and is at hand: without a connection nothing of it was touched.
fn may_repeat(retries: &Retries, outcome: &Outcome, forward: &Forward, whole: bool) -> bool {
    matches!(outcome, Err(Failure::Connect(_))) || whole && (forward.idempotent || !retries.idempotent_only)
}

/// Gives the connection of an answer that nobody gets back, where all of the answer is here.
fn forget(to_origin: Box<upstream::Connection>, answer: &Answer, upstream: &Upstream, shard: &Shard) {
    let rest = answer.buffer.len();
    let whole = match answer.passing.framing() {
        Framing::None => rest == 0,
        Framing::Length(length) => length == rest as u64,
        Framing::Chunked | Framing::UntilClose => false,
    };
    if whole && answer.passing.origin_keep_alive {
        upstream.check_in(to_origin, answer.passing.is_bodiless(), shard);
    }
}

/// Begins a copy for the mirror, of the requests that it gets. It is sent at once if all of it is here.
fn copy(forward: &mut Forward, protected: &Protected, shard: &Rc<Shard>) {
    let Some((mirror, upstream)) = protected.plan.mirror.zip(protected.mirror.as_ref()) else { return };
    // A request that is only tried out is none of the mirror's.
    if shard.trace.is_some() || !mirror.share.takes(shard.ids.draw()) {
        return;
    }
    let head_bytes = memchr::memmem::find(&forward.request, b"\r\n\r\n").map_or(0, |end| end + 4);
    let body_bytes = forward.request.len() - head_bytes;
    let Some(bytes_left) = shard.settings.upstream.replay_body_bytes_max.checked_sub(body_bytes) else {
        return shard.recorder.count(Counter::MirrorsDropped);
    };
    let mut request = forward.request.clone();
    readdress(&mut request, &protected.targets[0].upstream, upstream);
    let copied = Copied {
        upstream: Rc::clone(upstream),
        request,
        timeout_ms: forward.timeout_ms,
        to_head_request: forward.exchange.asks_for_head(),
        bytes_left,
    };
    if forward.body.is_done() {
        copied.send(shard);
    } else {
        forward.copied = Some(Box::new(copied));
    }
}

/// Makes a request that was made for one origin one for another: its `Host` is in the second line, unless the integration
/// maps one itself.
fn readdress(request: &mut Vec<u8>, from: &Upstream, to: &Upstream) {
    if from.host_line == to.host_line {
        return;
    }
    let Some(at) = memchr::memmem::find(request, b"\r\n").map(|end| end + 2) else { return };
    if request[at..].starts_with(&from.host_line) {
        request.splice(at..at + from.host_line.len(), to.host_line.iter().copied());
    }
}
