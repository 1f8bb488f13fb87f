"""The kinds of AWS resource of the management API: a row each, with what the service model cannot know.

The model says which members there are; it does not say that a schema is JSON, that a certificate has an ARN, or that a
usage plan key needs a plan and a key. `world.py` makes what a row `needs`, and `model_driven.py` walks each row from
its creation to its end.
"""

import dataclasses
import json

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:authorize"
AUTHORIZER_URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/fb1b9770-a305-495d-aefb-27e5e101ff3a"
OTHER_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-a305-495d-aefb-27e5e101ff3a"
LOAD_BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/example/50dc6c495c0c9188"
SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"})
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
        ],
    }
)
BAD, CONFLICT = "BadRequestException", "ConflictException"


@dataclasses.dataclass
class Kind:
    """`noun` is in the names of the operations: CreateApiKey, GetApiKey, GetApiKeys, UpdateApiKey, DeleteApiKey."""

    noun: str
    # The members that name one of it, each with the member of its creation's answer, or of its input, that has it.
    ids: dict
    # Members of the fullest creation that are not left to the model; None leaves one out.
    values: dict
    # Members of the sparsest creation besides those that are required.
    sparse: dict = dataclasses.field(default_factory=dict)
    # Given, and not in the answer, or not as it was given.
    hidden: tuple = ()
    # Members that the answer has by another name.
    renamed: dict = dataclasses.field(default_factory=dict)
    needs: str = "nothing"
    verb: str = "Create"
    # Members for the get only.
    got_with: dict = dataclasses.field(default_factory=dict)
    # In the answer and in what is got later, but not the same.
    volatile: tuple = ()
    # JSON-Patch operations: op, path, value; then where the outcome is in the answer (a JSON pointer), and what it is.
    changes: tuple = ()
    # How the same creation is answered the second time: () where AWS creates another or replaces it.
    twice: tuple = ()
    # Members that make the sparsest creation a bad one, a set each.
    bad: tuple = ()
    # What remains after a deletion is AWS's default, not an absence.
    has_default: bool = False

    @property
    def creation(self):
        return self.verb + self.noun

    @property
    def listing(self):
        return f"Get{self.noun}s"


def replace(path, value, member=None, outcome=None):
    """A change of the member that the path names, unless another is given."""
    return "replace", path, value, member or path.strip("/"), value if outcome is None else outcome


KINDS = [
    Kind(
        "ApiKey",
        ids={"apiKey": "id"},
        values={"value": "0123456789abcdefghij", "stageKeys": None},
        sparse={"name": "sparse", "value": "sparse-9abcdefghij-sparse"},
        hidden=("generateDistinctId",),
        got_with={"includeValue": True},
        changes=(
            replace("/name", "renamed"),
            replace("/enabled", "false", outcome=False),
            replace("/customerId", "c1"),
        ),
        twice=(CONFLICT,),
        bad=({"value": "short"},),
    ),
    Kind(
        "Authorizer",
        needs="rest_api",
        ids={"authorizerId": "id"},
        values={
            "authorizerUri": AUTHORIZER_URI,
            "authorizerCredentials": "arn:aws:iam::123456789012:role/invoke",
            "identitySource": "method.request.header.Authorization",
            "identityValidationExpression": "^Bearer .+$",
            "authorizerResultTtlInSeconds": 300,
            "authType": "custom",
            "providerARNs": None,
            "jwtConfiguration": None,
        },
        sparse={"name": "sparse", "type": "REQUEST", "authorizerUri": AUTHORIZER_URI}
        | {"identitySource": "method.request.querystring.token"},
        changes=(
            replace("/name", "renamed"),
            replace("/authorizerResultTtlInSeconds", "60", outcome=60),
            replace("/identitySource", "method.request.header.X"),
        ),
        # Which of the two AWS answers is not documented; its message is "Authorizer name must be unique".
        twice=(BAD, CONFLICT),
        bad=({"authorizerResultTtlInSeconds": 3601}, {"type": "UNKNOWN"}, {"authorizerUri": "https://example.com"}),
    ),
    Kind(
        "BasePathMapping",
        needs="domain_and_stage",
        ids={"basePath": "basePath"},
        values={"basePath": "v1", "domainNameId": None},
        sparse={"basePath": "sparse"},
        changes=(replace("/basePath", "v2"),),
        twice=(CONFLICT,),
        bad=({"restApiId": "absent0000"}, {"stage": "absent"}),
    ),
    Kind(
        "ClientCertificate",
        verb="Generate",
        ids={"clientCertificateId": "clientCertificateId"},
        values={},
        changes=(replace("/description", "changed"),),
    ),
    Kind(
        "Deployment",
        needs="api_with_method",
        ids={"deploymentId": "id"},
        values={"stageName": "deployed", "canarySettings": None, "cacheClusterSize": "0.5", "variables": {"a": "b"}},
        hidden=(
            "stageName",
            "stageDescription",
            "variables",
            "tracingEnabled",
            "cacheClusterEnabled",
            "cacheClusterSize",
        ),
        changes=(replace("/description", "changed"),),
        bad=({"stageName": "not a name!"},),
    ),
    Kind(
        "DocumentationPart",
        needs="rest_api",
        ids={"documentationPartId": "id"},
        values={
            "location": {"type": "RESPONSE", "path": "/", "method": "GET", "statusCode": "200"},
            "properties": '{"description":"all is well"}',
        },
        sparse={"location": {"type": "API"}, "properties": '{"info":{}}'},
        changes=(replace("/properties", '{"description":"changed"}'),),
        twice=(CONFLICT,),
        bad=({"location": {"type": "UNKNOWN"}}, {"properties": "not JSON"}),
    ),
    Kind(
        "DocumentationVersion",
        needs="documented_stage",
        ids={"documentationVersion": "version"},
        values={"documentationVersion": "full"},
        sparse={"documentationVersion": "sparse"},
        hidden=("stageName",),
        renamed={"documentationVersion": "version"},
        changes=(replace("/description", "changed"),),
        twice=(CONFLICT,),
    ),
    Kind(
        "DomainName",
        ids={"domainName": "domainName"},
        values={
            "domainName": "full.example.com",
            "certificateName": None,
            "certificateBody": None,
            "certificatePrivateKey": None,
            "certificateChain": None,
            "certificateArn": None,
            "regionalCertificateName": None,
            "regionalCertificateArn": CERTIFICATE,
            "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"},
            "securityPolicy": "TLS_1_2",
            "endpointAccessMode": None,
            "mutualTlsAuthentication": None,
            "ownershipVerificationCertificateArn": None,
            "policy": None,
            "routingMode": "BASE_PATH_MAPPING_ONLY",
        },
        sparse={"domainName": "sparse.example.com", "certificateArn": CERTIFICATE},
        changes=(replace("/regionalCertificateArn", OTHER_CERTIFICATE), replace("/securityPolicy", "TLS_1_0")),
        twice=(BAD, CONFLICT),
        bad=({"securityPolicy": "UNKNOWN"}, {"endpointConfiguration": {"types": ["UNKNOWN"]}}),
    ),
    Kind(
        "DomainNameAccessAssociation",
        needs="private_domain",
        ids={"domainNameAccessAssociationArn": "domainNameAccessAssociationArn"},
        values={"accessAssociationSource": "vpce-0123456789abcdef0"},
        sparse={"accessAssociationSource": "vpce-0123456789abcdef1"},
    ),
    Kind(
        "GatewayResponse",
        needs="rest_api",
        verb="Put",
        ids={"responseType": "responseType"},
        values={
            "responseType": "UNAUTHORIZED",
            "statusCode": "403",
            "responseParameters": {"gatewayresponse.header.Why": "'unknown'"},
            "responseTemplates": {"application/json": '{"message":$context.error.messageString}'},
        },
        sparse={"responseType": "THROTTLED"},
        changes=(
            replace("/statusCode", "404"),
            replace("/responseTemplates/application~1json", "{}", "responseTemplates/application~1json"),
        ),
        bad=({"responseType": "UNKNOWN"}, {"statusCode": "12"}),
        has_default=True,
    ),
    Kind(
        "Integration",
        needs="method",
        verb="Put",
        ids={},
        values={
            "type": "HTTP",
            "uri": "http://127.0.0.1:9/{color}",
            "integrationHttpMethod": "POST",
            "connectionType": "INTERNET",
            "connectionId": None,
            "credentials": None,
            "requestParameters": {
                "integration.request.path.color": "method.request.querystring.color",
                "integration.request.header.Fixed": "'fixed'",
            },
            "requestTemplates": {"application/json": "$input.json('$')"},
            "passthroughBehavior": "WHEN_NO_TEMPLATES",
            "cacheKeyParameters": ["method.request.querystring.color"],
            "contentHandling": "CONVERT_TO_TEXT",
            "timeoutInMillis": 1000,
            "tlsConfig": {"insecureSkipVerification": False},
            "integrationTarget": None,
        },
        sparse={"type": "MOCK"},
        # The method's own name, where the answer has that of the backend's.
        hidden=("httpMethod",),
        renamed={"integrationHttpMethod": "httpMethod"},
        changes=(
            replace("/timeoutInMillis", "2000", outcome=2000),
            replace("/uri", "http://127.0.0.1:9/changed"),
            ("add", "/requestTemplates/text~1plain", "$input.body", "requestTemplates/text~1plain", "$input.body"),
        ),
        bad=({"type": "UNKNOWN"}, {"timeoutInMillis": 1}, {"type": "HTTP", "uri": None}),
    ),
    Kind(
        "IntegrationResponse",
        needs="integration",
        verb="Put",
        ids={"statusCode": "statusCode"},
        values={
            "statusCode": "200",
            "selectionPattern": "2\\d\\d",
            "responseParameters": {"method.response.header.Why": "'since'"},
            "responseTemplates": {"application/json": "{}"},
            "contentHandling": "CONVERT_TO_TEXT",
        },
        sparse={"statusCode": "400", "selectionPattern": "4\\d\\d"},
        changes=(
            replace("/selectionPattern", "20."),
            replace("/responseTemplates/application~1json", "[]", "responseTemplates/application~1json"),
        ),
    ),
    Kind(
        "Method",
        needs="protected_resource",
        verb="Put",
        ids={"httpMethod": "httpMethod"},
        values={
            "httpMethod": "GET",
            "authorizationType": "CUSTOM",
            "requestParameters": {"method.request.querystring.color": True},
            "requestModels": {"application/json": "Empty"},
            "authorizationScopes": None,
        },
        sparse={"httpMethod": "POST", "authorizationType": "NONE"},
        changes=(
            replace("/apiKeyRequired", "false", outcome=False),
            replace("/operationName", "changed"),
            (
                "add",
                "/requestParameters/method.request.header.X",
                "true",
                "requestParameters/method.request.header.X",
                True,
            ),
        ),
        twice=(CONFLICT,),
        bad=({"httpMethod": "FETCH"}, {"authorizationType": "UNKNOWN"}, {"requestParameters": {"query.color": True}}),
    ),
    Kind(
        "MethodResponse",
        needs="method",
        verb="Put",
        ids={"statusCode": "statusCode"},
        values={
            "statusCode": "200",
            "responseParameters": {"method.response.header.Why": False},
            "responseModels": {"application/json": "Empty"},
        },
        sparse={"statusCode": "400"},
        changes=(
            ("add", "/responseModels/text~1plain", "Error", "responseModels/text~1plain", "Error"),
            replace("/responseModels/application~1json", "Error", "responseModels/application~1json"),
        ),
        twice=(CONFLICT,),
        bad=({"statusCode": "99"}, {"responseModels": {"application/json": "Absent"}}),
    ),
    Kind(
        "Model",
        needs="rest_api",
        ids={"modelName": "name"},
        values={"name": "Full", "contentType": "application/json", "schema": SCHEMA},
        sparse={"name": "Sparse", "contentType": "application/json", "schema": SCHEMA},
        changes=(replace("/description", "changed"), replace("/schema", '{"type":"array"}')),
        twice=(CONFLICT,),
        bad=({"name": "not alphanumeric!"}, {"schema": "{"}),
    ),
    Kind(
        "RequestValidator",
        needs="rest_api",
        ids={"requestValidatorId": "id"},
        values={},
        sparse={"name": "sparse"},
        changes=(replace("/validateRequestBody", "false", outcome=False), replace("/name", "renamed")),
    ),
    Kind(
        "Resource",
        needs="root_resource",
        ids={"resourceId": "id"},
        values={"pathPart": "{full+}"},
        sparse={"pathPart": "sparse"},
        changes=(replace("/pathPart", "{changed+}"),),
        twice=(CONFLICT,),
        bad=({"pathPart": "a/b"}, {"pathPart": "{unclosed"}),
    ),
    Kind(
        "RestApi",
        ids={"restApiId": "id"},
        values={
            "cloneFrom": None,
            "binaryMediaTypes": ["image/png"],
            "minimumCompressionSize": 1024,
            "apiKeySource": "AUTHORIZER",
            "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"},
            "policy": POLICY,
            "securityPolicy": None,
            "endpointAccessMode": None,
        },
        # AWS answers it with its quotes escaped once more.
        hidden=("policy",),
        changes=(
            replace("/name", "renamed"),
            replace("/minimumCompressionSize", "2048", outcome=2048),
            ("add", "/binaryMediaTypes/image~1jpeg", None, "binaryMediaTypes", ["image/png", "image/jpeg"]),
            replace("/apiKeySource", "HEADER"),
            replace("/disableExecuteApiEndpoint", "false", outcome=False),
        ),
        bad=({"name": ""}, {"apiKeySource": "UNKNOWN"}, {"minimumCompressionSize": -1}),
    ),
    Kind(
        "Stage",
        needs="deployment",
        ids={"stageName": "stageName"},
        values={
            "stageName": "full",
            "cacheClusterSize": "0.5",
            "documentationVersion": None,
            "variables": {"color": "blue"},
            "canarySettings": {
                "percentTraffic": 10.0,
                "stageVariableOverrides": {"color": "red"},
                "useStageCache": False,
            },
        },
        sparse={"stageName": "sparse"},
        # Without one of its own, a canary has the stage's deployment.
        hidden=("canarySettings",),
        volatile=("cacheClusterStatus",),
        changes=(
            replace("/description", "changed"),
            replace("/variables/color", "green", "variables/color"),
            replace("/*/*/throttling/rateLimit", "5", "methodSettings/*~1*/throttlingRateLimit", 5.0),
            replace("/~1pets/GET/logging/loglevel", "INFO", "methodSettings/~01pets~1GET/loggingLevel"),
            replace("/tracingEnabled", "false", outcome=False),
        ),
        twice=(CONFLICT,),
        bad=({"stageName": "not a name!"}, {"deploymentId": "absent"}, {"variables": {"no good": "b"}}),
    ),
    Kind(
        "UsagePlan",
        needs="nothing",
        ids={"usagePlanId": "id"},
        values={"apiStages": [], "quota": {"limit": 100, "offset": 1, "period": "WEEK"}}
        | {"throttle": {"burstLimit": 10, "rateLimit": 5.0}},
        sparse={"name": "sparse"},
        changes=(
            replace("/name", "renamed"),
            replace("/quota/limit", "200", "quota/limit", 200),
            replace("/throttle/rateLimit", "7.5", "throttle/rateLimit", 7.5),
        ),
        bad=({"quota": {"limit": 1, "period": "YEAR"}}, {"quota": {"limit": -1, "period": "DAY"}}),
    ),
    Kind(
        "UsagePlanKey",
        needs="plan_and_keys",
        ids={"keyId": "id"},
        values={"keyType": "API_KEY"},
        sparse={"keyType": "API_KEY"},
        renamed={"keyId": "id", "keyType": "type"},
        twice=(CONFLICT,),
        bad=({"keyType": "UNKNOWN"},),
    ),
    Kind(
        "VpcLink",
        ids={"vpcLinkId": "id"},
        values={"targetArns": [LOAD_BALANCER]},
        sparse={"targetArns": [LOAD_BALANCER]},
        volatile=("status", "statusMessage"),
        changes=(replace("/name", "renamed"), replace("/description", "changed")),
    ),
]
