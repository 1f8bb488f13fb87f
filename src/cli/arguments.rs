//! The arguments of the commands that work on documents and settings, and how they become settings. Those that talk to a
//! running gateway have theirs in their own files.

use crate::config::{BasePath, Driver, Environment, Flags, Node, Problems, Settings, load};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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
    /// The stage that the documents are deployed to; of an API that a gateway has, its only one without this [default: none,
    /// the document's own, or "default"]
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
    /// Start without the built-in example where there is neither a FILE nor --data: the management API makes the rest
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub empty: Option<bool>,
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
    // Lists are tables.
    #[value(alias = "table")]
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
    /// The settings, with these flags as the strongest source.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn settings(&self, environment: &Environment) -> Result<Settings, Problems> {
        let mut flags = Flags::new();
        self.add_to(&mut flags);
        load(self.config.as_deref(), flags, environment)
    }

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
        self.read.settings(environment)
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
        switch(&mut flags, "empty", self.empty);
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
