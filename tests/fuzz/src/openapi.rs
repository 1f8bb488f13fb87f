//! OpenAPI documents: whatever the text is, it ends as a plan or as problems that can be shown. What can be imported can be
//! exported, and what was exported comes back as it was.

use tollgate::control_plane::deployment;
use tollgate::diagnostic::Diagnostics;
use tollgate::model::{ApiDefinition, Stage, differences};
use tollgate::openapi::{
    BasePath, ExportFormat, ExportOptions, ExportType, Extensions, ImportOptions, Strictness, export, load_text,
    to_text,
};

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
    let options = ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() };
    match load_text("fuzz.yaml", text, &options) {
        Ok(imported) => check_exported(&imported.definition),
        Err(problems) => check_shown(&problems),
    }
}

fn check_exported(definition: &ApiDefinition) {
    for export_type in [ExportType::Oas30, ExportType::Swagger] {
        let again = |definition: &ApiDefinition| {
            let options = ExportOptions { export_type, extensions: Extensions::ALL, ..ExportOptions::default() };
            let text = to_text(&export(definition, &Stage::default(), &options), ExportFormat::Yaml);
            let options = ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() };
            let imported = load_text("export.yaml", &text, &options);
            imported.unwrap_or_else(|problems| panic!("{}\n{text}", problems.to_text(false))).definition
        };
        // The first may say what documents cannot.
        let second = again(definition);
        let differences = differences(&second, &again(&second));
        assert!(differences.is_empty(), "{}", differences[0]);
    }
}

fn check_shown(problems: &Diagnostics) {
    assert!(problems.has_errors(), "refused without a reason");
    assert!(!problems.to_text(true).is_empty());
    serde_json::to_string(&problems.0).expect("problems can be written as JSON");
}
