//! Which documentation part speaks of what. (Guide, `api-gateway-documenting-api-content-representation`.)

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

    /// How near the location is to this: the path counts before the method and the status. `None` where it does not speak
    /// of this at all.
    fn nearness(&self, location: &DocumentationPartLocation) -> Option<(usize, bool, bool)> {
        let inherits = !matches!(self.part_type, "API" | "AUTHORIZER" | "MODEL" | "RESOURCE");
        // What has no method or status is not told apart by them.
        let matches = |wanted: &str, given: Option<&str>| {
            wanted.is_empty() || given.unwrap_or("*") == "*" || given == Some(wanted)
        };
        let path = location.path.as_deref().unwrap_or("/");
        let above = path == "/" || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let covers = self.path.is_empty() || path == self.path || inherits && above;
        let speaks = location.part_type == self.part_type
            && location.name.as_deref().unwrap_or_default() == self.name
            && covers
            && matches(self.method, location.method.as_deref())
            && matches(self.status_code, location.status_code.as_deref());
        let specific = |given: &Option<String>| given.as_deref().is_some_and(|given| given != "*");
        speaks.then(|| (path.len(), specific(&location.status_code), specific(&location.method)))
    }
}

/// The parts whose properties can be read.
pub struct Documentation<'d> {
    parts: Vec<(&'d DocumentationPartLocation, Map<String, Value>)>,
}

impl<'d> Documentation<'d> {
    pub fn new(parts: &'d [DocumentationPart]) -> Documentation<'d> {
        let readable = parts.iter().filter_map(|part| {
            let properties = serde_json::from_str::<Map<String, Value>>(&part.properties).ok()?;
            Some((&part.location, properties))
        });
        Documentation { parts: readable.collect() }
    }

    /// What is said of `subject`, by a part of its own or by the nearest more general one.
    pub fn of(&self, subject: &Subject<'_>) -> Option<&Map<String, Value>> {
        let near = self.parts.iter().filter_map(|(location, properties)| {
            let nearness = subject.nearness(location)?;
            Some((nearness, properties))
        });
        near.max_by_key(|(nearness, _)| *nearness).map(|(_, properties)| properties)
    }
}
