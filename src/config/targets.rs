//! Where things are that definitions name by ARN or id: Lambda functions that are elsewhere, and VPC links.

use super::endpoints::is_origin;
use super::kind::{Context, Facts, Fault, Kind, comma_separated};
use super::problem::did_you_mean;
use super::special::faults_of_keys;
use super::value::{Entry, Node, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// Functions that are not this gateway's own, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionTargets(pub BTreeMap<String, FunctionTarget>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionTarget {
    /// With a path that stands before the API's own, where it has one.
    pub url: String,
    /// As the place knows the function.
    pub name: Option<String>,
    /// Whether requests are to be signed, for the region in the function's ARN.
    pub signed: bool,
}

const KEYS: [&str; 3] = ["url", "name", "signed"];

/// In a file a table of tables; in an environment variable `orders=http://…,billing=http://…`.
impl Kind for FunctionTargets {
    fn read(node: &Node, context: Context<'_>) -> Result<FunctionTargets, Vec<Fault>> {
        let entries = entries::<FunctionTargets>(node, context)?;
        let mut faults = faults_of_keys(&entries, |name| match is_function_name(name) {
            true => Ok(()),
            false => Err(format!(
                "{name:?} is not a function's name; write 1 to 140 letters, digits, hyphens and underscores"
            )),
        });
        let mut targets = BTreeMap::new();
        for Entry { key, node, .. } in entries {
            match target(&node) {
                Ok(target) => drop(targets.insert(key, target)),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(FunctionTargets(targets)) } else { Err(faults) }
    }

    fn show(&self) -> serde_json::Value {
        let shown = |target: &FunctionTarget| {
            let mut shown = json!({ "url": target.url });
            if let Some(name) = &target.name {
                shown["name"] = json!(name);
            }
            if target.signed {
                shown["signed"] = json!(true);
            }
            shown
        };
        self.0.iter().map(|(name, target)| (name.clone(), shown(target))).collect()
    }

    fn allowed(_: &Facts) -> String {
        "a table of functions, { orders = { url = \"http://127.0.0.1:9000\", name = \"…\", signed = true } } (in a variable: \
         orders=http://127.0.0.1:9000,…)"
            .to_owned()
    }
}

fn target(node: &Node) -> Result<FunctionTarget, Vec<Fault>> {
    let entries = match &node.value {
        Value::Table(entries) => entries.clone(),
        Value::Text(_) | Value::Written(_) => vec![Entry { key: "url".into(), place: node.place, node: node.clone() }],
        value => {
            let message = format!("{value} is not a place; write {{ url = \"http://127.0.0.1:9000\" }}");
            return Err(vec![Fault::at(node, message)]);
        }
    };
    let mut faults = faults_of_keys(&entries, |key| match KEYS.contains(&key) {
        true => Ok(()),
        false => Err(format!("{key:?} is not known here{}", did_you_mean(key, KEYS))),
    });
    let mut text = |key: &str, holds: fn(&str) -> bool, allowed: &str| {
        let node = &entries.iter().find(|entry| entry.key == key)?.node;
        match &node.value {
            Value::Text(text) | Value::Written(text) if holds(text) => Some(text.clone()),
            value => {
                faults.push(Fault::at(node, format!("{value} is not allowed; write {allowed}")));
                None
            }
        }
    };
    let url = text("url", is_url, "where the Invoke API is, such as \"http://127.0.0.1:9000\"");
    let name = text("name", is_function_name, "the function's name there");
    let signed = match entries.iter().find(|entry| entry.key == "signed").map(|entry| &entry.node) {
        None => false,
        Some(Node { value: Value::Bool(signed), .. }) => *signed,
        Some(node) => {
            faults.push(Fault::at(node, format!("{} is not allowed; write true or false", node.value)));
            false
        }
    };
    if !entries.iter().any(|entry| entry.key == "url") {
        faults.push(Fault::at(node, "\"url\" is missing".to_owned()));
    }
    match url {
        Some(url) if faults.is_empty() => Ok(FunctionTarget { url, name, signed }),
        _ => Err(faults),
    }
}

/// As Lambda has them.
fn is_function_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=140).contains(&text.len()) && text.bytes().all(word)
}

/// An origin, and perhaps a path.
fn is_url(text: &str) -> bool {
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    let path_at = text[after_scheme..].find('/').map_or(text.len(), |at| after_scheme + at);
    let path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%:@".contains(&byte);
    is_origin(&text[..path_at]) && text[path_at..].bytes().all(path_byte)
}

/// Where VPC links lead, by their id, their name, or the ARN of their target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VpcLinks(pub BTreeMap<String, String>);

/// In a file a table; in an environment variable `link=http://…,other=http://…`.
impl Kind for VpcLinks {
    fn read(node: &Node, context: Context<'_>) -> Result<VpcLinks, Vec<Fault>> {
        let entries = entries::<VpcLinks>(node, context)?;
        let mut faults = faults_of_keys(&entries, |name| match is_link_name(name) {
            true => Ok(()),
            false => Err(format!("{name:?} cannot be the id, the name or the target of a VPC link")),
        });
        let mut links = BTreeMap::new();
        for Entry { key, node, .. } in entries {
            match &node.value {
                Value::Text(text) | Value::Written(text) if is_origin(text) => {
                    links.insert(key, text.trim_end_matches('/').to_owned());
                }
                value => {
                    let message = format!("{value} is not an origin; write one, such as \"http://10.0.0.5:8080\"");
                    faults.push(Fault::at(&node, message));
                }
            }
        }
        if faults.is_empty() { Ok(VpcLinks(links)) } else { Err(faults) }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }

    fn allowed(_: &Facts) -> String {
        "a table of VPC links and origins, { link = \"http://10.0.0.5:8080\" } (in a variable: \
         link=http://10.0.0.5:8080,…)"
            .to_owned()
    }
}

fn is_link_name(text: &str) -> bool {
    (1..=2048).contains(&text.len()) && !text.contains(char::is_control)
}

fn entries<K: Kind>(node: &Node, context: Context<'_>) -> Result<Vec<Entry>, Vec<Fault>> {
    match &node.value {
        Value::Table(entries) => Ok(entries.clone()),
        Value::Written(text) => Ok(comma_separated(text).map(assignment).collect()),
        _ => Err(Fault::unfit::<K>(node, context)),
    }
}

fn assignment(text: &str) -> Entry {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Entry { key: name.trim().to_owned(), place: None, node: Node::written(value.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<K: Kind>(value: Value, expected: Result<serde_json::Value, &[&str]>) {
        let facts = Facts::plain();
        let found = K::read(&Node { value, place: None }, Context { facts: &facts, base: None });
        let found = found.map(|value| value.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    fn written(text: &str) -> Value {
        Value::Written(text.into())
    }

    fn named(name: &str, node: Node) -> Value {
        Value::Table(vec![Entry { key: name.to_owned(), place: None, node }])
    }

    #[test]
    fn functions_are_elsewhere() {
        let shown = json!({ "a": { "url": "http://127.0.0.1:9000" }, "b-2": { "url": "https://x/y" } });
        check::<FunctionTargets>(written("a=http://127.0.0.1:9000, b-2=https://x/y"), Ok(shown));
        let url = "https://lambda.eu-west-1.amazonaws.com";
        let mut signed =
            vec![Entry { key: "signed".to_owned(), place: None, node: Node { value: Value::Bool(true), place: None } }];
        let texts = [("url", url), ("name", "f")];
        signed.extend(texts.map(|(key, text)| Entry { key: key.to_owned(), place: None, node: Node::written(text) }));
        let shown = json!({ "a": { "url": url, "name": "f", "signed": true } });
        check::<FunctionTargets>(named("a", Node { value: Value::Table(signed), place: None }), Ok(shown));
        check::<FunctionTargets>(
            named("a", Node::table([("url", url), ("signed", "yes")])),
            Err(&["\"yes\" is not allowed; write true or false"]),
        );
        check::<FunctionTargets>(
            named("a", Node::table([("urll", "http://x")])),
            Err(&["\"urll\" is not known here; did you mean \"url\"?", "\"url\" is missing"]),
        );
        check::<FunctionTargets>(
            written("a b=http://x,c=ftp://x"),
            Err(&[
                "\"a b\" is not a function's name; write 1 to 140 letters, digits, hyphens and underscores",
                "\"ftp://x\" is not allowed; write where the Invoke API is, such as \"http://127.0.0.1:9000\"",
            ]),
        );
        check::<FunctionTargets>(
            named("a", Node { value: Value::Bool(true), place: None }),
            Err(&["true is not a place; write { url = \"http://127.0.0.1:9000\" }"]),
        );
    }

    #[test]
    fn vpc_links_lead_somewhere() {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/lb/1";
        let shown = json!({ arn: "http://10.0.0.5:8080", "abc123": "https://internal" });
        check::<VpcLinks>(written(&format!("abc123=https://internal/,{arn}=http://10.0.0.5:8080")), Ok(shown));
        let refused = "\"http://x/path\" is not an origin; write one, such as \"http://10.0.0.5:8080\"";
        check::<VpcLinks>(written("a=http://x/path"), Err(&[refused]));
        check::<VpcLinks>(written("=http://x"), Err(&["\"\" cannot be the id, the name or the target of a VPC link"]));
    }
}
