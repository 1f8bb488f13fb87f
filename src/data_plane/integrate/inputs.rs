//! What of a request a mapping template can ask for.

use std::borrow::Cow;

use crate::plan::route;
use crate::vtl::{self, Body, Budget, Overrides, Parameters, RenderError, Template};

use super::super::forwarding::{Inbound, percent_decoded, query_pairs};
use super::lambda::event::grouped;

type Pair<'r> = (Cow<'r, str>, Cow<'r, str>);

/// A request's parameters by name, for one or more templates.
pub struct Inputs<'r> {
    inbound: &'r Inbound<'r>,
    path: Vec<Pair<'r>>,
    query: Vec<Pair<'r>>,
    header: Vec<Pair<'r>>,
    stage_variables: Vec<Pair<'r>>,
}

impl<'r> Inputs<'r> {
    pub fn new(inbound: &'r Inbound<'r>) -> Inputs<'r> {
        let resource_path = inbound.facts.method.map_or("", |method| &*method.resource_path);
        let path = route::parameter_names(resource_path).enumerate().map(|(index, name)| {
            let value = u8::try_from(index).map_or("", |index| inbound.parameters.value(inbound.path, index));
            (Cow::Borrowed(name), text(percent_decoded(value)))
        });
        let query = query_pairs(inbound.target.query).map(|(name, value)| (text(name), text(value)));
        let header = inbound.head.fields.iter();
        let header = header.map(|field| (Cow::Borrowed(field.name), String::from_utf8_lossy(field.value)));
        let variables = inbound.facts.stage.map_or(&[][..], |stage| &stage.variables);
        Inputs {
            inbound,
            path: path.collect(),
            query: last_values(query.collect()),
            header: last_values(header.collect()),
            stage_variables: variables.iter().map(|(name, value)| ((&**name).into(), (&**value).into())).collect(),
        }
    }

    /// Appends what the template makes to `output`; the overrides after it.
    pub fn render(
        &self,
        template: &Template,
        body: Option<&Body<'_>>,
        overrides: &Overrides,
        output: &mut String,
    ) -> Result<Overrides, RenderError> {
        let nothing = Body::new("");
        let inputs = vtl::Inputs {
            body: body.unwrap_or(&nothing),
            parameters: Parameters { path: &self.path, querystring: &self.query, header: &self.header },
            context: self.inbound.facts,
            stage_variables: &self.stage_variables,
            overrides,
        };
        template.render(&inputs, &Budget::default(), output)
    }
}

/// Of a name that comes again the last value counts, in the first one's place.
fn last_values(pairs: Vec<Pair<'_>>) -> Vec<Pair<'_>> {
    let groups = grouped(pairs.len(), |at| pairs[at].0.as_bytes());
    if groups.len() == pairs.len() {
        return pairs;
    }
    let last = |group: &Vec<usize>| group.last().map_or(Cow::default(), |at| pairs[*at].1.clone());
    groups.iter().map(|group| (pairs[group[0]].0.clone(), last(group))).collect()
}

fn text(bytes: Vec<u8>) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
