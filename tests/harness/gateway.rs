//! The gateway as a process: started with port 0, found by its start-up lines, ended by its id.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::api::{Api, mock};
use super::client::Client;
use super::{Message, wait_for, wait_until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    IoUring,
    Epoll,
}

impl Driver {
    fn flag(self) -> &'static str {
        match self {
            Driver::IoUring => "io_uring",
            Driver::Epoll => "epoll",
        }
    }
}

/// Whether this machine lets processes have rings; containers often do not.
pub fn has_io_uring() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let has = *ANSWER.get_or_init(|| {
        let gateway = Gateway::with(&Api::new().route("GET /", mock(200, ""))).start();
        gateway.output().contains("shards on io_uring")
    });
    if !has {
        eprintln!("skipped: io_uring is not available to this process");
    }
    has
}

/// A command line of `tollgate`, in a folder of its own.
pub struct Start {
    pub folder: TempDir,
    documents: usize,
    command: Command,
    arguments: Vec<String>,
    rooted: bool,
}

impl Start {
    /// `tollgate COMMAND`, with nothing of the environment that could be a setting.
    pub fn command(command: &str) -> Start {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        process.arg(command).current_dir(folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if ["TOLLGATE_", "AWS_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                process.env_remove(name);
            }
        }
        Start { folder, documents: 0, command: process, arguments: Vec::new(), rooted: true }
    }

    /// A further document; the first is `api0.yaml`.
    pub fn api(self, api: &Api) -> Start {
        self.document(&api.text())
    }

    pub fn document(mut self, text: &str) -> Start {
        let name = format!("api{}.yaml", self.documents);
        std::fs::write(self.folder.path().join(&name), text).expect("the folder is ours");
        self.arguments.push(name);
        self.documents += 1;
        self
    }

    pub fn driver(self, driver: Driver) -> Start {
        self.arg("--driver").arg(driver.flag())
    }

    pub fn shards(self, shards: usize) -> Start {
        self.set("shards", shards)
    }

    /// Sets a setting by its variable: `limits.head_timeout_ms`.
    pub fn set(mut self, setting: &str, value: impl std::fmt::Display) -> Start {
        let name = format!("TOLLGATE_{}", setting.to_uppercase().replace('.', "_"));
        self.command.env(name, value.to_string());
        self
    }

    /// Sets a variable that is no setting.
    pub fn variable(mut self, name: &str, value: &str) -> Start {
        self.command.env(name, value);
        self
    }

    pub fn arg(mut self, argument: impl Into<String>) -> Start {
        self.arguments.push(argument.into());
        self
    }

    /// Takes a flag and its value away again.
    pub fn without_flag(mut self, flag: &str) -> Start {
        let at = self.arguments.iter().position(|argument| argument == flag).expect("it was given");
        self.arguments.drain(at..at + 2);
        self
    }

    /// Serves by the stage in the path, as without `--root`.
    pub fn by_stage(mut self) -> Start {
        self.rooted = false;
        self
    }

    /// Gives a command something to read.
    pub fn input(mut self, text: &str) -> Start {
        let file = self.folder.path().join("standard-input");
        std::fs::write(&file, text).expect("the folder is ours");
        self.command.stdin(std::fs::File::open(file).expect("it was just written"));
        self
    }

    /// Runs a command to its end.
    pub fn run(mut self) -> Ended {
        let output = self.command.args(&self.arguments).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Serves, and waits until it does.
    #[track_caller]
    pub fn start(mut self) -> Gateway {
        if self.rooted && self.documents == 1 {
            self.arguments.push("--root".to_owned());
        }
        self.command.args(&self.arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = self.command.spawn().expect("the binary runs");
        let output = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(process.stderr.take().expect("it is piped"));
        let copy = Arc::clone(&output);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut output = copy.lock().expect("no panic with it");
                output.push_str(&line);
                output.push('\n');
            }
        });
        let mut gateway = Gateway { process, output, listening: Vec::new(), admin: None, folder: self.folder };
        wait_until("the gateway's start", || {
            let ended = gateway.process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "the gateway ended at its start");
            gateway.output().contains(" shards on ")
        });
        gateway.read_addresses();
        gateway
    }
}

/// A command that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn code(&self) -> i32 {
        self.status.code().expect("it was not killed")
    }
}

pub struct Gateway {
    process: Child,
    output: Arc<Mutex<String>>,
    /// Addresses for clients, in the order in which they were announced.
    pub listening: Vec<SocketAddr>,
    pub admin: Option<SocketAddr>,
    folder: TempDir,
}

impl Gateway {
    /// `tollgate serve` for one API, on ports that the system picks, with a log in the folder.
    pub fn with(api: &Api) -> Start {
        Gateway::serve().api(api)
    }

    /// `tollgate serve`, without a document.
    pub fn serve() -> Start {
        let start = Start::command("serve").arg("--listen").arg("127.0.0.1:0").arg("--admin").arg("127.0.0.1:0");
        let log = start.folder.path().join("access.log");
        // Many gateways share this machine's few CPUs: bound to them, most would sit on the first.
        let start = start.set("runtime.pin", "false").set("runtime.ring_entries", 256);
        start.set("access_log.destination", log.display()).set("access_log.flush_ms", 10).shards(1)
    }

    fn read_addresses(&mut self) {
        let output = self.output();
        let address = |line: &str| line.split("://").nth(1)?.split(' ').next()?.parse().ok();
        let lines = |start: &'static str| output.lines().filter(move |line| line.starts_with(start));
        self.listening = lines("listening on ").filter_map(address).collect();
        self.admin = lines("admin on ").find_map(address);
    }

    pub fn address(&self) -> SocketAddr {
        self.listening[0]
    }

    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Message {
        self.connect().get(target)
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn exchange(&self, request: impl AsRef<[u8]>) -> Message {
        self.connect().exchange(request)
    }

    /// What it wrote to its standard error so far.
    pub fn output(&self) -> String {
        self.output.lock().expect("no panic with it").clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a document as editors do: by renaming.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!(".{name}.new"));
        std::fs::write(&new, text).expect("the folder is ours");
        std::fs::rename(new, self.path(name)).expect("the same folder");
    }

    #[allow(unsafe_code)]
    pub fn signal(&self, signal: libc::c_int) {
        let id = libc::pid_t::try_from(self.process.id()).expect("a process id");
        // SAFETY: a plain system call; the process is our child and has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "the process is there");
    }

    /// Waits for the process to end.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        wait_for("the gateway's end", || self.process.try_wait().expect("it is our child")).code()
    }

    #[track_caller]
    pub fn admin(&self, request: &str) -> Message {
        let mut client = Client::connect(self.admin.expect("there is an admin listener"));
        client.exchange(format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))
    }

    /// A call of the management API, and what it answers; `null` is no body.
    #[track_caller]
    pub fn manage(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.manage_text(method, path, "application/json", &body)
    }

    /// The same with a body of another type. Without credentials in its settings the gateway takes any signature.
    #[track_caller]
    pub fn manage_text(&self, method: &str, path: &str, content_type: &str, body: &str) -> Value {
        let answer = self.management(method, path, content_type, body);
        assert!((200..300).contains(&answer.status()), "{method} {path}: {} {}", answer.status(), answer.text());
        serde_json::from_str(answer.text()).unwrap_or(Value::Null)
    }

    /// The same for a call that may be refused.
    #[track_caller]
    pub fn management(&self, method: &str, path: &str, content_type: &str, body: &str) -> Message {
        let signature = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/apigateway/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=00";
        let length = body.len();
        Client::connect(self.admin.expect("there is an admin listener")).exchange(format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Date: 20250101T000000Z\r\nAuthorization: {signature}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// `tollgate COMMAND` for this gateway.
    pub fn command(&self, command: &str) -> Start {
        let admin = self.admin.expect("there is an admin listener");
        Start::command(command).variable("TOLLGATE_ADMIN_URL", &format!("http://{admin}"))
    }

    /// `POST /reload`, and its answer.
    #[track_caller]
    pub fn reload(&self) -> Message {
        self.admin("POST /reload")
    }

    /// All samples of `/metrics`, by name and labels as they stand in the text.
    #[track_caller]
    pub fn metrics(&self) -> HashMap<String, f64> {
        let answer = self.admin("GET /metrics");
        let samples = answer.text().lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        samples.map(sample).collect()
    }

    /// One sample, without the prefix `tollgate_`; 0 where there is none.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        self.metrics().get(&format!("tollgate_{name}")).copied().unwrap_or(0.0)
    }

    #[track_caller]
    pub fn wait_for_metric(&self, name: &str, expected: f64) {
        let mut seen = 0.0;
        for _ in 0..1000 {
            seen = self.metric(name);
            if seen == expected {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{name} is {seen}, not {expected}");
    }

    /// The access log, when it has at least so many lines.
    #[track_caller]
    pub fn log(&self, lines: usize) -> Vec<Value> {
        read_log(&self.path("access.log"), lines)
    }
}

/// The lines of an access log, when there are at least so many.
#[track_caller]
pub fn read_log(path: &Path, lines: usize) -> Vec<Value> {
    let lines = read_log_lines(path, lines);
    lines.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The same as they stand there.
#[track_caller]
pub fn read_log_lines(path: &Path, lines: usize) -> Vec<String> {
    let text = wait_for("lines in the access log", || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        (text.ends_with('\n') && text.lines().count() >= lines || lines == 0).then_some(text)
    });
    text.lines().map(str::to_owned).collect()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway's standard error\n{}---", self.output());
        }
    }
}
