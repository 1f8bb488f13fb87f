//! What the admin listener knows its callers by. No message and no listing shows a secret, not even one that stands where
//! none belongs.

use super::choice::KeyScope;
use super::kind::{Context, Facts, Fault, Kind, TextRule};
use super::problem::did_you_mean;
use super::special::faults_of_keys;
use super::value::{Entry, Node, Value};
use serde_json::json;
use std::fmt;
use std::path::PathBuf;

/// What is shown in place of a secret. Too short to be one, so that a settings file that was made of a listing is refused.
pub(super) const HIDDEN: &str = "***";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    Given(Secret),
    /// In a file of its own; white space at its end does not count.
    File(PathBuf),
}

/// An access key, as AWS's tools take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub secret: SecretSource,
    pub scope: KeyScope,
}

/// A bearer token. The name is for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    pub name: String,
    pub token: SecretSource,
    pub scope: KeyScope,
}

/// The keys of a table that holds a secret.
struct Words {
    name: &'static str,
    secret: &'static str,
    secret_file: &'static str,
}

const ACCESS_KEY: Words = Words { name: "id", secret: "secret", secret_file: "secret_file" };
const TOKEN: Words = Words { name: "name", secret: "token", secret_file: "token_file" };

impl Secret {
    /// # Errors
    /// What a secret has to be, to follow "write".
    pub fn new(text: &str) -> Result<Secret, &'static str> {
        if (SECRET.holds)(text) { Ok(Secret(text.to_owned())) } else { Err(SECRET.allowed) }
    }

    /// The same for the session token of temporary credentials.
    ///
    /// # Errors
    /// What it has to be, to follow "write".
    pub fn session_token(text: &str) -> Result<Secret, &'static str> {
        if (SESSION_TOKEN.holds)(text) { Ok(Secret(text.to_owned())) } else { Err(SESSION_TOKEN.allowed) }
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// In a file a table; in an environment variable `id:secret` or `id:secret:scope`.
impl Kind for AccessKey {
    const IS_SECRET: bool = true;

    fn read(node: &Node, context: Context<'_>) -> Result<AccessKey, Vec<Fault>> {
        let (id, secret, scope) = read::<AccessKey>(node, context, &ACCESS_KEY)?;
        Ok(AccessKey { id, secret, scope })
    }

    fn show(&self) -> serde_json::Value {
        show(&ACCESS_KEY, &self.id, &self.secret, self.scope)
    }

    fn allowed(_: &Facts) -> String {
        allowed(&ACCESS_KEY)
    }
}

/// In a file a table; in an environment variable `name:token` or `name:token:scope`.
impl Kind for AccessToken {
    const IS_SECRET: bool = true;

    fn read(node: &Node, context: Context<'_>) -> Result<AccessToken, Vec<Fault>> {
        let (name, token, scope) = read::<AccessToken>(node, context, &TOKEN)?;
        Ok(AccessToken { name, token, scope })
    }

    fn show(&self) -> serde_json::Value {
        show(&TOKEN, &self.name, &self.token, self.scope)
    }

    fn allowed(_: &Facts) -> String {
        allowed(&TOKEN)
    }
}

fn read<K: Kind>(
    node: &Node,
    context: Context<'_>,
    words: &Words,
) -> Result<(String, SecretSource, KeyScope), Vec<Fault>> {
    let entries = match &node.value {
        Value::Table(entries) => entries.clone(),
        Value::Written(text) => written(text, words).ok_or_else(|| Fault::unfit::<K>(node, context))?,
        _ => return Err(Fault::unfit::<K>(node, context)),
    };
    let Words { name, secret, secret_file } = *words;
    let known = [name, secret, secret_file, "scope"];
    let mut faults = faults_of_keys(&entries, |key| match known.contains(&key) {
        true => Ok(()),
        false => Err(format!("{key:?} is not known here{}", did_you_mean(key, known))),
    });
    let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
    let mut fault = |node: &Node, message: String| faults.push(Fault::at(node, message));

    let name_read = find(name).and_then(|found| fitting(found, name, &NAME, &mut fault));
    let source = source(&entries, (secret, secret_file), &SECRET, context, &mut fault);
    let source = source.unwrap_or_else(|| {
        fault(node, format!("{secret:?} is missing; write it, or {secret_file:?}"));
        None
    });
    if find(name).is_none() {
        fault(node, format!("{name:?} is missing"));
    }
    let scope = find("scope").map_or(Some(KeyScope::Full), |found| fitting_scope(found, &mut fault));
    match (name_read, source, scope) {
        (Some(name), Some(source), Some(scope)) if faults.is_empty() => Ok((name, source, scope)),
        _ => Err(faults),
    }
}

/// A secret that stands under the first of two keys, or in the file under the second: outside `None` if there is neither,
/// inside if it is at fault.
pub(super) fn source(
    entries: &[Entry],
    (given, file): (&str, &str),
    rule: &TextRule,
    context: Context<'_>,
    fault: &mut impl FnMut(&Node, String),
) -> Option<Option<SecretSource>> {
    let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
    match (find(given), find(file)) {
        (None, None) => None,
        (Some(text), None) => Some(fitting(text, given, rule, fault).map(|text| SecretSource::Given(Secret(text)))),
        (None, Some(path)) => match PathBuf::read(path, context) {
            Ok(path) => Some(Some(SecretSource::File(path))),
            Err(_) => {
                fault(path, format!("{file:?} is not allowed; write the path of a file"));
                Some(None)
            }
        },
        (Some(_), Some(path)) => {
            fault(path, format!("{given:?} and {file:?} are both given; leave out one of them"));
            Some(None)
        }
    }
}

/// The text of an entry, if it keeps to the rule. What stands there is not repeated: it may be a secret.
pub(super) fn fitting(
    node: &Node,
    key: &str,
    rule: &TextRule,
    fault: &mut impl FnMut(&Node, String),
) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Written(text) if (rule.holds)(text) => Some(text.clone()),
        _ => {
            fault(node, format!("this value of {key:?} is not allowed; write {}", rule.allowed));
            None
        }
    }
}

fn fitting_scope(node: &Node, fault: &mut impl FnMut(&Node, String)) -> Option<KeyScope> {
    let facts = Facts::plain();
    let scope = KeyScope::read(node, Context { facts: &facts, base: None }).ok();
    if scope.is_none() {
        fault(node, format!("this value of \"scope\" is not allowed; write {}", KeyScope::allowed(&facts)));
    }
    scope
}

/// What a variable has, as the table that a file would have.
fn written(text: &str, words: &Words) -> Option<Vec<Entry>> {
    let parts: Vec<&str> = text.split(':').collect();
    let keys = [words.name, words.secret, "scope"];
    let entry = |(key, part): (&str, &str)| Entry { key: key.to_owned(), place: None, node: Node::written(part) };
    (2..=3).contains(&parts.len()).then(|| keys.into_iter().zip(parts).map(entry).collect())
}

fn show(words: &Words, name: &str, source: &SecretSource, scope: KeyScope) -> serde_json::Value {
    match source {
        SecretSource::Given(_) => json!({ words.name: name, words.secret: HIDDEN, "scope": scope.as_str() }),
        SecretSource::File(path) => {
            json!({ words.name: name, words.secret_file: path.show(), "scope": scope.as_str() })
        }
    }
}

fn allowed(Words { name, secret, secret_file }: &Words) -> String {
    format!(
        "a table {{ {name} = \"…\", {secret} = \"…\", scope = \"full\" or \"read-only\" }}, or with {secret_file} in place \
         of {secret} (in a variable: {name}:{secret}:scope)"
    )
}

pub(super) const NAME: TextRule = TextRule {
    holds: |text| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        (1..=128).contains(&text.len()) && text.bytes().all(word)
    },
    allowed: "1 to 128 letters, digits and _-.@",
};

pub(super) const SECRET: TextRule = TextRule {
    holds: |text| (8..=1024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()),
    allowed: "8 to 1024 printable characters without spaces",
};

/// AWS: "we strongly recommend that you make no assumptions about the maximum size"; those of today have some 1,000.
pub(super) const SESSION_TOKEN: TextRule = TextRule {
    holds: |text| (8..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()),
    allowed: "8 to 4096 printable characters without spaces",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, expected: Result<serde_json::Value, &[&str]>) {
        let facts = Facts::plain();
        let found = <Vec<AccessKey>>::read(&Node { value, place: None }, Context { facts: &facts, base: None });
        let shown = format!("{found:?}");
        assert!(!shown.contains("hidden"), "{shown}");
        let found = found.map(|value| value.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    fn table(entries: &[(&str, &str)]) -> Value {
        Value::List(vec![Node::table(entries.iter().copied())])
    }

    #[test]
    fn keys_are_read_and_not_shown() {
        let shown = |scope: &str| Ok(json!([{ "id": "AK1", "secret": "***", "scope": scope }]));
        check(table(&[("id", "AK1"), ("secret", "hidden12")]), shown("full"));
        check(table(&[("id", "AK1"), ("secret", "hidden12"), ("scope", "read-only")]), shown("read-only"));
        check(Value::Written("AK1:hidden12:read-only".into()), shown("read-only"));
        let file = json!([{ "id": "AK1", "secret_file": "/run/key", "scope": "full" }]);
        check(table(&[("id", "AK1"), ("secret_file", "/run/key")]), Ok(file));
        let both =
            json!([{ "id": "a", "secret": "***", "scope": "full" }, { "id": "b", "secret": "***", "scope": "full" }]);
        check(Value::Written("a:hidden/+=12,b:hidden34".into()), Ok(both));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_secret() {
        let secret = "this value of \"secret\" is not allowed; write 8 to 1024 printable characters without spaces";
        check(table(&[("id", "a"), ("secret", "hidden")]), Err(&[secret]));
        check(table(&[("id", "a"), ("secret", "hidden with spaces")]), Err(&[secret]));
        check(table(&[("id", "a"), ("secret", HIDDEN)]), Err(&[secret]));
        let id = "this value of \"id\" is not allowed; write 1 to 128 letters, digits and _-.@";
        check(table(&[("id", "hidden/id"), ("secret", "hidden12")]), Err(&[id]));
        let scope = "this value of \"scope\" is not allowed; write \"full\" or \"read-only\"";
        check(Value::Written("a:hidden12:hidden34".into()), Err(&[scope]));
        check(table(&[("id", "a")]), Err(&["\"secret\" is missing; write it, or \"secret_file\""]));
        check(table(&[("secret", "hidden12")]), Err(&["\"id\" is missing"]));
        let unknown = "\"sceret\" is not known here; did you mean \"secret\"?";
        check(
            table(&[("id", "a"), ("sceret", "hidden12")]),
            Err(&[unknown, "\"secret\" is missing; write it, or \"secret_file\""]),
        );
        let both = "\"secret\" and \"secret_file\" are both given; leave out one of them";
        check(table(&[("id", "a"), ("secret", "hidden12"), ("secret_file", "f")]), Err(&[both]));
        let form = "this is not allowed; write a table { id = \"…\", secret = \"…\", scope = \"full\" or \"read-only\" }, or \
                    with secret_file in place of secret (in a variable: id:secret:scope)";
        check(Value::Written("hidden12".into()), Err(&[form]));
        check(Value::List(vec![Node { value: Value::Text("hidden12".into()), place: None }]), Err(&[form]));
        let list = form.replace("write a table", "write a list, each item a table");
        check(Value::Text("a:hidden12".into()), Err(&[&list]));
    }
}
