//! The API as AWS describes it: plain data in AWS's words and spelling, without behaviour and without I/O.
//!
//! It holds all that a document or the management API can say, also what the engine does not act on yet; refusing
//! that is the work of `plan::compile`. Field names are those of the JSON of API Gateway's own REST API (API reference,
//! `API_RestApi` and its neighbours), which is what `aws apigateway`, boto3 and Terraform read and write.
//!
//! - [`rest`]: REST APIs: resources, methods, integrations and what stands beside them.
//! - [`deployment`]: snapshots of a definition; [`stage`]: where and how one is served.
//! - [`upstream`]: what protects backends, beyond AWS.
//! - [`usage`]: API keys and usage plans; [`domain`]: custom domain names, VPC links, client certificates.
//! - [`aws_uri`]: what an integration with an AWS service calls; [`aws_service`]: where that is, and how it is called.
//! - [`mod@pointer`]: how one value of a definition is named; [`difference`]: what tells two definitions apart.

pub mod aws_service;
pub mod aws_uri;
pub mod deployment;
pub mod difference;
pub mod domain;
pub mod pointer;
pub mod rest;
pub mod stage;
pub mod throttle;
pub mod upstream;
pub mod usage;

pub use deployment::*;
pub use difference::{Change, Difference, differences};
pub use domain::*;
pub use pointer::Pointer;
pub use rest::*;
pub use stage::*;
pub use throttle::*;
pub use upstream::*;
pub use usage::*;

/// A map that keeps the order of the document: AWS picks "the first" template, and exports in order.
pub type OrderedMap<V> = indexmap::IndexMap<String, V>;

/// A map without room for more entries: of a thousand APIs, the room took two thirds of the memory.
fn exact<'d, D, V>(deserializer: D) -> Result<OrderedMap<V>, D::Error>
where
    D: serde::Deserializer<'d>,
    V: serde::Deserialize<'d>,
{
    let mut map = <OrderedMap<V> as serde::Deserialize>::deserialize(deserializer)?;
    map.shrink_to_fit();
    Ok(map)
}

/// One string type an id, so that a stage's name is never taken for an API's id.
macro_rules! ids {
    ($($(#[$documentation:meta])* $name:ident,)*) => {$(
        $(#[$documentation])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// Lower-case letters and digits, ten of them at AWS: the first label of the execute-api host name.
    RestApiId,
    /// Six or more lower-case letters and digits.
    ResourceId,
    AuthorizerId,
    RequestValidatorId,
    ModelId,
    DocumentationPartId,
    DeploymentId,
    VpcLinkId,
    ClientCertificateId,
    ApiKeyId,
    UsagePlanId,
}
