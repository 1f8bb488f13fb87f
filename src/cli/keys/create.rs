//! `tollgate keys create`, and what it shares with `rotate`: how a key is made, and how it is printed.

use std::io::BufRead;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::cli::lookup::{attach, key_path, plan, plan_title, understood};
use crate::config::Environment;
use crate::model::{ApiKey, UsagePlan};

/// What is read of the standard input: more than 128 characters are refused as a value anyway.
const VALUE_BYTES_MAX: u64 = 1024;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys create --name web --plan basic
  read -r id value < <(tollgate keys create --name web --plan basic)
  tollgate keys create --name web --format json | jq -r .value
  pass show web-key | tollgate keys create --name web --value-stdin

Prints a line, ID and VALUE. Without --value or --value-stdin, the gateway makes a
value of 40 letters and digits. A value on the command line is seen by everybody
who may list processes: --value-stdin is better.
", credentials_help!(), "
Exit codes: 0 the key is made, 1 it is not, 2 the command line is wrong."))]
pub struct CreateArgs {
    /// What the key is called; others may be called the same
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A usage plan that it is to be in; may be repeated
    #[arg(long, value_name = "NAME|ID")]
    plan: Vec<String>,
    /// Whose key it is: AWS's customerId
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// What the key is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// The key's value, 20 to 128 characters
    #[arg(long, value_name = "VALUE", conflicts_with = "value_stdin")]
    value: Option<String>,
    /// Read the key's value from the standard input, its first line
    #[arg(long)]
    value_stdin: bool,
    /// Make it so that it opens nothing before it is enabled
    #[arg(long)]
    disabled: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

fn tag(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}

pub fn run(args: &CreateArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plans = args.plan.iter().map(|wanted| plan(&admin, "--plan", wanted)).collect::<Result<Vec<_>, _>>()?;
    let value = if args.value_stdin { Some(first_line(std::io::stdin().lock())?) } else { args.value.clone() };
    let tags: Map<String, Value> = args.tag.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let mut body = json!({ "name": args.name, "enabled": !args.disabled, "tags": tags });
    let optional = [("customerId", &args.customer), ("description", &args.description), ("value", &value)];
    for (member, text) in optional {
        if let Some(text) = text {
            body[member] = text.as_str().into();
        }
    }
    let key = make(&admin, &body, &plans)?;
    Ok(printed(&key, args.format))
}

fn first_line(from: impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    let read = from.take(VALUE_BYTES_MAX).read_line(&mut line);
    read.map_err(|error| format!("--value-stdin: cannot read the standard input: {error}"))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => {
            Err("--value-stdin: the first line of the standard input is empty; it has to be the key's value".to_owned())
        }
        value => Ok(value.to_owned()),
    }
}

/// Makes a key and puts it in the plans; it is gone again if it cannot be in one of them.
pub fn make(admin: &Admin, body: &Value, plans: &[UsagePlan]) -> Result<ApiKey, String> {
    let key: ApiKey = understood(admin.json(Ask::with("POST", "/apikeys".to_owned(), body))?)?;
    for plan in plans {
        if let Err(reason) = attach(admin, plan, &key) {
            let removed = admin.json(Ask::delete(key_path(key.id.as_str())));
            let left = removed.err().map(|_| format!("; the key {} was made and could not be removed", key.id));
            let title = plan_title(plan);
            return Err(format!("the key cannot be in the plan {title}: {reason}{}", left.unwrap_or_default()));
        }
    }
    Ok(key)
}

/// `ID VALUE`, as a shell's `read -r id value` takes it.
pub fn printed(key: &ApiKey, format: Format) -> String {
    match format {
        Format::Text => format!("{} {}\n", key.id, key.value),
        Format::Json => json!({ "id": key.id, "name": key.name, "value": key.value }).to_string() + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_first_line() {
        assert_eq!(first_line(&b"a b \r\nmore"[..]), Ok("a b ".to_owned()));
        assert_eq!(first_line(&b"a"[..]), Ok("a".to_owned()));
        assert!(first_line(&b"\nmore"[..]).is_err_and(|reason| reason.starts_with("--value-stdin: the first line")));
        assert!(first_line(&b"\xff\n"[..]).is_err_and(|reason| reason.starts_with("--value-stdin: cannot read")));
    }

    #[test]
    fn a_tag_has_a_name() {
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(tag("=b").is_err() && tag("a").is_err());
    }
}
