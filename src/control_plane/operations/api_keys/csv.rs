//! Comma-separated values: rows of fields, of which some are in quotes. (RFC 4180; guide, `api-key-file-format`, which
//! has single quotes too.)

/// The rows of a text; those without anything in them are left out. An error is the last.
///
/// # Errors
/// A quoted field does not end, or something follows its end: with the number of its row.
pub fn rows(text: &str) -> impl Iterator<Item = Result<Vec<String>, String>> {
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut number = 0;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let row = row(rest).map_err(|error| format!("Row {}: {error}", number + 1));
            rest = row.as_ref().map_or("", |(_, after)| after);
            match row {
                Ok((row, _)) if row.iter().all(String::is_empty) => {}
                found => {
                    number += 1;
                    return Some(found.map(|(row, _)| row));
                }
            }
        }
        None
    })
}

/// The first row, and what follows it.
fn row(text: &str) -> Result<(Vec<String>, &str), &'static str> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = field(rest)?;
        fields.push(field);
        match after.as_bytes() {
            [b',', ..] => rest = &after[1..],
            [b'\r', b'\n', ..] => return Ok((fields, &after[2..])),
            [b'\r' | b'\n', ..] => return Ok((fields, &after[1..])),
            _ => return Ok((fields, after)),
        }
    }
}

/// The first field, and what follows it: a comma, the end of a line, or nothing.
fn field(text: &str) -> Result<(String, &str), &'static str> {
    let trimmed = text.trim_start_matches([' ', '\t']);
    if let Some(quote) = trimmed.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let (field, after) = quoted(&trimmed[1..], quote)?;
        let after = after.trim_start_matches([' ', '\t']);
        let is_end = after.is_empty() || after.starts_with([',', '\r', '\n']);
        return if is_end { Ok((field, after)) } else { Err("something follows a quoted field") };
    }
    let end = text.find([',', '\r', '\n']).unwrap_or(text.len());
    Ok((text[..end].trim().to_owned(), &text[end..]))
}

/// Up to the quote that closes the field; two of them are one that is meant.
fn quoted(text: &str, quote: char) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(quote).ok_or("a quoted field does not end")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                field.push(quote);
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let expected: Vec<Vec<String>> =
            expected.iter().map(|row| row.iter().map(|field| (*field).to_owned()).collect()).collect();
        assert_eq!(rows(text).collect::<Result<Vec<_>, _>>(), Ok(expected));
    }

    #[test]
    fn rows_have_fields() {
        check("", &[]);
        check("a,b\n1,2\n", &[&["a", "b"], &["1", "2"]]);
        check("\u{feff}a , b\r\n1,\r\n\r\n,2", &[&["a", "b"], &["1", ""], &["", "2"]]);
        check("\"a,b\",'c,d' ,e", &[&["a,b", "c,d", "e"]]);
        check("\"a\"\"b\",\"x\ny\"\rc", &[&["a\"b", "x\ny"], &["c"]]);
        check("it's,b", &[&["it's", "b"]]);
    }

    #[test]
    fn quotes_must_be_closed() {
        let refused = |text: &str| rows(text).collect::<Result<Vec<_>, _>>().expect_err("a quote is wrong");
        assert_eq!(refused("a\n\"b"), "Row 2: a quoted field does not end");
        assert_eq!(refused("'a'b"), "Row 1: something follows a quoted field");
    }
}
