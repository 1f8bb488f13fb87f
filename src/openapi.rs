//! OpenAPI documents (2.0, 3.0 and 3.1; YAML or JSON) with `x-amazon-apigateway-*` extensions ⇄ the model.
//!
//! Everything a document says is either taken into the model or refused with its place; what the model holds but the
//! engine cannot do yet is refused when the plan is compiled.
//!
//! - `tree`, `yaml`, `json`: text → values that know where they stand.
//! - `source`: the files of a document, and what a `$ref` names.
//! - `keys`: which keys each object may have; `reader`: typed access to them.
//! - `document`: the whole; `base_path`: where its paths start; `stage`: the stages it is served under; `path`: paths and operations;
//!   `integration`: what they do; `upstream`: what protects their backends; `security`: who may; `extension`: gateway responses and the like;
//!   `schema`: models.
//! - `description`, `documentation`: what describes the API; `report`: what an import says; `ids`: ids that are drawn;
//!   `merge`: a document into an API that is there.
//! - `export`: the way back.
//!
//! Ids are derived, not drawn, so that a document that is read again keeps them: see `base_path`.

mod base_path;
mod description;
mod document;
mod documentation;
mod export;
mod extension;
mod ids;
mod integration;
mod json;
mod keys;
mod merge;
mod path;
mod reader;
mod report;
mod schema;
mod security;
mod source;
mod stage;
mod throttle;
mod tree;
mod upstream;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::model::{ApiDefinition, EndpointType, OrderedMap, Pointer, RestApiId, Stage};
use reader::Reader;
use source::{Files, Sources};
use stage::{CanaryDocument, Described};
use tree::Position;

pub use export::{ExportFormat, ExportOptions, ExportType, ExportedDocumentation, Extensions, export, to_text};
pub use ids::redraw_ids;
pub use merge::{PutMode, merge, merge_documentation};
pub use report::{refusal, warnings};
pub use source::{FILE_BYTES_MAX, FILES_MAX};
pub use yaml::{ALIASED_NODES_MAX, DEPTH_MAX, NODES_MAX};

/// What `basePath` (or the path of `servers[0].url`) does. (Guide, `api-gateway-import-api-basePath`.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BasePath {
    /// As if it were not there.
    #[default]
    Ignore,
    /// It stands before every path.
    Prepend,
    /// Without its first segment, it stands before every path.
    Split,
}

/// What a document is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is served as it is: what API Gateway would pass over is an error.
    #[default]
    Serve,
    /// `ImportRestApi` and `PutRestApi`: what API Gateway passes over is a warning, an operation may have no
    /// integration yet, and descriptions become documentation parts.
    Import,
}

#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    pub strictness: Strictness,
    pub base_path: BasePath,
    /// No documentation parts, whatever the document says.
    pub ignore_documentation: bool,
    /// They win over those of the document.
    pub endpoint_types: Option<Vec<EndpointType>>,
    /// An operation without an integration answers with its declared example instead of being an error.
    pub mock_missing: bool,
    /// The stage's name, whatever the document says; of several stages, the only one to serve.
    pub stage_name: Option<String>,
    /// They win over those of the document, in each of its stages.
    pub stage_variables: OrderedMap<String>,
}

impl ImportOptions {
    /// As the query of an import says: `basepath=ignore|prepend|split`,
    /// `endpointConfigurationTypes=REGIONAL|EDGE|PRIVATE` and `ignore=documentation`. Other parameters are passed over.
    /// (API reference, `API_ImportRestApi`.)
    ///
    /// # Errors
    /// The value that is none of these, in a sentence.
    pub fn from_parameters<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<ImportOptions, String> {
        let mut options = ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() };
        for (name, value) in parameters {
            match (name, value) {
                ("basepath", "ignore") => options.base_path = BasePath::Ignore,
                ("basepath", "prepend") => options.base_path = BasePath::Prepend,
                ("basepath", "split") => options.base_path = BasePath::Split,
                ("ignore", "documentation") => options.ignore_documentation = true,
                ("endpointConfigurationTypes", names) => {
                    let types = names.split(',').map(|name| EndpointType::from_name(name.trim()));
                    let types: Option<Vec<EndpointType>> = types.collect();
                    options.endpoint_types = Some(types.ok_or_else(|| unknown_value(name, value))?);
                }
                ("basepath" | "ignore", _) => return Err(unknown_value(name, value)),
                _ => {}
            }
        }
        Ok(options)
    }
}

fn unknown_value(name: &str, value: &str) -> String {
    format!("Invalid value for parameter {name}: {value}")
}

/// One document: an API, and the stages to serve it under.
#[derive(Debug)]
pub struct Imported {
    /// The document's file as it was given.
    pub name: Arc<str>,
    pub definition: ApiDefinition,
    pub stages: Vec<ImportedStage>,
    pub source_map: SourceMap,
    /// The document and every file that it refers to, its canaries' documents too.
    pub files: Vec<PathBuf>,
    pub warnings: Vec<Diagnostic>,
}

#[derive(Debug)]
pub struct ImportedStage {
    pub stage: Stage,
    /// What the canary serves, where that is described by another document.
    pub canary: Option<ImportedCanary>,
}

#[derive(Debug)]
pub struct ImportedCanary {
    pub definition: ApiDefinition,
    pub source_map: SourceMap,
}

/// Where each value of the model stands in the document.
#[derive(Debug)]
pub struct SourceMap {
    positions: HashMap<Pointer, Position>,
    sources: Sources,
    root: Position,
}

impl SourceMap {
    /// Whether the document says this very value.
    pub fn names(&self, pointer: &Pointer) -> bool {
        self.positions.contains_key(pointer)
    }

    /// The place of the value, or of the nearest that it is a part of.
    pub fn place(&self, pointer: &Pointer) -> Option<Place> {
        let mut next = Some(pointer.clone());
        while let Some(pointer) = next {
            if let Some(position) = self.positions.get(&pointer) {
                return self.sources.place(*position);
            }
            next = pointer.parent();
        }
        self.sources.place(self.root)
    }
}

/// Reads every file as one API.
///
/// # Errors
/// All that is wrong with all of them.
pub fn load(files: &[PathBuf], options: &ImportOptions) -> Result<Vec<Imported>, Diagnostics> {
    let mut imported = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        let name: Arc<str> = path.display().to_string().into();
        match Files::load(path).and_then(|files| import(name, &files, options)) {
            Ok(one) => imported.push(one),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(imported) } else { Err(Diagnostics(problems).without_repetitions()) }
}

/// Reads a document that is not a file: the body of an import, or what is built in. It may not refer to files.
///
/// # Errors
/// All that is wrong with it.
pub fn load_text(name: &str, text: &str, options: &ImportOptions) -> Result<Imported, Diagnostics> {
    load_bytes(name, text.as_bytes().to_vec(), options)
}

/// The same, where it is not known yet whether it is text.
///
/// # Errors
/// All that is wrong with it.
pub fn load_bytes(name: &str, bytes: Vec<u8>, options: &ImportOptions) -> Result<Imported, Diagnostics> {
    Files::from_bytes(name, bytes, options.strictness)
        .and_then(|files| import(name.into(), &files, options))
        .map_err(|problems| Diagnostics(problems).without_repetitions())
}

fn import(name: Arc<str>, files: &Files, options: &ImportOptions) -> Result<Imported, Vec<Diagnostic>> {
    let mut reader = Reader::new(files, options.strictness);
    let read = document::read(&mut reader, &name, options);
    let Reader { problems, positions, .. } = reader;
    let mut warnings = files.warnings.clone();
    warnings.extend(problems);
    let Some((definition, described)) = read else { return Err(warnings) };
    let mut paths: Vec<PathBuf> = files.paths().map(PathBuf::from).collect();
    let mut stages = Vec::new();
    for Described { stage, canary_document } in described {
        let canary = canary_document.map(|document| {
            let files = canary_files(files, &document)?;
            paths.extend(files.paths().map(PathBuf::from));
            import_canary(&document.path, &files, options, &definition.rest_api.id)
        });
        match canary.transpose() {
            Ok(canary) => {
                let (canary, more) = canary.unzip();
                warnings.extend(more.into_iter().flatten());
                stages.push(ImportedStage { stage, canary });
            }
            Err(problems) => warnings.extend(problems),
        }
    }
    if warnings.iter().any(|problem| problem.severity != Severity::Warning) {
        return Err(warnings);
    }
    let source_map = SourceMap { positions, sources: files.sources(), root: files.root().position };
    Ok(Imported { name, definition, stages, source_map, files: paths, warnings })
}

fn canary_files(files: &Files, document: &CanaryDocument) -> Result<Files, Vec<Diagnostic>> {
    let path = files.named(&document.path, document.position).map_err(|problem| vec![*problem])?;
    Files::load(&path).map_err(|mut problems| {
        // A file that cannot be read has no place of its own.
        problems.iter_mut().for_each(|problem| {
            problem.place.get_or_insert_with(|| files.place(document.position));
        });
        problems
    })
}

/// The definition, and what is worth a warning.
fn import_canary(
    name: &str,
    files: &Files,
    options: &ImportOptions,
    rest_api_id: &RestApiId,
) -> Result<(ImportedCanary, Vec<Diagnostic>), Vec<Diagnostic>> {
    let options = ImportOptions { stage_name: None, stage_variables: OrderedMap::new(), ..options.clone() };
    let mut reader = Reader::new(files, options.strictness);
    let read = document::read_canary(&mut reader, name, &options, rest_api_id);
    let Reader { problems, positions, .. } = reader;
    match read {
        Some(definition) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            let source_map = SourceMap { positions, sources: files.sources(), root: files.root().position };
            Ok((ImportedCanary { definition, source_map }, problems))
        }
        Some(_) | None => Err(problems),
    }
}
