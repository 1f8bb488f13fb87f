//! VPC endpoints, and the networks that stand for them.

use super::kind::{Context, Facts, Fault, Kind, TextRule};
use super::problem::did_you_mean;
use super::special::faults_of_keys;
use super::value::{Entry, Node, Value};
use ipnet::IpNet;
use serde_json::json;

/// A VPC endpoint as policies name it, and whose requests come through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcEndpoint {
    /// `vpce-1a2b3c4d`
    pub vpce: String,
    /// `vpc-1a2b3c4d`
    pub vpc: String,
    pub cidrs: Vec<IpNet>,
}

const KEYS: [&str; 3] = ["vpce", "vpc", "cidrs"];

/// A table, in a file: an environment variable has no good form for a list of lists.
impl Kind for VpcEndpoint {
    fn read(node: &Node, context: Context<'_>) -> Result<VpcEndpoint, Vec<Fault>> {
        let Value::Table(entries) = &node.value else { return Err(Fault::unfit::<VpcEndpoint>(node, context)) };
        let mut faults = faults_of_keys(entries, |key| match KEYS.contains(&key) {
            true => Ok(()),
            false => Err(format!("{key:?} is not known here{}", did_you_mean(key, KEYS))),
        });
        let vpce = required(node, entries, "vpce", Facts::text(VPCE), &mut faults);
        let vpc = required(node, entries, "vpc", Facts::text(VPC), &mut faults);
        let cidrs = required(node, entries, "cidrs", Facts::plain(), &mut faults);
        match (vpce, vpc, cidrs) {
            (Some(vpce), Some(vpc), Some(cidrs)) if faults.is_empty() => Ok(VpcEndpoint { vpce, vpc, cidrs }),
            _ => Err(faults),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!({ "vpce": self.vpce, "vpc": self.vpc, "cidrs": self.cidrs.show() })
    }

    fn allowed(_: &Facts) -> String {
        "a table { vpce = \"vpce-…\", vpc = \"vpc-…\", cidrs = [\"10.0.0.0/16\"] }, in a settings file".to_owned()
    }
}

fn required<K: Kind>(node: &Node, entries: &[Entry], key: &str, facts: Facts, faults: &mut Vec<Fault>) -> Option<K> {
    let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
        faults.push(Fault::at(node, format!("{key:?} is missing")));
        return None;
    };
    K::read(&entry.node, Context { facts: &facts, base: None }).map_err(|more| faults.extend(more)).ok()
}

fn is_id(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix);
    id.is_some_and(|id| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

const VPCE: TextRule =
    TextRule { holds: |text| is_id(text, "vpce-"), allowed: "the id of a VPC endpoint, such as \"vpce-1a2b3c4d\"" };

const VPC: TextRule =
    TextRule { holds: |text| is_id(text, "vpc-"), allowed: "the id of a VPC, such as \"vpc-1a2b3c4d\"" };

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node { value: Value::Text(text.to_owned()), place: None }
    }

    fn table(entries: Vec<(&str, Node)>) -> Value {
        let entry = |(key, node): (&str, Node)| Entry { key: key.to_owned(), place: None, node };
        Value::Table(entries.into_iter().map(entry).collect())
    }

    #[track_caller]
    fn check(value: Value, expected: Result<serde_json::Value, &[&str]>) {
        let facts = Facts::plain();
        let found = VpcEndpoint::read(&Node { value, place: None }, Context { facts: &facts, base: None });
        let found = found.map(|value| value.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn endpoints_are_read() {
        let networks = || Node::list(["10.0.0.0/16", "fd00::/8"].map(text));
        let whole = table(vec![("vpce", text("vpce-1a2b")), ("vpc", text("vpc-3c4d")), ("cidrs", networks())]);
        let shown = json!({ "vpce": "vpce-1a2b", "vpc": "vpc-3c4d", "cidrs": ["10.0.0.0/16", "fd00::/8"] });
        check(whole, Ok(shown));
        let vpce = "the text \"vpc-1\" is not allowed; write the id of a VPC endpoint, such as \"vpce-1a2b3c4d\"";
        let swapped = table(vec![("vpce", text("vpc-1")), ("vpc", text("vpc-1")), ("cidrs", networks())]);
        check(swapped, Err(&[vpce]));
        let unknown = "\"cidr\" is not known here; did you mean \"cidrs\"?";
        let misspelt = table(vec![("vpce", text("vpce-1")), ("vpc", text("vpc-1")), ("cidr", networks())]);
        check(misspelt, Err(&[unknown, "\"cidrs\" is missing"]));
        let form = "\"vpce-1\" is not allowed; write a table { vpce = \"vpce-…\", vpc = \"vpc-…\", cidrs = \
                    [\"10.0.0.0/16\"] }, in a settings file";
        check(Value::Written("vpce-1".to_owned()), Err(&[form]));
    }
}
