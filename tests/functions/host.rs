//! A function host in the test's own process, with the real binary as warden.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate::function::code::Limits;
use tollgate::function::definition::{Configured, Definition};
use tollgate::function::runtime::Runtime;
use tollgate::function::{self, Bounds, FunctionSettings, Host, User};

use crate::harness::{Client, Message};

/// A host to be.
pub struct Setup {
    folder: TempDir,
    pub settings: FunctionSettings,
}

/// A host that runs.
pub struct Running {
    pub host: Host,
    pub folder: TempDir,
}

impl Setup {
    pub fn new() -> Setup {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Functions may run as somebody else.
        let enter = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), enter).expect("the folder is ours");
        let settings = FunctionSettings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            functions: Vec::new(),
            account_id: "123456789012".to_owned(),
            region: "eu-south-1".to_owned(),
            data: None,
            run_folder: folder.path().join("run"),
            log_folder: None,
            python: python(),
            node: "node".into(),
            // Where the interpreters are is often for one user only.
            user: User::Same,
            launcher: env!("CARGO_BIN_EXE_tollgate").into(),
            bounds: bounds(),
            gate: Box::new(|_| Ok(())),
        };
        std::fs::create_dir(folder.path().join("run")).expect("the folder is ours");
        std::fs::set_permissions(folder.path().join("run"), std::fs::Permissions::from_mode(0o755)).expect("so is it");
        Setup { folder, settings }
    }

    pub fn set(mut self, change: impl FnOnce(&mut FunctionSettings)) -> Setup {
        change(&mut self.settings);
        self
    }

    pub fn data(self) -> Setup {
        let data = self.folder.path().join("data");
        self.set(|settings| settings.data = Some(data))
    }

    /// A function whose code is these files.
    pub fn function(
        mut self,
        name: &str,
        runtime: Runtime,
        handler: &str,
        files: &[(&str, &str)],
        change: impl FnOnce(&mut Definition),
    ) -> Setup {
        let code = self.folder.path().join(name);
        std::fs::create_dir(&code).expect("the folder is ours");
        for (file, text) in files {
            let path = code.join(file);
            std::fs::write(&path, text).expect("the folder is ours");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
        }
        let mut definition = Definition { handler: handler.to_owned(), ..Definition::new(name, runtime) };
        change(&mut definition);
        self.settings.functions.push(Configured { definition, code });
        self
    }

    /// A Python function, `app.handler` of the text.
    pub fn python(self, name: &str, text: &str, change: impl FnOnce(&mut Definition)) -> Setup {
        let runtime = Runtime::Python("python3.12".to_owned());
        self.function(name, runtime, "app.handler", &[("app.py", text)], change)
    }

    /// The Rust function of `bootstrap.rs`, whose variable `MODE` says what it does.
    pub fn bootstrap(self, name: &str, mode: &str, change: impl FnOnce(&mut Definition)) -> Setup {
        let setup = self.function(name, Runtime::Provided("provided.al2023".to_owned()), "", &[], |definition| {
            definition.environment.insert("MODE".to_owned(), mode.to_owned());
            change(definition);
        });
        std::fs::copy(bootstrap(), setup.folder.path().join(name).join("bootstrap")).expect("the folder is ours");
        setup
    }

    #[track_caller]
    pub fn start(self) -> Running {
        let host = function::start(self.settings).expect("the host starts");
        Running { host, folder: self.folder }
    }

    /// Why it does not start.
    #[track_caller]
    pub fn refusal(self) -> String {
        match function::start(self.settings) {
            Ok(_) => panic!("the host starts"),
            Err(problem) => problem,
        }
    }
}

pub fn bounds() -> Bounds {
    Bounds {
        functions_max: 100,
        processes_max: 16,
        function_processes_max: 4,
        idle: Duration::from_secs(600),
        // How soon a process asks for the next invocation is the machine's affair: tests of scaling say what they want.
        scale_after: Duration::from_secs(600),
        queue_max: 100,
        payload_bytes_max: 256 << 20,
        init_timeout: Duration::from_secs(10),
        request_bytes_max: 6 << 20,
        event_bytes_max: 1 << 20,
        response_bytes_max: 6 << 20,
        stream_bytes_max: 20 << 20,
        events_max: 100,
        event_retry: Duration::from_millis(1),
        log_bytes_max: 1 << 20,
        log_file_bytes_max: 1 << 20,
        code: Limits { zip_bytes_max: 50 << 20, bytes_max: 250 << 20, entries_max: 10_000 },
    }
}

/// The interpreter that has `awslambdaric`, which `tests/run` installs.
fn python() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
        let has = Command::new(&python).args(["-c", "import awslambdaric"]).output();
        assert!(
            has.is_ok_and(|output| output.status.success()),
            "{} has no awslambdaric: run tests/run, or install what tests/requirements.txt lists in target/venv",
            python.display()
        );
        python
    });
    found.clone()
}

/// A program that speaks the Runtime API with nothing but the standard library.
pub fn bootstrap() -> PathBuf {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions/bootstrap.rs");
        let compiler = option_env!("RUSTC").unwrap_or("rustc");
        let output = folder.path().join("bootstrap");
        let built = Command::new(compiler).arg("--edition=2024").arg("-o").arg(output).arg(source).status();
        assert!(built.expect("the compiler is there").success(), "bootstrap.rs compiles");
        folder
    });
    folder.path().join("bootstrap")
}

impl Running {
    pub fn connect(&self) -> Client {
        Client::connect(self.host.address)
    }

    /// A call with a body, over a connection of its own.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Message {
        self.connect().exchange(request(method, path, headers, body.as_ref()))
    }

    /// The answer of `Invoke`.
    #[track_caller]
    pub fn invoke(&self, name: &str, event: &Value) -> Message {
        self.call("POST", &invocations(name), "", event.to_string())
    }

    /// What a function returns.
    #[track_caller]
    pub fn returned(&self, name: &str, event: &Value) -> Value {
        let answer = self.invoke(name, event);
        assert_eq!((answer.status(), answer.field("x-amz-function-error")), (200, None), "{}", answer.text());
        serde_json::from_str(answer.text()).expect("JSON")
    }

    /// The error that an invocation ends in.
    #[track_caller]
    pub fn error(&self, name: &str, event: &Value) -> Value {
        let answer = self.invoke(name, event);
        assert_eq!(
            (answer.status(), answer.field("x-amz-function-error")),
            (200, Some("Unhandled")),
            "{}",
            answer.text()
        );
        serde_json::from_str(answer.text()).expect("JSON")
    }

    /// A call of the control API, and its answer.
    #[track_caller]
    pub fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.call(method, path, "", body);
        (answer.status(), serde_json::from_str(answer.text()).unwrap_or(Value::Null))
    }

    /// The lines of a function's log.
    #[track_caller]
    pub fn log(&self, name: &str) -> Vec<String> {
        let (_, answer) = self.control("GET", &format!("/tollgate/functions/{name}/logs"), &Value::Null);
        let events = answer["events"].as_array().expect("events");
        events.iter().map(|event| event["message"].as_str().expect("a text").to_owned()).collect()
    }

    /// How busy a function is: a figure of `GET /tollgate/functions`.
    #[track_caller]
    pub fn load(&self, name: &str, figure: &str) -> u64 {
        let (_, answer) = self.control("GET", "/tollgate/functions", &Value::Null);
        let functions = answer["functions"].as_array().expect("functions");
        let function = functions.iter().find(|function| function["name"] == name).expect("the function is there");
        function[figure].as_u64().expect("a number")
    }

    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut text = String::new();
        self.host.stats.render(&mut text);
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
    }
}

pub fn invocations(name: &str) -> String {
    format!("/2015-03-31/functions/{name}/invocations")
}

pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub fn nothing() -> Value {
    json!({})
}

/// Whether a process is there, and is no zombie.
pub fn is_alive(process: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").expect("there is a /proc").uid() == 0;
    if !is_root {
        eprintln!("skipped: only root can start functions as somebody else");
    }
    is_root
}
