//! `tollgate usage`: what keys have used of their plans' quotas and have left, day by day (AWS's GetUsage), and
//! `tollgate usage grant`: what a key has left (UpdateUsage).

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::Format;
use super::admin::{Admin, AdminArgs, Ask, credentials_help, encoded};
use super::lookup::{all, key, key_title, pages, plan, plan_path, plan_title, plans_of};
use super::table::table;
use crate::config::Environment;
use crate::meter::Day;
use crate::model::{ApiKey, UsagePlan};

#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, after_help = concat!("\
Examples:
  tollgate usage                                         all keys, today
  tollgate usage --plan basic --from 2026-11-01
  tollgate usage --key web --format json | jq '.[].remaining'
  tollgate usage grant --plan basic --key web --remaining 500

Days are those of UTC, 90 at most. What remains is what is left of the quota at
the end of that day. Plans without a quota have no usage to tell.
", credentials_help!(), "
Exit codes: 0 it is told, 1 it is not, 2 the command line is wrong."))]
pub struct UsageArgs {
    #[command(subcommand)]
    command: Option<UsageCommand>,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum UsageCommand {
    /// Set what a key has left of a plan's quota in the period that runs
    Grant(GrantArgs),
}

#[derive(Args, Clone, Debug)]
struct ReportArgs {
    /// The name or the id of a usage plan [default: all, or all of the key's]
    #[arg(long, value_name = "NAME|ID")]
    plan: Option<String>,
    /// The name or the id of a key [default: all of the plan's]
    #[arg(long, value_name = "NAME|ID")]
    key: Option<String>,
    /// The first day [default: the last]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    from: Option<Day>,
    /// The last day [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    to: Option<Day>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate usage grant --plan basic --key web --remaining 500

It holds until the period ends; the next begins with the plan's quota.
", credentials_help!(), "
Exit codes: 0 it is set, 1 it is not, 2 the command line is wrong."))]
struct GrantArgs {
    /// The name or the id of the usage plan
    #[arg(long, value_name = "NAME|ID")]
    plan: String,
    /// The name or the id of the key
    #[arg(long, value_name = "NAME|ID")]
    key: String,
    /// How many requests it may make from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    remaining: i32,
    #[command(flatten)]
    admin: AdminArgs,
}

/// What a key has used of a plan on a day.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    usage_plan_id: String,
    usage_plan_name: String,
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_name: Option<String>,
    day: String,
    used: i64,
    remaining: i64,
}

/// # Errors
/// Nobody answers, it is not clear what is meant, or it is refused.
pub fn run(args: &UsageArgs, environment: &Environment) -> Result<String, String> {
    match &args.command {
        Some(UsageCommand::Grant(args)) => grant(args, environment),
        None => report(&args.report, environment),
    }
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "write a day such as 2026-11-25".to_owned())
}

fn report(args: &ReportArgs, environment: &Environment) -> Result<String, String> {
    let last = args.to.unwrap_or_else(today);
    let first = args.from.unwrap_or(last);
    if first > last {
        return Err(format!("--from: {first} is after the last day, {last}; --to names another"));
    }
    let admin = Admin::new(&args.admin, environment)?;
    let key = args.key.as_deref().map(|wanted| key(&admin, "--key", wanted)).transpose()?;
    let mut rows = Vec::new();
    for plan in plans(&admin, args.plan.as_deref(), key.as_ref())? {
        rows.extend(match &key {
            Some(key) => of_key(&admin, &plan, key, first, last)?,
            None => of_plan(&admin, &plan, first, last)?,
        });
    }
    Ok(match args.format {
        Format::Json => serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n",
        Format::Text => text(&rows),
    })
}

fn today() -> Day {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Day::of(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Those that are asked about and have a quota.
fn plans(admin: &Admin, wanted: Option<&str>, key: Option<&ApiKey>) -> Result<Vec<UsagePlan>, String> {
    let found = match (wanted, key) {
        (Some(wanted), _) => {
            let plan = plan(admin, "--plan", wanted)?;
            check_quota(&plan)?;
            return Ok(vec![plan]);
        }
        (None, Some(key)) => plans_of(admin, key)?,
        (None, None) => all(admin, "/usageplans")?,
    };
    let (with_quota, without): (Vec<UsagePlan>, Vec<UsagePlan>) =
        found.into_iter().partition(|plan| plan.quota.is_some());
    for plan in &without {
        eprintln!("{}: no quota, so that there is no usage of it", plan_title(plan));
    }
    Ok(with_quota)
}

fn check_quota(plan: &UsagePlan) -> Result<(), String> {
    match plan.quota {
        Some(_) => Ok(()),
        None => Err(format!(
            "--plan: {} has no quota, of which usage could be told: tollgate plans set {} --quota N/month",
            plan_title(plan),
            plan.id
        )),
    }
}

fn of_key(admin: &Admin, plan: &UsagePlan, key: &ApiKey, first: Day, last: Day) -> Result<Vec<Row>, String> {
    let target = format!("{}&keyId={}", usage_path(plan, first, last), encoded(key.id.as_str()));
    let answer = admin.found(Ask::get(target))?.ok_or_else(|| not_in(plan, key))?;
    let names = HashMap::from([(key.id.to_string(), key.name.clone())]);
    Ok(rows(plan, &names, first, &answer))
}

/// `GetUsage` does not know what keys are called, so that they are asked for before.
fn of_plan(admin: &Admin, plan: &UsagePlan, first: Day, last: Day) -> Result<Vec<Row>, String> {
    let mut names = HashMap::new();
    pages(admin, &format!("{}/keys", plan_path(plan.id.as_str())), |page| {
        let keys = page["item"].as_array().into_iter().flatten();
        let text = |key: &Value, member: &str| key[member].as_str().map(str::to_owned);
        names.extend(keys.filter_map(|key| Some((text(key, "id")?, text(key, "name")))));
        Ok(())
    })?;
    let mut found = Vec::new();
    pages(admin, &usage_path(plan, first, last), |page| {
        found.extend(rows(plan, &names, first, &page));
        Ok(())
    })?;
    Ok(found)
}

fn usage_path(plan: &UsagePlan, first: Day, last: Day) -> String {
    format!("{}/usage?startDate={first}&endDate={last}", plan_path(plan.id.as_str()))
}

fn not_in(plan: &UsagePlan, key: &ApiKey) -> String {
    let (key_title, plan_title) = (key_title(key), plan_title(plan));
    format!("--key: {key_title} is not in the plan {plan_title}: tollgate plans add-key {} {}", plan.id, key.id)
}

/// What an answer of `GetUsage` tells: for each key, `[used, remaining]` for each day from the first.
fn rows(plan: &UsagePlan, names: &HashMap<String, Option<String>>, first: Day, answer: &Value) -> Vec<Row> {
    let keys = answer["values"].as_object().into_iter().flatten();
    let days = keys.flat_map(|(id, days)| {
        let days = (first.0..).map(Day).zip(days.as_array().into_iter().flatten());
        days.map(move |(day, pair)| (id, day, pair))
    });
    let row = |(id, day, pair): (&String, Day, &Value)| Row {
        usage_plan_id: plan.id.to_string(),
        usage_plan_name: plan.name.clone(),
        key_id: id.clone(),
        key_name: names.get(id).cloned().flatten(),
        day: day.to_string(),
        used: pair[0].as_i64().unwrap_or_default(),
        remaining: pair[1].as_i64().unwrap_or_default(),
    };
    days.map(row).collect()
}

fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "there is no key in such a plan: tollgate plans add-key puts one in\n".to_owned();
    }
    let named = |name: &str, id: &str| format!("{name} ({id})");
    let line = |row: &Row| {
        let key = row.key_name.as_deref().map_or_else(|| row.key_id.clone(), |name| named(name, &row.key_id));
        let plan = named(&row.usage_plan_name, &row.usage_plan_id);
        [plan, key, row.day.clone(), row.used.to_string(), row.remaining.to_string()]
    };
    let mut lines = vec![["PLAN", "KEY", "DAY (UTC)", "USED", "REMAINING"].map(str::to_owned)];
    lines.extend(rows.iter().map(line));
    table(&lines)
}

fn grant(args: &GrantArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let plan = plan(&admin, "--plan", &args.plan)?;
    check_quota(&plan)?;
    let key = key(&admin, "--key", &args.key)?;
    let of_plan = format!("{}/keys/{}", plan_path(plan.id.as_str()), encoded(key.id.as_str()));
    if admin.found(Ask::get(of_plan.clone()))?.is_none() {
        return Err(not_in(&plan, &key));
    }
    let remaining = args.remaining.to_string();
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/remaining", "value": remaining }] });
    let answer = admin.json(Ask::with("PATCH", format!("{of_plan}/usage"), &patch))?;
    let now = &answer["values"][key.id.as_str()][0];
    Ok(format!("{}, {}: {} remaining, {} used today\n", plan_title(&plan), key_title(&key), now[1], now[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UsagePlanId;

    #[test]
    fn a_day_and_a_key_are_a_row() {
        let plan = UsagePlan { id: UsagePlanId("p1".into()), name: "basic".into(), ..UsagePlan::default() };
        let names = HashMap::from([("k1".to_owned(), Some("web".to_owned())), ("k2".to_owned(), None)]);
        let answer = json!({ "values": { "k1": [[3, 7], [0, 7]], "k2": [[10, 0], [1, 0]] } });
        let first = Day::parse("2024-02-29").expect("a day");
        let expected = "\
PLAN        KEY       DAY (UTC)   USED  REMAINING
basic (p1)  web (k1)  2024-02-29  3     7
basic (p1)  web (k1)  2024-03-01  0     7
basic (p1)  k2        2024-02-29  10    0
basic (p1)  k2        2024-03-01  1     0
";
        assert_eq!(text(&rows(&plan, &names, first, &answer)), expected);
    }

    #[test]
    fn days_are_of_the_calendar() {
        assert!(day("2026-11-25").is_ok());
        assert!(day("2026-02-29").is_err_and(|reason| reason.contains("such as")));
    }
}
