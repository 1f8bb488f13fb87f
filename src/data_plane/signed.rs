//! Who signed a request: `AWS_IAM`'s first half, before any policy is asked. One for each shard.

use std::cell::RefCell;
use std::sync::Arc;

use crate::plan::identity::{Identities, Identity};
use crate::sign::{BodyHash, Claim, Known, Request, SignError, SigningKeys, Timestamp, verify_head};

/// What signatures on requests to APIs are for.
const SERVICE: &str = "execute-api";

pub struct Signatures<P> {
    state: RefCell<State<P>>,
    /// `iam.signing_keys_max`
    keys_max: usize,
    /// `iam.clock_skew_ms`, rounded up.
    skew_seconds: u64,
}

struct State<P> {
    identities: Arc<Identities<P>>,
    /// Of these identities' secrets.
    keys: SigningKeys,
}

/// Who says that it has sent a request. It is proved once the body's hash has been checked, or at once where that was
/// declared.
#[derive(Debug)]
pub struct Signed<P> {
    pub signer: Signer<P>,
    pub body: BodyHash,
}

/// Whose access key it is.
#[derive(Debug)]
pub struct Signer<P> {
    access_key_id: String,
    identities: Arc<Identities<P>>,
}

impl<P> Signer<P> {
    pub fn identity(&self) -> &Identity<P> {
        self.identities.find(&self.access_key_id).expect("whoever signed was found among them")
    }
}

impl<P> Signatures<P> {
    /// Of nobody: who may sign is said later.
    pub fn new(keys_max: usize, skew_seconds: u64) -> Signatures<P> {
        let state = State { identities: Arc::new(Identities::empty()), keys: SigningKeys::new(keys_max) };
        Signatures { state: RefCell::new(state), keys_max, skew_seconds }
    }

    pub fn adopt(&self, identities: Arc<Identities<P>>) {
        *self.state.borrow_mut() = State { identities, keys: SigningKeys::new(self.keys_max) };
    }

    /// Judges a head; the request's body is not looked at. `region` is the API's, where signatures have to be for that.
    ///
    /// # Errors
    /// There is no signature, or it is nobody's: whatever the body.
    pub fn check_head(
        &self,
        request: &Request<'_>,
        region: Option<&str>,
        now: Timestamp,
    ) -> Result<Signed<P>, SignError> {
        let claim = Claim::parse(request)?;
        let State { identities, keys } = &mut *self.state.borrow_mut();
        let identity = identities.find(&claim.access_key_id).ok_or(SignError::UnrecognizedClient)?;
        claim.check_scope(region, SERVICE)?;
        let key = keys.key(&claim.access_key_id, &identity.secret, &claim.date, claim.scope());
        let known = Known { key: &key, session_token: identity.session_token.as_deref() };
        let body = verify_head(request, &claim, known, now, self.skew_seconds)?;
        let signer = Signer { access_key_id: claim.access_key_id, identities: Arc::clone(identities) };
        Ok(Signed { signer, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::identity::User;
    use crate::sign::{self, Credentials, PathStyle, Scope};

    const REGION: &str = "eu-central-1";

    fn signatures() -> Signatures<usize> {
        let signatures = Signatures::new(8, 300);
        signatures.adopt(identities("secret"));
        signatures
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_440_938_160)
    }

    fn identities(secret: &str) -> Arc<Identities<usize>> {
        let user = |id: &str, session_token: Option<&str>| User {
            access_key_id: id.to_owned(),
            secret: format!("{secret}-of-{id}"),
            session_token: session_token.map(str::to_owned),
            arn: format!("arn:aws:iam::123456789012:user/{id}"),
            user_id: format!("AIDA{id}"),
            policies: vec!["{}".to_owned()],
        };
        let users = vec![user("AK", None), user("ASIA", Some("token-1"))];
        Arc::new(Identities::new(users, |text| Ok::<_, String>(text.len())).expect("they are well"))
    }

    /// A request that is signed like this, and what is made of it.
    #[track_caller]
    fn check(
        signatures: &Signatures<usize>,
        (id, secret, token): (&str, &str, Option<&str>),
        scope: Scope<'_>,
        at: Timestamp,
        expected: Result<&str, SignError>,
    ) {
        let body = b"{}";
        let mut headers: Vec<(&str, &[u8])> = vec![("Host", b"a1.execute-api.eu-central-1.amazonaws.com")];
        let request = |headers| Request {
            method: "POST",
            path: "/prod/pets",
            path_style: PathStyle::Normalized,
            query: "",
            headers,
            body: b"{}",
        };
        let credentials = Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: token.map(str::to_owned),
        };
        let signed = headers.clone();
        let added = sign::sign(&request(&signed), &credentials, scope, at);
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let mut hasher = sign::BodyHasher::new();
        hasher.update(body);
        let sha256 = hasher.finish();
        let judged = signatures.check_head(&request(&headers), Some(REGION), now()).and_then(|signed| {
            let arn = signed.signer.identity().user_arn.to_string();
            signed.body.check(&sha256).map(|()| arn)
        });
        assert_eq!(judged, expected.map(str::to_owned));
    }

    #[test]
    fn who_signed() {
        let signatures = signatures();
        let scope = Scope { region: REGION, service: SERVICE };
        let ann = ("AK", "secret-of-AK", None);
        for _ in 0..2 {
            check(&signatures, ann, scope, now(), Ok("arn:aws:iam::123456789012:user/AK"));
        }
        let temporary = ("ASIA", "secret-of-ASIA", Some("token-1"));
        check(&signatures, temporary, scope, now(), Ok("arn:aws:iam::123456789012:user/ASIA"));
        let unknown = Err(SignError::UnrecognizedClient);
        check(&signatures, ("ASIA", "secret-of-ASIA", None), scope, now(), unknown.clone());
        check(&signatures, ("AK", "secret-of-AK", Some("token-1")), scope, now(), unknown.clone());
        check(&signatures, ("AK2", "secret-of-AK", None), scope, now(), unknown);
        check(&signatures, ("AK", "secret-of-ASIA", None), scope, now(), Err(SignError::SignatureDoesNotMatch));
        let service = "Credential should be scoped to correct service: 'execute-api'.";
        let wrong = |reason: &str| Err(SignError::WrongScope(reason.to_owned()));
        check(&signatures, ann, Scope { service: "s3", ..scope }, now(), wrong(service));
        let region = "Credential should be scoped to a valid region, not 'us-east-1'.";
        check(&signatures, ann, Scope { region: "us-east-1", ..scope }, now(), wrong(region));
        let late = now().minus(301);
        let expired = SignError::Expired { signed: late, earliest: now().minus(300), now: now() };
        check(&signatures, ann, scope, late, Err(expired));
    }

    #[test]
    fn other_secrets_take_the_place_of_those_before() {
        let signatures = signatures();
        let scope = Scope { region: REGION, service: SERVICE };
        let old = ("AK", "secret-of-AK", None);
        check(&signatures, old, scope, now(), Ok("arn:aws:iam::123456789012:user/AK"));
        signatures.adopt(identities("renewed"));
        check(&signatures, old, scope, now(), Err(SignError::SignatureDoesNotMatch));
        check(&signatures, ("AK", "renewed-of-AK", None), scope, now(), Ok("arn:aws:iam::123456789012:user/AK"));
        signatures.adopt(Arc::new(Identities::empty()));
        check(&signatures, old, scope, now(), Err(SignError::UnrecognizedClient));
    }

    #[test]
    fn a_request_without_a_signature_is_nobodys() {
        let signatures = signatures();
        let request = Request {
            method: "GET",
            path: "/",
            path_style: PathStyle::Normalized,
            query: "",
            headers: &[("host", b"a")],
            body: b"",
        };
        let judged = signatures.check_head(&request, None, now()).map(|signed| signed.signer.access_key_id);
        assert_eq!(judged, Err(SignError::MissingAuthenticationToken));
    }
}
