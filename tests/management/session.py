"""A session with the real AWS CLI, as a person has it: an API is built, deployed, changed, rolled back, and deleted.

After each step, what the gateway serves is asked over HTTP: the management API's answers alone would not show whether a
change has reached the requests, or has reached them too early.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from gateway import CREDENTIALS, REGION, Gateway

AWS = pathlib.Path(sys.executable).with_name("aws")
TRIES_MAX = 1000


def run(_=()):
    """Whether all is well; the first thing that is not ends the session."""
    with Gateway("session") as gateway, tempfile.TemporaryDirectory() as folder:
        session = Session(gateway, pathlib.Path(folder))
        try:
            for number, step in enumerate(STEPS, start=1):
                step(session)
        except Wrong as wrong:
            print(f"session: {step.__name__.replace('_', ' ')}: {wrong}")
            print(f"session: {number - 1} of {len(STEPS)} steps passed")
            return False
    print(f"session: {len(STEPS)} of {len(STEPS)} steps passed, with {session.commands} commands")
    return True


class Wrong(Exception):
    """What is not as it has to be."""


class Session:
    def __init__(self, gateway, folder):
        self.gateway = gateway
        self.folder = folder
        self.commands = 0
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= {name.upper(): value for name, value in CREDENTIALS.items()}
        self.environment |= {"AWS_DEFAULT_REGION": REGION, "AWS_CONFIG_FILE": os.devnull}
        self.environment["AWS_ENDPOINT_URL_API_GATEWAY"] = gateway.admin

    def aws(self, operation, *arguments, fails_with=None):
        """The answer of `aws apigateway OPERATION`."""
        self.commands += 1
        command = [AWS, "apigateway", operation, *arguments]
        ended = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True)
        if fails_with:
            if ended.returncode == 0 or fails_with not in ended.stderr:
                raise Wrong(f"{operation} ends with {ended.returncode}, not with {fails_with}: {ended.stderr}")
        elif ended.returncode != 0:
            raise Wrong(f"{operation} ends with {ended.returncode}: {ended.stderr.strip()}")
        return json.loads(ended.stdout or "null")

    def served(self, path="/pets", headers=None, stage="prod"):
        """Status and JSON of what the deployed API answers."""
        request = urllib.request.Request(self.gateway.url(self.api, stage, path), headers=headers or {})
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as answer:
            return answer.code, json.loads(answer.read() or b"null")

    def expect(self, status, body=None, **request):
        answer = self.served(**request)
        if answer[0] != status or (body is not None and answer[1] != body):
            raise Wrong(f"{status} {body} has to be served, and {answer} is")

    def patch(self, operation, *operations):
        return self.aws(operation, *self.names(operation), "--patch-operations", *operations)

    def names(self, operation):
        """The options that name what the operation is about."""
        names = ["--rest-api-id", self.api]
        if "stage" in operation:
            return [*names, "--stage-name", "prod"]
        if "response" in operation:
            return [*names, "--resource-id", self.pets, "--http-method", "GET", "--status-code", "200"]
        return [*names, "--resource-id", self.pets, "--http-method", "GET"]

    def answer_version(self, version):
        """The template of the answer, which nothing but a deployment brings to those who call."""
        operation = {"op": "replace", "path": "/responseTemplates/application~1json", "value": template(version)}
        self.patch("update-integration-response", json.dumps([operation]))


def template(version):
    return f'{{"version": {version}, "color": "$stageVariables.color"}}'


def create_an_api(session):
    api = session.aws("create-rest-api", "--name", "pets", "--endpoint-configuration", "types=REGIONAL")
    session.api = api["id"]
    (root,) = session.aws("get-resources", "--rest-api-id", session.api)["items"]
    about = ["--rest-api-id", session.api, "--parent-id", root["id"], "--path-part", "pets"]
    session.pets = session.aws("create-resource", *about)["id"]


def give_it_a_method(session):
    session.aws("put-method", *session.names("put-method"), "--authorization-type", "NONE")
    session.aws("put-method-response", *session.names("put-method-response"))
    request = ["--type", "MOCK", "--request-templates", '{"application/json": "{\\"statusCode\\": 200}"}']
    session.aws("put-integration", *session.names("put-integration"), *request)
    response = ["--response-templates", json.dumps({"application/json": template(1)})]
    session.aws("put-integration-response", *session.names("put-integration-response"), *response)


def deploy(session):
    stage = ["--stage-name", "prod", "--variables", "color=blue"]
    session.first = session.aws("create-deployment", "--rest-api-id", session.api, *stage)["id"]
    session.expect(200, {"version": 1, "color": "blue"})
    session.expect(403, {"message": "Missing Authentication Token"}, path="/absent")


def change_a_template_without_deploying(session):
    session.answer_version(2)
    session.expect(200, {"version": 1, "color": "blue"})


def deploy_again(session):
    session.aws("create-deployment", "--rest-api-id", session.api, "--stage-name", "prod")
    session.expect(200, {"version": 2, "color": "blue"})


def change_a_stage_variable(session):
    session.patch("update-stage", "op=replace,path=/variables/color,value=green")
    session.expect(200, {"version": 2, "color": "green"})


def roll_back(session):
    session.patch("update-stage", f"op=replace,path=/deploymentId,value={session.first}")
    session.expect(200, {"version": 1, "color": "green"})


def restart_the_gateway(session):
    session.gateway.stop()
    session.gateway.start()
    session.expect(200, {"version": 1, "color": "green"})


def try_a_canary(session):
    session.answer_version(3)
    canary = ["--stage-name", "prod", "--canary-settings", "percentTraffic=50,stageVariableOverrides={color=yellow}"]
    session.aws("create-deployment", "--rest-api-id", session.api, *canary)
    seen = set()
    for _ in range(TRIES_MAX):
        status, answer = session.served()
        seen.add((status, answer.get("version"), answer.get("color")))
        if len(seen) > 1:
            break
    if seen != {(200, 1, "green"), (200, 3, "yellow")}:
        raise Wrong(f"a canary of half the requests makes {seen}")


def promote_the_canary(session):
    promoted = "op=copy,from=/canarySettings/deploymentId,path=/deploymentId"
    stage = session.patch("update-stage", promoted, "op=remove,path=/canarySettings")
    if "canarySettings" in stage:
        raise Wrong(f"the stage has a canary still: {stage}")
    for _ in range(20):
        session.expect(200, {"version": 3, "color": "green"})


def export_it(session):
    about = ["--rest-api-id", session.api, "--stage-name", "prod", "--export-type", "oas30"]
    session.aws("get-export", *about, "--parameters", "extensions=integrations", "exported.json")
    exported = json.loads((session.folder / "exported.json").read_text())
    integration = exported["paths"]["/pets"]["get"]["x-amazon-apigateway-integration"]
    if integration["responses"]["default"]["responseTemplates"]["application/json"] != template(3):
        raise Wrong(f"the export has not the template that is deployed: {integration}")


def put_it_back_changed(session):
    exported = (session.folder / "exported.json").read_text()
    (session.folder / "changed.json").write_text(exported.replace('\\"version\\": 3', '\\"version\\": 4'))
    session.aws("put-rest-api", "--rest-api-id", session.api, "--mode", "overwrite", "--body", "fileb://changed.json")
    session.expect(200, {"version": 3, "color": "green"})
    session.aws("create-deployment", "--rest-api-id", session.api, "--stage-name", "prod")
    session.expect(200, {"version": 4, "color": "green"})
    items = session.aws("get-resources", "--rest-api-id", session.api)["items"]
    session.pets = next(item["id"] for item in items if item["path"] == "/pets")


def ask_for_a_key(session):
    session.patch("update-method", "op=replace,path=/apiKeyRequired,value=true")
    session.aws("create-deployment", "--rest-api-id", session.api, "--stage-name", "prod")
    denied = (403, {"message": "Forbidden"})
    granted = (200, {"version": 4, "color": "green"})
    key = session.aws("create-api-key", "--name", "for pets", "--enabled")
    stages = ["--api-stages", f"apiId={session.api},stage=prod"]
    plan = session.aws("create-usage-plan", "--name", "for pets", *stages)["id"]
    session.expect(*denied, headers={"x-api-key": key["value"]})
    session.aws("create-usage-plan-key", "--usage-plan-id", plan, "--key-id", key["id"], "--key-type", "API_KEY")
    session.expect(*denied)
    session.expect(*granted, headers={"x-api-key": key["value"]})
    for enabled, outcome in [("false", denied), ("true", granted)]:
        session.aws("update-api-key", "--api-key", key["id"], "--patch-operations",
                    f"op=replace,path=/enabled,value={enabled}")  # fmt: skip
        session.expect(*outcome, headers={"x-api-key": key["value"]})
    session.aws("delete-api-key", "--api-key", key["id"])
    session.expect(*denied, headers={"x-api-key": key["value"]})
    session.patch("update-method", "op=replace,path=/apiKeyRequired,value=false")
    session.aws("create-deployment", "--rest-api-id", session.api, "--stage-name", "prod")
    session.expect(*granted)
    session.aws("update-usage-plan", "--usage-plan-id", plan, "--patch-operations",
                f"op=remove,path=/apiStages,value={session.api}:prod")  # fmt: skip


def delete_it(session):
    session.aws("delete-stage", "--rest-api-id", session.api, "--stage-name", "prod")
    session.expect(403, {"message": "Forbidden"})
    session.aws("delete-rest-api", "--rest-api-id", session.api)
    session.aws("get-rest-api", "--rest-api-id", session.api, fails_with="NotFoundException")


STEPS = [
    create_an_api,
    give_it_a_method,
    deploy,
    change_a_template_without_deploying,
    deploy_again,
    change_a_stage_variable,
    roll_back,
    restart_the_gateway,
    try_a_canary,
    promote_the_canary,
    export_it,
    put_it_back_changed,
    ask_for_a_key,
    delete_it,
]


if __name__ == "__main__":
    sys.exit(not run())
