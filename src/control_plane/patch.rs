//! PATCH as the management API has it: a list of operations on paths, of which each kind of resource permits its own.
//! (API reference, `API_PatchOperation`; guide, `patch-operations`.)
//!
//! Paths are JSON pointers (RFC 6901): `/methodSettings…`, with `~1` for a slash in a name. Values are text, whatever
//! they become. A call's operations are applied in order to a copy; one that fails leaves all as it was.

use serde::Deserialize;
use serde_json::Value;

use super::exception::{Exception, ExceptionKind};
use super::operation::Call;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl Op {
    pub fn name(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Replace => "replace",
            Op::Move => "move",
            Op::Copy => "copy",
            Op::Test => "test",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchOperation {
    pub op: Op,
    pub path: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub from: Option<String>,
}

/// What one kind of resource permits: on paths that fit the pattern, these operations.
pub struct Rule<T> {
    /// `/name`, or with names in it: `/variables/{name}`. A last `{name+}` takes the rest of the path, slashes and all.
    pub pattern: &'static str,
    pub ops: &'static [Op],
    pub apply: fn(&mut T, &Patch<'_>) -> Result<(), Exception>,
}

/// One operation, with what its path's pattern found.
pub struct Patch<'p> {
    pub op: Op,
    pub path: &'p str,
    pub value: Option<&'p str>,
    pub from: Option<&'p str>,
    names: Vec<String>,
}

impl Patch<'_> {
    /// The name in the pattern's braces at a position, unescaped.
    pub fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("", String::as_str)
    }

    pub fn removes(&self) -> bool {
        self.op == Op::Remove
    }

    /// The value; an empty text where the operation has none.
    pub fn text(&self) -> String {
        self.value.unwrap_or_default().to_owned()
    }

    /// The value for something that need not be there: none when it is removed, or set to nothing.
    pub fn optional_text(&self) -> Option<String> {
        if self.removes() { None } else { self.value.filter(|value| !value.is_empty()).map(str::to_owned) }
    }

    /// # Errors
    /// `BadRequestException`: there is no value, or an empty one.
    pub fn required_text(&self) -> Result<String, Exception> {
        self.optional_text().ok_or_else(|| self.invalid("a value is required"))
    }

    /// # Errors
    /// `BadRequestException`: the value is neither `true` nor `false`.
    pub fn boolean(&self) -> Result<bool, Exception> {
        match self.value {
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.invalid("it must be true or false")),
        }
    }

    /// A number: an integer or not, as `N` is.
    ///
    /// # Errors
    /// `BadRequestException`: the value is no such number, or one without an end.
    pub fn number<N: std::str::FromStr>(&self) -> Result<N, Exception> {
        let finite = |value: &&str| value.parse::<f64>().is_ok_and(f64::is_finite);
        let value = self.value.map(str::trim).filter(finite);
        value.and_then(|value| value.parse().ok()).ok_or_else(|| self.invalid("it must be a number"))
    }

    /// One of AWS's words, as serde reads it.
    ///
    /// # Errors
    /// `BadRequestException`: it is another.
    pub fn word<W: serde::de::DeserializeOwned>(&self) -> Result<W, Exception> {
        let word = serde_json::Value::from(self.value.unwrap_or_default());
        serde_json::from_value(word).map_err(|error| self.invalid(&error.to_string()))
    }

    pub fn invalid(&self, why: &str) -> Exception {
        let value = self.value.unwrap_or_default();
        Exception::bad_request(format!("Invalid value '{value}' specified for path '{}': {why}", self.path))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

/// The operations of a call's body.
///
/// # Errors
/// `BadRequestException`: the body is not of that shape. `ValidationException`, as AWS's framework has it: an operation
/// is none of the six.
pub fn operations(call: &Call<'_>) -> Result<Vec<PatchOperation>, Exception> {
    const OPS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];
    let input: Value = call.input()?;
    let named = input["patchOperations"].as_array().into_iter().flatten().filter_map(|one| one["op"].as_str());
    if named.into_iter().any(|op| !OPS.contains(&op)) {
        let message = "Member must satisfy enum value set: [add, remove, move, test, replace, copy]";
        return Err(Exception::new(ExceptionKind::Validation, message));
    }
    Ok(call.input::<Input>()?.patch_operations)
}

/// The target with a call's operations applied.
///
/// # Errors
/// `BadRequestException`: an operation is not permitted, or its value is wrong. Rules may have others.
pub fn patched<T: Clone>(call: &Call<'_>, rules: &[Rule<T>], target: &T) -> Result<T, Exception> {
    let mut copy = target.clone();
    for operation in operations(call)? {
        apply(rules, &mut copy, &operation)?;
    }
    Ok(copy)
}

/// Applies one operation.
///
/// # Errors
/// As [`patched`].
pub fn apply<T>(rules: &[Rule<T>], target: &mut T, operation: &PatchOperation) -> Result<(), Exception> {
    // Of the first rule that fits: what fits too is a more general one.
    let mut at_path: &[Op] = &[];
    for rule in rules {
        let Some(names) = names_in(rule.pattern, &operation.path) else { continue };
        at_path = if at_path.is_empty() { rule.ops } else { at_path };
        if rule.ops.contains(&operation.op) {
            let patch = Patch {
                op: operation.op,
                path: &operation.path,
                value: operation.value.as_deref(),
                from: operation.from.as_deref(),
                names,
            };
            return (rule.apply)(target, &patch);
        }
    }
    Err(refusal(rules, operation, at_path))
}

/// AWS has two ways of saying it. Kinds of which every path is known by name list them, with two spaces after "path";
/// those with names in their paths do not. (Answers recorded of AWS: UpdateResource, UpdateModel,
/// UpdateRequestValidator and UpdateDocumentationPart; UpdateRestApi, UpdateMethod and UpdateMethodResponse.)
fn refusal<T>(rules: &[Rule<T>], operation: &PatchOperation, at_path: &[Op]) -> Exception {
    let path = &operation.path;
    let has_names = rules.iter().any(|rule| rule.pattern.contains('{'));
    if has_names && at_path.is_empty() {
        return Exception::bad_request(format!("Invalid patch path {path}"));
    }
    if has_names {
        let ops: Vec<&str> = at_path.iter().map(|op| op.name()).collect();
        let ops = ops.join(", ");
        return Exception::bad_request(format!("Invalid patch operation specified. Must be one of: [{ops}]"));
    }
    let paths: Vec<&str> =
        rules.iter().filter(|rule| rule.ops.contains(&operation.op)).map(|rule| rule.pattern).collect();
    let choice = match paths.is_empty() {
        true => "Please choose supported operations".to_owned(),
        false => format!("Must be one of: [{}]", paths.join(", ")),
    };
    let op = operation.op.name();
    Exception::bad_request(format!("Invalid patch path  '{path}' specified for op '{op}'. {choice}"))
}

/// What stands in the pattern's braces; `None` where the path does not fit.
fn names_in(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    // AWS takes a path without its first slash too.
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let mut parts = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(part) = parts.next() {
        let segment = segments.next()?;
        if part.starts_with('{') && part.ends_with("+}") {
            debug_assert!(parts.peek().is_none(), "{pattern}: what takes the rest is last");
            let rest: Vec<&str> = std::iter::once(segment).chain(segments).collect();
            names.push(unescaped(&rest.join("/")));
            return Some(names);
        }
        if part.starts_with('{') {
            names.push(unescaped(segment));
        } else if !part.eq_ignore_ascii_case(segment) {
            return None;
        }
    }
    segments.next().is_none().then_some(names)
}

/// A segment of a JSON pointer as the name that it stands for.
pub fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Thing {
        name: String,
        size: i32,
        tags: Vec<(String, String)>,
    }

    const RULES: &[Rule<Thing>] = &[
        Rule {
            pattern: "/name",
            ops: &[Op::Replace],
            apply: |thing, patch| {
                thing.name = patch.required_text()?;
                Ok(())
            },
        },
        Rule {
            pattern: "/size",
            ops: &[Op::Replace],
            apply: |thing, patch| {
                thing.size = patch.number()?;
                Ok(())
            },
        },
        Rule {
            pattern: "/tags/{name}",
            ops: &[Op::Add, Op::Replace],
            apply: |thing, patch| {
                thing.tags.push((patch.name(0).to_owned(), patch.text()));
                Ok(())
            },
        },
    ];

    #[track_caller]
    fn check(op: Op, path: &str, value: Option<&str>, expected: Result<&str, &str>) {
        let operation = PatchOperation { op, path: path.into(), value: value.map(str::to_owned), from: None };
        let mut thing = Thing::default();
        let applied = apply(RULES, &mut thing, &operation).map(|()| {
            let tags: Vec<String> = thing.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {} {}", thing.name, thing.size, tags.join(","))
        });
        assert_eq!(applied.as_deref().map_err(|exception| exception.message.as_str()), expected, "{op:?} {path}");
    }

    #[test]
    fn each_path_has_its_operations_and_values() {
        check(Op::Replace, "/name", Some("a"), Ok("a 0 "));
        check(Op::Replace, "/name", None, Err("Invalid value '' specified for path '/name': a value is required"));
        check(Op::Add, "/name", Some("a"), Err("Invalid patch operation specified. Must be one of: [replace]"));
        check(Op::Replace, "/size", Some("7"), Ok(" 7 "));
        check(
            Op::Replace,
            "/size",
            Some("x"),
            Err("Invalid value 'x' specified for path '/size': it must be a number"),
        );
        check(
            Op::Replace,
            "/size",
            Some("NaN"),
            Err("Invalid value 'NaN' specified for path '/size': it must be a number"),
        );
        check(Op::Add, "/tags/a~1b~0c", Some("1"), Ok(" 0 a/b~c=1"));
        check(Op::Add, "/tags", Some("1"), Err("Invalid patch path /tags"));
        check(Op::Add, "", None, Err("Invalid patch path "));
    }

    #[test]
    fn paths_without_names_are_listed() {
        let refused = |op, path: &str| {
            let operation = PatchOperation { op, path: path.into(), value: None, from: None };
            apply(&RULES[..2], &mut Thing::default(), &operation).expect_err("it is not permitted").message
        };
        let listed = "Invalid patch path  '/tags' specified for op 'replace'. Must be one of: [/name, /size]";
        assert_eq!(refused(Op::Replace, "/tags"), listed);
        for path in ["/name", "/tags"] {
            let expected =
                format!("Invalid patch path  '{path}' specified for op 'add'. Please choose supported operations");
            assert_eq!(refused(Op::Add, path), expected);
        }
    }

    #[test]
    fn the_rest_of_a_path_may_be_one_name() {
        assert_eq!(names_in("/a/{rest+}", "/a/b/c~1d"), Some(vec!["b/c/d".to_owned()]));
        assert_eq!(names_in("/a/{rest+}", "/a"), None);
        assert_eq!(names_in("/a/{b}", "/a/b/c"), None);
    }
}
