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
pub type Upstreams = AHashMap<Origin, Rc<Upstream>>;

pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    upstreams: Vec<Rc<Upstream>>,
    stages: Vec<LiveStage>,
}

struct LiveStage {
    /// Methods of the stages before: see [`Block::record`].
    methods_before: usize,
    /// `x-amzn-apigateway-api-id: …` with its line end.
    api_line: Vec<u8>,
}

impl Live {
    /// Upstreams that this shard knows already are carried over, with their connections.
    pub fn adopt(plan: Arc<Plan>, block: Rc<Block>, earlier: &Upstreams, addresses: &AddressBook) -> Live {
        let upstream = |origin: &Origin| {
            let known = earlier.get(origin).map(Rc::clone);
            known.unwrap_or_else(|| Upstream::new(origin.clone(), resolve(origin, addresses)))
        };
        let upstreams = plan.origins.iter().map(upstream).collect();
        let mut methods_before = 0;
        let stages = plan.stages.iter().map(|stage| {
            let live = LiveStage {
                methods_before,
                api_line: format!("x-amzn-apigateway-api-id: {}\r\n", stage.api_id).into_bytes(),
            };
            methods_before += stage.methods.len();
            live
        });
        let stages = stages.collect();
        Live { plan, block, upstreams, stages }
    }

    pub fn upstream(&self, index: OriginIndex) -> &Rc<Upstream> {
        &self.upstreams[index.0 as usize]
    }

    pub fn upstreams(&self) -> &[Rc<Upstream>] {
        &self.upstreams
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
