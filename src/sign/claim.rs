//! What a request says of its signature: in the field `Authorization`, or in the query where it was presigned.
//!
//! ```text
//! Authorization: AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/apigateway/aws4_request,
//!                SignedHeaders=host;x-amz-date, Signature=5d67…
//! ?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2F…&X-Amz-Date=20150830T123600Z
//!   &X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=5d67…
//! ```

use super::canonical::decoded;
use super::verify::bytes_of;
use super::{
    ALGORITHM, AUTHORIZATION, CONTENT_SHA256, DATE, Request, SECURITY_TOKEN, Scope, SignError, TERMINATOR, Timestamp,
};
use aws_lc_rs::constant_time;
use std::fmt;

/// The query parameter that holds the signature.
pub const SIGNATURE: &str = "X-Amz-Signature";

/// Where a presigned request has its session token.
const SECURITY_TOKEN_PARAMETER: &str = "X-Amz-Security-Token";

/// Seven days, AWS's own bound for a presigned request.
const EXPIRES_SECONDS_MAX: u64 = 604_800;

/// A signature as it was sent. Nothing of it is believed before [`super::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    pub access_key_id: String,
    /// `20150830`.
    pub date: String,
    pub region: String,
    pub service: String,
    /// Lower-case names that ascend, with semicolons between.
    pub signed_headers: String,
    pub signature: String,
    pub time: Timestamp,
    /// For how many seconds a presigned request counts.
    pub expires_seconds: Option<u64>,
    /// Of temporary credentials; signed as all of `x-amz-*` is.
    pub session_token: Option<String>,
}

/// Without what proves anything.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Claim");
        shown.field("access_key_id", &self.access_key_id).field("time", &self.time).field("scope", &self.scope());
        shown.field("signed_headers", &self.signed_headers).finish_non_exhaustive()
    }
}

/// The parts, wherever they stood.
#[derive(Default)]
struct Parts {
    credential: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
}

impl Claim {
    /// Reads the signature without judging it.
    ///
    /// # Errors
    /// There is none, or one that is not in AWS's form.
    pub fn parse(request: &Request<'_>) -> Result<Claim, SignError> {
        let field = only(request, AUTHORIZATION)?;
        let presigned: Vec<(String, String)> = amz_parameters(request.query);
        let mut claim = match (field, presigned.is_empty()) {
            (None, true) => return Err(SignError::MissingAuthenticationToken),
            (Some(field), true) => from_field(request, field)?,
            (None, false) => from_query(presigned)?,
            (Some(_), false) => {
                return Err(incomplete("The request is signed in both the Authorization header and the query."));
            }
        };
        if let Some(token) = only(request, SECURITY_TOKEN)? {
            if claim.session_token.is_some() {
                return Err(incomplete("The request has a session token in both the query and a header."));
            }
            claim.session_token = Some(String::from_utf8_lossy(token).into_owned());
        }
        Ok(claim)
    }

    pub fn scope(&self) -> Scope<'_> {
        Scope { region: &self.region, service: &self.service }
    }

    /// That the signature is for this service, and where a region is given, for that.
    ///
    /// # Errors
    /// What it should be for.
    pub fn check_scope(&self, region: Option<&str>, service: &str) -> Result<(), SignError> {
        if self.service != service {
            let reason = format!("Credential should be scoped to correct service: '{service}'.");
            return Err(SignError::WrongScope(reason));
        }
        match region.filter(|region| **region != *self.region) {
            None => Ok(()),
            Some(_) => {
                let reason = format!("Credential should be scoped to a valid region, not '{}'.", self.region);
                Err(SignError::WrongScope(reason))
            }
        }
    }

    /// That the session token is the key's own; a key without one comes without.
    ///
    /// # Errors
    /// Another token, one too many or none, in the words that AWS has for an access key that nobody has.
    pub fn check_session_token(&self, of_key: Option<&str>) -> Result<(), SignError> {
        let same = match (&self.session_token, of_key) {
            (None, None) => true,
            (Some(sent), Some(token)) => {
                constant_time::verify_slices_are_equal(sent.as_bytes(), token.as_bytes()).is_ok()
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if same { Ok(()) } else { Err(SignError::UnrecognizedClient) }
    }

    /// All that can be told without the secret: the time, and that what matters is signed.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_head(&self, request: &Request<'_>, now: Timestamp, skew_seconds: u64) -> Result<(), SignError> {
        self.check_time(now, skew_seconds)?;
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        let is_signed = |name: &str| names.binary_search(&name).is_ok();
        if !is_signed("host") || only(request, "host")?.is_none() {
            return Err(SignError::UnsignedHeader("host".to_owned()));
        }
        for (name, _) in request.headers {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-amz-") && !is_signed(&name) {
                return Err(SignError::UnsignedHeader(name));
            }
        }
        match only(request, CONTENT_SHA256)? {
            Some(hash) if bytes_of(hash).is_none() => Err(SignError::UnsignedPayload),
            _ => Ok(()),
        }
    }

    fn check_time(&self, now: Timestamp, skew_seconds: u64) -> Result<(), SignError> {
        let (signed, written) = (self.time, self.time.date());
        if self.date != written {
            let reason = format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{written}', from '{signed}'.",
                self.date
            );
            return Err(SignError::WrongScope(reason));
        }
        let latest = now.plus(skew_seconds);
        let earliest = now.minus(self.expires_seconds.unwrap_or(skew_seconds));
        if signed > latest {
            return Err(SignError::NotYetCurrent { signed, latest, now });
        }
        if signed < earliest {
            return Err(SignError::Expired { signed, earliest, now });
        }
        Ok(())
    }
}

/// The value of a field that may be sent once.
///
/// # Errors
/// It is sent more often.
pub fn only<'a>(request: &Request<'a>, name: &str) -> Result<Option<&'a [u8]>, SignError> {
    let mut values =
        request.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(incomplete(&format!("The header '{name}' is sent more than once."))),
    }
}

/// The names and values of a query, decoded; a `+` is a space.
pub fn decoded_pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let plain = |text: &str| decoded(text.replace('+', " ").as_bytes());
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(move |pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(move |(name, value)| (plain(name), plain(value)))
}

fn from_field(request: &Request<'_>, field: &[u8]) -> Result<Claim, SignError> {
    let text = std::str::from_utf8(field).unwrap_or_default();
    let (scheme, parameters) = text.split_once(' ').unwrap_or((text, ""));
    let parts = if scheme == ALGORITHM { parts_of_field(parameters)? } else { Parts::default() };
    let date = match only(request, DATE)? {
        Some(date) => Some(date),
        None => only(request, "date")?,
    };
    let mut missing = String::new();
    for (name, part) in
        [("Credential", &parts.credential), ("Signature", &parts.signature), ("SignedHeaders", &parts.signed_headers)]
    {
        if part.is_none() {
            missing += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if date.is_none() {
        missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    let (Parts { credential: Some(credential), signed_headers: Some(names), signature: Some(signature) }, Some(date)) =
        (parts, date)
    else {
        return Err(incomplete(missing.trim_end()));
    };
    claim(&credential, names, signature, std::str::from_utf8(date).unwrap_or_default(), None)
}

fn parts_of_field(parameters: &str) -> Result<Parts, SignError> {
    let mut parts = Parts::default();
    for parameter in parameters.split(',') {
        let Some((name, value)) = parameter.trim().split_once('=') else {
            return Err(incomplete("Invalid key=value pair (missing equal-sign) in Authorization header."));
        };
        let part = match name {
            "Credential" => &mut parts.credential,
            "SignedHeaders" => &mut parts.signed_headers,
            "Signature" => &mut parts.signature,
            _ => return Err(incomplete("The Authorization header has a parameter that is not known.")),
        };
        if part.replace(value.to_owned()).is_some() {
            return Err(incomplete("The Authorization header has a parameter twice."));
        }
    }
    Ok(parts)
}

/// The parameters that make a presigned request, if the query has any of them.
fn amz_parameters(query: &str) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    let pairs = decoded_pairs(query).map(|(name, value)| (text(name), text(value)));
    pairs.filter(|(name, _)| name.starts_with("X-Amz-")).collect()
}

fn from_query(parameters: Vec<(String, String)>) -> Result<Claim, SignError> {
    let find = |wanted: &str| {
        let mut values = parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(incomplete(&format!("AWS query-string parameters must include '{wanted}'."))),
            (Some(_), Some(_)) => Err(incomplete(&format!("The query has '{wanted}' twice."))),
        }
    };
    if find("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete("'X-Amz-Algorithm' must be AWS4-HMAC-SHA256."));
    }
    let (credential, date, expires) = (find("X-Amz-Credential")?, find("X-Amz-Date")?, find("X-Amz-Expires")?);
    let digits = expires.bytes().all(|byte| byte.is_ascii_digit());
    let expires = expires.parse().ok().filter(|seconds| digits && (1..=EXPIRES_SECONDS_MAX).contains(seconds));
    let Some(expires) = expires else {
        return Err(incomplete("'X-Amz-Expires' must be a number of seconds from 1 to 604800."));
    };
    let mut claim = claim(&credential, find("X-Amz-SignedHeaders")?, find(SIGNATURE)?, &date, Some(expires))?;
    if parameters.iter().any(|(name, _)| name == SECURITY_TOKEN_PARAMETER) {
        claim.session_token = Some(find(SECURITY_TOKEN_PARAMETER)?);
    }
    Ok(claim)
}

fn claim(
    credential: &str,
    signed_headers: String,
    signature: String,
    date_written: &str,
    expires_seconds: Option<u64>,
) -> Result<Claim, SignError> {
    let Some(time) = Timestamp::parse(date_written).or_else(|| Timestamp::parse_http(date_written)) else {
        return Err(incomplete("Date must be in ISO-8601 'basic format', such as 20150830T123600Z."));
    };
    let (access_key_id, [date, region, service]) = credential_parts(credential)?;
    let name = |name: &str| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte <= b' ');
    if !signed_headers.split(';').all(name) || !signed_headers.split(';').is_sorted_by(|left, right| left < right) {
        return Err(incomplete("'SignedHeaders' must be lower-case names in ascending order with ';' between."));
    }
    if signature.is_empty() {
        return Err(incomplete("'Signature' is empty."));
    }
    Ok(Claim {
        access_key_id,
        date,
        region,
        service,
        signed_headers,
        signature,
        time,
        expires_seconds,
        session_token: None,
    })
}

/// The key's id, then date, region and service.
fn credential_parts(credential: &str) -> Result<(String, [String; 3]), SignError> {
    let mut parts = credential.split('/').map(str::to_owned);
    let [key, date, region, service, terminator] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let word = |part: &String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    if parts.next().is_some() || ![&key, &date, &region, &service, &terminator].into_iter().all(word) {
        return Err(incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ));
    }
    if terminator != TERMINATOR {
        return Err(incomplete("Credential should be scoped with a valid terminator: 'aws4_request'."));
    }
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(incomplete("The date in Credential must be written YYYYMMDD."));
    }
    Ok((key, [date, region, service]))
}

fn incomplete(reason: &str) -> SignError {
    SignError::IncompleteSignature(reason.to_owned())
}
