//! What a statement is about: principals, actions, resources, conditions.

use super::reader::Members;
use super::{Parser, Place, PolicyError};
use crate::policy::action::ActionSet;
use crate::policy::condition::Condition;
use crate::policy::context::ConditionKey;
use crate::policy::node::Node;
use crate::policy::operator::Operator;
use crate::policy::principal::{Named, Principals};
use crate::policy::resource::{Coverage, Resource, Resources, coverage};
use crate::policy::template::{Part, Syntax};
use crate::policy::test::Test;
use crate::policy::{Action, Effect, PolicyKind};

impl Parser<'_> {
    /// `Some(None)` in a policy that has none.
    pub(super) fn principals(
        &mut self,
        these: Option<&Node>,
        others: Option<&Node>,
        effect: Option<Effect>,
        place: &Place<'_>,
    ) -> Option<Option<Principals>> {
        let (node, name) = match (self.kind, these, others) {
            (PolicyKind::Identity, None, None) => return Some(None),
            (PolicyKind::Identity, ..) => {
                let name = if these.is_some() { "Principal" } else { "NotPrincipal" };
                let problem = PolicyError::new(&place.member(name), "a policy of an identity names no principals");
                return self.wrong(problem.help("take it away: the policy is about whoever has it"));
            }
            (PolicyKind::Resource(_), Some(node), None) => (node, "Principal"),
            (PolicyKind::Resource(_), None, Some(node)) => (node, "NotPrincipal"),
            (PolicyKind::Resource(_), Some(_), Some(_)) => {
                return self.wrong(PolicyError::new(place, "has both `Principal` and `NotPrincipal`"));
            }
            (PolicyKind::Resource(_), None, None) => {
                let problem = PolicyError::new(place, "`Principal` is missing");
                return self.wrong(problem.help("write `\"Principal\": \"*\"` for all callers"));
            }
        };
        let place = place.member(name);
        if name == "NotPrincipal" && effect == Some(Effect::Allow) {
            let problem = PolicyError::new(&place, "`NotPrincipal` goes with `\"Effect\": \"Deny\"` only");
            return self.wrong(problem.help("write `Principal`"));
        }
        let named = self.named(node, &place)?;
        Some(Some(if name == "Principal" { Principals::These(named.into()) } else { Principals::Others(named.into()) }))
    }

    fn named(&mut self, node: &Node, place: &Place<'_>) -> Option<Vec<Named>> {
        if matches!(node, Node::Text(text) if text == "*") {
            return Some(vec![Named::Everybody]);
        }
        if !matches!(node, Node::Object(_)) {
            let problem = PolicyError::new(place, "must be `\"*\"` or an object such as `{\"AWS\": \"123456789012\"}`");
            return self.wrong(problem);
        }
        let Members([aws, service, federated, canonical]) =
            self.members(node, place, ["AWS", "Service", "Federated", "CanonicalUser"])?;
        for (node, name) in [(service, "Service"), (federated, "Federated"), (canonical, "CanonicalUser")] {
            if node.is_some() {
                let problem =
                    PolicyError::new(&place.member(name), format!("no caller of this gateway is a `{name}` principal"));
                self.problems.push(problem.help("name callers by `AWS`, or all by `\"*\"`").unsupported());
            }
        }
        let Some(aws) = aws else {
            let is_named = service.or(federated).or(canonical).is_some();
            return if is_named { None } else { self.wrong(PolicyError::new(place, "names nobody")) };
        };
        let place = place.member("AWS");
        let texts = self.texts(aws, &place)?;
        self.each(&texts, &place, |text| Named::parse(text).map_err(|message| format!("`{text}` {message}")))
    }

    pub(super) fn actions(
        &mut self,
        these: Option<&Node>,
        others: Option<&Node>,
        place: &Place<'_>,
    ) -> Option<ActionSet> {
        let (node, name) = self.one_of(these, others, ["Action", "NotAction"], place)?;
        let place = place.member(name);
        let texts = self.texts(node, &place)?;
        let sets = self.each(&texts, &place, |text| {
            ActionSet::named(text)
                .ok_or_else(|| format!("`{text}` is no action: actions look like `execute-api:Invoke`"))
        })?;
        let named = sets.iter().fold(ActionSet::default(), |all, set| all.union(*set));
        let actions = if name == "Action" { named } else { named.others() };
        if matches!(self.kind, PolicyKind::Resource(_)) && actions.is_empty() {
            let problem = PolicyError::new(&place, "the statement is about no action of `execute-api`");
            return self.wrong(problem.help(format!("write `{}`", Action::Invoke.name())));
        }
        Some(actions)
    }

    /// With whether they are everything that the API has.
    pub(super) fn resources(
        &mut self,
        these: Option<&Node>,
        others: Option<&Node>,
        place: &Place<'_>,
        variables: bool,
    ) -> Option<(Resources, bool)> {
        let (node, name) = self.one_of(these, others, ["Resource", "NotResource"], place)?;
        let place = place.member(name);
        let texts = self.texts(node, &place)?;
        let kind = self.kind;
        let strict = self.strict;
        let prefix = match kind {
            PolicyKind::Resource(api) => Some(api.prefix()),
            PolicyKind::Identity => None,
        };
        let mut covers_all = false;
        let resources = self.each(&texts, &place, |text| {
            let expanded = match kind {
                PolicyKind::Resource(api) => api.expand(text),
                PolicyKind::Identity => (*text).to_owned(),
            };
            let parts = Part::parse(&expanded, Syntax { wildcards: true, variables })?;
            refuse_unknown_variables(&parts, strict)?;
            if let Some(prefix) = &prefix {
                match coverage(&parts, prefix) {
                    Coverage::Everything => covers_all = true,
                    Coverage::Some => {}
                    Coverage::Nothing if expanded.starts_with("arn:") => {
                        return Err(format!("`{text}` is nothing of this API: its methods begin with `{prefix}`"));
                    }
                    Coverage::Nothing => {}
                }
            }
            Resource::new(parts).map_err(|message| format!("`{text}` {message}"))
        })?;
        if name == "Resource" {
            Some((Resources::These(resources.into()), covers_all))
        } else {
            Some((Resources::Others(resources.into()), false))
        }
    }

    pub(super) fn conditions(&mut self, node: &Node, place: &Place<'_>, variables: bool) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        let before = self.problems.len();
        for (name, tests) in self.entries(node, place)? {
            let place = place.member(name);
            let operator = Operator::parse(name);
            if operator.is_none() && self.strict {
                let problem = PolicyError::new(&place, format!("`{name}` is no condition operator"));
                self.problems.push(problem.help(format!("operators are {}", Operator::known())));
            }
            for (key, values) in self.entries(tests, &place)? {
                conditions.extend(self.condition(operator, key, values, &place.member(key), variables));
            }
        }
        (self.problems.len() == before).then_some(conditions)
    }

    fn condition(
        &mut self,
        operator: Option<Operator>,
        name: &str,
        values: &Node,
        place: &Place<'_>,
        variables: bool,
    ) -> Option<Condition> {
        let values = self.scalars(values, place)?;
        let Some(key) = ConditionKey::parse(name) else {
            if self.strict {
                let problem = PolicyError::new(place, format!("this gateway cannot tell the condition key `{name}`"));
                self.problems.push(problem.help(format!("it knows {}", ConditionKey::known())).unsupported());
            }
            return Some(Condition::Unknown);
        };
        let Some(operator) = operator else { return Some(Condition::Unknown) };
        if !operator.fits(key.value_type()) {
            if self.strict {
                let problem = PolicyError::new(place, format!("the operator tells nothing of `{name}`"));
                self.problems.push(problem.help("use a `String…` operator, or the one of the key's type"));
            }
            return Some(Condition::Unknown);
        }
        let texts: Vec<&str> = values.iter().map(|(_, text)| &**text).collect();
        let test = match Test::parse(operator.comparison, &texts, variables) {
            Ok(test) => test,
            Err(wrong) => {
                for (at, message) in wrong {
                    let item = values[at].0.map(|at| Place::Item(place, at));
                    self.problems.push(PolicyError::new(item.as_ref().unwrap_or(place), message));
                }
                return None;
            }
        };
        if self.strict {
            for (at, text) in &values {
                let parts = Part::parse(text, Syntax { wildcards: false, variables }).unwrap_or_default();
                if let Err(message) = refuse_unknown_variables(&parts, true) {
                    let item = at.map(|at| Place::Item(place, at));
                    self.problems.push(PolicyError::new(item.as_ref().unwrap_or(place), message).unsupported());
                }
            }
        }
        Some(Condition::Known { key, operator, test })
    }

    fn one_of<'n>(
        &mut self,
        one: Option<&'n Node>,
        other: Option<&'n Node>,
        names: [&'static str; 2],
        place: &Place<'_>,
    ) -> Option<(&'n Node, &'static str)> {
        match (one, other) {
            (Some(node), None) => Some((node, names[0])),
            (None, Some(node)) => Some((node, names[1])),
            (Some(_), Some(_)) => {
                self.wrong(PolicyError::new(place, format!("has both `{}` and `{}`", names[0], names[1])))
            }
            (None, None) => self.wrong(PolicyError::new(place, format!("`{}` is missing", names[0]))),
        }
    }

    fn each<V>(
        &mut self,
        texts: &[(Option<usize>, &str)],
        place: &Place<'_>,
        mut parse: impl FnMut(&&str) -> Result<V, String>,
    ) -> Option<Vec<V>> {
        let before = self.problems.len();
        let mut values = Vec::with_capacity(texts.len());
        for (at, text) in texts {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(message) => {
                    let item = at.map(|at| Place::Item(place, at));
                    self.problems.push(PolicyError::new(item.as_ref().unwrap_or(place), message));
                }
            }
        }
        (self.problems.len() == before).then_some(values)
    }
}

fn refuse_unknown_variables(parts: &[Part], strict: bool) -> Result<(), String> {
    let unknown = parts.iter().find_map(|part| match part {
        Part::Variable(variable) if variable.key.is_none() => Some(&variable.name),
        _ => None,
    });
    match unknown {
        Some(name) if strict => {
            Err(format!("this gateway cannot tell the variable `${{{name}}}`; it knows {}", ConditionKey::known()))
        }
        _ => Ok(()),
    }
}
