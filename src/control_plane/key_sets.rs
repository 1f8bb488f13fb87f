//! The keys of issuers: fetched here, kept fresh, delivered to all shards as one value.
//!
//! A source is asked again when `Cache-Control` says, within the settings' bounds; earlier when a shard met a token of a
//! key that is not there, and not more often than every `jwt.early_refresh_ms`, whatever is sent to it. One that cannot be
//! fetched is tried again with a growing pause, and its last keys stay in use for `jwt.stale_ms`; then it has none, and no
//! token is good. Requests never wait for any of it.
//!
//! - [`freshness`]: when a source is due.
//! - [`fetch`]: a source's keys, by way of the issuer's own document where that says where they are.

pub mod fetch;
pub mod freshness;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::health::Watched;
use super::state::{KeySetStatus, State};
use crate::jwt::KeySet;
use crate::plan::delivery::Delivery;
use crate::plan::key_sets::{KeySets, KeySource, SourceKeys, Wish};
use crate::stats::Counter;
use fetch::{FetchSettings, Fetched, Getter};
use freshness::{Freshness, FreshnessBounds};

/// Fetches under way at a time; those beyond wait.
const CONCURRENT_MAX: usize = 16;

/// How often it is looked whether a shard wants newer keys.
const WISHES_EVERY: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug)]
pub struct KeySetSettings {
    pub fetch: FetchSettings,
    pub freshness: FreshnessBounds,
    /// Sources that are fetched; those beyond have no keys.
    pub sources_max: usize,
}

/// What keeps the keys of the current plan's sources.
pub struct KeySetKeeper {
    watched: watch::Receiver<Option<Watched>>,
    getter: Arc<dyn Getter>,
    state: Arc<State>,
    settings: KeySetSettings,
    generation: u64,
    revision: u64,
    sources: HashMap<KeySource, Kept>,
    under_way: JoinSet<(KeySource, Result<Fetched, String>)>,
}

struct Kept {
    keys: Arc<KeySet>,
    wish: Arc<Wish>,
    freshness: Freshness,
    fetched_at: Option<SystemTime>,
    /// Why the last fetch failed; told once, until it is another reason.
    trouble: Option<String>,
}

impl KeySetKeeper {
    pub fn new(
        watched: watch::Receiver<Option<Watched>>,
        getter: Arc<dyn Getter>,
        state: Arc<State>,
        settings: KeySetSettings,
    ) -> KeySetKeeper {
        KeySetKeeper {
            watched,
            getter,
            state,
            settings,
            generation: 0,
            revision: 0,
            sources: HashMap::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Keeps keys for as long as anybody can publish a plan.
    pub async fn run(mut self) {
        loop {
            let now = Instant::now();
            self.take_wishes(now);
            self.begin_due(now);
            let wake = self.wake(now);
            tokio::select! {
                changed = self.watched.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let watched = self.watched.borrow_and_update().clone();
                    if let Some(watched) = watched.filter(|watched| watched.plan.generation != self.generation) {
                        self.generation = watched.plan.generation;
                        self.follow(watched.plan.key_sources.iter(), Instant::now());
                    }
                }
                Some(ended) = self.under_way.join_next(), if !self.under_way.is_empty() => match ended {
                    Ok((source, fetched)) => self.take(&source, fetched, Instant::now()),
                    Err(error) => self.after_panic(&error.to_string()),
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Sources that stay keep their keys; files are read again.
    fn follow<'s>(&mut self, sources: impl ExactSizeIterator<Item = &'s KeySource>, now: Instant) {
        let wanted = sources.len();
        if wanted == 0 && self.sources.is_empty() {
            return;
        }
        if wanted > self.settings.sources_max {
            let max = self.settings.sources_max;
            tracing::error!(
                wanted,
                max,
                "jwt.sources_max: the keys of some issuers are not fetched; their tokens are refused"
            );
        }
        let sources: HashSet<KeySource> = sources.take(self.settings.sources_max).cloned().collect();
        self.sources.retain(|source, _| sources.contains(source));
        for source in sources {
            let is_file = matches!(source, KeySource::File(_));
            let kept = self.sources.entry(source).or_insert_with(|| Kept::new(now));
            if is_file {
                kept.freshness.hurry(now);
            }
        }
        self.tell();
    }

    fn take_wishes(&mut self, now: Instant) {
        for kept in self.sources.values_mut().filter(|kept| kept.wish.is_open()) {
            kept.freshness.wish(now, &self.settings.freshness);
        }
    }

    fn begin_due(&mut self, now: Instant) {
        let free = CONCURRENT_MAX.saturating_sub(self.under_way.len());
        let due = self.sources.iter_mut().filter(|(_, kept)| kept.freshness.is_due(now));
        for (source, kept) in due.take(free) {
            kept.freshness.begin(now);
            kept.wish.grant();
            let (getter, source, settings) = (Arc::clone(&self.getter), source.clone(), self.settings.fetch);
            self.under_way.spawn(async move {
                let fetched = fetch::fetch(&*getter, &source, &settings).await;
                (source, fetched)
            });
        }
    }

    /// `None` while nothing can become due but by a plan or a fetch that ends.
    fn wake(&self, now: Instant) -> Option<Instant> {
        if self.sources.is_empty() || self.under_way.len() >= CONCURRENT_MAX {
            return None;
        }
        let due = self.sources.values().filter_map(|kept| kept.freshness.due()).min();
        Some(due.map_or(now + WISHES_EVERY, |due| due.min(now + WISHES_EVERY)))
    }

    fn take(&mut self, source: &KeySource, fetched: Result<Fetched, String>, now: Instant) {
        // One that a deploy has dropped meanwhile has no place here any more.
        let Some(kept) = self.sources.get_mut(source) else { return };
        let is_first = !kept.freshness.was_asked();
        let changed = match fetched {
            Ok(fetched) => {
                self.state.registry.count(Counter::KeySetFetchesOk);
                kept.freshness.succeed(now, fetched.max_age, &self.settings.freshness);
                kept.succeed(source, fetched.keys)
            }
            Err(reason) => {
                self.state.registry.count(Counter::KeySetFetchesFailed);
                kept.freshness.fail(now, &self.settings.freshness);
                kept.fail(source, reason, kept.freshness.is_stale(now, &self.settings.freshness))
            }
        };
        if changed || is_first {
            self.tell();
        } else {
            self.show();
        }
    }

    fn after_panic(&mut self, reason: &str) {
        tracing::error!(reason, "fetching keys panicked; all fetches that were under way are made again");
        self.under_way.abort_all();
        self.under_way = JoinSet::new();
        let now = Instant::now();
        for kept in self.sources.values_mut().filter(|kept| kept.freshness.is_under_way()) {
            kept.freshness.fail(now, &self.settings.freshness);
        }
    }

    /// Tells the shards.
    fn tell(&mut self) {
        self.revision += 1;
        let of = |(source, kept): (&KeySource, &Kept)| {
            (source.clone(), SourceKeys::new(Arc::clone(&kept.keys), Arc::clone(&kept.wish)))
        };
        let sets = KeySets::new(self.revision, self.sources.iter().map(of).collect());
        self.state.fleet.deliver_to_all(&Delivery::KeySets(Arc::new(sets)));
        self.show();
    }

    /// Tells whoever looks at the metrics, or waits for the gateway to be ready.
    fn show(&self) {
        let mut shown: Vec<KeySetStatus> = self.sources.iter().map(|(source, kept)| kept.status(source)).collect();
        shown.sort_by(|one, other| one.source.cmp(&other.source));
        // Two of different kinds may have one name; a series has one value.
        shown.dedup_by(|one, other| one.source == other.source);
        self.state.note(|history| history.key_sets = shown.into());
    }
}

impl Kept {
    fn new(now: Instant) -> Kept {
        Kept {
            keys: Arc::new(KeySet::empty()),
            wish: Arc::default(),
            freshness: Freshness::new(now),
            fetched_at: None,
            trouble: None,
        }
    }

    /// Whether the keys are others now.
    fn succeed(&mut self, source: &KeySource, keys: KeySet) -> bool {
        self.fetched_at = Some(SystemTime::now());
        let changed = !self.keys.is_same(&keys);
        if changed || self.trouble.is_some() {
            tracing::info!(source = source.name(), keys = keys.len(), "keys were fetched");
        }
        self.trouble = None;
        if changed {
            self.keys = Arc::new(keys);
        }
        changed
    }

    /// Whether the keys are gone now.
    fn fail(&mut self, source: &KeySource, reason: String, is_stale: bool) -> bool {
        let gone = is_stale && !self.keys.is_empty();
        if gone {
            self.keys = Arc::new(KeySet::empty());
            tracing::error!(source = source.name(), "keys could not be fetched for too long: its tokens are refused");
        }
        if self.trouble.as_ref() != Some(&reason) {
            let in_use = self.keys.len();
            tracing::warn!(source = source.name(), reason, in_use, "keys could not be fetched");
            self.trouble = Some(reason);
        }
        gone
    }

    fn status(&self, source: &KeySource) -> KeySetStatus {
        KeySetStatus {
            source: source.name(),
            keys: self.keys.len(),
            fetched_at: self.fetched_at,
            was_asked: self.freshness.was_asked(),
        }
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
