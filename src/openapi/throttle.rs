//! `x-tollgate-throttle`: at the root for all methods of a stage together, in an operation for its own requests.
//!
//! ```yaml
//! x-tollgate-throttle:
//!   - { rateLimit: 20, burstLimit: 40, per: clientIp }
//!   - { concurrency: 200 }
//! ```
//! What is unknown here is an error always: who misspells a limit must not believe in it.

use super::keys;
use super::reader::Reader;
use super::tree::Mapping;
use crate::model::{Pointer, ThrottleRule};

const KEY: &str = "x-tollgate-throttle";

/// The rules of an object. `parent` is the API's or method's place.
pub fn rules<'d>(
    reader: &mut Reader<'d>,
    object: &'d Mapping,
    parent: &dyn Fn(&str) -> Pointer,
) -> Box<[ThrottleRule]> {
    let pointer = parent(KEY);
    if let Some(entry) = object.entry(KEY) {
        reader.stands_at(pointer.clone(), entry.key_position);
    }
    let mut rules = Vec::new();
    for (number, node) in reader.sequence(object, KEY).iter().enumerate() {
        let pointer = pointer.child(&number.to_string());
        reader.stands_at(pointer.clone(), node.position);
        let Some(rule) = reader.own_object(node, &keys::THROTTLE_RULE) else { continue };
        for member in rule.entries() {
            reader.stands_at(pointer.child(&member.key), member.value.position);
        }
        rules.push(ThrottleRule {
            rate_limit: reader.number(rule, "rateLimit"),
            burst_limit: reader.integer(rule, "burstLimit"),
            per: reader.string(rule, "per").map(str::to_owned),
            concurrency: reader.integer(rule, "concurrency"),
        });
    }
    rules.into()
}
