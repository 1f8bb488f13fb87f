//! The plan that a shard serves, with what belongs to it on this shard.
//!
//! A deploy replaces it between two requests: exchanges in flight keep theirs; pools are carried over by origin.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::delivery::AddressBook;
use crate::plan::integration::Origin;
use crate::plan::{MethodIndex, OriginIndex, Plan, StageIndex};
use crate::stats::Block;

use super::upstream::Upstream;

/// The upstreams of a shard, by what makes two of them the same.
pub type Upstreams = AHashMap<Arc<Origin>, Rc<Upstream>>;

pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    stages: Vec<LiveStage>,
}

struct LiveStage {
    /// In the order of [`StagePlan::origins`](crate::plan::StagePlan::origins); stages share them.
    upstreams: Box<[Rc<Upstream>]>,
    /// Methods of the stages before: see [`Block::record`].
    methods_before: usize,
    /// `x-amzn-apigateway-api-id: …` with its line end.
    api_line: Vec<u8>,
}

impl Live {
    /// With the upstreams that the plan names. Those that this shard knows already are carried over, with their
    /// connections.
    pub fn adopt(plan: Arc<Plan>, block: Rc<Block>, earlier: &Upstreams, addresses: &AddressBook) -> (Live, Upstreams) {
        let mut named = Upstreams::default();
        let mut upstream = |origin: &Arc<Origin>| {
            let known = named.get(origin).or_else(|| earlier.get(origin)).map(Rc::clone);
            let known = known.unwrap_or_else(|| Upstream::new(Arc::clone(origin), resolve(origin, addresses)));
            named.entry(Arc::clone(origin)).or_insert(known).clone()
        };
        let mut methods_before = 0;
        let stages = plan.stages.iter().map(|stage| {
            let live = LiveStage {
                upstreams: stage.origins.iter().map(&mut upstream).collect(),
                methods_before,
                api_line: format!("x-amzn-apigateway-api-id: {}\r\n", stage.api_id).into_bytes(),
            };
            methods_before += stage.methods.len();
            live
        });
        let stages = stages.collect();
        (Live { plan, block, stages }, named)
    }

    pub fn upstream(&self, stage: StageIndex, index: OriginIndex) -> &Rc<Upstream> {
        &self.stages[stage.0 as usize].upstreams[index.0 as usize]
    }

    pub fn api_line(&self, stage: StageIndex) -> &[u8] {
        &self.stages[stage.0 as usize].api_line
    }

    /// The method's row in the block.
    pub fn row(&self, stage: StageIndex, method: MethodIndex) -> usize {
        self.stages[stage.0 as usize].methods_before + method.0 as usize
    }
}

/// The addresses of an origin: itself where it is an address, else what the book has.
pub fn resolve(origin: &Origin, addresses: &AddressBook) -> Rc<[IpAddr]> {
    match origin.host.parse::<IpAddr>() {
        Ok(address) => Rc::from([address]),
        Err(_) => addresses.get(&origin.host).map_or_else(|| Rc::from([]), |found| Rc::from(&found[..])),
    }
}
