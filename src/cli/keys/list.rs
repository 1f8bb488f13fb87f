//! `tollgate keys list`.

use std::collections::HashSet;

use clap::Args;
use serde_json::Value;

use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, credentials_help, encoded};
use crate::cli::lookup::{all, pages, plan, plan_path, understood};
use crate::cli::managed::time;
use crate::cli::table::table;
use crate::config::Environment;
use crate::model::ApiKey;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys list --name web
  tollgate keys list --plan basic
  tollgate keys list --format json | jq -r '.[] | select(.enabled | not) | .id'

As JSON, the keys are as AWS's GetApiKeys has them, without their values.
", credentials_help!(), "
Exit codes: 0 they are listed, 1 they are not, 2 the command line is wrong."))]
pub struct ListArgs {
    /// Those whose name begins like this [default: all]
    #[arg(long, value_name = "PREFIX")]
    name: Option<String>,
    /// Those of a usage plan [default: all]
    #[arg(long, value_name = "NAME|ID")]
    plan: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &ListArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let name = args.name.as_deref().filter(|name| !name.is_empty());
    let query = name.map(|name| format!("?name={}", encoded(name))).unwrap_or_default();
    let in_plan = args.plan.as_deref().map(|wanted| ids_of(&admin, wanted, &query)).transpose()?;
    let mut keys: Vec<Value> = all(&admin, &format!("/apikeys{query}"))?;
    if let Some(ids) = in_plan {
        keys.retain(|key| key["id"].as_str().is_some_and(|id| ids.contains(id)));
    }
    match args.format {
        Format::Json => Ok(serde_json::to_string_pretty(&keys).unwrap_or_default() + "\n"),
        Format::Text => understood(Value::Array(keys)).map(|keys: Vec<ApiKey>| text(&keys)),
    }
}

/// Of the keys in a plan, whose list has their values and not much else.
fn ids_of(admin: &Admin, wanted: &str, query: &str) -> Result<HashSet<String>, String> {
    let plan = plan(admin, "--plan", wanted)?;
    let mut ids = HashSet::new();
    pages(admin, &format!("{}/keys{query}", plan_path(plan.id.as_str())), |page| {
        let items = page["item"].as_array().into_iter().flatten();
        ids.extend(items.filter_map(|key| key["id"].as_str().map(str::to_owned)));
        Ok(())
    })?;
    Ok(ids)
}

fn text(keys: &[ApiKey]) -> String {
    if keys.is_empty() {
        return "there is no such key: tollgate keys create makes one\n".to_owned();
    }
    let mut rows = vec![["ID", "NAME", "ENABLED", "CUSTOMER", "MADE (UTC)"].map(str::to_owned)];
    rows.extend(keys.iter().map(row));
    table(&rows)
}

fn row(key: &ApiKey) -> [String; 5] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let enabled = if key.enabled { "yes" } else { "no" };
    [key.id.to_string(), or_dash(&key.name), enabled.to_owned(), or_dash(&key.customer_id), time(key.created_date)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ApiKeyId;

    #[test]
    fn a_table_without_values() {
        let key = ApiKey { id: ApiKeyId("a1".into()), value: "the secret".into(), ..ApiKey::default() };
        let named = ApiKey { name: Some("web".into()), enabled: true, created_date: 1_440_938_160, ..key.clone() };
        let expected = "\
ID  NAME  ENABLED  CUSTOMER  MADE (UTC)
a1  web   yes      -         2015-08-30 12:36:00
a1  -     no       -         1970-01-01 00:00:00
";
        assert_eq!(text(&[named, key]), expected);
    }
}
