//! A text that matches a regular expression.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest text that is tried.
const LENGTH_MAX: usize = 10_000;

/// A text of at least `length_min` characters that matches `pattern` and is not longer than `length_max`; `None` if
/// none is found, or if the pattern has what Rust's expressions have not, such as look-ahead.
pub fn text(pattern: &str, length_min: usize, length_max: usize) -> Option<String> {
    let expression = regex_syntax::parse(pattern).ok()?;
    let check = regex::Regex::new(pattern).ok()?;
    // Each repetition goes once more than it has to, and so on, until the text is long enough.
    (0..=length_min.min(LENGTH_MAX)).find_map(|extra| {
        let mut text = String::new();
        write(&expression, extra as u32, &mut text)?;
        let length = text.chars().count();
        // Patterns are rarely anchored at their ends where a length is asked for too.
        let text = text + &"a".repeat(if extra == 0 { length_min.saturating_sub(length) } else { 0 });
        let fits = (length_min..=length_max).contains(&text.chars().count()) && check.is_match(&text);
        fits.then_some(text)
    })
}

/// Repetitions at their least, and `extra` more where allowed; of alternatives the first.
fn write(expression: &Hir, extra: u32, into: &mut String) -> Option<()> {
    if into.len() > LENGTH_MAX {
        return None;
    }
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => into.push_str(str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let holds =
                |character: char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&character));
            let plain = "a0A1_- ".chars().find(|character| holds(*character));
            into.push(plain.or_else(|| class.ranges().first().map(|range| range.start()))?);
        }
        HirKind::Class(Class::Bytes(class)) => into.push(char::from(class.ranges().first()?.start())),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(extra).min(most) {
                write(&repetition.sub, extra, into)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, extra, into)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, extra, into))?,
        HirKind::Alternation(parts) => write(parts.first()?, extra, into)?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        #[track_caller]
        fn check(pattern: &str, length_min: usize, length_max: usize, expected: Option<&str>) {
            assert_eq!(text(pattern, length_min, length_max).as_deref(), expected);
        }
        check("^[a-z]+$", 0, 10, Some("a"));
        check("^[a-z]*$", 3, 10, Some("aaa"));
        check("^[A-Z]{3}-\\d{4}$", 0, 99, Some("AAA-0000"));
        check("^(cat|dog)s?$", 0, 99, Some("cat"));
        check("^(cat|dog)s?$", 4, 99, Some("cats"));
        check("x", 3, 99, Some("xaa"));
        check("[^a-z0]", 0, 99, Some("A"));
        check("^a{5}$", 0, 3, None);
        check("^(?=a)b", 0, 99, None);
        check("(", 0, 99, None);
        check("^(((a{900}){900}){900})$", 0, 99, None);
    }
}
