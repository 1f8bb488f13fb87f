//! The status that a mock's request template names: JSON, or what AWS takes for it (single quotes, no quotes).
//! (Guide, `how-to-mock-integration`.)

use std::sync::LazyLock;

use serde_json::Value;

/// In the template itself, where it is constant, or in what it was rendered to.
pub fn mock_status(text: &str) -> Option<u16> {
    let status = match serde_json::from_str::<Value>(text) {
        Ok(json) => {
            let status = json.get("statusCode")?;
            status
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .or_else(|| status.as_str()?.trim().parse().ok())
        }
        Err(_) => lenient(text),
    };
    status.filter(|status| (100..=599).contains(status))
}

fn lenient(text: &str) -> Option<u16> {
    static STATUS: LazyLock<regex::Regex> = LazyLock::new(|| {
        let pattern =
            r#"(?s)^\s*\{(?:[^{}#$]*,)?\s*['"]?statusCode['"]?\s*:\s*['"]?(\d{3})['"]?\s*(?:,[^{}#$]*)?\}\s*$"#;
        regex::Regex::new(pattern).expect("the pattern is a constant that the tests compile")
    });
    STATUS.captures(text)?.get(1)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: Option<u16>) {
        assert_eq!(mock_status(template), expected, "{template}");
    }

    #[test]
    fn a_mock_names_its_status() {
        check(r#"{"statusCode": 200}"#, Some(200));
        check("{ 'statusCode' : '404' }\n", Some(404));
        check("{statusCode:204}", Some(204));
        check(r#"{"message": "x", "statusCode": 500, "more": 1}"#, Some(500));
        check(r#"{"statusCode": 20}"#, None);
        check(r#"{"statusCode": 999}"#, None);
        check(r#"{"status": 200}"#, None);
        check(r#"#set($x = 1){"statusCode": 200}"#, None);
        check(r#"{"statusCode": $input.params('s')}"#, None);
        check(r#"{"nested": {"statusCode": 201}, "statusCode": "202"}"#, Some(202));
        check("", None);
    }
}
