//! `tollgate functions logs`.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use super::HostArgs;
use crate::cli::admin::{Admin, Ask, credentials_help, encoded};
use crate::cli::managed::time;
use crate::cli::table::printable;
use crate::config::Environment;

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate functions logs pets
  tollgate functions logs pets --lines 50 --follow

What is kept in memory is told, functions.log_bytes_max; all of it is written to functions.log_folder.
", credentials_help!(), "
Exit codes: 0 it is told, 1 it is not, 2 the command line is wrong."))]
pub struct LogsArgs {
    /// The name of the function
    #[arg(value_name = "NAME")]
    name: String,
    /// How many of the latest lines
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    lines: u32,
    /// Go on with what is written from now on
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    host: HostArgs,
}

pub fn run(args: &LogsArgs, environment: &Environment) -> Result<String, String> {
    let host = args.host.host(environment)?;
    let (mut told, mut next) = page(&host, &args.name, &format!("limit={}", args.lines))?;
    if !args.follow {
        return Ok(told);
    }
    loop {
        let mut output = std::io::stdout().lock();
        if output.write_all(told.as_bytes()).and_then(|()| output.flush()).is_err() {
            // Whoever reads has left.
            return Ok(String::new());
        }
        drop(output);
        std::thread::sleep(PAUSE);
        (told, next) = page(&host, &args.name, &format!("from={next}"))?;
    }
}

/// Lines, and the number that the next one will have.
fn page(host: &Admin, name: &str, query: &str) -> Result<(String, u64), String> {
    let answer = host.json(Ask::get(format!("/tollgate/functions/{}/logs?{query}", encoded(name))))?;
    let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let next = events.last().and_then(|event| event["sequence"].as_u64()).map(|sequence| sequence + 1);
    let next = next.or_else(|| answer["next"].as_u64()).unwrap_or_default();
    Ok((events.iter().map(line).collect(), next))
}

fn line(event: &Value) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(event["timestamp"].as_u64().unwrap_or_default());
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let message = event["message"].as_str().unwrap_or_default().replace('\t', "  ");
    format!("{}  {}\n", time(i64::try_from(seconds).unwrap_or_default()), printable(&message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_time() {
        let event = serde_json::json!({ "timestamp": 1_000, "message": "a\tb\u{1b}" });
        assert_eq!(line(&event), "1970-01-01 00:00:01  a  b\u{fffd}\n");
    }
}
