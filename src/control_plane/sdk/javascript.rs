//! `apigClient.js`, with the interface of the client that API Gateway generates: `apigClientFactory.newClient(config)`
//! and a function for each method. (Guide, `how-to-generate-sdk-javascript`.)

use super::endpoint::endpoints;
use super::{Source, filled, literal, readme, table};

const CLIENT: &str = include_str!("javascript/apigClient.js");
const README: &str = include_str!("javascript/README.md");

/// Name and text.
pub fn files(source: &Source<'_>) -> Vec<(&'static str, String)> {
    let endpoints = endpoints(source.definition);
    let invoke_url = literal(&source.invoke_url.into());
    let client = filled(CLIENT, &[("INVOKE_URL", &invoke_url), ("METHODS", &table(&endpoints))]);
    vec![
        ("apiGateway-js-sdk/apigClient.js", client),
        ("apiGateway-js-sdk/README.md", readme(README, source, &endpoints)),
    ]
}
