//! The report as a file: `docs/load-test-report.md` documents each member.

use serde::Deserialize;

use super::{Report, SCHEMA};

pub fn write(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has only members that JSON knows");
    text.push('\n');
    text
}

/// Reads what [`write()`] wrote. `name` is the file's, for messages.
pub fn read(bytes: &[u8], name: &str) -> Result<Report, String> {
    let place = |error: serde_json::Error| match error.line() {
        0 => format!("{name}: not a report of the load tester: {error}"),
        line => format!("{name}:{line}:{}: not a report of the load tester: {}", error.column(), without_place(&error)),
    };
    // First, since a later schema differs in members as well, and their names would be the less helpful message.
    let Header { schema } = serde_json::from_slice(bytes).map_err(place)?;
    if schema != SCHEMA {
        return Err(format!("{name}: the report's schema is {schema}; this version reads {SCHEMA}"));
    }
    serde_json::from_slice(bytes).map_err(place)
}

#[derive(Deserialize)]
struct Header {
    schema: u32,
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_written_is_read() {
        for report in [sample::full(), sample::ordinary(), sample::closed_loop()] {
            // Without the values: they fill screens.
            assert!(read(write(&report).as_bytes(), "a.json") == Ok(report));
        }
    }

    #[test]
    fn errors_name_the_place() {
        fn check(text: &str, expected: &str) {
            assert_eq!(read(text.as_bytes(), "a.json").unwrap_err(), expected);
        }
        check("", "a.json:1:0: not a report of the load tester: EOF while parsing a value");
        check("{\n  \"schema\": 1,\n}", "a.json:3:1: not a report of the load tester: trailing comma");
        check("{}", "a.json:1:2: not a report of the load tester: missing field `schema`");
        check("{\"schema\": 7, \"new\": {}}", "a.json: the report's schema is 7; this version reads 1");
        let text = write(&sample::ordinary()).replace("\"interrupted\": false", "\"interrupted\": \"no\"");
        let line = text.lines().count() - 1;
        check(
            &text,
            &format!(
                "a.json:{line}:21: not a report of the load tester: invalid type: string \"no\", expected a boolean"
            ),
        );
    }

    #[test]
    fn members_of_later_versions_are_skipped() {
        let text = write(&sample::ordinary()).replacen('{', "{\"later\": [1, 2],", 1);
        assert!(read(text.as_bytes(), "a.json") == Ok(sample::ordinary()));
    }

    /// Every member has a row ``| `path` | …`` in the document, and every row of that form is a member.
    #[test]
    fn the_document_lists_the_members() {
        let mut members = BTreeSet::new();
        collect(&serde_json::to_value(sample::full()).unwrap(), "", &mut members);
        let document = include_str!("../../../docs/load-test-report.md");
        let section = document.split("\n## ").find(|section| section.starts_with("The JSON file")).unwrap();
        let documented: BTreeSet<String> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .flat_map(|(path, _)| expand(path))
            .collect();
        assert_eq!(members.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
        assert_eq!(documented.difference(&members).collect::<Vec<_>>(), Vec::<&String>::new(), "no such member");
    }

    /// Tables in which a path appears at its place only; the rows of `latency` stand for all distributions.
    fn expand(path: &str) -> Vec<String> {
        const DISTRIBUTIONS: [&str; 5] =
            ["total.latency", "total.service_time", "total.lag", "steps[].latency", "intervals[].latency"];
        let Some(member) = path.strip_prefix("LATENCY.") else { return vec![path.to_owned()] };
        let whole = DISTRIBUTIONS.iter().filter(|place| member != "histogram" || place.starts_with("total."));
        whole.map(|place| format!("{place}.{member}")).collect()
    }

    /// Maps by kind or status are documented as one member: their keys are data.
    const MAPS: [&str; 3] = ["total.failures", "total.statuses", "intervals[].failures"];

    fn collect(value: &Value, path: &str, members: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) if !MAPS.contains(&path) => {
                for (name, value) in object {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    members.insert(path.clone());
                    collect(value, &path, members);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, &format!("{path}[]"), members)),
            _ => {}
        }
    }
}
