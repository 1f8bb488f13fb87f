//! What an answer has to be.

use std::str::FromStr;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use crate::measure::Failure;

/// An expectation of one request's answers.
#[derive(Clone, Debug, Default)]
pub struct Check {
    statuses: Statuses,
    contains: Option<Finder<'static>>,
    matches: Option<Regex>,
}

impl Check {
    pub fn expect_statuses(&mut self, statuses: Statuses) {
        self.statuses = statuses;
    }

    /// The body has to contain `text`, byte for byte.
    pub fn expect_text(&mut self, text: &str) {
        self.contains = Some(Finder::new(text).into_owned());
    }

    /// The body has to match `pattern` somewhere.
    pub fn expect_match(&mut self, pattern: Regex) {
        self.matches = Some(pattern);
    }

    /// Whether the body has to be kept for [`Check::judge`].
    pub fn wants_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some()
    }

    /// `body` is empty unless wanted. By default a status below 400 is right.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), Failure> {
        if !self.statuses.contains(status) {
            return Err(Failure::Status);
        }
        let found = self.contains.as_ref().is_none_or(|finder| finder.find(body).is_some())
            && self.matches.as_ref().is_none_or(|pattern| pattern.is_match(body));
        if found { Ok(()) } else { Err(Failure::Body) }
    }
}

/// A set of statuses: a bit for each from 0 to 1023.
#[derive(Clone, Debug, PartialEq)]
pub struct Statuses([u64; 16]);

/// Every status below 400.
impl Default for Statuses {
    fn default() -> Statuses {
        let mut statuses = Statuses::none();
        statuses.add(0..=399);
        statuses
    }
}

impl Statuses {
    fn none() -> Statuses {
        Statuses([0; 16])
    }

    fn add(&mut self, statuses: std::ops::RangeInclusive<u16>) {
        for status in statuses {
            self.0[usize::from(status / 64)] |= 1 << (status % 64);
        }
    }

    pub fn contains(&self, status: u16) -> bool {
        self.0.get(usize::from(status / 64)).is_some_and(|word| word & (1 << (status % 64)) != 0)
    }
}

/// `200,201,2xx,300-308`.
impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Statuses, String> {
        let mut statuses = Statuses::none();
        for part in text.split(',').map(str::trim) {
            let (first, last) = match (part.strip_suffix("xx").or(part.strip_suffix("XX")), part.split_once('-')) {
                (Some(class), _) => (format!("{class}00"), format!("{class}99")),
                (None, Some((first, last))) => (first.to_owned(), last.to_owned()),
                (None, None) => (part.to_owned(), part.to_owned()),
            };
            match (status(&first), status(&last)) {
                (Some(first), Some(last)) if first <= last => statuses.add(first..=last),
                _ => return Err(format!("`{part}` is not a status; write 200, 2xx or 200-204, separated by commas")),
            }
        }
        Ok(statuses)
    }
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..=999).contains(status) && text.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_statuses() {
        #[track_caller]
        fn check(text: &str, right: &[u16], wrong: &[u16]) {
            let statuses: Statuses = text.parse().unwrap();
            assert!(right.iter().all(|status| statuses.contains(*status)), "{text}");
            assert!(!wrong.iter().any(|status| statuses.contains(*status)), "{text}");
        }
        check("200", &[200], &[199, 201, 0, 1023, 1024, 65535]);
        check("200, 404", &[200, 404], &[403]);
        check("2xx,5XX", &[200, 299, 500, 599], &[199, 300, 600]);
        check("200-204", &[200, 202, 204], &[205]);
        check("999", &[999], &[99]);
    }

    #[test]
    fn wrong_statuses() {
        for text in ["", "20", "0200", "2000", "xx", "2x", "204-200", "200,", "099", "+20"] {
            assert!(text.parse::<Statuses>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn judgements() {
        #[track_caller]
        fn check(check: &Check, status: u16, body: &str, expected: Result<(), Failure>) {
            assert_eq!(check.judge(status, body.as_bytes()), expected);
        }
        let mut expectation = Check::default();
        assert!(!expectation.wants_body());
        check(&expectation, 200, "", Ok(()));
        check(&expectation, 399, "", Ok(()));
        check(&expectation, 400, "", Err(Failure::Status));
        check(&expectation, 999, "", Err(Failure::Status));
        expectation.expect_text("cat");
        assert!(expectation.wants_body());
        check(&expectation, 200, "a cat", Ok(()));
        check(&expectation, 200, "a dog", Err(Failure::Body));
        check(&expectation, 500, "a dog", Err(Failure::Status));
        expectation.expect_match(Regex::new(r"\d$").unwrap());
        check(&expectation, 200, "cat 1", Ok(()));
        check(&expectation, 200, "cat", Err(Failure::Body));
        expectation.expect_statuses("404".parse().unwrap());
        check(&expectation, 404, "cat 1", Ok(()));
        check(&expectation, 200, "cat 1", Err(Failure::Status));
    }
}
