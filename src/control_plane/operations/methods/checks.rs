//! What a method refers to, and whether it may.

use super::super::mappings;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::Call;
use crate::control_plane::store::Store;
use crate::model::{AuthorizationType, AuthorizerType, Method, OrderedMap};

/// The word for an authorization type, in capitals or not.
///
/// # Errors
/// `BadRequestException`: it is none.
pub fn authorization_type(word: &str) -> Result<AuthorizationType, Exception> {
    const ALL: [AuthorizationType; 4] = [
        AuthorizationType::None,
        AuthorizationType::AwsIam,
        AuthorizationType::Custom,
        AuthorizationType::CognitoUserPools,
    ];
    ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(word)).ok_or_else(|| {
        let options = ALL.map(AuthorizationType::name).join(",");
        Exception::bad_request(format!("Invalid AuthorizationType specified. Valid options are {options}"))
    })
}

/// The method, if all that it says may be so; without an authorizer where its authorization has none.
///
/// # Errors
/// `BadRequestException`, with AWS's texts.
pub fn checked(store: &Store, call: &Call<'_>, mut method: Method) -> Result<Method, Exception> {
    check_authorizer(store, call, &mut method)?;
    if !method.authorization_scopes.is_empty() && method.authorization_type != AuthorizationType::CognitoUserPools {
        let message = "Authorization Scopes are only valid for COGNITO_USER_POOLS authorization type";
        return Err(Exception::bad_request(message));
    }
    let api_id = call.parameter("restapi_id");
    if let Some(validator) = &method.request_validator_id
        && !store.request_validators.has(&[call.region, api_id, validator.as_str()])
    {
        return Err(Exception::bad_request("Invalid Request Validator identifier specified"));
    }
    check_models(store, call, &method.request_models)?;
    mappings::check_method_request(&method.request_parameters)?;
    Ok(method)
}

fn check_authorizer(store: &Store, call: &Call<'_>, method: &mut Method) -> Result<(), Exception> {
    let fits = |kind| match method.authorization_type {
        AuthorizationType::Custom => kind != AuthorizerType::CognitoUserPools,
        AuthorizationType::CognitoUserPools => kind == AuthorizerType::CognitoUserPools,
        AuthorizationType::None | AuthorizationType::AwsIam => false,
    };
    if matches!(method.authorization_type, AuthorizationType::None | AuthorizationType::AwsIam) {
        method.authorizer_id = None;
        return Ok(());
    }
    let id = method.authorizer_id.as_ref().map_or("", |id| id.as_str());
    let authorizer = store.authorizers.row(&[call.region, call.parameter("restapi_id"), id]);
    if authorizer.is_some_and(|authorizer| fits(authorizer.authorizer_type)) {
        return Ok(());
    }
    Err(Exception::bad_request(
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid \
         authorizer.",
    ))
}

/// Models by content type, of a request or a response.
///
/// # Errors
/// `BadRequestException`: the API has no such model, or a key is no content type.
pub fn check_models(store: &Store, call: &Call<'_>, models: &OrderedMap<String>) -> Result<(), Exception> {
    mappings::check_content_types(models)?;
    let is_known = |model: &str| store.models.has(&[call.region, call.parameter("restapi_id"), model]);
    match models.values().find(|model| !is_known(model)) {
        Some(unknown) => Err(Exception::bad_request(format!("Invalid model identifier specified: {unknown}"))),
        None => Ok(()),
    }
}
