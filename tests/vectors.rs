//! Mapping templates as the real service rendered them: the recordings in airspeed-ext's sdist, which
//! `tests/vectors/airspeed.py` takes from PyPI on first use and keeps below `target`.
//!
//! The service was given a MOCK integration. Its request template puts the body aside as an override; its response
//! template takes the variables from there, and then comes the vector's own. The same two templates are run here.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate::vtl::{Body, Budget, Context, Inputs, Overrides, Parameters, Template, Variable};

/// Vectors that the engine is not held to, each with the reason: none.
const NOT_HELD: &[(&str, &str)] = &[];

#[derive(Deserialize)]
pub struct Vector {
    pub name: String,
    template: String,
    context: Map<String, Value>,
    ignore_whitespaces: bool,
    /// Text; where the answer was JSON, what that says.
    expected: Value,
}

#[test]
fn templates_render_as_on_aws() {
    let vectors = vectors();
    assert!(vectors.len() >= 198, "only {} vectors", vectors.len());
    let mut wrong = Vec::new();
    for vector in &vectors {
        let rendered = rendered(vector).unwrap_or_else(|error| format!("[error: {error}]"));
        let held = !NOT_HELD.iter().any(|(name, _)| *name == vector.name);
        if held != vector.is_expected(&rendered) {
            wrong.push(format!("{}: {:?} gave {rendered:?}, not {}", vector.name, vector.template, vector.expected));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

impl Vector {
    pub fn is_expected(&self, rendered: &str) -> bool {
        match &self.expected {
            Value::String(text) if self.ignore_whitespaces => rendered.split_whitespace().eq(text.split_whitespace()),
            Value::String(text) => rendered == text,
            json => serde_json::from_str::<Value>(rendered).is_ok_and(|rendered| rendered == *json),
        }
    }

    /// The request's, with the variables.
    pub fn body(&self) -> String {
        Value::Object(self.context.clone()).to_string()
    }

    pub fn response_template(&self) -> String {
        let variables: Vec<_> = self.context.keys().map(|name| format!("#set(${name} = $bodyJSON.{name})")).collect();
        format!(
            "#set($body = $context.requestOverride.path.body)\n#set($bodyJSON = $util.parseJson($body)) {}\n{}",
            variables.join(" "),
            self.template
        )
    }
}

fn rendered(vector: &Vector) -> Result<String, String> {
    let (_, overrides) = render(
        "#set($context.requestOverride.path.body = $input.body)\n",
        &Body::new(vector.body()),
        &Overrides::default(),
    )?;
    // A MOCK integration answers with an empty body.
    Ok(render(&vector.response_template(), &Body::new(""), &overrides)?.0)
}

fn render(template: &str, body: &Body, overrides: &Overrides) -> Result<(String, Overrides), String> {
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    let inputs =
        Inputs { body, parameters: Parameters::default(), context: &NoContext, stage_variables: &[], overrides };
    let mut output = String::new();
    let overrides = template.render(&inputs, &Budget::default(), &mut output).map_err(|error| error.to_string())?;
    Ok((output, overrides))
}

struct NoContext;

impl Context for NoContext {
    fn variable(&self, _: &str) -> Variable<'_> {
        Variable::Missing
    }
}

/// All of them.
pub fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("airspeed-0.6.9.json");
    if !file.exists() {
        let venv = root.join("target/venv/bin/python");
        let python = if venv.exists() { venv } else { PathBuf::from("python3") };
        let script = root.join("tests/vectors/airspeed.py");
        let run = Command::new(&python).arg(&script).arg(&file).output();
        let problem = match run {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            panic!(
                "{} {} could not get the vectors from PyPI; with the sdist's folder in AIRSPEED_EXT_SDIST it needs no \
                 network: {problem}",
                python.display(),
                script.display()
            );
        }
    }
    let text = std::fs::read_to_string(&file).expect("the script has written it");
    serde_json::from_str(&text).expect("the script writes JSON")
}
