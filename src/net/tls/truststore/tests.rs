use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use super::*;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, until: i32) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_after = date_time_ymd(until, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

fn revocations(issuer: &Issuer, next: i32) -> String {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(next, 1, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).expect("a list").pem().expect("PEM")
}

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(TempDir::new().expect("a temporary folder"))
    }

    fn load(&self, truststore: &str, revoked: Option<&str>) -> Result<Truststore, String> {
        let (file, list) = (self.0.path().join("trust.pem"), self.0.path().join("revoked.pem"));
        std::fs::write(&file, truststore).expect("the folder is ours");
        std::fs::write(&list, revoked.unwrap_or_default()).expect("the folder is ours");
        Truststore::load(&file, revoked.map(|_| list.as_path()))
    }
}

#[test]
fn what_is_not_trusted_is_told() {
    let files = Files::new();
    let (good, expired) = (authority("good", 2999), authority("expired", 2021));
    let both = files.load(&format!("{}{}", expired.pem(), good.pem()), None).expect("one is good");
    let name = "CN=rcgen self signed cert";
    assert!(both.warnings[0].starts_with("certificate 1 of the truststore ("), "{:?}", both.warnings);
    assert!(both.warnings[0].ends_with(") is not trusted: it has expired"), "{:?} {name}", both.warnings);
    assert_eq!((both.warnings.len(), both.roots.len()), (1, 1));
    let overdue = files.load(&good.pem(), Some(&revocations(&good, 2021))).expect("it can be read");
    assert!(overdue.warnings[0].contains("is overdue: its clients are refused"), "{:?}", overdue.warnings);
    assert!(files.load(&good.pem(), Some(&revocations(&good, 2999))).expect("it can be read").warnings.is_empty());
}

#[test]
fn files_that_cannot_be_used() {
    let files = Files::new();
    let good = authority("good", 2999);
    #[track_caller]
    fn check(files: &Files, truststore: &str, revoked: Option<&str>, expected: &str) {
        let refused = files.load(truststore, revoked).err().expect("it is refused");
        assert!(refused.contains(expected), "{refused}");
    }
    check(&files, "", None, "trust.pem: there is no certificate in this file");
    check(&files, "nothing in PEM", None, "trust.pem: there is no certificate in this file");
    check(&files, &revocations(&good, 2999), None, "trust.pem: there is no certificate in this file");
    check(&files, &authority("old", 2021).pem(), None, "trust.pem: no certificate in this file can be trusted");
    check(&files, &good.key().serialize_pem(), None, "trust.pem: PrivateKey does not belong into a truststore");
    let broken = "-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n";
    check(&files, broken, None, "trust.pem: not a truststore in PEM format");
    check(&files, &good.pem().repeat(1001), None, "at most 1000 certificates, not 1001");
    check(&files, &good.pem(), Some(""), "revoked.pem: a file of revoked certificates has PEM blocks X509 CRL");
    check(
        &files,
        &good.pem(),
        Some(&good.pem()),
        "revoked.pem: a file of revoked certificates has PEM blocks X509 CRL",
    );
    let no_list = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    check(&files, &good.pem(), Some(no_list), "revoked.pem: cannot be used");
    let missing = Truststore::load(Path::new("/nowhere/trust.pem"), None).err().expect("it is refused");
    assert!(missing.starts_with("/nowhere/trust.pem: cannot read the truststore: "), "{missing}");
}

#[test]
fn other_files_are_told_apart() {
    let files = Files::new();
    let (one, other) = (authority("one", 2999), authority("other", 2999));
    let digest = |truststore: &str, revoked: Option<&str>| files.load(truststore, revoked).expect("good files").digest;
    let list = revocations(&one, 2999);
    let plain = digest(&one.pem(), None);
    assert_eq!(plain, digest(&one.pem(), None));
    let all = [
        plain,
        digest(&other.pem(), None),
        digest(&one.pem(), Some(&list)),
        digest(&format!("{}{list}", one.pem()), None),
    ];
    for (position, digest) in all.iter().enumerate() {
        assert!(!all[..position].contains(digest), "{position}");
    }
}
