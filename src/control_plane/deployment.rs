//! Documents → a plan: what `serve`, a reload and `tollgate check` have in common.

use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::openapi::{self, ImportOptions, Imported, ImportedStage, SourceMap};
use crate::plan::Plan;
use crate::plan::compile::{self, Deployment, Problem, StageSource, ValueName};

/// A plan that is ready to be published, and what it was made of.
#[derive(Debug)]
pub struct Built {
    pub plan: Plan,
    /// Every file that was read: the documents and what they refer to.
    pub watched_files: Vec<PathBuf>,
    pub apis: Vec<BuiltApi>,
    /// What it was compiled from.
    pub imported: Vec<Imported>,
    /// Of no consequence for serving, but worth a line.
    pub warnings: Diagnostics,
}

/// What to say of an API that is served, once for each of its stages.
#[derive(Clone, Debug)]
pub struct BuiltApi {
    /// The document as it was given.
    pub document: String,
    pub api_id: String,
    pub name: String,
    pub stage: String,
    pub route_count: usize,
    /// Where the stage has a canary.
    pub canary_percent: Option<f64>,
}

/// Loads the documents and compiles them into one plan.
///
/// # Errors
/// Everything that is wrong, and nothing is served of it.
pub fn build(
    files: &[PathBuf],
    import: &ImportOptions,
    options: &compile::Options,
    generation: u64,
) -> Result<Built, Diagnostics> {
    build_imported(openapi::load(files, import)?, options, generation)
}

/// The same for documents that have been read.
///
/// # Errors
/// As [`build`].
pub fn build_imported(
    imported: Vec<Imported>,
    options: &compile::Options,
    generation: u64,
) -> Result<Built, Diagnostics> {
    let stages: Vec<Served<'_>> = imported.iter().flat_map(Served::all).collect();
    let sources: Vec<StageSource<'_>> = stages.iter().map(Served::source).collect();
    let warnings: Vec<Diagnostic> = imported.iter().flat_map(|one| one.warnings.iter().cloned()).collect();
    let plan = compile::compile(&sources, options, generation).map_err(|problems| {
        let problems = problems.into_iter().map(|problem| diagnostic(&stages, problem));
        Diagnostics(problems.chain(warnings.iter().cloned()).collect()).without_repetitions()
    })?;
    let apis = stages.iter().zip(plan.addressed()).map(|(served, stage)| BuiltApi {
        document: served.imported.name.to_string(),
        api_id: stage.api_id.to_string(),
        name: stage.api_name.to_string(),
        stage: stage.stage.to_string(),
        route_count: stage.methods.len(),
        canary_percent: served.stage.stage.canary_settings.as_ref().map(|canary| canary.percent_traffic),
    });
    let apis: Vec<BuiltApi> = apis.collect();
    let mut watched_files: Vec<PathBuf> = imported.iter().flat_map(|one| one.files.clone()).collect();
    watched_files.sort();
    watched_files.dedup();
    Ok(Built { plan, watched_files, apis, imported, warnings: Diagnostics(warnings).without_repetitions() })
}

/// A stage, and the document that describes it.
struct Served<'i> {
    imported: &'i Imported,
    stage: &'i ImportedStage,
}

impl<'i> Served<'i> {
    fn all(imported: &'i Imported) -> impl Iterator<Item = Served<'i>> {
        imported.stages.iter().map(move |stage| Served { imported, stage })
    }

    fn source(&self) -> StageSource<'i> {
        let canary = self.stage.canary.as_ref().map(|canary| &canary.definition);
        StageSource { definition: &self.imported.definition, stage: &self.stage.stage, canary }
    }

    fn source_map(&self, deployment: Deployment) -> &'i SourceMap {
        match (deployment, &self.stage.canary) {
            (Deployment::Canary, Some(canary)) => &canary.source_map,
            (Deployment::Canary | Deployment::Production, _) => &self.imported.source_map,
        }
    }
}

fn diagnostic(stages: &[Served<'_>], problem: Problem) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(problem.message);
    diagnostic.help = problem.help;
    diagnostic.place = place(stages, &problem.value);
    match problem.related {
        Some((label, value)) => match place(stages, &value) {
            Some(place) => diagnostic.related(label, place),
            None => diagnostic,
        },
        None => diagnostic,
    }
}

fn place(stages: &[Served<'_>], value: &ValueName) -> Option<Place> {
    stages.get(value.source)?.source_map(value.deployment).place(&value.pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str) -> PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
    }

    #[test]
    fn the_examples_can_be_served_together() {
        let files = [example("petstore.yaml"), example("orders-openapi2.json")];
        let built = build(&files, &ImportOptions::default(), &compile::Options::default(), 3)
            .unwrap_or_else(|found| panic!("{}", found.to_text(false)));
        assert_eq!(built.warnings, Diagnostics::default());
        assert_eq!((built.plan.generation, built.watched_files.len()), (3, 2));
        let shown = built.apis.iter().map(|api| format!("{} {} {}", api.api_id, api.stage, api.route_count));
        assert_eq!(shown.collect::<Vec<_>>(), ["petstore01 default 7", "a1b2c3d4e5 prod 3"]);
    }

    #[test]
    fn a_problem_inside_a_schema_has_its_place_in_the_document() {
        let text = "openapi: 3.0.1
info: {title: T, version: '1'}
x-amazon-apigateway-request-validators:
  all: {validateRequestBody: true, validateRequestParameters: true}
paths:
  /a:
    post:
      x-amazon-apigateway-request-validator: all
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Pet'}
      x-amazon-apigateway-integration: {type: mock, requestTemplates: {application/json: '{\"statusCode\": 200}'}, responses: {default: {statusCode: 200}}}
components:
  schemas:
    Pet:
      properties:
        tags: {type: array, items: {$ref: '#/components/schemas/Tag'}}
    Tag:
      properties:
        name: {type: string, pattern: '(?=a)b'}
";
        let imported =
            openapi::load_text("t.yaml", text, &ImportOptions::default()).expect("the document is well-formed");
        let found =
            build_imported(vec![imported], &compile::Options::default(), 1).expect_err("a pattern that cannot be used");
        assert_eq!(
            found.0[0].one_line(),
            "t.yaml:21:39: model `Tag`: the pattern `(?=a)b` looks around, which takes time without bound"
        );
        assert_eq!(found.0[0].related[0].place.line, 11);
    }

    #[test]
    fn a_log_format_is_refused_where_it_stands() {
        let text = "openapi: 3.0.1
info: {title: T, version: '1'}
paths: {}
x-tollgate-access-log-format: $context.requestId $context.staus
";
        let imported =
            openapi::load_text("t.yaml", text, &ImportOptions::default()).expect("the document is well-formed");
        let found = build_imported(vec![imported], &compile::Options::default(), 1).expect_err("no such variable");
        let expected = "t.yaml:4:31: the format has `$context.staus`, which is not a variable that access logs have";
        assert_eq!(found.0.iter().map(Diagnostic::one_line).collect::<Vec<_>>(), [expected]);
        assert_eq!(found.0[0].help.as_deref(), Some("did you mean `$context.status`?"));
    }

    #[test]
    fn a_problem_of_the_plan_has_its_place_in_the_document() {
        let text = "openapi: 3.0.1
info: {title: T, version: '1'}
paths:
  /a/{id}:
    get:
      x-amazon-apigateway-integration:
        type: http_proxy
        httpMethod: GET
        uri: http://${stageVariables.host}/a
  /a/{name}/b:
    get:
      x-amazon-apigateway-integration: {type: aws_proxy, uri: 'arn:aws:x', httpMethod: POST}
";
        let imported =
            openapi::load_text("t.yaml", text, &ImportOptions::default()).expect("the document is well-formed");
        let found = build_imported(vec![imported], &compile::Options::default(), 1).expect_err("two problems");
        let shown: Vec<String> = found.0.iter().map(Diagnostic::one_line).collect();
        let expected = [
            "t.yaml:9:14: the stage variable `host` has no value",
            "t.yaml:10:3: the path conflicts with one that has `{id}` in the same place",
        ];
        assert_eq!(shown, expected);
        assert_eq!(found.0[1].related[0].place.line, 4);
    }
}
