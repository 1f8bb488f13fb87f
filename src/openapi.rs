//! OpenAPI documents (2.0, 3.0 and 3.1; YAML or JSON) with `x-amazon-apigateway-*` extensions → the model.
//!
//! Everything a document says is either taken into the model or refused with its place; what the model holds but the
//! engine cannot do yet is refused when the plan is compiled.
//!
//! - `tree`, `yaml`, `json`: text → values that know where they stand.
//! - `source`: the files of a document, and what a `$ref` names.
//! - `keys`: which keys each object may have; `reader`: typed access to them.
//! - `document`: the whole; `base_path`: where its paths start, and its stage; `path`: paths and operations;
//!   `integration`: what they do; `security`: who may; `extension`: gateway responses and the like;
//!   `schema`: models.
//!
//! Ids are derived, not drawn, so that a document that is read again keeps them: see `base_path`.

mod base_path;
mod document;
mod extension;
mod integration;
mod json;
mod keys;
mod path;
mod reader;
mod schema;
mod security;
mod source;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::model::{ApiDefinition, OrderedMap, Pointer, Stage};
use reader::Reader;
use source::{Files, Sources};
use tree::Position;

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

#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    pub base_path: BasePath,
    /// An operation without an integration answers with its declared example instead of being an error.
    pub mock_missing: bool,
    /// The stage's name, whatever the document says.
    pub stage_name: Option<String>,
    /// They win over those of the document (`x-tollgate-stage-variables`).
    pub stage_variables: OrderedMap<String>,
}

/// One document: an API, and the stage to serve it under.
#[derive(Debug)]
pub struct Imported {
    /// The document's file as it was given.
    pub name: Arc<str>,
    pub definition: ApiDefinition,
    pub stage: Stage,
    pub source_map: SourceMap,
    /// The document and every file that it refers to.
    pub files: Vec<PathBuf>,
    pub warnings: Vec<Diagnostic>,
}

/// Where each value of the model stands in the document.
#[derive(Debug)]
pub struct SourceMap {
    positions: HashMap<Pointer, Position>,
    sources: Sources,
    root: Position,
}

impl SourceMap {
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
    Files::from_text(name, text)
        .and_then(|files| import(name.into(), &files, options))
        .map_err(|problems| Diagnostics(problems).without_repetitions())
}

fn import(name: Arc<str>, files: &Files, options: &ImportOptions) -> Result<Imported, Vec<Diagnostic>> {
    let mut reader = Reader::new(files);
    let read = document::read(&mut reader, &name, options);
    let Reader { problems, positions, .. } = reader;
    match read {
        Some((definition, stage)) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            let source_map = SourceMap { positions, sources: files.sources(), root: files.root().position };
            let files = files.paths().map(PathBuf::from).collect();
            Ok(Imported { name, definition, stage, source_map, files, warnings: problems })
        }
        Some(_) | None => Err(problems),
    }
}
