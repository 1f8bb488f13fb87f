//! Text with `*`, any characters or none, and `?`, any one character.
//!
//! The text between two `*` is looked for from left to right and never looked for again: no pattern makes the search go
//! back, so that the time is at most the text's length times the longest piece's, and without `?` their sum.

use memchr::memmem;

use super::template::Part;

/// A pattern without variables.
#[derive(Debug)]
pub struct Glob {
    /// What the text begins with, or all of it.
    first: Chunk,
    /// Behind the first `*`.
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    between: Box<[Chunk]>,
    last: Chunk,
}

/// What stands between two `*`.
#[derive(Debug, Default)]
struct Chunk(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    /// Never empty; no two in a row.
    Text(Vec<u8>),
    One,
}

impl Glob {
    /// # Panics
    /// Never; variables among the parts stand for no text.
    pub fn new(parts: &[Part]) -> Glob {
        let mut chunks = vec![Chunk::default()];
        for part in parts {
            let chunk = chunks.last_mut().expect("there is one from the beginning on");
            match part {
                Part::Text(text) => chunk.push_text(text.as_bytes()),
                Part::One => chunk.0.push(Piece::One),
                Part::Any => chunks.push(Chunk::default()),
                Part::Variable(_) => {}
            }
        }
        let mut chunks = chunks.into_iter();
        let first = chunks.next().unwrap_or_default();
        let last = chunks.next_back();
        Glob {
            first,
            rest: last.map(|last| Rest { between: chunks.filter(|chunk| !chunk.0.is_empty()).collect(), last }),
        }
    }

    pub fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let Some(begun) = self.first.at_start(text) else { return false };
        let Some(Rest { between, last }) = &self.rest else { return begun == text.len() };
        let Some(end) = last.at_end(&text[begun..]) else { return false };
        let mut text = &text[begun..begun + end];
        for chunk in between {
            let Some(end) = chunk.find(text) else { return false };
            text = &text[end..];
        }
        true
    }
}

impl Chunk {
    fn push_text(&mut self, text: &[u8]) {
        match self.0.last_mut() {
            Some(Piece::Text(before)) => before.extend_from_slice(text),
            _ if text.is_empty() => {}
            Some(Piece::One) | None => self.0.push(Piece::Text(text.to_vec())),
        }
    }

    /// How much of the text's beginning it takes.
    fn at_start(&self, text: &[u8]) -> Option<usize> {
        let mut rest = text;
        for piece in &self.0 {
            rest = match piece {
                Piece::Text(expected) => rest.strip_prefix(&expected[..])?,
                Piece::One => &rest[width(rest)?..],
            };
        }
        Some(text.len() - rest.len())
    }

    /// What it leaves of the text before itself, where it is the text's end.
    fn at_end(&self, text: &[u8]) -> Option<usize> {
        let mut rest = text;
        for piece in self.0.iter().rev() {
            rest = match piece {
                Piece::Text(expected) => rest.strip_suffix(&expected[..])?,
                Piece::One => {
                    let last = rest.iter().rposition(|byte| !is_continuation(*byte))?;
                    &rest[..last]
                }
            };
        }
        Some(rest.len())
    }

    /// Where it ends, the first time that it is found.
    fn find(&self, text: &[u8]) -> Option<usize> {
        let leading = self.0.iter().take_while(|piece| matches!(piece, Piece::One)).count();
        let mut from = 0;
        for _ in 0..leading {
            from += width(&text[from..])?;
        }
        let rest = &self.0[leading..];
        let Some(Piece::Text(anchor)) = rest.first() else { return Some(from) };
        loop {
            from += memmem::find(&text[from..], anchor)?;
            if let Some(end) = Chunk::rest_at_start(rest, &text[from..]) {
                return Some(from + end);
            }
            from += 1;
        }
    }

    fn rest_at_start(pieces: &[Piece], text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for piece in pieces {
            at += match piece {
                Piece::Text(expected) => text[at..].starts_with(expected).then_some(expected.len())?,
                Piece::One => width(&text[at..])?,
            };
        }
        Some(at)
    }
}

/// How many bytes the first character has.
fn width(text: &[u8]) -> Option<usize> {
    let (_, rest) = text.split_first()?;
    Some(1 + rest.iter().take_while(|byte| is_continuation(**byte)).count())
}

/// Whether a byte of UTF-8 belongs to the character before it.
fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matched: &[&str], others: &[&str]) {
        let glob = Glob::new(&Part::with_wildcards(pattern));
        for text in matched {
            assert!(glob.matches(text), "{pattern} and {text}");
        }
        for text in others {
            assert!(!glob.matches(text), "{pattern} and {text}");
        }
    }

    #[test]
    fn wildcards_stand_for_any_characters() {
        check("", &[""], &["a"]);
        check("abc", &["abc"], &["ab", "abcd", "ABC", "xabc"]);
        check("*", &["", "a", "a/b:c"], &[]);
        check("**", &["", "ab"], &[]);
        check("a*", &["a", "abc"], &["", "ba"]);
        check("*a", &["a", "cba"], &["", "ab"]);
        check("a*a", &["aa", "aba"], &["a", "ab"]);
        check("a*b*c", &["abc", "axbxc", "abbcc"], &["ac", "acb", "abcd"]);
        check("*ab*ab*", &["abab", "xabyabz"], &["ab", "aba"]);
        check("a?c", &["abc", "aéc", "a/c"], &["ac", "abbc"]);
        check("?", &["a", "é", "🦀"], &["", "ab"]);
        check("*?", &["a", "ab", "é"], &[""]);
        check("?*?", &["ab", "abc"], &["a"]);
        check("*a?c*", &["abc", "aabcc", "aaabc"], &["ac", "abd"]);
        check("*??b", &["aab", "xaab", "éab"], &["ab", "b"]);
        check("a*?b?*c", &["axbyc", "aabbbc"], &["abc", "abyc"]);
    }

    /// Against the definition, on every pattern and text of a few letters.
    #[test]
    fn it_is_what_the_definition_says() {
        fn defined(pattern: &[u8], text: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|at| defined(rest, &text[at..])),
                Some((b'?', rest)) => !text.is_empty() && defined(rest, &text[1..]),
                Some((letter, rest)) => text.first() == Some(letter) && defined(rest, &text[1..]),
            }
        }
        let words = |letters: &[u8], length: u32| {
            let count = letters.len().pow(length);
            let word = |mut number: usize| {
                let letter = |_| {
                    let letter = letters[number % letters.len()];
                    number /= letters.len();
                    char::from(letter)
                };
                (0..length).map(letter).collect::<String>()
            };
            (0..count).map(word).collect::<Vec<_>>()
        };
        let texts: Vec<String> = (0..=5).flat_map(|length| words(b"ab", length)).collect();
        for pattern in (0..=5).flat_map(|length| words(b"ab*?", length)) {
            let glob = Glob::new(&Part::with_wildcards(&pattern));
            for text in &texts {
                assert_eq!(glob.matches(text), defined(pattern.as_bytes(), text.as_bytes()), "{pattern} and {text}");
            }
        }
    }

    /// A search that went back would not end.
    #[test]
    fn no_pattern_makes_the_search_go_back() {
        let glob = Glob::new(&Part::with_wildcards(&"*a?".repeat(2000)));
        assert!(!glob.matches(&"a".repeat(1600)));
        let glob = Glob::new(&Part::with_wildcards(&format!("{}b", "a*".repeat(4000))));
        assert!(!glob.matches(&"a".repeat(8000)));
    }
}
