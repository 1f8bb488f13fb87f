//! `TOLLGATE_…` variables.

use super::define::Setting;
use super::problem::{Problem, Source, did_you_mean};
use super::table::SETTINGS;
use super::value::Node;
use std::ffi::OsString;

pub const PREFIX: &str = "TOLLGATE_";
/// The variable that names the settings file, as `--config` does.
pub const CONFIG_FILE: &str = "TOLLGATE_CONFIG";

/// The variables of the commands that talk to a running gateway: where it is, and what they say to be let in.
pub const ADMIN_URL: &str = "TOLLGATE_ADMIN_URL";
pub const FUNCTIONS_URL: &str = "TOLLGATE_FUNCTIONS_URL";
pub const TOKEN: &str = "TOLLGATE_TOKEN";

/// Variables that are no settings.
const OTHERS: [&str; 4] = [CONFIG_FILE, ADMIN_URL, FUNCTIONS_URL, TOKEN];

/// A process's environment, names and values.
pub type Environment = Vec<(OsString, OsString)>;

/// The settings file that the environment names. An empty variable counts as not set.
pub fn config_file(environment: &Environment) -> Option<OsString> {
    let found = environment.iter().find(|(name, value)| name == CONFIG_FILE && !value.is_empty());
    found.map(|(_, value)| value.clone())
}

/// The value of a variable, unless it is empty or not UTF-8.
pub fn variable<'e>(environment: &'e Environment, wanted: &str) -> Option<&'e str> {
    let found = environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
    found.and_then(|(_, value)| value.to_str())
}

/// What the variables set, and a problem for each that sets nothing there is. An empty variable counts as not set,
/// because that is how `docker` and `systemd` files leave one out.
pub fn read(environment: &Environment) -> (Vec<(&'static Setting, String, Node)>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let problem = |message| Problem { source: Source::Environment(name.to_owned()), key: None, message };
        if value.is_empty() || OTHERS.contains(&name) {
            continue;
        }
        let Some(value) = value.to_str() else {
            problems.push(problem("the value is not UTF-8".to_owned()));
            continue;
        };
        match SETTINGS.iter().find(|setting| setting.environment() == name) {
            Some(setting) => found.push((setting, name.to_owned(), Node::written(value))),
            None if from_kubernetes(name, value) => {}
            None => problems.push(problem(unknown(name))),
        }
    }
    (found, problems)
}

fn unknown(name: &str) -> String {
    let others = OTHERS.map(str::to_owned);
    let names: Vec<String> = SETTINGS.iter().map(Setting::environment).chain(others).collect();
    // The prefix, which they all share, must not make far names near.
    let stripped = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let suggestion = did_you_mean(&name[PREFIX.len()..], stripped).replacen('"', &format!("\"{PREFIX}"), 1);
    format!("there is no such setting{suggestion}")
}

/// Whether Kubernetes made this variable: into every pod it puts the addresses of the namespace's services, and for one
/// called `tollgate` or `tollgate-admin` their names begin with our prefix. (`TOLLGATE_PORT=tcp://10.0.0.1:80`,
/// `TOLLGATE_SERVICE_HOST`, `TOLLGATE_PORT_80_TCP_ADDR`;
/// <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.)
fn from_kubernetes(name: &str, value: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let protocol = |text: &&str| ["TCP", "UDP", "SCTP"].contains(text);
    let link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    match parts.as_slice() {
        [.., "SERVICE", "HOST"] => true,
        [.., "PORT", port, last] if number(port) && protocol(last) => true,
        [.., "PORT", port, middle, "PROTO" | "PORT" | "ADDR"] if number(port) && protocol(middle) => true,
        [.., "PORT"] if link => true,
        parts => number(value) && parts.windows(2).any(|pair| pair == ["SERVICE", "PORT"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expected: &str) {
        let (found, problems) = read(&vec![(name.into(), value.into())]);
        let found = found.into_iter().map(|(setting, ..)| setting.key.to_owned());
        let all: Vec<String> = found.chain(problems.into_iter().map(|problem| problem.message)).collect();
        assert_eq!(all.join("\n"), expected, "{name}");
    }

    #[test]
    fn variables() {
        check("TOLLGATE_LISTEN", "127.0.0.1:1", "listen");
        check("TOLLGATE_LIMITS_TARGET_BYTES_MAX", "1", "limits.target_bytes_max");
        check("TOLLGATE_LISTEN", "", "");
        check("TOLLGATE_CONFIG", "t.toml", "");
        check("PATH", "/bin", "");
        check("TOLLGATE_LISTNE", "1", "there is no such setting; did you mean \"TOLLGATE_LISTEN\"?");
        check("TOLLGATE_XYZ", "1", "there is no such setting");
        check("TOLLGATE_", "1", "there is no such setting");
    }

    #[test]
    fn what_kubernetes_adds_for_services_of_our_name_is_passed_over() {
        check("TOLLGATE_PORT", "tcp://10.0.0.1:80", "");
        check("TOLLGATE_SERVICE_HOST", "10.0.0.1", "");
        check("TOLLGATE_ADMIN_SERVICE_PORT", "8081", "");
        check("TOLLGATE_SERVICE_PORT_HTTP", "80", "");
        check("TOLLGATE_PORT_80_TCP", "tcp://10.0.0.1:80", "");
        check("TOLLGATE_PORT_80_TCP_ADDR", "10.0.0.1", "");
        check("TOLLGATE_PORT", "80", "there is no such setting");
    }
}
