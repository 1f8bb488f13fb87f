//! `tollgate deploy [FILE]`: a document to a stage of an API, by AWS's operations: PutRestApi (or ImportRestApi), then
//! CreateDeployment, which answers when every shard serves it.
//!
//! ```text
//! document ──▶ checked here ──▶ the API's definition ──▶ compared with the stage ──▶ deployment ──▶ served
//!                └─ wrong: nothing is sent                 └─ the same: nothing to do
//! ```

use std::fmt::Write as _;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::admin::{Admin, AdminArgs, Ask, credentials_help, encoded};
use super::candidate;
use super::managed::{Managed, counted, one, status};
use super::{ReadArgs, colour_on_stderr};
use crate::config::{Config, Environment};
use crate::control_plane::deployment;
use crate::control_plane::status::Undeployed;
use crate::model::{Difference, OrderedMap};
use crate::openapi::{Imported, Strictness};
use crate::server::managed_options;

#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("target").args(["stage"]).required(true), after_help = concat!("\
Examples:
  tollgate deploy petstore.yaml --api pets --stage prod --create
  tollgate deploy petstore.yaml --api pets --stage prod --description \"$(git log -1 --format=%s)\"
  tollgate deploy petstore.yaml --api pets --stage prod --canary 10
  tollgate deploy --api pets --stage prod      what was changed by other means
  tollgate rollback --api pets --stage prod    back again

The document is checked as by tollgate check, and replaces the API's whole
definition but for its name. Variables of the stage that are not named stay.
A stage that serves the same already is left alone.
", credentials_help!(), "
Exit codes: 0 it is served, 1 it is not, 2 the command line is wrong."))]
pub struct DeployArgs {
    /// The OpenAPI document [default: the API's definition as it is]
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// The name or the id of the API
    #[arg(long, value_name = "NAME|ID")]
    pub api: String,
    /// Make an API of this name if there is none
    #[arg(long, requires = "file")]
    pub create: bool,
    /// What the deployment is for; tollgate status and AWS's console show it
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Give the deployment so much of the stage's traffic, from 0 to 100, and leave the rest where it is; --stage-variable is
    /// for the canary only then
    #[arg(long, value_name = "PERCENT")]
    pub canary: Option<f64>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// What is wrong with the document, with its place, or why the gateway did not take it.
pub fn run(args: &DeployArgs, environment: &Environment) -> Result<String, String> {
    let settings = args.read.settings(environment).map_err(|problems| problems.to_string())?;
    let deploy = Deploy {
        args,
        environment,
        config: &settings.config,
        stage: settings.config.stage.as_deref().unwrap_or_default(),
    };
    let imported = args.file.as_deref().map(|file| deploy.read(file)).transpose()?;
    let admin = Admin::new(&args.admin, environment)?;
    let found = one(&admin, status(&admin, Some(&args.api))?.apis, &args.api)?;
    match (found, imported) {
        (Some(api), imported) => deploy.change(&api.id, imported),
        (None, Some(imported)) if args.create => deploy.create(&admin, imported),
        (None, _) => {
            let api = &args.api;
            Err(format!("--api: no API has the name or the id `{api}`; --create makes one of the document"))
        }
    }
}

struct Deploy<'d> {
    args: &'d DeployArgs,
    environment: &'d Environment,
    config: &'d Config,
    stage: &'d str,
}

impl Deploy<'_> {
    fn read(&self, file: &str) -> Result<Imported, String> {
        candidate::read(file, self.config, self.stage, Strictness::Serve)
            .map_err(|found| found.to_text(colour_on_stderr()))
    }

    fn find(&self, api: &str) -> Result<Managed, String> {
        Managed::find(&self.args.admin, self.environment, api)
    }

    /// A new API, which is gone again if it cannot be deployed.
    fn create(&self, admin: &Admin, imported: Imported) -> Result<String, String> {
        if self.args.canary.is_some() {
            return Err("--canary: a stage that is new has no traffic to share; deploy without it first".to_owned());
        }
        let variables = candidate::new_variables(&OrderedMap::new(), Some(&imported), self.config);
        let (body, parameters) = self.checked(imported, &variables)?;
        let target = format!("/restapis?mode=import&{parameters}");
        let made = admin.json(Ask { method: "POST", target, body, ..Ask::default() })?;
        warn(&made);
        let id = made["id"].as_str().ok_or("the gateway made an API without an id")?;
        let deployed = self.find(id).and_then(|managed| {
            self.rename(&managed, &made, &self.args.api)?;
            self.deploy(&managed, &variables)?;
            Ok(format!("{} ({id}): made\n", self.args.api))
        });
        if deployed.is_err() {
            // It was made for this deployment only; if it stays, the next attempt finds it.
            let _ =
                admin.json(Ask { method: "DELETE", target: format!("/restapis/{}", encoded(id)), ..Ask::default() });
        }
        Ok(deployed? + &self.outcome(id, None)?)
    }

    fn change(&self, id: &str, imported: Option<Imported>) -> Result<String, String> {
        let managed = self.find(id)?;
        if managed.api.from_file {
            eprintln!("warning: a file describes this API: its next reload replaces what is deployed now");
        }
        let stage = managed.stage(Some(self.stage)).ok();
        if self.args.canary.is_some() && stage.is_none() {
            return Err(format!("--canary: there is no stage `{}` yet to share the traffic of", self.stage));
        }
        let before = stage.map_or_else(|| Ok(OrderedMap::new()), |stage| candidate::variables(&managed, stage))?;
        let variables = candidate::new_variables(&before, imported.as_ref(), self.config);
        if let Some(imported) = imported {
            let (body, parameters) = self.checked(imported, &variables)?;
            let target = managed.path(&format!("?mode=overwrite&{parameters}"));
            let put = managed.admin.json(Ask { method: "PUT", target, body, ..Ask::default() })?;
            warn(&put);
            self.rename(&managed, &put, &managed.api.name)?;
        }
        let managed = self.find(id)?;
        let stage = managed.stage(Some(self.stage)).ok();
        let undeployed = stage.and_then(|stage| stage.undeployed.as_ref());
        let changed = candidate::changed_variables(&before, &variables);
        let is_same = stage.is_some_and(|stage| stage.served) && undeployed.is_some_and(|found| found.count == 0);
        if is_same && changed.is_empty() && self.args.canary.is_none() {
            let deployment = stage.and_then(|stage| stage.deployment_id.as_deref()).unwrap_or("-");
            let title = managed.title();
            return Ok(format!("{title}, {}: nothing to deploy, {deployment} is the same\n", self.stage));
        }
        self.deploy(&managed, &variables).map_err(|reason| match &self.args.file {
            Some(_) => format!("{reason}\nthe API's definition was replaced, what is served was not"),
            None => reason,
        })?;
        let title = managed.title();
        let told = undeployed.map(|undeployed| told(&format!("{title}, {}", self.stage), undeployed, &changed));
        let from = stage.and_then(|stage| stage.deployment_id.as_deref());
        Ok(told.unwrap_or_default() + &self.outcome(id, from)?)
    }

    /// Compiles what was read with the variables that it will have; the body of an import then, and its parameters.
    fn checked(
        &self,
        mut imported: Imported,
        variables: &OrderedMap<String>,
    ) -> Result<(Vec<u8>, &'static str), String> {
        let file = self.args.file.as_deref().unwrap_or_default();
        let sent = candidate::body(file, &imported, self.config)?;
        for stage in &mut imported.stages {
            stage.stage.variables.clone_from(variables);
            // Which traffic goes where is the gateway's to know.
            (stage.canary, stage.stage.canary_settings) = (None, None);
        }
        let options = crate::plan::compile::Options { root: false, ..managed_options(self.config) };
        let built = deployment::build_imported(vec![imported], &options, 0);
        let warnings = built.map_err(|found| found.to_text(colour_on_stderr()))?.warnings;
        eprint!("{}", warnings.to_text(colour_on_stderr()));
        Ok(sent)
    }

    fn rename(&self, managed: &Managed, now: &Value, name: &str) -> Result<(), String> {
        if now["name"] == name {
            return Ok(());
        }
        let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/name", "value": name }] });
        let ask = Ask { method: "PATCH", target: managed.path(""), body: patch.to_string().into(), ..Ask::default() };
        managed.admin.json(ask).map(|_| ())
    }

    fn deploy(&self, managed: &Managed, variables: &OrderedMap<String>) -> Result<(), String> {
        let mut deployment = json!({ "stageName": self.stage });
        if let Some(description) = &self.args.description {
            deployment["description"] = description.as_str().into();
        }
        match self.args.canary {
            None => deployment["variables"] = json!(variables),
            Some(percent) => {
                let overrides = json!(self.config.stage_variables);
                deployment["canarySettings"] =
                    json!({ "percentTraffic": percent, "stageVariableOverrides": overrides });
            }
        }
        let (target, body) = (managed.path("/deployments"), deployment.to_string().into());
        managed.admin.json(Ask { method: "POST", target, body, ..Ask::default() }).map(|_| ())
    }

    /// What is served now, and where.
    fn outcome(&self, id: &str, from: Option<&str>) -> Result<String, String> {
        let managed = self.find(id)?;
        let stage = managed.stage(Some(self.stage))?;
        let deployment = stage.deployment_id.as_deref().unwrap_or("-");
        let mut text = match (&stage.canary, from) {
            (Some(canary), _) if self.args.canary.is_some() => {
                let other = canary.deployment_id.as_deref().unwrap_or("-");
                format!("deployed {other} as a canary with {} %, beside {deployment}\n", canary.percent_traffic)
            }
            (_, Some(from)) => format!("deployed {deployment}, was {from}\n"),
            (_, None) => format!("deployed {deployment}\n"),
        };
        if let Some(url) = managed.url(stage) {
            let _ = writeln!(text, "{url}");
        }
        Ok(text)
    }
}

/// The changes of the definition, as the gateway tells them, and those of the variables.
fn told(subject: &str, undeployed: &Undeployed, variables: &[Difference]) -> String {
    let mut text = format!("{subject}: {}\n", counted(undeployed.count + variables.len()));
    for change in &undeployed.changes {
        let _ = writeln!(text, "  {change}");
    }
    if undeployed.count > undeployed.changes.len() {
        let _ = writeln!(text, "  and {} more", undeployed.count - undeployed.changes.len());
    }
    for change in variables {
        let _ = writeln!(text, "  {change}");
    }
    text
}

/// What an import has passed over.
fn warn(answer: &Value) {
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("warning: {warning}");
    }
}
