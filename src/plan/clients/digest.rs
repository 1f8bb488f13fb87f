//! What a plan knows of an API key's value: a keyed digest of 128 bits.
//!
//! The secret is drawn when the process starts and never leaves it. Without it nobody can make two values that meet in
//! a table, nor learn from the time that a comparison takes how much of a guess was right: a guess that is nearer to the
//! value has a digest like any other. Two of a million keys have the same digest with a chance of 1 in 10^26.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// The process's secret.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

/// The secret of one region's keys: the same value is another key elsewhere.
#[derive(Clone, Copy)]
pub struct RegionSecret([u8; 16]);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest {
    pub(super) high: u64,
    pub(super) low: u64,
}

impl Secret {
    pub fn new(random: [u8; 16]) -> Secret {
        Secret(random)
    }

    pub fn of_region(&self, region: &str) -> RegionSecret {
        let mut secret = [0; 16];
        let KeyDigest { high, low } = digest(&self.0, region.as_bytes());
        secret[..8].copy_from_slice(&high.to_le_bytes());
        secret[8..].copy_from_slice(&low.to_le_bytes());
        RegionSecret(secret)
    }
}

impl RegionSecret {
    pub fn digest(&self, value: &[u8]) -> KeyDigest {
        digest(&self.0, value)
    }
}

fn digest(secret: &[u8; 16], text: &[u8]) -> KeyDigest {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(text);
    let digest = hasher.finish128();
    KeyDigest { high: digest.h1, low: digest.h2 }
}

impl KeyDigest {
    /// Takes the same time wherever they differ.
    pub(super) fn is_same(&self, other: &KeyDigest) -> bool {
        (self.high ^ other.high) | (self.low ^ other.low) == 0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl std::fmt::Debug for RegionSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RegionSecret")
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyDigest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_its_process_its_region_and_its_value() {
        let digest = |secret: u8, region: &str, value: &str| {
            Secret::new([secret; 16]).of_region(region).digest(value.as_bytes())
        };
        let one = digest(1, "eu-west-1", "abcdefghijklmnopqrst");
        assert!(one.is_same(&digest(1, "eu-west-1", "abcdefghijklmnopqrst")));
        assert!(!one.is_same(&digest(2, "eu-west-1", "abcdefghijklmnopqrst")));
        assert!(!one.is_same(&digest(1, "us-east-1", "abcdefghijklmnopqrst")));
        assert!(!one.is_same(&digest(1, "eu-west-1", "abcdefghijklmnopqrsT")));
    }
}
