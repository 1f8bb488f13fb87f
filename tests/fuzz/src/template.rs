//! Text with variables: parsing ends, and the pieces that it finds are in a normal form.

use tollgate::plan::template::{Text, TextPart};

pub fn check(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    let text = match Text::parse(source) {
        Ok(text) => text,
        Err(reference) => {
            assert!(!reference.is_empty() && source.contains(&reference), "{reference:?} is not in {source:?}");
            return;
        }
    };
    let literal_bytes: usize = text.parts.iter().map(literal_bytes).sum();
    assert!(literal_bytes <= source.len());
    assert!(
        !text.parts.windows(2).any(|pair| matches!(pair, [TextPart::Literal(_), TextPart::Literal(_)])),
        "two literals side by side"
    );
    if let Some(literal) = text.as_literal() {
        assert_eq!(literal, source, "text without variables stays as it is");
    }
}

fn literal_bytes(part: &TextPart) -> usize {
    match part {
        TextPart::Literal(literal) => {
            assert!(!literal.is_empty(), "an empty literal");
            literal.len()
        }
        TextPart::Context(_) | TextPart::Request(_) => 0,
    }
}
