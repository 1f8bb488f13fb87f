//! The settings: from what was written, in four places, to one checked [`Config`].
//!
//! A value's source may be the default, the preset `parity`, the settings file, the environment or a flag; the later, the
//! stronger. Every problem of every source is reported at once.
//!
//! - `table`: the one list of settings; `define`: the macro that makes types and rows of it.
//! - `kind`, `choice`, `address`, `credentials`, `functions`, `iam`, `basic_auth`, `endpoints`, `targets`, `special`: the types of values,
//!   how each is read and shown.
//! - `value`: what was written, with its place; `file` and `environment` read it; flags arrive as [`Flags`].
//! - `rules`: what must hold between settings.
//! - `problem`: what is wrong, where, and what was meant.
//! - [`report`]: `tollgate config` and the reference page.

mod address;
mod basic_auth;
mod choice;
mod credentials;
mod define;
mod endpoints;
mod environment;
mod file;
mod functions;
mod iam;
mod kind;
mod problem;
pub mod report;
mod rules;
mod special;
mod table;
mod targets;
mod value;
mod vpc;

pub use basic_auth::{BasicUser, read_basic_users};
pub use choice::{
    BasePath, ClientAuth, CredentialsSource, Driver, KeyScope, LogLevel, Parity, ThrottleHeaders, UnderscoreTwins,
    Unresolved, Unsupported,
};
pub use credentials::{AccessKey, AccessToken, Secret, SecretSource};
pub use endpoints::ServiceEndpoints;
pub use environment::{ADMIN_URL, Environment, FUNCTIONS_URL, TOKEN, variable};
pub use iam::{IamUser, PolicySource, read_users};
pub use problem::{Problem, Problems, Source, did_you_mean};
pub use special::{AuditDestination, CertificateFiles, LogDestination, SHARDS_MAX, ShardCount, StageVariables};
pub use table::{
    AccessLog, Aws, BasicAuth, Config, Forwarding, Functions, Iam, Jwt, Lambda, Limits, Log, Management, Quota,
    Runtime, Shutdown, Throttle, Tls, Upstream,
};
pub use targets::{FunctionTarget, FunctionTargets, VpcLinks};
pub use value::{Node, Place};
pub use vpc::VpcEndpoint;

use define::Setting;
use kind::{Context, Fault};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use table::SETTINGS;
use value::{Entry, Value};

/// What gives limits the values that AWS has.
const AWS_PRESET: &str = "parity = \"aws\"";

/// What the flags set, by the settings' keys; each key at most once.
pub type Flags = Vec<(&'static str, Node)>;

/// The settings file's text, read by whoever knows its path.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    pub path: PathBuf,
    pub text: String,
}

/// The settings, and where each came from.
#[derive(Clone, Debug)]
pub struct Settings {
    pub config: Config,
    /// By key; a setting that is not here has its default.
    pub sources: BTreeMap<&'static str, Source>,
    /// The settings file, if there is one.
    pub file: Option<PathBuf>,
}

/// An address to listen on, and what is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub address: SocketAddr,
    pub tls: bool,
    /// Whether clients are asked for a certificate.
    pub asks_clients: bool,
}

impl Config {
    /// All addresses for clients: those of `listen`, then those of `tls.listen` and `tls.client_auth_listen`.
    pub fn listen_addresses(&self) -> Vec<ListenAddress> {
        let tls = &self.tls;
        let tls_everywhere = !tls.certificates.is_empty() && tls.listen.is_empty();
        let asks_everywhere = tls.client_truststore_file.is_some() && tls.client_auth_listen.is_empty();
        let listen = |address: &SocketAddr, tls: bool, asks: bool| ListenAddress {
            address: *address,
            tls,
            asks_clients: tls && asks,
        };
        let plain = self.listen.iter().map(|address| listen(address, tls_everywhere, asks_everywhere));
        let secure = tls.listen.iter().map(|address| listen(address, true, asks_everywhere));
        let asking = tls.client_auth_listen.iter().map(|address| listen(address, true, true));
        plain.chain(secure).chain(asking).collect()
    }
}

impl Settings {
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }
}

/// Finds, reads and checks the settings. The file is the one of `--config`, else that of `TOLLGATE_CONFIG`, else none.
///
/// # Errors
/// Everything that is wrong with them; a file that cannot be read is one of the problems.
pub fn load(config_file: Option<&Path>, flags: Flags, environment: &Environment) -> Result<Settings, Problems> {
    let named = config_file.map(Path::to_owned);
    let Some(path) = named.or_else(|| environment::config_file(environment).map(PathBuf::from)) else {
        return resolve(None, flags, environment);
    };
    match file::read(&path) {
        Ok(text) => resolve(Some(SettingsFile { path, text }), flags, environment),
        Err(error) => {
            let message = format!("the settings file cannot be read: {error}");
            let problem = Problem { source: Source::File { path, place: None }, key: None, message };
            let others = resolve(None, flags, environment).err().unwrap_or_default();
            Err(Problems(std::iter::once(problem).chain(others.0).collect()))
        }
    }
}

/// Checks settings that have been read already. Pure: neither files nor the process's environment are touched.
///
/// # Errors
/// Everything that is wrong with them, in the order of the sources.
pub fn resolve(file: Option<SettingsFile>, flags: Flags, environment: &Environment) -> Result<Settings, Problems> {
    let mut raw = RawConfig::default();
    let path = file.as_ref().map(|file| file.path.clone());
    if let Some(file) = file {
        raw.add_file(&file);
    }
    raw.add_environment(environment);
    raw.add_flags(flags);
    raw.check(path)
}

/// What was written, per setting and source, before it is checked. `written` is in rising strength.
#[derive(Default)]
struct RawConfig {
    written: Vec<Written>,
    /// The settings and sections that the file has named so far.
    file_keys: HashSet<String>,
    problems: Vec<Problem>,
}

struct Written {
    setting: &'static Setting,
    node: Node,
    source: Source,
}

impl RawConfig {
    fn add_file(&mut self, file: &SettingsFile) {
        let (entries, faults) = file::parse(&file.path, &file.text);
        let problem = |fault: Fault| Problem {
            source: Source::File { path: file.path.clone(), place: fault.place },
            key: None,
            message: fault.message,
        };
        self.problems.extend(faults.into_iter().map(problem));
        self.add_entries(&file.path, "", entries);
    }

    /// The entries of one table of the file; `section` is its name and a dot, or empty.
    fn add_entries(&mut self, path: &Path, section: &str, entries: Vec<Entry>) {
        for Entry { key, place, node } in entries {
            let key = format!("{section}{key}");
            let source = |place| Source::File { path: path.to_owned(), place };
            let inside = format!("{key}.");
            let is_section = SETTINGS.iter().any(|setting| setting.key.starts_with(&inside));
            let mut problem =
                |place, message| self.problems.push(Problem { source: source(place), key: Some(key.clone()), message });
            // Also `limits` twice, and `limits.x` beside `x` in `limits`.
            if !self.file_keys.insert(key.clone()) {
                problem(place, "this key is given twice".to_owned());
            }
            match (SETTINGS.iter().find(|setting| setting.key == key), node.value) {
                (Some(setting), value) => {
                    let source = source(node.place);
                    self.written.push(Written { setting, node: Node { value, ..node }, source });
                }
                (None, Value::Table(entries)) if is_section => self.add_entries(path, &inside, entries),
                (None, Value::Null) if is_section => {}
                (None, value) if is_section => problem(node.place, format!("{value} is not allowed; write a table")),
                (None, value) => problem(place, unknown_key(&key, matches!(value, Value::Table(_)))),
            }
        }
    }

    fn add_environment(&mut self, environment: &Environment) {
        let (found, problems) = environment::read(environment);
        self.problems.extend(problems);
        for (setting, name, node) in found {
            self.written.push(Written { setting, node, source: Source::Environment(name) });
        }
    }

    fn add_flags(&mut self, flags: Flags) {
        for (key, node) in flags {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            debug_assert!(setting.is_some_and(|setting| setting.facts.flag.is_some()), "{key} has no flag");
            if let Some(setting) = setting {
                let flag = setting.facts.flag.unwrap_or(setting.key);
                self.written.push(Written { setting, node, source: Source::Flag(flag.to_owned()) });
            }
        }
    }

    /// Reads every value, also those that a stronger source hides: a mistake in the file is one even while a flag is
    /// given.
    fn check(mut self, file: Option<PathBuf>) -> Result<Settings, Problems> {
        let mut settings = Settings { config: Config::default(), sources: BTreeMap::new(), file };
        for Written { setting, node, source } in std::mem::take(&mut self.written) {
            let base = match &source {
                Source::File { path, .. } => path.parent(),
                _ => None,
            };
            match (setting.set)(&mut settings.config, &node, Context { facts: &setting.facts, base }) {
                Ok(()) => drop(settings.sources.insert(setting.key, source)),
                Err(faults) => self.problems.extend(faults.into_iter().map(|fault| problem(setting, &source, fault))),
            }
        }
        apply_parity(&mut settings);
        self.add_broken_rules(&settings);
        if self.problems.is_empty() { Ok(settings) } else { Err(Problems(self.problems)) }
    }

    /// Of two settings that do not fit, the one whose value somebody chose is named. A rule about a setting that could
    /// not be read is left out: it would judge the weaker value.
    fn add_broken_rules(&mut self, settings: &Settings) {
        let unread: Vec<String> = self.problems.iter().filter_map(|problem| problem.key.clone()).collect();
        let is_read = |key: &str| !unread.iter().any(|unread| unread == key);
        for rules::Broken { keys, message } in rules::broken(&settings.config) {
            if keys.into_iter().all(is_read) {
                let [first, second] = keys;
                let stronger = settings.source(second).strength() > settings.source(first).strength();
                let key = if stronger { second } else { first };
                let source = settings.source(key).clone();
                self.problems.push(Problem { source, key: Some(key.to_owned()), message });
            }
        }
    }
}

/// Gives limits that nobody has set the values of `parity`.
fn apply_parity(settings: &mut Settings) {
    if settings.config.parity == Parity::None {
        return;
    }
    for setting in SETTINGS.iter().filter(|setting| !settings.sources.contains_key(setting.key)).collect::<Vec<_>>() {
        let Some(value) = setting.facts.parity else { continue };
        let node = Node { value: Value::Integer(value.into()), place: None };
        let set = (setting.set)(&mut settings.config, &node, Context { facts: &setting.facts, base: None });
        debug_assert!(set.is_ok(), "the table's own value of {} is allowed", setting.key);
        settings.sources.insert(setting.key, Source::Preset(AWS_PRESET));
    }
}

fn problem(setting: &Setting, source: &Source, fault: Fault) -> Problem {
    let source = match source {
        Source::File { path, place } => Source::File { path: path.clone(), place: fault.place.or(*place) },
        source => source.clone(),
    };
    Problem { source, key: Some(setting.key.to_owned()), message: fault.message }
}

fn unknown_key(key: &str, is_table: bool) -> String {
    if is_table && !key.contains('.') {
        let sections = table::SECTIONS.iter().map(|(name, _)| *name);
        return format!("there is no such section{}", did_you_mean(key, sections));
    }
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    match SETTINGS.iter().find(|setting| setting.name() == name) {
        Some(setting) => format!("there is no such setting; did you mean \"{}\"?", setting.key),
        None => format!("there is no such setting{}", did_you_mean(key, SETTINGS.iter().map(|setting| setting.key))),
    }
}

#[cfg(test)]
mod tests;
