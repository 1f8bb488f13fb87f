//! `x-tollgate-authorizer`: authorizers beyond AWS's, in a security scheme. What is unknown here is an error always: who
//! misspells a lock must not believe in it.
//!
//! ```yaml
//! components:
//!   securitySchemes:
//!     verify:
//!       type: http
//!       scheme: bearer
//!       x-tollgate-authorizer: { type: http, uri: "http://auth:9000/verify", contextHeaders: [X-User] }
//!     staff:
//!       type: http
//!       scheme: basic
//!       x-tollgate-authorizer: { type: basic, realm: Staff }
//! ```

use super::super::base_path::derived_id;
use super::super::keys;
use super::super::reader::Reader;
use super::super::tree::{Mapping, Node};
use crate::model::{Authorizer, AuthorizerId, AuthorizerType, HttpConfiguration};

pub const KEY: &str = "x-tollgate-authorizer";

const TYPES: [(&str, AuthorizerType); 2] = [("http", AuthorizerType::Http), ("basic", AuthorizerType::Basic)];

/// Members that say something of an HTTP service.
const OF_HTTP: [&str; 7] = [
    "uri",
    "httpMethod",
    "authorizerResultTtlInSeconds",
    "timeoutInMillis",
    "requestHeaders",
    "contextHeaders",
    "principalIdHeader",
];

pub fn authorizer<'d>(reader: &mut Reader<'d>, name: &str, node: &'d Node) -> Option<Authorizer> {
    let object = reader.own_object(node, &keys::OWN_AUTHORIZER)?;
    if object.get("type").is_none() {
        reader.error_with_help(node.position, "the authorizer has no `type`", "add `type: http` or `type: basic`");
    }
    let authorizer_type = reader.choice(object, "type", &TYPES)?;
    let is_basic = authorizer_type == AuthorizerType::Basic;
    let of_others = if is_basic { &OF_HTTP[..] } else { &["realm"] };
    for key in of_others {
        if let Some(entry) = object.entry(key) {
            let (own, other) = if is_basic { ("basic", "http") } else { ("http", "basic") };
            let message = format!("`{key}` has no effect in an authorizer of the type `{own}`");
            reader.error_with_help(entry.key_position, message, format!("it is for `type: {other}`; take it away"));
        }
    }
    let text = |reader: &mut Reader<'d>, key| reader.string(object, key).map(str::to_owned);
    Some(Authorizer {
        id: AuthorizerId(derived_id(&["authorizer", name])[..6].to_owned()),
        name: name.to_owned(),
        authorizer_type,
        authorizer_uri: text(reader, "uri"),
        identity_source: text(reader, "identitySource"),
        authorizer_result_ttl_in_seconds: reader.integer(object, "authorizerResultTtlInSeconds"),
        http_configuration: (!is_basic).then(|| http_configuration(reader, object)),
        realm: text(reader, "realm"),
        ..Authorizer::default()
    })
}

fn http_configuration<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> HttpConfiguration {
    HttpConfiguration {
        http_method: reader.string(object, "httpMethod").map(str::to_owned),
        timeout_in_millis: reader.integer(object, "timeoutInMillis"),
        request_headers: object.get("requestHeaders").map(|_| reader.strings(object, "requestHeaders")),
        context_headers: reader.strings(object, "contextHeaders"),
        principal_id_header: reader.string(object, "principalIdHeader").map(str::to_owned),
    }
}
