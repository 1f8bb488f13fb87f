"""The gateway is killed while it is written to, again and again; what it has acknowledged must be there afterwards.

Each of a few writers owns some APIs and changes them, one call after another, until the process is gone (SIGKILL). Then
it is started again, and each API is looked at whole. It has to be as the acknowledged calls have left it, or as the one
call has that was on its way and never answered: wholly, or not at all. Values that are written together (two tags, two
stage variables) are the same number, a deployment has its snapshot (which is served), a resource has its parent.

    durability.py [ROUNDS]

The store is kept from round to round, so that each start reads what many lives have written.
"""

import copy
import http.client
import json
import random
import sys
import threading
import time

from gateway import REGION, Gateway
from wire import Wire

ROUNDS = 200
WRITERS = 4
APIS_MAX = 4
# How long the writers write before the kill: some kills come with the first calls, some amid hundreds.
WRITE_SECONDS = (0.005, 0.15)


def run(arguments=()):
    """Whether all is well. The first round with a problem is the last."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    seed = random.randrange(1 << 32)
    writers = [Writer(number, random.Random(seed + number)) for number in range(WRITERS)]
    chance = random.Random(seed)
    with Gateway("durability") as gateway:
        for number in range(1, rounds + 1):
            one_life(gateway, writers, chance.uniform(*WRITE_SECONDS))
            problems = [problem for writer in writers for problem in writer.problems]
            problems += strangers(gateway, writers)
            if problems:
                break
    for problem in problems:
        print(f"durability: round {number}, seed {seed}: {problem}")
    acknowledged = sum(writer.acknowledged for writer in writers)
    on_the_way, arrived = (sum(getattr(writer, name) for writer in writers) for name in ("on_the_way", "arrived"))
    print(
        f"durability: {number} of {rounds} kills, {acknowledged} acknowledged changes, "
        f"{on_the_way} on their way at a kill ({arrived} of them arrived), {len(problems)} problems"
    )
    return not problems


def one_life(gateway, writers, seconds):
    """The writers write until the kill, and after the restart look at what is there."""
    together(writers, lambda writer: writer.write(gateway), lambda: (time.sleep(seconds), gateway.kill()))
    gateway.start()
    together(writers, lambda writer: writer.verify(gateway))


def together(writers, task, meanwhile=lambda: None):
    threads = [threading.Thread(target=guarded, args=(writer, task)) for writer in writers]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join()


def guarded(writer, task):
    """A failure of the writer itself must not look as if all were well."""
    try:
        task(writer)
    except Exception as error:
        writer.problems.append(f"writer {writer.number}: {type(error).__name__}: {error}")


def strangers(gateway, writers):
    """APIs that no writer knows: a creation that was never asked for, or a deletion that was taken back."""
    wire = Wire(gateway.admin)
    _, answer = wire.call("GET", "/restapis?limit=500")
    wire.close()
    known = {api for writer in writers for api in writer.apis}
    return [f"{item['id']} ({item['name']}) belongs to nobody" for item in answer["item"] if item["id"] not in known]


class Refused(Exception):
    """An answer that is neither an acknowledgement nor the end of the process."""


class Writer:
    """`apis` has for each id what its API has to be like; `pending` is a call without an answer."""

    def __init__(self, number, chance):
        self.number = number
        self.chance = chance
        self.apis = {}
        self.pending = None
        self.counter = 0
        self.problems = []
        self.acknowledged = self.on_the_way = self.arrived = 0

    def write(self, gateway):
        """Returns when the process is gone."""
        try:
            self.wire = Wire(gateway.admin)
            while True:
                self.counter += 1
                self.change_something()
        except OSError:
            return

    def change_something(self):
        if not self.apis or (len(self.apis) < APIS_MAX and self.chance.random() < 0.1):
            return self.create_api()
        api = self.chance.choice(list(self.apis))
        change = self.chance.choices(*zip(*CHANGES))[0]
        change(self, api, self.apis[api])

    def create_api(self):
        name = f"writer {self.number}, {self.counter}"
        after = {"name": name, "tags": self.counter, "resources": {"/": []}, "stages": {}, "deployments": 0}
        tags = {"one": str(self.counter), "two": str(self.counter)}
        self.pending = (None, after)
        answer = self.acknowledge("POST", "/restapis", {"name": name, "tags": tags})
        self.apis[answer["id"]] = after
        self.pending = None

    def change(self, api, after, method, path, body=None):
        """One call, after which the API is like `after`; None if it is gone."""
        self.pending = (api, after)
        answer = self.acknowledge(method, path, body)
        self.settle(api, after)
        return answer

    def settle(self, api, after):
        if after is None:
            del self.apis[api]
        else:
            self.apis[api] = after
        self.pending = None

    def acknowledge(self, method, path, body, also=None):
        status, answer = self.wire.call(method, path, body)
        if status >= 400 and status != also:
            raise Refused(f"{method} {path} {json.dumps(body)}: {status} {answer}")
        self.acknowledged += 1
        return answer

    def verify(self, gateway):
        self.wire = Wire(gateway.admin)
        self.served = http.client.HTTPConnection(gateway.served.removeprefix("http://"), timeout=10)
        if self.pending:
            self.on_the_way += 1
            self.settle_pending(*self.pending)
        for api, expected in self.apis.items():
            actual = self.actual(api)
            if actual != expected:
                self.problems.append(f"{api} has to be {expected}, and is {actual}")
        self.served.close()
        self.wire.close()

    def settle_pending(self, api, after):
        """Finds out whether the call that was on its way has arrived."""
        if api is None:
            api = self.found(after["name"])
            has_arrived = api is not None
        else:
            has_arrived = self.actual(api) == after
        if has_arrived:
            self.arrived += 1
            if after is not None:
                self.apis[api] = after
            else:
                del self.apis[api]
        self.pending = None

    def found(self, name):
        _, answer = self.wire.call("GET", "/restapis?limit=500")
        return next((item["id"] for item in answer["item"] if item["name"] == name), None)

    def actual(self, api):
        """The API as it is, in the words of what is expected; None if there is none."""
        status, answer = self.wire.call("GET", f"/restapis/{api}")
        if status == 404:
            return None
        _, resources = self.wire.call("GET", f"/restapis/{api}/resources?limit=500&embed=methods")
        _, stages = self.wire.call("GET", f"/restapis/{api}/stages")
        _, deployments = self.wire.call("GET", f"/restapis/{api}/deployments?limit=500")
        ids = {item["id"] for item in resources["item"]}
        orphans = [
            item["path"] for item in resources["item"] if item.get("parentId", answer["rootResourceId"]) not in ids
        ]
        if orphans:
            self.problems.append(f"{api}: {orphans} have no parent")
        return {
            "name": answer["name"],
            "tags": both(answer.get("tags", {})),
            "resources": {item["path"]: sorted(item.get("resourceMethods", {})) for item in resources["item"]},
            "stages": {stage["stageName"]: self.actual_stage(api, stage, deployments) for stage in stages["item"]},
            "deployments": len(deployments["item"]),
        }

    def actual_stage(self, api, stage, deployments):
        if stage["deploymentId"] not in [deployment["id"] for deployment in deployments["item"]]:
            self.problems.append(f"{api}: the deployment {stage['deploymentId']} of a stage is not there")
        self.served.request("GET", f"/_aws/execute-api/{api}/{stage['stageName']}/")
        response = self.served.getresponse()
        content = response.read().decode()
        version = int(content) if response.status == 200 and content.isdecimal() else f"{response.status} {content}"
        return {"version": version, "variables": both(stage.get("variables", {}))}


def both(pair):
    """The number that was written twice; what there is if it is not the same."""
    one, two = pair.get("one"), pair.get("two")
    if one is None and two is None:
        return None
    return int(one) if one == two else f"{one} and {two}"


def tag(writer, api, now):
    value = str(writer.counter)
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{api}".replace(":", "%3A").replace("/", "%2F")
    tags = {"tags": {"one": value, "two": value}}
    writer.change(api, {**now, "tags": writer.counter}, "PUT", f"/tags/{arn}", tags)


def set_variables(writer, api, now):
    """Both in one call: neither may be without the other."""
    if not now["stages"]:
        return deploy(writer, api, now)
    after = copy.deepcopy(now)
    after["stages"]["live"]["variables"] = writer.counter
    values = [{"op": "replace", "path": f"/variables/{name}", "value": str(writer.counter)} for name in ("one", "two")]
    writer.change(api, after, "PATCH", f"/restapis/{api}/stages/live", {"patchOperations": values})


def deploy(writer, api, now):
    """A new version: its template, then its deployment, from which on it is served."""
    _, answer = writer.wire.call("GET", f"/restapis/{api}")
    method = f"/restapis/{api}/resources/{answer['rootResourceId']}/methods/GET"
    if "GET" not in now["resources"]["/"]:
        after = copy.deepcopy(now)
        after["resources"]["/"] = ["GET"]
        writer.change(api, after, "PUT", method, {"authorizationType": "NONE"})
        now = after
    # What a kill before this has left undone is done now.
    writer.acknowledge("PUT", f"{method}/responses/200", {}, also=409)
    mock = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    writer.acknowledge("PUT", f"{method}/integration", mock)
    template = {"responseTemplates": {"application/json": str(writer.counter)}}
    writer.acknowledge("PUT", f"{method}/integration/responses/200", template)
    after = copy.deepcopy(now)
    after["deployments"] += 1
    after["stages"].setdefault("live", {"variables": None})["version"] = writer.counter
    writer.change(api, after, "POST", f"/restapis/{api}/deployments", {"stageName": "live"})


def create_resource(writer, api, now):
    """Below one of those there are, so that some are deep."""
    _, answer = writer.wire.call("GET", f"/restapis/{api}/resources?limit=500")
    parent = writer.chance.choice(answer["item"])
    after = copy.deepcopy(now)
    after["resources"][f"{parent['path'].rstrip('/')}/r{writer.counter}"] = []
    path = f"/restapis/{api}/resources/{parent['id']}"
    writer.change(api, after, "POST", path, {"pathPart": f"r{writer.counter}"})


def delete_api(writer, api, _):
    writer.change(api, None, "DELETE", f"/restapis/{api}")


# Each change with how often it is made.
CHANGES = [(tag, 4), (set_variables, 6), (deploy, 3), (create_resource, 4), (delete_api, 0.5)]


if __name__ == "__main__":
    sys.exit(not run(sys.argv[1:]))
