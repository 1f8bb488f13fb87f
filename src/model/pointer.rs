//! How one value of an [`ApiDefinition`](super::ApiDefinition) is named: a JSON pointer (RFC 6901) in AWS's words.
//!
//! ```text
//! /resources/~1pets~1{petId}/resourceMethods/GET/methodIntegration/uri
//! ```
//!
//! The importer records where each value stands in the document under this name, and the compiler names what it
//! refuses with it, so that neither needs to know the other.

use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The whole definition.
    pub fn root() -> Pointer {
        Pointer::default()
    }

    pub fn rest_api(attribute: &str) -> Pointer {
        Pointer::root().child("restApi").child(attribute)
    }

    pub fn resource(path: &str) -> Pointer {
        Pointer::root().child("resources").child(path)
    }

    pub fn method(path: &str, http_method: &str) -> Pointer {
        Pointer::resource(path).child("resourceMethods").child(http_method)
    }

    pub fn gateway_response(response_type: &str) -> Pointer {
        Pointer::root().child("gatewayResponses").child(response_type)
    }

    pub fn request_validator(name: &str) -> Pointer {
        Pointer::root().child("requestValidators").child(name)
    }

    pub fn model(name: &str) -> Pointer {
        Pointer::root().child("models").child(name)
    }

    pub fn authorizer(name: &str) -> Pointer {
        Pointer::root().child("authorizers").child(name)
    }

    #[must_use]
    pub fn child(&self, segment: &str) -> Pointer {
        let mut text = String::with_capacity(self.0.len() + 1 + segment.len());
        text.push_str(&self.0);
        text.push('/');
        for character in segment.chars() {
            match character {
                '~' => text.push_str("~0"),
                '/' => text.push_str("~1"),
                other => text.push(other),
            }
        }
        Pointer(text)
    }

    /// What this value is a part of; `None` for the whole.
    pub fn parent(&self) -> Option<Pointer> {
        let slash = self.0.rfind('/')?;
        Some(Pointer(self.0[..slash].to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_tildes_are_escaped() {
        let pointer = Pointer::method("/pets/~x", "GET");
        assert_eq!(pointer.as_str(), "/resources/~1pets~1~0x/resourceMethods/GET");
        assert_eq!(pointer.parent().as_ref().map(Pointer::as_str), Some("/resources/~1pets~1~0x/resourceMethods"));
        assert_eq!(Pointer::root().parent(), None);
    }
}
