//! The algorithms of signatures (RFC 7518, 3.1; RFC 8037, 3.1). `none` is not among them.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

use Algorithm::{EdDsa, Es256, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};

impl Algorithm {
    pub const ALL: [Algorithm; 13] =
        [Hs256, Hs384, Hs512, Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, Es512, EdDsa];

    /// As `alg` has it.
    pub fn name(self) -> &'static str {
        match self {
            Hs256 => "HS256",
            Hs384 => "HS384",
            Hs512 => "HS512",
            Rs256 => "RS256",
            Rs384 => "RS384",
            Rs512 => "RS512",
            Ps256 => "PS256",
            Ps384 => "PS384",
            Ps512 => "PS512",
            Es256 => "ES256",
            Es384 => "ES384",
            Es512 => "ES512",
            EdDsa => "EdDSA",
        }
    }

    /// By its exact name: letters' case counts.
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether whoever can verify can sign too.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Hs256 | Hs384 | Hs512)
    }
}

/// Which algorithms a token may be signed with.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Algorithms(u16);

impl Algorithms {
    /// Those of RSA, the only ones that AWS's JWT authorizers take. (Guide, `http-api-jwt-authorizer`.)
    pub const RSA: Algorithms = Algorithms::of(&[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]);
    /// Those whose keys can be published.
    pub const ASYMMETRIC: Algorithms =
        Algorithms::of(&[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, Es512, EdDsa]);
    /// Those whose keys are shared secrets.
    pub const SYMMETRIC: Algorithms = Algorithms::of(&[Hs256, Hs384, Hs512]);

    pub const fn of(algorithms: &[Algorithm]) -> Algorithms {
        let (mut bits, mut index) = (0, 0);
        while index < algorithms.len() {
            bits |= 1 << algorithms[index] as u16;
            index += 1;
        }
        Algorithms(bits)
    }

    pub fn has(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u16) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.has(*algorithm))
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(Algorithm::name)).finish()
    }
}
