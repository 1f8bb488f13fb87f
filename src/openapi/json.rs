//! JSON text → tree (RFC 8259, strict). YAML's parser would read most of it, but not all (surrogate pairs, long keys).

use super::tree::{Entry, FileIndex, Mapping, Node, Position, Value};
use super::yaml::{DEPTH_MAX, NODES_MAX, SyntaxError};

pub fn parse(text: &str, file: FileIndex) -> Result<Node, SyntaxError> {
    let mut reader = Reader { text, at: 0, line: 1, counted: 0, column: 1, file, nodes: 0 };
    reader.skip_space();
    let node = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.error("expected the end of the file after the JSON value")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    /// The column of the byte `counted`, so that a document on one line is counted through once.
    counted: usize,
    column: u32,
    file: FileIndex,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn position(&mut self) -> Position {
        self.column += self.text[self.counted..self.at].chars().count() as u32;
        self.counted = self.at;
        Position { file: self.file, line: self.line, column: self.column }
    }

    fn error(&mut self, message: &str) -> SyntaxError {
        SyntaxError::new(self.position(), format!("this is not JSON: {message}"))
    }

    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.counted = self.at;
                self.column = 1;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let position = self.position();
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(SyntaxError::new(position, format!("the document has more than {NODES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(SyntaxError::new(position, format!("values are nested more than {DEPTH_MAX} deep here")));
        }
        let value = match self.peek() {
            Some(b'{') => self.mapping(depth)?,
            Some(b'[') => self.sequence(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Boolean(true))?,
            Some(b'f') => self.word("false", Value::Boolean(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.error("expected a value")),
            None => return Err(self.error("the file ends in the middle of a value")),
        };
        Ok(Node { position, value })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, SyntaxError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|next: char| !matches!(next, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let number = &rest[..end];
        if serde_json::from_str::<serde_json::Number>(number).is_err() {
            return Err(self.error("this number is malformed"));
        }
        self.at += end;
        Ok(Value::Number(number.into()))
    }

    /// The string's end is found here, its escapes are `serde_json`'s matter.
    fn string(&mut self) -> Result<Box<str>, SyntaxError> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(0..=0x1f) | None => return Err(self.error("this string does not end on its line")),
                Some(_) => end += 1,
            }
        }
        let quoted = &self.text[self.at..=end];
        let inner = &quoted[1..quoted.len() - 1];
        let text = if inner.contains('\\') {
            let parsed: Result<String, _> = serde_json::from_str(quoted);
            parsed.map_err(|_| self.error("this string has an escape that JSON does not know"))?.into()
        } else {
            inner.into()
        };
        self.at = end + 1;
        Ok(text)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut nodes = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Sequence(nodes));
        }
        loop {
            self.skip_space();
            nodes.push(self.value(depth + 1)?);
            if self.ends_with(b']')? {
                return Ok(Value::Sequence(nodes));
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Mapping(Mapping::default()));
        }
        loop {
            self.skip_space();
            let key_position = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in double quotes"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.error("expected `:` after the key"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, key_position, value });
            if self.ends_with(b'}')? {
                return Ok(Value::Mapping(Mapping::new(entries)?));
            }
        }
    }

    /// After a member: whether the collection ends, or another follows.
    fn ends_with(&mut self, close: u8) -> Result<bool, SyntaxError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.error(&format!("expected `,` or `{}`", close as char))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match parse(text, FileIndex(0)) {
            Ok(node) => node.to_json().to_string(),
            Err(error) => format!("{}:{}: {}", error.position.line, error.position.column, error.message),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn json_is_read() {
        check(
            r#"{"a": [1, -2.5e3, true, null, "x\/\u00e4\ud83d\ude00"], "b": {}}"#,
            r#"{"a":[1,-2500.0,true,null,"x/ä😀"],"b":{}}"#,
        );
        check("\t[\r\n\t]\n", "[]");
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        check("{\"a\": 1,\n \"a\": 2}", "2:2: the key `a` is here twice");
        check("{\"a\": 1,\n}", "2:1: this is not JSON: expected a key in double quotes");
        check("{\"a\": tru}", "1:7: this is not JSON: expected a value");
        check("[1", "1:3: this is not JSON: expected `,` or `]`");
        check("[1] x", "1:5: this is not JSON: expected the end of the file after the JSON value");
        check("\"a\nb\"", "1:1: this is not JSON: this string does not end on its line");
        check("\"a\\", "1:1: this is not JSON: this string does not end on its line");
        check(&"[".repeat(1000), "1:102: values are nested more than 100 deep here");
    }
}
