//! Documents: what IAM's grammar allows, and nothing else. (IAM's guide, `reference_policies_grammar`.)
//!
//! Case counts in the names and words of a document; in actions and condition keys it does not.
//!
//! - `statement`: what a statement is about.
//! - `reader`: what stands in a document, by its JSON type.

mod reader;
mod statement;

use std::fmt;

use super::node::Node;
use super::{Action, Effect, Policy, PolicyKind, Statement};
use reader::Members;

/// How large a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the whole document.
    pub document_bytes_max: usize,
    pub statements_max: usize,
    /// Principals, actions, resources and values of conditions, all together.
    pub values_max: usize,
}

impl Limits {
    /// As much in a document as there is room for.
    pub const fn of_bytes(document_bytes_max: usize) -> Limits {
        Limits { document_bytes_max, statements_max: document_bytes_max / 40, values_max: document_bytes_max / 4 }
    }
}

impl Default for Limits {
    /// AWS's 8192 characters of a resource policy. (Guide, `limits`.)
    fn default() -> Limits {
        Limits::of_bytes(8192)
    }
}

/// Something that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where: a JSON pointer within the document, `/Statement/0/Effect`; empty for the whole.
    pub pointer: String,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Whether it is right for AWS, and beyond this gateway.
    pub is_unsupported: bool,
}

impl PolicyError {
    fn new(at: &Place<'_>, message: impl Into<String>) -> PolicyError {
        PolicyError { pointer: at.pointer(), message: message.into(), help: None, is_unsupported: false }
    }

    fn help(mut self, help: impl Into<String>) -> PolicyError {
        self.help = Some(help.into());
        self
    }

    fn unsupported(mut self) -> PolicyError {
        self.is_unsupported = true;
        self
    }
}

/// On one line, for lists of problems and for logs.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

pub fn strict(text: &str, kind: PolicyKind<'_>, limits: &Limits) -> Result<Policy, Vec<PolicyError>> {
    let mut parser = Parser { kind, limits, strict: true, values: 0, problems: Vec::new() };
    let policy = parser.document(text);
    match policy {
        Some(policy) if parser.problems.is_empty() => Ok(policy),
        _ => Err(parser.problems),
    }
}

pub fn answer(text: &str, limits: &Limits) -> Result<Policy, PolicyError> {
    let mut parser = Parser { kind: PolicyKind::Identity, limits, strict: false, values: 0, problems: Vec::new() };
    let policy = parser.document(text);
    match (parser.problems.into_iter().next(), policy) {
        (Some(problem), _) => Err(problem),
        (None, Some(policy)) => Ok(policy),
        (None, None) => Err(PolicyError::new(&Place::Root, "is no policy")),
    }
}

/// Where in the document something stands: a list from the inside out, so that only a mistake costs a text.
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl<'p> Place<'p> {
    fn member(&'p self, name: &'p str) -> Place<'p> {
        Place::Member(self, name)
    }

    fn pointer(&self) -> String {
        match self {
            Place::Root => String::new(),
            Place::Member(parent, name) => {
                format!("{}/{}", parent.pointer(), name.replace('~', "~0").replace('/', "~1"))
            }
            Place::Item(parent, at) => format!("{}/{at}", parent.pointer()),
        }
    }
}

struct Parser<'k> {
    kind: PolicyKind<'k>,
    limits: &'k Limits,
    /// Whether conditions have to be known.
    strict: bool,
    values: usize,
    problems: Vec<PolicyError>,
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

impl Parser<'_> {
    fn wrong<V>(&mut self, problem: PolicyError) -> Option<V> {
        self.problems.push(problem);
        None
    }

    fn document(&mut self, text: &str) -> Option<Policy> {
        let max = self.limits.document_bytes_max;
        if text.len() > max {
            return self.wrong(PolicyError::new(&Place::Root, format!("the policy is longer than {max} bytes")));
        }
        let node: Node = match serde_json::from_str(text) {
            Ok(node) => node,
            Err(error) => {
                return self.wrong(PolicyError::new(&Place::Root, format!("the policy is not JSON: {error}")));
            }
        };
        let Members([version, id, statements]) = self.members(&node, &Place::Root, ["Version", "Id", "Statement"])?;
        let variables = self.version(version);
        if let Some(id) = id {
            self.text(id, &Place::Root.member("Id"));
        }
        let place = Place::Root.member("Statement");
        let Some(statements) = statements else {
            return self.wrong(PolicyError::new(&Place::Root, "`Statement` is missing"));
        };
        let statements = self.statements(statements, &place, variables)?;
        self.refuse_what_allows_nobody(&statements);
        Some(Policy { statements: statements.into() })
    }

    /// Whether there are variables.
    fn version(&mut self, node: Option<&Node>) -> bool {
        let place = Place::Root.member("Version");
        let Some(text) = node.and_then(|node| self.text(node, &place)) else { return false };
        if !VERSIONS.contains(&text) {
            let problem = PolicyError::new(&place, format!("`{text}` is no version of the policy language"));
            self.problems.push(problem.help("write `2012-10-17`"));
        }
        text == VERSIONS[0]
    }

    fn statements(&mut self, node: &Node, place: &Place<'_>, variables: bool) -> Option<Vec<Statement>> {
        let (nodes, in_list) = match node {
            Node::List(nodes) => (&nodes[..], true),
            Node::Object(_) => (std::slice::from_ref(node), false),
            other => {
                return self
                    .wrong(PolicyError::new(place, format!("must be a list of statements, not {}", other.kind())));
            }
        };
        let max = self.limits.statements_max;
        if nodes.len() > max {
            return self.wrong(PolicyError::new(place, format!("the policy has more than {max} statements")));
        }
        let mut sids = Vec::new();
        let mut statements = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let item = Place::Item(place, at);
            statements.extend(self.statement(node, if in_list { &item } else { place }, variables, &mut sids));
        }
        Some(statements)
    }

    fn statement<'n>(
        &mut self,
        node: &'n Node,
        place: &Place<'_>,
        variables: bool,
        sids: &mut Vec<&'n str>,
    ) -> Option<Statement> {
        const MEMBERS: [&str; 9] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let Members([sid, effect, principal, not_principal, action, not_action, resource, not_resource, condition]) =
            self.members(node, place, MEMBERS)?;
        let before = self.problems.len();
        self.sid(sid, place, sids);
        let effect = self.effect(effect, place);
        let principals = self.principals(principal, not_principal, effect, place);
        let actions = self.actions(action, not_action, place);
        let resources = self.resources(resource, not_resource, place, variables);
        let conditions =
            condition.map_or(Some(Vec::new()), |node| self.conditions(node, &place.member("Condition"), variables));
        if self.problems.len() > before {
            return None;
        }
        let (resources, covers_all) = resources?;
        let statement = Statement {
            effect: effect?,
            principals: principals?,
            actions: actions?,
            resources,
            conditions: conditions?.into(),
        };
        self.refuse_what_denies_everybody(&statement, covers_all, place);
        Some(statement)
    }

    fn sid<'n>(&mut self, node: Option<&'n Node>, place: &Place<'_>, sids: &mut Vec<&'n str>) {
        let place = place.member("Sid");
        let Some(text) = node.and_then(|node| self.text(node, &place)) else { return };
        if !text.is_empty() && sids.contains(&text) {
            self.problems.push(PolicyError::new(&place, format!("two statements have the Sid `{text}`")));
        }
        sids.push(text);
    }

    fn effect(&mut self, node: Option<&Node>, place: &Place<'_>) -> Option<Effect> {
        let Some(node) = node else { return self.wrong(PolicyError::new(place, "`Effect` is missing")) };
        let place = place.member("Effect");
        match self.text(node, &place)? {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                self.wrong(PolicyError::new(&place, format!("`{other}` is no effect")).help("write `Allow` or `Deny`"))
            }
        }
    }

    /// A mistake, and one that is noticed late.
    fn refuse_what_denies_everybody(&mut self, statement: &Statement, covers_all: bool, place: &Place<'_>) {
        let Some(principals) = &statement.principals else { return };
        let unconditional = statement.conditions.is_empty() && covers_all && statement.actions.contains(Action::Invoke);
        if statement.effect == Effect::Deny && unconditional && principals.are_everybody() {
            let problem = PolicyError::new(place, "the statement denies every request of every caller");
            self.problems.push(problem.help("add a `Condition`, or name principals or resources"));
        }
    }

    fn refuse_what_allows_nobody(&mut self, statements: &[Statement]) {
        if matches!(self.kind, PolicyKind::Resource(_)) && statements.is_empty() && self.problems.is_empty() {
            let problem =
                PolicyError::new(&Place::Root.member("Statement"), "the policy has no statement, and allows nothing");
            self.problems.push(problem.help("add a statement that allows something, or take the policy away"));
        }
    }
}
