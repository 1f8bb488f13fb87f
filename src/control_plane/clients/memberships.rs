//! The number of a key in a plan: where its requests are counted and limited.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::plan::clients::MembershipIndex;

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
    fn index(&mut self, identity: MembershipIdentity) -> MembershipIndex;

    /// The membership is over.
    fn release(&mut self, identity: MembershipIdentity, index: MembershipIndex);
}

/// Numbers that nothing is kept under: the lowest that are free.
#[derive(Debug, Default)]
pub struct Numbers {
    next: u32,
    free: Vec<MembershipIndex>,
}

impl MembershipIndices for Numbers {
    fn index(&mut self, _: MembershipIdentity) -> MembershipIndex {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            MembershipIndex(self.next - 1)
        })
    }

    fn release(&mut self, _: MembershipIdentity, index: MembershipIndex) {
        self.free.push(index);
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

    #[test]
    fn a_number_is_given_again_when_it_is_free() {
        let (mut numbers, identity) = (Numbers::default(), MembershipIdentity(1));
        assert_eq!([0, 1, 2].map(|_| numbers.index(identity).0), [0, 1, 2]);
        numbers.release(identity, MembershipIndex(1));
        assert_eq!([0, 1].map(|_| numbers.index(identity).0), [1, 3]);
    }
}
