//! The functions of the settings, and the rules of what runs them. What a function may be is said in one place,
//! [`crate::function::definition`]; here it is read, and shown without the values of its variables, which may be secrets.

use super::kind::{Context, Facts, Fault, Kind, TextRule};
use super::problem::did_you_mean;
use super::special::faults_of_keys;
use super::value::{Entry, Node, Value};
use crate::function::definition::{Configured, Definition};
use crate::function::runtime::Runtime;
use serde_json::json;
use std::collections::BTreeMap;

const HIDDEN: &str = "***";

const KEYS: [&str; 14] = [
    "name",
    "runtime",
    "command",
    "code",
    "handler",
    "environment",
    "memory_mb",
    "timeout_s",
    "reserved_concurrency",
    "processes_min",
    "processes_max",
    "idle_s",
    "aliases",
    "description",
];

/// In a file a table; a variable cannot say it.
impl Kind for Configured {
    const IS_SECRET: bool = true;

    fn read(node: &Node, context: Context<'_>) -> Result<Configured, Vec<Fault>> {
        let Value::Table(entries) = &node.value else { return Err(Fault::unfit::<Configured>(node, context)) };
        let faults = faults_of_keys(entries, |key| match KEYS.contains(&key) {
            true => Ok(()),
            false => Err(format!("{key:?} is not known here{}", did_you_mean(key, KEYS))),
        });
        let mut table = Table { node, entries, context, faults };
        let name: Option<String> = table.needed("name", Facts::plain());
        let code = table.needed("code", Facts::plain());
        let runtime = table.runtime();
        let mut definition =
            Definition::new(&name.unwrap_or_default(), runtime.unwrap_or(Runtime::Command(Vec::new())));
        let number = |min: u64| Facts::count(min, u32::MAX.into());
        definition.handler = table.optional("handler", Facts::plain()).unwrap_or_default();
        definition.description = table.optional("description", Facts::plain()).unwrap_or_default();
        definition.aliases = table.optional("aliases", Facts::plain()).unwrap_or_default();
        definition.memory_mb = table.optional("memory_mb", number(0)).unwrap_or(definition.memory_mb);
        definition.timeout_s = table.optional("timeout_s", number(0)).unwrap_or(definition.timeout_s);
        definition.reserved_concurrency = table.optional("reserved_concurrency", number(0));
        definition.processes_min = table.optional("processes_min", number(0)).unwrap_or(definition.processes_min);
        definition.processes_max = table.optional("processes_max", number(0));
        definition.idle_s = table.optional("idle_s", number(1));
        definition.environment = table.environment();
        if table.faults.is_empty()
            && let Err((field, allowed)) = definition.check()
        {
            let place = table.find(field).map_or(node, |entry| &entry.node);
            table.faults.push(Fault::at(place, format!("this value of {field:?} is not allowed; write {allowed}")));
        }
        match code {
            Some(code) if table.faults.is_empty() => Ok(Configured { definition, code }),
            _ => Err(table.faults),
        }
    }

    fn show(&self) -> serde_json::Value {
        let Configured { definition, code } = self;
        let hidden: BTreeMap<&str, &str> = definition.environment.keys().map(|name| (name.as_str(), HIDDEN)).collect();
        let mut shown = json!({ "name": definition.name, "code": code.show() });
        match &definition.runtime {
            Runtime::Command(command) => shown["command"] = json!(command),
            runtime => shown["runtime"] = runtime.to_string().into(),
        }
        let mut set = |name: &str, is_default: bool, value: serde_json::Value| {
            if !is_default {
                shown[name] = value;
            }
        };
        set("handler", definition.handler.is_empty(), json!(definition.handler));
        set("environment", hidden.is_empty(), json!(hidden));
        set("memory_mb", false, json!(definition.memory_mb));
        set("timeout_s", false, json!(definition.timeout_s));
        let reserved = definition.reserved_concurrency;
        set("reserved_concurrency", reserved.is_none(), json!(reserved));
        set("processes_min", definition.processes_min == 0, json!(definition.processes_min));
        set("processes_max", definition.processes_max.is_none(), json!(definition.processes_max));
        set("idle_s", definition.idle_s.is_none(), json!(definition.idle_s));
        set("aliases", definition.aliases.is_empty(), json!(definition.aliases));
        set("description", definition.description.is_empty(), json!(definition.description));
        shown
    }

    fn allowed(_: &Facts) -> String {
        "a table { name = \"…\", runtime = \"python3.12\", code = \"…\", handler = \"FILE.NAME\" }, or with command = […] in \
         place of runtime (not in a variable); docs/functions.md has all keys"
            .to_owned()
    }
}

/// A table that is being read, and what is wrong with it so far.
struct Table<'a> {
    node: &'a Node,
    entries: &'a [Entry],
    context: Context<'a>,
    faults: Vec<Fault>,
}

impl<'a> Table<'a> {
    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn needed<K: Kind>(&mut self, key: &str, facts: Facts) -> Option<K> {
        if self.find(key).is_none() {
            self.faults.push(Fault::at(self.node, format!("{key:?} is missing")));
        }
        self.optional(key, facts)
    }

    fn optional<K: Kind>(&mut self, key: &str, facts: Facts) -> Option<K> {
        let entry = self.find(key)?;
        match K::read(&entry.node, Context { facts: &facts, ..self.context }) {
            Ok(value) => Some(value),
            Err(faults) => {
                let named = |fault: Fault| Fault { message: format!("{key}: {}", fault.message), ..fault };
                self.faults.extend(faults.into_iter().map(named));
                None
            }
        }
    }

    fn runtime(&mut self) -> Option<Runtime> {
        match (self.find("runtime"), self.find("command")) {
            (Some(entry), None) => {
                let text: String = self.optional("runtime", Facts::plain())?;
                let parsed = Runtime::parse(&text);
                if let Err(reason) = &parsed {
                    self.faults.push(Fault::at(&entry.node, format!("runtime: {text:?} {reason}")));
                }
                parsed.ok()
            }
            (None, Some(_)) => self.optional("command", Facts::plain()).map(Runtime::Command),
            (None, None) => {
                self.faults.push(Fault::at(self.node, "\"runtime\" is missing; write it, or \"command\""));
                None
            }
            (Some(_), Some(entry)) => {
                let message = "\"runtime\" and \"command\" are both given; leave out one of them";
                self.faults.push(Fault::at(&entry.node, message));
                None
            }
        }
    }

    /// Variables, of whose values nothing is repeated.
    fn environment(&mut self) -> BTreeMap<String, String> {
        let Some(entry) = self.find("environment") else { return BTreeMap::new() };
        let Value::Table(entries) = &entry.node.value else {
            self.faults.push(Fault::at(&entry.node, "environment: write a table of names and texts"));
            return BTreeMap::new();
        };
        self.faults.extend(faults_of_keys(entries, |_| Ok(())));
        let mut variables = BTreeMap::new();
        for Entry { key, node, .. } in entries {
            match &node.value {
                Value::Text(text) => drop(variables.insert(key.clone(), text.clone())),
                _ => self.faults.push(Fault::at(node, format!("environment: {key:?} is no text; put it in quotes"))),
            }
        }
        variables
    }
}

/// Who functions run as: `auto`, or as the system names its users.
pub const USER: TextRule = TextRule {
    holds: |text| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        (1..=32).contains(&text.len()) && text.bytes().all(letter)
    },
    allowed: "\"auto\" or the name of a user",
};

/// What runs code: found by `PATH`, or where it is.
pub const PROGRAM: TextRule = TextRule {
    holds: |text| !text.is_empty() && !text.contains('\0') && (!text.contains('/') || text.starts_with('/')),
    allowed: "the name of a program, or its path from / on",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entries: &[(&str, Value)], expected: Result<serde_json::Value, &[&str]>) {
        let entry = |(key, value): &(&str, Value)| Entry {
            key: (*key).to_owned(),
            place: None,
            node: Node { value: value.clone(), place: None },
        };
        let node = Node { value: Value::Table(entries.iter().map(entry).collect()), place: None };
        let found = Configured::read(&node, Context { facts: &Facts::plain(), base: None }).map(|found| found.show());
        let found = found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn function(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
        let base = [("name", text("pets")), ("code", text("pets.zip"))];
        base.into_iter().chain(more.iter().cloned()).collect()
    }

    #[test]
    fn functions_are_read_and_their_variables_not_shown() {
        let variables = Entry { key: "KEY".to_owned(), place: None, node: Node { value: text("hidden"), place: None } };
        let python = [
            ("runtime", text("python3.12")),
            ("handler", text("app.handler")),
            ("environment", Value::Table(vec![variables])),
            ("timeout_s", Value::Integer(9)),
        ];
        let shown = json!({
            "name": "pets", "code": "pets.zip", "runtime": "python3.12", "handler": "app.handler",
            "environment": { "KEY": "***" }, "memory_mb": 128, "timeout_s": 9,
        });
        check(&function(&python), Ok(shown));
        let command = [("command", Value::List(vec![Node { value: text("./pets"), place: None }]))];
        let shown = json!({
            "name": "pets", "code": "pets.zip", "command": ["./pets"], "memory_mb": 128, "timeout_s": 3,
        });
        check(&function(&command), Ok(shown));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let provided = ("runtime", text("provided"));
        check(
            &[],
            Err(&["\"name\" is missing", "\"code\" is missing", "\"runtime\" is missing; write it, or \"command\""]),
        );
        check(
            &function(&[provided.clone(), ("memroy_mb", Value::Integer(1))]),
            Err(&["\"memroy_mb\" is not known here; did you mean \"memory_mb\"?"]),
        );
        check(
            &function(&[provided.clone(), ("timeout_s", Value::Integer(901))]),
            Err(&["this value of \"timeout_s\" is not allowed; write a whole number from 1 to 900"]),
        );
        let runtime = "runtime: \"java21\" is no runtime that is known here; write python3.x, nodejsN.x, provided.al2023, or a \
                       command";
        check(&function(&[("runtime", text("java21"))]), Err(&[runtime]));
        let handler =
            "this value of \"handler\" is not allowed; write FILE.NAME, up to 128 characters without white space";
        check(&function(&[("runtime", text("python3.12"))]), Err(&[handler]));
        let both = "\"runtime\" and \"command\" are both given; leave out one of them";
        check(&function(&[provided.clone(), ("command", Value::List(Vec::new()))]), Err(&[both]));
        check(
            &function(&[provided, ("environment", text("A=B"))]),
            Err(&["environment: write a table of names and texts"]),
        );
    }
}
