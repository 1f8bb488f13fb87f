//! The number of a key in a plan: where its requests are counted and limited.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::meter::{AllocateError, MembershipIndex, Meters};

/// A key in a plan, the same in every process that has the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MembershipIdentity(pub u128);

impl MembershipIdentity {
    pub fn new(region: &str, plan: &str, key: &str) -> MembershipIdentity {
        let mut hasher = SipHasher24::new();
        for part in [region, plan, key] {
            hasher.write(part.as_bytes());
            // No id has it: no part runs into the next.
            hasher.write(b"\0");
        }
        let hash = hasher.finish128();
        MembershipIdentity(u128::from(hash.h1) << 64 | u128::from(hash.h2))
    }
}

/// Gives memberships their numbers.
pub trait MembershipIndices {
    /// The number of a membership that begins, or that an earlier process had already.
    ///
    /// # Errors
    /// There are too many; or there is no room on disk.
    fn index(&mut self, identity: MembershipIdentity) -> Result<MembershipIndex, AllocateError>;

    /// The membership is over, and its counts are forgotten; shards may not know yet. Whether it was there.
    fn retire(&mut self, identity: MembershipIdentity, index: MembershipIndex) -> bool;

    /// No shard knows of it any more: another may have its number.
    fn free(&mut self, index: MembershipIndex);
}

/// Those of the meters, which count under them.
pub struct Metered(pub Arc<Meters>);

impl MembershipIndices for Metered {
    fn index(&mut self, identity: MembershipIdentity) -> Result<MembershipIndex, AllocateError> {
        self.0.allocate(identity.0)
    }

    fn retire(&mut self, _: MembershipIdentity, index: MembershipIndex) -> bool {
        self.0.retire(index)
    }

    fn free(&mut self, index: MembershipIndex) {
        self.0.free(index);
    }
}

#[cfg(test)]
impl Metered {
    pub fn in_memory() -> Metered {
        Metered(Arc::new(Meters::in_memory(1_024).expect("64 KB are to be had")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_of_all_three_parts_and_stay() {
        let identity = MembershipIdentity::new;
        assert_eq!(identity("r", "p", "k"), identity("r", "p", "k"));
        for other in
            [identity("s", "p", "k"), identity("r", "pk", ""), identity("r", "", "pk"), identity("rp", "k", "")]
        {
            assert_ne!(identity("r", "p", "k"), other);
        }
    }
}
