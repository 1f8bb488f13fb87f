//! Request targets: the normal form is one, and there is nothing in it that another server would read differently.

use tollgate::http::target::{Target, is_host, parse};

pub fn check(input: &[u8]) {
    let Ok(raw) = std::str::from_utf8(input) else { return };
    let mut scratch = String::new();
    let Ok(target) = parse(raw, &mut scratch) else { return };
    let Target { authority, path, query } = target;
    assert!(path.starts_with('/'), "{path}");
    for text in [path, query.unwrap_or_default()] {
        assert!(text.bytes().all(|byte| (0x21..0x7F).contains(&byte) && !b"#\"<>\\^`{|}".contains(&byte)), "{text}");
        check_escapes(text);
    }
    assert!(!path.contains('?'));
    assert!(authority.is_none_or(|authority| !authority.is_empty() && is_host(authority.as_bytes())), "{authority:?}");
    assert!(!has_dot_segment(&unescape(path)), "{path}");

    let normal = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let again = Target { authority: None, path, query };
    assert_eq!(parse(&normal, &mut String::new()), Ok(again), "parsed again");
}

/// Every `%` starts an escape, in capitals, of a byte that needs one.
fn check_escapes(text: &str) {
    for part in text.split('%').skip(1) {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| b"0123456789ABCDEF".contains(&digit)));
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let needed = value.is_some_and(|value| !(value.is_ascii_alphanumeric() || b"-._~".contains(&value)));
        assert!(needed, "an escape in {text}");
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("the escapes were checked"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// As the most obliging of backends would see it: backslashes are slashes, and `;` starts something to leave out.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|byte| matches!(byte, b'/' | b'\\'))
        .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
        .any(|segment| matches!(segment, b"." | b".."))
}
