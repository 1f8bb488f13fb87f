//! A path, and after the first NUL a document: parsing ends, and so does the search, within its allowance. What a
//! definite path finds is one value.

use tollgate::jsonpath::{Allowance, Found, Path};

pub fn check(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (source, document) =
        input.split_once('\0').unwrap_or((input, r#"{"a": [{"b": 1, "c": "x"}, [2, "3"], null]}"#));
    let path = match Path::parse(source) {
        Ok(path) => path,
        Err(error) => {
            assert!(source.is_char_boundary(error.offset), "{} in {source:?}", error.offset);
            return;
        }
    };
    let Ok(document) = serde_json::from_str(document) else { return };
    match path.find(&document, &mut Allowance(20_000)) {
        Ok(Found::One(_)) => assert!(path.is_definite(), "{source:?}"),
        Ok(Found::Many(_)) => assert!(!path.is_definite(), "{source:?}"),
        Ok(Found::Missing) | Err(_) => {}
    }
}
