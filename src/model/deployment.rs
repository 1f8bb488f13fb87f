//! Deployments: immutable snapshots of an API's definition, and of its documentation.
//! (API reference, `API_Deployment`, `API_DocumentationVersion`.)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeploymentId, DocumentationPart, OrderedMap};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    pub id: DeploymentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since 1970.
    pub created_date: i64,
    /// By path and HTTP method.
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    pub api_summary: OrderedMap<OrderedMap<MethodSnapshot>>,
    /// The [`super::ApiDefinition`] as it was, packed: see `control_plane::store::snapshot`.
    #[serde(with = "packed")]
    pub snapshot: Arc<[u8]>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MethodSnapshot {
    pub authorization_type: super::AuthorizationType,
    pub api_key_required: bool,
}

/// A version of an API's documentation: the parts as they were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationVersion {
    pub version: String,
    /// Seconds since 1970.
    pub created_date: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<DocumentationPart>,
}

/// Bytes as base64 in JSON.
mod packed {
    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let text = std::borrow::Cow::<'d, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Arc::from).map_err(serde::de::Error::custom)
    }
}
