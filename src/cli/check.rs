//! `tollgate check FILE…`: everything that `serve` would refuse, with its place and what to write instead.
//!
//! Exit code 0 where all files can be served, 1 otherwise. As JSON (`--format json`), one document:
//! ```json
//! {"files": [{"file": "petstore.yaml", "routes": 7, "problems": 0, "apiId": "petstore01", "stage": "default",
//!             "stages": ["default"]}],
//!  "diagnostics": []}
//! ```
//! `routes` are those of one stage, `stage` is the first of `stages`; they and `apiId` are null for a file that cannot be served; a diagnostic is as in
//! [`crate::diagnostic`].

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::control_plane::deployment::{self, BuiltApi};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::openapi::ImportOptions;
use crate::plan::compile;

/// How a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text { colour: bool },
    Json,
}

/// What a command prints, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub text: String,
    pub exit_code: u8,
}

#[derive(Serialize)]
struct JsonReport<'r> {
    files: &'r [FileReport],
    diagnostics: &'r [Diagnostic],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileReport {
    file: String,
    routes: Option<usize>,
    problems: usize,
    api_id: Option<String>,
    stage: Option<String>,
    stages: Vec<String>,
}

/// Prints the report; the exit code.
pub fn run(files: &[PathBuf], import: &ImportOptions, options: &compile::Options, format: Format) -> u8 {
    let report = report(files, import, options, format);
    // A reader that has gone away (`| head`) is no reason to fail.
    let _ = std::io::stdout().write_all(report.text.as_bytes());
    report.exit_code
}

/// Checks each file by itself, and then, if all are well, whether they can be served together.
pub fn report(files: &[PathBuf], import: &ImportOptions, options: &compile::Options, format: Format) -> Report {
    let mut reports = Vec::new();
    let mut diagnostics = Diagnostics::default();
    for file in files {
        let (apis, found) = match deployment::build(std::slice::from_ref(file), import, options, 0) {
            Ok(built) => (built.apis, built.warnings),
            Err(found) => (Vec::new(), found),
        };
        reports.push(file_report(file.display().to_string(), apis, found.error_count()));
        diagnostics.0.extend(found.0);
    }
    // A file that two documents refer to is wrong once.
    diagnostics = diagnostics.without_repetitions();
    if files.len() > 1
        && !diagnostics.has_errors()
        && let Err(found) = deployment::build(files, import, options, 0)
    {
        diagnostics = found;
    }
    let exit_code = u8::from(diagnostics.has_errors());
    let text = match format {
        Format::Text { colour } => diagnostics.to_text(colour) + &summary(&reports, &diagnostics),
        Format::Json => json(&reports, &diagnostics),
    };
    Report { text, exit_code }
}

/// `apis`: the file's API, once for each of its stages.
fn file_report(file: String, apis: Vec<BuiltApi>, problems: usize) -> FileReport {
    let routes = apis.first().map(|api| api.route_count);
    let api_id = apis.first().map(|api| api.api_id.clone());
    let stages: Vec<String> = apis.into_iter().map(|api| api.stage).collect();
    FileReport { file, routes, problems, api_id, stage: stages.first().cloned(), stages }
}

fn summary(reports: &[FileReport], diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for report in reports {
        let problems = counted(report.problems, "problem");
        let _ = match report.routes {
            Some(routes) => writeln!(text, "{}: {}, {problems}", report.file, counted(routes, "route")),
            None => writeln!(text, "{}: {problems}", report.file),
        };
    }
    let each: usize = reports.iter().map(|report| report.problems).sum();
    if diagnostics.error_count() > each {
        let _ = writeln!(text, "together: {}", counted(diagnostics.error_count() - each, "problem"));
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn json(reports: &[FileReport], diagnostics: &Diagnostics) -> String {
    let report = JsonReport { files: reports, diagnostics: &diagnostics.0 };
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Format = Format::Text { colour: false };

    fn example(name: &str) -> PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
    }

    #[test]
    fn a_good_file_has_a_line() {
        let file = example("petstore.yaml");
        let report = report(std::slice::from_ref(&file), &ImportOptions::default(), &Default::default(), TEXT);
        let text = format!("{}: 7 routes, 0 problems\n", file.display());
        assert_eq!(report, Report { text, exit_code: 0 });
    }

    #[test]
    fn files_that_cannot_be_served_together_are_told() {
        let files = [example("petstore.yaml"), example("petstore.yaml")];
        let report = report(&files, &ImportOptions::default(), &Default::default(), TEXT);
        assert_eq!(report.exit_code, 1);
        assert!(report.text.contains("two APIs have the id `petstore01` and the stage `default`"), "{}", report.text);
        assert!(report.text.ends_with("together: 1 problem\n"), "{}", report.text);
    }

    #[test]
    fn a_missing_file_is_a_problem_in_json_too() {
        let report =
            report(&[PathBuf::from("/nowhere.yaml")], &ImportOptions::default(), &Default::default(), Format::Json);
        let value: serde_json::Value = serde_json::from_str(&report.text).expect("the report is JSON");
        assert_eq!(report.exit_code, 1);
        assert_eq!(value["files"][0]["problems"], 1);
        assert_eq!(value["files"][0]["routes"], serde_json::Value::Null);
        assert_eq!(value["diagnostics"][0]["message"], "cannot read `/nowhere.yaml`: no such file or directory");
    }
}
