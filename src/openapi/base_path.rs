//! Where the paths of a document start, and under which API id and stage it is served.
//!
//! The API's id is, in this order: `x-tollgate-api-id`; the first label of an execute-api host name, which AWS writes
//! into its exports; else ten letters and digits from a hash of the file's name and the title, so that reading the
//! document again, on any machine, gives the same.
//!
//! The stage's name is, in this order: the option; `x-tollgate-stage-name`; in a document with an execute-api host
//! name, the base path where it is a single segment, as AWS exports it; else `default`.
//!
//! The base path is `basePath` in OpenAPI 2. In OpenAPI 3 it is the default of the first server variable `basePath`,
//! or else the path of the first server's URL. (Guide, `api-gateway-import-api-basePath`.)

use std::path::Path;

use super::document::Version;
use super::keys;
use super::reader::Reader;
use super::tree::{Mapping, Node, Position};
use super::{BasePath, ImportOptions};
use crate::model::{AccessLogSettings, Pointer, RestApiId, Stage};

const STAGE_NAME: &str = "default";
/// AWS's limit on stage names.
const STAGE_NAME_CHARACTERS_MAX: usize = 128;

pub struct Address {
    pub rest_api_id: RestApiId,
    /// What stands before every path: empty, or with a leading slash and without a trailing one.
    pub prefix: String,
    pub stage: Stage,
}

/// What the document says about where it is served.
struct Server {
    host: String,
    base_path: String,
    position: Position,
}

pub fn read<'d>(
    reader: &mut Reader<'d>,
    version: Version,
    root: &'d Mapping,
    name: &str,
    options: &ImportOptions,
) -> Address {
    let server = match version {
        Version::V2 => server_v2(reader, root),
        Version::V3 => server_v3(reader, root),
    };
    let exported_id = exported_id(&server.host);
    let exported_stage = single_segment(&server.base_path).filter(|_| exported_id.is_some());
    let stage = stage(reader, root, options, exported_stage);
    let rest_api_id = rest_api_id(reader, root, name, exported_id);
    Address { rest_api_id, prefix: prefix(reader, &server, options.base_path), stage }
}

fn server_v2<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Server {
    let position = root.get("basePath").map_or(reader.files.root().position, |node| node.position);
    let host = reader.string(root, "host").unwrap_or_default().to_owned();
    Server { host, base_path: reader.string(root, "basePath").unwrap_or_default().to_owned(), position }
}

fn server_v3<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Server {
    let mut first = None;
    for node in reader.sequence(root, "servers") {
        let Some(server) = reader.object(node, &keys::SERVER) else { continue };
        let url = reader.string(server, "url").unwrap_or_default();
        let variables = reader.entries(server, "variables");
        let variable = variables.iter().find(|entry| &*entry.key == "basePath");
        let default = variable.and_then(|entry| entry.value.as_mapping()).and_then(|variable| variable.get("default"));
        if first.is_none() {
            let position = default.or(server.get("url")).unwrap_or(node).position;
            let base_path = default.and_then(Node::as_str).map(str::to_owned);
            let (host, path) = split_url(url);
            let base_path = base_path.unwrap_or_else(|| path.to_owned());
            first = Some(Server { host: host.to_owned(), base_path, position });
        }
    }
    let position = reader.files.root().position;
    first.unwrap_or_else(|| Server { host: String::new(), base_path: String::new(), position })
}

fn split_url(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash))
}

/// `abc123` of `abc123.execute-api.eu-west-1.amazonaws.com`.
fn exported_id(host: &str) -> Option<&str> {
    let (id, rest) = host.split_once('.')?;
    (rest.starts_with("execute-api.") && is_api_id(id)).then_some(id)
}

fn single_segment(base_path: &str) -> Option<&str> {
    let segment = base_path.trim_matches('/');
    is_stage_name(segment).then_some(segment)
}

fn is_api_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 63 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_stage_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$');
    !name.is_empty() && name.len() <= STAGE_NAME_CHARACTERS_MAX && name.bytes().all(word)
}

fn prefix(reader: &mut Reader<'_>, server: &Server, mode: BasePath) -> String {
    let path = server.base_path.trim_matches('/');
    let kept = match mode {
        BasePath::Ignore => "",
        BasePath::Prepend => path,
        BasePath::Split => path.split_once('/').map_or("", |(_, rest)| rest),
    };
    if kept.is_empty() {
        return String::new();
    }
    if kept.contains(['{', '}']) {
        let message = format!("the base path `{kept}` has a variable without a value");
        reader.error_with_help(server.position, message, "give the server variable `basePath` a `default`");
    }
    format!("/{kept}")
}

fn stage<'d>(reader: &mut Reader<'d>, root: &'d Mapping, options: &ImportOptions, exported: Option<&str>) -> Stage {
    let written = reader.string(root, "x-tollgate-stage-name");
    if let (Some(name), Some(node)) = (written, root.get("x-tollgate-stage-name"))
        && !is_stage_name(name)
    {
        let help = "a stage's name has letters, digits, `-` and `_`";
        reader.error_with_help(node.position, format!("`{name}` cannot be a stage's name"), help);
    }
    let name = options.stage_name.as_deref().or(written).or(exported).unwrap_or(STAGE_NAME);
    if let Some(name) = options.stage_name.as_deref().filter(|name| !is_stage_name(name)) {
        let position = reader.files.root().position;
        let help = "a stage's name has letters, digits, `-` and `_`";
        reader.error_with_help(position, format!("`{name}` cannot be a stage's name"), help);
    }
    let pointer = Pointer::root().child("stage").child("variables");
    let mut variables = crate::model::OrderedMap::new();
    for entry in reader.entries(root, "x-tollgate-stage-variables") {
        if let Some(text) = reader.text(&entry.value, &entry.key) {
            reader.stands_at(pointer.child(&entry.key), entry.key_position);
            variables.insert(entry.key.to_string(), text.to_owned());
        }
    }
    variables.extend(options.stage_variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    let access_log_settings = access_log_settings(reader, root);
    Stage { stage_name: name.to_owned(), variables, access_log_settings, ..Stage::default() }
}

/// Of AWS's two settings the format: where the lines go is the gateway's own setting.
fn access_log_settings<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Option<AccessLogSettings> {
    const KEY: &str = "x-tollgate-access-log-format";
    let format = reader.string(root, KEY)?.to_owned();
    if let Some(node) = root.get(KEY) {
        let pointer = Pointer::root().child("stage").child("accessLogSettings").child("format");
        reader.stands_at(pointer, node.position);
    }
    Some(AccessLogSettings { format: Some(format), destination_arn: None })
}

fn rest_api_id<'d>(reader: &mut Reader<'d>, root: &'d Mapping, name: &str, exported: Option<&str>) -> RestApiId {
    const KEY: &str = "x-tollgate-api-id";
    reader.stands_at(
        Pointer::rest_api("id"),
        root.entry(KEY).map_or(reader.files.root().position, |entry| entry.key_position),
    );
    if let (Some(id), Some(node)) = (reader.string(root, KEY), root.get(KEY)) {
        if !is_api_id(id) {
            let help = "an API's id has lower-case letters and digits only, as a host name's first label";
            reader.error_with_help(node.position, format!("`{id}` cannot be an API's id"), help);
        }
        return RestApiId(id.to_owned());
    }
    if let Some(id) = exported {
        return RestApiId(id.to_owned());
    }
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name);
    let title = root.get("info").and_then(Node::as_mapping).and_then(|info| info.get("title")).and_then(Node::as_str);
    RestApiId(derived_id(&[file, title.unwrap_or_default()]))
}

/// Ten lower-case letters and digits that depend on `parts` only: FNV-1a, whose result is the same on every machine
/// and in every version, with a last mixing so that all bits count.
pub fn derived_id(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    hash ^= hash >> 27;
    let mut id = String::with_capacity(10);
    for _ in 0..10 {
        id.push(ALPHABET[(hash % 36) as usize] as char);
        hash /= 36;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_the_parts_only() {
        let id = derived_id(&["petstore.yaml", "PetStore"]);
        assert!(is_api_id(&id) && id.len() == 10, "{id}");
        assert_eq!(id, derived_id(&["petstore.yaml", "PetStore"]));
        assert_ne!(id, derived_id(&["petstore.yam", "lPetStore"]));
    }

    #[test]
    fn execute_api_hosts_carry_the_id() {
        assert_eq!(exported_id("abc123.execute-api.eu-west-1.amazonaws.com"), Some("abc123"));
        assert_eq!(exported_id("api.example.com"), None);
        assert_eq!(split_url("https://a.b:8/x/{basePath}"), ("a.b:8", "/x/{basePath}"));
        assert_eq!(split_url("/v1"), ("", "/v1"));
        assert_eq!(single_segment("/prod"), Some("prod"));
        assert_eq!(single_segment("/a/b"), None);
    }
}
