//! Which documentation part speaks of what. (Guide, `api-gateway-documenting-api-content-representation`.)

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::{DocumentationPart, DocumentationPartLocation};

/// A thing that may be described.
#[derive(Clone, Debug, Default)]
pub struct Subject<'s> {
    part_type: &'s str,
    path: &'s str,
    method: &'s str,
    status_code: &'s str,
    name: &'s str,
}

impl<'s> Subject<'s> {
    pub fn api() -> Subject<'static> {
        Subject { part_type: "API", ..Subject::default() }
    }

    pub fn resource(path: &'s str) -> Subject<'s> {
        Subject { part_type: "RESOURCE", path, ..Subject::default() }
    }

    pub fn method(path: &'s str, method: &'s str) -> Subject<'s> {
        Subject { part_type: "METHOD", path, method, ..Subject::default() }
    }

    pub fn model(name: &'s str) -> Subject<'s> {
        Subject { part_type: "MODEL", name, ..Subject::default() }
    }

    pub fn authorizer(name: &'s str) -> Subject<'s> {
        Subject { part_type: "AUTHORIZER", name, ..Subject::default() }
    }

    /// A part of the same method.
    pub fn part(&self, part_type: &'s str) -> Subject<'s> {
        Subject { part_type, ..self.clone() }
    }

    #[must_use]
    pub fn named(self, name: &'s str) -> Subject<'s> {
        Subject { name, ..self }
    }

    #[must_use]
    pub fn status(self, status_code: &'s str) -> Subject<'s> {
        Subject { status_code, ..self }
    }

    /// The location of a part that speaks of this and nothing else.
    pub fn location(&self) -> DocumentationPartLocation {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        DocumentationPartLocation {
            part_type: self.part_type.to_owned(),
            path: given(self.path),
            method: given(self.method),
            status_code: given(self.status_code),
            name: given(self.name),
        }
    }

    /// Its path, and for what inherits those above it up to `/`; the nearest first.
    fn paths(&self) -> impl Iterator<Item = &'s str> {
        let inherits = !matches!(self.part_type, "API" | "AUTHORIZER" | "MODEL" | "RESOURCE");
        let above = |path: &&'s str| match path.rfind('/') {
            Some(0) if path.len() > 1 => Some("/"),
            Some(slash) if slash > 0 => Some(&path[..slash]),
            Some(_) | None => None,
        };
        std::iter::successors(Some(self.path), move |path| above(path).filter(|_| inherits))
    }

    /// How nearly the location speaks of this, the path and the name apart; `None` where it does not.
    fn nearness(&self, location: &DocumentationPartLocation) -> Option<(bool, bool)> {
        // What has no method or status is not told apart by them.
        let matches = |wanted: &str, given: Option<&str>| {
            wanted.is_empty() || given.unwrap_or("*") == "*" || given == Some(wanted)
        };
        let (method, status_code) = (location.method.as_deref(), location.status_code.as_deref());
        let speaks = matches(self.method, method) && matches(self.status_code, status_code);
        let specific = |given: Option<&str>| given.is_some_and(|given| given != "*");
        speaks.then(|| (specific(status_code), specific(method)))
    }
}

/// The parts whose properties can be read, by type, path and name: a document may have as many as operations.
pub struct Documentation<'d> {
    parts: HashMap<[String; 3], Vec<Part<'d>>>,
}

type Part<'d> = (&'d DocumentationPartLocation, Map<String, Value>);

impl<'d> Documentation<'d> {
    pub fn new(parts: &'d [DocumentationPart]) -> Documentation<'d> {
        let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
        for part in parts {
            let Ok(properties) = serde_json::from_str(&part.properties) else { continue };
            let DocumentationPartLocation { part_type, path, name, .. } = &part.location;
            let path = match part_type.as_str() {
                "API" | "AUTHORIZER" | "MODEL" => "",
                _ => path.as_deref().unwrap_or("/"),
            };
            let key = [part_type, path, name.as_deref().unwrap_or_default()].map(str::to_owned);
            by_key.entry(key).or_default().push((&part.location, properties));
        }
        Documentation { parts: by_key }
    }

    /// What is said of `subject`, by a part of its own or by the nearest more general one: the path counts before the
    /// status, and that before the method.
    pub fn of(&self, subject: &Subject<'_>) -> Option<&Map<String, Value>> {
        subject.paths().find_map(|path| {
            let parts = self.parts.get(&[subject.part_type, path, subject.name].map(str::to_owned))?.iter();
            let near = parts.filter_map(|(location, properties)| Some((subject.nearness(location)?, properties)));
            near.max_by_key(|(nearness, _)| *nearness).map(|(_, properties)| properties)
        })
    }
}
