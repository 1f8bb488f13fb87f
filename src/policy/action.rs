//! What a request asks for. A statement's patterns are decided when it is compiled: there are three actions.
//! (Service authorization reference, `list_apigatewaymanagementapi`.)

use super::template::Part;
use super::wildcard::Glob;

/// An action of the service `execute-api`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `execute-api:Invoke`, to call a method.
    Invoke,
    /// `execute-api:InvalidateCache`, to have an answer fetched anew.
    InvalidateCache,
    /// `execute-api:ManageConnections`, to use a WebSocket API's `@connections`.
    ManageConnections,
}

impl Action {
    pub const ALL: [Action; 3] = [Action::Invoke, Action::InvalidateCache, Action::ManageConnections];

    pub fn name(self) -> &'static str {
        match self {
            Action::Invoke => "execute-api:Invoke",
            Action::InvalidateCache => "execute-api:InvalidateCache",
            Action::ManageConnections => "execute-api:ManageConnections",
        }
    }
}

/// The actions that a statement is about: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionSet(u8);

impl ActionSet {
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn union(self, other: ActionSet) -> ActionSet {
        ActionSet(self.0 | other.0)
    }

    /// What `NotAction` leaves.
    #[must_use]
    pub fn others(self) -> ActionSet {
        ActionSet(!self.0 & ((1 << Action::ALL.len()) - 1))
    }

    /// Those that a pattern names, whatever the case. `None` if it cannot name any service's action.
    pub fn named(pattern: &str) -> Option<ActionSet> {
        let (service, name) = pattern.split_once(':').unwrap_or((pattern, "*"));
        let is_word = |text: &str, others: &[u8]| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
        };
        if !(is_word(service, b"-") && is_word(name, b"*?") && pattern.contains(':') || pattern == "*") {
            return None;
        }
        let glob = Glob::new(&Part::with_wildcards(&pattern.to_ascii_lowercase()));
        let mut set = ActionSet::default();
        for action in Action::ALL {
            if glob.matches(&action.name().to_ascii_lowercase()) {
                set.0 |= 1 << action as u8;
            }
        }
        Some(set)
    }
}
