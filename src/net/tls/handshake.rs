//! From a client's first bytes to who it has proved to be.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{CertificateError, Error};

use super::Session;
use super::client_certificate::ClientCertificate;
use super::server::ListenerTls;

/// A client that has shown a certificate, and proved that it is its own.
#[derive(Debug)]
pub struct VerifiedClient {
    pub certificate: ClientCertificate,
    /// The mark of the custom domain name whose truststore it was verified by; else it was the listener's.
    pub domain: Option<Arc<str>>,
}

/// How a connection with a client begins.
pub(in crate::net) enum Handshake {
    Known(Rc<Session>, Expected),
    /// The name that it asks for has to be read first.
    ByName(Box<Hello>),
}

/// What a client has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::net) enum Expected {
    Nobody,
    Optional,
    Required,
    /// A certificate for the custom domain name with this mark.
    OfDomain(Arc<str>),
}

/// A ClientHello as it comes in.
pub(in crate::net) struct Hello {
    acceptor: Acceptor,
    listener: ListenerTls,
}

/// A handshake that has failed, and what the client is to be told of it.
pub(in crate::net) struct Failed {
    pub error: io::Error,
    pub alert: Vec<u8>,
}

impl Handshake {
    pub fn by_name(listener: ListenerTls) -> Handshake {
        Handshake::ByName(Box::new(Hello { acceptor: Acceptor::default(), listener }))
    }
}

impl Hello {
    /// Takes what has come in; `None` when more is needed.
    ///
    /// # Errors
    /// It is no ClientHello that can be answered.
    pub fn take(&mut self, mut ciphertext: &[u8]) -> Result<Option<(Rc<Session>, Expected)>, Failed> {
        while !ciphertext.is_empty() {
            let read = self.acceptor.read_tls(&mut ciphertext);
            read.map_err(|error| Failed { error, alert: Vec::new() })?;
        }
        match self.acceptor.accept() {
            Ok(Some(accepted)) => self.choose(accepted).map(Some),
            Ok(None) => Ok(None),
            Err((error, alert)) => Err(failed(error, alert)),
        }
    }

    fn choose(&self, accepted: Accepted) -> Result<(Rc<Session>, Expected), Failed> {
        let (config, expected) = self.listener.by_name(accepted.client_hello().server_name());
        let connection = accepted.into_connection(config).map_err(|(error, alert)| failed(error, alert))?;
        Ok((Rc::new(Session::new(connection.into())), expected))
    }
}

fn failed(error: Error, mut alert: AcceptedAlert) -> Failed {
    let mut bytes = Vec::new();
    // A vector takes all that it is given.
    let _ = alert.write_all(&mut bytes);
    Failed { error: invalid(error), alert: bytes }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Expected {
    /// Who the client of a handshake that is done has proved to be. A session that was resumed brought its certificate back
    /// unseen, and that may have expired since.
    ///
    /// # Errors
    /// `InvalidData` with rustls's reason: it has shown none where it has to, or one that is none any more.
    pub fn verified(self, session: &Session) -> io::Result<Option<VerifiedClient>> {
        if self == Expected::Nobody {
            return Ok(None);
        }
        let Some(der) = session.peer_certificate() else {
            return if self == Expected::Optional { Ok(None) } else { Err(invalid(Error::NoCertificatesPresented)) };
        };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let certificate = certificate_at(now_s, &der)?;
        let domain = match self {
            Expected::OfDomain(mark) => Some(mark),
            Expected::Nobody | Expected::Optional | Expected::Required => None,
        };
        Ok(Some(VerifiedClient { certificate, domain }))
    }
}

fn certificate_at(now_s: i64, der: &[u8]) -> io::Result<ClientCertificate> {
    let unfit = |error| invalid(Error::InvalidCertificate(error));
    let read = ClientCertificate::from_der(der).ok_or_else(|| unfit(CertificateError::BadEncoding));
    let (certificate, validity) = read?;
    if now_s > validity.not_after { Err(unfit(CertificateError::Expired)) } else { Ok(certificate) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::net::tls::Refusal;

    #[test]
    fn a_certificate_that_has_expired_since_is_none() {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.not_after = date_time_ymd(2020, 1, 1);
        let made = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        #[track_caller]
        fn check(now_s: i64, der: &[u8], expected: Option<Refusal>) {
            assert_eq!(certificate_at(now_s, der).err().as_ref().and_then(Refusal::of), expected);
        }
        let last_s = 1_577_836_800;
        check(last_s - 1, made.der(), None);
        check(last_s, made.der(), None);
        check(last_s + 1, made.der(), Some(Refusal::Expired));
        check(0, b"no certificate", Some(Refusal::Unfit));
    }
}
