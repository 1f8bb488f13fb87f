//! The addresses of upstream host names, kept fresh on the control thread: shards never ask a name server.
//!
//! Each name has its own due time: its TTL within the settings' bounds, asked again a little before it runs out. A
//! look-up that fails leaves the last good addresses in use and is tried again with a growing pause; an answer that a
//! name does not exist, or has no addresses, empties its list. [`lookup`] is the part that talks to name servers.

pub mod lookup;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::plan::Plan;
use crate::plan::delivery::AddressBook;
use crate::stats::{Counter, Registry};
use lookup::{Answer, Lookup};

/// Look-ups under way at a time. A plan with a thousand names must not send a thousand questions in one breath.
const CONCURRENT_MAX: usize = 32;

/// The pause after the first failure; it doubles up to [`RETRY_MAX`] or the longest TTL, whichever is shorter.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// How often addresses are asked for again, whatever their TTL says.
#[derive(Clone, Copy, Debug)]
pub struct TtlBounds {
    pub min: Duration,
    pub max: Duration,
}

pub struct Resolver {
    lookup: Arc<dyn Lookup>,
    ttl: TtlBounds,
    registry: Arc<Registry>,
    names: BTreeMap<Box<str>, Name>,
    under_way: JoinSet<(Box<str>, Answer)>,
    changed: bool,
}

struct Name {
    addresses: Arc<[IpAddr]>,
    due: Instant,
    asking: bool,
    /// In a row.
    failures: u32,
    /// Why there are no addresses, or no fresh ones; `None` before the first answer too.
    trouble: Option<String>,
    answered: bool,
}

impl Resolver {
    pub fn new(lookup: Arc<dyn Lookup>, ttl: TtlBounds, registry: Arc<Registry>) -> Resolver {
        Resolver { lookup, ttl, registry, names: BTreeMap::new(), under_way: JoinSet::new(), changed: false }
    }

    /// Asks for names that are new here, and again for those without addresses, until each has an answer.
    ///
    /// Returns the names that have no address, each with the reason. It takes as long as the slowest look-ups, of which
    /// each has its own time limit.
    pub async fn resolve(&mut self, hosts: &BTreeSet<Box<str>>) -> Vec<(Box<str>, String)> {
        let now = Instant::now();
        for host in hosts {
            let name = self.names.entry(host.clone()).or_insert_with(|| Name::new(now));
            if name.addresses.is_empty() {
                (name.due, name.answered) = (now, false);
            }
        }
        while hosts.iter().any(|host| self.names.get(host).is_some_and(|name| !name.answered)) {
            self.turn().await;
        }
        let without = hosts.iter().filter_map(|host| Some((host, self.names.get(host)?)));
        let without = without.filter(|(_, name)| name.addresses.is_empty());
        without.map(|(host, name)| (host.clone(), name.trouble.clone().unwrap_or_default())).collect()
    }

    /// Forgets all names but these.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.names.retain(|host, _| keep(host));
    }

    /// Waits for the next thing to happen: a look-up ends, or one is due and begins. Dropping the future loses nothing.
    pub async fn turn(&mut self) {
        self.begin_due(Instant::now());
        let next_due = self.next_due();
        tokio::select! {
            Some(ended) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                // An `Err` is a look-up that panicked; its name has lost its turn and gets another one.
                match ended {
                    Ok((host, answer)) => self.take_answer(&host, answer, Instant::now()),
                    Err(error) => self.after_panic(&error.to_string()),
                }
            }
            () = sleep_until(next_due) => {}
        }
    }

    /// The book, if an address in it is other than when this was last asked.
    pub fn take_changed(&mut self) -> Option<AddressBook> {
        std::mem::take(&mut self.changed).then(|| self.book())
    }

    pub fn book(&self) -> AddressBook {
        self.names.iter().map(|(host, name)| (host.clone(), Arc::clone(&name.addresses))).collect()
    }

    /// Names, and of these the ones whose last look-up failed.
    pub fn census(&self) -> (usize, usize) {
        (self.names.len(), self.names.values().filter(|name| name.trouble.is_some()).count())
    }

    fn begin_due(&mut self, now: Instant) {
        let free = CONCURRENT_MAX.saturating_sub(self.under_way.len());
        let due = self.names.iter_mut().filter(|(_, name)| !name.asking && name.due <= now);
        for (host, name) in due.take(free) {
            name.asking = true;
            let (lookup, host) = (Arc::clone(&self.lookup), host.clone());
            self.under_way.spawn(async move {
                let answer = lookup.addresses(&host).await;
                (host, answer)
            });
        }
    }

    /// `None` while no look-up may begin: without names, or with as many under way as may be.
    fn next_due(&self) -> Option<Instant> {
        if self.under_way.len() >= CONCURRENT_MAX {
            return None;
        }
        self.names.values().filter(|name| !name.asking).map(|name| name.due).min()
    }

    fn take_answer(&mut self, host: &str, answer: Answer, now: Instant) {
        let succeeded = matches!(answer, Answer::Found { .. } | Answer::None { .. });
        self.registry.count(if succeeded { Counter::DnsLookupsOk } else { Counter::DnsLookupsFailed });
        // A name that was dropped meanwhile has no place here any more.
        if let Some(name) = self.names.get_mut(host) {
            self.changed |= name.take_answer(host, answer, self.ttl, now);
        }
    }

    fn after_panic(&mut self, reason: &str) {
        tracing::error!(reason, "a look-up of a host name panicked; all names under way are asked again");
        self.under_way.abort_all();
        self.under_way = JoinSet::new();
        let now = Instant::now();
        for name in self.names.values_mut().filter(|name| name.asking) {
            name.fail("the look-up panicked".to_owned(), RETRY_MAX, now);
        }
    }
}

impl Name {
    fn new(now: Instant) -> Name {
        Name { addresses: Arc::new([]), due: now, asking: false, failures: 0, trouble: None, answered: false }
    }

    /// Whether the addresses are other than before.
    fn take_answer(&mut self, host: &str, answer: Answer, ttl: TtlBounds, now: Instant) -> bool {
        match answer {
            Answer::Found { addresses, ttl: answer_ttl } => {
                self.succeed(None, ttl.refresh_after(answer_ttl), now);
                self.replace(addresses)
            }
            Answer::None { reason } => {
                if !self.addresses.is_empty() {
                    tracing::warn!(host, reason, "an upstream's name has no addresses any more");
                }
                self.succeed(Some(reason), ttl.min.max(RETRY_FIRST), now);
                self.replace(Vec::new())
            }
            Answer::Failed { reason } => {
                if self.failures == 0 {
                    let stale = self.addresses.len();
                    tracing::warn!(
                        host,
                        reason,
                        stale,
                        "an upstream's name could not be looked up; its last addresses stay in use"
                    );
                }
                self.fail(reason, ttl.max.clamp(RETRY_FIRST, RETRY_MAX), now);
                false
            }
        }
    }

    fn succeed(&mut self, trouble: Option<String>, refresh_after: Duration, now: Instant) {
        (self.asking, self.answered, self.failures, self.trouble) = (false, true, 0, trouble);
        self.due = now + refresh_after;
    }

    fn fail(&mut self, reason: String, pause_max: Duration, now: Instant) {
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(pause_max);
        (self.asking, self.answered, self.trouble) = (false, true, Some(reason));
        self.failures = self.failures.saturating_add(1);
        self.due = now + pause;
    }

    fn replace(&mut self, addresses: Vec<IpAddr>) -> bool {
        // Name servers rotate their answers: the same addresses in another order are no news.
        let differs = |old: &[IpAddr]| BTreeSet::from_iter(old) != BTreeSet::from_iter(&addresses);
        if !differs(&self.addresses) {
            return false;
        }
        self.addresses = addresses.into();
        true
    }
}

impl TtlBounds {
    /// Nine tenths of the TTL, so that the new answer is there before the old one ends; within the bounds.
    fn refresh_after(self, ttl: Duration) -> Duration {
        (ttl.mul_f32(0.9)).max(self.min).min(self.max.max(self.min))
    }
}

/// The names that a plan's origins have, without IP literals.
pub fn host_names(plan: &Plan) -> BTreeSet<Box<str>> {
    let hosts = plan.origins().map(|origin| &origin.host);
    hosts.filter(|host| host.parse::<IpAddr>().is_err()).cloned().collect()
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::pin::Pin;
    use std::sync::Mutex;

    /// Answers from a table; a name that is not in it fails.
    #[derive(Default)]
    struct Table(Mutex<HashMap<String, Answer>>);

    impl Table {
        fn set(&self, host: &str, answer: Answer) {
            self.0.lock().expect("no test panics in here").insert(host.to_owned(), answer);
        }
    }

    impl Lookup for Table {
        fn addresses<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
            let answer = self.0.lock().expect("no test panics in here").get(host).cloned();
            Box::pin(async move { answer.unwrap_or(Answer::Failed { reason: "no server".to_owned() }) })
        }
    }

    fn found(addresses: &[&str], ttl_s: u64) -> Answer {
        let addresses = addresses.iter().map(|text| text.parse().expect("a test's address is one")).collect();
        Answer::Found { addresses, ttl: Duration::from_secs(ttl_s) }
    }

    fn none() -> Answer {
        Answer::None { reason: "no such name".to_owned() }
    }

    fn hosts(names: &[&str]) -> BTreeSet<Box<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    fn resolver(table: &Arc<Table>) -> Resolver {
        let ttl = TtlBounds { min: Duration::from_secs(2), max: Duration::from_secs(100) };
        Resolver::new(Arc::clone(table) as Arc<dyn Lookup>, ttl, Registry::new(0))
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime without I/O needs no resources").block_on(test)
    }

    fn shown(resolver: &Resolver, host: &str) -> Vec<String> {
        resolver.book()[host].iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn each_name_gets_an_answer_or_a_reason() {
        run(async {
            let table = Arc::new(Table::default());
            table.set("both.example", found(&["192.0.2.1", "2001:db8::1"], 30));
            table.set("gone.example", none());
            let mut resolver = resolver(&table);
            let without = resolver.resolve(&hosts(&["both.example", "gone.example", "silent.example"])).await;
            let expected =
                [("gone.example".into(), "no such name".to_owned()), ("silent.example".into(), "no server".to_owned())];
            assert_eq!(without, expected);
            assert_eq!(shown(&resolver, "both.example"), ["192.0.2.1", "2001:db8::1"]);
            assert!(shown(&resolver, "gone.example").is_empty());
            assert_eq!(resolver.census(), (3, 2));
            assert_eq!(resolver.registry.total(Counter::DnsLookupsFailed), 1);
        });
    }

    #[test]
    fn more_names_than_may_be_asked_at_once_are_all_answered() {
        run(async {
            let table = Arc::new(Table::default());
            let names: Vec<String> = (0..200).map(|number| format!("n{number}.example")).collect();
            names.iter().for_each(|name| table.set(name, found(&["192.0.2.1"], 30)));
            let mut resolver = resolver(&table);
            let all = names.iter().map(|name| name.as_str().into()).collect();
            assert!(resolver.resolve(&all).await.is_empty());
            resolver.retain(|host| host == "n7.example");
            assert_eq!(resolver.book().len(), 1);
        });
    }

    #[test]
    fn a_failure_keeps_the_addresses_and_an_answer_replaces_them() {
        run(async {
            let now = Instant::now();
            let table = Arc::new(Table::default());
            table.set("a.example", found(&["192.0.2.1", "192.0.2.2"], 30));
            let mut resolver = resolver(&table);
            resolver.resolve(&hosts(&["a.example"])).await;
            assert!(resolver.take_changed().is_some() && resolver.take_changed().is_none());

            resolver.take_answer("a.example", Answer::Failed { reason: "timed out".to_owned() }, now);
            assert_eq!(shown(&resolver, "a.example").len(), 2);
            resolver.take_answer("a.example", found(&["192.0.2.2", "192.0.2.1"], 30), now);
            assert!(resolver.take_changed().is_none(), "another order is no change");
            resolver.take_answer("a.example", found(&["192.0.2.3"], 30), now);
            assert_eq!(resolver.take_changed().map(|book| book["a.example"].len()), Some(1));
            resolver.take_answer("a.example", none(), now);
            assert_eq!(resolver.take_changed().map(|book| book["a.example"].len()), Some(0));
            resolver.take_answer("dropped.example", found(&["192.0.2.3"], 30), now);
            assert!(resolver.take_changed().is_none());
        });
    }

    #[test]
    fn the_due_time_follows_ttl_bounds_and_failures() {
        let now = Instant::now();
        let ttl = TtlBounds { min: Duration::from_secs(2), max: Duration::from_secs(100) };
        let due_after = |answers: &[Answer]| {
            let mut name = Name::new(now);
            answers.iter().for_each(|answer| {
                name.take_answer("a.example", answer.clone(), ttl, now);
            });
            (name.due - now).as_secs()
        };
        let failed = || Answer::Failed { reason: String::new() };
        assert_eq!(due_after(&[found(&["192.0.2.1"], 50)]), 45);
        assert_eq!(due_after(&[found(&["192.0.2.1"], 0)]), 2);
        assert_eq!(due_after(&[found(&["192.0.2.1"], 86_400)]), 100);
        assert_eq!(due_after(&[none()]), 2);
        assert_eq!(due_after(&[failed()]), 1);
        assert_eq!(due_after(&[failed(), failed(), failed()]), 4);
        assert_eq!(due_after(&vec![failed(); 50]), 60);
        assert_eq!(due_after(&[failed(), failed(), found(&["192.0.2.1"], 50), failed()]), 1);
    }
}
