//! `tollgate routes FILE…`: what would be served, a line a method.
//!
//! As JSON (`--format json`): a list of `{"apiId", "stage", "canary", "method", "path", "integration", "target"}`. A
//! stage's canary has lines of its own. The table tells stages where there are several.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::check::{Format, Report};
use crate::control_plane::deployment;
use crate::openapi::ImportOptions;
use crate::plan::compile;
use crate::plan::integration::{HttpIntegration, Integration, MockIntegration, MockTemplate, PathPart};
use crate::plan::release::Release;
use crate::plan::template::ValueSource;
use crate::plan::{MethodPlan, StagePlan, route};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    api_id: String,
    stage: String,
    canary: bool,
    method: String,
    path: String,
    integration: &'static str,
    target: String,
}

/// Prints the table; the exit code. Problems go to the standard error.
pub fn run(files: &[PathBuf], import: &ImportOptions, options: &compile::Options, format: Format) -> u8 {
    let report = report(files, import, options, format);
    // A reader that has gone away (`| head`) is no reason to fail.
    let _ = match report.exit_code {
        0 => std::io::stdout().write_all(report.text.as_bytes()),
        _ => std::io::stderr().write_all(report.text.as_bytes()),
    };
    report.exit_code
}

pub fn report(files: &[PathBuf], import: &ImportOptions, options: &compile::Options, format: Format) -> Report {
    // What is served at the root has the same routes.
    let options = compile::Options { root: false, ..options.clone() };
    let plan = match deployment::build(files, import, &options, 0) {
        Ok(built) => built.plan,
        Err(found) => {
            let text = match format {
                Format::Text { colour } => found.to_text(colour),
                Format::Json => found.to_json() + "\n",
            };
            return Report { text, exit_code: 1 };
        }
    };
    let mut rows = Vec::new();
    for stage in &plan.stages {
        rows.extend(stage.methods.iter().map(|method| row(stage, method)));
    }
    let text = match format {
        Format::Text { .. } => table(&rows),
        Format::Json => serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n",
    };
    Report { text, exit_code: 0 }
}

fn row(stage: &StagePlan, method: &MethodPlan) -> Row {
    let (integration, target) = match &method.integration {
        Integration::Http(http) => {
            let name = match (http.proxy, &http.service) {
                (true, _) => "http_proxy",
                (false, None) => "http",
                (false, Some(_)) => "aws",
            };
            (name, http_target(stage, &method.resource_path, http))
        }
        Integration::Lambda(lambda) => {
            let call = &lambda.call;
            let path = if lambda.streams { &call.streaming_path } else { &call.path };
            let origin = stage.origin(call.origin);
            let scheme = if origin.tls { "https" } else { "http" };
            ("aws_proxy", format!("POST {scheme}://{}{path}", origin.authority))
        }
        Integration::Mock(mock) => ("mock", mock_target(mock)),
        Integration::Denied(denied) => ("denied", denied.reason.to_string()),
    };
    Row {
        api_id: stage.api_id.to_string(),
        stage: stage.stage.to_string(),
        canary: stage.release == Release::Canary,
        method: method.http_method.to_string(),
        path: method.resource_path.to_string(),
        integration,
        target,
    }
}

/// The URI as it will be asked for, with the names of mapped values in braces.
fn http_target(stage: &StagePlan, resource_path: &str, http: &HttpIntegration) -> String {
    let origin = stage.origin(http.origin);
    let method = http.http_method.as_deref().unwrap_or("ANY");
    let scheme = if origin.tls { "https" } else { "http" };
    let mut target = format!("{method} {scheme}://{}", origin.authority);
    for part in &http.path {
        match part {
            PathPart::Literal(text) => target.push_str(text),
            PathPart::Value(_, source) => {
                let _ = write!(target, "{{{}}}", source_name(resource_path, source));
            }
        }
    }
    if !http.query.is_empty() {
        let _ = write!(target, "?{}", http.query);
    }
    target
}

fn source_name(resource_path: &str, source: &ValueSource) -> String {
    match source {
        ValueSource::Static(text) => text.to_string(),
        ValueSource::PathParameter(index) => {
            route::parameter_names(resource_path).nth(*index as usize).unwrap_or("?").to_owned()
        }
        ValueSource::QueryString(name) => format!("querystring.{name}"),
        ValueSource::Header(name) => format!("header.{name}"),
        ValueSource::Context(variable) => format!("context.{}", variable.name()),
        ValueSource::MultiValueQueryString(name) => format!("multivaluequerystring.{name}"),
        ValueSource::MultiValueHeader(name) => format!("multivalueheader.{name}"),
        ValueSource::Body => "body".to_owned(),
        ValueSource::BodyPath(path) => format!("body{}", path.text.trim_start_matches('$')),
    }
}

fn mock_target(mock: &MockIntegration) -> String {
    let statuses = mock.statuses.iter().map(|(_, template)| match template {
        MockTemplate::Status(status) => status.to_string(),
        MockTemplate::Vtl(_) => "by template".to_owned(),
    });
    let statuses: Vec<String> = statuses.collect();
    statuses.join(", ")
}

fn table(rows: &[Row]) -> String {
    let stage = |row: &Row| if row.canary { format!("{} (canary)", row.stage) } else { row.stage.clone() };
    let stages = rows.windows(2).any(|pair| stage(&pair[0]) != stage(&pair[1]));
    let mut lines = vec![["STAGE", "METHOD", "PATH", "INTEGRATION", "TARGET"].map(str::to_owned)];
    lines.extend(
        rows.iter().map(|row| {
            [stage(row), row.method.clone(), row.path.clone(), row.integration.to_owned(), row.target.clone()]
        }),
    );
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let shown = line.iter().zip(widths).skip(usize::from(!stages));
        let cells: Vec<String> = shown.map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_a_line() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/orders-openapi2.json");
        let report = report(&[file], &ImportOptions::default(), &Default::default(), Format::Text { colour: false });
        let expected = "\
METHOD   PATH               INTEGRATION  TARGET
GET      /orders            http         GET http://127.0.0.1:9000/orders
OPTIONS  /orders            mock         200
ANY      /orders/{orderId}  http_proxy   ANY http://127.0.0.1:9000/orders/{orderId}
";
        assert_eq!(report, Report { text: expected.to_owned(), exit_code: 0 });
    }
}
