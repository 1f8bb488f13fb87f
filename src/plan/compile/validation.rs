//! A method's request validator, and the models that it holds bodies against.
//!
//! Models refer to each other by `https://apigateway.amazonaws.com/restapis/{id}/models/{name}` (guide,
//! `models-mappings-models`), and to their own parts by `#/…`. What a model refers to is put into one document with it,
//! so that nothing is looked up when it is used, and nothing leads out of the API.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::shared::TextKey;
use super::{Compilation, Compiler, StageSource};
use crate::model::{ApiDefinition, Method, Pointer};
use crate::plan::validation::{ParameterPlace, RequiredParameter, Schema, SchemaError, Validator};

/// A model may have 400 KB in the service; with all that it refers to, this.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// `None` for a method that nothing is checked of, or where there was a problem.
pub fn compile(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    path: &str,
    method: &Method,
    pointer: &Pointer,
) -> Option<Box<Validator>> {
    let id = method.request_validator_id.as_ref()?;
    let validators = &source.definition.request_validators;
    let Some(described) = validators.iter().find(|validator| validator.id == *id) else {
        compilation.refuse(pointer.child("requestValidatorId"), format!("there is no request validator `{id}`"));
        return None;
    };
    let mut validator = Validator::default();
    if described.validate_request_parameters {
        validator.required = required(compilation, path, method, pointer);
    }
    if described.validate_request_body {
        validator.models = models(compilation, source, method, pointer);
    }
    (!validator.required.is_empty() || validator.needs_body()).then(|| Box::new(validator))
}

fn required(
    compilation: &mut Compilation<'_>,
    path: &str,
    method: &Method,
    pointer: &Pointer,
) -> Vec<RequiredParameter> {
    let mut required = Vec::new();
    for (key, _) in method.request_parameters.iter().filter(|(_, required)| **required) {
        let named = key.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
        let place = named.and_then(|(place, name)| match place {
            "header" => Some(ParameterPlace::Header),
            "path" => Some(ParameterPlace::Path(path_position(path, name))),
            "querystring" => Some(ParameterPlace::QueryString),
            _ => None,
        });
        let (Some((_, name)), Some(place)) = (named, place) else {
            let message = format!("`{key}` is not a parameter of a request");
            let refusal = compilation.refuse(pointer.child("requestParameters").child(key), message);
            refusal.help(
                "write `method.request.path.name`, `method.request.querystring.name` or `method.request.header.name`",
            );
            continue;
        };
        required.push(RequiredParameter { name: name.into(), place });
    }
    let rank = |place: ParameterPlace| match place {
        ParameterPlace::Header => 0,
        ParameterPlace::Path(_) => 1,
        ParameterPlace::QueryString => 2,
    };
    required.sort_by(|left, right| (rank(left.place), &left.name).cmp(&(rank(right.place), &right.name)));
    required
}

/// The position of `{name}` or `{name+}` among the parameters of a path template.
fn path_position(path: &str, name: &str) -> Option<u8> {
    let mut parameters = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let position = parameters.position(|parameter| parameter.strip_suffix('+').unwrap_or(parameter) == name)?;
    u8::try_from(position).ok()
}

fn models(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    method: &Method,
    pointer: &Pointer,
) -> Vec<(Box<str>, Arc<Schema>)> {
    let mut models = Vec::new();
    for (content_type, name) in &method.request_models {
        let pointer = pointer.child("requestModels").child(content_type);
        if content_type.contains('*') {
            let message =
                format!("`{content_type}` is no content type that a body could be of: its model would never be used");
            compilation
                .refuse(pointer, message)
                .help("write `$default` for the content types that have no model of their own");
            continue;
        }
        if let Some(schema) = schema(compilation, source.definition, name, &pointer) {
            let media_type = content_type.split(';').next().unwrap_or_default().trim();
            models.push((media_type.to_ascii_lowercase().into(), schema));
        }
    }
    models
}

/// The model compiled, once for all methods that use it; `None` where it cannot be.
fn schema(
    compilation: &mut Compilation<'_>,
    definition: &ApiDefinition,
    name: &str,
    used_at: &Pointer,
) -> Option<Arc<Schema>> {
    if let Some(known) = compilation.models.get(name) {
        return known.clone();
    }
    let schema = match bundled(compilation.compiler, definition, name) {
        Ok(schema) => Some(schema),
        Err(Refused { pointer, message }) => {
            let related = super::ValueName { source: 0, deployment: compilation.deployment, pointer: used_at.clone() };
            compilation.refuse(pointer, message).related("bodies are validated with it here", related);
            None
        }
    };
    compilation.models.insert(name.to_owned(), schema.clone());
    schema
}

/// Models repeat from deployment to deployment: one of the same text is the same.
fn bundled(compiler: &mut Compiler, definition: &ApiDefinition, name: &str) -> Result<Arc<Schema>, Refused> {
    let mut bundle = Bundle::new(definition);
    let document = bundle.document(name)?;
    let key = TextKey::of(&document.to_string(), &compiler.hasher);
    if let Some(schema) = compiler.schemas.find(&key).filter(|known| known.is_made_of(&document)) {
        return Ok(schema);
    }
    let schema = Schema::new(document).map_err(|error| bundle.refusal(error))?;
    let schema = Arc::new(schema);
    compiler.schemas.insert(key, &schema);
    Ok(schema)
}

struct Refused {
    pointer: Pointer,
    message: String,
}

/// A model and the models that it refers to, in one document: `{"$ref": "#/definitions/0", "definitions": {"0": …}}`.
struct Bundle<'m> {
    texts: HashMap<&'m str, &'m str>,
    /// The models that are in, by position.
    names: Vec<String>,
}

impl<'m> Bundle<'m> {
    fn new(definition: &'m ApiDefinition) -> Bundle<'m> {
        let texts = definition.models.iter().map(|model| (model.name.as_str(), model.schema.as_str()));
        Bundle { texts: texts.collect(), names: Vec::new() }
    }

    fn document(&mut self, name: &str) -> Result<Value, Refused> {
        let mut definitions = Map::new();
        let mut bytes = 0;
        self.names.push(name.to_owned());
        while definitions.len() < self.names.len() {
            let position = definitions.len();
            let name = self.names[position].clone();
            let pointer = Pointer::model(&name).child("schema");
            let refuse = |message: String| Refused { pointer: pointer.clone(), message };
            let text = self.texts.get(name.as_str()).ok_or_else(|| refuse(format!("there is no model `{name}`")))?;
            bytes += text.len();
            if bytes > DOCUMENT_BYTES_MAX {
                let mib = DOCUMENT_BYTES_MAX >> 20;
                return Err(refuse(format!("the model and what it refers to have more than {mib} MB")));
            }
            let original: Value = serde_json::from_str(text)
                .map_err(|error| refuse(format!("the model `{name}` is not JSON: {error}")))?;
            let mut schema = original.clone();
            self.localise(&mut schema, &original, position, false).map_err(refuse)?;
            definitions.insert(position.to_string(), schema);
        }
        let root = [("$ref".to_owned(), "#/definitions/0".into()), ("definitions".to_owned(), definitions.into())];
        Ok(Value::Object(root.into_iter().collect()))
    }

    /// Makes every reference one into the document. With `names`, the keys are the author's own.
    ///
    /// `id` and `$schema` go: API Gateway does not resolve references by the one, and knows draft 4 only.
    fn localise(&mut self, value: &mut Value, own: &Value, position: usize, names: bool) -> Result<(), String> {
        const DATA: [&str; 4] = ["default", "enum", "example", "examples"];
        const NAMED: [&str; 4] = ["definitions", "dependencies", "patternProperties", "properties"];
        match value {
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.localise(value, own, position, false)),
            Value::Object(members) => {
                if !names {
                    for key in ["id", "$schema"] {
                        if members.get(key).is_some_and(Value::is_string) {
                            members.shift_remove(key);
                        }
                    }
                }
                for (key, value) in members.iter_mut() {
                    match value {
                        Value::String(reference) if !names && key == "$ref" => {
                            *reference = self.local(reference, own, position)?;
                        }
                        _ if !names && DATA.contains(&key.as_str()) => {}
                        _ => self.localise(value, own, position, !names && NAMED.contains(&key.as_str()))?,
                    }
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn local(&mut self, reference: &str, own: &Value, position: usize) -> Result<String, String> {
        let (document, inside) = reference.split_once('#').unwrap_or((reference, ""));
        if document.is_empty() {
            if own.pointer(inside).is_some() {
                return Ok(format!("#/definitions/{position}{inside}"));
            }
            let model = inside.strip_prefix("/definitions/").or(inside.strip_prefix("/components/schemas/"));
            let model = model.filter(|model| self.texts.contains_key(model));
            let model = model.ok_or_else(|| format!("the reference `{reference}` names nothing"))?.to_owned();
            return Ok(format!("#/definitions/{}", self.position(&model)));
        }
        let path = document.strip_prefix("https://apigateway.amazonaws.com/restapis/");
        let model = path.and_then(|path| path.split_once("/models/")).map(|(_, model)| model);
        let Some(model) = model else {
            return Err(format!("the reference `{reference}` leads out of the API; models refer to models"));
        };
        if !self.texts.contains_key(model) {
            return Err(format!("the reference `{reference}` names no model: there is no `{model}`"));
        }
        Ok(format!("#/definitions/{}{inside}", self.position(model)))
    }

    fn position(&mut self, model: &str) -> usize {
        self.names.iter().position(|name| name == model).unwrap_or_else(|| {
            self.names.push(model.to_owned());
            self.names.len() - 1
        })
    }

    /// Names the place in the model that a place in the document came from.
    fn refusal(&self, error: SchemaError) -> Refused {
        let mut segments = error.pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
        let position = segments.next().filter(|segment| segment == "definitions").and_then(|_| segments.next());
        let name = position.and_then(|position| self.names.get(position.parse::<usize>().ok()?));
        let name = name.or(self.names.first()).map_or("", String::as_str);
        let pointer = segments.fold(Pointer::model(name).child("schema"), |pointer, part| pointer.child(&part));
        Refused { pointer, message: format!("model `{name}`: {}", error.message) }
    }
}
