//! Why clients are refused for their certificates, and the account of it.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rustls::{CertificateError, Error};

/// Why a client was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has shown none.
    Missing,
    /// Nobody in the truststore has issued it.
    UnknownIssuer,
    Expired,
    NotValidYet,
    Revoked,
    /// No list of revoked certificates speaks of it, or the one that does is overdue.
    RevocationUnknown,
    /// It is not for clients: its extended key usage says otherwise.
    WrongPurpose,
    /// The domain name's truststore cannot be read.
    NoTruststore,
    /// It is broken, is an authority's own, has an unknown critical extension, or a signature that cannot be verified.
    Unfit,
}

/// Clients that were refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub refusal: Refusal,
    pub count: u64,
    /// One of them.
    pub peer: IpAddr,
}

impl Refusal {
    pub const ALL: [Refusal; 9] = [
        Refusal::Missing,
        Refusal::UnknownIssuer,
        Refusal::Expired,
        Refusal::NotValidYet,
        Refusal::Revoked,
        Refusal::RevocationUnknown,
        Refusal::WrongPurpose,
        Refusal::NoTruststore,
        Refusal::Unfit,
    ];

    /// Why a handshake with a client failed, where it did for the client's certificate.
    pub fn of(error: &io::Error) -> Option<Refusal> {
        match error.get_ref()?.downcast_ref::<Error>()? {
            Error::NoCertificatesPresented => Some(Refusal::Missing),
            Error::InvalidCertificate(error) => Some(Refusal::of_certificate(error)),
            _ => None,
        }
    }

    fn of_certificate(error: &CertificateError) -> Refusal {
        match error {
            CertificateError::UnknownIssuer => Refusal::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refusal::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Refusal::NotValidYet,
            CertificateError::Revoked => Refusal::Revoked,
            CertificateError::UnknownRevocationStatus
            | CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Refusal::RevocationUnknown,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Refusal::WrongPurpose,
            CertificateError::ApplicationVerificationFailure => Refusal::NoTruststore,
            // rustls may name more one day.
            _ => Refusal::Unfit,
        }
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Refusal::Missing => "no certificate",
            Refusal::UnknownIssuer => "the issuer is not in the truststore",
            Refusal::Expired => "expired",
            Refusal::NotValidYet => "not valid yet",
            Refusal::Revoked => "revoked",
            Refusal::RevocationUnknown => "no list of revoked certificates that is in time speaks of it",
            Refusal::WrongPurpose => "not for clients",
            Refusal::NoTruststore => "the domain name's truststore cannot be read",
            Refusal::Unfit => "not a certificate that can be verified",
        }
    }
}

/// The account of those that nobody has asked for yet.
#[derive(Default)]
pub(super) struct Refusals(Mutex<[Option<Refused>; Refusal::ALL.len()]>);

impl Refusals {
    pub fn note(&self, refusal: Refusal, peer: IpAddr) {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = account[refusal as usize].get_or_insert(Refused { refusal, count: 0, peer });
        entry.count += 1;
    }

    pub fn take(&self) -> Vec<Refused> {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *account).into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_until_they_are_taken() {
        let refusals = Refusals::default();
        let (one, other) = ("192.0.2.1".parse().expect("an address"), "192.0.2.2".parse().expect("an address"));
        refusals.note(Refusal::Revoked, one);
        refusals.note(Refusal::Missing, other);
        refusals.note(Refusal::Revoked, other);
        let expected = [
            Refused { refusal: Refusal::Missing, count: 1, peer: other },
            Refused { refusal: Refusal::Revoked, count: 2, peer: one },
        ];
        assert_eq!(refusals.take(), expected);
        assert_eq!(refusals.take(), []);
    }

    #[test]
    fn reasons() {
        #[track_caller]
        fn check(error: Error, expected: Option<Refusal>) {
            assert_eq!(Refusal::of(&io::Error::new(io::ErrorKind::InvalidData, error)), expected);
        }
        check(Error::NoCertificatesPresented, Some(Refusal::Missing));
        check(Error::InvalidCertificate(CertificateError::Revoked), Some(Refusal::Revoked));
        check(Error::InvalidCertificate(CertificateError::BadSignature), Some(Refusal::Unfit));
        check(Error::DecryptError, None);
        assert_eq!(Refusal::of(&io::ErrorKind::UnexpectedEof.into()), None);
        for (position, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, position);
        }
    }
}
