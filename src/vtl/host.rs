//! What AWS puts into a template's scope. (Guide, `api-gateway-mapping-template-reference`.)

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value as Json;

/// Names with values, in their order.
pub type Pairs<'a> = &'a [(Cow<'a, str>, Cow<'a, str>)];

/// What a template is rendered for.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub body: &'a Body<'a>,
    pub parameters: Parameters<'a>,
    pub context: &'a dyn Context,
    pub stage_variables: Pairs<'a>,
    /// What an earlier template of the same exchange has set: a response's template reads the request's.
    pub overrides: &'a Overrides,
}

/// `$input.params()`. Of a name that occurs more than once, AWS has the last value; the caller sees to that.
#[derive(Clone, Copy, Default)]
pub struct Parameters<'a> {
    pub path: Pairs<'a>,
    pub querystring: Pairs<'a>,
    pub header: Pairs<'a>,
}

impl<'a> Parameters<'a> {
    /// `$input.params(name)`: in this order. A header's name is the same in any case.
    pub(super) fn named(&self, name: &str) -> Option<&'a str> {
        let exact = |pairs: Pairs<'a>| pairs.iter().find(|(known, _)| known == name);
        let header = || self.header.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let found = exact(self.path).or_else(|| exact(self.querystring)).or_else(|| exact(self.header)).or_else(header);
        found.map(|(_, value)| &**value)
    }
}

/// `$input.body`, which is parsed when a template first asks for a part of it, and once.
#[derive(Debug)]
pub struct Body<'a> {
    text: Cow<'a, str>,
    json: OnceCell<Result<Json, String>>,
}

impl<'a> Body<'a> {
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Body { text: text.into(), json: OnceCell::new() }
    }

    /// For who has parsed it already.
    pub fn parsed(text: impl Into<Cow<'a, str>>, json: Json) -> Self {
        Body { text: text.into(), json: OnceCell::from(Ok(json)) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// An empty body is an empty object: `$input.json('$')` of a GET request gives `{}`.
    ///
    /// # Errors
    /// Why it is no JSON.
    pub fn json(&self) -> Result<&Json, &str> {
        let parse = || match self.text.trim() {
            "" => Ok(Json::Object(serde_json::Map::new())),
            text => serde_json::from_str(text).map_err(|error| error.to_string()),
        };
        self.json.get_or_init(parse).as_ref().map_err(String::as_str)
    }
}

/// Where `$context` comes from.
pub trait Context {
    /// The variable with this name, as AWS writes it after `$context.`: `requestId`, `identity.sourceIp`,
    /// `authorizer.claims.sub`. `requestOverride` and `responseOverride` are not asked for.
    fn variable(&self, name: &str) -> Variable<'_>;
}

/// A variable of `$context`.
#[derive(Clone, Debug)]
pub enum Variable<'a> {
    /// There is none.
    Missing,
    /// A group of others, such as `identity`.
    Group,
    Text(Cow<'a, str>),
    Int(i64),
    /// With whatever is in it: there is no need to answer for names below.
    Json(&'a Json),
}

/// What a template has set below `$context.requestOverride` and `$context.responseOverride`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub request_path: Vec<(String, String)>,
    pub request_querystring: Vec<(String, String)>,
    pub request_header: Vec<(String, String)>,
    /// As the template has set it: whether it is a status is for the caller to say.
    pub response_status: Option<String>,
    pub response_header: Vec<(String, String)>,
}
