//! Asynchronous invocations, `Event`: taken now, done when there is a process, tried again after an error.
//!
//! As AWS does it: an error of the function is tried again twice, after one minute and after two more; a throttle does not
//! count as a try, and is tried again with growing pauses for up to six hours. What waits is in memory, and is lost when the
//! host ends. <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::host::Shared;
use super::invocation::{Answer, Invocation, Part};
use super::pool::Function;

const TRIES_MAX: u32 = 3;
const AGE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// Pauses after throttles: from one second to five minutes.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);
const THROTTLE_PAUSE_MAX: Duration = Duration::from_secs(300);

/// The asynchronous invocations that are not done yet.
pub struct Events {
    pending: Cell<usize>,
    most: usize,
}

impl Events {
    pub fn new(most: usize) -> Events {
        Events { pending: Cell::new(0), most }
    }

    /// Takes an invocation, whose reply nobody awaits, and sees to it; `false` if there are too many.
    pub fn take(&self, host: &Rc<Shared>, name: &str, invocation: Invocation) -> bool {
        if self.pending.get() >= self.most {
            return false;
        }
        self.pending.set(self.pending.get() + 1);
        let (host, name) = (Rc::clone(host), name.to_owned());
        tokio::task::spawn_local(async move {
            see_to(&host, &name, invocation).await;
            host.events.pending.set(host.events.pending.get() - 1);
        });
        true
    }
}

async fn see_to(host: &Shared, name: &str, invocation: Invocation) {
    let began = Instant::now();
    let (mut tries, mut throttles) = (0, 0);
    loop {
        // It may have been changed meanwhile, or be no more.
        let Some(function) = host.function(name) else { return };
        match try_once(&function, &invocation).await {
            Outcome::Done => return,
            Outcome::Failed => {
                tries += 1;
                if tries == TRIES_MAX {
                    return give_up(&function, &invocation.id, "it failed three times");
                }
                tokio::time::sleep(host.settings.bounds.event_retry * tries).await;
            }
            Outcome::Throttled => {
                if began.elapsed() >= AGE_MAX {
                    return give_up(&function, &invocation.id, "it was throttled for six hours");
                }
                tokio::time::sleep((THROTTLE_PAUSE * 2u32.pow(throttles)).min(THROTTLE_PAUSE_MAX)).await;
                throttles = (throttles + 1).min(16);
            }
        }
    }
}

enum Outcome {
    Done,
    Failed,
    Throttled,
}

async fn try_once(function: &Rc<Function>, invocation: &Invocation) -> Outcome {
    let (reply, answer) = oneshot::channel();
    let copy = Invocation {
        id: Rc::clone(&invocation.id),
        payload: invocation.payload.clone(),
        client_context: invocation.client_context.clone(),
        trace_id: invocation.trace_id.clone(),
        arn: invocation.arn.clone(),
        streams: false,
        wants_tail: false,
        held: None,
        reply,
    };
    if function.invoke(copy).is_err() {
        return Outcome::Throttled;
    }
    match answer.await {
        Ok(Answer::Complete(complete)) if !complete.failed => Outcome::Done,
        Ok(Answer::Complete(_)) | Err(_) => Outcome::Failed,
        Ok(Answer::Stream(mut streamed)) => loop {
            match streamed.parts.recv().await {
                Some(Part::Bytes(_)) => {}
                Some(Part::End { failure: None, .. }) => return Outcome::Done,
                Some(Part::End { .. }) | None => return Outcome::Failed,
            }
        },
    }
}

fn give_up(function: &Function, id: &Rc<str>, reason: &str) {
    function.stats.dropped_events.add();
    tracing::error!(
        function = function.live().definition.name,
        "the asynchronous invocation {id} is given up: {reason}"
    );
    function.log.borrow_mut().push(Some(id), &format!("Event RequestId: {id} is given up: {reason}"));
}
