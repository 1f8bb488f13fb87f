//! `tollgate keys show`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::KEY;
use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::cli::lookup::{key, key_path, plan_title, plans_of, understood};
use crate::cli::managed::time;
use crate::cli::table::printable;
use crate::config::Environment;
use crate::model::{ApiKey, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys show web
  tollgate keys show web --show-value --format json | jq -r .value

", credentials_help!(), "
Exit codes: 0 it is told, 1 it is not, 2 the command line is wrong."))]
pub struct ShowArgs {
    /// The id or the name of the key
    #[arg(value_name = "KEY")]
    key: String,
    /// Print the value too
    #[arg(long)]
    show_value: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &ShowArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let found = key(&admin, KEY, &args.key)?;
    let plans = plans_of(&admin, &found)?;
    let query = if args.show_value { "?includeValue=true" } else { "" };
    let mut shown = admin.json(Ask::get(format!("{}{query}", key_path(found.id.as_str()))))?;
    match args.format {
        Format::Text => understood(shown).map(|key| text(&key, &plans)),
        Format::Json => {
            shown["usagePlans"] = plans.iter().map(|plan| json!({ "id": plan.id, "name": plan.name })).collect();
            Ok(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n")
        }
    }
}

/// What there is of the key; the value, if it was asked for.
fn text(key: &ApiKey, plans: &[UsagePlan]) -> String {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let plans: Vec<String> = plans.iter().map(plan_title).collect();
    let tags: Vec<String> = key.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let told = [
        ("id", key.id.to_string()),
        ("name", optional(&key.name)),
        ("enabled", if key.enabled { "yes" } else { "no" }.to_owned()),
        ("plans", if plans.is_empty() { "none: it opens nothing".to_owned() } else { plans.join(", ") }),
        ("customer", optional(&key.customer_id)),
        ("description", optional(&key.description)),
        ("tags", tags.join(", ")),
        ("made", time(key.created_date)),
        ("changed", time(key.last_updated_date)),
        ("value", key.value.clone()),
    ];
    let mut text = String::new();
    for (name, value) in told.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<11}  {}", printable(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApiKeyId, UsagePlanId};

    #[test]
    fn only_what_there_is() {
        let key = ApiKey { id: ApiKeyId("a1".into()), name: Some("web".into()), ..ApiKey::default() };
        let expected = "\
id           a1
name         web
enabled      no
plans        none: it opens nothing
made         1970-01-01 00:00:00
changed      1970-01-01 00:00:00
";
        assert_eq!(text(&key, &[]), expected);
        let plan = UsagePlan { id: UsagePlanId("p1".into()), name: "basic".into(), ..UsagePlan::default() };
        assert!(text(&key, &[plan]).contains("plans        basic (p1)\n"));
    }
}
