//! What a stage's gateway responses ask of a request, kept for when its bytes are gone.

use crate::http::head::RequestHead;
use crate::http::target::Target;
use crate::plan::MethodPlan;
use crate::plan::gateway_response::RequestPart;
use crate::plan::route::{PathParameters, parameter_names};
use crate::plan::template::RequestPartIndex;

use super::forwarding::{form_decoded, percent_decoded};
use super::integrate::mock::accepted_type;

/// The values, in the order of the stage's list. Without a list there is nothing, not even an allocation.
#[derive(Default)]
pub struct RequestParts {
    values: Vec<Option<Box<[u8]>>>,
}

/// Where the parts are while the request is there.
pub struct PartsOf<'r> {
    pub head: &'r RequestHead<'r, 'r>,
    pub target: &'r Target<'r>,
    /// The method that was found, the path behind the stage, and the parameters in it.
    pub found: Option<(&'r MethodPlan, &'r str, &'r PathParameters)>,
}

impl RequestParts {
    pub fn take(wanted: &[RequestPart], request: &PartsOf<'_>) -> RequestParts {
        RequestParts { values: wanted.iter().map(|part| request.value(part).map(Vec::into_boxed_slice)).collect() }
    }

    pub fn value(&self, index: RequestPartIndex) -> Option<&[u8]> {
        self.values.get(usize::from(index.0))?.as_deref()
    }
}

impl PartsOf<'_> {
    fn value(&self, part: &RequestPart) -> Option<Vec<u8>> {
        match part {
            RequestPart::Path(name) => self.path(name),
            RequestPart::QueryString(name) => self.query_string(name),
            RequestPart::Header(name) => self.header(name),
            RequestPart::Any(name) => self.path(name).or_else(|| self.query_string(name)).or_else(|| self.header(name)),
            RequestPart::Accept => accepted_type(self.head).map(<[u8]>::to_vec),
        }
    }

    fn path(&self, name: &str) -> Option<Vec<u8>> {
        let (method, path, parameters) = self.found?;
        let index = parameter_names(&method.resource_path).position(|known| known == name)?;
        Some(percent_decoded(parameters.value(path, u8::try_from(index).ok()?)))
    }

    fn query_string(&self, name: &str) -> Option<Vec<u8>> {
        let mut pairs = self.target.query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(found, _)| form_decoded(found) == name.as_bytes())?;
        Some(form_decoded(value))
    }

    fn header(&self, name: &str) -> Option<Vec<u8>> {
        let field = self.head.fields.iter().rev().find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(field.value.to_vec())
    }
}
