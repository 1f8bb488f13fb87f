//! The files of a document: reading them, all that they refer to, and finding the value that a `$ref` names.
//!
//! Every file that any `$ref` names is read before the first value is interpreted, and every `$ref` is checked to name
//! something. References to the network are refused: what is served must not depend on who answers there.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::Strictness;
use super::tree::{FileIndex, Mapping, Node, Position, Value};
use super::{json, yaml};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// A larger file is not an API description. (AWS imports at most 6 MB.)
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Files that one document may be spread over.
pub const FILES_MAX: usize = 1000;
/// References that only lead to another reference.
const REFERENCE_HOPS_MAX: usize = 32;

struct File {
    path: PathBuf,
    source: Arc<Source>,
    root: Node,
}

/// A file's text, and what shows a place in it.
#[derive(Debug)]
struct Source {
    /// As messages name the file.
    name: Arc<str>,
    text: String,
    /// Where each line starts; made for the first message.
    line_starts: OnceLock<Vec<usize>>,
}

impl Source {
    fn new(name: Arc<str>, text: String) -> Source {
        Source { name, text, line_starts: OnceLock::new() }
    }

    fn place(&self, position: Position) -> Place {
        let starts = self.line_starts.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(breaks).collect()
        });
        let start = starts.get(position.line.saturating_sub(1) as usize);
        let source_line = start.and_then(|start| self.text[*start..].lines().next()).map(Into::into);
        Place { file: self.name.clone(), line: position.line, column: position.column, source_line }
    }
}

/// The files of one document; the first is the document itself.
pub struct Files {
    files: Vec<File>,
    /// By normal path.
    by_path: HashMap<PathBuf, FileIndex>,
    /// Whether the document may name files beside it.
    other_files: bool,
    /// References that name nothing, where that is no error.
    pub warnings: Vec<Diagnostic>,
}

/// Texts and names only: what is needed to show a place, after the trees are gone.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<Source>>,
}

impl Sources {
    pub fn place(&self, position: Position) -> Option<Place> {
        Some(self.files.get(position.file.0 as usize)?.place(position))
    }
}

impl Files {
    /// Reads `path` and all that it refers to.
    pub fn load(path: &Path) -> Result<Files, Vec<Diagnostic>> {
        let bytes = read(path).map_err(|message| vec![Diagnostic::error(message)])?;
        Files::start(path, bytes)?.follow(true, Strictness::Serve)
    }

    /// A document that is not a file, such as the body of an import: it may refer to itself only.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, strictness: Strictness) -> Result<Files, Vec<Diagnostic>> {
        Files::start(Path::new(name), bytes)?.follow(false, strictness)
    }

    fn start(path: &Path, bytes: Vec<u8>) -> Result<Files, Vec<Diagnostic>> {
        let mut files = Files { files: Vec::new(), by_path: HashMap::new(), other_files: false, warnings: Vec::new() };
        match files.add(path, bytes) {
            Ok(_) => Ok(files),
            Err(diagnostic) => Err(vec![*diagnostic]),
        }
    }

    fn add(&mut self, path: &Path, bytes: Vec<u8>) -> Result<FileIndex, Box<Diagnostic>> {
        let name: Arc<str> = path.display().to_string().into();
        let index = FileIndex(self.files.len() as u16);
        let source = Arc::new(Source::new(name.clone(), decode(bytes, &name)?));
        let root = parse(path, &source.text, index).map_err(|error| {
            let mut diagnostic = Diagnostic::error(error.message).at(source.place(error.position));
            diagnostic.help = error.help;
            if let Some((label, position)) = error.related {
                diagnostic = diagnostic.related(label, source.place(position));
            }
            Box::new(diagnostic)
        })?;
        let Some(root) = root else {
            let place = Place { file: name, line: 1, column: 1, source_line: None };
            let empty = Diagnostic::error("the file is empty").at(place);
            return Err(Box::new(empty.help("an OpenAPI document starts with `openapi: 3.0.1` or `swagger: \"2.0\"`")));
        };
        self.by_path.insert(normal(path), index);
        self.files.push(File { path: path.to_owned(), source, root });
        Ok(index)
    }

    /// Reads what is referred to, and what that refers to, and checks every reference.
    fn follow(mut self, other_files: bool, strictness: Strictness) -> Result<Files, Vec<Diagnostic>> {
        self.other_files = other_files;
        let mut problems = Vec::new();
        let mut refused = HashSet::new();
        let mut next = 0;
        while next < self.files.len() {
            let mut references = Vec::new();
            collect_references(&self.files[next].root, false, &mut references);
            for (target, position) in references {
                let missing = self.missing_file(FileIndex(next as u16), &target);
                let Some(path) = missing.filter(|path| !refused.contains(&normal(path))) else { continue };
                if let Err(diagnostic) = self.add_referenced(&path, other_files, position) {
                    refused.insert(normal(&path));
                    problems.push(*diagnostic);
                }
            }
            next += 1;
        }
        let mut warnings = Vec::new();
        for file in &self.files {
            let mut references = Vec::new();
            collect_references(&file.root, false, &mut references);
            for (target, position) in references {
                if let Err((message, help)) = self.target(position.file, &target)
                    && !self.missing_file(position.file, &target).is_some_and(|path| refused.contains(&normal(&path)))
                {
                    // AWS's import passes over them, but knows no other files and no network.
                    let (file, _) = split_target(&target);
                    let here = file.is_empty() || model_name(file).is_some();
                    let (found, severity) = match strictness {
                        Strictness::Import if here => (&mut warnings, Severity::Warning),
                        Strictness::Import | Strictness::Serve => (&mut problems, Severity::Error),
                    };
                    let diagnostic = Diagnostic::error(message).at(self.place(position)).help(help);
                    found.push(Diagnostic { severity, ..diagnostic });
                }
            }
        }
        self.warnings = warnings;
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The file that a reference names, where it has not been read.
    fn missing_file(&self, from: FileIndex, target: &str) -> Option<PathBuf> {
        let (file, _) = split_target(target);
        if file.is_empty() || scheme(file).is_some() {
            return None;
        }
        let path = self.beside(from, file);
        (!self.by_path.contains_key(&normal(&path))).then_some(path)
    }

    fn beside(&self, from: FileIndex, file: &str) -> PathBuf {
        let base = self.files[from.0 as usize].path.parent().unwrap_or(Path::new(""));
        base.join(percent_decoded(file))
    }

    fn add_referenced(&mut self, path: &Path, allowed: bool, position: Position) -> Result<(), Box<Diagnostic>> {
        let refuse = |message: String| Box::new(Diagnostic::error(message).at(self.place(position)));
        if !allowed {
            let refused = refuse("this document may not refer to other files".to_owned());
            return Err(Box::new(refused.help("put everything into one document before importing it")));
        }
        if self.files.len() >= FILES_MAX {
            return Err(refuse(format!("the document is spread over more than {FILES_MAX} files")));
        }
        let bytes = read(path).map_err(refuse)?;
        self.add(path, bytes).map(|_| ())
    }

    pub fn root(&self) -> &Node {
        &self.files[0].root
    }

    fn model(&self, name: &str) -> Option<&Node> {
        let root = self.root().as_mapping()?;
        let components = root.get("components").and_then(Node::as_mapping);
        let schemas = root.get("definitions").or(components.and_then(|components| components.get("schemas")))?;
        schemas.as_mapping()?.get(name)
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// The path of a document that a value at `position` names.
    ///
    /// # Errors
    /// The document is none of the file system's.
    pub fn named(&self, document: &str, position: Position) -> Result<PathBuf, Box<Diagnostic>> {
        let refused =
            |message: &str, help: &str| Box::new(Diagnostic::error(message).at(self.place(position)).help(help));
        if !self.other_files {
            let help = "put everything into one document before importing it";
            return Err(refused("this document may not refer to other files", help));
        }
        if scheme(document).is_some() {
            return Err(refused("the canary's document is on the network", "save it as a file beside this one"));
        }
        let base = self.files[position.file.0 as usize].path.parent().unwrap_or(Path::new(""));
        Ok(base.join(document))
    }

    pub fn place(&self, position: Position) -> Place {
        self.files[position.file.0 as usize].source.place(position)
    }

    pub fn sources(&self) -> Sources {
        Sources { files: self.files.iter().map(|file| file.source.clone()).collect() }
    }

    /// The value itself, or what it refers to in the end. `None` for a circle, which [`Self::follow`] has reported.
    pub fn resolve<'f>(&'f self, node: &'f Node) -> Option<&'f Node> {
        let mut node = node;
        for _ in 0..REFERENCE_HOPS_MAX {
            let Some((target, position)) = node.reference() else { return Some(node) };
            node = self.target_once(position.file, target).ok()?;
        }
        None
    }

    /// What a reference object names, one step away.
    pub fn referred<'f>(&'f self, node: &'f Node) -> Option<&'f Node> {
        let (target, position) = node.reference()?;
        self.target_once(position.file, target).ok()
    }

    /// What a reference names, however many steps away.
    fn target(&self, from: FileIndex, target: &str) -> Result<&Node, (String, String)> {
        let node = self.target_once(from, target)?;
        self.resolve(node).ok_or_else(|| {
            let message = format!("the reference `{target}` leads in a circle");
            (message, "one of the references must name a value".to_owned())
        })
    }

    fn target_once(&self, from: FileIndex, target: &str) -> Result<&Node, (String, String)> {
        let (file, pointer) = split_target(target);
        if let Some(name) = model_name(file) {
            return self.model(name).ok_or_else(|| {
                let message = format!("the reference `{target}` names no model: there is no `{name}`");
                (message, "models are in `components.schemas`, or in `definitions` of OpenAPI 2".to_owned())
            });
        }
        if let Some(scheme) = scheme(file) {
            let message = format!("the reference `{target}` names something on the network ({scheme})");
            return Err((message, "save it as a file beside this one and refer to that".to_owned()));
        }
        let index = if file.is_empty() {
            from
        } else {
            let known = self.by_path.get(&normal(&self.beside(from, file)));
            *known.ok_or_else(|| (format!("cannot read `{file}`"), "the path is relative to this file".to_owned()))?
        };
        let root = &self.files[index.0 as usize].root;
        if pointer.is_empty() || pointer == "/" {
            return Ok(root);
        }
        if !pointer.starts_with('/') {
            let message = format!("the reference `{target}` is not a path into a document");
            return Err((message, "write it as `#/components/schemas/Pet`".to_owned()));
        }
        step_through(root, pointer).map_err(|segment| {
            let message = format!("the reference `{target}` names nothing: there is no `{segment}`");
            (message, "check the spelling; `/` in a key is written `~1`".to_owned())
        })
    }
}

/// The model that a reference names as AWS's own documents do: `https://apigateway.amazonaws.com/restapis/{id}/models/Pet`.
pub fn model_name(file: &str) -> Option<&str> {
    let path = file.strip_prefix("https://apigateway.amazonaws.com/restapis/")?;
    path.split_once("/models/").map(|(_, name)| name)
}

/// Follows a JSON pointer; on failure, the segment that is not there.
fn step_through<'n>(root: &'n Node, pointer: &str) -> Result<&'n Node, String> {
    let mut node = root;
    for segment in pointer[1..].split('/') {
        let segment = percent_decoded(segment).replace("~1", "/").replace("~0", "~");
        let next = match &node.value {
            Value::Mapping(mapping) => mapping.get(&segment),
            Value::Sequence(nodes) => segment.parse::<usize>().ok().and_then(|at| nodes.get(at)),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => None,
        };
        node = next.ok_or(segment)?;
    }
    Ok(node)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let name = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot read `{name}`: {}", reason(&error)))?;
    if metadata.is_dir() {
        return Err(format!("cannot read `{name}`: it is a directory"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        let (size, max) = (metadata.len() >> 20, FILE_BYTES_MAX >> 20);
        return Err(format!("`{name}` has {size} MB; an OpenAPI document may have {max}"));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, FILE_BYTES_MAX + 1), &mut bytes));
    read.map_err(|error| format!("cannot read `{name}`: {}", reason(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("`{name}` has more than {} MB", FILE_BYTES_MAX >> 20));
    }
    Ok(bytes)
}

/// Without "(os error 2)", which says nothing more.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn decode(bytes: Vec<u8>, name: &Arc<str>) -> Result<String, Box<Diagnostic>> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let line = before.matches('\n').count() as u32 + 1;
        let last = before.rsplit('\n').next().unwrap_or("");
        let column = last.chars().count() as u32 + 1;
        let place = Place { file: name.clone(), line, column, source_line: None };
        let diagnostic = Diagnostic::error("the file is not UTF-8 from here on").at(place);
        Box::new(diagnostic.help("save it as UTF-8, for example with `iconv -t UTF-8`"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// By the name's ending, or by the first character: JSON also stands in files that are called otherwise.
fn parse(path: &Path, text: &str, file: FileIndex) -> Result<Option<Node>, yaml::SyntaxError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let named_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if named_json {
        return json::parse(text, file).map(Some);
    }
    if text.trim_start().starts_with('{')
        && let Ok(node) = json::parse(text, file)
    {
        return Ok(Some(node));
    }
    yaml::parse(text, file)
}

fn split_target(target: &str) -> (&str, &str) {
    target.split_once('#').unwrap_or((target, ""))
}

/// `http` of `http://…`; a Windows drive letter is not a scheme.
fn scheme(file: &str) -> Option<&str> {
    let (scheme, _) = file.split_once(':')?;
    (scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(scheme)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The path without `.` and `..`, so that a file is read once however it is named.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Every `$ref` with a text in it, but not those inside example values, which are data.
fn collect_references(node: &Node, names: bool, references: &mut Vec<(String, Position)>) {
    match &node.value {
        Value::Sequence(nodes) => nodes.iter().for_each(|node| collect_references(node, false, references)),
        Value::Mapping(mapping) => collect_from_mapping(mapping, names, references),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// With `names`, the keys are the author's own (properties of a schema, names of components).
fn collect_from_mapping(mapping: &Mapping, names: bool, references: &mut Vec<(String, Position)>) {
    const DATA: [&str; 6] = ["example", "value", "default", "enum", "const", "x-amazon-apigateway-policy"];
    const NAMED: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "schemas"];
    for entry in mapping.entries() {
        let key = &*entry.key;
        if !names && DATA.contains(&key) || key.starts_with("x-") && !key.starts_with("x-amazon-apigateway-") {
            continue;
        }
        match entry.value.as_str() {
            Some(target) if key == "$ref" && !names => references.push((target.to_owned(), entry.value.position)),
            _ => collect_references(&entry.value, !names && NAMED.contains(&key), references),
        }
    }
}
