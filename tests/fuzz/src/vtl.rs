//! A template, and after the first NUL a body to render it for: both end, within their budgets, and a refusal or an
//! error names a place in the template. Whether JSON is copied for a template makes no difference to what it prints.

use std::borrow::Cow;

use tollgate::vtl::{Body, Budget, Context, Inputs, Overrides, Parameters, Place, Template, Variable};

const BUDGET: Budget = Budget { iterations: 100, steps: 20_000, output_bytes: 10_000, memory_bytes: 1 << 20 };

pub fn check(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (source, body) = input.split_once('\0').unwrap_or((input, r#"{"a": {"b": [1, "x", null]}}"#));
    let template = match Template::parse(source) {
        Ok(template) => template,
        Err(error) => return is_within(source, error.place),
    };
    let pairs = [(Cow::Borrowed("id"), Cow::Borrowed("7"))];
    let inputs = Inputs {
        body: &Body::new(body),
        parameters: Parameters { path: &pairs, querystring: &pairs, header: &pairs },
        context: &Anything,
        stage_variables: &pairs,
        overrides: &Overrides::default(),
    };
    let mut output = String::new();
    match template.render(&inputs, &BUDGET, &mut output) {
        Ok(overrides) => {
            assert!(output.len() <= BUDGET.output_bytes, "{} bytes", output.len());
            let mut again = String::new();
            assert_eq!(template.render(&inputs, &BUDGET, &mut again), Ok(overrides));
            assert_eq!(output, again, "two runs differ");
            // As this could change a list, everything that the template reaches for is copied.
            let copying = Template::parse(&format!("#if(false)$x.clear()#end#**#{source}"));
            let mut copied = String::new();
            if copying.is_ok_and(|template| template.render(&inputs, &BUDGET, &mut copied).is_ok()) {
                assert_eq!(output, copied, "a copy differs");
            }
        }
        Err(error) => is_within(source, error.place),
    }
}

fn is_within(source: &str, place: Place) {
    let line = source.split('\n').nth(place.line - 1).expect("the place is on a line of the template");
    assert!(place.column <= line.chars().count() + 1, "column {} of {line:?}", place.column);
}

struct Anything;

impl Context for Anything {
    fn variable(&self, name: &str) -> Variable<'_> {
        match name.len() % 4 {
            0 => Variable::Group,
            1 => Variable::Int(5),
            2 => Variable::Text(Cow::Borrowed("text")),
            _ => Variable::Missing,
        }
    }
}
