//! A document on its way to a stage of an API: what it says of the stage, and what it would change.

use std::path::PathBuf;

use super::admin::Ask;
use super::import_options;
use super::managed::Managed;
use crate::config::{self, Config};
use crate::control_plane::status::StageStatus;
use crate::diagnostic::Diagnostics;
use crate::model::{Change, Difference, OrderedMap, Pointer};
use crate::openapi::{self, ExportOptions, Extensions, ImportOptions, Imported, Strictness};

/// Reads the document for the stage of that name.
///
/// # Errors
/// All that is wrong with it.
pub fn read(file: &str, config: &Config, stage: &str, strictness: Strictness) -> Result<Imported, Diagnostics> {
    let options = ImportOptions { strictness, stage_name: Some(stage.to_owned()), ..import_options(config) };
    let mut imported = openapi::load(&[PathBuf::from(file)], &options)?;
    Ok(imported.pop().expect("a file is one API"))
}

/// The stage's variables as they are.
///
/// # Errors
/// The gateway does not answer.
pub fn variables(managed: &Managed, stage: &StageStatus) -> Result<OrderedMap<String>, String> {
    let target = managed.path(&format!("/stages/{}", super::admin::encoded(&stage.name)));
    let mut stage = managed.admin.json(Ask { method: "GET", target, ..Ask::default() })?;
    let variables = stage.get_mut("variables").map(serde_json::Value::take).unwrap_or_else(|| serde_json::json!({}));
    serde_json::from_value(variables).map_err(|error| format!("the stage's variables are not understood: {error}"))
}

/// What they become: those that neither the document nor the command line names stay.
pub fn new_variables(before: &OrderedMap<String>, imported: Option<&Imported>, config: &Config) -> OrderedMap<String> {
    let mut after = before.clone();
    let said = imported.and_then(|imported| imported.stages.first()).map(|stage| stage.stage.variables.clone());
    after.extend(said.unwrap_or_default());
    after.extend(config.stage_variables.clone());
    after
}

pub fn changed_variables(before: &OrderedMap<String>, after: &OrderedMap<String>) -> Vec<Difference> {
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let difference = |(name, value): (&String, &String)| Difference {
        pointer: Pointer::root().child("stageVariables").child(name),
        change: match before.get(name) {
            Some(old) => Change::ValueChanged(old.as_str().into(), value.as_str().into()),
            None => Change::ValueAdded(value.as_str().into()),
        },
    };
    changed.map(difference).collect()
}

/// The body of an import, and its parameters: the file as it is, or, where that refers to other files or says less than was
/// read of it, all of it as one document.
///
/// # Errors
/// The file cannot be read any more.
pub fn body(file: &str, imported: &Imported, config: &Config) -> Result<(Vec<u8>, &'static str), String> {
    if imported.files.len() > 1 || config.mock_missing {
        let stage = imported.stages.first().map(|stage| stage.stage.clone()).unwrap_or_default();
        let options = ExportOptions { extensions: Extensions::ALL, ..ExportOptions::default() };
        let document = openapi::export(&imported.definition, &stage, &options);
        return Ok((openapi::to_text(&document, openapi::ExportFormat::Json).into_bytes(), "basepath=ignore"));
    }
    let base_path = match config.basepath {
        config::BasePath::Ignore => "basepath=ignore",
        config::BasePath::Prepend => "basepath=prepend",
        config::BasePath::Split => "basepath=split",
    };
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
    Ok((bytes, base_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_nobody_names_stay() {
        let map = |pairs: &[(&str, &str)]| -> OrderedMap<String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let before = map(&[("a", "1"), ("b", "2")]);
        let config = Config {
            stage_variables: [("b".to_owned(), "3".to_owned()), ("c".to_owned(), "4".to_owned())].into(),
            ..Config::default()
        };
        let after = new_variables(&before, None, &config);
        assert_eq!(after, map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        let lines: Vec<String> = changed_variables(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["~ /stageVariables/b: \"2\" → \"3\"", "+ /stageVariables/c: \"4\""]);
        assert!(changed_variables(&after, &after).is_empty());
    }
}
