//! OpenAPI documents: whatever the text is, it ends as a plan or as problems that can be shown.

use tollgate::control_plane::deployment;
use tollgate::diagnostic::Diagnostics;
use tollgate::openapi::{BasePath, ImportOptions, load_text};

/// More is a matter of time rather than of meaning.
const INPUT_BYTES_MAX: usize = 16 * 1024;

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.len() > INPUT_BYTES_MAX {
        return;
    }
    for (base_path, mock_missing) in [(BasePath::Ignore, false), (BasePath::Split, true)] {
        let options = ImportOptions { base_path, mock_missing, ..ImportOptions::default() };
        let built = load_text("fuzz.yaml", text, &options)
            .and_then(|imported| deployment::build_imported(vec![imported], &Default::default(), 1));
        match built {
            Ok(built) => assert_eq!(built.apis.len(), 1),
            Err(problems) => check_shown(&problems),
        }
    }
}

fn check_shown(problems: &Diagnostics) {
    assert!(problems.has_errors(), "refused without a reason");
    assert!(!problems.to_text(true).is_empty());
    serde_json::to_string(&problems.0).expect("problems can be written as JSON");
}
