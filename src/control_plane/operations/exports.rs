//! Clients of an API. (API reference, `API_GetSdk`, `API_SdkType`.)

use serde_json::{Value, json};

use super::stages;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, File, Reply};
use crate::control_plane::page::page;
use crate::control_plane::sdk::{SdkType, Source};
use crate::control_plane::store::Store;
use crate::model::ApiDefinition;

/// The parameter of both languages: where callers reach the stage.
const INVOKE_URL: &str = "invokeUrl";

/// A client of what the stage serves now.
pub fn get_sdk(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let stage = stages::of(store, call)?;
    let sdk_type = served(call.parameter("sdk_type"))?;
    let deployed = stages::definition(store, call, stage)?;
    let source = Source {
        definition: &deployed,
        stage_name: &stage.stage_name,
        invoke_url: &invoke_url(call, &deployed, &stage.stage_name)?,
        now_s: call.now_s,
    };
    Ok(Reply::File(File {
        content_type: "application/octet-stream".to_owned(),
        disposition: Some(format!("attachment; filename=\"{}\"", sdk_type.file_name(call.now_s))),
        bytes: sdk_type.zip(&source),
    }))
}

fn served(id: &str) -> Result<SdkType, Exception> {
    SdkType::from_id(id).ok_or_else(|| {
        let ids: Vec<&str> = SdkType::ALL.iter().map(|known| known.id()).collect();
        Exception::bad_request(format!("Invalid SDK type '{id}' specified. Must be one of: [{}]", ids.join(", ")))
    })
}

/// AWS's own, unless the call says another: which addresses lead to the gateway is not known here.
fn invoke_url(call: &Call<'_>, definition: &ApiDefinition, stage_name: &str) -> Result<String, Exception> {
    if let Some((other, _)) = call.query.iter().find(|(name, _)| name != INVOKE_URL) {
        return Err(Exception::bad_request(format!("Invalid SDK parameter '{other}'. Must be one of: [{INVOKE_URL}]")));
    }
    let Some(url) = call.query(INVOKE_URL) else {
        let (id, region) = (&definition.rest_api.id, call.region);
        return Ok(format!("https://{id}.execute-api.{region}.amazonaws.com/{stage_name}"));
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Exception::bad_request(format!("Invalid value for {INVOKE_URL}: it must be an http or https URL")));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

pub fn get_sdk_type(_store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let sdk_type = SdkType::from_id(call.parameter("sdktype_id"));
    let sdk_type = sdk_type.ok_or_else(|| Exception::not_found("Invalid SDK type identifier specified"))?;
    Ok(Reply::Json(shape(sdk_type)))
}

pub fn get_sdk_types(_store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    page(call, SdkType::ALL.iter().map(|sdk_type| (sdk_type.id().to_owned(), shape(*sdk_type))))
}

fn shape(sdk_type: SdkType) -> Value {
    json!({
        "id": sdk_type.id(),
        "friendlyName": sdk_type.friendly_name(),
        "description": sdk_type.description(),
        "configurationProperties": [{
            "name": INVOKE_URL,
            "friendlyName": "Invoke URL",
            "description": "Where callers reach the stage: https://api.example.com/dev",
            "required": false,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::deployments::tests::{api_with_method, deploy};
    use super::super::fixture::Desk;
    use super::*;

    #[test]
    fn a_client_is_made_of_what_is_deployed() {
        let mut desk = Desk::default();
        let api = api_with_method(&mut desk);
        deploy(&mut desk, &api, json!({ "stageName": "dev" }));
        desk.store.resources.remove_below(&["us-east-1"]);
        let mut sdk = |target: &str| match desk.try_call("GET", &format!("{api}/stages/{target}"), b"") {
            Ok((200, Reply::File(file))) => Ok(file),
            Ok(other) => panic!("{other:?}"),
            Err(exception) => Err(exception.to_string()),
        };
        let file = sdk("dev/sdks/javascript?invokeUrl=https://api.example.com/dev/").expect("it is served");
        assert_eq!(file.content_type, "application/octet-stream");
        let disposition = "attachment; filename=\"javascript_2023-11-14_22-13Z.zip\"";
        assert_eq!(file.disposition.as_deref(), Some(disposition));
        assert!(file.bytes.starts_with(b"PK"));
        assert_ne!(sdk("dev/sdks/typescript").map(|file| file.bytes), Ok(file.bytes));
        let mut check = |target: &str, expected: &str| assert_eq!(sdk(target), Err(expected.to_owned()), "{target}");
        check("prod/sdks/javascript", "NotFoundException: Invalid stage identifier specified");
        let types = "BadRequestException: Invalid SDK type 'java' specified. Must be one of: [javascript, typescript]";
        check("dev/sdks/java", types);
        let parameter = "BadRequestException: Invalid SDK parameter 'classPrefix'. Must be one of: [invokeUrl]";
        check("dev/sdks/javascript?classPrefix=x", parameter);
        let url = "BadRequestException: Invalid value for invokeUrl: it must be an http or https URL";
        check("dev/sdks/javascript?invokeUrl=javascript:x", url);
    }

    #[test]
    fn the_languages_are_listed() {
        let mut desk = Desk::default();
        let listed = desk.call("GET", "/sdktypes", Value::Null);
        assert_eq!(listed["item"].as_array().map(Vec::len), Some(2));
        assert_eq!(desk.call("GET", "/sdktypes/javascript", Value::Null), listed["item"][0]);
        let unknown = "NotFoundException: Invalid SDK type identifier specified";
        assert_eq!(desk.refusal("GET", "/sdktypes/java", Value::Null), unknown);
    }
}
