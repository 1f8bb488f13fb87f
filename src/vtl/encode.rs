//! What `$util` makes of text. (Guide, `api-gateway-mapping-template-reference`, "$util Variables".)

use std::fmt::Write;

/// As `StringEscapeUtils.escapeJavaScript` of commons-lang does, which AWS's documentation shows by its `\'`: both
/// quotes, the slash and the backslash, control characters, and everything beyond ASCII in UTF-16 units.
pub(super) fn escape_java_script(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'\'' | b'"' | b'\\' | b'/');
    let mut escaped = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    loop {
        let run = rest.bytes().position(|byte| !plain(byte)).unwrap_or(rest.len());
        escaped.push_str(&rest[..run]);
        let mut after = rest[run..].chars();
        let Some(character) = after.next() else { return escaped };
        rest = after.as_str();
        match character {
            '\'' | '"' | '\\' | '/' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Into a string nothing fails.
                    let _ = write!(escaped, "\\u{unit:04X}");
                }
            }
        }
    }
}

/// `application/x-www-form-urlencoded`, as `java.net.URLEncoder` has it.
pub(super) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// None where `java.net.URLDecoder` throws: at a percent sign before anything but two hexadecimal digits.
pub(super) fn url_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            _ => byte,
        });
    }
    Some(String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 0x3F;
            encoded.push(if digit <= chunk.len() { ALPHABET[index as usize].into() } else { '=' });
        }
    }
    encoded
}

/// Both alphabets, with or without padding; line ends between are skipped. None if there is anything else.
pub(super) fn base64_decode(text: &str) -> Option<String> {
    let (mut bits, mut count) = (0_u32, 0);
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
