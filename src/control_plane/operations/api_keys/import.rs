//! Keys from a file: `Name` and `Key`, and maybe `Description`, `Enabled` and `UsagePlanIds`, in any order. (Guide,
//! `api-key-file-format`.)
//!
//! What cannot be taken of a row is a warning, and the other rows are. Warnings name rows and repeat no field: where a
//! comma is missing, the secret stands in another column.

use serde_json::json;

use super::{check, check_value, csv, new_id, put};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::operations::usage_plans;
use crate::control_plane::store::Store;
use crate::model::ApiKey;

pub fn import_api_keys(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    if !call.query("format").is_some_and(|format| format.eq_ignore_ascii_case("csv")) {
        return Err(Exception::bad_request("Invalid format specified. Must be one of: [csv]"));
    }
    let text =
        std::str::from_utf8(call.body).map_err(|_| Exception::bad_request("The file of API keys is not UTF-8"))?;
    let mut file = csv::rows(text);
    let columns = Columns::of(&file.next().transpose().map_err(Exception::bad_request)?.unwrap_or_default())?;
    let (mut ids, mut warnings) = (Vec::new(), Vec::new());
    for (position, fields) in file.enumerate() {
        // The first row has the names of the columns.
        let warn = |warning: String| format!("Row {}: {warning}", position + 2);
        match columns.read(&fields.map_err(Exception::bad_request)?).and_then(|row| import(store, call, row)) {
            Ok((id, refused)) => {
                ids.push(id);
                warnings.extend(refused.into_iter().map(warn));
            }
            Err(warning) => warnings.push(warn(warning)),
        }
    }
    let fails = call.query("failonwarnings").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match fails && !warnings.is_empty() {
        true => Err(Exception::bad_request(format!("API keys were not imported: {}", warnings.join("; ")))),
        false => Ok(Reply::Json(json!({ "ids": ids, "warnings": warnings }))),
    }
}

/// Where what is known stands in a row.
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    usage_plan_ids: Option<usize>,
}

struct Row {
    name: String,
    value: String,
    description: String,
    enabled: bool,
    usage_plan_ids: Vec<String>,
}

impl Columns {
    fn of(header: &[String]) -> Result<Columns, Exception> {
        let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        let required = |name: &str| {
            find(name).ok_or_else(|| Exception::bad_request(format!("The file of API keys has no column '{name}'")))
        };
        Ok(Columns {
            name: required("Name")?,
            key: required("Key")?,
            description: find("Description"),
            enabled: find("Enabled"),
            usage_plan_ids: find("UsagePlanIds"),
        })
    }

    fn read(&self, fields: &[String]) -> Result<Row, String> {
        let field = |column: Option<usize>| column.and_then(|column| fields.get(column)).map_or("", String::as_str);
        let enabled = match field(self.enabled) {
            "" => true,
            word if word.eq_ignore_ascii_case("true") => true,
            word if word.eq_ignore_ascii_case("false") => false,
            _ => return Err("Invalid value for Enabled".to_owned()),
        };
        let plans = field(self.usage_plan_ids).split(',').map(str::trim).filter(|id| !id.is_empty());
        Ok(Row {
            name: field(Some(self.name)).to_owned(),
            value: field(Some(self.key)).to_owned(),
            description: field(self.description).to_owned(),
            enabled,
            usage_plan_ids: plans.map(str::to_owned).collect(),
        })
    }
}

/// Puts the key, over the one that has its value; its id, and which plans it could not be put in.
fn import(store: &mut Store, call: &Call<'_>, row: Row) -> Result<(String, Vec<String>), String> {
    check_value(&row.value)?;
    let known = store.api_keys.with_value(call.region, &row.value);
    let known = known.unwrap_or_else(|| ApiKey {
        id: new_id(store, call),
        value: row.value,
        created_date: call.now(),
        ..ApiKey::default()
    });
    let present = |text: String| Some(text).filter(|text| !text.is_empty());
    let key = ApiKey {
        name: present(row.name),
        description: present(row.description),
        enabled: row.enabled,
        last_updated_date: call.now(),
        ..known
    };
    check(store, call, &key, &key.stage_keys).map_err(|exception| exception.message)?;
    let id = key.id.clone();
    put(store, call.region, key);
    let attach = |plan: &String| {
        let is_in = store.usage_plan_keys.has(&[call.region, plan, id.as_str()]);
        let attached = if is_in { Ok(()) } else { usage_plans::attach(store, call, plan, &id) };
        attached.err().map(|exception| exception.message)
    };
    let refused = row.usage_plan_ids.iter().filter_map(attach).collect();
    Ok((id.0, refused))
}
