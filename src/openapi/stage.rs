//! Under which stages a document is served: one, by `x-tollgate-stage-name` and the keys beside it, or all of
//! `x-tollgate-stages`, each with its variables, settings and canary in the words of AWS's API. (API reference,
//! `API_Stage`.)
//!
//! ```yaml
//! x-tollgate-stages:
//!   prod:
//!     variables: { backend: "10.0.0.5:9000" }
//!     canary: { document: shop-v2.yaml, percentTraffic: 10, stageVariableOverrides: { backend: "10.0.0.6:9000" } }
//!   dev: {}
//! ```

use super::ImportOptions;
use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Mapping, Position};
use crate::model::{AccessLogSettings, CanarySettings, MethodSetting, OrderedMap, Pointer, Stage, StageVariables};

const STAGES: &str = "x-tollgate-stages";
/// The keys of a document that is served under one stage.
const OF_ONE_STAGE: [&str; 3] = ["x-tollgate-stage-name", "x-tollgate-stage-variables", "x-tollgate-access-log-format"];
const STAGE_NAME: &str = "default";
/// AWS's limit on stage names.
const STAGE_NAME_CHARACTERS_MAX: usize = 128;
const STAGE_NAME_HELP: &str = "a stage's name has letters, digits, `-` and `_`";

/// A stage, and where its canary's definition is.
pub struct Described {
    pub stage: Stage,
    pub canary_document: Option<CanaryDocument>,
}

pub struct CanaryDocument {
    /// Relative to the file that names it.
    pub path: String,
    pub position: Position,
}

/// The stages to serve; at least one where nothing is wrong.
pub fn read<'d>(
    reader: &mut Reader<'d>,
    root: &'d Mapping,
    options: &ImportOptions,
    exported: Option<&str>,
) -> Vec<Described> {
    if let Some(name) = options.stage_name.as_deref().filter(|name| !is_stage_name(name)) {
        let position = reader.files.root().position;
        reader.error_with_help(position, format!("`{name}` cannot be a stage's name"), STAGE_NAME_HELP);
    }
    let mut stages = match root.entry(STAGES) {
        Some(entry) => several(reader, root, entry, options),
        None => vec![Described { stage: one(reader, root, options, exported), canary_document: None }],
    };
    for Described { stage, .. } in &mut stages {
        stage.variables.extend(options.stage_variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    stages
}

/// A canary's document describes methods only: its stage is described where the canary is.
pub fn refuse_in_canary<'d>(reader: &mut Reader<'d>, root: &'d Mapping) {
    for entry in OF_ONE_STAGE.iter().chain([&STAGES]).filter_map(|key| root.entry(key)) {
        let message = format!("`{}` has no effect in a canary's document", entry.key);
        let help = "take it away: the stage is described in the document that names this one";
        reader.error_with_help(entry.key_position, message, help);
    }
}

pub fn is_stage_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$');
    !name.is_empty() && name.len() <= STAGE_NAME_CHARACTERS_MAX && name.bytes().all(word)
}

fn one<'d>(reader: &mut Reader<'d>, root: &'d Mapping, options: &ImportOptions, exported: Option<&str>) -> Stage {
    let written = reader.string(root, OF_ONE_STAGE[0]);
    if let (Some(name), Some(node)) = (written, root.get(OF_ONE_STAGE[0]))
        && !is_stage_name(name)
    {
        reader.error_with_help(node.position, format!("`{name}` cannot be a stage's name"), STAGE_NAME_HELP);
    }
    let name = options.stage_name.as_deref().or(written).or(exported).unwrap_or(STAGE_NAME);
    let variables = variables(reader, root, OF_ONE_STAGE[1], &Pointer::stage(name).child("variables"));
    let format = Pointer::stage(name).child("accessLogSettings").child("format");
    let access_log_settings = access_log_format(reader, root, OF_ONE_STAGE[2], format);
    Stage { stage_name: name.to_owned(), variables, access_log_settings, ..Stage::default() }
}

/// Of AWS's two settings the format: where the lines go is the gateway's own setting.
fn access_log_format<'d>(
    reader: &mut Reader<'d>,
    parent: &'d Mapping,
    key: &str,
    pointer: Pointer,
) -> Option<AccessLogSettings> {
    let format = reader.string(parent, key)?.to_owned();
    if let Some(node) = parent.get(key) {
        reader.stands_at(pointer, node.position);
    }
    Some(AccessLogSettings { format: Some(format), destination_arn: None })
}

fn access_log_settings<'d>(
    reader: &mut Reader<'d>,
    stage: &'d Mapping,
    pointer: &Pointer,
) -> Option<AccessLogSettings> {
    let settings = reader.object(stage.get("accessLogSettings")?, &keys::ACCESS_LOG_SETTINGS)?;
    access_log_format(reader, settings, "format", pointer.child("format"))
}

/// Each with its name as the place. With the option for the stage's name, only that one.
fn several<'d>(
    reader: &mut Reader<'d>,
    root: &'d Mapping,
    stages: &'d Entry,
    options: &ImportOptions,
) -> Vec<Described> {
    for other in OF_ONE_STAGE.iter().filter_map(|key| root.entry(key)) {
        let message = format!("`{}` is for a document with one stage, and `{STAGES}` stands beside it", other.key);
        reader.error_with_help(other.key_position, message, format!("move what it says into `{STAGES}`"));
        relate(reader, "the stages", stages.key_position);
    }
    let entries = reader.entries(root, STAGES);
    let mut described: Vec<Described> = entries.iter().filter_map(|entry| stage(reader, entry)).collect();
    if entries.is_empty() {
        let help = "write `prod: {}` into it, or take it away";
        reader.error_with_help(stages.key_position, format!("`{STAGES}` has no stage"), help);
    }
    if let Some(name) = &options.stage_name {
        let names: Vec<&str> = entries.iter().map(|entry| &*entry.key).collect();
        if !names.contains(&name.as_str()) {
            let help = format!("it has {}; without `--stage`, all are served", keys::listed(&names));
            reader.error_with_help(stages.key_position, format!("the document has no stage `{name}`"), help);
        }
        described.retain(|one| one.stage.stage_name == *name);
    }
    described
}

fn stage<'d>(reader: &mut Reader<'d>, entry: &'d Entry) -> Option<Described> {
    let name = &*entry.key;
    let pointer = Pointer::stage(name);
    reader.stands_at(pointer.clone(), entry.key_position);
    if !is_stage_name(name) {
        reader.error_with_help(entry.key_position, format!("`{name}` cannot be a stage's name"), STAGE_NAME_HELP);
    }
    let object = reader.object(&entry.value, &keys::STAGE)?;
    let (canary_settings, canary_document) = canary(reader, object, &pointer).unzip();
    let stage = Stage {
        stage_name: name.to_owned(),
        description: reader.string(object, "description").map(str::to_owned),
        variables: variables(reader, object, "variables", &pointer.child("variables")),
        method_settings: method_settings(reader, object, &pointer.child("methodSettings")),
        canary_settings,
        access_log_settings: access_log_settings(reader, object, &pointer.child("accessLogSettings")),
        cache_cluster_enabled: reader.boolean(object, "cacheClusterEnabled").unwrap_or_default(),
        cache_cluster_size: cache_cluster_size(reader, object, &pointer.child("cacheClusterSize")),
        ..Stage::default()
    };
    Some(Described { stage, canary_document: canary_document.flatten() })
}

/// In YAML, a size is a number as often as a text.
fn cache_cluster_size<'d>(reader: &mut Reader<'d>, stage: &'d Mapping, pointer: &Pointer) -> Option<String> {
    let node = stage.get("cacheClusterSize")?;
    reader.stands_at(pointer.clone(), node.position);
    reader.text(node, "cacheClusterSize").map(str::to_owned)
}

fn canary<'d>(
    reader: &mut Reader<'d>,
    stage: &'d Mapping,
    pointer: &Pointer,
) -> Option<(CanarySettings, Option<CanaryDocument>)> {
    let entry = stage.entry("canary")?;
    let pointer = pointer.child("canarySettings");
    reader.stands_at(pointer.clone(), entry.key_position);
    let object = reader.object(&entry.value, &keys::CANARY)?;
    for member in object.entries() {
        reader.stands_at(pointer.child(&member.key), member.value.position);
    }
    if object.get("percentTraffic").is_none() {
        let help = "add `percentTraffic`, from 0 to 100: how much of the traffic it gets";
        reader.error_with_help(entry.key_position, "the canary has no `percentTraffic`", help);
    }
    let overrides = pointer.child("stageVariableOverrides");
    let settings = CanarySettings {
        percent_traffic: reader.number(object, "percentTraffic").unwrap_or_default(),
        deployment_id: None,
        stage_variable_overrides: variables(reader, object, "stageVariableOverrides", &overrides),
        use_stage_cache: reader.boolean(object, "useStageCache").unwrap_or_default(),
    };
    let path = reader.string(object, "document").map(str::to_owned);
    let document = path.zip(object.get("document"));
    Some((settings, document.map(|(path, node)| CanaryDocument { path, position: node.position })))
}

fn variables<'d>(reader: &mut Reader<'d>, parent: &'d Mapping, key: &str, pointer: &Pointer) -> StageVariables {
    let mut variables = StageVariables::new();
    for entry in reader.entries(parent, key) {
        if let Some(text) = reader.text(&entry.value, &entry.key) {
            reader.stands_at(pointer.child(&entry.key), entry.key_position);
            variables.insert(entry.key.to_string(), text.to_owned());
        }
    }
    variables
}

fn method_settings<'d>(reader: &mut Reader<'d>, stage: &'d Mapping, pointer: &Pointer) -> OrderedMap<MethodSetting> {
    let mut settings = OrderedMap::new();
    for entry in reader.entries(stage, "methodSettings") {
        let pointer = pointer.child(&entry.key);
        reader.stands_at(pointer.clone(), entry.key_position);
        let Some(object) = reader.object(&entry.value, &keys::METHOD_SETTING) else { continue };
        for member in object.entries() {
            reader.stands_at(pointer.child(&member.key), member.key_position);
        }
        settings.insert(entry.key.to_string(), method_setting(reader, object));
    }
    settings
}

fn method_setting<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> MethodSetting {
    const LEVELS: [(&str, &str); 3] = [("OFF", "OFF"), ("ERROR", "ERROR"), ("INFO", "INFO")];
    const STRATEGIES: [(&str, &str); 3] = [
        ("FAIL_WITH_403", "FAIL_WITH_403"),
        ("SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITH_RESPONSE_HEADER"),
        ("SUCCEED_WITHOUT_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"),
    ];
    let strategy = "unauthorizedCacheControlHeaderStrategy";
    MethodSetting {
        metrics_enabled: reader.boolean(object, "metricsEnabled"),
        logging_level: reader.choice(object, "loggingLevel", &LEVELS).map(str::to_owned),
        data_trace_enabled: reader.boolean(object, "dataTraceEnabled"),
        throttling_burst_limit: reader.integer(object, "throttlingBurstLimit"),
        throttling_rate_limit: reader.number(object, "throttlingRateLimit"),
        caching_enabled: reader.boolean(object, "cachingEnabled"),
        cache_ttl_in_seconds: reader.integer(object, "cacheTtlInSeconds"),
        cache_data_encrypted: reader.boolean(object, "cacheDataEncrypted"),
        require_authorization_for_cache_control: reader.boolean(object, "requireAuthorizationForCacheControl"),
        unauthorized_cache_control_header_strategy: reader.choice(object, strategy, &STRATEGIES).map(str::to_owned),
    }
}

/// Says of the problem that was just noted where the other half of it stands.
fn relate(reader: &mut Reader<'_>, label: &str, position: Position) {
    if let Some(problem) = reader.problems.pop() {
        let problem = problem.related(label, reader.files.place(position));
        reader.problems.push(problem);
    }
}
