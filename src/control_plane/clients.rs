//! The store's API keys and usage plans as shards know them: [`Clients`], kept up to date change by change.
//!
//! - [`source`]: what the store has of them.
//! - [`memberships`]: the number of a key in a plan.

pub mod memberships;
mod source;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::operations::usage_plans::quota;
use super::store::table::{key as key_of, part};
use super::store::{Mark, Store};
use crate::limit::Rate;
use crate::meter::{AllocateError, MembershipIndex};
use crate::model::{ApiStage, ThrottleSettings, UsagePlan};
use crate::plan::clients::digest::{KeyDigest, Secret};
use crate::plan::clients::usage_plans::{PlannedStage, UsagePlanEntry, UsagePlans};
use crate::plan::clients::{Clients, KeyEntry, Membership, PlanIndex};
use memberships::{MembershipIdentity, MembershipIndices};

pub struct ClientsFollower {
    clients: Arc<Clients>,
    /// By region and plan, as in the store.
    plan_indices: HashMap<Box<str>, PlanIndex>,
    /// Below the highest index, those that no plan has.
    free_indices: BTreeSet<PlanIndex>,
    memberships: Box<dyn MembershipIndices + Send>,
    /// Memberships that are over once the change is on disk.
    ended: Vec<Ended>,
    /// Those that are over, each with the first revision that is without it: until every shard has that one.
    retired: VecDeque<(u64, MembershipIndex)>,
    /// Memberships that the change begins.
    begun: Vec<(MembershipIdentity, MembershipIndex)>,
    /// Something was followed that is not on disk yet.
    unsettled: bool,
    /// Why a key cannot be counted in a plan: it is not in it then.
    uncounted: Option<AllocateError>,
}

struct Ended {
    region: Arc<str>,
    plan_id: Box<str>,
    key_id: Box<str>,
    index: MembershipIndex,
}

impl ClientsFollower {
    pub fn new(secret: Secret, memberships: Box<dyn MembershipIndices + Send>) -> ClientsFollower {
        ClientsFollower {
            clients: Arc::new(Clients::new(secret)),
            plan_indices: HashMap::new(),
            free_indices: BTreeSet::new(),
            memberships,
            ended: Vec::new(),
            retired: VecDeque::new(),
            begun: Vec::new(),
            unsettled: false,
            uncounted: None,
        }
    }

    pub fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients)
    }

    /// Takes over all that the store has. A key that stays in a plan keeps its number there.
    pub fn load(&mut self, store: &Store) {
        let gone = self.number_plans(store);
        let before = self.clients();
        let mut memberships = Vec::new();
        let clients = before.with_plans(self.usage_plans(store)).loaded(|put| {
            source::each_key(store, |key, plans| {
                let digest = before.region_secret(key.region).digest(key.value.as_bytes());
                memberships.clear();
                self.begun.clear();
                self.number(before.memberships(&digest), key.region, key.id, plans, &mut memberships);
                put(digest, KeyEntry { id: key.id, enabled: key.enabled, memberships: &memberships });
            });
        });
        before.each_key(|digest, id, earlier| {
            self.note_ended(&before, id.as_str(), earlier, clients.memberships(digest));
        });
        self.free_indices.extend(gone);
        self.clients = Arc::new(clients);
        self.unsettled = true;
        if let Some(error) = self.uncounted.take() {
            tracing::error!("some API keys are left out of their usage plans: {error}");
        }
    }

    /// Takes over what changed since `mark`; whether that was anything. It costs what changed, however many keys there
    /// are.
    ///
    /// # Errors
    /// A key cannot be counted in a plan; nothing is taken over.
    pub fn follow(&mut self, store: &Store, mark: Mark) -> Result<bool, AllocateError> {
        let plans = store.usage_plans_changed_since(mark).next().is_some();
        let keys = source::changed_keys(store, mark);
        if !plans && keys.is_empty() {
            return Ok(false);
        }
        let gone = if plans { self.number_plans(store) } else { Vec::new() };
        let before = self.clients();
        let with_plans = plans.then(|| before.with_plans(self.usage_plans(store)));
        self.begun.clear();
        let changes = self.changes(&before, &keys);
        let begun = std::mem::take(&mut self.begun);
        if let Some(error) = self.uncounted.take() {
            self.give_back(begun);
            return Err(error);
        }
        let changes: Vec<_> = changes.iter().map(KeyChange::as_entry).collect();
        let clients = match with_plans {
            Some(clients) if changes.is_empty() => clients,
            Some(clients) => clients.with_keys(&changes),
            None => before.with_keys(&changes),
        };
        self.free_indices.extend(gone);
        self.clients = Arc::new(clients);
        self.unsettled = true;
        Ok(true)
    }

    /// What was followed is on disk, and stays. A key that left a plan and came back meanwhile may have its number still.
    pub fn settle(&mut self, store: &Store) {
        for Ended { region, plan_id, key_id, index } in self.ended.drain(..) {
            let value = source::value(store, &region, &key_id);
            let digest = value.map(|value| self.clients.region_secret(&region).digest(value.as_bytes()));
            if digest.is_some_and(|digest| has(self.clients.memberships(&digest), index)) {
                continue;
            }
            let identity = MembershipIdentity::new(&region, &plan_id, &key_id);
            if self.memberships.retire(identity, index) {
                self.retired.push_back((self.clients.revision, index));
            }
        }
        self.unsettled = false;
    }

    /// Every shard has clients of this revision, or later ones: what is not in them is counted no more.
    pub fn adopted(&mut self, revision: u64) {
        while let Some((_, index)) = self.retired.pop_front_if(|(since, _)| *since <= revision) {
            self.memberships.free(index);
        }
    }

    /// Numbers that were taken for a change that is not followed: no shard has heard of them. One that was in use before
    /// ([`Self::settle`]) stays.
    fn give_back(&mut self, begun: Vec<(MembershipIdentity, MembershipIndex)>) {
        for (identity, index) in begun {
            let was_used = self.ended.iter().any(|ended| ended.index == index);
            if !was_used && self.memberships.retire(identity, index) {
                self.memberships.free(index);
            }
        }
    }

    /// What was followed is not on disk, and has been taken back.
    pub fn go_back(&mut self, store: &Store) {
        if self.unsettled {
            self.load(store);
        }
    }

    /// Gives every plan of the store an index; those whose plans are gone are not given again before the next change.
    fn number_plans(&mut self, store: &Store) -> Vec<PlanIndex> {
        for (key, _) in store.usage_plans.below(&[]) {
            if self.plan_indices.contains_key(key) {
                continue;
            }
            let next = PlanIndex((self.plan_indices.len() + self.free_indices.len()) as u32);
            let index = self.free_indices.pop_first().unwrap_or(next);
            self.plan_indices.insert(key.into(), index);
        }
        let mut gone = Vec::new();
        self.plan_indices.retain(|key, index| {
            let is_there = store.usage_plans.row(&[part(key, 0), part(key, 1)]).is_some();
            if !is_there {
                gone.push(*index);
            }
            is_there
        });
        gone
    }

    fn usage_plans(&self, store: &Store) -> UsagePlans {
        let mut entries = Vec::new();
        entries.resize_with(self.plan_indices.len() + self.free_indices.len(), || None);
        for (key, plan) in store.usage_plans.below(&[]) {
            let index = self.plan_indices.get(key).map_or(usize::MAX, |index| index.0 as usize);
            // Behind the end where plans are gone whose indices are not free yet.
            if index >= entries.len() {
                entries.resize_with(index + 1, || None);
            }
            entries[index] = Some(usage_plan(part(key, 0), plan));
        }
        UsagePlans::new(entries)
    }

    /// What has to be changed in the table, what goes before what comes: a key may take over another's value.
    fn changes<'s>(&mut self, before: &Clients, keys: &'s [source::ChangedKey]) -> Vec<KeyChange<'s>> {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for key in keys {
            let secret = before.region_secret(&key.region);
            let earlier_digest = key.value_before.as_ref().map(|value| secret.digest(value.as_bytes()));
            let earlier = earlier_digest.map_or(&[][..], |digest| before.memberships(&digest));
            let mut memberships = Vec::new();
            if let Some(now) = &key.now {
                self.number(earlier, &key.region, &key.id, &key.plans, &mut memberships);
                let digest = secret.digest(now.value.as_bytes());
                come.push(KeyChange {
                    digest,
                    id: &key.id,
                    enabled: Some(now.enabled),
                    memberships: memberships.clone(),
                });
            }
            self.note_ended(before, &key.id, earlier, &memberships);
            if let Some(digest) = earlier_digest {
                gone.push(KeyChange { digest, id: &key.id, enabled: None, memberships: Vec::new() });
            }
        }
        gone.append(&mut come);
        gone
    }

    /// The memberships of a key in these plans: those that it has had already, and new ones.
    fn number(
        &mut self,
        earlier: &[Membership],
        region: &str,
        key: &str,
        plans: &[Box<str>],
        to: &mut Vec<Membership>,
    ) {
        for id in plans {
            let Some(plan) = self.plan_indices.get(&*key_of(&[region, id])).copied() else { continue };
            let known = earlier.iter().find(|membership| membership.plan == plan);
            let index = match known {
                Some(known) => Ok(known.index),
                None => self.begin(MembershipIdentity::new(region, id, key)),
            };
            match index {
                Ok(index) => to.push(Membership { plan, index }),
                Err(error) => self.uncounted = Some(error),
            }
        }
    }

    fn begin(&mut self, identity: MembershipIdentity) -> Result<MembershipIndex, AllocateError> {
        let index = self.memberships.index(identity)?;
        self.begun.push((identity, index));
        Ok(index)
    }

    fn note_ended(&mut self, before: &Clients, key: &str, earlier: &[Membership], later: &[Membership]) {
        for ended in earlier.iter().filter(|membership| !has(later, membership.index)) {
            if let Some(plan) = before.plans().entry(ended.plan) {
                let (region, plan_id) = (Arc::clone(&plan.region), plan.id.clone());
                self.ended.push(Ended { region, plan_id, key_id: key.into(), index: ended.index });
            }
        }
    }
}

/// A digest that gets another key, or none.
struct KeyChange<'s> {
    digest: KeyDigest,
    id: &'s str,
    /// `None`: it is gone.
    enabled: Option<bool>,
    memberships: Vec<Membership>,
}

impl KeyChange<'_> {
    fn as_entry(&self) -> (KeyDigest, Option<KeyEntry<'_>>) {
        let entry = |enabled| KeyEntry { id: self.id, enabled, memberships: &self.memberships };
        (self.digest, self.enabled.map(entry))
    }
}

fn has(memberships: &[Membership], index: MembershipIndex) -> bool {
    memberships.iter().any(|membership| membership.index == index)
}

fn usage_plan(region: &str, plan: &UsagePlan) -> UsagePlanEntry {
    UsagePlanEntry {
        region: region.into(),
        id: plan.id.as_str().into(),
        throttle: plan.throttle.map(throttle),
        quota: plan.quota.map(quota::of),
        stages: plan.api_stages.iter().map(planned_stage).collect(),
    }
}

fn planned_stage(stage: &ApiStage) -> PlannedStage {
    PlannedStage {
        api_id: stage.api_id.as_str().into(),
        stage: stage.stage.as_str().into(),
        throttles: stage.throttle.iter().map(|(method, limit)| (method.as_str().into(), throttle(*limit))).collect(),
    }
}

/// Odd limits are refused when a plan is made; one that is there all the same lets nothing pass.
fn throttle(settings: ThrottleSettings) -> Rate {
    Rate::new(settings.rate_limit, settings.burst_limit).unwrap_or(Rate::NOTHING)
}

#[cfg(test)]
mod tests;
