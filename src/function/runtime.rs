//! What starts a function: the command and the environment of each of Lambda's runtimes.
//!
//! `runtime/node.mjs` is our own Runtime API client for Node; Python's is AWS's `awslambdaric`, which has to be installed for
//! the interpreter; `provided` programs bring their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::definition::Definition;
use super::name::{self, LATEST};

/// The client for Node, to be written where functions can read it.
pub const NODE_CLIENT: &str = include_str!("runtime/node.mjs");

/// Which of Lambda's runtimes a function is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.12`
    Python(String),
    /// `nodejs22.x`
    Node(String),
    /// `provided.al2023`, or `go1.x`: a program that speaks the Runtime API, `bootstrap`.
    Provided(String),
    /// No runtime of Lambda's: a program and its arguments, which speaks the Runtime API.
    Command(Vec<String>),
}

impl Runtime {
    /// # Errors
    /// No runtime that is known here.
    pub fn parse(text: &str) -> Result<Runtime, String> {
        let version = |rest: &str| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
        };
        let after = |prefix: &str| text.strip_prefix(prefix).is_some_and(version);
        if after("python3") {
            Ok(Runtime::Python(text.to_owned()))
        } else if after("nodejs") {
            Ok(Runtime::Node(text.to_owned()))
        } else if text == "provided" || after("provided.") {
            Ok(Runtime::Provided(text.to_owned()))
        } else {
            Err("is no runtime that is known here; write python3.x, nodejsN.x, provided.al2023, or a command"
                .to_owned())
        }
    }

    /// As `Runtime` in the control API; a command has none there.
    pub fn identifier(&self) -> Option<&str> {
        match self {
            Runtime::Python(text) | Runtime::Node(text) | Runtime::Provided(text) => Some(text),
            Runtime::Command(_) => None,
        }
    }

    /// Whether `_HANDLER` is more than a word for the program itself.
    pub fn needs_handler(&self) -> bool {
        matches!(self, Runtime::Python(_) | Runtime::Node(_))
    }

    /// What the limit of writable memory leaves on top of the function's own: for Node, the stacks of its threads and what
    /// V8 sets aside.
    fn data_allowance_mb(&self) -> u64 {
        match self {
            Runtime::Node(_) => 768,
            Runtime::Python(_) | Runtime::Provided(_) | Runtime::Command(_) => 192,
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Runtime::Command(words) => f.write_str(&words.join(" ")),
            Runtime::Python(text) | Runtime::Node(text) | Runtime::Provided(text) => f.write_str(text),
        }
    }
}

/// Where the interpreters are, and our client for Node.
#[derive(Clone, Debug)]
pub struct Interpreters {
    pub python: PathBuf,
    pub node: PathBuf,
    pub node_client: PathBuf,
}

/// What is the same for all processes of a host.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub region: String,
    pub interpreters: Interpreters,
    /// `PATH` of the gateway.
    pub path: Option<OsString>,
}

/// The program and its arguments.
pub fn command(definition: &Definition, root: &Path, interpreters: &Interpreters) -> Vec<OsString> {
    let words = |words: &[&dyn AsRef<std::ffi::OsStr>]| words.iter().map(|word| word.as_ref().to_owned()).collect();
    match &definition.runtime {
        Runtime::Python(_) => words(&[&interpreters.python, &"-m", &"awslambdaric", &definition.handler]),
        Runtime::Node(_) => {
            // As in AWS, V8 keeps clear of the limit by itself.
            let heap = format!("--max-old-space-size={}", (definition.memory_mb * 9 / 10).max(64));
            words(&[&interpreters.node, &heap, &interpreters.node_client])
        }
        Runtime::Provided(_) => words(&[&root.join("bootstrap")]),
        Runtime::Command(command) => command.iter().map(OsString::from).collect(),
    }
}

/// The most that RLIMIT_DATA allows.
pub fn data_bytes_max(definition: &Definition) -> u64 {
    (u64::from(definition.memory_mb) + definition.runtime.data_allowance_mb()) << 20
}

/// Everything that a process finds in its environment: nothing of the gateway's own but `PATH`.
pub fn environment(
    definition: &Definition,
    surroundings: &Surroundings,
    root: &Path,
    temporary: &Path,
    runtime_api: &str,
    log_stream: &str,
) -> BTreeMap<OsString, OsString> {
    let mut environment: BTreeMap<OsString, OsString> =
        definition.environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut set = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        environment.insert(name.into(), value.as_ref().to_owned());
    };
    set("AWS_LAMBDA_RUNTIME_API", &runtime_api);
    set("_HANDLER", &definition.handler);
    set("LAMBDA_TASK_ROOT", &root);
    set("AWS_LAMBDA_FUNCTION_NAME", &definition.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &LATEST);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &definition.memory_mb.to_string());
    set("AWS_LAMBDA_LOG_GROUP_NAME", &log_group(&definition.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &"on-demand");
    set("AWS_REGION", &surroundings.region);
    set("AWS_DEFAULT_REGION", &surroundings.region);
    if let Some(identifier) = definition.runtime.identifier() {
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{identifier}"));
    }
    let mut default = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        environment.entry(name.into()).or_insert_with(|| value.as_ref().to_owned());
    };
    default("HOME", &temporary);
    default("TMPDIR", &temporary);
    default("LANG", &"C.UTF-8");
    default("TZ", &"UTC");
    default("PATH", &surroundings.path.clone().unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
    environment
}

/// As Lambda names it in CloudWatch.
pub fn log_group(function_name: &str) -> String {
    format!("/aws/lambda/{function_name}")
}

/// What AWS keeps for itself, which a function's own variables may not be; `None` for a name that may be used.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
pub fn reserved_variable(name: &str) -> Option<&'static str> {
    const RESERVED: &[&str] = &[
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ];
    RESERVED.iter().find(|reserved| **reserved == name).copied()
}

/// Whether this may be the name of a variable: AWS's `[a-zA-Z]([a-zA-Z0-9_])+`, and the system's underscore.
pub fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= name::NAME_LENGTH_MAX * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, known: bool) {
        assert_eq!(Runtime::parse(text).is_ok(), known, "{text}");
    }

    #[test]
    fn runtimes() {
        check("python3.12", true);
        check("nodejs22.x", true);
        check("provided", true);
        check("provided.al2023", true);
        check("python2.7", false);
        check("java21", false);
        check("nodejs", false);
        check("provided./x", false);
        check("", false);
    }

    fn definition(runtime: &str) -> Definition {
        let runtime = Runtime::parse(runtime).expect("known");
        Definition { handler: "app.handler".to_owned(), ..Definition::new("pets", runtime) }
    }

    fn interpreters() -> Interpreters {
        Interpreters {
            python: "/usr/bin/python3".into(),
            node: "/usr/bin/node".into(),
            node_client: "/run/n.mjs".into(),
        }
    }

    #[track_caller]
    fn check_command(runtime: &str, expected: &str) {
        let words = command(&definition(runtime), Path::new("/code"), &interpreters());
        let words: Vec<_> = words.iter().map(|word| word.to_str().expect("text")).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn commands() {
        check_command("python3.12", "/usr/bin/python3 -m awslambdaric app.handler");
        check_command("nodejs20.x", "/usr/bin/node --max-old-space-size=115 /run/n.mjs");
        check_command("provided.al2023", "/code/bootstrap");
    }

    #[test]
    fn an_environment_has_nothing_else() {
        let mut definition = definition("python3.12");
        definition.environment.insert("TZ".to_owned(), "Europe/Rome".to_owned());
        definition.environment.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), "forged".to_owned());
        let surroundings = Surroundings { region: "eu-south-1".to_owned(), interpreters: interpreters(), path: None };
        let found = environment(
            &definition,
            &surroundings,
            Path::new("/c"),
            Path::new("/t"),
            "127.0.0.1:9",
            "2026/11/26/[$LATEST]1",
        );
        let text: Vec<String> =
            found.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(
            text.join("\n"),
            "AWS_DEFAULT_REGION=eu-south-1\nAWS_EXECUTION_ENV=AWS_Lambda_python3.12\nAWS_LAMBDA_FUNCTION_MEMORY_SIZE=128\n\
             AWS_LAMBDA_FUNCTION_NAME=pets\nAWS_LAMBDA_FUNCTION_VERSION=$LATEST\n\
             AWS_LAMBDA_INITIALIZATION_TYPE=on-demand\nAWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/pets\n\
             AWS_LAMBDA_LOG_STREAM_NAME=2026/11/26/[$LATEST]1\nAWS_LAMBDA_RUNTIME_API=127.0.0.1:9\n\
             AWS_REGION=eu-south-1\nHOME=/t\nLAMBDA_TASK_ROOT=/c\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\n\
             TMPDIR=/t\nTZ=Europe/Rome\n_HANDLER=app.handler"
        );
    }

    #[test]
    fn names_of_variables() {
        assert!(is_variable_name("TABLE_1") && is_variable_name("_x"));
        assert!(
            !is_variable_name("1A") && !is_variable_name("A=B") && !is_variable_name("") && !is_variable_name("A B")
        );
        assert!(reserved_variable("_HANDLER").is_some() && reserved_variable("TABLE").is_none());
    }
}
