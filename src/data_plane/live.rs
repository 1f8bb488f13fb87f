//! The plan that a shard serves, with what belongs to it on this shard.
//!
//! A deploy, or a change of API keys, replaces it between two requests: exchanges in flight keep theirs; pools are carried over by origin.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::clients::{Clients, StageClients};
use crate::plan::delivery::AddressBook;
use crate::plan::integration::Origin;
use crate::plan::{OriginIndex, Plan, StageIndex};
use crate::stats::Block;

use super::throttle::StageLimits;
use super::upstream::Upstream;

/// The upstreams of a shard, by what makes two of them the same.
pub type Upstreams = AHashMap<Arc<Origin>, Rc<Upstream>>;

pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    pub clients: Arc<Clients>,
    /// By stage.
    stage_clients: Rc<[StageClients]>,
    /// By stage, in the order of [`StagePlan::origins`](crate::plan::StagePlan::origins); stages share them.
    upstreams: Rc<[Box<[Rc<Upstream>]>]>,
    /// By stage, where its methods have limits.
    limits: Rc<[Option<Rc<StageLimits>>]>,
}

impl Live {
    /// With the upstreams that the plan names. Those that this shard knows already are carried over, with their
    /// connections.
    pub fn adopt(
        plan: Arc<Plan>,
        block: Rc<Block>,
        clients: Arc<Clients>,
        earlier: &Upstreams,
        addresses: &AddressBook,
    ) -> (Live, Upstreams) {
        let mut named = Upstreams::with_capacity(earlier.len());
        let mut upstream = |origin: &Arc<Origin>| {
            if let Some(known) = named.get(origin) {
                return Rc::clone(known);
            }
            let known = earlier.get(origin).map(Rc::clone);
            let upstream = known.unwrap_or_else(|| Upstream::new(Arc::clone(origin), resolve(origin, addresses)));
            named.insert(Arc::clone(origin), Rc::clone(&upstream));
            upstream
        };
        let upstreams = plan.stages.iter().map(|stage| stage.origins.iter().map(&mut upstream).collect()).collect();
        let stage_clients = clients.of_stages(&plan).into();
        (Live { plan, block, clients, stage_clients, upstreams, limits: Rc::default() }, named)
    }

    /// With the limits of its stages.
    #[must_use]
    pub fn with_limits(self, limits: Vec<Option<Rc<StageLimits>>>) -> Live {
        Live { limits: limits.into(), ..self }
    }

    /// The same with other clients. That only keys changed is the usual case, and costs no look at any stage.
    #[must_use]
    pub fn with_clients(&self, clients: Arc<Clients>) -> Live {
        let stage_clients = match Arc::ptr_eq(clients.plans(), self.clients.plans()) {
            true => Rc::clone(&self.stage_clients),
            false => clients.of_stages(&self.plan).into(),
        };
        Live {
            plan: Arc::clone(&self.plan),
            block: Rc::clone(&self.block),
            clients,
            stage_clients,
            upstreams: Rc::clone(&self.upstreams),
            limits: Rc::clone(&self.limits),
        }
    }

    #[inline]
    pub fn limits(&self, stage: StageIndex) -> Option<&StageLimits> {
        self.limits.get(stage.0 as usize)?.as_deref()
    }

    pub fn all_limits(&self) -> &[Option<Rc<StageLimits>>] {
        &self.limits
    }

    pub fn stage_clients(&self, stage: StageIndex) -> &StageClients {
        &self.stage_clients[stage.0 as usize]
    }

    pub fn upstream(&self, stage: StageIndex, index: OriginIndex) -> &Rc<Upstream> {
        &self.upstreams[stage.0 as usize][index.0 as usize]
    }
}

/// The addresses of an origin: itself where it is an address, else what the book has.
pub fn resolve(origin: &Origin, addresses: &AddressBook) -> Rc<[IpAddr]> {
    match origin.host.parse::<IpAddr>() {
        Ok(address) => Rc::from([address]),
        Err(_) => addresses.get(&origin.host).map_or_else(|| Rc::from([]), |found| Rc::from(&found[..])),
    }
}
