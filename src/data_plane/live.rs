//! The plan that a shard serves, with what belongs to it on this shard.
//!
//! A deploy replaces it between two requests: exchanges in flight keep theirs; pools are carried over by origin, what is
//! known of protected upstreams by stage and name.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::delivery::{AddressBook, Unhealthy};
use crate::plan::integration::Origin;
use crate::plan::protection::ProtectionIndex;
use crate::plan::release::Release;
use crate::plan::{OriginIndex, Plan, StageIndex, StagePlan};
use crate::stats::Block;

use super::upstream::Upstream;
use super::upstream::protected::{Protected, adopt_stage};

/// The upstreams of a shard, by what makes two of them the same.
pub type Upstreams = AHashMap<Arc<Origin>, Rc<Upstream>>;

pub struct Live {
    pub plan: Arc<Plan>,
    pub block: Rc<Block>,
    /// By stage, in the order of [`StagePlan::origins`]; stages share them.
    upstreams: Vec<Box<[Rc<Upstream>]>>,
    /// By stage, in the order of [`StagePlan::protections`].
    protected: Vec<Box<[Rc<Protected>]>>,
}

/// What a shard knows when it takes a plan.
pub struct Earlier<'s> {
    pub live: Option<&'s Live>,
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
        let upstreams: Vec<Box<[Rc<Upstream>]>> =
            plan.stages.iter().map(|stage| stage.origins.iter().map(&mut upstream).collect()).collect();
        let protected = protect(&plan, &upstreams, earlier);
        (Live { plan, block, upstreams, protected }, named)
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

fn protect(plan: &Plan, upstreams: &[Box<[Rc<Upstream>]>], earlier: &Earlier<'_>) -> Vec<Box<[Rc<Protected>]>> {
    let mut known = AHashMap::new();
    if let Some(live) = earlier.live {
        let protecting = live.plan.stages.iter().zip(&live.protected).filter(|(_, protected)| !protected.is_empty());
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
