//! IAM users, who may call methods with the authorization type `AWS_IAM`. They are in the settings, or, where there are
//! many, in a file of their own. No message and no listing shows a secret.

use super::credentials::{HIDDEN, NAME, SECRET, SESSION_TOKEN, SecretSource, fitting, source};
use super::file::parse_long;
use super::kind::{Context, Facts, Fault, Kind, TextRule};
use super::problem::{Problem, Problems, Source, did_you_mean};
use super::special::{ACCOUNT_ID, faults_of_keys};
use super::value::{Entry, Node, Value};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A user, or anything else with an ARN that signs its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamUser {
    pub name: String,
    pub access_key_id: String,
    pub secret: SecretSource,
    /// Of temporary credentials: requests must come with exactly that.
    pub session_token: Option<SecretSource>,
    /// Not given, it is made of account and name.
    pub arn: Option<String>,
    /// `$context.identity.user`.
    pub user_id: Option<String>,
    /// Identity policies.
    pub policies: Vec<PolicySource>,
}

/// Where a policy document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// In JSON.
    Document(String),
    File(PathBuf),
}

const KEYS: [&str; 9] = [
    "name",
    "access_key_id",
    "secret",
    "secret_file",
    "session_token",
    "session_token_file",
    "arn",
    "user_id",
    "policies",
];

/// A users file may have so many values for each user; one with a name, a key, a secret and a policy in a file has ten.
const VALUES_OF_USER_MAX: usize = 256;

impl Kind for IamUser {
    const IS_SECRET: bool = true;

    fn read(node: &Node, context: Context<'_>) -> Result<IamUser, Vec<Fault>> {
        let Value::Table(entries) = &node.value else { return Err(Fault::unfit::<IamUser>(node, context)) };
        let mut faults = faults_of_keys(entries, |key| match KEYS.contains(&key) {
            true => Ok(()),
            false => Err(format!("{key:?} is not known here{}", did_you_mean(key, KEYS))),
        });
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
        let policies = find("policies").map_or(Ok(Vec::new()), |node| <Vec<PolicySource>>::read(node, context));
        let policies = policies.unwrap_or_else(|more| {
            faults.extend(more);
            Vec::new()
        });
        let mut fault = |node: &Node, message: String| faults.push(Fault::at(node, message));
        let mut text = |key, rule: &TextRule| find(key).and_then(|found| fitting(found, key, rule, &mut fault));
        let (name, access_key_id) = (text("name", &USER_NAME), text("access_key_id", &NAME));
        let (arn, user_id) = (text("arn", &ARN), text("user_id", &NAME));
        let secret = source(entries, ("secret", "secret_file"), &SECRET, context, &mut fault);
        let token = source(entries, ("session_token", "session_token_file"), &SESSION_TOKEN, context, &mut fault);
        for key in ["name", "access_key_id"].into_iter().filter(|key| find(key).is_none()) {
            fault(node, format!("{key:?} is missing"));
        }
        if secret.is_none() {
            fault(node, "\"secret\" is missing; write it, or \"secret_file\"".to_owned());
        }
        match (name, access_key_id, secret.flatten()) {
            (Some(name), Some(access_key_id), Some(secret)) if faults.is_empty() => {
                let session_token = token.flatten();
                Ok(IamUser { name, access_key_id, secret, session_token, arn, user_id, policies })
            }
            _ => Err(faults),
        }
    }

    fn show(&self) -> serde_json::Value {
        let mut shown = json!({ "name": self.name, "access_key_id": self.access_key_id });
        let token = self.session_token.as_ref().map(|token| ("session_token", "session_token_file", token));
        for (given, file, source) in token.into_iter().chain([("secret", "secret_file", &self.secret)]) {
            match source {
                SecretSource::Given(_) => shown[given] = json!(HIDDEN),
                SecretSource::File(path) => shown[file] = path.show(),
            }
        }
        for (key, value) in [("arn", &self.arn), ("user_id", &self.user_id)] {
            if let Some(value) = value {
                shown[key] = json!(value);
            }
        }
        if !self.policies.is_empty() {
            shown["policies"] = self.policies.show();
        }
        shown
    }

    fn allowed(_: &Facts) -> String {
        "a table { name = \"…\", access_key_id = \"…\", secret = \"…\" or secret_file, session_token or session_token_file, \
         arn = \"…\", user_id = \"…\", policies = [\"…\"] }; in a variable there is no form for it"
            .to_owned()
    }
}

/// A text that begins with a brace is the document, another the path of its file; a table is the document too.
impl Kind for PolicySource {
    fn read(node: &Node, context: Context<'_>) -> Result<PolicySource, Vec<Fault>> {
        match &node.value {
            Value::Text(text) if text.trim_start().starts_with('{') => {
                match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                    Ok(_) => Ok(PolicySource::Document(text.clone())),
                    Err(error) => Err(vec![Fault::at(node, format!("this policy is not JSON: {error}"))]),
                }
            }
            Value::Table(_) => json_of(node).map(|document| PolicySource::Document(document.to_string())),
            Value::Text(_) => PathBuf::read(node, context).map(PolicySource::File),
            _ => Err(Fault::unfit::<PolicySource>(node, context)),
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            PolicySource::Document(document) => json!(document),
            PolicySource::File(path) => path.show(),
        }
    }

    fn allowed(_: &Facts) -> String {
        "a policy document as JSON in a text or as a table, or the path of its file".to_owned()
    }
}

/// A document that is written as a table of the settings' own language.
fn json_of(node: &Node) -> Result<serde_json::Value, Vec<Fault>> {
    let fault = |message: String| Err(vec![Fault::at(node, message)]);
    Ok(match &node.value {
        Value::Null => json!(null),
        Value::Bool(value) => json!(value),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => json!(number),
            Err(_) => return fault(format!("{} is too large for a policy", node.value)),
        },
        Value::Float(number) => json!(number),
        Value::Text(text) | Value::Written(text) | Value::Date(text) => json!(text),
        Value::List(items) => items.iter().map(json_of).collect::<Result<_, _>>()?,
        Value::Table(entries) => {
            let faults = faults_of_keys(entries, |_| Ok(()));
            if !faults.is_empty() {
                return Err(faults);
            }
            let member = |entry: &Entry| Ok((entry.key.clone(), json_of(&entry.node)?));
            serde_json::Value::Object(entries.iter().map(member).collect::<Result<_, Vec<Fault>>>()?)
        }
    })
}

/// The users of a file of their own, which has them as a list `users`; paths in it are relative to it.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn read_users(path: &Path, text: &str, users_max: u32) -> Result<Vec<IamUser>, Problems> {
    let values_max = usize::try_from(users_max).unwrap_or(usize::MAX).saturating_mul(VALUES_OF_USER_MAX);
    let (entries, mut faults) = parse_long(path, text, values_max);
    faults.extend(faults_of_keys(&entries, |key| match key {
        "users" => Ok(()),
        _ => Err(format!("{key:?} is not known here{}", did_you_mean(key, ["users"]))),
    }));
    let facts = Facts::plain();
    let context = Context { facts: &facts, base: path.parent() };
    let users = match entries.iter().find(|entry| entry.key == "users") {
        Some(entry) => <Vec<IamUser>>::read(&entry.node, context),
        None if faults.is_empty() => {
            Err(vec![Fault { place: None, message: "there is no list of \"users\"".to_owned() }])
        }
        None => Ok(Vec::new()),
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

/// "Names of users … can be up to 64 characters. You can use … alphanumeric … plus, equal, comma, period, at, underscore, and
/// hyphen" (IAM quotas).
pub(super) const USER_NAME: TextRule = TextRule {
    holds: |text| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(word)
    },
    allowed: "1 to 64 letters, digits and +=,.@_-",
};

const ARN: TextRule = TextRule {
    holds: |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam" | "sts", "", account, resource] = parts[..] else { return false };
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
        partition.starts_with("aws")
            && (ACCOUNT_ID.holds)(account)
            && (1..=1_024).contains(&resource.len())
            && resource.contains('/')
            && text.bytes().all(|byte| word(byte) || byte == b':')
    },
    allowed: "the ARN of a user or of an assumed role, such as \"arn:aws:iam::123456789012:user/ann\"",
};

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "name: ann\n  access_key_id: AK1\n  secret: hidden12";

    /// What the users of a file are shown as, or what is wrong.
    #[track_caller]
    fn check(users: &str, expected: Result<serde_json::Value, &[&str]>) {
        let text = format!("users:\n- {users}\n");
        let found = read_users(Path::new("/etc/users.yaml"), &text, 10);
        let shown = format!("{found:?}");
        assert!(!shown.contains("hidden"), "{shown}");
        let found = found.map(|users| users.show()).map_err(|problems| problems.to_string());
        let lines = found.as_ref().map_err(|text| text.lines().collect::<Vec<_>>());
        assert_eq!(lines, expected.as_ref().map_err(|lines| lines.to_vec()), "{text}");
    }

    #[test]
    fn users_are_read_and_their_secrets_not_shown() {
        let ann = json!([{ "name": "ann", "access_key_id": "AK1", "secret": "***" }]);
        check(KEY, Ok(ann));
        check(
            "{name: a, access_key_id: A, secret_file: s, session_token_file: /t, user_id: AIDA1}",
            Ok(json!([{
                "name": "a", "access_key_id": "A", "session_token_file": "/t", "secret_file": "/etc/s", "user_id": "AIDA1"
            }])),
        );
        let role = "arn:aws:sts::123456789012:assumed-role/r/s";
        let all = json!([{
            "name": "a", "access_key_id": "A", "session_token": "***", "secret": "***", "arn": role,
            "policies": ["{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"N\":1}]}", "{}", "/etc/p.json"]
        }]);
        let policies = "[{Version: \"2012-10-17\", Statement: [{Effect: Allow, N: 1}]}, \"{}\", p.json]";
        check(
            &format!(
                "{{name: a, access_key_id: A, secret: hidden12, session_token: hidden34, arn: {role}, policies: {policies}}}"
            ),
            Ok(all),
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_secrets() {
        check(
            "{access_key_id: A}",
            Err(&[
                "/etc/users.yaml:2:3: \"name\" is missing",
                "/etc/users.yaml:2:3: \"secret\" is missing; write it, or \"secret_file\"",
            ]),
        );
        check(
            "{name: a b, access_key_id: hidden/, secret: hidden, session_token: hidden}",
            Err(&[
                "/etc/users.yaml:2:10: this value of \"name\" is not allowed; write 1 to 64 letters, digits and +=,.@_-",
                "/etc/users.yaml:2:30: this value of \"access_key_id\" is not allowed; write 1 to 128 letters, digits and _-.@",
                "/etc/users.yaml:2:47: this value of \"secret\" is not allowed; write 8 to 1024 printable characters without \
                 spaces",
                "/etc/users.yaml:2:70: this value of \"session_token\" is not allowed; write 8 to 4096 printable characters \
                 without spaces",
            ]),
        );
        let more = |more: &str| format!("{KEY}\n  {more}");
        let arn = "/etc/users.yaml:5:8: this value of \"arn\" is not allowed; write the ARN of a user or of an assumed role, \
                   such as \"arn:aws:iam::123456789012:user/ann\"";
        for wrong in
            ["ann", "arn:aws:iam::1:user/a", "arn:aws:s3::123456789012:user/a", "arn:aws:iam::123456789012:root"]
        {
            check(&more(&format!("arn: {wrong}")), Err(&[arn]));
        }
        check(
            &more("polices: []"),
            Err(&["/etc/users.yaml:5:3: \"polices\" is not known here; did you mean \"policies\"?"]),
        );
        check(
            &more("policies: [\"{\"]"),
            Err(&["/etc/users.yaml:5:14: this policy is not JSON: EOF while parsing an object at line 1 column 1"]),
        );
        check(&more("policies: [{a: 1, a: 2}]"), Err(&["/etc/users.yaml:5:21: \"a\" is given twice"]));
        check(
            &more("policies: [1]"),
            Err(&[
                "/etc/users.yaml:5:14: the number 1 is not allowed; write a policy document as JSON in a text or as a table, or \
             the path of its file",
            ]),
        );
        check(
            "hidden12",
            Err(&[
                "/etc/users.yaml:2:3: this is not allowed; write a table { name = \"…\", access_key_id = \"…\", secret = \"…\" or \
             secret_file, session_token or session_token_file, arn = \"…\", user_id = \"…\", policies = [\"…\"] }; in a \
             variable there is no form for it",
            ]),
        );
    }

    #[test]
    fn a_users_file_has_users() {
        let check = |name: &str, text: &str, expected: &str| {
            let found = read_users(Path::new(name), text, 1).map(|users| users.len());
            assert_eq!(found.map_err(|problems| problems.to_string()), Err(expected.to_owned()));
        };
        check("u.json", "{}", "u.json: there is no list of \"users\"");
        check(
            "u.json",
            "{\"users\":[],\"user\":1}",
            "u.json:1:13: \"user\" is not known here; did you mean \"users\"?",
        );
        check("u.txt", "", "u.txt: the name of a settings file ends in .toml, .yaml, .yml or .json");
        let many = format!("users: [{}]", "1,".repeat(VALUES_OF_USER_MAX));
        check("u.yaml", &many, "u.yaml:1:515: too many values for a settings file");
    }

    #[test]
    fn ten_thousand_users_are_read() {
        let user = |number: u32| {
            json!({ "name": format!("u{number}"), "access_key_id": format!("AK{number}"), "secret": "hidden12",
                    "policies": [{ "Statement": [] }] })
        };
        let text = json!({ "users": (0..10_000).map(user).collect::<Vec<_>>() }).to_string();
        assert_eq!(read_users(Path::new("u.json"), &text, 10_000).map(|users| users.len()), Ok(10_000));
    }
}
