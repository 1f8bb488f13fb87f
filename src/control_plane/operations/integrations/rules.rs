//! What PATCH may change of an integration. (Guide, `patch-operations`, Integration.)

use serde::de::DeserializeOwned;

use super::super::mappings::{NO_CONTENT_TYPE, NO_PARAMETER, patch_text};
use super::passthrough_behavior;
use crate::control_plane::exception::Exception;
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{ConnectionType, Integration, ResponseTransferMode, TlsConfig, VpcLinkId};

pub const RULES: &[Rule<Integration>] = &[
    Rule {
        pattern: "/uri",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.uri = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/httpMethod",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.http_method = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/credentials",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.credentials = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/cacheNamespace",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.cache_namespace = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/integrationTarget",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.integration_target = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/connectionId",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.connection_id = patch.optional_text().map(VpcLinkId);
            Ok(())
        },
    },
    Rule {
        pattern: "/connectionType",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.connection_type = word::<ConnectionType>(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/contentHandling",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.content_handling = word(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/responseTransferMode",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.response_transfer_mode = word::<ResponseTransferMode>(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/passthroughBehavior",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.passthrough_behavior = Some(passthrough_behavior(&patch.text())?);
            Ok(())
        },
    },
    Rule {
        pattern: "/timeoutInMillis",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.timeout_in_millis = Some(patch.number()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/tlsConfig/insecureSkipVerification",
        ops: &[Op::Replace],
        apply: |integration, patch| {
            integration.tls_config = Some(TlsConfig { insecure_skip_verification: patch.boolean()? });
            Ok(())
        },
    },
    Rule {
        pattern: "/requestParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |integration, patch| patch_text(&mut integration.request_parameters, patch, NO_PARAMETER),
    },
    Rule {
        pattern: "/requestTemplates/{content_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |integration, patch| patch_text(&mut integration.request_templates, patch, NO_CONTENT_TYPE),
    },
    Rule {
        pattern: "/cacheKeyParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: patch_cache_key_parameter,
    },
];

/// A word; none where it is set to nothing.
pub fn word<W: DeserializeOwned>(patch: &Patch<'_>) -> Result<Option<W>, Exception> {
    if patch.optional_text().is_none() { Ok(None) } else { patch.word().map(Some) }
}

/// The parameter is named by the path; a value says which replaces it.
fn patch_cache_key_parameter(integration: &mut Integration, patch: &Patch<'_>) -> Result<(), Exception> {
    let named = patch.name(0);
    let parameters = &mut integration.cache_key_parameters;
    if patch.op != Op::Add {
        let position = parameters.iter().position(|parameter| parameter == named);
        parameters.remove(position.ok_or_else(|| Exception::not_found(NO_PARAMETER))?);
    }
    let added = match patch.op {
        Op::Remove => return Ok(()),
        Op::Add => named.to_owned(),
        Op::Replace | Op::Move | Op::Copy | Op::Test => patch.required_text()?,
    };
    if !parameters.contains(&added) {
        parameters.push(added);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixture::patch_body;
    use super::super::tests::desk;

    #[test]
    fn each_attribute_is_patched_in_its_way() {
        let (mut desk, target, root) = desk();
        let input = json!({ "type": "HTTP", "httpMethod": "GET", "uri": "https://example.com/a" });
        desk.call("PUT", &target, input);
        let patched = desk.patch(
            &target,
            &[
                "replace /uri https://example.com/b",
                "replace /httpMethod POST",
                "replace /timeoutInMillis 50",
                "replace /contentHandling CONVERT_TO_TEXT",
                "replace /passthroughBehavior NEVER",
                "replace /cacheNamespace n",
                "add /cacheKeyParameters/method.request.querystring.q",
                "add /requestParameters/integration.request.header.x 'a'",
                "replace /requestParameters/integration.request.header.x method.request.querystring.q",
                "add /requestTemplates/application~1json",
                "replace /tlsConfig/insecureSkipVerification true",
                "replace /connectionType INTERNET",
            ],
        );
        let expected = json!({
            "type": "HTTP",
            "httpMethod": "POST",
            "uri": "https://example.com/b",
            "connectionType": "INTERNET",
            "requestParameters": { "integration.request.header.x": "method.request.querystring.q" },
            "requestTemplates": { "application/json": null },
            "passthroughBehavior": "NEVER",
            "contentHandling": "CONVERT_TO_TEXT",
            "timeoutInMillis": 50,
            "cacheNamespace": "n",
            "cacheKeyParameters": ["method.request.querystring.q"],
            "tlsConfig": { "insecureSkipVerification": true },
        });
        assert_eq!(patched, expected);
        let patched = desk.patch(
            &target,
            &[
                "remove /requestParameters/integration.request.header.x",
                "remove /requestTemplates/application~1json",
                "replace /contentHandling",
                "replace /cacheNamespace",
            ],
        );
        assert_eq!((&patched["contentHandling"], &patched["cacheNamespace"]), (&Value::Null, &json!(root)));
        assert_eq!((&patched["requestParameters"], &patched["requestTemplates"]), (&Value::Null, &Value::Null));
        // A parameter that the method no longer has cannot be part of the key.
        let method = target.trim_end_matches("/integration");
        let patched = desk.patch(method, &["remove /requestParameters/method.request.querystring.q"]);
        assert_eq!(patched["methodIntegration"]["cacheKeyParameters"], json!([]));
    }

    #[test]
    fn other_patches_are_refused() {
        let (mut desk, target, _) = desk();
        desk.call("PUT", &target, json!({ "type": "MOCK" }));
        let mut check = |operation: &str, expected: &str| {
            let refusal = desk.refusal("PATCH", &target, patch_body(&[operation]));
            assert!(refusal.starts_with(expected), "{operation}: {refusal}");
        };
        check("replace /type HTTP", "BadRequestException: Invalid patch path /type");
        check("remove /uri", "BadRequestException: Invalid patch operation specified. Must be one of: [replace]");
        check("replace /contentHandling x", "BadRequestException: Invalid value 'x'");
        check("replace /timeoutInMillis 49", "BadRequestException: Timeout should be between 50 ms and 900000 ms");
        check("remove /cacheKeyParameters/x", "NotFoundException: Invalid parameter name specified");
        check("add /cacheKeyParameters/x", "BadRequestException: Invalid cache key parameter specified");
        check("remove /requestTemplates/a~1b", "NotFoundException: Content-Type specified was not found");
    }
}
