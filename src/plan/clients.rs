//! Who may call: every API key and every usage plan, as a value that all shards share. (Guide,
//! `api-gateway-api-usage-plans`.)
//!
//! It is beside the plan, not in it: keys come and go far oftener than deployments. Whoever changes it makes another
//! value, which shares all that stayed the same; what a shard counts and limits is kept elsewhere, by the indices here.
//!
//! - [`digest`]: what is known of a key's value.
//! - [`key_table`]: the keys.
//! - [`usage_plans`]: the plans, and which of them has a stage.

pub mod digest;
mod key_table;
pub mod usage_plans;

use std::sync::Arc;

use digest::{KeyDigest, RegionSecret, Secret};
use key_table::{KeyTable, KeyTableBuilder};
use usage_plans::{MethodThrottle, MethodThrottles, UsagePlans};

pub use crate::meter::MembershipIndex;
pub use key_table::KeyEntry;

use super::{MethodIndex, Plan, StagePlan};

/// The position of a usage plan in [`UsagePlans`]; the same from value to value, for as long as there is the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanIndex(pub u32);

/// That a key is in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub plan: PlanIndex,
    pub index: MembershipIndex,
}

#[derive(Clone)]
pub struct Clients {
    /// Rises with every value of a process; 0 for [`Self::empty`].
    pub revision: u64,
    secret: Secret,
    keys: KeyTable,
    plans: Arc<UsagePlans>,
}

/// What a shard looks up once for each stage that it serves.
#[derive(Clone, Debug)]
pub struct StageClients {
    secret: RegionSecret,
    /// Those that have the stage, in their order.
    plans: Arc<[PlanIndex]>,
    /// Those that throttle single methods of it.
    throttles: Box<[(PlanIndex, MethodThrottles)]>,
}

/// Who sent a request, by the API key that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub key_id: KeyId,
    /// In the plan by which it may call the stage.
    pub membership: Membership,
}

/// `$context.identity.apiKeyId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyId {
    Short { bytes: [u8; KeyId::SHORT_BYTES_MAX], length: u8 },
    Long(Arc<str>),
}

/// Why an API key opens nothing. Clients are told the same of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    Unknown,
    Disabled,
    /// None of its plans has the stage.
    NoPlan,
}

/// The bounds of a key's value: 20 to 128 characters (API reference, `API_CreateApiKey`), of up to four bytes.
const VALUE_BYTES_MIN: usize = 20;
const VALUE_BYTES_MAX: usize = 512;

impl Clients {
    /// Nobody.
    pub fn empty() -> Clients {
        Clients::new(Secret::new([0; 16]))
    }

    /// Nobody yet.
    pub fn new(secret: Secret) -> Clients {
        Clients { revision: 0, secret, keys: KeyTable::empty(), plans: Arc::default() }
    }

    pub fn region_secret(&self, region: &str) -> RegionSecret {
        self.secret.of_region(region)
    }

    /// These keys in the place of all that there were; no two with the same digest.
    pub fn loaded(&self, each: impl FnOnce(&mut dyn FnMut(KeyDigest, KeyEntry<'_>))) -> Clients {
        let mut builder = KeyTableBuilder::new();
        each(&mut |digest, entry| builder.put(digest, entry));
        Clients { revision: self.revision + 1, keys: builder.finish(), ..self.clone() }
    }

    /// Some keys changed; those without an entry are gone. For each, one table is copied, of a thousand
    /// keys or two.
    #[must_use]
    pub fn with_keys(&self, changes: &[(KeyDigest, Option<KeyEntry<'_>>)]) -> Clients {
        Clients { revision: self.revision + 1, keys: self.keys.with(changes), ..self.clone() }
    }

    #[must_use]
    pub fn with_plans(&self, plans: UsagePlans) -> Clients {
        Clients { revision: self.revision + 1, plans: Arc::new(plans), ..self.clone() }
    }

    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// What all keys take in memory.
    pub fn key_bytes(&self) -> usize {
        self.keys.heap_bytes()
    }

    pub fn plans(&self) -> &Arc<UsagePlans> {
        &self.plans
    }

    /// The plans that a key is in; none for one that is not known.
    pub fn memberships(&self, digest: &KeyDigest) -> &[Membership] {
        self.keys.find(digest).map_or(&[], |found| found.memberships())
    }

    /// Every key: its digest, its id, and the plans that it is in.
    pub fn each_key(&self, mut take: impl FnMut(&KeyDigest, &KeyId, &[Membership])) {
        self.keys.each(&mut |digest, found| take(digest, &found.id(), found.memberships()));
    }

    /// Of each stage of a plan, in their order. It holds for every value with the same [`Self::plans`].
    pub fn of_stages(&self, plan: &Plan) -> Vec<StageClients> {
        let of_stage = |stage: &Arc<StagePlan>| {
            let clients = self.of_stage(&stage.region, &stage.api_id, &stage.stage);
            let throttles = clients.plans.iter().filter_map(|index| {
                let planned = self.plans.entry(*index)?.stage(&stage.api_id, &stage.stage)?;
                Some((*index, MethodThrottles::new(planned, stage)?))
            });
            let throttles = throttles.collect();
            StageClients { throttles, ..clients }
        };
        plan.stages.iter().map(of_stage).collect()
    }

    /// Without what plans say of single methods, which takes the stage's methods to know.
    pub fn of_stage(&self, region: &str, api_id: &str, stage: &str) -> StageClients {
        let plans = self.plans.of_stage(region, api_id, stage);
        StageClients { secret: self.region_secret(region), plans, throttles: Box::default() }
    }

    /// Who has the key with this value and may call the stage.
    ///
    /// # Errors
    /// Nobody, or nobody who may.
    pub fn caller(&self, stage: &StageClients, value: &[u8]) -> Result<Caller, KeyRefusal> {
        if !(VALUE_BYTES_MIN..=VALUE_BYTES_MAX).contains(&value.len()) {
            return Err(KeyRefusal::Unknown);
        }
        let found = self.keys.find(&stage.secret.digest(value)).ok_or(KeyRefusal::Unknown)?;
        if !found.enabled() {
            return Err(KeyRefusal::Disabled);
        }
        let has_stage = |membership: &&Membership| stage.plans.binary_search(&membership.plan).is_ok();
        let membership = *found.memberships().iter().find(has_stage).ok_or(KeyRefusal::NoPlan)?;
        Ok(Caller { key_id: found.id(), membership })
    }
}

impl StageClients {
    /// How often each key of a plan may call a method, where the plan says that of the method.
    pub fn throttle(&self, plan: PlanIndex, method: MethodIndex) -> Option<&MethodThrottle> {
        let (_, throttles) = self.throttles.iter().find(|(index, _)| *index == plan)?;
        throttles.of_method(method)
    }
}

impl KeyId {
    /// AWS's have ten letters and digits.
    pub const SHORT_BYTES_MAX: usize = 10;

    pub fn as_str(&self) -> &str {
        match self {
            KeyId::Short { bytes, length } => std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or(""),
            KeyId::Long(id) => id,
        }
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Clients");
        shown.field("revision", &self.revision).field("keys", &self.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::usage_plans::{PlannedStage, UsagePlanEntry};
    use super::*;

    const VALUE: &str = "abcdefghijklmnopqrstuvwxyz";

    fn entry(stages: &[(&str, &str)]) -> UsagePlanEntry {
        let planned = |(api_id, stage): &(&str, &str)| PlannedStage {
            api_id: (*api_id).into(),
            stage: (*stage).into(),
            throttles: Box::default(),
        };
        UsagePlanEntry {
            region: "r".into(),
            id: "plan".into(),
            throttle: None,
            quota: None,
            stages: stages.iter().map(planned).collect(),
        }
    }

    fn clients() -> Clients {
        let clients = Clients::new(Secret::new([3; 16]));
        let plans = [Some(entry(&[("a", "prod"), ("b", "prod")])), None, Some(entry(&[("a", "dev")]))];
        let membership = |plan, index| Membership { plan: PlanIndex(plan), index: MembershipIndex(index) };
        let secret = clients.region_secret("r");
        let put = |value: &str, id, enabled, memberships| {
            (secret.digest(value.as_bytes()), Some(KeyEntry { id, enabled, memberships }))
        };
        let (both, first) = ([membership(0, 5), membership(2, 6)], [membership(0, 7)]);
        clients.with_plans(UsagePlans::new(plans.into())).with_keys(&[
            put(VALUE, "both", true, &both),
            put("disabled-disabled-disabled", "disabled", false, &first),
            put("without-without-without", "without", true, &[]),
            put("first-first-first-first", "first", true, &first),
        ])
    }

    #[test]
    fn a_key_opens_the_stages_of_its_plans() {
        let clients = clients();
        let check = |place: (&str, &str, &str), value: &str, expected: Result<(&str, u32), KeyRefusal>| {
            let found = clients.caller(&clients.of_stage(place.0, place.1, place.2), value.as_bytes());
            let shown = found.as_ref().map(|caller| (caller.key_id.as_str(), caller.membership.index.0));
            assert_eq!(shown.map_err(|refusal| *refusal), expected, "{place:?} {value}");
        };
        check(("r", "a", "prod"), VALUE, Ok(("both", 5)));
        check(("r", "b", "prod"), VALUE, Ok(("both", 5)));
        check(("r", "a", "dev"), VALUE, Ok(("both", 6)));
        check(("r", "b", "dev"), VALUE, Err(KeyRefusal::NoPlan));
        check(("q", "a", "prod"), VALUE, Err(KeyRefusal::Unknown));
        check(("r", "a", "prod"), "first-first-first-first", Ok(("first", 7)));
        check(("r", "a", "dev"), "first-first-first-first", Err(KeyRefusal::NoPlan));
        check(("r", "a", "prod"), "disabled-disabled-disabled", Err(KeyRefusal::Disabled));
        check(("r", "a", "prod"), "without-without-without", Err(KeyRefusal::NoPlan));
        check(("r", "a", "prod"), "", Err(KeyRefusal::Unknown));
        check(("r", "a", "prod"), &VALUE.to_uppercase(), Err(KeyRefusal::Unknown));
        check(("r", "a", "prod"), &VALUE[1..], Err(KeyRefusal::Unknown));
        check(("r", "a", "prod"), &VALUE.repeat(40_000), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn every_change_is_a_later_value() {
        let clients = clients();
        assert_eq!((clients.revision, clients.keys()), (2, 4));
        let none = clients.loaded(|_| ());
        assert_eq!((none.revision, none.keys()), (3, 0));
        assert!(Arc::ptr_eq(none.plans(), clients.plans()));
        assert!(!format!("{clients:?}").contains(VALUE));
    }
}
