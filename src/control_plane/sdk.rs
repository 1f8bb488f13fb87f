//! Clients of an API, generated from what a stage serves: a zip file with source that needs no packages.
//! (API reference, `API_GetSdk`; guide, `how-to-generate-sdk`.)
//!
//! - [`endpoint`]: the methods as a client sees them.
//! - [`javascript`]: with the interface of AWS's own client; [`typescript`]: with types from the models.
//! - [`types`]: models as types of TypeScript.
//! - [`archive`]: the zip file; [`moment`]: dates in it and in its name.

mod archive;
mod endpoint;
mod javascript;
mod moment;
#[cfg(test)]
mod tests;
mod types;
mod typescript;

use crate::model::ApiDefinition;
use archive::Archive;
use endpoint::Endpoint;
use moment::Moment;

/// A language that clients are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdkType {
    JavaScript,
    TypeScript,
}

/// What a client is made from.
pub struct Source<'s> {
    pub definition: &'s ApiDefinition,
    pub stage_name: &'s str,
    /// Where callers reach the stage, without a slash at the end.
    pub invoke_url: &'s str,
    /// Seconds since 1970.
    pub now_s: i64,
}

impl SdkType {
    pub const ALL: &'static [SdkType] = &[SdkType::JavaScript, SdkType::TypeScript];

    /// As the path of `GetSdk` names it.
    pub fn id(self) -> &'static str {
        match self {
            SdkType::JavaScript => "javascript",
            SdkType::TypeScript => "typescript",
        }
    }

    pub fn friendly_name(self) -> &'static str {
        match self {
            SdkType::JavaScript => "JavaScript",
            SdkType::TypeScript => "TypeScript",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            SdkType::JavaScript => "A client for browsers and Node.js with the interface of API Gateway's own",
            SdkType::TypeScript => "A typed client for browsers and Node.js",
        }
    }

    pub fn from_id(id: &str) -> Option<SdkType> {
        SdkType::ALL.iter().copied().find(|known| known.id() == id)
    }

    /// The client as a zip file.
    pub fn zip(self, source: &Source<'_>) -> Vec<u8> {
        let files = match self {
            SdkType::JavaScript => javascript::files(source),
            SdkType::TypeScript => typescript::files(source),
        };
        let mut archive = Archive::new(Moment::of(source.now_s));
        for (name, text) in files {
            archive.add(name, text.as_bytes());
        }
        archive.finish()
    }

    /// `javascript_2016-02-22_23-52Z.zip`, as AWS names it.
    pub fn file_name(self, now_s: i64) -> String {
        let Moment { year, month, day, hour, minute, .. } = Moment::of(now_s);
        format!("{}_{year:04}-{month:02}-{day:02}_{hour:02}-{minute:02}Z.zip", self.id())
    }
}

/// The template with a text for each `@NAME@`. What is filled in is not looked at again.
fn filled(template: &str, texts: &[(&str, &str)]) -> String {
    let mut result = String::with_capacity(template.len());
    let mut parts = template.split('@');
    result.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        match texts.iter().find(|(name, _)| *name == part) {
            Some((_, text)) => {
                result.push_str(text);
                result.push_str(parts.next().unwrap_or_default());
            }
            None => {
                result.push('@');
                result.push_str(part);
            }
        }
    }
    result
}

/// The table that the functions of both clients are driven by: an object of a member a line.
fn table(endpoints: &[Endpoint<'_>]) -> String {
    let line = |endpoint: &Endpoint<'_>| {
        let name = literal(&endpoint.name.as_str().into());
        format!("    {name}: {},\n", literal(&endpoint.table_entry()))
    };
    format!("{{\n{}}}", endpoints.iter().map(line).collect::<String>())
}

/// A template for README, filled.
fn readme(template: &str, source: &Source<'_>, endpoints: &[Endpoint<'_>]) -> String {
    let line = |endpoint: &Endpoint<'_>| {
        format!("| `{}` | `{} {}` |\n", endpoint.name, endpoint.method.http_method, endpoint.path)
    };
    let functions: String = endpoints.iter().map(line).collect();
    let api = one_line(&source.definition.rest_api.name);
    filled(template, &[("API", &api), ("STAGE", source.stage_name), ("FUNCTIONS", functions.trim_end())])
}

/// JSON that may stand in JavaScript, also within a page.
fn literal(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Text of the API's authors for a line of prose.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("*/", "* /")
}
