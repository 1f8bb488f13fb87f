//! `tollgate keys rotate`: a key that replaces another. AWS has no operation for it: it is made of CreateApiKey,
//! CreateUsagePlanKey and, for the old key, UpdateApiKey or DeleteApiKey.

use clap::Args;
use serde_json::{Value, json};

use super::create::{make, printed};
use super::{End, KEY, end};
use crate::cli::Format;
use crate::cli::admin::{Admin, AdminArgs, credentials_help};
use crate::cli::lookup::{key, key_title, plans_of};
use crate::config::Environment;
use crate::model::ApiKey;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate keys rotate web                 both open the same, until you
  tollgate keys revoke OLD-ID              revoke the old one
  read -r id value < <(tollgate keys rotate web --revoke-old)

The new key has a value and an id of its own, and the old one's name, customer,
description, tags and usage plans; it is disabled if the old one is. What the
old one has used of its quotas does not count for it. Prints a line, ID and VALUE.
", credentials_help!(), "
Exit codes: 0 it is done, 1 it is not, 2 the command line is wrong."))]
pub struct RotateArgs {
    /// The id or the name of the key that is to be replaced
    #[arg(value_name = "KEY")]
    key: String,
    /// Remove the old key when the new one is there
    #[arg(long, conflicts_with = "disable_old")]
    revoke_old: bool,
    /// Disable the old key when the new one is there
    #[arg(long)]
    disable_old: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &RotateArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let old = key(&admin, KEY, &args.key)?;
    let new = make(&admin, &successor(&old), &plans_of(&admin, &old)?)?;
    let ended = match (args.revoke_old, args.disable_old) {
        (true, _) => end(&admin, &old, End::Revoke),
        (_, true) => end(&admin, &old, End::Disable),
        (false, false) => {
            Ok(format!("{}: opens the same still; tollgate keys revoke {} ends it", key_title(&old), old.id))
        }
    };
    match ended {
        Ok(told) => {
            eprintln!("{told}");
            Ok(printed(&new, args.format))
        }
        Err(reason) => {
            // The new key is there: nobody would know its value if it were not printed.
            super::super::print(&printed(&new, args.format));
            Err(format!("the new key {} is made, but the old one, {}, is as it was: {reason}", new.id, old.id))
        }
    }
}

/// What a key is made of that stands in for another.
fn successor(old: &ApiKey) -> Value {
    let stage = |stage: &String| {
        let (api, stage) = stage.split_once('/')?;
        Some(json!({ "restApiId": api, "stageName": stage }))
    };
    let mut body = json!({ "enabled": old.enabled, "tags": old.tags });
    body["stageKeys"] = old.stage_keys.iter().filter_map(stage).collect();
    for (member, text) in [("name", &old.name), ("customerId", &old.customer_id), ("description", &old.description)] {
        if let Some(text) = text {
            body[member] = text.as_str().into();
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderedMap;

    #[test]
    fn a_successor_has_all_but_the_value() {
        let old = ApiKey {
            value: "the secret".into(),
            name: Some("web".into()),
            enabled: true,
            stage_keys: vec!["a1/prod".into()],
            tags: OrderedMap::from([("a".to_owned(), "b".to_owned())]),
            ..ApiKey::default()
        };
        let expected = json!({
            "enabled": true,
            "tags": { "a": "b" },
            "stageKeys": [{ "restApiId": "a1", "stageName": "prod" }],
            "name": "web",
        });
        assert_eq!(successor(&old), expected);
    }
}
