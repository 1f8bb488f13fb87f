//! The command line: what can be written there, and which command it calls.
//!
//! One file a command: `serve`, `check`, `routes`, `test-invoke`, [`config`], [`completions`]. Exit codes: 0 all is well, 1 something
//! is wrong with what was given (documents, settings), 2 the command line itself is wrong.

pub mod check;
pub mod completions;
pub mod config;
mod demo;
pub mod routes;
pub mod serve;
pub mod test_invoke;

use crate::config::{BasePath, Config, Driver, Environment, Flags, Node, Problems, Settings, load};
use crate::openapi::{self, ImportOptions};
use crate::plan::compile;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

/// Runs the command that the arguments (the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(command_line) => command_line.command,
        Err(error) => {
            // Help and version come this way too, with exit code 0. There is nobody left to tell if printing fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match command {
        Command::Serve(args) => with_settings(args.settings(environment), |settings| serve::run(&args, settings)),
        Command::Check(args) => with_documents(args.api.settings(environment), |Settings { config, .. }| {
            let (import, options) = (import_options(&config), compile_options(&config));
            ExitCode::from(check::run(&config.files, &import, &options, report_format(args.format)))
        }),
        Command::Routes(args) => with_documents(args.api.settings(environment), |Settings { config, .. }| {
            let (import, options) = (import_options(&config), compile_options(&config));
            ExitCode::from(routes::run(&config.files, &import, &options, report_format(args.format)))
        }),
        Command::TestInvoke(args) => {
            with_settings(args.settings(environment), |settings| test_invoke::run(&args, &settings.config))
        }
        Command::Config(args) if args.reference => config::reference(args.format),
        Command::Config(args) => {
            with_settings(args.serve.settings(environment), |settings| config::run(&args, &settings))
        }
        Command::Completions(args) => completions::run(args.shell),
    }
}

fn with_settings(settings: Result<Settings, Problems>, command: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    match settings {
        Ok(settings) => command(settings),
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(problems.exit_code())
        }
    }
}

/// For a command that has nothing to do without a document.
fn with_documents(settings: Result<Settings, Problems>, command: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    with_settings(settings, |settings| {
        if settings.config.files.is_empty() {
            eprintln!("there is no document; name one or more, or set `files` in the settings file");
            return ExitCode::from(2);
        }
        command(settings)
    })
}

fn colour_on_stderr() -> bool {
    io::stderr().is_terminal()
}

fn report_format(format: Format) -> check::Format {
    match format {
        Format::Text => check::Format::Text { colour: io::stdout().is_terminal() },
        Format::Json => check::Format::Json,
    }
}

/// What the settings say of reading documents.
fn import_options(config: &Config) -> ImportOptions {
    ImportOptions {
        base_path: match config.basepath {
            BasePath::Ignore => openapi::BasePath::Ignore,
            BasePath::Prepend => openapi::BasePath::Prepend,
            BasePath::Split => openapi::BasePath::Split,
        },
        mock_missing: config.mock_missing,
        stage_name: config.stage.clone(),
        stage_variables: config.stage_variables.clone().into_iter().collect(),
    }
}

/// What the settings say of compiling them.
fn compile_options(config: &Config) -> compile::Options {
    let limits = compile::Limits {
        integration_timeout_ms_max: config.limits.integration_timeout_max_ms,
        template_bytes_max: config.limits.template_bytes_max,
    };
    compile::Options { root: config.root, limits, on_unsupported: compile::Unsupported::Refuse }
}

/// Writes a command's output. A reader that has left (`tollgate config | head`) is no error.
pub fn print(output: &str) -> ExitCode {
    match io::stdout().lock().write_all(output.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[derive(Debug, Parser)]
#[command(name = "tollgate", version, long_version = LONG_VERSION.as_str(), after_help = EXAMPLES)]
#[command(max_term_width = 120)]
/// The API gateway that you own: AWS API Gateway's semantics, from an OpenAPI document, on your own servers.
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// `0.1.0 (x86_64-linux-gnu, release)`: what a bug report needs.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let library = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (version, arch, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    format!("{version} ({arch}-{os}-{library}, {profile})")
});

const EXAMPLES: &str = "\
Examples:
  tollgate serve                          the built-in example, with its own backend
  tollgate serve petstore.yaml            one API at http://127.0.0.1:8080/default/
  tollgate check petstore.yaml            what would stand against serving it
  tollgate test-invoke a.yaml GET /pets   one request, step by step, without serving it
  tollgate config --config tollgate.toml  every setting, and where its value comes from

Settings may also come from a file (--config) and from TOLLGATE_ variables; a flag is the strongest.
Exit codes: 0 all is well, 1 a document or a setting is wrong, 2 the command line is wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the APIs that OpenAPI documents describe
    Serve(ServeArgs),
    /// Say what stands against serving documents, with file, line, column and what to write instead
    Check(CheckArgs),
    /// List the routes of documents
    Routes(RoutesArgs),
    /// Try a method of a document, without serving it, and tell each step
    TestInvoke(TestInvokeArgs),
    /// Print every setting with its value and where that came from, as a settings file
    Config(ConfigArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
}

/// What every command takes that reads documents.
#[derive(Args, Clone, Debug, Default)]
pub struct ApiArgs {
    /// OpenAPI documents (2.0, 3.0 or 3.1; YAML or JSON), one API each
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub read: ReadArgs,
}

/// How documents are read.
#[derive(Args, Clone, Debug, Default)]
pub struct ReadArgs {
    /// The settings file (.toml, .yaml, .yml or .json); TOLLGATE_CONFIG names one too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stage that the documents are deployed to [default: none, the document's own, or "default"]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// A variable of the stage, ${stageVariables.NAME} in the documents; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub stage_variable: Vec<String>,
    /// What becomes of a document's base path: AWS's parameter of an import [default: ignore]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(BasePath::WORDS))]
    pub basepath: Option<String>,
    /// Answer methods without an integration from their examples instead of refusing the document
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mock_missing: Option<bool>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// An address for clients; may be repeated [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// The address of the admin listener, loopback only, or "off" [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// How many shards serve, 1 to 256 or "auto" [default: auto, one for each CPU that may be used]
    #[arg(long, value_name = "N")]
    pub shards: Option<String>,
    /// What drives the sockets [default: auto, io_uring where the kernel allows it]
    #[arg(long, value_name = "DRIVER", value_parser = PossibleValuesParser::new(Driver::WORDS))]
    pub driver: Option<String>,
    /// The folder for what must outlive the process [default: none, nothing is written]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// Serve the one API at /, without the stage in the path
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub root: Option<bool>,
    /// A certificate chain in PEM; may be repeated, each with its --tls-key
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Vec<String>,
    /// The private key of the --tls-certificate in the same position
    #[arg(long, value_name = "FILE")]
    pub tls_key: Vec<String>,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  tollgate serve                                      the built-in example
  tollgate serve petstore.yaml --root                 at http://127.0.0.1:8080/
  tollgate serve a.yaml b.json --stage dev            two APIs, selected by host name or path
  tollgate serve a.yaml --listen 0.0.0.0:80 --listen '[::]:80'
  tollgate serve a.yaml --listen 0.0.0.0:443 --tls-certificate chain.pem --tls-key key.pem
  tollgate serve a.yaml --stage-variable backend=10.0.0.7:9000

All settings, also those without a flag: tollgate config --reference";

#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 nothing stands against serving, 1 something does, 2 the command line is wrong.")]
pub struct CheckArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// The form of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Args, Clone, Debug)]
pub struct RoutesArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = TEST_INVOKE_EXAMPLES)]
pub struct TestInvokeArgs {
    /// The OpenAPI document
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The request's method
    #[arg(value_name = "METHOD")]
    pub method: String,
    /// The request's path without the stage, and its query string: '/pets/7?type=cat'
    #[arg(value_name = "PATH")]
    pub path: String,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The request's body; @FILE reads it from a file, @- from the standard input
    #[arg(short = 'd', long, value_name = "TEXT")]
    pub body: Option<String>,
    /// Print the answer of AWS's TestInvokeMethod
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub read: ReadArgs,
}

const TEST_INVOKE_EXAMPLES: &str = "\
Examples:
  tollgate test-invoke petstore.yaml GET /pets/7
  tollgate test-invoke petstore.yaml GET '/pets?type=cat' -H 'Accept: text/html'
  tollgate test-invoke petstore.yaml POST /pets -d '{\"type\": \"cat\"}'
  tollgate test-invoke petstore.yaml POST /pets -d @pet.json --stage-variable backend=127.0.0.1:9000
  tollgate test-invoke petstore.yaml GET /pets --json | jq -r .log

HTTP integrations are really called: what they change is changed.
Exit codes: 0 the method was executed, whatever its status, 1 it could not be, 2 the command line is wrong.";

#[derive(Args, Clone, Debug)]
#[command(after_help = CONFIG_EXAMPLES)]
pub struct ConfigArgs {
    #[command(flatten)]
    pub serve: ServeArgs,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Print what every setting means, what is allowed and what AWS has, instead of the values
    #[arg(long)]
    pub reference: bool,
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  tollgate config > tollgate.toml            the values in effect, as a settings file
  tollgate config --config tollgate.toml --shards 2
  tollgate config --reference | less         what each setting means";

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  tollgate completions bash > /etc/bash_completion.d/tollgate")]
pub struct CompletionsArgs {
    pub shell: clap_complete::Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

impl ApiArgs {
    /// The settings, with these flags as the strongest source.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn settings(&self, environment: &Environment) -> Result<Settings, Problems> {
        load(self.read.config.as_deref(), self.flags(), environment)
    }

    fn flags(&self) -> Flags {
        let mut flags = Flags::new();
        repeated(&mut flags, "files", &self.files);
        self.read.add_to(&mut flags);
        flags
    }
}

impl ReadArgs {
    fn add_to(&self, flags: &mut Flags) {
        single(flags, "stage", self.stage.as_deref());
        repeated(flags, "stage_variables", &self.stage_variable);
        single(flags, "basepath", self.basepath.as_deref());
        switch(flags, "mock_missing", self.mock_missing);
    }
}

impl TestInvokeArgs {
    /// The settings, with these flags as the strongest source.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn settings(&self, environment: &Environment) -> Result<Settings, Problems> {
        let mut flags = Flags::new();
        self.read.add_to(&mut flags);
        load(self.read.config.as_deref(), flags, environment)
    }
}

impl ServeArgs {
    /// The settings, with these flags as the strongest source.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn settings(&self, environment: &Environment) -> Result<Settings, Problems> {
        load(self.api.read.config.as_deref(), self.flags(), environment)
    }

    fn flags(&self) -> Flags {
        let mut flags = self.api.flags();
        repeated(&mut flags, "listen", &self.listen);
        single(&mut flags, "admin", self.admin.as_deref());
        single(&mut flags, "shards", self.shards.as_deref());
        single(&mut flags, "driver", self.driver.as_deref());
        single(&mut flags, "data", self.data.as_deref());
        switch(&mut flags, "root", self.root);
        if !self.tls_certificate.is_empty() || !self.tls_key.is_empty() {
            flags.push(("tls.certificates", Node::list(self.certificates())));
        }
        flags
    }

    /// The n-th certificate with the n-th key; one that has no partner is left incomplete, for the check to refuse.
    fn certificates(&self) -> Vec<Node> {
        let pair = |index: usize| {
            let certificate = self.tls_certificate.get(index).map(|path| ("certificate", path.as_str()));
            let key = self.tls_key.get(index).map(|path| ("key", path.as_str()));
            Node::table(certificate.into_iter().chain(key))
        };
        (0..self.tls_certificate.len().max(self.tls_key.len())).map(pair).collect()
    }
}

fn single(flags: &mut Flags, key: &'static str, value: Option<&str>) {
    flags.extend(value.map(|value| (key, Node::written(value))));
}

fn switch(flags: &mut Flags, key: &'static str, value: Option<bool>) {
    flags.extend(value.map(|value| (key, Node::written(value.to_string()))));
}

fn repeated(flags: &mut Flags, key: &'static str, values: &[String]) {
    if !values.is_empty() {
        flags.push((key, Node::list(values.iter().map(Node::written))));
    }
}

#[cfg(test)]
mod tests;
