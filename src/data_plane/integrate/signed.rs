//! Requests to AWS's services, signed with the credentials that the control plane has delivered.

use std::time::Instant;

use crate::http::encode;
use crate::http::head::{FieldSpace, HeadLimits, request};
use crate::plan::lambda::SignatureScope;
use crate::sign::{CONTENT_SHA256, PathStyle, Request, Scope, Timestamp, hash};

use super::super::respond::GatewayError;
use super::super::shard::Shard;
use super::mapped::Failed;

/// Adds the fields of a signature to a head, up to and with its empty line, that was written for a service. What may be
/// changed on the way is left out.
///
/// # Errors
/// There are no credentials.
pub fn sign(head: &mut Vec<u8>, body: &[u8], scope: &SignatureScope, shard: &Shard) -> Result<(), Failed> {
    let limits = HeadLimits {
        target_bytes_max: head.len(),
        header_bytes_max: head.len(),
        header_fields_max: shard.settings.head.header_fields_max + OWN_FIELDS_MAX,
    };
    let mut added = Vec::new();
    {
        let mut space = FieldSpace::new();
        // The gateway wrote it.
        let parsed = request(head, &limits, &mut space).ok().flatten();
        let parsed =
            parsed.ok_or_else(|| Failed::configuration("the request to the service has too many fields".into()))?;
        let (path, query) = parsed.target.split_once('?').unwrap_or((parsed.target, ""));
        let of_the_way = |name: &str| UNSIGNED.iter().any(|known| known.eq_ignore_ascii_case(name));
        let fields = parsed.fields.iter().filter(|field| !of_the_way(field.name));
        let mut headers: Vec<(&str, &[u8])> = fields.map(|field| (field.name, field.value)).collect();
        // S3 asks for it; the others make their own of the body.
        let body_hash = (&*scope.service == "s3").then(|| hash(body));
        if let Some(body_hash) = &body_hash {
            headers.push((CONTENT_SHA256, body_hash.as_bytes()));
            added.push((CONTENT_SHA256, body_hash.clone()));
        }
        let path_style = PathStyle::of(&scope.service);
        let to_sign = Request { method: parsed.method, path, path_style, query, headers: &headers, body };
        let now = Timestamp::from_seconds(shard.unix_ms(Instant::now()) / 1000);
        let scope = Scope { region: &scope.region, service: &scope.service };
        let signature = shard.aws_signer.sign(&to_sign, scope, now).map_err(|_| {
            let note = "there are no credentials to sign the request with; see `aws.credentials`".to_owned();
            Failed::with_note(GatewayError::Configuration, note)
        })?;
        added.extend(signature);
    }
    head.truncate(head.len() - 2);
    for (name, value) in &added {
        encode::field(name, value.as_bytes(), head);
    }
    head.extend_from_slice(b"\r\n");
    Ok(())
}

/// What is written anew on the way to a service, the trace by AWS's own front: AWS's clients leave it unsigned too.
/// (<https://github.com/aws/aws-sdk-go/issues/1000>)
const UNSIGNED: [&str; 6] = ["connection", "user-agent", "x-amzn-trace-id", "expect", "te", "transfer-encoding"];

/// Those that are added to what is mapped.
const OWN_FIELDS_MAX: usize = 16;
