//! `client.ts`: one file with a class `Client`, that has a function for each method, and the API's models as types.

use super::endpoint::{Endpoint, endpoints};
use super::types::Types;
use super::{Source, filled, literal, readme, table};
use crate::model::{AuthorizationType, MethodResponse, OrderedMap};

const CLIENT: &str = include_str!("typescript/client.ts");
const README: &str = include_str!("typescript/README.md");

/// Name and text.
pub fn files(source: &Source<'_>) -> Vec<(&'static str, String)> {
    let endpoints = endpoints(source.definition);
    let types = Types::of(&source.definition.models);
    let functions: String = endpoints.iter().map(|endpoint| function(endpoint, &types)).collect();
    let texts = [
        ("INVOKE_URL", literal(&source.invoke_url.into())),
        ("METHODS", table(&endpoints)),
        ("MODELS", types.declarations()),
        ("FUNCTIONS", functions),
    ];
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    vec![
        ("typescript-sdk/client.ts", filled(CLIENT, &texts)),
        ("typescript-sdk/README.md", readme(README, source, &endpoints)),
    ]
}

/// ```text
///     /** `GET /pets/{petId}` */
///     petsPetIdGet(parameters: { "petId": Scalar }, options: RequestOptions = {}): Promise<ApiResponse<Pet>> {
///         return this.invoke("petsPetIdGet", parameters, undefined, options);
///     }
/// ```
fn function(endpoint: &Endpoint<'_>, types: &Types) -> String {
    let Endpoint { name, path, method, .. } = endpoint;
    let note = match method.authorization_type {
        AuthorizationType::AwsIam => ", which asks for a signature: it rejects",
        AuthorizationType::None | AuthorizationType::Custom | AuthorizationType::CognitoUserPools => "",
    };
    let (body_parameter, body) = match endpoint.has_body().then(|| model(&method.request_models)) {
        None => (String::new(), "undefined"),
        Some(None) => (", body?: unknown".to_owned(), "body"),
        Some(Some(model)) => (format!(", body: {}", types.of_model(model)), "body"),
    };
    let answer = response_model(&method.method_responses).map_or("unknown", |model| types.of_model(model));
    format!(
        "\n    /** `{} {path}`{note} */\n    \
         {name}({}{body_parameter}, options: RequestOptions = {{}}): Promise<ApiResponse<{answer}>> {{\n        \
         return this.invoke(\"{name}\", parameters, {body}, options);\n    }}\n",
        method.http_method,
        parameters(endpoint),
    )
}

/// The first argument: an object, which need not be there where none of its members need.
fn parameters(endpoint: &Endpoint<'_>) -> String {
    let path = endpoint.path_parameters.iter().map(|parameter| (parameter.name, true, "Scalar"));
    let query = endpoint.query_parameters.iter().map(|(name, required)| (name.as_str(), *required, "QueryValue"));
    let headers = endpoint.header_parameters.iter().map(|(name, required)| (name.as_str(), *required, "Scalar"));
    let mut members: OrderedMap<(bool, &str)> = OrderedMap::new();
    for (name, required, kind) in path.chain(query).chain(headers) {
        members.entry(name.to_owned()).or_insert((required, kind));
    }
    let default = if members.values().any(|(required, _)| *required) { "" } else { " = {}" };
    let member = |(name, (required, kind)): (&String, &(bool, &str))| {
        let name = literal(&name.as_str().into());
        if *required { format!("{name}: Exclude<{kind}, undefined>") } else { format!("{name}?: {kind}") }
    };
    let members: Vec<String> = members.iter().map(member).collect();
    format!("parameters: {{ {} }}{default}", members.join("; "))
}

/// The model of JSON, or else of the first content type.
fn model(models: &OrderedMap<String>) -> Option<&str> {
    models.get("application/json").or_else(|| models.values().next()).map(String::as_str)
}

/// That of the smallest status of success.
fn response_model(responses: &OrderedMap<MethodResponse>) -> Option<&str> {
    let successes = responses.iter().filter(|(status, _)| status.starts_with('2'));
    let (_, response) = successes.min_by_key(|(status, _)| status.as_str())?;
    model(&response.response_models)
}
