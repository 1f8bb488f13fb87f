//! A function as it was configured, and what its configuration may be.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::name::{self, LATEST};
use super::runtime::{self, Runtime};

/// All of a function but its code.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub name: String,
    pub runtime: Runtime,
    /// `_HANDLER`.
    pub handler: String,
    pub environment: BTreeMap<String, String>,
    pub memory_mb: u32,
    pub timeout_s: u32,
    /// How many invocations there may be at a time; one more is throttled. 0 throttles all, `None` sets no limit.
    pub reserved_concurrency: Option<u32>,
    /// How many processes there are even when nobody calls.
    pub processes_min: u32,
    /// How many processes there may be; `None` is the host's default.
    pub processes_max: Option<u32>,
    /// How long a process may be idle; `None` is the host's default.
    pub idle_s: Option<u32>,
    /// Qualifiers that mean `$LATEST`, the one version that there is.
    pub aliases: Vec<String>,
    /// What the control API only keeps and tells.
    pub description: String,
    pub role: String,
    pub tags: BTreeMap<String, String>,
}

/// Where the code of a function of the settings is: a folder, or a zip file.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    pub definition: Definition,
    pub code: PathBuf,
}

pub const MEMORY_MB: std::ops::RangeInclusive<u32> = 64..=10_240;
pub const TIMEOUT_S: std::ops::RangeInclusive<u32> = 1..=900;

/// The bytes of all variables together:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, "Environment variables".
pub const ENVIRONMENT_BYTES_MAX: usize = 4_096;

impl Definition {
    /// With AWS's defaults.
    pub fn new(name: &str, runtime: Runtime) -> Definition {
        Definition {
            name: name.to_owned(),
            runtime,
            handler: String::new(),
            environment: BTreeMap::new(),
            memory_mb: 128,
            timeout_s: 3,
            reserved_concurrency: None,
            processes_min: 0,
            processes_max: None,
            idle_s: None,
            aliases: Vec::new(),
            description: String::new(),
            role: String::new(),
            tags: BTreeMap::new(),
        }
    }

    /// # Errors
    /// The first thing that is wrong: the field, as the settings name it, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if !name::is_name(&self.name) {
            return Err(("name", "1 to 64 letters, digits, hyphens and underscores".to_owned()));
        }
        if self.runtime.needs_handler() && !is_handler(&self.handler) {
            return Err(("handler", "FILE.NAME, up to 128 characters without white space".to_owned()));
        }
        if !self.handler.is_empty() && !is_handler(&self.handler) {
            return Err(("handler", "up to 128 characters without white space".to_owned()));
        }
        if matches!(&self.runtime, Runtime::Command(words) if words.first().is_none_or(String::is_empty)) {
            return Err(("command", "a program and its arguments".to_owned()));
        }
        if !MEMORY_MB.contains(&self.memory_mb) {
            return Err(("memory_mb", format!("a whole number from {} to {}", MEMORY_MB.start(), MEMORY_MB.end())));
        }
        if !TIMEOUT_S.contains(&self.timeout_s) {
            return Err(("timeout_s", format!("a whole number from {} to {}", TIMEOUT_S.start(), TIMEOUT_S.end())));
        }
        if self.processes_max.is_some_and(|most| most == 0 || most < self.processes_min) {
            return Err(("processes_max", "1 or more, and not less than processes_min".to_owned()));
        }
        if let Some(odd) = self.aliases.iter().find(|alias| !name::is_qualifier(alias)) {
            return Err(("aliases", format!("letters, digits, hyphens and underscores; not {odd:?}")));
        }
        self.check_environment().map_err(|reason| ("environment", reason))
    }

    fn check_environment(&self) -> Result<(), String> {
        for (name, value) in &self.environment {
            if !runtime::is_variable_name(name) || value.contains('\0') {
                return Err(format!("names of letters, digits and underscores, values without NUL; not {name:?}"));
            }
            if runtime::reserved_variable(name).is_some() {
                return Err(format!("no variable of the runtime's own, as {name} is"));
            }
        }
        let bytes: usize = self.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > ENVIRONMENT_BYTES_MAX {
            return Err(format!("{ENVIRONMENT_BYTES_MAX} bytes at most, all names and values together"));
        }
        Ok(())
    }

    /// Whether there is such a version or alias.
    pub fn has(&self, qualifier: Option<&str>) -> bool {
        qualifier.is_none_or(|qualifier| qualifier == LATEST || self.aliases.iter().any(|alias| alias == qualifier))
    }
}

fn is_handler(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.contains(|character: char| character.is_whitespace() || character == '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Definition), expected: Option<&str>) {
        let mut definition = Definition::new("pets", Runtime::Python("python3.12".to_owned()));
        definition.handler = "app.handler".to_owned();
        change(&mut definition);
        assert_eq!(definition.check().err().map(|(field, _)| field), expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let set = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        check(|_| {}, None);
        check(|definition| definition.name = "../x".to_owned(), Some("name"));
        check(|definition| definition.handler.clear(), Some("handler"));
        check(|definition| definition.handler = "a b".to_owned(), Some("handler"));
        check(|definition| definition.runtime = Runtime::Command(Vec::new()), Some("command"));
        check(|definition| definition.memory_mb = 1, Some("memory_mb"));
        check(|definition| definition.timeout_s = 901, Some("timeout_s"));
        check(|definition| definition.processes_max = Some(0), Some("processes_max"));
        check(|definition| definition.aliases = vec!["a b".to_owned()], Some("aliases"));
        check(|definition| definition.environment = set("A B", ""), Some("environment"));
        check(|definition| definition.environment = set("_HANDLER", "x"), Some("environment"));
        check(|definition| definition.environment = set("A", &"x".repeat(4_096)), Some("environment"));
        check(|definition| definition.environment = set("A", &"x".repeat(4_095)), None);
    }

    #[test]
    fn qualifiers() {
        let mut definition = Definition::new("pets", Runtime::Provided("provided".to_owned()));
        definition.aliases = vec!["prod".to_owned()];
        assert!(definition.has(None) && definition.has(Some("$LATEST")) && definition.has(Some("prod")));
        assert!(!definition.has(Some("1")));
    }
}
