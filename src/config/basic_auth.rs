//! Names and passwords for authorizers of the type `basic`. They are in the settings, or, where there are many, in a file of
//! their own. No message and no listing shows a password.

use super::credentials::{HIDDEN, SECRET, SecretSource, fitting, source};
use super::file::parse_long;
use super::iam::USER_NAME;
use super::kind::{Context, Facts, Fault, Kind};
use super::problem::{Problem, Problems, Source, did_you_mean};
use super::special::faults_of_keys;
use super::value::{Node, Value};
use serde_json::json;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicUser {
    pub name: String,
    pub secret: SecretSource,
}

const KEYS: [&str; 3] = ["name", "secret", "secret_file"];

/// A users file may have so many values for each user; one with a name and a secret has five.
const VALUES_OF_USER_MAX: usize = 16;

impl Kind for BasicUser {
    const IS_SECRET: bool = true;

    fn read(node: &Node, context: Context<'_>) -> Result<BasicUser, Vec<Fault>> {
        let Value::Table(entries) = &node.value else { return Err(Fault::unfit::<BasicUser>(node, context)) };
        let mut faults = faults_of_keys(entries, |key| match KEYS.contains(&key) {
            true => Ok(()),
            false => Err(format!("{key:?} is not known here{}", did_you_mean(key, KEYS))),
        });
        let mut fault = |node: &Node, message: String| faults.push(Fault::at(node, message));
        let written = entries.iter().find(|entry| entry.key == "name").map(|entry| &entry.node);
        let name = written.and_then(|found| fitting(found, "name", &USER_NAME, &mut fault));
        let secret = source(entries, ("secret", "secret_file"), &SECRET, context, &mut fault);
        if written.is_none() {
            fault(node, "\"name\" is missing".to_owned());
        }
        if secret.is_none() {
            fault(node, "\"secret\" is missing; write it, or \"secret_file\"".to_owned());
        }
        match (name, secret.flatten()) {
            (Some(name), Some(secret)) if faults.is_empty() => Ok(BasicUser { name, secret }),
            _ => Err(faults),
        }
    }

    fn show(&self) -> serde_json::Value {
        match &self.secret {
            SecretSource::Given(_) => json!({ "name": self.name, "secret": HIDDEN }),
            SecretSource::File(path) => json!({ "name": self.name, "secret_file": path.show() }),
        }
    }

    fn allowed(_: &Facts) -> String {
        "a table { name = \"…\", secret = \"…\" or secret_file = \"…\" }; in a variable there is no form for it"
            .to_owned()
    }
}

/// The users of a file of their own, which has them as a list `users`; paths in it are relative to it.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn read_basic_users(path: &Path, text: &str, users_max: u32) -> Result<Vec<BasicUser>, Problems> {
    let values_max = usize::try_from(users_max).unwrap_or(usize::MAX).saturating_mul(VALUES_OF_USER_MAX);
    let (entries, mut faults) = parse_long(path, text, values_max);
    faults.extend(faults_of_keys(&entries, |key| match key {
        "users" => Ok(()),
        _ => Err(format!("{key:?} is not known here{}", did_you_mean(key, ["users"]))),
    }));
    let facts = Facts::plain();
    let context = Context { facts: &facts, base: path.parent() };
    let users = match entries.iter().find(|entry| entry.key == "users") {
        Some(entry) => <Vec<BasicUser>>::read(&entry.node, context),
        None => Err(vec![Fault { place: None, message: "there is no list of \"users\"".to_owned() }]),
    };
    let users = users.unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    if faults.is_empty() {
        return Ok(users);
    }
    let problem = |Fault { place, message }| {
        let source = Source::File { path: path.to_owned(), place };
        Problem { source, key: None, message }
    };
    Err(Problems(faults.into_iter().map(problem).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<serde_json::Value, &[&str]>) {
        let found = read_basic_users(Path::new("/etc/users.yaml"), text, 10);
        assert!(!format!("{found:?}").contains("hidden"), "{found:?}");
        let found = found.map(|users| users.show()).map_err(|problems| problems.to_string());
        let lines = found.as_ref().map_err(|text| text.lines().collect::<Vec<_>>());
        assert_eq!(lines, expected.as_ref().map_err(|lines| lines.to_vec()), "{text}");
    }

    #[test]
    fn users_are_read_and_their_passwords_not_shown() {
        let shown = json!([{ "name": "ann", "secret": "***" }, { "name": "ben", "secret_file": "/etc/s" }]);
        check("users: [{name: ann, secret: hidden12}, {name: ben, secret_file: s}]", Ok(shown));
        check("users: []", Ok(json!([])));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check("{}", Err(&["/etc/users.yaml: there is no list of \"users\""]));
        check(
            "users: [{name: 'a:b', secret: hidden}]",
            Err(&[
                "/etc/users.yaml:1:16: this value of \"name\" is not allowed; write 1 to 64 letters, digits and +=,.@_-",
                "/etc/users.yaml:1:31: this value of \"secret\" is not allowed; write 8 to 1024 printable characters \
                 without spaces",
            ]),
        );
        check(
            "users: [{nmae: a}]",
            Err(&[
                "/etc/users.yaml:1:10: \"nmae\" is not known here; did you mean \"name\"?",
                "/etc/users.yaml:1:9: \"name\" is missing",
                "/etc/users.yaml:1:9: \"secret\" is missing; write it, or \"secret_file\"",
            ]),
        );
    }
}
