//! A document, and places in it.

use serde_json::Value;

/// References that lead to references: more than this is a circle.
const REFERENCES_MAX: usize = 32;

pub struct Document {
    root: Value,
    pub version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Version {
    Swagger2,
    OpenApi3,
}

/// A value and its JSON pointer.
#[derive(Clone)]
pub struct Place<'a> {
    pub value: &'a Value,
    pub pointer: String,
}

impl Document {
    /// What begins with a brace is JSON, everything else YAML.
    pub fn parse(content: &str) -> Result<Document, String> {
        let root: Value = if content.trim_start().starts_with('{') {
            serde_json::from_str(content).map_err(|error| error.to_string())?
        } else {
            serde_saphyr::from_str(content).map_err(|error| error.to_string())?
        };
        let version = |member: &str| root.get(member).map(super::text_of);
        let version = match (version("openapi"), version("swagger")) {
            (Some(version), _) if version.starts_with("3.") => Version::OpenApi3,
            (None, Some(version)) if version.starts_with('2') => Version::Swagger2,
            _ => return Err("this is not an OpenAPI document of version 3 or 2.0".to_owned()),
        };
        Ok(Document { root, version })
    }

    pub fn root(&self) -> Place<'_> {
        Place { value: &self.root, pointer: String::new() }
    }

    /// The place that a `$ref` leads to; the place itself where there is none.
    pub fn follow<'a>(&'a self, place: Place<'a>) -> Result<Place<'a>, String> {
        let mut place = place;
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = place.text("$ref") else { return Ok(place) };
            let Some(pointer) = reference.strip_prefix('#') else {
                return Err(place.wrong(&format!("`{reference}` is in another file; bundle the documents into one")));
            };
            // Pointers in references are URI fragments.
            let pointer = percent_decoded(pointer);
            let value = self.root.pointer(&pointer).ok_or_else(|| place.wrong(&format!("`{reference}` is missing")))?;
            place = Place { value, pointer };
        }
        Err(place.wrong("the references go in a circle"))
    }
}

impl<'a> Place<'a> {
    /// Not followed.
    pub fn get(&self, member: &str) -> Option<Place<'a>> {
        self.value.get(member).map(|value| self.at(member, value))
    }

    pub fn text(&self, member: &str) -> Option<&'a str> {
        self.value.get(member)?.as_str()
    }

    pub fn members(&self) -> impl Iterator<Item = (&'a str, Place<'a>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), self.at(name, value)))
    }

    pub fn items(&self) -> impl Iterator<Item = Place<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| self.at(&index.to_string(), value))
    }

    pub fn wrong(&self, reason: &str) -> String {
        format!("{}: {reason}", self.pointer)
    }

    fn at(&self, member: &str, value: &'a Value) -> Place<'a> {
        let member = member.replace('~', "~0").replace('/', "~1");
        Place { value, pointer: format!("{}/{member}", self.pointer) }
    }
}

/// What is not a valid escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        match escaped.filter(|_| byte == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(percent_decoded(text), expected);
        }
        check("/paths/~1a%7Bid%7d", "/paths/~1a{id}");
        check("%", "%");
        check("%2", "%2");
        check("%+1%zz%C3%BC", "%+1%zz\u{fc}");
    }

    #[test]
    fn pointers_escape_what_delimits() {
        let document = Document::parse(r##"{"swagger": 2.0, "a/b~": {"$ref": "#/x%20y"}, "x y": 1}"##).unwrap();
        let place = document.root().get("a/b~").unwrap();
        assert_eq!(place.pointer, "/a~1b~0");
        assert_eq!(document.follow(place).unwrap().value, 1);
    }
}
