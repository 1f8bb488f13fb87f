//! The rules of `x-tollgate-throttle` on a shard: which buckets and counts they have, and what a request takes of them.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::RandomState;

use super::super::identity::Identity;
use super::{Limits, Throttled, ThrottledBy};
use crate::http::head::RequestHead;
use crate::limit::{Concurrency, Entered, KeyedTaken, Lease};
use crate::plan::StagePlan;
use crate::plan::release::Release;
use crate::plan::throttle::{Rule, RuleIndex, RuleKey, RuleLimit};

/// What a request shows that rules tell callers apart by.
#[derive(Clone, Copy)]
pub struct Asking<'r> {
    pub head: &'r RequestHead<'r, 'r>,
    pub source_ip: IpAddr,
    /// Whom an authorizer has let in.
    pub identity: Option<&'r Identity>,
}

/// What belongs to a stage's rules on this shard.
pub struct LiveRules(Box<[LiveRule]>);

enum LiveRule {
    /// What the rule is in the hash of its callers' keys.
    PerKey(u64),
    Rate(Rc<Lease>),
    Concurrency(Arc<Concurrency>),
}

/// What a request took of a rule.
pub enum TakenOf<'l> {
    PerKey(KeyedTaken),
    Rate(&'l Lease),
    Concurrency(Entered),
}

impl LiveRules {
    /// `production`: what a canary's stage serves itself. Of a rule that is the same in both they share what there is;
    /// of one that says something else, the canary has its own.
    pub fn of_stage(limits: &Limits, stage: &StagePlan, production: Option<&StagePlan>, now_ns: u64) -> LiveRules {
        let production = production.filter(|_| stage.release == Release::Canary);
        let live = |rule: &Rule| {
            let own = production.is_some_and(|production| !production.rules.contains(rule));
            let (StagePlan { region, api_id, stage, .. }, rule_identity) = (stage, &rule.identity);
            let identity = format!("rule\0{region}\0{api_id}\0{stage}\0{own}\0{rule_identity}");
            match &rule.limit {
                RuleLimit::PerKey { .. } => LiveRule::PerKey(limits.shared.hasher.hash_one(identity)),
                RuleLimit::Rate(rate) => {
                    LiveRule::Rate(limits.leases.lease(limits.shared.budgets.budget(&identity, *rate, now_ns)))
                }
                RuleLimit::Concurrency(_) => {
                    LiveRule::Concurrency(limits.shared.concurrencies.find_or(&identity, Concurrency::new))
                }
            }
        };
        LiveRules(stage.rules.iter().map(live).collect())
    }

    /// Takes what the rule asks for.
    ///
    /// # Errors
    /// There is none.
    pub fn take<'l>(
        &'l self,
        limits: &Limits,
        (rule, index): (&Rule, RuleIndex),
        asking: Asking<'_>,
        now_ns: u64,
    ) -> Result<TakenOf<'l>, Throttled> {
        match (&self.0[usize::from(index.0)], &rule.limit) {
            (LiveRule::PerKey(seed), RuleLimit::PerKey { key, rate }) => {
                let hash = hash(&limits.shared.hasher, *seed, key, asking);
                let taken = limits.shared.keyed.take(hash, rate, 1, now_ns);
                let by = match key {
                    RuleKey::ClientIp => ThrottledBy::ClientIp,
                    RuleKey::Header(_) => ThrottledBy::Header,
                    RuleKey::Claim(_) | RuleKey::Authorizer(_) => ThrottledBy::Authorized,
                };
                taken.map(TakenOf::PerKey).map_err(|wait| Throttled::rate(by, *rate, wait))
            }
            (LiveRule::Rate(lease), RuleLimit::Rate(rate)) => {
                let by = if rule.of_api { ThrottledBy::Api } else { ThrottledBy::Operation };
                lease.take(now_ns).map_err(|wait| Throttled::rate(by, *rate, wait))?;
                Ok(TakenOf::Rate(lease))
            }
            (LiveRule::Concurrency(concurrency), RuleLimit::Concurrency(max)) => {
                concurrency.try_enter(*max).map(TakenOf::Concurrency).ok_or(Throttled::concurrency(*max))
            }
            (LiveRule::PerKey(_) | LiveRule::Rate(_) | LiveRule::Concurrency(_), _) => {
                debug_assert!(false, "a stage's live rules are made from its rules, one by one");
                Err(Throttled::concurrency(0))
            }
        }
    }
}

/// Over all values of a field, each with its length; over none where there is no such field. What nobody has said is not
/// the same as an empty text.
fn hash(hasher: &RandomState, seed: u64, key: &RuleKey, asking: Asking<'_>) -> u64 {
    let mut hasher = hasher.build_hasher();
    seed.hash(&mut hasher);
    match key {
        RuleKey::ClientIp => match asking.source_ip.to_canonical() {
            IpAddr::V4(address) => address.octets().hash(&mut hasher),
            IpAddr::V6(address) => address.octets()[..8].hash(&mut hasher),
        },
        RuleKey::Header(name) => {
            let fields = asking.head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            fields.for_each(|field| field.value.hash(&mut hasher));
        }
        RuleKey::Claim(name) => asking.identity.and_then(|identity| identity.claim(name)).hash(&mut hasher),
        RuleKey::Authorizer(name) => {
            let said = asking.identity.and_then(|identity| match &**name {
                "principalId" => identity.principal_id.as_deref(),
                name => identity.property(name),
            });
            said.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{FieldSpace, HeadLimits, request};

    #[test]
    fn callers_are_told_apart_by_what_is_said_of_them() {
        let limits = HeadLimits { target_bytes_max: 100, header_bytes_max: 1000, header_fields_max: 10 };
        let mut space = FieldSpace::new();
        let head =
            request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &limits, &mut space).expect("a head").expect("complete");
        let hasher = RandomState::new();
        let source_ip = IpAddr::from([127, 0, 0, 1]);
        let of = |key: &RuleKey, identity: Option<&Identity>| {
            hash(&hasher, 1, key, Asking { head: &head, source_ip, identity })
        };
        let named = |name: &str, value: &str| vec![(name.into(), value.into())];
        let ann = Identity {
            principal_id: Some("ann".into()),
            claims: named("sub", "ann"),
            context: named("sub", "ben"),
            ..Identity::default()
        };
        let ben = Identity { principal_id: Some("ben".into()), claims: named("sub", "ben"), ..Identity::default() };
        let (nobody, empty) = (Identity::default(), Identity { claims: named("sub", ""), ..Identity::default() });
        let sub = RuleKey::Claim("sub".into());
        assert_eq!(of(&sub, Some(&ann)), of(&sub, Some(&ann.clone())));
        assert_ne!(of(&sub, Some(&ann)), of(&sub, Some(&ben)));
        assert_eq!(of(&sub, Some(&nobody)), of(&sub, None));
        assert_ne!(of(&sub, Some(&nobody)), of(&sub, Some(&empty)));
        let property = RuleKey::Authorizer("sub".into());
        assert_ne!(of(&property, Some(&ann)), of(&property, Some(&ben)));
        assert_eq!(of(&property, Some(&ben)), of(&property, None), "claims are no properties");
        let principal = RuleKey::Authorizer("principalId".into());
        assert_ne!(of(&principal, Some(&ann)), of(&principal, Some(&ben)));
    }
}
