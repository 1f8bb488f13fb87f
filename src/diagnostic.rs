//! What is wrong with a document, where, and what to write instead.
//!
//! As text:
//! ```text
//! error: unknown key `pahts`
//!   --> petstore.yaml:7:1
//!    |
//!  7 | pahts:
//!    | ^
//!    = help: did you mean `paths`?
//! ```
//! As JSON, one document (`--format json`): `{"diagnostics": [D…]}`, where `D` has
//! `severity` (`"error"` or `"warning"`), `message`, `help` (string or null), `place` (null, or `{"file", "line",
//! "column"}` with lines and columns from 1, columns in characters) and `related` (a list of `{"label", "place"}`).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

/// More problems than this are counted, not shown, in the text form: a wrong document has thousands for one cause.
pub const SHOWN_MAX: usize = 50;

/// Longer lines are cut in the snippet: a JSON export may be a single line of megabytes.
const SNIPPET_CHARACTERS_MAX: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The text of the line.
    #[serde(skip)]
    pub source_line: Option<Box<str>>,
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    pub label: String,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    pub place: Option<Place>,
    pub related: Vec<Related>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), help: None, place: None, related: Vec::new() }
    }

    pub fn warning(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn related(mut self, label: impl Into<String>, place: Place) -> Diagnostic {
        self.related.push(Related { label: label.into(), place });
        self
    }

    /// `file:line:column: message`, on one line: for logs.
    pub fn one_line(&self) -> String {
        match &self.place {
            Some(place) => format!("{}:{}:{}: {}", place.file, place.line, place.column, self.message),
            None => self.message.clone(),
        }
    }
}

/// Everything that was found, in the order of the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

#[derive(Serialize)]
struct JsonReport<'d> {
    diagnostics: &'d [Diagnostic],
}

impl Diagnostics {
    pub fn error_count(&self) -> usize {
        self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    pub fn has_errors(&self) -> bool {
        self.error_count() > 0
    }

    /// Without repetitions: what a document says once and uses often is wrong once.
    #[must_use]
    pub fn without_repetitions(self) -> Diagnostics {
        let mut seen = HashSet::new();
        Diagnostics(self.0.into_iter().filter(|diagnostic| seen.insert(diagnostic.one_line())).collect())
    }

    /// For people; the first [`SHOWN_MAX`] in full, errors before warnings.
    pub fn to_text(&self, colour: bool) -> String {
        let paint = Paint { colour };
        let mut text = String::new();
        let (errors, warnings): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        for diagnostic in errors.into_iter().chain(warnings).take(SHOWN_MAX) {
            write_diagnostic(&mut text, diagnostic, &paint);
        }
        if self.0.len() > SHOWN_MAX {
            let more = self.0.len() - SHOWN_MAX;
            let _ = writeln!(text, "and {more} more; `tollgate check --format json` lists all\n");
        }
        text
    }

    /// For programs; the schema is at the top of this file.
    pub fn to_json(&self) -> String {
        let report = JsonReport { diagnostics: &self.0 };
        serde_json::to_string_pretty(&report).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn severity(&self, severity: Severity) -> String {
        match (severity, self.colour) {
            (Severity::Error, true) => "\x1b[1;31merror\x1b[0m".to_owned(),
            (Severity::Warning, true) => "\x1b[1;33mwarning\x1b[0m".to_owned(),
            (Severity::Error, false) => "error".to_owned(),
            (Severity::Warning, false) => "warning".to_owned(),
        }
    }

    fn gutter(&self, text: &str) -> String {
        if self.colour { format!("\x1b[34m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn write_diagnostic(text: &mut String, diagnostic: &Diagnostic, paint: &Paint) {
    let _ = writeln!(text, "{}: {}", paint.severity(diagnostic.severity), printable(&diagnostic.message));
    let last_line =
        diagnostic.place.iter().chain(diagnostic.related.iter().map(|related| &related.place)).map(|place| place.line);
    let width = last_line.max().unwrap_or(0).to_string().len();
    if let Some(place) = &diagnostic.place {
        write_place(text, place, "-->", width, paint);
    }
    for related in &diagnostic.related {
        let _ = writeln!(text, "{:width$} {} {}:", "", paint.gutter("="), printable(&related.label));
        write_place(text, &related.place, "-->", width, paint);
    }
    if let Some(help) = &diagnostic.help {
        let mut lines = help.lines();
        let _ = writeln!(text, "{:width$} {} help: {}", "", paint.gutter("="), printable(lines.next().unwrap_or("")));
        for line in lines {
            let _ = writeln!(text, "{:width$}         {}", "", printable(line));
        }
    }
    text.push('\n');
}

fn write_place(text: &mut String, place: &Place, arrow: &str, width: usize, paint: &Paint) {
    let _ = writeln!(text, "{:width$}{} {}:{}:{}", "", paint.gutter(arrow), place.file, place.line, place.column);
    let Some(source_line) = &place.source_line else { return };
    let (shown, caret) = snippet(source_line, place.column as usize);
    let _ = writeln!(text, "{:width$} {}", "", paint.gutter("|"));
    let _ = writeln!(text, "{} {}", paint.gutter(&format!("{:width$} |", place.line)), shown);
    let _ = writeln!(text, "{:width$} {} {:caret$}^", "", paint.gutter("|"), "");
}

/// The part of the line around the column, and how many characters stand before it.
fn snippet(source_line: &str, column: usize) -> (String, usize) {
    let before = column.saturating_sub(1);
    let skipped = before.saturating_sub(SNIPPET_CHARACTERS_MAX / 2);
    let shown: String = source_line.chars().skip(skipped).take(SNIPPET_CHARACTERS_MAX).collect();
    if skipped == 0 {
        return (printable(&shown), before);
    }
    (format!("…{}", printable(&shown)), before - skipped + 1)
}

/// Without control characters: a document must not speak to the terminal that shows it.
fn printable(text: &str) -> String {
    text.chars().map(|next| if next.is_control() { ' ' } else { next }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32, column: u32, source_line: &str) -> Place {
        Place { file: "pets.yaml".into(), line, column, source_line: Some(source_line.into()) }
    }

    #[test]
    fn text_shows_the_line_with_a_caret() {
        let diagnostic = Diagnostic::error("unknown key `pahts`").at(place(7, 3, "  pahts:")).help("write `paths`");
        let expected =
            "error: unknown key `pahts`\n --> pets.yaml:7:3\n  |\n7 |   pahts:\n  |   ^\n  = help: write `paths`\n\n";
        assert_eq!(Diagnostics(vec![diagnostic]).to_text(false), expected);
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_are_not_passed_on() {
        let line = format!("{}\x1b[2J{}", "a".repeat(200), "b".repeat(1000));
        let (shown, caret) = snippet(&line, 201);
        assert_eq!(shown.chars().nth(caret), Some(' '));
        assert!(!shown.contains('\x1b') && shown.chars().count() == SNIPPET_CHARACTERS_MAX + 1);
    }

    #[test]
    fn json_has_the_documented_keys() {
        let diagnostics = Diagnostics(vec![Diagnostic::warning("odd").at(place(1, 2, "x"))]);
        let value: serde_json::Value = serde_json::from_str(&diagnostics.to_json()).expect("our own JSON is valid");
        let expected = serde_json::json!({"diagnostics": [{"severity": "warning", "message": "odd", "help": null,
            "place": {"file": "pets.yaml", "line": 1, "column": 2}, "related": []}]});
        assert_eq!(value, expected);
    }
}
