"""What an AWS resource needs around it before it can be created: an API, a method, a stage, a plan with keys.

Each function makes it by calls of the API and returns the members that name it. `everything` makes one of each kind, so
that every operation has something to act on.
"""

import dataclasses

from calls import attempt
from kinds import AUTHORIZER_URI, CERTIFICATE, LOAD_BALANCER, POLICY, SCHEMA


@dataclasses.dataclass
class Scope:
    """Members for all calls about the kind, and those for its fullest and its sparsest creation only."""

    common: dict = dataclasses.field(default_factory=dict)
    full: dict = dataclasses.field(default_factory=dict)
    sparse: dict = dataclasses.field(default_factory=dict)


def nothing(_):
    return Scope()


def rest_api(calls):
    return Scope({"restApiId": calls("CreateRestApi", name="around")["id"]})


def root_resource(calls):
    api = calls("CreateRestApi", name="around")
    return Scope({"restApiId": api["id"], "parentId": api["rootResourceId"]})


def protected_resource(calls):
    api = calls("CreateRestApi", name="around")
    ids = {"restApiId": api["id"]}
    return Scope(
        {**ids, "resourceId": api["rootResourceId"]},
        full={"authorizerId": authorizer(calls, ids), "requestValidatorId": request_validator(calls, ids)},
    )


def authorizer(calls, ids):
    source = "method.request.header.Authorization"
    function = {"type": "TOKEN", "authorizerUri": AUTHORIZER_URI, "identitySource": source}
    return calls("CreateAuthorizer", **ids, name="function", **function)["id"]


def request_validator(calls, ids):
    return calls("CreateRequestValidator", **ids, name="both")["id"]


def method(calls):
    api = calls("CreateRestApi", name="around")
    ids = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    parameters = {"method.request.querystring.color": False}
    calls("PutMethod", **ids, authorizationType="NONE", requestParameters=parameters)
    return Scope(ids)


def integration(calls):
    """A mock, with method responses for what integration responses are mapped to."""
    ids = method(calls).common
    for status in ("200", "400"):
        headers = {"method.response.header.Why": False}
        calls("PutMethodResponse", **ids, statusCode=status, responseParameters=headers)
    template = {"application/json": '{"statusCode": 200}'}
    calls("PutIntegration", **ids, type="MOCK", requestTemplates=template)
    return Scope(ids)


def api_with_method(calls):
    return Scope({"restApiId": integration(calls).common["restApiId"]})


def deployment(calls):
    ids = integration(calls).common
    calls("PutIntegrationResponse", **ids, statusCode="200", responseTemplates={"application/json": '{"is":"well"}'})
    api = {"restApiId": ids["restApiId"]}
    return Scope({**ids, "deploymentId": calls("CreateDeployment", **api)["id"]})


def stage(calls):
    ids = deployment(calls).common
    about = {"restApiId": ids["restApiId"], "deploymentId": ids["deploymentId"]}
    return Scope({**ids, "stageName": calls("CreateStage", **about, stageName="around")["stageName"]})


def documented_stage(calls):
    ids = stage(calls).common
    api = {"restApiId": ids["restApiId"]}
    part = calls("CreateDocumentationPart", **api, location={"type": "API"}, properties='{"description":"all"}')
    return Scope({**api, "documentationPartId": part["id"]}, full={"stageName": ids["stageName"]})


def domain_and_stage(calls):
    ids = stage(calls).common
    domain = calls("CreateDomainName", domainName="api.example.com", certificateArn=CERTIFICATE)
    return Scope({"restApiId": ids["restApiId"], "stage": ids["stageName"], "domainName": domain["domainName"]})


def private_domain(calls):
    private = {"endpointConfiguration": {"types": ["PRIVATE"]}, "policy": POLICY}
    domain = calls("CreateDomainName", domainName="private.example.com", certificateArn=CERTIFICATE, **private)
    return Scope({"domainNameArn": domain["domainNameArn"], "accessAssociationSourceType": "VPCE"})


def plan_and_keys(calls):
    full, sparse = (calls("CreateApiKey", name=name, enabled=True)["id"] for name in ("full", "sparse"))
    plan = calls("CreateUsagePlan", name="around", quota={"limit": 1000, "period": "DAY"})
    return Scope({"usagePlanId": plan["id"]}, full={"keyId": full}, sparse={"keyId": sparse})


def everything(calls):
    """One of each kind, as the members that name it. What cannot be made has been noted, and is missing."""
    ids = {"statusCode": "200", "exportType": "oas30", "sdkType": "javascript", "id": "javascript"}
    for part in (staged_api, documented_part, described, plan, domains, alone):
        attempt(lambda part=part: ids.update(part(calls, {"restApiId": ids.get("restApiId", "")}, ids)))
    return ids


def staged_api(calls, *_):
    ids = stage(calls).common
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{ids['restApiId']}"
    return {**ids, "parentId": ids["resourceId"], "resourceArn": arn}


def documented_part(calls, api, _):
    part = calls("CreateDocumentationPart", **api, location={"type": "API"}, properties='{"description":"all"}')
    version = calls("CreateDocumentationVersion", **api, documentationVersion="around")["version"]
    return {"documentationPartId": part["id"], "documentationVersion": version}


def described(calls, api, _):
    model = {"name": "Around", "contentType": "application/json", "schema": SCHEMA}
    return {
        "authorizerId": authorizer(calls, api),
        "requestValidatorId": request_validator(calls, api),
        "modelName": calls("CreateModel", **api, **model)["name"],
        "responseType": calls("PutGatewayResponse", **api, responseType="THROTTLED")["responseType"],
    }


def plan(calls, _, ids):
    key = calls("CreateApiKey", name="around", enabled=True)["id"]
    stages = [{"apiId": ids.get("restApiId"), "stage": ids.get("stageName")}]
    plan = calls("CreateUsagePlan", name="around", apiStages=stages, quota={"limit": 1000, "period": "DAY"})["id"]
    calls("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    return {"apiKey": key, "usagePlanId": plan, "keyId": key}


def domains(calls, api, _):
    domain = calls("CreateDomainName", domainName="api.example.com", certificateArn=CERTIFICATE)["domainName"]
    calls("CreateBasePathMapping", domainName=domain, basePath="around", **api)
    private = private_domain(calls).common
    association = calls(
        "CreateDomainNameAccessAssociation", **private, accessAssociationSource="vpce-0123456789abcdef0"
    )
    return {
        "domainName": domain,
        "basePath": "around",
        "domainNameArn": private["domainNameArn"],
        "domainNameAccessAssociationArn": association["domainNameAccessAssociationArn"],
    }


def alone(calls, *_):
    return {
        "clientCertificateId": calls("GenerateClientCertificate")["clientCertificateId"],
        "vpcLinkId": calls("CreateVpcLink", name="around", targetArns=[LOAD_BALANCER])["id"],
    }
