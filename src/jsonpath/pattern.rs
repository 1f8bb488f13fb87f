//! Java's regular expressions, as far as the `regex` crate can have them: that crate matches in linear time, whatever
//! the pattern, so what needs backtracking (look-around, back-references, possessive quantifiers) is refused.
//!
//! Where the two read the same text differently, the pattern is rewritten to Java's meaning (`java.util.regex.Pattern`):
//! `\d`, `\w` and `\s` are of ASCII, a dot stops at every line end that Java knows, `\Q…\E` quotes.

use regex::{Regex, RegexBuilder};

/// The compiled program's bytes; some thousand repetitions of a class reach it.
const PROGRAM_BYTES_MAX: usize = 1 << 20;
const NESTING_MAX: u32 = 50;
const SOURCE_BYTES_MAX: usize = 8_192;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// For looking in a text.
    ///
    /// # Errors
    /// What this engine cannot do.
    pub fn within(source: &str) -> Result<Pattern, String> {
        compiled(&translated(source)?)
    }

    /// For a text as a whole: Java's `matches`.
    ///
    /// # Errors
    /// What this engine cannot do.
    pub fn whole(source: &str) -> Result<Pattern, String> {
        compiled(&format!(r"\A(?:{})\z", translated(source)?))
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub fn regex(&self) -> &Regex {
        &self.regex
    }
}

fn compiled(source: &str) -> Result<Pattern, String> {
    let mut builder = RegexBuilder::new(source);
    let built = builder.size_limit(PROGRAM_BYTES_MAX).dfa_size_limit(PROGRAM_BYTES_MAX).nest_limit(NESTING_MAX).build();
    match built {
        Ok(regex) => Ok(Pattern { regex }),
        Err(regex::Error::CompiledTooBig(_)) => Err("the pattern is too large".to_owned()),
        // The crate's text is of several lines, the last of which says what is wrong.
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Err(format!("not a pattern: {}", last.trim_start_matches("error: ")))
        }
    }
}

fn translated(source: &str) -> Result<String, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!("the pattern is longer than {SOURCE_BYTES_MAX} bytes"));
    }
    let mut translation =
        Translation { rest: source, output: String::with_capacity(source.len() + 16), class_depth: 0 };
    while let Some(next) = translation.rest.chars().next() {
        translation.one(next, source)?;
    }
    Ok(translation.output)
}

struct Translation<'s> {
    rest: &'s str,
    output: String,
    /// How many `[` are open.
    class_depth: usize,
}

impl Translation<'_> {
    fn one(&mut self, next: char, source: &str) -> Result<(), String> {
        if next == '\\' {
            return self.escape();
        }
        self.rest = &self.rest[next.len_utf8()..];
        if self.class_depth > 0 {
            self.in_class(next);
            return Ok(());
        }
        match next {
            '[' => self.open_class(),
            '(' => return self.group(),
            '.' if !has_dot_all(source) => self.output.push_str(r"[^\n\r\u{85}\u{2028}\u{2029}]"),
            '*' | '+' | '?' | '}' => {
                self.output.push(next);
                if self.rest.starts_with('+') {
                    return Err("possessive quantifiers are not supported".to_owned());
                }
            }
            _ => self.output.push(next),
        }
        Ok(())
    }

    /// The other crate has operators in classes that are plain characters in Java.
    fn in_class(&mut self, next: char) {
        match next {
            '[' => self.open_class(),
            ']' => {
                self.class_depth -= 1;
                self.output.push(']');
            }
            '-' | '~' if self.rest.starts_with(next) => {
                self.output.push('\\');
                self.output.push(next);
            }
            _ => self.output.push(next),
        }
    }

    fn open_class(&mut self) {
        self.class_depth += 1;
        self.output.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.output.push('^');
            self.rest = rest;
        }
    }

    fn group(&mut self) -> Result<(), String> {
        let refused = [
            ("?=", "look-ahead"),
            ("?!", "look-ahead"),
            ("?<=", "look-behind"),
            ("?<!", "look-behind"),
            ("?>", "an atomic group"),
        ];
        if let Some((_, name)) = refused.iter().find(|(prefix, _)| self.rest.starts_with(prefix)) {
            return Err(format!("{name} is not supported"));
        }
        self.output.push('(');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let after = &self.rest[1..];
        let Some(escaped) = after.chars().next() else { return Err("a backslash ends the pattern".to_owned()) };
        self.rest = &after[escaped.len_utf8()..];
        let in_class = self.class_depth > 0;
        match escaped {
            'd' => self.output.push_str("[0-9]"),
            'D' => self.output.push_str("[^0-9]"),
            'w' => self.output.push_str("[0-9A-Za-z_]"),
            'W' => self.output.push_str("[^0-9A-Za-z_]"),
            's' => self.output.push_str(r"[\t\n\x0B\f\r ]"),
            'S' => self.output.push_str(r"[^\t\n\x0B\f\r ]"),
            'h' => self.output.push_str(r"[ \t\u{A0}\u{1680}\u{180E}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}]"),
            'v' => self.output.push_str(r"[\n\x0B\f\r\u{85}\u{2028}\u{2029}]"),
            'R' if !in_class => self.output.push_str(r"(?:\r\n|[\n\x0B\f\r\u{85}\u{2028}\u{2029}])"),
            'e' => self.output.push_str(r"\x1B"),
            'b' | 'B' | 'A' | 'z' if !in_class => self.keep(escaped),
            'n' | 't' | 'r' | 'f' | 'a' => self.keep(escaped),
            'x' => self.keep(escaped),
            'u' => self.code_point()?,
            'p' | 'P' => self.property(escaped)?,
            'Q' => self.quoted(),
            '1'..='9' | 'k' => return Err("back-references are not supported".to_owned()),
            'A'..='Z' | 'a'..='z' | '0' => return Err(format!("`\\{escaped}` is not supported")),
            _ => self.output.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
        }
        Ok(())
    }

    fn keep(&mut self, escaped: char) {
        self.output.push('\\');
        self.output.push(escaped);
    }

    fn code_point(&mut self) -> Result<(), String> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(digits) = digits else { return Err("`\\u` stands before four hexadecimal digits".to_owned()) };
        self.output.push_str(&format!("\\u{{{digits}}}"));
        self.rest = &self.rest[4..];
        Ok(())
    }

    /// Java's names for classes of ASCII; what else there is has the same name in both.
    fn property(&mut self, escaped: char) -> Result<(), String> {
        const ASCII: [(&str, &str); 13] = [
            ("{ASCII}", "ascii"),
            ("{Alnum}", "alnum"),
            ("{Alpha}", "alpha"),
            ("{Blank}", "blank"),
            ("{Cntrl}", "cntrl"),
            ("{Digit}", "digit"),
            ("{Graph}", "graph"),
            ("{Lower}", "lower"),
            ("{Print}", "print"),
            ("{Punct}", "punct"),
            ("{Space}", "space"),
            ("{Upper}", "upper"),
            ("{XDigit}", "xdigit"),
        ];
        if let Some((java, class)) = ASCII.iter().find(|(java, _)| self.rest.starts_with(java)) {
            let negation = if escaped == 'P' { "^" } else { "" };
            self.output.push_str(&format!("[[:{negation}{class}:]]"));
            self.rest = &self.rest[java.len()..];
            return Ok(());
        }
        self.keep(escaped);
        // `\p{IsAlphabetic}` is `\p{Alphabetic}` there.
        if let Some(name) = self.rest.strip_prefix("{Is") {
            self.output.push('{');
            self.rest = name;
        }
        Ok(())
    }

    /// `\Q…\E`
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.output.push_str(&regex::escape(text));
        self.rest = rest;
    }
}

/// Whether a flag group turns on that a dot matches line ends; then no dot is rewritten.
fn has_dot_all(source: &str) -> bool {
    source.match_indices("(?").any(|(at, _)| {
        let flags = source[at + 2..].chars().take_while(char::is_ascii_alphabetic);
        flags.into_iter().any(|flag| flag == 's')
    })
}
