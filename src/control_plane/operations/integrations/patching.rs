//! What PATCH may change of an integration. (API reference, `patch-operations`, UpdateIntegration.)
//!
//! What comes out is checked as a whole: a parameter and what reads it may come in any order.

use super::checks;
use crate::control_plane::exception::Exception;
use crate::control_plane::operations::mappings::{NO_CONTENT_TYPE, NO_PARAMETER, patch_text};
use crate::control_plane::patch::{Op, Patch, Rule};
use crate::model::{Integration, IntegrationType, OrderedMap, VpcLinkId};

const REPLACE: &[Op] = &[Op::Replace];
const ALL: &[Op] = &[Op::Add, Op::Replace, Op::Remove];

/// The type is not among them: another type is another integration.
pub const RULES: &[Rule<Integration>] = &[
    Rule {
        pattern: "/uri",
        ops: REPLACE,
        apply: |integration, patch| {
            refuse_mock(integration, patch)?;
            integration.uri = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/httpMethod",
        ops: REPLACE,
        apply: |integration, patch| {
            refuse_mock(integration, patch)?;
            integration.http_method = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/credentials",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.credentials = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/connectionType",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.connection_type = Some(patch.word()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/connectionId",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.connection_id = patch.optional_text().map(VpcLinkId);
            Ok(())
        },
    },
    Rule {
        pattern: "/integrationTarget",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.integration_target = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/passthroughBehavior",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.passthrough_behavior = Some(checks::passthrough_named(&patch.required_text()?)?);
            Ok(())
        },
    },
    Rule {
        pattern: "/contentHandling",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.content_handling = optional_word(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/timeoutInMillis",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.timeout_in_millis = Some(patch.number()?);
            Ok(())
        },
    },
    Rule {
        pattern: "/responseTransferMode",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.response_transfer_mode = optional_word(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/tlsConfig/insecureSkipVerification",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.tls_config.get_or_insert_default().insecure_skip_verification = patch.boolean()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/cacheNamespace",
        ops: REPLACE,
        apply: |integration, patch| {
            integration.cache_namespace = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/cacheKeyParameters",
        ops: ALL,
        apply: |integration, patch| patch_cache_keys(&mut integration.cache_key_parameters, patch),
    },
    Rule {
        pattern: "/cacheKeyParameters/{name}",
        ops: &[Op::Add, Op::Remove],
        apply: |integration, patch| patch_cache_key(&mut integration.cache_key_parameters, patch),
    },
    Rule {
        pattern: "/requestParameters",
        ops: ALL,
        apply: |integration, patch| patch_map(&mut integration.request_parameters, patch),
    },
    Rule {
        pattern: "/requestParameters/{name}",
        ops: ALL,
        apply: |integration, patch| patch_text(&mut integration.request_parameters, patch, NO_PARAMETER),
    },
    Rule {
        pattern: "/requestTemplates",
        ops: ALL,
        apply: |integration, patch| patch_map(&mut integration.request_templates, patch),
    },
    Rule {
        pattern: "/requestTemplates/{content_type}",
        ops: ALL,
        apply: |integration, patch| patch_text(&mut integration.request_templates, patch, NO_CONTENT_TYPE),
    },
];

fn refuse_mock(integration: &Integration, patch: &Patch<'_>) -> Result<(), Exception> {
    match integration.integration_type {
        IntegrationType::Mock => Err(patch.invalid("an integration of type MOCK has none")),
        IntegrationType::Http | IntegrationType::HttpProxy | IntegrationType::Aws | IntegrationType::AwsProxy => Ok(()),
    }
}

/// One of AWS's words, or none for an empty text.
pub fn optional_word<W: serde::de::DeserializeOwned>(patch: &Patch<'_>) -> Result<Option<W>, Exception> {
    patch.optional_text().map(|_| patch.word()).transpose()
}

/// A map as a whole: cleared, or given as a JSON object.
pub fn patch_map(map: &mut OrderedMap<String>, patch: &Patch<'_>) -> Result<(), Exception> {
    if patch.op != Op::Add {
        map.clear();
    }
    if !patch.removes() {
        let given: Result<OrderedMap<String>, _> = serde_json::from_str(&patch.required_text()?);
        map.extend(given.map_err(|_| patch.invalid("it must be a JSON object of texts"))?);
    }
    Ok(())
}

/// The list as a whole: one is added, all are given as a JSON array, or it is cleared.
fn patch_cache_keys(parameters: &mut Vec<String>, patch: &Patch<'_>) -> Result<(), Exception> {
    if patch.op == Op::Add {
        add_once(parameters, &patch.required_text()?);
        return Ok(());
    }
    parameters.clear();
    if !patch.removes() {
        let given: Result<Vec<String>, _> = serde_json::from_str(&patch.required_text()?);
        *parameters = given.map_err(|_| patch.invalid("it must be a JSON array of texts"))?;
    }
    Ok(())
}

fn patch_cache_key(parameters: &mut Vec<String>, patch: &Patch<'_>) -> Result<(), Exception> {
    if !patch.removes() {
        add_once(parameters, patch.name(0));
        return Ok(());
    }
    let position = parameters.iter().position(|parameter| parameter == patch.name(0));
    parameters.remove(position.ok_or_else(|| Exception::not_found(NO_PARAMETER))?);
    Ok(())
}

fn add_once(parameters: &mut Vec<String>, name: &str) {
    if !parameters.iter().any(|parameter| parameter == name) {
        parameters.push(name.to_owned());
    }
}
