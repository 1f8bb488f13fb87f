//! All operations of API Gateway's management API for REST APIs, as one table. (botocore's service model `apigateway`,
//! version 2015-07-09.)
//!
//! A file a kind of resource:
//!
//! - [`rest_apis`]: APIs themselves: `RestApi`.
//! - [`imports`]: APIs from documents.
//! - [`resources`]: resources: the tree of paths.
//! - [`methods`]: methods and method responses, and the test of one.
//! - [`integrations`]: integrations and integration responses.
//! - [`deployments`]: deployments: immutable snapshots.
//! - [`stages`]: stages, and their caches.
//! - [`export`]: APIs as documents; [`exports`]: clients.
//! - [`documentation`]: documentation parts and versions.
//! - [`authorizers`]: authorizers, and the test of one.
//! - [`models`]: models, and what a mapping template for one looks like.
//! - [`request_validators`]: request validators.
//! - [`gateway_responses`]: gateway responses.
//! - [`api_keys`]: API keys.
//! - [`usage_plans`]: usage plans, their keys, and usage.
//! - [`domain_names`]: custom domain names, and who may reach private ones.
//! - [`base_path_mappings`]: base path mappings.
//! - [`vpc_links`]: VPC links.
//! - [`client_certificates`]: client certificates.
//! - [`account`]: the account.
//! - [`tags`]: tags, on whatever has them.
//!
//! And what several of them use:
//!
//! - [`mappings`]: names of parameters, mapping expressions, and PATCH on the maps that have them.
//! - [`words`]: members of the service model that have a list or a pattern.

pub mod account;
pub mod api_keys;
pub mod authorizers;
pub mod base_path_mappings;
pub mod client_certificates;
pub mod deployments;
pub mod documentation;
pub mod domain_names;
pub mod export;
pub mod exports;
#[cfg(test)]
pub mod fixture;
pub mod gateway_responses;
pub mod imports;
pub mod integrations;
pub mod mappings;
pub mod methods;
pub mod models;
pub mod request_validators;
pub mod resources;
pub mod rest_apis;
pub mod stages;
pub mod tags;
pub mod usage_plans;
pub mod vpc_links;
pub mod words;

use super::exception::Exception;
use super::operation::{Call, Operation, Reply};
use super::store::Store;

type Run = fn(&mut Store, &Call<'_>) -> Result<Reply, Exception>;

const fn operation(
    name: &'static str,
    http_method: &'static str,
    uri: &'static str,
    status: u16,
    run: Run,
) -> Operation {
    Operation { name, http_method, uri, status, run }
}

#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation("CreateRestApi", "POST", "/restapis", 201, rest_apis::create_rest_api),
    operation("GetRestApi", "GET", "/restapis/{restapi_id}", 200, rest_apis::get_rest_api),
    operation("GetRestApis", "GET", "/restapis", 200, rest_apis::get_rest_apis),
    operation("UpdateRestApi", "PATCH", "/restapis/{restapi_id}", 200, rest_apis::update_rest_api),
    operation("DeleteRestApi", "DELETE", "/restapis/{restapi_id}", 202, rest_apis::delete_rest_api),
    operation("ImportRestApi", "POST", "/restapis?mode=import", 201, imports::import_rest_api),
    operation("PutRestApi", "PUT", "/restapis/{restapi_id}", 200, imports::put_rest_api),
    operation("CreateResource", "POST", "/restapis/{restapi_id}/resources/{parent_id}", 201, resources::create_resource),
    operation("GetResource", "GET", "/restapis/{restapi_id}/resources/{resource_id}", 200, resources::get_resource),
    operation("GetResources", "GET", "/restapis/{restapi_id}/resources", 200, resources::get_resources),
    operation("UpdateResource", "PATCH", "/restapis/{restapi_id}/resources/{resource_id}", 200, resources::update_resource),
    operation("DeleteResource", "DELETE", "/restapis/{restapi_id}/resources/{resource_id}", 202, resources::delete_resource),
    operation("PutMethod", "PUT", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}", 201, methods::put_method),
    operation("GetMethod", "GET", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}", 200, methods::get_method),
    operation("UpdateMethod", "PATCH", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}", 200, methods::update_method),
    operation("DeleteMethod", "DELETE", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}", 204, methods::delete_method),
    operation("PutMethodResponse", "PUT", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}", 201, methods::put_method_response),
    operation("GetMethodResponse", "GET", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}", 200, methods::get_method_response),
    operation("UpdateMethodResponse", "PATCH", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}", 201, methods::update_method_response),
    operation("DeleteMethodResponse", "DELETE", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}", 204, methods::delete_method_response),
    operation("TestInvokeMethod", "POST", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}", 200, methods::test_invoke_method),
    operation("PutIntegration", "PUT", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration", 201, integrations::put_integration),
    operation("GetIntegration", "GET", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration", 200, integrations::get_integration),
    operation("UpdateIntegration", "PATCH", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration", 200, integrations::update_integration),
    operation("DeleteIntegration", "DELETE", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration", 204, integrations::delete_integration),
    operation("PutIntegrationResponse", "PUT", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}", 201, integrations::put_integration_response),
    operation("GetIntegrationResponse", "GET", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}", 200, integrations::get_integration_response),
    operation("UpdateIntegrationResponse", "PATCH", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}", 200, integrations::update_integration_response),
    operation("DeleteIntegrationResponse", "DELETE", "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}", 204, integrations::delete_integration_response),
    operation("CreateDeployment", "POST", "/restapis/{restapi_id}/deployments", 201, deployments::create_deployment),
    operation("GetDeployment", "GET", "/restapis/{restapi_id}/deployments/{deployment_id}", 200, deployments::get_deployment),
    operation("GetDeployments", "GET", "/restapis/{restapi_id}/deployments", 200, deployments::get_deployments),
    operation("UpdateDeployment", "PATCH", "/restapis/{restapi_id}/deployments/{deployment_id}", 200, deployments::update_deployment),
    operation("DeleteDeployment", "DELETE", "/restapis/{restapi_id}/deployments/{deployment_id}", 202, deployments::delete_deployment),
    operation("CreateStage", "POST", "/restapis/{restapi_id}/stages", 201, stages::create_stage),
    operation("GetStage", "GET", "/restapis/{restapi_id}/stages/{stage_name}", 200, stages::get_stage),
    operation("GetStages", "GET", "/restapis/{restapi_id}/stages", 200, stages::get_stages),
    operation("UpdateStage", "PATCH", "/restapis/{restapi_id}/stages/{stage_name}", 200, stages::update_stage),
    operation("DeleteStage", "DELETE", "/restapis/{restapi_id}/stages/{stage_name}", 202, stages::delete_stage),
    operation("FlushStageCache", "DELETE", "/restapis/{restapi_id}/stages/{stage_name}/cache/data", 202, stages::flush_stage_cache),
    operation("FlushStageAuthorizersCache", "DELETE", "/restapis/{restapi_id}/stages/{stage_name}/cache/authorizers", 202, stages::flush_stage_authorizers_cache),
    operation("GetExport", "GET", "/restapis/{restapi_id}/stages/{stage_name}/exports/{export_type}", 200, export::get_export),
    operation("GetSdk", "GET", "/restapis/{restapi_id}/stages/{stage_name}/sdks/{sdk_type}", 200, exports::get_sdk),
    operation("GetSdkType", "GET", "/sdktypes/{sdktype_id}", 200, exports::get_sdk_type),
    operation("GetSdkTypes", "GET", "/sdktypes", 200, exports::get_sdk_types),
    operation("CreateDocumentationPart", "POST", "/restapis/{restapi_id}/documentation/parts", 201, documentation::create_documentation_part),
    operation("GetDocumentationPart", "GET", "/restapis/{restapi_id}/documentation/parts/{part_id}", 200, documentation::get_documentation_part),
    operation("GetDocumentationParts", "GET", "/restapis/{restapi_id}/documentation/parts", 200, documentation::get_documentation_parts),
    operation("UpdateDocumentationPart", "PATCH", "/restapis/{restapi_id}/documentation/parts/{part_id}", 200, documentation::update_documentation_part),
    operation("DeleteDocumentationPart", "DELETE", "/restapis/{restapi_id}/documentation/parts/{part_id}", 202, documentation::delete_documentation_part),
    operation("ImportDocumentationParts", "PUT", "/restapis/{restapi_id}/documentation/parts", 200, documentation::import_documentation_parts),
    operation("CreateDocumentationVersion", "POST", "/restapis/{restapi_id}/documentation/versions", 201, documentation::create_documentation_version),
    operation("GetDocumentationVersion", "GET", "/restapis/{restapi_id}/documentation/versions/{doc_version}", 200, documentation::get_documentation_version),
    operation("GetDocumentationVersions", "GET", "/restapis/{restapi_id}/documentation/versions", 200, documentation::get_documentation_versions),
    operation("UpdateDocumentationVersion", "PATCH", "/restapis/{restapi_id}/documentation/versions/{doc_version}", 200, documentation::update_documentation_version),
    operation("DeleteDocumentationVersion", "DELETE", "/restapis/{restapi_id}/documentation/versions/{doc_version}", 202, documentation::delete_documentation_version),
    operation("CreateAuthorizer", "POST", "/restapis/{restapi_id}/authorizers", 201, authorizers::create_authorizer),
    operation("GetAuthorizer", "GET", "/restapis/{restapi_id}/authorizers/{authorizer_id}", 200, authorizers::get_authorizer),
    operation("GetAuthorizers", "GET", "/restapis/{restapi_id}/authorizers", 200, authorizers::get_authorizers),
    operation("UpdateAuthorizer", "PATCH", "/restapis/{restapi_id}/authorizers/{authorizer_id}", 200, authorizers::update_authorizer),
    operation("DeleteAuthorizer", "DELETE", "/restapis/{restapi_id}/authorizers/{authorizer_id}", 202, authorizers::delete_authorizer),
    operation("TestInvokeAuthorizer", "POST", "/restapis/{restapi_id}/authorizers/{authorizer_id}", 200, authorizers::test_invoke_authorizer),
    operation("CreateModel", "POST", "/restapis/{restapi_id}/models", 201, models::create_model),
    operation("GetModel", "GET", "/restapis/{restapi_id}/models/{model_name}", 200, models::get_model),
    operation("GetModels", "GET", "/restapis/{restapi_id}/models", 200, models::get_models),
    operation("UpdateModel", "PATCH", "/restapis/{restapi_id}/models/{model_name}", 200, models::update_model),
    operation("DeleteModel", "DELETE", "/restapis/{restapi_id}/models/{model_name}", 202, models::delete_model),
    operation("GetModelTemplate", "GET", "/restapis/{restapi_id}/models/{model_name}/default_template", 200, models::get_model_template),
    operation("CreateRequestValidator", "POST", "/restapis/{restapi_id}/requestvalidators", 201, request_validators::create_request_validator),
    operation("GetRequestValidator", "GET", "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}", 200, request_validators::get_request_validator),
    operation("GetRequestValidators", "GET", "/restapis/{restapi_id}/requestvalidators", 200, request_validators::get_request_validators),
    operation("UpdateRequestValidator", "PATCH", "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}", 200, request_validators::update_request_validator),
    operation("DeleteRequestValidator", "DELETE", "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}", 202, request_validators::delete_request_validator),
    operation("PutGatewayResponse", "PUT", "/restapis/{restapi_id}/gatewayresponses/{response_type}", 201, gateway_responses::put_gateway_response),
    operation("GetGatewayResponse", "GET", "/restapis/{restapi_id}/gatewayresponses/{response_type}", 200, gateway_responses::get_gateway_response),
    operation("GetGatewayResponses", "GET", "/restapis/{restapi_id}/gatewayresponses", 200, gateway_responses::get_gateway_responses),
    operation("UpdateGatewayResponse", "PATCH", "/restapis/{restapi_id}/gatewayresponses/{response_type}", 200, gateway_responses::update_gateway_response),
    operation("DeleteGatewayResponse", "DELETE", "/restapis/{restapi_id}/gatewayresponses/{response_type}", 202, gateway_responses::delete_gateway_response),
    operation("CreateApiKey", "POST", "/apikeys", 201, api_keys::create_api_key),
    operation("ImportApiKeys", "POST", "/apikeys?mode=import", 201, api_keys::import_api_keys),
    operation("GetApiKey", "GET", "/apikeys/{api_Key}", 200, api_keys::get_api_key),
    operation("GetApiKeys", "GET", "/apikeys", 200, api_keys::get_api_keys),
    operation("UpdateApiKey", "PATCH", "/apikeys/{api_Key}", 200, api_keys::update_api_key),
    operation("DeleteApiKey", "DELETE", "/apikeys/{api_Key}", 202, api_keys::delete_api_key),
    operation("CreateUsagePlan", "POST", "/usageplans", 201, usage_plans::create_usage_plan),
    operation("GetUsagePlan", "GET", "/usageplans/{usageplanId}", 200, usage_plans::get_usage_plan),
    operation("GetUsagePlans", "GET", "/usageplans", 200, usage_plans::get_usage_plans),
    operation("UpdateUsagePlan", "PATCH", "/usageplans/{usageplanId}", 200, usage_plans::update_usage_plan),
    operation("DeleteUsagePlan", "DELETE", "/usageplans/{usageplanId}", 202, usage_plans::delete_usage_plan),
    operation("CreateUsagePlanKey", "POST", "/usageplans/{usageplanId}/keys", 201, usage_plans::create_usage_plan_key),
    operation("GetUsagePlanKey", "GET", "/usageplans/{usageplanId}/keys/{keyId}", 200, usage_plans::get_usage_plan_key),
    operation("GetUsagePlanKeys", "GET", "/usageplans/{usageplanId}/keys", 200, usage_plans::get_usage_plan_keys),
    operation("DeleteUsagePlanKey", "DELETE", "/usageplans/{usageplanId}/keys/{keyId}", 202, usage_plans::delete_usage_plan_key),
    operation("GetUsage", "GET", "/usageplans/{usageplanId}/usage", 200, usage_plans::get_usage),
    operation("UpdateUsage", "PATCH", "/usageplans/{usageplanId}/keys/{keyId}/usage", 200, usage_plans::update_usage),
    operation("CreateDomainName", "POST", "/domainnames", 201, domain_names::create_domain_name),
    operation("GetDomainName", "GET", "/domainnames/{domain_name}", 200, domain_names::get_domain_name),
    operation("GetDomainNames", "GET", "/domainnames", 200, domain_names::get_domain_names),
    operation("UpdateDomainName", "PATCH", "/domainnames/{domain_name}", 200, domain_names::update_domain_name),
    operation("DeleteDomainName", "DELETE", "/domainnames/{domain_name}", 202, domain_names::delete_domain_name),
    operation("CreateDomainNameAccessAssociation", "POST", "/domainnameaccessassociations", 201, domain_names::create_domain_name_access_association),
    operation("GetDomainNameAccessAssociations", "GET", "/domainnameaccessassociations", 200, domain_names::get_domain_name_access_associations),
    operation("DeleteDomainNameAccessAssociation", "DELETE", "/domainnameaccessassociations/{domain_name_access_association_arn}", 202, domain_names::delete_domain_name_access_association),
    operation("RejectDomainNameAccessAssociation", "POST", "/rejectdomainnameaccessassociations", 202, domain_names::reject_domain_name_access_association),
    operation("CreateBasePathMapping", "POST", "/domainnames/{domain_name}/basepathmappings", 201, base_path_mappings::create_base_path_mapping),
    operation("GetBasePathMapping", "GET", "/domainnames/{domain_name}/basepathmappings/{base_path}", 200, base_path_mappings::get_base_path_mapping),
    operation("GetBasePathMappings", "GET", "/domainnames/{domain_name}/basepathmappings", 200, base_path_mappings::get_base_path_mappings),
    operation("UpdateBasePathMapping", "PATCH", "/domainnames/{domain_name}/basepathmappings/{base_path}", 200, base_path_mappings::update_base_path_mapping),
    operation("DeleteBasePathMapping", "DELETE", "/domainnames/{domain_name}/basepathmappings/{base_path}", 202, base_path_mappings::delete_base_path_mapping),
    operation("CreateVpcLink", "POST", "/vpclinks", 202, vpc_links::create_vpc_link),
    operation("GetVpcLink", "GET", "/vpclinks/{vpclink_id}", 200, vpc_links::get_vpc_link),
    operation("GetVpcLinks", "GET", "/vpclinks", 200, vpc_links::get_vpc_links),
    operation("UpdateVpcLink", "PATCH", "/vpclinks/{vpclink_id}", 200, vpc_links::update_vpc_link),
    operation("DeleteVpcLink", "DELETE", "/vpclinks/{vpclink_id}", 202, vpc_links::delete_vpc_link),
    operation("GenerateClientCertificate", "POST", "/clientcertificates", 201, client_certificates::generate_client_certificate),
    operation("GetClientCertificate", "GET", "/clientcertificates/{clientcertificate_id}", 200, client_certificates::get_client_certificate),
    operation("GetClientCertificates", "GET", "/clientcertificates", 200, client_certificates::get_client_certificates),
    operation("UpdateClientCertificate", "PATCH", "/clientcertificates/{clientcertificate_id}", 200, client_certificates::update_client_certificate),
    operation("DeleteClientCertificate", "DELETE", "/clientcertificates/{clientcertificate_id}", 202, client_certificates::delete_client_certificate),
    operation("GetAccount", "GET", "/account", 200, account::get_account),
    operation("UpdateAccount", "PATCH", "/account", 200, account::update_account),
    operation("TagResource", "PUT", "/tags/{resource_arn}", 204, tags::tag_resource),
    operation("UntagResource", "DELETE", "/tags/{resource_arn}", 204, tags::untag_resource),
    operation("GetTags", "GET", "/tags/{resource_arn}", 200, tags::get_tags),
];
