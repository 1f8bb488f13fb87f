//! A request as both sides write it down before they sign it: method, path, query, signed fields, the body's hash.

use super::claim::{SIGNATURE, decoded_pairs};
use super::{PathStyle, Request};

/// All fields of one name.
pub struct HeaderLine {
    /// In lower case.
    pub name: String,
    /// The values in their order, with commas between; runs of spaces in them are one.
    pub value: Vec<u8>,
}

/// The canonical request up to the body's hash, which comes last; with the fields called `names`, which are in lower case
/// and ascend.
pub fn head(request: &Request<'_>, names: &[&str]) -> Vec<u8> {
    let mut out = format!("{}\n{}\n{}\n", request.method, path(request), query(request.query)).into_bytes();
    for line in header_lines(request).iter().filter(|line| names.binary_search(&line.name.as_str()).is_ok()) {
        out.extend_from_slice(line.name.as_bytes());
        out.push(b':');
        out.extend_from_slice(&line.value);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(names.join(";").as_bytes());
    out.push(b'\n');
    out
}

/// The request's fields by name, ascending.
pub fn header_lines(request: &Request<'_>) -> Vec<HeaderLine> {
    let named = request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value));
    let mut fields: Vec<(String, &[u8])> = named.collect();
    // Stable: the order of one name's values counts.
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut lines: Vec<HeaderLine> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match lines.last_mut() {
            Some(line) if line.name == name => {
                line.value.push(b',');
                push_collapsed(value, &mut line.value);
            }
            _ => {
                let mut line = HeaderLine { name, value: Vec::with_capacity(value.len()) };
                push_collapsed(value, &mut line.value);
                lines.push(line);
            }
        }
    }
    lines
}

fn push_collapsed(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

fn path(request: &Request<'_>) -> String {
    let path = if request.path.is_empty() { "/" } else { request.path };
    let mut out = String::with_capacity(path.len());
    match request.path_style {
        PathStyle::Normalized => push_encoded(normalized(path).as_bytes(), b"/", &mut out),
        PathStyle::Verbatim => push_encoded(path.as_bytes(), b"/", &mut out),
        PathStyle::S3 => push_encoded(&decoded(path.as_bytes()), b"/", &mut out),
    }
    out
}

/// RFC 3986, section 5.2.4, and without empty segments.
fn normalized(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let is_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// Every name with its value, encoded anew, ascending; without the signature, which cannot be part of what it signs.
fn query(query: &str) -> String {
    let encoded = |bytes: &[u8]| {
        let mut out = String::with_capacity(bytes.len());
        push_encoded(bytes, b"", &mut out);
        out
    };
    let pairs = decoded_pairs(query).filter(|(name, _)| name != SIGNATURE.as_bytes());
    let mut pairs: Vec<(String, String)> = pairs.map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Everything but unreserved characters (RFC 3986, section 2.3) and those of `kept` as `%XX`.
fn push_encoded(bytes: &[u8], kept: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// With `%XX` as the byte that it stands for; what is not one stays.
pub fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_path(style: PathStyle, sent: &str, expected: &str) {
        let request = Request { method: "GET", path: sent, path_style: style, query: "", headers: &[], body: b"" };
        assert_eq!(path(&request), expected, "{sent}");
    }

    #[test]
    fn paths_are_encoded_once_more_but_for_s3() {
        check_path(PathStyle::Normalized, "", "/");
        check_path(PathStyle::Normalized, "/restapis/a%20b", "/restapis/a%2520b");
        check_path(PathStyle::Normalized, "/tags/arn:aws", "/tags/arn%3Aaws");
        check_path(PathStyle::Normalized, "//a/./b/../c/", "/a/c/");
        check_path(PathStyle::Normalized, "/../..", "/");
        check_path(PathStyle::Normalized, "/a/b/..", "/a/");
        check_path(PathStyle::Verbatim, "//a/./b%20/", "//a/./b%2520/");
        check_path(PathStyle::S3, "/a//b%20c%2f/é", "/a//b%20c//%C3%A9");
    }

    #[track_caller]
    fn check_query(sent: &str, expected: &str) {
        assert_eq!(query(sent), expected, "{sent}");
    }

    #[test]
    fn queries_are_sorted_and_encoded_anew() {
        check_query("", "");
        check_query("b=2&a=1&b=1&a", "a=&a=1&b=1&b=2");
        check_query("a=%7e%2f+x&&A=%", "A=%25&a=~%2F%20x");
        check_query("a=b=c", "a=b%3Dc");
        check_query("X-Amz-Signature=1&X%2dAmz-Signature=2&x-amz-signature=3", "x-amz-signature=3");
    }

    #[test]
    fn fields_of_one_name_are_one_line() {
        let headers: &[(&str, &[u8])] = &[("B", b" x   y "), ("a", b"2"), ("A", b"1"), ("c", b""), ("b-", b"\xff")];
        let request =
            Request { method: "GET", path: "/", path_style: PathStyle::Normalized, query: "", headers, body: b"" };
        let lines: Vec<_> = header_lines(&request).into_iter().map(|line| (line.name, line.value)).collect();
        let expected: [(&str, &[u8]); 4] = [("a", b"2,1"), ("b", b"x y"), ("b-", b"\xff"), ("c", b"")];
        assert_eq!(lines, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }
}
