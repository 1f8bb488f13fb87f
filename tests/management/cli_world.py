"""What an example of the AWS CLI is about: made before the command runs, from the options that the command has.

An option like `--rest-api-id 1234123412` says that there is such an API. `MAKERS` has, for each such option and in the
order in which one builds on the other, a function that makes what it names; what it returns takes the value's place.
"""

import itertools
import re

from kinds import AUTHORIZER_URI, CERTIFICATE, LOAD_BALANCER, POLICY

# Options that name what the command itself is to make.
MADE_BY_COMMAND = {
    ("create-base-path-mapping", "--base-path"),
    ("create-deployment", "--stage-name"),
    ("create-domain-name", "--domain-name"),
    ("create-stage", "--stage-name"),
    ("put-method", "--http-method"),
    ("put-method-response", "--status-code"),
}
# What there has to be besides for a list, or for all that an example shows, to have something in it.
BESIDES = {
    "create-base-path-mapping": ["--stage"],
    "create-deployment": ["--http-method"],
    "get-account": ["account"],
    "get-api-keys": ["--api-key"],
    "get-authorizers": ["--authorizer-id"],
    "get-base-path-mappings": ["--base-path", "(none)"],
    "get-client-certificates": ["--client-certificate-id"],
    "get-deployments": ["--deployment-id"],
    "get-domain-name-access-associations": ["--domain-name-access-association-arn"],
    "get-domain-names": ["--domain-name", "regional", "--domain-name-id"],
    "get-resources": ["--http-method"],
    "get-rest-apis": ["--rest-api-id"],
    "get-stages": ["--stage-name"],
    "get-usage": ["--key-id"],
    "get-usage-plan-keys": ["--key-id"],
    "get-usage-plans": ["--usage-plan-id"],
}
# Values of patch operations that name something: the path, and the option that makes it.
PATCHED = {"/authorizerId": "--authorizer-id", "/parentId": "--parent-id"}


class World:
    """`prepared(["apigateway", "get-stage", "--rest-api-id", "1234123412", …])` are the arguments to run."""

    def __init__(self, client):
        self.client = client
        self.made = {}

    def prepared(self, arguments):
        operation = arguments[1]
        values = dict(itertools.pairwise(arguments[2:]))
        named = [option for option in MAKERS if option in values and (operation, option) not in MADE_BY_COMMAND]
        for option in MAKERS:
            if option in named or option in BESIDES.get(operation, []):
                self.make(option, values.get(option), operation)
        return [self.substituted(before, argument, named) for before, argument in itertools.pairwise(["", *arguments])]

    def make(self, option, value=None, operation=None):
        """What the option names, made now unless it is there."""
        if option not in self.made:
            # An option that is asked for by another maker has no value in the command, so it is made with a usual one.
            self.made[option] = MAKERS[option](self, value, operation)
        return self.made[option]

    def substituted(self, before, argument, named):
        if before in named:
            return self.made[before]
        patch = re.match(r"op=\W?\w+\W?,path=\W?(/\w+)\W?,value=", argument)
        if patch and patch.group(1) in PATCHED:
            return patch.group() + self.make(PATCHED[patch.group(1)])
        return argument

    @property
    def api(self):
        return {"restApiId": self.make("--rest-api-id")}

    @property
    def method(self):
        return {**self.api, "resourceId": self.make("--resource-id"), "httpMethod": self.make("--http-method")}


def rest_api(world, *_):
    api = world.client.create_rest_api(name="myAPI", description="of the example")
    world.root = api["rootResourceId"]
    return api["id"]


def parent(world, *_):
    return world.api and world.root


def resource(world, value, operation):
    """Below another, as an example moves it to the root; of the two that are tested, one is the root itself."""
    if operation == "test-invoke-method" and value == "avl5sg8fw8":
        return world.api and world.root
    if operation == "test-invoke-method":
        pets = world.client.create_resource(**world.api, parentId=world.make("--parent-id"), pathPart="pets")["id"]
        return world.client.create_resource(**world.api, parentId=pets, pathPart="{petId}")["id"]
    path = world.client.create_resource(**world.api, parentId=world.make("--parent-id"), pathPart="path")["id"]
    if operation != "update-resource":
        return path
    return world.client.create_resource(**world.api, parentId=path, pathPart="resource")["id"]


def method(world, value, _):
    """With a response 200 and a function behind it, as most of the examples have it."""
    ids = {**world.api, "resourceId": world.make("--resource-id"), "httpMethod": value or "POST"}
    world.client.put_method(**ids, authorizationType="NONE", requestParameters={"method.request.header.X": False})
    origin = "method.response.header.Access-Control-Allow-Origin"
    models = {"application/json": "Empty"}
    world.client.put_method_response(**ids, statusCode="200", responseModels=models, responseParameters={origin: False})
    function = {"type": "AWS", "integrationHttpMethod": "POST", "uri": AUTHORIZER_URI}
    templates = {"application/json": "{}"}
    handling = {"passthroughBehavior": "WHEN_NO_MATCH", "contentHandling": "CONVERT_TO_TEXT"}
    world.client.put_integration(**ids, **function, **handling, requestTemplates=templates)
    response = {"responseTemplates": {"application/json": ""}, "responseParameters": {origin: "'a'"}}
    world.client.put_integration_response(**ids, statusCode="200", **response)
    return ids["httpMethod"]


def status(world, value, _):
    """200 is there with the method."""
    if value != "200":
        headers = {"method.response.header.custom-header": False}
        world.client.put_method_response(**world.method, statusCode=value, responseParameters=headers)
    return value


def authorizer(world, *_):
    source = "method.request.header.Authorization"
    function = {"type": "TOKEN", "authorizerUri": AUTHORIZER_URI, "identitySource": source, "authType": "custom"}
    made = world.client.create_authorizer(
        **world.api, name="MyAuthorizer", authorizerResultTtlInSeconds=300, **function
    )
    return made["id"]


def model(world, value, _):
    """Two are there with each API."""
    if value not in ("Empty", "Error"):
        world.client.create_model(**world.api, name=value, contentType="application/json", schema='{"type":"object"}')
    return value


def deployment(world, *_):
    world.make("--http-method")
    return world.client.create_deployment(**world.api, description="myDeployment")["id"]


def stage(world, value, _):
    """With settings for one method and for all, and with a cache."""
    ids = {**world.api, "stageName": value or "dev"}
    cache = {"cacheClusterEnabled": True, "cacheClusterSize": "0.5"}
    world.client.create_stage(**ids, deploymentId=world.make("--deployment-id"), **cache)
    paths = (
        "/*/*/logging/loglevel",
        "/~1resource/GET/logging/loglevel",
        "/~1resource~1subresource/POST/logging/loglevel",
    )
    settings = [{"op": "replace", "path": path, "value": "INFO"} for path in paths]
    world.client.update_stage(**ids, patchOperations=settings)
    return ids["stageName"]


def api_key(world, *_):
    """For a stage, as the examples show what used to come before usage plans."""
    stages = [{**world.api, "stageName": world.make("--stage-name")}]
    made = world.client.create_api_key(name="My key", description="My first key", enabled=True, stageKeys=stages)
    return made["id"]


def stage_keys(world, *_):
    return f"restApiId={world.make('--rest-api-id')},stageName={world.make('--stage-name')}"


def usage_plan(world, *_):
    limits = {"quota": {"limit": 100, "period": "DAY"}, "throttle": {"burstLimit": 5, "rateLimit": 5.0}}
    return world.client.create_usage_plan(name="a plan", **limits)["id"]


def key_of_plan(world, _, operation):
    key = world.client.create_api_key(name="of the plan", enabled=True)["id"]
    if operation != "create-usage-plan-key":
        plan = world.make("--usage-plan-id")
        world.client.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    return key


def client_certificate(world, *_):
    return world.client.generate_client_certificate(description="My Client Certificate")["clientCertificateId"]


def vpc_link(world, *_):
    return world.client.create_vpc_link(name="a link", targetArns=[LOAD_BALANCER], tags={"team": "a"})["id"]


def private_domain(world, value, _):
    private = {"endpointConfiguration": {"types": ["PRIVATE"]}, "policy": POLICY, "securityPolicy": "TLS_1_2"}
    name = value or "my.private.domain.tld"
    return world.client.create_domain_name(domainName=name, certificateArn=CERTIFICATE, **private)


def domain_name(world, value, operation):
    """A private one where the command has its id as well."""
    if operation == "get-domain-name" and value == "api.private.domain.tld":
        world.private = private_domain(world, value, operation)
        return value
    name = value or "subdomain.domain.tld"
    world.client.create_domain_name(domainName=name, certificateName="uploadedCertificate", certificateArn=CERTIFICATE)
    return name


def regional_domain(world, *_):
    regional = {"endpointConfiguration": {"types": ["REGIONAL"]}, "securityPolicy": "TLS_1_2"}
    world.client.create_domain_name(domainName="my.domain.tld", regionalCertificateArn=CERTIFICATE, **regional)


def domain_name_id(world, *_):
    if not hasattr(world, "private"):
        world.private = private_domain(world, None, None)
    return world.private["domainNameId"]


def domain_name_arn(world, *_):
    return domain_name_id(world) and world.private["domainNameArn"]


def access_association(world, *_):
    source = {"accessAssociationSource": "vpce-abcd1234efg", "accessAssociationSourceType": "VPCE"}
    arn = world.make("--domain-name-arn")
    made = world.client.create_domain_name_access_association(domainNameArn=arn, **source)
    return made["domainNameAccessAssociationArn"]


def base_path(world, value, _):
    stage = {**world.api, "stage": world.make("--stage-name")}
    path = value or "v1"
    world.client.create_base_path_mapping(domainName=world.make("--domain-name"), basePath=path, **stage)
    return path


def empty_base_path(world, *_):
    world.client.create_base_path_mapping(domainName=world.make("--domain-name"), **world.api)


def account(world, *_):
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::123412341234:role/Logs"}
    world.client.update_account(patchOperations=[role])


MAKERS = {
    "--rest-api-id": rest_api,
    "--clone-from": rest_api,
    "--parent-id": parent,
    "--resource-id": resource,
    "--http-method": method,
    "--status-code": status,
    "--authorizer-id": authorizer,
    "--model-name": model,
    "--deployment-id": deployment,
    "--stage-name": stage,
    "--stage": stage,
    "--stage-keys": stage_keys,
    "--api-key": api_key,
    "--usage-plan-id": usage_plan,
    "--key-id": key_of_plan,
    "--client-certificate-id": client_certificate,
    "--vpc-link-id": vpc_link,
    "--domain-name": domain_name,
    "--domain-name-id": domain_name_id,
    "--domain-name-arn": domain_name_arn,
    "--domain-name-access-association-arn": access_association,
    "--base-path": base_path,
    # Not options: what only `BESIDES` asks for.
    "(none)": empty_base_path,
    "regional": regional_domain,
    "account": account,
}
