//! `tollgate status`: what a running gateway serves, since when, and what is not deployed yet.
//!
//! As JSON (`--format json`), the answer of `GET /status`.

use std::fmt::Write as _;

use clap::Args;

use super::Format;
use super::admin::{Admin, AdminArgs, credentials_help};
use super::managed::{counted, status, time, title};
use super::table::table;
use crate::config::Environment;
use crate::control_plane::status::{ApiStatus, StageStatus, Status};

/// Of each stage; `tollgate status --format json` has more.
const CHANGES_TOLD_MAX: usize = 5;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate status
  tollgate status --api pets
  tollgate status --format json | jq '.apis[].stages[].undeployed.count'

", credentials_help!(), "
Exit codes: 0 the gateway has told, 1 it has not, 2 the command line is wrong."))]
pub struct StatusArgs {
    /// The name or the id of an API [default: all]
    #[arg(long, value_name = "NAME|ID")]
    pub api: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// Nobody answers, or there is no such API.
pub fn run(args: &StatusArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let status = status(&admin, args.api.as_deref())?;
    if let Some(api) = args.api.as_deref().filter(|_| status.apis.is_empty()) {
        return Err(format!("--api: no API has the name or the id `{api}`; without --api, all are listed"));
    }
    Ok(match args.format {
        Format::Text => text(&status),
        Format::Json => serde_json::to_string_pretty(&status).unwrap_or_default() + "\n",
    })
}

fn text(status: &Status) -> String {
    if status.apis.is_empty() {
        return "there is no API yet: tollgate deploy FILE --api NAME --stage STAGE --create makes one\n".to_owned();
    }
    let mut rows = vec![["API", "REGION", "STAGE", "DEPLOYMENT", "SINCE (UTC)", "UNDEPLOYED"].map(str::to_owned)];
    for api in &status.apis {
        let stages = api.stages.iter().map(|stage| row(api, stage));
        rows.extend(stages);
        if api.stages.is_empty() {
            rows.push([title(api), api.region.clone(), "-".into(), "-".into(), "-".into(), "no stage".into()]);
        }
    }
    let mut text = table(&rows);
    for api in &status.apis {
        api.stages.iter().for_each(|stage| notes(&mut text, api, stage));
    }
    text
}

fn row(api: &ApiStatus, stage: &StageStatus) -> [String; 6] {
    let deployment = stage.deployment_id.clone().unwrap_or_else(|| "-".to_owned());
    let since = stage.deployed_at.map_or_else(|| "-".to_owned(), time);
    let undeployed = match &stage.undeployed {
        Some(undeployed) if undeployed.count == 0 => "nothing".to_owned(),
        Some(undeployed) => counted(undeployed.count),
        None => "?".to_owned(),
    };
    [title(api), api.region.clone(), stage.name.clone(), deployment, since, undeployed]
}

/// What the table has no room for.
fn notes(text: &mut String, api: &ApiStatus, stage: &StageStatus) {
    let subject = format!("{}, {}", api.name, stage.name);
    if !stage.served {
        let _ = writeln!(text, "\n{subject}: NOT SERVED; the gateway's log says why");
    }
    if !stage.denied.is_empty() {
        let _ = writeln!(text, "\n{subject}: what this version cannot serve is answered 500");
        for line in &stage.denied {
            let _ = writeln!(text, "  {line}");
        }
    }
    if let Some(canary) = &stage.canary {
        let deployment = canary.deployment_id.as_deref().unwrap_or("-");
        let _ = writeln!(text, "\n{subject}: a canary with {deployment} gets {} %", canary.percent_traffic);
    }
    let Some(undeployed) = stage.undeployed.as_ref().filter(|undeployed| undeployed.count > 0) else { return };
    let _ = writeln!(text, "\n{subject}: {} not deployed", counted(undeployed.count));
    for change in undeployed.changes.iter().take(CHANGES_TOLD_MAX) {
        let _ = writeln!(text, "  {change}");
    }
    if undeployed.count > CHANGES_TOLD_MAX {
        let _ = writeln!(text, "  and {} more", undeployed.count - CHANGES_TOLD_MAX);
    }
    let _ = match api.from_file {
        true => writeln!(text, "a file describes this API: POST /reload takes them back"),
        false => writeln!(text, "to deploy them: tollgate deploy --api {} --stage {}", api.id, stage.name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::status::{CanaryStatus, Undeployed};

    #[test]
    fn a_table_and_what_it_has_no_room_for() {
        let stage = |name: &str, count: usize| StageStatus {
            name: name.into(),
            deployment_id: Some("d1".into()),
            description: None,
            deployed_at: Some(1_440_938_160),
            served: true,
            denied: Vec::new(),
            undeployed: Some(Undeployed { count, changes: (0..count).map(|at| format!("+ GET /{at}")).collect() }),
            canary: None,
            earlier_deployments: Vec::new(),
            paths: Vec::new(),
            domains: Vec::new(),
        };
        let canary = Some(CanaryStatus { percent_traffic: 2.5, deployment_id: Some("d2".into()) });
        let stages = vec![stage("prod", 6), StageStatus { canary, ..stage("dev", 0) }];
        let api = |name: &str, stages| ApiStatus {
            id: format!("{name}-id"),
            name: name.into(),
            region: "r".into(),
            from_file: false,
            stages,
        };
        let status = Status { listening: Vec::new(), apis: vec![api("pets", stages), api("toys", Vec::new())] };
        let expected = "\
API             REGION  STAGE  DEPLOYMENT  SINCE (UTC)          UNDEPLOYED
pets (pets-id)  r       prod   d1          2015-08-30 12:36:00  6 changes
pets (pets-id)  r       dev    d1          2015-08-30 12:36:00  nothing
toys (toys-id)  r       -      -           -                    no stage

pets, prod: 6 changes not deployed
  + GET /0
  + GET /1
  + GET /2
  + GET /3
  + GET /4
  and 1 more
to deploy them: tollgate deploy --api pets-id --stage prod

pets, dev: a canary with d2 gets 2.5 %
";
        assert_eq!(text(&status), expected);
    }
}
