//! The plan that a shard serves, with what belongs to it on this shard.
//!
//! A deploy replaces it between two requests: exchanges in flight keep theirs; pools are carried over by origin.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::cache::MethodCache;
use crate::plan::delivery::AddressBook;
use crate::plan::integration::Origin;
use crate::plan::{MethodIndex, OriginIndex, Plan, StageIndex};
use crate::stats::Block;

use super::cache::Cached;
use super::cache::store::StageStore;
use super::upstream::Upstream;

/// The upstreams of a shard, by what makes two of them the same.
pub type Upstreams = AHashMap<Arc<Origin>, Rc<Upstream>>;

pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    /// By stage, in the order of [`StagePlan::origins`](crate::plan::StagePlan::origins); stages share them.
    upstreams: Vec<Box<[Rc<Upstream>]>>,
    /// By stage, where it keeps answers.
    stores: Vec<Option<Rc<StageStore>>>,
}

impl Live {
    /// With the upstreams that the plan names. Those that this shard knows already are carried over, with their
    /// connections.
    pub fn adopt(plan: Arc<Plan>, block: Rc<Block>, earlier: &Upstreams, addresses: &AddressBook) -> (Live, Upstreams) {
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
        (Live { plan, block, upstreams, stores: Vec::new() }, named)
    }

    /// With the answers that its stages have kept so far.
    #[must_use]
    pub fn with_stores(self, stores: Vec<Option<Rc<StageStore>>>) -> Live {
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
}

/// The addresses of an origin: itself where it is an address, else what the book has.
pub fn resolve(origin: &Origin, addresses: &AddressBook) -> Rc<[IpAddr]> {
    match origin.host.parse::<IpAddr>() {
        Ok(address) => Rc::from([address]),
        Err(_) => addresses.get(&origin.host).map_or_else(|| Rc::from([]), |found| Rc::from(&found[..])),
    }
}
