//! What an import found, in the words of AWS's answers. (Guide, `api-gateway-import-api-errors-warnings`.)

use crate::diagnostic::{Diagnostic, SHOWN_MAX, Severity};

/// The message of the `BadRequestException` that refuses an import: its errors, or with `failonwarnings` its warnings.
/// `None` where nothing refuses it.
pub fn refusal(problems: &[Diagnostic], fail_on_warnings: bool) -> Option<String> {
    let of = |severity| problems.iter().filter(move |problem| problem.severity == severity);
    let (found, title) = if of(Severity::Error).next().is_some() {
        (of(Severity::Error), "Errors")
    } else if fail_on_warnings && of(Severity::Warning).next().is_some() {
        (of(Severity::Warning), "Warnings")
    } else {
        return None;
    };
    let lines: Vec<String> = found.map(line).collect();
    let mut message = format!("{title} found during import:");
    for line in lines.iter().take(SHOWN_MAX) {
        message.push_str("\n\t");
        message.push_str(line);
    }
    if let Some(more) = lines.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        message.push_str(&format!("\n\tand {more} more"));
    }
    Some(message)
}

/// `warnings` of the `RestApi` that an import answers.
pub fn warnings(problems: &[Diagnostic]) -> Vec<String> {
    problems.iter().filter(|problem| problem.severity == Severity::Warning).map(line).collect()
}

/// What is wrong, where, and what to write instead, on one line.
fn line(problem: &Diagnostic) -> String {
    let mut line = String::new();
    if let Some(place) = &problem.place {
        line = format!("line {}, column {}: ", place.line, place.column);
    }
    line.push_str(&problem.message);
    if let Some(help) = &problem.help {
        line.push_str(&format!(" ({help})"));
    }
    line.replace(['\n', '\t', '\r'], " ")
}
