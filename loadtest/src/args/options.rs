//! What may be written on the command line. [`super::load`] and [`super::workload`] make of it what a run works with.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use super::number::{self, Rate};
use crate::report::expect::Expectations;
use crate::settings::DriverChoice;
use crate::target::check::Statuses;

/// Load-test an HTTP server: open or closed loop, free of coordinated omission.
#[derive(Debug, Parser)]
#[command(
    name = "loadtest",
    version,
    max_term_width = 120,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = EXAMPLES,
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<SubCommand>,
    #[command(flatten)]
    pub options: Options,
}

const EXAMPLES: &str = "\
Examples:
  loadtest http://localhost:8080/                        as fast as it goes, 64 connections, 10 s
  loadtest http://localhost:8080/ --rate 10k             10,000 requests a second, whatever the server does
  loadtest http://localhost:8080/ --rate 1k..50k --steps 10 --html report.html
  loadtest http://localhost:8080/ --find-max 'p99<5ms'   the highest rate that keeps the promise
  loadtest 9=http://localhost:8080/pets 1=http://localhost:8080/pets/1
  loadtest http://localhost:8080/users/{{seq}} -X PUT --json-body '{\"name\": \"{{random_string:8}}\"}'
  loadtest http://localhost:8080 --openapi petstore.yaml --expect 'p99<5ms,error_rate<0.1%'
  loadtest compare before.json after.json --html comparison.html";

#[derive(Debug, Subcommand)]
pub enum SubCommand {
    /// Put the JSON reports of several runs side by side
    Compare(Compare),
}

#[derive(Debug, Args)]
pub struct Compare {
    /// Reports that --json wrote; the first is what the others are compared with
    #[arg(value_name = "REPORT", required = true, num_args = 2..)]
    pub reports: Vec<PathBuf>,
    /// Also write a page with the comparison
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("body"), group = ArgGroup::new("request_file"))]
pub struct Options {
    /// What to ask; several take turns, in proportion to their weights
    #[arg(value_name = "[WEIGHT=]URL")]
    pub urls: Vec<String>,

    /// Requests a second, all workers together: 500, 10k, or from one rate to another: 1k..50k. Without it, each
    /// connection sends its next request when it has an answer, as fast as it goes
    #[arg(long, short, value_name = "RATE", help_heading = SCHEDULE)]
    pub rate: Option<Rate>,
    /// Go through a range of rates in so many steps of equal length instead of a straight line
    #[arg(long, value_name = "N", help_heading = SCHEDULE, value_parser = number::count)]
    pub steps: Option<u64>,
    /// How requests are spread over time [default: even]
    #[arg(long, value_name = "KIND", help_heading = SCHEDULE)]
    pub arrivals: Option<ArrivalsChoice>,
    /// How long to measure [default: 10s, or as long as --requests-total takes]
    #[arg(long, short = 'z', value_name = "TIME", help_heading = SCHEDULE, value_parser = number::positive_duration)]
    pub duration: Option<Duration>,
    /// End after so many requests, if that comes before the end of --duration
    #[arg(long, short = 'n', value_name = "N", help_heading = SCHEDULE, value_parser = number::count)]
    pub requests_total: Option<u64>,
    /// Load before the measured run, not recorded; 0 for none
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, default_value = "2s", value_parser = number::duration)]
    pub warm_up: Duration,
    /// Repeat the run, so that `compare` knows the noise
    #[arg(long, value_name = "N", help_heading = SCHEDULE, default_value = "1", value_parser = number::count)]
    pub repeat: u64,
    /// Search the highest rate that meets conditions such as p99<5ms, between the bounds of --rate LOW..HIGH
    /// [default bounds: 100..1M]
    #[arg(long, value_name = "CONDITIONS", help_heading = SCHEDULE,
        conflicts_with_all = ["steps", "duration", "requests_total", "repeat"])]
    pub find_max: Option<Expectations>,
    /// How long each trial of the search takes [default: 5s]
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, requires = "find_max",
        value_parser = number::positive_duration)]
    pub trial: Option<Duration>,
    /// How close to the highest rate the search goes [default: 5%]
    #[arg(long, value_name = "SHARE", help_heading = SCHEDULE, requires = "find_max", value_parser = number::share)]
    pub precision: Option<f64>,
    /// Makes random values and arrivals repeatable [default: another one each time]
    #[arg(long, value_name = "N", help_heading = SCHEDULE)]
    pub seed: Option<u64>,

    /// GET, POST or any other [default: GET, POST with a body]
    #[arg(long, short = 'X', value_name = "METHOD", help_heading = REQUEST, conflicts_with = "request_file")]
    pub method: Option<String>,
    /// A header for every request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", help_heading = REQUEST)]
    pub headers: Vec<String>,
    /// A body, sent as application/x-www-form-urlencoded unless a header says otherwise
    #[arg(long, allow_hyphen_values = true, short, value_name = "TEXT", help_heading = REQUEST, group = "body", conflicts_with = "request_file")]
    pub data: Option<String>,
    /// A body, sent as application/json unless a header says otherwise
    #[arg(long, allow_hyphen_values = true, value_name = "JSON", help_heading = REQUEST, group = "body", conflicts_with = "request_file")]
    pub json_body: Option<String>,
    /// A body from a file
    #[arg(long, value_name = "FILE", help_heading = REQUEST, group = "body", conflicts_with = "request_file")]
    pub body_file: Option<PathBuf>,
    /// Requests from a file with a JSON object on each line
    #[arg(long, value_name = "FILE", help_heading = REQUEST, group = "request_file")]
    pub requests: Option<PathBuf>,
    /// Requests for the operations of an OpenAPI document, 2.0 to 3.1; those that only read, unless told otherwise
    #[arg(long, value_name = "FILE", help_heading = REQUEST, group = "request_file")]
    pub openapi: Option<PathBuf>,
    /// Only these operations, such as 'GET /pets,POST /pets'
    #[arg(long, value_name = "LIST", help_heading = REQUEST, requires = "openapi", value_delimiter = ',')]
    pub operations: Vec<String>,
    /// All operations, those that change or delete things too
    #[arg(long, help_heading = REQUEST, requires = "openapi", conflicts_with = "operations")]
    pub all_operations: bool,
    /// In front of every path instead of the document's base path; / for none
    #[arg(long, value_name = "PATH", help_heading = REQUEST, requires = "openapi")]
    pub base_path: Option<String>,
    /// API keys, one a line, sent as x-api-key in turn
    #[arg(long, value_name = "FILE", help_heading = REQUEST)]
    pub api_keys: Option<PathBuf>,
    /// Tokens, one a line, sent as Authorization: Bearer in turn
    #[arg(long, value_name = "FILE", help_heading = REQUEST)]
    pub bearer_tokens: Option<PathBuf>,

    /// Statuses that are right: 200,201,2xx [default: every one below 400]
    #[arg(long, value_name = "LIST", help_heading = EXPECTATIONS)]
    pub expect_status: Option<Statuses>,
    /// A text that every answer's body has to contain
    #[arg(long, allow_hyphen_values = true, value_name = "TEXT", help_heading = EXPECTATIONS)]
    pub expect_body: Option<String>,
    /// A regular expression that every answer's body has to match
    #[arg(long, value_name = "REGEX", help_heading = EXPECTATIONS)]
    pub expect_body_regex: Option<regex::bytes::Regex>,
    /// Conditions on the whole run, such as p99<5ms,error_rate<0.1%; if one is not met, the exit code is 1
    #[arg(long, value_name = "CONDITIONS", help_heading = EXPECTATIONS)]
    pub expect: Option<Expectations>,

    /// Connections, all workers together
    #[arg(long, short, value_name = "N", help_heading = CONNECTIONS, default_value = "64", value_parser = number::count)]
    pub connections: u64,
    /// Requests in flight on a connection (pipelining)
    #[arg(long, value_name = "N", help_heading = CONNECTIONS, default_value = "1", value_parser = number::count)]
    pub depth: u64,
    /// How long to wait for an answer, or for a connection
    #[arg(long, value_name = "TIME", help_heading = CONNECTIONS, default_value = "10s",
        value_parser = number::positive_duration)]
    pub timeout: Duration,
    /// Open a new connection after so many answers
    #[arg(long, value_name = "N", help_heading = CONNECTIONS, value_parser = number::count)]
    pub requests_per_connection: Option<u64>,
    /// Open so many new connections a second, each in the place of the one that was idle longest
    #[arg(long, value_name = "RATE", help_heading = CONNECTIONS, value_parser = number::rate)]
    pub connections_per_second: Option<f64>,
    /// Connect there instead of to the URL's host
    #[arg(long, value_name = "HOST:PORT", help_heading = CONNECTIONS)]
    pub connect_to: Option<String>,
    /// The local address to connect from
    #[arg(long, value_name = "ADDRESS", help_heading = CONNECTIONS)]
    pub bind: Option<IpAddr>,
    /// The largest response head that is read
    #[arg(long, value_name = "SIZE", help_heading = CONNECTIONS, default_value = "64KiB", value_parser = number::bytes)]
    pub head_bytes_max: usize,
    /// How much of a body is kept to be checked
    #[arg(long, value_name = "SIZE", help_heading = CONNECTIONS, default_value = "1MiB", value_parser = number::bytes)]
    pub body_bytes_max: usize,

    /// Do not verify certificates
    #[arg(long, short = 'k', help_heading = TLS)]
    pub insecure: bool,
    /// Certificates to trust beside the system's, PEM
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub cacert: Option<PathBuf>,
    /// The client's certificate chain, PEM
    #[arg(long, value_name = "FILE", help_heading = TLS, requires = "key")]
    pub cert: Option<PathBuf>,
    /// The client's private key, PEM
    #[arg(long, value_name = "FILE", help_heading = TLS, requires = "cert")]
    pub key: Option<PathBuf>,
    /// The name to send and to verify instead of the URL's host
    #[arg(long, value_name = "NAME", help_heading = TLS)]
    pub server_name: Option<String>,
    /// A full handshake for every connection
    #[arg(long, help_heading = TLS)]
    pub no_resume: bool,

    /// Threads that send [default: half of the CPUs]
    #[arg(long, short = 't', value_name = "N", help_heading = TOOL, value_parser = number::count)]
    pub workers: Option<u64>,
    /// CPUs to pin the workers to, in order: 0,2-3
    #[arg(long, value_name = "CPUS", help_heading = TOOL, value_parser = clap::builder::ValueParser::new(number::cpus))]
    pub pin: Option<Cpus>,
    /// How to talk to the kernel
    #[arg(long, value_name = "DRIVER", help_heading = TOOL, default_value = "auto")]
    pub driver: DriverChoice,
    /// Waits shorter than this are spun, because a sleeping thread wakes up late; 0 for never
    #[arg(long, value_name = "TIME", help_heading = TOOL, default_value = "50us", value_parser = number::duration)]
    pub spin: Duration,
    /// The server's process: its CPU time and memory are measured too
    #[arg(long, value_name = "PID", help_heading = TOOL)]
    pub target_pid: Option<u32>,

    /// A name for the run [default: the URL]
    #[arg(long, value_name = "TEXT", help_heading = OUTPUT)]
    pub label: Option<String>,
    /// Write the report as JSON; - is the standard output
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub json: Option<PathBuf>,
    /// Write the report as a page that needs nothing else
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub html: Option<PathBuf>,
    /// Write the time series as CSV
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub csv: Option<PathBuf>,
    /// Write the latency distribution in HdrHistogram's text form
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub hgrm: Option<PathBuf>,
    /// Write an HdrHistogram interval log
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub hlog: Option<PathBuf>,
    /// No progress and no summary
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// clap takes a field of type `Vec` for an option that may be repeated.
pub type Cpus = Vec<usize>;

const SCHEDULE: &str = "Schedule";
const REQUEST: &str = "Requests";
const EXPECTATIONS: &str = "Expectations";
const CONNECTIONS: &str = "Connections";
const TLS: &str = "TLS";
const TOOL: &str = "The tool itself";
const OUTPUT: &str = "Output";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsChoice {
    /// At equal distances.
    Even,
    /// At random, as from many independent users.
    Poisson,
}
