//! Models and bodies: whatever a schema is, it is refused or runs; whatever a body is, it fits or there is a reason.
//!
//! The input is a schema and a body, with a line of `---` between them.

use tollgate::plan::validation::Schema;

/// More is a matter of time rather than of meaning.
const INPUT_BYTES_MAX: usize = 16 * 1024;

pub fn check(input: &[u8]) {
    let Some(at) = input.windows(5).position(|window| window == b"\n---\n") else { return };
    if input.len() > INPUT_BYTES_MAX {
        return;
    }
    let Ok(schema) = serde_json::from_slice(&input[..at]) else { return };
    match Schema::new(schema) {
        Ok(schema) => {
            let body = &input[at + 5..];
            if let Err(reasons) = schema.check(body) {
                assert!(reasons.starts_with('[') && reasons.ends_with(']'), "{reasons}");
            }
            assert_eq!(schema.check(body), schema.check(body), "a second look finds the same");
        }
        Err(error) => {
            assert!(!error.message.is_empty() && (error.pointer.is_empty() || error.pointer.starts_with('/')))
        }
    }
}
