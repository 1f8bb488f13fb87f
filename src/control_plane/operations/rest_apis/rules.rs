//! What PATCH may change of an API. (Guide, `patch-operations`, RestApi.)

use super::settings::{ACCESS_MODES, SECURITY_POLICIES, compression_bytes, endpoint_type, ip_address_type, policy};
use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{ApiKeySource, EndpointType, RestApi};

pub const RULES: &[Rule<RestApi>] = &[
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |api, patch| {
            api.name = patch.required_text()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/description",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |api, patch| {
            api.description = patch.optional_text();
            Ok(())
        },
    },
    Rule { pattern: "/apiKeySource", ops: &[Op::Replace], apply: set_api_key_source },
    Rule {
        pattern: "/binaryMediaTypes/{binary_media_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: patch_binary_media_type,
    },
    Rule { pattern: "/minimumCompressionSize", ops: &[Op::Replace], apply: set_compression },
    Rule {
        pattern: "/disableExecuteApiEndpoint",
        ops: &[Op::Replace],
        apply: |api, patch| {
            api.disable_execute_api_endpoint = patch.boolean()?;
            Ok(())
        },
    },
    // With the type that is replaced, with its position as Terraform has it, or with neither.
    Rule { pattern: "/endpointConfiguration/types", ops: TYPE_OPS, apply: patch_endpoint_type },
    Rule { pattern: "/endpointConfiguration/types/{endpoint_type}", ops: TYPE_OPS, apply: patch_endpoint_type },
    Rule { pattern: "/endpointConfiguration/ipAddressType", ops: &[Op::Replace], apply: set_ip_address_type },
    Rule {
        pattern: "/endpointConfiguration/vpcEndpointIds",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: patch_vpc_endpoint,
    },
    Rule {
        pattern: "/policy",
        ops: &[Op::Replace],
        apply: |api, patch| {
            api.policy = patch.optional_text().as_deref().map(policy).transpose()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/securityPolicy",
        ops: &[Op::Replace],
        apply: |api, patch| {
            api.security_policy = Some(word_of(patch, &SECURITY_POLICIES)?);
            Ok(())
        },
    },
    Rule {
        pattern: "/endpointAccessMode",
        ops: &[Op::Replace],
        apply: |api, patch| {
            api.endpoint_access_mode = Some(word_of(patch, &ACCESS_MODES)?);
            Ok(())
        },
    },
];

const TYPE_OPS: &[Op] = &[Op::Add, Op::Replace, Op::Remove];

fn word_of(patch: &Patch<'_>, words: &[&str]) -> Result<String, Exception> {
    let word = patch.required_text()?;
    let known = words.contains(&word.as_str());
    if known { Ok(word) } else { Err(patch.invalid(&format!("it must be one of {}", words.join(", ")))) }
}

fn set_api_key_source(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    api.api_key_source = match patch.value {
        Some("HEADER") => ApiKeySource::Header,
        Some("AUTHORIZER") => ApiKeySource::Authorizer,
        _ => {
            let message = "Invalid ApiKeySourceType specified. Valid options are HEADER,AUTHORIZER";
            return Err(Exception::bad_request(message));
        }
    };
    Ok(())
}

/// The types are a set that is patched by name; one that replaces another goes to the end.
fn patch_binary_media_type(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    let named = patch.name(0);
    let position = api.binary_media_types.iter().position(|one| one == named);
    if patch.op != Op::Add {
        let position = position.ok_or_else(|| Exception::not_found("Invalid binary media type specified"))?;
        api.binary_media_types.remove(position);
    }
    let added = match patch.op {
        Op::Add => Some(named.to_owned()),
        Op::Replace => Some(patch.required_text()?),
        Op::Remove | Op::Move | Op::Copy | Op::Test => None,
    };
    if let Some(added) = added.filter(|added| !api.binary_media_types.contains(added)) {
        api.binary_media_types.push(added);
    }
    Ok(())
}

/// No value turns compression off.
fn set_compression(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    let bytes = patch.optional_text();
    let bytes = bytes.map(|bytes| compression_bytes(bytes.parse().unwrap_or(-1))).transpose()?;
    api.minimum_compression_size = bytes;
    Ok(())
}

fn patch_endpoint_type(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    let endpoint = &mut api.endpoint_configuration;
    let word = patch.value.filter(|value| !value.is_empty()).unwrap_or(patch.name(0));
    let message = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
    let named = endpoint_type(word).ok_or_else(|| Exception::bad_request(message))?;
    match patch.op {
        Op::Add if endpoint.types.contains(&named) => {}
        Op::Add => endpoint.types.push(named),
        Op::Remove => endpoint.types.retain(|one| *one != named),
        Op::Replace | Op::Move | Op::Copy | Op::Test => endpoint.types = vec![named],
    }
    if endpoint.types.contains(&EndpointType::Private) {
        endpoint.ip_address_type = Some(ip_address_type(true).to_owned());
    }
    Ok(())
}

fn set_ip_address_type(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    let value = patch.value.filter(|value| matches!(*value, "ipv4" | "dualstack"));
    let value = value.ok_or_else(|| Exception::bad_request("ipAddressType must be either ipv4 or dualstack."))?;
    api.endpoint_configuration.ip_address_type = Some(value.to_owned());
    Ok(())
}

fn patch_vpc_endpoint(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Exception> {
    let ids = &mut api.endpoint_configuration.vpc_endpoint_ids;
    let id = patch.value.unwrap_or_default().to_owned();
    match patch.op {
        Op::Remove if id.is_empty() => ids.clear(),
        Op::Remove => ids.retain(|known| *known != id),
        Op::Add if ids.contains(&id) => {}
        Op::Add => ids.push(id),
        Op::Replace | Op::Move | Op::Copy | Op::Test => *ids = vec![id],
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixture::{Desk, patch_body};

    /// `shown` picks what is compared: a JSON pointer.
    #[track_caller]
    fn check_patch(operations: &[&str], shown: &str, expected: Result<Value, &str>) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "a", "binaryMediaTypes": ["image/png", "a/b"] }));
        let target = format!("/restapis/{}", made["id"].as_str().expect("an id"));
        match expected {
            Ok(expected) => {
                assert_eq!(desk.patch(&target, operations).pointer(shown), Some(&expected), "{operations:?}")
            }
            Err(expected) => assert_eq!(desk.refusal("PATCH", &target, patch_body(operations)), expected),
        }
    }

    #[test]
    fn each_attribute_is_patched_in_its_way() {
        check_patch(&["replace /apiKeySource AUTHORIZER"], "/apiKeySource", Ok(json!("AUTHORIZER")));
        check_patch(&["replace /minimumCompressionSize 0"], "/minimumCompressionSize", Ok(json!(0)));
        let size = "BadRequestException: Invalid minimum compression size, must be between 0 and 10485760";
        check_patch(&["replace /minimumCompressionSize -1"], "", Err(size));
        check_patch(&["replace /minimumCompressionSize test"], "", Err(size));
        let types = "/binaryMediaTypes";
        check_patch(&["add /binaryMediaTypes/c~1d"], types, Ok(json!(["image/png", "a/b", "c/d"])));
        check_patch(&["replace /binaryMediaTypes/image~1png c/d"], types, Ok(json!(["a/b", "c/d"])));
        check_patch(&["remove /binaryMediaTypes/image~1png"], types, Ok(json!(["a/b"])));
        let endpoint = "/endpointConfiguration/types";
        check_patch(&["replace /endpointConfiguration/types/EDGE REGIONAL"], endpoint, Ok(json!(["REGIONAL"])));
        check_patch(&["replace /endpointConfiguration/types/0 REGIONAL"], endpoint, Ok(json!(["REGIONAL"])));
        let address = "/endpointConfiguration/ipAddressType";
        check_patch(&["replace /endpointConfiguration/types/EDGE PRIVATE"], address, Ok(json!("dualstack")));
        let private = ["replace /endpointConfiguration/types/0 PRIVATE", "add /endpointConfiguration/vpcEndpointIds v"];
        check_patch(&private, "/endpointConfiguration/vpcEndpointIds", Ok(json!(["v"])));
        let wrong = "BadRequestException: Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
        check_patch(&["replace /endpointConfiguration/types/EDGE GLOBAL"], "", Err(wrong));
        check_patch(&["replace /disableExecuteApiEndpoint True"], "/disableExecuteApiEndpoint", Ok(json!(true)));
        let strict = ["replace /securityPolicy SecurityPolicy_TLS13_1_3_2025_09", "replace /endpointAccessMode STRICT"];
        check_patch(&strict, "/endpointAccessMode", Ok(json!("STRICT")));
    }

    #[test]
    fn other_paths_are_refused() {
        let mut desk = Desk::default();
        let id = desk.api("a");
        for operation in ["add /tags/a b", "replace /binaryMediaTypes a/b", "replace /id x", "remove /name"] {
            let refusal = desk.refusal("PATCH", &format!("/restapis/{id}"), patch_body(&[operation]));
            assert!(refusal.starts_with("BadRequestException: Invalid patch "), "{refusal}");
        }
    }
}
