//! The control API's documents: what is written there, and how a function reads there. What we cannot do is refused where it
//! is asked for: nothing is taken and then ignored but what means nothing here, such as how AWS bills or encrypts.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Exception;
use crate::function::definition::Definition;
use crate::function::name::LATEST;
use crate::function::pool::Live;
use crate::function::runtime::{Runtime, log_group};
use crate::function::time;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateFunction {
    pub function_name: String,
    pub code: FunctionCode,
    #[serde(default)]
    pub publish: bool,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub package_type: Option<String>,
    pub architectures: Option<Vec<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionCode {
    pub zip_file: Option<String>,
    pub s3_bucket: Option<String>,
    pub image_uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateFunctionCode {
    pub zip_file: Option<String>,
    pub s3_bucket: Option<String>,
    #[serde(rename = "S3Key")]
    _s3_key: Option<String>,
    #[serde(rename = "S3ObjectVersion")]
    _s3_object_version: Option<String>,
    pub image_uri: Option<String>,
    #[serde(default)]
    pub publish: bool,
    #[serde(default)]
    pub dry_run: bool,
    pub revision_id: Option<String>,
    pub architectures: Option<Vec<String>>,
    /// Some tools say it once more.
    #[serde(rename = "FunctionName")]
    _function_name: Option<String>,
}

/// What is configured besides the code, when a function is made and when it is changed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Configuration {
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<u32>,
    memory_size: Option<u32>,
    environment: Option<EnvironmentShape>,
    pub revision_id: Option<String>,
    #[serde(rename = "FunctionName")]
    _function_name: Option<String>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    layers: Option<Vec<Value>>,
    file_system_configs: Option<Vec<Value>>,
    dead_letter_config: Option<Value>,
    vpc_config: Option<VpcConfig>,
    tracing_config: Option<TracingConfig>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
    image_config: Option<Value>,
    code_signing_config_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EnvironmentShape {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VpcConfig {
    #[serde(default)]
    subnet_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStart {
    apply_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_format: Option<String>,
}

/// A document of the control API.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Exception> {
    serde_json::from_slice(body)
        .map_err(|error| Exception::invalid_request(format!("Could not parse request body: {error}")))
}

impl CreateFunction {
    /// What stands beside the code.
    pub fn configuration(&mut self) -> Result<Configuration, Exception> {
        let rest = std::mem::take(&mut self.rest).into_iter().collect();
        serde_json::from_value(Value::Object(rest))
            .map_err(|error| Exception::invalid_request(format!("Could not parse request body: {error}")))
    }
}

impl Configuration {
    /// # Errors
    /// Something that is not done here.
    pub fn check(&self) -> Result<(), Exception> {
        let is_asked = |value: &Option<Value>| {
            value.as_ref().is_some_and(|value| {
                let is_empty = value.as_object().is_some_and(|object| object.values().all(|value| value == ""));
                !value.is_null() && !is_empty
            })
        };
        let refused = [
            ("Layers", self.layers.as_ref().is_some_and(|layers| !layers.is_empty())),
            ("FileSystemConfigs", self.file_system_configs.as_ref().is_some_and(|configs| !configs.is_empty())),
            ("DeadLetterConfig", is_asked(&self.dead_letter_config)),
            ("ImageConfig", is_asked(&self.image_config)),
            ("VpcConfig", self.vpc_config.as_ref().is_some_and(|config| !config.subnet_ids.is_empty())),
            ("KMSKeyArn", self.kms_key_arn.as_ref().is_some_and(|arn| !arn.is_empty())),
            ("CodeSigningConfigArn", self.code_signing_config_arn.as_ref().is_some_and(|arn| !arn.is_empty())),
            (
                "TracingConfig",
                self.tracing_config.as_ref().is_some_and(|config| config.mode.as_deref() == Some("Active")),
            ),
            ("EphemeralStorage", self.ephemeral_storage.as_ref().is_some_and(|storage| storage.size != 512)),
            (
                "SnapStart",
                self.snap_start.as_ref().is_some_and(|snap| snap.apply_on.as_deref().is_some_and(|on| on != "None")),
            ),
            (
                "LoggingConfig",
                self.logging_config
                    .as_ref()
                    .is_some_and(|config| config.log_format.as_deref().is_some_and(|format| format != "Text")),
            ),
        ];
        match refused.iter().find(|(_, is_refused)| *is_refused) {
            Some((field, _)) => Err(Exception::invalid_parameter(format!("{field} is not supported by this host"))),
            None => Ok(()),
        }
    }

    /// A new function.
    pub fn definition(self, name: &str) -> Result<Definition, Exception> {
        let missing = |field: &str| Exception::invalid_parameter(format!("{field} is missing"));
        let runtime = parse_runtime(self.runtime.as_deref().ok_or_else(|| missing("Runtime"))?)?;
        if runtime.needs_handler() && self.handler.is_none() {
            return Err(missing("Handler"));
        }
        self.apply(Definition::new(name, runtime))
    }

    /// The function with what is given here.
    pub fn apply(self, mut definition: Definition) -> Result<Definition, Exception> {
        if let Some(runtime) = &self.runtime {
            definition.runtime = parse_runtime(runtime)?;
        }
        let Configuration { role, handler, description, timeout, memory_size, environment, .. } = self;
        definition.role = role.unwrap_or(definition.role);
        definition.handler = handler.unwrap_or(definition.handler);
        definition.description = description.unwrap_or(definition.description);
        definition.timeout_s = timeout.unwrap_or(definition.timeout_s);
        definition.memory_mb = memory_size.unwrap_or(definition.memory_mb);
        definition.environment = environment.map_or(definition.environment, |environment| environment.variables);
        let wrong =
            |(field, allowed): (&str, String)| Exception::invalid_parameter(format!("{field}: write {allowed}"));
        definition.check().map_err(wrong)?;
        Ok(definition)
    }
}

fn parse_runtime(text: &str) -> Result<Runtime, Exception> {
    Runtime::parse(text).map_err(|reason| Exception::invalid_parameter(format!("Runtime: {text:?} {reason}")))
}

/// The zip file of a request.
pub fn zip(
    zip_file: Option<&str>,
    s3_bucket: Option<&str>,
    image_uri: Option<&str>,
    publish: bool,
) -> Result<Vec<u8>, Exception> {
    if publish {
        return Err(Exception::invalid_parameter("Publish: versions are not supported by this host"));
    }
    if s3_bucket.is_some() || image_uri.is_some() {
        return Err(Exception::invalid_parameter("code is taken as ZipFile only: neither from S3 nor as an image"));
    }
    let encoded = zip_file.ok_or_else(|| Exception::invalid_parameter("ZipFile is missing"))?;
    let invalid = |_| Exception::invalid_parameter("ZipFile is not base64");
    STANDARD.decode(encoded).map_err(invalid)
}

/// Whether this machine runs what is asked for.
pub fn check_architectures(architectures: Option<&[String]>) -> Result<(), Exception> {
    match architectures {
        None | Some([]) => Ok(()),
        Some([one]) if one == architecture() => Ok(()),
        Some(others) => {
            let message = format!("Architectures: this machine runs {}, not {}", architecture(), others.join(", "));
            Err(Exception::invalid_parameter(message))
        }
    }
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// `FunctionConfiguration`.
pub fn configuration(live: &Live) -> Value {
    let definition = &live.definition;
    let mut shape = json!({
        "FunctionName": definition.name,
        "FunctionArn": live.arn,
        "Role": definition.role,
        "CodeSize": live.code.bytes,
        "Description": definition.description,
        "Timeout": definition.timeout_s,
        "MemorySize": definition.memory_mb,
        "LastModified": time::last_modified(live.modified_ms),
        "CodeSha256": live.code.sha256,
        "Version": LATEST,
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": live.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [architecture()],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": log_group(&definition.name) },
    });
    if let Some(runtime) = definition.runtime.identifier() {
        shape["Runtime"] = runtime.into();
    }
    if !definition.handler.is_empty() {
        shape["Handler"] = definition.handler.as_str().into();
    }
    if !definition.environment.is_empty() {
        shape["Environment"] = json!({ "Variables": definition.environment });
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: Value, expected: Result<(), &str>) {
        let body = body.to_string();
        let made = parse::<CreateFunction>(body.as_bytes()).and_then(|mut request| {
            let configuration = request.configuration()?;
            configuration.check()?;
            configuration.definition(&request.function_name)
        });
        match (made, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => assert!(format!("{error:?}").contains(part), "{error:?}"),
            (made, expected) => panic!("{made:?}, not {expected:?}"),
        }
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({
            "FunctionName": "pets", "Runtime": "python3.12", "Handler": "app.handler", "Role": "arn:aws:iam::1:role/x",
            "Code": { "ZipFile": "" },
        });
        body[field] = value;
        body
    }

    #[test]
    fn what_is_not_done_is_refused() {
        check(with("Timeout", json!(5)), Ok(()));
        check(with("Layers", json!([])), Ok(()));
        check(with("VpcConfig", json!({ "SubnetIds": [], "SecurityGroupIds": [] })), Ok(()));
        check(with("TracingConfig", json!({ "Mode": "PassThrough" })), Ok(()));
        check(with("Layers", json!(["arn"])), Err("Layers is not supported"));
        check(with("VpcConfig", json!({ "SubnetIds": ["a"] })), Err("VpcConfig is not supported"));
        check(with("DeadLetterConfig", json!({ "TargetArn": "x" })), Err("DeadLetterConfig is not supported"));
        check(with("EphemeralStorage", json!({ "Size": 1024 })), Err("EphemeralStorage"));
        check(with("Surprise", json!(1)), Err("unknown field `Surprise`"));
        check(with("Timeout", json!(0)), Err("timeout_s"));
        check(with("Runtime", json!("java21")), Err("java21"));
        check(with("Handler", Value::Null), Err("Handler is missing"));
    }
}
