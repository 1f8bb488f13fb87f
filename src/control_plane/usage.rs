//! The usage of API keys, between the meters, in which shards count, and the store, which has what quotas are and keeps
//! what was counted.
//!
//! What a call changes of a quota is made known to the meters once it is on disk, before shards hear of it. A day that is
//! over goes the other way: into the store's table `usage`, to disk, and only then is it marked as moved. After a crash
//! between the two it is moved once more, which changes nothing.
//!
//! - [`rollover`]: when days are moved.
//! - [`sync`]: the thread that writes the meters' file through to the disk.

mod rollover;
pub mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::clients::memberships::MembershipIdentity;
use super::operations::usage_plans::quota;
use super::store::table::{own_name, part};
use super::store::{Mark, QuotaChange, Store};
use crate::meter::{Day, Meter, Meters, Today};
use crate::model::UsagePlanKey;
use rollover::Rollover;

/// Memberships that are looked at in one turn of a roll-over, so that calls do not wait for all: rows of one transaction.
const MEMBERSHIPS_A_TURN: usize = 4096;

/// The keeper's side.
pub struct Usage {
    meters: Arc<Meters>,
    /// How many days before today the store keeps.
    history_days: i64,
    stale: Stale,
    rollover: Rollover,
}

/// Whose quotas the meters do not know yet as the store has them; keys of its tables.
#[derive(Default)]
struct Stale {
    all: bool,
    plans: BTreeSet<Box<str>>,
    memberships: BTreeSet<Box<str>>,
}

/// A day of a membership, which is over, as the store has it.
pub struct FinishedDay {
    membership: Box<str>,
    day: Day,
    requests: u64,
}

impl Usage {
    pub fn new(meters: Arc<Meters>, history_days: u32) -> Usage {
        let history_days = i64::from(history_days);
        Usage { meters, history_days, stale: Stale::default(), rollover: Rollover::default() }
    }

    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// At the start, before shards count: forgets memberships that the store does not have, as of a process that ended
    /// between the two; then the meters hear of every quota.
    pub fn load(&mut self, store: &Store, today: &Today) {
        let known: HashSet<_> = store
            .usage_plan_keys
            .memberships()
            .filter_map(|row| {
                let identity = MembershipIdentity::new(part(&row, 0), part(&row, 2), part(&row, 1));
                self.meters.find(identity.0)
            })
            .collect();
        for (index, _) in self.meters.memberships() {
            if !known.contains(&index) && self.meters.retire(index) {
                self.meters.free(index);
            }
        }
        self.everything_changed();
        self.settle(store, today);
    }

    /// Takes note of what a call has changed since `mark`.
    pub fn follow(&mut self, store: &Store, mark: Mark) {
        for change in store.quotas_changed_since(mark) {
            match change {
                QuotaChange::OfPlan(key) => self.stale.plans.insert(key),
                QuotaChange::OfMembership(key) => self.stale.memberships.insert(key),
            };
        }
    }

    /// The store is another one.
    pub fn everything_changed(&mut self) {
        self.stale.all = true;
    }

    /// What was noted is on disk: the meters hear of it.
    pub fn settle(&mut self, store: &Store, today: &Today) {
        let stale = std::mem::take(&mut self.stale);
        if stale.all {
            store.usage_plan_keys.below(&[]).for_each(|(key, row)| self.adjust(store, &key, &row, today));
            return;
        }
        for plan in &stale.plans {
            let keys = store.usage_plan_keys.below(&[part(plan, 0), part(plan, 1)]);
            keys.for_each(|(key, row)| self.adjust(store, &key, &row, today));
        }
        for key in &stale.memberships {
            if let Some(row) = store.usage_plan_keys.row(&[part(key, 0), part(key, 1), part(key, 2)]) {
                self.adjust(store, key, &row, today);
            }
        }
    }

    /// What was noted is not on disk, and has been taken back.
    pub fn go_back(&mut self) {
        self.stale = Stale::default();
    }

    /// Makes a membership's meter count in the period of its plan's quota, with what was granted in it.
    fn adjust(&self, store: &Store, membership: &str, row: &UsagePlanKey, today: &Today) {
        let Some(quota) =
            store.usage_plans.row(&[part(membership, 0), part(membership, 1)]).and_then(|plan| plan.quota)
        else {
            return;
        };
        let Some(meter) = self.meter(membership) else { return };
        let period = quota::of(quota).period;
        if meter.needs_rebase(period, today) {
            meter.rebase(period, today, |day| stored(store, membership, day));
        }
        let start = today.start(period);
        let days = row.extensions.iter().filter_map(|(day, granted)| Some((Day::parse(day)?, *granted)));
        let granted = days.filter(|(day, _)| *day >= start && *day < period.next_start(start));
        meter.grant(start, granted.fold(0, |sum: i64, (_, granted)| sum.saturating_add(granted)));
    }

    fn meter(&self, membership: &str) -> Option<&Meter> {
        let identity = MembershipIdentity::new(part(membership, 0), part(membership, 1), part(membership, 2));
        Some(self.meters.record(self.meters.find(identity.0)?))
    }

    /// Whether [`Self::roll_over`] has something to do.
    pub fn is_due(&mut self, now_s: i64) -> bool {
        self.rollover.is_due(now_s)
    }

    /// Puts days that are over into the store, of some memberships, and removes those that are too old. What it gives is
    /// to be written, and then told to [`Self::moved`].
    pub fn roll_over(&mut self, store: &mut Store, now_s: i64) -> Vec<FinishedDay> {
        let today = Today::of(Day::of(now_s));
        let oldest = Day(today.day.0 - self.history_days).to_string();
        let next = store.usage_plan_keys.range(&[], Some(self.rollover.after()));
        let next: Vec<_> = next.take(MEMBERSHIPS_A_TURN).collect();
        let mut finished = Vec::new();
        for (membership, row) in &next {
            if let Some(meter) = self.meter(membership) {
                for (day, requests) in meter.finished(today.day) {
                    keep(store, membership, day, requests);
                    finished.push(FinishedDay { membership: membership.clone(), day, requests });
                }
            }
            // A shard that heard late of another period may have begun one of the kind before.
            self.adjust(store, membership, row, &today);
            forget_before(store, membership, &oldest);
        }
        let last = next.last().filter(|_| next.len() == MEMBERSHIPS_A_TURN).map(|(key, _)| &**key);
        if last.is_none() {
            self.unload();
        }
        self.rollover.turned(last, now_s);
        finished
    }

    /// Many records were looked at which nobody counts in for now: they leave memory.
    pub fn unload(&self) {
        if let Err(error) = self.meters.unload() {
            tracing::debug!("the usage of API keys stays in memory: {error}");
        }
    }

    /// The store has them on disk.
    pub fn moved(&self, finished: &[FinishedDay]) {
        for FinishedDay { membership, day, requests } in finished {
            if let Some(meter) = self.meter(membership) {
                // Where a late request was counted meanwhile, the day is moved in the next round.
                meter.moved(*day, *requests);
            }
        }
    }

    /// The store could not be written: all is tried again, in a while.
    pub fn put_off(&mut self, now_s: i64) {
        self.rollover.put_off(now_s);
    }
}

fn stored(store: &Store, membership: &str, day: Day) -> u64 {
    let day = day.to_string();
    let parts = [part(membership, 0), part(membership, 1), part(membership, 2), &day];
    store.usage.row(&parts).copied().unwrap_or(0)
}

/// A row only grows: a backup may have known of more than this machine.
fn keep(store: &mut Store, membership: &str, day: Day, requests: u64) {
    if requests > stored(store, membership, day) {
        let day = day.to_string();
        store.usage.put(&[part(membership, 0), part(membership, 1), part(membership, 2), &day], requests);
    }
}

fn forget_before(store: &mut Store, membership: &str, oldest: &str) {
    let parts = [part(membership, 0), part(membership, 1), part(membership, 2)];
    let days = store.usage.below(&parts).map(|(row, _)| own_name(row));
    let old: Vec<String> = days.take_while(|day| *day < oldest).map(str::to_owned).collect();
    for day in old {
        store.usage.remove(&[parts[0], parts[1], parts[2], &day]);
    }
}
