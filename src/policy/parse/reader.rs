//! What stands in a document, by its JSON type.

use super::{Parser, Place, PolicyError};
use crate::policy::node::Node;

/// The members of an object, each at most once.
pub struct Members<'n, const N: usize>(pub [Option<&'n Node>; N]);

impl Parser<'_> {
    pub(super) fn members<'n, const N: usize>(
        &mut self,
        node: &'n Node,
        place: &Place<'_>,
        names: [&str; N],
    ) -> Option<Members<'n, N>> {
        let mut members = [None; N];
        for (name, value) in self.entries(node, place)? {
            match names.iter().position(|known| *known == name) {
                Some(at) => members[at] = Some(value),
                None => {
                    let problem = PolicyError::new(&place.member(name), format!("`{name}` is not known here"));
                    self.problems.push(problem.help(format!("known are {}; case counts", names.join(", "))));
                }
            }
        }
        Some(Members(members))
    }

    /// No name is there twice.
    pub(super) fn entries<'n>(
        &mut self,
        node: &'n Node,
        place: &Place<'_>,
    ) -> Option<impl Iterator<Item = (&'n str, &'n Node)> + use<'n>> {
        let Node::Object(entries) = node else {
            return self.wrong(PolicyError::new(place, format!("must be an object, not {}", node.kind())));
        };
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return self.wrong(PolicyError::new(place, format!("`{}` is there twice", pair[0])));
        }
        Some(entries.iter().map(|(name, node)| (&**name, node)))
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, place: &Place<'_>) -> Option<&'n str> {
        match node {
            Node::Text(text) => Some(text),
            other => self.wrong(PolicyError::new(place, format!("must be a string, not {}", other.kind()))),
        }
    }

    /// A string or a list of strings, each with its position in the list.
    pub(super) fn texts<'n>(&mut self, node: &'n Node, place: &Place<'_>) -> Option<Vec<(Option<usize>, &'n str)>> {
        let is_text = |node: &Node| matches!(node, Node::Text(_));
        self.values(node, place, is_text, "a string or a list of strings")
    }

    /// The values of a condition: numbers and booleans may stand without quotes.
    pub(super) fn scalars<'n>(&mut self, node: &'n Node, place: &Place<'_>) -> Option<Vec<(Option<usize>, &'n str)>> {
        let is_scalar = |node: &Node| matches!(node, Node::Text(_) | Node::Number(_) | Node::Bool(_));
        self.values(node, place, is_scalar, "a string or a list of strings")
    }

    fn values<'n>(
        &mut self,
        node: &'n Node,
        place: &Place<'_>,
        allowed: impl Fn(&Node) -> bool,
        what: &str,
    ) -> Option<Vec<(Option<usize>, &'n str)>> {
        let nodes = match node {
            Node::List(nodes) => &nodes[..],
            one => std::slice::from_ref(one),
        };
        let is_list = matches!(node, Node::List(_));
        self.values += nodes.len();
        let max = self.limits.values_max;
        if self.values > max {
            return self.wrong(PolicyError::new(place, format!("the policy has more than {max} values")));
        }
        if nodes.is_empty() {
            return self.wrong(PolicyError::new(place, "the list is empty"));
        }
        let mut texts = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let text = match node {
                Node::Text(text) | Node::Number(text) => text,
                Node::Bool(true) => "true",
                Node::Bool(false) => "false",
                Node::Null | Node::List(_) | Node::Object(_) => "",
            };
            if !allowed(node) {
                let item = Place::Item(place, at);
                let place = if is_list { &item } else { place };
                return self.wrong(PolicyError::new(place, format!("must be {what}, not {}", node.kind())));
            }
            texts.push((is_list.then_some(at), text));
        }
        Some(texts)
    }
}
