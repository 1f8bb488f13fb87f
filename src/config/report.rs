//! What `tollgate config` prints: the effective settings, and the reference of all of them.

use super::define::Setting;
use super::kind::{Facts, Unit};
use super::table::{Config, SECTIONS, SETTINGS};
use super::{Settings, Source};
use serde_json::json;

/// Every setting with its value and its source, as a TOML file that says the same but for the secrets.
pub fn effective_text(settings: &Settings) -> String {
    let mut out = String::new();
    for setting in SETTINGS {
        let source = source(settings.source(setting.key));
        let line = match toml_literal(&(setting.show)(&settings.config)) {
            Some(literal) => format!("{} = {literal}", setting.key),
            None => format!("# {} is not set", setting.key),
        };
        out += &format!("{line:<56} # {source}\n");
    }
    out
}

/// The same as one JSON object, by key: `{"shards": {"value": 2, "source": "flag --shards"}}`.
pub fn effective_json(settings: &Settings) -> String {
    let row = |setting: &Setting| {
        let value = (setting.show)(&settings.config);
        (setting.key.to_owned(), json!({ "value": value, "source": source(settings.source(setting.key)) }))
    };
    let object: serde_json::Map<_, _> = SETTINGS.iter().map(row).collect();
    format!("{:#}\n", serde_json::Value::Object(object))
}

fn source(source: &Source) -> String {
    match source {
        Source::Default => "default".to_owned(),
        Source::Preset(preset) => format!("preset {preset}"),
        Source::File { path, place } => match place {
            Some(place) => format!("file {}:{}", path.display(), place.line),
            None => format!("file {}", path.display()),
        },
        Source::Environment(name) => format!("environment variable {name}"),
        Source::Flag(flag) if flag.starts_with("--") => format!("flag {flag}"),
        Source::Flag(_) => "command line".to_owned(),
    }
}

/// None for "not set", which TOML cannot say.
fn toml_literal(value: &serde_json::Value) -> Option<String> {
    let literal = match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(value) => value.to_string(),
        serde_json::Value::Number(value) => value.to_string(),
        serde_json::Value::String(text) => toml::Value::String(text.clone()).to_string(),
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().filter_map(toml_literal).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        serde_json::Value::Object(entries) => {
            let entry = |(key, value)| toml_literal(value).map(|value| format!("{key} = {value}"));
            format!("{{ {} }}", entries.iter().filter_map(entry).collect::<Vec<_>>().join(", "))
        }
    };
    Some(literal)
}

/// The reference of all settings as a Markdown page: `docs/settings.md`.
pub fn reference_markdown() -> String {
    let mut out = REFERENCE_HEAD.to_owned();
    out += &markdown_rows("");
    for (section, documentation) in SECTIONS {
        out += &format!("\n## `[{section}]`\n\n{}\n\n{}", joined(documentation), markdown_rows(section));
    }
    out
}

const REFERENCE_HEAD: &str = "\
# Settings

<!-- Printed by `tollgate config --reference`. To change it, change src/config/table.rs. -->

A setting can be given in four places. From weak to strong: its default, the settings file, an environment variable, a
flag. With `parity = \"aws\"`, limits have AWS's values instead of their defaults. A stronger source replaces the whole value, lists and tables included. `tollgate config` prints every value and
where it came from, in a form that is itself a settings file once the secrets, shown as `***`, are put back.

- **The settings file** is named by `--config` or `TOLLGATE_CONFIG`; without either there is none. Its name decides its
  language: `.toml`, `.yaml`, `.yml` or `.json`. Relative paths in it start from its folder.
- **Environment variables** are `TOLLGATE_` and the setting's name in capitals, with `_` for the dot:
  `TOLLGATE_LIMITS_BODY_BYTES_MAX`. The items of a list are separated by commas. An empty variable counts as not set.
- **Flags** are named below; `tollgate serve --help` explains them.

A misspelt name, in the file or after `TOLLGATE_`, is an error, as are wrong types, values out of range and keys given
twice. All problems are reported at once, with file, line and column.

## Outside of sections

";

fn markdown_rows(section: &str) -> String {
    let defaults = Config::default();
    let rows = SETTINGS.iter().filter(|setting| setting.section() == section);
    rows.map(|setting| markdown_row(setting, &defaults)).collect()
}

fn markdown_row(setting: &Setting, defaults: &Config) -> String {
    let Facts { flag, aws, parity, .. } = setting.facts;
    let default = toml_literal(&(setting.show)(defaults)).map_or("not set".to_owned(), |text| format!("`{text}`"));
    let mut out = format!("### `{}`\n\n{}\n\n", setting.key, joined(setting.documentation));
    out += &format!("- Default: {default}{}\n", unit(setting.facts.unit));
    out += &format!("- Allowed: {}\n", (setting.allowed)(&setting.facts));
    if let Some(aws) = aws {
        out += &format!("- AWS: {aws}\n");
    }
    if let Some(value) = parity {
        out += &format!("- With `{}`: `{value}`{}\n", super::AWS_PRESET, unit(setting.facts.unit));
    }
    if let Some(flag) = flag {
        out += &format!("- Flag: `{flag}`\n");
    }
    out + &format!("- Variable: `{}`\n\n", setting.environment())
}

/// The reference as a JSON list.
pub fn reference_json() -> String {
    let defaults = Config::default();
    let row = |setting: &Setting| {
        json!({
            "key": setting.key,
            "documentation": joined(setting.documentation),
            "default": (setting.show)(&defaults),
            "unit": Some(setting.facts.unit.to_string()).filter(|unit| !unit.is_empty()),
            "allowed": (setting.allowed)(&setting.facts),
            "aws": setting.facts.aws,
            "parity": setting.facts.parity,
            "flag": setting.facts.flag,
            "environment_variable": setting.environment(),
        })
    };
    format!("{:#}\n", SETTINGS.iter().map(row).collect::<serde_json::Value>())
}

fn joined(documentation: &[&str]) -> String {
    documentation.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}

fn unit(unit: Unit) -> String {
    match unit {
        Unit::None => String::new(),
        unit => format!(" {unit}"),
    }
}
