//! Health checks: each target of a plan is asked now and then, by one task for all shards, which hear of a change.
//!
//! A target starts healthy. `unhealthyAfter` bad answers in a row take it out, `healthyAfter` good ones bring it back;
//! [`Standing`] counts them. What two protections check in the same way is asked once. [`Prober`] does the asking.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::state::{State, TargetHealth};
use crate::plan::Plan;
use crate::plan::delivery::{AddressBook, Delivery, HealthTarget, Unhealthy};
use crate::plan::integration::Origin;
use crate::plan::protection::HealthCheck;
use crate::stats::Counter;

/// Checks under way at a time; those beyond wait, with all that comes after them.
const CONCURRENT_MAX: usize = 256;

/// Asks one address; the status, or why there is none. Whoever calls bounds the time.
pub trait Prober: Send + Sync {
    fn status<'p>(
        &'p self,
        origin: &'p Origin,
        address: SocketAddr,
        path: &'p str,
    ) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + 'p>>;
}

/// What is to be checked, and where it is.
#[derive(Clone)]
pub struct Watched {
    pub plan: Arc<Plan>,
    pub addresses: Arc<AddressBook>,
}

/// Who has it says what is to be checked; the checks end with it.
pub type Watching = watch::Sender<Option<Watched>>;

pub struct HealthChecks {
    watched: watch::Receiver<Option<Watched>>,
    prober: Arc<dyn Prober>,
    state: Arc<State>,
    checks: HashMap<HealthTarget, Check>,
    addresses: Arc<AddressBook>,
    generation: u64,
    under_way: JoinSet<(HealthTarget, Result<u16, String>)>,
}

struct Check {
    standing: Standing,
    due: Instant,
    asking: bool,
    /// Counts the addresses through.
    asked: usize,
}

/// How a target has answered lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    unhealthy: bool,
    /// Answers in a row that speak for a change.
    against: u32,
}

impl Standing {
    /// Whether it changes with this answer.
    fn take(&mut self, check: &HealthCheck, good: bool) -> bool {
        if good != self.unhealthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.unhealthy { check.healthy_after } else { check.unhealthy_after };
        let changes = self.against >= needed;
        if changes {
            *self = Standing { unhealthy: !self.unhealthy, against: 0 };
        }
        changes
    }
}

impl HealthChecks {
    pub fn new(prober: Arc<dyn Prober>, state: Arc<State>) -> (HealthChecks, Watching) {
        let (watching, watched) = watch::channel(None);
        let checks = HealthChecks {
            watched,
            prober,
            state,
            checks: HashMap::new(),
            addresses: Arc::default(),
            generation: 0,
            under_way: JoinSet::new(),
        };
        (checks, watching)
    }

    /// Checks what is watched, until nobody can change that any more.
    pub async fn run(mut self) {
        loop {
            self.begin_due(Instant::now());
            let next_due = self.next_due();
            tokio::select! {
                changed = self.watched.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let watched = self.watched.borrow_and_update().clone();
                    watched.into_iter().for_each(|watched| self.follow(watched));
                }
                Some(ended) = self.under_way.join_next(), if !self.under_way.is_empty() => match ended {
                    Ok((target, answer)) => self.take_answer(&target, answer, Instant::now()),
                    Err(error) => self.after_panic(&error.to_string()),
                },
                () = sleep_until(next_due) => {}
            }
        }
    }

    /// Targets that stay keep what is known of them.
    fn follow(&mut self, watched: Watched) {
        self.addresses = watched.addresses;
        if watched.plan.generation == self.generation {
            return;
        }
        self.generation = watched.plan.generation;
        let targets = watched.plan.health_targets();
        if targets.is_empty() && self.checks.is_empty() {
            return;
        }
        self.checks.retain(|target, _| targets.contains(target));
        let now = Instant::now();
        for target in targets {
            let check = Check { standing: Standing::default(), due: now, asking: false, asked: 0 };
            self.checks.entry(target).or_insert(check);
        }
        self.tell();
    }

    fn begin_due(&mut self, now: Instant) {
        let free = CONCURRENT_MAX.saturating_sub(self.under_way.len());
        let due = self.checks.iter_mut().filter(|(_, check)| !check.asking && check.due <= now);
        for (target, check) in due.take(free) {
            check.asking = true;
            check.asked = check.asked.wrapping_add(1);
            let address = address(&target.origin, &self.addresses, check.asked);
            let (prober, target) = (Arc::clone(&self.prober), target.clone());
            self.under_way.spawn(async move {
                let answer = ask(&*prober, &target, address).await;
                (target, answer)
            });
        }
    }

    /// `None` while no check may begin.
    fn next_due(&self) -> Option<Instant> {
        if self.under_way.len() >= CONCURRENT_MAX {
            return None;
        }
        self.checks.values().filter(|check| !check.asking).map(|check| check.due).min()
    }

    fn take_answer(&mut self, target: &HealthTarget, answer: Result<u16, String>, now: Instant) {
        let good = answer.as_ref().is_ok_and(|status| target.check.expected_status.contains(status));
        self.state.registry.count(if good { Counter::HealthChecksGood } else { Counter::HealthChecksBad });
        // One that a deploy has dropped meanwhile has no place here any more.
        let Some(check) = self.checks.get_mut(target) else { return };
        (check.asking, check.due) = (false, now + Duration::from_millis(target.check.interval_ms.into()));
        if check.standing.take(&target.check, good) {
            let (authority, path) = (&*target.origin.authority, &*target.check.path);
            match answer {
                _ if good => tracing::info!(target = authority, path, "a target is healthy again"),
                Ok(status) => tracing::warn!(target = authority, path, status, "a target is unhealthy"),
                Err(reason) => tracing::warn!(target = authority, path, reason, "a target is unhealthy"),
            }
            self.tell();
        }
    }

    fn after_panic(&mut self, reason: &str) {
        tracing::error!(reason, "a health check panicked; all that were under way are made again");
        self.under_way.abort_all();
        self.under_way = JoinSet::new();
        let now = Instant::now();
        for (target, check) in self.checks.iter_mut().filter(|(_, check)| check.asking) {
            (check.asking, check.due) = (false, now + Duration::from_millis(target.check.interval_ms.into()));
        }
    }

    /// Tells the shards, and whoever looks at the metrics.
    fn tell(&self) {
        let unhealthy = self.checks.iter().filter(|(_, check)| check.standing.unhealthy);
        let unhealthy: Unhealthy = unhealthy.map(|(target, _)| target.clone()).collect();
        let mut health: Vec<TargetHealth> = self.checks.iter().map(|(target, check)| shown(target, check)).collect();
        health.sort();
        self.state.note(|history| history.target_health = health.into());
        self.state.fleet.deliver_to_all(&Delivery::Health(Arc::new(unhealthy)));
    }
}

fn shown(target: &HealthTarget, check: &Check) -> TargetHealth {
    let scheme = if target.origin.tls { "https" } else { "http" };
    TargetHealth {
        target: format!("{scheme}://{}", target.origin.authority),
        path: target.check.path.to_string(),
        healthy: !check.standing.unhealthy,
    }
}

/// The addresses of a name in turn: a target is healthy by all of them.
fn address(origin: &Origin, addresses: &AddressBook, number: usize) -> Option<SocketAddr> {
    if let Ok(address) = origin.host.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, origin.port));
    }
    let known = addresses.get(&origin.host).filter(|known| !known.is_empty())?;
    Some(SocketAddr::new(known[number % known.len()], origin.port))
}

async fn ask(prober: &dyn Prober, target: &HealthTarget, address: Option<SocketAddr>) -> Result<u16, String> {
    let address = address.ok_or("its name has no address")?;
    let timeout = Duration::from_millis(target.check.timeout_ms.into());
    let asking = prober.status(&target.origin, address, &target.check.path);
    tokio::time::timeout(timeout, asking).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::fixture::{FakeFleet, origin, plan_value};
    use super::*;
    use crate::plan::protection::{Protection, Target};
    use crate::plan::{OriginIndex, StagePlan};
    use crate::stats::Registry;

    fn check_of(path: &str) -> HealthCheck {
        HealthCheck {
            path: path.into(),
            interval_ms: 1000,
            timeout_ms: 100,
            healthy_after: 2,
            unhealthy_after: 3,
            expected_status: 200..=299,
        }
    }

    /// Of good (`g`) and bad (`b`) answers: `+` where a target is healthy after it, `-` where it is not.
    #[track_caller]
    fn check(answers: &str, expected: &str) {
        let mut standing = Standing::default();
        let seen = answers.chars().map(|answer| {
            let before = standing.unhealthy;
            let changed = standing.take(&check_of("/"), answer == 'g');
            assert_eq!(changed, before != standing.unhealthy);
            if standing.unhealthy { '-' } else { '+' }
        });
        assert_eq!(seen.collect::<String>(), expected, "{answers}");
    }

    #[test]
    fn answers_in_a_row_change_a_targets_health() {
        check("gggg", "++++");
        check("bbgbbb", "+++++-");
        check("bbbgbgg", "++----+");
        check("bbbbbbgg", "++-----+");
    }

    /// Answers from a table by path, and hangs for what is not in it.
    #[derive(Default)]
    struct Table(Mutex<HashMap<String, u16>>);

    impl Prober for Table {
        fn status<'p>(
            &'p self,
            _origin: &'p Origin,
            _address: SocketAddr,
            path: &'p str,
        ) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + 'p>> {
            let status = self.0.lock().expect("no test panics in here").get(path).copied();
            Box::pin(async move {
                match status {
                    Some(status) => Ok(status),
                    None => std::future::pending().await,
                }
            })
        }
    }

    fn plan_with_checks(generation: u64, paths: &[&str]) -> Arc<Plan> {
        let mut plan = plan_value(generation, &["GET /"], &[]);
        let protection = |path: &&str| {
            Arc::new(Protection {
                name: (*path).into(),
                targets: [Target { origin: OriginIndex(0), weight: 1 }].into(),
                health_check: Some(Arc::new(check_of(path))),
                outlier: None,
                circuit_breaker: None,
                retries: None,
                mirror: None,
            })
        };
        let stage = StagePlan {
            origins: [Arc::new(origin("192.0.2.1"))].into(),
            protections: paths.iter().map(protection).collect(),
            ..StagePlan::clone(&plan.stages[0])
        };
        plan.stages = vec![Arc::new(stage)];
        Arc::new(plan)
    }

    fn shown(state: &State) -> Vec<(String, bool)> {
        state.history().target_health.iter().map(|one| (one.path.clone(), one.healthy)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn targets_go_and_come_back_and_keep_their_standing_over_a_deploy() {
        let fleet = Arc::new(FakeFleet::default());
        let state = State::new(Arc::clone(&fleet) as _, Registry::new(0), Vec::new(), "1", String::new());
        let (state, table) = (Arc::new(state), Arc::new(Table::default()));
        let answer = |path: &str, status| table.0.lock().expect("whole").insert(path.to_owned(), status);
        answer("/a", 200);
        answer("/b", 503);
        let (checks, watching) = HealthChecks::new(Arc::clone(&table) as Arc<dyn Prober>, Arc::clone(&state));
        tokio::spawn(checks.run());
        let watch = |plan| watching.send(Some(Watched { plan, addresses: Arc::default() })).expect("it is watched");
        watch(plan_with_checks(1, &["/a", "/b", "/hangs"]));
        tokio::time::sleep(Duration::from_millis(2100)).await;
        let path = |path: &str, healthy| (path.to_owned(), healthy);
        assert_eq!(shown(&state), [path("/a", true), path("/b", false), path("/hangs", true)]);
        tokio::time::sleep(Duration::from_millis(1000)).await;
        assert_eq!(shown(&state)[2], path("/hangs", false), "its time-outs make its checks later");

        watch(plan_with_checks(2, &["/b"]));
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(shown(&state), [path("/b", false)]);
        answer("/b", 204);
        tokio::time::sleep(Duration::from_millis(3000)).await;
        assert_eq!(shown(&state), [path("/b", true)]);
        assert_eq!(fleet.log(), ["health 0", "health 1", "health 2", "health 1", "health 0"]);
        assert_eq!(state.registry.total(Counter::HealthChecksGood), 4 + 3);
    }
}
