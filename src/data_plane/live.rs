//! The plan that a shard serves, with what belongs to it on this shard.
//!
//! A deploy, or a change of API keys, replaces it between two requests: exchanges in flight keep theirs; pools are carried
//! over by origin, limits by method, what is known of protected upstreams by stage and name.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::cache::MethodCache;
use crate::plan::clients::{Clients, StageClients};
use crate::plan::delivery::{AddressBook, Unhealthy};
use crate::plan::integration::Origin;
use crate::plan::protection::ProtectionIndex;
use crate::plan::release::Release;
use crate::plan::{MethodIndex, OriginIndex, Plan, StageIndex, StagePlan};
use crate::stats::Block;

use super::cache::Cached;
use super::cache::store::StageStore;
use super::throttle::{Limits, StageLimits};
use super::upstream::Upstream;
use super::upstream::protected::{Protected, adopt_stage};

/// The upstreams of a shard, by what makes two of them the same.
pub type Upstreams = AHashMap<Arc<Origin>, Rc<Upstream>>;

/// All of it is shared with the next, as far as it stays.
#[derive(Clone)]
pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    pub clients: Arc<Clients>,
    /// By stage.
    stage_clients: Rc<[StageClients]>,
    /// By stage, in the order of [`StagePlan::origins`]; stages share them.
    upstreams: Rc<[Box<[Rc<Upstream>]>]>,
    /// By stage, in the order of [`StagePlan::protections`].
    protected: Rc<[Box<[Rc<Protected>]>]>,
    /// By stage, where its methods have limits.
    limits: Rc<[Option<Rc<StageLimits>>]>,
    /// By stage, where it keeps answers.
    stores: Rc<[Option<Rc<StageStore>>]>,
}

/// What a shard knows when it takes a plan.
pub struct Earlier<'s> {
    pub live: Option<&'s Live>,
    pub clients: &'s Arc<Clients>,
    pub limits: Option<&'s Limits>,
    pub upstreams: &'s Upstreams,
    pub addresses: &'s AddressBook,
    pub unhealthy: &'s Unhealthy,
}

impl Live {
    /// With the upstreams that the plan names. Those that this shard knows already are carried over, with their
    /// connections.
    pub fn adopt(plan: Arc<Plan>, block: Rc<Block>, earlier: &Earlier<'_>) -> (Live, Upstreams) {
        let mut named = Upstreams::with_capacity(earlier.upstreams.len());
        let mut upstream = |origin: &Arc<Origin>| {
            if let Some(known) = named.get(origin) {
                return Rc::clone(known);
            }
            let known = earlier.upstreams.get(origin).map(Rc::clone);
            let upstream =
                known.unwrap_or_else(|| Upstream::new(Arc::clone(origin), resolve(origin, earlier.addresses)));
            named.insert(Arc::clone(origin), Rc::clone(&upstream));
            upstream
        };
        let upstreams: Rc<[Box<[Rc<Upstream>]>]> =
            plan.stages.iter().map(|stage| stage.origins.iter().map(&mut upstream).collect()).collect();
        let protected = protect(&plan, &upstreams, earlier);
        let clients = Arc::clone(earlier.clients);
        let stage_clients = clients.of_stages(&plan).into();
        let limits = earlier.limits.map(|limits| limits.adopt(&plan, earlier.live).into()).unwrap_or_default();
        (Live { plan, block, clients, stage_clients, upstreams, protected, limits, stores: Rc::default() }, named)
    }

    /// The same with other clients. That only keys changed is the usual case, and costs no look at any stage.
    #[must_use]
    pub fn with_clients(&self, clients: Arc<Clients>) -> Live {
        let stage_clients = match Arc::ptr_eq(clients.plans(), self.clients.plans()) {
            true => Rc::clone(&self.stage_clients),
            false => clients.of_stages(&self.plan).into(),
        };
        Live { clients, stage_clients, ..self.clone() }
    }

    pub fn stage_clients(&self, stage: StageIndex) -> &StageClients {
        &self.stage_clients[stage.0 as usize]
    }

    #[inline]
    pub fn limits(&self, stage: StageIndex) -> Option<&StageLimits> {
        self.limits.get(stage.0 as usize)?.as_deref()
    }

    pub fn all_limits(&self) -> &[Option<Rc<StageLimits>>] {
        &self.limits
    }

    /// With the answers that its stages have kept so far.
    #[must_use]
    pub fn with_stores(self, stores: Rc<[Option<Rc<StageStore>>]>) -> Live {
        Live { stores, ..self }
    }

    /// Where the answers of a method are kept, if they are, for requests with this HTTP method.
    pub fn cached(&self, stage: StageIndex, method: MethodIndex, http_method: &str) -> Option<Cached<'_>> {
        let store = self.stores.get(stage.0 as usize)?.as_ref()?;
        let method = self.cached_method(stage, method)?;
        (!method.any || matches!(http_method, "GET" | "HEAD")).then_some(Cached { store, method })
    }

    pub fn cached_method(&self, stage: StageIndex, method: MethodIndex) -> Option<&MethodCache> {
        self.plan.stage(stage).cache.as_ref()?.methods[method.0 as usize].as_deref()
    }

    pub fn upstream(&self, stage: StageIndex, index: OriginIndex) -> &Rc<Upstream> {
        &self.upstreams[stage.0 as usize][index.0 as usize]
    }

    pub fn protected(&self, stage: StageIndex, index: ProtectionIndex) -> &Rc<Protected> {
        &self.protected[stage.0 as usize][index.0 as usize]
    }

    pub fn note_health(&self, unhealthy: &Unhealthy) {
        self.protected.iter().flatten().for_each(|protected| protected.note_health(unhealthy));
    }
}

fn protect(plan: &Plan, upstreams: &[Box<[Rc<Upstream>]>], earlier: &Earlier<'_>) -> Rc<[Box<[Rc<Protected>]>]> {
    let mut known = AHashMap::new();
    if let Some(live) = earlier.live {
        let protecting = live.plan.stages.iter().zip(&*live.protected).filter(|(_, protected)| !protected.is_empty());
        known.extend(protecting.map(|(stage, protected)| (stage_name(stage), &**protected)));
    }
    let stages = plan.stages.iter().zip(upstreams.iter().map(|upstreams| &**upstreams));
    let adopt = |(stage, upstreams): (&Arc<StagePlan>, &[Rc<Upstream>])| {
        if stage.protections.is_empty() {
            return Box::default();
        }
        let upstream = |index: OriginIndex| Rc::clone(&upstreams[index.0 as usize]);
        let known = known.get(&stage_name(stage)).copied().unwrap_or_default();
        adopt_stage(stage, upstream, known, earlier.unhealthy)
    };
    stages.map(adopt).collect()
}

/// A canary is another deployment: what fails because of it must not keep the stage's own from its backends.
fn stage_name(stage: &StagePlan) -> (&str, &str, bool) {
    (&stage.api_id, &stage.stage, stage.release == Release::Canary)
}

/// The addresses of an origin: itself where it is an address, else what the book has.
pub fn resolve(origin: &Origin, addresses: &AddressBook) -> Rc<[IpAddr]> {
    match origin.host.parse::<IpAddr>() {
        Ok(address) => Rc::from([address]),
        Err(_) => addresses.get(&origin.host).map_or_else(|| Rc::from([]), |found| Rc::from(&found[..])),
    }
}
